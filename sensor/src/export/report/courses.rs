//! What happened to findings, as far as it is known.
//!
//! Where nothing is known of a finding's past, it is taken to have stood since it was first seen.

use std::collections::BTreeMap;

use phonehome_signatures::VendorId;

use crate::findings::Verdict;
use crate::host::Address;
use crate::time::Timestamp;

/// The changes of findings, each in order of time.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Courses {
    turns: BTreeMap<(VendorId, Address), Vec<Turn>>,
}

/// A change of a finding: from `at` on it stands like this.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Turn {
    /// When it became known.
    pub at: Timestamp,
    /// How the finding stands from then on.
    pub stands: Stands,
    /// Its verdict from then on.
    pub verdict: Verdict,
}

/// Whether a finding stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stands {
    /// It is active, quiet or back.
    Open,
    /// It is open, and a waiver lets it stand.
    Waived,
    /// It was removed, or its host is absent.
    Gone,
}

impl Courses {
    /// Takes changes in any order.
    #[must_use]
    pub fn new(changes: impl IntoIterator<Item = (VendorId, Address, Turn)>) -> Self {
        let mut turns: BTreeMap<(VendorId, Address), Vec<Turn>> = BTreeMap::new();
        for (vendor, host, turn) in changes {
            turns.entry((vendor, host)).or_default().push(turn);
        }
        for turns in turns.values_mut() {
            turns.sort_by_key(|it| it.at);
        }
        Self { turns }
    }

    /// What is known of a finding's past, in order of time.
    pub(super) fn of(&self, vendor: VendorId, host: Address) -> &[Turn] {
        self.turns.get(&(vendor, host)).map_or(&[], Vec::as_slice)
    }
}
