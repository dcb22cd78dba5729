//! Messages that carry names: DNS, TLS, HTTP.

use std::fmt::Debug;

use phonehome::flow::stream::{Inserted, Stream};
use phonehome::names::dns::{self, RecordData, tcp_messages};
use phonehome::names::tls::{self, client_hello, client_hello_message, server_names};
use phonehome::names::{Malformed, Name, Parse, Parsed, Transport, http};

use super::input::{Input, pieces};

/// A DNS message, as a datagram carries it.
pub(crate) fn dns_message(octets: &[u8]) {
    let Ok(message) = dns::message(octets) else {
        assert!(octets.len() < 12, "a header has twelve octets");
        assert!(!dns::proves_itself(octets));
        return;
    };
    let questions = message.questions().count();
    let records = message.answers().count();
    assert!(
        questions + records <= octets.len() / 5 + 2,
        "more items than octets can hold"
    );
    for question in message.questions().flatten() {
        let _ = question.name.to_name().map(|it| check_name(&it));
    }
    for record in message.answers().flatten() {
        if let RecordData::Https { ech, .. } | RecordData::Svcb { ech, .. } = record.data {
            ech.map(configs);
        }
    }
    if dns::proves_itself(octets) {
        assert!(message.questions().all(|it| it.is_ok()));
    }

    let whole = told(octets);
    assert!(message.is_response() || whole.is_empty());
    // What comes before a cut is read as it is without one, but for names that run on behind it: a pointer
    // may lead to octets that are none of a name, and on past the record that it stands in.
    for cut in [octets.len() / 2, octets.len() - 1] {
        let mut names = whole.iter();
        let is_told = |name: &String| names.any(|it| it == name);
        assert!(told(&octets[..cut]).iter().all(is_told), "cut at {cut}");
    }
}

/// A list of ECH configs, as HTTPS records carry it.
pub(crate) fn ech_configs(octets: &[u8]) {
    configs(octets);
}

fn configs(list: &[u8]) {
    if let Ok(configs) = tls::ech_configs(list) {
        assert!(configs.len() <= tls::MAX_CONFIGS);
    }
}

fn told(octets: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut scratch = "left over".to_owned();
    if let Ok(message) = dns::message(octets) {
        let _ = message.for_each_answer_name(&mut scratch, |name| names.push(name.to_owned()));
    }
    for name in &names {
        check_name_text(name);
    }
    names
}

/// A direction of DNS over TCP, as a whole and in pieces: one octet with a number of lengths, the
/// lengths, the stream.
pub(crate) fn dns_stream(octets: &[u8]) {
    let mut input = Input::new(octets);
    let count = usize::from(input.u8() % 16);
    let lens = input.take(count);
    let octets = input.rest();

    let mut messages = tcp_messages(octets);
    let whole: Vec<Result<&[u8], Malformed>> = messages.by_ref().collect();
    assert!(messages.consumed() <= octets.len());
    if let Some(unfinished) = messages.unfinished() {
        assert!(octets.ends_with(unfinished));
    }

    let mut stream = Stream::new(Some(u32::MAX - 7));
    let mut found = 0;
    for (at, piece) in pieces(octets, lens, usize::MAX) {
        let seq = (u32::MAX - 7).wrapping_add(at as u32);
        if stream.insert(seq, piece) == Inserted::Full {
            return;
        }
        let mut messages = tcp_messages(stream.prefix());
        for message in messages.by_ref() {
            assert_eq!(
                whole.get(found),
                Some(&message),
                "message {found} in pieces"
            );
            found += 1;
            if message.is_err() {
                return;
            }
        }
        let consumed = messages.consumed();
        stream.consume(consumed);
    }
    assert_eq!(found, whole.len(), "messages in pieces");
}

/// The first octets of a TLS client: one octet with a number of lengths, the lengths of records to
/// put the rest into, the rest.
pub(crate) fn tls_hello(octets: &[u8]) {
    let mut input = Input::new(octets);
    let count = usize::from(input.u8() % 8);
    let lens = input.take(count);
    let octets = input.rest();

    let read = stands(octets, client_hello);
    if let Ok(Parse::Done(hello)) = &read {
        hello.server_name.iter().for_each(check_name);
    }
    if let Some(traits) = tls::traits(octets) {
        assert_eq!(traits.ja4.len(), 36, "{traits:?}");
        assert!(traits.ja4.is_ascii() && traits.alpn.len() <= tls::MAX_PROTOCOLS);
    }
    if !octets.is_empty() && !tls::may_begin_client_hello(octets) {
        assert!(read.is_err(), "the look says no, the parser {read:?}");
    }

    let message = stands(octets, client_hello_message);
    let mut records = Vec::new();
    for (_, piece) in pieces(octets, lens, usize::MAX) {
        records.extend([0x16, 3, 1]);
        // Longer ones are no records.
        let piece = &piece[..piece.len().min(16_640)];
        records.extend((piece.len() as u16).to_be_bytes());
        records.extend(piece);
    }
    if octets.len() <= 16_640 {
        let read = client_hello(&records);
        assert!(
            is_same(&read, &message),
            "{read:?} in records, {message:?} without"
        );
        let traits = tls::message_traits(octets, Transport::Tcp);
        assert_eq!(tls::traits(&records), traits, "in records");
    }
}

/// The first octets of a TLS server.
pub(crate) fn tls_certificate(octets: &[u8]) {
    let read = stands(octets, server_names);
    if let Ok(Parse::Done(names)) = &read {
        assert!(names.len() <= 64, "{} names", names.len());
        names.iter().for_each(check_name);
    }
    let _ = tls::is_server_handshake(octets);
    if octets.len() >= 6 && !tls::may_begin_server_hello(octets) {
        assert!(read.is_err(), "the look says no, the parser {read:?}");
    }
}

/// The first octets of an HTTP client.
pub(crate) fn http_head(octets: &[u8]) {
    let read = stands(octets, http::request);
    let partial = http::host_of_partial(octets);
    for request in partial.iter().chain(read.iter().filter_map(|it| match it {
        Parse::Done(request) => Some(request),
        Parse::Incomplete => None,
    })) {
        assert!(request.head_len <= octets.len());
        let names = [&request.host, &request.absolute, &request.connect];
        names.into_iter().flatten().for_each(check_name);
    }
    if let Ok(Parse::Done(_)) = read {
        assert!(http::may_begin_request(octets), "the look says no");
    }
}

/// What a parser says of the octets. Once it has said something of a prefix, it must stay with that
/// however the octets go on; only which of several faults it names may change.
fn stands<T: Debug + PartialEq>(octets: &[u8], parse: fn(&[u8]) -> Parsed<T>) -> Parsed<T> {
    let whole = parse(octets);
    let len = octets.len();
    for cut in [len / 4, len / 2, len - len / 4, len.saturating_sub(1)] {
        match parse(&octets[..cut]) {
            Ok(Parse::Incomplete) => {}
            early => assert!(
                is_same(&early, &whole),
                "{early:?} of {cut} octets, {whole:?} of {len}"
            ),
        }
    }
    whole
}

fn is_same<T: PartialEq>(one: &Parsed<T>, other: &Parsed<T>) -> bool {
    one == other || (one.is_err() && other.is_err())
}

pub(crate) fn check_name(name: &Name) {
    check_name_text(name.as_str());
}

fn check_name_text(name: &str) {
    assert!(!name.is_empty());
    assert!(
        name.bytes()
            .all(|it| it.is_ascii_graphic() && !it.is_ascii_uppercase()),
        "{name:?}"
    );
}
