//! Octets of flagged flows: exact, soon known, and the same however the work is shared.

use std::collections::VecDeque;

use super::*;
use crate::batch::Batch;
use crate::findings::{Book, Limits};
use crate::host::HomeNetworks;
use crate::intake::{Intake, Outlet};
use crate::triage::Triage;
use crate::worker::{Told, Worker};

#[test]
fn octets_of_a_flagged_flow_are_exact_and_told_while_it_is_open() {
    let mut scene = Scene::default();
    let hello = Hello::browser(FLAGGED).record();
    scene.open(1);
    scene.client(1, 0, &hello);
    for host in 2..6 {
        scene.open(host);
        scene.client(host, 0, &Hello::browser("bulk.example").record());
    }
    let (mut sent, mut received) = (hello.len() as u64, 0);
    for round in 0..400_u32 {
        let up = 1 + round as usize % 700;
        scene.client(1, sent as u32, &vec![0x17; up]);
        sent += up as u64;
        for _ in 0..3 {
            scene.server(1, received as u32, &[0x17; 1400]);
            received += 1400;
            for host in 2..6 {
                scene.server(host, received as u32, &[0x17; 900]);
            }
        }
        scene.now += 60_000_000;
    }
    for bits in [4, 16] {
        for workers in [0, 1, 3] {
            let sizes = Sizes {
                triage_bits: bits,
                workers,
                ..Sizes::default()
            };
            let mut ledger = Octets::new();
            scene.read(sizes, &mut ledger);
            assert_eq!(
                ledger.octets(),
                [sent, received],
                "{workers} workers, 2^{bits} slots"
            );
            let told = ledger.progress.len();
            assert!(
                (6..=9).contains(&told),
                "30 s are about 8 spans, not {told}"
            );
            for (at, behind) in &ledger.progress {
                let all = scene.octets_until(*at);
                assert_eq!(*behind, all, "what is told at a tick is all up to it");
            }
            assert!(ledger.counts.intake.triaged > 1000 || bits == 4);
        }
    }
}

#[test]
fn what_triage_holds_back_of_a_flow_that_falls_silent_is_not_lost() {
    let mut scene = Scene::default();
    let hello = Hello::browser(FLAGGED).record();
    scene.open(1);
    scene.client(1, 0, &hello);
    for round in 0..300 {
        scene.server(1, round * 1000, &[0x17; 1000]);
    }
    scene.now += 1_000_000_000_000;
    scene.open(2);
    let mut ledger = Octets::new();
    scene.read(Sizes::default(), &mut ledger);
    assert_eq!(ledger.octets(), [hello.len() as u64, 300_000]);
}

#[test]
fn on_a_mirror_of_one_direction_a_sighting_does_not_wait_for_the_end_of_its_flow() {
    let mut scene = Scene::default();
    let hello = Hello::browser(FLAGGED).record();
    scene.client(1, 0, &hello);
    let said = scene.now;
    let mut sent = hello.len() as u64;
    for _ in 0..100 {
        scene.client(1, sent as u32, &[0x17; 500]);
        sent += 500;
        scene.now += 200_000_000;
    }
    for workers in [0, 1, 3] {
        let sizes = Sizes {
            workers,
            ..Sizes::default()
        };
        let mut ledger = Octets::new();
        scene.read(sizes, &mut ledger);
        assert_eq!(ledger.octets(), [sent, 0]);
        let (first, known) = ledger.progress[0];
        let waited = first.since(Timestamp::from_nanos(said));
        assert!(waited.as_secs() < 9, "{waited:?}");
        assert_eq!(known, scene.octets_until(first));
        assert_eq!(ledger.book.tally().by_reach.len(), 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn when_triage_hears_that_a_flow_is_settled_changes_nothing(
        steps in steps(400),
        delay in 1_usize..20,
        batch in 1_usize..40,
    ) {
        let scene = Scene::of(&steps);
        let at_once = scene.told(0, 1);
        for (delay, batch) in [(delay, batch), (usize::MAX, batch), (0, 200)] {
            let late = scene.told(delay, batch);
            let differ = at_once.iter().zip(&late).find(|(a, b)| a != b);
            prop_assert_eq!(differ, None);
            prop_assert_eq!(at_once.len(), late.len());
        }
    }
}

impl Scene {
    fn read(&self, sizes: Sizes, ledger: &mut dyn Ledger) {
        let mut source = self.source();
        let report = Report::Findings;
        if sizes.workers == 0 {
            inline::run(&mut source, &catalogue(), report, sizes, ledger);
        } else {
            threads::run(
                vec![&mut source],
                &Arc::new(Loaded::new(catalogue())),
                report,
                sizes,
                ledger,
            )
            .unwrap();
        }
    }

    /// Payload octets of host 1 up to a time, by direction.
    fn octets_until(&self, at: Timestamp) -> [u64; 2] {
        let mut sums = [0; 2];
        for (_, bytes) in self
            .frames
            .iter()
            .filter(|it| Timestamp::from_nanos(it.0) < at)
        {
            let port = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
            let len = (bytes.len() - 54) as u64;
            match (port(34), port(36)) {
                (from, _) if from == super::port(1) => sums[0] += len,
                (_, to) if to == super::port(1) => sums[1] += len,
                _ => {}
            }
        }
        sums
    }

    /// What one worker tells when triage hears that flows are settled `delay` batches late, and a
    /// batch has so many items.
    pub(super) fn told(&self, delay: usize, batch: usize) -> Vec<Notice> {
        let bounds = Sizes::default().bounds(1);
        let mut desk = Late {
            worker: Worker::new(catalogue(), Report::AllNames, bounds),
            batch: Batch::default(),
            told: Vec::new(),
            settled: VecDeque::new(),
            delay,
        };
        let mut intake = Intake::new(Triage::new(6));
        let mut run = Run::default();
        let mut source = self.source();
        while source.next_run(&mut run) == Next::Frames {
            for number in 0..run.len() {
                let mut one = Run::default();
                one.push_copy(run.frame(number).unwrap());
                intake.take(&one, &mut desk);
                if desk.batch.items().len() >= batch {
                    intake.flush(&mut desk);
                }
            }
        }
        intake.finish(&mut desk);
        intake.flush(&mut desk);
        let told = &mut desk.told;
        desk.worker
            .finish(intake.number(), intake.newest(), &mut |it| told.append(it));
        desk.told.into_iter().map(|it| it.notice).collect()
    }
}

/// A worker whose word about settled flows comes late.
struct Late {
    worker: Worker,
    batch: Batch,
    told: Vec<Told>,
    settled: VecDeque<Vec<(u64, u32)>>,
    delay: usize,
}

impl Outlet for Late {
    fn workers(&self) -> usize {
        1
    }

    fn batch(&mut self, _worker: usize) -> &mut Batch {
        &mut self.batch
    }

    fn hand_over(&mut self, _worker: usize, _number: u64, triage: &mut Triage) {
        let told = &mut self.told;
        self.worker.work(&mut self.batch, &mut |it| told.append(it));
        self.settled
            .push_back(std::mem::take(&mut self.batch.settled));
        while self.settled.len() > self.delay {
            for (hash, generation) in self.settled.pop_front().unwrap_or_default() {
                triage.settle(hash, generation);
            }
        }
        self.batch.clear();
    }
}

/// A ledger with a book, which notes what octets were known at each piece of progress.
struct Octets {
    book: Book,
    progress: Vec<(Timestamp, [u64; 2])>,
    counts: Counts,
}

impl Octets {
    fn new() -> Self {
        Self {
            book: Book::new(catalogue(), HomeNetworks::default(), Limits::default()),
            progress: Vec::new(),
            counts: Counts::default(),
        }
    }

    fn octets(&self) -> [u64; 2] {
        let mut sums = [0; 2];
        for octets in self.book.tally().octets.values() {
            sums = [sums[0] + octets[0], sums[1] + octets[1]];
        }
        let findings = self.book.findings();
        assert_eq!(findings.len(), 1);
        assert_eq!([findings[0].sent, findings[0].received], sums);
        sums
    }
}

impl Ledger for Octets {
    fn take(&mut self, notice: &Notice) {
        self.book.take(notice, &mut Vec::new());
        if matches!(notice.what, What::Progress(_)) {
            self.progress.push((notice.at, self.octets()));
        }
    }

    fn count(&mut self, counts: &Counts) {
        self.counts = counts.clone();
    }
}

const FLAGGED: &str = "s00.upd.kaspersky.com";
