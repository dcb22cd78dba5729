//! Data frames of IEEE 802.11, with or without a radiotap header.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use super::decoder::{Stop, Unwrap, Unwrapped};
use super::link::NOT_IP;
use super::outcome::{Closed, DecodeError, Skipped};
use super::span::Span;

impl Unwrap<'_> {
    /// Reads a radiotap header, <https://www.radiotap.org>.
    pub(super) fn radiotap<'a>(&mut self, mut span: Span<'a>) -> Unwrapped<'a> {
        let flags = radiotap_flags(span.clone()).unwrap_or_default();
        span.skip(2)?;
        let len = usize::from(u16::from_le_bytes(span.array()?));
        span.skip(len.checked_sub(4).ok_or(span.wrong())?)?;
        self.wireless(span, flags)
    }

    /// Reads a frame (IEEE 802.11 section 9.2); `flags` are those of radiotap.
    pub(super) fn wireless<'a>(&mut self, mut span: Span<'a>, flags: u8) -> Unwrapped<'a> {
        let [control, more] = span.array()?;
        // Version 0, data, and of those not the ones without data.
        if control & 0b0000_1111 != TYPE_DATA || control & SUBTYPE_NO_DATA != 0 {
            return Err(NOT_IP);
        }
        // Duration, three addresses and the sequence control.
        span.skip(20)?;
        let sequence = u16::from_le_bytes(span.array()?);
        if more & PROTECTED != 0 || more & MORE_FRAGMENTS != 0 || sequence & FRAGMENT_NUMBER != 0 {
            return Err(Stop::Skipped(Skipped::Closed(Closed::Other)));
        }
        let mut header_len: usize = 24;
        if more & TO_AND_FROM_DS == TO_AND_FROM_DS {
            span.skip(6)?;
            header_len = 30;
        }
        let mut several = false;
        if control & SUBTYPE_QOS != 0 {
            let [quality, _] = span.array()?;
            several = quality & AGGREGATED != 0;
            header_len = header_len.saturating_add(2);
            if more & ORDER != 0 {
                span.skip(4)?;
                header_len = header_len.saturating_add(4);
            }
        }
        if flags & DATA_PAD != 0 {
            span.skip(header_len.next_multiple_of(4).saturating_sub(header_len))?;
        }
        if several {
            // The first of the frames in this one: addresses, and a length.
            span.skip(12)?;
            let len = usize::from(span.u16()?);
            span.bound(len.min(span.declared()));
        }
        self.llc(span)
    }
}

/// The flags in a radiotap header; `None` if there are none.
fn radiotap_flags(mut span: Span<'_>) -> Option<u8> {
    const MORE_WORDS: u32 = 1 << 31;
    const HAS_TIME: u32 = 1;
    const HAS_FLAGS: u32 = 2;
    let read =
        |span: &mut Span<'_>| -> Result<u32, DecodeError> { Ok(u32::from_le_bytes(span.array()?)) };
    span.skip(4).ok()?;
    let present = read(&mut span).ok()?;
    let mut words: usize = 1;
    let mut last = present;
    // Ends since each word takes octets.
    while last & MORE_WORDS != 0 {
        last = read(&mut span).ok()?;
        words = words.saturating_add(1);
    }
    if present & HAS_TIME != 0 {
        // Aligned to eight octets; four stand before the words.
        span.skip(if words.is_multiple_of(2) { 4 } else { 0 })
            .ok()?;
        span.skip(8).ok()?;
    }
    match present & HAS_FLAGS {
        0 => None,
        _ => span.u8().ok(),
    }
}

const TYPE_DATA: u8 = 0b0000_1000;
const SUBTYPE_NO_DATA: u8 = 0b0100_0000;
const SUBTYPE_QOS: u8 = 0b1000_0000;
const TO_AND_FROM_DS: u8 = 0b0000_0011;
const MORE_FRAGMENTS: u8 = 0b0000_0100;
const PROTECTED: u8 = 0b0100_0000;
const ORDER: u8 = 0b1000_0000;
const FRAGMENT_NUMBER: u16 = 0x000f;
/// In the quality of service field: several frames in one.
const AGGREGATED: u8 = 0x80;
/// In the flags of radiotap: the header is padded to four octets.
const DATA_PAD: u8 = 0x20;
