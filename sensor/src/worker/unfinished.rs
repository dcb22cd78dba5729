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
    /// flow once. Flows that have ended or hold nothing any more are skipped on the way out.
    queues: [VecDeque<(u32, u64)>; 2],
}

impl Unfinished {
    /// Nothing, of at most `limit` octets.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            octets: 0,
            limit,
            queues: [VecDeque::new(), VecDeque::new()],
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
        let queue = &mut self.queues[usize::from(is_answered)];
        if queue.len() == queue.capacity() {
            tidy(queue, flows);
        }
        queue.push_back(entry);
    }

    /// Takes note that a flow is not in the table any more.
    pub(super) fn forget(&mut self, flow: &Flow) {
        if let Some(details) = flow.details() {
            self.octets -= details.held as usize;
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
}

/// Takes out the flows that have ended or hold nothing, before a full queue grows; it grows all the
/// same if these are few, so that it is not looked through again at once.
fn tidy(queue: &mut VecDeque<(u32, u64)>, flows: &mut FlowTable) {
    queue.retain(|(place, number)| {
        let flow = flows.flow_mut(*place);
        if flow.opened_by != *number {
            return false;
        }
        let details = flow.details_mut();
        details.is_queued = details.held > 0;
        details.is_queued
    });
    let room = queue.capacity();
    if queue.len() > room - room / 4 {
        queue.reserve(room);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::stream::Stream;
    use crate::flow::table::Class;
    use crate::flow::{FlowKey, Side};
    use crate::host::Address;
    use crate::names::{Endpoint, Transport};
    use crate::time::Timestamp;

    /// Begins a message in a new flow; gives the place of the flow.
    fn begin(flows: &mut FlowTable, unfinished: &mut Unfinished, number: u32) -> u32 {
        let end = |address: u32, port| Endpoint {
            address: Address::from_v4(address.to_be_bytes()),
            port,
        };
        let (key, _) = FlowKey::of(Transport::Tcp, end(number, 1024), end(1, 443));
        let flow = Flow::new(key, Timestamp::default(), u64::from(number));
        let place = flows.insert(flow, key.hash(), Class::Opening, 0);
        let mut stream = Stream::new(Some(0));
        stream.insert(0, b"GET /");
        flows
            .flow_mut(place)
            .keep_stream(Side::Low, Box::new(stream));
        unfinished.account(flows, place);
        place
    }

    #[test]
    fn what_was_finished_or_has_ended_takes_no_room() {
        let mut flows = FlowTable::new(1 << 20);
        let mut unfinished = Unfinished::new(1 << 20);
        for number in 2..100_000 {
            let place = begin(&mut flows, &mut unfinished, number);
            if number % 2 == 0 {
                let flow = flows.remove(place);
                unfinished.forget(&flow);
            } else {
                flows.flow_mut(place).drop_messages();
                unfinished.account(&mut flows, place);
            }
        }
        assert_eq!(unfinished.octets(), 0);
        assert!(unfinished.queues[0].capacity() <= 16);
    }

    #[test]
    fn those_begun_first_are_given_up_first_and_each_once() {
        let mut flows = FlowTable::new(1 << 20);
        let mut unfinished = Unfinished::new(0);
        let begun: Vec<u32> = (2..1_000)
            .map(|it| begin(&mut flows, &mut unfinished, it))
            .collect();
        let mut given_up = Vec::new();
        while let Some(place) = unfinished.next_to_give_up(&mut flows) {
            flows.flow_mut(place).drop_messages();
            unfinished.account(&mut flows, place);
            given_up.push(place);
        }
        assert_eq!(given_up, begun);
        assert_eq!(unfinished.octets(), 0);
    }
}
