//! Puts fragmented datagrams together again.
//!
//! Fragments come in any order, twice, and cut at other places the second time. Where two overlap
//! with the same octets, one of them is used; where they contradict each other the datagram is
//! given up, as RFC 8200 section 4.5 demands and Linux does for IPv4 too: so nobody can show the
//! sensor another name than the receiver sees.
//!
//! Memory is bounded: [`MAX_HELD_OCTETS`] in all, the datagram begun first is given up for a new
//! one. A datagram that is not whole after [`MAX_AGE`] of capture time is given up.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use std::collections::BTreeMap;
use std::time::Duration;

use super::counts::Defragmented;
use crate::host::Address;
use crate::time::Timestamp;

/// Datagrams of which some fragments are there.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    partials: BTreeMap<Key, Partial>,
    /// The datagrams by the order in which they were begun.
    begun: BTreeMap<u64, Key>,
    next_number: u64,
    held: usize,
    counts: [u64; 4],
}

/// What fragments of one datagram have in common.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Key {
    pub(super) src: Address,
    pub(super) dst: Address,
    pub(super) id: u32,
    pub(super) protocol: u8,
}

/// One fragment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment<'a> {
    pub(super) key: Key,
    /// Place of the octets in the datagram.
    pub(super) offset: usize,
    /// Whether it is not the last one.
    pub(super) more: bool,
    pub(super) octets: &'a [u8],
}

impl Fragments {
    /// Adds a fragment; gives the payload of its datagram if that is whole with it.
    pub(super) fn add(&mut self, at: Timestamp, fragment: Fragment<'_>) -> Option<Vec<u8>> {
        self.expire(at);
        let key = fragment.key;
        let needed = fragment
            .octets
            .len()
            .saturating_add(DATAGRAM_OCTETS.saturating_add(PART_OCTETS));
        while self.held.saturating_add(needed) > MAX_HELD_OCTETS
            && let Some((_, oldest)) = self.begun.first_key_value()
        {
            self.give_up(*oldest, Defragmented::Evicted);
        }
        if !self.partials.contains_key(&key) {
            let number = self.next_number;
            self.next_number = number.wrapping_add(1);
            self.begun.insert(number, key);
            self.partials.insert(key, Partial::new(at, number));
            self.held = self.held.saturating_add(DATAGRAM_OCTETS);
        }
        let partial = self.partials.get_mut(&key)?;
        let before = partial.held;
        let added = partial.add(fragment);
        self.held = self
            .held
            .saturating_sub(before)
            .saturating_add(partial.held);
        match added {
            Err(reason) => {
                self.give_up(key, reason);
                None
            }
            Ok(false) => None,
            Ok(true) => {
                let partial = self.give_up(key, Defragmented::Whole)?;
                Some(partial.parts.into_values().flatten().collect())
            }
        }
    }

    /// Gives up the datagrams that are not whole in time.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while let Some((_, key)) = self.begun.first_key_value()
            && let Some(partial) = self.partials.get(key)
            && now.since(partial.begun) > MAX_AGE
        {
            self.give_up(*key, Defragmented::Expired);
        }
    }

    /// Octets held for unfinished datagrams, with those needed to keep them.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Datagrams by [`Defragmented`].
    pub(super) fn counts(&self) -> [u64; 4] {
        self.counts
    }

    fn give_up(&mut self, key: Key, reason: Defragmented) -> Option<Partial> {
        let partial = self.partials.remove(&key)?;
        self.begun.remove(&partial.number);
        self.held = self.held.saturating_sub(partial.held);
        let number = match reason {
            Defragmented::Whole => 0,
            Defragmented::Expired => 1,
            Defragmented::Overlap => 2,
            Defragmented::Evicted => 3,
        };
        if let Some(count) = self.counts.get_mut::<usize>(number) {
            *count = count.saturating_add(1);
        }
        Some(partial)
    }
}

/// Fragments of one datagram.
#[derive(Debug)]
struct Partial {
    begun: Timestamp,
    number: u64,
    /// Length of the datagram, known from its last fragment.
    len: Option<usize>,
    /// Octets by their place. No two parts overlap.
    parts: BTreeMap<usize, Vec<u8>>,
    /// Octets in the parts.
    filled: usize,
    /// Octets that count against the bound.
    held: usize,
}

impl Partial {
    fn new(begun: Timestamp, number: u64) -> Self {
        Self {
            begun,
            number,
            len: None,
            parts: BTreeMap::new(),
            filled: 0,
            held: DATAGRAM_OCTETS,
        }
    }

    /// Adds what is new in a fragment; tells whether the datagram is whole.
    fn add(&mut self, fragment: Fragment<'_>) -> Result<bool, Defragmented> {
        let end = fragment.offset.saturating_add(fragment.octets.len());
        let last = self.parts.last_key_value();
        let reached = last.map_or(0, |(start, part)| start.saturating_add(part.len()));
        let contradicts = match self.len {
            Some(len) => end > len || (!fragment.more && end != len),
            None => !fragment.more && reached > end,
        };
        if contradicts {
            return Err(Defragmented::Overlap);
        }
        if !fragment.more {
            self.len = Some(end);
        }
        let mut rest = fragment.octets;
        let mut at = fragment.offset;
        let mut new = Vec::new();
        for (&start, part) in self.parts.range(..end) {
            let part_end = start.saturating_add(part.len());
            if part_end <= at {
                continue;
            }
            let (gap, after) = rest
                .split_at_checked(start.saturating_sub(at))
                .unwrap_or((rest, &[]));
            if !gap.is_empty() {
                new.push((at, gap.to_vec()));
                at = start;
            }
            let known = part.get(at.saturating_sub(start)..).unwrap_or_default();
            let shared = known.len().min(after.len());
            let (repeated, after) = after.split_at_checked(shared).unwrap_or_default();
            if !known.starts_with(repeated) {
                return Err(Defragmented::Overlap);
            }
            rest = after;
            at = at.saturating_add(shared);
        }
        if !rest.is_empty() {
            new.push((at, rest.to_vec()));
        }
        for (start, part) in new {
            self.filled = self.filled.saturating_add(part.len());
            self.held = self
                .held
                .saturating_add(part.len())
                .saturating_add(PART_OCTETS);
            self.parts.insert(start, part);
        }
        if self.parts.len() > MAX_PARTS {
            return Err(Defragmented::Evicted);
        }
        Ok(self.len == Some(self.filled))
    }
}

/// Octets held for all datagrams: sixty-four of the longest.
pub(super) const MAX_HELD_OCTETS: usize = 4 << 20;
/// What a datagram takes beside its parts: its places in both maps, and the map of its parts.
const DATAGRAM_OCTETS: usize = 640;
/// What a part takes beside its octets, roughly.
const PART_OCTETS: usize = 64;
/// Parts of one datagram: the longest one in frames of 1,500 octets has forty-five.
const MAX_PARTS: usize = 64;
/// How long a datagram may take: what Linux allows (RFC 1122 section 3.3.2 asks for more).
const MAX_AGE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: u32) -> Key {
        let src = Address::from_v4([10, 0, 0, 1]);
        let dst = Address::from_v4([10, 0, 0, 2]);
        Key {
            src,
            dst,
            id,
            protocol: 17,
        }
    }

    fn part(id: u32, offset: usize, more: bool, octets: &[u8]) -> Fragment<'_> {
        Fragment {
            key: key(id),
            offset,
            more,
            octets,
        }
    }

    const NOW: Timestamp = Timestamp::from_nanos(0);
    const TEXT: &[u8; 24] = b"abcdefghijklmnopqrstuvwx";

    fn thirds() -> [Fragment<'static>; 3] {
        [
            part(1, 0, true, &TEXT[..8]),
            part(1, 8, true, &TEXT[8..16]),
            part(1, 16, false, &TEXT[16..]),
        ]
    }

    #[test]
    fn fragments_in_any_order_give_the_datagram() {
        for order in [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ] {
            let mut fragments = Fragments::default();
            let [a, b, c] = order.map(|it| thirds()[it]);
            assert_eq!(fragments.add(NOW, a), None);
            assert_eq!(fragments.add(NOW, b), None);
            assert_eq!(fragments.add(NOW, b), None);
            assert_eq!(fragments.add(NOW, c).unwrap(), TEXT, "{order:?}");
            assert_eq!((fragments.counts(), fragments.held()), ([1, 0, 0, 0], 0));
        }
    }

    #[test]
    fn whatever_agreeing_pieces_come_the_datagram_is_what_was_sent() {
        let mut seed = 1_u32;
        let mut random = |below: usize| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) as usize % below
        };
        let mut whole = 0;
        for _ in 0..500 {
            let mut fragments = Fragments::default();
            let mut seen = [false; 24];
            for _ in 0..200 {
                let start = random(24);
                let end = start + 1 + random(24 - start);
                seen[start..end].fill(true);
                let datagram = fragments.add(NOW, part(1, start, end != 24, &TEXT[start..end]));
                assert_eq!(datagram.is_some(), seen == [true; 24]);
                if let Some(datagram) = datagram {
                    assert_eq!(datagram, TEXT);
                    whole += 1;
                    break;
                }
            }
            assert_eq!(fragments.counts()[1..], [0; 3]);
        }
        assert!(whole > 400);
    }

    #[test]
    fn fragments_that_contradict_each_other_give_nothing() {
        let cases = [
            ("other octets", part(1, 4, true, b"WRONG")),
            ("past the end", part(1, 16, true, &[0; 9])),
            ("another end", part(1, 0, false, &TEXT[..20])),
        ];
        for (what, wrong) in cases {
            let mut fragments = Fragments::default();
            let [a, b, c] = thirds();
            assert_eq!(fragments.add(NOW, a), None);
            assert_eq!(fragments.add(NOW, c), None);
            assert_eq!(fragments.add(NOW, wrong), None, "{what}");
            assert_eq!(fragments.counts(), [0, 0, 1, 0], "{what}");
            assert_eq!(fragments.add(NOW, b), None, "{what}");
        }
    }

    #[test]
    fn an_end_before_what_is_there_is_a_contradiction() {
        let mut fragments = Fragments::default();
        fragments.add(NOW, part(1, 8, true, &TEXT[8..16]));
        fragments.add(NOW, part(1, 0, false, &TEXT[..8]));
        assert_eq!(fragments.counts(), [0, 0, 1, 0]);
    }

    #[test]
    fn a_datagram_that_takes_too_long_expires() {
        let mut fragments = Fragments::default();
        let [a, b, c] = thirds();
        fragments.add(NOW, a);
        let late = NOW.after(MAX_AGE);
        fragments.add(late, b);
        assert_eq!(fragments.counts(), [0; 4]);
        fragments.expire(late.after(Duration::from_nanos(1)));
        assert_eq!((fragments.counts(), fragments.held()), ([0, 1, 0, 0], 0));
        assert_eq!(fragments.add(late, c), None);
    }

    #[test]
    fn datagrams_are_told_apart_by_every_part_of_the_key() {
        let mut fragments = Fragments::default();
        let [a, b, c] = thirds();
        fragments.add(NOW, a);
        fragments.add(NOW, b);
        let others = [
            Key { id: 2, ..key(1) },
            Key {
                protocol: 6,
                ..key(1)
            },
            Key {
                src: key(1).dst,
                ..key(1)
            },
            Key {
                dst: key(1).src,
                ..key(1)
            },
        ];
        for key in others {
            assert_eq!(fragments.add(NOW, Fragment { key, ..c }), None);
        }
        assert!(fragments.add(NOW, c).is_some());
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_goes_first() {
        let mut fragments = Fragments::default();
        let long = [0; 1_480];
        for id in 0..10_000 {
            fragments.add(NOW, part(id, 0, true, &long));
            assert!(fragments.held() <= MAX_HELD_OCTETS);
        }
        assert!(fragments.counts()[3] > 1_000);
        let rest = |id| part(id, 1_480, false, b"x");
        assert_eq!(fragments.add(NOW, rest(0)), None);
        assert_eq!(fragments.add(NOW, rest(9_999)).unwrap().len(), 1_481);
    }

    #[test]
    fn what_is_held_is_the_sum_of_what_is_there() {
        let mut fragments = Fragments::default();
        for id in 0..30_000 {
            fragments.add(NOW, part(id, 0, true, &[0; 200]));
            if id % 3 == 0 {
                fragments.add(NOW, part(id, 208, true, &[0; 80]));
            }
            if id % 5 == 0 {
                fragments.add(NOW, part(id.saturating_sub(7), 0, false, &[0; 8]));
            }
        }
        let sum: usize = fragments.partials.values().map(|it| it.held).sum();
        assert_eq!(fragments.held(), sum);
        let least = DATAGRAM_OCTETS + PART_OCTETS + 200;
        assert!(fragments.partials.len() <= MAX_HELD_OCTETS / least);
        assert_eq!(fragments.partials.len(), fragments.begun.len());
    }

    #[test]
    fn a_datagram_in_too_many_pieces_is_given_up() {
        let mut fragments = Fragments::default();
        for number in 0..=MAX_PARTS {
            fragments.add(NOW, part(1, number * 8, true, &[0; 4]));
        }
        assert_eq!((fragments.counts(), fragments.held()), ([0, 0, 0, 1], 0));
    }
}
