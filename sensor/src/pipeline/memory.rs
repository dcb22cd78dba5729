//! How frames that have gone by are asked back from the captures.
//!
//! A capture never waits: it looks for questions between runs of frames, and answers for a millisecond
//! at most.
//! When it ends it gives away what it remembers, so that the newest names can still be asked after.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::intake::{Intake, Recall, Remembered, Wanted};

/// What a source gives its capture to remember frames by; see [`memories`].
#[derive(Debug)]
pub struct Memory {
    number: usize,
    octets: usize,
    questions: Receiver<Question>,
    answers: Sender<Answer>,
}

/// A question to a capture.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// By which the answer is known.
    pub number: u64,
    /// What is wanted.
    pub wanted: Wanted,
}

/// What a capture says.
#[derive(Debug)]
pub enum Answer {
    /// What it remembers, which may be nothing.
    Frames {
        /// That of the question.
        number: u64,
        /// The frames, in the order in which they came.
        frames: Vec<Remembered>,
    },
    /// It has ended.
    End {
        /// Its number.
        capture: usize,
        /// All that it remembers.
        rest: Recall,
    },
}

/// The other side of the memories of some captures.
#[derive(Debug)]
pub struct Asker {
    /// For questions to each capture.
    pub questions: Vec<Sender<Question>>,
    /// What they say.
    pub answers: Receiver<Answer>,
}

/// Memories for that many captures, each a ring of that many octets.
#[must_use]
pub fn memories(captures: usize, octets: usize) -> (Vec<Memory>, Asker) {
    // There are no more answers than questions, and an end for each capture.
    let (to_asker, answers) = unbounded();
    let (memories, questions) = (0..captures)
        .map(|number| {
            let (question, questions) = bounded(MAX_QUESTIONS);
            let memory = Memory {
                number,
                octets,
                questions,
                answers: to_asker.clone(),
            };
            (memory, question)
        })
        .unzip();
    (memories, Asker { questions, answers })
}

impl Memory {
    /// Has the capture side remember frames.
    pub(super) fn begin(&self, intake: &mut Intake) {
        intake.remember(self.octets);
    }

    /// Answers questions that wait, as many as there is time for.
    pub(super) fn answer(&self, intake: &Intake) {
        let Some(recall) = intake.recall() else {
            return;
        };
        if self.questions.is_empty() {
            return;
        }
        let end = Instant::now() + AT_ONCE;
        for question in self.questions.try_iter() {
            // Without an asker nobody wants to know.
            let _ = self.answers.send(Answer::Frames {
                number: question.number,
                frames: recall.of(&question.wanted),
            });
            if Instant::now() >= end {
                break;
            }
        }
    }

    /// Gives away all that is remembered. Questions that still wait go with it: who asked has the frames
    /// now.
    pub(super) fn end(&self, intake: &mut Intake) {
        if let Some(rest) = intake.take_recall() {
            let capture = self.number;
            let _ = self.answers.send(Answer::End { capture, rest });
        }
    }
}

/// Questions that may wait for a capture.
pub const MAX_QUESTIONS: usize = 64;

/// How long questions are answered between two runs of frames, but for the last answer: each is a look at
/// all entries of the ring, which takes well under a millisecond.
const AT_ONCE: Duration = Duration::from_millis(1);
