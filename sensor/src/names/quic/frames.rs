//! Frames that Initials may hold (RFC 9000 sections 12.4 and 19).
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use super::packet::varint;
use crate::reader::Reader;

/// The CRYPTO frames of a decrypted Initial: offset in the stream, and octets.
///
/// Skips PADDING, PING and ACK. Ends at anything else: at CONNECTION_CLOSE, which no hello follows,
/// and at what Initials may not hold.
pub(super) struct CryptoFrames<'a> {
    rest: Reader<'a>,
    crypto_frame: u8,
}

impl<'a> CryptoFrames<'a> {
    /// `crypto_frame` is the frame type that the version gives CRYPTO frames.
    pub(super) const fn new(payload: &'a [u8], crypto_frame: u8) -> Self {
        Self {
            rest: Reader::new(payload),
            crypto_frame,
        }
    }

    /// Octets behind the frame that was given last.
    pub(super) const fn rest_len(&self) -> usize {
        self.rest.len()
    }
}

impl<'a> Iterator for CryptoFrames<'a> {
    type Item = (u64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.rest.u8()? {
                PADDING => {
                    let padding = self.rest.rest().iter().take_while(|it| **it == PADDING);
                    self.rest.skip(padding.count())?;
                }
                PING => {}
                ACK => skip_ack(&mut self.rest)?,
                ACK_ECN => {
                    skip_ack(&mut self.rest)?;
                    for _count in 0..3 {
                        varint(&mut self.rest)?;
                    }
                }
                kind if kind == self.crypto_frame => {
                    let offset = varint(&mut self.rest)?;
                    let len = usize::try_from(varint(&mut self.rest)?).ok()?;
                    return Some((offset, self.rest.take(len)?));
                }
                _ => return None,
            }
        }
    }
}

/// Skips an ACK frame behind its type: largest, delay, count of ranges, first range, then a gap and
/// a length a range (RFC 9000 section 19.3).
fn skip_ack(rest: &mut Reader<'_>) -> Option<()> {
    varint(rest)?;
    varint(rest)?;
    let ranges = varint(rest)?;
    varint(rest)?;
    // Each turn takes octets, so that they bound the count.
    for _range in 0..ranges {
        varint(rest)?;
        varint(rest)?;
    }
    Some(())
}

const PADDING: u8 = 0x00;
const PING: u8 = 0x01;
const ACK: u8 = 0x02;
const ACK_ECN: u8 = 0x03;

#[cfg(test)]
mod tests {
    use super::super::version::CRYPTO;
    use super::*;

    #[test]
    fn crypto_frames_are_found_among_the_others() {
        let payload = [
            &[0, 0, 0][..],
            &[1],
            &[2, 9, 0, 2, 1, 0, 1, 0x40, 0x02, 3],
            &[6, 5, 2, b'a', b'b'],
            &[1, 0, 1],
            &[3, 9, 0, 0, 0, 1, 1, 1],
            &[6, 0x40, 0x00, 0x40, 0x01, b'c'],
            &[0, 0],
        ]
        .concat();
        let frames: Vec<_> = CryptoFrames::new(&payload, CRYPTO).collect();
        assert_eq!(frames, [(5, &b"ab"[..]), (0, b"c")]);
    }

    #[test]
    fn a_frame_that_initials_may_not_hold_ends_them() {
        for frame in [0x04, 0x08, 0x1c, 0x1d, 0x1e, 0x40, 0xff] {
            let payload = [6, 0, 1, b'a', frame, 6, 1, 1, b'b'];
            let frames: Vec<_> = CryptoFrames::new(&payload, CRYPTO).collect();
            assert_eq!(frames, [(0, &b"a"[..])], "frame {frame:#x}");
        }
    }

    #[test]
    fn the_type_of_crypto_frames_is_that_of_the_version() {
        let payload = [0, 8, 0, 1, b'a', 6, 1, 1, b'b'];
        let frames: Vec<_> = CryptoFrames::new(&payload, 8).collect();
        assert_eq!(frames, [(0, &b"a"[..])]);
    }

    #[test]
    fn a_frame_that_breaks_off_is_left_out() {
        let payload = [6, 0, 1, b'a', 2, 9, 0, 0, 0, 6, 1, 2, b'b', b'c'];
        let whole = CryptoFrames::new(&payload, CRYPTO).count();
        for len in 0..payload.len() {
            let frames: Vec<_> = CryptoFrames::new(&payload[..len], CRYPTO).collect();
            assert_eq!(frames.len(), usize::from(len >= 4), "{len} octets");
        }
        assert_eq!(whole, 2);
    }

    #[test]
    fn a_huge_count_of_ack_ranges_ends_with_the_octets() {
        let payload = [&[2, 0, 0, 0xff][..], &[0xff; 7], &[0; 900]].concat();
        assert_eq!(CryptoFrames::new(&payload, CRYPTO).count(), 0);
    }
}
