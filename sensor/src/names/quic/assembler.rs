//! The beginning of a CRYPTO stream, out of pieces in any order.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use crate::names::tls::MAX_HELLO;

/// Pieces of the first [`MAX_HELLO`] octets of a stream.
///
/// Invariant: `pieces` is in order of offset, no two cover the same octet, and each lies within
/// `held`. So `held` is never longer than [`MAX_HELLO`]. Octets that come twice are kept as they
/// came first.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    /// Octets of the pieces, in order of arrival.
    held: Vec<u8>,
    pieces: Vec<Piece>,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    /// Offset in the stream.
    offset: usize,
    len: usize,
    /// Where in `held` it lies.
    at: usize,
}

impl Piece {
    const fn end(self) -> usize {
        self.offset.saturating_add(self.len)
    }
}

impl Assembler {
    /// Keeps what is new of `octets`. Those past [`MAX_HELLO`] are left out.
    ///
    /// Returns `false` if not all could be kept, as there are [`MAX_PIECES`] already.
    #[must_use]
    pub(super) fn insert(&mut self, offset: u64, octets: &[u8]) -> bool {
        let Ok(mut offset) = usize::try_from(offset) else {
            return true;
        };
        let room = MAX_HELLO.saturating_sub(offset);
        let mut rest = octets.get(..room).unwrap_or(octets);
        let mut next = self.pieces.partition_point(|it| it.end() <= offset);
        while !rest.is_empty() {
            let covered = match self.pieces.get(next) {
                Some(piece) if piece.offset <= offset => {
                    next = next.saturating_add(1);
                    piece.end().saturating_sub(offset).min(rest.len())
                }
                following => {
                    let gap = following.map_or(rest.len(), |it| it.offset.saturating_sub(offset));
                    let new = rest.get(..gap).unwrap_or(rest);
                    let Some(after) = self.keep(next, offset, new) else {
                        return false;
                    };
                    next = after;
                    new.len()
                }
            };
            offset = offset.saturating_add(covered);
            rest = rest.get(covered..).unwrap_or_default();
        }
        true
    }

    /// Whether `octets` are the same as those kept, where they are of the same place.
    pub(super) fn agrees(&self, offset: u64, octets: &[u8]) -> bool {
        let Ok(offset) = usize::try_from(offset) else {
            return true;
        };
        let end = offset.saturating_add(octets.len());
        let first = self.pieces.partition_point(|it| it.end() <= offset);
        let pieces = self.pieces.get(first..).unwrap_or_default();
        pieces.iter().take_while(|it| it.offset < end).all(|piece| {
            let (from, to) = (piece.offset.max(offset), piece.end().min(end));
            let within = |start: usize| from.saturating_sub(start)..to.saturating_sub(start);
            octets.get(within(offset)) == self.octets(*piece).get(within(piece.offset))
        })
    }

    /// The octets from the beginning of the stream to the first that is missing, joined in
    /// `scratch` if they came out of order.
    pub(super) fn prefix<'a>(&'a self, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        let mut end = 0;
        let count = self
            .pieces
            .iter()
            .take_while(|it| {
                let is_next = it.offset == end;
                end = it.end();
                is_next
            })
            .count();
        match self.pieces.get(..count).unwrap_or_default() {
            [only] => self.octets(*only),
            pieces => {
                scratch.clear();
                for piece in pieces {
                    scratch.extend_from_slice(self.octets(*piece));
                }
                scratch
            }
        }
    }

    /// Puts that same beginning into `scratch`.
    pub(super) fn join(&self, scratch: &mut Vec<u8>) {
        scratch.clear();
        for piece in &self.pieces {
            if piece.offset != scratch.len() {
                break;
            }
            scratch.extend_from_slice(self.octets(*piece));
        }
    }

    /// Whether nothing has been kept.
    pub(super) const fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Octets of memory in use.
    pub(super) const fn held_octets(&self) -> usize {
        let pieces = self.pieces.capacity().saturating_mul(size_of::<Piece>());
        self.held.capacity().saturating_add(pieces)
    }

    /// Keeps octets that no piece covers, before the piece at `index`. Returns the index of the
    /// piece after them; `None` if there are too many.
    fn keep(&mut self, index: usize, offset: usize, new: &[u8]) -> Option<usize> {
        let at = self.held.len();
        let before = index.checked_sub(1).and_then(|it| self.pieces.get_mut(it));
        if let Some(before) = before
            && before.end() == offset
            && before.at.saturating_add(before.len) == at
        {
            before.len = before.len.saturating_add(new.len());
            self.held.extend_from_slice(new);
            return Some(index);
        }
        if self.pieces.len() >= MAX_PIECES {
            return None;
        }
        self.held.extend_from_slice(new);
        let len = new.len();
        self.pieces.insert(index, Piece { offset, len, at });
        index.checked_add(1)
    }

    fn octets(&self, piece: Piece) -> &[u8] {
        self.held
            .get(piece.at..piece.at.saturating_add(piece.len))
            .unwrap_or_default()
    }
}

/// Pieces kept apart from one another. Clients that shuffle cut a hello into about ten.
const MAX_PIECES: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pieces_in_order_are_one_piece() {
        let mut assembler = Assembler::default();
        for offset in 0..100 {
            assert!(assembler.insert(offset, b"x"));
        }
        assert_eq!(assembler.pieces.len(), 1);
        assert_eq!(prefix(&assembler), b"x".repeat(100));
    }

    #[test]
    fn the_first_copy_of_an_octet_stays() {
        let mut assembler = Assembler::default();
        assert!(assembler.insert(2, b"CD"));
        assert!(assembler.insert(0, b"abcdef"));
        assert_eq!(prefix(&assembler), b"abCDef");
        assert_eq!(assembler.held.len(), 6);
    }

    #[test]
    fn a_gap_ends_the_prefix() {
        let mut assembler = Assembler::default();
        assert!(assembler.insert(3, b"d"));
        assert_eq!(prefix(&assembler), b"");
        assert!(assembler.insert(0, b"ab"));
        assert_eq!(prefix(&assembler), b"ab");
        assert!(assembler.insert(2, b"c"));
        assert_eq!(prefix(&assembler), b"abcd");
    }

    #[test]
    fn other_octets_in_a_place_that_is_kept_contradict_it() {
        let mut assembler = Assembler::default();
        assert!(assembler.insert(2, b"cd"));
        assert!(assembler.insert(6, b"gh"));
        for (offset, octets) in [
            (0, &b"abcdefghij"[..]),
            (3, b"defg"),
            (4, b"xy"),
            (0, b"xy"),
            (8, b"xy"),
            (2, b""),
            (u64::MAX >> 2, b"xy"),
        ] {
            assert!(assembler.agrees(offset, octets), "{offset}");
        }
        for (offset, octets) in [(0, &b"abxd"[..]), (3, b"x"), (3, b"defx"), (7, b"xi")] {
            assert!(!assembler.agrees(offset, octets), "{offset}");
        }
    }

    #[test]
    fn what_lies_past_the_bound_is_left_out() {
        let mut assembler = Assembler::default();
        assert!(assembler.insert(MAX_HELLO as u64 - 2, b"abc"));
        assert!(assembler.insert(MAX_HELLO as u64, b"abc"));
        assert!(assembler.insert(u64::MAX >> 2, b"abc"));
        assert_eq!(assembler.held, b"ab");
    }

    #[test]
    fn one_piece_too_many_is_refused_and_repeats_are_not() {
        let mut assembler = Assembler::default();
        for index in 0..MAX_PIECES as u64 {
            assert!(assembler.insert(index * 2, b"x"));
        }
        assert!(!assembler.insert(MAX_PIECES as u64 * 2, b"x"));
        assert!(assembler.insert(0, b"x"));
    }

    proptest! {
        #[test]
        fn any_order_of_any_pieces_yields_what_was_sent(
            pieces in prop::collection::vec((0_usize..300, 1_usize..60), 0..40),
        ) {
            let sent: Vec<u8> = (0..=255).cycle().take(360).collect();
            let mut assembler = Assembler::default();
            let mut seen = vec![false; sent.len()];
            for (offset, len) in pieces {
                prop_assert!(assembler.insert(offset as u64, &sent[offset..offset + len]));
                seen[offset..offset + len].fill(true);
                let end = seen.iter().take_while(|it| **it).count();
                prop_assert_eq!(prefix(&assembler), &sent[..end]);
                let new = seen.iter().filter(|it| **it).count();
                prop_assert_eq!(assembler.held.len(), new);
            }
        }
    }

    fn prefix(assembler: &Assembler) -> Vec<u8> {
        assembler.prefix(&mut Vec::new()).to_vec()
    }
}
