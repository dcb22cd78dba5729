//! From runs of frames to batches of packets: walk, decide, hand over.
//!
//! Works in two passes over groups of frames: the first walks the headers, hashes the flow and asks
//! for its slot's memory; the second decides, in order, and copies what passes into the batch of
//! the worker that owns the flow. Packets are decoded here, once: to find the innermost flow of a
//! tunnelled or fragmented packet is to decode it, and the worker gets what was found.

use std::ops::AddAssign;

use crate::batch::Batch;
use crate::decode::walk::walk;
use crate::decode::{DecodeCounts, Decoded, Decoder, Packet};
use crate::flow::key::hash_of;
use crate::flow::{FlowKey, Side};
use crate::frame::{Frame, LinkType, Run};
use crate::time::Timestamp;
use crate::triage::{Triage, tick_of};
use clock::Clock;
use recall::Belongs;
use repeats::Repeats;

mod clock;
mod recall;
mod repeats;

pub use clock::Steps;
pub use recall::{Recall, Remembered, Wanted};

/// Where packets go: one batch a worker is open at any time.
pub trait Outlet {
    /// Number of workers, from one to [`MAX_WORKERS`].
    fn workers(&self) -> usize;

    /// The open batch of a worker.
    fn batch(&mut self, worker: usize) -> &mut Batch;

    /// The open batch of a worker is full: `number` is that of the newest frame in it.
    fn hand_over(&mut self, worker: usize, number: u64, triage: &mut Triage);
}

/// The capture side's state.
#[derive(Debug)]
pub struct Intake {
    decoder: Decoder,
    repeats: Repeats,
    triage: Triage,
    counts: IntakeCounts,
    number: u64,
    /// From the number of a frame to that of the next.
    stride: u64,
    clock: Clock,
    span: Option<i64>,
    /// Frames that passed, if they are to be remembered.
    recall: Option<Recall>,
}

/// What became of frames before any worker saw them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct IntakeCounts {
    /// Frames read.
    pub frames: u64,
    /// Their octets on the wire.
    pub octets: u64,
    /// Frames settled by triage, those that cannot be decoded and repeats included.
    pub triaged: u64,
    /// Frames that repeat one just read, where it was looked for repeats.
    pub repeated: u64,
    /// Frames handed to workers, by worker.
    pub forwarded: [u64; MAX_WORKERS],
    /// First header of the first frame.
    pub link: Option<LinkType>,
    /// Frames longer than what was kept of them.
    pub truncated: u64,
    /// Capture time of the first frame.
    pub first: Option<Timestamp>,
    /// Capture time of the newest frame.
    pub last: Option<Timestamp>,
}

/// A packet with the hash of its flow. The flow's key is made of what passes only.
struct Walked<'a> {
    packet: Packet<'a>,
    hash: u64,
}

impl Intake {
    /// The capture side of a pipeline with one capture, which reads files.
    #[must_use]
    pub fn new(triage: Triage) -> Self {
        Self::one_of(triage, Steps::Any, (0, 1))
    }

    /// The capture side of one of several captures: with its number and how many there are, so that no
    /// two give a frame the same number.
    #[must_use]
    pub fn one_of(triage: Triage, steps: Steps, (number, captures): (u64, u64)) -> Self {
        Self {
            decoder: Decoder::default(),
            repeats: Repeats::default(),
            triage,
            counts: IntakeCounts::default(),
            number,
            stride: captures,
            clock: Clock::new(steps),
            span: None,
            recall: None,
        }
    }

    /// Remembers the newest frames that pass triage from here on, in a ring of that many octets.
    pub fn remember(&mut self, octets: usize) {
        self.recall = Some(Recall::new(octets));
    }

    /// The frames that are remembered, if any are to be.
    #[must_use]
    pub const fn recall(&self) -> Option<&Recall> {
        self.recall.as_ref()
    }

    /// Gives the remembered frames away, and remembers no more.
    pub fn take_recall(&mut self) -> Option<Recall> {
        self.recall.take()
    }

    /// Takes all frames of a run.
    pub fn take(&mut self, run: &Run, outlet: &mut impl Outlet) {
        self.counts.link = self.counts.link.or(run.frame(0).map(|it| it.link));
        self.counts.first = self.counts.first.or(run.frame(0).map(|it| it.at));
        self.counts.last = run.iter().next_back().map(|it| it.at).or(self.counts.last);
        self.counts.frames += run.len() as u64;
        // Made once: only places of the group at hand are read.
        let mut group: [Option<Walked<'_>>; GROUP] = [const { None }; GROUP];
        for frames in run.groups(GROUP) {
            let first = frames.clone().next().map_or(Timestamp::MIN, |it| it.at);
            if self.repeats.watches(frames.len() as u64, first) {
                self.take_watched(frames, &mut group, outlet);
            } else {
                self.take_group(frames, &mut group, outlet);
            }
        }
    }

    /// Moves packet time to `at` while no frame comes, so that waiting comes to its end.
    pub fn idle(&mut self, at: Timestamp, outlet: &mut impl Outlet) {
        self.advance(at, self.number.saturating_sub(1), outlet);
    }

    /// Hands over what triage still holds, at the end of the input.
    pub fn finish(&mut self, outlet: &mut impl Outlet) {
        self.triage.flush();
        hand_over_orphans(&mut self.triage, self.number, outlet);
    }

    /// Hands over all open batches, so that each worker knows how far the input has come.
    pub fn flush(&mut self, outlet: &mut impl Outlet) {
        for worker in 0..outlet.workers() {
            outlet.hand_over(worker, self.number.saturating_sub(1), &mut self.triage);
        }
    }

    /// Number of the frame to come, counted from zero.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The latest capture time so far; after a clock was set, what it showed then.
    #[must_use]
    pub const fn newest(&self) -> Timestamp {
        self.clock.shown()
    }

    /// Packet time, which never goes back; `None` before the first frame.
    #[must_use]
    pub fn packet_time(&self) -> Option<Timestamp> {
        self.span.map(|_| self.clock.now())
    }

    /// What became of the frames.
    #[must_use]
    pub const fn counts(&self) -> &IntakeCounts {
        &self.counts
    }

    /// Octets held for fragmented datagrams.
    #[must_use]
    pub fn held_octets(&self) -> u64 {
        self.decoder.held_octets() as u64
    }

    /// What the decoder met.
    #[must_use]
    pub fn decode_counts(&self) -> &DecodeCounts {
        self.decoder.counts()
    }

    /// The triage, to tell it of settled flows.
    pub fn triage_mut(&mut self) -> &mut Triage {
        &mut self.triage
    }

    /// Takes a group of frames without those that repeat another.
    #[cold]
    #[inline(never)]
    fn take_watched<'a>(
        &mut self,
        frames: impl Iterator<Item = Frame<'a>>,
        group: &mut [Option<Walked<'a>>; GROUP],
        outlet: &mut impl Outlet,
    ) {
        let mut kept: [Option<Frame<'_>>; GROUP] = [None; GROUP];
        let mut places = kept.iter_mut();
        for frame in frames {
            if self.repeats.is_repeat(&frame) {
                self.counts.octets += u64::from(frame.wire_len);
                self.counts.truncated += u64::from(frame.wire_len as usize > frame.bytes.len());
                self.counts.repeated += 1;
                self.counts.triaged += 1;
            } else if let Some(place) = places.next() {
                *place = Some(frame);
            }
        }
        self.take_group(kept.iter().flatten().copied(), group, outlet);
    }

    /// Takes a group of frames.
    #[inline]
    fn take_group<'a>(
        &mut self,
        frames: impl Iterator<Item = Frame<'a>> + Clone,
        group: &mut [Option<Walked<'a>>; GROUP],
        outlet: &mut impl Outlet,
    ) {
        for (place, frame) in group.iter_mut().zip(frames.clone()) {
            self.counts.octets += u64::from(frame.wire_len);
            self.counts.truncated += u64::from(frame.wire_len as usize > frame.bytes.len());
            *place = walk(&frame).and_then(Walked::of);
            if let Some(walked) = place {
                self.triage.prefetch(walked.hash);
                self.decoder.counts_mut().walked(&frame, &walked.packet);
            }
        }
        for (walked, frame) in group.iter().zip(frames) {
            self.advance(frame.at, self.number, outlet);
            let to = match walked {
                Some(walked) => {
                    let moment = (self.number, self.span.unwrap_or(0));
                    let to = admit(&mut self.triage, walked, moment, outlet);
                    if to.is_some() {
                        self.keep_in_mind(&frame, Belongs::Flow(walked.hash));
                    }
                    to
                }
                None => self.slow(&frame, outlet),
            };
            match to {
                Some(worker) => self.counts.forwarded[worker] += 1,
                None => self.counts.triaged += 1,
            }
            self.number += self.stride;
        }
    }

    /// Takes a frame that is not for the walk; gives the worker of its packet, if it passes.
    #[cold]
    #[inline(never)]
    fn slow(&mut self, frame: &Frame<'_>, outlet: &mut impl Outlet) -> Option<usize> {
        let is_wrapped = self.repeats.is_watching() && repeats::is_wrapped(frame);
        match self.decoder.decode(frame) {
            Decoded::Packet(packet) => {
                if is_wrapped && self.repeats.is_repeat_inside(&packet) {
                    self.counts.repeated += 1;
                    return None;
                }
                let moment = (self.number, self.span.unwrap_or(0));
                let walked = Walked::of(packet)?;
                let to = admit(&mut self.triage, &walked, moment, outlet);
                if to.is_some() {
                    let hash = walked.hash;
                    self.keep_in_mind(frame, Belongs::Flow(hash));
                }
                to
            }
            Decoded::Held => {
                self.keep_in_mind(frame, Belongs::Datagram);
                None
            }
            Decoded::Skipped(_) | Decoded::Failed(_) => None,
        }
    }

    /// Remembers a frame, if frames are to be remembered.
    #[inline]
    fn keep_in_mind(&mut self, frame: &Frame<'_>, belongs: Belongs) {
        if let Some(recall) = &mut self.recall {
            recall.push(frame, belongs);
        }
    }

    /// Moves packet time, and gives every worker a tick when it enters a new span; `number` is that
    /// of the frame that did it.
    #[inline]
    fn advance(&mut self, at: Timestamp, number: u64, outlet: &mut impl Outlet) {
        if !self.clock.take(at) {
            return;
        }
        let span = tick_of(self.clock.now());
        if self.span.is_none_or(|it| span > it) {
            self.enter(span, number, outlet);
        }
    }

    #[cold]
    fn enter(&mut self, span: i64, number: u64, outlet: &mut impl Outlet) {
        self.span = Some(span);
        let at = self.clock.shown();
        self.decoder.tick(at);
        self.triage.flush();
        hand_over_orphans(&mut self.triage, self.number, outlet);
        for worker in 0..outlet.workers() {
            outlet.batch(worker).push_tick(span, number, at);
        }
    }
}

impl AddAssign<&Self> for IntakeCounts {
    /// Adds the counts of another capture.
    fn add_assign(&mut self, other: &Self) {
        self.frames += other.frames;
        self.octets += other.octets;
        self.triaged += other.triaged;
        self.repeated += other.repeated;
        for (sum, count) in self.forwarded.iter_mut().zip(other.forwarded) {
            *sum += count;
        }
        self.link = self.link.or(other.link);
        self.truncated += other.truncated;
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = self.last.max(other.last);
    }
}

impl<'a> Walked<'a> {
    #[inline]
    fn of(packet: Packet<'a>) -> Option<Self> {
        let (transport, src, dst) = packet.ends()?;
        let hash = hash_of(transport, src, dst);
        Some(Self { packet, hash })
    }
}

/// Puts a packet into its worker's batch if triage lets it pass; gives the worker.
#[inline]
fn admit(
    triage: &mut Triage,
    walked: &Walked<'_>,
    (number, span): (u64, i64),
    outlet: &mut impl Outlet,
) -> Option<usize> {
    let Walked { packet, hash } = walked;
    let (transport, src, dst) = packet.ends()?;
    let pass = triage.admit(packet, *hash, Side::of(src, dst), span)?;
    if triage.has_orphans() {
        hand_over_orphans(triage, number, outlet);
    }
    let (key, side) = FlowKey::of(transport, src, dst);
    let worker = worker_of(pass.share, outlet.workers());
    let batch = outlet.batch(worker);
    batch.push(number, packet, (key, *hash, side), pass);
    if batch.is_full() {
        outlet.hand_over(worker, number, triage);
    }
    Some(worker)
}

/// Hands over what triage counted of flows that have lost their slot, ahead of the frame of that
/// number.
#[cold]
#[inline(never)]
fn hand_over_orphans(triage: &mut Triage, number: u64, outlet: &mut impl Outlet) {
    for orphan in triage.take_orphans() {
        let worker = worker_of(orphan.share, outlet.workers());
        let batch = outlet.batch(worker);
        batch.push_orphan(orphan.hash, orphan.skipped);
        if batch.is_full() {
            outlet.hand_over(worker, number.saturating_sub(1), triage);
        }
    }
}

/// The worker that owns a flow, by its [`share_of`](crate::flow::key::share_of).
#[must_use]
pub const fn worker_of(share: u32, workers: usize) -> usize {
    share as usize % workers
}

/// Most workers of a pipeline.
pub const MAX_WORKERS: usize = 16;

/// Frames of one group: enough to hide a wait for memory, few enough to stay in the first cache.
const GROUP: usize = 32;
