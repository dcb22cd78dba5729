//! Keeps findings in the store, and holds changes back until they are there.
//!
//! A change is told to others (events, counters, the inventory) once the store has it, so that the
//! end of the process at any moment takes back nothing that was told. It waits for [`PATIENCE`] at most:
//! where the store cannot save, it is told all the same, and saved when that is possible again. The
//! ledger never waits for the store, but at its end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use phonehome_signatures::{Catalogue, VendorId};

use crate::findings::history::Past;
use crate::findings::{Book, Change};
use crate::host::Address;
use crate::store::{Batch, Counts, Handle, Outcome};

/// What is on its way to the store, and what waits for it.
pub(super) struct Keeper {
    handle: Handle,
    keep: Duration,
    /// Number of the newest batch.
    number: u64,
    /// Number of the newest batch that is on disk.
    saved: u64,
    /// Whether the newest batch is under way.
    flight: Flight,
    is_failing: bool,
    /// Findings that are other than the store has them.
    dirty: BTreeSet<(VendorId, Address)>,
    /// Changes that no batch has.
    unsaved: VecDeque<((VendorId, Address), Past)>,
    /// Changes that nobody was told of.
    held: VecDeque<Held>,
    /// Findings with such changes, and how many.
    waiting: BTreeMap<(VendorId, Address), u32>,
    /// When all that was dirty was last handed over, when all hosts, and when old rows were deleted.
    full_at: Option<Instant>,
    hosts_at: Option<Instant>,
    tidied_at: Option<Instant>,
    lost: u64,
}

#[derive(Clone, Copy)]
enum Flight {
    None,
    Under,
}

struct Held {
    change: Change,
    since: Instant,
    /// The batch that has it; `None` if none was handed over yet.
    batch: Option<u64>,
}

impl Keeper {
    /// Keeps findings that are over for `keep`.
    pub(super) fn new(handle: Handle, keep: Duration) -> Self {
        Self {
            handle,
            keep,
            number: 0,
            saved: 0,
            flight: Flight::None,
            is_failing: false,
            dirty: BTreeSet::new(),
            unsaved: VecDeque::new(),
            held: VecDeque::new(),
            waiting: BTreeMap::new(),
            full_at: None,
            hosts_at: None,
            tidied_at: None,
            lost: 0,
        }
    }

    /// Takes note that findings are other than they were.
    pub(super) fn touch(&mut self, keys: &BTreeSet<(VendorId, Address)>) {
        self.dirty.extend(keys);
    }

    /// Holds a change back.
    pub(super) fn hold(&mut self, change: Change, past: Past) {
        let key = (change.vendor, change.host);
        if self.unsaved.len() >= MAX_UNSAVED {
            self.unsaved.pop_front();
            self.lost += 1;
        }
        self.unsaved.push_back((key, past));
        *self.waiting.entry(key).or_default() += 1;
        self.held.push_back(Held {
            change,
            since: Instant::now(),
            batch: None,
        });
    }

    /// Hears what has become of batches, and hands the next one over if it is time.
    pub(super) fn turn(&mut self, book: &Book, catalogue: &Catalogue) {
        while let Some(outcome) = self.handle.outcome() {
            self.hear(outcome);
        }
        if matches!(self.flight, Flight::Under) {
            return;
        }
        let is_full = is_due(self.full_at, FULL_EVERY);
        if is_full || !self.unsaved.is_empty() {
            self.hand_over(book, catalogue, is_full);
        }
    }

    /// The next change that can be told, in the order in which they came.
    pub(super) fn ready(&mut self) -> Option<Change> {
        let first = self.held.front()?;
        let is_saved = first.batch.is_some_and(|it| it <= self.saved);
        let is_late = self.held.len() > MAX_HELD || first.since.elapsed() >= PATIENCE;
        if !is_saved && !is_late && !self.is_failing {
            return None;
        }
        let change = self.held.pop_front()?.change;
        let key = (change.vendor, change.host);
        if let Some(count) = self.waiting.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.waiting.remove(&key);
            }
        }
        Some(change)
    }

    /// Whether a finding has changes that nobody was told of.
    pub(super) fn is_waiting(&self, key: (VendorId, Address)) -> bool {
        self.waiting.contains_key(&key)
    }

    /// Saves all there is, or gives up after [`PATIENCE`].
    pub(super) fn finish(&mut self, book: &Book, catalogue: &Catalogue) {
        let end = Instant::now() + PATIENCE;
        self.hosts_at = None;
        let mut last = None;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let is_done = last.is_some_and(|it| it <= self.saved)
                && self.dirty.is_empty()
                && self.unsaved.is_empty();
            if is_done || left.is_zero() {
                break;
            }
            if matches!(self.flight, Flight::None) {
                self.hand_over(book, catalogue, true);
                last = Some(self.number);
            }
            let Some(outcome) = self.handle.wait(left) else {
                break;
            };
            self.hear(outcome);
        }
        self.handle
            .close(end.saturating_duration_since(Instant::now()).max(LAST_WORD));
        // Whatever is left cannot be waited for any longer.
        self.is_failing = true;
    }

    /// What the store has done, and changes that it never got.
    pub(super) fn counts(&self) -> (Counts, u64) {
        (self.handle.counts(), self.lost)
    }

    fn hear(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Saved(number) => {
                self.saved = number;
                self.flight = Flight::None;
                self.is_failing = false;
            }
            Outcome::Failed => self.is_failing = true,
        }
    }

    /// Hands over the changes that no batch has, with their findings; and if `is_full` all else.
    fn hand_over(&mut self, book: &Book, catalogue: &Catalogue, is_full: bool) {
        let mut keys = BTreeSet::new();
        let mut changes = Vec::with_capacity(self.unsaved.len());
        for (key, past) in self.unsaved.drain(..) {
            self.dirty.remove(&key);
            keys.insert(key);
            changes.push(past);
        }
        while is_full && keys.len() < MAX_ROWS {
            match self.dirty.pop_first() {
                Some(key) => keys.insert(key),
                None => break,
            };
        }
        let now = Instant::now();
        if is_full && self.dirty.is_empty() {
            self.full_at = Some(now);
        }
        let with_hosts = is_full && is_due(self.hosts_at, HOSTS_EVERY);
        let hosts: BTreeSet<Address> = if with_hosts {
            self.hosts_at = Some(now);
            book.keys().map(|it| it.0).collect()
        } else {
            keys.iter().map(|it| it.1).collect()
        };
        let tidies = is_full && is_due(self.tidied_at, TIDY_EVERY);
        let mut batch = Batch {
            number: self.number + 1,
            watch: book.saved_watch(),
            hosts: hosts.into_iter().map(|it| book.saved_host(it)).collect(),
            changes,
            ..Batch::default()
        };
        if tidies && let Some(at) = book.now() {
            self.tidied_at = Some(now);
            batch.tidy_before = Some(at.before(self.keep));
        }
        for (vendor, host) in keys {
            match book.saved(host, vendor) {
                Some(saved) => batch.findings.push(saved),
                None => {
                    let id = catalogue.vendor(vendor).map(|it| (host, it.id.clone()));
                    batch.gone.extend(id);
                }
            }
        }
        self.number = batch.number;
        for it in self.held.iter_mut().rev() {
            if it.batch.is_some() {
                break;
            }
            it.batch = Some(batch.number);
        }
        self.flight = Flight::Under;
        // The one before is done with, so there is room; without a thread nothing is ever saved.
        if self.handle.hand_over(batch).is_err() {
            self.is_failing = true;
        }
    }
}

fn is_due(last: Option<Instant>, every: Duration) -> bool {
    last.is_none_or(|it| it.elapsed() >= every)
}

/// How long a change waits to be saved before it is told.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the thread of the store may take to close the file.
const LAST_WORD: Duration = Duration::from_secs(1);

/// How often all findings that have changed are handed over: with the time that a save takes, they
/// are five seconds behind at most.
const FULL_EVERY: Duration = Duration::from_secs(4);

/// How often is handed over when hosts were last seen.
const HOSTS_EVERY: Duration = Duration::from_secs(600);

/// How often old rows are deleted.
const TIDY_EVERY: Duration = Duration::from_secs(3600);

/// Findings of one batch, but for those with changes: about 8 MB.
const MAX_ROWS: usize = 4_096;

/// Changes that wait for a store that cannot save. Beyond, the oldest are never in it.
const MAX_UNSAVED: usize = 65_536;

/// Changes that are held back; beyond, the oldest are told though they are not saved.
const MAX_HELD: usize = 65_536;
