//! A worker: packets of its flows in, notices out.
//!
//! It tracks flows, puts the first octets of a direction in order, asks the name parsers, matches
//! each name against the catalogue, and holds a sighting back until it is known how far the
//! exchange got. It reads no clock: time comes with packets and ticks.
//!
//! What comes out depends on the frames alone, not on how many workers share them nor on when
//! triage heard that a flow is settled: a packet of a settled flow counts, and is otherwise looked
//! at only if it begins like a message with a name, which is what triage passes in any case.

use std::sync::Arc;

use phonehome_signatures::Catalogue;

use crate::batch::{Batch, Item, Record};
use crate::decode::{Packet, TransportHeader};
use crate::detection::Notice;
use crate::flow::table::{Class, FlowTable};
use crate::flow::{Flow, Skipped};
use crate::names::Endpoint;
use crate::names::dns::DNS_PORT;
use crate::time::Timestamp;

use crate::visibility::Visibility;
use desk::{Desk, Roles};
use pending::Pending;
use repeats::Repeats;

mod datagram;
mod desk;
mod dns;
mod pending;
mod repeats;
mod segment;

/// Which names a worker reports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Report {
    /// Every name, as an observation, and what concerns findings.
    AllNames,
    /// Only what concerns findings.
    Findings,
}

/// One worker's state.
#[derive(Debug)]
pub struct Worker {
    flows: FlowTable,
    desk: Desk,
    tick: Option<i64>,
    clock: Option<Timestamp>,
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
    /// A worker for at most `flow_limit` flows.
    #[must_use]
    pub fn new(catalogue: Arc<Catalogue>, report: Report, flow_limit: usize) -> Self {
        let desk = Desk {
            catalogue,
            report,
            pending: Pending::default(),
            repeats: Repeats::default(),
            visibility: Visibility::default(),
            roles: Roles::default(),
            text: String::new(),
            octets: Vec::new(),
            told: Vec::new(),
        };
        Self {
            flows: FlowTable::new(flow_limit),
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

    /// Works on all items of a batch, adds what they give to `told`, and leaves in the batch the
    /// flows that are settled by then.
    pub fn work(&mut self, batch: &mut Batch, told: &mut Vec<Told>) {
        let mut settled = std::mem::take(&mut batch.settled);
        for item in batch.items() {
            match item {
                Item::Packet(record) => self.packet(record, &batch.packet(record), &mut settled),
                Item::Orphan(hash, skipped) => self.orphan(*hash, skipped),
                Item::Tick(span, number, at) => self.tick(*span, *number, *at),
            }
        }
        batch.settled = settled;
        told.append(&mut self.desk.told);
    }

    /// Ends all flows, as if the wire had gone silent; `number` is that of no frame.
    pub fn finish(&mut self, number: u64, at: Timestamp, told: &mut Vec<Told>) {
        let begin = self.desk.told.len();
        self.flows.drain(|it| self.desk.time_out(it, number, at));
        self.desk.close(begin, number, at, i64::MAX);
        told.append(&mut self.desk.told);
    }

    /// What could and could not be named so far.
    #[must_use]
    pub const fn visibility(&self) -> &Visibility {
        &self.desk.visibility
    }

    /// Flows in the table.
    #[must_use]
    pub fn flows(&self) -> usize {
        self.flows.len()
    }

    /// Capture time that it has reached.
    #[must_use]
    pub const fn clock(&self) -> Option<Timestamp> {
        self.clock
    }

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
        let place = match packet.transport {
            TransportHeader::Udp { .. } if src.port == DNS_PORT || dst.port == DNS_PORT => {
                self.desk.dns_datagram(packet.payload, &context);
                None
            }
            TransportHeader::Udp { .. } if is_conversation(src, dst) => {
                Some(self.datagram(record, packet, &context))
            }
            TransportHeader::Tcp(tcp) => self.segment(record, packet, tcp, &context),
            TransportHeader::Udp { .. } | TransportHeader::Other(_) => None,
        };
        if let Some(place) = place {
            let flow = self.flows.flow_mut(place);
            let holds_back = flow.claim.as_ref().is_some_and(|it| it.held.is_some());
            if flow.settled && !holds_back && flow.told != Some(record.pass.generation) {
                flow.told = Some(record.pass.generation);
                settled.push((record.hash, record.pass.generation));
            }
        }
    }

    /// The place of the packet's flow, which is made if it is not there.
    fn place_of(&mut self, record: &Record, class: Class) -> u32 {
        if let Some(place) = self.flows.find(&record.key, record.hash) {
            return place;
        }
        let transport = record.key.transport as usize;
        if let Some(oldest) = self.flows.oldest() {
            let flow = self.flows.remove(oldest);
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
            self.flows.flow_mut(place).add_skipped(skipped);
        }
    }

    fn tick(&mut self, span: i64, number: u64, at: Timestamp) {
        self.tick = Some(span);
        self.clock = self.clock.max(Some(at));
        let begin = self.desk.told.len();
        self.flows.expire(short(self.tick), |it| {
            self.desk.time_out(it, number, at);
        });
        self.desk.close(begin, number, at, span);
    }
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

/// Names are not taken from these: DHCP, NetBIOS name service and datagrams, SSDP, mDNS, LLMNR.
const LOCAL_SERVICES: [u16; 7] = [67, 68, 137, 138, 1900, 5353, 5355];
