//! What the two file formats have in common: fields in either byte order, and steps over records.

use std::fmt;

use super::pcap::Pcap;
use super::pcapng::PcapNg;
use crate::frame::LinkType;
use crate::time::Timestamp;

/// A capture file format with what is known of the file so far.
#[derive(Debug)]
pub(super) enum Format {
    Pcap(Pcap),
    PcapNg(PcapNg),
}

impl Format {
    /// Knows a file by its first four octets.
    pub(super) fn recognise(magic: [u8; 4]) -> Option<Self> {
        let pcap = Pcap::recognise(magic).map(Self::Pcap);
        pcap.or_else(|| PcapNg::recognise(magic).map(Self::PcapNg))
    }

    /// Reads the record at the front of `octets`.
    #[inline]
    pub(super) fn step(&mut self, octets: &[u8]) -> Step {
        match self {
            Self::Pcap(it) => it.step(octets),
            Self::PcapNg(it) => it.step(octets),
        }
    }
}

/// What stands at the front of the octets.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// A record with a frame.
    Frame(Record),
    /// So many octets without a frame; possibly more than there are.
    Skip(usize),
    /// The record is not whole: so many octets are needed in all.
    Short(usize),
    /// No record can begin like this.
    Broken(Fault),
}

/// A frame in a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) at: Timestamp,
    pub(super) link: LinkType,
    pub(super) wire_len: u32,
    /// Where the frame begins, from the beginning of the record.
    pub(super) start: usize,
    /// Length of the frame; all of it is there.
    pub(super) len: usize,
    /// Length of the record; its end need not be there.
    pub(super) size: usize,
}

/// What is wrong with a capture file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// A frame longer than any capture tool writes; holds the length.
    FrameLength(u32),
    /// A block with a length that cannot be; holds the length.
    BlockLength(u32),
    /// A section that does not say in which order its octets stand.
    ByteOrder,
    /// A section of another version of the format; holds the version.
    Version(u16),
    /// A frame of an interface that was not described; holds the number.
    UnknownInterface(u32),
    /// More interfaces than the reader holds.
    Interfaces,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FrameLength(len) => write!(f, "a frame of {len} octets"),
            Self::BlockLength(len) => write!(f, "a block with a wrong length of {len} octets"),
            Self::ByteOrder => f.write_str("a section without a byte order"),
            Self::Version(version) => write!(f, "a section of version {version}"),
            Self::UnknownInterface(number) => {
                write!(f, "a frame of interface {number}, which is not described")
            }
            Self::Interfaces => f.write_str("too many interfaces"),
        }
    }
}

/// Order of the octets in a field.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Order {
    #[default]
    Little,
    Big,
}

impl Order {
    pub(super) const ALL: [Self; 2] = [Self::Little, Self::Big];

    #[inline]
    pub(super) const fn u32(self, octets: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(octets),
            Self::Big => u32::from_be_bytes(octets),
        }
    }

    const fn u16(self, octets: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(octets),
            Self::Big => u16::from_be_bytes(octets),
        }
    }

    pub(super) const fn i64(self, octets: [u8; 8]) -> i64 {
        match self {
            Self::Little => i64::from_le_bytes(octets),
            Self::Big => i64::from_be_bytes(octets),
        }
    }

    #[inline]
    pub(super) const fn fields(self, octets: &[u8]) -> Fields<'_> {
        Fields {
            order: self,
            rest: octets,
        }
    }
}

/// Reads fields of one byte order from the front of a slice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    order: Order,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn u16(&mut self) -> Option<u16> {
        let (field, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(self.order.u16(*field))
    }

    #[inline]
    pub(super) fn u32(&mut self) -> Option<u32> {
        let (field, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(self.order.u32(*field))
    }

    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    /// Passes over `len` octets, or over what is left.
    pub(super) fn skip(&mut self, len: usize) {
        self.rest = self.rest.get(len..).unwrap_or_default();
    }

    /// Cuts `len` octets off the end, or what is left.
    pub(super) fn truncate(&mut self, len: usize) {
        let kept = self.rest.len().saturating_sub(len);
        self.rest = self.rest.get(..kept).unwrap_or_default();
    }
}

/// Longest frame; no capture tool writes longer ones of a network.
pub(super) const MAX_FRAME_OCTETS: u32 = 256 << 10;
