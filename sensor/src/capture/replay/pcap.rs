//! Records of classic pcap files (draft-ietf-opsawg-pcap).

use super::format::{Fault, MAX_FRAME_OCTETS, Order, Record, Step};
use crate::capture::record::MAGIC_NANOSECONDS;
use crate::frame::LinkType;
use crate::time::Timestamp;

/// Reads the records of one file.
#[derive(Debug)]
pub(super) struct Pcap {
    order: Order,
    nanos_per_unit: i64,
    /// Octets before the frame in each record.
    header_len: usize,
    /// Known after the file header.
    link: Option<LinkType>,
}

impl Pcap {
    /// Knows the file by its first four octets.
    pub(super) fn recognise(magic: [u8; 4]) -> Option<Self> {
        [Order::Little, Order::Big].into_iter().find_map(|order| {
            let (nanos_per_unit, header_len) = match order.u32(magic) {
                MAGIC_MICROSECONDS => (1_000, 16),
                MAGIC_NANOSECONDS => (1, 16),
                MAGIC_MODIFIED => (1_000, 24),
                _ => return None,
            };
            Some(Self {
                order,
                nanos_per_unit,
                header_len,
                link: None,
            })
        })
    }

    /// Reads what stands at the front of `octets`.
    #[inline]
    pub(super) fn step(&mut self, octets: &[u8]) -> Step {
        let Some(link) = self.link else {
            return self.file_header(octets);
        };
        let mut fields = self.order.fields(octets);
        let (Some(secs), Some(fraction), Some(len), Some(wire_len)) =
            (fields.u32(), fields.u32(), fields.u32(), fields.u32())
        else {
            return Step::Short(self.header_len);
        };
        if len > MAX_FRAME_OCTETS {
            return Step::Broken(Fault::FrameLength(len));
        }
        let frame_len = usize::try_from(len).unwrap_or(usize::MAX);
        let size = self.header_len.saturating_add(frame_len);
        if octets.len() < size {
            return Step::Short(size);
        }
        // At most 2^32 seconds and 2^32 thousands of nanoseconds: no overflow.
        let nanos = i64::from(secs) * 1_000_000_000 + i64::from(fraction) * self.nanos_per_unit;
        Step::Frame(Record {
            at: Timestamp::from_nanos(nanos),
            link,
            wire_len: wire_len.max(len),
            start: self.header_len,
            len: frame_len,
            size,
        })
    }

    fn file_header(&mut self, octets: &[u8]) -> Step {
        let Some(header) = octets.get(..FILE_HEADER_LEN) else {
            return Step::Short(FILE_HEADER_LEN);
        };
        // Magic, version, time zone, accuracy and snapshot length; none of them changes how the
        // records are read.
        let mut fields = self.order.fields(header);
        fields.skip(20);
        self.link = fields.u32().map(link_type);
        Step::Skip(FILE_HEADER_LEN)
    }
}

/// Takes the link type out of a field whose upper half says what checksums the frames carry.
fn link_type(field: u32) -> LinkType {
    LinkType(u16::try_from(field & 0xffff).unwrap_or_default())
}

const MAGIC_MICROSECONDS: u32 = 0xa1b2_c3d4;
/// Records with eight more octets, as some old Linux systems wrote them.
const MAGIC_MODIFIED: u32 = 0xa1b2_cd34;
const FILE_HEADER_LEN: usize = 24;
