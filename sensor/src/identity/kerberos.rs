//! Requests of Kerberos clients (RFC 4120 section 5.4.1): which host asks for a ticket.
//!
//! What counts, in this order: the NetBIOS name among the addresses from which the ticket is to be
//! used, which a Windows client gives; a client whose name ends with `$`, as the account of a host
//! does; and `host/NAME`, the principal of a host. Any other client is a person or a service, whose
//! name is left alone. The realm, the server and what is encrypted are not looked at.
//!
//! Addresses that are not the sender's say that the request came through a translator: then its names
//! are those of somebody else. A ticket that is to be forwarded has the addresses of another host.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use super::der::{self, BIT_STRING, GENERAL_STRING, INTEGER, OCTET_STRING, SEQUENCE, field};
use super::nbns::NodeName;
use super::{Source, Statement, host_name};
use crate::host::Address;
use crate::names::{Malformed, Name};
use crate::reader::Reader;

/// What a request that `sender` sent says of it; `None` if nothing, or if it is no request for a
/// ticket.
///
/// ```text
/// KDC-REQ ::= SEQUENCE {
///     pvno [1], msg-type [2], padata [3] OPTIONAL,
///     req-body [4] SEQUENCE { kdc-options [0], cname [1] OPTIONAL, ..., addresses [9] OPTIONAL, ... }
/// }
/// ```
///
/// # Errors
///
/// [`Malformed`] if an element on the way there is cut off, or is not what it has to be.
pub fn statement(octets: &[u8], sender: Address) -> Result<Option<Statement>, Malformed> {
    let mut reader = Reader::new(octets);
    if !octets.first().is_some_and(|it| is_request(*it)) {
        return Ok(None);
    }
    let (_, mut request) = der::element(&mut reader, "KDC-REQ")?;
    let mut request = der::inside(&mut request, SEQUENCE, "KDC-REQ")?;
    let missing = Malformed::at("req-body");
    let mut body = der::find(&mut request, REQ_BODY, "req-body")?.ok_or(missing)?;
    let mut body = der::inside(&mut body, SEQUENCE, "req-body")?;
    let mut options = der::inside(&mut body, KDC_OPTIONS, "kdc-options")?;
    let options = der::inside(&mut options, BIT_STRING, "kdc-options")?;
    let mut client = None;
    let mut addresses = Addresses::default();
    while !body.is_empty() {
        match der::element(&mut body, "KDC-REQ-BODY")? {
            (CNAME, content) => client = host_of(content)?,
            (ADDRESSES, content) => addresses = Addresses::read(content, sender)?,
            _ => {}
        }
    }
    // The octet in front tells how many of the last bits are not used.
    let is_for_another = options
        .rest()
        .get(1)
        .is_some_and(|it| it & FOR_ANOTHER != 0);
    if is_for_another || addresses.are_of_others() {
        return Ok(None);
    }
    let name = addresses.name.or(client);
    Ok(name.map(|name| Statement::of_sender(Source::Kerberos, sender, name)))
}

/// Whether a message that begins with that octet is a request for a ticket (RFC 4120 section 5.10).
pub(super) const fn is_request(first: u8) -> bool {
    matches!(first, AS_REQ | TGS_REQ)
}

/// The host whose principal it is (RFC 4120 section 5.2.2).
fn host_of(mut principal: Reader<'_>) -> Result<Option<Name>, Malformed> {
    let wrong = Malformed::at("cname");
    let mut principal = der::inside(&mut principal, SEQUENCE, "cname")?;
    der::inside(&mut principal, field(0), "name-type")?;
    let mut strings = der::inside(&mut principal, field(1), "name-string")?;
    let mut strings = der::inside(&mut strings, SEQUENCE, "name-string")?;
    let mut next = || -> Result<Option<&[u8]>, Malformed> {
        if strings.is_empty() {
            return Ok(None);
        }
        let content = der::inside(&mut strings, GENERAL_STRING, "name-string")?;
        Ok(Some(content.rest()))
    };
    let first = next()?.ok_or(wrong)?;
    let name = match (first, next()?, next()?) {
        ([name @ .., b'$'], None, None) => name,
        (b"host", Some(name), None) => name,
        _ => return Ok(None),
    };
    let is_plain = |it: &u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.');
    Ok(host_name(name).filter(|_| name.iter().all(is_plain)))
}

/// What the addresses of a request say (RFC 4120 section 5.2.5).
#[derive(Debug, Default)]
struct Addresses {
    /// The first NetBIOS name of a host.
    name: Option<Name>,
    /// Whether there are some of the kind that the sender's is.
    any: bool,
    /// Whether the sender's is among them.
    own: bool,
}

impl Addresses {
    fn read(mut addresses: Reader<'_>, sender: Address) -> Result<Self, Malformed> {
        let mut read = Self::default();
        let mut addresses = der::inside(&mut addresses, SEQUENCE, "addresses")?;
        while !addresses.is_empty() {
            let mut entry = der::inside(&mut addresses, SEQUENCE, "HostAddress")?;
            let mut kind = der::inside(&mut entry, field(0), "addr-type")?;
            let kind = der::inside(&mut kind, INTEGER, "addr-type")?;
            let mut address = der::inside(&mut entry, field(1), "address")?;
            let octets = der::inside(&mut address, OCTET_STRING, "address")?.rest();
            match kind.rest() {
                [ADDRESS_NETBIOS] => {
                    let name = octets.try_into().ok().map(NodeName::new);
                    read.name = read.name.or(name.and_then(NodeName::of_host));
                }
                [ADDRESS_IPV4] => {
                    let address = octets.try_into().ok().map(Address::from_v4);
                    read.take(address.filter(|_| sender.v4().is_some()), sender);
                }
                [ADDRESS_IPV6] => {
                    let address = octets.try_into().ok().map(Address::from_v6);
                    read.take(address.filter(|_| sender.v4().is_none()), sender);
                }
                _ => {}
            }
        }
        Ok(read)
    }

    fn take(&mut self, address: Option<Address>, sender: Address) {
        self.any |= address.is_some();
        self.own |= address == Some(sender);
    }

    const fn are_of_others(&self) -> bool {
        self.any && !self.own
    }
}

/// Tags of the two requests.
const AS_REQ: u8 = 0x6a;
const TGS_REQ: u8 = 0x6c;

/// Tags of fields.
const REQ_BODY: u8 = field(4);
const KDC_OPTIONS: u8 = field(0);
const CNAME: u8 = field(1);
const ADDRESSES: u8 = field(9);

/// Options for tickets that another host is to use: forwarded (2) and proxy (4), of the first eight.
const FOR_ANOTHER: u8 = 0x28;

/// Kinds of addresses (RFC 4120 section 7.5.3).
const ADDRESS_IPV4: u8 = 2;
const ADDRESS_NETBIOS: u8 = 20;
const ADDRESS_IPV6: u8 = 24;

#[cfg(test)]
mod tests;
