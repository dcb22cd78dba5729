//! The socket that frames are put on the wire with: `AF_PACKET`, past the queueing discipline, many
//! frames a call. The one file here with `unsafe` code.
#![expect(
    unsafe_code,
    reason = "no safe crate binds a packet socket, or sends frames from one buffer without a list of its own"
)]

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// A socket that sends whole frames on one interface and receives none.
#[derive(Debug)]
pub(crate) struct Socket(OwnedFd);

impl Socket {
    /// Opens it on an interface of the network namespace that the calling thread is in.
    ///
    /// # Errors
    ///
    /// Those of the system; sending raw frames needs CAP_NET_RAW.
    pub(crate) fn open(interface: &str) -> io::Result<Self> {
        let index = nix::net::if_::if_nametoindex(interface)?;
        // Protocol 0: nothing is received.
        let socket = Self(socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            None,
        )?);
        // SAFETY: an address of zeroes is valid; all fields are numbers.
        let mut address: libc::sockaddr_ll = unsafe { zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_ifindex = index as i32;
        // SAFETY: the pointer is to an address of that length, which lives until the call returns.
        let bound = unsafe {
            libc::bind(
                socket.0.as_raw_fd(),
                (&raw const address).cast(),
                size_of::<libc::sockaddr_ll>() as u32,
            )
        };
        if bound != 0 {
            return Err(io::Error::last_os_error());
        }
        socket.set(libc::SOL_PACKET, libc::PACKET_QDISC_BYPASS, 1)?;
        socket.set(libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, SEND_BUFFER)?;
        Ok(socket)
    }

    fn set(&self, level: i32, name: i32, value: i32) -> io::Result<()> {
        // SAFETY: the pointer is to a value of that length, which lives until the call returns.
        let set = unsafe {
            libc::setsockopt(
                self.0.as_raw_fd(),
                level,
                name,
                (&raw const value).cast(),
                size_of::<i32>() as u32,
            )
        };
        if set == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// Sends frames that stand one after another in `octets`, `ends` telling where each ends; at
    /// most [`BATCH`]. Gives how many were sent, which is fewer than all if one is refused.
    ///
    /// # Errors
    ///
    /// Why the first frame was refused.
    pub(crate) fn send(&self, octets: &[u8], ends: &[usize]) -> io::Result<usize> {
        // SAFETY: both are lists of numbers and pointers, for which zeroes are valid.
        let (mut parts, mut messages): ([libc::iovec; BATCH], [libc::mmsghdr; BATCH]) =
            unsafe { (zeroed(), zeroed()) };
        let mut start = 0;
        let count = ends.len().min(BATCH);
        for ((part, message), end) in parts.iter_mut().zip(&mut messages).zip(ends) {
            let frame = octets.get(start..*end).unwrap_or_default();
            start = *end;
            // The kernel only reads from what is sent.
            part.iov_base = frame.as_ptr().cast_mut().cast();
            part.iov_len = frame.len();
            message.msg_hdr.msg_iov = part;
            message.msg_hdr.msg_iovlen = 1;
        }
        // SAFETY: the first `count` messages each point to one part, and that to a frame in
        // `octets`; all three live until the call returns.
        let sent =
            unsafe { libc::sendmmsg(self.0.as_raw_fd(), messages.as_mut_ptr(), count as u32, 0) };
        if sent < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(sent as usize)
        }
    }
}

/// Most frames that one call sends.
pub(crate) const BATCH: usize = 64;

/// Octets that may wait in the socket, with the kernel's own share.
const SEND_BUFFER: i32 = 4 << 20;
