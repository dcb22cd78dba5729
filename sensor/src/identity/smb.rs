//! What a client of SMB says of its host while it logs on: the workstation of NTLM (MS-NLMP).
//!
//! A message of the session service comes in (RFC 1002 section 4.3): the request for a session on port
//! 139, which has the NetBIOS name of the caller, or a message of SMB (MS-SMB2, MS-CIFS). Of those the
//! ones count in which a session is set up; their token is SPNEGO (RFC 4178) or NTLM itself. Names of
//! persons and domains stand beside the workstation's and are not read. A token of Kerberos is encrypted
//! where it would name somebody.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use super::client::LENGTH_OCTETS;
use super::der::{self, OCTET_STRING, SEQUENCE, field};
use super::host_name;
use super::nbns::{self, NodeName};
use crate::names::{Malformed, Name};
use crate::reader::Reader;

/// What a message says of the host of the client that sent it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Said {
    /// The name of the host, if it is there.
    pub(super) name: Option<Name>,
    /// Whether nothing more is to come: the client has logged on, or goes on without.
    pub(super) is_last: bool,
}

/// Reads a message of the session service, with its header.
pub(super) fn message(octets: &[u8]) -> Result<Said, Malformed> {
    let more = |name| Said {
        name,
        is_last: false,
    };
    let mut reader = Reader::new(octets);
    let head = reader.array::<LENGTH_OCTETS>();
    if matches!(head, Some([SESSION_REQUEST, ..])) {
        return caller(&mut reader).map(more);
    }
    match setup(reader.rest())? {
        Message::Negotiation => Ok(more(None)),
        Message::Other => Ok(Said {
            name: None,
            is_last: true,
        }),
        Message::Setup(token) => match ntlm(token)? {
            Some(octets) => workstation(octets),
            None => Ok(more(None)),
        },
    }
}

/// Whether octets that follow the header of the session service are those of a message of SMB, as far
/// as they are there.
pub(super) fn may_begin(octets: &[u8]) -> bool {
    let begins = |magic: &[u8]| octets.iter().zip(magic).all(|(a, b)| a == b);
    begins(MAGIC_2) || begins(MAGIC_1)
}

/// The name of who asks for a session, behind that of whom he calls (RFC 1002 section 4.3.2).
fn caller(reader: &mut Reader<'_>) -> Result<Option<Name>, Malformed> {
    nbns::name(reader, None)?;
    let calling = nbns::name(reader, None)?;
    Ok(calling.and_then(NodeName::of_host))
}

/// What kind of message of a client it is.
enum Message<'a> {
    /// About the version of the protocol.
    Negotiation,
    /// One that sets up a session, with its token.
    Setup(&'a [u8]),
    /// Any other.
    Other,
}

/// Reads the header, and the token of a message that has one.
fn setup(octets: &[u8]) -> Result<Message<'_>, Malformed> {
    let mut reader = Reader::new(octets);
    match reader.take(4) {
        Some(MAGIC_2) => setup_2(octets),
        Some(MAGIC_1) => setup_1(reader),
        _ => Err(Malformed::at("ProtocolId")),
    }
}

/// A message of SMB 2 or 3 (MS-SMB2 sections 2.2.1 and 2.2.5); the numbers are little-endian.
///
/// ```text
/// | ProtocolId (4) | 64 (2) | (6) | Command (2) | (2) | Flags (4) | (44) |
/// | 25 (2) | (10) | SecurityBufferOffset (2) | SecurityBufferLength (2) | (8) | Buffer |
/// ```
fn setup_2(octets: &[u8]) -> Result<Message<'_>, Malformed> {
    let cut = Malformed::at("SMB2 header");
    let mut reader = Reader::new(octets);
    reader.skip(12).ok_or(cut)?;
    let command = u16_le(&mut reader).ok_or(cut)?;
    reader.skip(2).ok_or(cut)?;
    let flags = u32_le(&mut reader).ok_or(cut)?;
    if flags & FLAG_FROM_SERVER_2 != 0 {
        return Ok(Message::Other);
    }
    match command {
        COMMAND_NEGOTIATE_2 => return Ok(Message::Negotiation),
        COMMAND_SESSION_SETUP_2 => {}
        _ => return Ok(Message::Other),
    }
    reader.skip(44 + 12).ok_or(cut)?;
    let wrong = Malformed::at("SecurityBuffer");
    let offset = u16_le(&mut reader).ok_or(wrong)?;
    let len = u16_le(&mut reader).ok_or(wrong)?;
    let token = part(octets, offset.into(), len).ok_or(wrong)?;
    Ok(Message::Setup(token))
}

/// A message of SMB 1 behind its magic (MS-CIFS section 2.2.3.1, MS-SMB section 2.2.4.6.1).
///
/// ```text
/// | Command (1) | (4) | Flags (1) | (22) |
/// | WordCount, 12 with a token (1) | (14) | SecurityBlobLength (2) | (8) | ByteCount (2) | SecurityBlob |
/// ```
fn setup_1(mut reader: Reader<'_>) -> Result<Message<'_>, Malformed> {
    let cut = Malformed::at("SMB header");
    let command = reader.u8().ok_or(cut)?;
    reader.skip(4).ok_or(cut)?;
    let flags = reader.u8().ok_or(cut)?;
    if flags & FLAG_FROM_SERVER_1 != 0 {
        return Ok(Message::Other);
    }
    match command {
        COMMAND_NEGOTIATE_1 => return Ok(Message::Negotiation),
        COMMAND_SESSION_SETUP_1 => {}
        _ => return Ok(Message::Other),
    }
    reader.skip(22).ok_or(cut)?;
    if reader.u8().ok_or(cut)? != WORDS_WITH_TOKEN {
        return Ok(Message::Other);
    }
    let wrong = Malformed::at("SecurityBlob");
    reader.skip(14).ok_or(wrong)?;
    let len = u16_le(&mut reader).ok_or(wrong)?;
    reader.skip(8 + 2).ok_or(wrong)?;
    let token = reader.take(len.into()).ok_or(wrong)?;
    Ok(Message::Setup(token))
}

/// The message of NTLM in a token: alone, or in the first or a later token of SPNEGO (RFC 4178 section
/// 4.2). `None` for other mechanisms.
fn ntlm(token: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    if token.starts_with(NTLM) {
        return Ok(Some(token));
    }
    let mut reader = Reader::new(token);
    let mut content = match token.first() {
        Some(&SPNEGO_FIRST) => {
            let (_, mut inner) = der::element(&mut reader, "SPNEGO")?;
            let (_, _mechanism) = der::element(&mut inner, "thisMech")?;
            der::inside(&mut inner, field(0), "negTokenInit")?
        }
        Some(&SPNEGO_LATER) => der::element(&mut reader, "negTokenResp")?.1,
        _ => return Ok(None),
    };
    let mut content = der::inside(&mut content, SEQUENCE, "NegotiationToken")?;
    let Some(mut token) = der::find(&mut content, field(2), "mechToken")? else {
        return Ok(None);
    };
    let token = der::inside(&mut token, OCTET_STRING, "mechToken")?.rest();
    Ok(Some(token).filter(|it| it.starts_with(NTLM)))
}

/// The workstation in a message of NTLM (MS-NLMP sections 2.2.1.1 and 2.2.1.3).
fn workstation(octets: &[u8]) -> Result<Said, Malformed> {
    let cut = Malformed::at("NTLMSSP");
    let mut reader = Reader::new(octets);
    reader.skip(NTLM.len()).ok_or(cut)?;
    let kind = u32_le(&mut reader).ok_or(cut)?;
    let (flags, len, offset) = match kind {
        NTLM_NEGOTIATE => {
            let flags = u32_le(&mut reader).ok_or(cut)?;
            if flags & WORKSTATION_SUPPLIED == 0 {
                return Ok(Said {
                    name: None,
                    is_last: false,
                });
            }
            // Behind the domain; never in Unicode.
            reader.skip(8).ok_or(cut)?;
            let (len, offset) = place(&mut reader).ok_or(cut)?;
            (0, len, offset)
        }
        NTLM_AUTHENTICATE => {
            // Behind two answers, the domain and the person; a key stands before the flags.
            reader.skip(32).ok_or(cut)?;
            let (len, offset) = place(&mut reader).ok_or(cut)?;
            reader.skip(8).ok_or(cut)?;
            (u32_le(&mut reader).ok_or(cut)?, len, offset)
        }
        _ => return Err(Malformed::at("MessageType")),
    };
    let text = part(octets, offset, len).ok_or(Malformed::at("Workstation"))?;
    let name = if flags & IN_UNICODE == 0 {
        host_name(text)
    } else {
        host_name(of_utf16(text)?.as_bytes())
    };
    Ok(Said {
        name,
        is_last: kind == NTLM_AUTHENTICATE,
    })
}

/// Where a field of NTLM stands: its length, how much room it has, its offset.
fn place(reader: &mut Reader<'_>) -> Option<(u16, u32)> {
    let len = u16_le(reader)?;
    reader.skip(2)?;
    Some((len, u32_le(reader)?))
}

/// So many octets from an offset on.
fn part(octets: &[u8], offset: u32, len: u16) -> Option<&[u8]> {
    let rest = octets.get(usize::try_from(offset).ok()?..)?;
    rest.get(..len.into())
}

/// Text in UTF-16, little-endian.
fn of_utf16(octets: &[u8]) -> Result<String, Malformed> {
    let wrong = Malformed::at("Workstation");
    let (units, []) = octets.as_chunks() else {
        return Err(wrong);
    };
    let units = units.iter().map(|it| u16::from_le_bytes(*it));
    char::decode_utf16(units)
        .collect::<Result<_, _>>()
        .map_err(|_| wrong)
}

fn u16_le(reader: &mut Reader<'_>) -> Option<u16> {
    reader.array().map(u16::from_le_bytes)
}

fn u32_le(reader: &mut Reader<'_>) -> Option<u32> {
    reader.array().map(u32::from_le_bytes)
}

/// Type of a request for a session (RFC 1002 section 4.3.1).
pub(super) const SESSION_REQUEST: u8 = 0x81;

const MAGIC_2: &[u8] = b"\xfeSMB";
const MAGIC_1: &[u8] = b"\xffSMB";

const COMMAND_NEGOTIATE_2: u16 = 0;
const COMMAND_SESSION_SETUP_2: u16 = 1;
const COMMAND_NEGOTIATE_1: u8 = 0x72;
const COMMAND_SESSION_SETUP_1: u8 = 0x73;
const FLAG_FROM_SERVER_2: u32 = 1;
const FLAG_FROM_SERVER_1: u8 = 0x80;

/// Words of parameters of a request with a token; those with passwords have others.
const WORDS_WITH_TOKEN: u8 = 12;

/// Tags of the first token of SPNEGO (RFC 2743 section 3.1), and of the others.
const SPNEGO_FIRST: u8 = 0x60;
const SPNEGO_LATER: u8 = 0xa1;

const NTLM: &[u8] = b"NTLMSSP\0";
const NTLM_NEGOTIATE: u32 = 1;
const NTLM_AUTHENTICATE: u32 = 3;

/// Flags of NTLM (MS-NLMP section 2.2.2.5).
const IN_UNICODE: u32 = 0x0000_0001;
const WORKSTATION_SUPPLIED: u32 = 0x0000_2000;

#[cfg(test)]
mod tests;
