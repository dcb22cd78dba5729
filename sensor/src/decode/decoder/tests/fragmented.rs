//! Tests of fragments on their way through the decoder.

use super::*;

/// A payload for more than one fragment.
const LONG: &[u8] = b"the payload of a datagram in fragments";

/// The IPv4 fragments of an IP payload.
fn ipv4_fragments(protocol: u8, payload: &[u8], size: usize) -> Vec<Vec<u8>> {
    let last = payload.len().div_ceil(size) - 1;
    let parts = payload.chunks(size).enumerate();
    parts
        .map(|(number, part)| {
            let mut octets = in_ipv4(protocol, part);
            let more = u16::from(number != last) << 13;
            let offset = u16::try_from(number * size / 8).unwrap() | more;
            octets[4..6].copy_from_slice(&[0xab, 0xcd]);
            octets[6..8].copy_from_slice(&offset.to_be_bytes());
            octets
        })
        .collect()
}

#[test]
fn ipv4_fragments_give_the_packet_in_any_order() {
    let fragments = ipv4_fragments(17, &ipv4()[20..], 8);
    assert_eq!(fragments.len(), 2);
    for order in [[0, 1], [1, 0]] {
        let mut decoder = Decoder::default();
        let [first, second] = order.map(|it| ethernet(0x0800, &fragments[it]));
        let first = frame(LinkType::ETHERNET, &first);
        assert_eq!(decoder.decode(&first), Decoded::Held);
        let at = first.at.after(std::time::Duration::from_secs(1));
        let second = Frame {
            at,
            ..frame(LinkType::ETHERNET, &second)
        };
        let Decoded::Packet(packet) = decoder.decode(&second) else {
            panic!("{order:?}");
        };
        assert_eq!((packet.at, packet.payload), (at, PAYLOAD));
        assert_eq!(packet.src, Address::from_v4([172, 16, 0, 1]));
        assert_eq!(packet.ends().unwrap().2.port, 53);
        assert_eq!((decoder.counts().held, decoder.counts().defrag[0]), (1, 1));
        assert_eq!(decoder.held_octets(), 0);
    }
}

#[test]
fn ipv6_fragments_give_the_packet() {
    let payload = &ipv6()[40..];
    let part = |offset: u8, part: &[u8]| {
        let header = [17, 0, 0, offset, 0, 0, 0, 9];
        in_ipv6(0, &join(&[&[44, 0, 1, 4, 0, 0, 0, 0], &header, part]))
    };
    let (one, two) = (part(1, &payload[..8]), part(8, &payload[8..]));
    let mut decoder = Decoder::default();
    assert_eq!(decoder.decode(&frame(LinkType::RAW, &two)), Decoded::Held);
    let decoded = decoder.decode(&frame(LinkType::RAW, &one));
    assert!(matches!(decoded, Decoded::Packet(it) if it.payload == PAYLOAD));
}

#[test]
fn a_tunnel_in_fragments_that_holds_fragments_is_read() {
    let inner = ipv4_fragments(17, &ipv4()[20..], 8);
    let mut decoder = Decoder::default();
    let mut packets = 0;
    for (number, inner) in inner.iter().enumerate() {
        for mut outer in ipv4_fragments(47, &join(&[&[0, 0, 8, 0], inner]), 16) {
            outer[5] = u8::try_from(number).unwrap();
            let decoded = decoder.decode(&frame(LinkType::RAW, &outer));
            if let Decoded::Packet(packet) = decoded {
                assert_eq!(packet.payload, PAYLOAD);
                packets += 1;
            } else {
                assert_eq!(decoded, Decoded::Held);
            }
        }
    }
    assert_eq!((packets, decoder.counts().defrag), (1, [3, 0, 0, 0]));
}

#[test]
fn a_first_fragment_that_is_cut_short_is_a_packet_that_is_cut_short() {
    let first = &ipv4_fragments(17, &in_udp(53, LONG)[20..], 32)[0];
    let udp = 20;
    for len in udp..first.len() {
        // Cut by who captured, or never longer.
        for wire_len in [first.len(), len] {
            let cut = Frame {
                wire_len: u32::try_from(wire_len).unwrap(),
                ..frame(LinkType::RAW, &first[..len])
            };
            let mut decoder = Decoder::default();
            match decoder.decode(&cut) {
                Decoded::Packet(packet) => {
                    assert_eq!(packet.payload, &LONG[..len - udp - 8]);
                    assert_eq!(packet.payload_len as usize, LONG.len());
                    assert_eq!(packet.ends().unwrap().2.port, 53);
                }
                Decoded::Failed(DecodeError::Short {
                    layer: Layer::Transport,
                    ..
                }) => assert!(len < udp + 8, "{len} octets"),
                decoded => panic!("{len} octets: {decoded:?}"),
            }
            assert_eq!((decoder.held_octets(), decoder.counts().held), (0, 0));
        }
    }
}

#[test]
fn a_segment_whose_first_fragment_is_cut_short_is_as_long_as_that() {
    let header = [
        &[0x9c, 0x40, 0, 80],
        &[0; 8][..],
        &[0x50, 0x18, 0, 0, 0, 0, 0, 0],
    ];
    let segment = join(&[&header.concat(), LONG]);
    let first = &ipv4_fragments(6, &segment, 32)[0];
    let mut decoder = Decoder::default();
    let Decoded::Packet(packet) = decoder.decode(&frame(LinkType::RAW, &first[..50])) else {
        panic!("no packet");
    };
    assert_eq!((packet.payload, packet.payload_len), (&LONG[..10], 12));
}

#[test]
fn an_ipv6_first_fragment_that_is_cut_short_is_a_packet() {
    let header = [17, 0, 0, 1, 0, 0, 0, 9];
    let first = in_ipv6(44, &join(&[&header, &ipv6()[40..56]]));
    let mut decoder = Decoder::default();
    let decoded = decoder.decode(&frame(LinkType::RAW, &first[..first.len() - 1]));
    assert!(matches!(decoded, Decoded::Packet(it) if it.payload == &PAYLOAD[..7]));
}

#[test]
fn a_tunnel_whose_first_fragment_is_cut_short_is_read() {
    let inner = ethernet(0x0800, &in_udp(53, LONG));
    let len = u16::try_from(inner.len() + 16).unwrap().to_be_bytes();
    let head = [
        0xc3, 0x50, 0x12, 0xb5, len[0], len[1], 0, 0, 8, 0, 0, 0, 0, 0, 0, 0,
    ];
    // The inner packet is longer than the fragment.
    let first = &ipv4_fragments(17, &join(&[&head, &inner]), 72)[0];
    let mut decoder = Decoder::default();
    let decoded = decoder.decode(&frame(LinkType::RAW, &first[..first.len() - 1]));
    let Decoded::Packet(packet) = decoded else {
        panic!("{decoded:?}");
    };
    assert_eq!(packet.src, Address::from_v4([172, 16, 0, 1]));
    assert_eq!(packet.payload, &LONG[..13]);
    assert_eq!(packet.payload_len as usize, LONG.len());
    assert_eq!(decoder.counts().unwrapped[Encapsulation::Vxlan as usize], 1);
}

#[test]
fn a_later_fragment_that_is_cut_short_is_an_error() {
    let last = &ipv4_fragments(17, &ipv4()[20..], 8)[1];
    let mut decoder = Decoder::default();
    assert!(matches!(
        decoder.decode(&frame(LinkType::RAW, &last[..last.len() - 1])),
        Decoded::Failed(DecodeError::Short {
            layer: Layer::Network,
            missing: 1
        })
    ));
    assert_eq!(decoder.held_octets(), 0);
}

#[test]
fn fragments_that_cannot_be_are_errors() {
    let error = |octets: &[u8]| {
        let mut decoder = Decoder::default();
        assert!(matches!(
            decoder.decode(&frame(LinkType::RAW, octets)),
            Decoded::Failed(DecodeError::Length {
                layer: Layer::Network
            })
        ));
        assert_eq!(decoder.held_octets(), 0);
    };
    let mut uneven = in_ipv4(17, &[0; 9]);
    uneven[6] = 0x20;
    error(&uneven);
    let mut empty = in_ipv4(17, &[]);
    empty[7] = 1;
    error(&empty);
    let mut past_the_end = in_ipv4(17, &[0; 16]);
    past_the_end[6..8].copy_from_slice(&[0x1f, 0xff]);
    error(&past_the_end);
}
