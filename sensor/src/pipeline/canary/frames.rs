//! The frames of a canary exchange: a question in DNS with its answer, then a connection to the
//! address that was answered, with a hello in two segments.

use etherparse::{IpHeaders, PacketBuilder, PacketBuilderStep, TcpHeader, UdpHeader};

use crate::host::Address;
use crate::names::Endpoint;

/// Who asks: an address for documentation (RFC 5737), which stands for no host.
pub(crate) const CLIENT: [u8; 4] = [192, 0, 2, 1];

/// Who is asked.
const RESOLVER: [u8; 4] = [192, 0, 2, 53];

/// What the name is said to have.
const SERVER: [u8; 4] = [198, 51, 100, 1];

/// The ends of the question, asked from that port.
pub(crate) fn question_ends(port: u16) -> [Endpoint; 2] {
    [end(CLIENT, port), end(RESOLVER, DNS)]
}

/// The ends of the connection, opened from that port.
pub(crate) fn connection_ends(port: u16) -> [Endpoint; 2] {
    [end(CLIENT, port), end(SERVER, HTTPS)]
}

/// The frames of an exchange about a name, in order.
pub(crate) fn exchange(name: &str, question_port: u16, connection_port: u16) -> Vec<Vec<u8>> {
    let opens = |seq| ip(CLIENT, SERVER).tcp(connection_port, HTTPS, seq, WINDOW);
    let answers = |seq| ip(SERVER, CLIENT).tcp(HTTPS, connection_port, seq, WINDOW);
    let hello = client_hello(name);
    let (first, second) = hello.split_at(hello.len() / 2);
    let after_first = 1 + u32::try_from(first.len()).unwrap_or(0);
    vec![
        udp(
            ip(CLIENT, RESOLVER).udp(question_port, DNS),
            &message(name, Part::Question),
        ),
        udp(
            ip(RESOLVER, CLIENT).udp(DNS, question_port),
            &message(name, Part::Answer),
        ),
        tcp(opens(0).syn(), &[]),
        tcp(answers(0).syn().ack(1), &[]),
        tcp(opens(1).ack(1), first),
        tcp(opens(after_first).ack(1), second),
        tcp(answers(1).ack(1), &REPLY),
        tcp(answers(7).rst(), &[]),
    ]
}

fn ip(src: [u8; 4], dst: [u8; 4]) -> PacketBuilderStep<IpHeaders> {
    PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]).ipv4(src, dst, 64)
}

/// The frame; empty if the payload is longer than a packet may be, which none here is.
fn udp(headers: PacketBuilderStep<UdpHeader>, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(headers.size(payload.len()));
    match headers.write(&mut frame, payload) {
        Ok(()) => frame,
        Err(_) => Vec::new(),
    }
}

/// The frame; empty if the payload is longer than a packet may be, which none here is.
fn tcp(headers: PacketBuilderStep<TcpHeader>, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(headers.size(payload.len()));
    match headers.write(&mut frame, payload) {
        Ok(()) => frame,
        Err(_) => Vec::new(),
    }
}

fn end(address: [u8; 4], port: u16) -> Endpoint {
    Endpoint {
        address: Address::from_v4(address),
        port,
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Part {
    Question,
    Answer,
}

/// A DNS message (RFC 1035 section 4.1): the question for an address, or the answer with one.
fn message(name: &str, part: Part) -> Vec<u8> {
    let (flags, answers) = match part {
        Part::Question => ([0x01, 0x00], 0),
        Part::Answer => ([0x81, 0x80], 1),
    };
    let mut message = vec![0x1b, 0xad, flags[0], flags[1], 0, 1, 0, answers, 0, 0, 0, 0];
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).unwrap_or(0));
        message.extend(label.as_bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    if part == Part::Answer {
        message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        message.extend(SERVER);
    }
    message
}

/// A ClientHello with no more than a server name (RFC 8446 section 4.1.2).
fn client_hello(name: &str) -> Vec<u8> {
    let entry = [&[0][..], &vector(name.as_bytes())].concat();
    let server_name = [&[0, 0][..], &vector(&vector(&entry))].concat();
    let fixed = [&[3, 3][..], &[0x2a; 32], &[0, 0, 2, 0x13, 0x01, 1, 0]].concat();
    let body = [fixed, vector(&server_name)].concat();
    let message = [&[1, 0][..], &vector(&body)].concat();
    [&[0x16, 3, 1][..], &vector(&message)].concat()
}

/// Octets after their length of two octets.
fn vector(octets: &[u8]) -> Vec<u8> {
    let len = u16::try_from(octets.len()).unwrap_or(0);
    [&len.to_be_bytes()[..], octets].concat()
}

/// What the server says: a change of keys, which names nothing.
const REPLY: [u8; 6] = [0x14, 3, 3, 0, 1, 1];

const WINDOW: u16 = 65_535;

const DNS: u16 = 53;

const HTTPS: u16 = 443;
