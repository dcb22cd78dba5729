//! Flights of servers: one from the wire, and built ones that break a rule each.

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
