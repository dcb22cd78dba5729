//! Which flagged names an address was recently answered for.
//!
//! In come the addresses that DNS gave for names that a signature claims; out goes, for a
//! connection without a readable name, the name that its server's address was last answered for: to
//! this very client, or failing that to any other. An answer is good for [`KEPT`] after it was
//! given, whatever its TTL, because clients cling to addresses. What an address was answered for
//! other than flagged names is not known here, which is why a connection with a name of its own is
//! never looked up.
//!
//! Both memories are bounded by a number of entries; the one answered longest ago makes room.

use std::time::Duration;

use phonehome_signatures::SignatureId;

use crate::detection::Resolution;
use crate::host::Address;
use crate::names::Name;
use crate::recent::Recent;
use crate::time::Timestamp;

/// The recent answers, per client and network-wide.
#[derive(Debug)]
pub struct Resolved {
    by_client: Recent<(Address, Address), Answer>,
    by_address: Recent<Address, Answer>,
}

/// How well an address is known to have been used for a name.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Grade {
    /// Only another client was answered the address for the name.
    SomeClient,
    /// This client was answered the address for the name.
    ThisClient,
}

/// What an address was answered for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answered {
    /// The name that was asked for.
    pub name: Name,
    /// The signature that claims the name, or a CNAME target of it.
    pub signature: SignatureId,
    /// Who was told.
    pub grade: Grade,
}

impl Resolved {
    /// Makes an empty memory of at most `capacity` entries per client, and as many network-wide.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            by_client: Recent::new(capacity),
            by_address: Recent::new(capacity),
        }
    }

    /// Remembers an answer given at `at`. Of two names for one address the later answer holds.
    pub fn remember(&mut self, resolution: &Resolution, at: Timestamp) {
        let key = (resolution.client, resolution.address);
        let make = || Answer::new(resolution, at);
        if let Some(answer) = self.by_client.refresh(&key, make) {
            answer.refresh(resolution, at);
        }
        if let Some(answer) = self.by_address.refresh(&resolution.address, make) {
            answer.refresh(resolution, at);
        }
    }

    /// What `address` was answered for, for a connection that `client` opened at `at`.
    ///
    /// `None` if there was no answer yet at that time, or the last one is more than [`KEPT`] ago.
    #[must_use]
    pub fn lookup(&self, client: Address, address: Address, at: Timestamp) -> Option<Answered> {
        let own = self.by_client.peek(&(client, address));
        let (entry, grade) = match own.filter(|it| it.is_good(at)) {
            Some(entry) => (entry, Grade::ThisClient),
            None => {
                let any = self.by_address.peek(&address);
                (any.filter(|it| it.is_good(at))?, Grade::SomeClient)
            }
        };
        Some(Answered {
            name: entry.name.clone(),
            signature: entry.signature,
            grade,
        })
    }

    /// Entries held, those per client and the network-wide ones together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_client.len() + self.by_address.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_address.is_empty()
    }

    /// Entries that made room for others, or that there was no room for at all.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.by_client.evicted() + self.by_address.evicted()
    }
}

/// An answer, and the time for which it was repeated.
#[derive(Debug)]
struct Answer {
    name: Name,
    signature: SignatureId,
    first: Timestamp,
    last: Timestamp,
}

impl Answer {
    fn new(resolution: &Resolution, at: Timestamp) -> Self {
        Self {
            name: resolution.name.clone(),
            signature: resolution.signature,
            first: at,
            last: at,
        }
    }

    /// Whether it had been given at that time, and not too long before.
    fn is_good(&self, at: Timestamp) -> bool {
        self.first <= at && at.since(self.last) <= KEPT
    }

    fn refresh(&mut self, resolution: &Resolution, at: Timestamp) {
        let same = self.signature == resolution.signature && self.name == resolution.name;
        if same && at.since(self.last) <= KEPT {
            // A clock may have been set back.
            self.first = self.first.min(at);
            self.last = self.last.max(at);
            return;
        }
        if !same {
            self.name = resolution.name.clone();
            self.signature = resolution.signature;
        }
        self.first = at;
        self.last = at;
    }
}

/// How long an answer is good for. Clients use addresses well beyond the TTL, most of all those
/// that keep connections open; an hour is a usual bound of what resolvers and stubs hold on to.
pub const KEPT: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: Address = Address::from_v4([10, 0, 0, 1]);
    const OTHER: Address = Address::from_v4([10, 0, 0, 2]);
    const SERVER: Address = Address::from_v4([192, 0, 2, 80]);

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs_nanos(secs, 0)
    }

    fn answer(client: Address, address: Address, name: &str) -> Resolution {
        Resolution {
            client,
            name: Name::from_text(name.as_bytes()).unwrap(),
            signature: SignatureId(7),
            address,
        }
    }

    fn numbered(number: u32) -> Address {
        Address::from_v4(number.to_be_bytes())
    }

    fn found(resolved: &Resolved, client: Address, secs: i64) -> Option<(String, Grade)> {
        resolved
            .lookup(client, SERVER, at(secs))
            .map(|it| (it.name.to_string(), it.grade))
    }

    #[test]
    fn the_client_that_asked_is_told_apart_from_any_other() {
        let mut resolved = Resolved::new(8);
        resolved.remember(&answer(CLIENT, SERVER, "a.example"), at(10));
        let name = "a.example".to_owned();
        assert_eq!(
            found(&resolved, CLIENT, 11),
            Some((name.clone(), Grade::ThisClient))
        );
        assert_eq!(found(&resolved, OTHER, 11), Some((name, Grade::SomeClient)));
        assert_eq!(resolved.lookup(CLIENT, OTHER, at(11)), None);
    }

    #[test]
    fn the_own_answer_goes_before_a_newer_one_of_another() {
        let mut resolved = Resolved::new(8);
        resolved.remember(&answer(CLIENT, SERVER, "mine.example"), at(10));
        resolved.remember(&answer(OTHER, SERVER, "theirs.example"), at(20));
        let (name, grade) = found(&resolved, CLIENT, 21).unwrap();
        assert_eq!((name.as_str(), grade), ("mine.example", Grade::ThisClient));
    }

    #[test]
    fn an_answer_is_good_for_an_hour() {
        let mut resolved = Resolved::new(8);
        resolved.remember(&answer(CLIENT, SERVER, "a.example"), at(10));
        assert!(found(&resolved, CLIENT, 3610).is_some());
        assert_eq!(found(&resolved, CLIENT, 3611), None);
    }

    #[test]
    fn an_answer_says_nothing_of_connections_before_it() {
        let mut resolved = Resolved::new(8);
        resolved.remember(&answer(CLIENT, SERVER, "a.example"), at(10));
        assert_eq!(found(&resolved, CLIENT, 9), None);
    }

    #[test]
    fn a_repeated_answer_stays_good_for_connections_opened_since_the_first() {
        let mut resolved = Resolved::new(8);
        for secs in [0, 3000, 6000] {
            resolved.remember(&answer(CLIENT, SERVER, "a.example"), at(secs));
        }
        assert!(found(&resolved, CLIENT, 1).is_some());
        assert!(found(&resolved, CLIENT, 9600).is_some());
        resolved.remember(&answer(CLIENT, SERVER, "a.example"), at(20_000));
        assert_eq!(found(&resolved, CLIENT, 12_000), None);
    }

    #[test]
    fn the_later_of_two_names_holds() {
        let mut resolved = Resolved::new(8);
        resolved.remember(&answer(CLIENT, SERVER, "a.example"), at(10));
        resolved.remember(&answer(CLIENT, SERVER, "b.example"), at(20));
        assert_eq!(found(&resolved, CLIENT, 30).unwrap().0, "b.example");
    }

    #[test]
    fn the_entry_refreshed_longest_ago_makes_room() {
        let mut resolved = Resolved::new(3);
        for number in [1, 2, 3, 1, 4] {
            resolved.remember(&answer(CLIENT, numbered(number), "a.example"), at(0));
        }
        let kept = |number| resolved.lookup(CLIENT, numbered(number), at(1)).is_some();
        assert_eq!([1, 2, 3, 4].map(kept), [true, false, true, true]);
        assert_eq!(resolved.evicted(), 2);
    }

    #[test]
    fn without_capacity_nothing_is_remembered_and_that_is_counted() {
        let mut resolved = Resolved::new(0);
        resolved.remember(&answer(CLIENT, SERVER, "a.example"), at(0));
        assert!(resolved.is_empty());
        assert_eq!(resolved.len(), 0);
        assert_eq!(resolved.evicted(), 2);
    }

    #[test]
    fn the_same_answers_are_forgotten_in_every_run() {
        let run = || {
            let mut resolved = Resolved::new(50);
            for step in 0..2000_u32 {
                let number = step.wrapping_mul(2_654_435_761) % 90;
                resolved.remember(&answer(CLIENT, numbered(number), "a.example"), at(0));
            }
            (0..90)
                .map(|it| resolved.lookup(CLIENT, numbered(it), at(1)).is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(run(), run());
    }
}
