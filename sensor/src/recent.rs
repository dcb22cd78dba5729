//! A map of a bounded number of entries that forgets the one that was refreshed longest ago.
//!
//! What it forgets depends on the order of what comes in alone, so that the same input leaves the
//! same entries in every run.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// The map. Entries lie in a row and are linked in the order of their newest refresh.
#[derive(Debug)]
pub struct Recent<K, V> {
    /// Places of entries by the hash of their keys.
    index: HashTable<u32>,
    entries: Vec<Entry<K, V>>,
    hasher: RandomState,
    capacity: usize,
    /// Entries refreshed longest ago, and last.
    ends: [u32; 2],
    evicted: u64,
}

#[derive(Debug)]
struct Entry<K, V> {
    key: K,
    value: V,
    /// The entries refreshed before and after it.
    beside: [u32; 2],
}

impl<K: Clone + Eq + Hash, V> Recent<K, V> {
    /// Makes an empty map of at most `capacity` entries.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            index: HashTable::new(),
            entries: Vec::new(),
            hasher: RandomState::default(),
            capacity: capacity.min(NONE as usize),
            ends: [NONE; 2],
            evicted: 0,
        }
    }

    /// Refreshes an entry, which is made if it is not there, and gives its value; `None` if there is
    /// no room for any.
    pub fn refresh(&mut self, key: &K, make: impl FnOnce() -> V) -> Option<&mut V> {
        if let Some(place) = self.place(key) {
            self.unlink(place);
            self.link(place);
            return Some(&mut self.entries[place as usize].value);
        }
        let place = if self.entries.len() < self.capacity {
            self.entries.push(Entry {
                key: key.clone(),
                value: make(),
                beside: [NONE; 2],
            });
            (self.entries.len() - 1) as u32
        } else {
            self.evicted += 1;
            let place = self.ends[OLDER];
            if place == NONE {
                return None;
            }
            self.unlink(place);
            let hash = self.hasher.hash_one(&self.entries[place as usize].key);
            if let Ok(found) = self.index.find_entry(hash, |it| *it == place) {
                found.remove();
            }
            let entry = &mut self.entries[place as usize];
            (entry.key, entry.value) = (key.clone(), make());
            place
        };
        let (entries, hasher) = (&self.entries, &self.hasher);
        let hash_of = |it: &u32| hasher.hash_one(&entries[*it as usize].key);
        self.index.insert_unique(hash_of(&place), place, hash_of);
        self.link(place);
        Some(&mut self.entries[place as usize].value)
    }

    /// The value of an entry, which is not refreshed by that.
    #[must_use]
    pub fn peek(&self, key: &K) -> Option<&V> {
        Some(&self.entries[self.place(key)? as usize].value)
    }

    /// Entries held.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is held.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Entries that made room for others, or that there was no room for at all.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    fn place(&self, key: &K) -> Option<u32> {
        let is_it = |it: &u32| self.entries[*it as usize].key == *key;
        self.index.find(self.hasher.hash_one(key), is_it).copied()
    }

    /// Puts an entry behind the one refreshed last.
    fn link(&mut self, place: u32) {
        let last = self.ends[NEWER];
        self.entries[place as usize].beside = [last, NONE];
        self.ends[NEWER] = place;
        match last {
            NONE => self.ends[OLDER] = place,
            last => self.entries[last as usize].beside[NEWER] = place,
        }
    }

    fn unlink(&mut self, place: u32) {
        let beside = self.entries[place as usize].beside;
        for (there, back) in [(OLDER, NEWER), (NEWER, OLDER)] {
            match beside[there] {
                NONE => self.ends[there] = beside[back],
                other => self.entries[other as usize].beside[back] = beside[back],
            }
        }
    }
}

/// No entry.
const NONE: u32 = u32::MAX;

/// Index of the one before, or of the first.
const OLDER: usize = 0;

/// Index of the one after, or of the last.
const NEWER: usize = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_refreshed_longest_ago_makes_room() {
        let mut recent = Recent::new(3);
        for number in [1, 2, 3, 1, 4] {
            *recent.refresh(&number, || 0).unwrap() += 1;
        }
        assert_eq!(
            [1, 2, 3, 4].map(|it| recent.peek(&it).copied()),
            [Some(2), None, Some(1), Some(1)]
        );
        assert_eq!((recent.len(), recent.evicted()), (3, 1));
    }

    #[test]
    fn to_look_at_an_entry_does_not_refresh_it() {
        let mut recent = Recent::new(2);
        recent.refresh(&1, || ());
        recent.refresh(&2, || ());
        assert!(recent.peek(&1).is_some());
        recent.refresh(&3, || ());
        assert!(recent.peek(&1).is_none());
    }

    #[test]
    fn memory_is_bounded_however_often_an_entry_is_refreshed() {
        let mut recent = Recent::new(4);
        for number in 0..1000 {
            recent.refresh(&(number % 6), || ());
            recent.refresh(&0, || ());
            assert!(recent.entries.len() <= 4);
            assert!(recent.index.len() <= 4);
        }
    }

    #[test]
    fn without_capacity_nothing_is_kept_and_that_is_counted() {
        let mut recent = Recent::new(0);
        assert_eq!(recent.refresh(&1, || ()), None);
        assert!(recent.is_empty());
        assert_eq!(recent.evicted(), 1);
    }
}
