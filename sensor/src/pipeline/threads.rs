//! The pipeline in threads: captures, workers and ledger.
//!
//! Each source has a capture thread of its own, with its own decoder, triage and open batches; any of
//! them sends to any worker, which is chosen by the flow alone. So both directions of a flow reach one
//! worker, whichever thread captures them. Batches go to the workers over bounded channels and come
//! back to the thread that filled them, empty, over another; what workers tell goes to the ledger.
//! Reading a file, the capture waits for a full queue; a live one never waits. The ledger waits for
//! nobody, so nothing can wait in a circle.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::canary::{self, Flight, Perch};
use super::{Follower, InputCounts, Ledger, Loaded, Pace, Sizes, Source};
use crate::batch::Batch;
use crate::decode::DecodeCounts;
use crate::intake::{IntakeCounts, MAX_WORKERS};
use crate::time::Timestamp;
use crate::visibility::Visibility;
use crate::worker::{Report, Told, Worker};
use busy::busy;
use capture::{CaptureDesk, Lane};
use ledger::{LedgerDesk, Order};
use shares::Shares;

mod busy;
mod capture;
mod ledger;
mod live;
mod shares;

#[cfg(test)]
mod tests;

/// Reads sources to their end, or until the ledger wants no more: each source and each worker in a
/// thread of its own; the ledger in the caller's.
///
/// One source that waits gives its notices in the order of its frames. Of sources that never wait, of
/// which there may be [`MAX_CAPTURES`](super::MAX_CAPTURES), the ledger takes notices as they come:
/// what one capture or worker has to tell never waits for another.
///
/// # Errors
///
/// When the system starts no more threads.
pub fn run(
    mut sources: Vec<&mut (dyn Source + Send)>,
    loaded: &Arc<Loaded>,
    report: Report,
    sizes: Sizes,
    ledger: &mut dyn Ledger,
) -> std::io::Result<()> {
    sources.truncate(super::MAX_CAPTURES);
    let captures = sources.len();
    let workers = sizes.workers.clamp(1, MAX_WORKERS);
    let order = match sources.as_slice() {
        [one] if one.pace() == Pace::Waits => Order::OfFrames,
        _ => Order::OfArrival,
    };
    let stop = AtomicBool::new(false);
    let stop = &stop;
    let (news, inbox) = bounded::<News>(NEWS);
    let (desks, lanes) = desks(captures, workers, loaded, report, sizes, &news);
    let desk = LedgerDesk::new(captures, workers, sizes, order);
    thread::scope(|scope| {
        let start = || {
            for desk in desks {
                thread::Builder::new()
                    .name(format!("worker{}", desk.number))
                    .spawn_scoped(scope, move || desk.work())?;
            }
            for ((number, source), lanes) in sources.into_iter().enumerate().zip(lanes) {
                let capture = CaptureDesk::new(number, captures, lanes, news.clone());
                thread::Builder::new()
                    .name(format!("capture{number}"))
                    .spawn_scoped(scope, move || match source.pace() {
                        Pace::Waits => capture.read(source, sizes, stop),
                        Pace::Live => capture.watch(source, loaded, sizes, stop),
                    })?;
            }
            drop(news);
            Ok(())
        };
        let started = start();
        if started.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        // Whatever happens to the ledger, the others must not wait for it.
        let _end = Stop(stop);
        desk.keep(inbox, ledger, stop);
        started
    })
}

/// Tells the captures to stop when it goes out of scope.
struct Stop<'s>(&'s AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The desks of all workers, and for each capture the lanes that lead to them.
fn desks(
    captures: usize,
    workers: usize,
    loaded: &Arc<Loaded>,
    report: Report,
    sizes: Sizes,
    news: &Sender<News>,
) -> (Vec<WorkerDesk>, Vec<Vec<Lane>>) {
    let mut lanes: Vec<Vec<Lane>> = (0..captures).map(|_| Vec::new()).collect();
    let mut desks = Vec::with_capacity(workers);
    for number in 0..workers {
        let (to_worker, inbox) = bounded(sizes.queue_batches.max(1));
        let mut backs = Vec::with_capacity(captures);
        for lanes in &mut lanes {
            let (back, recycled) = unbounded();
            backs.push(back);
            lanes.push(Lane::new(to_worker.clone(), recycled));
        }
        let follower = Follower::new(Arc::clone(loaded));
        let catalogue = follower.catalogue();
        desks.push(WorkerDesk {
            number,
            worker: Worker::new(Arc::clone(catalogue), report, sizes.bounds(workers)),
            shadow: Worker::new(Arc::clone(catalogue), Report::Findings, canary::BOUNDS),
            follower,
            inbox,
            backs,
            news: news.clone(),
            #[cfg(test)]
            gate: tests::doubles::gate(),
        });
    }
    (desks, lanes)
}

/// What reaches the ledger thread.
enum News {
    /// The counts of a capture, by its number.
    Capture(usize, Box<CaptureCounts>),
    /// A piece of what a worker has to tell; more of the same frame may follow.
    Piece { number: usize, told: Vec<Told> },
    /// A worker has told everything up to a frame; and its counts.
    Worker {
        number: usize,
        watermark: u64,
        counts: Box<Progress>,
        canary: Option<Sung>,
    },
}

/// What came of a canary exchange at a worker.
struct Sung {
    capture: usize,
    left: std::time::Instant,
    told: Vec<Told>,
}

/// What a capture counts.
#[derive(Clone, Debug, Default)]
struct CaptureCounts {
    intake: IntakeCounts,
    decode: DecodeCounts,
    held_octets: u64,
    lanes: Vec<LaneCounts>,
    /// Of a source that never waits, by number.
    inputs: BTreeMap<usize, InputCounts>,
    canaries: u64,
    busy: Option<Duration>,
}

/// How far a worker has come.
#[derive(Clone, Debug, Default)]
struct Progress {
    /// Packets that it has settled, by capture.
    packets: Vec<Shares>,
    clock: Option<Timestamp>,
    flows: u64,
    unfinished_octets: u64,
    visibility: Visibility,
    busy: Option<Duration>,
}

/// Frames for one worker, by input.
#[derive(Clone, Copy, Debug, Default)]
struct LaneCounts {
    forwarded: Shares,
    dropped: Shares,
}

/// What reaches a worker.
enum ToWorker {
    /// A batch from a capture, with its packets by input.
    Batch {
        capture: usize,
        batch: Batch,
        shares: Shares,
        canary: Option<Box<Flight>>,
    },
    /// The last word of a capture: the number and time after its last frame.
    End(u64, Timestamp),
}

struct WorkerDesk {
    number: usize,
    worker: Worker,
    /// Works on canary exchanges.
    shadow: Worker,
    follower: Follower,
    inbox: Receiver<ToWorker>,
    /// Ways home of batches, by capture.
    backs: Vec<Sender<Batch>>,
    news: Sender<News>,
    #[cfg(test)]
    gate: Option<Arc<tests::doubles::Gate>>,
}

impl WorkerDesk {
    fn work(mut self) {
        let mut packets = vec![Shares::default(); self.backs.len()];
        let (mut last, mut end) = (0, Timestamp::MIN);
        while let Ok(message) = self.inbox.recv() {
            #[cfg(test)]
            if let Some(gate) = &self.gate {
                gate.pass(self.number);
            }
            if let Some(successor) = self.follower.changed() {
                self.worker.set_catalogue(Arc::clone(successor));
                self.shadow.set_catalogue(Arc::clone(successor));
            }
            match message {
                ToWorker::Batch {
                    capture,
                    mut batch,
                    shares,
                    canary,
                } => {
                    self.worker
                        .work(&mut batch, &mut teller(self.number, &self.news));
                    packets[capture] += shares;
                    let watermark = batch.watermark;
                    let canary = canary.map(|it| self.sing(capture, *it));
                    self.send_home(capture, batch);
                    if !self.count(watermark, &packets, canary) {
                        return;
                    }
                }
                ToWorker::End(number, at) => (last, end) = (last.max(number), end.max(at)),
            }
        }
        self.worker
            .finish(last, end, &mut teller(self.number, &self.news));
        self.count(u64::MAX, &packets, None);
    }

    /// Gives a batch back to the capture that filled it, empty but for what is settled.
    fn send_home(&self, capture: usize, mut batch: Batch) {
        let settled = std::mem::take(&mut batch.settled);
        batch.clear();
        batch.settled = settled;
        // The capture may have ended.
        let _ = self.backs[capture].send(batch);
    }

    /// Works on a canary exchange.
    fn sing(&mut self, capture: usize, mut flight: Flight) -> Sung {
        let mut told = Vec::new();
        self.shadow
            .work(&mut flight.batch, &mut |piece| told.append(piece));
        Sung {
            capture,
            left: flight.left,
            told,
        }
    }

    /// Says how far it has come; whether there still is a ledger to tell it to.
    fn count(&self, watermark: u64, packets: &[Shares], canary: Option<Sung>) -> bool {
        let counts = Progress {
            packets: packets.to_vec(),
            clock: self.worker.clock(),
            flows: self.worker.flows() as u64,
            unfinished_octets: self.worker.unfinished_octets() as u64,
            visibility: self.worker.visibility().clone(),
            busy: busy(),
        };
        let news = News::Worker {
            number: self.number,
            watermark,
            counts: Box::new(counts),
            canary,
        };
        self.news.send(news).is_ok()
    }
}

/// Sends what a worker has to tell to the ledger, piece by piece.
fn teller(number: usize, news: &Sender<News>) -> impl FnMut(&mut Vec<Told>) {
    move |told| {
        if !told.is_empty() {
            let told = std::mem::take(told);
            // Without a ledger there is nobody to tell.
            let _ = news.send(News::Piece { number, told });
        }
    }
}

/// Messages that may wait for the ledger. It waits for nobody, so workers never wait long.
const NEWS: usize = 64;
