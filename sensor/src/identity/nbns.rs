//! The NetBIOS name service (RFC 1001, RFC 1002): which name a host registers, or answers to.
//!
//! A datagram of port 137 comes in. Registrations and refreshes of the sender's own address count,
//! answers of the sender about its own address, and its table of names (node status). Group names, and
//! the names of services other than the workstation's and the file server's, say nothing of a host. The
//! hardware address in the table is left alone: it is that of any of the host's interfaces.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use super::{Source, Statement};
use crate::host::Address;
use crate::names::{Malformed, Name};
use crate::reader::Reader;

/// A name of a host: fifteen octets without the spaces at their end, and what they are the name of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct NodeName {
    name: Option<Name>,
    suffix: u8,
}

/// What a message that `sender` sent says of it; `None` if nothing.
///
/// # Errors
///
/// [`Malformed`] if a field is cut off, or a name is not encoded as section 4.1 of RFC 1002 says.
pub fn statement(octets: &[u8], sender: Address) -> Result<Option<Statement>, Malformed> {
    let mut reader = Reader::new(octets);
    reader.skip(2).ok_or(Malformed::at("NAME_TRN_ID"))?;
    let flags = reader.u16().ok_or(Malformed::at("flags"))?;
    let mut count = || reader.u16().ok_or(Malformed::at("counts"));
    let (questions, answers, _, additional) = (count()?, count()?, count()?, count()?);
    let is_response = flags & FLAG_RESPONSE != 0;
    let opcode = flags >> 11 & 0x0f;
    let records = match (is_response, opcode) {
        (true, OPCODE_QUERY) if flags & RCODE == 0 => answers,
        (false, OPCODE_REGISTRATION | OPCODE_REFRESH | OPCODE_REFRESH_TOO | OPCODE_MULTIHOMED) => {
            additional
        }
        _ => return Ok(None),
    };
    if questions > 1 || records == 0 {
        return Ok(None);
    }
    let mut asked = None;
    for _ in 0..questions {
        asked = name(&mut reader, None)?;
        reader.skip(4).ok_or(Malformed::at("QUESTION_TYPE"))?;
    }
    let owner = name(&mut reader, asked)?;
    let kind = reader.u16().ok_or(Malformed::at("RR_TYPE"))?;
    reader.skip(6).ok_or(Malformed::at("TTL"))?;
    let mut data = reader.sub_u16().ok_or(Malformed::at("RDATA"))?;
    let name = match kind {
        TYPE_NB => registered(&mut data, owner, sender)?,
        TYPE_NBSTAT if is_response => table(&mut data)?,
        _ => None,
    };
    Ok(name.map(|name| Statement::of_sender(Source::Nbns, sender, name)))
}

/// The name of a record of addresses, if it is one of a host and among the addresses is the sender's
/// (RFC 1002 section 4.2.1.3).
fn registered(
    data: &mut Reader<'_>,
    owner: Option<NodeName>,
    sender: Address,
) -> Result<Option<Name>, Malformed> {
    let mut is_own = false;
    while !data.is_empty() {
        let flags = data.u16().ok_or(Malformed::at("NB_FLAGS"))?;
        let address = data.array().ok_or(Malformed::at("NB_ADDRESS"))?;
        is_own |= flags & FLAG_GROUP == 0 && Address::from_v4(address) == sender;
    }
    Ok(owner.filter(|_| is_own).and_then(NodeName::of_host))
}

/// The first name of a host in a node's table (RFC 1002 section 4.2.18).
fn table(data: &mut Reader<'_>) -> Result<Option<Name>, Malformed> {
    let count = data.u8().ok_or(Malformed::at("NUM_NAMES"))?;
    let mut found = None;
    for _ in 0..count {
        let octets = data.array::<16>().ok_or(Malformed::at("NODE_NAME"))?;
        let flags = data.u16().ok_or(Malformed::at("NAME_FLAGS"))?;
        if found.is_none() && flags & FLAG_GROUP == 0 {
            found = NodeName::new(octets).of_host();
        }
    }
    Ok(found)
}

/// A name in first-level encoding (RFC 1001 section 14.1), or one that points to the question's.
pub(super) fn name(
    reader: &mut Reader<'_>,
    asked: Option<NodeName>,
) -> Result<Option<NodeName>, Malformed> {
    let wrong = Malformed::at("NAME");
    let len = reader.u8().ok_or(wrong)?;
    if len & POINTER == POINTER {
        reader.skip(1).ok_or(wrong)?;
        return Ok(asked);
    }
    if len != ENCODED {
        return Err(wrong);
    }
    let letters = reader.array::<32>().ok_or(wrong)?;
    let mut octets = [0; 16];
    for (octet, pair) in octets.iter_mut().zip(letters.as_chunks().0) {
        let [high, low] = *pair;
        let nibble = |letter: u8| letter.checked_sub(b'A').filter(|it| *it < 16);
        let (high, low) = (nibble(high).ok_or(wrong)?, nibble(low).ok_or(wrong)?);
        *octet = high << 4 | low;
    }
    // The scope, which nobody uses.
    while let Some(len) = reader.u8() {
        if len == 0 {
            return Ok(Some(NodeName::new(octets)));
        }
        reader.skip(usize::from(len)).ok_or(wrong)?;
    }
    Err(wrong)
}

impl NodeName {
    pub(super) fn new(octets: [u8; 16]) -> Self {
        let [name @ .., suffix] = &octets;
        let mut name: &[u8] = name;
        while let [rest @ .., b' ' | 0] = name {
            name = rest;
        }
        Self {
            name: Name::from_text(name),
            suffix: *suffix,
        }
    }

    /// The name, if it is that of a host.
    pub(super) fn of_host(self) -> Option<Name> {
        // Those of the workstation and of the file server.
        self.name.filter(|_| matches!(self.suffix, 0x00 | 0x20))
    }
}

const FLAG_RESPONSE: u16 = 0x8000;
const RCODE: u16 = 0x000f;
const OPCODE_QUERY: u16 = 0;
const OPCODE_REGISTRATION: u16 = 5;
/// Of RFC 1002 section 4.2.4, and of the table in 4.2.1.1, which say different numbers.
const OPCODE_REFRESH: u16 = 8;
const OPCODE_REFRESH_TOO: u16 = 9;
/// Of Windows: a registration by a host of several addresses.
const OPCODE_MULTIHOMED: u16 = 15;
const TYPE_NB: u16 = 0x0020;
const TYPE_NBSTAT: u16 = 0x0021;
const FLAG_GROUP: u16 = 0x8000;
const POINTER: u8 = 0xc0;
/// Octets of an encoded name.
const ENCODED: u8 = 32;

#[cfg(test)]
mod tests;
