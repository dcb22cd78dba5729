//! A flow as the schedule sees it: frames made beforehand, then bulk made as it goes.

use std::collections::VecDeque;

use super::bulk::{Bulk, Pool};
use super::rng::Rng;
use super::truth::Expected;

/// A frame made beforehand.
#[derive(Debug)]
pub(crate) struct Step {
    /// Time since the flow's previous frame, in nanoseconds.
    pub(crate) gap: u64,
    /// The frame.
    pub(crate) frame: Vec<u8>,
    /// Names that are complete on the wire once the frame is.
    pub(crate) expected: Vec<Expected>,
}

/// A flow that has frames left to send.
///
/// Holds its handshake as frames and its bulk as a description, so that thousands of flows, each
/// with megabytes to come, fit in a few tens of megabytes.
#[derive(Debug)]
pub(crate) struct Flow {
    steps: VecDeque<Step>,
    bulk: Option<Bulk>,
}

impl Step {
    /// A frame that completes no name.
    pub(crate) const fn new(gap: u64, frame: Vec<u8>) -> Self {
        Self {
            gap,
            frame,
            expected: Vec::new(),
        }
    }
}

impl Flow {
    /// A flow of these frames, and of bulk after them.
    pub(crate) fn new(steps: Vec<Step>, bulk: Option<Bulk>) -> Self {
        Self {
            steps: steps.into(),
            bulk,
        }
    }

    /// Puts the frames of a flow without bulk before those of this one.
    pub(crate) fn after(mut self, before: Self) -> Self {
        for step in before.steps.into_iter().rev() {
            self.steps.push_front(step);
        }
        self
    }

    /// Puts the next frame into `frame` and returns the names that it completes. An empty `frame`
    /// means that the flow has ended.
    pub(crate) fn send(
        &mut self,
        pool: &Pool,
        rng: &mut Rng,
        frame: &mut Vec<u8>,
    ) -> Vec<Expected> {
        frame.clear();
        if let Some(step) = self.steps.pop_front() {
            *frame = step.frame;
            return step.expected;
        }
        if let Some(bulk) = &mut self.bulk {
            bulk.send(pool, rng, frame);
            if bulk.is_done() {
                self.steps.extend(bulk.closing(rng));
                self.bulk = None;
            }
        }
        Vec::new()
    }

    /// Time until the next frame in nanoseconds; `None` if there is none.
    pub(crate) fn next_gap(&self, rng: &mut Rng) -> Option<u64> {
        match (self.steps.front(), &self.bulk) {
            (Some(step), _) => Some(step.gap),
            (None, Some(bulk)) => Some(rng.below(2 * bulk.gap())),
            (None, None) => None,
        }
    }

    /// Whether a frame that completes a name is still to come.
    pub(crate) fn owes_names(&self) -> bool {
        self.steps.iter().any(|it| !it.expected.is_empty())
    }
}
