//! Frames of a generated capture in memory, and their hosts moved elsewhere as they are sent.
//!
//! A capture that is sent again would be the same flows again. So each round moves the hosts: those
//! of 10.20.0.0/16 to another 10.x.0.0/16, those of fd00:0:0:20::/64 to another fd00:0:x:20::/64,
//! with the checksums mended (RFC 1624). Resolvers and servers stay where they are.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// The frames of a capture.
#[derive(Clone, Debug, Default)]
pub(crate) struct Frames {
    octets: Vec<u8>,
    /// Where each frame ends in `octets`.
    ends: Vec<usize>,
}

impl Frames {
    /// Reads a capture that this program has written.
    ///
    /// # Errors
    ///
    /// Those of reading the file.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
        let mut frames = Self::default();
        io::copy(&mut (&mut file).take(24), &mut io::sink())?;
        let mut header = [0; 16];
        loop {
            match file.read_exact(&mut header) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(frames),
                Err(error) => return Err(error),
            }
            let len = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
            let start = frames.octets.len();
            (&mut file)
                .take(len.into())
                .read_to_end(&mut frames.octets)?;
            if frames.octets.len() - start != len as usize {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            frames.ends.push(frames.octets.len());
        }
    }

    /// Adds a frame.
    pub(crate) fn push(&mut self, frame: &[u8]) {
        self.octets.extend_from_slice(frame);
        self.ends.push(self.octets.len());
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The frame of a number.
    pub(crate) fn frame(&self, number: usize) -> &[u8] {
        let start = match number {
            0 => 0,
            _ => self.ends[number - 1],
        };
        &self.octets[start..self.ends[number]]
    }

    /// Octets of the longest.
    pub(crate) fn longest(&self) -> usize {
        (0..self.len())
            .map(|it| self.frame(it).len())
            .max()
            .unwrap_or_default()
    }
}

/// Moves the hosts of a frame to the block of that number, below [`BLOCKS`].
pub(crate) fn move_hosts(frame: &mut [u8], block: u8) {
    let start = match frame.get(12..14) {
        Some([0x81, 0x00]) => 18,
        _ => 14,
    };
    let Some(packet) = frame.get_mut(start..) else {
        return;
    };
    match packet.first().map(|it| it >> 4) {
        Some(4) if packet.len() >= 20 => move_ipv4(packet, block),
        Some(6) if packet.len() >= 40 => move_ipv6(packet, block),
        _ => {}
    }
}

fn move_ipv4(packet: &mut [u8], block: u8) {
    let old = u16::from_be_bytes(HOSTS_V4);
    let new = u16::from_be_bytes([HOSTS_V4[0], HOSTS_V4[1] + block % BLOCKS]);
    let header = usize::from(packet[0] & 0x0f) * 4;
    let protocol = packet[9];
    for at in [12, 16] {
        if packet[at..at + 2] == HOSTS_V4 {
            packet[at..at + 2].copy_from_slice(&new.to_be_bytes());
            mend(packet, 10, old, new);
            mend_transport(packet, header, protocol, (old, new));
        }
    }
}

fn move_ipv6(packet: &mut [u8], block: u8) {
    let protocol = packet[6];
    let new = u16::from(block % BLOCKS);
    for at in [8, 24] {
        if packet[at..at + 8] == HOSTS_V6 {
            packet[at + 4..at + 6].copy_from_slice(&new.to_be_bytes());
            mend_transport(packet, 40, protocol, (0, new));
        }
    }
}

fn mend_transport(packet: &mut [u8], header: usize, protocol: u8, (old, new): (u16, u16)) {
    let at = header
        + match protocol {
            IP_PROTOCOL_TCP => 16,
            IP_PROTOCOL_UDP => 6,
            _ => return,
        };
    if packet.len() >= at + 2 {
        mend(packet, at, old, new);
        // Zero would mean that the datagram has no checksum (RFC 768).
        if protocol == IP_PROTOCOL_UDP && packet[at..at + 2] == [0, 0] {
            packet[at..at + 2].copy_from_slice(&[0xff, 0xff]);
        }
    }
}

/// Mends a checksum for a 16-bit word that has changed (RFC 1624 equation 3).
fn mend(packet: &mut [u8], at: usize, old: u16, new: u16) {
    let checksum = u16::from_be_bytes([packet[at], packet[at + 1]]);
    let mut sum = u32::from(!checksum) + u32::from(!old) + u32::from(new);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    packet[at..at + 2].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}

/// Blocks that hosts can be moved to.
pub(crate) const BLOCKS: u8 = 200;

/// Where generated hosts are: 10.20.0.0/16.
const HOSTS_V4: [u8; 2] = [10, 20];

/// Where generated hosts are: fd00:0:0:20::/64.
const HOSTS_V6: [u8; 8] = [0xfd, 0, 0, 0, 0, 0, 0, 0x20];

const IP_PROTOCOL_TCP: u8 = 6;
const IP_PROTOCOL_UDP: u8 = 17;

#[cfg(test)]
mod tests {
    use crate::generate::{self, Kind, Spec};

    use super::*;

    fn frames(kind: Kind) -> Frames {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pcap");
        generate::generate(Spec::new(kind, 1 << 20, 3), &path, &folder.path().join("t")).unwrap();
        Frames::read(&path).unwrap()
    }

    /// The ones' complement sum, taken octet by octet.
    fn sum(octets: &[u8]) -> u32 {
        let mut sum = 0;
        for (index, octet) in octets.iter().enumerate() {
            sum += u32::from(*octet) << (if index % 2 == 0 { 8 } else { 0 });
        }
        sum
    }

    fn fold(mut sum: u32) -> u32 {
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum
    }

    fn assert_checksums(frame: &[u8]) {
        let start = if frame[12..14] == [0x81, 0] { 18 } else { 14 };
        let packet = &frame[start..];
        let (header, len, addresses, protocol) = if packet[0] >> 4 == 4 {
            assert_eq!(fold(sum(&packet[..20])), 0xffff);
            let len = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
            (20, len, &packet[12..20], packet[9])
        } else {
            let len = usize::from(u16::from_be_bytes([packet[4], packet[5]])) + 40;
            (40, len, &packet[8..40], packet[6])
        };
        let segment = &packet[header..len];
        let pseudo = sum(addresses) + u32::from(protocol) + segment.len() as u32;
        assert_eq!(fold(pseudo + fold(sum(segment))), 0xffff);
    }

    #[test]
    fn moved_hosts_leave_every_checksum_right() {
        for kind in [Kind::Mix, Kind::Dns] {
            let frames = frames(kind);
            for number in 0..frames.len() {
                for block in [0, 1, 133, BLOCKS - 1] {
                    let mut frame = frames.frame(number).to_vec();
                    move_hosts(&mut frame, block);
                    assert_checksums(&frame);
                }
            }
        }
    }

    #[test]
    fn block_zero_leaves_frames_as_they_are_and_another_moves_nearly_all() {
        let frames = frames(Kind::Mix);
        let mut moved = 0;
        for number in 0..frames.len() {
            let mut frame = frames.frame(number).to_vec();
            move_hosts(&mut frame, 0);
            assert_eq!(frame, frames.frame(number));
            move_hosts(&mut frame, 7);
            moved += usize::from(frame != frames.frame(number));
        }
        assert_eq!(moved, frames.len());
    }

    #[test]
    fn a_frame_that_is_cut_anywhere_is_passed_over_or_moved() {
        let frames = frames(Kind::Tls);
        for len in 0..frames.frame(0).len() {
            move_hosts(&mut frames.frame(0)[..len].to_vec(), 9);
        }
    }
}
