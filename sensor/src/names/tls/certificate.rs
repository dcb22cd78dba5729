//! The names in a server's certificate, which is in clear up to TLS 1.2.
//!
//! A server's stream begins with a ServerHello. If that negotiates TLS 1.3, or resumes a session,
//! what follows is no certificate that can be read; otherwise the Certificate message comes next,
//! and of it the first certificate, the server's own. The rest of the chain is not waited for.
//!
//! Nothing is verified: neither signatures nor dates nor who issued it. A name found here is what
//! the server says of itself. Raw public keys (RFC 7250) have no names and end as malformed.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use std::borrow::Cow;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use super::hello::CLIENT_HELLO;
use super::{CONTENT_TYPE_HANDSHAKE, RECORD_HEADER_LEN, SERVER_HELLO, record, record_len};
use crate::names::{Malformed, Name, Parse, Parsed};
use crate::reader::Reader;

/// Whether `payload` may be the first octets of a stream that begins with a ServerHello.
///
/// Looks at six octets: record type, version and length, then handshake type. Fewer are never
/// enough.
#[must_use]
pub fn may_begin_server_hello(payload: &[u8]) -> bool {
    record_len(payload).is_ok() && payload.get(RECORD_HEADER_LEN) == Some(&SERVER_HELLO)
}

/// Reads the names of a server from the certificate in the first octets of its stream.
///
/// `prefix` starts at the first octet of the TCP stream and grows from call to call; no state is
/// kept between calls. Messages may lie in records in any way. The names are the common names of
/// the subject that look like host names, then the `dNSName` entries of the subject alternative
/// name (RFC 5280 section 4.2.1.6): each once, [`MAX_NAMES`] at most, wildcards as they stand.
///
/// No names at all means that none can be read: the stream negotiates TLS 1.3, resumes a session,
/// goes on without a certificate, or its certificate has no names or is not one. That is told as
/// soon as the ServerHello, or the first octet after it, shows it.
///
/// Returns [`Parse::Incomplete`] while `prefix` is a valid beginning of handshake messages of at
/// most [`MAX_FLIGHT`] octets.
///
/// # Errors
///
/// [`Malformed`] when no longer prefix can hold a readable certificate.
pub fn server_names(prefix: &[u8]) -> Parsed<Vec<Name>> {
    let mut flight = Flight::new(prefix);
    match server_hello(&mut flight)? {
        Parse::Done(Next::InClear) => {}
        Parse::Done(Next::Encrypted) => return Ok(Parse::Done(Vec::new())),
        Parse::Incomplete => return Ok(Parse::Incomplete),
    }
    loop {
        if flight.ends_here()? {
            return Ok(Parse::Done(Vec::new()));
        }
        let Parse::Done(kind) = flight.u8()? else {
            return Ok(Parse::Incomplete);
        };
        match kind {
            CERTIFICATE => return first_certificate(&mut flight),
            NEW_SESSION_TICKET | SERVER_KEY_EXCHANGE | CERTIFICATE_REQUEST | SERVER_HELLO_DONE
            | FINISHED => return Ok(Parse::Done(Vec::new())),
            CLIENT_HELLO | SERVER_HELLO | CERTIFICATE_VERIFY | CLIENT_KEY_EXCHANGE => {
                return Err(Malformed::at("msg_type"));
            }
            _ => {}
        }
        let Parse::Done(len) = flight.message_len()? else {
            return Ok(Parse::Incomplete);
        };
        let Parse::Done(_) = flight.take(len)? else {
            return Ok(Parse::Incomplete);
        };
    }
}

/// What a ServerHello says of the messages after it.
enum Next {
    /// They may be readable.
    InClear,
    /// TLS 1.3 or later: they are not.
    Encrypted,
}

/// Reads the ServerHello.
///
/// ```text
/// msg_type(1) length(3)                                      RFC 8446 section 4
/// legacy_version(2) random(32) legacy_session_id_echo<0..32> RFC 8446 section 4.1.3
/// cipher_suite(2) legacy_compression_method(1) [ extensions<6..2^16-1> ]
/// ```
fn server_hello(flight: &mut Flight<'_>) -> Parsed<Next> {
    match flight.u8()? {
        Parse::Done(SERVER_HELLO) => {}
        Parse::Done(_) => return Err(Malformed::at("msg_type")),
        Parse::Incomplete => return Ok(Parse::Incomplete),
    }
    let Parse::Done(len) = flight.message_len()? else {
        return Ok(Parse::Incomplete);
    };
    if len < MIN_SERVER_HELLO {
        return Err(Malformed::at("length"));
    }
    match flight.u8()? {
        Parse::Done(MAJOR_VERSION) => {}
        Parse::Done(_) => return Err(Malformed::at("legacy_version")),
        Parse::Incomplete => return Ok(Parse::Incomplete),
    }
    let Parse::Done(body) = flight.take(len.saturating_sub(1))? else {
        return Ok(Parse::Incomplete);
    };
    let mut body = Reader::new(&body);
    let fixed = body
        .skip(MINOR_VERSION_AND_RANDOM_LEN)
        .and_then(|()| body.sub_u8())
        .filter(|session_id| session_id.len() <= MAX_SESSION_ID)
        .and_then(|_| body.skip(SUITE_AND_COMPRESSION_LEN));
    if fixed.is_none() {
        return Err(Malformed::at("ServerHello"));
    }
    if body.is_empty() {
        return Ok(Parse::Done(Next::InClear));
    }
    match body.sub_u16() {
        Some(block) if body.is_empty() => extensions(block).map(Parse::Done),
        _ => Err(Malformed::at("extensions")),
    }
}

/// Looks for `supported_versions` (RFC 8446 section 4.2.1), which only TLS 1.3 and later answer.
fn extensions(mut block: Reader<'_>) -> Result<Next, Malformed> {
    while !block.is_empty() {
        let (Some(kind), Some(mut data)) = (block.u16(), block.sub_u16()) else {
            return Err(Malformed::at("extensions"));
        };
        // Drafts of TLS 1.3 have numbers above it.
        if kind == SUPPORTED_VERSIONS && data.u16().is_some_and(|it| it >= TLS_1_3) {
            return Ok(Next::Encrypted);
        }
    }
    Ok(Next::InClear)
}

/// Reads the first certificate out of a Certificate message, of which the type has been read.
///
/// ```text
/// length(3) certificate_list<0..2^24-1> of ASN.1Cert<1..2^24-1>    RFC 5246 section 7.4.2
/// ```
fn first_certificate(flight: &mut Flight<'_>) -> Parsed<Vec<Name>> {
    let Parse::Done(message_len) = flight.message_len()? else {
        return Ok(Parse::Incomplete);
    };
    if message_len < LENGTH_LEN {
        return Err(Malformed::at("length"));
    }
    let Parse::Done(list_len) = flight.u24()? else {
        return Ok(Parse::Incomplete);
    };
    if list_len.checked_add(LENGTH_LEN) != Some(message_len) {
        return Err(Malformed::at("certificate_list"));
    }
    if list_len == 0 {
        return Ok(Parse::Done(Vec::new()));
    }
    if list_len < LENGTH_LEN {
        return Err(Malformed::at("certificate_list"));
    }
    let Parse::Done(len) = flight.u24()? else {
        return Ok(Parse::Incomplete);
    };
    if len == 0 || len.saturating_add(LENGTH_LEN) > list_len {
        return Err(Malformed::at("ASN.1Cert"));
    }
    Ok(match flight.take(len)? {
        Parse::Done(certificate) => Parse::Done(certificate_names(&certificate)),
        Parse::Incomplete => Parse::Incomplete,
    })
}

/// Names in a certificate in DER; none if it is not one.
fn certificate_names(der: &[u8]) -> Vec<Name> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return Vec::new();
    };
    let common_names = certificate
        .subject()
        .iter_common_name()
        .map(|it| it.as_slice())
        .filter(|it| looks_like_host_name(it));
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let dns_names = alternative
        .iter()
        .flat_map(|it| &it.value.general_names)
        .filter_map(|it| match it {
            GeneralName::DNSName(name) => Some(name.as_bytes()),
            _ => None,
        });
    let mut names = Vec::new();
    for name in common_names
        .chain(dns_names)
        .filter(|it| it.len() <= MAX_HOST_NAME)
        .filter_map(Name::from_text)
    {
        if names.len() == MAX_NAMES {
            break;
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Whether a common name is more than a title: labels of letters, digits, hyphens and underscores,
/// two at the least, of which the first may be a `*`.
fn looks_like_host_name(name: &[u8]) -> bool {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let labels = name.strip_prefix(b"*.").unwrap_or(name);
    name.contains(&b'.')
        && labels.split(|it| *it == b'.').all(|label| {
            !label.is_empty()
                && label
                    .iter()
                    .all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_'))
        })
}

/// The handshake messages of a stream, read across the records that hold them.
struct Flight<'a> {
    /// What is there, and not read, of the record at hand.
    fragment: &'a [u8],
    /// The records after it.
    records: &'a [u8],
    /// Octets that the messages not yet begun may have.
    left: usize,
}

impl<'a> Flight<'a> {
    const fn new(stream: &'a [u8]) -> Self {
        Self {
            fragment: &[],
            records: stream,
            left: MAX_FLIGHT,
        }
    }

    /// Takes `len` octets; copies them only where they lie in more than one record.
    fn take(&mut self, len: usize) -> Parsed<Cow<'a, [u8]>> {
        if let Some((taken, rest)) = self.fragment.split_at_checked(len) {
            self.fragment = rest;
            return Ok(Parse::Done(Cow::Borrowed(taken)));
        }
        let mut joined = Vec::new();
        loop {
            let missing = len.saturating_sub(joined.len());
            let (taken, rest) = self
                .fragment
                .split_at_checked(missing)
                .unwrap_or((self.fragment, &[]));
            joined.extend_from_slice(taken);
            self.fragment = rest;
            if joined.len() == len {
                return Ok(Parse::Done(Cow::Owned(joined)));
            }
            let Parse::Done(next) = record(self.records)? else {
                return Ok(Parse::Incomplete);
            };
            self.fragment = next.fragment;
            self.records = next.rest;
        }
    }

    /// Takes one octet.
    fn u8(&mut self) -> Parsed<u8> {
        Ok(match self.take(1)? {
            Parse::Done(octets) => octets
                .first()
                .map_or(Parse::Incomplete, |it| Parse::Done(*it)),
            Parse::Incomplete => Parse::Incomplete,
        })
    }

    /// Takes the length of a message, and counts the message.
    fn message_len(&mut self) -> Parsed<usize> {
        let Parse::Done(len) = self.u24()? else {
            return Ok(Parse::Incomplete);
        };
        match self.left.checked_sub(len.saturating_add(HEADER_LEN)) {
            Some(left) => {
                self.left = left;
                Ok(Parse::Done(len))
            }
            None => Err(Malformed::at("length")),
        }
    }

    /// Takes a length of three octets.
    fn u24(&mut self) -> Parsed<usize> {
        let Parse::Done(octets) = self.take(LENGTH_LEN)? else {
            return Ok(Parse::Incomplete);
        };
        match Reader::new(&octets).u24().map(usize::try_from) {
            Some(Ok(len)) => Ok(Parse::Done(len)),
            _ => Err(Malformed::at("length")),
        }
    }

    /// Whether, between two messages, something else than a handshake record follows.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if what follows is no record at all.
    fn ends_here(&self) -> Result<bool, Malformed> {
        match self.records.first() {
            Some(&kind) if self.fragment.is_empty() && kind != CONTENT_TYPE_HANDSHAKE => match kind
            {
                CONTENT_TYPE_CHANGE_CIPHER_SPEC..=CONTENT_TYPE_APPLICATION_DATA => Ok(true),
                _ => Err(Malformed::at("type")),
            },
            _ => Ok(false),
        }
    }
}

/// Octets of handshake messages, from the ServerHello on, beyond which no certificate is looked
/// for: four records filled to the brim, where a chain takes a few KiB.
pub const MAX_FLIGHT: usize = 64 * 1024;

/// Names that are kept of one certificate, so that one flow cannot make thousands of observations.
const MAX_NAMES: usize = 64;
/// Octets of the longest name that is kept: no domain name is longer (RFC 1035 section 2.3.4).
const MAX_HOST_NAME: usize = 255;
/// Octets of handshake type and length.
const HEADER_LEN: usize = 4;
/// Octets of a length in a handshake header and in a certificate list.
const LENGTH_LEN: usize = 3;
/// Octets of the body of the shortest ServerHello: no session id, no extensions.
const MIN_SERVER_HELLO: usize = 38;
/// First octet of `legacy_version`, in all versions.
const MAJOR_VERSION: u8 = 3;
/// Octets of `random`, and the one of `legacy_version` before it.
const MINOR_VERSION_AND_RANDOM_LEN: usize = 33;
/// Octets of the longest session id.
const MAX_SESSION_ID: usize = 32;
/// Octets of `cipher_suite` and `legacy_compression_method`.
const SUITE_AND_COMPRESSION_LEN: usize = 3;
/// Extension type of `supported_versions` (RFC 8446 section 4.2).
const SUPPORTED_VERSIONS: u16 = 0x002b;
/// Version number of TLS 1.3.
const TLS_1_3: u16 = 0x0304;

/// Content type of ChangeCipherSpec (RFC 8446 section 5.1), the first of the four in use.
const CONTENT_TYPE_CHANGE_CIPHER_SPEC: u8 = 0x14;
/// Content type of application data, the last of them.
const CONTENT_TYPE_APPLICATION_DATA: u8 = 0x17;

/// Handshake type of a NewSessionTicket (RFC 5077 section 3.3): before a certificate it follows
/// the ServerHello of a resumed session.
const NEW_SESSION_TICKET: u8 = 4;
/// Handshake type of a Certificate (RFC 5246 section 7.4).
const CERTIFICATE: u8 = 11;
/// Handshake type of a ServerKeyExchange: comes after the certificate, if there is one.
const SERVER_KEY_EXCHANGE: u8 = 12;
/// Handshake type of a CertificateRequest: comes after the certificate, if there is one.
const CERTIFICATE_REQUEST: u8 = 13;
/// Handshake type of a ServerHelloDone.
const SERVER_HELLO_DONE: u8 = 14;
/// Handshake type of a CertificateVerify: not of a server.
const CERTIFICATE_VERIFY: u8 = 15;
/// Handshake type of a ClientKeyExchange: not of a server.
const CLIENT_KEY_EXCHANGE: u8 = 16;
/// Handshake type of a Finished.
const FINISHED: u8 = 20;

#[cfg(test)]
mod tests;
