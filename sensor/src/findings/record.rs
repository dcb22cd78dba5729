//! What is kept of a host and a vendor: counts, from which a finding is made when it is asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use phonehome_signatures::{Catalogue, Category, Evidence, Signature, SignatureId, VendorId};

use super::grounds::grounds;
use super::verdict::{Habits, Sign, verdict};
use super::{Finding, Verdict};
use crate::detection::{Reach, Sighting};
use crate::host::Address;
use crate::names::{Name, Source};
use crate::time::Timestamp;

/// Sightings of a host by the signatures of one vendor.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// Sightings by signature, apart for borrowed ones, and [`Reach`].
    tallies: BTreeMap<(SignatureId, bool), [u64; 5]>,
    /// Sightings by [`Source`].
    sources: [u64; 8],
    names: BTreeMap<Name, (SignatureId, u64)>,
    first_seen: Timestamp,
    last_seen: Timestamp,
    last_day: i64,
    days: u32,
    /// The newest question, to tell one asked twice.
    question: Option<(Timestamp, Name, Address)>,
    asks_twice: bool,
    sent: u64,
    received: u64,
    /// Newest verdict that a change told of.
    pub(super) told: Verdict,
}

/// Which sightings of a host count.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Role {
    /// It answers DNS for others: its questions are theirs.
    pub(super) is_resolver: bool,
    /// It connects for others: its connections are theirs, and so are its questions.
    pub(super) is_proxy: bool,
}

impl Record {
    pub(super) fn new(at: Timestamp) -> Self {
        Self {
            tallies: BTreeMap::new(),
            sources: [0; 8],
            names: BTreeMap::new(),
            first_seen: at,
            last_seen: at,
            last_day: i64::MIN,
            days: 0,
            question: None,
            asks_twice: false,
            sent: 0,
            received: 0,
            told: Verdict::None,
        }
    }

    /// Counts a sighting; `true` if it can change the verdict.
    pub(super) fn add(&mut self, sighting: &Sighting, is_borrowed: bool) -> bool {
        let observation = &sighting.observation;
        let at = observation.at;
        self.first_seen = self.first_seen.min(at);
        self.last_seen = self.last_seen.max(at);
        self.sources[observation.source as usize] += 1;
        let mut is_news = self.note_day(at) | self.note_question(sighting);
        if self.tallies.len() < MAX_TALLIES
            || self
                .tallies
                .contains_key(&(sighting.signature, is_borrowed))
        {
            let tally = self
                .tallies
                .entry((sighting.signature, is_borrowed))
                .or_default();
            let count = &mut tally[sighting.reach as usize];
            is_news |= *count == 0;
            *count += 1;
        }
        if self.names.len() < MAX_NAMES || self.names.contains_key(&observation.name) {
            let name = observation.name.clone();
            self.names.entry(name).or_insert((sighting.signature, 0)).1 += 1;
        }
        is_news
    }

    pub(super) fn add_octets(&mut self, at: Timestamp, sent: u64, received: u64) {
        self.last_seen = self.last_seen.max(at);
        self.sent += sent;
        self.received += received;
    }

    /// The verdict on the host, from what counts in its role.
    pub(super) fn verdict(&self, catalogue: &Catalogue, role: Role) -> Verdict {
        verdict(&self.signs(catalogue, role), self.habits())
    }

    /// The finding, or `None` if nothing counts in the host's role.
    pub(super) fn finding(
        &self,
        catalogue: &Catalogue,
        (vendor, host): (VendorId, Address),
        role: Role,
    ) -> Option<Finding> {
        let facts: Vec<Fact<'_>> = self.facts(catalogue, role).collect();
        if facts.is_empty() {
            return None;
        }
        let mut contacts = [0; 5];
        for fact in &facts {
            for (sum, count) in contacts.iter_mut().zip(fact.tally) {
                *sum += count;
            }
        }
        let mut products: Vec<String> = facts
            .iter()
            .filter_map(|it| it.signature.product.clone())
            .collect();
        products.sort_unstable();
        products.dedup();
        let mut categories: Vec<Category> = facts.iter().map(|it| it.signature.category).collect();
        categories.sort_unstable();
        categories.dedup();
        let mut sources = self.sources;
        if role.is_resolver {
            sources[Source::DnsQuery as usize] = 0;
            sources[Source::DnsAnswer as usize] = 0;
        }
        let counts = |id: SignatureId| facts.iter().any(|it| it.id == id);
        let names = self
            .names
            .iter()
            .filter(|(_, (id, _))| counts(*id))
            .filter_map(|(name, (id, _))| {
                Some((name.clone(), catalogue.signature(*id)?.id.clone()))
            })
            .collect();
        Some(Finding {
            host,
            vendor,
            verdict: self.verdict(catalogue, role),
            grounds: grounds(&facts, self.habits(), (self.sent, self.received)),
            products,
            categories,
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            contacts,
            sources,
            sent: self.sent,
            received: self.received,
            names,
        })
    }

    fn habits(&self) -> Habits {
        Habits {
            asks_twice: self.asks_twice,
            days: self.days,
        }
    }

    fn signs(&self, catalogue: &Catalogue, role: Role) -> Vec<Sign> {
        self.facts(catalogue, role).map(|it| it.sign()).collect()
    }

    fn facts<'c>(
        &'c self,
        catalogue: &'c Catalogue,
        role: Role,
    ) -> impl Iterator<Item = Fact<'c>> + use<'c> {
        self.tallies
            .iter()
            .filter_map(move |((id, is_borrowed), tally)| {
                let signature = catalogue.signature(*id)?;
                let mut tally = *tally;
                if role.is_resolver || role.is_proxy {
                    tally[Reach::Asked as usize] = 0;
                    tally[Reach::Refused as usize] = 0;
                }
                if role.is_proxy {
                    tally = [0; 5];
                }
                let names = self
                    .names
                    .iter()
                    .filter(|(_, it)| it.0 == *id)
                    .map(|it| it.0)
                    .collect();
                let fact = Fact {
                    id: *id,
                    signature,
                    tally,
                    is_borrowed: *is_borrowed,
                    names,
                };
                (tally != [0; 5]).then_some(fact)
            })
    }

    fn note_day(&mut self, at: Timestamp) -> bool {
        let day = at.as_nanos().div_euclid(DAY_NANOS);
        if day <= self.last_day {
            return false;
        }
        self.last_day = day;
        self.days = self.days.saturating_add(1);
        true
    }

    /// Whether this question shows for the first time that the host asks a public resolver along
    /// with its own.
    fn note_question(&mut self, sighting: &Sighting) -> bool {
        let observation = &sighting.observation;
        if self.asks_twice || observation.source != Source::DnsQuery {
            return false;
        }
        let resolver = observation.server().address;
        if let Some((at, name, other)) = &self.question {
            let apart = observation.at.since(*at).max(at.since(observation.at));
            let is_public = |it: Address| PUBLIC_RESOLVERS.contains(&it);
            let differ = is_public(resolver) != is_public(*other);
            self.asks_twice = differ && *name == observation.name && apart <= TWICE_WITHIN;
        }
        self.question = Some((observation.at, observation.name.clone(), resolver));
        self.asks_twice
    }
}

/// What one signature claimed of the host.
#[derive(Debug)]
pub(super) struct Fact<'a> {
    pub(super) id: SignatureId,
    pub(super) signature: &'a Signature,
    pub(super) tally: [u64; 5],
    pub(super) is_borrowed: bool,
    pub(super) names: Vec<&'a Name>,
}

impl Fact<'_> {
    pub(super) fn sign(&self) -> Sign {
        let Signature {
            evidence, category, ..
        } = *self.signature;
        let transferred = self.tally[Reach::Transferred as usize] > 0;
        Sign {
            evidence,
            category,
            transferred,
            is_borrowed: self.is_borrowed,
        }
    }

    pub(super) fn evidence(&self) -> Evidence {
        self.signature.evidence
    }
}

/// Signatures that are counted apart for one host and vendor.
const MAX_TALLIES: usize = 128;

/// Names that are kept of one host and vendor.
const MAX_NAMES: usize = 32;

/// A day, of packet time in UTC.
const DAY_NANOS: i64 = 86_400_000_000_000;

/// How near each other two questions for one name are asked to be one act.
const TWICE_WITHIN: Duration = Duration::from_millis(100);

/// Resolvers that products ask beside the system's own: the fallback list of Kaspersky's network
/// settings pages (2021 to 2024).
const PUBLIC_RESOLVERS: [Address; 5] = [
    Address::from_v4([8, 8, 8, 8]),
    Address::from_v4([1, 1, 1, 1]),
    Address::from_v4([223, 6, 6, 6]),
    Address::from_v4([9, 9, 9, 9]),
    Address::from_v4([185, 228, 168, 168]),
];
