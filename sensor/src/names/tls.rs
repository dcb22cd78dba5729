//! TLS hellos: the name a client asks a server for, before encryption begins.
//!
//! [`client_hello`] reads the first octets of a client's TCP stream: it joins the handshake message
//! out of its records (RFC 8446 section 5.1) and hands it to [`client_hello_message`], which QUIC
//! calls with the octets of its CRYPTO stream. [`server_names`] reads the names in the certificate
//! of a server, which TLS 1.2 and older show in clear. [`may_begin_client_hello`],
//! [`may_begin_server_hello`] and [`is_server_handshake`] look at the first six octets only.
//!
//! Not read: hellos in the format of SSL 2 (RFC 5246 appendix E.2), records of DTLS, and anything
//! after the ClientHello or after the first certificate.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use serde::Serialize;

use crate::names::{Malformed, Name, Parse, Parsed};
use crate::reader::Reader;

#[cfg(test)]
pub(crate) mod builder;
mod certificate;
mod ech;
mod hello;
mod traits;

pub use certificate::{MAX_FLIGHT, may_begin_server_hello, server_names};
pub use ech::{EchConfig, MAX_CONFIGS, MAX_SUITES, Outer, Suite, ech_configs};
pub use hello::client_hello_message;
pub use traits::{MAX_PROTOCOLS, Traits, message_traits, traits};

/// What is kept of a ClientHello (RFC 8446 section 4.1.2).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClientHello {
    /// First `host_name` of the `server_name` extension (RFC 6066 section 3). `None` where the
    /// extension, or a name in it, is absent. An IP literal is kept as text.
    pub server_name: Option<Name>,
    /// [`Ech::None`] or [`Ech::Unknown`]: the hello alone does not tell a decoy from the real one.
    pub ech: Ech,
    /// What is in clear of the extension, where `ech` is [`Ech::Unknown`]. `None` if it is broken.
    pub outer: Option<Outer>,
    /// Whether its ALPN extension offers DNS: `dot` (RFC 7858) or `doq` (RFC 9250).
    pub is_dns: bool,
}

/// What a hello says of Encrypted Client Hello (RFC 9849).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ech {
    /// No such extension: the name is the real one.
    None,
    /// The extension is a decoy: the name is the real one.
    Grease,
    /// The extension is real: the name is only the public one of the provider.
    Real,
    /// The extension is there, and nothing seen in DNS tells which of the two it is.
    Unknown,
}

/// Whether `payload` may be the first octets of a stream that begins with a ClientHello.
///
/// Looks at six octets: record type, version and length, then handshake type. Fewer are accepted if
/// they agree so far; none at all are not.
#[must_use]
pub fn may_begin_client_hello(payload: &[u8]) -> bool {
    !payload.is_empty()
        && record_len(payload).is_ok()
        && payload
            .get(RECORD_HEADER_LEN)
            .is_none_or(|&it| it == hello::CLIENT_HELLO)
}

/// Whether `payload` begins like what a server says first: a ServerHello, or an alert in clear.
///
/// Tells which side is the server where no SYN was seen. Six octets are needed; fewer are never
/// enough.
#[must_use]
pub const fn is_server_handshake(payload: &[u8]) -> bool {
    matches!(
        payload,
        [
            CONTENT_TYPE_HANDSHAKE,
            3,
            0..=4,
            0..=0x41,
            _,
            SERVER_HELLO,
            ..
        ] | [CONTENT_TYPE_ALERT, 3, 0..=4, 0, 2, 1..=2, ..]
    )
}

/// Reads the ClientHello from the first octets of a client's stream.
///
/// `prefix` starts at the first octet of the TCP stream and grows from call to call; no state is
/// kept between calls. The hello may lie in any number of records, of one octet each at the least.
/// What follows it in `prefix` is ignored. Allocates for the name, and to join records.
///
/// Returns [`Parse::Incomplete`] while `prefix` is a valid beginning of a hello of at most
/// [`MAX_HELLO`] octets.
///
/// # Errors
///
/// [`Malformed`] when no longer prefix can become a hello. Extensions are looked at only once the
/// hello is complete; those broken after the server name do not matter.
pub fn client_hello(prefix: &[u8]) -> Parsed<ClientHello> {
    let Parse::Done(first) = record(prefix)? else {
        return Ok(Parse::Incomplete);
    };
    match client_hello_message(first.fragment)? {
        Parse::Incomplete if first.is_whole => client_hello_message(&join(first)?),
        read => Ok(read),
    }
}

/// Joins the handshake message that begins in `first` and goes on in the records after it, as far
/// as they are there.
fn join(first: Record<'_>) -> Result<Vec<u8>, Malformed> {
    let mut message = first.fragment.to_vec();
    let mut rest = first.rest;
    loop {
        match hello::message_len(&message)? {
            Parse::Done(len) if message.len() >= len => break,
            _ => {}
        }
        let Parse::Done(next) = record(rest)? else {
            break;
        };
        message.extend_from_slice(next.fragment);
        rest = next.rest;
    }
    Ok(message)
}

/// A handshake record, of which the end may not have come yet.
struct Record<'a> {
    /// What is there of the octets it carries.
    fragment: &'a [u8],
    /// Whether that is all of them.
    is_whole: bool,
    /// What follows the record.
    rest: &'a [u8],
}

fn record(octets: &[u8]) -> Parsed<Record<'_>> {
    let Parse::Done(len) = record_len(octets)? else {
        return Ok(Parse::Incomplete);
    };
    let mut reader = Reader::new(octets);
    let whole = reader
        .skip(RECORD_HEADER_LEN)
        .and_then(|()| reader.take(len));
    Ok(Parse::Done(match whole {
        Some(fragment) => Record {
            fragment,
            is_whole: true,
            rest: reader.rest(),
        },
        None => Record {
            fragment: reader.rest(),
            is_whole: false,
            rest: &[],
        },
    }))
}

/// Reads the header of a handshake record; of a header that is cut off, checks what is there.
///
/// ```text
///  0        1        2        3        4
/// +--------+--------+--------+--------+--------+
/// |  type  | legacy_record_v |      length     |  RFC 8446 section 5.1
/// +--------+--------+--------+--------+--------+
/// ```
fn record_len(header: &[u8]) -> Parsed<usize> {
    match *header {
        [kind, ..] if kind != CONTENT_TYPE_HANDSHAKE => Err(Malformed::at("type")),
        [_, major, ..] if major != 3 => Err(Malformed::at("legacy_record_version")),
        [_, _, minor, ..] if minor > 4 => Err(Malformed::at("legacy_record_version")),
        [_, _, _, high, low, ..] => match u16::from_be_bytes([high, low]) {
            len @ 1..=MAX_RECORD => Ok(Parse::Done(usize::from(len))),
            _ => Err(Malformed::at("length")),
        },
        [_, _, _, high] if u16::from_be_bytes([high, 0]) > MAX_RECORD => {
            Err(Malformed::at("length"))
        }
        _ => Ok(Parse::Incomplete),
    }
}

/// Octets of a ClientHello, its header included, beyond which it is not read. Hellos with
/// post-quantum key shares and tickets stay under 4 KiB; no length of an extension block allows
/// much more than this.
pub const MAX_HELLO: usize = 64 * 1024;

/// Content type of alerts (RFC 8446 section 5.1).
const CONTENT_TYPE_ALERT: u8 = 0x15;
/// Content type of handshake messages.
const CONTENT_TYPE_HANDSHAKE: u8 = 0x16;
/// Handshake type of a ServerHello (RFC 8446 section 4).
const SERVER_HELLO: u8 = 2;
/// Octets before the fragment of a record.
const RECORD_HEADER_LEN: usize = 5;
/// Largest length of a record of TLS 1.3 (2^14 + 256); older ones in clear hold less.
const MAX_RECORD: u16 = 16_640;

#[cfg(test)]
mod tests {
    use super::builder::{Hello, record};
    use super::*;

    const NAME: &str = "ds.kaspersky.com";

    #[test]
    fn a_hello_longer_than_a_packet_yields_its_name() {
        let stream = Hello::browser(NAME).record();
        assert!(stream.len() > 1500);
        assert_eq!(client_hello(&stream), named(NAME));
    }

    #[test]
    fn every_shorter_prefix_is_incomplete() {
        let stream = Hello::browser(NAME).record();
        for len in 0..stream.len() {
            assert_eq!(
                client_hello(&stream[..len]),
                Ok(Parse::Incomplete),
                "prefix of {len} octets"
            );
        }
    }

    #[test]
    fn what_follows_the_hello_is_ignored() {
        let mut stream = Hello::browser(NAME).record();
        stream.extend([0x14, 3, 3, 0, 1, 1, 0x17, 3, 3]);
        assert_eq!(client_hello(&stream), named(NAME));
        let mut message = Hello::browser(NAME).message();
        message.extend([0x0b, 0, 0, 0]);
        assert_eq!(client_hello(&record(&message)), named(NAME));
    }

    #[test]
    fn a_hello_may_be_split_into_two_records_anywhere() {
        let message = Hello::browser(NAME).message();
        for at in 1..message.len() {
            let (one, two) = message.split_at(at);
            let mut stream = [record(one), record(two)].concat();
            let whole = stream.len();
            stream.extend([0x14, 3, 3, 0, 1, 1]);
            assert_eq!(client_hello(&stream), named(NAME), "split at {at}");
            assert_eq!(client_hello(&stream[..whole - 1]), Ok(Parse::Incomplete));
        }
    }

    #[test]
    fn a_hello_may_come_in_records_of_one_octet() {
        let message = Hello::bare().server_name(NAME).message();
        let stream: Vec<u8> = message.iter().flat_map(|it| record(&[*it])).collect();
        assert_eq!(client_hello(&stream), named(NAME));
        for len in 0..stream.len() {
            assert_eq!(client_hello(&stream[..len]), Ok(Parse::Incomplete));
        }
    }

    #[test]
    fn another_record_within_the_hello_is_malformed() {
        let message = Hello::browser(NAME).message();
        let (one, two) = message.split_at(700);
        let alert = [0x15, 3, 1, 0, 2, 1, 0];
        let stream = [&record(one)[..], &alert, &record(two)].concat();
        assert_eq!(client_hello(&stream), Err(Malformed::at("type")));
    }

    #[test]
    fn a_broken_record_header_is_malformed_at_its_first_octet() {
        let stream = Hello::browser(NAME).record();
        for (at, octet, field) in [
            (0, 0x15, "type"),
            (1, 2, "legacy_record_version"),
            (2, 5, "legacy_record_version"),
            (3, 0x42, "length"),
            (5, 2, "msg_type"),
        ] {
            let mut broken = stream.clone();
            broken[at] = octet;
            let malformed = Err(Malformed::at(field));
            assert_eq!(client_hello(&broken[..=at]), malformed, "octet {at}");
            assert_eq!(client_hello(&broken), malformed, "octet {at}");
            assert!(!may_begin_client_hello(&broken[..=at]), "octet {at}");
            assert!(!may_begin_client_hello(&broken), "octet {at}");
        }
        assert_eq!(
            client_hello(&[0x16, 3, 1, 0, 0]),
            Err(Malformed::at("length"))
        );
        assert_eq!(
            client_hello(&[0x16, 3, 1, 0x41, 1]),
            Err(Malformed::at("length"))
        );
    }

    #[test]
    fn the_cheap_look_agrees_with_the_parser_on_every_header() {
        for at in 0..6 {
            for octet in 0..=255 {
                let mut header = [0x16, 3, 1, 2, 0, 1];
                header[at] = octet;
                let read = client_hello(&header);
                assert_eq!(may_begin_client_hello(&header), read.is_ok(), "{header:?}");
            }
        }
        assert!(!may_begin_client_hello(&[]));
    }

    #[test]
    fn a_verdict_stands_however_the_stream_goes_on() {
        let message = Hello::bare().extension(0x17, &[]).server_name(NAME).ech(0);
        let message = message.message();
        let (one, two) = message.split_at(70);
        let stream = [record(one), record(two)].concat();
        for at in 0..stream.len() {
            for octet in 0..=255 {
                let mut mutated = stream.clone();
                mutated[at] = octet;
                let whole = client_hello(&mutated);
                for end in [at + 1, usize::midpoint(at + 1, stream.len())] {
                    match client_hello(&mutated[..end]) {
                        Ok(Parse::Incomplete) => {}
                        early => assert_eq!(early, whole, "octet {at} as {octet:#x}, {end} seen"),
                    }
                }
            }
        }
    }

    #[test]
    fn a_server_is_known_by_what_it_says_first() {
        assert!(is_server_handshake(&[0x16, 3, 3, 0, 0x7a, 2, 0, 0]));
        assert!(is_server_handshake(&[0x15, 3, 1, 0, 2, 2, 40]));
        assert!(!is_server_handshake(&Hello::browser(NAME).record()));
        assert!(!is_server_handshake(&[0x16, 3, 3, 0, 0x7a]));
        assert!(!is_server_handshake(&[0x15, 3, 3, 0, 0x13, 1]));
        assert!(!is_server_handshake(b"HTTP/1.1 200 OK"));
    }

    #[test]
    fn a_hello_above_the_bound_is_malformed_before_it_is_joined() {
        let mut first = record(&[1, 1, 0, 0]);
        assert_eq!(client_hello(&first), Err(Malformed::at("length")));
        first.truncate(7);
        assert_eq!(client_hello(&first), Err(Malformed::at("length")));
    }

    fn named(name: &str) -> Parsed<ClientHello> {
        Ok(Parse::Done(ClientHello {
            server_name: Name::from_text(name.as_bytes()),
            ech: Ech::None,
            outer: None,
            is_dns: false,
        }))
    }
}
