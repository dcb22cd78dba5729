//! The pipeline in one thread: for files, and for everything that must be simple to follow.

use std::sync::Arc;

use phonehome_signatures::Catalogue;

use super::{Counts, Ledger, Next, Sizes, Source, WorkerCounts};
use crate::batch::Batch;
use crate::ech::Judge;
use crate::frame::Run;
use crate::intake::{Intake, Outlet};
use crate::triage::Triage;
use crate::worker::{Report, Told, Worker};

/// Reads a source to its end, or until the ledger wants no more.
pub fn run(
    source: &mut dyn Source,
    catalogue: &Arc<Catalogue>,
    report: Report,
    sizes: Sizes,
    ledger: &mut dyn Ledger,
) {
    let mut intake = Intake::new(Triage::new(sizes.triage_bits));
    let worker = Worker::new(Arc::clone(catalogue), report, sizes.bounds(1));
    let mut desk = Inline {
        worker,
        batch: Batch::default(),
        judge: Judge::default(),
        ledger,
        worked: 0,
    };
    let mut frames = Run::default();
    while desk.ledger.wants_more() {
        match source.next_run(&mut frames) {
            Next::Frames => intake.take(&frames, &mut desk),
            Next::Idle(at) => {
                intake.idle(at, &mut desk);
                intake.flush(&mut desk);
            }
            Next::Pause => {}
            Next::End => break,
        }
    }
    intake.finish(&mut desk);
    intake.flush(&mut desk);
    desk.finish(&intake, sizes);
}

/// The one worker and what comes out of it.
struct Inline<'l> {
    worker: Worker,
    batch: Batch,
    judge: Judge,
    ledger: &'l mut dyn Ledger,
    worked: u64,
}

impl Outlet for Inline<'_> {
    fn workers(&self) -> usize {
        1
    }

    fn batch(&mut self, _worker: usize) -> &mut Batch {
        &mut self.batch
    }

    fn hand_over(&mut self, _worker: usize, _number: u64, triage: &mut Triage) {
        let (judge, ledger) = (&mut self.judge, &mut *self.ledger);
        self.worker
            .work(&mut self.batch, &mut |told| tell(told, judge, ledger));
        for (hash, generation) in self.batch.settled.drain(..) {
            triage.settle(hash, generation);
        }
        self.worked += self.batch.packets();
        self.batch.clear();
    }
}

impl Inline<'_> {
    fn finish(&mut self, intake: &Intake, sizes: Sizes) {
        let (judge, ledger) = (&mut self.judge, &mut *self.ledger);
        self.worker
            .finish(intake.number(), intake.newest(), &mut |told| {
                tell(told, judge, ledger);
            });
        let mut visibility = self.worker.visibility().clone();
        visibility += judge.visibility();
        self.ledger.count(&Counts {
            intake: *intake.counts(),
            inputs: Vec::new(),
            workers: vec![WorkerCounts {
                worked: self.worked,
                queued: 0,
                clock: self.worker.clock(),
            }],
            decode: intake.decode_counts().clone(),
            defrag_octets: intake.held_octets(),
            visibility,
            ech: judge.counts(),
            flows: self.worker.flows() as u64,
            flow_limit: sizes.flows as u64,
            busy: Vec::new(),
            canary: None,
            unfinished_octets: self.worker.unfinished_octets() as u64,
            finished: true,
        });
    }
}

fn tell(told: &mut Vec<Told>, judge: &mut Judge, ledger: &mut dyn Ledger) {
    for mut told in told.drain(..) {
        if judge.take(&mut told.notice) {
            ledger.take(&told.notice);
        }
    }
}
