//! Places: who may hold a connection, how fast clients may ask, and how much waits to be sent.
//!
//! Nothing here has a clock or a socket; the time is an argument.
//!
//! A newcomer always gets a place. If its address has its share already, the newcomer takes the place
//! of that address's connection that has been idle longest; if all places are taken, that of the
//! address with the most. So a client that opens and leaves connections takes them from itself, and
//! one that asks and reads is done before its turn to go comes. An address of IPv6 is its /64, of
//! which one machine can have any number.
//!
//! Each address may ask so many times a second; a handshake counts as several. Connections over that
//! are closed at once, requests wait.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// All places.
#[derive(Debug)]
pub(super) struct Places {
    bounds: Bounds,
    next: u64,
    taken: BTreeMap<u64, Place>,
    paces: HashMap<IpAddr, Pace>,
}

/// How many there are of what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Connections of all clients together.
    pub(super) connections: usize,
    /// Connections of one address.
    pub(super) share: usize,
    /// Octets of answers that are being sent, of all clients together.
    pub(super) held_octets: usize,
    /// Requests that an address may make a second; twice as many at once.
    pub(super) requests_a_second: f64,
}

/// A place that was given.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) id: u64,
    /// Becomes ready when the place goes to another connection.
    pub(super) lost: oneshot::Receiver<()>,
}

#[derive(Debug)]
struct Place {
    address: IpAddr,
    /// When the client last asked for something.
    since: Instant,
    held_octets: usize,
    /// Dropped with the place.
    _keep: oneshot::Sender<()>,
}

/// What an address has left to spend.
#[derive(Clone, Copy, Debug)]
struct Pace {
    requests: f64,
    at: Instant,
}

impl Places {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            next: 0,
            taken: BTreeMap::new(),
            paces: HashMap::new(),
        }
    }

    /// Gives a place to a connection, and the number of places that others lost by it.
    pub(super) fn take(&mut self, from: IpAddr, now: Instant) -> (Taken, usize) {
        let address = network(from);
        let mut lost = 0;
        if self.of(address).count() >= self.bounds.share {
            lost += self.free(address);
        } else if self.taken.len() >= self.bounds.connections {
            let most = self
                .taken
                .values()
                .map(|it| it.address)
                .max_by_key(|it| (self.of(*it).count(), *it));
            lost += most.map_or(0, |it| self.free(it));
        }
        let id = self.next;
        self.next += 1;
        let (keep, gone) = oneshot::channel();
        self.taken.insert(
            id,
            Place {
                address,
                since: now,
                held_octets: 0,
                _keep: keep,
            },
        );
        (Taken { id, lost: gone }, lost)
    }

    /// Notes that a client has asked for something.
    pub(super) fn asked(&mut self, id: u64, now: Instant) {
        if let Some(place) = self.taken.get_mut(&id) {
            place.since = now;
        }
    }

    /// Notes what a connection has yet to be sent; makes room by ending those that have been at it
    /// longest, and gives their number.
    pub(super) fn hold(&mut self, id: u64, octets: usize) -> usize {
        if let Some(place) = self.taken.get_mut(&id) {
            place.held_octets = octets;
        }
        let mut lost = 0;
        while self.held_octets() > self.bounds.held_octets {
            let holders = self.taken.iter().filter(|it| it.1.held_octets > 0);
            let oldest = holders
                .filter(|it| *it.0 != id)
                .min_by_key(|it| it.1.since)
                .map(|it| *it.0);
            let Some(oldest) = oldest else { break };
            self.taken.remove(&oldest);
            lost += 1;
        }
        lost
    }

    /// Takes a place back.
    pub(super) fn give_back(&mut self, id: u64) {
        self.taken.remove(&id);
    }

    /// Time until an address may make requests that count as `cost`; they are spent in any case.
    pub(super) fn spend(&mut self, from: IpAddr, cost: f64, now: Instant) -> Duration {
        let address = network(from);
        let rate = self.bounds.requests_a_second;
        let most = rate * 2.0;
        let refilled = |pace: &Pace| {
            let time = now.saturating_duration_since(pace.at).as_secs_f64();
            (pace.requests + time * rate).min(most)
        };
        if self.paces.len() >= MAX_PACES {
            self.paces.retain(|_, it| refilled(it) < most);
        }
        // Those for whom there is no room share one.
        let key = if self.paces.len() >= MAX_PACES && !self.paces.contains_key(&address) {
            IpAddr::V6(Ipv6Addr::UNSPECIFIED)
        } else {
            address
        };
        let pace = self.paces.entry(key).or_insert(Pace {
            requests: most,
            at: now,
        });
        // However many have come, nobody waits for ever once they stop.
        pace.requests = (refilled(pace) - cost).max(-most);
        pace.at = now;
        Duration::from_secs_f64((-pace.requests).max(0.0) / rate)
    }

    /// Connections that have a place.
    pub(super) fn len(&self) -> usize {
        self.taken.len()
    }

    fn held_octets(&self) -> usize {
        self.taken.values().map(|it| it.held_octets).sum()
    }

    fn of(&self, address: IpAddr) -> impl Iterator<Item = (&u64, &Place)> {
        self.taken.iter().filter(move |it| it.1.address == address)
    }

    /// Ends the longest idle connection of an address; gives how many that were.
    fn free(&mut self, address: IpAddr) -> usize {
        let oldest = self.of(address).min_by_key(|it| (it.1.since, *it.0));
        let Some(id) = oldest.map(|it| *it.0) else {
            return 0;
        };
        self.taken.remove(&id);
        1
    }
}

/// An address of IPv4, or the /64 of one of IPv6.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(it) => IpAddr::V4(it),
        IpAddr::V6(it) => IpAddr::V6(Ipv6Addr::from_bits(it.to_bits() >> 64 << 64)),
    }
}

/// Addresses whose pace is remembered at most.
const MAX_PACES: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        connections: 6,
        share: 3,
        held_octets: 1_000,
        requests_a_second: 10.0,
    };

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn has_lost(taken: &mut Taken) -> bool {
        !matches!(
            taken.lost.try_recv(),
            Err(oneshot::error::TryRecvError::Empty)
        )
    }

    #[test]
    fn an_address_over_its_share_takes_places_from_itself() {
        let start = Instant::now();
        let mut places = Places::new(BOUNDS);
        let (mut other, _) = places.take(ip(1), start);
        let mut mine: Vec<Taken> = (0..100)
            .map(|it| places.take(ip(2), start + Duration::from_millis(it)).0)
            .collect();
        assert_eq!(places.len(), 4);
        assert!(!has_lost(&mut other));
        let left = mine.iter_mut().map(has_lost).filter(|it| !it).count();
        assert_eq!(left, 3);
    }

    #[test]
    fn when_all_places_are_taken_the_address_with_the_most_loses_its_longest_idle_one() {
        let start = Instant::now();
        let mut places = Places::new(BOUNDS);
        let mut greedy: Vec<Taken> = (0..3).map(|_| places.take(ip(9), start).0).collect();
        let mut others: Vec<Taken> = (1..4).map(|it| places.take(ip(it), start).0).collect();
        places.asked(greedy[0].id, start + Duration::from_secs(1));
        let (mut newcomer, lost) = places.take(ip(7), start);
        assert_eq!(lost, 1);
        assert!(!has_lost(&mut newcomer));
        assert!(!has_lost(&mut greedy[0]), "it has just asked");
        assert!(has_lost(&mut greedy[1]));
        assert!(others.iter_mut().all(|it| !has_lost(it)));
        assert_eq!(places.len(), 6);
    }

    #[test]
    fn addresses_of_one_network_of_ipv6_share() {
        let start = Instant::now();
        let mut places = Places::new(BOUNDS);
        for last in 0..50_u16 {
            let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, last);
            places.take(IpAddr::V6(address), start);
        }
        assert_eq!(places.len(), 3);
    }

    #[test]
    fn answers_that_wait_make_room_for_new_ones() {
        let start = Instant::now();
        let mut places = Places::new(BOUNDS);
        let (mut slow, _) = places.take(ip(1), start);
        let (mut good, _) = places.take(ip(2), start + Duration::from_secs(1));
        assert_eq!(places.hold(slow.id, 800), 0);
        assert_eq!(places.hold(good.id, 800), 1);
        assert!(has_lost(&mut slow));
        assert!(!has_lost(&mut good));
        assert_eq!(places.hold(good.id, 5_000), 0, "one is sent, however large");
    }

    #[test]
    fn an_address_may_ask_in_a_burst_and_then_at_its_pace() {
        let start = Instant::now();
        let mut places = Places::new(BOUNDS);
        for _ in 0..20 {
            assert_eq!(places.spend(ip(1), 1.0, start), Duration::ZERO);
        }
        let wait = places.spend(ip(1), 1.0, start);
        assert!(wait > Duration::from_millis(90) && wait < Duration::from_millis(110));
        assert_eq!(places.spend(ip(2), 1.0, start), Duration::ZERO);
        for _ in 0..10_000 {
            places.spend(ip(1), 1.0, start);
        }
        let later = start + Duration::from_secs(5);
        assert_eq!(places.spend(ip(1), 1.0, later), Duration::ZERO);
    }

    #[test]
    fn paces_of_many_addresses_take_bounded_room() {
        let start = Instant::now();
        let mut places = Places::new(BOUNDS);
        for number in 0..100_000_u32 {
            places.spend(IpAddr::from(number.to_be_bytes()), 1.0, start);
        }
        assert!(places.paces.len() <= MAX_PACES + 1);
    }
}
