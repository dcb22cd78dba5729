//! Frames made up for what the sensor checks about itself at its start.
//!
//! They hold ordinary packets, plain or wrapped in one of the ways in which packets come. Nothing of
//! them ever leaves the process.

use std::fmt;

/// A way in which packets come that filters are apt to forget.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FrameKind {
    /// One VLAN tag.
    Vlan,
    /// Two tags, the outer one a service tag (IEEE 802.1ad).
    QinQ,
    /// Two tags, both customer tags.
    DoubleVlan,
    /// An MPLS label.
    Mpls,
    /// A PPPoE session.
    Pppoe,
    /// GRE over IPv4.
    Gre,
    /// VXLAN over IPv4.
    Vxlan,
    /// A fragment of a datagram that is not the first.
    Fragment,
    /// IPv6.
    Ipv6,
}

impl FrameKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Vlan,
        Self::QinQ,
        Self::DoubleVlan,
        Self::Mpls,
        Self::Pppoe,
        Self::Gre,
        Self::Vxlan,
        Self::Fragment,
        Self::Ipv6,
    ];

    /// The word for it in output and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vlan => "vlan",
            Self::QinQ => "qinq",
            Self::DoubleVlan => "double-vlan",
            Self::Mpls => "mpls",
            Self::Pppoe => "pppoe",
            Self::Gre => "gre",
            Self::Vxlan => "vxlan",
            Self::Fragment => "fragment",
            Self::Ipv6 => "ipv6",
        }
    }
}

impl fmt::Display for FrameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A frame as the kernel shows it to a filter.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    /// Protocol and content of the outer VLAN tag, which is not in the frame.
    pub(crate) tag: Option<(u16, u16)>,
    /// The octets of the frame.
    pub(crate) octets: Vec<u8>,
}

/// A packet between two hosts, to make samples of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet {
    /// 6 for TCP, 17 for UDP.
    pub(crate) protocol: u8,
    /// Ports of sender and receiver.
    pub(crate) ports: [u16; 2],
    /// Address of the sender.
    pub(crate) src: [u8; 4],
    /// Address of the receiver.
    pub(crate) dst: [u8; 4],
}

impl Packet {
    /// Packets in both directions, between hosts of each private range and common services.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        const CLIENTS: [[u8; 4]; 3] = [[10, 0, 0, 1], [172, 16, 0, 1], [192, 168, 1, 1]];
        const SERVICES: [(u8, u16); 7] = [
            (6, 443),
            (6, 80),
            (6, 25),
            (17, 53),
            (6, 53),
            (17, 443),
            (17, 123),
        ];
        CLIENTS.into_iter().flat_map(|src| {
            SERVICES.into_iter().flat_map(move |(protocol, port)| {
                let there = Self {
                    protocol,
                    ports: [50_000, port],
                    src,
                    dst: [198, 51, 100, 1],
                };
                [there, there.reversed()]
            })
        })
    }

    /// The packet that goes the other way.
    pub(crate) const fn reversed(self) -> Self {
        Self {
            protocol: self.protocol,
            ports: [self.ports[1], self.ports[0]],
            src: self.dst,
            dst: self.src,
        }
    }

    /// The packet straight behind Ethernet and IPv4.
    pub(crate) fn plain(&self) -> Sample {
        Sample {
            tag: None,
            octets: ethernet(0x0800, &self.ipv4(0)),
        }
    }

    /// The packet in a frame of that kind, as the kernel has it when it asks the filter: the outer
    /// tag is no longer in the frame.
    pub(crate) fn wrapped(&self, kind: FrameKind) -> Sample {
        let inner = self.ipv4(0);
        let tagged = [&[0, 5, 8, 0][..], &inner].concat();
        let (tag, octets) = match kind {
            FrameKind::Vlan => (Some((0x8100, 5)), ethernet(0x0800, &inner)),
            FrameKind::QinQ => (Some((0x88a8, 9)), ethernet(0x8100, &tagged)),
            FrameKind::DoubleVlan => (Some((0x8100, 9)), ethernet(0x8100, &tagged)),
            FrameKind::Mpls => (
                None,
                ethernet(0x8847, &[&[0, 1, 1, 64][..], &inner].concat()),
            ),
            FrameKind::Pppoe => {
                let len = u16::try_from(inner.len() + 2)
                    .unwrap_or(u16::MAX)
                    .to_be_bytes();
                let header = [0x11, 0, 0, 1, len[0], len[1], 0, 0x21];
                (None, ethernet(0x8864, &[&header[..], &inner].concat()))
            }
            FrameKind::Gre => {
                let gre = [&[0, 0, 8, 0][..], &inner].concat();
                (None, ethernet(0x0800, &ipv4(TUNNEL_ENDS, 47, 0, &gre)))
            }
            FrameKind::Vxlan => {
                let frame = ethernet(0x0800, &inner);
                let vxlan = [&[8, 0, 0, 0, 0, 0, 1, 0][..], &frame].concat();
                let outer = ipv4(TUNNEL_ENDS, 17, 0, &datagram([50_000, 4_789], &vxlan));
                (None, ethernet(0x0800, &outer))
            }
            FrameKind::Fragment => (None, ethernet(0x0800, &self.ipv4(185))),
            FrameKind::Ipv6 => (None, ethernet(0x86dd, &self.ipv6())),
        };
        Sample { tag, octets }
    }

    fn ipv4(&self, fragment: u16) -> Vec<u8> {
        ipv4(
            [self.src, self.dst],
            self.protocol,
            fragment,
            &self.transport(),
        )
    }

    fn ipv6(&self) -> Vec<u8> {
        let transport = self.transport();
        let len = u16::try_from(transport.len())
            .unwrap_or(u16::MAX)
            .to_be_bytes();
        let mut octets = vec![0x60, 0, 0, 0, len[0], len[1], self.protocol, 64];
        for end in [self.src, self.dst] {
            octets.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            octets.extend(end);
        }
        octets.extend(transport);
        octets
    }

    fn transport(&self) -> Vec<u8> {
        if self.protocol == 17 {
            return datagram(self.ports, &[0; 64]);
        }
        let [src, dst] = self.ports.map(u16::to_be_bytes);
        let mut octets = vec![src[0], src[1], dst[0], dst[1], 0, 0, 0, 1, 0, 0, 0, 1];
        // Header of five words; an acknowledgement with data.
        octets.extend([0x50, 0x18, 0x10, 0, 0, 0, 0, 0]);
        octets.extend([0; 64]);
        octets
    }
}

impl Sample {
    /// The octets as they were on the wire, with the tag put back.
    pub(crate) fn on_the_wire(&self) -> Vec<u8> {
        let mut octets = self.octets.clone();
        if let Some((protocol, tag)) = self.tag {
            let at = octets.len().min(12);
            octets.splice(at..at, [protocol.to_be_bytes(), tag.to_be_bytes()].concat());
        }
        octets
    }
}

fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let mut octets = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    octets.extend(ether_type.to_be_bytes());
    octets.extend(payload);
    octets
}

fn ipv4([src, dst]: [[u8; 4]; 2], protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len() + 20)
        .unwrap_or(u16::MAX)
        .to_be_bytes();
    let fragment = fragment.to_be_bytes();
    let mut octets = vec![0x45, 0, len[0], len[1], 0, 1, fragment[0], fragment[1]];
    octets.extend([64, protocol, 0, 0]);
    octets.extend(src);
    octets.extend(dst);
    octets.extend(payload);
    octets
}

fn datagram(ports: [u16; 2], payload: &[u8]) -> Vec<u8> {
    let [src, dst] = ports.map(u16::to_be_bytes);
    let len = u16::try_from(payload.len() + 8)
        .unwrap_or(u16::MAX)
        .to_be_bytes();
    let mut octets = vec![src[0], src[1], dst[0], dst[1], len[0], len[1], 0, 0];
    octets.extend(payload);
    octets
}

/// Ends of the tunnels.
const TUNNEL_ENDS: [[u8; 4]; 2] = [[192, 0, 2, 1], [192, 0, 2, 2]];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::FRAME_KINDS;

    #[test]
    fn the_words_are_those_of_the_output() {
        assert_eq!(FrameKind::ALL.map(FrameKind::as_str), FRAME_KINDS);
    }

    #[test]
    fn the_outer_tag_goes_back_to_its_place() {
        let packet = Packet::all().next().unwrap();
        let sample = packet.wrapped(FrameKind::QinQ);
        assert_eq!(
            sample.on_the_wire()[12..20],
            [0x88, 0xa8, 0, 9, 0x81, 0, 0, 5]
        );
    }
}
