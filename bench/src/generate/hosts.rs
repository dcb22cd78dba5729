//! The hosts of the generated network and the servers that they talk to.
//!
//! Hosts live in 10.0.0.0/8 and fd00::/8. Servers live in 198.18.0.0/15, set aside for benchmarks
//! (RFC 2544), and in 2001:db8::/32, set aside for documentation (RFC 3849).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::frame::Path;
use super::rng::Rng;

/// The hosts, and the client port that each takes next.
#[derive(Debug)]
pub(crate) struct Hosts {
    next_port: Vec<u16>,
    /// The host whose flows are being written, and whether they run over IPv6, where it is not any.
    only: Option<(usize, bool)>,
}

impl Hosts {
    /// Makes the hosts.
    pub(crate) fn new(rng: &mut Rng) -> Self {
        Self {
            next_port: (0..COUNT).map(|_| rng.word()).collect(),
            only: None,
        }
    }

    /// Draws a host, and an address family, whose flows the next ones are all to be, until [`Hosts::release`].
    pub(crate) fn settle_on_one(&mut self, rng: &mut Rng) {
        self.only = Some((rng.index(COUNT), rng.chance(V6_PER_MILLE)));
    }

    /// Flows are of any host again.
    pub(crate) const fn release(&mut self) {
        self.only = None;
    }

    /// The path of a new flow from any host to the server of `name`; three in ten run over IPv6,
    /// one in twenty is tagged.
    ///
    /// No two flows of a capture share their ports until a host has opened 28,000.
    pub(crate) fn path(&mut self, name: &str, port: u16, rng: &mut Rng) -> Path {
        let is_v6 = self.is_v6(rng);
        self.path_to(SocketAddr::new(server(name, is_v6), port), rng)
    }

    /// The path of a new flow from any host to one of the network's resolvers.
    pub(crate) fn path_to_resolver(&mut self, port: u16, rng: &mut Rng) -> Path {
        let last = rng.between(53, 55) as u8;
        let resolver = if self.is_v6(rng) {
            IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, u16::from(last)))
        } else {
            IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
        };
        self.path_to(SocketAddr::new(resolver, port), rng)
    }

    fn is_v6(&self, rng: &mut Rng) -> bool {
        match self.only {
            Some((_, is_v6)) => is_v6,
            None => rng.chance(V6_PER_MILLE),
        }
    }

    fn path_to(&mut self, server: SocketAddr, rng: &mut Rng) -> Path {
        let host = self.only.map_or_else(|| rng.index(COUNT), |it| it.0);
        let port = self.next_port[host];
        self.next_port[host] = port.wrapping_add(1);
        let address = if server.is_ipv6() {
            IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0x20, 0, 0, 0, host as u16))
        } else {
            IpAddr::V4(Ipv4Addr::new(
                10,
                20,
                (host / 250) as u8,
                (host % 250) as u8 + 1,
            ))
        };
        Path {
            client: SocketAddr::new(address, FIRST_PORT + port % PORTS),
            server,
            // A host is on one network, so its tag does not change.
            vlan: host.is_multiple_of(20).then_some(100 + (host / 500) as u16),
        }
    }
}

/// The address that the servers of a name have.
pub(crate) fn server(name: &str, is_v6: bool) -> IpAddr {
    // FNV-1a, so that a name keeps its address.
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    });
    let [a, b, c, ..] = hash.to_le_bytes();
    if is_v6 {
        IpAddr::V6(Ipv6Addr::new(
            0x2001,
            0xdb8,
            u16::from(a),
            u16::from_be_bytes([b, c]),
            0,
            0,
            0,
            1,
        ))
    } else {
        IpAddr::V4(Ipv4Addr::new(198, 18 + (a & 1), b, c))
    }
}

/// A path from an address that has nothing to do with the network, as a flood comes from.
pub(crate) fn random_source(rng: &mut Rng) -> Path {
    let source = Ipv4Addr::from_bits(rng.bits() as u32);
    Path {
        client: SocketAddr::new(IpAddr::V4(source), rng.word().max(1)),
        server: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 20, 0, 1)), 443),
        vlan: None,
    }
}

/// The path of a datagram or segment from any address in 10.0.0.0/8, which sends nothing else.
pub(crate) fn made_up_host(server: SocketAddr, rng: &mut Rng) -> Path {
    let address = Ipv4Addr::from_bits(0x0a00_0000 | (rng.bits() as u32 & 0x00ff_ffff));
    Path {
        client: SocketAddr::new(IpAddr::V4(address), rng.word().max(1024)),
        server,
        vlan: None,
    }
}

/// The path of a question from one of 250 hosts to the network's resolver.
pub(crate) fn busy_host(rng: &mut Rng) -> Path {
    let address = Ipv4Addr::new(10, 30, 0, 1 + rng.below(250) as u8);
    Path {
        client: SocketAddr::new(IpAddr::V4(address), rng.word().max(1024)),
        server: RESOLVER,
        vlan: None,
    }
}

/// One of the network's resolvers.
pub(crate) const RESOLVER: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 53)), 53);

/// Share of flows over IPv6.
const V6_PER_MILLE: u64 = 300;

const COUNT: usize = 4_000;
const FIRST_PORT: u16 = 32_768;
const PORTS: u16 = 28_232;
