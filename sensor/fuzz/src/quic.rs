//! QUIC Initials, as they come and as a client would seal them.

use std::cell::RefCell;
use std::collections::HashMap;

use phonehome::names::Parse;
use phonehome::names::quic::{Initials, Outcome, initial_version};
use phonehome::names::tls::client_hello_message;
use rustls::Side;
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::quic::{Keys, Version};

use super::input::{Input, pieces, shuffle};

/// Datagrams of one connection attempt. The first octet says which kind:
///
/// - as they are: each two octets of length and so many octets;
/// - Initials of a client with any frames: an octet for the keys, then frames in the same way;
/// - Initials of a client that carry one message in pieces, in any order: what comes out must be what
///   the parser of hellos says of the message.
pub(crate) fn initials(octets: &[u8]) {
    let mut input = Input::new(octets);
    match input.u8() % 4 {
        0 => datagrams(input, |it| Some(it.to_vec())),
        1 => {
            let keys = input.u8();
            let mut number = 0;
            datagrams(input, |frames| {
                number += 1;
                seal(keys, number, frames)
            });
        }
        _ => in_pieces(input),
    }
}

fn datagrams(mut input: Input<'_>, mut make: impl FnMut(&[u8]) -> Option<Vec<u8>>) {
    let mut initials = Initials::default();
    let mut scratch = vec![0x55; 9];
    while !input.is_empty() {
        let len = usize::from(input.u16() & 0x07ff);
        let Some(datagram) = make(input.take(len)) else {
            return;
        };
        let outcome = initials.push(&datagram, &mut scratch);
        match outcome {
            Outcome::Hello(_) | Outcome::Malformed(_) | Outcome::GaveUp => {
                assert_eq!(initials.held_octets(), 0);
            }
            Outcome::Incomplete | Outcome::NotInitial | Outcome::Undecryptable => {}
        }
        // A hello, and what 64 pieces of it take.
        assert!(initials.held_octets() <= 160 << 10);
        assert!(scratch.len() <= 160 << 10);
    }
}

/// An octet for the keys, one with a number of lengths, the lengths of pieces, as many octets that say
/// the order, one that says how many frames go into a packet, the message.
fn in_pieces(mut input: Input<'_>) {
    let keys = input.u8();
    let count = usize::from(input.u8() % 24);
    let lens = input.take(count);
    let order = input.take(count);
    let at_once = usize::from(input.u8() % 8) + 1;
    let message = input.rest();
    if message.is_empty() {
        return;
    }
    let mut frames = pieces(message, lens, 40);
    shuffle(&mut frames, order);

    let mut initials = Initials::default();
    let mut scratch = Vec::new();
    let mut outcome = Outcome::Incomplete;
    for (number, group) in frames.chunks(at_once).enumerate() {
        let mut payload = Vec::new();
        for (at, octets) in group {
            payload.push(6);
            payload.extend(varint(*at));
            payload.extend(varint(octets.len()));
            payload.extend(*octets);
        }
        let Some(datagram) = seal(keys, number as u32, &payload) else {
            return;
        };
        assert!(initial_version(&datagram).is_some());
        outcome = initials.push(&datagram, &mut scratch);
        if outcome != Outcome::Incomplete {
            break;
        }
    }
    let expected = client_hello_message(message);
    let is_expected = match (&expected, &outcome) {
        (Ok(Parse::Done(hello)), Outcome::Hello(read)) => hello == read,
        (Ok(Parse::Incomplete), Outcome::Incomplete) | (Err(_), Outcome::Malformed(_)) => true,
        _ => false,
    };
    assert!(is_expected, "{outcome:?}, but the message is {expected:?}");
}

/// A client's Initial; `choice` says which version, connection id and form. `None` if it is too long.
fn seal(choice: u8, number: u32, frames: &[u8]) -> Option<Vec<u8>> {
    let (version, code, type_bits) = match choice & 3 {
        0 | 1 => (Version::V1, 1, 0),
        2 => (Version::V2, 0x6b33_43cf, 0x10),
        _ => (Version::V1Draft, 0xff00_001d, 0),
    };
    let dcid = [choice >> 2; 20];
    let dcid = &dcid[..usize::from(choice >> 2) % 21];

    let mut payload = frames.to_vec();
    payload.resize(payload.len().max(4), 0);
    let len = payload.len() + NUMBER_LEN + TAG_LEN;
    let mut header = vec![0xc0 | type_bits | (NUMBER_LEN - 1) as u8];
    header.extend(u32::to_be_bytes(code));
    header.push(dcid.len() as u8);
    header.extend(dcid);
    // No source id. A short id is one that a server chose, in a Retry, with a token.
    header.push(0);
    header.extend(if dcid.len() < 8 { &[1, 0x77][..] } else { &[0] });
    header.extend((0x4000 | u16::try_from(len).ok().filter(|it| *it < 0x4000)?).to_be_bytes());
    let number_at = header.len();
    header.extend(number.to_be_bytes());

    with_keys(choice, version, dcid, |keys| {
        let packet = &keys.local.packet;
        let tag = packet.encrypt_in_place(u64::from(number), &header, &mut payload);
        let mut sealed = [&header[..], &payload, tag.ok()?.as_ref()].concat();
        let sample = sealed.get(number_at + 4..number_at + 20)?.to_vec();
        let (first, rest) = sealed.split_first_mut()?;
        let number = rest.get_mut(number_at - 1..number_at - 1 + NUMBER_LEN)?;
        let header = &keys.local.header;
        header.encrypt_in_place(&sample, first, number).ok()?;
        Some(sealed)
    })
}

/// Keys are made once for each choice: they take longer than all else.
fn with_keys<T>(
    choice: u8,
    version: Version,
    dcid: &[u8],
    then: impl FnOnce(&Keys) -> Option<T>,
) -> Option<T> {
    thread_local! {
        static KEYS: RefCell<HashMap<u8, Keys>> = RefCell::default();
    }
    KEYS.with_borrow_mut(|made| {
        let suite = TLS13_AES_128_GCM_SHA256.tls13()?.quic_suite()?;
        let keys = made.entry(choice);
        then(keys.or_insert_with(|| suite.keys(dcid, Side::Client, version)))
    })
}

/// An integer below 2^30 (RFC 9000 section 16).
fn varint(value: usize) -> Vec<u8> {
    (0x8000_0000 | value as u32).to_be_bytes().to_vec()
}

/// Octets of a packet number.
const NUMBER_LEN: usize = 4;

const TAG_LEN: usize = 16;
