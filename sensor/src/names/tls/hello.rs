//! The ClientHello message itself: fixed fields, then a walk over the extensions.
//!
//! `tls-parser` reads the fixed fields, of complete messages only: a message that is cut off looks
//! to it like one without extensions. The walk over the extensions is our own, because an odd one
//! must not hide those after it: clients shuffle their order.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use tls_parser::parse_tls_handshake_client_hello;

use super::{ClientHello, Ech, MAX_HELLO, Outer};
use crate::names::{Malformed, Name, Parse, Parsed};
use crate::reader::Reader;

/// Reads a ClientHello from a bare handshake message, as QUIC carries it.
///
/// ```text
/// msg_type(1) length(3)                                      RFC 8446 section 4
/// legacy_version(2) random(32) legacy_session_id<0..32>      RFC 8446 section 4.1.2
/// cipher_suites<2..2^16-2> legacy_compression_methods<1..2^8-1> [ extensions<8..2^16-1> ]
/// ```
///
/// `message` may be the beginning of one, and may go on after it. A hello without extensions, or
/// without `server_name` among them, is complete and has no name.
///
/// # Errors
///
/// [`Malformed`] as soon as type, length or version break a rule. The rest is looked at once the
/// message is complete; an extension that is broken before the server name was read is an error,
/// after it is not.
pub fn client_hello_message(message: &[u8]) -> Parsed<ClientHello> {
    let Parse::Done(len) = message_len(message)? else {
        return Ok(Parse::Incomplete);
    };
    let Some(body) = message.get(HEADER_LEN..len) else {
        return match message.get(HEADER_LEN) {
            Some(major) if *major != MAJOR_VERSION => Err(Malformed::at("legacy_version")),
            _ => Ok(Parse::Incomplete),
        };
    };
    let Ok((rest, hello)) = parse_tls_handshake_client_hello(body) else {
        return Err(Malformed::at("ClientHello"));
    };
    if hello.version.0.to_be_bytes()[0] != MAJOR_VERSION {
        return Err(Malformed::at("legacy_version"));
    }
    match hello.ext {
        Some(block) => extensions(Reader::new(block)).map(Parse::Done),
        None if rest.is_empty() => Ok(Parse::Done(ClientHello {
            server_name: None,
            ech: Ech::None,
            outer: None,
            is_dns: false,
        })),
        None => Err(Malformed::at("extensions")),
    }
}

/// Octets of the whole message, header included; of a header that is cut off, checks what is there.
pub(super) fn message_len(message: &[u8]) -> Parsed<usize> {
    match *message {
        [kind, ..] if kind != CLIENT_HELLO => Err(Malformed::at("msg_type")),
        [_, high, ..] if high != 0 => Err(Malformed::at("length")),
        [_, _, middle, low, ..] => {
            let body = usize::from(u16::from_be_bytes([middle, low]));
            match body.saturating_add(HEADER_LEN) {
                len @ MIN_HELLO..=MAX_HELLO => Ok(Parse::Done(len)),
                _ => Err(Malformed::at("length")),
            }
        }
        _ => Ok(Parse::Incomplete),
    }
}

fn extensions(mut block: Reader<'_>) -> Result<ClientHello, Malformed> {
    let mut server_name = None;
    let mut ech = Ech::None;
    let mut outer = None;
    let mut is_dns = false;
    while !block.is_empty() {
        match extension(&mut block) {
            Some((SERVER_NAME, data)) if server_name.is_none() => server_name = Some(data),
            // The inner type stands in a hello that a provider has decrypted and passes on in
            // clear: its name is the real one.
            Some((ENCRYPTED_CLIENT_HELLO, mut data)) => {
                if data.u8() == Some(ECH_OUTER) {
                    ech = Ech::Unknown;
                    outer = Outer::read(data);
                }
            }
            Some((ALPN, data)) => is_dns |= offers_dns(data),
            Some(_) => {}
            None if server_name.is_some() => break,
            None => return Err(Malformed::at("extensions")),
        }
    }
    Ok(ClientHello {
        server_name: server_name.map_or(Ok(None), host_name)?,
        ech,
        outer,
        is_dns,
    })
}

/// Whether a list of protocols (RFC 7301 section 3.1) has one of DNS in it.
fn offers_dns(mut data: Reader<'_>) -> bool {
    let mut list = data.sub_u16().unwrap_or(Reader::new(&[]));
    while let Some(protocol) = list.sub_u8() {
        if DNS_PROTOCOLS.contains(&protocol.rest()) {
            return true;
        }
    }
    false
}

pub(super) fn extension<'a>(block: &mut Reader<'a>) -> Option<(u16, Reader<'a>)> {
    let [kind_high, kind_low, len_high, len_low] = block.array()?;
    let data = block.sub(usize::from(u16::from_be_bytes([len_high, len_low])))?;
    Some((u16::from_be_bytes([kind_high, kind_low]), data))
}

/// Reads the first `host_name` of a `server_name` extension (RFC 6066 section 3).
fn host_name(mut data: Reader<'_>) -> Result<Option<Name>, Malformed> {
    if data.is_empty() {
        return Ok(None);
    }
    let Some(mut list) = data.sub_u16() else {
        return Err(Malformed::at("server_name_list"));
    };
    while !list.is_empty() {
        let (Some(name_type), Some(name)) = (list.u8(), list.sub_u16()) else {
            return Err(Malformed::at("server_name_list"));
        };
        if name_type == HOST_NAME {
            if name.len() > MAX_HOST_NAME {
                return Err(Malformed::at("HostName"));
            }
            return Ok(Name::from_text(name.rest()));
        }
    }
    Ok(None)
}

/// Handshake type of a ClientHello (RFC 8446 section 4).
pub(super) const CLIENT_HELLO: u8 = 1;
/// Octets of handshake type and length.
pub(super) const HEADER_LEN: usize = 4;
/// Octets of the shortest hello: all vectors empty, no extensions. Shorter than the RFC allows, so
/// that a hello some server may accept is not refused here.
const MIN_HELLO: usize = 42;
/// First octet of `legacy_version`, in all versions.
const MAJOR_VERSION: u8 = 3;
/// Extension type of `server_name` (RFC 6066 section 1.1).
pub(super) const SERVER_NAME: u16 = 0;
/// Extension type of ALPN (RFC 7301 section 6).
pub(super) const ALPN: u16 = 16;
/// Name type of a `host_name` (RFC 6066 section 3).
const HOST_NAME: u8 = 0;
/// Octets of the longest host name. No domain name is longer (RFC 1035 section 2.3.4), and nothing
/// else bounds what one hello can make the sensor remember.
const MAX_HOST_NAME: usize = 255;
/// Protocols of DNS over TLS and over QUIC (IANA, by RFC 7858 and RFC 9250).
const DNS_PROTOCOLS: [&[u8]; 2] = [b"dot", b"doq"];
/// Extension type of `encrypted_client_hello` (RFC 9849 section 5).
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
/// `ECHClientHelloType` of the hello that is on the wire.
const ECH_OUTER: u8 = 0;

#[cfg(test)]
mod tests {
    use tls_parser::{SNIType, TlsExtension, parse_tls_extension_sni_content};

    use super::super::builder::{Hello, host_name, u16_vector};
    use super::*;

    const NAME: &str = "ds.kaspersky.com";

    #[test]
    fn every_shorter_prefix_is_incomplete() {
        let message = Hello::browser(NAME).ech(0).message();
        for len in 0..message.len() {
            let read = client_hello_message(&message[..len]);
            assert_eq!(read, Ok(Parse::Incomplete), "prefix of {len} octets");
        }
    }

    #[test]
    fn a_hello_without_extensions_has_no_name() {
        assert_eq!(name_in(&Hello::bare()), Ok(None));
        assert_eq!(name_in(&Hello::bare().raw(&[])), Ok(None));
        assert_eq!(name_in(&Hello::bare().extension(0x17, &[])), Ok(None));
    }

    #[test]
    fn a_hello_that_offers_dns_is_told_from_others() {
        let offers = |protocols: &[u8]| {
            let hello = Hello::bare().extension(ALPN, &u16_vector(protocols));
            let Ok(Parse::Done(read)) = client_hello_message(&hello.message()) else {
                panic!("a whole hello");
            };
            read.is_dns
        };
        assert!(offers(b"\x03dot"));
        assert!(offers(b"\x02h2\x03doq"));
        for other in [
            &b""[..],
            b"\x02h2",
            b"\x04dots",
            b"\x02do",
            b"\x03do",
            b"\x00",
        ] {
            assert!(!offers(other), "{other:?}");
        }
    }

    #[test]
    fn the_first_host_name_counts() {
        let other_type = [&[7][..], &u16_vector(b"seven")].concat();
        let list = [
            other_type,
            host_name(b"A.Example."),
            host_name(b"b.example"),
        ]
        .concat();
        let hello = Hello::bare()
            .extension(0, &u16_vector(&list))
            .server_name("second.example");
        assert_eq!(name_in(&hello), Ok(Some("a.example".into())));
    }

    #[test]
    fn an_empty_server_name_is_no_name() {
        for data in [vec![], u16_vector(&[]), u16_vector(&host_name(b""))] {
            assert_eq!(name_in(&Hello::bare().extension(0, &data)), Ok(None));
        }
    }

    #[test]
    fn addresses_are_kept_and_odd_octets_escaped() {
        let literal = Hello::bare().server_name("192.0.2.7");
        assert_eq!(name_in(&literal), Ok(Some("192.0.2.7".into())));
        let odd = u16_vector(&host_name(b"a\xff b"));
        assert_eq!(
            name_in(&Hello::bare().extension(0, &odd)),
            Ok(Some("a\\255\\032b".into()))
        );
    }

    #[test]
    fn a_name_longer_than_any_domain_name_is_malformed() {
        let longest = "x".repeat(255);
        let hello = Hello::bare().server_name(&longest);
        assert_eq!(name_in(&hello), Ok(Some(longest.clone())));
        let hello = Hello::bare().server_name(&format!("{longest}x"));
        assert_eq!(name_in(&hello), Err(Malformed::at("HostName")));
    }

    #[test]
    fn outer_ech_is_reported_wherever_it_stands() {
        let ech = |hello: Hello| match client_hello_message(&hello.message()) {
            Ok(Parse::Done(hello)) => hello.ech,
            other => panic!("{other:?}"),
        };
        assert_eq!(ech(Hello::browser(NAME)), Ech::None);
        assert_eq!(ech(Hello::browser(NAME).ech(0)), Ech::Unknown);
        assert_eq!(ech(Hello::bare().ech(0).server_name(NAME)), Ech::Unknown);
        assert_eq!(ech(Hello::bare().ech(0)), Ech::Unknown);
        assert_eq!(ech(Hello::bare().ech(1).server_name(NAME)), Ech::None);
    }

    #[test]
    fn what_is_in_clear_of_outer_ech_is_read() {
        let outer = |hello: Hello| match client_hello_message(&hello.message()) {
            Ok(Parse::Done(hello)) => (hello.ech, hello.outer),
            other => panic!("{other:?}"),
        };
        let shown = Outer {
            config_id: 0x2a,
            suite: [1, 1],
            enc_len: 32,
        };
        assert_eq!(outer(Hello::browser(NAME)), (Ech::None, None));
        assert_eq!(
            outer(Hello::browser(NAME).ech(0)),
            (Ech::Unknown, Some(shown))
        );
        let whole = b"\0\0\x01\0\x01\x2a\0\x02ab\0\x02cd";
        for len in 1..whole.len() {
            let hello = Hello::bare().extension(0xfe0d, &whole[..len]);
            assert_eq!(outer(hello), (Ech::Unknown, None), "{len} octets");
        }
        let hello = Hello::bare().extension(0xfe0d, whole);
        assert!(outer(hello).1.is_some_and(|it| it.enc_len == 2));
    }

    #[test]
    fn extensions_broken_after_the_name_do_not_hide_it() {
        for broken in [&[0][..], &[0, 0x2b, 0], &[0, 0x2b, 0, 9, 1]] {
            let hello = Hello::bare().server_name(NAME).raw(broken);
            assert_eq!(name_in(&hello), Ok(Some(NAME.into())), "{broken:?}");
        }
    }

    #[test]
    fn extensions_broken_before_the_name_are_malformed() {
        for broken in [&[0, 0x2b, 0xff, 0xff][..], &[0, 0x2b, 0, 200]] {
            let hello = Hello::bare().raw(broken).server_name(NAME);
            let malformed = Err(Malformed::at("extensions"));
            assert_eq!(name_in(&hello), malformed, "{broken:?}");
        }
    }

    #[test]
    fn a_server_name_list_that_breaks_off_is_malformed() {
        for data in [&[0][..], &[0, 9, 0], &[0, 3, 0, 0, 1], &[0, 2, 0, 0]] {
            let malformed = Err(Malformed::at("server_name_list"));
            let hello = Hello::bare().extension(0, data);
            assert_eq!(name_in(&hello), malformed, "{data:?}");
        }
    }

    #[test]
    fn a_length_that_contradicts_another_is_malformed() {
        // Offsets in a hello without session id, two suites, one compression method.
        for (at, octet, field) in [
            (1, 1, "length"),
            (4, 2, "legacy_version"),
            (38, 33, "ClientHello"),
            (40, 3, "ClientHello"),
            (39, 1, "ClientHello"),
            (45, 200, "ClientHello"),
            (47, 1, "extensions"),
        ] {
            let mut message = Hello::bare().server_name(NAME).message();
            message[at] = octet;
            let malformed = Err(Malformed::at(field));
            assert_eq!(client_hello_message(&message), malformed, "octet {at}");
        }
        let short = [1, 0, 0, 37];
        assert_eq!(client_hello_message(&short), Err(Malformed::at("length")));
    }

    #[test]
    fn another_version_is_malformed_at_once() {
        let mut message = Hello::bare().message();
        message[4] = 2;
        assert_eq!(client_hello_message(&message[..4]), Ok(Parse::Incomplete));
        assert_eq!(
            client_hello_message(&message[..5]),
            Err(Malformed::at("legacy_version"))
        );
    }

    #[test]
    fn odd_octets_never_hide_a_name_that_can_be_read() {
        for hello in [
            Hello::bare(),
            Hello::bare().server_name(NAME),
            Hello::browser(NAME),
            Hello::browser(NAME).ech(0),
        ] {
            let message = hello.message();
            assert_eq!(name_in(&hello), Ok(oracle(&message).unwrap()));
            // The oracle sees neither type and length nor version.
            for at in 5..message.len() {
                for octet in [0, 1, 0x7f, 0xff, message[at] ^ 0x80, message[at] ^ 1] {
                    let mut mutated = message.clone();
                    mutated[at] = octet;
                    match (client_hello_message(&mutated), oracle(&mutated)) {
                        (Ok(Parse::Done(read)), Some(expected)) => {
                            let name = read.server_name.map(|it| it.to_string());
                            assert_eq!(name, expected, "octet {at} as {octet:#x}");
                        }
                        (read, Some(Some(name))) => {
                            panic!("octet {at} as {octet:#x}: {read:?} hides {name}")
                        }
                        _ => {}
                    }
                }
            }
        }
    }

    fn name_in(hello: &Hello) -> Result<Option<String>, Malformed> {
        match client_hello_message(&hello.message())? {
            Parse::Done(hello) => Ok(hello.server_name.map(|it| it.to_string())),
            Parse::Incomplete => panic!("the message is complete"),
        }
    }

    /// The name as `tls-parser` reads it out of the body; `None` if it, or a walk over the
    /// extensions, fails.
    fn oracle(message: &[u8]) -> Option<Option<String>> {
        let (_, body) = parse_tls_handshake_client_hello(message.get(4..)?).ok()?;
        let mut block = body.ext.unwrap_or_default();
        while let [a, b, c, d, rest @ ..] = block {
            let (data, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([*c, *d])))?;
            if [*a, *b] == [0, 0] {
                let (_, TlsExtension::SNI(list)) = parse_tls_extension_sni_content(data).ok()?
                else {
                    return None;
                };
                let first = list.iter().find(|it| it.0 == SNIType::HostName);
                let name = first.and_then(|it| Name::from_text(it.1));
                return Some(name.map(|it| it.to_string()));
            }
            block = rest;
        }
        block.is_empty().then_some(None)
    }
}
