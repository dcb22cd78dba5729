//! Answers of mDNS (RFC 6762) and LLMNR (RFC 4795): which name a host gives itself.
//!
//! Both have the form of DNS messages. A host is believed only about itself: the owner of an address
//! record counts if one of its addresses is that of the sender, and then all its addresses do, so that
//! what is said over IPv4 of an IPv6 address is heard.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use super::{Hold, MAX_ADDRESSES, Source, Speaker, Statement};
use crate::host::Address;
use crate::names::dns::{self, OPCODE_QUERY, RCODE_NOERROR, RecordData};
use crate::names::{Malformed, Name};

/// What a message that `sender` sent says of it; `None` if nothing.
///
/// Records of the answer and the additional section are read, [`MAX_RECORDS`] at most. One that says
/// that a name is no more (a lifetime of zero) is passed over.
///
/// # Errors
///
/// [`Malformed`] if the header is cut off, or nothing was told before what could not be read.
pub fn statement(
    source: Source,
    octets: &[u8],
    sender: Address,
) -> Result<Option<Statement>, Malformed> {
    let message = dns::message(octets)?;
    let is_answer = message.is_response()
        && message.opcode() == OPCODE_QUERY
        && message.rcode() == RCODE_NOERROR;
    if !is_answer {
        return Ok(None);
    }
    let mut told: Vec<(Name, Vec<Address>)> = Vec::new();
    let mut broken = None;
    for record in message.multicast_records().take(MAX_RECORDS) {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                broken = Some(error);
                break;
            }
        };
        let address = match record.data {
            RecordData::A(octets) => Address::from_v4(octets),
            RecordData::Aaaa(octets) => Address::from_v6(octets),
            _ => continue,
        };
        let Some(name) = record.owner.to_name().filter(|_| record.ttl > 0) else {
            continue;
        };
        if let Some((_, addresses)) = told.iter_mut().find(|it| it.0 == name) {
            if addresses.len() < MAX_ADDRESSES && !addresses.contains(&address) {
                addresses.push(address);
            }
        } else if told.len() < MAX_OWNERS {
            told.push((name, vec![address]));
        }
    }
    let own = told.into_iter().find(|it| it.1.contains(&sender));
    match (own, broken) {
        (Some((name, addresses)), _) => Ok(Some(Statement {
            source,
            speaker: Speaker::Device,
            hold: Hold::Has {
                addresses,
                lease: None,
            },
            device: None,
            name: Some(name),
            class: None,
        })),
        (None, Some(error)) => Err(error),
        (None, None) => Ok(None),
    }
}

/// Records of one message that are read; a packet of services has a few dozen.
pub const MAX_RECORDS: usize = 128;

/// Names with addresses of one message; a host has one, and a few aliases.
const MAX_OWNERS: usize = 8;

#[cfg(test)]
mod tests;
