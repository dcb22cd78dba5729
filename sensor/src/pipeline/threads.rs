//! The pipeline in threads: capture, workers and ledger.
//!
//! Batches go to the workers over bounded channels and come back empty over another; what workers
//! tell goes to the ledger. Reading a file, the capture waits for a full queue; a live one never
//! waits. The ledger waits for nobody, so nothing can wait in a circle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, bounded, unbounded};

use super::merge::Merge;
use super::{
    Counts, Follower, InputCounts, Ledger, Loaded, MAX_INPUTS, Next, Pace, Sizes, Source,
    WorkerCounts,
};
use crate::batch::Batch;
use crate::decode::DecodeCounts;
use crate::frame::Run;
use crate::intake::{Intake, IntakeCounts, MAX_WORKERS, Outlet};
use crate::time::Timestamp;
use crate::triage::Triage;
use crate::visibility::Visibility;
use crate::worker::{Report, Told, Worker};
use shares::Shares;

mod live;
mod shares;

/// Reads a source to its end in `sizes.workers + 2` threads, one of them the caller's, which is
/// the ledger; or until the ledger wants no more.
///
/// # Errors
///
/// When the system starts no more threads.
pub fn run(
    source: &mut (dyn Source + Send),
    loaded: &Arc<Loaded>,
    report: Report,
    sizes: Sizes,
    ledger: &mut dyn Ledger,
) -> std::io::Result<()> {
    let workers = sizes.workers.clamp(1, MAX_WORKERS);
    let stop = AtomicBool::new(false);
    let stop = &stop;
    let (news, ledger_inbox) = bounded::<News>(NEWS);
    let mut lanes = Vec::with_capacity(workers);
    let mut inboxes = Vec::with_capacity(workers);
    for _ in 0..workers {
        let (to_worker, inbox) = bounded(sizes.queue_batches.max(1));
        let (back, recycled) = unbounded();
        lanes.push(Lane {
            to_worker,
            recycled,
            open: Batch::default(),
            shares: Shares::default(),
            counts: LaneCounts::default(),
        });
        inboxes.push((inbox, back));
    }
    thread::scope(|scope| {
        for (number, (inbox, back)) in inboxes.into_iter().enumerate() {
            let follower = Follower::new(Arc::clone(loaded));
            let catalogue = Arc::clone(follower.catalogue());
            let worker = Worker::new(catalogue, report, sizes.bounds(workers));
            let desk = WorkerDesk {
                number,
                worker,
                follower,
                inbox,
                back,
                news: news.clone(),
            };
            thread::Builder::new()
                .name(format!("worker{number}"))
                .spawn_scoped(scope, move || desk.work())?;
        }
        let capture = CaptureDesk {
            lanes,
            news,
            patience: Patience::Endless,
            input: 0,
            inputs: Vec::new(),
        };
        thread::Builder::new()
            .name("capture".to_owned())
            .spawn_scoped(scope, move || match source.pace() {
                Pace::Waits => capture.read(source, sizes, stop),
                Pace::Live => capture.watch(source, sizes, stop),
            })?;
        keep(&ledger_inbox, workers, sizes, ledger, stop);
        Ok(())
    })
}

/// What reaches the ledger thread.
enum News {
    /// The capture's counts.
    Intake(Box<CaptureCounts>),
    /// A piece of what a worker has to tell; more of the same frame may follow.
    Piece { number: usize, told: Vec<Told> },
    /// A worker has told everything up to a frame; and its counts.
    Worker {
        number: usize,
        watermark: u64,
        counts: Box<Progress>,
    },
}

/// What the capture counts.
struct CaptureCounts {
    intake: IntakeCounts,
    decode: DecodeCounts,
    held_octets: u64,
    lanes: Vec<LaneCounts>,
    inputs: Vec<InputCounts>,
}

/// How far a worker has come.
#[derive(Clone, Debug, Default)]
struct Progress {
    packets: Shares,
    clock: Option<Timestamp>,
    flows: u64,
    unfinished_octets: u64,
    visibility: Visibility,
}

/// A batch on its way, with its packets by input as far as they are not of the first, or the last
/// word: the number and time after the last frame.
enum ToWorker {
    Batch(Batch, Shares),
    End(u64, Timestamp),
}

struct Lane {
    to_worker: Sender<ToWorker>,
    recycled: Receiver<Batch>,
    open: Batch,
    /// Packets of the open batch by input, as far as that was looked at.
    shares: Shares,
    counts: LaneCounts,
}

/// Frames for one worker, by input.
#[derive(Clone, Copy, Debug, Default)]
struct LaneCounts {
    forwarded: Shares,
    dropped: Shares,
}

/// How long the capture waits for a worker whose queue is full.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Patience {
    Endless,
    Until(Instant),
    None,
}

struct CaptureDesk {
    lanes: Vec<Lane>,
    news: Sender<News>,
    patience: Patience,
    /// The input that the run at hand is from.
    input: usize,
    inputs: Vec<InputCounts>,
}

impl CaptureDesk {
    fn read(mut self, source: &mut (dyn Source + Send), sizes: Sizes, stop: &AtomicBool) {
        let mut intake = Intake::new(Triage::new(sizes.triage_bits));
        let mut frames = Run::default();
        let mut flushed = 0;
        while !stop.load(Ordering::Relaxed) {
            let next = source.next_run(&mut frames);
            match next {
                Next::Frames => intake.take(&frames, &mut self),
                Next::Idle(at) => intake.idle(at, &mut self),
                Next::End => break,
            }
            if matches!(next, Next::Idle(_)) || intake.number() - flushed >= FLUSH_FRAMES {
                flushed = intake.number();
                self.count(&intake);
                intake.flush(&mut self);
            }
        }
        self.finish(&mut intake);
    }

    /// Hands over all that is left, and the last word.
    fn finish(&mut self, intake: &mut Intake) {
        intake.finish(self);
        intake.flush(self);
        self.count(intake);
        let patience = self.patience;
        for lane in &mut self.lanes {
            let last = ToWorker::End(intake.number(), intake.newest());
            // A worker that is gone needs no last word.
            let _ = lane.send(last, patience);
        }
    }

    fn count(&self, intake: &Intake) {
        let _ = self.news.send(self.counts(intake));
    }

    fn counts(&self, intake: &Intake) -> News {
        let mut lanes: Vec<_> = self.lanes.iter().map(|it| it.counts).collect();
        for (lane, forwarded) in lanes.iter_mut().zip(intake.counts().forwarded) {
            lane.forwarded.fill_up_to(forwarded, 0);
        }
        News::Intake(Box::new(CaptureCounts {
            intake: *intake.counts(),
            decode: intake.decode_counts().clone(),
            held_octets: intake.held_octets(),
            lanes,
            inputs: self.inputs.clone(),
        }))
    }
}

impl Outlet for CaptureDesk {
    fn workers(&self) -> usize {
        self.lanes.len()
    }

    fn batch(&mut self, worker: usize) -> &mut Batch {
        &mut self.lanes[worker].open
    }

    fn hand_over(&mut self, worker: usize, number: u64, triage: &mut Triage) {
        let lane = &mut self.lanes[worker];
        let mut empty = None;
        while let Ok(mut batch) = lane.recycled.try_recv() {
            for (hash, generation) in batch.settled.drain(..) {
                triage.settle(hash, generation);
            }
            empty = Some(batch);
        }
        if self.inputs.len() > 1 {
            lane.attribute(self.input);
        }
        if self.patience == Patience::None && lane.to_worker.is_full() {
            lane.turn_away(self.input);
            return;
        }
        let empty = empty.unwrap_or_default();
        let mut full = std::mem::replace(&mut lane.open, empty);
        full.watermark = number.saturating_add(1);
        let shares = std::mem::take(&mut lane.shares);
        if let Some(ToWorker::Batch(batch, mut shares)) =
            lane.send(ToWorker::Batch(full, shares), self.patience)
        {
            shares.fill_up_to(batch.packets(), self.input);
            lane.counts.dropped += shares;
        }
    }
}

impl Lane {
    /// Sends to the worker; gives back what could not be sent in time.
    fn send(&self, message: ToWorker, patience: Patience) -> Option<ToWorker> {
        match patience {
            Patience::Until(deadline) => {
                let sent = self.to_worker.send_deadline(message, deadline);
                sent.err().map(SendTimeoutError::into_inner)
            }
            // Nobody else sends: a queue that was found not to be full has room.
            Patience::Endless | Patience::None => self.to_worker.send(message).err().map(|it| it.0),
        }
    }

    /// Counts the new packets of the open batch as that input's.
    fn attribute(&mut self, input: usize) {
        self.shares.fill_up_to(self.open.packets(), input);
    }

    /// Keeps a batch for which there is no room as long as there is room in the batch; then drops
    /// its packets. A tick that is lost with them is made good by the next.
    fn turn_away(&mut self, input: usize) {
        if self.open.is_full() {
            self.attribute(input);
            self.counts.dropped += std::mem::take(&mut self.shares);
            self.open.clear();
        }
    }
}

struct WorkerDesk {
    number: usize,
    worker: Worker,
    follower: Follower,
    inbox: Receiver<ToWorker>,
    back: Sender<Batch>,
    news: Sender<News>,
}

impl WorkerDesk {
    fn work(mut self) {
        let mut packets = Shares::default();
        while let Ok(message) = self.inbox.recv() {
            if let Some(successor) = self.follower.changed() {
                self.worker.set_catalogue(Arc::clone(successor));
            }
            let (number, news) = (self.number, &self.news);
            let mut tell = |told: &mut Vec<Told>| {
                if !told.is_empty() {
                    let told = std::mem::take(told);
                    // Without a ledger there is nobody to tell.
                    let _ = news.send(News::Piece { number, told });
                }
            };
            let watermark = match message {
                ToWorker::Batch(mut batch, mut shares) => {
                    self.worker.work(&mut batch, &mut tell);
                    shares.fill_up_to(batch.packets(), 0);
                    packets += shares;
                    let watermark = batch.watermark;
                    let settled = std::mem::take(&mut batch.settled);
                    batch.clear();
                    batch.settled = settled;
                    let _ = self.back.send(batch);
                    watermark
                }
                ToWorker::End(number, at) => {
                    self.worker.finish(number, at, &mut tell);
                    u64::MAX
                }
            };
            let counts = Progress {
                packets,
                clock: self.worker.clock(),
                flows: self.worker.flows() as u64,
                unfinished_octets: self.worker.unfinished_octets() as u64,
                visibility: self.worker.visibility().clone(),
            };
            let counts = Box::new(counts);
            let news = News::Worker {
                number: self.number,
                watermark,
                counts,
            };
            if self.news.send(news).is_err() || watermark == u64::MAX {
                return;
            }
        }
    }
}

/// Takes all news until every other thread has ended.
fn keep(
    inbox: &Receiver<News>,
    workers: usize,
    sizes: Sizes,
    ledger: &mut dyn Ledger,
    stop: &AtomicBool,
) {
    let mut merge = Merge::new(workers);
    let mut by_worker = vec![Progress::default(); workers];
    let mut lanes = vec![LaneCounts::default(); workers];
    let mut counts = Counts {
        flow_limit: sizes.flows as u64,
        ..Counts::default()
    };
    while let Ok(news) = inbox.recv() {
        match news {
            News::Intake(news) => {
                counts.intake = news.intake;
                counts.decode = news.decode;
                counts.defrag_octets = news.held_octets;
                counts.inputs = news.inputs;
                lanes = news.lanes;
                add_up(&mut counts, &mut lanes, &by_worker);
                ledger.count(&counts);
                if !ledger.wants_more() {
                    stop.store(true, Ordering::Relaxed);
                }
            }
            News::Piece { number, told } => {
                merge.push(number, told);
                while let Some(told) = merge.pop() {
                    ledger.take(&told.notice);
                }
            }
            News::Worker {
                number,
                watermark,
                counts,
            } => {
                by_worker[number] = *counts;
                merge.advance(number, watermark);
                while let Some(told) = merge.pop() {
                    ledger.take(&told.notice);
                }
            }
        }
    }
    add_up(&mut counts, &mut lanes, &by_worker);
    counts.finished = true;
    ledger.count(&counts);
}

/// Makes counts of one moment: what a worker has settled was handed to it, even where the capture
/// has not said so yet.
fn add_up(counts: &mut Counts, lanes: &mut [LaneCounts], by_worker: &[Progress]) {
    counts.visibility = Visibility::default();
    counts.flows = 0;
    counts.unfinished_octets = 0;
    counts.workers.clear();
    for input in &mut counts.inputs {
        (input.worked, input.dropped) = (0, 0);
    }
    let forwarded = counts.intake.forwarded.iter_mut();
    for ((worker, lane), forwarded) in by_worker.iter().zip(lanes).zip(forwarded) {
        for number in 0..MAX_INPUTS {
            let (worked, dropped) = (worker.packets.of(number), lane.dropped.of(number));
            let ahead = lane.forwarded.raise_to(number, worked + dropped);
            *forwarded += ahead;
            counts.intake.frames += ahead;
            if let Some(input) = counts.inputs.get_mut(number) {
                input.frames += ahead;
                input.worked += worked;
                input.dropped += dropped;
            }
        }
        let worked = worker.packets.sum();
        counts.visibility += &worker.visibility;
        counts.flows += worker.flows;
        counts.unfinished_octets += worker.unfinished_octets;
        counts.workers.push(WorkerCounts {
            worked,
            queued: forwarded.saturating_sub(worked + lane.dropped.sum()),
            clock: worker.clock,
        });
    }
}

/// Frames after which every worker hears how far the input has come, and the ledger the counts.
const FLUSH_FRAMES: u64 = 4096;

/// Messages that may wait for the ledger. It waits for nobody, so workers never wait long.
const NEWS: usize = 64;
