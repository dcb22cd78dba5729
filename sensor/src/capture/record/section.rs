//! A section of a pcapng file, which can have comments.
//!
//! Blocks and options are those of the pcapng specification (draft-ietf-opsawg-pcapng): a section
//! header, an interface for each link type, and an enhanced packet block for each frame. Times are in
//! nanoseconds, numbers least significant octet first.

use crate::frame::{Frame, LinkType};

/// A section with some frames, in memory.
#[derive(Debug)]
pub struct Section {
    octets: Vec<u8>,
    /// Link types by the number of their interface.
    links: Vec<LinkType>,
}

impl Section {
    /// A section without frames, with a comment and the name of the program that writes it.
    #[must_use]
    pub fn new(program: &str, comment: &str) -> Self {
        let mut body = Vec::new();
        body.extend(BYTE_ORDER.to_le_bytes());
        body.extend(VERSION.map(u16::to_le_bytes).concat());
        // The length of the section: not told.
        body.extend(u64::MAX.to_le_bytes());
        push_option(&mut body, COMMENT, comment.as_bytes());
        push_option(&mut body, USER_APPLICATION, program.as_bytes());
        push_option(&mut body, END_OF_OPTIONS, &[]);
        let mut section = Self {
            octets: Vec::new(),
            links: Vec::new(),
        };
        section.push_block(SECTION_HEADER, &body);
        section
    }

    /// Adds a frame. Times before 1970 are written as that year's beginning.
    pub fn push(&mut self, frame: &Frame<'_>) {
        let known = self.links.iter().position(|it| *it == frame.link);
        let interface = known.unwrap_or_else(|| self.push_interface(frame.link));
        let nanos = frame.at.as_nanos().max(0).unsigned_abs();
        let mut body = Vec::with_capacity(frame.bytes.len() + 24);
        let (high, low) = ((nanos >> 32) as u32, nanos as u32);
        let captured = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
        for field in [interface as u32, high, low, captured, frame.wire_len] {
            body.extend(field.to_le_bytes());
        }
        push_padded(&mut body, frame.bytes);
        self.push_block(ENHANCED_PACKET, &body);
    }

    /// The octets of the section.
    #[must_use]
    pub fn into_octets(self) -> Vec<u8> {
        self.octets
    }

    fn push_interface(&mut self, link: LinkType) -> usize {
        let mut body = Vec::new();
        body.extend(link.0.to_le_bytes());
        body.extend([0; 2]);
        // Snap length: none.
        body.extend([0; 4]);
        push_option(&mut body, TIME_RESOLUTION, &[NANOSECONDS]);
        push_option(&mut body, END_OF_OPTIONS, &[]);
        self.push_block(INTERFACE, &body);
        self.links.push(link);
        self.links.len() - 1
    }

    fn push_block(&mut self, kind: u32, body: &[u8]) {
        let len = u32::try_from(body.len() + 12).unwrap_or(u32::MAX);
        self.octets.extend(kind.to_le_bytes());
        self.octets.extend(len.to_le_bytes());
        self.octets.extend(body);
        self.octets.extend(len.to_le_bytes());
    }
}

/// Adds an option; a value that is too long is cut.
fn push_option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = value.get(..usize::from(u16::MAX)).unwrap_or(value);
    body.extend(code.to_le_bytes());
    body.extend((value.len() as u16).to_le_bytes());
    push_padded(body, value);
}

/// Adds octets, and zeros up to a multiple of four.
fn push_padded(body: &mut Vec<u8>, octets: &[u8]) {
    body.extend(octets);
    let padding = octets.len().next_multiple_of(4) - octets.len();
    body.extend([0; 3].iter().take(padding));
}

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
const VERSION: [u16; 2] = [1, 0];
const END_OF_OPTIONS: u16 = 0;
const COMMENT: u16 = 1;
const USER_APPLICATION: u16 = 4;
const TIME_RESOLUTION: u16 = 9;
const NANOSECONDS: u8 = 9;

#[cfg(test)]
mod tests {
    use pcap_parser::{Block, parse_block_le};

    use super::*;
    use crate::time::Timestamp;

    fn blocks(mut octets: &[u8]) -> Vec<Block<'_>> {
        let mut blocks = Vec::new();
        while !octets.is_empty() {
            let (rest, block) = parse_block_le(octets).unwrap();
            blocks.push(block);
            octets = rest;
        }
        blocks
    }

    #[test]
    fn another_reader_reads_what_was_written() {
        let mut section = Section::new("phonehome 1", "of 10.1.2.3");
        let ethernet = Frame {
            at: Timestamp::from_secs_nanos(1_506_931_200, 123_456_789),
            link: LinkType::ETHERNET,
            wire_len: 1_500,
            bytes: &[1, 2, 3, 4, 5],
        };
        let raw = Frame {
            link: LinkType::RAW,
            bytes: &[6; 8],
            at: Timestamp::MIN,
            ..ethernet
        };
        for frame in [ethernet, raw, ethernet] {
            section.push(&frame);
        }
        let octets = section.into_octets();
        assert_eq!(octets.len() % 4, 0);
        let blocks = blocks(&octets);
        let Some(Block::SectionHeader(header)) = blocks.first() else {
            panic!("{blocks:?}");
        };
        let texts = header.options.iter().map(|it| (it.code.0, &*it.value));
        let texts: Vec<(u16, &[u8])> = texts.collect();
        // The reader gives values with what fills them up to four octets.
        let expected = [(1, &b"of 10.1.2.3\0"[..]), (4, b"phonehome 1\0"), (0, b"")];
        assert_eq!(texts, expected);
        let interfaces = blocks.iter().filter_map(|it| match it {
            Block::InterfaceDescription(it) => Some((it.linktype.0, it.if_tsresol)),
            _ => None,
        });
        assert_eq!(interfaces.collect::<Vec<_>>(), [(1, 9), (101, 9)]);
        let frames: Vec<_> = blocks
            .iter()
            .filter_map(|it| match it {
                Block::EnhancedPacket(it) => Some(it),
                _ => None,
            })
            .collect();
        let nanos = |number: usize| {
            (u64::from(frames[number].ts_high) << 32) | u64::from(frames[number].ts_low)
        };
        assert_eq!([nanos(0), nanos(1)], [1_506_931_200_123_456_789, 0]);
        assert_eq!(
            (frames[0].if_id, frames[1].if_id, frames[2].if_id),
            (0, 1, 0)
        );
        assert_eq!((frames[0].caplen, frames[0].origlen), (5, 1_500));
        assert_eq!(frames[0].data[..5], [1, 2, 3, 4, 5]);
        assert_eq!(frames[1].data, [6; 8]);
    }

    #[test]
    fn a_comment_that_is_too_long_is_cut() {
        let octets = Section::new("", &"x".repeat(70_000)).into_octets();
        assert_eq!(octets.len() % 4, 0);
        assert_eq!(blocks(&octets).len(), 1);
    }
}
