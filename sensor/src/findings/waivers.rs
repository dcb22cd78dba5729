//! Which findings are waived, and until when.
//!
//! In come the [`Waiver`]s of a file, out goes the one for a host and a vendor on a day. The day is
//! that of the packets. A waiver holds through its last day, UTC; from the next on it has run out,
//! and is still told of.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::RandomState;
use ipnet::IpNet;
use phonehome_signatures::{Day, Waiver};

use crate::host::Address;

/// The waivers in force, and those that have run out.
#[derive(Clone, Debug, Default)]
pub struct Waivers {
    list: Vec<Waiver>,
    by_vendor: BTreeMap<String, Blocks>,
}

/// A waiver for a finding.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Waived<'w> {
    /// The waiver.
    pub waiver: &'w Waiver,
    /// Whether it holds.
    pub force: Force,
}

/// Whether a waiver holds on a day.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Force {
    /// It holds.
    Holds,
    /// Its last day is over.
    RanOut,
}

/// The waivers of a vendor, by block of addresses.
#[derive(Clone, Debug, Default)]
struct Blocks {
    /// The lengths of the prefixes that there are: of a thousand waivers, one or two.
    lens: BTreeSet<(Family, u32)>,
    /// Index in the list of waivers.
    places: HashMap<Block, usize, RandomState>,
}

/// A block of addresses: its kind, the length of its prefix, and its first address.
type Block = (Family, u32, u128);

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Family {
    V4,
    V6,
}

impl Waivers {
    /// Takes waivers, of which no two are for the same block and vendor; of such, the last counts.
    #[must_use]
    pub fn new(list: Vec<Waiver>) -> Self {
        let mut by_vendor: BTreeMap<String, Blocks> = BTreeMap::new();
        for (place, waiver) in list.iter().enumerate() {
            let blocks = by_vendor.entry(waiver.vendor.clone()).or_default();
            let block = block(waiver.hosts);
            blocks.lens.insert((block.0, block.1));
            blocks.places.insert(block, place);
        }
        Self { list, by_vendor }
    }

    /// How many there are, those that have run out included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The waiver for a host and a vendor, by the id of its pack: the one with the latest last day.
    #[must_use]
    pub fn find(&self, vendor: &str, host: Address, today: Day) -> Option<Waived<'_>> {
        let blocks = self.by_vendor.get(vendor)?;
        let family = match host.v4() {
            Some(_) => Family::V4,
            None => Family::V6,
        };
        let fitting = blocks.lens.iter().filter(|it| it.0 == family);
        let waivers = fitting.filter_map(|&(family, len)| {
            let block = (family, len, host.as_bits() & mask(family, len));
            self.list.get(*blocks.places.get(&block)?)
        });
        let waiver = waivers.max_by_key(|it| it.until)?;
        let force = if today <= waiver.until {
            Force::Holds
        } else {
            Force::RanOut
        };
        Some(Waived { waiver, force })
    }
}

fn block(hosts: IpNet) -> Block {
    let family = match hosts {
        IpNet::V4(_) => Family::V4,
        IpNet::V6(_) => Family::V6,
    };
    let len = u32::from(hosts.prefix_len());
    let first = Address::from(hosts.network()).as_bits();
    (family, len, first & mask(family, len))
}

/// The bits of an address that are the prefix. An IPv4 address is the last 32 bits.
fn mask(family: Family, len: u32) -> u128 {
    let free = match family {
        Family::V4 => 32_u32.saturating_sub(len),
        Family::V6 => 128_u32.saturating_sub(len),
    };
    u128::MAX.checked_shl(free).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn address(text: &str) -> Address {
        Address::from(text.parse::<IpAddr>().unwrap())
    }

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn waiver(hosts: &str, vendor: &str, until: &str) -> Waiver {
        Waiver {
            hosts: hosts.parse().unwrap(),
            vendor: vendor.to_owned(),
            until: day(until),
            reason: "a laboratory".to_owned(),
            by: "someone".to_owned(),
        }
    }

    fn until(waivers: &Waivers, host: &str, today: &str) -> Option<(String, Force)> {
        let found = waivers.find("kaspersky", address(host), day(today))?;
        Some((found.waiver.until.to_string(), found.force))
    }

    #[test]
    fn a_waiver_is_for_its_hosts_and_its_vendor_only() {
        let waivers = Waivers::new(vec![waiver("10.1.2.0/24", "kaspersky", "2027-01-31")]);
        let today = day("2026-11-25");
        let holds = |vendor, host| waivers.find(vendor, address(host), today).is_some();
        assert!(holds("kaspersky", "10.1.2.0") && holds("kaspersky", "10.1.2.255"));
        assert!(!holds("kaspersky", "10.1.3.0") && !holds("kaspersky", "10.1.1.255"));
        assert!(!holds("hikvision", "10.1.2.3"));
        assert!(!holds("kaspersky", "::ffff:10.1.2.3"));
    }

    #[test]
    fn a_waiver_holds_through_its_last_day_and_not_longer() {
        let waivers = Waivers::new(vec![waiver("10.1.2.3/32", "kaspersky", "2027-01-31")]);
        let force = |today| until(&waivers, "10.1.2.3", today).unwrap().1;
        assert_eq!(force("2027-01-30"), Force::Holds);
        assert_eq!(force("2027-01-31"), Force::Holds);
        assert_eq!(force("2027-02-01"), Force::RanOut);
    }

    #[test]
    fn of_several_waivers_the_one_that_holds_longest_counts() {
        let waivers = Waivers::new(vec![
            waiver("10.0.0.0/8", "kaspersky", "2026-12-31"),
            waiver("10.1.2.3/32", "kaspersky", "2026-06-30"),
            waiver("10.1.0.0/16", "kaspersky", "2026-09-30"),
        ]);
        let found = until(&waivers, "10.1.2.3", "2026-07-01");
        assert_eq!(found, Some(("2026-12-31".to_owned(), Force::Holds)));
        let found = until(&waivers, "10.1.2.3", "2027-01-01");
        assert_eq!(found, Some(("2026-12-31".to_owned(), Force::RanOut)));
    }

    #[test]
    fn a_waiver_for_all_of_one_family_is_for_none_of_the_other() {
        let waivers = Waivers::new(vec![waiver("::/0", "kaspersky", "2027-01-31")]);
        assert!(until(&waivers, "2001:db8::1", "2026-01-01").is_some());
        assert!(until(&waivers, "10.1.2.3", "2026-01-01").is_none());
        let waivers = Waivers::new(vec![waiver("0.0.0.0/0", "kaspersky", "2027-01-31")]);
        assert!(until(&waivers, "10.1.2.3", "2026-01-01").is_some());
        assert!(until(&waivers, "2001:db8::1", "2026-01-01").is_none());
    }

    #[test]
    fn without_waivers_nothing_is_waived() {
        assert!(Waivers::default().is_empty());
        assert_eq!(until(&Waivers::default(), "10.1.2.3", "2026-01-01"), None);
    }
}
