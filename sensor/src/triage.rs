//! What can matter, decided from a packet's headers and first octets.
//!
//! Most octets of a busy link are bulk data of flows whose name is known. Triage lets pass what may
//! hold a name, or tells of a flow's beginning or end, and only counts the rest. What it counted of
//! a flow rides along with the flow's next packet that passes, or goes alone when packet time enters
//! a new span, so octets stay exact, and are known soon.
//!
//! The table is direct-mapped: a flow that finds another in its slot takes the slot, and the other,
//! when it comes back, is looked at anew. So a collision wastes work and loses no name.
//!
//! A worker says when a flow is settled; this only saves work: whatever the moment at which it is
//! heard, what comes out at the end is the same. A packet that begins like a message with a name
//! opens the slot again, under a new generation, so that a late word about the old one is ignored.

use crate::decode::{Packet, TcpFlags, TransportHeader};
use crate::flow::key::share_of;
use crate::flow::table::{Class, TICK};
use crate::flow::{Side, Skipped};
use crate::identity;
use crate::names::dns::DNS_PORT;
use crate::names::{http, quic, tls};
use crate::prefetch::prefetch;
use crate::time::Timestamp;

/// The triage of one capture.
#[derive(Debug)]
pub struct Triage {
    slots: Vec<Slot>,
    orphans: Vec<Orphan>,
    /// Places of slots that have counted something since the last flush; each once.
    counting: Vec<u32>,
    /// Newest generation handed out; each opening of a slot has one of its own.
    generation: u32,
}

/// A packet that passes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pass {
    /// What was skipped of the flow since its last packet passed.
    pub skipped: Skipped,
    /// Generation of the slot; the worker names it when it says that the flow is settled.
    pub generation: u32,
    /// What the flow's worker is chosen by: see [`share_of`].
    pub share: u32,
}

/// What was counted of a flow that no packet can carry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Orphan {
    /// The flow's hash.
    pub hash: u64,
    /// What its worker is chosen by: see [`share_of`].
    pub share: u32,
    /// What was counted.
    pub skipped: Skipped,
}

impl Triage {
    /// Triage with `1 << slot_bits` slots of 64 octets.
    #[must_use]
    pub fn new(slot_bits: u32) -> Self {
        let slots = vec![Slot::default(); 1 << slot_bits.clamp(4, 26)];
        Self {
            slots,
            orphans: Vec::new(),
            counting: Vec::new(),
            generation: 0,
        }
    }

    /// Asks for the memory of a flow's slot ahead of its use.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        prefetch(&self.slots[self.place(hash)]);
    }

    /// Decides on a packet of the flow with that hash, in a span of packet time; `None` means that it
    /// was counted.
    #[inline]
    pub fn admit(&mut self, packet: &Packet<'_>, hash: u64, side: Side, span: i64) -> Option<Pass> {
        let place = self.place(hash);
        let slot = &mut self.slots[place];
        let is_new = slot.hash != hash;
        if is_new {
            self.orphans.extend(slot.take_orphan());
            let share = packet
                .ends()
                .map(|(transport, src, dst)| share_of(transport, src, dst, hash));
            *slot = Slot {
                hash,
                share: share.unwrap_or_default(),
                span: i64::MIN,
                is_counting: slot.is_counting,
                ..Slot::default()
            };
        }
        let is_opening = is_opening(packet);
        if is_new || is_opening || span.saturating_sub(slot.span) > IDLE_SPANS {
            self.generation = self.generation.wrapping_add(1);
            slot.open(self.generation);
        }
        let is_first_of_span = slot.span != span;
        if is_opening || slot.wants(packet, side) || is_first_of_span {
            slot.span = span;
            let skipped = slot.take_skipped().unwrap_or_default();
            Some(Pass {
                skipped,
                generation: slot.generation,
                share: slot.share,
            })
        } else {
            slot.skip(packet, side);
            if !slot.is_counting {
                slot.is_counting = true;
                #[expect(clippy::cast_possible_truncation, reason = "at most 2^26 slots")]
                self.counting.push(place as u32);
            }
            None
        }
    }

    /// Takes a worker's word that further packets of a flow matter only if they begin like a
    /// message with a name.
    pub fn settle(&mut self, hash: u64, generation: u32) {
        let place = self.place(hash);
        let slot = &mut self.slots[place];
        if slot.hash == hash && slot.generation == generation {
            slot.settled = true;
        }
    }

    /// Takes what was counted of flows that have lost their slot.
    pub fn take_orphans(&mut self) -> Vec<Orphan> {
        std::mem::take(&mut self.orphans)
    }

    /// Whether [`Triage::take_orphans`] would give something.
    #[must_use]
    pub fn has_orphans(&self) -> bool {
        !self.orphans.is_empty()
    }

    /// Makes orphans of all counts, so that nothing is held back any more.
    pub fn flush(&mut self) {
        for place in self.counting.drain(..) {
            let slot = &mut self.slots[place as usize];
            slot.is_counting = false;
            self.orphans.extend(slot.take_orphan());
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the mask keeps the lower bits"
    )]
    const fn place(&self, hash: u64) -> usize {
        hash as usize & (self.slots.len() - 1)
    }
}

/// Start of the span of packet time that `at` lies in, as a number of ticks since the epoch.
#[must_use]
pub const fn tick_of(at: Timestamp) -> i64 {
    at.as_nanos().div_euclid(TICK_NANOS)
}

#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Slot {
    hash: u64,
    /// Span of packet time in which the newest packet passed: one a span passes always.
    span: i64,
    skipped_octets: [u64; 2],
    skipped_packets: [u32; 2],
    /// Octets of payload that passed in this generation, by side.
    passed: [u32; 2],
    generation: u32,
    /// What the flow's worker is chosen by.
    share: u32,
    settled: bool,
    /// Whether the slot is on the list of those that have counted something.
    is_counting: bool,
}

impl Slot {
    /// Whether a packet that opens nothing passes.
    #[inline]
    fn wants(&mut self, packet: &Packet<'_>, side: Side) -> bool {
        match packet.transport {
            TransportHeader::Tcp(tcp) => {
                let is_dns = tcp.src_port == DNS_PORT || tcp.dst_port == DNS_PORT;
                let ends = tcp.flags.any(TcpFlags::FIN | TcpFlags::RST);
                let has_payload = packet.payload_len > 0;
                ends || (has_payload && (is_dns || self.is_within_budget(packet, side)))
            }
            TransportHeader::Udp { src_port, dst_port } => {
                src_port == DNS_PORT
                    || dst_port == DNS_PORT
                    || self.is_within_budget(packet, side)
                    // All clients of DHCP share one flow. Of a settled flow nothing is asked.
                    || !self.settled
                        && [src_port, dst_port]
                            .iter()
                            .any(|it| identity::Source::of_port(*it).is_some())
            }
            TransportHeader::Other(_) => false,
        }
    }

    #[inline]
    fn is_within_budget(&mut self, packet: &Packet<'_>, side: Side) -> bool {
        if self.settled {
            return false;
        }
        let passed = &mut self.passed[side.index()];
        if *passed >= BUDGET_OCTETS {
            return false;
        }
        *passed = passed.saturating_add(packet.payload_len);
        true
    }

    /// Starts a generation.
    #[inline]
    fn open(&mut self, generation: u32) {
        self.generation = generation;
        self.settled = false;
        self.passed = [0; 2];
    }

    #[inline]
    fn skip(&mut self, packet: &Packet<'_>, side: Side) {
        self.skipped_packets[side.index()] = self.skipped_packets[side.index()].saturating_add(1);
        self.skipped_octets[side.index()] += u64::from(packet.payload_len);
    }

    #[inline]
    fn take_skipped(&mut self) -> Option<Skipped> {
        if self.skipped_packets == [0; 2] {
            return None;
        }
        Some(Skipped {
            packets: std::mem::take(&mut self.skipped_packets),
            octets: std::mem::take(&mut self.skipped_octets),
        })
    }

    #[inline]
    fn take_orphan(&mut self) -> Option<Orphan> {
        let (hash, share) = (self.hash, self.share);
        self.take_skipped().map(|skipped| Orphan {
            hash,
            share,
            skipped,
        })
    }
}

/// Whether a packet opens a connection, or begins like a message that holds a name.
#[inline]
fn is_opening(packet: &Packet<'_>) -> bool {
    match packet.transport {
        TransportHeader::Tcp(tcp) => {
            tcp.flags.any(TcpFlags::SYN) || may_begin_stream(packet.payload)
        }
        TransportHeader::Udp { .. } => quic::initial_version(packet.payload).is_some(),
        TransportHeader::Other(_) => false,
    }
}

/// Whether a segment begins like a message that holds a name.
#[inline]
#[must_use]
pub fn may_begin_stream(payload: &[u8]) -> bool {
    // Most payloads are ciphertext: one octet rules nine in ten of them out.
    if !matches!(payload, [0x16 | b'A'..=b'Z' | b'\r' | b'\n', ..]) {
        return false;
    }
    tls::may_begin_client_hello(payload)
        || tls::may_begin_server_hello(payload)
        || http::may_begin_request(payload)
}

/// Spans without a packet after which a worker may have forgotten a flow: the least that any class
/// of flows is kept.
const IDLE_SPANS: i64 = Class::Closing.idle_ticks() as i64;

/// Octets of payload of an undecided flow that pass, by direction: more than the largest hello
/// that a parser waits for, out of order, behind a greeting.
pub const BUDGET_OCTETS: u32 = 80 * 1024;

#[expect(clippy::cast_possible_truncation, reason = "a few seconds")]
const TICK_NANOS: i64 = TICK.as_nanos() as i64;
