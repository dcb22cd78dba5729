//! Findings as they are kept between two runs of the sensor.
//!
//! A book gives a [`SavedFinding`] of each record and takes it back, so that another run goes on as if
//! there had been none between. Signatures and vendors are kept by their ids, since numbers change
//! with the packs: what a pack no longer has is left out, and the rest goes on. What does not outlast
//! a second is not kept: questions that may have a twin at another resolver.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::devices::{MAX_FORMER, Who};
use super::record::{Side, Tally, Track};
use super::state::Seen;
use super::watch::Watched;
use super::{State, Verdict};
use crate::discovery::Device;
use crate::host::Address;
use crate::identity::{Identity, Mac, PlainText, Source};
use crate::names::Name;
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
    /// By source; those that came later are missing in older stores.
    pub(super) sources: Vec<u64>,
    pub(super) tallies: Vec<Tally<String>>,
    pub(super) names: Vec<SavedName>,
    #[serde(default)]
    pub(super) public: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) who: Option<SavedWho>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) device: Option<SavedDevice>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) aside: Vec<SavedAside>,
}

/// What a device said of itself.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct SavedDevice {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    firmware: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
}

impl SavedDevice {
    pub(super) fn of(device: &Device) -> Self {
        let text = |it: &Option<PlainText>| it.as_ref().map(|it| it.as_str().to_owned());
        Self {
            model: text(&device.model),
            serial: text(&device.serial),
            firmware: text(&device.firmware),
            mac: device.mac.map(|it| it.to_string()),
        }
    }

    pub(super) fn device(&self) -> Device {
        let text = |it: &Option<String>| it.as_deref().and_then(PlainText::of_text);
        Device {
            model: text(&self.model),
            serial: text(&self.serial),
            firmware: text(&self.firmware),
            mac: self.mac.as_deref().and_then(Mac::of_text),
        }
    }
}

/// The record of a device that had the address before.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct SavedAside {
    pub(super) page: Page,
    pub(super) sent: u64,
    pub(super) received: u64,
}

/// Whom sightings are of, or who has an address.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SavedWho {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    since: Timestamp,
    said: Timestamp,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    former: Vec<String>,
}

impl Page {
    /// Whom the sightings are of.
    #[must_use]
    pub const fn who(&self) -> Option<&SavedWho> {
        self.who.as_ref()
    }
}

impl SavedWho {
    pub(super) fn of(who: &Who) -> Self {
        Self {
            former: who.former.iter().map(ToString::to_string).collect(),
            ..Self::of_identity(&who.identity)
        }
    }

    pub(super) fn of_identity(identity: &Identity) -> Self {
        let name = identity.name.as_ref();
        Self {
            mac: identity.device.map(|it| it.to_string()),
            name: name.map(|it| it.0.to_string()),
            source: name.map(|it| it.1.as_str().to_owned()),
            class: identity.class.as_ref().map(|it| it.as_str().to_owned()),
            since: identity.since,
            said: identity.said,
            former: Vec::new(),
        }
    }

    /// The hardware address, as text.
    #[must_use]
    pub fn mac(&self) -> Option<&str> {
        self.mac.as_deref()
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(super) fn identity(&self) -> Identity {
        let name = self.name.as_deref().and_then(Name::from_normalised);
        let source = self.source.as_deref().and_then(Source::of_word);
        Identity {
            device: self.mac.as_deref().and_then(Mac::of_text),
            name: name.zip(source),
            class: self.class.as_deref().and_then(PlainText::of_text),
            since: self.since,
            said: self.said,
        }
    }

    pub(super) fn who(&self) -> Who {
        let former = self.former.iter().take(MAX_FORMER);
        Who {
            identity: self.identity(),
            former: former.filter_map(|it| Name::from_normalised(it)).collect(),
        }
    }
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct SavedName {
    pub(super) name: String,
    pub(super) signature: String,
    pub(super) dns: u32,
    pub(super) direct: u32,
}

/// A host with a record.
#[derive(Clone, Debug, Eq, PartialEq)]
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
    /// Who has the address.
    pub who: Option<SavedWho>,
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
