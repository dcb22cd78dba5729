//! Several rings for one interface: a fan-out group of the kernel.
//!
//! The kernel chooses the ring by a hash of the flow that is the same in both directions
//! (`__skb_get_hash_symmetric`, since Linux 4.7). Correctness does not depend on it, as the worker is
//! chosen by our own hash; with both directions in one ring, a question stays before its answer.

use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

use nix::sys::socket::{GetSockOpt, SetSockOpt};
use nix::{getsockopt_impl, libc, setsockopt_impl, sockopt_impl};

sockopt_impl!(
    /// Fan-out group of a packet socket: its id, and above that its kind and flags.
    FanoutGroup,
    Both,
    libc::SOL_PACKET,
    libc::PACKET_FANOUT,
    u32
);

/// The fan-out group of one interface.
#[derive(Debug, Default)]
pub(super) struct Group(Mutex<Members>);

#[derive(Debug, Default)]
struct Members {
    /// Chosen by the kernel, so that it is nobody else's.
    id: u16,
    count: usize,
}

impl Group {
    /// Has a socket join the group; the first one founds it. All have to be bound to one interface.
    pub(super) fn join(&self, socket: &impl AsFd) -> nix::Result<()> {
        let mut members = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if members.count == 0 {
            let founding = kind(libc::PACKET_FANOUT_HASH | libc::PACKET_FANOUT_FLAG_UNIQUEID);
            FanoutGroup.set(socket, &founding)?;
            let [id_low, id_high, ..] = FanoutGroup.get(socket)?.to_le_bytes();
            members.id = u16::from_le_bytes([id_low, id_high]);
        } else {
            let joining = kind(libc::PACKET_FANOUT_HASH) | u32::from(members.id);
            FanoutGroup.set(socket, &joining)?;
        }
        members.count += 1;
        Ok(())
    }

    /// Says that a member is about to close its socket.
    pub(super) fn leave(&self) {
        let mut members = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        members.count = members.count.saturating_sub(1);
    }
}

/// The upper half of the option's value.
const fn kind(kind_and_flags: libc::c_uint) -> u32 {
    kind_and_flags << 16
}
