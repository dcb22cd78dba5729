//! Writing a capture file in the classic pcap format, with microseconds.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use ring::digest;

/// A capture file that is being written.
pub(crate) struct Savefile {
    out: BufWriter<File>,
    digest: digest::Context,
    packets: u64,
    octets: u64,
}

/// What a finished capture file holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Written {
    /// Frames in it.
    pub(crate) packets: u64,
    /// Length of the file in octets, headers included.
    pub(crate) octets: u64,
    /// SHA-256 of the file, in hex.
    pub(crate) sha256: String,
}

impl Savefile {
    /// Creates the file and writes its header.
    ///
    /// # Errors
    ///
    /// Those of creating and writing a file.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let mut savefile = Self {
            out: BufWriter::with_capacity(1 << 20, File::create(path)?),
            digest: digest::Context::new(&digest::SHA256),
            packets: 0,
            octets: 0,
        };
        savefile.put(&FILE_HEADER)?;
        Ok(savefile)
    }

    /// Appends a frame captured `at_micros` microseconds after the Unix epoch.
    ///
    /// # Errors
    ///
    /// Those of writing a file.
    pub(crate) fn frame(&mut self, at_micros: u64, frame: &[u8]) -> io::Result<()> {
        let len = (frame.len() as u32).to_le_bytes();
        let mut header = [0; 16];
        header[..4].copy_from_slice(&((at_micros / 1_000_000) as u32).to_le_bytes());
        header[4..8].copy_from_slice(&((at_micros % 1_000_000) as u32).to_le_bytes());
        header[8..12].copy_from_slice(&len);
        header[12..].copy_from_slice(&len);
        self.packets += 1;
        self.put(&header)?;
        self.put(frame)
    }

    /// Writes what is buffered and closes the file.
    ///
    /// # Errors
    ///
    /// Those of writing a file.
    pub(crate) fn finish(mut self) -> io::Result<Written> {
        self.out.flush()?;
        Ok(Written {
            packets: self.packets,
            octets: self.octets,
            sha256: hex(self.digest.finish().as_ref()),
        })
    }

    /// Octets written so far, headers included.
    pub(crate) const fn octets(&self) -> u64 {
        self.octets
    }

    fn put(&mut self, octets: &[u8]) -> io::Result<()> {
        self.octets += octets.len() as u64;
        self.digest.update(octets);
        self.out.write_all(octets)
    }
}

/// Octets as hex digits.
pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|it| format!("{it:02x}")).collect()
}

/// Magic number for microseconds, version 2.4, no time zone, snap length 256 KiB, Ethernet; little
/// endian (draft-ietf-opsawg-pcap section 4).
const FILE_HEADER: [u8; 24] = [
    0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0,
];
