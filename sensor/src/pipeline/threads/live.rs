//! The capture thread of a source that never waits.
//!
//! It drops, and counts, what a worker whose queue is full would get. Batches that are not full are
//! handed over as often as [`FLUSH`], so that what they hold is known soon, and counts go to the
//! ledger as often, unless it is behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::capture::{CaptureDesk, Patience};
use crate::frame::Run;
use crate::intake::{Intake, Steps};
use crate::pipeline::canary::Aviary;
use crate::pipeline::{Loaded, MAX_INPUTS, Next, Sizes, Source};
use crate::triage::Triage;

impl CaptureDesk {
    /// Reads until it is told to stop, then what has been captured by then.
    pub(super) fn watch(
        mut self,
        source: &mut (dyn Source + Send),
        loaded: &Arc<Loaded>,
        sizes: Sizes,
        stop: &AtomicBool,
    ) {
        self.patience = Patience::None;
        let workers = self.lanes.len();
        let every = sizes.canary_every;
        let capture = (self.number, self.captures);
        self.aviary = every.map(|it| Aviary::new(Arc::clone(loaded), capture, workers, it));
        let numbers = (self.number as u64, self.captures as u64);
        let mut intake = Intake::one_of(Triage::new(sizes.triage_bits), Steps::Small, numbers);
        let memory = source.memory();
        if let Some(memory) = &memory {
            memory.begin(&mut intake);
        }
        let mut frames = Run::default();
        self.take_states(source);
        self.try_count(&intake);
        let mut flushed = Instant::now();
        let mut end: Option<Instant> = None;
        loop {
            let now = Instant::now();
            if end.is_none() && stop.load(Ordering::Relaxed) {
                end = Some(now + DRAIN);
                // No frame of later matters: what is there may wait for the workers.
                self.patience = Patience::Until(now + DRAIN);
            }
            if end.is_some_and(|it| it <= now) {
                break;
            }
            let next = source.next_run(&mut frames);
            match next {
                Next::Frames => {
                    let input = source.number_of(source.input());
                    self.take(input, &frames, &mut intake);
                }
                Next::Idle(_) if end.is_some_and(|it| it <= now + (DRAIN - HELD)) => break,
                Next::Idle(at) => intake.idle(at, &mut self),
                Next::Pause => {}
                // One that ends by itself ends the others: nobody would miss it else.
                Next::End => {
                    stop.store(true, Ordering::Relaxed);
                    break;
                }
            }
            if let Some(memory) = &memory {
                memory.answer(&intake);
            }
            if flushed.elapsed() >= FLUSH {
                flushed = Instant::now();
                self.release_canaries(&intake);
                self.take_states(source);
                self.try_count(&intake);
                intake.flush(&mut self);
            }
        }
        self.take_states(source);
        self.patience = Patience::Until(Instant::now() + LAST_WORD);
        self.finish(&mut intake);
        if let Some(memory) = &memory {
            memory.end(&mut intake);
        }
    }

    /// Takes a run of one input, and counts its frames as that input's.
    fn take(&mut self, input: usize, frames: &Run, intake: &mut Intake) {
        self.input = input;
        let before = *intake.counts();
        intake.take(frames, self);
        let after = intake.counts();
        let has_several = self.inputs.len() > 1;
        for (lane, (after, before)) in self
            .lanes
            .iter_mut()
            .zip(after.forwarded.iter().zip(before.forwarded))
        {
            lane.counts.forwarded.add(input, after - before);
            if has_several {
                lane.attribute(input);
            }
        }
        if let Some(counts) = self.inputs.get_mut(&input) {
            counts.frames += after.frames - before.frames;
            counts.octets += after.octets - before.octets;
            counts.triaged += after.triaged - before.triaged;
            counts.truncated += after.truncated - before.truncated;
            counts.repeated += after.repeated - before.repeated;
            counts.first = counts.first.or(frames.frame(0).map(|it| it.at));
            counts.last = after.last.or(counts.last);
        }
    }

    fn take_states(&mut self, source: &mut (dyn Source + Send)) {
        for (number, state) in source.inputs().into_iter().enumerate() {
            let number = source.number_of(number);
            if number < MAX_INPUTS {
                self.inputs.entry(number).or_default().state = state;
            }
        }
    }

    /// Sends a canary exchange to each worker, if it is time, and there is a time.
    fn release_canaries(&mut self, intake: &Intake) {
        let Some(aviary) = self.aviary.as_mut().filter(|it| it.is_due()) else {
            return;
        };
        let Some(at) = intake.packet_time() else {
            return;
        };
        for (lane, flight) in self.lanes.iter_mut().zip(aviary.release(at)) {
            lane.carry(flight);
            self.canaries += 1;
        }
    }

    /// Gives the ledger the counts; it gets the next ones if it is behind.
    fn try_count(&self, intake: &Intake) {
        let _ = self.news.try_send(self.counts(intake));
    }
}

/// How often batches are handed over and counts given.
const FLUSH: Duration = Duration::from_millis(100);

/// How long it goes on to read what has been captured when it is told to stop: time for a ring that was
/// behind.
const DRAIN: Duration = Duration::from_secs(1);

/// How long the system may hold frames: silence sooner after the stop does not say that all have come.
const HELD: Duration = Duration::from_millis(250);

/// How long the last batches wait for workers that are behind.
const LAST_WORD: Duration = Duration::from_secs(3);
