//! Keeps a host that is chatty from filling the SIEM with the same.
//!
//! The first sighting of a host by a signature is told at once. Those that follow are held back until
//! some time has passed; then the newest is told for all of them, with their number. So no more than
//! one event for a host and a signature comes in that time, every sighting is in the number of an
//! event, and the last that was seen is told. Time is that of the capture.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use phonehome_signatures::SignatureId;

use crate::detection::Sighting;
use crate::host::Address;
use crate::time::Timestamp;

/// What was told lately, and what is held back.
#[derive(Debug)]
pub struct Repeats {
    every: Duration,
    limit: usize,
    held: HashMap<Key, Held>,
    /// When the time of each is over, in the order in which it began.
    order: VecDeque<(Timestamp, Key)>,
    evicted: u64,
}

/// A sighting to be told, and how many it stands for.
pub type Due = (Sighting, u64);

type Key = (Address, SignatureId);

/// What is held back of a host and a signature.
#[derive(Debug, Default)]
struct Held {
    newest: Option<Box<Sighting>>,
    count: u64,
}

impl Repeats {
    /// Tells of a host and a signature once in that time; each sighting if it is zero.
    #[must_use]
    pub fn new(every: Duration) -> Self {
        Self::with_limit(every, MAX_PAIRS)
    }

    fn with_limit(every: Duration, limit: usize) -> Self {
        Self {
            every,
            limit,
            held: HashMap::new(),
            order: VecDeque::new(),
            evicted: 0,
        }
    }

    /// Takes a sighting at a time; appends what is to be told of it.
    pub fn take(&mut self, now: Timestamp, sighting: &Sighting, due: &mut Vec<Due>) {
        let key = (sighting.observation.client().address, sighting.signature);
        if let Some(held) = self.held.get_mut(&key) {
            held.count = held.count.saturating_add(1);
            match &mut held.newest {
                Some(newest) => newest.as_mut().clone_from(sighting),
                None => held.newest = Some(Box::new(sighting.clone())),
            }
            return;
        }
        due.push((sighting.clone(), 1));
        if self.every.is_zero() {
            return;
        }
        if self.order.len() >= self.limit {
            self.evicted += 1;
            if let Some((_, oldest)) = self.order.pop_front() {
                due.extend(self.held.remove(&oldest).and_then(Held::into_due));
            }
        }
        self.held.insert(key, Held::default());
        self.order.push_back((now.after(self.every), key));
    }

    /// Appends what has been held back long enough at a time.
    pub fn tick(&mut self, now: Timestamp, due: &mut Vec<Due>) {
        while let Some((_, key)) = self.order.pop_front_if(|it| it.0 <= now) {
            // What was held back is told now, and its time begins anew.
            if let Some(it) = self.held.remove(&key).and_then(Held::into_due) {
                due.push(it);
                self.held.insert(key, Held::default());
                self.order.push_back((now.after(self.every), key));
            }
        }
    }

    /// Appends all that is held back; nothing will follow.
    pub fn finish(&mut self, due: &mut Vec<Due>) {
        for (_, key) in self.order.drain(..) {
            due.extend(self.held.remove(&key).and_then(Held::into_due));
        }
    }

    /// Pairs of a host and a signature that made room for others before their time was over.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }
}

impl Held {
    fn into_due(self) -> Option<Due> {
        self.newest.map(|it| (*it, self.count))
    }
}

/// Pairs of a host and a signature that are remembered, about 300 bytes each. Beyond, the one that has
/// been told longest ago makes room: what it holds back is told before its time.
const MAX_PAIRS: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::sample;

    #[test]
    fn the_first_is_told_at_once_and_the_newest_of_the_others_for_all_of_them() {
        let mut repeats = Repeats::new(HOUR);
        let mut due = Vec::new();
        for secs in 0..5 {
            repeats.take(sample::at(secs), &sighting(1, secs), &mut due);
            repeats.tick(sample::at(secs), &mut due);
        }
        assert_eq!(due, [(sighting(1, 0), 1)]);
        due.clear();
        repeats.tick(sample::at(3_599), &mut due);
        assert_eq!(due, []);
        repeats.tick(sample::at(3_600), &mut due);
        assert_eq!(due, [(sighting(1, 4), 4)]);
    }

    #[test]
    fn no_more_than_one_is_told_in_the_time() {
        let mut repeats = Repeats::new(HOUR);
        let mut due = Vec::new();
        for secs in 0..36_000 {
            repeats.tick(sample::at(secs), &mut due);
            repeats.take(sample::at(secs), &sighting(1, secs), &mut due);
        }
        repeats.finish(&mut due);
        assert_eq!(due.len(), 11);
        assert_eq!(due.iter().map(|it| it.1).sum::<u64>(), 36_000);
    }

    #[test]
    fn hosts_and_signatures_are_told_apart() {
        let mut repeats = Repeats::new(HOUR);
        let mut due = Vec::new();
        let mut other = sighting(1, 0);
        other.signature = SignatureId(1);
        for it in [&sighting(1, 0), &sighting(2, 0), &other, &other] {
            repeats.take(sample::at(0), it, &mut due);
        }
        assert_eq!(due.len(), 3);
    }

    #[test]
    fn after_a_silence_it_is_told_at_once_again() {
        let mut repeats = Repeats::new(HOUR);
        let mut due = Vec::new();
        repeats.take(sample::at(0), &sighting(1, 0), &mut due);
        repeats.tick(sample::at(7_200), &mut due);
        repeats.take(sample::at(7_200), &sighting(1, 7_200), &mut due);
        assert_eq!(due.len(), 2);
        assert!(due.iter().all(|it| it.1 == 1));
    }

    #[test]
    fn without_a_time_each_is_told() {
        let mut repeats = Repeats::new(Duration::ZERO);
        let mut due = Vec::new();
        for secs in 0..5 {
            repeats.take(sample::at(secs), &sighting(1, secs), &mut due);
        }
        assert_eq!(due.len(), 5);
        assert!(repeats.held.is_empty());
    }

    #[test]
    fn no_sighting_is_lost_where_there_is_no_room() {
        let mut repeats = Repeats::with_limit(HOUR, 2);
        let mut due = Vec::new();
        for host in [1, 1, 1, 2, 3, 4] {
            repeats.take(sample::at(0), &sighting(host, 0), &mut due);
        }
        assert_eq!(repeats.evicted(), 2);
        assert_eq!((repeats.held.len(), repeats.order.len()), (2, 2));
        repeats.finish(&mut due);
        assert_eq!(due.iter().map(|it| it.1).sum::<u64>(), 6);
    }

    fn sighting(host: u8, secs: i64) -> Sighting {
        let mut sighting = super::super::tests::sighting(crate::names::Source::TlsSni);
        sighting.observation.src.address = Address::from_v4([10, 0, 0, host]);
        sighting.observation.at = sample::at(secs);
        sighting
    }

    const HOUR: Duration = Duration::from_secs(3_600);
}
