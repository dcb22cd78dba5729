//! Datagrams that a mirror delivers twice.
//!
//! A port that mirrors both its directions, or two ports that mirror one path, give each packet
//! twice, a moment apart, with other TTLs, checksums or tags. A message is told once: what has the
//! same ends and the same octets within [`WITHIN`] is a repeat. A client that asks again waits
//! longer.

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashSet;

use crate::names::Endpoint;
use crate::time::Timestamp;

/// The datagrams of the last moment, by a hash of their ends and octets.
#[derive(Debug)]
pub(super) struct Repeats {
    seen: HashSet<u64, FixedState>,
    order: VecDeque<(Timestamp, u64)>,
}

impl Repeats {
    /// Whether the datagram is a repeat; remembers it if not.
    pub(super) fn is_repeat(
        &mut self,
        at: Timestamp,
        src: Endpoint,
        dst: Endpoint,
        payload: &[u8],
    ) -> bool {
        while let Some((first, hash)) = self.order.front()
            && (at.since(*first).max(first.since(at)) > WITHIN
                || self.order.len() >= MAX_REMEMBERED)
        {
            self.seen.remove(hash);
            self.order.pop_front();
        }
        let hash = self.seen.hasher().hash_one((src, dst, payload));
        let is_new = self.seen.insert(hash);
        if is_new {
            self.order.push_back((at, hash));
        }
        !is_new
    }
}

impl Default for Repeats {
    fn default() -> Self {
        Self {
            seen: HashSet::with_hasher(FixedState::with_seed(0)),
            order: VecDeque::new(),
        }
    }
}

/// Longest time between a packet and its repeat: a switch delays a mirrored frame by microseconds.
const WITHIN: Duration = Duration::from_millis(3);

/// Datagrams that are remembered at most: 3 ms of 20 million a second.
const MAX_REMEMBERED: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Address;

    fn end(port: u16) -> Endpoint {
        Endpoint {
            address: Address::from_v4([10, 0, 0, 1]),
            port,
        }
    }

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_nanos(micros * 1000)
    }

    #[test]
    fn the_same_octets_between_the_same_ends_are_a_repeat_for_a_moment() {
        let mut repeats = Repeats::default();
        assert!(!repeats.is_repeat(at(0), end(1), end(53), b"one"));
        assert!(repeats.is_repeat(at(3000), end(1), end(53), b"one"));
        assert!(!repeats.is_repeat(at(3001), end(1), end(53), b"one"));
        assert!(!repeats.is_repeat(at(3001), end(2), end(53), b"one"));
        assert!(!repeats.is_repeat(at(3001), end(1), end(53), b"two"));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut repeats = Repeats::default();
        for number in 0..MAX_REMEMBERED as u32 + 10 {
            assert!(!repeats.is_repeat(at(0), end(1), end(53), &number.to_be_bytes()));
        }
        assert_eq!(repeats.order.len(), MAX_REMEMBERED);
        assert_eq!(repeats.seen.len(), MAX_REMEMBERED);
    }
}
