//! TCP and UDP headers.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use super::outcome::{DecodeError, Layer};
use super::{TcpFlags, TcpHeader, TransportHeader};

/// A transport header, its payload, and the length that the headers declare for the payload.
pub(super) type Segment<'a> = Result<(TransportHeader, &'a [u8], usize), DecodeError>;

/// Reads a TCP header (RFC 9293 section 3.1) of a segment of `declared` octets.
///
/// Only the fixed part needs to be there; a segment cut in its options has no payload.
#[inline]
pub(super) fn tcp(octets: &[u8], declared: usize) -> Segment<'_> {
    let Some((fixed, _)) = octets.split_first_chunk::<20>() else {
        return Err(short(20, octets));
    };
    let &[
        s0,
        s1,
        d0,
        d1,
        q0,
        q1,
        q2,
        q3,
        a0,
        a1,
        a2,
        a3,
        data_offset,
        flags,
        ..,
    ] = fixed;
    let header_len = usize::from(data_offset >> 4) << 2;
    let (20.., Some(declared)) = (header_len, declared.checked_sub(header_len)) else {
        return Err(LENGTH);
    };
    let header = TcpHeader {
        src_port: u16::from_be_bytes([s0, s1]),
        dst_port: u16::from_be_bytes([d0, d1]),
        seq: u32::from_be_bytes([q0, q1, q2, q3]),
        ack: u32::from_be_bytes([a0, a1, a2, a3]),
        flags: TcpFlags(flags),
    };
    let payload = octets.get(header_len..).unwrap_or_default();
    Ok((TransportHeader::Tcp(header), payload, declared))
}

/// Reads a UDP header (RFC 768) in an IP payload of `declared` octets.
#[inline]
pub(super) fn udp(octets: &[u8], declared: usize) -> Segment<'_> {
    let Some((fixed, payload)) = octets.split_first_chunk::<8>() else {
        return Err(short(8, octets));
    };
    let &[s0, s1, d0, d1, len_high, len_low, _, _] = fixed;
    let in_ip = declared.saturating_sub(8);
    // Zero stands for a length that does not fit the field (RFC 2675 section 4).
    let declared = match usize::from(u16::from_be_bytes([len_high, len_low])) {
        0 => in_ip,
        len => len.checked_sub(8).ok_or(LENGTH)?.min(in_ip),
    };
    let header = TransportHeader::Udp {
        src_port: u16::from_be_bytes([s0, s1]),
        dst_port: u16::from_be_bytes([d0, d1]),
    };
    let payload = payload.get(..declared).unwrap_or(payload);
    Ok((header, payload, declared))
}

fn short(needed: usize, octets: &[u8]) -> DecodeError {
    DecodeError::Short {
        layer: Layer::Transport,
        missing: needed.saturating_sub(octets.len()),
    }
}

const LENGTH: DecodeError = DecodeError::Length {
    layer: Layer::Transport,
};
