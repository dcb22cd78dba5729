//! Writes frames to a capture file.
//!
//! [`PcapWriter`] writes classic pcap with nanoseconds, which every capture tool reads. It holds frames
//! of one link type. Nothing is buffered here: give a buffered writer. A [`Section`] is a small pcapng
//! file in memory, with a comment and frames of any link types.

use std::io::{self, Write};

use crate::frame::{Frame, LinkType};

mod section;

pub use section::Section;

/// Writes a classic pcap file with nanoseconds, least significant octet first.
#[derive(Debug)]
pub struct PcapWriter<W> {
    out: W,
    link: LinkType,
    snaplen: u32,
}

impl<W: Write> PcapWriter<W> {
    /// Writes the file header; of each frame at most `snaplen` octets will be kept.
    ///
    /// # Errors
    ///
    /// That of the writer.
    pub fn new(mut out: W, link: LinkType, snaplen: u32) -> io::Result<Self> {
        let mut header = [0; 24];
        let fields = MAGIC_NANOSECONDS
            .to_le_bytes()
            .into_iter()
            .chain(VERSION_MAJOR.to_le_bytes())
            .chain(VERSION_MINOR.to_le_bytes())
            // Time zone and accuracy of the times: zero, as every writer has it.
            .chain([0; 8])
            .chain(snaplen.to_le_bytes())
            .chain(u32::from(link.0).to_le_bytes());
        header
            .iter_mut()
            .zip(fields)
            .for_each(|(to, from)| *to = from);
        out.write_all(&header)?;
        Ok(Self { out, link, snaplen })
    }

    /// Writes one frame.
    ///
    /// The file holds times from 1970 to 2106; an earlier or later one is written as the nearest.
    ///
    /// # Errors
    ///
    /// That of the writer; [`io::ErrorKind::InvalidInput`] when the frame has another link type
    /// than the file, and then nothing is written.
    pub fn write(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        if frame.link != self.link {
            let text = format!(
                "a frame of link type {} does not fit a file of link type {}",
                frame.link.0, self.link.0
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let kept = usize::try_from(self.snaplen).unwrap_or(usize::MAX);
        let bytes = frame.bytes.get(..kept).unwrap_or(frame.bytes);
        let nanos = frame.at.as_nanos().max(0).unsigned_abs();
        let last = (u64::from(u32::MAX), NANOS_PER_SECOND - 1);
        let (secs, nanos) = (nanos / NANOS_PER_SECOND, nanos % NANOS_PER_SECOND).min(last);
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        for field in [secs, nanos, len, u64::from(frame.wire_len)] {
            let field = u32::try_from(field).unwrap_or(u32::MAX);
            self.out.write_all(&field.to_le_bytes())?;
        }
        self.out.write_all(bytes)
    }

    /// Hands on what the writer below has buffered.
    ///
    /// # Errors
    ///
    /// That of the writer.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Gives the writer back.
    pub fn into_inner(self) -> W {
        self.out
    }
}

/// First four octets of a classic pcap file with nanoseconds.
pub(super) const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;
const VERSION_MAJOR: u16 = 2;
const VERSION_MINOR: u16 = 4;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    const FRAME: Frame<'static> = Frame {
        at: Timestamp::from_secs_nanos(1_506_931_200, 123_456_789),
        link: LinkType::RAW,
        wire_len: 9,
        bytes: &[1, 2, 3, 4, 5],
    };

    fn written(snaplen: u32, frames: &[Frame<'_>]) -> Vec<u8> {
        let mut writer = PcapWriter::new(Vec::new(), LinkType::RAW, snaplen).unwrap();
        for frame in frames {
            writer.write(frame).unwrap();
        }
        writer.into_inner()
    }

    #[test]
    fn another_reader_reads_what_was_written() {
        let file = written(65_535, &[FRAME]);
        let (rest, header) = pcap_parser::parse_pcap_header(&file).unwrap();
        assert!(header.is_nanosecond_precision());
        assert_eq!((header.snaplen, header.network.0), (65_535, 101));
        let (rest, record) = pcap_parser::parse_pcap_frame(rest).unwrap();
        assert_eq!(
            (record.ts_sec, record.ts_usec),
            (1_506_931_200, 123_456_789)
        );
        assert_eq!((record.origlen, record.data), (9, FRAME.bytes));
        assert!(rest.is_empty());
    }

    #[test]
    fn a_long_frame_is_cut_to_the_snapshot_length() {
        let file = written(3, &[FRAME]);
        assert_eq!(file[24 + 8..], [3, 0, 0, 0, 9, 0, 0, 0, 1, 2, 3]);
    }

    #[test]
    fn times_outside_the_range_are_written_as_the_nearest() {
        let early = Frame {
            at: Timestamp::MIN,
            ..FRAME
        };
        let late = Frame {
            at: Timestamp::MAX,
            ..FRAME
        };
        let file = written(0, &[early, late]);
        assert_eq!(file[24..32], [0; 8]);
        let secs_nanos = [0xff, 0xff, 0xff, 0xff, 0xff, 0xc9, 0x9a, 0x3b];
        assert_eq!(file[40..48], secs_nanos);
    }

    #[test]
    fn a_frame_of_another_link_type_is_refused() {
        let mut writer = PcapWriter::new(Vec::new(), LinkType::ETHERNET, 100).unwrap();
        let error = writer.write(&FRAME).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(writer.into_inner().len(), 24);
    }
}
