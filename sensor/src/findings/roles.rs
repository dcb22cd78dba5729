//! Which hosts are alive, and which of them act for others.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use foldhash::fast::RandomState;

use super::saved::SavedHost;
use super::state::Seen;
use super::watch::{Watch, Watched};
use crate::host::Address;

/// Home hosts that were seen, and the roles of those that have one.
///
/// Anyone can send packets in the name of any host, but not receive what is answered. So hosts that
/// were only heard of are kept apart from those that took part in an exchange: a flood of the former
/// leaves no less room for the latter.
///
/// Each of the memories is bounded by the same number of hosts. When one is full, hosts make room that
/// have not been seen for a day of watching, see [`Hosts::make_room`]: with addresses that change every
/// day, as those of IPv6 do, any memory is full sooner or later. Without such hosts, a newcomer is not
/// taken in, and counted.
#[derive(Debug)]
pub(super) struct Hosts {
    /// Hosts that sent and received.
    proven: HashMap<Address, Seen, RandomState>,
    /// Other hosts that seem to have sent something.
    heard: HashMap<Address, Seen, RandomState>,
    roles: HashMap<Address, Roles, RandomState>,
    /// Hosts that were asked in DNS. They may be resolvers whose answers were not seen yet.
    asked: HashSet<Address, RandomState>,
    capacity: usize,
    refused: u64,
    evicted: u64,
    /// Nothing was found to make room, or too little to look again before that.
    next_look: Watched,
}

/// What a host does for others.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Roles {
    resolver: bool,
    proxy: bool,
}

/// Which sightings of a host are its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum View {
    /// All.
    All,
    /// Those with a connection: the host is a resolver, and asks in DNS for others.
    Direct,
    /// None: the host is a proxy, and both asks and connects for others.
    Nothing,
}

impl Hosts {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            proven: HashMap::default(),
            heard: HashMap::default(),
            roles: HashMap::default(),
            asked: HashSet::default(),
            capacity,
            refused: 0,
            evicted: 0,
            next_look: Watched::default(),
        }
    }

    /// Whether a memory is full, and it is time to [make room](Self::make_room).
    pub(super) fn wants_room(&self, watch: &Watch) -> bool {
        let sizes = [&self.proven, &self.heard].map(HashMap::len);
        let is_full = sizes
            .into_iter()
            .chain([self.roles.len(), self.asked.len()])
            .any(|it| it >= self.capacity);
        is_full && self.next_look <= watch.now()
    }

    /// Forgets hosts where a memory is full: an eighth of it at most, those seen longest ago, and none
    /// that was seen within a slot or that `stays` names. Of hosts with a role, and of those asked in
    /// DNS, it forgets all that are not known to be alive.
    pub(super) fn make_room(&mut self, watch: &Watch, stays: impl Fn(Address) -> bool) {
        let mut is_enough = true;
        for seen in [&mut self.proven, &mut self.heard] {
            if seen.len() < self.capacity {
                continue;
            }
            let goes = |host: &Address, it: &Seen| watch.is_past(it.at) && !stays(*host);
            let times = seen.iter().filter(|(host, it)| goes(host, it));
            let before = seen.len();
            if let Some(newest) = eighth(times.map(|(_, it)| it.at), self.capacity) {
                seen.retain(|host, it| it.at > newest || !goes(host, it));
            }
            let gone = before - seen.len();
            self.evicted += gone as u64;
            is_enough &= gone > self.capacity / PART / 2;
        }
        let (proven, heard) = (&self.proven, &self.heard);
        let is_known = |it: &Address| proven.contains_key(it) || heard.contains_key(it);
        if self.roles.len() >= self.capacity {
            self.roles.retain(|it, _| is_known(it) || stays(*it));
            is_enough &= self.roles.len() < self.capacity;
        }
        if self.asked.len() >= self.capacity {
            self.asked.retain(|it| is_known(it) || stays(*it));
            is_enough &= self.asked.len() < self.capacity;
        }
        if !is_enough {
            self.next_look = watch.now().after(BETWEEN_LOOKS);
        }
    }

    /// Takes note that a host seems to have sent something.
    pub(super) fn heard(&mut self, host: Address, watch: &Watch) {
        if let Some(seen) = self.proven.get_mut(&host) {
            seen.again(watch);
        } else if let Some(seen) = self.heard.get_mut(&host) {
            seen.again(watch);
        } else if self.heard.len() < self.capacity {
            self.heard.insert(host, Seen::first(watch));
        } else {
            self.refused += 1;
        }
    }

    /// Takes note that a host took part in an exchange.
    pub(super) fn proven(&mut self, host: Address, watch: &Watch) {
        if let Some(seen) = self.proven.get_mut(&host) {
            seen.again(watch);
            return;
        }
        let mut seen = self.heard.remove(&host).unwrap_or(Seen::first(watch));
        if self.proven.len() < self.capacity {
            seen.again(watch);
            self.proven.insert(host, seen);
        } else {
            self.refused += 1;
        }
    }

    /// Takes note that a host was asked in DNS.
    pub(super) fn asked(&mut self, host: Address) {
        if self.asked.contains(&host) {
            return;
        }
        if self.asked.len() < self.capacity {
            self.asked.insert(host);
        } else {
            self.refused += 1;
        }
    }

    pub(super) fn resolver(&mut self, host: Address) {
        if let Some(roles) = self.roles_mut(host) {
            roles.resolver = true;
        }
    }

    pub(super) fn proxy(&mut self, host: Address) {
        if let Some(roles) = self.roles_mut(host) {
            roles.proxy = true;
        }
    }

    /// Which sightings of the host are its own, by the roles it is known to have.
    pub(super) fn view(&self, host: Address) -> View {
        match self.roles.get(&host) {
            Some(Roles { proxy: true, .. }) => View::Nothing,
            Some(Roles { resolver: true, .. }) => View::Direct,
            _ => View::All,
        }
    }

    /// Like [`Hosts::view`], but a host that was asked in DNS is held to be a resolver.
    pub(super) fn cautious_view(&self, host: Address) -> View {
        match self.view(host) {
            View::All if self.asked.contains(&host) => View::Direct,
            view => view,
        }
    }

    /// Whether a host is known to have taken part in an exchange.
    pub(super) fn is_proven(&self, host: Address) -> bool {
        self.proven.contains_key(&host)
    }

    /// When a host was last seen; nothing if it is not known.
    pub(super) fn seen(&self, host: Address) -> Seen {
        let seen = self.proven.get(&host).or_else(|| self.heard.get(&host));
        seen.copied().unwrap_or_default()
    }

    /// Whether a host is known as a resolver, and whether as a proxy.
    pub(super) fn roles_of(&self, host: Address) -> (bool, bool) {
        let roles = self.roles.get(&host).copied().unwrap_or_default();
        (roles.resolver, roles.proxy)
    }

    /// Whether a host was asked in DNS.
    pub(super) fn was_asked(&self, host: Address) -> bool {
        self.asked.contains(&host)
    }

    /// Takes what was known of a host in an earlier run.
    pub(super) fn restore(&mut self, saved: &SavedHost) {
        let host = saved.host;
        let seen = if saved.is_proven {
            &mut self.proven
        } else {
            &mut self.heard
        };
        if saved.slots > 0 && seen.len() < self.capacity {
            seen.insert(host, saved.seen());
        }
        if saved.was_asked {
            self.asked(host);
        }
        if saved.is_resolver {
            self.resolver(host);
        }
        if saved.is_proxy {
            self.proxy(host);
        }
    }

    /// How many hosts were seen alive.
    pub(super) fn alive(&self) -> usize {
        self.proven.len() + self.heard.len()
    }

    /// How many hosts are known as resolvers, and how many as proxies.
    pub(super) fn with_roles(&self) -> (usize, usize) {
        let count = |has: fn(&Roles) -> bool| self.roles.values().filter(|it| has(it)).count();
        (count(|it| it.resolver), count(|it| it.proxy))
    }

    /// How often a host was not taken in.
    pub(super) const fn refused(&self) -> u64 {
        self.refused
    }

    /// How many hosts were forgotten to make room.
    pub(super) const fn evicted(&self) -> u64 {
        self.evicted
    }

    fn roles_mut(&mut self, host: Address) -> Option<&mut Roles> {
        if self.roles.len() >= self.capacity && !self.roles.contains_key(&host) {
            self.refused += 1;
            return None;
        }
        Some(self.roles.entry(host).or_default())
    }
}

impl Seen {
    fn first(watch: &Watch) -> Self {
        Self {
            at: watch.now(),
            slots: 1,
        }
    }

    /// It was seen again: in a slot of its own, if that has begun since.
    fn again(&mut self, watch: &Watch) {
        if self.at < watch.slot_began() {
            self.slots = self.slots.saturating_add(1);
        }
        self.at = watch.now();
    }
}

/// The newest of the oldest times, as many as make room for an eighth of a memory; `None` if there is
/// none.
pub(super) fn eighth<T: Copy + Ord>(times: impl Iterator<Item = T>, capacity: usize) -> Option<T> {
    let mut times: Vec<T> = times.collect();
    let last = (capacity / PART).max(1).min(times.len()).checked_sub(1)?;
    let (_, newest, _) = times.select_nth_unstable(last);
    Some(*newest)
}

/// The part of a memory that makes room at once, so that it is seldom looked for.
const PART: usize = 8;

/// Time watched between two looks for room, where the first found little.
const BETWEEN_LOOKS: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    const HOST: Address = Address::from_v4([10, 0, 0, 1]);
    const OTHER: Address = Address::from_v4([10, 0, 0, 2]);

    #[test]
    fn a_proxy_has_nothing_of_its_own_even_if_it_is_a_resolver_too() {
        let mut hosts = Hosts::new(8);
        assert_eq!(hosts.view(HOST), View::All);
        hosts.resolver(HOST);
        assert_eq!(hosts.view(HOST), View::Direct);
        hosts.proxy(HOST);
        assert_eq!(hosts.view(HOST), View::Nothing);
        assert_eq!(hosts.view(OTHER), View::All);
        assert_eq!(hosts.with_roles(), (1, 1));
    }

    #[test]
    fn a_host_that_was_asked_is_suspected_and_no_more() {
        let mut hosts = Hosts::new(8);
        hosts.asked(HOST);
        assert_eq!(hosts.view(HOST), View::All);
        assert_eq!(hosts.cautious_view(HOST), View::Direct);
        assert_eq!(hosts.cautious_view(OTHER), View::All);
    }

    #[test]
    fn each_memory_is_bounded_and_counts_whom_it_refused() {
        let mut hosts = Hosts::new(1);
        for host in [HOST, HOST, OTHER] {
            hosts.proven(host, &watch());
            hosts.asked(host);
            hosts.resolver(host);
        }
        assert_eq!(hosts.alive(), 1);
        assert_eq!(hosts.view(OTHER), View::All);
        assert_eq!(hosts.cautious_view(OTHER), View::All);
        assert_eq!(hosts.refused(), 3);
    }

    #[test]
    fn hosts_that_were_only_heard_of_leave_room_for_those_that_are_there() {
        let mut hosts = Hosts::new(2);
        for number in 0..10 {
            hosts.heard(Address::from_v4([10, 0, 1, number]), &watch());
        }
        assert_eq!((hosts.alive(), hosts.refused()), (2, 8));
        for host in [HOST, OTHER] {
            hosts.proven(host, &watch());
            hosts.heard(host, &watch());
        }
        assert_eq!((hosts.alive(), hosts.refused()), (4, 8));
        assert!(hosts.is_proven(HOST) && !hosts.is_proven(Address::from_v4([10, 0, 1, 0])));
    }

    #[test]
    fn a_host_is_seen_in_each_slot_once() {
        let mut hosts = Hosts::new(8);
        let mut watch = watch();
        for (hours, slots) in [(0, 1), (1, 1), (23, 1), (24, 2), (30, 2), (49, 3), (200, 4)] {
            let at = Timestamp::default().after(Duration::from_secs(3600) * hours);
            watch.sign(at);
            hosts.heard(HOST, &watch);
            hosts.proven(HOST, &watch);
            let seen = hosts.seen(HOST);
            assert_eq!(
                (seen.at, seen.slots),
                (watch.now(), slots),
                "after {hours} h"
            );
        }
        assert_eq!(hosts.seen(OTHER), Seen::default());
    }

    #[test]
    fn hosts_not_seen_for_a_day_make_room_the_oldest_first() {
        let mut hosts = Hosts::new(16);
        let mut watch = watch();
        for number in 0..16 {
            watch.sign(hours(u32::from(number)));
            hosts.heard(host(number), &watch);
            hosts.proven(host(number), &watch);
        }
        assert!(hosts.wants_room(&watch));
        hosts.make_room(&watch, |_| false);
        assert_eq!((hosts.alive(), hosts.evicted()), (16, 0), "nobody is gone");
        assert!(!hosts.wants_room(&watch), "not looked for again at once");

        watch.sign(hours(30));
        assert!(hosts.wants_room(&watch));
        hosts.make_room(&watch, |it| it == host(1));
        assert_eq!((hosts.alive(), hosts.evicted()), (14, 2));
        let known: Vec<u8> = (0..16).filter(|it| hosts.is_proven(host(*it))).collect();
        assert_eq!(known, [1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        assert!(!hosts.wants_room(&watch));
        hosts.proven(OTHER, &watch);
        assert_eq!((hosts.alive(), hosts.refused()), (15, 0));
    }

    #[test]
    fn each_memory_makes_room_for_itself() {
        let mut hosts = Hosts::new(2);
        let mut watch = watch();
        watch.sign(hours(0));
        for number in 0..2 {
            hosts.proven(host(number), &watch);
            hosts.asked(host(number + 1));
            hosts.resolver(host(number + 1));
        }
        watch.sign(hours(20));
        hosts.heard(OTHER, &watch);
        watch.sign(hours(25));
        hosts.make_room(&watch, |_| false);
        assert_eq!((hosts.alive(), hosts.evicted()), (1, 2));
        assert_eq!(hosts.with_roles(), (0, 0));
        assert!(!hosts.was_asked(host(1)) && !hosts.was_asked(host(2)));
    }

    fn host(number: u8) -> Address {
        Address::from_v4([10, 0, 2, number])
    }

    fn hours(hours: u32) -> Timestamp {
        Timestamp::default().after(Duration::from_secs(3600) * hours)
    }

    fn watch() -> Watch {
        let day = Duration::from_secs(86_400);
        let mut watch = Watch::new(Duration::ZERO, day, day * 30);
        watch.sign(Timestamp::default());
        watch
    }
}
