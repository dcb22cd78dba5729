//! How interfaces are listened on, and in a build without that, how they would be.

use std::time::Duration;

/// What an operator may choose about a live capture; the ranges stand in the configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Ring of one interface, all its threads together, in octets of memory; 1 MiB at least for each
    /// thread. It lies in the kernel and counts as memory of the sensor.
    pub ring_octets: u32,
    /// Octets kept of a frame, from 256 to 262,144: the library takes no more.
    pub snaplen_octets: u32,
    /// Whether the interface is asked for frames that are not addressed to it, as a mirror port has
    /// no others.
    pub promiscuous: bool,
    /// How long the kernel may hold back frames that do not fill a block of the ring, from a
    /// millisecond to a second.
    pub hold: Duration,
    /// Threads that capture, from 1 to 8, each with a ring on each interface.
    pub threads: usize,
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

impl Settings {
    /// Octets of the ring that one thread has on one interface.
    #[must_use]
    pub fn ring_octets_of_thread(&self) -> u32 {
        let threads = u32::try_from(self.threads).unwrap_or(u32::MAX);
        self.ring_octets / threads.max(1)
    }
}

impl Prefilter {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Off, Self::Flow, Self::FlowRequired];

    /// The word for it in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Flow => "flow",
            Self::FlowRequired => "flow-required",
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // The library's own choice of 2 MiB lasts 16 ms at 1 Gbit/s.
            ring_octets: 64 << 20,
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
