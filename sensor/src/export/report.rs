//! The report that a directive asks for: which products are there, on which hosts and on what
//! evidence, how removal goes, and what could not be seen.
//!
//! In comes a [`Snapshot`], whose directives are those to be reported on; out goes a [`Report`], which
//! [`html`], [`csv`], [`markdown`] and [`json::report`](super::json::report) write. A snapshot without
//! directives gives an inventory of all that was found. The day is that of the packets, and when the
//! report was made is given from outside, so the same data gives the same octets.
//!
//! It describes and does not judge: what a sensor cannot know is a field to fill in, and "none were
//! found" never stands without what could not be seen.

use std::collections::BTreeMap;

use phonehome_signatures::{Day, Directive, Signature};

use self::burn_down::BurnDown;
use self::courses::Courses;
use super::Snapshot;
use super::directives::Shown;
use crate::findings::waivers::Waived;
use crate::findings::{Finding, State};
use crate::host::Address;
use crate::time::Timestamp;

pub(super) mod burn_down;
mod chart;
mod courses;
pub mod csv;
mod elements;
pub mod html;
pub mod markdown;
mod page;
mod part;
mod svg;
pub(super) mod words;

/// What is asked of a report beside its data.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ask {
    /// When the report is made, by the clock of the machine.
    pub made: Timestamp,
    /// What the sensor, or the place where it listens, is called; `None` leaves it to be filled in.
    pub sensor: Option<String>,
    /// Where the findings come from.
    pub origin: Origin,
}

/// Where the findings of a report come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// Capture files that were read for it.
    Files,
    /// A running sensor.
    Running,
    /// What a sensor has stored. How much could be seen is not stored.
    Store,
}

impl Origin {
    /// The word for it in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Running => "sensor",
            Self::Store => "store",
        }
    }
}

/// A report, to be written in one of its forms.
#[derive(Debug)]
pub struct Report<'a> {
    /// The data it is made of.
    pub(super) snapshot: &'a Snapshot,
    pub(super) ask: Ask,
    /// The newest day of the data.
    pub(super) today: Day,
    /// Times of the first and the last thing that is known; `None` if nothing is.
    pub(super) span: Option<(Timestamp, Timestamp)>,
    /// One for each directive, in order of their ids, or a single one without.
    pub(super) parts: Vec<Part<'a>>,
    /// The signatures behind the findings reported on, in order of their ids.
    pub(super) signatures: Vec<Cited<'a>>,
}

/// What is reported under one directive, or of all findings.
#[derive(Debug)]
pub(super) struct Part<'a> {
    /// `None` in an inventory.
    pub(super) directive: Option<&'a Directive>,
    /// The findings that count: those that stand first, then by gravity, vendor and host.
    pub(super) endpoints: Vec<Endpoint<'a>>,
    /// Findings that do not count, by why, in plain words.
    pub(super) left_out: BTreeMap<&'static str, u64>,
    pub(super) counts: Counts,
    pub(super) products: Vec<Product<'a>>,
    /// Networks with findings that stand, the one with the most hosts first.
    pub(super) networks: Vec<Network>,
    pub(super) burn_down: BurnDown,
    /// Vendors that the directive covers and no pack is loaded for.
    pub(super) without_pack: Vec<&'a str>,
}

/// A host and a vendor that count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endpoint<'a> {
    pub(super) finding: &'a Finding,
    pub(super) stand: Stand,
    /// Its waiver, which holds or has run out.
    pub(super) waived: Option<Waived<'a>>,
}

/// How a finding that counts stands.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Stand {
    /// It was in contact lately.
    Active,
    /// It was in contact again after it had been silent.
    Returned,
    /// It is silent for some time.
    Quiet,
    /// A waiver lets it stand.
    Waived,
    /// The host was not seen for long.
    Absent,
    /// It is silent for long, and its host is alive.
    Removed,
}

impl Stand {
    pub(super) const ALL: [Self; 6] = [
        Self::Active,
        Self::Returned,
        Self::Quiet,
        Self::Waived,
        Self::Absent,
        Self::Removed,
    ];

    /// The word for it, one of [`STATES`](super::directives::STATES).
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Returned => "returned",
            Self::Quiet => "quiet",
            Self::Waived => "waived",
            Self::Absent => "absent",
            Self::Removed => "removed",
        }
    }

    /// Whether it counts as open.
    pub(super) const fn is_open(self) -> bool {
        match self {
            Self::Active | Self::Returned | Self::Quiet => true,
            Self::Waived | Self::Absent | Self::Removed => false,
        }
    }

    /// What it means, in plain words.
    pub(super) const fn meaning(self) -> &'static str {
        match self {
            Self::Active => "in contact with the vendor lately",
            Self::Returned => "in contact again after a silence",
            Self::Quiet => {
                "no contact for some time, though the host is alive: being removed, or idle"
            }
            Self::Waived => "may stand until a day, by a decision of the organisation",
            Self::Absent => "the host itself was not seen for long: neither clean nor not",
            Self::Removed => {
                "no contact for long, though the host is alive: gone, as far as can be seen"
            }
        }
    }

    fn of(snapshot: &Snapshot, finding: &Finding) -> Self {
        match snapshot.state(finding) {
            Shown::Waived => Self::Waived,
            Shown::Is(State::Active) => Self::Active,
            Shown::Is(State::Quiet) => Self::Quiet,
            Shown::Is(State::Removed) => Self::Removed,
            Shown::Is(State::Absent) => Self::Absent,
            Shown::Is(State::Returned) => Self::Returned,
        }
    }
}

/// How many findings stand how, and on how many hosts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Counts {
    /// Findings by [`Stand`].
    pub(super) findings: [u64; Stand::ALL.len()],
    /// Hosts with a finding that is open.
    pub(super) open_hosts: u64,
}

impl Counts {
    pub(super) const fn of(&self, stand: Stand) -> u64 {
        self.findings[stand as usize]
    }

    /// Findings that are open.
    pub(super) fn open(&self) -> u64 {
        let open = Stand::ALL.into_iter().filter(|it| it.is_open());
        open.map(|it| self.of(it)).sum()
    }

    pub(super) fn all(&self) -> u64 {
        self.findings.iter().sum()
    }
}

/// A product, or what is known of it, and on how many endpoints it is.
#[derive(Debug)]
pub(super) struct Product<'a> {
    pub(super) vendor: String,
    /// `None` where no signature tells one.
    pub(super) name: Option<&'a str>,
    /// Endpoints by how they stand; one with several products counts for each of them.
    pub(super) counts: Counts,
}

/// A block of addresses and how many open hosts are in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Network {
    /// `10.1.2.0/24` or `2001:db8::/64`.
    pub(super) block: String,
    pub(super) hosts: u64,
}

/// A signature that findings rest on.
#[derive(Debug)]
pub(super) struct Cited<'a> {
    pub(super) signature: &'a Signature,
    /// Findings that it claimed a name of.
    pub(super) findings: u64,
}

/// What the status page says of a directive.
#[derive(Debug)]
pub(super) struct Short {
    pub(super) open: u64,
    pub(super) removed: u64,
    /// What is due next, or was last.
    pub(super) due: String,
    burn_down: BurnDown,
}

impl Short {
    /// One for each directive in force, in their order.
    pub(super) fn all(snapshot: &Snapshot) -> Vec<Self> {
        let courses = Courses::new(snapshot);
        let directives = snapshot.directives.list().iter();
        directives
            .map(|it| Self::new(snapshot, &courses, it))
            .collect()
    }

    fn new(snapshot: &Snapshot, courses: &Courses, directive: &Directive) -> Self {
        let part = Part::new(snapshot, courses, Some(directive));
        Self {
            open: part.counts.open(),
            removed: part.counts.of(Stand::Removed),
            due: part.due(directive, snapshot.today()),
            burn_down: part.burn_down,
        }
    }

    /// Draws open findings by day; `None` where there is one day only. `id` is unique on the page.
    pub(super) fn line(&self, id: &str) -> Option<String> {
        chart::spark(&self.burn_down, id)
    }
}

impl<'a> Report<'a> {
    /// Makes the report on a snapshot.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot, ask: Ask) -> Self {
        let today = snapshot.today();
        let courses = Courses::new(snapshot);
        let directives = snapshot.directives.list();
        let parts: Vec<Part<'a>> = if directives.is_empty() {
            vec![Part::new(snapshot, &courses, None)]
        } else {
            let parts = directives.iter();
            parts
                .map(|it| Part::new(snapshot, &courses, Some(it)))
                .collect()
        };
        let signatures = cited(snapshot, &parts);
        Self {
            snapshot,
            ask,
            today,
            span: span(snapshot),
            parts,
            signatures,
        }
    }

    /// How many days the data spans, the first and the last included; zero without any.
    pub(super) fn days(&self) -> u64 {
        let Some((first, last)) = self.span else {
            return 0;
        };
        let days = day_of(last).days_after(day_of(first)).saturating_add(1);
        u64::try_from(days).unwrap_or(0)
    }
}

/// From when to when something is known: frames, or findings where only those are there.
fn span(snapshot: &Snapshot) -> Option<(Timestamp, Timestamp)> {
    let findings = snapshot.findings.iter();
    let of_findings = findings
        .map(|it| (it.first_seen, it.last_seen))
        .reduce(|sum, it| (sum.0.min(it.0), sum.1.max(it.1)));
    match (snapshot.span(), of_findings) {
        (Some(frames), Some(findings)) => {
            Some((frames.0.min(findings.0), frames.1.max(findings.1)))
        }
        (one, other) => one.or(other),
    }
}

/// The signatures behind the findings of the parts, each finding counted once.
fn cited<'a>(snapshot: &'a Snapshot, parts: &[Part<'a>]) -> Vec<Cited<'a>> {
    let endpoints = parts.iter().flat_map(|it| &it.endpoints);
    let findings: BTreeMap<(Address, u16), &Finding> = endpoints
        .map(|it| ((it.finding.host, it.finding.vendor.0), it.finding))
        .collect();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for finding in findings.values() {
        let mut ids: Vec<&str> = finding.names.iter().map(|it| it.1.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            *counts.entry(id).or_default() += 1;
        }
    }
    let mut cited: Vec<Cited<'a>> = snapshot
        .catalogue
        .signatures()
        .filter_map(|signature| {
            let findings = *counts.get(signature.id.as_str())?;
            Some(Cited {
                signature,
                findings,
            })
        })
        .collect();
    cited.sort_by(|a, b| a.signature.id.cmp(&b.signature.id));
    cited
}

fn day_of(at: Timestamp) -> Day {
    Day::of_seconds(at.as_nanos().div_euclid(1_000_000_000))
}

#[cfg(test)]
mod tests;
