//! Findings: what a host is held to have of a vendor, with a verdict and its grounds.

use serde::Serialize;

use phonehome_signatures::{Category, VendorId};

use crate::host::Address;
use crate::names::Name;
use crate::time::Timestamp;

mod book;
mod grounds;
mod record;
pub mod verdict;

pub use book::{Book, Limits, Tally};

/// How sure it is that the host has something of the vendor. The order is that of severity.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Only web sites, or parts of other companies' web pages and apps.
    None,
    /// Only pixels, scripts or kits of the vendor inside other companies' pages and apps.
    EmbedOnly,
    /// Something of the vendor was contacted, and nothing tells by what.
    Contact,
    /// Another company's product with the vendor's engine.
    Embedded,
    /// A product of the vendor probably is on the host.
    Likely,
    /// A product of the vendor is on the host.
    Installed,
    /// A product of the vendor is on the host and exchanges data with the vendor.
    InstalledActive,
    /// A management server of the vendor.
    Manager,
}

/// A host, a vendor, and what is known of the two.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The host inside.
    pub host: Address,
    /// The vendor.
    pub vendor: VendorId,
    /// How sure it is that the host has something of the vendor.
    pub verdict: Verdict,
    /// Why: sentences in plain words, the weightiest first.
    pub grounds: Vec<String>,
    /// Products that the signatures name, in alphabetical order.
    pub products: Vec<String>,
    /// Categories of the sightings, in their order of declaration.
    pub categories: Vec<Category>,
    /// First sighting.
    pub first_seen: Timestamp,
    /// Newest sighting.
    pub last_seen: Timestamp,
    /// Sightings by [`crate::detection::Reach`].
    pub contacts: [u64; 5],
    /// Sightings by [`crate::names::Source`].
    pub sources: [u64; 8],
    /// Payload octets that the host sent to the vendor, retransmissions included.
    pub sent: u64,
    /// Payload octets that the host received from the vendor, retransmissions included.
    pub received: u64,
    /// Some of the names used, in alphabetical order, each with the id of its signature.
    pub names: Vec<(Name, String)>,
}

/// A finding that has opened, or whose verdict has climbed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Capture time of the newest sighting at that moment.
    pub at: Timestamp,
    /// What happened to it.
    pub kind: ChangeKind,
    /// The verdict before.
    pub from: Verdict,
    /// The finding as it is after the change.
    pub finding: Finding,
}

/// What can happen to a finding.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ChangeKind {
    /// Something of the vendor was seen on the host for the first time.
    Opened,
    /// Its verdict has climbed.
    Strengthened,
}

impl ChangeKind {
    /// The word for it in output and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Strengthened => "strengthened",
        }
    }
}
