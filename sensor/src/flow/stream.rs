//! Ordered first octets of one direction of a TCP connection.
//!
//! Segments come in any order, repeated and overlapping. A [`Stream`] yields the longest prefix
//! without a gap, counted from its base. Of octets that come twice the first copy counts; whoever
//! finds that the prefix makes no sense may start a new stream at a later segment.
//!
//! Invariant: pieces are sorted by their distance from the base, and the first one begins behind
//! the end of the prefix.

/// A message in the making.
#[derive(Debug, Default)]
pub struct Stream {
    /// Sequence number of the first octet of the prefix, once it is known.
    base: Option<u32>,
    prefix: Vec<u8>,
    pieces: Vec<(u32, Box<[u8]>)>,
    held: usize,
}

/// What became of a segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Inserted {
    /// The prefix has grown.
    Grown,
    /// The prefix is as before.
    Same,
    /// A bound was reached: the message will not be whole.
    Full,
}

impl Stream {
    /// A stream that starts at that sequence number; `None` while the start is not known.
    #[must_use]
    pub const fn new(base: Option<u32>) -> Self {
        Self {
            base,
            prefix: Vec::new(),
            pieces: Vec::new(),
            held: 0,
        }
    }

    /// Adds a segment whose first octet has sequence number `seq`.
    pub fn insert(&mut self, seq: u32, payload: &[u8]) -> Inserted {
        if payload.is_empty() {
            return Inserted::Same;
        }
        let Some(base) = self.base else {
            return self.keep(seq, payload);
        };
        let before = self.prefix.len();
        let distance = seq.wrapping_sub(base);
        if distance > WINDOW && distance.wrapping_neg() > WINDOW {
            return Inserted::Same;
        }
        if distance.cast_signed() > before_as_distance(before) {
            return self.keep(seq, payload);
        }
        self.append(seq, payload);
        self.join_pieces();
        if self.held_octets() > MAX_STREAM {
            Inserted::Full
        } else if self.prefix.len() > before {
            Inserted::Grown
        } else {
            Inserted::Same
        }
    }

    /// Declares that the message begins at `seq`; pieces that came before are put behind it.
    pub fn start_at(&mut self, seq: u32) {
        self.base = Some(seq);
        self.prefix.clear();
        let pieces = std::mem::take(&mut self.pieces);
        self.held = 0;
        for (at, piece) in pieces {
            let ahead = at.wrapping_sub(seq).cast_signed();
            if ahead >= 0 {
                self.insert(at, &piece);
            }
        }
    }

    /// Drops `len` octets of the prefix that have been read, so that the next message is in front.
    pub fn consume(&mut self, len: usize) {
        let len = len.min(self.prefix.len());
        self.prefix.drain(..len);
        let step = u32::try_from(len).unwrap_or(u32::MAX);
        self.base = self.base.map(|it| it.wrapping_add(step));
    }

    /// Gives up the gap behind the prefix: the first piece becomes the start. `false` if there is
    /// none.
    pub fn skip_gap(&mut self) -> bool {
        let Some(first) = self.pieces.first().map(|it| it.0) else {
            return false;
        };
        self.start_at(first);
        true
    }

    /// The octets from the base to the first gap.
    #[must_use]
    pub fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// Sequence number of the first octet of the prefix, if known.
    #[must_use]
    pub const fn base(&self) -> Option<u32> {
        self.base
    }

    /// Pieces behind a gap.
    #[must_use]
    pub const fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// Octets held, prefix and pieces.
    #[must_use]
    pub const fn held_octets(&self) -> usize {
        self.prefix.len() + self.held
    }

    /// Octets of memory that it takes, about.
    #[must_use]
    pub const fn memory_octets(&self) -> usize {
        size_of::<Self>()
            + self.prefix.capacity()
            + self.held
            + self.pieces.capacity() * size_of::<(u32, Box<[u8]>)>()
            + self.pieces.len() * ALLOCATION
    }

    fn append(&mut self, seq: u32, payload: &[u8]) {
        let Some(base) = self.base else { return };
        let end = base.wrapping_add(u32::try_from(self.prefix.len()).unwrap_or(u32::MAX));
        let overlap = end.wrapping_sub(seq) as usize;
        if let Some(fresh) = payload.get(overlap..) {
            self.prefix.extend_from_slice(fresh);
        }
    }

    fn keep(&mut self, seq: u32, payload: &[u8]) -> Inserted {
        let is_held = |it: &(u32, Box<[u8]>)| it.0 == seq && it.1.len() >= payload.len();
        if self.pieces.iter().any(is_held) {
            return Inserted::Same;
        }
        if self.pieces.len() >= MAX_PIECES || self.held_octets() + payload.len() > MAX_STREAM {
            return Inserted::Full;
        }
        let origin = self
            .base
            .or(self.pieces.first().map(|it| it.0))
            .unwrap_or(seq);
        let distance = |it: u32| it.wrapping_sub(origin).cast_signed();
        let place = self
            .pieces
            .partition_point(|it| distance(it.0) <= distance(seq));
        self.pieces.insert(place, (seq, payload.into()));
        self.held += payload.len();
        Inserted::Same
    }

    fn join_pieces(&mut self) {
        while let (Some(base), Some((seq, _))) = (self.base, self.pieces.first()) {
            let ahead = seq.wrapping_sub(base).cast_signed();
            if ahead > before_as_distance(self.prefix.len()) {
                break;
            }
            let (seq, piece) = self.pieces.remove(0);
            self.held -= piece.len();
            self.append(seq, &piece);
        }
    }
}

fn before_as_distance(len: usize) -> i32 {
    i32::try_from(len).unwrap_or(i32::MAX)
}

/// Most octets of one message in the making: a hello of the largest size any parser takes.
pub const MAX_STREAM: usize = 72 * 1024;

/// Most pieces behind gaps: 64 segments of 1448 octets are more than any hello.
pub const MAX_PIECES: usize = 64;

/// Octets that an allocation takes beside what it holds, about.
const ALLOCATION: usize = 16;

/// Segments farther than this from the base are not of this message.
const WINDOW: u32 = 1 << 20;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn segments_in_order_make_the_prefix() {
        let mut stream = Stream::new(Some(u32::MAX - 1));
        assert_eq!(stream.insert(u32::MAX - 1, b"abc"), Inserted::Grown);
        assert_eq!(stream.insert(1, b"def"), Inserted::Grown);
        assert_eq!(stream.prefix(), b"abcdef");
    }

    #[test]
    fn a_gap_waits_for_its_octets() {
        let mut stream = Stream::new(Some(10));
        assert_eq!(stream.insert(13, b"def"), Inserted::Same);
        assert_eq!(stream.insert(10, b"abc"), Inserted::Grown);
        assert_eq!(stream.prefix(), b"abcdef");
        assert_eq!(stream.pieces(), 0);
    }

    #[test]
    fn the_first_copy_counts() {
        let mut stream = Stream::new(Some(10));
        stream.insert(10, b"abc");
        assert_eq!(stream.insert(10, b"xyzdef"), Inserted::Grown);
        assert_eq!(stream.prefix(), b"abcdef");
    }

    #[test]
    fn a_start_found_late_takes_the_pieces_behind_it() {
        let mut stream = Stream::new(None);
        stream.insert(13, b"def");
        stream.insert(4, b"old");
        stream.start_at(10);
        stream.insert(10, b"abc");
        assert_eq!(stream.prefix(), b"abcdef");
    }

    #[test]
    fn read_octets_are_dropped_and_the_stream_goes_on() {
        let mut stream = Stream::new(Some(10));
        stream.insert(10, b"abcdef");
        stream.consume(4);
        stream.insert(16, b"gh");
        assert_eq!(stream.prefix(), b"efgh");
        stream.insert(20, b"kl");
        assert!(stream.skip_gap());
        assert_eq!(
            (stream.base(), stream.prefix()),
            (Some(20), b"kl".as_slice())
        );
    }

    #[test]
    fn a_segment_that_comes_again_behind_a_gap_takes_no_more_room() {
        let mut stream = Stream::new(Some(10));
        for _ in 0..2 * MAX_PIECES {
            assert_eq!(stream.insert(13, b"def"), Inserted::Same);
        }
        assert_eq!((stream.pieces(), stream.held_octets()), (1, 3));
        assert_eq!(stream.insert(10, b"abc"), Inserted::Grown);
        assert_eq!(stream.prefix(), b"abcdef");
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut stream = Stream::new(Some(0));
        let segment = [7; 1448];
        let mut result = Inserted::Same;
        for number in 1..200 {
            result = stream.insert(number * 2000, &segment);
        }
        assert_eq!(result, Inserted::Full);
        assert!(stream.held_octets() <= MAX_STREAM);
    }

    proptest! {
        #[test]
        fn any_order_overlap_repeat_and_loss_gives_a_prefix_of_what_was_sent(
            base: u32,
            sent in proptest::collection::vec(any::<u8>(), 1..600),
            cuts in proptest::collection::vec((0usize..600, 1usize..200), 1..30),
        ) {
            let mut stream = Stream::new(Some(base));
            let mut covered = vec![false; sent.len()];
            for (start, len) in cuts {
                let start = start.min(sent.len() - 1);
                let end = (start + len).min(sent.len());
                stream.insert(base.wrapping_add(start as u32), &sent[start..end]);
                covered[start..end].fill(true);
            }
            let whole = covered.iter().position(|it| !it).unwrap_or(sent.len());
            prop_assert_eq!(stream.prefix(), &sent[..whole]);
        }
    }
}
