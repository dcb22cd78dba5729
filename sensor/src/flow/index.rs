//! Where the flow with a hash lies: open addressing, one cache line for nearly every question.
//!
//! Slots hold half of the hash and a place. What lies at the place, only the caller knows; two flows
//! with the same half are told apart by him. The memory of a slot can be asked for ahead of its
//! use, which is why this is not a map of a library.

use crate::prefetch::prefetch;

/// Places by hash.
#[derive(Debug)]
pub(super) struct Index {
    /// A power of two of them, at most three quarters in use.
    slots: Vec<Slot>,
    len: usize,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The lower half of the hash.
    tag: u32,
    /// [`EMPTY`] if the slot is not in use.
    place: u32,
}

impl Index {
    pub(super) fn new() -> Self {
        Self {
            slots: vec![Slot::UNUSED; LEAST_SLOTS],
            len: 0,
        }
    }

    /// Asks for the memory in which a hash is found.
    #[inline]
    pub(super) fn prefetch(&self, hash: u64) {
        prefetch(&self.slots[self.home(tag(hash))]);
    }

    /// The first place under that hash for which `is_it` holds.
    #[inline]
    pub(super) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let tag = tag(hash);
        let mut at = self.home(tag);
        loop {
            let slot = self.slots[at];
            if slot.place == EMPTY {
                return None;
            }
            if slot.tag == tag && is_it(slot.place) {
                return Some(slot.place);
            }
            at = self.after(at);
        }
    }

    /// Adds a place.
    pub(super) fn insert(&mut self, hash: u64, place: u32) {
        if (self.len + 1) * 4 > self.slots.len() * 3 {
            let larger = vec![Slot::UNUSED; self.slots.len() * 2];
            let slots = std::mem::replace(&mut self.slots, larger);
            for slot in slots.into_iter().filter(|it| it.place != EMPTY) {
                self.put(slot);
            }
        }
        self.len += 1;
        self.put(Slot {
            tag: tag(hash),
            place,
        });
    }

    /// Takes a place out, if it is there.
    pub(super) fn remove(&mut self, hash: u64, place: u32) {
        let mut hole = self.home(tag(hash));
        while self.slots[hole].place != place {
            if self.slots[hole].place == EMPTY {
                return;
            }
            hole = self.after(hole);
        }
        self.len -= 1;
        // What follows moves up, unless it would come to lie before its home.
        let mut at = hole;
        loop {
            at = self.after(at);
            let slot = self.slots[at];
            if slot.place == EMPTY {
                break;
            }
            let from_home = self.distance(self.home(slot.tag), at);
            if from_home >= self.distance(hole, at) {
                self.slots[hole] = slot;
                hole = at;
            }
        }
        self.slots[hole] = Slot::UNUSED;
    }

    /// Number of places.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    fn put(&mut self, slot: Slot) {
        let mut at = self.home(slot.tag);
        while self.slots[at].place != EMPTY {
            at = self.after(at);
        }
        self.slots[at] = slot;
    }

    const fn home(&self, tag: u32) -> usize {
        tag as usize & (self.slots.len() - 1)
    }

    const fn after(&self, at: usize) -> usize {
        (at + 1) & (self.slots.len() - 1)
    }

    const fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & (self.slots.len() - 1)
    }
}

impl Slot {
    const UNUSED: Self = Self {
        tag: 0,
        place: EMPTY,
    };
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half")]
const fn tag(hash: u64) -> u32 {
    hash as u32
}

/// No place.
const EMPTY: u32 = u32::MAX;

/// Slots of an empty index.
const LEAST_SLOTS: usize = 1024;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Hashes are few and alike, so that slots collide, chains wrap around, and it grows.
        #[test]
        fn it_holds_what_was_put_in_and_not_taken_out(
            steps in proptest::collection::vec((0_u64..1500, 0_u32..3), 1..4000),
        ) {
            let mut index = Index::new();
            let mut model: BTreeMap<u32, u64> = BTreeMap::new();
            for (number, part) in steps {
                let hash = number / 3 + (u64::MAX - 700);
                let place = u32::try_from(number).unwrap() * 3 + part;
                match model.remove(&place) {
                    Some(hash) => index.remove(hash, place),
                    None => {
                        model.insert(place, hash);
                        index.insert(hash, place);
                    }
                }
                index.remove(hash, place + 10_000);
            }
            prop_assert_eq!(index.len(), model.len());
            for (place, hash) in &model {
                prop_assert_eq!(index.find(*hash, |it| it == *place), Some(*place));
            }
            let mut found = 0;
            for hash in 0..500 {
                index.find(hash + (u64::MAX - 700), |_| { found += 1; false });
            }
            prop_assert_eq!(found, model.len());
        }
    }
}
