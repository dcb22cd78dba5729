//! The thread that asks the captures for frames and writes them down.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, never, select};

use super::folder::{Folder, NotKept};
use super::{Claim, Fate, Key, Record, Tallies};
use crate::capture::record::Section;
use crate::export::{PROGRAM, VERSION};
use crate::frame::Frame;
use crate::intake::{Recall, Remembered};
use crate::pipeline::memory::{Answer, Asker, MAX_QUESTIONS, Question};

/// The thread's desk.
pub(super) struct Clerk {
    folder: Folder,
    claims: Receiver<Claim>,
    /// For those that were missed.
    missed: Sender<Key>,
    captures: Vec<Capture>,
    answers: Receiver<Answer>,
    tallies: Arc<Tallies>,
    /// Claims that no capture was asked about yet.
    waiting: VecDeque<Claim>,
    /// Claims that captures are asked about, by the number of the question.
    asked: BTreeMap<u64, Asked>,
    /// Number of the question to come.
    number: u64,
    /// What is waiting or asked about.
    under_way: HashSet<Key>,
    is_failing: bool,
}

/// A capture: asked while it runs, looked into when it has ended.
enum Capture {
    Running(Sender<Question>),
    Ended(Recall),
}

/// A claim, and the frames that captures have given for it.
struct Asked {
    claim: Claim,
    frames: Vec<Remembered>,
    /// Answers that are to come.
    open: usize,
    since: Instant,
}

impl Clerk {
    pub(super) fn new(
        folder: Folder,
        (claims, missed): (Receiver<Claim>, Sender<Key>),
        asker: Asker,
        tallies: Arc<Tallies>,
    ) -> Self {
        tallies.octets.store(folder.octets(), Ordering::Relaxed);
        Self {
            folder,
            claims,
            missed,
            captures: asker.questions.into_iter().map(Capture::Running).collect(),
            answers: asker.answers,
            tallies,
            waiting: VecDeque::new(),
            asked: BTreeMap::new(),
            number: 0,
            under_way: HashSet::new(),
            is_failing: false,
        }
    }

    /// Works until nobody claims anything any more, and all that was claimed is done.
    pub(super) fn work(mut self) {
        let mut is_over = false;
        while !is_over || !self.waiting.is_empty() || !self.asked.is_empty() {
            let claims = if is_over || self.waiting.len() >= MAX_WAITING {
                never()
            } else {
                self.claims.clone()
            };
            select! {
                recv(claims) -> claim => match claim {
                    Ok(claim) => self.take(claim),
                    Err(_) => is_over = true,
                },
                recv(self.answers) -> answer => match answer {
                    Ok(answer) => self.hear(answer),
                    // All captures are gone, and have given away what they remember.
                    Err(_) => self.answers = never(),
                },
                default(TURN) => {}
            }
            self.ask();
            self.settle();
        }
    }

    fn take(&mut self, claim: Claim) {
        if !self.folder.has(&claim.record) && self.under_way.insert(claim.key) {
            self.waiting.push_back(claim);
        }
    }

    fn hear(&mut self, answer: Answer) {
        match answer {
            Answer::Frames { number, frames } => {
                if let Some(asked) = self.asked.get_mut(&number) {
                    asked.frames.extend(frames);
                    asked.open = asked.open.saturating_sub(1);
                }
            }
            Answer::End { capture, rest } => {
                // It may have left questions without an answer: frames that come twice are left out.
                for asked in self.asked.values_mut() {
                    asked.frames.extend(rest.of(&asked.claim.wanted));
                }
                if let Some(place) = self.captures.get_mut(capture) {
                    *place = Capture::Ended(rest);
                }
                let running = self.running();
                for asked in self.asked.values_mut() {
                    asked.open = asked.open.min(running);
                }
            }
        }
    }

    /// Asks the captures about what waits, as far as they can take it.
    fn ask(&mut self) {
        while self.asked.len() < MAX_QUESTIONS
            && let Some(claim) = self.waiting.pop_front()
        {
            let question = Question {
                number: self.number,
                wanted: claim.wanted,
            };
            self.number += 1;
            let mut asked = Asked {
                frames: Vec::new(),
                open: 0,
                since: Instant::now(),
                claim,
            };
            for capture in &self.captures {
                match capture {
                    Capture::Running(questions) => match questions.try_send(question) {
                        // That it has ended is about to be heard, with what it remembers.
                        Ok(()) | Err(TrySendError::Disconnected(_)) => asked.open += 1,
                        Err(TrySendError::Full(_)) => {}
                    },
                    Capture::Ended(rest) => asked.frames.extend(rest.of(&question.wanted)),
                }
            }
            self.asked.insert(question.number, asked);
        }
    }

    /// Writes down what all captures have answered, or had the time to.
    fn settle(&mut self) {
        let is_done = |it: &Asked| it.open == 0 || it.since.elapsed() >= PATIENCE;
        let done = self.asked.extract_if(.., |_, it| is_done(it));
        for (_, asked) in done.collect::<Vec<_>>() {
            let key = asked.claim.key;
            self.under_way.remove(&key);
            let fate = self.keep(asked);
            if fate == Fate::Missed {
                // What finds no room is missed for good.
                let _ = self.missed.try_send(key);
            }
            self.tallies.count(fate);
        }
        let octets = self.folder.octets();
        self.tallies.octets.store(octets, Ordering::Relaxed);
    }

    fn keep(&mut self, asked: Asked) -> Fate {
        let Asked {
            claim, mut frames, ..
        } = asked;
        if frames.is_empty() {
            return Fate::Missed;
        }
        frames.sort_by_key(|it| it.at);
        frames.dedup();
        let is_there = claim.is_there;
        let mut record = claim.record;
        record.frames = frames.len() as u64;
        let program = format!("{PROGRAM} {VERSION}");
        let mut section = Section::new(&program, &comment(&record));
        for frame in &frames {
            section.push(&Frame {
                at: frame.at,
                link: frame.link,
                wire_len: frame.wire_len,
                bytes: &frame.bytes,
            });
        }
        match self.folder.keep(record, is_there, &section.into_octets()) {
            Ok(()) => {
                self.is_failing = false;
                Fate::Kept
            }
            Err(NotKept::Full) => Fate::Refused,
            Err(error @ NotKept::Write { .. }) => {
                if !self.is_failing {
                    tracing::error!("evidence: {error}");
                }
                self.is_failing = true;
                Fate::Failed
            }
        }
    }

    fn running(&self) -> usize {
        let running = |it: &&Capture| matches!(it, Capture::Running(_));
        self.captures.iter().filter(running).count()
    }
}

/// What the frames of a record prove, for who opens the file.
fn comment(record: &Record) -> String {
    let Record {
        at,
        host,
        vendor,
        signature,
        source,
        ..
    } = record;
    let name = record.name.as_deref().unwrap_or("no name");
    format!("{host} at {at}: {source} {name}, signature {signature} of vendor {vendor}")
}

/// Claims that may wait for their turn here; others wait in the channel.
const MAX_WAITING: usize = 256;

/// How long an answer of a capture is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest time between two looks at what is due.
const TURN: Duration = Duration::from_millis(100);
