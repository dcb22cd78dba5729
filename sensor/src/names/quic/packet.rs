//! Packets with a long header, and how they share a datagram.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use super::version::Rules;
use crate::reader::Reader;

/// A packet in a datagram.
pub(super) enum Packet<'a> {
    /// An Initial, all of it.
    Initial(Initial<'a>),
    /// An Initial whose end, or header, is not in the datagram.
    CutInitial,
    /// A 0-RTT or Handshake packet.
    Other,
}

/// An Initial that is still protected (RFC 9000 section 17.2.2).
///
/// ```text
/// first(1) version(4) dcid<0..20> scid<0..20> token<..> length | packet_number(1..4) payload tag
///                                                              ^ number_at
/// ```
pub(super) struct Initial<'a> {
    pub(super) rules: Rules,
    /// Destination connection id; the client's first one is what the keys are made of.
    pub(super) dcid: &'a [u8],
    /// Source connection id: what the sender wants to be called.
    pub(super) scid: &'a [u8],
    /// The packet from its first octet to its last.
    pub(super) octets: &'a [u8],
    /// Where the packet number begins.
    pub(super) number_at: usize,
    has_token: bool,
}

impl Initial<'_> {
    /// Whether keys may be made of this packet's own connection id.
    ///
    /// The id of a client's first Initial has 8 octets or more (RFC 9000 section 7.2); that of the
    /// one after a Retry is chosen by the server, but comes with a token. Packets of servers never
    /// carry a token, and mostly a shorter id, or none.
    pub(super) const fn may_be_first(&self) -> bool {
        self.has_token || self.dcid.len() >= MIN_FIRST_CONNECTION_ID
    }
}

/// Takes the next packet off a datagram; `None` if no more can be told apart.
///
/// Coalesced packets have long headers with a length (RFC 9000 section 12.2). Version Negotiation,
/// Retry, short headers and unknown versions extend to the end of the datagram.
pub(super) fn next<'a>(datagram: &mut Reader<'a>) -> Option<Packet<'a>> {
    let octets = datagram.rest();
    let first = datagram.u8()?;
    if first & FORM_LONG == 0 {
        return None;
    }
    let rules = Rules::of(datagram.u32()?)?;
    match rules.packet_type(first) {
        TYPE_INITIAL => {
            let initial = initial(octets, rules, datagram);
            if initial.is_none() {
                *datagram = Reader::new(&[]);
            }
            Some(initial.map_or(Packet::CutInitial, Packet::Initial))
        }
        TYPE_0RTT | TYPE_HANDSHAKE => {
            connection_id(datagram)?;
            connection_id(datagram)?;
            protected(datagram)?;
            Some(Packet::Other)
        }
        _ => None,
    }
}

fn initial<'a>(octets: &'a [u8], rules: Rules, datagram: &mut Reader<'a>) -> Option<Initial<'a>> {
    let dcid = connection_id(datagram)?;
    let scid = connection_id(datagram)?;
    let token_len = usize::try_from(varint(datagram)?).ok()?;
    datagram.skip(token_len)?;
    let protected_len = protected(datagram)?;
    let len = octets.len().checked_sub(datagram.len())?;
    Some(Initial {
        rules,
        dcid,
        scid,
        octets: octets.get(..len)?,
        number_at: len.checked_sub(protected_len)?,
        has_token: token_len > 0,
    })
}

fn connection_id<'a>(datagram: &mut Reader<'a>) -> Option<&'a [u8]> {
    let len = usize::from(datagram.u8()?);
    if len > MAX_CONNECTION_ID {
        return None;
    }
    datagram.take(len)
}

/// Skips what a packet's length field covers and returns its length.
fn protected(datagram: &mut Reader<'_>) -> Option<usize> {
    let len = usize::try_from(varint(datagram)?).ok()?;
    datagram.skip(len)?;
    Some(len)
}

/// Reads an integer of 1, 2, 4 or 8 octets (RFC 9000 section 16).
pub(super) fn varint(reader: &mut Reader<'_>) -> Option<u64> {
    let first = *reader.rest().first()?;
    match first >> 6 {
        0 => reader.u8().map(u64::from),
        1 => reader.u16().map(|it| u64::from(it & 0x3fff)),
        2 => reader.u32().map(|it| u64::from(it & 0x3fff_ffff)),
        _ => reader
            .array()
            .map(|it| u64::from_be_bytes(it) & 0x3fff_ffff_ffff_ffff),
    }
}

/// Header form bit: a long header (RFC 9000 section 17.2).
pub(super) const FORM_LONG: u8 = 0x80;
/// Packet type of Initials, as version 1 numbers it; see [`Rules::packet_type`].
pub(super) const TYPE_INITIAL: u8 = 0;
/// Packet type of 0-RTT packets.
const TYPE_0RTT: u8 = 1;
/// Packet type of Handshake packets.
const TYPE_HANDSHAKE: u8 = 2;
/// Longest connection id of the versions read (RFC 9000 section 17.2).
pub(super) const MAX_CONNECTION_ID: usize = 20;
/// Shortest connection id a client may choose for a server (RFC 9000 section 7.2).
const MIN_FIRST_CONNECTION_ID: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_those_of_the_rfc() {
        // RFC 9000 appendix A.1.
        let read = |octets: &[u8]| varint(&mut Reader::new(octets));
        let eight = [0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c];
        assert_eq!(read(&eight), Some(151_288_809_941_952_652));
        assert_eq!(read(&[0x9d, 0x7f, 0x3e, 0x7d]), Some(494_878_333));
        assert_eq!(read(&[0x7b, 0xbd]), Some(15_293));
        assert_eq!(read(&[0x25]), Some(37));
        assert_eq!(read(&[0x40, 0x25]), Some(37));
        for len in 0..8 {
            assert_eq!(read(&eight[..len]), None);
        }
    }
}
