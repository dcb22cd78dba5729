//! The book of findings: the one place that takes notices and gives verdicts.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;

use phonehome_signatures::{Catalogue, SignatureId, VendorId};

use super::asking::{Askers, Asking, MAX_ASKERS};
use super::record::{Effect, Mark, Over, Record, Resolver};
use super::roles::{Hosts, View};
use super::state::{Seen, Spans, State};
use super::tally::Tally;
use super::verdict::Manner;
use super::watch::{Watch, Watched};
use super::weight::Class;
use super::{Cause, Change, ChangeKind, Counts, Limits, Verdict};
use crate::detection::{Notice, Reach, Resolution, Sighting, What};
use crate::discovery::Servers;
use crate::host::{Address, HomeNetworks};
use crate::identity::Directory;
use crate::names::{Observation, Source};
use crate::resolved::Resolved;
use crate::time::Timestamp;

mod connections;
mod devices;
mod keep;
mod lapse;
mod room;
mod shown;

/// All findings, and what is needed to judge the next notice.
///
/// Notices are taken one by one in the order of their numbers. The verdicts are those that any
/// other order gives, but for two things that are about order: a connection is only put down to
/// answers that came before it, and what a full collection refuses depends on who came first.
#[derive(Debug)]
pub struct Book {
    catalogue: Arc<Catalogue>,
    /// By [`SignatureId`].
    classes: Vec<Class>,
    home: HomeNetworks,
    limits: Limits,
    resolved: Resolved,
    hosts: Hosts,
    directory: Directory,
    servers: Servers,
    askers: Askers,
    /// Public resolvers that the site itself uses.
    own_resolvers: BTreeSet<Address>,
    records: HashMap<(Address, VendorId), Record, RandomState>,
    /// The keys of records that may make room for others, the oldest first; each record once.
    weak: VecDeque<(Address, VendorId)>,
    /// The keys of records that make room for hosts that are there, and for no others, the oldest
    /// first: hosts that come back, but were never seen to exchange anything.
    lasting: VecDeque<(Address, VendorId)>,
    counts: Counts,
    tally: Tally,
    /// Findings that have changed since they were last asked for.
    touched: BTreeSet<(VendorId, Address)>,
    spans: Spans,
    watch: Watch,
    /// No finding changes by itself before that.
    next_sweep: Watched,
    /// Changes that the present notice has made.
    made: Vec<Change>,
    /// Number of the newest frame that a notice came from.
    number: u64,
}

/// Where and when something became known that may change a verdict.
struct Moment<'n> {
    notice: &'n Notice,
    host: Address,
    class: Class,
}

impl Book {
    /// Makes an empty book.
    #[must_use]
    pub fn new(catalogue: Arc<Catalogue>, home: HomeNetworks, limits: Limits) -> Self {
        let spans = Spans::default();
        Self {
            classes: classes(&catalogue),
            catalogue,
            home,
            limits,
            resolved: Resolved::new(limits.resolutions),
            hosts: Hosts::new(limits.hosts),
            directory: Directory::new(limits.identities),
            servers: Servers::new(devices::MAX_SERVERS),
            askers: Askers::new(MAX_ASKERS),
            own_resolvers: BTreeSet::new(),
            records: HashMap::default(),
            weak: VecDeque::new(),
            lasting: VecDeque::new(),
            counts: Counts::default(),
            tally: Tally::default(),
            touched: BTreeSet::new(),
            watch: Watch::new(Duration::ZERO, spans.slot(), spans.blind_after),
            spans,
            next_sweep: Watched::default(),
            made: Vec::new(),
            number: 0,
        }
    }

    /// Judges silence by other spans than the default ones; to be called before the first notice.
    pub fn set_spans(&mut self, spans: Spans) {
        self.spans = spans;
        self.watch = Watch::new(self.watch.watched(), spans.slot(), spans.blind_after);
    }

    /// Takes public resolvers to be the site's own, so that questions to them pass nothing by.
    pub fn set_own_resolvers(&mut self, resolvers: impl IntoIterator<Item = Address>) {
        self.own_resolvers = resolvers.into_iter().collect();
    }

    /// Judges by a successor of the catalogue from here on: a signature or vendor that both have has
    /// the same number in both. What was judged before stays as it is.
    pub fn set_catalogue(&mut self, successor: Arc<Catalogue>) {
        self.classes = classes(&successor);
        self.catalogue = successor;
    }

    /// How many findings have changed since [`Book::take_touched`].
    #[must_use]
    pub fn touched(&self) -> usize {
        self.touched.len()
    }

    /// Takes other networks to be the monitored ones from here on. Findings of hosts that are no
    /// longer at home stay, and get no more sightings.
    pub fn set_home(&mut self, home: HomeNetworks) {
        self.home = home;
    }

    /// The keys of findings that have changed since this was last called, in order.
    pub fn take_touched(&mut self) -> BTreeSet<(VendorId, Address)> {
        std::mem::take(&mut self.touched)
    }

    /// Takes a notice, and appends the changes that it makes, and before them those that the time up
    /// to it makes.
    ///
    /// Gives the sighting that the book makes itself: of a connection without a name, to an address
    /// that was answered for a flagged one.
    pub fn take(&mut self, notice: &Notice, changes: &mut Vec<Change>) -> Option<Sighting> {
        self.number = notice.number;
        self.pass(notice.at, changes);
        if self.hosts.wants_room(&self.watch) {
            self.make_room_for_hosts();
        }
        let mut correlated = None;
        match &notice.what {
            What::Observation(observation) => self.observation(observation),
            What::Sighting(sighting) => {
                self.observation(&sighting.observation);
                let manner = match sighting.via {
                    Some(_) => Manner::Via,
                    None => Manner::Named,
                };
                self.sighting(notice, sighting, manner);
            }
            What::Discovery(found) => {
                let (sighting, device) = &**found;
                self.observation(&sighting.observation);
                self.sighting(notice, sighting, Manner::Named);
                self.describe(sighting, device);
            }
            What::Resolution(resolution) => self.resolution(resolution, notice.at),
            What::Connection(connection) => self.connection(notice, connection, &mut correlated),
            What::Progress(progress) => self.progress(notice, progress),
            What::Identity(statement) => {
                let home = &self.home;
                let is_ours = |it: Address| home.contains(it) && it.is_unicast();
                self.directory.take(statement, notice.at, is_ours);
            }
            What::Asked(host) => {
                if self.is_home(*host) {
                    self.hosts.asked(*host);
                }
            }
            What::Resolver(host) => {
                if self.home.contains(*host) {
                    self.hosts.heard(*host, &self.watch);
                    self.hosts.resolver(*host);
                    self.touch(*host);
                }
            }
            // For the judge alone.
            What::Veiled(_) | What::Offer(_) => {}
            What::Proxy(host) => {
                if self.home.contains(*host) {
                    self.hosts.proxy(*host);
                    self.touch(*host);
                }
            }
            What::HiddenQuestions(it) => {
                if self.is_home(it.client) {
                    let is_there = it.is_answered || self.hosts.is_proven(it.client);
                    self.askers.hides(it, notice.at, is_there);
                    self.touch(it.client);
                }
            }
            What::PublicQuestions(it) => {
                if self.is_home(it.client) && self.resolver(it.resolver) == Resolver::Public {
                    let is_there = self.hosts.is_proven(it.client);
                    self.askers.asks(it, notice.at, is_there);
                    self.touch(it.client);
                }
            }
        }
        changes.append(&mut self.made);
        correlated
    }

    /// Counts a change that is told to others.
    pub fn count(&mut self, change: &Change) {
        let key = (change.vendor, change.kind);
        *self.tally.changes.entry(key).or_default() += 1;
    }

    /// How many home hosts were seen on the wire.
    #[must_use]
    pub fn alive(&self) -> usize {
        self.hosts.alive()
    }

    /// Whether a host is known to have taken part in an exchange, so that it cannot be made up.
    #[must_use]
    pub fn is_proven(&self, host: Address) -> bool {
        self.hosts.is_proven(host)
    }

    /// How many home hosts are known as resolvers, and how many as proxies.
    #[must_use]
    pub fn roles(&self) -> (usize, usize) {
        self.hosts.with_roles()
    }

    /// How many home hosts ask past the site's own resolvers, and some of them; those that are known
    /// to ask for others are left out.
    #[must_use]
    pub fn asking(&self) -> Asking {
        self.askers.shown(|it| self.hosts.view(it) == View::All)
    }

    /// The bounds.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        self.limits
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

    /// Who has which address.
    #[must_use]
    pub const fn directory(&self) -> &Directory {
        &self.directory
    }

    /// What was left out, and why.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            hosts_refused: self.hosts.refused(),
            hosts_evicted: self.hosts.evicted(),
            askers_refused: self.askers.refused(),
            askers_evicted: self.askers.evicted(),
            resolutions_evicted: self.resolved.evicted(),
            identities_evicted: self.directory.evicted(),
            servers_evicted: self.servers.evicted(),
            ..self.counts
        }
    }

    /// Takes note of who is alive, and of who is asked in DNS.
    fn observation(&mut self, observation: &Observation) {
        if self.is_home(observation.src.address) {
            self.hosts.heard(observation.src.address, &self.watch);
        }
        let server = observation.server().address;
        if observation.source == Source::DnsQuery && self.is_home(server) {
            self.hosts.asked(server);
        }
    }

    fn sighting(&mut self, notice: &Notice, sighting: &Sighting, manner: Manner) {
        let observation = &sighting.observation;
        let host = observation.client().address;
        if !self.is_home(host) {
            self.counts.outside += 1;
            return;
        }
        let Some(class) = self.known_class(sighting.signature) else {
            return;
        };
        self.tally.sighting(sighting, class);
        if sighting.reach == Reach::Transferred {
            self.hosts.proven(host, &self.watch);
        }
        let mark = Mark {
            class,
            manner,
            seen: self.present(host),
        };
        let at = observation.at;
        let who = self.directory.who(host, at).filter(|it| it.since <= at);
        let begun = self.begun(notice.at);
        let resolver = self.resolver(observation.server().address);
        let Some(record) = self.record((host, class.vendor), notice.at) else {
            return;
        };
        let mut over = Over::default();
        if let Some(who) = who {
            record.meet(&who, begun, &mut over);
        }
        let is_of_earlier = record.is_of_earlier(at);
        let effect = record
            .of_time(at)
            .sighting(sighting, mark, resolver, &mut over);
        self.counts += over;
        if is_of_earlier {
            return;
        }
        let moment = Moment {
            notice,
            host,
            class,
        };
        self.heed(&moment, effect, || Cause {
            client: observation.client(),
            server: observation.server(),
            transport: Some(observation.transport),
            signature: sighting.signature,
            name: Some(observation.name.clone()),
            source: Some(observation.source),
            reach: sighting.reach,
            vlan: observation.vlan,
        })
    }

    /// Remembers what an address was answered for. An address inside is not one of the vendor's: a
    /// sinkhole has it, and so has all else that the sinkhole's host serves.
    fn resolution(&mut self, resolution: &Resolution, at: Timestamp) {
        let address = resolution.address;
        if !self.is_home(resolution.client) {
            self.counts.outside += 1;
        } else if address.is_unicast()
            && !address.to_ip().is_loopback()
            && !self.home.contains(address)
        {
            self.resolved.remember(resolution, at);
        }
    }

    /// Makes the changes that a sighting or octets bring.
    fn heed(&mut self, moment: &Moment<'_>, effect: Effect, cause: impl Fn() -> Cause) {
        if let Some(lane) = effect.contact {
            self.back(moment, lane, &cause);
        }
        if effect.may_change {
            let climbed = self.climbed(moment, cause);
            self.made.extend(climbed);
        }
    }

    /// The change that a record whose signals changed makes, if its verdict climbed.
    fn climbed(&mut self, moment: &Moment<'_>, cause: impl Fn() -> Cause) -> Option<Change> {
        let view = self.hosts.cautious_view(moment.host);
        let begun = self.begun(moment.notice.at);
        let record = self.records.get_mut(&(moment.host, moment.class.vendor))?;
        let (from, to) = (record.told, record.verdict(view));
        if to <= from {
            return None;
        }
        record.told = to;
        let kind = match (from >= Verdict::Contact, to >= Verdict::Contact) {
            (_, false) => return None,
            (false, true) => ChangeKind::Opened,
            (true, true) => ChangeKind::Strengthened,
        };
        if kind == ChangeKind::Opened {
            record.course = begun;
        }
        let cause = Some(named(cause(), record));
        Some(Change {
            at: moment.notice.at,
            number: moment.notice.number,
            host: moment.host,
            vendor: moment.class.vendor,
            kind,
            from,
            to,
            cause,
        })
    }

    /// Takes note that what is said of a host may have changed for every vendor.
    fn touch(&mut self, host: Address) {
        let vendors = (0..)
            .map(VendorId)
            .take_while(|it| self.catalogue.vendor(*it).is_some());
        let keys = vendors.filter(|it| self.records.contains_key(&(host, *it)));
        self.touched.extend(keys.map(|it| (it, host)));
    }

    /// What kind of resolver an address is, if it is one at all.
    fn resolver(&self, address: Address) -> Resolver {
        let is_public = self.catalogue.resolvers().has_address(address.to_ip());
        if is_public && !self.own_resolvers.contains(&address) {
            Resolver::Public
        } else {
            Resolver::System
        }
    }

    fn is_home(&self, address: Address) -> bool {
        self.home.contains(address) && address.is_unicast()
    }

    fn class(&self, signature: SignatureId) -> Option<Class> {
        self.classes.get(signature.0 as usize).copied()
    }

    /// The class of a signature; one that is not in the catalogue is counted.
    fn known_class(&mut self, signature: SignatureId) -> Option<Class> {
        let class = self.class(signature);
        if class.is_none() {
            self.counts.signatures_unknown += 1;
        }
        class
    }
}

/// The classes of all signatures by their number, those that have gone included.
fn classes(catalogue: &Catalogue) -> Vec<Class> {
    let signatures = (0..).map_while(|it| catalogue.signature(SignatureId(it)));
    signatures.map(Class::of).collect()
}

/// The cause with a name of its signature that the host used, where it has none of its own.
fn named(mut cause: Cause, record: &Record) -> Cause {
    if cause.name.is_none() {
        cause.name = record.name_of(cause.signature).cloned();
    }
    cause
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
