//! What was decoded, and what was not and why.

use std::ops::AddAssign;

use super::outcome::{Closed, Decoded, Encapsulation, Skipped};
use super::walk::has_two_tags;
use super::{Packet, TransportHeader};
use crate::frame::Frame;

/// Counts of what became of frames and datagrams. All counts only grow.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DecodeCounts {
    /// Packets by network (IPv4, IPv6) and transport (TCP, UDP, ICMP, other).
    pub packets: [[u64; 4]; 2],
    /// ARP messages.
    pub arp: u64,
    /// Frames of other protocols beside IP.
    pub not_ip: u64,
    /// Frames that could not be decoded, by [`Layer`](super::Layer) and reason: short, length,
    /// depth.
    pub errors: [[u64; 3]; 4],
    /// Encapsulations taken off, by [`Encapsulation`]; only of frames that gave a packet, a fragment
    /// or an ARP message.
    pub unwrapped: [u64; 15],
    /// Packets inside an encapsulation that is not read, by [`Closed`].
    pub skipped: [u64; 4],
    /// Fragmented datagrams, by [`Defragmented`].
    pub defrag: [u64; 4],
    /// Fragments kept.
    pub held: u64,
}

impl DecodeCounts {
    /// Counts a frame that [`walk`](super::walk::walk) read.
    pub fn walked(&mut self, frame: &Frame<'_>, packet: &Packet<'_>) {
        self.packet(packet);
        if packet.vlan.is_some() {
            let tags = match has_two_tags(frame) {
                true => Encapsulation::Qinq,
                false => Encapsulation::Vlan,
            };
            self.unwrapped(tags);
        }
    }

    pub(super) fn outcome(&mut self, outcome: &Decoded<'_>) {
        match outcome {
            Decoded::Packet(packet) => self.packet(packet),
            Decoded::Held => add_one(&mut self.held),
            Decoded::Skipped(Skipped::Arp) => add_one(&mut self.arp),
            Decoded::Skipped(Skipped::NotIp(_)) => add_one(&mut self.not_ip),
            Decoded::Skipped(Skipped::Link(_)) => self.closed(Closed::Other),
            Decoded::Skipped(Skipped::Closed(closed)) => self.closed(*closed),
            Decoded::Failed(error) => {
                add_one(&mut self.errors[error.layer() as usize][error.reason()]);
            }
        }
    }

    pub(super) fn unwrapped(&mut self, encapsulation: Encapsulation) {
        add_one(&mut self.unwrapped[encapsulation as usize]);
    }

    pub(super) fn closed(&mut self, closed: Closed) {
        add_one(&mut self.skipped[closed as usize]);
    }

    fn packet(&mut self, packet: &Packet<'_>) {
        let network = usize::from(packet.src.v4().is_none());
        let transport = match packet.transport {
            TransportHeader::Tcp(_) => 0,
            TransportHeader::Udp { .. } => 1,
            TransportHeader::Other(PROTOCOL_ICMP | PROTOCOL_ICMPV6) => 2,
            TransportHeader::Other(_) => 3,
        };
        add_one(&mut self.packets[network][transport]);
    }
}

impl AddAssign<&Self> for DecodeCounts {
    fn add_assign(&mut self, other: &Self) {
        let packets = self.packets.as_flattened_mut();
        add(packets, other.packets.as_flattened());
        add(self.errors.as_flattened_mut(), other.errors.as_flattened());
        add(&mut self.unwrapped, &other.unwrapped);
        add(&mut self.skipped, &other.skipped);
        add(&mut self.defrag, &other.defrag);
        self.arp = self.arp.saturating_add(other.arp);
        self.not_ip = self.not_ip.saturating_add(other.not_ip);
        self.held = self.held.saturating_add(other.held);
    }
}

fn add(sums: &mut [u64], counts: &[u64]) {
    for (sum, count) in sums.iter_mut().zip(counts) {
        *sum = sum.saturating_add(*count);
    }
}

fn add_one(count: &mut u64) {
    *count = count.saturating_add(1);
}

/// What became of a fragmented datagram.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Defragmented {
    /// All its fragments were seen.
    Whole,
    /// Some did not come in time.
    Expired,
    /// Its fragments contradict each other.
    Overlap,
    /// There was no room, or there were too many fragments.
    Evicted,
}

impl Defragmented {
    /// All of them, in the order in which they are listed everywhere.
    pub const ALL: [Self; 4] = [Self::Whole, Self::Expired, Self::Overlap, Self::Evicted];

    /// The word for it in output and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Expired => "expired",
            Self::Overlap => "overlap",
            Self::Evicted => "evicted",
        }
    }
}

const PROTOCOL_ICMP: u8 = 1;
const PROTOCOL_ICMPV6: u8 = 58;
