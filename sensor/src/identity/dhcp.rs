//! DHCPv4 messages (RFC 2131, options of RFC 2132 and RFC 4702).
//!
//! A datagram of ports 67 and 68 comes in. A client says who it is when it asks, and a server says
//! which address the client has; the message type tells which.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use std::time::Duration;

use super::{Hold, Mac, PlainText, Source, Speaker, Statement, host_name, name_in_labels};
use crate::host::Address;
use crate::names::{Malformed, Name};
use crate::reader::Reader;

/// A DHCPv4 message.
///
/// ```text
/// |  op (1)   | htype (1) | hlen (1) | hops (1) |
/// |                 xid (4)                     |
/// |       secs (2)        |      flags (2)      |
/// |                ciaddr (4)                   |
/// |                yiaddr (4)                   |
/// |                siaddr (4)                   |
/// |                giaddr (4)                   |
/// |                chaddr (16)                  |
/// |                sname (64)                   |
/// |                file (128)                   |
/// |                options: magic cookie, then code, length, value |
/// ```
///
/// RFC 2131 section 2.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// Whether a server sent it.
    pub is_reply: bool,
    /// Option 53, one of the constants; `None` in BOOTP.
    pub kind: Option<u8>,
    /// `ciaddr`: the address that the client has; `None` where it has none.
    pub client: Option<Address>,
    /// `yiaddr`: the address that it is given.
    pub given: Option<Address>,
    /// Option 50: the address that it wants.
    pub requested: Option<Address>,
    /// Option 54: the server that is meant, or speaks.
    pub server: Option<Address>,
    /// Option 51: for how long; `None` in most messages of clients.
    pub lease: Option<Duration>,
    /// The device: `chaddr`, or else option 61 where that is a hardware address.
    pub device: Option<Mac>,
    /// Option 12.
    pub host_name: Option<Name>,
    /// Option 81.
    pub domain_name: Option<Name>,
    /// Option 60.
    pub class: Option<PlainText>,
}

/// Reads a message.
///
/// # Errors
///
/// [`Malformed`] if the header is cut off or is none of DHCP, or an option is cut off.
pub fn message(octets: &[u8]) -> Result<Message, Malformed> {
    let mut reader = Reader::new(octets);
    let op = reader.u8().ok_or(Malformed::at("op"))?;
    if !matches!(op, BOOTREQUEST | BOOTREPLY) {
        return Err(Malformed::at("op"));
    }
    let htype = reader.u8().ok_or(Malformed::at("htype"))?;
    let hlen = reader.u8().ok_or(Malformed::at("hlen"))?;
    reader.skip(9).ok_or(Malformed::at("xid"))?;
    let mut address = || reader.array().map(of_octets);
    let client = address().ok_or(Malformed::at("ciaddr"))?;
    let given = address().ok_or(Malformed::at("yiaddr"))?;
    reader.skip(8).ok_or(Malformed::at("siaddr"))?;
    let chaddr = reader.array::<6>().ok_or(Malformed::at("chaddr"))?;
    reader.skip(10).ok_or(Malformed::at("chaddr"))?;
    let sname = reader.take(64).ok_or(Malformed::at("sname"))?;
    let file = reader.take(128).ok_or(Malformed::at("file"))?;
    if reader.u32() != Some(MAGIC_COOKIE) {
        return Err(Malformed::at("magic cookie"));
    }
    let mut message = Message {
        is_reply: op == BOOTREPLY,
        kind: None,
        client,
        given,
        requested: None,
        server: None,
        lease: None,
        device: (htype == HTYPE_ETHERNET && hlen == 6)
            .then(|| Mac::new(chaddr))
            .flatten(),
        host_name: None,
        domain_name: None,
        class: None,
    };
    let overload = message.options(reader.rest())?;
    // RFC 2132 section 9.3: options go on in the fields that are not used for names.
    if overload & 1 != 0 {
        message.options(file)?;
    }
    if overload & 2 != 0 {
        message.options(sname)?;
    }
    Ok(message)
}

impl Message {
    /// What it says of a device; `None` if nothing.
    #[must_use]
    pub fn statement(&self) -> Option<Statement> {
        let one = |it: Option<Address>| it.map(|it| vec![it]);
        let has = |addresses| Hold::Has {
            addresses,
            lease: self.lease,
        };
        let (speaker, hold) = match (self.is_reply, self.kind?) {
            (false, DHCPDISCOVER) => (Speaker::Device, Hold::Asks),
            // A client that renews goes on with the address that it has.
            (false, DHCPREQUEST | DHCPINFORM) => {
                (Speaker::Device, one(self.client).map_or(Hold::Asks, has))
            }
            (false, DHCPDECLINE) => (Speaker::Device, Hold::Leaves(one(self.requested)?)),
            (false, DHCPRELEASE) => (Speaker::Device, Hold::Leaves(one(self.client)?)),
            (true, DHCPACK) => (Speaker::Server, has(one(self.given.or(self.client))?)),
            _ => return None,
        };
        let says = self.device.is_some() || self.domain_name.is_some() || self.host_name.is_some();
        says.then(|| Statement {
            source: Source::Dhcp,
            speaker,
            hold,
            device: self.device,
            name: self.host_name.clone().or_else(|| self.domain_name.clone()),
            class: self.class.clone(),
        })
    }

    /// Reads options; gives the value of option 52.
    fn options(&mut self, octets: &[u8]) -> Result<u8, Malformed> {
        let mut reader = Reader::new(octets);
        let mut overload = 0;
        while let Some(code) = reader.u8() {
            if code == PAD {
                continue;
            }
            if code == END {
                break;
            }
            let value = reader.sub_u8().ok_or(Malformed::at("option"))?.rest();
            let address = || value.try_into().ok().and_then(of_octets);
            match code {
                HOST_NAME => self.host_name = host_name(value),
                REQUESTED_ADDRESS => self.requested = address(),
                LEASE_TIME => {
                    let secs = value.try_into().ok().map(u32::from_be_bytes);
                    self.lease = secs.map(|it| Duration::from_secs(it.into()));
                }
                OVERLOAD => overload = value.first().copied().unwrap_or_default(),
                MESSAGE_TYPE => self.kind = value.first().copied(),
                SERVER => self.server = address(),
                CLASS => self.class = PlainText::new(value),
                CLIENT_ID => {
                    if let (None, [HTYPE_ETHERNET, mac @ ..]) = (self.device, value) {
                        self.device = mac.try_into().ok().and_then(Mac::new);
                    }
                }
                DOMAIN_NAME => self.domain_name = domain_name(value),
                _ => {}
            }
        }
        Ok(overload)
    }
}

/// The name in option 81: in labels if the flag E says so, else in text (RFC 4702 section 2).
fn domain_name(value: &[u8]) -> Option<Name> {
    let [flags, _, _, name @ ..] = value else {
        return None;
    };
    if flags & FLAG_E != 0 {
        name_in_labels(name)
    } else {
        host_name(name)
    }
}

/// An address that is one.
fn of_octets(octets: [u8; 4]) -> Option<Address> {
    (octets != [0; 4]).then(|| Address::from_v4(octets))
}

/// `op` of a message of a client.
const BOOTREQUEST: u8 = 1;
/// `op` of a message of a server.
const BOOTREPLY: u8 = 2;
/// `htype` of Ethernet.
const HTYPE_ETHERNET: u8 = 1;
/// First octets of the options (RFC 2131 section 3).
const MAGIC_COOKIE: u32 = 0x6382_5363;

/// A client looks for servers.
pub const DHCPDISCOVER: u8 = 1;
/// A client takes an offer, or goes on with an address.
pub const DHCPREQUEST: u8 = 3;
/// A client found its new address in use.
pub const DHCPDECLINE: u8 = 4;
/// A server gives an address.
pub const DHCPACK: u8 = 5;
/// A client gives its address back.
pub const DHCPRELEASE: u8 = 7;
/// A client with an address asks for the rest.
pub const DHCPINFORM: u8 = 8;

const PAD: u8 = 0;
const HOST_NAME: u8 = 12;
const REQUESTED_ADDRESS: u8 = 50;
const LEASE_TIME: u8 = 51;
const OVERLOAD: u8 = 52;
const MESSAGE_TYPE: u8 = 53;
const SERVER: u8 = 54;
const CLASS: u8 = 60;
const CLIENT_ID: u8 = 61;
const DOMAIN_NAME: u8 = 81;
const END: u8 = 255;
const FLAG_E: u8 = 4;

#[cfg(test)]
mod tests;
