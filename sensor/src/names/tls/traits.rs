//! What a hello shows of the program that sent it: its fingerprint, and the protocols it offers.
//!
//! The fingerprint is JA4 as its authors describe it in public: version, counts and ALPN in clear, then
//! digests of the sorted cipher suites and of the sorted extensions with the signature algorithms.
//! GREASE values (RFC 8701) do not count. To make one costs two digests and a walk over the hello,
//! so it is made only for hellos that are told of. Of the JA4 family this is the client's alone.
//!
//! JA4 is by FoxIO, under the BSD 3-Clause licence in `LICENSE-JA4` at the top of the project.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use std::fmt::Write;

use ring::digest;

use super::hello::{self, ALPN, HEADER_LEN, SERVER_NAME};
use crate::names::{Parse, Transport, push_octet_as_is};
use crate::reader::Reader;

/// What a hello shows of the program that sent it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Traits {
    /// The first protocols of its ALPN extension (RFC 7301), at most [`MAX_PROTOCOLS`], as they stand
    /// there; octets outside printable ASCII are written `\DDD`.
    pub alpn: Vec<String>,
    /// Its JA4 fingerprint, 36 characters.
    pub ja4: String,
}

/// Reads the traits of a hello from the first octets of a client's TCP stream, as
/// [`client_hello`](super::client_hello) reads its name. `None` if it is not whole, or broken.
#[must_use]
pub fn traits(prefix: &[u8]) -> Option<Traits> {
    let Ok(Parse::Done(first)) = super::record(prefix) else {
        return None;
    };
    message_traits(&super::join(first).ok()?, Transport::Tcp)
}

/// Reads the traits of a bare handshake message; `carrier` is UDP if it came over QUIC.
#[must_use]
pub fn message_traits(message: &[u8], carrier: Transport) -> Option<Traits> {
    let Ok(Parse::Done(len)) = hello::message_len(message) else {
        return None;
    };
    let shown = Shown::read(Reader::new(message.get(HEADER_LEN..len)?))?;
    Some(Traits {
        ja4: shown.ja4(carrier),
        alpn: shown.protocols().take(MAX_PROTOCOLS).map(text).collect(),
    })
}

/// What of a hello the fingerprint is made of, without GREASE.
#[derive(Default)]
struct Shown<'a> {
    version: u16,
    ciphers: Vec<u16>,
    extensions: Vec<u16>,
    signature_algorithms: Vec<u16>,
    /// The list of protocols.
    alpn: &'a [u8],
}

impl<'a> Shown<'a> {
    /// Reads the body of a hello (RFC 8446 section 4.1.2). An extension whose data is broken counts as
    /// one, and shows nothing else.
    fn read(mut body: Reader<'a>) -> Option<Self> {
        let mut shown = Self {
            version: body.u16()?,
            ..Self::default()
        };
        body.skip(RANDOM_LEN)?;
        body.sub_u8()?;
        shown.ciphers = numbers(body.sub_u16()?);
        body.sub_u8()?;
        if body.is_empty() {
            return Some(shown);
        }
        let mut block = body.sub_u16()?;
        while !block.is_empty() {
            let (kind, data) = hello::extension(&mut block)?;
            if is_grease(kind) {
                continue;
            }
            shown.extensions.push(kind);
            shown.note(kind, data);
        }
        Some(shown)
    }

    fn note(&mut self, kind: u16, mut data: Reader<'a>) {
        match kind {
            SUPPORTED_VERSIONS => {
                let listed = data.sub_u8().map(numbers).unwrap_or_default();
                self.version = listed.into_iter().max().unwrap_or(self.version);
            }
            SIGNATURE_ALGORITHMS => {
                self.signature_algorithms = data.sub_u16().map(numbers).unwrap_or_default();
            }
            ALPN => self.alpn = data.sub_u16().map(|it| it.rest()).unwrap_or_default(),
            _ => {}
        }
    }

    /// The protocols that are offered, up to the first that is broken.
    fn protocols(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut list = Reader::new(self.alpn);
        std::iter::from_fn(move || list.sub_u8().map(|it| it.rest()))
    }

    fn ja4(&self, carrier: Transport) -> String {
        let carrier = match carrier {
            Transport::Tcp => 't',
            Transport::Udp => 'q',
        };
        let sni = if self.extensions.contains(&SERVER_NAME) {
            'd'
        } else {
            'i'
        };
        let mut ciphers = self.ciphers.clone();
        ciphers.sort_unstable();
        let mut extensions = self.extensions.clone();
        extensions.retain(|it| !matches!(*it, SERVER_NAME | ALPN));
        extensions.sort_unstable();
        let suites = listed(&ciphers);
        let mut kinds = listed(&extensions);
        if !kinds.is_empty() && !self.signature_algorithms.is_empty() {
            kinds.push('_');
            kinds.push_str(&listed(&self.signature_algorithms));
        }
        format!(
            "{carrier}{}{sni}{:02}{:02}{}_{}_{}",
            version(self.version),
            self.ciphers.len().min(99),
            self.extensions.len().min(99),
            self.ends_of_first_protocol(),
            short_digest(&suites),
            short_digest(&kinds),
        )
    }

    /// First and last character of the first protocol; those of its octets in hexadecimal if either is
    /// no letter or digit.
    fn ends_of_first_protocol(&self) -> String {
        let protocol = self.protocols().next().unwrap_or_default();
        let (Some(&first), Some(&last)) = (protocol.first(), protocol.last()) else {
            return "00".to_owned();
        };
        if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
            [first, last].map(char::from).iter().collect()
        } else {
            format!("{:x}{:x}", first >> 4, last & 0x0f)
        }
    }
}

/// The two-octet numbers of a list, without GREASE; half a number at the end is left out.
fn numbers(mut list: Reader<'_>) -> Vec<u16> {
    std::iter::from_fn(|| list.u16())
        .filter(|it| !is_grease(*it))
        .collect()
}

/// Whether a number is one of those that mean nothing (RFC 8701 section 2).
const fn is_grease(number: u16) -> bool {
    let [high, low] = number.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

const fn version(number: u16) -> &'static str {
    match number {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        0xfeff => "d1",
        0xfefd => "d2",
        0xfefc => "d3",
        _ => "00",
    }
}

/// Numbers in hexadecimal, with commas between.
fn listed(numbers: &[u16]) -> String {
    let mut text = String::with_capacity(numbers.len().saturating_mul(5));
    for (place, number) in numbers.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(text, "{comma}{number:04x}");
    }
    text
}

/// The first twelve characters of a SHA-256 in hexadecimal; zeros for nothing.
fn short_digest(list: &str) -> String {
    if list.is_empty() {
        return "0".repeat(12);
    }
    let digest = digest::digest(&digest::SHA256, list.as_bytes());
    let mut text = String::with_capacity(12);
    for octet in digest.as_ref().iter().take(6) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{octet:02x}");
    }
    text
}

fn text(protocol: &[u8]) -> String {
    let mut text = String::with_capacity(protocol.len());
    for &octet in protocol {
        push_octet_as_is(&mut text, octet);
    }
    text
}

/// Protocols that are told. Clients offer two or three; nothing else bounds what a line can hold.
pub const MAX_PROTOCOLS: usize = 16;

/// Octets of `random`.
const RANDOM_LEN: usize = 32;
/// Extension type of `signature_algorithms` (RFC 8446 section 4.2.3).
const SIGNATURE_ALGORITHMS: u16 = 13;
/// Extension type of `supported_versions` (RFC 8446 section 4.2.1).
const SUPPORTED_VERSIONS: u16 = 43;

#[cfg(test)]
mod tests {
    use super::super::builder::{Hello, record, u16_vector};
    use super::*;

    // The example of JA4's description: suites, extensions and algorithms in the order on the wire,
    // of a Chrome before it shuffled extensions.
    const SUITES: &[u16] = &[
        0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014,
        0x009c, 0x009d, 0x002f, 0x0035,
    ];
    const EXTENSIONS: &[u16] = &[
        0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012,
        0x002b, 0xff01, 0x000b, 0x000a, 0x0015,
    ];
    const ALGORITHMS: &[u16] = &[
        0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601,
    ];

    #[test]
    fn published_fingerprints_come_out() {
        // Of the description; of Chrome 120, with ECH and without padding; of Chrome 136, with another
        // number of ALPS.
        for (padding, settings, last) in [
            (0x0015, 0x4469, "e5627efa2ab1"),
            (0xfe0d, 0x4469, "02713d6af862"),
            (0xfe0d, 0x44cd, "d8a2da3f94cd"),
        ] {
            let kinds = EXTENSIONS.iter().map(|it| match it {
                0x0015 => padding,
                0x4469 => settings,
                other => *other,
            });
            let kinds: Vec<u16> = kinds.collect();
            let hello = example(&kinds, ALGORITHMS, &[]);
            assert_eq!(ja4(&hello), format!("t13d1516h2_8daaf6152771_{last}"));
        }
    }

    #[test]
    fn grease_changes_nothing() {
        for value in [0x0a0a, 0x7a7a, 0xfafa] {
            let hello = example(EXTENSIONS, ALGORITHMS, &[value]);
            assert_eq!(ja4(&hello), ja4(&example(EXTENSIONS, ALGORITHMS, &[])));
        }
        // Two octets that are alike, or end alike, are not enough.
        for value in [0x0b0b, 0x1a2a] {
            let hello = example(EXTENSIONS, ALGORITHMS, &[value]);
            assert_ne!(ja4(&hello), ja4(&example(EXTENSIONS, ALGORITHMS, &[])));
        }
    }

    #[test]
    fn the_order_of_extensions_and_suites_changes_nothing_and_that_of_algorithms_does() {
        let algorithms = b"\0\x04\x04\x03\x08\x04".as_slice();
        let reversed = b"\0\x04\x08\x04\x04\x03".as_slice();
        let of = |first: (u16, &[u8]), second: (u16, &[u8])| {
            let hello = Hello::bare().extension(first.0, first.1);
            ja4(&hello.extension(second.0, second.1))
        };
        let plain = of((13, algorithms), (5, b"x"));
        assert_eq!(plain, of((5, b"x"), (13, algorithms)));
        assert_ne!(plain, of((5, b"x"), (13, reversed)));
        let suites = |list: &[u16]| ja4(&Hello::bare().suites(list));
        assert_eq!(suites(&[1, 2]), suites(&[2, 1]));
    }

    #[test]
    fn without_algorithms_there_is_no_underscore() {
        let expected = "t13d1516h2_8daaf6152771_6d807ffa2a79";
        assert_eq!(ja4(&example(EXTENSIONS, &[], &[])), expected);
    }

    #[test]
    fn what_is_empty_is_zeros() {
        let hello = Hello::bare().suites(&[]);
        assert_eq!(ja4(&hello), "t12i000000_000000000000_000000000000");
        let hello = Hello::bare().suites(&[0x0a0a]).server_name("a.example");
        assert_eq!(ja4(&hello), "t12d000100_000000000000_000000000000");
    }

    #[test]
    fn counts_end_at_ninety_nine() {
        let many: Vec<u16> = (1..=120).collect();
        let hello = many.iter().fold(Hello::bare().suites(&many), |it, kind| {
            it.extension(0x1000 + kind, b"")
        });
        assert!(ja4(&hello).starts_with("t12i9999"), "{}", ja4(&hello));
    }

    #[test]
    fn the_version_is_the_highest_that_is_supported() {
        let of = |list: &[u8]| ja4(&Hello::bare().extension(43, list));
        assert!(of(&[4, 3, 3, 3, 2]).starts_with("t12"));
        assert!(of(&[6, 0xfa, 0xfa, 3, 3, 3, 4]).starts_with("t13"));
        assert!(of(&[2, 0x7f, 0x1c]).starts_with("t00"));
        // Broken, or empty: that of the hello itself.
        assert!(of(&[9, 3, 4]).starts_with("t12"));
        assert!(of(&[]).starts_with("t12"));
    }

    #[test]
    fn ends_of_the_first_protocol_are_those_of_the_description() {
        for (protocol, ends) in [
            (&b"h2"[..], "h2"),
            (b"http/1.1", "h1"),
            (b"h", "hh"),
            (b"", "00"),
            (b"\xab", "ab"),
            (b"\xab\xcd", "ad"),
            (b"\x30\xab", "3b"),
            (b"\x30\x31\xab\xcd", "3d"),
            (b"\x30\xab\xcd\x31", "01"),
        ] {
            let list = [&[u8::try_from(protocol.len()).unwrap()], protocol].concat();
            let hello = Hello::bare().extension(16, &u16_vector(&list));
            assert_eq!(&ja4(&hello)[8..10], ends, "{protocol:?}");
        }
        assert_eq!(&ja4(&Hello::bare())[8..10], "00");
    }

    #[test]
    fn quic_is_told_apart() {
        let message = Hello::browser("a.example").message();
        let over = |carrier| message_traits(&message, carrier).unwrap().ja4;
        let [tcp, quic] = [Transport::Tcp, Transport::Udp].map(over);
        assert_eq!((&tcp[..1], &quic[..1]), ("t", "q"));
        assert_eq!(tcp[1..], quic[1..]);
    }

    #[test]
    fn the_protocols_are_listed_in_their_order() {
        let of = |hello: &Hello| traits(&hello.record()).unwrap().alpn;
        assert_eq!(of(&Hello::browser("a.example")), ["h2", "http/1.1"]);
        assert!(of(&Hello::bare()).is_empty());
        let odd = Hello::bare().extension(16, b"\0\x08\x03H\xff \x02ab\x09");
        assert_eq!(of(&odd), ["H\\255\\032", "ab"]);
        let many = u16_vector(&b"\x01x".repeat(40));
        let many = Hello::bare().extension(16, &many);
        assert_eq!(of(&many).len(), MAX_PROTOCOLS);
    }

    #[test]
    fn records_are_joined() {
        let message = Hello::browser("a.example").message();
        let (one, two) = message.split_at(90);
        let stream = [record(one), record(two), vec![0x17, 3]].concat();
        assert_eq!(traits(&stream), traits(&record(&message)));
        for len in 0..stream.len() - 2 {
            assert_eq!(traits(&stream[..len]), None, "prefix of {len} octets");
        }
    }

    #[test]
    fn no_change_of_one_octet_makes_reading_fail_badly() {
        let message = example(EXTENSIONS, ALGORITHMS, &[0x0a0a]).message();
        for at in 0..message.len() {
            for octet in [0, 1, 0x7f, 0xff] {
                let mut changed = message.clone();
                changed[at] = octet;
                if let Some(traits) = message_traits(&changed, Transport::Tcp) {
                    assert_eq!(traits.ja4.len(), 36);
                    assert!(traits.ja4.is_ascii());
                }
            }
        }
    }

    fn ja4(hello: &Hello) -> String {
        traits(&hello.record()).unwrap().ja4
    }

    fn example(kinds: &[u16], algorithms: &[u16], grease: &[u16]) -> Hello {
        let octets = |list: &[u16]| -> Vec<u8> {
            let all = grease.iter().chain(list);
            all.flat_map(|it| it.to_be_bytes()).collect()
        };
        let suites: Vec<u16> = grease.iter().chain(SUITES).copied().collect();
        let hello = Hello::bare().suites(&suites);
        grease.iter().chain(kinds).fold(hello, |it, kind| {
            let data = match kind {
                0x0000 => return it.server_name("a.example"),
                0x0010 => b"\0\x0c\x02h2\x08http/1.1".to_vec(),
                0x000d if algorithms.is_empty() => b"\0\0".to_vec(),
                0x000d => u16_vector(&octets(algorithms)),
                0x002b => [
                    &[4 + 2 * u8::try_from(grease.len()).unwrap()][..],
                    &octets(&[0x0304, 0x0303]),
                ]
                .concat(),
                _ => Vec::new(),
            };
            it.extension(*kind, &data)
        })
    }
}
