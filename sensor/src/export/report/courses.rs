//! The course that each finding took, as far as it is known.
//!
//! Where nothing is known of a finding's past, it is taken to have stood since it was first seen, and,
//! if it stands no more, to have ended when its present state began.

use std::collections::BTreeMap;

use phonehome_signatures::VendorId;

use crate::export::Snapshot;
use crate::findings::{ChangeKind, Finding, Verdict};
use crate::host::Address;
use crate::time::Timestamp;

/// What happened to findings, each in order of time.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Courses {
    turns: BTreeMap<(VendorId, Address), Vec<Turn>>,
}

/// A turn in the course of a finding: from `at` on it stands like this.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Turn {
    pub(super) at: Timestamp,
    pub(super) stands: Stands,
    pub(super) verdict: Verdict,
}

/// Whether a finding stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stands {
    /// It is active, quiet or back.
    Open,
    /// It is open, and a waiver lets it stand.
    Waived,
    /// It was removed, or its host is absent.
    Gone,
}

impl Courses {
    /// Sorts the history of a snapshot by findings. Vendors that the catalogue does not have are left out.
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        let mut turns: BTreeMap<(VendorId, Address), Vec<Turn>> = BTreeMap::new();
        for past in snapshot.history.iter() {
            let Some((vendor, _)) = snapshot.catalogue.vendor_by_id(&past.vendor) else {
                continue;
            };
            let stands = match past.kind {
                ChangeKind::Opened
                | ChangeKind::Strengthened
                | ChangeKind::Quiet
                | ChangeKind::Returned => Stands::Open,
                ChangeKind::Waived => Stands::Waived,
                ChangeKind::Removed | ChangeKind::Absent => Stands::Gone,
            };
            turns.entry((vendor, past.host)).or_default().push(Turn {
                at: past.at,
                stands,
                verdict: past.to,
            });
        }
        for turns in turns.values_mut() {
            turns.sort_by_key(|it| it.at);
        }
        Self { turns }
    }

    /// The course of a finding, in order of time.
    pub(super) fn of(&self, finding: &Finding) -> Vec<Turn> {
        let turn = |at, stands| Turn {
            at,
            stands,
            verdict: finding.verdict,
        };
        let opened = turn(finding.first_seen, Stands::Open);
        match self.turns.get(&(finding.vendor, finding.host)) {
            Some(turns) if turns.first().is_some_and(|it| it.stands == Stands::Open) => {
                turns.clone()
            }
            // The beginning is not remembered any more.
            Some(turns) => std::iter::once(opened)
                .chain(turns.iter().copied())
                .collect(),
            None if finding.state.is_open() => vec![opened],
            None => vec![opened, turn(finding.state_since, Stands::Gone)],
        }
    }
}
