//! A client's stream through the whole path, however it is cut.

use phonehome::frame::{Frame, LinkType};
use phonehome::names::tls::{self, client_hello};
use phonehome::names::{Name, Parse, Source, http};
use phonehome::time::Timestamp;
use phonehome::triage::may_begin_stream;

use super::input::{Input, pieces, shuffle};
use super::pipeline::seen;

/// A connection whose client says something, in segments of any length, in any order, some of them
/// twice. If what it says begins with a message that has a name, the name is told.
///
/// Four octets with the client's first sequence number, one of flags, one with a number of lengths, the
/// lengths, as many octets that say the order, the stream.
pub(crate) fn conversation(octets: &[u8]) {
    let mut input = Input::new(octets);
    let isn = input.u32();
    let flags = input.u8();
    let count = usize::from(input.u8() % 24);
    let lens = input.take(count);
    let order = input.take(count);
    let stream = input.take(MAX_STREAM);

    let mut segments = pieces(stream, lens, 40);
    // What begins like another message in the midst of one is taken for that.
    let others = segments.iter().skip(1);
    let is_plain = segments.first().is_some_and(|it| may_begin_stream(it.1))
        && others.clone().all(|it| !may_begin_stream(it.1));
    shuffle(&mut segments, order);
    if flags & 1 != 0 {
        segments = segments.into_iter().flat_map(|it| [it, it]).collect();
    }

    let mut frames = vec![segment(isn, SYN, &[])];
    let behind_syn = isn.wrapping_add(1);
    for (at, payload) in segments {
        frames.push(segment(behind_syn.wrapping_add(at as u32), ACK, payload));
    }
    let frames: Vec<Frame<'_>> = (0..)
        .zip(&frames)
        .map(|(number, it)| frame(number, it))
        .collect();
    let seen = seen(&frames, 6);
    let told: Vec<(Source, &Name)> = seen
        .observations()
        .map(|it| (it.source, &it.name))
        .collect();
    if is_plain && let Some((source, name)) = first_name(stream) {
        assert!(told.contains(&(source, &name)), "no {name}, but {told:?}");
    }
}

/// The name in the message that a stream begins with.
fn first_name(stream: &[u8]) -> Option<(Source, Name)> {
    if tls::may_begin_client_hello(stream) {
        let Ok(Parse::Done(hello)) = client_hello(stream) else {
            return None;
        };
        return Some((Source::TlsSni, hello.server_name?));
    }
    let Ok(Parse::Done(request)) = http::request(stream) else {
        return None;
    };
    if let Some(name) = request.connect {
        return Some((Source::HttpConnect, name));
    }
    Some((Source::HttpHost, request.host.or(request.absolute)?))
}

/// A segment of the client in an IPv4 datagram.
fn segment(seq: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let len = (40 + payload.len()) as u16;
    [
        &[0x45, 0][..],
        &len.to_be_bytes(),
        &[0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 192, 0, 2, 7],
        &[0x9c, 0x40, 0x01, 0xbb],
        &seq.to_be_bytes(),
        &[0, 0, 0, 1, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0],
        payload,
    ]
    .concat()
}

fn frame(number: i64, bytes: &[u8]) -> Frame<'_> {
    Frame {
        at: Timestamp::from_nanos(1_700_000_000_000_000_000 + number * 1_000_000),
        link: LinkType::RAW,
        wire_len: bytes.len() as u32,
        bytes,
    }
}

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// Most octets that the client says.
const MAX_STREAM: usize = 8192;
