//! The pipeline in threads: capture, workers and ledger.
//!
//! Batches go to the workers over bounded channels and come back empty over another; what workers
//! tell goes to the ledger. Reading a file, the capture waits for a full queue; the ledger waits
//! for nobody, so nothing can wait in a circle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use phonehome_signatures::Catalogue;

use super::merge::Merge;
use super::{Counts, Ledger, Next, Sizes, Source, WorkerCounts};
use crate::batch::Batch;
use crate::decode::DecodeCounts;
use crate::frame::Run;
use crate::intake::{Intake, IntakeCounts, MAX_WORKERS, Outlet};
use crate::time::Timestamp;
use crate::triage::Triage;
use crate::visibility::Visibility;
use crate::worker::{Report, Told, Worker};

/// Reads a source to its end in `sizes.workers + 2` threads, one of them the caller's, which is
/// the ledger; or until the ledger wants no more.
///
/// # Errors
///
/// When the system starts no more threads.
pub fn run(
    source: &mut (dyn Source + Send),
    catalogue: &Arc<Catalogue>,
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
        });
        inboxes.push((inbox, back));
    }
    thread::scope(|scope| {
        for (number, (inbox, back)) in inboxes.into_iter().enumerate() {
            let worker = Worker::new(Arc::clone(catalogue), report, sizes.flows / workers);
            let desk = WorkerDesk {
                number,
                worker,
                inbox,
                back,
                news: news.clone(),
            };
            thread::Builder::new()
                .name(format!("worker{number}"))
                .spawn_scoped(scope, move || desk.work())?;
        }
        let capture = CaptureDesk { lanes, news };
        thread::Builder::new()
            .name("capture".to_owned())
            .spawn_scoped(scope, move || capture.read(source, sizes, stop))?;
        keep(&ledger_inbox, workers, sizes, ledger, stop);
        Ok(())
    })
}

/// What reaches the ledger thread.
enum News {
    /// The capture's counts.
    Intake(Box<(IntakeCounts, DecodeCounts, u64)>),
    /// What a worker has to tell up to a frame, and its counts.
    Worker {
        number: usize,
        told: Vec<Told>,
        watermark: u64,
        counts: Box<Progress>,
    },
}

/// How far a worker has come.
#[derive(Clone, Debug, Default)]
struct Progress {
    packets: u64,
    clock: Option<Timestamp>,
    flows: u64,
    visibility: Visibility,
}

/// A batch on its way, or the last word: the number and time after the last frame.
enum ToWorker {
    Batch(Batch),
    End(u64, Timestamp),
}

struct Lane {
    to_worker: Sender<ToWorker>,
    recycled: Receiver<Batch>,
    open: Batch,
}

struct CaptureDesk {
    lanes: Vec<Lane>,
    news: Sender<News>,
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
                Next::Idle => {}
                Next::End => break,
            }
            if next == Next::Idle || intake.number() - flushed >= FLUSH_FRAMES {
                flushed = intake.number();
                self.count(&intake);
                intake.flush(&mut self);
            }
        }
        intake.finish(&mut self);
        intake.flush(&mut self);
        self.count(&intake);
        for lane in &self.lanes {
            let _ = lane
                .to_worker
                .send(ToWorker::End(intake.number(), intake.newest()));
        }
    }

    fn count(&self, intake: &Intake) {
        let decode = intake.decode_counts().clone();
        let counts = (*intake.counts(), decode, intake.held_octets());
        let _ = self.news.send(News::Intake(Box::new(counts)));
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
        let empty = empty.unwrap_or_default();
        let mut full = std::mem::replace(&mut lane.open, empty);
        full.watermark = number.saturating_add(1);
        let _ = lane.to_worker.send(ToWorker::Batch(full));
    }
}

struct WorkerDesk {
    number: usize,
    worker: Worker,
    inbox: Receiver<ToWorker>,
    back: Sender<Batch>,
    news: Sender<News>,
}

impl WorkerDesk {
    fn work(mut self) {
        let mut packets = 0;
        while let Ok(message) = self.inbox.recv() {
            let mut told = Vec::new();
            let watermark = match message {
                ToWorker::Batch(mut batch) => {
                    self.worker.work(&mut batch, &mut told);
                    packets += batch.packets();
                    let watermark = batch.watermark;
                    let settled = std::mem::take(&mut batch.settled);
                    batch.clear();
                    batch.settled = settled;
                    let _ = self.back.send(batch);
                    watermark
                }
                ToWorker::End(number, at) => {
                    self.worker.finish(number, at, &mut told);
                    u64::MAX
                }
            };
            let counts = Progress {
                packets,
                clock: self.worker.clock(),
                flows: self.worker.flows() as u64,
                visibility: self.worker.visibility().clone(),
            };
            let counts = Box::new(counts);
            let news = News::Worker {
                number: self.number,
                told,
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
    let mut counts = Counts {
        flow_limit: sizes.flows as u64,
        ..Counts::default()
    };
    while let Ok(news) = inbox.recv() {
        match news {
            News::Intake(both) => {
                (counts.intake, counts.decode, counts.defrag_octets) = *both;
                add_up(&mut counts, &by_worker);
                ledger.count(&counts);
                if !ledger.wants_more() {
                    stop.store(true, Ordering::Relaxed);
                }
            }
            News::Worker {
                number,
                told,
                watermark,
                counts,
            } => {
                by_worker[number] = *counts;
                merge.push(number, told, watermark);
                while let Some(told) = merge.pop() {
                    ledger.take(&told.notice);
                }
            }
        }
    }
    add_up(&mut counts, &by_worker);
    counts.finished = true;
    ledger.count(&counts);
}

/// Makes counts of one moment: what a worker has settled was handed to it, even where the capture
/// has not said so yet.
fn add_up(counts: &mut Counts, by_worker: &[Progress]) {
    counts.visibility = Visibility::default();
    counts.flows = 0;
    counts.workers.clear();
    for (worker, forwarded) in by_worker.iter().zip(&mut counts.intake.forwarded) {
        let ahead = worker.packets.saturating_sub(*forwarded);
        *forwarded += ahead;
        counts.intake.frames += ahead;
        counts.visibility += &worker.visibility;
        counts.flows += worker.flows;
        counts.workers.push(WorkerCounts {
            worked: worker.packets,
            queued: *forwarded - worker.packets,
            clock: worker.clock,
        });
    }
}

/// Frames after which every worker hears how far the input has come, and the ledger the counts.
const FLUSH_FRAMES: u64 = 4096;

/// Messages that may wait for the ledger. It waits for nobody, so workers never wait long.
const NEWS: usize = 64;
