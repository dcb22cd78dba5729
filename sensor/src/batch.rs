//! Batches: packets on their way from triage to the worker that owns their flow.
//!
//! A batch owns one buffer. It is filled, worked on, and goes back to be filled again, with the
//! flows that the worker has settled; so a packet costs one copy and no allocation.

use crate::decode::{Packet, TransportHeader};
use crate::flow::{FlowKey, Side, Skipped};
use crate::host::Address;
use crate::time::Timestamp;
use crate::triage::Pass;

/// Some packets of one worker's flows, in the order of their frames.
#[derive(Debug, Default)]
pub struct Batch {
    items: Vec<Item>,
    bytes: Vec<u8>,
    /// Flows that the worker has settled: hash and slot generation.
    pub settled: Vec<(u64, u32)>,
    /// All frames of lower numbers that concern the worker are in this batch or before it.
    pub watermark: u64,
}

/// Something for a worker to do.
#[derive(Clone, Copy, Debug)]
pub enum Item {
    /// A packet that passed triage.
    Packet(Record),
    /// Counts of a flow, by its hash, that no packet can carry any more.
    Orphan(u64, Skipped),
    /// Packet time has entered a new span: the number of the span, the frame that did it, and the
    /// capture time.
    Tick(i64, u64, Timestamp),
}

/// A packet in a batch.
#[derive(Clone, Copy, Debug)]
pub struct Record {
    /// Number of the frame, counted from zero over the whole input.
    pub number: u64,
    /// The flow.
    pub key: FlowKey,
    /// Its hash.
    pub hash: u64,
    /// Which end sent the packet.
    pub side: Side,
    /// What triage counted of the flow before this packet, and the slot's generation.
    pub pass: Pass,
    at: Timestamp,
    vlan: Option<u16>,
    transport: TransportHeader,
    payload_len: u32,
    start: u32,
    len: u32,
}

impl Batch {
    /// Adds a packet.
    pub fn push(
        &mut self,
        number: u64,
        packet: &Packet<'_>,
        flow: (FlowKey, u64, Side),
        pass: Pass,
    ) {
        let (key, hash, side) = flow;
        let start = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        let len = u32::try_from(packet.payload.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(packet.payload);
        self.items.push(Item::Packet(Record {
            number,
            key,
            hash,
            side,
            pass,
            at: packet.at,
            vlan: packet.vlan,
            transport: packet.transport,
            payload_len: packet.payload_len,
            start,
            len,
        }));
    }

    /// Adds counts that no packet can carry any more.
    pub fn push_orphan(&mut self, hash: u64, skipped: Skipped) {
        self.items.push(Item::Orphan(hash, skipped));
    }

    /// Adds a tick.
    pub fn push_tick(&mut self, span: i64, number: u64, at: Timestamp) {
        self.items.push(Item::Tick(span, number, at));
    }

    /// Makes it empty, keeping its buffers.
    pub fn clear(&mut self) {
        self.items.clear();
        self.bytes.clear();
        self.settled.clear();
        self.watermark = 0;
    }

    /// What is to be done, in order.
    #[must_use]
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The packet of a record of this batch.
    #[must_use]
    pub fn packet(&self, record: &Record) -> Packet<'_> {
        let sender = record.key.end(record.side);
        let receiver = record.key.end(record.side.other());
        Packet {
            at: record.at,
            src: sender.address,
            dst: receiver.address,
            vlan: record.vlan,
            transport: record.transport,
            payload: self.payload(record),
            payload_len: record.payload_len,
        }
    }

    /// Whether it has as many packets or octets as one batch should have.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.items.len() >= MAX_ITEMS || self.bytes.len() >= MAX_OCTETS
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Number of packets.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.items
            .iter()
            .filter(|it| matches!(it, Item::Packet(_)))
            .count() as u64
    }

    fn payload(&self, record: &Record) -> &[u8] {
        let start = record.start as usize;
        self.bytes
            .get(start..start + record.len as usize)
            .unwrap_or_default()
    }
}

impl Record {
    /// Capture time of the packet.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// The address of the sender.
    #[must_use]
    pub const fn src(&self) -> Address {
        self.key.end(self.side).address
    }
}

/// Items of a full batch. More gains nothing and costs latency and memory.
pub const MAX_ITEMS: usize = 256;

/// Octets of payload of a full batch, before its last packet.
pub const MAX_OCTETS: usize = 256 * 1024;
