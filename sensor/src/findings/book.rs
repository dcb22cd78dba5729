//! The book of findings: folds what workers tell into one record a host and vendor.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use phonehome_signatures::{Catalogue, Category, SignatureId, VendorId};

use super::record::{Record, Role};
use super::{Change, ChangeKind, Finding, Verdict};
use crate::detection::{Connection, Notice, Reach, Sighting, What};
use crate::host::{Address, HomeNetworks};
use crate::names::{Observation, Source};
use crate::resolved::{Grade, Resolved};
use crate::time::Timestamp;

/// Folds notices into findings. The one writer of them.
#[derive(Debug)]
pub struct Book {
    catalogue: Arc<Catalogue>,
    home: HomeNetworks,
    limits: Limits,
    records: BTreeMap<(VendorId, Address), Record>,
    hosts: HashMap<Address, Role, FixedState>,
    resolved: Resolved,
    /// Records whose verdict may have changed, with the time from which a change may be told.
    due: VecDeque<(Timestamp, (VendorId, Address))>,
    /// Records that have changed since they were last asked for.
    touched: BTreeSet<(VendorId, Address)>,
    tally: Tally,
}

/// Sizes of the book.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Home hosts that are known at a time.
    pub hosts: usize,
    /// Findings, of whatever verdict.
    pub findings: usize,
    /// Pairs of a client and an address whose flagged name is remembered.
    pub resolved: usize,
}

/// Sightings of home hosts counted three ways; the sums of a vendor are equal.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// By what the traffic is for.
    pub by_category: BTreeMap<(VendorId, Category), u64>,
    /// By where the name was read.
    pub by_source: BTreeMap<(VendorId, Source), u64>,
    /// By how far the exchange got.
    pub by_reach: BTreeMap<(VendorId, Reach), u64>,
    /// Octets sent and received, by what the traffic is for.
    pub octets: BTreeMap<(VendorId, Category), [u64; 2]>,
    /// Newest sighting.
    pub last_seen: BTreeMap<VendorId, Timestamp>,
    /// Changes told of.
    pub changes: BTreeMap<(VendorId, ChangeKind), u64>,
    /// Sightings whose client is outside the home networks; they count nowhere else.
    pub outside: u64,
    /// Hosts and findings that there was no room for.
    pub turned_away: u64,
}

impl Book {
    /// An empty book.
    #[must_use]
    pub fn new(catalogue: Arc<Catalogue>, home: HomeNetworks, limits: Limits) -> Self {
        Self {
            catalogue,
            home,
            limits,
            records: BTreeMap::new(),
            hosts: HashMap::with_hasher(FixedState::with_seed(0)),
            resolved: Resolved::new(limits.resolved),
            due: VecDeque::new(),
            touched: BTreeSet::new(),
            tally: Tally::default(),
        }
    }

    /// Takes the next notice; adds what changes by it to `changes`.
    ///
    /// Gives the sighting that the book makes itself: of a connection without a name, to an address
    /// that was answered for a flagged one. It is counted like the others.
    pub fn take(&mut self, notice: &Notice, changes: &mut Vec<Change>) -> Option<Sighting> {
        let at = notice.at;
        let mut correlated = None;
        match &notice.what {
            What::Observation(_) => {}
            What::Sighting(sighting) => self.sighting(at, sighting, false),
            What::Resolution(it) => {
                self.resolved
                    .answered(at, it.client, it.address, &it.name, it.signature);
            }
            What::Connection(connection) => correlated = self.connection(at, connection),
            // Each worker tells of a role once. What is known already must not move time: the order
            // of events would depend on the number of workers.
            What::Resolver(host) if !self.role(*host, |it| it.is_resolver = true) => return None,
            What::Proxy(host) if !self.role(*host, |it| it.is_proxy = true) => return None,
            What::Resolver(_) | What::Proxy(_) => {}
        }
        self.tell_due(at, changes);
        correlated
    }

    /// Tells of all changes that are waiting, at the end of the input.
    pub fn finish(&mut self, changes: &mut Vec<Change>) {
        self.tell_due(Timestamp::MAX, changes);
    }

    /// All findings, in order of vendor and host.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        self.records
            .keys()
            .filter_map(|it| self.finding(*it))
            .collect()
    }

    /// The keys of findings that have changed since this was last called, in order.
    pub fn take_touched(&mut self) -> BTreeSet<(VendorId, Address)> {
        std::mem::take(&mut self.touched)
    }

    /// The finding on a host and a vendor.
    #[must_use]
    pub fn finding(&self, key: (VendorId, Address)) -> Option<Finding> {
        self.records
            .get(&key)?
            .finding(&self.catalogue, key, self.role_of(key.1))
    }

    /// Home hosts that opened a connection, or have a finding.
    #[must_use]
    pub fn hosts(&self) -> u64 {
        self.hosts.len() as u64
    }

    /// Sightings counted by vendor.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Which names addresses were answered for.
    #[must_use]
    pub const fn resolved(&self) -> &Resolved {
        &self.resolved
    }

    fn sighting(&mut self, at: Timestamp, sighting: &Sighting, is_borrowed: bool) {
        let host = sighting.observation.client().address;
        let Some(signature) = self.catalogue.signature(sighting.signature) else {
            return;
        };
        let (vendor, category) = (signature.vendor, signature.category);
        if !self.home.contains(host) {
            self.tally.outside += 1;
            return;
        }
        let source = sighting.observation.source;
        *self
            .tally
            .by_category
            .entry((vendor, category))
            .or_default() += 1;
        *self.tally.by_source.entry((vendor, source)).or_default() += 1;
        *self
            .tally
            .by_reach
            .entry((vendor, sighting.reach))
            .or_default() += 1;
        let newest = self.tally.last_seen.entry(vendor).or_insert(Timestamp::MIN);
        *newest = sighting.observation.at.max(*newest);
        let key = (vendor, host);
        let is_full = self.records.len() >= self.limits.findings;
        if !self.see(host) || (is_full && !self.records.contains_key(&key)) {
            self.tally.turned_away += 1;
            return;
        }
        self.touched.insert(key);
        let record = self.records.entry(key).or_insert_with(|| Record::new(at));
        if record.add(sighting, is_borrowed) {
            // A question may be one that the host asks for others: that shows when it answers.
            let is_question = matches!(source, Source::DnsQuery | Source::DnsAnswer);
            self.due
                .push_back((if is_question { at.after(PATIENCE) } else { at }, key));
        }
    }

    fn connection(&mut self, at: Timestamp, connection: &Connection) -> Option<Sighting> {
        let host = connection.client.address;
        if !self.home.contains(host) || !self.see(host) {
            return None;
        }
        let octets = [connection.sent, connection.received];
        if let Some(signature) = connection.signature {
            self.octets(at, host, signature, octets);
            return None;
        }
        if connection.named.is_ok() {
            return None;
        }
        let server = connection.server;
        let (name, signature, grade) =
            self.resolved
                .name(connection.opened, host, server.address)?;
        let observation = Observation {
            at: connection.opened,
            source: Source::DnsCorrelated,
            transport: connection.transport,
            src: connection.client,
            dst: server,
            name: name.clone(),
            vlan: None,
            ech: None,
        };
        let reach = connection.reach;
        let sighting = Sighting {
            observation,
            signature,
            via: None,
            reach,
        };
        self.sighting(at, &sighting, grade == Grade::SomeClient);
        self.octets(at, host, signature, octets);
        Some(sighting)
    }

    fn octets(&mut self, at: Timestamp, host: Address, id: SignatureId, octets: [u64; 2]) {
        let Some(signature) = self.catalogue.signature(id) else {
            return;
        };
        let [sent, received] = octets;
        if let Some(record) = self.records.get_mut(&(signature.vendor, host)) {
            record.add_octets(at, sent, received);
            self.touched.insert((signature.vendor, host));
            let sums = self
                .tally
                .octets
                .entry((signature.vendor, signature.category))
                .or_default();
            *sums = [sums[0] + sent, sums[1] + received];
        }
    }

    /// Learns a role of a home host; `false` if that was known.
    fn role(&mut self, host: Address, learn: impl FnOnce(&mut Role)) -> bool {
        if !self.home.contains(host) || !self.see(host) {
            return false;
        }
        let role = self.hosts.entry(host).or_default();
        let before = *role;
        learn(role);
        let is_new = *role != before;
        if is_new {
            let vendors = (0..)
                .zip(self.catalogue.vendors())
                .map(|(id, _)| VendorId(id));
            let keys = vendors.map(|it| (it, host));
            self.touched
                .extend(keys.filter(|it| self.records.contains_key(it)));
        }
        is_new
    }

    /// Remembers a home host; `false` if there is no room for it.
    fn see(&mut self, host: Address) -> bool {
        if self.hosts.contains_key(&host) {
            return true;
        }
        let has_room = self.hosts.len() < self.limits.hosts;
        if has_room {
            self.hosts.insert(host, Role::default());
        } else {
            self.tally.turned_away += 1;
        }
        has_room
    }

    fn role_of(&self, host: Address) -> Role {
        self.hosts.get(&host).copied().unwrap_or_default()
    }

    fn tell_due(&mut self, now: Timestamp, changes: &mut Vec<Change>) {
        while let Some((_, key)) = self.due.pop_front_if(|it| it.0 <= now) {
            let role = self.role_of(key.1);
            let Some(record) = self.records.get_mut(&key) else {
                continue;
            };
            let verdict = record.verdict(&self.catalogue, role);
            if verdict <= record.told || verdict < Verdict::Contact {
                continue;
            }
            let from = std::mem::replace(&mut record.told, verdict);
            let kind = if from < Verdict::Contact {
                ChangeKind::Opened
            } else {
                ChangeKind::Strengthened
            };
            let Some(finding) = record.finding(&self.catalogue, key, role) else {
                continue;
            };
            *self.tally.changes.entry((key.0, kind)).or_default() += 1;
            changes.push(Change {
                at: finding.last_seen,
                kind,
                from,
                finding,
            });
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hosts: 250_000,
            findings: 100_000,
            resolved: 131_072,
        }
    }
}

/// How long a question waits before a change is told because of it, so that a resolver, which asks
/// upstream before it answers, is known as one.
const PATIENCE: Duration = Duration::from_secs(2);
