//! Frames: captured octets with their time, before anything is known of them.
//!
//! A source of frames fills a [`Run`]: one buffer with some frames in it, and hands the run back to
//! be filled again. So reading costs no allocation a frame, and consumers may look at several
//! frames at once.

use crate::time::Timestamp;

mod card;

pub use card::{Card, Offload};

/// A captured frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Frame<'a> {
    /// When it was captured.
    pub at: Timestamp,
    /// What its first header is.
    pub link: LinkType,
    /// Length on the wire in octets; at least `bytes.len()`.
    pub wire_len: u32,
    /// The octets that were kept.
    pub bytes: &'a [u8],
}

/// First header of a frame, by its number in <https://www.tcpdump.org/linktypes.html>.
///
/// Any number may stand here; the decoder knows some and counts the others.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: four octets of address family in the byte order of the machine.
    pub const NULL: Self = Self(0);
    /// Ethernet, IEEE 802.3.
    pub const ETHERNET: Self = Self(1);
    /// PPP, with or without HDLC framing.
    pub const PPP: Self = Self(9);
    /// PPP in HDLC-like framing (RFC 1662).
    pub const PPP_HDLC: Self = Self(50);
    /// PPPoE session packets (RFC 2516).
    pub const PPP_ETHER: Self = Self(51);
    /// IPv4 or IPv6, as the first four bits say.
    pub const RAW: Self = Self(101);
    /// Cisco HDLC.
    pub const C_HDLC: Self = Self(104);
    /// IEEE 802.11.
    pub const IEEE802_11: Self = Self(105);
    /// Frame relay.
    pub const FRELAY: Self = Self(107);
    /// OpenBSD loopback: four octets of address family, most significant first.
    pub const LOOP: Self = Self(108);
    /// Linux cooked capture, version 1.
    pub const LINUX_SLL: Self = Self(113);
    /// IEEE 802.11 after a radiotap header.
    pub const IEEE802_11_RADIOTAP: Self = Self(127);
    /// PPP with a direction octet.
    pub const PPP_WITH_DIR: Self = Self(204);
    /// IPv4.
    pub const IPV4: Self = Self(228);
    /// IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux netfilter log.
    pub const NFLOG: Self = Self(239);
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
}

/// Some frames in one buffer.
#[derive(Debug, Default)]
pub struct Run {
    /// The buffer; frames lie in it in any order and with gaps. The source owns its contents.
    pub bytes: Vec<u8>,
    entries: Vec<Entry>,
}

impl Run {
    /// Forgets the frames; the buffer and its contents stay.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Adds a frame that lies at `start` in the buffer and is `len` octets long.
    ///
    /// A frame that does not lie within the buffer when it is read is given as empty.
    #[inline]
    pub fn push(&mut self, at: Timestamp, link: LinkType, wire_len: u32, start: usize, len: usize) {
        self.entries.push(Entry {
            at,
            start,
            len,
            wire_len,
            link,
        });
    }

    /// Copies a frame to the end of the buffer and adds it.
    pub fn push_copy(&mut self, frame: Frame<'_>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(frame.bytes);
        self.push(
            frame.at,
            frame.link,
            frame.wire_len,
            start,
            frame.bytes.len(),
        );
    }

    /// Number of frames.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no frame.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The frame of that number, counted from zero.
    #[must_use]
    pub fn frame(&self, number: usize) -> Option<Frame<'_>> {
        self.entries.get(number).map(|it| it.frame(&self.bytes))
    }

    /// The frames in groups of `len`, the last group perhaps smaller.
    pub fn groups(
        &self,
        len: usize,
    ) -> impl Iterator<Item = impl ExactSizeIterator<Item = Frame<'_>> + Clone> {
        let groups = self.entries.chunks(len.max(1));
        groups.map(|group| group.iter().map(|it| it.frame(&self.bytes)))
    }

    /// The frames, in the order in which they were added.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Frame<'_>> + ExactSizeIterator {
        self.entries.iter().map(|it| it.frame(&self.bytes))
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    at: Timestamp,
    start: usize,
    len: usize,
    wire_len: u32,
    link: LinkType,
}

impl Entry {
    #[inline]
    fn frame(self, buffer: &[u8]) -> Frame<'_> {
        let end = self.start.saturating_add(self.len);
        let bytes = buffer.get(self.start..end).unwrap_or_default();
        Frame {
            at: self.at,
            link: self.link,
            wire_len: self.wire_len,
            bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_as_they_were_added() {
        let mut run = Run::default();
        let first = Frame {
            at: Timestamp::from_nanos(7),
            link: LinkType::ETHERNET,
            wire_len: 9,
            bytes: &[1, 2, 3],
        };
        let second = Frame {
            bytes: &[],
            ..first
        };
        run.push_copy(first);
        run.push_copy(second);
        assert_eq!(run.iter().collect::<Vec<_>>(), [first, second]);
        assert_eq!(run.frame(2), None);
        run.clear();
        assert!(run.is_empty());
    }

    #[test]
    fn a_frame_outside_the_buffer_is_empty() {
        let mut run = Run::default();
        run.push(Timestamp::default(), LinkType::RAW, 10, usize::MAX, 5);
        assert_eq!(run.frame(0).map(|it| it.bytes.len()), Some(0));
    }
}
