//! Unfinished QUIC hellos by connection id.
//!
//! A device on the way may give a client another port between two Initials of one hello. To the
//! sensor that is another flow, but the connection id is the same, or the one that the server
//! chose, and the keys are. So where a client's Initial comes on a flow that has no pieces of a
//! hello, it is looked whether it goes on with the unfinished hello of another flow between the
//! same client's address and the same server; then the pieces move to the flow on which it came.
//! That is certain, as the Initial opens with the keys of that hello and does not contradict what
//! is kept of it.
//!
//! There are two entries for an unfinished hello at the most, and their memory counts as that of
//! the hello: so the bound on messages in the making is theirs too, and they go with the pieces.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::Worker;
use crate::flow::table::FlowTable;
use crate::flow::{Flow, Side};
use crate::host::Address;
use crate::names::Endpoint;
use crate::names::quic;

/// The flows with unfinished hellos, by the hash of client, server and connection id.
///
/// Entries of hellos that are finished or gone stay until there is no room; what they lead to is
/// looked at before it is used.
#[derive(Debug, Default)]
pub(super) struct Ids {
    entries: HashTable<Entry>,
    hasher: RandomState,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u64,
    place: u32,
}

impl Ids {
    /// Takes note of where the unfinished hello of a flow is, if it has one.
    fn note(&mut self, flows: &FlowTable, place: u32) {
        let hashes: [Option<u64>; 2] = {
            let mut hashes = self.hashes_of(flows.flow(place));
            [hashes.next(), hashes.next()]
        };
        for hash in hashes.into_iter().flatten() {
            if let Some(entry) = self.entries.find_mut(hash, |it| it.hash == hash) {
                entry.place = place;
                continue;
            }
            if self.entries.len() == self.entries.capacity() {
                self.tidy(flows);
            }
            let entry = Entry { hash, place };
            self.entries.insert_unique(hash, entry, |it| it.hash);
        }
    }

    /// The place of the flow with the unfinished hello that has that connection id.
    fn find(&self, flows: &FlowTable, ends: (Address, Endpoint), id: &[u8]) -> Option<u32> {
        if self.entries.is_empty() {
            return None;
        }
        let hash = self.hasher.hash_one((ends, id));
        let entry = self.entries.find(hash, |it| it.hash == hash)?;
        self.is_right(flows, entry).then_some(entry.place)
    }

    /// Takes out what leads nowhere, before a full table grows; it grows all the same if that is
    /// little, so that it is not looked through again at once.
    fn tidy(&mut self, flows: &FlowTable) {
        let mut entries = std::mem::take(&mut self.entries);
        entries.retain(|it| self.is_right(flows, it));
        let room = entries.capacity();
        if entries.len() > room - room / 4 {
            entries.reserve(room, |it| it.hash);
        }
        self.entries = entries;
    }

    fn is_right(&self, flows: &FlowTable, entry: &Entry) -> bool {
        let mut hashes = self.hashes_of(flows.flow(entry.place));
        hashes.any(|it| it == entry.hash)
    }

    fn hashes_of(&self, flow: &Flow) -> impl Iterator<Item = u64> {
        let (client, server) = flow.ends();
        let ids = flow.details().into_iter().flat_map(|it| it.initials.ids());
        ids.map(move |id| self.hasher.hash_one(((client.address, server), id)))
    }
}

impl Worker {
    /// Brings what is kept of a hello to the flow on which a datagram goes on with it; `side` is
    /// that of the sender.
    pub(super) fn gather(&mut self, place: u32, side: Side, datagram: &[u8]) {
        let flow = self.flows.flow(place);
        if has_hello(flow) {
            return;
        }
        let ends = (flow.key.end(side).address, flow.key.end(side.other()));
        let found =
            quic::connection_ids(datagram).and_then(|[id, _]| self.ids.find(&self.flows, ends, id));
        let Some(before) = found else { return };
        let initials = &mut self.flows.flow_mut(before).details_mut().initials;
        if !initials.is_continued_by(datagram, &mut self.desk.octets) {
            return;
        }
        let initials = std::mem::take(initials);
        self.unfinished.account(&mut self.flows, before);
        self.flows.flow_mut(place).details_mut().initials = initials;
    }

    /// Takes note of the connection ids of a flow's unfinished hello, after a datagram of that
    /// side.
    pub(super) fn note_ids(&mut self, place: u32, side: Side, datagram: &[u8]) {
        let flow = self.flows.flow_mut(place);
        if !has_hello(flow) {
            return;
        }
        if flow.client == Some(side.other()) {
            flow.details_mut().initials.hear(datagram);
        }
        self.ids.note(&self.flows, place);
    }
}

fn has_hello(flow: &Flow) -> bool {
    flow.details().is_some_and(|it| !it.initials.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::FlowKey;
    use crate::flow::table::Class;
    use crate::names::Transport;
    use crate::names::quic::builder::{Plain, crypto};
    use crate::names::quic::{Initials, Outcome};
    use crate::time::Timestamp;

    fn end(last: u8, port: u16) -> Endpoint {
        Endpoint {
            address: Address::from_v4([10, 0, 0, last]),
            port,
        }
    }

    fn server() -> Endpoint {
        end(200, 443)
    }

    /// The beginning of a hello to that connection id.
    fn begun(id: &[u8]) -> Initials {
        let mut initials = Initials::default();
        let datagram = Plain::client(id, &crypto(700, b"of a hello")).seal();
        let outcome = initials.push(&datagram, &mut Vec::new());
        assert_eq!(outcome, Outcome::Incomplete);
        initials
    }

    /// Begins a hello in a new flow; gives the place of the flow.
    fn begin(flows: &mut FlowTable, client: Endpoint, initials: Initials) -> u32 {
        let (key, side) = FlowKey::of(Transport::Udp, client, server());
        let mut flow = Flow::new(key, Timestamp::default(), 1);
        flow.client = Some(side);
        flow.details_mut().initials = initials;
        flows.insert(flow, key.hash(), Class::Datagrams, 0)
    }

    #[test]
    fn a_hello_is_found_by_client_server_and_id_while_it_is_unfinished() {
        let mut flows = FlowTable::new(10);
        let mut ids = Ids::default();
        let place = begin(&mut flows, end(1, 1025), begun(b"chosen by 1"));
        ids.note(&flows, place);
        let find = |ids: &Ids, flows: &FlowTable, client, server, id: &[u8]| {
            ids.find(flows, (end(client, 0).address, server), id)
        };
        assert_eq!(find(&ids, &flows, 1, server(), b"chosen by 1"), Some(place));
        for (client, server, id) in [
            (2, server(), &b"chosen by 1"[..]),
            (1, end(200, 4433), b"chosen by 1"),
            (1, end(201, 443), b"chosen by 1"),
            (1, server(), b"chosen by 2"),
            (1, server(), b""),
        ] {
            assert_eq!(find(&ids, &flows, client, server, id), None);
        }
        flows.flow_mut(place).drop_messages();
        assert_eq!(find(&ids, &flows, 1, server(), b"chosen by 1"), None);
    }

    #[test]
    fn what_leads_nowhere_takes_no_room() {
        let mut flows = FlowTable::new(10);
        let mut ids = Ids::default();
        let stays = begin(&mut flows, end(1, 1025), begun(b"it stays"));
        ids.note(&flows, stays);
        for number in 0..1000_u32 {
            let id = [&b"number "[..], &number.to_be_bytes()].concat();
            let place = begin(&mut flows, end(2, 1025), begun(&id));
            ids.note(&flows, place);
            flows.remove(place);
        }
        assert!(ids.entries.capacity() < 16, "{}", ids.entries.capacity());
        let ends = (end(1, 0).address, server());
        assert_eq!(ids.find(&flows, ends, b"it stays"), Some(stays));
    }

    #[test]
    fn room_is_made_for_all_that_are_unfinished() {
        let mut flows = FlowTable::new(2000);
        let mut ids = Ids::default();
        let id = |number: u16| [&b"number "[..], &number.to_be_bytes()].concat();
        let places: Vec<u32> = (0..1000)
            .map(|number| {
                let place = begin(&mut flows, end(1, 1025 + number), begun(&id(number)));
                ids.note(&flows, place);
                ids.note(&flows, place);
                place
            })
            .collect();
        let ends = (end(1, 0).address, server());
        for (number, place) in (0..).zip(places) {
            assert_eq!(ids.find(&flows, ends, &id(number)), Some(place));
        }
        assert_eq!(ids.entries.len(), 1000);
    }
}
