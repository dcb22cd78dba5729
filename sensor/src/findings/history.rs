//! What has happened to findings since the beginning: the source of burn-down and report.
//!
//! A history is cheap to copy, and bounded: the oldest changes make room for new ones.

use std::sync::Arc;

use super::{ChangeKind, Verdict};
use crate::host::Address;
use crate::time::Timestamp;

/// A change as it is remembered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Past {
    /// Capture time.
    pub at: Timestamp,
    /// The host inside.
    pub host: Address,
    /// Id of the vendor's pack.
    pub vendor: Arc<str>,
    /// What happened to the finding.
    pub kind: ChangeKind,
    /// The verdict that was told before.
    pub from: Verdict,
    /// The verdict as it was then.
    pub to: Verdict,
}

/// Changes in the order in which they were told.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// All but the last are full.
    chunks: Vec<Arc<Vec<Past>>>,
    forgotten: u64,
}

impl History {
    /// Adds a change.
    pub fn push(&mut self, past: Past) {
        if let Some(last) = self.chunks.last_mut()
            && last.len() < CHUNK
        {
            Arc::make_mut(last).push(past);
            return;
        }
        if self.chunks.len() >= MAX_CHUNKS {
            self.chunks.remove(0);
            self.forgotten += CHUNK as u64;
        }
        self.chunks.push(Arc::new(vec![past]));
    }

    /// All changes that are remembered, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Past> {
        self.chunks.iter().flat_map(|it| it.iter())
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chunks.iter().map(|it| it.len()).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// How many older ones are not remembered any more.
    #[must_use]
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

/// Changes that are remembered at most: four for each of 25,000 findings, 8 MB.
pub const MAX_CHANGES: usize = CHUNK * MAX_CHUNKS;

const CHUNK: usize = 1_000;
const MAX_CHUNKS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn past(number: u8) -> Past {
        Past {
            at: Timestamp::from_nanos(i64::from(number)),
            host: Address::from_v4([10, 0, 0, number]),
            vendor: "kaspersky".into(),
            kind: ChangeKind::Opened,
            from: Verdict::None,
            to: Verdict::Likely,
        }
    }

    #[test]
    fn the_oldest_make_room_and_are_counted() {
        let mut history = History::default();
        for number in 0..MAX_CHANGES + 1 {
            history.push(past((number % 251) as u8));
        }
        assert_eq!(history.len(), MAX_CHANGES - CHUNK + 1);
        assert_eq!(history.forgotten(), CHUNK as u64);
        assert_eq!(history.iter().next(), Some(&past((CHUNK % 251) as u8)));
    }

    #[test]
    fn a_copy_stays_as_it_was() {
        let mut history = History::default();
        history.push(past(1));
        let copy = history.clone();
        history.push(past(2));
        assert_eq!((copy.len(), history.len()), (1, 2));
    }
}
