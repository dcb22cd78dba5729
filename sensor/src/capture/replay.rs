//! Reads capture files.
//!
//! In come pcap and pcapng files, plain or compressed with gzip or zstd, by path or on standard
//! input; what they are is told by their first octets. Out come runs of frames: of one file in the
//! order in which they stand, of several files merged by time.
//!
//! A damaged file is read up to the damage, and the damage is told. No length in a file is trusted:
//! a reader holds one buffer, and what does not fit a buffer is damage.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::frame::Run;
use crate::time::Timestamp;

pub use format::Fault;
use input::STANDARD_INPUT;
use source::Source;

mod format;
mod input;
mod pcap;
mod pcapng;
mod source;

/// The frames of one or several capture files.
pub struct Replay {
    inputs: Vec<Part>,
    /// First frame of each input that has one: its time and the number of the input. Only for
    /// several inputs.
    heads: BinaryHeap<Reverse<(Timestamp, usize)>>,
    damages: Vec<Damage>,
    /// Octets stored in the inputs that are done.
    done: u64,
    total: Option<u64>,
    ended: bool,
}

/// What an input had to give.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Given {
    /// Frames.
    Frames,
    /// Nothing, so far.
    Silence,
    /// Nothing, and it will stay so.
    End,
}

/// Whether standard input is the one input and nothing comes on it within that time: to open it
/// would be to wait for its first octets.
#[must_use]
pub fn is_silent(inputs: &[PathBuf], patience: Duration) -> bool {
    match inputs {
        [one] if one.as_os_str() == STANDARD_INPUT => {
            input::is_silent(io::stdin().as_fd(), patience)
        }
        _ => false,
    }
}

impl Replay {
    /// Opens the inputs; `-` stands for standard input.
    ///
    /// All inputs are looked at before the first frame is given. Of several inputs only those are
    /// kept open whose time has come, so that a day of short files needs few descriptors.
    ///
    /// # Errors
    ///
    /// [`ReplayError`] for the first input that cannot be opened or is not a capture file.
    pub fn open(inputs: &[PathBuf]) -> Result<Self, ReplayError> {
        let mut replay = Self {
            inputs: Vec::with_capacity(inputs.len()),
            heads: BinaryHeap::new(),
            damages: Vec::new(),
            done: 0,
            total: Some(0),
            ended: false,
        };
        if let [path] = inputs {
            let source = Source::open(path, LONE_CHUNK)?;
            replay.total = source.stored_len();
            replay.inputs.push(Part::lone(source));
            return Ok(replay);
        }
        for (number, path) in inputs.iter().enumerate() {
            let mut part = Part::lone(Source::open(path, MERGED_CHUNK)?);
            let stored_len = part.source.as_ref().and_then(Source::stored_len);
            replay.total = replay
                .total
                .zip(stored_len)
                .map(|(sum, it)| sum.saturating_add(it));
            if let Some(at) = part.head() {
                replay.heads.push(Reverse((at, number)));
                // A file can be opened again when its time has come, standard input cannot.
                if stored_len.is_some() {
                    part = Part {
                        path: Some(path.clone()),
                        ..Part::default()
                    };
                }
            }
            replay.inputs.push(part);
            if replay
                .inputs
                .last()
                .is_some_and(|it| it.path.is_none() && it.run.is_empty())
            {
                replay.close(number);
            }
        }
        Ok(replay)
    }

    /// Replaces the frames of `run` by the next ones; `false` when there are no more.
    ///
    /// Of one input the run has as many frames as one read brought, at most [`LONE_CHUNK`] octets;
    /// they lie where they were read. Of several inputs it has at most [`MERGED_FRAMES`] frames; of
    /// frames with the same time those of the earlier argument come first. Any run will do, the one
    /// of the call before or another; its buffer is overwritten.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Damaged`] once, after the last frame, if there is one input and it is
    /// damaged. Of several inputs the others are read to their end; see [`Replay::damages`].
    pub fn next_run(&mut self, run: &mut Run) -> Result<bool, ReplayError> {
        let given = self.next_run_within(run, None)?;
        Ok(given == Given::Frames)
    }

    /// As [`Replay::next_run`], but gives [`Given::Silence`] if nothing comes for that time on the one
    /// input, as on a pipe whose writer pauses. Files are never silent; of several inputs it is not
    /// looked at.
    ///
    /// # Errors
    ///
    /// Those of [`Replay::next_run`].
    pub fn next_run_within(
        &mut self,
        run: &mut Run,
        patience: Option<Duration>,
    ) -> Result<Given, ReplayError> {
        if self.inputs.len() > 1 {
            return Ok(if self.merge(run) {
                Given::Frames
            } else {
                Given::End
            });
        }
        run.clear();
        if self.ended {
            return Ok(Given::End);
        }
        let source = self.inputs.first_mut().and_then(|it| it.source.as_mut());
        match source.map_or(Given::End, |it| it.fill_within(run, patience)) {
            Given::End => {}
            given => return Ok(given),
        }
        self.ended = true;
        self.close(0);
        match self.damages.first() {
            Some(damage) => Err(ReplayError::Damaged(damage.clone())),
            None => Ok(Given::End),
        }
    }

    /// The inputs that ended before their time, in the order in which that was found.
    #[must_use]
    pub fn damages(&self) -> &[Damage] {
        &self.damages
    }

    /// How far the inputs have been read.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let open = self
            .inputs
            .iter()
            .filter_map(|it| it.source.as_ref())
            .map(Source::taken);
        Progress {
            read: open.fold(self.done, u64::saturating_add),
            total: self.total,
        }
    }

    fn merge(&mut self, run: &mut Run) -> bool {
        run.clear();
        run.bytes.clear();
        while run.len() < MERGED_FRAMES
            && let Some(Reverse((_, number))) = self.heads.pop()
        {
            let rival = self.heads.peek().map(|it| it.0);
            let Some(part) = self.inputs.get_mut(number) else {
                continue;
            };
            let head = loop {
                match part.head() {
                    Some(at) if run.len() >= MERGED_FRAMES => break Some(at),
                    Some(at) if rival.is_some_and(|it| it < (at, number)) => break Some(at),
                    Some(_) => part.take(run),
                    None => break None,
                }
            };
            match head {
                Some(at) => self.heads.push(Reverse((at, number))),
                None => self.close(number),
            }
        }
        !run.is_empty()
    }

    /// Lets go of an input that has no more frames.
    fn close(&mut self, number: usize) {
        let Some(part) = self.inputs.get_mut(number).map(std::mem::take) else {
            return;
        };
        if let Some(source) = part.source {
            self.done = self.done.saturating_add(source.taken());
            self.damages.extend(source.damage());
        }
        self.damages.extend(part.lost);
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay")
            .field("inputs", &self.inputs.len())
            .field("damages", &self.damages)
            .finish_non_exhaustive()
    }
}

/// One input.
#[derive(Default)]
struct Part {
    /// Where to open it when its time has come.
    path: Option<PathBuf>,
    source: Option<Source>,
    run: Run,
    /// Number of the next frame in the run.
    next: usize,
    /// Why it could not be opened again.
    lost: Option<Damage>,
}

impl Part {
    fn lone(source: Source) -> Self {
        Self {
            source: Some(source),
            ..Self::default()
        }
    }

    /// Time of the next frame.
    fn head(&mut self) -> Option<Timestamp> {
        if let Some(path) = self.path.take() {
            match Source::open(&path, MERGED_CHUNK) {
                Ok(source) => self.source = Some(source),
                Err(error) => self.lost = Some(Damage::lost(path, &error)),
            }
        }
        loop {
            if let Some(frame) = self.run.frame(self.next) {
                return Some(frame.at);
            }
            self.next = 0;
            if !self.source.as_mut()?.fill(&mut self.run) {
                return None;
            }
        }
    }

    /// Moves the next frame to the end of `run`.
    fn take(&mut self, run: &mut Run) {
        if let Some(frame) = self.run.frame(self.next) {
            run.push_copy(frame);
            self.next = self.next.saturating_add(1);
        }
    }
}

/// How far the inputs have been read, in octets as stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Progress {
    /// Octets read so far.
    pub read: u64,
    /// Octets in all; `None` if an input is not a regular file.
    pub total: Option<u64>,
}

/// Where and why an input could not be read to its end.
///
/// The text is one line: `dump.pcap: cut short at octet 4711; 12 frames before it were used`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Damage {
    /// The input; `-` is standard input.
    pub path: PathBuf,
    /// What is wrong, and where.
    pub kind: DamageKind,
    /// Frames before it; all of them were given.
    pub frames: u64,
    /// Whether the input is compressed. Offsets are those of the uncompressed octets.
    pub compressed: bool,
}

impl Damage {
    fn lost(path: PathBuf, error: &ReplayError) -> Self {
        let reason = match error {
            ReplayError::Open { source, .. } | ReplayError::Read { source, .. } => {
                source.to_string()
            }
            other => other.to_string(),
        };
        let kind = DamageKind::Unreadable { offset: 0, reason };
        Self {
            path,
            kind,
            frames: 0,
            compressed: false,
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", shown(&self.path))?;
        let offset = match &self.kind {
            DamageKind::CutShort { offset } => {
                f.write_str("cut short")?;
                offset
            }
            DamageKind::Broken { offset, fault } => {
                write!(f, "damaged ({fault})")?;
                offset
            }
            DamageKind::Unreadable { offset, reason } => {
                write!(f, "cannot be read ({reason})")?;
                offset
            }
        };
        let of = if self.compressed {
            " of the uncompressed data"
        } else {
            ""
        };
        let (frames, were) = match self.frames {
            1 => ("frame", "was"),
            _ => ("frames", "were"),
        };
        write!(
            f,
            " at octet {offset}{of}; {} {frames} before it {were} used",
            self.frames
        )
    }
}

/// What is wrong with an input.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DamageKind {
    /// It ends inside a record.
    CutShort {
        /// Octets that there are.
        offset: u64,
    },
    /// A record that cannot be.
    Broken {
        /// Where the record begins.
        offset: u64,
        /// What is wrong with it.
        fault: Fault,
    },
    /// The octets cannot be read or decompressed.
    Unreadable {
        /// Octets that could.
        offset: u64,
        /// What the system or the decompressor says.
        reason: String,
    },
}

/// Why capture files cannot be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// It cannot be opened.
    #[error("cannot open {}", shown(path))]
    Open {
        /// The input.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Its first octets cannot be read.
    #[error("cannot read {}", shown(path))]
    Read {
        /// The input.
        path: PathBuf,
        /// What the system or the decompressor says.
        source: io::Error,
    },
    /// It is a directory.
    #[error("{} is a directory, not a capture file", shown(path))]
    Directory {
        /// The input.
        path: PathBuf,
    },
    /// There is nothing in it.
    #[error("{} is empty, not a capture file", shown(path))]
    Empty {
        /// The input.
        path: PathBuf,
    },
    /// It begins like no capture file.
    #[error("{} is neither a pcap nor a pcapng file", shown(path))]
    NotCapture {
        /// The input.
        path: PathBuf,
    },
    /// It ended before its time; all frames before the damage were given.
    #[error("{0}")]
    Damaged(Damage),
}

fn shown(path: &Path) -> impl fmt::Display {
    let stdin = path.as_os_str() == STANDARD_INPUT;
    if stdin {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

/// Octets read at a time from a lone input.
pub const LONE_CHUNK: usize = 512 << 10;
/// Octets read at a time from each of several inputs.
const MERGED_CHUNK: usize = 64 << 10;
/// Most frames in a run of merged inputs.
pub const MERGED_FRAMES: usize = 256;

#[cfg(test)]
mod tests;
