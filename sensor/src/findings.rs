//! Findings: what a host is held to have of a vendor, with a verdict and its grounds.
//!
//! In come [notices](crate::detection::Notice), out go [`Finding`]s when asked for, and a [`Change`]
//! when a finding opens, its verdict climbs, or silence says something. [`Book`] folds all sightings of a host and a vendor
//! into one record of bounded size. Nothing here knows the network, and time is that of notices: what
//! was not noticed did not happen. What silence says is in [`state`].
//!
//! # Whose sightings count
//!
//! Only those of a client inside the home networks, for only what a host opens itself says something
//! about it. A host that answers DNS asks for others: of its sightings only those with a connection
//! are its own. A host that takes CONNECT or absolute URIs both asks and connects for others: none
//! is its own, and the client's leg carries the finding. Roles may be learned after the fact, so
//! sightings are kept apart by side and a role takes effect on all of them, past ones too. A host
//! that was asked in DNS but not seen to answer is a suspect: its questions change no verdict that
//! is told to others until a connection confirms it, but they do stand in its finding.
//!
//! A connection without a readable name is put down to the flagged name that its server's address
//! was answered for ([`crate::resolved`]): to this client, which counts in full, or to another only,
//! which is a contact and never more. A connection with a name that no signature claims is put down
//! to nothing, since addresses of content delivery networks are shared.
//!
//! # The ladder
//!
//! Presence is judged apart from transfer: a product behind a firewall that asks and is refused is as
//! installed as any. What a sighting is worth follows from its signature's evidence class, category
//! and confidence; *well founded* is anything better than inferred.
//!
//! | verdict | what it takes |
//! |---|---|
//! | `none` | pages of the vendor that a person reads: `public-web`, and `mixed` of category `web` |
//! | `embed-only` | what other companies' pages and apps load: `web-embed`, `sdk-embed`, `shared` |
//! | `contact` | `mixed`, `client`, `server-api`, `download`; one kind of `app-likely` or `device-or-*`; anything unverified; a name that leads by CNAME to servers of products; an address that only another host was answered |
//! | `embedded` | `oem`, and no well-founded `app` or `device` |
//! | `likely` | one kind of well-founded `app` or `device`; inferred `app` or `device` of any number; `service-use`; `app-likely` of two kinds, or on three days, or asked twice; `device-or-*` of two kinds |
//! | `installed` | well-founded `app` or `device`, and: a second kind, or asked twice, or steady, or an answer as a device on the local network |
//! | `installed-active` | `installed`, and payload went both ways with `app` or `device` names |
//! | `manager` | apart: a management server, which no name on the wire tells, but its ports in combination |
//!
//! - A *kind* is a group of categories that are independent of the others: update; telemetry,
//!   reputation and crash dumps; licensing; connectivity and certificates; management; push and
//!   messages; configuration; device cloud and dynamic DNS; peer-to-peer; app interfaces; risk
//!   control; VPN; name resolution; discovery. Accounts, pages, scripts, content and advertising are
//!   no kind: persons make such traffic too.
//! - *Asked twice*: the same name asked at the system's resolver and at a public one within 100 ms.
//!   Public are those of the catalogue's list, but for those that the settings say are the site's own.
//! - *Steady*: in at least four different hours of each of three days.
//! - Inferred `app` rows are the rest of a zone that only products use. Such a name makes a finding
//!   `likely`, and may be the second kind beside a well-founded one; alone it never is more.
//! - `device-or-sdk` alone stays a contact whatever its kinds: one kit in one app has several.
//! - An embedded engine uses the vendor's servers too, so `oem` accounts for all that is less than
//!   well-founded `app` or `device`. That is the one sighting that can lower a verdict, and it
//!   lowers it from `likely` to `embedded` only.
//! - `infra` and the CNAME targets of products say nothing by themselves; names of category `infra`
//!   that hosts use too are `mixed`.
//!
//! In plain words: however many web pages are read, nothing climbs above `embed-only`; without
//! well-founded evidence of a product nothing climbs above `likely`; and volume never counts, only
//! what is different in kind. A verdict is a function of which signals were seen, not of their
//! order or number, so taking one away lowers it by what that one was worth and never flips it.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use phonehome_signatures::{Category, SignatureId, VendorId};

use crate::detection::Reach;
use crate::discovery::Device;
use crate::host::Address;
use crate::names::{Endpoint, Name, Source, Transport};
use crate::time::Timestamp;

pub mod asking;
mod book;
mod devices;
mod grounds;
pub mod history;
pub mod profile;
mod record;
mod rhythm;
mod roles;
pub mod saved;
pub mod state;
mod tally;
mod verdict;
pub mod waivers;
mod watch;
mod weight;

pub use asking::{Asker, Asking};
pub use book::Book;
pub use devices::{Earlier, Who};
pub use history::History;
use record::Over;
pub use state::{Spans, State};
pub use tally::Tally;

/// How sure it is that the host has something of the vendor. The order is that of severity.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Only web sites of the vendor.
    #[default]
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

impl Verdict {
    /// All verdicts, the least severe first.
    pub const ALL: [Self; 8] = [
        Self::None,
        Self::EmbedOnly,
        Self::Contact,
        Self::Embedded,
        Self::Likely,
        Self::Installed,
        Self::InstalledActive,
        Self::Manager,
    ];

    /// The word for it in output and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::EmbedOnly => "embed-only",
            Self::Contact => "contact",
            Self::Embedded => "embedded",
            Self::Likely => "likely",
            Self::Installed => "installed",
            Self::InstalledActive => "installed-active",
            Self::Manager => "manager",
        }
    }
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
    pub sources: [u64; Source::ALL.len()],
    /// Payload octets that the host sent to the vendor, retransmissions included.
    pub sent: u64,
    /// Payload octets that the host received from the vendor, retransmissions included.
    pub received: u64,
    /// Some of the names used, in alphabetical order, each with the id of its signature.
    pub names: Vec<(Name, String)>,
    /// What it is by the time that has passed.
    pub state: State,
    /// Since when it has been in that state.
    pub state_since: Timestamp,
    /// Whom the sightings are of; `None` where nothing said it.
    pub who: Option<Who>,
    /// What the device said of itself on the local network; `None` where it did not.
    pub device: Option<Device>,
    /// What other devices had that had the address before, the oldest first.
    pub earlier: Vec<Earlier>,
    /// How the host asks in DNS past the site's own resolvers; `None` if it was not seen to, or asks
    /// for others.
    pub asks: Option<Asker>,
}

/// Something happened to a finding.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// Capture time at which it became known.
    pub at: Timestamp,
    /// Number of the frame that caused it, or of the one that brought the time at which it came.
    pub number: u64,
    /// The host inside.
    pub host: Address,
    /// The vendor.
    pub vendor: VendorId,
    /// What happened to the finding.
    pub kind: ChangeKind,
    /// The verdict that was told before.
    pub from: Verdict,
    /// The verdict as it is.
    pub to: Verdict,
    /// The contact that made the difference; `None` where silence did, or a waiver.
    pub cause: Option<Cause>,
}

/// What can happen to a finding.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// The verdict is [`Verdict::Contact`] or more for the first time; or a waiver that covered the
    /// finding does so no longer.
    Opened,
    /// The verdict of an open finding climbed.
    Strengthened,
    /// It became [`State::Quiet`].
    Quiet,
    /// It became [`State::Removed`].
    Removed,
    /// It became [`State::Absent`].
    Absent,
    /// It became [`State::Returned`].
    Returned,
    /// A waiver begins to cover the finding, which is open.
    Waived,
}

impl ChangeKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Opened,
        Self::Strengthened,
        Self::Quiet,
        Self::Removed,
        Self::Absent,
        Self::Returned,
        Self::Waived,
    ];

    /// The word for it in output and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Strengthened => "strengthened",
            Self::Quiet => "quiet",
            Self::Removed => "removed",
            Self::Absent => "absent",
            Self::Returned => "returned",
            Self::Waived => "waived",
        }
    }
}

/// The contact behind a [`Change`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cause {
    /// The host's end.
    pub client: Endpoint,
    /// The other end; in DNS the resolver.
    pub server: Endpoint,
    /// What carried it; `None` for octets of a connection that is still open.
    pub transport: Option<Transport>,
    /// The signature that claims the name.
    pub signature: SignatureId,
    /// The name; if octets made the difference, a name of the signature that the host used.
    /// `None` if there was no room to keep one.
    pub name: Option<Name>,
    /// Where the name was read; `None` for octets of a connection that is still open.
    pub source: Option<Source>,
    /// How far the exchange got.
    pub reach: Reach,
    /// Outermost VLAN id, where it is known.
    pub vlan: Option<u16>,
}

/// Bounds of a [`Book`]. What comes when a collection is full is counted in [`Counts`].
///
/// A finding takes about 2 KiB of memory with the names and signatures of a usual product, and 8 KiB
/// when both have their fill; an answer takes about 230 bytes for each of the two memories.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Hosts that took part in an exchange, hosts only heard of, and hosts with a role, each. When
    /// full, those make room that have no finding and were not seen for a day, the ones seen longest
    /// ago first. Without any, newcomers are refused.
    pub hosts: usize,
    /// Pairs of a host and a vendor. When full, the oldest of a host makes room that was never seen to
    /// exchange anything, nor to be in touch at times a minute apart. Hosts that come back so, and were
    /// never seen to exchange anything, hold half of the room at most, and make room for hosts that
    /// were. If there is none to make room, newcomers are refused.
    pub findings: usize,
    /// Answers that are remembered, per client and network-wide each. When full, the one that was
    /// given longest ago makes room.
    pub resolutions: usize,
    /// Addresses of which an identity is known, and devices of which a name is, each. When full, what
    /// was said of longest ago makes room. About 350 bytes an address, and 150 a device.
    pub identities: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hosts: 250_000,
            findings: 50_000,
            resolutions: 262_144,
            identities: MAX_IDENTITIES,
        }
    }
}

/// Addresses and devices of which an identity is kept, each, unless a [`Limits`] says otherwise.
pub const MAX_IDENTITIES: usize = 65_536;

/// How many home hosts there are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct HostsSeen {
    /// Hosts that sent something, as far as notices tell.
    pub alive: usize,
    /// Hosts with at least one finding of [`Verdict::Contact`] or more.
    pub with_finding: usize,
    /// Hosts that answer DNS for others.
    pub resolvers: usize,
    /// Hosts that take HTTP requests for others.
    pub proxies: usize,
}

/// What a [`Book`] left out. All counts only grow.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Sightings and answers of clients outside the home networks.
    pub outside: u64,
    /// Times a host was not taken in.
    pub hosts_refused: u64,
    /// Hosts that made room for others.
    pub hosts_evicted: u64,
    /// Times a host that asks past the site's own resolvers was not remembered.
    pub askers_refused: u64,
    /// Hosts that ask past the site's own resolvers, which made room for others.
    pub askers_evicted: u64,
    /// Records that made room for others.
    pub findings_evicted: u64,
    /// Sightings and octets without a record for want of room.
    pub findings_refused: u64,
    /// Records that were removed or absent for longer than they are kept.
    pub findings_expired: u64,
    /// Answers that made room for others.
    pub resolutions_evicted: u64,
    /// Sightings whose name was not kept, for the record had its fill of others.
    pub names_over: u64,
    /// Sightings and octets not counted by signature, for the record had its fill of others.
    pub signatures_over: u64,
    /// Records of a device that had an address before, which were forgotten for others.
    pub devices_over: u64,
    /// Addresses and devices of which what was said made room for others.
    pub identities_evicted: [u64; 2],
    /// Hosts with ports of a management server that made room for others, or were not taken in.
    pub servers_evicted: u64,
    /// Sightings and octets of signatures that the catalogue does not have.
    pub signatures_unknown: u64,
}

impl AddAssign<Over> for Counts {
    fn add_assign(&mut self, over: Over) {
        self.names_over += over.names;
        self.signatures_over += over.signatures;
        self.devices_over += over.devices;
    }
}
