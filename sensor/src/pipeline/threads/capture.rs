//! What the capture threads of all sources have in common: lanes to the workers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, TrySendError};

use super::busy::busy;
use super::shares::Shares;
use super::{CaptureCounts, LaneCounts, News, ToWorker};
use crate::batch::Batch;
use crate::frame::Run;
use crate::intake::{Intake, Outlet};
use crate::pipeline::canary::{Aviary, Flight};
use crate::pipeline::{InputCounts, Next, Sizes, Source};
use crate::triage::Triage;

/// The way from a capture to a worker.
pub(super) struct Lane {
    to_worker: Sender<ToWorker>,
    recycled: Receiver<Batch>,
    open: Batch,
    /// Packets of the open batch by input, as far as that was looked at.
    shares: Shares,
    /// A canary exchange that goes with the open batch.
    canary: Option<Box<Flight>>,
    pub(super) counts: LaneCounts,
}

/// How long a capture waits for a worker whose queue is full.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Patience {
    Endless,
    Until(Instant),
    None,
}

pub(super) struct CaptureDesk {
    pub(super) number: usize,
    /// How many captures there are.
    pub(super) captures: usize,
    pub(super) lanes: Vec<Lane>,
    pub(super) news: Sender<News>,
    pub(super) patience: Patience,
    /// The input that the run at hand is from.
    pub(super) input: usize,
    pub(super) inputs: BTreeMap<usize, InputCounts>,
    /// Makes canary exchanges, if any are to be made.
    pub(super) aviary: Option<Aviary>,
    pub(super) canaries: u64,
}

impl CaptureDesk {
    pub(super) const fn new(
        number: usize,
        captures: usize,
        lanes: Vec<Lane>,
        news: Sender<News>,
    ) -> Self {
        Self {
            number,
            captures,
            lanes,
            news,
            patience: Patience::Endless,
            input: 0,
            inputs: BTreeMap::new(),
            aviary: None,
            canaries: 0,
        }
    }

    /// Reads a source that waits.
    pub(super) fn read(
        mut self,
        source: &mut (dyn Source + Send),
        sizes: Sizes,
        stop: &AtomicBool,
    ) {
        let mut intake = Intake::new(Triage::new(sizes.triage_bits));
        let memory = source.memory();
        if let Some(memory) = &memory {
            memory.begin(&mut intake);
        }
        let mut frames = Run::default();
        let mut flushed = 0;
        while !stop.load(Ordering::Relaxed) {
            let next = source.next_run(&mut frames);
            match next {
                Next::Frames => intake.take(&frames, &mut self),
                Next::Idle(at) => intake.idle(at, &mut self),
                Next::Pause => {}
                Next::End => break,
            }
            if let Some(memory) = &memory {
                memory.answer(&intake);
            }
            if matches!(next, Next::Idle(_) | Next::Pause)
                || intake.number() - flushed >= FLUSH_FRAMES
            {
                flushed = intake.number();
                self.count(&intake);
                intake.flush(&mut self);
            }
        }
        self.finish(&mut intake);
        if let Some(memory) = &memory {
            memory.end(&mut intake);
        }
    }

    /// Hands over all that is left, and the last word.
    pub(super) fn finish(&mut self, intake: &mut Intake) {
        intake.finish(self);
        intake.flush(self);
        self.count(intake);
        let patience = self.patience;
        for lane in &mut self.lanes {
            // A worker that is gone needs no last word; for one that does not get it in time the end
            // of its lanes is the last word.
            let _ = lane.send(ToWorker::End(intake.number(), intake.newest()), patience);
        }
    }

    fn count(&self, intake: &Intake) {
        let _ = self.news.send(self.counts(intake));
    }

    pub(super) fn counts(&self, intake: &Intake) -> News {
        let mut lanes: Vec<_> = self.lanes.iter().map(|it| it.counts).collect();
        for (lane, forwarded) in lanes.iter_mut().zip(intake.counts().forwarded) {
            lane.forwarded.fill_up_to(forwarded, self.input);
        }
        let counts = CaptureCounts {
            intake: *intake.counts(),
            decode: intake.decode_counts().clone(),
            held_octets: intake.held_octets(),
            lanes,
            inputs: self.inputs.clone(),
            canaries: self.canaries,
            busy: busy(),
        };
        News::Capture(self.number, Box::new(counts))
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
        lane.attribute(self.input);
        let mut batch = std::mem::replace(&mut lane.open, empty.unwrap_or_default());
        batch.watermark = number.saturating_add(1);
        let message = ToWorker::Batch {
            capture: self.number,
            batch,
            shares: std::mem::take(&mut lane.shares),
            canary: lane.canary.take(),
        };
        if let Some(ToWorker::Batch {
            batch,
            shares,
            canary,
            ..
        }) = lane.send(message, self.patience)
        {
            lane.take_back(batch, shares, canary, self.patience);
        }
    }
}

impl Lane {
    pub(super) fn new(to_worker: Sender<ToWorker>, recycled: Receiver<Batch>) -> Self {
        Self {
            to_worker,
            recycled,
            open: Batch::default(),
            shares: Shares::default(),
            canary: None,
            counts: LaneCounts::default(),
        }
    }

    /// Counts the new packets of the open batch as that input's.
    pub(super) fn attribute(&mut self, input: usize) {
        self.shares.fill_up_to(self.open.packets(), input);
    }

    /// Has a canary exchange go with the open batch. One that still waits there is lost.
    pub(super) fn carry(&mut self, flight: Flight) {
        self.canary = Some(Box::new(flight));
    }

    /// Sends to the worker; gives back what could not be sent in time.
    fn send(&self, message: ToWorker, patience: Patience) -> Option<ToWorker> {
        match patience {
            Patience::Endless => self.to_worker.send(message).err().map(|it| it.0),
            Patience::Until(deadline) => {
                let sent = self.to_worker.send_deadline(message, deadline);
                sent.err().map(SendTimeoutError::into_inner)
            }
            Patience::None => {
                let sent = self.to_worker.try_send(message);
                sent.err().map(TrySendError::into_inner)
            }
        }
    }

    /// Takes back a batch for which there was no room. It stays open as long as there is room in it and
    /// another attempt to come; then its packets are dropped, and counted.
    ///
    /// What else it holds goes with them: a canary exchange, as it should; a tick, which the next makes
    /// good; and octets that triage had counted, so that those are exact only while nothing is dropped.
    fn take_back(
        &mut self,
        mut batch: Batch,
        shares: Shares,
        canary: Option<Box<Flight>>,
        patience: Patience,
    ) {
        if patience == Patience::None && !batch.is_full() {
            (self.open, self.shares, self.canary) = (batch, shares, canary);
        } else {
            self.counts.dropped += shares;
            batch.clear();
            self.open = batch;
        }
    }
}

/// Frames after which every worker hears how far the input has come, and the ledger the counts.
const FLUSH_FRAMES: u64 = 4096;
