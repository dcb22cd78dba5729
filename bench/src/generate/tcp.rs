//! The TCP connections of the generated hosts: sequence numbers, options, opening and closing.

use super::flow::Step;
use super::frame::{ACK, Direction, FIN, PSH, Path, RST, SYN, TcpFields};
use super::rng::Rng;

/// Both ends of a connection.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Where it runs.
    pub(crate) path: Path,
    up: Half,
    down: Half,
}

/// What one end has sent.
#[derive(Debug)]
struct Half {
    next_seq: u32,
    id: u16,
    /// Value of the timestamp option (RFC 7323 section 3); goes up by one a segment.
    clock: u32,
}

impl Connection {
    /// A connection that is not yet open.
    pub(crate) fn new(path: Path, rng: &mut Rng) -> Self {
        let mut half = || Half {
            next_seq: rng.bits() as u32,
            id: rng.word(),
            clock: rng.bits() as u32,
        };
        Self {
            path,
            up: half(),
            down: half(),
        }
    }

    /// The three segments that open it.
    pub(crate) fn open(&mut self, round_trip: u64) -> Vec<Step> {
        vec![
            Step::new(0, self.segment(Direction::Up, SYN, &[])),
            Step::new(round_trip, self.segment(Direction::Down, SYN | ACK, &[])),
            Step::new(round_trip / 8, self.segment(Direction::Up, ACK, &[])),
        ]
    }

    /// The segments that close it: both ends finish, or the client resets one time in twenty.
    pub(crate) fn close(&mut self, round_trip: u64, rng: &mut Rng) -> Vec<Step> {
        if rng.chance(50) {
            return vec![Step::new(
                round_trip,
                self.segment(Direction::Up, RST | ACK, &[]),
            )];
        }
        vec![
            Step::new(round_trip, self.segment(Direction::Up, FIN | ACK, &[])),
            Step::new(round_trip, self.segment(Direction::Down, FIN | ACK, &[])),
            Step::new(round_trip / 8, self.segment(Direction::Up, ACK, &[])),
        ]
    }

    /// Makes the next segment of one end.
    pub(crate) fn segment(&mut self, direction: Direction, flags: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        let seq = self.advance(direction, payload.len());
        self.write(direction, seq, flags, payload, &mut frame);
        if flags & (SYN | FIN) != 0 {
            self.advance(direction, 1);
        }
        frame
    }

    /// Makes the segments of a message of one end, cut at `cuts` and at the maximum segment size.
    pub(crate) fn message(
        &mut self,
        direction: Direction,
        message: &[u8],
        cuts: &[usize],
    ) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        let mut start = 0;
        for &end in cuts.iter().chain([&message.len()]) {
            for chunk in message[start..end].chunks(self.segment_size()) {
                frames.push(self.segment(direction, ACK | PSH, chunk));
            }
            start = end;
        }
        frames
    }

    /// Takes the sequence number of the next octet, and moves on by `len` octets.
    pub(crate) const fn advance(&mut self, direction: Direction, len: usize) -> u32 {
        let half = self.half(direction);
        let seq = half.next_seq;
        half.next_seq = seq.wrapping_add(len as u32);
        seq
    }

    /// Writes a segment that starts at `seq` and acknowledges all that the other end has sent.
    pub(crate) fn write(
        &mut self,
        direction: Direction,
        seq: u32,
        flags: u8,
        payload: &[u8],
        frame: &mut Vec<u8>,
    ) {
        let other = self.half(direction.reversed());
        let (their_seq, their_clock) = (other.next_seq, other.clock);
        let half = self.half(direction);
        half.id = half.id.wrapping_add(1);
        half.clock = half.clock.wrapping_add(1);
        let (id, clock) = (half.id, half.clock);
        let has_ack = flags & ACK != 0;
        let ack = if has_ack { their_seq } else { 0 };
        let echo = if has_ack { their_clock } else { 0 };
        let mut options = [0; 20];
        let options = if flags & SYN == 0 {
            options[..4].copy_from_slice(&[1, 1, 8, 10]);
            options[4..8].copy_from_slice(&clock.to_be_bytes());
            options[8..12].copy_from_slice(&echo.to_be_bytes());
            &options[..12]
        } else {
            let size = (self.segment_size() as u16 + 12).to_be_bytes();
            options[..8].copy_from_slice(&[2, 4, size[0], size[1], 4, 2, 8, 10]);
            options[8..12].copy_from_slice(&clock.to_be_bytes());
            options[12..16].copy_from_slice(&echo.to_be_bytes());
            options[16..].copy_from_slice(&[1, 3, 3, 7]);
            &options[..]
        };
        let fields = TcpFields {
            seq,
            ack,
            flags,
            options,
        };
        self.path.tcp(direction, id, &fields, payload, frame);
    }

    /// Octets of payload in a full segment: what an MTU of 1,500 leaves.
    pub(crate) const fn segment_size(&self) -> usize {
        if self.path.is_v6() { 1428 } else { 1448 }
    }

    const fn half(&mut self, direction: Direction) -> &mut Half {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_follow_one_another() {
        let path = Path {
            client: "10.0.0.1:4000".parse().unwrap(),
            server: "198.18.0.1:443".parse().unwrap(),
            vlan: None,
        };
        let mut connection = Connection::new(path, &mut Rng::new(1));
        let word = |frame: &[u8], at: usize| {
            u32::from_be_bytes([frame[at], frame[at + 1], frame[at + 2], frame[at + 3]])
        };
        let opening = connection.open(100);
        let (syn, syn_ack) = (&opening[0].frame, &opening[1].frame);
        assert_eq!(word(syn_ack, 42), word(syn, 38).wrapping_add(1));
        let frames = connection.message(Direction::Up, &[7; 2000], &[100]);
        let payloads: Vec<usize> = frames.iter().map(|it| it.len() - 66).collect();
        assert_eq!(payloads, [100, 1448, 452]);
        assert_eq!(word(&frames[0], 38), word(syn, 38).wrapping_add(1));
        assert_eq!(word(&frames[2], 38), word(syn, 38).wrapping_add(1549));
        let closing = connection.close(100, &mut Rng::new(1));
        assert_eq!(
            word(&closing[0].frame, 38),
            word(syn, 38).wrapping_add(2001)
        );
    }
}
