//! Frames made up for tests that need more hosts or more days than a real capture has.

use std::net::Ipv4Addr;

use super::capture::{Frame, Order, Unit, pcap};

/// A question for a name at a resolver outside and its answer, which a host at home sent and got.
pub(crate) fn question(at: u64, host: [u8; 4], name: &str) -> [Frame; 2] {
    let id = (at / 1_000) as u16;
    let mut question = Vec::new();
    for label in name.split('.') {
        question.push(label.len() as u8);
        question.extend(label.as_bytes());
    }
    question.extend([0, 0, 1, 0, 1]);
    let header = |flags: u16, answers: u16| {
        let fields = [id, flags, 1, answers, 0, 0];
        fields.map(u16::to_be_bytes).as_flattened().to_vec()
    };
    let query = [header(0x0100, 0), question.clone()].concat();
    let record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 0, 0, 4, 93, 184, 216, 34];
    let answer = [header(0x8180, 1), question, record.to_vec()].concat();
    let (client, server) = ((host, 40_000 + id % 20_000), (RESOLVER, 53));
    [
        frame(
            at,
            ip(17, client.0, server.0, &udp(client.1, server.1, &query)),
        ),
        frame(
            at + 2_000_000,
            ip(17, server.0, client.0, &udp(server.1, client.1, &answer)),
        ),
    ]
}

/// A connection of a host at home to a server of no vendor: opened, used and closed.
pub(crate) fn connection(at: u64, host: [u8; 4]) -> Vec<Frame> {
    let server = [93, 184, 216, 40];
    let port = 30_000 + (at / 1_000_000 % 20_000) as u16;
    let to = |flags, seq, ack, payload: &[u8]| tcp([port, 8080], flags, [seq, ack], payload);
    let back = |flags, seq, ack, payload: &[u8]| tcp([8080, port], flags, [seq, ack], payload);
    let steps = [
        (host, server, to(SYN, 100, 0, b"")),
        (server, host, back(SYN | ACK, 500, 101, b"")),
        (host, server, to(ACK, 101, 501, b"hello there")),
        (server, host, back(ACK, 501, 112, b"and to you")),
        (host, server, to(ACK | FIN, 112, 511, b"")),
        (server, host, back(ACK | FIN, 511, 113, b"")),
        (host, server, to(ACK, 113, 512, b"")),
    ];
    let numbered = steps.into_iter().zip(0..);
    numbered
        .map(|((src, dst, segment), number)| {
            frame(at + number * 1_000_000, ip(6, src, dst, &segment))
        })
        .collect()
}

/// A capture file of frames, put into the order of their times.
pub(crate) fn file(mut frames: Vec<Frame>) -> Vec<u8> {
    frames.sort_by_key(|it| it.at);
    pcap(&frames, Order::Little, Unit::Nanoseconds)
}

/// The address of a host by its number.
pub(crate) fn host(number: usize) -> [u8; 4] {
    [10, 40, (number / 250) as u8, (number % 250 + 1) as u8]
}

/// The same as text.
pub(crate) fn host_text(number: usize) -> String {
    Ipv4Addr::from(host(number)).to_string()
}

fn frame(at: u64, packet: Vec<u8>) -> Frame {
    let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    bytes.extend(packet);
    bytes.resize(bytes.len().max(60), 0);
    Frame { at, bytes }
}

fn ip(protocol: u8, src: [u8; 4], dst: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let len = (20 + payload.len()) as u16;
    let mut header = vec![0x45, 0];
    header.extend(len.to_be_bytes());
    header.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
    header.extend(src);
    header.extend(dst);
    let words = header
        .chunks(2)
        .map(|it| u32::from(it[0]) << 8 | u32::from(it[1]));
    let sum: u32 = words.sum();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    header.extend(payload);
    header
}

fn udp(src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    let fields = [src, dst, (8 + payload.len()) as u16, 0];
    let mut datagram = fields.map(u16::to_be_bytes).as_flattened().to_vec();
    datagram.extend(payload);
    datagram
}

fn tcp(ports: [u16; 2], flags: u8, numbers: [u32; 2], payload: &[u8]) -> Vec<u8> {
    let mut segment = ports.map(u16::to_be_bytes).as_flattened().to_vec();
    segment.extend(numbers.map(u32::to_be_bytes).as_flattened());
    segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend(payload);
    segment
}

const RESOLVER: [u8; 4] = [9, 9, 9, 10];
const FIN: u8 = 1;
const SYN: u8 = 2;
const ACK: u8 = 16;
