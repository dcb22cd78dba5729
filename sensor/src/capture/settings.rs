//! How interfaces are listened on.

use std::time::Duration;

/// What an operator may choose about a live capture.
///
/// [`Settings::check`] says what is out of range; the ranges stand as constants beside it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Memory of the rings of one interface, all its threads together, in bytes; within
    /// [`Settings::RING`]. Lies in the kernel and counts as memory of the sensor.
    pub ring_bytes: u32,
    /// Octets kept of a frame, within [`Settings::SNAPLEN`].
    pub snaplen_octets: u32,
    /// Whether the interface is asked for frames that are not addressed to it, as a mirror port has
    /// no others.
    pub promiscuous: bool,
    /// How long the kernel may hold back frames that do not fill a block of the ring, within
    /// [`Settings::HOLD`].
    pub hold: Duration,
    /// Threads that capture, each with a ring on each interface; within [`Settings::THREADS`].
    pub threads: u16,
    /// An expression in the language of libpcap; what it leaves out is not looked at.
    pub filter: Option<String>,
    /// Whether the kernel cuts flows off once they can tell no more names.
    pub prefilter: Prefilter,
}

/// Whether the kernel cuts flows off, and what follows where it cannot.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Prefilter {
    /// Every frame is handed to the sensor.
    #[default]
    Off,
    /// The kernel cuts flows off; where it cannot, the sensor says why and goes on without.
    Flow,
    /// The kernel cuts flows off; where it cannot, the start fails.
    FlowRequired,
}

/// A setting that is out of its range.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Wrong {
    /// Size of the rings.
    #[error("capture.ring must be from 1 MiB to 2047 MiB for each thread")]
    Ring,
    /// Octets kept.
    #[error("capture.snaplen must be from 256 to 262144 octets")]
    Snaplen,
    /// Time that frames may be held back.
    #[error("capture.hold must be from 1 ms to 1 s")]
    Hold,
    /// Number of threads.
    #[error("capture.threads must be from 1 to 8")]
    Threads,
}

impl Settings {
    /// Bytes of one ring: the library counts them in 32 bits with a sign.
    pub const RING: std::ops::RangeInclusive<u32> = 1 << 20..=2047 << 20;
    /// Octets kept of a frame. The library takes no more than 256 KiB; less than the first does not
    /// hold headers.
    pub const SNAPLEN: std::ops::RangeInclusive<u32> = 256..=262_144;
    /// How long frames may be held back.
    pub const HOLD: std::ops::RangeInclusive<Duration> =
        Duration::from_millis(1)..=Duration::from_secs(1);
    /// Threads that capture.
    pub const THREADS: std::ops::RangeInclusive<u16> = 1..=8;

    /// Says what is out of range.
    #[must_use]
    pub fn check(&self) -> Vec<Wrong> {
        let rules = [
            (
                Self::RING.contains(&self.ring_bytes_of_thread()),
                Wrong::Ring,
            ),
            (Self::SNAPLEN.contains(&self.snaplen_octets), Wrong::Snaplen),
            (Self::HOLD.contains(&self.hold), Wrong::Hold),
            (Self::THREADS.contains(&self.threads), Wrong::Threads),
        ];
        let broken = rules.into_iter().filter(|(holds, _)| !holds);
        broken.map(|(_, wrong)| wrong).collect()
    }

    /// Bytes of the ring that one thread has on one interface.
    #[must_use]
    pub const fn ring_bytes_of_thread(&self) -> u32 {
        match self.threads {
            0 => self.ring_bytes,
            threads => self.ring_bytes / threads as u32,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // The library's own choice of 2 MiB lasts 16 ms at 1 Gbit/s.
            ring_bytes: 64 << 20,
            snaplen_octets: LONGEST_MERGED + LINK_HEADERS,
            promiscuous: true,
            hold: Duration::from_millis(100),
            threads: 1,
            filter: None,
            prefilter: Prefilter::Off,
        }
    }
}

/// The longest datagram that receive offload makes of segments, where nobody has asked for more
/// (`gro_max_size` of `ip link`): its length has 16 bits.
const LONGEST_MERGED: u32 = 65_535;

/// Room for what stands before it: Ethernet, and tags or labels.
const LINK_HEADERS: u32 = 65;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_ranges() {
        assert_eq!(Settings::default().check(), []);
        assert_eq!(Settings::default().snaplen_octets, 65_600);
    }

    #[test]
    fn all_that_is_out_of_range_is_said_at_once() {
        let settings = Settings {
            ring_bytes: 4 << 20,
            snaplen_octets: 255,
            hold: Duration::ZERO,
            threads: 9,
            ..Settings::default()
        };
        let wrong = [Wrong::Ring, Wrong::Snaplen, Wrong::Hold, Wrong::Threads];
        assert_eq!(settings.check(), wrong);
    }
}
