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
mod tests {
    use super::super::builder::{record, u16_vector};
    use super::*;

    /// What a server of TLS 1.2 said, up to and with its ChangeCipherSpec.
    const FLIGHT: &[u8] = include_bytes!("tls12-flight.bin");
    /// Octets of [`FLIGHT`] up to the end of the record of the ServerHello.
    const HELLO_LEN: usize = 113;
    /// Octets of [`FLIGHT`] up to the end of the record of the certificate, its only one.
    const CERTIFICATE_LEN: usize = 712;
    const NAMES: [&str; 2] = ["touch.kaspersky.com", "www.touch.kaspersky.com"];

    #[test]
    fn a_certificate_yields_its_subject_and_alternative_names_once() {
        assert!(may_begin_server_hello(FLIGHT));
        assert_eq!(read(FLIGHT), named(&NAMES));
    }

    #[test]
    fn every_prefix_is_incomplete_until_the_certificate_is_whole() {
        for len in 0..CERTIFICATE_LEN {
            assert_eq!(read(&FLIGHT[..len]), Ok(Parse::Incomplete), "{len} octets");
        }
        for len in CERTIFICATE_LEN..=FLIGHT.len() {
            assert_eq!(read(&FLIGHT[..len]), named(&NAMES), "{len} octets");
        }
    }

    #[test]
    fn messages_may_lie_in_records_in_any_way() {
        let messages = messages();
        assert_eq!(read(&record(&messages)), named(&NAMES));
        for at in 1..messages.len() {
            let (one, two) = messages.split_at(at);
            let stream = [record(one), record(two)].concat();
            assert_eq!(read(&stream), named(&NAMES), "split at {at}");
        }
        for size in [1, 2, 3, 7, 100, 256] {
            let stream: Vec<u8> = messages.chunks(size).flat_map(record).collect();
            assert_eq!(read(&stream), named(&NAMES), "records of {size}");
        }
    }

    #[test]
    fn the_chain_behind_the_first_certificate_is_not_waited_for() {
        let stream = flight(&message(
            CERTIFICATE,
            &chain(&[&subject(b"a.example"), &[0; 99]]),
        ));
        assert_eq!(read(&stream[..stream.len() - 102]), named(&["a.example"]));
        assert_eq!(read(&stream[..stream.len() - 103]), Ok(Parse::Incomplete));
        let issuer_last = chain(&[&[0; 99], &subject(b"a.example")]);
        assert_eq!(
            read(&flight(&message(CERTIFICATE, &issuer_last))),
            named(&[])
        );
    }

    #[test]
    fn tls_1_3_has_no_names_as_soon_as_its_hello_is_whole() {
        for version in [[3, 4], [0x7f, 0x1c]] {
            let extensions = [&[0, 0x33, 0, 2, 0, 0x1d, 0, 0x2b, 0, 2][..], &version].concat();
            let hello = record(&hello(Some(&extensions)));
            assert_eq!(read(&hello), named(&[]));
            for len in 0..hello.len() {
                assert_eq!(read(&hello[..len]), Ok(Parse::Incomplete), "{len} octets");
            }
            let stream = [&hello, &FLIGHT[HELLO_LEN..]].concat();
            assert_eq!(read(&stream), named(&[]));
        }
        let older = hello(Some(&[0, 0x2b, 0, 2, 3, 3]));
        let stream = [&record(&older), &FLIGHT[HELLO_LEN..]].concat();
        assert_eq!(read(&stream), named(&NAMES));
    }

    #[test]
    fn a_record_of_another_type_after_the_hello_ends_it_at_its_first_octet() {
        let hello = record(&hello(None));
        assert_eq!(read(&hello), Ok(Parse::Incomplete));
        for kind in 0..=255 {
            let stream = [&hello[..], &[kind]].concat();
            let expected = match kind {
                0x14 | 0x15 | 0x17 => named(&[]),
                0x16 => Ok(Parse::Incomplete),
                _ => Err(Malformed::at("type")),
            };
            assert_eq!(read(&stream), expected, "type {kind:#x}");
        }
        let ticket = [&hello[..], &record(&message(4, &[0; 40])), &[0x14]].concat();
        assert_eq!(read(&ticket), named(&[]));
    }

    #[test]
    fn a_record_of_another_type_within_a_message_is_malformed() {
        let (one, two) = FLIGHT.split_at(HELLO_LEN + 5 + 100);
        let mut one = one.to_vec();
        one[HELLO_LEN + 3..HELLO_LEN + 5].copy_from_slice(&[0, 100]);
        let stream = [&one, &[0x15, 3, 3, 0, 2, 1, 0][..], two].concat();
        assert_eq!(read(&stream), Err(Malformed::at("type")));
    }

    #[test]
    fn messages_before_the_certificate_are_skipped() {
        for kind in [0, 22, 23, 99] {
            let other = record(&message(kind, &[0x0b; 300]));
            let stream = [&FLIGHT[..HELLO_LEN], &other, &FLIGHT[HELLO_LEN..]].concat();
            assert_eq!(read(&stream), named(&NAMES), "type {kind}");
        }
    }

    #[test]
    fn a_message_that_comes_after_any_certificate_ends_it() {
        for kind in [4, 12, 13, 14, 20] {
            let stream = [&FLIGHT[..HELLO_LEN], &record(&[kind])].concat();
            assert_eq!(read(&stream), named(&[]), "type {kind}");
        }
    }

    #[test]
    fn a_message_that_no_server_sends_there_is_malformed() {
        for kind in [1, 2, 15, 16] {
            let stream = [&FLIGHT[..HELLO_LEN], &record(&[kind])].concat();
            assert_eq!(read(&stream), Err(Malformed::at("msg_type")), "type {kind}");
        }
        assert_eq!(
            read(&record(&[CERTIFICATE])),
            Err(Malformed::at("msg_type"))
        );
    }

    #[test]
    fn a_hello_that_breaks_a_rule_is_malformed() {
        let fixed = hello(None);
        for (at, octet, field) in [
            (0, 1, "msg_type"),
            (1, 1, "length"),
            (3, 37, "length"),
            (4, 2, "legacy_version"),
            (38, 33, "ServerHello"),
            (38, 1, "ServerHello"),
        ] {
            let mut broken = fixed.clone();
            broken[at] = octet;
            assert_eq!(
                read(&record(&broken)),
                Err(Malformed::at(field)),
                "octet {at}"
            );
        }
        for block in [&[0][..], &[0, 0x2b, 0, 9, 3, 4], &[0xff, 1, 0, 1]] {
            let hello = record(&hello(Some(block)));
            assert_eq!(read(&hello), Err(Malformed::at("extensions")), "{block:?}");
        }
        let mut trailing = fixed[4..].to_vec();
        trailing.extend([0, 0, 7]);
        let hello = record(&message(SERVER_HELLO, &trailing));
        assert_eq!(read(&hello), Err(Malformed::at("extensions")));
    }

    #[test]
    fn lengths_of_a_certificate_that_contradict_each_other_are_malformed() {
        for (head, field) in [
            (&[0xff, 0xff, 0xff][..], "length"),
            (&[0, 0, 2], "length"),
            (&[0, 0, 9, 0, 0, 7], "certificate_list"),
            (&[0, 0, 9, 0xff, 0xff, 0xff], "certificate_list"),
            (&[0, 0, 5, 0, 0, 2], "certificate_list"),
            (&[0, 0, 9, 0, 0, 6, 0, 0, 4], "ASN.1Cert"),
            (&[0, 0, 9, 0, 0, 6, 0xff, 0xff, 0xff], "ASN.1Cert"),
            (&[0, 0, 9, 0, 0, 6, 0, 0, 0], "ASN.1Cert"),
        ] {
            let stream = flight(&[&[CERTIFICATE], head].concat());
            assert_eq!(read(&stream), Err(Malformed::at(field)), "{head:?}");
        }
        assert_eq!(read(&flight(&[CERTIFICATE, 0, 0, 3, 0, 0, 0])), named(&[]));
    }

    #[test]
    fn a_flight_above_the_bound_is_malformed() {
        let hello = hello(None);
        let filler = message(0, &[0; 16_000]);
        let mut stream = record(&hello);
        for _ in 0..4 {
            stream.extend(record(&filler));
        }
        assert_eq!(read(&stream), Ok(Parse::Incomplete));
        let left = MAX_FLIGHT - hello.len() - 4 * filler.len() - HEADER_LEN;
        for (len, expected) in [
            (left, Ok(Parse::Incomplete)),
            (left + 1, Err(Malformed::at("length"))),
        ] {
            let header = &message(0, &vec![0; len])[..4];
            assert_eq!(read(&[&stream[..], &record(header)].concat()), expected);
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_names() {
        for octets in [
            &[0][..],
            &[0x30, 0x80],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x30; 999],
        ] {
            let stream = flight(&message(CERTIFICATE, &chain(&[octets])));
            assert_eq!(read(&stream), named(&[]), "{octets:?}");
        }
    }

    #[test]
    fn a_common_name_counts_if_it_looks_like_a_host_name() {
        for (common_name, expected) in [
            (&b"DS.Kaspersky.COM."[..], Some("ds.kaspersky.com")),
            (b"*.tiktokv.com", Some("*.tiktokv.com")),
            (b"_a-1.example", Some("_a-1.example")),
            (b"192.168.1.64", Some("192.168.1.64")),
            (b"localhost", None),
            (b"Kaspersky Endpoint", None),
            (b"a b.example", None),
            (b"a..example", None),
            (b".example", None),
            (b"*", None),
            (b"*.", None),
            (b"a.*.example", None),
            (b"a.example\0", None),
            (b"\xff.example", None),
            (b"", None),
        ] {
            let names = strings(&certificate_names(&subject(common_name)));
            assert_eq!(names, Vec::from_iter(expected), "{common_name:?}");
        }
    }

    #[test]
    fn alternative_names_follow_the_subject_each_once() {
        let der = certificate(
            &[b"B.example", b"A title", b"a.example"],
            &[
                b"a.example",
                b"c.example",
                b"*.C.example",
                b"c.example.",
                b"localhost",
                b"",
            ],
        );
        assert_eq!(
            strings(&certificate_names(&der)),
            [
                "b.example",
                "a.example",
                "c.example",
                "*.c.example",
                "localhost"
            ]
        );
    }

    #[test]
    fn names_beyond_the_bound_are_left_out() {
        let names: Vec<String> = (0..100).map(|it| format!("{it}.example")).collect();
        let names: Vec<&[u8]> = names.iter().map(|it| it.as_bytes()).collect();
        let kept = strings(&certificate_names(&certificate(&[b"s.example"], &names)));
        assert_eq!(kept.len(), MAX_NAMES);
        assert_eq!(kept.first().map(String::as_str), Some("s.example"));
        assert_eq!(kept.last().map(String::as_str), Some("62.example"));
    }

    #[test]
    fn a_name_longer_than_any_domain_name_is_left_out() {
        let (longest, longer) = ([b'x'; 255], [b'x'; 256]);
        let der = certificate(&[], &[&longer, &longest]);
        assert_eq!(strings(&certificate_names(&der)), ["x".repeat(255)]);
    }

    #[test]
    fn a_broken_alternative_name_leaves_the_subject() {
        let whole = certificate(&[b"a.example"], &[b"b.example"]);
        let at = whole.len() - SIGNATURE.len() - b"b.example".len();
        let mut broken = whole.clone();
        broken[at - 1] = 0x7f;
        assert_eq!(
            strings(&certificate_names(&whole)),
            ["a.example", "b.example"]
        );
        assert_eq!(strings(&certificate_names(&broken)), ["a.example"]);
    }

    #[test]
    fn a_verdict_stands_however_the_stream_goes_on() {
        for at in 0..FLIGHT.len() {
            for octet in [0, 1, 0x7f, 0x80, 0xff, FLIGHT[at] ^ 1, FLIGHT[at] ^ 0x80] {
                let mut mutated = FLIGHT.to_vec();
                mutated[at] = octet;
                let whole = read(&mutated);
                for end in [at + 1, usize::midpoint(at + 1, FLIGHT.len())] {
                    match read(&mutated[..end]) {
                        Ok(Parse::Incomplete) => {}
                        early => assert_eq!(early, whole, "octet {at} as {octet:#x}, {end} seen"),
                    }
                }
            }
        }
    }

    #[test]
    fn the_cheap_look_agrees_with_the_parser_on_every_header() {
        for at in 0..6 {
            for octet in 0..=255 {
                let mut header = [0x16, 3, 3, 0, 0x6c, 2];
                header[at] = octet;
                let read = server_names(&header);
                assert_eq!(may_begin_server_hello(&header), read.is_ok(), "{header:?}");
            }
        }
        for len in 0..6 {
            assert!(!may_begin_server_hello(&FLIGHT[..len]));
        }
    }

    /// The messages of [`FLIGHT`] out of their records, without the ChangeCipherSpec.
    fn messages() -> Vec<u8> {
        let mut messages = Vec::new();
        let mut rest = FLIGHT;
        while let Ok(Parse::Done(it)) = super::record(rest) {
            messages.extend_from_slice(it.fragment);
            rest = it.rest;
        }
        assert_eq!(rest, [0x14, 3, 3, 0, 1, 1]);
        messages
    }

    fn read(stream: &[u8]) -> Parsed<Vec<String>> {
        Ok(match server_names(stream)? {
            Parse::Done(names) => Parse::Done(strings(&names)),
            Parse::Incomplete => Parse::Incomplete,
        })
    }

    fn strings(names: &[Name]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "compared with what the parser returns"
    )]
    fn named(names: &[&str]) -> Parsed<Vec<String>> {
        Ok(Parse::Done(names.iter().map(ToString::to_string).collect()))
    }

    /// A ServerHello of TLS 1.2 in a record, then one of `message`.
    fn flight(message: &[u8]) -> Vec<u8> {
        [record(&hello(None)), record(message)].concat()
    }

    fn hello(extensions: Option<&[u8]>) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([0xa5; 32]);
        body.extend([0, 0xc0, 0x2f, 0]);
        body.extend(extensions.map(u16_vector).unwrap_or_default());
        message(SERVER_HELLO, &body)
    }

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind][..], &u24_vector(body)].concat()
    }

    fn chain(certificates: &[&[u8]]) -> Vec<u8> {
        u24_vector(
            &certificates
                .iter()
                .flat_map(|it| u24_vector(it))
                .collect::<Vec<_>>(),
        )
    }

    fn u24_vector(octets: &[u8]) -> Vec<u8> {
        let len = u32::try_from(octets.len()).unwrap().to_be_bytes();
        [&len[1..], octets].concat()
    }

    fn subject(common_name: &[u8]) -> Vec<u8> {
        certificate(&[common_name], &[])
    }

    /// A certificate (RFC 5280 section 4.1) with an empty key and signature.
    fn certificate(common_names: &[&[u8]], dns_names: &[&[u8]]) -> Vec<u8> {
        let algorithm = der(0x30, &[0x06, 0x03, 0x2b, 0x65, 0x70]);
        let subject: Vec<u8> = common_names
            .iter()
            .flat_map(|it| {
                let value = [&[0x06, 0x03, 0x55, 0x04, 0x03][..], &der(0x14, it)].concat();
                der(0x31, &der(0x30, &value))
            })
            .collect();
        let time = der(0x17, b"260101000000Z");
        let mut fields = [
            &[0xa0, 3, 2, 1, 2, 2, 1, 1][..],
            &algorithm,
            &der(0x30, &[]),
            &der(0x30, &[&time[..], &time].concat()),
            &der(0x30, &subject),
            &der(0x30, &[&algorithm[..], &[3, 1, 0]].concat()),
        ]
        .concat();
        if !dns_names.is_empty() {
            let names: Vec<u8> = dns_names.iter().flat_map(|it| der(0x82, it)).collect();
            let value = der(0x04, &der(0x30, &names));
            let extension = der(0x30, &[&[6, 3, 0x55, 0x1d, 0x11][..], &value].concat());
            fields.extend(der(0xa3, &der(0x30, &extension)));
        }
        der(0x30, &[&der(0x30, &fields)[..], &SIGNATURE].concat())
    }

    /// Algorithm and bits behind the fields of a certificate.
    const SIGNATURE: [u8; 10] = [0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 1, 0];

    fn der(tag: u8, value: &[u8]) -> Vec<u8> {
        let [high, low] = u16::try_from(value.len()).unwrap().to_be_bytes();
        let head = match value.len() {
            0..0x80 => vec![tag, low],
            0x80..0x100 => vec![tag, 0x81, low],
            _ => vec![tag, 0x82, high, low],
        };
        [head, value.to_vec()].concat()
    }
}
