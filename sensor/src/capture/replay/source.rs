//! One capture file as runs of frames.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::format::{Fault, Format, Step};
use super::input::Input;
use super::pcapng::MAX_HELD;
use super::{Damage, DamageKind, Given, ReplayError};
use crate::frame::Run;

/// A capture file that is being read.
pub(super) struct Source {
    path: PathBuf,
    input: Input,
    format: Format,
    /// Octets read and not used: the beginning of a record.
    carry: Vec<u8>,
    /// Octets to pass over before the next record.
    skip: usize,
    /// Octets read, after decompression.
    read: u64,
    frames: u64,
    chunk: usize,
    state: State,
}

#[derive(Debug, Eq, PartialEq)]
enum State {
    Reading,
    Ended,
    Damaged(DamageKind),
}

impl Source {
    /// Opens a file that is read `chunk` octets at a time.
    pub(super) fn open(path: &Path, chunk: usize) -> Result<Self, ReplayError> {
        let mut input = Input::open(path)?;
        let mut carry = Vec::with_capacity(4);
        while carry.len() < 4 {
            let mut octets = [0; 4];
            let wanted = octets.get_mut(carry.len()..).unwrap_or_default();
            match input.read(wanted, None) {
                Ok(0) => break,
                Ok(read) => carry.extend(wanted.iter().take(read)),
                Err(source) => {
                    return Err(ReplayError::Read {
                        path: path.to_owned(),
                        source,
                    });
                }
            }
        }
        let format = match carry.first_chunk() {
            Some(magic) => Format::recognise(*magic),
            None if carry.is_empty() => {
                return Err(ReplayError::Empty {
                    path: path.to_owned(),
                });
            }
            None => None,
        };
        let Some(format) = format else {
            return Err(ReplayError::NotCapture {
                path: path.to_owned(),
            });
        };
        Ok(Self {
            path: path.to_owned(),
            input,
            format,
            read: octets(carry.len()),
            carry,
            skip: 0,
            frames: 0,
            chunk,
            state: State::Reading,
        })
    }

    /// Replaces the frames of `run` by the next ones; `false` when there are no more.
    pub(super) fn fill(&mut self, run: &mut Run) -> bool {
        self.fill_within(run, None) == Given::Frames
    }

    /// Replaces the frames of `run` by the next ones, or by none if nothing comes for that time.
    ///
    /// The octets are read into the buffer of the run, and the frames lie where they were read.
    pub(super) fn fill_within(&mut self, run: &mut Run, patience: Option<Duration>) -> Given {
        run.clear();
        if self.state != State::Reading {
            return Given::End;
        }
        let mut filled = self.carry.len();
        if run.bytes.len() < self.chunk.max(filled) {
            run.bytes.resize(self.chunk.max(filled), 0);
        }
        if let Some(front) = run.bytes.get_mut(..filled) {
            front.copy_from_slice(&self.carry);
        }
        let mut at = 0;
        loop {
            let stop = self.records(run, &mut at, filled);
            let rest = at..filled;
            if let Stop::Broken(fault) = stop {
                let offset = self.read.saturating_sub(octets(rest.len()));
                self.state = State::Damaged(DamageKind::Broken { offset, fault });
                break;
            }
            if !run.is_empty() {
                self.carry.clear();
                self.carry
                    .extend_from_slice(run.bytes.get(rest).unwrap_or_default());
                break;
            }
            filled = rest.len();
            run.bytes.copy_within(rest, 0);
            if let Stop::Short(needed) = stop
                && run.bytes.len() < needed
            {
                run.bytes.resize(needed.min(MAX_HELD), 0);
            }
            let Some(room) = run.bytes.get_mut(filled..) else {
                break;
            };
            match self.input.read(room, patience) {
                Ok(0) if filled == 0 && self.skip == 0 => self.state = State::Ended,
                Ok(0) => self.state = State::Damaged(DamageKind::CutShort { offset: self.read }),
                Ok(read) => {
                    self.read = self.read.saturating_add(octets(read));
                    filled = filled.saturating_add(read);
                    // Only when the buffer was empty is there something to pass over.
                    at = self.skip.min(filled);
                    self.skip = self.skip.saturating_sub(at);
                    continue;
                }
                Err(error) if patience.is_some() && error.kind() == ErrorKind::WouldBlock => {
                    let begun = run.bytes.get(..filled).unwrap_or_default();
                    self.carry.clear();
                    self.carry.extend_from_slice(begun);
                    return Given::Silence;
                }
                Err(error) => {
                    let offset = self.read;
                    let compressed = self.input.is_compressed();
                    self.state = State::Damaged(match error.kind() {
                        ErrorKind::UnexpectedEof if compressed => DamageKind::CutShort { offset },
                        _ => DamageKind::Unreadable {
                            offset,
                            reason: error.to_string(),
                        },
                    });
                }
            }
            break;
        }
        self.frames = self.frames.saturating_add(octets(run.len()));
        if run.is_empty() {
            Given::End
        } else {
            Given::Frames
        }
    }

    /// Adds the frames of all whole records from `at` to `filled` and moves `at` behind them.
    fn records(&mut self, run: &mut Run, at: &mut usize, filled: usize) -> Stop {
        loop {
            if *at > filled {
                self.skip = at.saturating_sub(filled);
                *at = filled;
            }
            if self.skip > 0 {
                return Stop::Short(1);
            }
            let octets = run.bytes.get(*at..filled).unwrap_or_default();
            match self.format.step(octets) {
                Step::Frame(record) => {
                    let start = at.saturating_add(record.start);
                    run.push(record.at, record.link, record.wire_len, start, record.len);
                    *at = at.saturating_add(record.size);
                }
                Step::Skip(size) => *at = at.saturating_add(size),
                Step::Short(needed) => return Stop::Short(needed),
                Step::Broken(fault) => return Stop::Broken(fault),
            }
        }
    }

    /// What ended the file before its time; only after [`Source::fill`] gave `false`.
    pub(super) fn damage(&self) -> Option<Damage> {
        let State::Damaged(kind) = &self.state else {
            return None;
        };
        Some(Damage {
            path: self.path.clone(),
            kind: kind.clone(),
            frames: self.frames,
            compressed: self.input.is_compressed(),
        })
    }

    /// Octets taken from the file so far, as stored.
    pub(super) fn taken(&self) -> u64 {
        self.input.taken()
    }

    /// Size as stored, if it is known.
    pub(super) fn stored_len(&self) -> Option<u64> {
        self.input.stored_len
    }
}

/// Why there is no further record.
enum Stop {
    /// So many octets are needed for the next one.
    Short(usize),
    Broken(Fault),
}

fn octets(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
