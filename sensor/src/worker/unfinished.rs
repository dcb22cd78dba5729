//! Memory of messages in the making, bounded over all flows of a worker.
//!
//! A bound on each message is not enough when a flood begins a million of them. When the sum is too
//! large, messages are given up until it is not: first those of flows whose other end has sent
//! nothing, for nobody goes on without an answer; then the others. Among their like, those begun
//! first go first: a hello that is to come whole does so in a moment.

use std::collections::VecDeque;

use crate::flow::Flow;
use crate::flow::table::FlowTable;

/// The flows with messages in the making, and how much memory these take.
#[derive(Debug)]
pub(super) struct Unfinished {
    octets: usize,
    limit: usize,
    /// Flows that may hold something, by whether they were answered, as place and number: each
    /// flow once. Flows that have ended are skipped on the way out.
    queues: [VecDeque<(u32, u64)>; 2],
    /// Entries of flows that have ended.
    ended: usize,
}

impl Unfinished {
    /// Nothing, of at most `limit` octets.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            octets: 0,
            limit,
            queues: [VecDeque::new(), VecDeque::new()],
            ended: 0,
        }
    }

    /// Takes note of what a flow holds after a packet.
    pub(super) fn account(&mut self, flows: &mut FlowTable, place: u32) {
        let flow = flows.flow_mut(place);
        if flow.details().is_none() {
            return;
        }
        let now = u32::try_from(flow.held_octets()).unwrap_or(u32::MAX);
        let entry = (place, flow.opened_by);
        let is_answered = flow.is_answered();
        let details = flow.details_mut();
        self.octets = self.octets + now as usize - details.held as usize;
        details.held = now;
        if now == 0 || details.is_queued {
            return;
        }
        details.is_queued = true;
        self.queues[usize::from(is_answered)].push_back(entry);
        if self.ended > SPARE && self.ended > self.len() / 2 {
            for queue in &mut self.queues {
                queue.retain(|(place, number)| flows.flow(*place).opened_by == *number);
            }
            self.ended = 0;
        }
    }

    /// Takes note that a flow is not in the table any more.
    pub(super) fn forget(&mut self, flow: &Flow) {
        if let Some(details) = flow.details() {
            self.octets -= details.held as usize;
            self.ended += usize::from(details.is_queued);
        }
    }

    /// The place of the flow whose messages are to be given up, if there are too many.
    pub(super) fn next_to_give_up(&mut self, flows: &mut FlowTable) -> Option<u32> {
        if self.octets <= self.limit {
            return None;
        }
        for queue in 0..self.queues.len() {
            while let Some((place, number)) = self.queues[queue].pop_front() {
                let flow = flows.flow_mut(place);
                if flow.opened_by != number {
                    self.ended = self.ended.saturating_sub(1);
                    continue;
                }
                if queue == 0 && flow.is_answered() {
                    self.queues[1].push_back((place, number));
                    continue;
                }
                let details = flow.details_mut();
                details.is_queued = false;
                if details.held > 0 {
                    return Some(place);
                }
            }
        }
        None
    }

    /// Octets of memory that messages in the making take.
    pub(super) const fn octets(&self) -> usize {
        self.octets
    }

    fn len(&self) -> usize {
        self.queues.iter().map(VecDeque::len).sum()
    }
}

/// Entries of ended flows that are not worth the work of looking for them.
const SPARE: usize = 1024;
