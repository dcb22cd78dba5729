//! Frames that a mirror delivers twice.
//!
//! A port that mirrors both its directions, or two ports that mirror one path, give each packet
//! twice, a moment apart, with another TTL, header checksum or VLAN tag. In come frames in their
//! order; out comes whether a frame repeats one of the last [`WITHIN`]: from the IP header on the
//! same octets, but for what differs from hop to hop. The checksum of a TCP segment or UDP datagram
//! is left out too, as a card that computes it late has none yet in one of the two. An
//! identification in the IP header tells what a host sends again from what a mirror gives again.
//!
//! Most feeds have none, and pay next to nothing: the first [`FIRST_LOOK`] frames are looked at,
//! later one in [`REST`] for a moment at a time. While a look shows repeats, all frames are looked
//! at. What is looked at and repeated is taken out, and counted.
//!
//! What is evidence has payload that no two packets share: segments, and datagrams of some length.
//! A tunnel whose outer headers count, as those of ERSPAN do, hides that its frames repeat each other:
//! the packets inside are compared after decoding ([`Repeats::is_repeat_inside`]), by their ends,
//! sequence numbers and payload.

use std::hash::{BuildHasher, Hash, Hasher};
use std::time::Duration;

use foldhash::fast::FixedState;

use crate::decode::walk::TUNNEL_PORTS;
use crate::decode::{Packet, TcpFlags, TransportHeader};
use crate::frame::{Frame, LinkType};
use crate::time::Timestamp;

/// The frames of the last moment, and whether it is worth to look for repeats.
#[derive(Debug)]
pub(super) struct Repeats {
    /// By some bits of their print.
    recent: Vec<Bucket>,
    hasher: FixedState,
    mode: Mode,
    /// Frames until the mode is thought over.
    left: u64,
    /// Frames looked at since it was last thought over.
    looked: u64,
    /// Those among them that are evidence, and of these the repeats.
    judged: u64,
    repeated: u64,
    /// Capture time of the first of them.
    since: Timestamp,
}

/// What is done with frames.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mode {
    /// They are looked at, to find out whether there are repeats.
    Looking,
    /// They are looked at, as there are repeats.
    Removing,
    /// They are not looked at.
    Resting,
}

/// A few frames, the newest first.
type Bucket = [Entry; 4];

/// A frame, by what tells it from others.
#[derive(Clone, Copy, Debug)]
struct Entry {
    print: u64,
    at: Timestamp,
}

/// What is compared of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Print {
    hash: u64,
    /// Whether its payload is such that a second one of the kind is hardly anything but a repeat.
    is_evidence: bool,
}

impl Default for Repeats {
    fn default() -> Self {
        Self {
            recent: vec![[Entry::NONE; 4]; BUCKETS],
            hasher: FixedState::with_seed(0),
            mode: Mode::Looking,
            left: FIRST_LOOK,
            looked: 0,
            judged: 0,
            repeated: 0,
            since: Timestamp::MIN,
        }
    }
}

impl Repeats {
    /// Whether the next so many frames are to be looked at; `at` is the time of the first.
    #[inline]
    pub(super) fn watches(&mut self, frames: u64, at: Timestamp) -> bool {
        if self.left < frames {
            self.think_over(at);
        }
        self.left = self.left.saturating_sub(frames);
        self.mode != Mode::Resting
    }

    /// Whether frames are looked at.
    pub(super) fn is_watching(&self) -> bool {
        self.mode != Mode::Resting
    }

    /// Whether a frame repeats another; remembers it if not.
    pub(super) fn is_repeat(&mut self, frame: &Frame<'_>) -> bool {
        self.looked += 1;
        let print = self.print_of(frame);
        self.is_known(frame.at, print)
    }

    /// Whether a packet that the decoder took out of a frame repeats another; remembers it if not.
    ///
    /// Without payload, and without a sign of beginning or end, packets may be alike.
    pub(super) fn is_repeat_inside(&mut self, packet: &Packet<'_>) -> bool {
        let mut hasher = self.hasher.build_hasher();
        let has_payload = packet.payload_len > 0;
        (packet.src, packet.dst, packet.payload_len).hash(&mut hasher);
        let (is_unlike_others, is_evidence) = match packet.transport {
            TransportHeader::Tcp(tcp) => {
                (tcp.src_port, tcp.dst_port, tcp.flags.0).hash(&mut hasher);
                (tcp.seq, tcp.ack).hash(&mut hasher);
                let ends = tcp.flags.any(TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST);
                (has_payload || ends, has_payload)
            }
            TransportHeader::Udp { src_port, dst_port } => {
                (src_port, dst_port).hash(&mut hasher);
                (has_payload, packet.payload.len() >= LONG_DATAGRAM)
            }
            TransportHeader::Other(_) => return false,
        };
        if !is_unlike_others {
            return false;
        }
        hasher.write(packet.payload);
        let print = Print {
            hash: hasher.finish(),
            is_evidence,
        };
        self.is_known(packet.at, print)
    }

    fn is_known(&mut self, at: Timestamp, print: Print) -> bool {
        #[expect(clippy::cast_possible_truncation, reason = "the mask keeps lower bits")]
        let place = print.hash as usize & (BUCKETS - 1);
        self.judged += u64::from(print.is_evidence);
        let Some(bucket) = self.recent.get_mut(place) else {
            return false;
        };
        let is_known = bucket
            .iter()
            .any(|it| it.print == print.hash && it.at.since(at).max(at.since(it.at)) <= WITHIN);
        if is_known {
            self.repeated += u64::from(print.is_evidence);
        } else {
            bucket.rotate_right(1);
            bucket[0] = Entry {
                print: print.hash,
                at,
            };
        }
        is_known
    }

    fn print_of(&self, frame: &Frame<'_>) -> Print {
        let mut hasher = self.hasher.build_hasher();
        let is_evidence = match network(frame) {
            Some(ip) => hash_ip(ip, &mut hasher),
            None => {
                hasher.write(frame.bytes);
                false
            }
        };
        Print {
            hash: hasher.finish(),
            is_evidence,
        }
    }

    /// Goes on to what is to be done with the frames from that time on.
    #[cold]
    fn think_over(&mut self, at: Timestamp) {
        let is_short = at.since(self.since) < LEAST_LOOK;
        if self.mode == Mode::Looking && is_short && self.looked < FIRST_LOOK {
            // A fast link: a repeat may come later than so few frames.
            self.left = LOOK;
            return;
        }
        let share = match self.mode {
            Mode::Looking => SHARE_TO_BEGIN,
            Mode::Removing => SHARE_TO_GO_ON,
            Mode::Resting => u64::MAX,
        };
        let shows = self.repeated >= FEW && self.repeated.saturating_mul(share) >= self.judged;
        (self.mode, self.left) = match self.mode {
            Mode::Resting => (Mode::Looking, LOOK),
            Mode::Looking | Mode::Removing if shows => (Mode::Removing, FIRST_LOOK),
            Mode::Looking | Mode::Removing => {
                (Mode::Resting, REST * self.looked.clamp(LOOK, LONG_LOOK))
            }
        };
        (self.looked, self.judged, self.repeated) = (0, 0, 0);
        self.since = at;
    }
}

impl Entry {
    const NONE: Self = Self {
        print: 0,
        at: Timestamp::MIN,
    };
}

/// Whether what counts of a frame may stand behind more headers than those that are compared.
pub(super) fn is_wrapped(frame: &Frame<'_>) -> bool {
    let Some(ip) = network(frame) else {
        return true;
    };
    let (header, protocol) = match ip {
        [version @ 0x45..=0x4f, ..] => (usize::from(version & 0x0f) * 4, ip.get(9)),
        _ => (40, ip.get(6)),
    };
    match (protocol, ip.get(header..)) {
        (Some(&TCP), _) => false,
        (Some(&UDP), Some([a, b, c, d, ..])) => {
            let ports = [u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])];
            ports.iter().any(|it| TUNNEL_PORTS.contains(it))
        }
        _ => true,
    }
}

/// What stands behind the header of the link, if that is IP.
fn network<'a>(frame: &Frame<'a>) -> Option<&'a [u8]> {
    let skip = match frame.link {
        LinkType::ETHERNET => {
            let mut at = 12;
            loop {
                match frame.bytes.get(at..at + 2)? {
                    [0x81 | 0x91, 0] | [0x88, 0xa8] => at += 4,
                    [0x08, 0] | [0x86, 0xdd] => break at + 2,
                    _ => return None,
                }
            }
        }
        LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 => 0,
        LinkType::NULL | LinkType::LOOP => 4,
        LinkType::LINUX_SLL => 16,
        LinkType::LINUX_SLL2 => 20,
        _ => return None,
    };
    frame.bytes.get(skip..)
}

/// Hashes an IP packet but for what differs from hop to hop; gives whether it is evidence.
fn hash_ip(ip: &[u8], hasher: &mut impl Hasher) -> bool {
    let (header, protocol, body) = match ip {
        // RFC 791 section 3.1: without type of service, TTL and checksum.
        [0x40..=0x4f, _, rest @ ..] if ip.len() >= 20 => {
            let header = usize::from(ip[0] & 0x0f).max(5) * 4;
            hasher.write_u8(ip[0]);
            let total = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
            let end = if total == 0 { ip.len() } else { total };
            hasher.write(&ip[2..8]);
            hasher.write(&ip[12..20]);
            (header, ip[9], ip.get(..end).unwrap_or(ip))
        }
        // RFC 8200 section 3: without traffic class, flow label and hop limit.
        [0x60..=0x6f, ..] if ip.len() >= 40 => {
            let payload = usize::from(u16::from_be_bytes([ip[4], ip[5]]));
            let end = if payload == 0 { ip.len() } else { 40 + payload };
            hasher.write(&ip[4..7]);
            hasher.write(&ip[8..40]);
            (40, ip[6], ip.get(..end).unwrap_or(ip))
        }
        _ => (0, 0, ip),
    };
    let body = body.get(header..).unwrap_or_default();
    hasher.write_u8(protocol);
    match (protocol, body) {
        (TCP, _) if body.len() >= 20 => {
            hasher.write(&body[..16]);
            hasher.write(&body[18..]);
            body.len() > usize::from(body[12] >> 4) * 4
        }
        (UDP, _) if body.len() >= 8 => {
            hasher.write(&body[..6]);
            hasher.write(&body[8..]);
            body.len() >= LONG_DATAGRAM
        }
        _ => {
            hasher.write(body);
            false
        }
    }
}

/// Longest time between a frame and its repeat: a switch delays a mirrored frame by microseconds.
const WITHIN: Duration = Duration::from_millis(3);

/// Buckets of four frames, 64 octets each: the frames of 3 ms at 2.7 million a second.
const BUCKETS: usize = 2048;

/// Frames looked at in the beginning, and while there are repeats before it is thought over.
const FIRST_LOOK: u64 = 16_384;

/// Frames of a look, at least.
const LOOK: u64 = 512;

/// Frames of a look that make up for no longer rest.
const LONG_LOOK: u64 = 4_096;

/// Shortest look: twice the time within which a repeat comes.
const LEAST_LOOK: Duration = Duration::from_millis(6);

/// Frames that are not looked at, for one of a look that has shown no repeats.
const REST: u64 = 64;

/// One repeat in so much evidence shows that there are repeats, and that there still are some: a
/// host that sends again within 3 ms is rarer.
const SHARE_TO_BEGIN: u64 = 64;
const SHARE_TO_GO_ON: u64 = 256;

/// Repeats that show nothing yet.
const FEW: u64 = 4;

/// Octets, header included, from which on a datagram is evidence: short ones of many a protocol are
/// alike.
const LONG_DATAGRAM: usize = 264;

const TCP: u8 = 6;
const UDP: u8 = 17;

#[cfg(test)]
mod tests;
