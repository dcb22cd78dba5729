//! An operator's filter: whether it is right, and which kinds of frames it leaves out unawares.
//!
//! An expression such as `tcp or udp` speaks of what follows the Ethernet header directly. Frames
//! with a tag, a label or a tunnel header in between fall through without a word, so the expression is
//! tried on samples: a kind of which nothing passes, though the same packet without wrapping does, is
//! named.

use std::fmt;

use pcap::{Activated, Active, Capture, Dead, Linktype};

use super::classic::{Program, Sample};

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

/// What trying an expression on samples showed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Tried {
    /// It passes none of these kinds.
    LeavesOut(Vec<FrameKind>),
    /// It passes none of the samples, not even plain ones, so nothing can be said: it asks for
    /// particular hosts or ports.
    Unknown,
}

/// Why an expression is wrong, in the library's words; `None` if it is right, or says something that
/// only an open interface can tell.
pub(super) fn check(expression: &str) -> Option<String> {
    let dead = Capture::dead(Linktype::ETHERNET).ok()?;
    match dead.compile(expression, true) {
        Ok(_) => None,
        // "inbound" and its like are known to open interfaces alone.
        Err(error) if error.to_string().contains("not supported on") => None,
        Err(error) => Some(words_of(error)),
    }
}

/// Tries an expression on samples, as it would work on that open interface.
pub(super) fn try_on(handle: &Capture<Active>, expression: &str) -> Tried {
    tried(handle, expression)
}

/// The library's words for what is wrong.
pub(super) fn words_of(error: pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(text) => text,
        other => other.to_string(),
    }
}

/// An expression that is asked outside the kernel, of whole frames.
pub(super) fn compile_for(link: i32, expression: &str) -> Result<pcap::BpfProgram, pcap::Error> {
    let dead: Capture<Dead> = Capture::dead(Linktype(link))?;
    dead.compile(expression, true)
}

fn tried<T: Activated + ?Sized>(handle: &Capture<T>, expression: &str) -> Tried {
    let Ok(compiled) = handle.compile(expression, true) else {
        return Tried::Unknown;
    };
    let instructions = compiled.get_instructions().iter();
    let Some(program) = Program::read(instructions.map(ToString::to_string)) else {
        return Tried::Unknown;
    };
    let plain: Vec<Packet> = Packet::all().filter(|it| !it.is_ipv6).collect();
    let passing: Vec<&Packet> = plain
        .iter()
        .filter(|it| program.passes(&it.plain()))
        .collect();
    if passing.is_empty() {
        return Tried::Unknown;
    }
    let leaves_out = |kind: &FrameKind| {
        let mut samples = passing.iter().map(|it| it.wrapped(*kind));
        !samples.any(|it| program.passes(&it))
    };
    let kinds = FrameKind::ALL.into_iter();
    Tried::LeavesOut(kinds.filter(leaves_out).collect())
}

/// A packet between two hosts, to make samples of.
#[derive(Clone, Copy, Debug)]
struct Packet {
    protocol: u8,
    ports: [u16; 2],
    client: [u8; 4],
    is_ipv6: bool,
}

impl Packet {
    fn all() -> impl Iterator<Item = Self> {
        let clients = [[10, 0, 0, 1], [172, 16, 0, 1], [192, 168, 1, 1]];
        let services = [
            (6, 443),
            (6, 80),
            (6, 25),
            (17, 53),
            (6, 53),
            (17, 443),
            (17, 123),
        ];
        clients.into_iter().flat_map(move |client| {
            services.into_iter().flat_map(move |(protocol, port)| {
                [[50_000, port], [port, 50_000]].map(|ports| Self {
                    protocol,
                    ports,
                    client,
                    is_ipv6: false,
                })
            })
        })
    }

    fn plain(&self) -> Sample {
        Sample {
            tag: None,
            octets: ethernet(0x0800, &self.ipv4(0)),
        }
    }

    /// The packet in a frame of that kind, as the kernel has it when it asks the filter: the outer
    /// tag is no longer in the frame.
    fn wrapped(&self, kind: FrameKind) -> Sample {
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
                (None, ethernet(0x0800, &ipv4([192, 0, 2, 1], 47, 0, &gre)))
            }
            FrameKind::Vxlan => {
                let frame = ethernet(0x0800, &inner);
                let vxlan = [&[8, 0, 0, 0, 0, 0, 1, 0][..], &frame].concat();
                let outer = ipv4([192, 0, 2, 1], 17, 0, &datagram([50_000, 4_789], &vxlan));
                (None, ethernet(0x0800, &outer))
            }
            FrameKind::Fragment => (None, ethernet(0x0800, &self.ipv4(185))),
            FrameKind::Ipv6 => (None, ethernet(0x86dd, &self.ipv6())),
        };
        Sample { tag, octets }
    }

    fn ipv4(&self, fragment: u16) -> Vec<u8> {
        ipv4(self.client, self.protocol, fragment, &self.transport())
    }

    fn ipv6(&self) -> Vec<u8> {
        let transport = self.transport();
        let len = u16::try_from(transport.len())
            .unwrap_or(u16::MAX)
            .to_be_bytes();
        let mut octets = vec![0x60, 0, 0, 0, len[0], len[1], self.protocol, 64];
        octets.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        octets.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
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

fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let mut octets = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    octets.extend(ether_type.to_be_bytes());
    octets.extend(payload);
    octets
}

fn ipv4(src: [u8; 4], protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(payload.len() + 20)
        .unwrap_or(u16::MAX)
        .to_be_bytes();
    let fragment = fragment.to_be_bytes();
    let mut octets = vec![0x45, 0, len[0], len[1], 0, 1, fragment[0], fragment[1]];
    octets.extend([64, protocol, 0, 0]);
    octets.extend(src);
    octets.extend([198, 51, 100, 1]);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_expression_is_refused_in_the_words_of_the_library() {
        let why = check("tcp port htpps").unwrap();
        assert!(why.contains("htpps"), "{why}");
        assert!(check("tcp prt 443").is_some());
        assert_eq!(check("tcp port 443 or vlan"), None);
        assert_eq!(check("inbound and tcp"), None);
    }

    #[test]
    fn what_an_expression_forgets_is_named() {
        let all_but = |passed: &[FrameKind]| {
            let kinds = FrameKind::ALL.into_iter();
            Tried::LeavesOut(kinds.filter(|it| !passed.contains(it)).collect())
        };
        let try_it = |expression| {
            let dead = Capture::dead(Linktype::ETHERNET).unwrap();
            tried(&dead, expression)
        };
        assert_eq!(try_it(""), Tried::LeavesOut(vec![]));
        // The single tag is not in the frame when the kernel asks.
        let passed = [FrameKind::Vlan, FrameKind::Fragment, FrameKind::Ipv6];
        let plain = [
            FrameKind::Vlan,
            FrameKind::Vxlan,
            FrameKind::Fragment,
            FrameKind::Ipv6,
        ];
        assert_eq!(try_it("tcp or udp"), all_but(&plain));
        assert_eq!(try_it("tcp"), all_but(&passed));
        assert_eq!(
            try_it("port 443"),
            all_but(&[FrameKind::Vlan, FrameKind::Ipv6])
        );
        let ipv4 = [
            FrameKind::Vlan,
            FrameKind::Gre,
            FrameKind::Vxlan,
            FrameKind::Fragment,
        ];
        assert_eq!(try_it("ip"), all_but(&ipv4));
        assert_eq!(try_it("host 203.0.113.9"), Tried::Unknown);
    }
}
