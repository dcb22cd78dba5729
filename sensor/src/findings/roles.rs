//! Which hosts are alive, and which of them act for others.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use crate::host::Address;

/// Home hosts that were seen, and the roles of those that have one.
///
/// Anyone can send packets in the name of any host, but not receive what is answered. So hosts that
/// were only heard of are kept apart from those that took part in an exchange: a flood of the former
/// leaves no less room for the latter.
///
/// Each of the memories is bounded by the same number of hosts. A host that comes when its memory is
/// full is not taken in, and counted.
#[derive(Debug)]
pub(super) struct Hosts {
    /// Hosts that sent and received.
    proven: HashSet<Address, RandomState>,
    /// Other hosts that seem to have sent something.
    heard: HashSet<Address, RandomState>,
    roles: HashMap<Address, Roles, RandomState>,
    /// Hosts that were asked in DNS. They may be resolvers whose answers were not seen yet.
    asked: HashSet<Address, RandomState>,
    capacity: usize,
    refused: u64,
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
            proven: HashSet::default(),
            heard: HashSet::default(),
            roles: HashMap::default(),
            asked: HashSet::default(),
            capacity,
            refused: 0,
        }
    }

    /// Takes note that a host seems to have sent something.
    pub(super) fn heard(&mut self, host: Address) {
        if !self.proven.contains(&host) {
            Self::admit(&mut self.heard, host, self.capacity, &mut self.refused);
        }
    }

    /// Takes note that a host took part in an exchange.
    pub(super) fn proven(&mut self, host: Address) {
        if self.proven.contains(&host) {
            return;
        }
        self.heard.remove(&host);
        Self::admit(&mut self.proven, host, self.capacity, &mut self.refused);
    }

    /// Takes note that a host was asked in DNS.
    pub(super) fn asked(&mut self, host: Address) {
        Self::admit(&mut self.asked, host, self.capacity, &mut self.refused);
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
        self.proven.contains(&host)
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

    fn roles_mut(&mut self, host: Address) -> Option<&mut Roles> {
        if self.roles.len() >= self.capacity && !self.roles.contains_key(&host) {
            self.refused += 1;
            return None;
        }
        Some(self.roles.entry(host).or_default())
    }

    fn admit(
        set: &mut HashSet<Address, RandomState>,
        host: Address,
        capacity: usize,
        refused: &mut u64,
    ) {
        if set.contains(&host) {
            return;
        }
        if set.len() >= capacity {
            *refused += 1;
            return;
        }
        set.insert(host);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            hosts.proven(host);
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
            hosts.heard(Address::from_v4([10, 0, 1, number]));
        }
        assert_eq!((hosts.alive(), hosts.refused()), (2, 8));
        for host in [HOST, OTHER] {
            hosts.proven(host);
            hosts.heard(host);
        }
        assert_eq!((hosts.alive(), hosts.refused()), (4, 8));
        assert!(hosts.is_proven(HOST) && !hosts.is_proven(Address::from_v4([10, 0, 1, 0])));
    }
}
