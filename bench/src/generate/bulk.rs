//! Bulk data: what a flow carries once nothing more can be learned from it.

use std::collections::VecDeque;

use super::flow::Step;
use super::frame::{ACK, Direction, Path};
use super::quic;
use super::rng::Rng;
use super::tcp::Connection;
use super::tls;

/// Random octets that bulk is cut from. Filling each segment anew would cost more than all else.
#[derive(Debug)]
pub(crate) struct Pool(Vec<u8>);

/// The rest of a flow.
#[derive(Debug)]
pub(crate) enum Bulk {
    /// Segments of a TCP connection.
    Tcp(Box<TcpBulk>),
    /// 1-RTT packets of a QUIC connection.
    Quic(QuicBulk),
    /// A call: RTP (RFC 3550) both ways.
    Rtp(RtpBulk),
}

/// Bulk of a TCP connection: mostly one way, with pure acknowledgments the other.
#[derive(Debug)]
pub(crate) struct TcpBulk {
    connection: Connection,
    main: Direction,
    /// Whether the octets stand in TLS records.
    in_records: bool,
    /// Octets that are still to be sent the main way.
    left: u64,
    gap: u64,
    segments_per_ack: u64,
    unacknowledged: u64,
    planned: VecDeque<Planned>,
    /// Octets of bulk sent each way; where the pool and the records stand.
    sent: [u64; 2],
}

/// A segment that is decided on but not yet sent.
#[derive(Clone, Copy, Debug)]
struct Planned {
    direction: Direction,
    seq: u32,
    position: u64,
    len: usize,
}

/// Bulk of a QUIC connection.
#[derive(Debug)]
pub(crate) struct QuicBulk {
    /// Where it runs.
    pub(crate) path: Path,
    /// Its ids.
    pub(crate) ids: quic::Ids,
    /// Octets that are still to be sent down.
    pub(crate) left: u64,
    /// Mean time between packets in nanoseconds.
    pub(crate) gap: u64,
    /// Packets sent.
    pub(crate) sent: u16,
}

/// A call.
#[derive(Debug)]
pub(crate) struct RtpBulk {
    /// Where it runs.
    pub(crate) path: Path,
    /// Packets that are still to be sent.
    pub(crate) left: u64,
    /// Mean time between packets in nanoseconds.
    pub(crate) gap: u64,
    /// Synchronisation source of the client; the server's is the next.
    pub(crate) source: u32,
    /// Packets sent.
    pub(crate) sent: u16,
}

impl Pool {
    /// Fills the pool.
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let mut octets = vec![0; POOL + MAX_CUT];
        rng.fill(&mut octets);
        Self(octets)
    }

    /// `len` octets (at most [`MAX_CUT`]) at a position of an endless stream that repeats itself.
    fn cut(&self, position: u64, len: usize) -> &[u8] {
        let start = position as usize % POOL;
        &self.0[start..start + len.min(MAX_CUT)]
    }
}

impl Bulk {
    /// Puts the next frame into `frame`.
    pub(crate) fn send(&mut self, pool: &Pool, rng: &mut Rng, frame: &mut Vec<u8>) {
        match self {
            Self::Tcp(bulk) => bulk.send(pool, rng, frame),
            Self::Quic(bulk) => bulk.send(pool, rng, frame),
            Self::Rtp(bulk) => bulk.send(pool, frame),
        }
    }

    /// The frames that end the flow after the bulk.
    pub(crate) fn closing(&mut self, rng: &mut Rng) -> Vec<Step> {
        match self {
            Self::Tcp(bulk) => bulk.connection.close(CLOSING_GAP, rng),
            Self::Quic(_) | Self::Rtp(_) => Vec::new(),
        }
    }

    /// Whether nothing is left.
    pub(crate) fn is_done(&self) -> bool {
        match self {
            Self::Tcp(bulk) => bulk.left == 0 && bulk.planned.is_empty(),
            Self::Quic(bulk) => bulk.left == 0,
            Self::Rtp(bulk) => bulk.left == 0,
        }
    }

    /// Mean time between frames in nanoseconds; at least one.
    pub(crate) fn gap(&self) -> u64 {
        match self {
            Self::Tcp(bulk) => bulk.gap,
            Self::Quic(bulk) => bulk.gap,
            Self::Rtp(bulk) => bulk.gap,
        }
        .max(1)
    }
}

impl TcpBulk {
    /// Sends `len` octets over an open connection within about `duration` nanoseconds.
    pub(crate) fn new(
        connection: Connection,
        in_records: bool,
        len: u64,
        duration: u64,
        rng: &mut Rng,
    ) -> Self {
        let main = if rng.chance(850) || !in_records {
            Direction::Down
        } else {
            Direction::Up
        };
        let segments_per_ack = if rng.chance(600) { 1 } else { 2 };
        let segments = len / connection.segment_size() as u64 + 1;
        Self {
            connection,
            main,
            in_records,
            left: len,
            gap: duration / (segments + segments / segments_per_ack),
            segments_per_ack,
            unacknowledged: 0,
            planned: VecDeque::new(),
            sent: [rng.below(64) * RECORD_PERIOD; 2],
        }
    }

    fn send(&mut self, pool: &Pool, rng: &mut Rng, frame: &mut Vec<u8>) {
        if self.planned.is_empty() {
            self.plan(rng);
        }
        if let Some(it) = self.planned.pop_front() {
            let mut payload = pool.cut(it.position, it.len).to_vec();
            if self.in_records {
                put_record_headers(it.position, &mut payload);
            }
            self.connection
                .write(it.direction, it.seq, ACK, &payload, frame);
        }
    }

    /// Decides on the next segments: data, and now and then one that comes late, twice or never.
    fn plan(&mut self, rng: &mut Rng) {
        let mut first = self.data(self.main);
        let fate = rng.below(1000);
        if fate < LOST_PER_MILLE && self.left > 0 {
            // Its receiver has it, the capture has not: later segments acknowledge it.
            first = self.data(self.main);
            self.planned.push_back(first);
        } else if fate < REORDERED_BELOW && self.left > 0 {
            let second = self.data(self.main);
            self.planned.extend([second, first]);
        } else if fate < REPEATED_BELOW {
            self.planned.extend([first, first]);
        } else {
            self.planned.push_back(first);
        }
        self.unacknowledged += 1;
        if self.unacknowledged >= self.segments_per_ack {
            self.unacknowledged = 0;
            let back = self.main.reversed();
            let len = if self.in_records && rng.chance(20) {
                rng.between(40, 400) as usize
            } else {
                0
            };
            let answer = self.take(back, len);
            self.planned.push_back(answer);
        }
    }

    /// The next segment of data.
    fn data(&mut self, direction: Direction) -> Planned {
        let len = self.left.min(self.connection.segment_size() as u64);
        self.left -= len;
        self.take(direction, len as usize)
    }

    fn take(&mut self, direction: Direction, len: usize) -> Planned {
        let sent = &mut self.sent[usize::from(direction == Direction::Down)];
        let position = *sent;
        *sent += len as u64;
        Planned {
            direction,
            seq: self.connection.advance(direction, len),
            position,
            len,
        }
    }
}

impl QuicBulk {
    fn send(&mut self, pool: &Pool, rng: &mut Rng, frame: &mut Vec<u8>) {
        self.sent = self.sent.wrapping_add(1);
        let is_ack = self.sent.is_multiple_of(3);
        let (direction, dst, len) = if is_ack {
            (Direction::Up, &self.ids.server[..], 30)
        } else {
            let len = self.left.min(quic::DATAGRAM as u64);
            self.left -= len;
            (Direction::Down, &self.ids.client[..], len as usize)
        };
        let mut packet = Vec::with_capacity(quic::DATAGRAM + 16);
        quic::short_header(dst, rng, &mut packet);
        // A 1-RTT packet has at least 21 octets, or nobody could sample it.
        let len = len.saturating_sub(packet.len()).max(21);
        packet.extend_from_slice(pool.cut(rng.bits(), len));
        self.path.udp(direction, self.sent, &packet, frame);
    }
}

impl RtpBulk {
    fn send(&mut self, pool: &Pool, frame: &mut Vec<u8>) {
        self.left -= 1;
        self.sent = self.sent.wrapping_add(1);
        let (direction, source) = if self.sent.is_multiple_of(2) {
            (Direction::Up, self.source)
        } else {
            (Direction::Down, self.source.wrapping_add(1))
        };
        let number = self.sent / 2;
        let mut packet = vec![0x80, RTP_PCMA];
        packet.extend_from_slice(&number.to_be_bytes());
        packet.extend_from_slice(&(u32::from(number) * RTP_SAMPLES as u32).to_be_bytes());
        packet.extend_from_slice(&source.to_be_bytes());
        packet
            .extend_from_slice(pool.cut(u64::from(source) + u64::from(number) * 160, RTP_SAMPLES));
        self.path.udp(direction, self.sent, &packet, frame);
    }
}

/// Writes the record headers that fall into the octets at `position` of a stream of full records.
fn put_record_headers(position: u64, payload: &mut [u8]) {
    const HEADER: [u8; 5] = [
        tls::APPLICATION_DATA,
        3,
        3,
        (tls::MAX_RECORD >> 8) as u8,
        tls::MAX_RECORD as u8,
    ];
    let mut offset = position % RECORD_PERIOD;
    let mut at = 0;
    while at < payload.len() {
        if let Some(octet) = HEADER.get(offset as usize) {
            payload[at] = *octet;
            at += 1;
            offset += 1;
        } else {
            at += (RECORD_PERIOD - offset) as usize;
            offset = 0;
        }
    }
}

/// Segments of bulk in a thousand that the capture misses.
const LOST_PER_MILLE: u64 = 2;
/// Draws below this, and not lost: the segment comes after its successor.
const REORDERED_BELOW: u64 = 7;
/// Draws below this, and neither of these: the segment comes twice.
const REPEATED_BELOW: u64 = 12;

/// Octets from one record header to the next.
const RECORD_PERIOD: u64 = 5 + tls::MAX_RECORD as u64;

const CLOSING_GAP: u64 = 5_000_000;
const POOL: usize = 1 << 20;
const MAX_CUT: usize = 1 << 12;
const RTP_PCMA: u8 = 8;
const RTP_SAMPLES: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_header_may_straddle_segments() {
        let mut stream = vec![0; 40_000];
        let mut position = 0;
        for segment in stream.chunks_mut(1448) {
            put_record_headers(position, segment);
            position += segment.len() as u64;
        }
        let mut at = 0;
        let mut records = 0;
        while at + 5 <= stream.len() {
            assert_eq!(stream[at..at + 3], [23, 3, 3], "record {records}");
            at += 5 + usize::from(u16::from_be_bytes([stream[at + 3], stream[at + 4]]));
            records += 1;
        }
        assert_eq!(records, 3);
    }

    #[test]
    fn a_repeated_segment_has_the_same_octets() {
        let pool = Pool::new(&mut Rng::new(1));
        assert_eq!(pool.cut(77, 1448), pool.cut(77 + POOL as u64, 1448));
        assert_ne!(pool.cut(77, 1448), pool.cut(78, 1448));
    }
}
