//! What tells one flow from another.

use crate::names::dns::DNS_PORT;
use crate::names::{Endpoint, Transport};

/// Transport and end points of a flow, the same for both directions.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FlowKey {
    /// What carries it.
    pub transport: Transport,
    /// The end point that sorts first.
    pub low: Endpoint,
    /// The other one.
    pub high: Endpoint,
}

/// One of the two ends of a flow.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Side {
    /// The end that sorts first.
    Low,
    /// The other one.
    High,
}

impl Side {
    /// The side of the sender of a packet.
    #[inline]
    #[must_use]
    pub fn of(src: Endpoint, dst: Endpoint) -> Self {
        if src <= dst { Self::Low } else { Self::High }
    }

    /// 0 or 1, to index a pair.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The other end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Low => Self::High,
            Self::High => Self::Low,
        }
    }
}

impl FlowKey {
    /// The key of a packet's flow, and the side that sent it.
    #[inline]
    #[must_use]
    pub fn of(transport: Transport, src: Endpoint, dst: Endpoint) -> (Self, Side) {
        let side = Side::of(src, dst);
        let (low, high) = match side {
            Side::Low => (src, dst),
            Side::High => (dst, src),
        };
        let key = Self {
            transport,
            low,
            high,
        };
        (key, side)
    }

    /// The end point on that side.
    #[must_use]
    pub const fn end(&self, side: Side) -> Endpoint {
        match side {
            Side::Low => self.low,
            Side::High => self.high,
        }
    }

    /// A hash that is the same for both directions and in every run.
    ///
    /// It spreads flows over slots and, as [`share_of`] says, over workers. Who sends on purpose
    /// what collides in it costs the sensor time, not names: tables compare whole keys.
    #[must_use]
    pub const fn hash(&self) -> u64 {
        hash_of(self.transport, self.low, self.high)
    }
}

/// [`FlowKey::hash`] of the flow between two ends, in either order.
///
/// Triage needs the hash of every packet and the key of few. The ends are mixed apart and added, so
/// that they need not be sorted: which of the two sorts first is a branch that is hard to foresee.
#[inline]
#[must_use]
pub const fn hash_of(transport: Transport, one: Endpoint, other: Endpoint) -> u64 {
    let ends = mix_end(one).wrapping_add(mix_end(other));
    mix(ends ^ SEEDS[2], SEEDS[3] ^ transport as u64)
}

/// What the worker of a flow is chosen by, the same for both directions; `hash` is [`hash_of`] the
/// flow.
///
/// That of datagrams is made of the addresses alone, so that what a client says from one port and
/// goes on to say from another reaches one worker. Not so on the port of DNS: two resolvers may
/// have more to say to each other than one worker takes, and no question is in two datagrams.
#[must_use]
pub fn share_of(transport: Transport, one: Endpoint, other: Endpoint, hash: u64) -> u32 {
    let hash = match transport {
        Transport::Udp if one.port != DNS_PORT && other.port != DNS_PORT => {
            let address = |end: Endpoint| Endpoint { port: 0, ..end };
            hash_of(transport, address(one), address(other))
        }
        Transport::Udp | Transport::Tcp => hash,
    };
    (hash >> 32) as u32
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "halves of a number")]
const fn mix_end(end: Endpoint) -> u64 {
    let address = end.address.as_bits();
    mix(
        address as u64 ^ SEEDS[0],
        (address >> 64) as u64 ^ end.port as u64 ^ SEEDS[1],
    )
}

/// Multiplies to 128 bits and folds the halves.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "halves of a number")]
const fn mix(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

/// Digits of pi, as in other folded-multiply hashes: no zero octets, no pattern.
const SEEDS: [u64; 4] = [
    0x243f_6a88_85a3_08d3,
    0x1319_8a2e_0370_7344,
    0xa409_3822_299f_31d0,
    0x082e_fa98_ec4e_6c89,
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::host::Address;

    fn end(last: u8, port: u16) -> Endpoint {
        Endpoint {
            address: Address::from_v4([10, 0, 0, last]),
            port,
        }
    }

    #[test]
    fn both_directions_are_one_flow() {
        let (there, from) = FlowKey::of(Transport::Tcp, end(1, 40_000), end(2, 443));
        let (back, to) = FlowKey::of(Transport::Tcp, end(2, 443), end(1, 40_000));
        assert_eq!(there, back);
        assert_eq!(there.hash(), back.hash());
        assert_eq!(from, to.other());
        assert_eq!(there.end(from), end(1, 40_000));
    }

    #[test]
    fn datagrams_between_two_addresses_have_one_share_but_for_those_of_dns() {
        let share = |transport, one, other| {
            let hash = hash_of(transport, one, other);
            assert_eq!(
                share_of(transport, one, other, hash),
                share_of(transport, other, one, hash)
            );
            share_of(transport, one, other, hash)
        };
        let shares = |transport, server_port| -> HashSet<u32> {
            let ports = 40_000..40_100;
            ports
                .map(|it| share(transport, end(1, it), end(2, server_port)))
                .collect()
        };
        assert_eq!(shares(Transport::Udp, 443).len(), 1);
        assert_eq!(shares(Transport::Udp, 443), shares(Transport::Udp, 4433));
        assert_eq!(shares(Transport::Udp, 53).len(), 100);
        assert_eq!(shares(Transport::Tcp, 443).len(), 100);
        let hosts: HashSet<u32> = (0..100)
            .map(|it| share(Transport::Udp, end(it, 40_000), end(200, 443)) % 16)
            .collect();
        assert_eq!(hosts.len(), 16);
    }

    #[test]
    fn neighbouring_flows_spread_over_a_small_table() {
        let mut slots = HashSet::new();
        for host in 0..16 {
            for port in 0..64 {
                let (key, _) = FlowKey::of(Transport::Udp, end(host, 40_000 + port), end(200, 53));
                slots.insert(key.hash() >> 54);
            }
        }
        assert!(
            slots.len() > 550,
            "1024 flows fill {} of 1024 slots",
            slots.len()
        );
    }
}
