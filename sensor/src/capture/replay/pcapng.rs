//! Blocks of pcapng files (draft-ietf-opsawg-pcapng).
//!
//! A file is a sequence of sections; each has its own byte order and its own list of interfaces,
//! and link type and units of time belong to an interface.

use super::format::{Fault, Fields, MAX_FRAME_OCTETS, Order, Record, Step};
use crate::frame::LinkType;
use crate::time::Timestamp;

/// Reads the blocks of one file.
#[derive(Debug, Default)]
pub(super) struct PcapNg {
    order: Order,
    interfaces: Vec<Interface>,
    /// Time of the frame before, for blocks that have none.
    at: Timestamp,
}

impl PcapNg {
    /// Knows the file by its first four octets.
    pub(super) fn recognise(magic: [u8; 4]) -> Option<Self> {
        (u32::from_be_bytes(magic) == BLOCK_SECTION).then(Self::default)
    }

    /// Reads what stands at the front of `octets`.
    #[inline]
    pub(super) fn step(&mut self, octets: &[u8]) -> Step {
        let Some((head, _)) = octets.split_first_chunk::<8>() else {
            return Step::Short(MIN_BLOCK);
        };
        let [t0, t1, t2, t3, l0, l1, l2, l3] = *head;
        let block_type = self.order.u32([t0, t1, t2, t3]);
        if block_type == BLOCK_SECTION {
            // Only the octets after the length say in which order the length stands.
            let Some(magic) = octets.get(8..).and_then(|it| it.first_chunk()) else {
                return Step::Short(MIN_BLOCK);
            };
            match Order::ALL
                .into_iter()
                .find(|it| it.u32(*magic) == BYTE_ORDER)
            {
                Some(order) => self.order = order,
                None => return Step::Broken(Fault::ByteOrder),
            }
        }
        let total_len = self.order.u32([l0, l1, l2, l3]);
        let size = usize::try_from(total_len).unwrap_or(usize::MAX);
        if !(MIN_BLOCK..=MAX_BLOCK).contains(&size) || !size.is_multiple_of(4) {
            return Step::Broken(Fault::BlockLength(total_len));
        }
        if !matches!(
            block_type,
            BLOCK_ENHANCED | BLOCK_SIMPLE | BLOCK_OBSOLETE | BLOCK_INTERFACE | BLOCK_SECTION
        ) {
            return Step::Skip(size);
        }
        // Of a block with more options than are worth holding, the frame suffices.
        let held = size.min(MAX_HELD);
        let Some(block) = octets.get(..held) else {
            return Step::Short(held);
        };
        let mut fields = self.order.fields(block);
        if held == size {
            let trailer = block.last_chunk().map(|it| self.order.u32(*it));
            if trailer != Some(total_len) {
                return Step::Broken(Fault::BlockLength(total_len));
            }
            fields.truncate(4);
        }
        fields.skip(8);
        let step = match block_type {
            BLOCK_ENHANCED => self.enhanced(fields, size),
            BLOCK_OBSOLETE => self.obsolete(fields, size),
            BLOCK_SIMPLE => self.simple(fields, size),
            BLOCK_INTERFACE => self.interface(fields, size),
            _ => self.section(fields, size),
        };
        step.unwrap_or(Step::Broken(Fault::BlockLength(total_len)))
    }

    fn section(&mut self, mut fields: Fields<'_>, size: usize) -> Option<Step> {
        fields.skip(4);
        let version = fields.u16()?;
        if version != 1 {
            return Some(Step::Broken(Fault::Version(version)));
        }
        self.interfaces.clear();
        Some(Step::Skip(size))
    }

    fn interface(&mut self, mut fields: Fields<'_>, size: usize) -> Option<Step> {
        if self.interfaces.len() >= MAX_INTERFACES {
            return Some(Step::Broken(Fault::Interfaces));
        }
        let link = LinkType(fields.u16()?);
        fields.skip(2);
        let snaplen = fields.u32()?;
        let mut interface = Interface {
            link,
            snaplen,
            resolution: DEFAULT_RESOLUTION,
            offset_secs: 0,
        };
        while let (Some(code), Some(len)) = (fields.u16(), fields.u16()) {
            let len = usize::from(len);
            let Some(value) = fields.take(len.next_multiple_of(4)) else {
                break;
            };
            match (code, value) {
                (OPTION_END, _) => break,
                (OPTION_RESOLUTION, [resolution, ..]) => interface.resolution = *resolution,
                (OPTION_OFFSET, value) => {
                    if let Some(octets) = value.first_chunk() {
                        interface.offset_secs = self.order.i64(*octets);
                    }
                }
                _ => {}
            }
        }
        self.interfaces.push(interface);
        Some(Step::Skip(size))
    }

    fn enhanced(&mut self, mut fields: Fields<'_>, size: usize) -> Option<Step> {
        let number = fields.u32()?;
        self.timed(number, 28, fields, size)
    }

    fn obsolete(&mut self, mut fields: Fields<'_>, size: usize) -> Option<Step> {
        let number = fields.u16()?;
        // Frames dropped since the block before.
        fields.skip(2);
        self.timed(u32::from(number), 28, fields, size)
    }

    /// Reads time, lengths and place of a frame; `start` is where its octets lie in the block.
    fn timed(
        &mut self,
        number: u32,
        start: usize,
        mut fields: Fields<'_>,
        size: usize,
    ) -> Option<Step> {
        let (high, low) = (fields.u32()?, fields.u32()?);
        let (len, wire_len) = (fields.u32()?, fields.u32()?);
        let Some(interface) = self.numbered(number) else {
            return Some(Step::Broken(Fault::UnknownInterface(number)));
        };
        if len > MAX_FRAME_OCTETS {
            return Some(Step::Broken(Fault::FrameLength(len)));
        }
        let frame_len = usize::try_from(len).ok()?;
        fields.take(frame_len)?;
        let at = interface.time((u64::from(high) << 32) | u64::from(low));
        let link = interface.link;
        self.at = at;
        Some(Step::Frame(Record {
            at,
            link,
            wire_len: wire_len.max(len),
            start,
            len: frame_len,
            size,
        }))
    }

    /// Reads a block that has neither interface nor time: the first interface is meant, and the
    /// time of the frame before is as near as one gets.
    fn simple(&mut self, mut fields: Fields<'_>, size: usize) -> Option<Step> {
        let wire_len = fields.u32()?;
        let Some(interface) = self.numbered(0) else {
            return Some(Step::Broken(Fault::UnknownInterface(0)));
        };
        let snaplen = match interface.snaplen {
            0 => u32::MAX,
            snaplen => snaplen,
        };
        // Without a snapshot length that was kept to, the block itself bounds the frame.
        let in_block = u32::try_from(size.saturating_sub(16)).unwrap_or(u32::MAX);
        let len = wire_len.min(snaplen).min(in_block);
        if len > MAX_FRAME_OCTETS {
            return Some(Step::Broken(Fault::FrameLength(len)));
        }
        let frame_len = usize::try_from(len).ok()?;
        fields.take(frame_len)?;
        Some(Step::Frame(Record {
            at: self.at,
            link: interface.link,
            wire_len,
            start: 12,
            len: frame_len,
            size,
        }))
    }

    fn numbered(&self, number: u32) -> Option<&Interface> {
        self.interfaces.get(usize::try_from(number).ok()?)
    }
}

/// What an Interface Description Block says.
#[derive(Clone, Copy, Debug)]
struct Interface {
    link: LinkType,
    /// Zero means no limit.
    snaplen: u32,
    /// `if_tsresol` as it stands: a negative power of ten, or of two with the upper bit set.
    resolution: u8,
    /// `if_tsoffset`: seconds to add.
    offset_secs: i64,
}

impl Interface {
    fn time(&self, units: u64) -> Timestamp {
        const NANOS: u128 = 1_000_000_000;
        let units = u128::from(units);
        let exponent = u32::from(self.resolution & 0x7f);
        let nanos = if self.resolution & 0x80 != 0 {
            (units * NANOS) >> exponent
        } else if let Some(finer) = 9_u32.checked_sub(exponent) {
            units * 10_u128.pow(finer)
        } else {
            // A unit too small for its power to fit makes any count of them less than one
            // nanosecond.
            let power = 10_u128.checked_pow(exponent.saturating_sub(9));
            power.map_or(0, |it| units / it)
        };
        // Below 2^94 and 2^94: the sum fits.
        let nanos = nanos.cast_signed() + i128::from(self.offset_secs) * NANOS.cast_signed();
        let bounded = nanos.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        Timestamp::from_nanos(i64::try_from(bounded).unwrap_or_default())
    }
}

const BLOCK_SECTION: u32 = 0x0a0d_0d0a;
const BLOCK_INTERFACE: u32 = 1;
/// Packet Block, which Enhanced Packet Blocks replaced.
const BLOCK_OBSOLETE: u32 = 2;
const BLOCK_SIMPLE: u32 = 3;
const BLOCK_ENHANCED: u32 = 6;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
const OPTION_END: u16 = 0;
const OPTION_RESOLUTION: u16 = 9;
const OPTION_OFFSET: u16 = 14;
/// Microseconds.
const DEFAULT_RESOLUTION: u8 = 6;
/// Type and length before, length after.
const MIN_BLOCK: usize = 12;
/// Longest block; other readers draw the line at the same length.
const MAX_BLOCK: usize = 16 << 20;
/// Octets of a block that are looked at: the longest frame and some options.
pub(super) const MAX_HELD: usize = 264 << 10;
/// Interfaces of one section: bounds the memory that a file can ask for.
const MAX_INTERFACES: usize = 1 << 16;
