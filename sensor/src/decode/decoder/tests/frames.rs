//! Frames of every link type and encapsulation.

use etherparse::PacketBuilder;

use crate::decode::Encapsulation;
use crate::frame::{Frame, LinkType};
use crate::time::Timestamp;

pub(super) const PAYLOAD: &[u8] = b"payload!";

/// IPv4 and UDP with [`PAYLOAD`].
pub(super) fn ipv4() -> Vec<u8> {
    let mut octets = Vec::new();
    let step = PacketBuilder::ipv4([10, 0, 0, 1], [192, 0, 2, 9], 64).udp(5_353, 53);
    step.write(&mut octets, PAYLOAD).unwrap();
    octets
}

/// IPv6 and UDP with [`PAYLOAD`].
pub(super) fn ipv6() -> Vec<u8> {
    let mut octets = Vec::new();
    let step = PacketBuilder::ipv6([0xfd; 16], [0x20; 16], 64).udp(5_353, 53);
    step.write(&mut octets, PAYLOAD).unwrap();
    octets
}

/// An IPv4 header of that protocol before some octets.
pub(super) fn in_ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut octets = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0];
    octets.extend([172, 16, 0, 1, 172, 16, 0, 2]);
    octets.extend(payload);
    let len = u16::try_from(octets.len()).unwrap();
    octets[2..4].copy_from_slice(&len.to_be_bytes());
    octets
}

/// An IPv6 header of that next header before some octets.
pub(super) fn in_ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [0x60, 0, 0, 0, len[0], len[1], next, 64];
    join(&[&head, &[0xfd; 16], &[0x20; 16], payload])
}

pub(super) fn in_udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let mut octets = Vec::new();
    let step = PacketBuilder::ipv4([172, 16, 0, 1], [172, 16, 0, 2], 64).udp(49_152, port);
    step.write(&mut octets, payload).unwrap();
    octets
}

pub(super) fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

pub(super) fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    join(&[
        &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2],
        &ether_type.to_be_bytes(),
        payload,
    ])
}

pub(super) fn frame(link: LinkType, bytes: &[u8]) -> Frame<'_> {
    let wire_len = u32::try_from(bytes.len()).unwrap();
    let at = Timestamp::from_nanos(7);
    Frame {
        at,
        link,
        wire_len,
        bytes,
    }
}

/// Frames that hold [`ipv4`], with the encapsulations around it.
pub(super) fn cases() -> Vec<(&'static str, LinkType, Vec<u8>, Vec<Encapsulation>)> {
    use Encapsulation as E;
    let eth = LinkType::ETHERNET;
    let ip = ipv4();
    let inner = ethernet(0x0800, &ip);
    let ip_frame = |payload: &[u8]| ethernet(0x0800, payload);
    let gre = |header: &[u8], payload: &[u8]| ip_frame(&in_ipv4(47, &join(&[header, payload])));
    let udp =
        |port, header: &[u8], payload: &[u8]| ip_frame(&in_udp(port, &join(&[header, payload])));
    let snap: &[u8] = &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
    let snap_len = u16::try_from(snap.len() + ip.len()).unwrap();
    let ppp_len = u16::try_from(2 + ip.len()).unwrap().to_be_bytes();
    let gtp_len = |extra: usize| u16::try_from(extra + ip.len()).unwrap().to_be_bytes();
    let wlan = |control: u8, flags: u8| join(&[&[control, flags, 0, 0], &[2; 18], &[0, 0]]);
    let mut list = vec![
        ("Ethernet", eth, inner.clone(), vec![]),
        (
            "802.3",
            eth,
            ethernet(snap_len, &join(&[snap, &ip])),
            vec![],
        ),
        (
            "VLAN",
            eth,
            ethernet(0x8100, &join(&[&[0x20, 7, 8, 0], &ip])),
            vec![E::Vlan],
        ),
        (
            "QinQ",
            eth,
            ethernet(0x88a8, &join(&[&[0, 7, 0x81, 0, 0, 8, 8, 0], &ip])),
            vec![E::Qinq],
        ),
        (
            "three tags",
            eth,
            ethernet(
                0x9100,
                &join(&[&[0, 7, 0x88, 0xa8, 0, 8, 0x81, 0, 0, 9, 8, 0], &ip]),
            ),
            vec![E::Qinq],
        ),
        (
            "cooked",
            LinkType::LINUX_SLL,
            join(&[&[0; 14], &[8, 0], &ip]),
            vec![],
        ),
        (
            "cooked with a tag",
            LinkType::LINUX_SLL,
            join(&[&[0; 14], &[0x81, 0, 0, 7, 8, 0], &ip]),
            vec![E::Vlan],
        ),
        (
            "cooked 2",
            LinkType::LINUX_SLL2,
            join(&[&[8, 0], &[0; 18], &ip]),
            vec![],
        ),
        ("raw", LinkType::RAW, ip.clone(), vec![]),
        ("IPv4", LinkType::IPV4, ip.clone(), vec![]),
        ("null", LinkType::NULL, join(&[&[2, 0, 0, 0], &ip]), vec![]),
        (
            "null of the other order",
            LinkType::NULL,
            join(&[&[0, 0, 0, 2], &ip]),
            vec![],
        ),
        ("loop", LinkType::LOOP, join(&[&[0, 0, 0, 2], &ip]), vec![]),
        (
            "PPP",
            LinkType::PPP,
            join(&[&[0xff, 3, 0, 0x21], &ip]),
            vec![],
        ),
        (
            "PPP without framing",
            LinkType::PPP,
            join(&[&[0, 0x21], &ip]),
            vec![],
        ),
        (
            "PPP compressed",
            LinkType::PPP_HDLC,
            join(&[&[0xff, 3, 0x21], &ip]),
            vec![],
        ),
        (
            "PPP direction",
            LinkType::PPP_WITH_DIR,
            join(&[&[1, 0xff, 3, 0, 0x21], &ip]),
            vec![],
        ),
        (
            "Cisco HDLC",
            LinkType::C_HDLC,
            join(&[&[0x0f, 0, 8, 0], &ip]),
            vec![],
        ),
        (
            "Cisco HDLC as PPP",
            LinkType::PPP_HDLC,
            join(&[&[0x0f, 0, 8, 0], &ip]),
            vec![],
        ),
        (
            "frame relay",
            LinkType::FRELAY,
            join(&[&[0x18, 0x41, 3, 0xcc], &ip]),
            vec![],
        ),
        (
            "frame relay with SNAP",
            LinkType::FRELAY,
            join(&[&[0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 8, 0], &ip]),
            vec![],
        ),
        (
            "frame relay of Cisco",
            LinkType::FRELAY,
            join(&[&[0x18, 0x41, 8, 0], &ip]),
            vec![],
        ),
        (
            "PPPoE link",
            LinkType::PPP_ETHER,
            join(&[&[0x11, 0, 0, 1], &ppp_len, &[0, 0x21], &ip]),
            vec![E::Pppoe],
        ),
        (
            "802.11",
            LinkType::IEEE802_11,
            join(&[&wlan(8, 1), snap, &ip]),
            vec![],
        ),
        (
            "802.11 with quality of service and four addresses",
            LinkType::IEEE802_11,
            join(&[&wlan(0x88, 3), &[2; 6], &[0, 0], snap, &ip]),
            vec![],
        ),
        (
            "802.11 with several frames",
            LinkType::IEEE802_11,
            join(&[
                &wlan(0x88, 1),
                &[0x80, 0],
                &[2; 12],
                &snap_len.to_be_bytes(),
                snap,
                &ip,
                &[0; 40],
            ]),
            vec![],
        ),
        (
            "radiotap with padding",
            LinkType::IEEE802_11_RADIOTAP,
            join(&[
                &[0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0],
                &[9; 8],
                &[0x20],
                &wlan(0x88, 1),
                &[0, 0, 0, 0],
                snap,
                &ip,
            ]),
            vec![],
        ),
        (
            "netfilter log",
            LinkType::NFLOG,
            join(&[&[2, 0, 0, 0, 5, 0, 10, 0, 7, 0, 0, 0], &[40, 0, 9, 0], &ip]),
            vec![],
        ),
        (
            "packet tap",
            LinkType(258),
            join(&[&[16, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9, 9, 9, 9], &inner]),
            vec![],
        ),
        (
            "per-packet information",
            LinkType(192),
            join(&[&[0, 0, 12, 0, 1, 0, 0, 0, 9, 9, 9, 9], &inner]),
            vec![],
        ),
        ("ATM", LinkType(100), join(&[snap, &ip]), vec![]),
        (
            "MPLS",
            eth,
            ethernet(0x8847, &join(&[&[0, 0, 0, 64, 0, 1, 1, 64], &ip])),
            vec![E::Mpls],
        ),
        (
            "pseudowire with a control word",
            eth,
            ethernet(0x8847, &join(&[&[0, 1, 1, 64, 0, 0, 0, 0], &inner])),
            vec![E::Mpls],
        ),
        (
            "pseudowire without",
            eth,
            ethernet(0x8848, &join(&[&[0, 1, 1, 64], &inner])),
            vec![E::Mpls],
        ),
        (
            "PPPoE",
            eth,
            ethernet(
                0x8864,
                &join(&[&[0x11, 0, 0, 1], &ppp_len, &[0, 0x21], &ip, &[0; 9]]),
            ),
            vec![E::Pppoe],
        ),
        (
            "MACsec without encryption",
            eth,
            ethernet(
                0x88e5,
                &join(&[&[0x20, 0, 0, 0, 0, 1], &[7; 8], &[8, 0], &ip, &[9; 16]]),
            ),
            vec![E::Other],
        ),
        ("GRE", eth, gre(&[0, 0, 8, 0], &ip), vec![E::Gre]),
        (
            "GRE with all options",
            eth,
            gre(
                &join(&[&[0xf0, 0, 8, 0], &[1; 12], &[0, 1, 0, 2, 5, 5, 0, 0, 0, 0]]),
                &ip,
            ),
            vec![E::Gre],
        ),
        (
            "GRE of PPTP",
            eth,
            gre(
                &join(&[&[0x30, 0x81, 0x88, 0x0b], &ppp_len, &[1; 10], &[0, 0x21]]),
                &ip,
            ),
            vec![E::Gre],
        ),
        (
            "GRE with MPLS",
            eth,
            gre(&[0, 0, 0x88, 0x47, 0, 1, 1, 9], &ip),
            vec![E::Gre, E::Mpls],
        ),
        (
            "GRE to a cache",
            eth,
            gre(&[0, 0, 0x88, 0x3e, 0, 0, 0, 0], &ip),
            vec![E::Gre],
        ),
        (
            "NVGRE",
            eth,
            gre(&[0x20, 0, 0x65, 0x58, 0, 1, 2, 3], &inner),
            vec![E::Nvgre],
        ),
        (
            "ERSPAN I",
            eth,
            gre(&[0, 0, 0x88, 0xbe], &inner),
            vec![E::Erspan],
        ),
        (
            "ERSPAN II",
            eth,
            gre(
                &join(&[&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1], &[0x10, 7], &[0; 6]]),
                &inner,
            ),
            vec![E::Erspan],
        ),
        (
            "ERSPAN III",
            eth,
            gre(
                &join(&[&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1], &[0x20, 7], &[0; 10]]),
                &inner,
            ),
            vec![E::Erspan],
        ),
        (
            "ERSPAN III with a subheader",
            eth,
            gre(
                &join(&[
                    &[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 7],
                    &[0; 9],
                    &[1],
                    &[3; 8],
                ]),
                &inner,
            ),
            vec![E::Erspan],
        ),
        ("IP in IP", eth, ip_frame(&in_ipv4(4, &ip)), vec![E::Ipip]),
        (
            "IP in IPv6",
            eth,
            ethernet(0x86dd, &in_ipv6(4, &ip)),
            vec![E::Ipip],
        ),
        (
            "EtherIP",
            eth,
            ip_frame(&in_ipv4(97, &join(&[&[0x30, 0], &inner]))),
            vec![E::Other],
        ),
        (
            "MPLS in IP",
            eth,
            ip_frame(&in_ipv4(137, &join(&[&[0, 1, 1, 9], &ip]))),
            vec![E::Mpls],
        ),
        (
            "authentication",
            eth,
            ip_frame(&in_ipv4(51, &join(&[&[4, 1, 0, 0], &[5; 8], &ip]))),
            vec![E::Ipip],
        ),
        (
            "GRE in UDP",
            eth,
            udp(4754, &[0, 0, 8, 0], &ip),
            vec![E::Gre],
        ),
        (
            "MPLS in UDP",
            eth,
            udp(6635, &[0, 1, 1, 9], &ip),
            vec![E::Mpls],
        ),
        (
            "VXLAN",
            eth,
            udp(4789, &[8, 0, 0, 0, 0, 0, 7, 0], &inner),
            vec![E::Vxlan],
        ),
        (
            "VXLAN of Linux",
            eth,
            udp(8472, &[8, 0, 0, 0, 0, 0, 7, 0], &inner),
            vec![E::Vxlan],
        ),
        (
            "VXLAN-GPE",
            eth,
            udp(4790, &[0x0c, 0, 0, 1, 0, 0, 7, 0], &ip),
            vec![E::Vxlan],
        ),
        (
            "a tag in VXLAN",
            eth,
            udp(
                4789,
                &[8, 0, 0, 0, 0, 0, 7, 0],
                &ethernet(0x8100, &join(&[&[0, 5, 8, 0], &ip])),
            ),
            vec![E::Vxlan, E::Vlan],
        ),
        (
            "GENEVE with an option",
            eth,
            udp(6081, &[1, 0, 0x65, 0x58, 0, 0, 7, 0, 9, 9, 9, 9], &inner),
            vec![E::Geneve],
        ),
        (
            "GENEVE with IP",
            eth,
            udp(6081, &[0, 0, 8, 0, 0, 0, 7, 0], &ip),
            vec![E::Geneve],
        ),
        (
            "GTP-U",
            eth,
            udp(
                2152,
                &join(&[&[0x30, 255], &gtp_len(0), &[0, 0, 0, 1]]),
                &ip,
            ),
            vec![E::Gtpu],
        ),
        (
            "GTP-U with an extension",
            eth,
            udp(
                2152,
                &join(&[
                    &[0x34, 255],
                    &gtp_len(8),
                    &[0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 9, 0],
                ]),
                &ip,
            ),
            vec![E::Gtpu],
        ),
        (
            "L2TP",
            eth,
            udp(1701, &[0, 2, 0, 1, 0, 1, 0xff, 3, 0, 0x21], &ip),
            vec![E::L2tp],
        ),
        (
            "L2TP with all fields",
            eth,
            udp(
                1701,
                &join(&[
                    &[0x4a, 2],
                    &gtp_len(18),
                    &[0, 1, 0, 1, 0, 0, 0, 0, 0, 2, 9, 9, 0, 0x21],
                ]),
                &ip,
            ),
            vec![E::L2tp],
        ),
        (
            "TZSP",
            eth,
            udp(37008, &[1, 0, 0, 1, 10, 1, 9, 0, 1], &inner),
            vec![E::Other],
        ),
        (
            "service header",
            eth,
            ethernet(0x894f, &join(&[&[0, 2, 2, 1, 0, 0, 1, 255], &ip])),
            vec![E::Other],
        ),
        (
            "service header in VXLAN-GPE",
            eth,
            udp(
                4790,
                &[0x0c, 0, 0, 4, 0, 0, 7, 0],
                &join(&[&[0, 2, 2, 3, 0, 0, 1, 255], &inner]),
            ),
            vec![E::Vxlan, E::Other],
        ),
        (
            "VXLAN with all reserved bits",
            eth,
            udp(4789, &[0xff, 1, 2, 0xf2, 0, 0, 7, 9], &inner),
            vec![E::Vxlan],
        ),
        (
            "security group tag",
            eth,
            ethernet(0x8909, &join(&[&[1, 1, 0, 1, 0, 9, 8, 0], &ip])),
            vec![E::Other],
        ),
        (
            "port extender tag",
            eth,
            ethernet(0x893f, &join(&[&[0; 6], &[8, 0], &ip])),
            vec![E::Other],
        ),
        (
            "backbone tag",
            eth,
            ethernet(0x88e7, &join(&[&[0, 0, 0, 1], &inner])),
            vec![E::Other],
        ),
        (
            "InfiniBand",
            LinkType(242),
            join(&[&[0; 40], &[8, 0, 0, 0], &ip]),
            vec![],
        ),
        (
            "all at once",
            eth,
            ethernet(
                0x8100,
                &join(&[
                    &[0, 7, 0x88, 0x47, 0, 1, 1, 9],
                    &in_ipv4(
                        47,
                        &join(&[
                            &[0, 0, 0x65, 0x58],
                            &ip_frame(&in_udp(
                                4789,
                                &join(&[&[8, 0, 0, 0, 0, 0, 7, 0], &ip_frame(&in_ipv4(4, &ip))]),
                            )),
                        ]),
                    ),
                ]),
            ),
            vec![E::Vlan, E::Mpls, E::Nvgre, E::Vxlan, E::Ipip],
        ),
    ];
    for (link, head) in [
        (LinkType::NULL, [0, 0, 0, 28]),
        (LinkType::LOOP, [0, 0, 0, 30]),
    ] {
        list.push(("loopback families", link, join(&[&head, &ip]), vec![]));
    }
    list
}
