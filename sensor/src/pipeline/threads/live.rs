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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use etherparse::PacketBuilder;
    use phonehome_signatures::Catalogue;

    use super::super::run;
    use super::*;
    use crate::detection::Notice;
    use crate::frame::{Frame, LinkType};
    use crate::pipeline::{Counts, InputState, Ledger, Loaded, Pace};
    use crate::time::Timestamp;
    use crate::worker::Report;

    #[test]
    fn nothing_waits_for_a_slow_ledger_and_every_frame_is_accounted_for() {
        let (told, given) = channel();
        let mut source = Flood { left: RUNS, told };
        let mut ledger = Slow {
            given,
            frames: 0,
            counts: Counts::default(),
        };
        let sizes = Sizes {
            workers: 2,
            queue_batches: 1,
            ..Sizes::default()
        };
        let loaded = Arc::new(Loaded::new(Arc::new(Catalogue::default())));
        run(&mut source, &loaded, Report::AllNames, sizes, &mut ledger).unwrap();
        let counts = ledger.counts;
        let queued: u64 = counts.workers.iter().map(|it| it.queued).sum();
        assert_eq!(queued, 0);
        for (number, input) in counts.inputs.iter().enumerate() {
            assert_eq!(input.frames, RUNS as u64 / 2 * RUN, "input {number}");
            assert!(input.dropped > 0, "input {number}: {input:?}");
            assert!(input.worked > 0, "input {number}: {input:?}");
        }
    }

    /// Questions, a run from each of two inputs in turn; then silence.
    struct Flood {
        left: usize,
        told: Sender<()>,
    }

    impl Source for Flood {
        fn next_run(&mut self, run: &mut Run) -> Next {
            if self.left == 0 {
                let _ = self.told.send(());
                return Next::Idle(Timestamp::from_nanos(0));
            }
            self.left -= 1;
            run.clear();
            run.bytes.clear();
            for number in 0..RUN {
                let mut bytes = Vec::new();
                PacketBuilder::ethernet2([2; 6], [4; 6])
                    .ipv4([10, 0, 0, number as u8], [192, 0, 2, 1], 64)
                    .udp(40_000, 53)
                    .write(&mut bytes, &[0; 12])
                    .unwrap();
                run.push_copy(Frame {
                    at: Timestamp::from_nanos(1_700_000_000_000_000_000),
                    link: LinkType::ETHERNET,
                    wire_len: bytes.len() as u32,
                    bytes: &bytes,
                });
            }
            Next::Frames
        }

        fn pace(&self) -> Pace {
            Pace::Live
        }

        fn input(&self) -> usize {
            self.left % 2
        }

        fn inputs(&mut self) -> Vec<InputState> {
            vec![InputState::default(); 2]
        }
    }

    /// Takes nothing until the source has given everything.
    struct Slow {
        given: Receiver<()>,
        frames: u64,
        counts: Counts,
    }

    impl Ledger for Slow {
        fn take(&mut self, _notice: &Notice) {}

        fn count(&mut self, counts: &Counts) {
            if self.frames == 0 {
                self.given.recv().unwrap();
            }
            self.frames = counts.inputs.iter().map(|it| it.frames).sum();
            let settled: u64 = counts
                .inputs
                .iter()
                .map(|it| it.triaged + it.worked + it.dropped)
                .sum();
            let queued: u64 = counts.workers.iter().map(|it| it.queued).sum();
            assert_eq!(self.frames, settled + queued);
            assert_eq!(self.frames, counts.intake.frames);
            self.counts = counts.clone();
        }

        fn wants_more(&self) -> bool {
            self.frames < RUNS as u64 * RUN
        }
    }

    /// More than all queues together hold, of both workers' frames.
    const RUNS: usize = 400;

    const RUN: u64 = 200;
}
