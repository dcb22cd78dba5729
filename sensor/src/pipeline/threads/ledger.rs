//! The ledger's desk: takes all news, and adds up the counts of one moment.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use super::busy::busy;
use super::shares::Shares;
use super::{CaptureCounts, News, Perch, Progress};
use crate::ech::Judge;
use crate::pipeline::merge::Merge;
use crate::pipeline::{Counts, InputCounts, Ledger, MAX_INPUTS, Sizes, WorkerCounts};

/// In which order the ledger takes notices.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Order {
    /// That of the frames which caused them.
    OfFrames,
    /// That in which they come: nothing waits for a worker that is behind.
    OfArrival,
}

pub(super) struct LedgerDesk {
    merge: Merge,
    judge: Judge,
    captures: Vec<CaptureCounts>,
    workers: Vec<Progress>,
    order: Order,
    flow_limit: u64,
    /// Where canary exchanges are expected.
    perch: Option<Perch>,
}

impl LedgerDesk {
    pub(super) fn new(captures: usize, workers: usize, sizes: Sizes, order: Order) -> Self {
        let every = sizes.canary_every.filter(|_| order == Order::OfArrival);
        let progress = Progress {
            packets: vec![Shares::default(); captures],
            ..Progress::default()
        };
        Self {
            merge: Merge::new(workers),
            judge: Judge::default(),
            captures: vec![CaptureCounts::default(); captures],
            workers: vec![progress; workers],
            order,
            flow_limit: sizes.flows as u64,
            perch: every.map(|it| Perch::new(captures, workers, it)),
        }
    }

    /// Takes all news until every other thread has ended.
    pub(super) fn keep(
        mut self,
        inbox: Receiver<News>,
        ledger: &mut dyn Ledger,
        stop: &AtomicBool,
    ) {
        let mut counted = Instant::now();
        while let Ok(news) = inbox.recv() {
            let is_due = match news {
                News::Capture(number, counts) => {
                    self.captures[number] = *counts;
                    true
                }
                News::Piece { number, told } => {
                    match self.order {
                        Order::OfFrames => {
                            self.merge.push(number, told);
                            self.take(ledger);
                        }
                        Order::OfArrival => {
                            for mut told in told {
                                if self.judge.take(&mut told.notice) {
                                    ledger.take(&told.notice);
                                }
                            }
                        }
                    }
                    self.is_overdue(counted)
                }
                News::Worker {
                    number,
                    watermark,
                    counts,
                    canary,
                } => {
                    self.workers[number] = *counts;
                    if self.order == Order::OfFrames {
                        self.merge.advance(number, watermark);
                        self.take(ledger);
                    }
                    if let (Some(perch), Some(sung)) = (&mut self.perch, canary)
                        && ledger.is_finding(&sung.told)
                    {
                        perch.found(sung.capture, number, sung.left);
                    }
                    self.is_overdue(counted)
                }
            };
            if is_due {
                counted = Instant::now();
                ledger.count(&self.counts());
                if !ledger.wants_more() {
                    stop.store(true, Ordering::Relaxed);
                }
            }
        }
        let counts = Counts {
            finished: true,
            ..self.counts()
        };
        ledger.count(&counts);
    }

    /// Takes the notices that are next in the order of frames.
    fn take(&mut self, ledger: &mut dyn Ledger) {
        while let Some(mut told) = self.merge.pop() {
            if self.judge.take(&mut told.notice) {
                ledger.take(&told.notice);
            }
        }
    }

    /// Whether counts must be given though no capture has: a live one that finds no room keeps its own.
    fn is_overdue(&self, counted: Instant) -> bool {
        self.order == Order::OfArrival && counted.elapsed() >= OVERDUE
    }

    /// Counts of one moment: what a worker has settled was handed to it, even where a capture has not
    /// said so yet.
    fn counts(&self) -> Counts {
        let mut counts = Counts {
            flow_limit: self.flow_limit,
            visibility: self.judge.visibility().clone(),
            ech: self.judge.counts(),
            ..Counts::default()
        };
        for capture in &self.captures {
            counts.intake += &capture.intake;
            counts.decode += &capture.decode;
            counts.defrag_octets += capture.held_octets;
            for (number, input) in &capture.inputs {
                if counts.inputs.len() <= *number {
                    counts.inputs.resize(number + 1, InputCounts::default());
                }
                counts.inputs[*number] += input;
            }
        }
        for (number, worker) in self.workers.iter().enumerate() {
            let mut of_worker = WorkerCounts {
                clock: worker.clock,
                ..WorkerCounts::default()
            };
            for (capture, packets) in self.captures.iter().zip(&worker.packets) {
                self.add_lane(number, capture, packets, &mut of_worker, &mut counts);
            }
            counts.workers.push(of_worker);
            counts.flows += worker.flows;
            counts.unfinished_octets += worker.unfinished_octets;
            counts.visibility += &worker.visibility;
        }
        let sent = self.captures.iter().map(|it| it.canaries).sum();
        counts.canary = self.perch.as_ref().and_then(|it| it.counts(sent));
        counts.busy = self.busy();
        counts
    }

    /// Adds what went from a capture to a worker.
    fn add_lane(
        &self,
        worker: usize,
        capture: &CaptureCounts,
        packets: &Shares,
        of_worker: &mut WorkerCounts,
        counts: &mut Counts,
    ) {
        let lane = capture.lanes.get(worker).copied().unwrap_or_default();
        for number in 0..MAX_INPUTS {
            let (worked, dropped) = (packets.of(number), lane.dropped.of(number));
            let forwarded = lane.forwarded.of(number).max(worked + dropped);
            let ahead = forwarded - lane.forwarded.of(number);
            counts.intake.frames += ahead;
            counts.intake.forwarded[worker] += ahead;
            of_worker.worked += worked;
            of_worker.queued += forwarded - worked - dropped;
            if let Some(input) = counts.inputs.get_mut(number) {
                input.frames += ahead;
                input.worked += worked;
                input.dropped += dropped;
            }
        }
    }

    /// Processor time of the threads, by name.
    fn busy(&self) -> Vec<(String, Duration)> {
        let captures = self.captures.iter().enumerate();
        let captures = captures.map(|(number, it)| (format!("capture{number}"), it.busy));
        let workers = self.workers.iter().enumerate();
        let workers = workers.map(|(number, it)| (format!("worker{number}"), it.busy));
        let ledger = [("ledger".to_owned(), busy())];
        captures
            .chain(ledger)
            .chain(workers)
            .filter_map(|(name, busy)| Some((name, busy?)))
            .collect()
    }
}

/// Time after which counts are given though no capture has given its own: the ledger is so busy that
/// there was no room for them.
const OVERDUE: Duration = Duration::from_millis(200);
