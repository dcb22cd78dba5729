//! What can matter, decided from a packet's headers and first octets.
//!
//! Most octets of a busy link are bulk data of flows whose name is known. Triage lets pass what may
//! hold a name, or tells of a flow's beginning or end, and only counts the rest. What it counted of
//! a flow rides along with the flow's next packet that passes, so octets stay exact.
//!
//! The table is direct-mapped: a flow that finds another in its slot takes the slot, and the other,
//! when it comes back, is looked at anew. So a collision wastes work and loses no name.
//!
//! A worker says when a flow is settled; this only saves work: whatever the moment at which it is
//! heard, what comes out at the end is the same. A packet that begins like a message with a name
//! opens the slot again, under a new generation, so that a late word about the old one is ignored.

use crate::decode::{Packet, TcpFlags, TransportHeader};
use crate::flow::Side;
use crate::flow::table::TICK;
use crate::names::{http, quic, tls};
use crate::prefetch::prefetch;
use crate::time::Timestamp;

/// The triage of one capture.
#[derive(Debug)]
pub struct Triage {
    slots: Vec<Slot>,
    orphans: Vec<(u64, Skipped)>,
}

/// What was counted and not passed on, by [`Side`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Skipped {
    /// Packets.
    pub packets: [u32; 2],
    /// Octets of payload.
    pub octets: [u64; 2],
}

/// A packet that passes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pass {
    /// What was skipped of the flow since its last packet passed.
    pub skipped: Skipped,
    /// Generation of the slot; the worker names it when it says that the flow is settled.
    pub generation: u8,
}

impl Triage {
    /// Triage with `1 << slot_bits` slots of 64 octets.
    #[must_use]
    pub fn new(slot_bits: u32) -> Self {
        let slots = vec![Slot::default(); 1 << slot_bits.clamp(4, 26)];
        Self { slots, orphans: Vec::new() }
    }

    /// Asks for the memory of a flow's slot ahead of its use.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        prefetch(&self.slots[self.place(hash)]);
    }

    /// Decides on a packet of the flow with that hash; `None` means that it was counted.
    #[inline]
    pub fn admit(&mut self, packet: &Packet<'_>, hash: u64, side: Side) -> Option<Pass> {
        let place = self.place(hash);
        let slot = &mut self.slots[place];
        if slot.hash != hash {
            if let Some(skipped) = slot.take_skipped() {
                self.orphans.push((slot.hash, skipped));
            }
            *slot = Slot { hash, ..Slot::default() };
        }
        let span = packet.at.as_nanos().div_euclid(TICK_NANOS);
        let heartbeat = slot.span != span;
        if slot.wants(packet, side) || heartbeat {
            slot.span = span;
            let skipped = slot.take_skipped().unwrap_or_default();
            Some(Pass { skipped, generation: slot.generation })
        } else {
            slot.skip(packet, side);
            None
        }
    }

    /// Takes a worker's word that further packets of a flow matter only if they begin like a
    /// message with a name.
    pub fn settle(&mut self, hash: u64, generation: u8) {
        let place = self.place(hash);
        let slot = &mut self.slots[place];
        if slot.hash == hash && slot.generation == generation {
            slot.settled = true;
        }
    }

    /// Takes what was counted of flows that have lost their slot: hash and counts.
    pub fn take_orphans(&mut self) -> Vec<(u64, Skipped)> {
        std::mem::take(&mut self.orphans)
    }

    /// Whether [`Triage::take_orphans`] would give something.
    #[must_use]
    pub fn has_orphans(&self) -> bool {
        !self.orphans.is_empty()
    }

    /// Makes orphans of all counts, at the end of a capture.
    pub fn finish(&mut self) {
        for slot in &mut self.slots {
            if let Some(skipped) = slot.take_skipped() {
                self.orphans.push((slot.hash, skipped));
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the mask keeps the lower bits")]
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
    generation: u8,
    settled: bool,
}

impl Slot {
    #[inline]
    fn wants(&mut self, packet: &Packet<'_>, side: Side) -> bool {
        match packet.transport {
            TransportHeader::Tcp(tcp) => {
                let marks = TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST;
                if packet.payload_len == 0 {
                    return tcp.flags.any(marks);
                }
                if tcp.src_port == DNS_PORT || tcp.dst_port == DNS_PORT {
                    return true;
                }
                let begins = may_begin_stream(packet.payload);
                if begins {
                    self.reopen();
                }
                begins || self.is_within_budget(packet, side) || tcp.flags.any(marks)
            }
            TransportHeader::Udp { src_port, dst_port } => {
                if src_port == DNS_PORT || dst_port == DNS_PORT {
                    return true;
                }
                if quic::initial_version(packet.payload).is_some() {
                    self.reopen();
                    return true;
                }
                self.is_within_budget(packet, side)
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

    /// Starts a new generation, unless this one is as good as new.
    fn reopen(&mut self) {
        if self.settled || self.passed != [0; 2] {
            self.generation = self.generation.wrapping_add(1);
            self.settled = false;
            self.passed = [0; 2];
        }
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
}

/// Whether a segment begins like a message that holds a name.
#[inline]
#[must_use]
pub fn may_begin_stream(payload: &[u8]) -> bool {
    tls::may_begin_client_hello(payload) || http::may_begin_request(payload)
}

/// The port of DNS over UDP and TCP (RFC 1035 section 4.2).
pub const DNS_PORT: u16 = 53;

/// Octets of payload of an undecided flow that pass, by direction: more than the largest hello
/// that a parser waits for, out of order, behind a greeting.
const BUDGET_OCTETS: u32 = 80 * 1024;

#[expect(clippy::cast_possible_truncation, reason = "a few seconds")]
const TICK_NANOS: i64 = TICK.as_nanos() as i64;
