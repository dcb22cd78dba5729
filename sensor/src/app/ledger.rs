//! The ledger: takes notices into the book, writes events, and makes snapshots.

use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use phonehome_signatures::{Directives, VendorId};

use super::keeper::Keeper;
use super::manager::Manager;
use super::policy::{Covers, Policy};
use super::snapshot::{Input, snapshot, stored};
use super::telling::{Known, Telling};
use crate::detection::{Notice, Sighting, What};
use crate::evidence;
use crate::export::events::repeats::Repeats;
use crate::export::events::{Event, What as EventKind};
use crate::export::output::Outputs;
use crate::export::protection::{Protection, Standing};
use crate::export::{Mode, Ready, Snapshot};
use crate::findings::history::{History, Past};
use crate::findings::saved::{Kept, Restored};
use crate::findings::waivers::Waivers;
use crate::findings::{Book, Change, Limits, Spans};
use crate::host::{Address, HomeNetworks};
use crate::inventory::Inventory;
use crate::pipeline::{self, Counts, Follower, Loaded, canary};
use crate::store::Handle;
use crate::time::Timestamp;
use crate::worker::Told;

/// The one writer of findings.
pub struct Ledger {
    loaded: Follower,
    input: Input,
    book: Book,
    home: Arc<ArcSwap<HomeNetworks>>,
    /// The home networks that are gone by.
    at_home: Arc<HomeNetworks>,
    changes: Vec<Change>,
    telling: Telling,
    counts: Counts,
    spans: Spans,
    covers: Covers,
    history: History,
    keeper: Option<Keeper>,
    evidence: Option<evidence::Handle>,
    protections: Arc<[(Protection, Standing)]>,
    policy: Arc<Policy>,
    shared: Option<Arc<Shared>>,
    manager: Option<Manager>,
    stop: Box<dyn Fn() -> bool>,
}

/// What other threads see of a running sensor.
#[derive(Debug)]
pub struct Shared {
    inventory: Inventory,
    view: ArcSwap<View>,
    policy: Arc<Policy>,
    home: Arc<ArcSwap<HomeNetworks>>,
}

/// Everything but the findings, as of the newest publication.
#[derive(Debug)]
struct View {
    snapshot: Snapshot,
    /// When the canary counts as failing, unless a newer view says otherwise.
    deadline: Option<Instant>,
}

impl Ledger {
    /// An empty ledger for an input.
    #[must_use]
    pub fn new(loaded: Arc<Loaded>, home: HomeNetworks, limits: Limits, input: Input) -> Self {
        let loaded = Follower::new(loaded);
        let at_home = Arc::new(home);
        let book = Book::new(
            Arc::clone(loaded.catalogue()),
            HomeNetworks::clone(&at_home),
            limits,
        );
        let mut ledger = Self {
            loaded,
            input,
            book,
            home: Arc::new(ArcSwap::new(Arc::clone(&at_home))),
            at_home,
            changes: Vec::new(),
            telling: Telling::Nobody,
            counts: Counts::default(),
            spans: Spans::default(),
            covers: Covers::default(),
            history: History::default(),
            keeper: None,
            evidence: None,
            protections: Arc::default(),
            policy: Arc::default(),
            shared: None,
            manager: None,
            stop: Box::new(|| false),
        };
        ledger.set_spans(Spans::default());
        ledger
    }

    /// Judges silence by other spans; to be called before anything is taken.
    pub fn set_spans(&mut self, spans: Spans) {
        self.spans = match self.input.mode {
            Mode::Live => spans.live(),
            Mode::File => spans,
        };
        self.book.set_spans(self.spans);
    }

    /// Takes public resolvers to be the site's own; to be called before anything is taken.
    pub fn set_own_resolvers(&mut self, resolvers: impl IntoIterator<Item = Address>) {
        self.book.set_own_resolvers(resolvers);
    }

    /// Goes on with what an earlier run kept; to be called before anything is taken.
    pub fn restore(&mut self, kept: Kept, history: History) -> Restored {
        self.history = history;
        self.book.restore(kept)
    }

    /// Keeps findings in a store from here on, and tells of changes when it has them.
    pub fn keep_in(&mut self, store: Handle) {
        self.keeper = Some(Keeper::new(store, self.spans.keep));
    }

    /// Has the first sighting of each kind proved from here on.
    pub fn prove_by(&mut self, evidence: evidence::Handle) {
        self.evidence = Some(evidence);
    }

    /// Writes an event for each sighting of a home host and each change of a finding.
    pub fn write_events(&mut self, out: Box<dyn Write>) {
        self.telling = Telling::writing(out);
    }

    /// Tells outputs of each change of a finding, and with `repeats` of sightings of home hosts too.
    /// `evicted` is set to how many of those were told before their time for want of room.
    pub fn tell_outputs(
        &mut self,
        outputs: Outputs,
        repeats: Option<Repeats>,
        evicted: Arc<AtomicU64>,
    ) {
        self.telling = Telling::outputs(outputs, repeats, evicted);
    }

    /// Ends the reading when `stop` says so.
    pub fn stop_when(&mut self, stop: impl Fn() -> bool + 'static) {
        self.stop = Box::new(stop);
    }

    /// Tells a service manager how it goes.
    pub fn tell_manager(&mut self, manager: Option<Manager>) {
        self.manager = manager;
    }

    /// Shows how the process is kept from doing harm.
    pub fn show_protections(&mut self, protections: Vec<(Protection, Standing)>) {
        self.protections = protections.into();
    }

    /// What other threads can look at while the ledger is written.
    pub fn share(&mut self) -> Arc<Shared> {
        let view = ArcSwap::from_pointee(self.view());
        let shared = Arc::new(Shared {
            inventory: Inventory::default(),
            view,
            policy: Arc::clone(&self.policy),
            home: Arc::clone(&self.home),
        });
        self.shared = Some(Arc::clone(&shared));
        shared
    }

    /// A copy of all that is shown.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.policy.applied_to(Snapshot {
            findings: self.book.findings().into_iter().map(Arc::new).collect(),
            ..self.without_findings()
        })
    }

    /// Puts directives in force, instead of those that were.
    pub fn set_directives(&self, directives: Directives) {
        self.policy.set_directives(directives);
    }

    /// Puts waivers in force, instead of those that were.
    pub fn set_waivers(&self, waivers: Waivers) {
        self.policy.set_waivers(waivers);
    }

    /// Ends the events, and waits a while for evidence that is still to be written.
    ///
    /// # Errors
    ///
    /// The first error of writing them.
    pub fn finish(&mut self) -> io::Result<()> {
        if let Some(evidence) = &mut self.evidence {
            evidence.finish(LAST_EVIDENCE);
        }
        self.telling.finish(Known {
            catalogue: self.loaded.catalogue(),
            directory: self.book.directory(),
        })
    }

    fn view(&self) -> View {
        let canary = self.counts.canary.as_ref();
        View {
            snapshot: self.without_findings(),
            deadline: canary
                .filter(|_| !self.counts.finished)
                .map(|it| it.deadline),
        }
    }

    fn without_findings(&self) -> Snapshot {
        Snapshot {
            protections: Arc::clone(&self.protections),
            history: self.history.clone(),
            store: self.keeper.as_ref().map(|it| stored(it.counts())),
            ..snapshot(
                self.loaded.catalogue(),
                &self.input,
                &self.counts,
                &self.book,
            )
        }
    }

    /// How it goes, in a line.
    fn status(&self) -> String {
        let view = self.without_findings();
        let state = match &view.ready {
            Ready::Yes => "at work".to_owned(),
            Ready::No(why) => format!("not ready: {why}"),
        };
        let received: u64 = view.captures.iter().map(|it| it.received_frames).sum();
        let dropped: u64 = view.captures.iter().flat_map(|it| it.dropped_frames).sum();
        format!(
            "{state}; {} of {} hosts flagged; {received} frames received, {dropped} dropped",
            self.book.hosts().with_finding,
            view.hosts_seen
        )
    }

    /// Tells of a sighting of a home host.
    fn tell_sighting(&mut self, now: Timestamp, sighting: &Sighting) {
        let client = sighting.observation.client().address;
        if !self.at_home.contains(client) {
            return;
        }
        if let Some(evidence) = &mut self.evidence {
            let is_there = self.book.is_proven(client);
            evidence.prove(self.loaded.catalogue(), sighting, is_there);
        }
        if self.telling.is_heard() {
            let known = Known {
                catalogue: self.loaded.catalogue(),
                directory: self.book.directory(),
            };
            self.telling.sighting(known, now, sighting);
        }
    }

    /// Takes the time that has passed without notices: on a wire any frame shows that it is alive; of
    /// files only the end does, since what counts say before depends on how far threads have come.
    fn pass(&mut self, counts: &Counts) {
        let is_alive = match self.input.mode {
            Mode::Live => counts.intake.frames > self.counts.intake.frames,
            Mode::File => counts.finished,
        };
        let clock = counts.workers.iter().filter_map(|it| it.clock).max();
        if let Some(at) = clock.filter(|_| is_alive) {
            self.book.pass(at, &mut self.changes);
        }
        self.tell_changes();
    }

    /// Tells of the changes that there are, or holds them back until the store has them.
    fn tell_changes(&mut self) {
        let mut changes = std::mem::take(&mut self.changes);
        let catalogue = self.loaded.catalogue();
        self.covers
            .look(&self.policy, catalogue, &mut self.book, &mut changes);
        for change in changes.drain(..) {
            let past = self.past(&change);
            match &mut self.keeper {
                Some(keeper) => keeper.hold(change, past),
                None => self.tell(&change),
            }
        }
        self.changes = changes;
    }

    /// Tells of the changes that the store has, and shows their findings.
    fn tell_kept(&mut self) {
        while let Some(change) = self.keeper.as_mut().and_then(Keeper::ready) {
            self.tell(&change);
            self.show((change.vendor, change.host));
        }
    }

    fn tell(&mut self, change: &Change) {
        self.book.count(change);
        let past = self.past(change);
        self.history.push(past);
        if !self.telling.is_heard() {
            return;
        }
        let Some(mut finding) = self.book.finding(change.host, change.vendor) else {
            return;
        };
        // It may have climbed further since.
        finding.verdict = change.to;
        self.telling.event(&Event {
            catalogue: self.loaded.catalogue(),
            sensor: None,
            who: finding.who.as_ref().map(|it| &it.identity),
            what: EventKind::Change {
                at: change.at,
                change: change.kind.as_str(),
                finding: &finding,
            },
        });
    }

    fn past(&self, change: &Change) -> Past {
        let vendor = self.loaded.catalogue().vendor(change.vendor);
        Past {
            at: change.at,
            host: change.host,
            vendor: vendor.map_or("other", |it| it.id.as_str()).into(),
            kind: change.kind,
            from: change.from,
            to: change.to,
        }
    }

    /// Takes up what has replaced the catalogue or the home networks in use.
    fn renew(&mut self) {
        let home = self.home.load();
        if !Arc::ptr_eq(&home, &self.at_home) {
            self.at_home = Arc::clone(&home);
            self.book.set_home(HomeNetworks::clone(&home));
        }
        if let Some(successor) = self.loaded.changed() {
            self.book.set_catalogue(Arc::clone(successor));
        }
    }

    fn publish_findings(&mut self) {
        let touched = self.book.take_touched();
        if let Some(keeper) = &mut self.keeper {
            keeper.touch(&touched);
        }
        for key in touched {
            self.show(key);
        }
    }

    /// Shows a finding as it is, unless there is something of it to be told first.
    fn show(&self, key: (VendorId, Address)) {
        let is_waiting = |it: &Keeper| it.is_waiting(key);
        if let Some(shared) = &self.shared
            && !self.keeper.as_ref().is_some_and(is_waiting)
        {
            shared.inventory.put(key, self.book.finding(key.1, key.0));
        }
    }

    /// Has what is to be kept saved, and tells of what is.
    fn keep(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            let catalogue = self.loaded.catalogue();
            if self.counts.finished {
                keeper.finish(&self.book, catalogue);
            } else {
                keeper.turn(&self.book, catalogue);
            }
            self.tell_kept();
        }
    }

    fn publish(&self) {
        if let Some(shared) = &self.shared {
            shared.view.store(Arc::new(self.view()));
        }
    }
}

impl pipeline::Ledger for Ledger {
    fn take(&mut self, notice: &Notice) {
        self.renew();
        match &notice.what {
            What::Sighting(sighting) => self.tell_sighting(notice.at, sighting),
            What::Discovery(found) => self.tell_sighting(notice.at, &found.0),
            _ => {}
        }
        if let Some(sighting) = self.book.take(notice, &mut self.changes) {
            self.tell_sighting(notice.at, &sighting);
        }
        self.tell_changes();
        if self.book.touched() >= MAX_TOUCHED {
            self.publish_findings();
        }
    }

    fn count(&mut self, counts: &Counts) {
        self.renew();
        self.pass(counts);
        self.counts = counts.clone();
        // Of files only notices tell the time: how far workers have come differs from run to run.
        let clock = counts.workers.iter().filter_map(|it| it.clock).max();
        if let Some(now) = clock.filter(|_| self.input.mode == Mode::Live) {
            let known = Known {
                catalogue: self.loaded.catalogue(),
                directory: self.book.directory(),
            };
            self.telling.tick(known, now);
        }
        self.publish_findings();
        self.keep();
        self.publish();
        if let Some(mut manager) = self.manager.take() {
            if (self.stop)() {
                manager.stopping();
            }
            manager.hear(counts, Instant::now(), || self.status());
            self.manager = Some(manager);
        }
    }

    fn is_finding(&mut self, told: &[Told]) -> bool {
        self.renew();
        let home = HomeNetworks::new([IpAddr::from(canary::CLIENT).into()]);
        let catalogue = Arc::clone(self.loaded.catalogue());
        let mut book = Book::new(catalogue, home, CANARY_LIMITS);
        let mut changes = Vec::new();
        for it in told {
            book.take(&it.notice, &mut changes);
        }
        !book.findings().is_empty()
    }

    fn wants_more(&self) -> bool {
        !(self.stop)()
    }
}

impl Shared {
    /// A copy of all that is shown, as of the newest publication.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let view = self.view.load();
        let mut snapshot = self.policy.applied_to(Snapshot {
            findings: self.inventory.findings(),
            ..Snapshot::clone(&view.snapshot)
        });
        let is_failing = view.deadline.is_some_and(|it| it <= Instant::now());
        if is_failing && snapshot.ready == Ready::Yes {
            snapshot.ready = Ready::No(CANARY_FAILS.to_owned());
        }
        snapshot
    }

    /// The directives in force.
    #[must_use]
    pub fn directives(&self) -> Arc<Directives> {
        self.policy.directives()
    }

    /// Takes other networks to be the monitored ones, from the next notice on.
    pub fn set_home(&self, home: HomeNetworks) {
        self.home.store(Arc::new(home));
    }

    /// Puts directives in force, instead of those that were; the next snapshot goes by them.
    pub fn set_directives(&self, directives: Directives) {
        self.policy.set_directives(directives);
    }

    /// Puts waivers in force, instead of those that were; the next snapshot goes by them.
    pub fn set_waivers(&self, waivers: Waivers) {
        self.policy.set_waivers(waivers);
    }
}

/// Findings that may have changed before others see them.
const MAX_TOUCHED: usize = 4096;

/// Bounds of the book of one canary exchange.
const CANARY_LIMITS: Limits = Limits {
    hosts: 8,
    findings: 8,
    resolutions: 8,
    identities: 8,
};

/// How long evidence that is still to be written is waited for at the end.
const LAST_EVIDENCE: Duration = Duration::from_secs(2);

/// Why the sensor is not ready when the canary fails.
const CANARY_FAILS: &str = "a canary exchange has not come out as a finding for too long: a thread \
                            is stuck, a queue is full, or no signatures are loaded";
