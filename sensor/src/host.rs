//! Addresses of hosts and servers, and which of them belong to the monitored network.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// An IPv4 or IPv6 address in sixteen octets, cheap to compare and hash.
///
/// IPv4 stands behind a prefix of ones, which no IPv6 packet carries as an address, so that an
/// IPv4-mapped IPv6 address stays what it is.
///
/// Packed to the alignment of a port: whatever holds two addresses and two ports is kept a million
/// times, and would be twice as large.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(Rust, packed(2))]
pub struct Address(u128);

impl Address {
    /// Takes the four octets of an IPv4 header field.
    #[must_use]
    pub const fn from_v4(octets: [u8; 4]) -> Self {
        Self(V4_PREFIX | u32::from_be_bytes(octets) as u128)
    }

    /// Takes the sixteen octets of an IPv6 header field.
    #[must_use]
    pub const fn from_v6(octets: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(octets))
    }

    /// The sixteen octets as one number; the order is that of the addresses.
    #[must_use]
    pub const fn as_bits(self) -> u128 {
        self.0
    }

    /// The address as the standard library has it.
    #[must_use]
    pub fn to_ip(self) -> IpAddr {
        match self.v4() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6(Ipv6Addr::from_bits(self.0)),
        }
    }

    /// The IPv4 address, if it is one.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the lower 32 bits are the address"
    )]
    pub const fn v4(self) -> Option<Ipv4Addr> {
        if self.0 >> 32 == V4_PREFIX >> 32 {
            Some(Ipv4Addr::from_bits(self.0 as u32))
        } else {
            None
        }
    }

    /// Whether the address can be that of one host: not unspecified, multicast or broadcast.
    #[must_use]
    pub fn is_unicast(self) -> bool {
        match self.to_ip() {
            IpAddr::V4(ip) => !(ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast()),
            IpAddr::V6(ip) => !(ip.is_unspecified() || ip.is_multicast()),
        }
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::from_v4(ip.octets()),
            IpAddr::V6(ip) => Self::from_v6(ip.octets()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_ip().fmt(f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_ip().fmt(f)
    }
}

/// The networks whose hosts are watched.
///
/// Only traffic that a host inside opens can become a sighting. The default is the private and
/// unique-local ranges: RFC 1918, RFC 6598, RFC 3927, RFC 4193 and IPv6 link-local.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HomeNetworks {
    /// Sorted, disjoint, inclusive ranges of addresses.
    ranges: Vec<(u128, u128)>,
}

impl HomeNetworks {
    /// Takes address blocks in any order; blocks may overlap.
    pub fn new(blocks: impl IntoIterator<Item = IpNet>) -> Self {
        let mut ranges: Vec<(u128, u128)> = blocks
            .into_iter()
            .map(|block| {
                let last = Address::from(block.broadcast()).0;
                let last = if block.addr().is_ipv6() {
                    last.min(V4_PREFIX - 1)
                } else {
                    last
                };
                (Address::from(block.network()).0, last)
            })
            .collect();
        ranges.sort_unstable();
        let mut merged: Vec<(u128, u128)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(previous) if first <= previous.1 => previous.1 = previous.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Self { ranges: merged }
    }

    /// Whether the address lies in one of the networks.
    #[must_use]
    pub fn contains(&self, address: Address) -> bool {
        let after = self.ranges.partition_point(|range| range.0 <= address.0);
        after
            .checked_sub(1)
            .and_then(|it| self.ranges.get(it))
            .is_some_and(|it| address.0 <= it.1)
    }
}

impl Default for HomeNetworks {
    fn default() -> Self {
        Self::new(DEFAULT_HOME.iter().filter_map(|it| it.parse().ok()))
    }
}

/// Prefix of IPv4 addresses; as IPv6 it would be a multicast group of all flags and no scope.
const V4_PREFIX: u128 = u128::MAX << 32;

/// Address blocks that no one owns globally, so that they are somebody's inside.
pub const DEFAULT_HOME: [&str; 7] = [
    "10.0.0.0/8",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "fc00::/7",
    "fe80::/10",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::from(text.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn an_address_is_written_as_it_came() {
        for text in [
            "10.1.2.3",
            "2001:db8::1",
            "::",
            "255.255.255.255",
            "::ffff:10.1.2.3",
        ] {
            assert_eq!(address(text).to_string(), text);
        }
    }

    #[test]
    fn home_is_the_private_ranges_by_default() {
        let home = HomeNetworks::default();
        for inside in [
            "10.0.0.0",
            "10.255.255.255",
            "172.31.0.1",
            "192.168.1.1",
            "fd00::1",
            "fe80::1",
        ] {
            assert!(home.contains(address(inside)), "{inside}");
        }
        for outside in [
            "9.255.255.255",
            "11.0.0.0",
            "172.32.0.0",
            "8.8.8.8",
            "2001:db8::1",
        ] {
            assert!(!home.contains(address(outside)), "{outside}");
        }
    }

    #[test]
    fn all_of_ipv6_holds_no_ipv4() {
        let home = HomeNetworks::new(["::/0".parse().unwrap()]);
        assert!(home.contains(address("2001:db8::1")));
        assert!(!home.contains(address("10.0.0.1")));
    }

    #[test]
    fn overlapping_blocks_are_one() {
        let blocks = ["192.0.2.0/24", "192.0.2.128/25", "192.0.0.0/16"];
        let home = HomeNetworks::new(blocks.iter().map(|it| it.parse().unwrap()));
        assert!(home.contains(address("192.0.255.255")));
        assert!(!home.contains(address("192.1.0.0")));
        assert!(!HomeNetworks::new([]).contains(address("10.0.0.1")));
    }
}
