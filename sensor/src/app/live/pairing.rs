//! Whether both directions of a connection come out of one ring.
//!
//! With several capturing threads the kernel chooses the ring of a frame. Nothing is lost when it
//! tears a connection apart, but order between the directions is; and connections that are heard one
//! way only tell of a mirror that delivers one direction. So the first connections are looked at, by
//! their SYNs alone.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::decode::walk::walk;
use crate::decode::{TcpFlags, TransportHeader};
use crate::flow::Side;
use crate::flow::key::hash_of;
use crate::frame::Run;

/// Connections that the rings of all threads have shown.
#[derive(Debug, Default)]
pub(super) struct Pairing {
    seen: Mutex<Seen>,
    is_over: AtomicBool,
}

#[derive(Debug, Default)]
struct Seen {
    /// By interface and hash of the flow: the ring that each side's SYN came out of.
    flows: HashMap<(usize, u64), [Option<usize>; 2]>,
    /// Frames that were looked at.
    frames: u64,
}

impl Pairing {
    /// Takes frames that came out of a thread's ring on an interface.
    pub(super) fn take(&self, run: &Run, interface: usize, ring: usize) {
        if self.is_over() {
            return;
        }
        let syns = run.iter().filter_map(|frame| {
            let packet = walk(&frame)?;
            let TransportHeader::Tcp(tcp) = packet.transport else {
                return None;
            };
            let (transport, src, dst) = packet.ends()?;
            let is_syn = tcp.flags.any(TcpFlags::SYN);
            is_syn.then(|| (hash_of(transport, src, dst), Side::of(src, dst)))
        });
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for (hash, side) in syns {
            let key = (interface, hash);
            if seen.flows.len() < FLOWS || seen.flows.contains_key(&key) {
                seen.flows.entry(key).or_default()[side.index()] = Some(ring);
            }
        }
        seen.frames += run.len() as u64;
        if seen.frames >= FRAMES {
            self.is_over.store(true, Ordering::Relaxed);
        }
    }

    /// Connections of an interface: both ways in one ring, in two rings, heard one way.
    pub(super) fn counts(&self, interface: usize) -> [u64; 3] {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts = [0; 3];
        let flows = seen.flows.iter().filter(|(key, _)| key.0 == interface);
        for (_, rings) in flows {
            let kind = match rings {
                [Some(one), Some(other)] if one == other => 0,
                [Some(_), Some(_)] => 1,
                _ => 2,
            };
            counts[kind] += 1;
        }
        counts
    }

    /// Whether enough has been looked at.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

/// Connections that are remembered; further ones are not looked at.
const FLOWS: usize = 4_096;

/// Frames after which the look is over.
const FRAMES: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::samples::Packet;
    use crate::frame::{Frame, LinkType};
    use crate::time::Timestamp;

    #[test]
    fn connections_are_told_apart_by_the_rings_of_their_two_sides() {
        let pairing = Pairing::default();
        let both = syn(1);
        for (packet, ring) in [
            (both, 0),
            (both.reversed(), 0),
            (syn(2), 0),
            (syn(2).reversed(), 1),
            (syn(3), 1),
        ] {
            pairing.take(&run(&packet), 0, ring);
        }
        pairing.take(&run(&syn(4)), 1, 0);
        assert_eq!(pairing.counts(0), [1, 1, 1]);
        assert_eq!(pairing.counts(1), [0, 0, 1]);
        assert!(!pairing.is_over());
    }

    fn syn(client: u8) -> Packet {
        Packet {
            protocol: 6,
            ports: [50_000, 443],
            src: [10, 0, 0, client],
            dst: [192, 0, 2, 1],
        }
    }

    fn run(packet: &Packet) -> Run {
        let mut bytes = packet.plain().octets;
        bytes[47] = 0x02;
        let mut run = Run::default();
        run.push_copy(Frame {
            at: Timestamp::from_nanos(0),
            link: LinkType::ETHERNET,
            wire_len: bytes.len() as u32,
            bytes: &bytes,
        });
        run
    }
}
