//! The canary: an exchange that must come out as a finding, or else others would not either.
//!
//! Every few seconds each capture thread of a source that never waits makes the frames of an
//! exchange with a name that the loaded catalogue claims, one for each worker, and takes them through
//! an [`Intake`] of their own. They ride with the batches of frames from the wire, so that a queue
//! that is full drops them too. Each worker works on them with a [`Worker`](crate::worker::Worker) of their own, and the
//! ledger with a book of their own. So they pass through the same threads, queues and code as what
//! comes from the wire, and meet none of its state: no counter, no table, no finding.

use std::sync::Arc;
use std::time::{Duration, Instant};

use phonehome_signatures::{Catalogue, Confidence, Evidence, Service, Signature};

use super::{Follower, Loaded};
use crate::batch::Batch;
use crate::flow::key::{hash_of, share_of};
use crate::frame::{Frame, LinkType, Run};
use crate::intake::{Intake, Outlet, worker_of};
use crate::names::{Endpoint, Transport};
use crate::time::Timestamp;
use crate::triage::Triage;
use crate::wall;
use crate::worker::Bounds;

pub(super) mod frames;

pub(crate) use frames::CLIENT;

/// What is known of the canary.
#[derive(Clone, Debug)]
pub struct CanaryCounts {
    /// Exchanges that set out, one for each worker at a time.
    pub sent: u64,
    /// Exchanges that came out as a finding.
    pub found: u64,
    /// When the newest came out, of the worker for which that is longest ago; `None` while one has
    /// none.
    pub last_success: Option<Timestamp>,
    /// When it counts as failing, unless more come out.
    pub deadline: Instant,
    /// Time from setting out to the finding.
    pub latency: Latency,
}

/// Times of exchanges that came out.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Latency {
    /// Exchanges by the first of [`LATENCY_BOUNDS`] that they kept; the last are those beyond.
    pub counts: [u64; LATENCY_BOUNDS.len() + 1],
    /// All times together.
    pub sum: Duration,
}

/// An exchange on its way to one worker.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) batch: Batch,
    pub(super) left: Instant,
}

/// Where a capture thread makes exchanges.
pub(super) struct Aviary {
    follower: Follower,
    name: String,
    intake: Intake,
    shelf: Shelf,
    frames: Run,
    port: u16,
    /// Which of how many captures it belongs to: each has ports of its own, since a worker would take
    /// one's exchange for a repeat of another's.
    capture: (u16, u16),
    every: Duration,
    due: Instant,
}

impl Aviary {
    /// For a capture, by its number and how many there are, that sends to that many workers.
    pub(super) fn new(
        loaded: Arc<Loaded>,
        (number, captures): (usize, usize),
        workers: usize,
        every: Duration,
    ) -> Self {
        let follower = Follower::new(loaded);
        Self {
            name: name_of(follower.catalogue()),
            follower,
            intake: Intake::new(Triage::new(TRIAGE_BITS)),
            shelf: Shelf((0..workers).map(|_| Batch::default()).collect()),
            frames: Run::default(),
            port: FIRST_PORT,
            capture: (number as u16, captures.max(1) as u16),
            every,
            due: Instant::now(),
        }
    }

    /// Whether it is time for exchanges.
    pub(super) fn is_due(&self) -> bool {
        self.due <= Instant::now()
    }

    /// Makes an exchange for each worker, at that packet time.
    pub(super) fn release(&mut self, at: Timestamp) -> Vec<Flight> {
        let left = Instant::now();
        self.due = left + self.every;
        if let Some(catalogue) = self.follower.changed() {
            self.name = name_of(catalogue);
        }
        self.frames.clear();
        self.frames.bytes.clear();
        let workers = self.shelf.0.len();
        let mut passed = Duration::ZERO;
        for worker in 0..workers {
            let question = self.port_to(worker, |it| {
                share(Transport::Udp, frames::question_ends(it))
            });
            let connection = self.port_to(worker, |it| {
                share(Transport::Tcp, frames::connection_ends(it))
            });
            for bytes in frames::exchange(&self.name, question, connection) {
                passed += Duration::from_micros(1);
                self.frames.push_copy(Frame {
                    at: at.after(passed),
                    link: LinkType::ETHERNET,
                    wire_len: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
                    bytes: &bytes,
                });
            }
        }
        self.intake.take(&self.frames, &mut self.shelf);
        let batches = self.shelf.0.iter_mut().map(std::mem::take);
        batches.map(|batch| Flight { batch, left }).collect()
    }

    /// The next port from which a flow reaches that worker. Each is used again only when all others
    /// have been, long after the flow is forgotten.
    fn port_to(&mut self, worker: usize, share: impl Fn(u16) -> u32) -> u16 {
        let workers = self.shelf.0.len();
        for _ in FIRST_PORT..u16::MAX {
            self.port = self.port.checked_add(1).unwrap_or(FIRST_PORT);
            let (number, captures) = self.capture;
            let is_own = self.port % captures == number;
            if is_own && worker_of(share(self.port), workers) == worker {
                break;
            }
        }
        self.port
    }
}

/// The ledger's memory of what came out.
#[derive(Debug)]
pub(super) struct Perch {
    /// By capture thread and worker: the newest success, or the start without one.
    newest: Vec<(Instant, Option<Timestamp>)>,
    workers: usize,
    found: u64,
    latency: Latency,
    patience: Duration,
}

impl Perch {
    pub(super) fn new(captures: usize, workers: usize, every: Duration) -> Self {
        Self {
            newest: vec![(Instant::now(), None); captures * workers],
            workers,
            found: 0,
            latency: Latency::default(),
            patience: every * MISSES,
        }
    }

    /// An exchange that left at that time came out as a finding.
    pub(super) fn found(&mut self, capture: usize, worker: usize, left: Instant) {
        let now = Instant::now();
        let at = wall::now();
        if let Some(newest) = self.newest.get_mut(capture * self.workers + worker) {
            *newest = (now, Some(at));
        }
        self.found += 1;
        self.latency.add(now.duration_since(left));
    }

    pub(super) fn counts(&self, sent: u64) -> Option<CanaryCounts> {
        let (oldest, _) = self.newest.iter().min_by_key(|it| it.0)?;
        let successes: Option<Vec<Timestamp>> = self.newest.iter().map(|it| it.1).collect();
        let last_success = successes.and_then(|it| it.into_iter().min());
        Some(CanaryCounts {
            // What came out had set out, even where the capture has not said so yet.
            sent: sent.max(self.found),
            found: self.found,
            last_success,
            deadline: *oldest + self.patience,
            latency: self.latency,
        })
    }
}

impl Latency {
    fn add(&mut self, time: Duration) {
        let place = LATENCY_BOUNDS.iter().position(|it| time <= *it);
        self.counts[place.unwrap_or(LATENCY_BOUNDS.len())] += 1;
        self.sum += time;
    }
}

/// The open batches of exchanges.
struct Shelf(Vec<Batch>);

impl Outlet for Shelf {
    fn workers(&self) -> usize {
        self.0.len()
    }

    fn batch(&mut self, worker: usize) -> &mut Batch {
        &mut self.0[worker]
    }

    /// They are taken together: an exchange does not fill a batch.
    fn hand_over(&mut self, _worker: usize, _number: u64, _triage: &mut Triage) {}
}

fn share(transport: Transport, [one, other]: [Endpoint; 2]) -> u32 {
    share_of(transport, one, other, hash_of(transport, one, other))
}

/// A name that a finding rests on: an example of the first signature of a product that claims it in
/// DNS and in a hello, else of any signature. Without one a name that nothing claims: then nothing
/// can be found, and so it is with the canary.
fn name_of(catalogue: &Catalogue) -> String {
    let of_products = |it: &&Signature| {
        matches!(it.evidence, Evidence::App | Evidence::Device)
            && it.confidence <= Confidence::Reported
    };
    let signatures = catalogue.signatures();
    let claimed = |it: &Signature| {
        let names = it.examples.iter().map(|it| it.name.as_str());
        let mut claimed = names.filter(|name| {
            let claims = |service| {
                let claim = catalogue.claim(name, service);
                claim
                    .and_then(|id| catalogue.signature(id))
                    .map(|it| &it.id)
                    == Some(&it.id)
            };
            claims(Service::Dns) && claims(Service::Tcp(443))
        });
        claimed.next().map(str::to_owned)
    };
    let mut products = signatures.clone().filter(of_products);
    products
        .find_map(claimed)
        .or_else(|| signatures.clone().find_map(claimed))
        .unwrap_or_else(|| NO_NAME.to_owned())
}

/// Upper bounds of times from setting out to the finding.
pub const LATENCY_BOUNDS: [Duration; 11] = [
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2500),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

/// Exchanges of a worker that may fail to come out before the canary counts as failing.
const MISSES: u32 = 5;

/// Never in use (RFC 6761 section 6.4).
const NO_NAME: &str = "canary.invalid";

const FIRST_PORT: u16 = 20_000;

/// 256 slots of triage: two flows for each worker are open at a time.
const TRIAGE_BITS: u32 = 8;

/// Bounds of what a worker keeps of exchanges: the flows of some minutes, and two halves of a hello.
pub(super) const BOUNDS: Bounds = Bounds {
    flows: 64,
    unfinished_octets: 1 << 16,
};
