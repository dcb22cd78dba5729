//! How home hosts ask in DNS past the site's own resolvers: encrypted, or at public resolvers.
//!
//! Of a host whose questions cannot be read, "none found" says less than of another. So it is
//! remembered which hosts hide theirs, and by what, and which ask public resolvers in clear: all but
//! those that the settings say are the site's own. What a site is configured to use is not on the
//! wire, and what most of its hosts do is no proof of it. Hosts that resolve or connect for others are
//! left out when this is shown, for they ask for others too.

use std::collections::BTreeMap;
use std::time::Duration;

use super::roles::eighth;
use crate::detection::{HiddenQuestions, PublicQuestions};
use crate::host::Address;
use crate::time::Timestamp;
use crate::visibility::EncryptedDns;

/// A host that asks past the site's own resolvers. Counts stop at their largest value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Asker {
    /// The host inside.
    pub host: Address,
    /// Flows that hide its questions, by [`EncryptedDns`].
    pub hidden: [u32; 4],
    /// Questions in clear to public resolvers.
    pub public: u32,
    /// The public resolver that it asked last in clear.
    pub resolver: Option<Address>,
    /// When it was last seen to ask so.
    pub last: Timestamp,
}

impl Asker {
    /// Whether any of its questions cannot be read.
    #[must_use]
    pub fn hides(&self) -> bool {
        self.hidden != [0; 4]
    }

    /// What hides its questions, and how many flows do.
    pub fn kinds(&self) -> impl Iterator<Item = (EncryptedDns, u32)> {
        let counts = EncryptedDns::ALL.into_iter().zip(self.hidden);
        counts.filter(|it| it.1 > 0)
    }
}

/// How many home hosts ask past the site's own resolvers, and some of them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Asking {
    /// Hosts whose questions cannot be read, or not all.
    pub hiding: u64,
    /// The same by [`EncryptedDns`]; a host may count for several.
    pub hiding_by: [u64; 4],
    /// Hosts that ask public resolvers in clear.
    pub public: u64,
    /// The hosts with the lowest addresses, at most [`MAX_SHOWN`].
    pub hosts: Vec<Asker>,
}

/// The memory of hosts that ask past the site's own resolvers.
///
/// Anyone can ask in the name of any host. So hosts that are not known to be there have half of the
/// room at most. When there is no room for a newcomer, those make some that have not asked so for a
/// day, the oldest first, an eighth of all at once. Without such hosts, it is refused.
#[derive(Debug)]
pub(super) struct Askers {
    hosts: BTreeMap<Address, Asker>,
    capacity: usize,
    refused: u64,
    evicted: u64,
    /// Too few had been silent for a day to look again before that.
    next_look: Timestamp,
}

impl Askers {
    pub(super) const fn new(capacity: usize) -> Self {
        Self {
            hosts: BTreeMap::new(),
            capacity,
            refused: 0,
            evicted: 0,
            next_look: Timestamp::MIN,
        }
    }

    /// Takes note of a flow that hides questions; `is_there` if the host is known to be.
    pub(super) fn hides(&mut self, what: &HiddenQuestions, at: Timestamp, is_there: bool) {
        if let Some(asker) = self.asker(what.client, at, is_there) {
            let count = &mut asker.hidden[what.kind as usize];
            *count = count.saturating_add(1);
        }
    }

    /// Takes note of questions to a public resolver; `is_there` if the host is known to be.
    pub(super) fn asks(&mut self, what: &PublicQuestions, at: Timestamp, is_there: bool) {
        if let Some(asker) = self.asker(what.client, at, is_there) {
            asker.public = asker.public.saturating_add(what.count);
            asker.resolver = Some(what.resolver);
        }
    }

    pub(super) fn of(&self, host: Address) -> Option<Asker> {
        self.hosts.get(&host).copied()
    }

    /// How many there are of those that ask for themselves, and some of them.
    pub(super) fn shown(&self, asks_for_itself: impl Fn(Address) -> bool) -> Asking {
        let mut asking = Asking::default();
        for asker in self.hosts.values().filter(|it| asks_for_itself(it.host)) {
            asking.hiding += u64::from(asker.hides());
            asking.public += u64::from(asker.public > 0);
            for (kind, _) in asker.kinds() {
                asking.hiding_by[kind as usize] += 1;
            }
            if asking.hosts.len() < MAX_SHOWN {
                asking.hosts.push(*asker);
            }
        }
        asking
    }

    /// How often a host was not taken in.
    pub(super) const fn refused(&self) -> u64 {
        self.refused
    }

    /// How many hosts were forgotten to make room.
    pub(super) const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Forgets hosts that have not asked so for a day.
    fn make_room(&mut self, at: Timestamp) {
        if at < self.next_look {
            return;
        }
        self.next_look = at.after(BETWEEN_LOOKS);
        let is_silent = |it: &Asker| it.last.after(DAY) <= at;
        let silent = self.hosts.values().filter(|it| is_silent(it));
        if let Some(newest) = eighth(silent.map(|it| it.last), self.capacity) {
            let before = self.hosts.len();
            self.hosts.retain(|_, it| it.last > newest);
            self.evicted += (before - self.hosts.len()) as u64;
        }
    }

    fn asker(&mut self, host: Address, at: Timestamp, is_there: bool) -> Option<&mut Asker> {
        let room = if is_there {
            self.capacity
        } else {
            self.capacity / 2
        };
        if self.hosts.len() >= room && !self.hosts.contains_key(&host) {
            self.make_room(at);
            if self.hosts.len() >= room {
                self.refused += 1;
                return None;
            }
        }
        let asker = self.hosts.entry(host).or_insert(Asker {
            host,
            hidden: [0; 4],
            public: 0,
            resolver: None,
            last: at,
        });
        asker.last = asker.last.max(at);
        Some(asker)
    }
}

/// Hosts that are remembered: about 8 MiB.
pub(super) const MAX_ASKERS: usize = 65_536;

const DAY: Duration = Duration::from_secs(86_400);

/// Time between two looks for room.
const BETWEEN_LOOKS: Duration = Duration::from_secs(3600);

/// Hosts that are shown one by one.
pub const MAX_SHOWN: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn host(number: u8) -> Address {
        Address::from_v4([10, 0, 0, number])
    }

    fn hidden(number: u8, kind: EncryptedDns) -> HiddenQuestions {
        HiddenQuestions {
            client: host(number),
            kind,
            is_answered: true,
        }
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs_nanos(secs, 0)
    }

    #[test]
    fn hosts_count_once_and_for_each_way_in_which_they_hide() {
        let mut askers = Askers::new(8);
        askers.hides(&hidden(1, EncryptedDns::Doh), at(1), true);
        askers.hides(&hidden(1, EncryptedDns::Doh), at(3), true);
        askers.hides(&hidden(1, EncryptedDns::Dot), at(2), true);
        askers.hides(&hidden(2, EncryptedDns::Doq), at(2), true);
        let questions = PublicQuestions {
            client: host(3),
            resolver: Address::from_v4([8, 8, 8, 8]),
            count: 5,
        };
        askers.asks(&questions, at(4), true);
        let shown = askers.shown(|_| true);
        assert_eq!((shown.hiding, shown.public), (2, 1));
        assert_eq!(shown.hiding_by, [1, 1, 1, 0]);
        let first = shown.hosts[0];
        assert_eq!((first.hidden, first.last), ([2, 1, 0, 0], at(3)));
        assert!(!shown.hosts[2].hides());
        assert_eq!(shown.hosts[2].public, 5);
    }

    #[test]
    fn those_that_ask_for_others_are_not_shown() {
        let mut askers = Askers::new(8);
        askers.hides(&hidden(1, EncryptedDns::Dot), at(1), true);
        assert_eq!(askers.shown(|it| it != host(1)), Asking::default());
        assert!(askers.of(host(1)).is_some());
    }

    #[test]
    fn hosts_that_may_be_made_up_have_half_of_the_room() {
        let mut askers = Askers::new(4);
        for number in 0..10 {
            askers.hides(&hidden(number, EncryptedDns::Doh), at(1), false);
        }
        assert_eq!((askers.shown(|_| true).hiding, askers.refused()), (2, 8));
        for number in 20..30 {
            askers.hides(&hidden(number, EncryptedDns::Doh), at(1), true);
        }
        assert_eq!((askers.shown(|_| true).hiding, askers.refused()), (4, 16));
        askers.hides(&hidden(0, EncryptedDns::Dot), at(2), false);
        assert_eq!(askers.of(host(0)).unwrap().hidden, [1, 1, 0, 0]);
    }

    #[test]
    fn hosts_that_have_not_asked_so_for_a_day_make_room_the_oldest_first() {
        let mut askers = Askers::new(4);
        let mut hides = |number, secs| {
            askers.hides(&hidden(number, EncryptedDns::Doh), at(secs), true);
            let there = (1..10).filter(|it| askers.of(host(*it)).is_some());
            (
                there.collect::<Vec<_>>(),
                askers.evicted(),
                askers.refused(),
            )
        };
        for (number, secs) in [(1, 10), (2, 20), (3, 80_000)] {
            hides(number, secs);
        }
        assert_eq!(hides(4, 80_000), (vec![1, 2, 3, 4], 0, 0));
        assert_eq!(
            hides(5, 80_000),
            (vec![1, 2, 3, 4], 0, 1),
            "all asked of late"
        );
        assert_eq!(hides(5, 90_000), (vec![2, 3, 4, 5], 1, 1));
        assert_eq!(
            hides(6, 90_001),
            (vec![2, 3, 4, 5], 1, 2),
            "looked for just now"
        );
        assert_eq!(hides(6, 93_600), (vec![3, 4, 5, 6], 2, 2));
    }

    #[test]
    fn no_more_hosts_are_shown_one_by_one_than_the_bound_says() {
        let mut askers = Askers::new(MAX_ASKERS);
        for number in 0..1_100_u16 {
            let [high, low] = number.to_be_bytes();
            let what = HiddenQuestions {
                client: Address::from_v4([10, 0, high, low]),
                kind: EncryptedDns::Doh,
                is_answered: true,
            };
            askers.hides(&what, at(1), true);
        }
        let shown = askers.shown(|_| true);
        assert_eq!((shown.hiding, shown.hosts.len()), (1_100, MAX_SHOWN));
    }
}
