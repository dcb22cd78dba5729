//! DHCPv6 messages (RFC 8415, option 39 of RFC 4704).
//!
//! A datagram of ports 546 and 547 comes in. The client is told by its DUID, of which two kinds hold
//! a hardware address: that of one of its interfaces, not always the one it speaks on. What relays
//! pass on is read inside their messages.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use std::time::Duration;

use super::{Hold, MAX_ADDRESSES, Mac, Source, Speaker, Statement, name_in_labels};
use crate::host::Address;
use crate::names::{Malformed, Name};
use crate::reader::Reader;

/// A DHCPv6 message, without the relays that it went through.
///
/// ```text
/// |  msg-type (1)  |     transaction-id (3)      |
/// |  options: code (2), length (2), value        |
/// ```
///
/// RFC 8415 section 8.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// Its type, one of the constants.
    pub kind: u8,
    /// The hardware address in the client's DUID; `None` if it is of another kind.
    pub device: Option<Mac>,
    /// Option 39.
    pub name: Option<Name>,
    /// The addresses in associations of either kind, at most [`MAX_ADDRESSES`], with their valid
    /// lifetimes.
    pub addresses: Vec<(Address, Duration)>,
}

/// Reads a message.
///
/// # Errors
///
/// [`Malformed`] if the header or an option is cut off, or there are more than [`MAX_RELAYS`].
pub fn message(octets: &[u8]) -> Result<Message, Malformed> {
    let mut inner = octets;
    for _ in 0..=MAX_RELAYS {
        let mut reader = Reader::new(inner);
        let kind = reader.u8().ok_or(Malformed::at("msg-type"))?;
        if !matches!(kind, RELAY_FORW | RELAY_REPL) {
            reader.skip(3).ok_or(Malformed::at("transaction-id"))?;
            return client_message(kind, reader);
        }
        reader.skip(33).ok_or(Malformed::at("peer-address"))?;
        inner = relayed(reader)?;
    }
    Err(Malformed::at("hop-count"))
}

/// The message inside that of a relay.
fn relayed(mut reader: Reader<'_>) -> Result<&[u8], Malformed> {
    while !reader.is_empty() {
        let (code, value) = option(&mut reader)?;
        if code == OPTION_RELAY_MSG {
            return Ok(value.rest());
        }
    }
    Err(Malformed::at("OPTION_RELAY_MSG"))
}

fn client_message(kind: u8, mut reader: Reader<'_>) -> Result<Message, Malformed> {
    let mut message = Message {
        kind,
        device: None,
        name: None,
        addresses: Vec::new(),
    };
    while !reader.is_empty() {
        let (code, mut value) = option(&mut reader)?;
        match code {
            OPTION_CLIENTID => message.device = device(value),
            OPTION_CLIENT_FQDN => {
                value.skip(1).ok_or(Malformed::at("OPTION_CLIENT_FQDN"))?;
                message.name = name_in_labels(value.rest());
            }
            OPTION_IA_NA => {
                value.skip(12).ok_or(Malformed::at("OPTION_IA_NA"))?;
                message.association(value)?;
            }
            OPTION_IA_TA => {
                value.skip(4).ok_or(Malformed::at("OPTION_IA_TA"))?;
                message.association(value)?;
            }
            _ => {}
        }
    }
    Ok(message)
}

impl Message {
    /// What it says of a device; `None` if nothing.
    #[must_use]
    pub fn statement(&self) -> Option<Statement> {
        let addresses = || self.addresses.iter().map(|it| it.0).collect::<Vec<_>>();
        let (speaker, hold) = match self.kind {
            SOLICIT | REQUEST | CONFIRM | INFORMATION_REQUEST => (Speaker::Device, Hold::Asks),
            RENEW | REBIND => (
                Speaker::Device,
                Hold::Has {
                    addresses: addresses(),
                    lease: None,
                },
            ),
            RELEASE | DECLINE => (Speaker::Device, Hold::Leaves(addresses())),
            REPLY => {
                let given = self.addresses.iter().filter(|it| !it.1.is_zero());
                let hold = Hold::Has {
                    addresses: given.clone().map(|it| it.0).collect(),
                    lease: given.map(|it| it.1).min(),
                };
                (Speaker::Server, hold)
            }
            _ => return None,
        };
        (self.device.is_some() || self.name.is_some()).then(|| Statement {
            source: Source::Dhcp6,
            speaker,
            hold,
            device: self.device,
            name: self.name.clone(),
            class: None,
        })
    }

    /// Reads the options of an association of identity.
    fn association(&mut self, mut reader: Reader<'_>) -> Result<(), Malformed> {
        while !reader.is_empty() {
            let (code, mut value) = option(&mut reader)?;
            if code != OPTION_IAADDR {
                continue;
            }
            let cut = Malformed::at("OPTION_IAADDR");
            let address = value.array().map(Address::from_v6).ok_or(cut)?;
            value.skip(4).ok_or(cut)?;
            let valid = value.u32().ok_or(cut)?;
            if address.is_unicast() && self.addresses.len() < MAX_ADDRESSES {
                let valid = Duration::from_secs(valid.into());
                self.addresses.push((address, valid));
            }
        }
        Ok(())
    }
}

/// The code and the value of the next option.
fn option<'a>(reader: &mut Reader<'a>) -> Result<(u16, Reader<'a>), Malformed> {
    let code = reader.u16().ok_or(Malformed::at("option-code"))?;
    let value = reader.sub_u16().ok_or(Malformed::at("option-len"))?;
    Ok((code, value))
}

/// The hardware address in a DUID of type LLT or LL (RFC 8415 section 11).
fn device(mut duid: Reader<'_>) -> Option<Mac> {
    let kind = duid.u16()?;
    let hardware = duid.u16()?;
    match (kind, hardware) {
        (DUID_LLT, HARDWARE_ETHERNET) => duid.skip(4)?,
        (DUID_LL, HARDWARE_ETHERNET) => {}
        _ => return None,
    }
    let mac = duid.array()?;
    duid.is_empty().then(|| Mac::new(mac)).flatten()
}

/// Relays that a message may have gone through: HOP_COUNT_LIMIT (RFC 8415 section 7.6).
pub const MAX_RELAYS: usize = 8;

/// A client looks for servers.
pub const SOLICIT: u8 = 1;
/// A client takes an offer.
pub const REQUEST: u8 = 3;
/// A client asks whether its addresses still fit the link.
pub const CONFIRM: u8 = 4;
/// A client goes on with its addresses.
pub const RENEW: u8 = 5;
/// A client goes on with its addresses, at any server.
pub const REBIND: u8 = 6;
/// A server answers.
pub const REPLY: u8 = 7;
/// A client gives addresses back.
pub const RELEASE: u8 = 8;
/// A client found addresses in use.
pub const DECLINE: u8 = 9;
/// A client with addresses asks for the rest.
pub const INFORMATION_REQUEST: u8 = 11;
const RELAY_FORW: u8 = 12;
const RELAY_REPL: u8 = 13;

const OPTION_CLIENTID: u16 = 1;
const OPTION_IA_NA: u16 = 3;
const OPTION_IA_TA: u16 = 4;
const OPTION_IAADDR: u16 = 5;
const OPTION_RELAY_MSG: u16 = 9;
const OPTION_CLIENT_FQDN: u16 = 39;

const DUID_LLT: u16 = 1;
const DUID_LL: u16 = 3;
const HARDWARE_ETHERNET: u16 = 1;

#[cfg(test)]
mod tests;
