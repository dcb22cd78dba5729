//! The short walk for the headers that nearly every frame has.
//!
//! In comes a frame, out comes its packet, in some 150 instructions with the packet filled, and
//! without a copy of the payload. What is not plain here (fragments, extension headers, tunnels,
//! other link types, broken headers) gives `None` and goes to the decoder, which says what it is.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use super::{Packet, TransportHeader, transport};
use crate::frame::{Frame, LinkType};
use crate::host::Address;

/// Reads Ethernet with up to two VLAN tags, or none of it, then IPv4 or IPv6, then TCP or UDP.
///
/// An IP length of zero, as segmentation offload leaves it, means up to the end of the frame. A
/// frame that the capture cut short gives a packet as long as the fixed part of its transport header
/// is there.
///
/// Returns `None` for whatever else the frame holds, a datagram from or to one of [`TUNNEL_PORTS`]
/// included.
#[must_use]
#[inline(always)] // Else a packet is copied from return value to return value: 60 instructions.
pub fn walk<'a>(frame: &Frame<'a>) -> Option<Packet<'a>> {
    let (vlan, version, octets) = match frame.link {
        LinkType::ETHERNET => ethernet(frame.bytes)?,
        LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 => {
            (None, frame.bytes.first()? >> 4, frame.bytes)
        }
        _ => return None,
    };
    let header = match version {
        4 => ipv4(octets)?,
        6 => ipv6(octets)?,
        _ => return None,
    };
    let captured = header.payload.len();
    let declared = match header.declared {
        Some(it) => it,
        None => captured.saturating_add(cut(frame)),
    };
    // Octets after the declared end are padding of the link.
    let payload = header.payload.get(..declared).unwrap_or(header.payload);
    let (transport, payload, declared) = match header.protocol {
        PROTOCOL_TCP => transport::tcp(payload, declared).ok()?,
        PROTOCOL_UDP => transport::udp(payload, declared).ok()?,
        _ => return None,
    };
    if let TransportHeader::Udp { src_port, dst_port } = transport
        && is_tunnel(src_port, dst_port)
    {
        return None;
    }
    Some(Packet {
        at: frame.at,
        src: header.src,
        dst: header.dst,
        vlan,
        transport,
        payload,
        payload_len: u32::try_from(declared).ok()?,
    })
}

/// VLAN id, version by the EtherType, and what follows the header.
#[inline]
fn ethernet(octets: &[u8]) -> Option<(Option<u16>, u8, &[u8])> {
    let ([.., high, low], mut rest) = octets.split_first_chunk::<14>()?;
    let mut ether_type = u16::from_be_bytes([*high, *low]);
    let mut vlan = None;
    for _ in 0..2 {
        if !is_vlan_tag(ether_type) {
            break;
        }
        let (&[tci_high, tci_low, high, low], after) = rest.split_first_chunk::<4>()?;
        vlan = vlan.or(Some(u16::from_be_bytes([tci_high, tci_low]) & VLAN_ID));
        ether_type = u16::from_be_bytes([high, low]);
        rest = after;
    }
    match ether_type {
        ETHER_TYPE_IPV4 => Some((vlan, 4, rest)),
        ETHER_TYPE_IPV6 => Some((vlan, 6, rest)),
        _ => None,
    }
}

/// What the walk takes from an IP header.
struct Ip<'a> {
    src: Address,
    dst: Address,
    protocol: u8,
    payload: &'a [u8],
    /// Length of the payload; `None` means to the end of the frame.
    declared: Option<usize>,
}

/// Reads an IPv4 header (RFC 791 section 3.1) of a datagram that is not a fragment.
#[inline]
fn ipv4(octets: &[u8]) -> Option<Ip<'_>> {
    let (fixed, mut payload) = octets.split_first_chunk::<20>()?;
    let &[
        version_ihl,
        _,
        len_high,
        len_low,
        _,
        _,
        fragment_high,
        fragment_low,
        _,
        protocol,
        _,
        _,
        s0,
        s1,
        s2,
        s3,
        d0,
        d1,
        d2,
        d3,
    ] = fixed;
    let fragment = u16::from_be_bytes([fragment_high, fragment_low]);
    if version_ihl >> 4 != 4 || fragment & (MORE_FRAGMENTS | FRAGMENT_OFFSET) != 0 {
        return None;
    }
    let header_len = usize::from(version_ihl & 0x0f).checked_mul(4)?;
    if header_len != 20 {
        payload = payload.get(header_len.checked_sub(20)?..)?;
    }
    let total_len = usize::from(u16::from_be_bytes([len_high, len_low]));
    let declared = match total_len {
        0 => None,
        _ => Some(total_len.checked_sub(header_len)?),
    };
    Some(Ip {
        src: Address::from_v4([s0, s1, s2, s3]),
        dst: Address::from_v4([d0, d1, d2, d3]),
        protocol,
        payload,
        declared,
    })
}

/// Reads an IPv6 header (RFC 8200 section 3).
#[inline]
fn ipv6(octets: &[u8]) -> Option<Ip<'_>> {
    let (&[version, _, _, _, len_high, len_low, protocol, _], rest) =
        octets.split_first_chunk::<8>()?;
    let (src, rest) = rest.split_first_chunk::<16>()?;
    let (dst, payload) = rest.split_first_chunk::<16>()?;
    if version >> 4 != 6 {
        return None;
    }
    let len = usize::from(u16::from_be_bytes([len_high, len_low]));
    Some(Ip {
        src: Address::from_v6(*src),
        dst: Address::from_v6(*dst),
        protocol,
        payload,
        declared: (len != 0).then_some(len),
    })
}

/// Octets of the frame that the capture did not keep.
pub(super) fn cut(frame: &Frame<'_>) -> usize {
    let wire_len = usize::try_from(frame.wire_len).unwrap_or(usize::MAX);
    wire_len.saturating_sub(frame.bytes.len())
}

/// Whether an Ethernet frame has two VLAN tags or more.
pub(super) fn has_two_tags(frame: &Frame<'_>) -> bool {
    let second = frame.bytes.get(16..).and_then(|it| it.first_chunk());
    second.is_some_and(|it| is_vlan_tag(u16::from_be_bytes(*it)))
}

/// Whether an EtherType announces a VLAN tag.
pub(super) const fn is_vlan_tag(ether_type: u16) -> bool {
    matches!(
        ether_type,
        ETHER_TYPE_VLAN | ETHER_TYPE_QINQ | ETHER_TYPE_QINQ_OLD
    )
}

/// Whether one of the ports is one of [`TUNNEL_PORTS`].
pub(super) fn is_tunnel(src_port: u16, dst_port: u16) -> bool {
    // No early exit: so it becomes two vector comparisons.
    TUNNEL_PORTS
        .iter()
        .fold(false, |hit, &it| hit | (it == src_port) | (it == dst_port))
}

/// UDP ports of encapsulations; datagrams from or to them are left to the decoder.
///
/// L2TP (RFC 2661), GTP-U (3GPP TS 29.281), Teredo (RFC 4380), GRE (RFC 8086), VXLAN (RFC 7348) and
/// its generic extension, AYIYA, GENEVE (RFC 8926), MPLS (RFC 7510), VXLAN as older Linux has it,
/// TZSP.
pub const TUNNEL_PORTS: [u16; 11] = [
    1701, 2152, 3544, 4754, 4789, 4790, 5072, 6081, 6635, 8472, 37008,
];

pub(super) const ETHER_TYPE_IPV4: u16 = 0x0800;
pub(super) const ETHER_TYPE_IPV6: u16 = 0x86dd;
/// IEEE 802.1Q customer tag.
pub(super) const ETHER_TYPE_VLAN: u16 = 0x8100;
/// IEEE 802.1ad service tag.
pub(super) const ETHER_TYPE_QINQ: u16 = 0x88a8;
/// Service tag as it was before IEEE 802.1ad.
pub(super) const ETHER_TYPE_QINQ_OLD: u16 = 0x9100;
/// The identifier in a VLAN tag.
pub(super) const VLAN_ID: u16 = 0x0fff;
/// IPv4 flag: not the last fragment.
const MORE_FRAGMENTS: u16 = 0x2000;
/// IPv4 offset of a fragment, in units of eight octets.
const FRAGMENT_OFFSET: u16 = 0x1fff;
pub(super) const PROTOCOL_TCP: u8 = 6;
pub(super) const PROTOCOL_UDP: u8 = 17;

#[cfg(test)]
mod tests {
    use etherparse::{NetSlice, PacketBuilder, SlicedPacket, TransportSlice};

    use super::*;
    use crate::decode::{TcpFlags, TcpHeader};
    use crate::time::Timestamp;

    fn frame(link: LinkType, bytes: &[u8]) -> Frame<'_> {
        let wire_len = u32::try_from(bytes.len()).unwrap();
        Frame {
            at: Timestamp::from_nanos(7),
            link,
            wire_len,
            bytes,
        }
    }

    fn ethernet() -> etherparse::PacketBuilderStep<etherparse::Ethernet2Header> {
        PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])
    }

    /// Frames of every shape that the walk reads, each with the payload `abcde`.
    fn plain_frames() -> Vec<Vec<u8>> {
        let v4 = |step: etherparse::PacketBuilderStep<etherparse::Ethernet2Header>| {
            step.ipv4([10, 0, 0, 1], [192, 0, 2, 9], 64)
        };
        let mut frames = Vec::new();
        let mut add = |step: etherparse::PacketBuilderStep<etherparse::UdpHeader>| {
            let mut octets = Vec::new();
            step.write(&mut octets, b"abcde").unwrap();
            frames.push(octets);
        };
        add(v4(ethernet()).udp(5353, 53));
        add(ethernet().ipv6([0xfd; 16], [0x20; 16], 64).udp(5353, 53));
        add(ethernet()
            .single_vlan(7.try_into().unwrap())
            .ipv4([10, 0, 0, 1], [192, 0, 2, 9], 64)
            .udp(1, 2));
        add(ethernet()
            .double_vlan(0xabc.try_into().unwrap(), 7.try_into().unwrap())
            .ipv6([0xfd; 16], [0x20; 16], 64)
            .udp(1, 2));
        let mut tcp = Vec::new();
        let options = [etherparse::TcpOptionElement::MaximumSegmentSize(1460)];
        let step = v4(ethernet())
            .tcp(40_000, 443, 0x0102_0304, 9_000)
            .ack(0x0a0b_0c0d)
            .fin();
        step.options(&options)
            .unwrap()
            .write(&mut tcp, b"abcde")
            .unwrap();
        frames.push(tcp);
        frames
    }

    /// What etherparse makes of a frame.
    fn oracle<'a>(frame: &Frame<'a>) -> Option<Packet<'a>> {
        let sliced = match frame.link {
            LinkType::ETHERNET => SlicedPacket::from_ethernet(frame.bytes),
            _ => SlicedPacket::from_ip(frame.bytes),
        };
        let sliced = sliced.ok()?;
        let (src, dst) = match sliced.net? {
            NetSlice::Ipv4(it) => (
                Address::from_v4(it.header().source()),
                Address::from_v4(it.header().destination()),
            ),
            NetSlice::Ipv6(it) => (
                Address::from_v6(it.header().source()),
                Address::from_v6(it.header().destination()),
            ),
            _ => return None,
        };
        let (transport, payload) = match sliced.transport? {
            TransportSlice::Tcp(it) => {
                let header = TcpHeader {
                    src_port: it.source_port(),
                    dst_port: it.destination_port(),
                    seq: it.sequence_number(),
                    ack: it.acknowledgment_number(),
                    flags: TcpFlags(it.header_slice()[13]),
                };
                (TransportHeader::Tcp(header), it.payload())
            }
            TransportSlice::Udp(it) => {
                let (src_port, dst_port) = (it.source_port(), it.destination_port());
                (TransportHeader::Udp { src_port, dst_port }, it.payload())
            }
            _ => return None,
        };
        let vlan = sliced.link_exts.iter().find_map(|it| match it {
            etherparse::LinkExtSlice::Vlan(it) => Some(it.vlan_identifier().value()),
            _ => None,
        });
        Some(Packet {
            at: frame.at,
            src,
            dst,
            vlan,
            transport,
            payload,
            payload_len: u32::try_from(payload.len()).ok()?,
        })
    }

    #[test]
    fn plain_frames_are_read_as_etherparse_reads_them() {
        for octets in plain_frames() {
            let frame = frame(LinkType::ETHERNET, &octets);
            let packet = walk(&frame).unwrap();
            assert_eq!(packet.payload, b"abcde");
            assert_eq!(Some(packet), oracle(&frame));
        }
    }

    #[test]
    fn a_packet_without_a_link_header_is_read_too() {
        for octets in plain_frames() {
            let tags = octets[12..]
                .chunks(4)
                .take_while(|it| is_vlan_tag(u16::from_be_bytes([it[0], it[1]])));
            let bare = &octets[14 + 4 * tags.count()..];
            for link in [LinkType::RAW, LinkType::IPV4, LinkType::IPV6] {
                let frame = frame(link, bare);
                assert!(walk(&frame).is_some());
                assert_eq!(walk(&frame), oracle(&frame));
            }
        }
    }

    #[test]
    fn whatever_one_octet_is_changed_to_etherparse_agrees_where_both_read() {
        for original in plain_frames() {
            for place in 0..original.len() {
                for value in [
                    0,
                    1,
                    5,
                    6,
                    8,
                    16,
                    17,
                    69,
                    70,
                    127,
                    128,
                    255,
                    original[place] ^ 1,
                ] {
                    let mut octets = original.clone();
                    octets[place] = value;
                    let frame = frame(LinkType::ETHERNET, &octets);
                    if let (Some(walked), Some(expected)) = (walk(&frame), oracle(&frame)) {
                        assert_eq!(walked, expected, "octet {place} is {value}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_frame_cut_by_the_capture_keeps_its_declared_length() {
        for octets in plain_frames() {
            let whole = frame(LinkType::ETHERNET, &octets);
            let mut walked = 0;
            for len in 0..octets.len() {
                let cut = Frame {
                    bytes: &octets[..len],
                    ..whole
                };
                let Some(packet) = walk(&cut) else { continue };
                walked += 1;
                let kept = (len + 5).saturating_sub(octets.len());
                let expected = Packet {
                    payload: &b"abcde"[..kept],
                    ..walk(&whole).unwrap()
                };
                assert_eq!(packet, expected, "cut to {len} octets");
            }
            assert!(walked >= 5);
        }
    }

    #[test]
    fn padding_of_the_link_is_no_payload() {
        for mut octets in plain_frames() {
            octets.extend([0; 30]);
            assert_eq!(
                walk(&frame(LinkType::ETHERNET, &octets)).unwrap().payload,
                b"abcde"
            );
        }
    }

    #[test]
    fn an_ip_length_of_zero_means_to_the_end_of_the_frame() {
        let mut octets = plain_frames().pop().unwrap();
        octets[16..18].fill(0);
        let mut frame = frame(LinkType::ETHERNET, &octets);
        frame.wire_len += 1_000;
        let packet = walk(&frame).unwrap();
        assert_eq!((packet.payload, packet.payload_len), (&b"abcde"[..], 1_005));
    }

    #[test]
    fn a_udp_length_bounds_the_payload() {
        let mut octets = plain_frames().swap_remove(0);
        let length = 14 + 20 + 4;
        for (len, expected) in [
            (8, Some("")),
            (10, Some("ab")),
            (0, Some("abcde")),
            (7, None),
        ] {
            octets[length..length + 2].copy_from_slice(&u16::to_be_bytes(len));
            let packet = walk(&frame(LinkType::ETHERNET, &octets));
            assert_eq!(
                packet.map(|it| it.payload),
                expected.map(str::as_bytes),
                "{len}"
            );
            assert_eq!(
                packet.map(|it| it.payload_len as usize),
                expected.map(str::len),
                "{len}"
            );
        }
    }

    #[test]
    fn what_is_not_plain_is_left_to_the_decoder() {
        let plain = plain_frames().swap_remove(0);
        let changed = |place: usize, value: u8| {
            let mut octets = plain.clone();
            octets[place] = value;
            octets
        };
        let cases = [
            ("a first fragment", changed(20, 0x20)),
            ("a later fragment", changed(21, 1)),
            ("ICMP", changed(23, 1)),
            ("ARP", changed(13, 6)),
            ("another IP version", changed(14, 0x65)),
            ("a header length of four words", changed(14, 0x44)),
            ("a total length below the header", changed(17, 19)),
        ];
        for (what, octets) in cases {
            assert_eq!(walk(&frame(LinkType::ETHERNET, &octets)), None, "{what}");
        }
        for port in TUNNEL_PORTS {
            for place in [34, 36] {
                let mut octets = plain.clone();
                octets[place..place + 2].copy_from_slice(&port.to_be_bytes());
                assert_eq!(
                    walk(&frame(LinkType::ETHERNET, &octets)),
                    None,
                    "port {port}"
                );
            }
        }
        assert_eq!(walk(&frame(LinkType::LINUX_SLL, &plain)), None);
    }
}
