//! Capture files in every form that the program reads, made from the frames of the demo.

use std::fs;
use std::io::{Read, Write};

use super::demo;

/// One frame of a classic pcap file.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// Nanoseconds since 1970.
    pub(crate) at: u64,
    pub(crate) bytes: Vec<u8>,
}

/// Order of the octets in the fields of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    Little,
    Big,
}

/// What a file counts its time in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    Microseconds,
    Nanoseconds,
}

impl Order {
    fn u16(self, value: u16) -> [u8; 2] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    fn u32(self, value: u32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }
}

/// The demo capture without its compression.
pub(crate) fn demo_pcap() -> Vec<u8> {
    let stored = fs::read(demo()).expect("the demo capture");
    let mut pcap = Vec::new();
    flate2::read::MultiGzDecoder::new(&stored[..])
        .read_to_end(&mut pcap)
        .expect("gzip");
    pcap
}

/// The frames of the demo, with their times cut to microseconds, which every format holds.
pub(crate) fn demo_frames() -> Vec<Frame> {
    let pcap = demo_pcap();
    assert_eq!(pcap[..4], 0xa1b2_3c4d_u32.to_le_bytes(), "nanoseconds");
    let field = |at: usize| u32::from_le_bytes(pcap[at..at + 4].try_into().unwrap());
    let mut frames = Vec::new();
    let mut at = 24;
    while at < pcap.len() {
        let len = field(at + 8) as usize;
        let nanos = field(at + 4) / 1000 * 1000;
        frames.push(Frame {
            at: u64::from(field(at)) * 1_000_000_000 + u64::from(nanos),
            bytes: pcap[at + 16..at + 16 + len].to_vec(),
        });
        at += 16 + len;
    }
    assert!(frames.len() > 1000, "the demo has more frames");
    frames
}

/// A classic pcap file of Ethernet frames.
pub(crate) fn pcap(frames: &[Frame], order: Order, unit: Unit) -> Vec<u8> {
    let (magic, divisor) = match unit {
        Unit::Microseconds => (0xa1b2_c3d4, 1000),
        Unit::Nanoseconds => (0xa1b2_3c4d, 1),
    };
    let mut file = order.u32(magic).to_vec();
    file.extend([order.u16(2), order.u16(4)].as_flattened());
    for field in [0, 0, 0x4_0000, LINKTYPE_ETHERNET] {
        file.extend(order.u32(field));
    }
    for frame in frames {
        let len = frame.bytes.len() as u32;
        let secs = (frame.at / 1_000_000_000) as u32;
        let part = (frame.at % 1_000_000_000) as u32 / divisor;
        for field in [secs, part, len, len] {
            file.extend(order.u32(field));
        }
        file.extend(&frame.bytes);
    }
    file
}

/// A pcapng file of Ethernet frames: a section, an interface, enhanced packet blocks.
pub(crate) fn pcapng(frames: &[Frame], order: Order, unit: Unit) -> Vec<u8> {
    let mut section = order.u32(0x1a2b_3c4d).to_vec();
    section.extend([order.u16(1), order.u16(0)].as_flattened());
    section.extend([0xff; 8]);
    let mut interface = order.u16(LINKTYPE_ETHERNET as u16).to_vec();
    interface.extend(order.u16(0));
    interface.extend(order.u32(0));
    let divisor = match unit {
        Unit::Microseconds => 1000,
        Unit::Nanoseconds => {
            // if_tsresol: ten to the power of minus nine.
            interface.extend([order.u16(9), order.u16(1)].as_flattened());
            interface.extend([9, 0, 0, 0]);
            interface.extend([0; 4]);
            1
        }
    };
    let mut file = block(order, 0x0a0d_0d0a, &section);
    file.extend(block(order, 1, &interface));
    for frame in frames {
        let at = frame.at / divisor;
        let len = frame.bytes.len() as u32;
        let mut body = Vec::new();
        for field in [0, (at >> 32) as u32, at as u32, len, len] {
            body.extend(order.u32(field));
        }
        body.extend(&frame.bytes);
        file.extend(block(order, 6, &body));
    }
    file
}

/// A pcapng block, filled up to a multiple of four octets.
fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let total = padded as u32 + 12;
    let mut block = [order.u32(kind), order.u32(total)].as_flattened().to_vec();
    block.extend(body);
    block.resize(8 + padded, 0);
    block.extend(order.u32(total));
    block
}

/// Compressed with gzip.
pub(crate) fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(octets).expect("memory");
    encoder.finish().expect("memory")
}

/// Compressed with zstd.
pub(crate) fn zstd(octets: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(octets, 1).expect("memory")
}

const LINKTYPE_ETHERNET: u32 = 1;
