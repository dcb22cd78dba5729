//! A cut-off by flow in the kernel, for links that are faster than the sensor.
//!
//! Comes in as a program of the kernel's own machine (eBPF), which the packet socket asks for every
//! frame before it copies it into the ring. It passes the first octets of each direction of every
//! flow on every port, by the same rules as triage but with a larger budget, and cuts off the rest:
//!
//! - always passes: whatever is not TCP or UDP straight behind Ethernet (with up to two VLAN tags in
//!   the frame) and IP; fragments; SYN, FIN and RST; the ports of [`OPEN_PORTS`]; long headers of
//!   QUIC;
//! - a payload that begins like a message with a name, a SYN, or a pause, opens the flow anew;
//! - of a flow that is cut off, one packet a second passes, so that it is known to live.
//!
//! What is cut off is counted. Octets of such flows are a lower bound, and nothing else changes.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use nix::sys::socket::SetSockOpt;
use nix::{libc, setsockopt_impl, sockopt_impl};

use super::CutOff;
use super::kernel::{
    self, BPF_F_MMAPABLE, BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_LRU_HASH, MapShape, SharedNumbers,
};

mod assembler;
mod program;

sockopt_impl!(
    /// Has a socket ask a loaded program which frames to take.
    AttachProgram,
    SetOnly,
    libc::SOL_SOCKET,
    libc::SO_ATTACH_BPF,
    i32
);

/// What of a flow passes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// Octets of payload that pass in each direction.
    pub(super) octets: u32,
    /// Silence after which a flow has its whole budget again; two seconds at most.
    pub(super) idle: Duration,
    /// How often a packet of a flow that is cut off passes.
    pub(super) sign_of_life: Duration,
}

/// The loaded program of one interface, with its tables.
#[derive(Debug)]
pub(super) struct Cutoff {
    program: OwnedFd,
    counts: SharedNumbers,
    /// Kept open: a map whose descriptor is closed lives on in the program.
    _maps: [OwnedFd; 2],
}

impl Cutoff {
    /// Loads the program. Needs CAP_BPF, or CAP_SYS_ADMIN before Linux 5.8.
    pub(super) fn load(budget: Budget) -> io::Result<Self> {
        let flows = kernel::create_map(MapShape {
            kind: BPF_MAP_TYPE_LRU_HASH,
            key_octets: program::KEY_OCTETS,
            value_octets: program::FLOW_OCTETS,
            entries: FLOWS,
            flags: 0,
        })?;
        let counts = kernel::create_map(MapShape {
            kind: BPF_MAP_TYPE_ARRAY,
            key_octets: 4,
            value_octets: program::CELL_OCTETS,
            entries: program::CELLS,
            flags: BPF_F_MMAPABLE,
        })?;
        let maps = [flows.as_raw_fd(), counts.as_raw_fd()];
        let program = kernel::load_filter(&program::code(budget, maps))?;
        let numbers = program::CELLS as usize * NUMBERS_PER_CELL;
        Ok(Self {
            program,
            counts: SharedNumbers::of(&counts, numbers)?,
            _maps: [flows, counts],
        })
    }

    /// Has a packet socket ask the program. Needs no right.
    pub(super) fn attach(&self, socket: &impl AsFd) -> nix::Result<()> {
        AttachProgram.set(socket, &self.program.as_raw_fd())
    }

    /// What it has cut off since it was loaded, at all sockets together.
    pub(super) fn counts(&self) -> CutOff {
        let cells = (0..program::CELLS as usize).map(|it| it * NUMBERS_PER_CELL);
        cells.fold(CutOff::default(), |sum, cell| CutOff {
            frames: sum.frames + self.counts.number(cell),
            octets: sum.octets + self.counts.number(cell + 1),
        })
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            // Triage lets 80 KiB pass; a frame that goes beyond it still counts whole there.
            octets: 96 * 1024,
            // Triage forgets a flow after eight seconds at the earliest.
            idle: Duration::from_secs(2),
            sign_of_life: Duration::from_secs(1),
        }
    }
}

/// Flows that are remembered; of more, the one longest silent is forgotten, and begins anew. They
/// take about 20 MiB in the kernel.
const FLOWS: u32 = 131_072;

/// Numbers in the cell of a processor.
const NUMBERS_PER_CELL: usize = program::CELL_OCTETS as usize / size_of::<u64>();

/// Ports whose packets pass always: they hold names or addresses in any packet, or encapsulate
/// flows. DNS, DHCP, NetBIOS, DHCPv6, SSDP, mDNS, LLMNR, then the tunnels.
const OPEN_PORTS: [u16; 21] = [
    53, 67, 68, 137, 138, 546, 547, 1900, 5353, 5355, 1701, 2152, 3544, 4754, 4789, 4790, 5072,
    6081, 6635, 8472, 37_008,
];

#[cfg(test)]
mod tests;
