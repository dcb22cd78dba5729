//! Streams of clients to servers of Kerberos and SMB: what their first messages say of the host.
//!
//! In comes the beginning of what a client sends to a port of a [`Server`]; out goes what the message in
//! front says, and whether it is the last that may say something. A message stands
//! behind four octets with its length in both: of RFC 4120 section 7.2.2 for Kerberos, of the session
//! service (RFC 1002 section 4.3.1) for SMB. Datagrams of Kerberos have no such length: see
//! [`super::kerberos`].
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use super::{Source, Statement, kerberos, smb};
use crate::host::Address;
use crate::names::{Malformed, Parse, Parsed};

/// A server whose clients say which host they are on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Server {
    /// Gives out tickets of Kerberos.
    Kerberos,
    /// Has files or printers to share.
    Smb,
}

impl Server {
    /// The server that listens on a port.
    #[must_use]
    pub const fn of_port(port: u16) -> Option<Self> {
        match port {
            88 => Some(Self::Kerberos),
            139 | 445 => Some(Self::Smb),
            _ => None,
        }
    }

    /// The protocol that is spoken with it.
    #[must_use]
    pub const fn source(self) -> Source {
        match self {
            Self::Kerberos => Source::Kerberos,
            Self::Smb => Source::Smb,
        }
    }
}

/// A message in front of a client's stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// Its octets, with those of its length.
    pub len: usize,
    /// What it says of its sender.
    pub says: Result<Option<Statement>, Malformed>,
    /// Whether no later message says anything.
    pub is_last: bool,
}

/// Reads the message that a stream of `sender` begins with.
///
/// # Errors
///
/// [`Malformed`] when no longer prefix can become a stream of that protocol, or its first message is
/// longer than [`MAX_MESSAGE`].
pub fn message(server: Server, prefix: &[u8], sender: Address) -> Parsed<Message> {
    let Parse::Done(len) = whole_len(server, prefix)? else {
        return Ok(Parse::Incomplete);
    };
    let Some(octets) = prefix.get(..len) else {
        return Ok(Parse::Incomplete);
    };
    let (says, is_last) = match server {
        Server::Smb => match smb::message(octets) {
            Ok(said) => {
                let statement = |name| Statement::of_sender(Source::Smb, sender, name);
                (Ok(said.name.map(statement)), said.is_last)
            }
            Err(error) => (Err(error), true),
        },
        Server::Kerberos => {
            let request = octets.get(LENGTH_OCTETS..).unwrap_or_default();
            let says = kerberos::statement(request, sender);
            let is_last = says.is_err();
            (says, is_last)
        }
    };
    Ok(Parse::Done(Message { len, says, is_last }))
}

/// Whether octets of a stream, as far as they are there, may begin a message of the protocol.
#[must_use]
pub fn may_begin(server: Server, octets: &[u8]) -> bool {
    whole_len(server, octets).is_ok()
}

/// Whether octets from anywhere in a stream begin a message of the protocol for all one can see.
#[must_use]
pub fn begins(server: Server, octets: &[u8]) -> bool {
    octets.len() >= LENGTH_OCTETS + SIGN_OCTETS && may_begin(server, octets)
}

/// Octets of the message in front, with those of its length.
fn whole_len(server: Server, prefix: &[u8]) -> Parsed<usize> {
    let wrong = Malformed::at("length");
    let Some((head, content)) = prefix.split_first_chunk::<LENGTH_OCTETS>() else {
        return match prefix.first() {
            None | Some(0) => Ok(Parse::Incomplete),
            Some(&smb::SESSION_REQUEST) if server == Server::Smb => Ok(Parse::Incomplete),
            Some(_) => Err(wrong),
        };
    };
    let [kind, len @ ..] = *head;
    let [a, b, c] = len;
    let len = usize::try_from(u32::from_be_bytes([0, a, b, c])).map_err(|_| wrong)?;
    let is_one = match (server, kind) {
        (Server::Kerberos, 0) => content.first().is_none_or(|it| kerberos::is_request(*it)),
        (Server::Smb, 0) => smb::may_begin(content),
        (Server::Smb, smb::SESSION_REQUEST) => true,
        _ => false,
    };
    if !is_one || !(SIGN_OCTETS..=MAX_MESSAGE).contains(&len) {
        return Err(wrong);
    }
    Ok(Parse::Done(len.saturating_add(LENGTH_OCTETS)))
}

/// Octets of a message, without its length: those of the largest ticket that Windows takes, and of what
/// stands around it. No stream in the making is longer.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// Octets of a message's length, and of what stands with it.
pub(super) const LENGTH_OCTETS: usize = 4;

/// Octets by which a message is known.
const SIGN_OCTETS: usize = 4;

#[cfg(test)]
mod tests;
