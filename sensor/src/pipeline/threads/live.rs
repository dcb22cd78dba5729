//! The capture thread of a source that never waits.
//!
//! It drops, and counts, what a worker whose queue is full would get. Batches that are not full are
//! handed over as often as [`FLUSH`], so that what they hold is known soon, and counts go to the
//! ledger as often, unless it is behind.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{CaptureDesk, Patience};
use crate::frame::Run;
use crate::intake::Intake;
use crate::pipeline::{InputCounts, MAX_INPUTS, Next, Sizes, Source};
use crate::triage::Triage;

impl CaptureDesk {
    /// Reads until it is told to stop, then what has been captured by then.
    pub(super) fn watch(
        mut self,
        source: &mut (dyn Source + Send),
        sizes: Sizes,
        stop: &AtomicBool,
    ) {
        self.patience = Patience::None;
        let mut intake = Intake::new(Triage::new(sizes.triage_bits));
        let mut frames = Run::default();
        self.take_states(source);
        self.try_count(&intake);
        let mut flushed = Instant::now();
        let mut end: Option<Instant> = None;
        loop {
            if end.is_none() && stop.load(Ordering::Relaxed) {
                end = Some(Instant::now() + DRAIN);
            }
            if end.is_some_and(|it| it <= Instant::now()) {
                break;
            }
            let next = source.next_run(&mut frames);
            match next {
                Next::Frames => self.take(source.input(), &frames, &mut intake),
                Next::Idle(_) if end.is_some() => break,
                Next::Idle(at) => intake.idle(at, &mut self),
                Next::End => break,
            }
            if flushed.elapsed() >= FLUSH {
                flushed = Instant::now();
                self.take_states(source);
                self.try_count(&intake);
                intake.flush(&mut self);
            }
        }
        self.take_states(source);
        self.patience = Patience::Until(Instant::now() + LAST_WORD);
        self.finish(&mut intake);
    }

    /// Takes a run of one input, and counts its frames as that input's.
    fn take(&mut self, input: usize, frames: &Run, intake: &mut Intake) {
        self.input = input;
        let before = *intake.counts();
        intake.take(frames, self);
        let after = intake.counts();
        for (lane, (after, before)) in self
            .lanes
            .iter_mut()
            .zip(after.forwarded.iter().zip(before.forwarded))
        {
            lane.counts.forwarded.add(input, after - before);
            if self.inputs.len() > 1 {
                lane.attribute(input);
            }
        }
        if let Some(counts) = self.inputs.get_mut(input) {
            counts.frames += after.frames - before.frames;
            counts.octets += after.octets - before.octets;
            counts.triaged += after.triaged - before.triaged;
            counts.truncated += after.truncated - before.truncated;
            counts.first = counts.first.or(frames.frame(0).map(|it| it.at));
            counts.last = after.last.or(counts.last);
        }
    }

    fn take_states(&mut self, source: &mut (dyn Source + Send)) {
        let mut states = source.inputs();
        states.truncate(MAX_INPUTS);
        self.inputs.resize(states.len(), InputCounts::default());
        for (input, state) in self.inputs.iter_mut().zip(states) {
            input.state = state;
        }
    }

    /// Gives the ledger the counts; it gets the next ones if it is behind.
    fn try_count(&self, intake: &Intake) {
        let _ = self.news.try_send(self.counts(intake));
    }
}

/// How often batches are handed over and counts given.
const FLUSH: Duration = Duration::from_millis(100);

/// How long it goes on to read what has been captured when it is told to stop. The system hands over
/// within 100 ms what it has; the rest of the time is for a ring that was behind.
const DRAIN: Duration = Duration::from_secs(1);

/// How long the last batches wait for workers that are behind.
const LAST_WORD: Duration = Duration::from_secs(3);
