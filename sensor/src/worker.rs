//! A worker: packets of its flows in, notices out.
//!
//! It tracks flows, puts the first octets of a direction in order, asks the name parsers, matches
//! each name against the catalogue, and holds a sighting back until it is known how far the
//! exchange got. It reads no clock: time comes with packets and ticks.
//!
//! What comes out depends on the frames alone, not on how many workers share them nor on when
//! triage heard that a flow is settled: a packet of a settled flow counts, and is otherwise looked
//! at only if it begins like a message with a name, which is what triage passes in any case.

use std::num::NonZeroU32;
use std::sync::Arc;

use phonehome_signatures::Catalogue;

use crate::batch::{Batch, Item, Record};
use crate::decode::{Packet, TransportHeader};
use crate::detection::Notice;
use crate::discovery;
use crate::flow::table::{Class, FlowTable};
use crate::flow::{Flow, Skipped};
use crate::identity::{self, client::Server};
use crate::names::Endpoint;
use crate::names::dns::DNS_PORT;
use crate::time::Timestamp;

use crate::visibility::Visibility;
use desk::{Desk, Due, Roles};
use ids::Ids;
use past::Past;
use pending::Pending;
use repeats::Repeats;
use unfinished::Unfinished;

mod clients;
mod datagram;
mod desk;
mod dns;
mod hidden;
mod identities;
mod ids;
mod past;
mod pending;
mod repeats;
mod segment;
mod unfinished;

/// Which names a worker reports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Report {
    /// Every name, as an observation, and what concerns findings.
    AllNames,
    /// Only what concerns findings, where sightings are told of: with what their hellos show of the
    /// programs that sent them.
    Sightings,
    /// Only what concerns findings.
    Findings,
}

/// One worker's state.
#[derive(Debug)]
pub struct Worker {
    flows: FlowTable,
    unfinished: Unfinished,
    /// Where unfinished QUIC hellos are.
    ids: Ids,
    /// Flows with a claimed name and octets that were not told yet: number and place.
    due: Vec<(u64, u32)>,
    desk: Desk,
    tick: Option<i64>,
    clock: Option<Timestamp>,
}

/// Bounds of what a worker keeps of flows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bounds {
    /// Flows in the table. When full, the one longest silent among those that matter least is ended.
    pub flows: usize,
    /// Octets of memory for messages in the making. When there are more, the flows begun first are
    /// given up, those without an answer before the others.
    pub unfinished_octets: usize,
}

/// A notice and its place among those of all workers: that of the frame that caused it, then that
/// of the frame that began what it tells of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Told {
    /// Number of the frame that began the flow or exchange which time has ended; the largest number
    /// for what a packet tells, which comes after what the time of its frame has ended.
    pub since: u64,
    /// The notice.
    pub notice: Notice,
}

/// Where a packet came from, for what is reported because of it.
#[derive(Clone, Copy, Debug)]
struct Context {
    number: u64,
    at: Timestamp,
    vlan: Option<u16>,
    src: Endpoint,
    dst: Endpoint,
}

impl Worker {
    /// A worker that has seen nothing.
    #[must_use]
    pub fn new(catalogue: Arc<Catalogue>, report: Report, bounds: Bounds) -> Self {
        let desk = Desk {
            catalogue,
            report,
            pending: Pending::default(),
            past: Past::default(),
            repeats: Repeats::default(),
            visibility: Visibility::default(),
            roles: Roles::default(),
            text: String::new(),
            octets: Vec::new(),
            told: Vec::new(),
            span: None,
        };
        Self {
            flows: FlowTable::new(bounds.flows),
            unfinished: Unfinished::new(bounds.unfinished_octets),
            ids: Ids::default(),
            due: Vec::new(),
            desk,
            tick: None,
            clock: None,
        }
    }

    /// Matches names against a successor of the catalogue from here on: a signature that both have
    /// has the same number in both.
    pub fn set_catalogue(&mut self, successor: Arc<Catalogue>) {
        self.desk.catalogue = successor;
    }

    /// Works on all items of a batch, and leaves in the batch the flows that are settled by then.
    ///
    /// What they give is handed to `tell` in pieces, in order; it leaves the list empty.
    pub fn work(&mut self, batch: &mut Batch, tell: &mut dyn FnMut(&mut Vec<Told>)) {
        let mut settled = std::mem::take(&mut batch.settled);
        for items in batch.items().chunks(GROUP) {
            self.look_ahead(items);
            for item in items {
                match item {
                    Item::Packet(record) => {
                        self.packet(record, &batch.packet(record), &mut settled);
                    }
                    Item::Orphan(hash, skipped) => self.orphan(*hash, skipped),
                    Item::Tick(span, number, at) => self.tick(*span, (*number, *at), tell),
                }
            }
        }
        batch.settled = settled;
        tell(&mut self.desk.told);
    }

    /// Ends all flows, as if the wire had gone silent; `number` is that of no frame.
    pub fn finish(&mut self, number: u64, at: Timestamp, tell: &mut dyn FnMut(&mut Vec<Told>)) {
        let mut ended = Vec::new();
        self.flows.all(&mut ended);
        self.due.clear();
        self.close(&ended, i64::MAX, (number, at), tell);
    }

    /// What could and could not be named so far.
    #[must_use]
    pub const fn visibility(&self) -> &Visibility {
        &self.desk.visibility
    }

    /// Flows in the table.
    #[must_use]
    pub const fn flows(&self) -> usize {
        self.flows.len()
    }

    /// Octets of memory that messages in the making take.
    #[must_use]
    pub const fn unfinished_octets(&self) -> usize {
        self.unfinished.octets()
    }

    /// Capture time that it has reached.
    #[must_use]
    pub const fn clock(&self) -> Option<Timestamp> {
        self.clock
    }

    #[inline]
    fn packet(&mut self, record: &Record, packet: &Packet<'_>, settled: &mut Vec<(u64, u32)>) {
        let src = record.key.end(record.side);
        let dst = record.key.end(record.side.other());
        let context = Context {
            number: record.number,
            at: packet.at,
            vlan: packet.vlan,
            src,
            dst,
        };
        self.clock = self.clock.max(Some(packet.at));
        if let Some(payload) = discovery::payload_of(src.port, dst.port) {
            self.desk.discovery(payload, packet, &context);
        }
        let place = match packet.transport {
            TransportHeader::Udp { .. } if src.port == DNS_PORT || dst.port == DNS_PORT => {
                self.desk.dns_datagram(packet.payload, &context);
                None
            }
            TransportHeader::Udp { .. } if is_conversation(src, dst) => {
                let place = self.datagram(record, packet, &context);
                if asks_for_ticket(dst) && !self.flows.flow(place).settled {
                    self.desk.ticket_request(packet.payload, &context);
                }
                Some(place)
            }
            TransportHeader::Tcp(tcp) => self.segment(record, packet, tcp, &context),
            TransportHeader::Udp { .. } if names_devices(src, dst) => {
                self.desk.identity(packet.payload, &context);
                None
            }
            TransportHeader::Udp { .. } | TransportHeader::Other(_) => None,
        };
        if let Some(place) = place {
            let flow = self.flows.flow_mut(place);
            let generation = NonZeroU32::new(record.pass.generation);
            if flow.settled && flow.told != generation && !flow.holds_back() {
                flow.told = generation;
                settled.push((record.hash, record.pass.generation));
            }
            self.mark_due(place);
            self.unfinished.account(&mut self.flows, place);
            while let Some(place) = self.unfinished.next_to_give_up(&mut self.flows) {
                let flow = self.flows.flow_mut(place);
                self.desk.visibility.unfinished_evicted[flow.key.transport as usize] += 1;
                self.desk.give_up(flow, context.number, context.at);
                self.unfinished.account(&mut self.flows, place);
            }
        }
    }

    /// Puts a flow with a claimed name on the list of those that have something to tell.
    fn mark_due(&mut self, place: u32) {
        let flow = self.flows.flow_mut(place);
        let number = flow.opened_by;
        if let Some(claim) = flow.claim_mut()
            && !claim.is_due
        {
            claim.is_due = true;
            self.due.push((number, place));
        }
    }

    /// The place of the packet's flow, which is made if it is not there.
    fn place_of(&mut self, record: &Record, class: Class) -> u32 {
        if let Some(place) = self.flows.find(&record.key, record.hash) {
            return place;
        }
        let transport = record.key.transport as usize;
        if let Some(oldest) = self.flows.oldest() {
            let flow = self.take_out(oldest);
            self.desk.visibility.flows_evicted[flow.key.transport as usize] += 1;
            self.desk.end(flow, record.number, record.at());
        }
        self.desk.visibility.flows_started[transport] += 1;
        let flow = Flow::new(record.key, record.at(), record.number);
        self.flows
            .insert(flow, record.hash, class, short(self.tick))
    }

    fn orphan(&mut self, hash: u64, skipped: &Skipped) {
        if let Some(place) = self.flows.find_by_hash(hash) {
            self.add_skipped(place, skipped);
            self.mark_due(place);
        }
    }

    /// Adds to a flow what triage counted of it.
    fn add_skipped(&mut self, place: u32, skipped: &Skipped) {
        let flow = self.flows.flow_mut(place);
        let before = flow.judged_octets();
        flow.add_skipped(skipped);
        self.desk.visibility.judged_octets += flow.judged_octets() - before;
    }

    fn tick(
        &mut self,
        span: i64,
        (number, at): (u64, Timestamp),
        tell: &mut dyn FnMut(&mut Vec<Told>),
    ) {
        self.clock = self.clock.max(Some(at));
        // Another capture may be ahead.
        if self.tick.is_some_and(|it| span <= it) {
            return;
        }
        self.tick = Some(span);
        self.desk.span = Some(span);
        let mut ended = Vec::new();
        self.flows.expired(short(self.tick), &mut ended);
        self.close(&ended, span, (number, at), tell);
    }

    /// Tells of what time has ended or brought on, in the order in which flows and exchanges began:
    /// `ended` flows, octets of flows with a claimed name, DNS exchanges, and questions to public
    /// resolvers.
    fn close(
        &mut self,
        ended: &[u32],
        span: i64,
        (number, at): (u64, Timestamp),
        tell: &mut dyn FnMut(&mut Vec<Told>),
    ) {
        let mut events: Vec<(u64, Event, u32)> = Vec::with_capacity(ended.len() + self.due.len());
        let due = self.due.drain(..);
        events.extend(due.map(|(since, place)| (since, Event::Progress, place)));
        let opened_by = |it: u32| self.flows.flow(it).opened_by;
        events.extend(ended.iter().map(|it| (opened_by(*it), Event::End, *it)));
        events.sort_unstable();
        let mut late = self.desk.late(span).into_iter().peekable();
        tell(&mut self.desk.told);
        for (since, event, place) in events {
            while let Some((since, what)) = late.next_if(|it| it.0 < since) {
                self.desk.tell_late(what, since, (number, at));
            }
            if self.flows.flow(place).opened_by != since {
                continue;
            }
            let begin = self.desk.told.len();
            match event {
                Event::Progress => {
                    let flow = self.flows.flow_mut(place);
                    if self.desk.progress(flow, number, at) == Due::Again {
                        self.due.push((since, place));
                    }
                }
                Event::End => {
                    let flow = self.take_out(place);
                    self.desk.end(flow, number, at);
                }
            }
            self.desk.date(begin, since);
            if self.desk.told.len() >= PIECE {
                tell(&mut self.desk.told);
            }
        }
        for (since, what) in late {
            self.desk.tell_late(what, since, (number, at));
        }
        tell(&mut self.desk.told);
    }

    /// Takes a flow out of the table.
    fn take_out(&mut self, place: u32) -> Flow {
        let flow = self.flows.remove(place);
        self.unfinished.forget(&flow);
        flow
    }

    /// Asks for the memory of the flows of some items, in two passes: to know where a flow lies is
    /// itself a question to memory.
    fn look_ahead(&self, items: &[Item]) {
        let hashes = || {
            items.iter().filter_map(|it| match it {
                Item::Packet(record) => Some(record.hash),
                Item::Orphan(hash, _) => Some(*hash),
                Item::Tick(..) => None,
            })
        };
        hashes().for_each(|it| self.flows.prefetch(it));
        hashes().for_each(|it| self.flows.prefetch_flow(it));
    }
}

/// What a tick may bring for a flow. The order is that in which a flow's are told.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Event {
    /// Octets since they were last told.
    Progress,
    /// Its end.
    End,
}

/// Packet time in ticks, cut to what a flow keeps; zero before the first tick.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "wraps in 500 years"
)]
const fn short(tick: Option<i64>) -> u32 {
    match tick {
        Some(span) => span as u32,
        None => 0,
    }
}

/// Whether two ends speak with each other: no group, no broadcast, no local name service.
fn is_conversation(src: Endpoint, dst: Endpoint) -> bool {
    src.address.is_unicast()
        && dst.address.is_unicast()
        && !LOCAL_SERVICES
            .iter()
            .any(|it| *it == src.port || *it == dst.port)
}

/// Whether a datagram is one of those in which devices are named.
fn names_devices(src: Endpoint, dst: Endpoint) -> bool {
    let of_port = identity::Source::of_port;
    of_port(src.port).or_else(|| of_port(dst.port)).is_some()
}

/// Whether a datagram goes to where tickets of Kerberos are given out.
fn asks_for_ticket(dst: Endpoint) -> bool {
    Server::of_port(dst.port) == Some(Server::Kerberos)
}

/// Items whose memory is asked for together.
const GROUP: usize = 32;

/// Notices that are handed over together while many flows end at once.
const PIECE: usize = 1024;

/// Names are not taken from these: DHCP, NetBIOS name service and datagrams, DHCPv6, SSDP, mDNS,
/// LLMNR.
const LOCAL_SERVICES: [u16; 9] = [67, 68, 137, 138, 546, 547, 1900, 5353, 5355];
