//! Threads, channels and batches: from a source of frames to notices in one order.
//!
//! [`inline`] runs everything in the caller's thread; [`threads`] gives the capture, each worker
//! and the ledger a thread of their own. The notices come out in the same order either way.

use std::ops::AddAssign;
use std::time::Duration;

use crate::decode::DecodeCounts;
use crate::detection::Notice;
use crate::ech::EchCounts;
use crate::frame::{Card, LinkType, Run};
use crate::intake::IntakeCounts;
use crate::time::Timestamp;
use crate::visibility::Visibility;
use crate::worker::{Bounds, Told};
use canary::CanaryCounts;
use memory::Memory;

pub mod canary;
pub mod inline;
mod loaded;
pub mod memory;
mod merge;
pub mod threads;

#[cfg(test)]
mod tests;

pub use loaded::{Follower, Loaded};

/// Where frames come from.
pub trait Source {
    /// Fills a run with the next frames.
    fn next_run(&mut self, run: &mut Run) -> Next;

    /// Whether it can wait while a worker is behind.
    fn pace(&self) -> Pace {
        Pace::Waits
    }

    /// Which of its inputs the newest run is from, below [`MAX_INPUTS`].
    fn input(&self) -> usize {
        0
    }

    /// What it has to say of its inputs, at most [`MAX_INPUTS`]; only asked if it never waits.
    fn inputs(&mut self) -> Vec<InputState> {
        Vec::new()
    }

    /// By what its capture remembers frames, if it is to; asked once, at the start.
    fn memory(&mut self) -> Option<Memory> {
        None
    }

    /// The number of one of its inputs among those of all sources, below [`MAX_INPUTS`]. Two sources may
    /// share an input, as when several threads read one interface: then their counts add up.
    fn number_of(&self, input: usize) -> usize {
        input
    }
}

/// Whether a source can wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pace {
    /// It waits for a worker whose queue is full; nothing is lost, and the same input gives the same
    /// output.
    Waits,
    /// It never waits: frames for a worker whose queue is full are lost, and counted. Clocks tell
    /// when counts are given and batches handed over.
    Live,
}

/// What a source has to give.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// The run holds frames.
    Frames,
    /// There are none at the moment; holds the time up to which there were none.
    Idle(Timestamp),
    /// There are none at the moment, and it is not known whether time passes.
    Pause,
    /// There will be no more.
    End,
}

/// Where notices and counts go.
pub trait Ledger {
    /// Takes the next notice, in order.
    fn take(&mut self, notice: &Notice);

    /// Takes the counts up to now; called now and then, and once at the end.
    fn count(&mut self, counts: &Counts);

    /// Whether what a worker told of a canary exchange makes a finding. It is to leave no trace.
    fn is_finding(&mut self, _told: &[Told]) -> bool {
        false
    }

    /// Whether it is of use to go on; asked now and then. `false` ends the reading as if the source
    /// had ended.
    fn wants_more(&self) -> bool {
        true
    }
}

/// Counts of the whole pipeline, taken at one moment.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// What became of frames before any worker saw them.
    pub intake: IntakeCounts,
    /// The inputs of sources that never wait, by their number; empty for others.
    pub inputs: Vec<InputCounts>,
    /// The workers, by their number.
    pub workers: Vec<WorkerCounts>,
    /// What the decoder met.
    pub decode: DecodeCounts,
    /// Octets held for fragmented datagrams.
    pub defrag_octets: u64,
    /// What could and could not be named.
    pub visibility: Visibility,
    /// What is remembered to judge encrypted hellos by.
    pub ech: EchCounts,
    /// Flows in the tables.
    pub flows: u64,
    /// Flows that the tables may hold.
    pub flow_limit: u64,
    /// Processor time that threads have used, by their name, as far as it is known.
    pub busy: Vec<(String, Duration)>,
    /// How the canary is; `None` without one.
    pub canary: Option<CanaryCounts>,
    /// Octets of memory that messages in the making take.
    pub unfinished_octets: u64,
    /// Whether the input has ended and everything is settled.
    pub finished: bool,
}

/// Counts of one worker.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct WorkerCounts {
    /// Frames that it has settled.
    pub worked: u64,
    /// Frames that wait for it.
    pub queued: u64,
    /// Capture time that it has reached.
    pub clock: Option<Timestamp>,
}

/// State of an input, as its source knows it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct InputState {
    /// First header of its frames; absent as long as it could not be opened.
    pub link: Option<LinkType>,
    /// Why nothing can come from it; absent while all is well.
    pub down: Option<String>,
    /// Frames lost by the driver or the card.
    pub lost_by_driver: u64,
    /// Frames lost because the ring between system and sensor was full.
    pub lost_by_ring: u64,
    /// Frames, and their octets, that a prefilter in the kernel kept from the sensor; absent where
    /// none is in force. They are not among those received.
    pub cut_off: Option<[u64; 2]>,
    /// Of its first connections, how many came both ways out of one ring, out of two rings, and one
    /// way only; absent where there is one ring.
    pub rings: Option<[u64; 3]>,
    /// What the card does to frames; absent where it is not known.
    pub card: Option<Card>,
}

/// Counts of one input: read = triaged + worked + dropped + queued.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct InputCounts {
    /// Its state.
    pub state: InputState,
    /// Frames read.
    pub frames: u64,
    /// Their octets on the wire.
    pub octets: u64,
    /// Frames settled by triage.
    pub triaged: u64,
    /// Frames settled by workers.
    pub worked: u64,
    /// Frames dropped because a worker's queue was full.
    pub dropped: u64,
    /// Frames longer than what was kept of them.
    pub truncated: u64,
    /// Frames that repeat one just read, among those that triage settled.
    pub repeated: u64,
    /// Capture time of the first frame.
    pub first: Option<Timestamp>,
    /// Capture time of the newest frame.
    pub last: Option<Timestamp>,
}

impl Counts {
    /// Frames that workers have settled.
    #[must_use]
    pub fn worked(&self) -> u64 {
        self.workers.iter().map(|it| it.worked).sum()
    }
}

impl AddAssign<&Self> for InputCounts {
    /// Adds what another source counted of the same input.
    fn add_assign(&mut self, other: &Self) {
        self.state += &other.state;
        self.frames += other.frames;
        self.octets += other.octets;
        self.triaged += other.triaged;
        self.worked += other.worked;
        self.dropped += other.dropped;
        self.truncated += other.truncated;
        self.repeated += other.repeated;
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = self.last.max(other.last);
    }
}

impl AddAssign<&Self> for InputState {
    /// Each source has a ring of its own. What the driver lost and the prefilter cut off, all of them
    /// are told.
    fn add_assign(&mut self, other: &Self) {
        self.link = self.link.or(other.link);
        if self.down.is_none() {
            self.down.clone_from(&other.down);
        }
        self.lost_by_driver = self.lost_by_driver.max(other.lost_by_driver);
        self.lost_by_ring += other.lost_by_ring;
        self.rings = self.rings.or(other.rings);
        if self.card.is_none() {
            self.card.clone_from(&other.card);
        }
        self.cut_off = self.cut_off.max(other.cut_off);
    }
}

/// Sizes of a pipeline.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sizes {
    /// Worker threads, from one to [`MAX_WORKERS`](crate::intake::MAX_WORKERS).
    pub workers: usize,
    /// Flows that all tables together may hold: from 128 octets of memory for each, of which only
    /// headers were seen, to 250.
    pub flows: usize,
    /// Octets of memory for messages in the making, of all flows together.
    pub unfinished_octets: usize,
    /// Triage has `1 << triage_bits` slots of 64 octets.
    pub triage_bits: u32,
    /// Batches that may wait for one worker.
    pub queue_batches: usize,
    /// Time between two canary exchanges of a source that never waits; `None` for no canary.
    pub canary_every: Option<Duration>,
}

impl Sizes {
    /// The bounds of one of that many workers.
    pub(crate) fn bounds(&self, workers: usize) -> Bounds {
        Bounds {
            flows: self.flows / workers,
            unfinished_octets: self.unfinished_octets / workers,
        }
    }
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            workers: 1,
            flows: 1_000_000,
            unfinished_octets: 64 << 20,
            triage_bits: 16,
            queue_batches: 32,
            canary_every: Some(Duration::from_secs(3)),
        }
    }
}

/// Most inputs of all sources.
pub const MAX_INPUTS: usize = 8;

/// Most sources that are read at once, in a thread each.
pub const MAX_CAPTURES: usize = 16;
