//! Findings as they are kept between two runs of the sensor.
//!
//! A book gives a [`SavedFinding`] of each record and takes it back, so that another run goes on as if
//! there had been none between. Signatures and vendors are kept by their ids, since numbers change
//! with the packs: what a pack no longer has is left out, and the rest goes on. What does not outlast
//! a second is not kept: questions that may have a twin at another resolver.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::record::{Side, Tally, Track};
use super::state::Seen;
use super::watch::Watched;
use super::{State, Verdict};
use crate::host::Address;
use crate::time::Timestamp;

/// A finding, or a record without one, as of a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedFinding {
    /// The host inside.
    pub host: Address,
    /// Id of the vendor's pack.
    pub vendor: String,
    /// The verdict, for people; it follows from the page and the host.
    pub verdict: Verdict,
    /// The state.
    pub state: State,
    /// Since when it has been in that state.
    pub state_since: Timestamp,
    /// First sighting.
    pub first_seen: Timestamp,
    /// Newest sighting.
    pub last_seen: Timestamp,
    /// Products that the signatures name, for people.
    pub products: Vec<String>,
    /// Sightings, for people.
    pub sightings: u64,
    /// Payload octets that the host sent.
    pub sent: u64,
    /// Payload octets that the host received.
    pub received: u64,
    /// All the rest.
    pub page: Page,
}

/// What is kept of a record beside what people look at.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Page {
    pub(super) told: Verdict,
    pub(super) waived: bool,
    pub(super) since: Watched,
    pub(super) dns: Side,
    pub(super) direct: Side,
    pub(super) all_track: Track,
    pub(super) direct_track: Track,
    pub(super) sources: [u64; 8],
    pub(super) tallies: Vec<Tally<String>>,
    pub(super) names: Vec<SavedName>,
    #[serde(default)]
    pub(super) public: u32,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct SavedName {
    pub(super) name: String,
    pub(super) signature: String,
    pub(super) dns: u32,
    pub(super) direct: u32,
}

/// A host with a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SavedHost {
    /// The host.
    pub host: Address,
    /// Whether it took part in an exchange.
    pub is_proven: bool,
    /// Whether it answers DNS for others.
    pub is_resolver: bool,
    /// Whether it takes HTTP requests for others.
    pub is_proxy: bool,
    /// Whether it was asked in DNS.
    pub was_asked: bool,
    /// When it was last seen, in seconds of time watched.
    pub seen_secs: u32,
    /// In how many slots it was seen.
    pub slots: u32,
}

/// How much time was watched.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SavedWatch {
    /// All of it.
    pub watched: Duration,
    /// Length of the slots in which hosts are seen.
    pub slot: Duration,
}

/// All that is kept.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// How much time was watched.
    pub watch: SavedWatch,
    /// Hosts with a record.
    pub hosts: Vec<SavedHost>,
    /// The findings.
    pub findings: Vec<SavedFinding>,
}

/// What became of what was kept.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Restored {
    /// Records that go on.
    pub findings: usize,
    /// Records for which there was no room.
    pub refused: usize,
    /// Vendors that no pack has any more.
    pub gone_vendors: BTreeSet<String>,
    /// Signatures that the packs of their vendors do not have any more.
    pub gone_signatures: BTreeSet<String>,
}

impl SavedHost {
    pub(super) const fn seen(&self) -> Seen {
        Seen {
            at: Watched::from_secs(self.seen_secs),
            slots: self.slots,
        }
    }
}
