//! Sources and ledgers that do as a test says.

use std::cell::RefCell;
use std::sync::mpsc::Receiver;
use std::sync::{Condvar, Mutex};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use phonehome_signatures::Catalogue;

use super::super::*;
use crate::detection::{Notice, Reach, What};
use crate::frame::{Frame, LinkType, Run};
use crate::pipeline::{Counts, InputState, MAX_INPUTS, Next};

/// What a wire gives.
pub(super) enum Given {
    Frames(usize),
    Silence(Timestamp),
    End,
}

/// A source made of a function.
pub(super) struct Wire<F> {
    pub(super) give: F,
    pub(super) numbers: Vec<usize>,
    pub(super) heard: usize,
    pub(super) pace: Pace,
    /// How long silence is waited for.
    pub(super) pause: Duration,
}

impl<F: FnMut(&mut Run) -> Given + Send> Wire<F> {
    pub(super) fn new(numbers: &[usize], give: F) -> Self {
        Self {
            give,
            numbers: numbers.to_vec(),
            heard: 0,
            pace: Pace::Live,
            pause: Duration::from_millis(5),
        }
    }
}

impl<F: FnMut(&mut Run) -> Given + Send> Source for Wire<F> {
    fn next_run(&mut self, run: &mut Run) -> Next {
        run.clear();
        run.bytes.clear();
        match (self.give)(run) {
            Given::Frames(input) => {
                self.heard = input;
                Next::Frames
            }
            Given::Silence(at) => {
                thread::sleep(self.pause);
                Next::Idle(at)
            }
            Given::End => Next::End,
        }
    }

    fn pace(&self) -> Pace {
        self.pace
    }

    fn input(&self) -> usize {
        self.heard
    }

    fn inputs(&mut self) -> Vec<InputState> {
        vec![InputState::default(); self.numbers.len()]
    }

    fn number_of(&self, input: usize) -> usize {
        self.numbers[input]
    }
}

/// What a ledger has seen.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) counts: Counts,
    pub(super) names: Vec<String>,
    pub(super) sightings: usize,
    pub(super) questions: usize,
    pub(super) hellos: usize,
    pub(super) connections: Vec<Reach>,
    /// Capture times at which connections were told to be over while the source went on.
    pub(super) ended: Vec<Timestamp>,
    pub(super) is_late: bool,
}

/// A ledger that has seen enough when a function says so, or after a long time.
pub(super) struct Judge<F> {
    pub(super) is_enough: F,
    pub(super) seen: Seen,
    pub(super) is_over: bool,
    pub(super) started: Instant,
    /// How long it takes over a notice.
    pub(super) pause: Duration,
}

impl<F: FnMut(&Seen) -> bool> Judge<F> {
    pub(super) fn new(is_enough: F) -> Self {
        Self {
            is_enough,
            seen: Seen::default(),
            is_over: false,
            started: Instant::now(),
            pause: Duration::ZERO,
        }
    }
}

impl<F: FnMut(&Seen) -> bool> Ledger for Judge<F> {
    fn take(&mut self, notice: &Notice) {
        if self.pause > Duration::ZERO {
            thread::sleep(self.pause);
        }
        match &notice.what {
            What::Observation(it) => self.seen.names.push(it.name.to_string()),
            What::Sighting(it) => {
                self.seen.sightings += 1;
                let is_dns = it.observation.source == crate::names::Source::DnsQuery;
                self.seen.questions += usize::from(is_dns);
                self.seen.hellos += usize::from(!is_dns);
            }
            What::Connection(it) => {
                self.seen.connections.push(it.reach);
                self.seen.ended.push(notice.at);
            }
            _ => {}
        }
    }

    fn count(&mut self, counts: &Counts) {
        check(counts);
        self.seen.counts = counts.clone();
        if counts.finished || self.is_over {
            return;
        }
        self.is_over = (self.is_enough)(&self.seen);
        if !self.is_over && self.started.elapsed() > PATIENCE {
            self.seen.is_late = true;
            self.is_over = true;
        }
    }

    fn is_finding(&mut self, told: &[Told]) -> bool {
        let is_sighting = |it: &Told| matches!(it.notice.what, What::Sighting(_));
        told.iter().filter(|it| is_sighting(it)).count() >= 2
    }

    fn wants_more(&self) -> bool {
        !self.is_over
    }
}

/// Takes nothing until the source has given everything.
pub(super) struct Slow {
    pub(super) given: Receiver<()>,
    pub(super) counts: Counts,
}

impl Ledger for Slow {
    fn take(&mut self, _notice: &Notice) {}

    fn count(&mut self, counts: &Counts) {
        if self.counts.intake.frames == 0 {
            self.given.recv().unwrap();
        }
        check(counts);
        self.counts = counts.clone();
    }

    fn wants_more(&self) -> bool {
        self.counts.intake.frames < RUNS as u64 * u64::from(RUN)
    }
}

/// Asserts that the sums hold.
#[track_caller]
pub(super) fn check(counts: &Counts) {
    let inputs = || counts.inputs.iter();
    let frames: u64 = inputs().map(|it| it.frames).sum();
    let settled: u64 = inputs().map(|it| it.triaged + it.worked + it.dropped).sum();
    let queued: u64 = counts.workers.iter().map(|it| it.queued).sum();
    assert!(counts.inputs.len() <= MAX_INPUTS);
    if !counts.inputs.is_empty() {
        assert_eq!(frames, settled + queued);
        assert_eq!(frames, counts.intake.frames);
    }
}

/// Holds workers before they take their next message.
#[derive(Default)]
pub(in crate::pipeline) struct Gate {
    held: Mutex<Vec<usize>>,
    changed: Condvar,
}

impl Gate {
    pub(in crate::pipeline) fn hold(&self, workers: &[usize]) {
        *self.held.lock().unwrap() = workers.to_vec();
        self.changed.notify_all();
    }

    pub(in crate::pipeline) fn pass(&self, worker: usize) {
        let held = self.held.lock().unwrap();
        drop(
            self.changed
                .wait_while(held, |it| it.contains(&worker))
                .unwrap(),
        );
    }
}

thread_local! {
    static GATE: RefCell<Option<Arc<Gate>>> = const { RefCell::new(None) };
}

/// A gate for the workers of pipelines that this thread runs.
pub(super) fn hold_gate() -> Arc<Gate> {
    let gate = Arc::new(Gate::default());
    GATE.set(Some(Arc::clone(&gate)));
    gate
}

/// The gate of this thread's pipelines.
pub(in crate::pipeline) fn gate() -> Option<Arc<Gate>> {
    GATE.with_borrow(Clone::clone)
}

pub(super) fn canary(seen: &Seen) -> &canary::CanaryCounts {
    seen.counts.canary.as_ref().unwrap()
}

/// A canary that fails after two seconds.
pub(super) fn with_canary(workers: usize) -> Sizes {
    Sizes {
        workers,
        canary_every: Some(Duration::from_millis(400)),
        ..Sizes::default()
    }
}

pub(super) fn push(run: &mut Run, at: Timestamp, bytes: &[u8]) {
    run.push_copy(Frame {
        at,
        link: LinkType::ETHERNET,
        wire_len: bytes.len() as u32,
        bytes,
    });
}

/// The time of the machine.
pub(super) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_nanos(since.as_nanos() as i64)
}

pub(super) fn nothing_loaded() -> Arc<Loaded> {
    Arc::new(Loaded::new(Arc::default()))
}

pub(super) fn all_loaded() -> Arc<Loaded> {
    Arc::new(Loaded::new(builtin()))
}

pub(super) fn builtin() -> Arc<Catalogue> {
    Arc::new(Catalogue::builtin().unwrap())
}

/// Who sends each frame of an exchange: the client is 0.
pub(super) const SENDERS: [usize; 8] = [0, 1, 0, 1, 0, 0, 1, 1];

/// A name of a product.
pub(super) const FLAGGED: &str = "dnl-01.geo.kaspersky.com";

pub(super) const FLOWS: u16 = 300;

/// More than all queues together hold, of both workers' frames.
pub(super) const RUNS: usize = 400;

pub(super) const RUN: u16 = 200;

/// How long a condition is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
