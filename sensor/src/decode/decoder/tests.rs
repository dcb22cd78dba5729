//! Tests of the decoder: each link type and encapsulation, whole, cut and changed.

use super::*;
use crate::decode::walk::{TUNNEL_PORTS, walk};
use crate::decode::{Layer, TransportHeader};
use crate::frame::LinkType;
use crate::host::Address;
use frames::*;

mod fragmented;
mod frames;

#[test]
fn every_link_type_and_encapsulation_leads_to_the_innermost_packet() {
    for (what, link, octets, encapsulations) in cases() {
        let mut decoder = Decoder::default();
        let Decoded::Packet(packet) = decoder.decode(&frame(link, &octets)) else {
            panic!("{what}: {:?}", decoder.decode(&frame(link, &octets)));
        };
        let bare = ipv4();
        let expected = walk(&frame(LinkType::RAW, &bare)).unwrap();
        let vlan = packet.vlan;
        assert_eq!(
            Packet {
                vlan: None,
                ..packet
            },
            expected,
            "{what}"
        );
        let tagged = encapsulations
            .iter()
            .any(|it| matches!(it, Encapsulation::Vlan | Encapsulation::Qinq));
        assert_eq!(vlan.is_some(), tagged, "{what}");
        let mut unwrapped = [0; 15];
        for encapsulation in encapsulations {
            unwrapped[encapsulation as usize] += 1;
        }
        assert_eq!(decoder.counts().unwrapped, unwrapped, "{what}");
        assert_eq!(decoder.counts().packets, [[0, 1, 0, 0], [0; 4]], "{what}");
    }
}

#[test]
fn a_frame_cut_anywhere_gives_the_same_packet_or_none_or_its_carrier() {
    for (what, link, octets, _) in cases() {
        let whole = frame(link, &octets);
        let bare = ipv4();
        let expected = walk(&frame(LinkType::RAW, &bare)).unwrap();
        for len in 0..octets.len() {
            let cut = Frame {
                bytes: &octets[..len],
                ..whole
            };
            let mut decoder = Decoder::default();
            if let Decoded::Packet(packet) = decoder.decode(&cut)
                && packet.src == expected.src
            {
                assert!(
                    expected.payload.starts_with(packet.payload),
                    "{what} cut to {len}"
                );
                assert_eq!(
                    packet.payload_len, expected.payload_len,
                    "{what} cut to {len}"
                );
            }
        }
    }
}

#[test]
fn whatever_octet_is_changed_the_decoder_goes_on_and_agrees_with_the_walk() {
    let mut decoder = Decoder::default();
    for (what, link, octets, _) in cases() {
        for place in 0..octets.len() {
            for change in [1, 2, 4, 8, 16, 32, 64, 128, 255] {
                let mut octets = octets.clone();
                octets[place] ^= change;
                let frame = frame(link, &octets);
                let walked = walk(&frame);
                let decoded = decoder.decode(&frame);
                if let Some(packet) = walked {
                    assert_eq!(decoded, Decoded::Packet(packet), "{what}: octet {place}");
                }
            }
        }
    }
    assert!(decoder.held_octets() <= 4 << 20);
}

#[test]
fn every_frame_is_counted_once() {
    let mut decoder = Decoder::default();
    let mut frames = 0;
    for (_, link, octets, _) in cases() {
        for place in 0..octets.len() {
            let mut octets = octets.clone();
            octets[place] ^= 0xff;
            decoder.decode(&frame(link, &octets));
            frames += 1;
        }
    }
    let counts = decoder.counts();
    let given = counts.packets.as_flattened().iter().sum::<u64>();
    let failed = counts.errors.as_flattened().iter().sum::<u64>();
    // Packets whose content is closed are counted there too.
    let closed = counts.skipped.iter().sum::<u64>();
    let whole = given + failed + counts.arp + counts.not_ip + counts.held;
    assert!(whole <= frames && frames <= whole + closed);
}

#[test]
fn the_walk_and_the_decoder_count_tags_alike() {
    for (_, link, octets, _) in cases() {
        let frame = frame(link, &octets);
        let Some(packet) = walk(&frame) else { continue };
        let (mut walked, mut decoded) = (DecodeCounts::default(), Decoder::default());
        walked.walked(&frame, &packet);
        decoded.decode(&frame);
        assert_eq!(&walked, decoded.counts());
    }
}

/// Some IPv4 packet in so many IPv4 headers.
fn nested(times: usize) -> Vec<u8> {
    (0..times).fold(ipv4(), |inner, _| in_ipv4(4, &inner))
}

#[test]
fn encapsulations_are_taken_off_to_a_depth() {
    let mut decoder = Decoder::default();
    let octets = nested(MAX_ENCAPSULATIONS);
    let decoded = decoder.decode(&frame(LinkType::RAW, &octets));
    assert!(matches!(decoded, Decoded::Packet(it) if it.payload == PAYLOAD));
    let octets = nested(MAX_ENCAPSULATIONS + 1);
    let decoded = decoder.decode(&frame(LinkType::RAW, &octets));
    assert_eq!(decoded, Decoded::Failed(DecodeError::Depth));
    assert_eq!(decoder.counts().errors[Layer::Tunnel as usize], [0, 0, 1]);
    assert_eq!(decoder.counts().unwrapped[Encapsulation::Ipip as usize], 8);
}

#[test]
fn headers_that_lead_to_each_other_end() {
    let snap = [0xaa, 0xaa, 3, 0, 0, 0, 0, 0].repeat(30_000);
    let tagged = [0xaa, 0xaa, 3, 0, 0, 0, 0x81, 0, 0, 7, 4, 0].repeat(20_000);
    for octets in [snap, tagged] {
        let mut decoder = Decoder::default();
        let decoded = decoder.decode(&frame(LinkType(100), &octets));
        assert!(!matches!(decoded, Decoded::Packet(_)));
    }
}

#[test]
fn stacked_guesses_end_soon() {
    let mut octets = vec![0; 60_000];
    for label in octets.chunks_mut(4) {
        label[2] = 1;
    }
    let frame_octets = ethernet(0x8847, &octets);
    let mut decoder = Decoder::default();
    let closed = Decoded::Skipped(Skipped::Closed(Closed::Other));
    assert_eq!(
        decoder.decode(&frame(LinkType::ETHERNET, &frame_octets)),
        closed
    );
}

#[test]
fn a_datagram_that_only_has_the_port_of_a_tunnel_is_the_packet() {
    for port in TUNNEL_PORTS {
        let dns = join(&[&[
            0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, b'a', 0, 0, 1, 0, 1,
        ]]);
        for payload in [&b"nothing to see here, move along"[..], &[0; 64], &[], &dns] {
            let octets = in_udp(port, payload);
            let mut decoder = Decoder::default();
            let Decoded::Packet(packet) = decoder.decode(&frame(LinkType::RAW, &octets)) else {
                panic!("port {port}");
            };
            assert_eq!(packet.payload, payload);
            assert_eq!(decoder.counts().unwrapped, [0; 15], "port {port}");
        }
    }
}

#[test]
fn teredo_is_read_with_authentication_and_origin() {
    let inner = ipv6();
    let authentication = join(&[&[0, 1, 1, 2, 7, 8, 8], &[9; 9]]);
    let origin: &[u8] = &[0, 0, 1, 2, 3, 4, 5, 6];
    for header in [
        &[][..],
        origin,
        &authentication,
        &join(&[&authentication, origin]),
    ] {
        let octets = in_udp(3544, &join(&[header, &inner]));
        let mut decoder = Decoder::default();
        let frame = frame(LinkType::RAW, &octets);
        assert!(matches!(decoder.decode(&frame), Decoded::Packet(it) if it.payload == PAYLOAD));
        assert_eq!(
            decoder.counts().unwrapped[Encapsulation::Teredo as usize],
            1
        );
        assert_eq!(decoder.counts().packets, [[0; 4], [0, 1, 0, 0]]);
    }
}

#[test]
fn ipv6_is_found_behind_its_extension_headers() {
    let inner = &ipv6()[40..];
    let options: &[u8] = &[0, 1, 4, 0, 0, 0, 0];
    let extended = join(&[
        &[43],
        &options[..1],
        &[1, 4, 0, 0, 0, 0],
        &[60, 0, 0, 0, 0, 0, 0, 0],
        &[51, 1],
        &[0; 14],
        &[44, 1, 0, 0],
        &[7; 8],
        &[17, 0, 0, 0, 0, 0, 0, 9],
        inner,
    ]);
    let octets = in_ipv6(0, &extended);
    let mut decoder = Decoder::default();
    let frame = frame(LinkType::IPV6, &octets);
    let Decoded::Packet(packet) = decoder.decode(&frame) else {
        panic!("{:?}", decoder.decode(&frame));
    };
    assert_eq!(packet.payload, PAYLOAD);
    assert_eq!(decoder.counts().packets, [[0; 4], [0, 1, 0, 0]]);
}

#[test]
fn what_is_not_read_is_told_and_counted() {
    let closed = |it| Decoded::Skipped(Skipped::Closed(it));
    let cases = [
        (ethernet(0x0806, &[0; 28]), Decoded::Skipped(Skipped::Arp)),
        (
            ethernet(0x88cc, &[0; 28]),
            Decoded::Skipped(Skipped::NotIp(0x88cc)),
        ),
        (
            ethernet(38, &[0x42, 0x42, 3, 0]),
            Decoded::Skipped(Skipped::NotIp(0)),
        ),
        (ethernet(0x88e5, &[0x2c; 40]), closed(Closed::Macsec)),
        (
            ethernet(0x8847, &[0, 1, 1, 9, 0x10, 0, 0, 0]),
            closed(Closed::Other),
        ),
    ];
    for (octets, expected) in cases {
        let mut decoder = Decoder::default();
        assert_eq!(
            decoder.decode(&frame(LinkType::ETHERNET, &octets)),
            expected
        );
        let counts = decoder.counts();
        assert_eq!(
            counts.arp + counts.not_ip + counts.skipped.iter().sum::<u64>(),
            1
        );
    }
    let unknown = LinkType(4_711);
    let mut decoder = Decoder::default();
    let decoded = decoder.decode(&frame(unknown, &[1]));
    assert_eq!(decoded, Decoded::Skipped(Skipped::Link(unknown)));
}

#[test]
fn extension_headers_between_mapped_addresses_are_read() {
    let mut octets = in_ipv6(60, &join(&[&[17, 0, 1, 4, 0, 0, 0, 0], &ipv6()[40..]]));
    for address in [8, 24] {
        octets[address..address + 10].fill(0);
        octets[address + 10..address + 12].fill(0xff);
    }
    let mut decoder = Decoder::default();
    let frame = frame(LinkType::RAW, &octets);
    assert!(matches!(decoder.decode(&frame), Decoded::Packet(it) if it.payload == PAYLOAD));
}

#[test]
fn a_closed_tunnel_over_ip_is_a_packet_of_its_protocol() {
    let cases = [
        (50, vec![9; 40], Closed::Esp),
        (115, vec![9; 40], Closed::L2tp),
        (47, vec![0, 0, 0, 0], Closed::Other),
        (47, join(&[&[0, 0, 0x88, 0xcc], &[0; 40]]), Closed::Other),
        (97, vec![0x40, 0, 1, 2], Closed::Other),
    ];
    for (protocol, payload, closed) in cases {
        let octets = in_ipv4(protocol, &payload);
        let mut decoder = Decoder::default();
        let Decoded::Packet(packet) = decoder.decode(&frame(LinkType::RAW, &octets)) else {
            panic!("protocol {protocol}");
        };
        assert_eq!(packet.transport, TransportHeader::Other(protocol));
        assert_eq!(packet.payload, payload);
        assert_eq!(decoder.counts().skipped[closed as usize], 1);
        assert_eq!(decoder.counts().unwrapped, [0; 15]);
    }
}

#[test]
fn what_icmp_quotes_is_not_read() {
    let octets = in_ipv4(1, &join(&[&[3, 1, 0, 0, 0, 0, 0, 0], &ipv4()]));
    let mut decoder = Decoder::default();
    let Decoded::Packet(packet) = decoder.decode(&frame(LinkType::RAW, &octets)) else {
        panic!("no packet");
    };
    assert_eq!(packet.transport, TransportHeader::Other(1));
    assert_eq!(decoder.counts().packets[0], [0, 0, 1, 0]);
}

#[test]
fn errors_name_the_layer_and_what_is_missing() {
    let short = |layer, missing| DecodeError::Short { layer, missing };
    let ip = ipv4();
    let mut no_length = ip.clone();
    no_length[3] = 19;
    let mut no_version = ip.clone();
    no_version[0] = 0x55;
    let cases = [
        (ethernet(0x0800, &[])[..13].to_vec(), short(Layer::Link, 1)),
        (ethernet(0x0800, &ip[..18]), short(Layer::Network, 2)),
        (ethernet(0x0800, &[]), short(Layer::Network, 20)),
        (ethernet(0x0800, &ip[..25]), short(Layer::Transport, 3)),
        (ethernet(0x8847, &[0, 0, 0]), short(Layer::Tunnel, 1)),
        (
            ethernet(0x0800, &no_length),
            DecodeError::Length {
                layer: Layer::Network,
            },
        ),
        (
            ethernet(0x0800, &no_version),
            DecodeError::Length {
                layer: Layer::Network,
            },
        ),
    ];
    for (octets, expected) in cases {
        let mut decoder = Decoder::default();
        let decoded = decoder.decode(&frame(LinkType::ETHERNET, &octets));
        assert_eq!(decoded, Decoded::Failed(expected));
        let errors = decoder.counts().errors[expected.layer() as usize];
        assert_eq!(errors.iter().sum::<u64>(), 1);
    }
}

#[test]
fn counts_of_two_decoders_add_up() {
    let mut sum = DecodeCounts::default();
    let mut one = Decoder::default();
    for (_, link, octets, _) in cases() {
        let mut other = Decoder::default();
        one.decode(&frame(link, &octets));
        other.decode(&frame(link, &octets));
        sum += other.counts();
    }
    assert_eq!(&sum, one.counts());
}
