//! Ethernet frames: link, IP and transport headers around a payload, with right lengths and
//! checksums.

use std::net::{IpAddr, SocketAddr};

/// The two ends of a flow, and how its frames are tagged.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    /// The end that opens the flow.
    pub(crate) client: SocketAddr,
    /// The other end; of the same address family.
    pub(crate) server: SocketAddr,
    /// VLAN id of the frames, if they are tagged.
    pub(crate) vlan: Option<u16>,
}

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Direction {
    /// From client to server.
    Up,
    /// From server to client.
    Down,
}

/// The TCP header fields that a caller chooses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TcpFields<'a> {
    /// Sequence number of the first payload octet, or of the SYN.
    pub(crate) seq: u32,
    /// Acknowledgment number.
    pub(crate) ack: u32,
    /// The control bits.
    pub(crate) flags: u8,
    /// Options, padded to a multiple of four octets.
    pub(crate) options: &'a [u8],
}

impl Direction {
    /// The other way.
    pub(crate) const fn reversed(self) -> Self {
        match self {
            Self::Up => Self::Down,
            Self::Down => Self::Up,
        }
    }
}

impl Path {
    /// Sender and receiver of a frame that goes in `direction`.
    pub(crate) const fn ends(&self, direction: Direction) -> (SocketAddr, SocketAddr) {
        match direction {
            Direction::Up => (self.client, self.server),
            Direction::Down => (self.server, self.client),
        }
    }

    /// Whether the flow runs over IPv6.
    pub(crate) const fn is_v6(&self) -> bool {
        self.client.is_ipv6()
    }

    /// Writes a frame with a UDP datagram (RFC 768) into `frame`, in place of what is there.
    pub(crate) fn udp(&self, direction: Direction, id: u16, payload: &[u8], frame: &mut Vec<u8>) {
        let (src, dst) = self.ends(direction);
        let len = UDP_HEADER + payload.len();
        self.network(direction, IP_PROTOCOL_UDP, id, len, frame);
        let start = frame.len();
        frame.extend_from_slice(&src.port().to_be_bytes());
        frame.extend_from_slice(&dst.port().to_be_bytes());
        frame.extend_from_slice(&(len as u16).to_be_bytes());
        frame.extend_from_slice(&[0, 0]);
        frame.extend_from_slice(payload);
        let checksum = match self.transport_checksum(IP_PROTOCOL_UDP, &frame[start..]) {
            // Zero on the wire would mean that there is no checksum.
            0 => 0xffff,
            checksum => checksum,
        };
        frame[start + 6..start + 8].copy_from_slice(&checksum.to_be_bytes());
        pad(frame);
    }

    /// Writes a frame with a TCP segment (RFC 9293) into `frame`, in place of what is there.
    pub(crate) fn tcp(
        &self,
        direction: Direction,
        id: u16,
        fields: &TcpFields<'_>,
        payload: &[u8],
        frame: &mut Vec<u8>,
    ) {
        let (src, dst) = self.ends(direction);
        let header = TCP_HEADER + fields.options.len();
        self.network(
            direction,
            IP_PROTOCOL_TCP,
            id,
            header + payload.len(),
            frame,
        );
        let start = frame.len();
        frame.extend_from_slice(&src.port().to_be_bytes());
        frame.extend_from_slice(&dst.port().to_be_bytes());
        frame.extend_from_slice(&fields.seq.to_be_bytes());
        frame.extend_from_slice(&fields.ack.to_be_bytes());
        frame.extend_from_slice(&[(header as u8 / 4) << 4, fields.flags]);
        frame.extend_from_slice(&TCP_WINDOW.to_be_bytes());
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(fields.options);
        frame.extend_from_slice(payload);
        let checksum = self.transport_checksum(IP_PROTOCOL_TCP, &frame[start..]);
        frame[start + 16..start + 18].copy_from_slice(&checksum.to_be_bytes());
        pad(frame);
    }

    /// Begins a frame anew: Ethernet, VLAN tag, and an IP header for `len` octets.
    fn network(
        &self,
        direction: Direction,
        protocol: u8,
        id: u16,
        len: usize,
        frame: &mut Vec<u8>,
    ) {
        let (src, dst) = self.ends(direction);
        frame.clear();
        frame.extend_from_slice(&mac(dst.ip()));
        frame.extend_from_slice(&mac(src.ip()));
        if let Some(vlan) = self.vlan {
            frame.extend_from_slice(&ETHERTYPE_VLAN.to_be_bytes());
            frame.extend_from_slice(&vlan.to_be_bytes());
        }
        let hops: u8 = match direction {
            Direction::Up => 64,
            Direction::Down => 54,
        };
        match (src.ip(), dst.ip()) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                frame.extend_from_slice(&ETHERTYPE_IPV4.to_be_bytes());
                let start = frame.len();
                frame.extend_from_slice(&[0x45, 0]);
                frame.extend_from_slice(&((IPV4_HEADER + len) as u16).to_be_bytes());
                frame.extend_from_slice(&id.to_be_bytes());
                frame.extend_from_slice(&[0x40, 0, hops, protocol, 0, 0]);
                frame.extend_from_slice(&src.octets());
                frame.extend_from_slice(&dst.octets());
                let checksum = !fold(sum(&frame[start..]));
                frame[start + 10..start + 12].copy_from_slice(&checksum.to_be_bytes());
            }
            (src, dst) => {
                frame.extend_from_slice(&ETHERTYPE_IPV6.to_be_bytes());
                frame.extend_from_slice(&[0x60, 0, 0, 0]);
                frame.extend_from_slice(&(len as u16).to_be_bytes());
                frame.extend_from_slice(&[protocol, hops]);
                frame.extend_from_slice(&v6(src));
                frame.extend_from_slice(&v6(dst));
            }
        }
    }

    /// The checksum of a segment whose own checksum field is zero (RFC 9293 section 3.1, RFC 8200
    /// section 8.1). It is the same both ways: the pseudo-header is a sum.
    fn transport_checksum(&self, protocol: u8, segment: &[u8]) -> u16 {
        let pseudo = address_sum(self.client.ip())
            + address_sum(self.server.ip())
            + u64::from(protocol)
            + segment.len() as u64;
        !fold(pseudo + sum(segment))
    }
}

/// The Ones' complement sum of octets, taken as 32-bit words; [`fold`] ends it (RFC 1071).
pub(crate) fn sum(octets: &[u8]) -> u64 {
    let (words, rest) = octets.as_chunks::<4>();
    let total: u64 = words
        .iter()
        .map(|it| u64::from(u32::from_be_bytes(*it)))
        .sum();
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    total + u64::from(u32::from_be_bytes(last))
}

/// Folds the carries of a sum into 16 bits.
pub(crate) const fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

fn address_sum(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(address) => sum(&address.octets()),
        IpAddr::V6(address) => sum(&address.octets()),
    }
}

/// The sixteen octets of an address; an IPv4 one in its mapped form.
const fn v6(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// A locally administered hardware address: a host's own, or the router's for all others.
fn mac(address: IpAddr) -> [u8; 6] {
    let octets = v6(address);
    if matches!(octets[0], 0xfd) || (octets[..12] == v6_mapped_prefix() && octets[12] == 10) {
        [0x02, 0x10, octets[12], octets[13], octets[14], octets[15]]
    } else {
        [0x02, 0x00, 0x5e, 0x00, 0x00, 0x01]
    }
}

const fn v6_mapped_prefix() -> [u8; 12] {
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
}

/// Fills a short frame up to what Ethernet carries at least (60 octets without the check sequence).
fn pad(frame: &mut Vec<u8>) {
    if frame.len() < MIN_FRAME {
        frame.resize(MIN_FRAME, 0);
    }
}

/// Finish: no more data from the sender.
pub(crate) const FIN: u8 = 0x01;
/// Synchronise sequence numbers.
pub(crate) const SYN: u8 = 0x02;
/// Reset the connection.
pub(crate) const RST: u8 = 0x04;
/// Push.
pub(crate) const PSH: u8 = 0x08;
/// The acknowledgment number counts.
pub(crate) const ACK: u8 = 0x10;

const MIN_FRAME: usize = 60;
const UDP_HEADER: usize = 8;
const TCP_HEADER: usize = 20;
const IPV4_HEADER: usize = 20;
const TCP_WINDOW: u16 = 0x01f5;
const IP_PROTOCOL_TCP: u8 = 6;
const IP_PROTOCOL_UDP: u8 = 17;
const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERTYPE_VLAN: u16 = 0x8100;

#[cfg(test)]
mod tests {
    use super::*;

    fn path(client: &str, server: &str) -> Path {
        Path {
            client: client.parse().unwrap(),
            server: server.parse().unwrap(),
            vlan: None,
        }
    }

    #[test]
    fn the_header_checksum_is_that_of_a_known_header() {
        // An IPv4 header whose published checksum is 0xb861.
        let header = [
            0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0x00, 0x00, 0xc0, 0xa8,
            0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7,
        ];
        assert_eq!(!fold(sum(&header)), 0xb861);
    }

    #[test]
    fn an_ipv4_datagram_sums_to_all_ones() {
        let mut frame = Vec::new();
        path("10.0.0.1:4000", "198.18.0.1:53").udp(Direction::Up, 7, b"odd", &mut frame);
        assert_eq!(fold(sum(&frame[14..34])), 0xffff, "IPv4 header");
        let udp = &frame[34..34 + 11];
        let pseudo = sum(&frame[26..34]) + 17 + udp.len() as u64;
        assert_eq!(
            fold(pseudo + sum(udp)),
            0xffff,
            "UDP with its pseudo-header"
        );
        assert_eq!(frame.len(), MIN_FRAME);
    }

    #[test]
    fn an_ipv6_segment_sums_to_all_ones_both_ways() {
        let path = path("[fd00::5]:4000", "[2001:db8::1]:443");
        for direction in [Direction::Up, Direction::Down] {
            let fields = TcpFields {
                seq: 0xffff_fff0,
                ack: 9,
                flags: ACK | PSH,
                options: &[1, 1, 1, 0],
            };
            let mut frame = Vec::new();
            path.tcp(direction, 1, &fields, &[0xab; 31], &mut frame);
            let segment = &frame[54..];
            assert_eq!(segment.len(), 24 + 31);
            let pseudo = sum(&frame[22..54]) + 6 + segment.len() as u64;
            assert_eq!(fold(pseudo + sum(segment)), 0xffff);
        }
    }
}
