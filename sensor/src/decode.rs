//! From octets to packets: link, tunnel, network and transport headers.
//!
//! Two ways lead to a [`Packet`]: [`walk`](walk::walk), a short hand walk for the headers that
//! nearly every frame has, and [`Decoder`], which reads everything else and holds fragments. Where
//! both can read a frame they give the same packet.

use crate::host::Address;
use crate::names::{Endpoint, Transport};
use crate::time::Timestamp;

pub use counts::{DecodeCounts, Defragmented};
pub use decoder::Decoder;
pub use outcome::{
    Closed, DecodeError, Decoded, Encapsulation, Layer, MAX_ENCAPSULATIONS, Skipped,
};

mod counts;
mod decoder;
mod fragments;
mod link;
mod network;
mod outcome;
mod span;
mod transport;
mod tunnel;
pub mod walk;
mod wireless;

/// A decoded packet with the innermost addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Packet<'a> {
    /// When its (last) frame was captured.
    pub at: Timestamp,
    /// Sender.
    pub src: Address,
    /// Receiver.
    pub dst: Address,
    /// Outermost VLAN id of the frame, if tagged.
    pub vlan: Option<u16>,
    /// What the IP header carries.
    pub transport: TransportHeader,
    /// Payload of the transport header, without link padding; cut short if the frame was.
    pub payload: &'a [u8],
    /// Octets of payload according to the headers; at least `payload.len()`.
    pub payload_len: u32,
}

/// Transport header of a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TransportHeader {
    /// TCP (RFC 9293).
    Tcp(TcpHeader),
    /// UDP (RFC 768).
    Udp {
        /// Source port.
        src_port: u16,
        /// Destination port.
        dst_port: u16,
    },
    /// Any other protocol, by its IP protocol number; the payload is what follows the IP header.
    Other(u8),
}

/// The fields of a TCP header that matter here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TcpHeader {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// Sequence number of the first payload octet, or of the SYN.
    pub seq: u32,
    /// Acknowledgment number; meaningful with ACK.
    pub ack: u32,
    /// The lower eight flag bits.
    pub flags: TcpFlags,
}

/// Control bits of a TCP header (RFC 9293 section 3.1).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data from sender.
    pub const FIN: u8 = 0x01;
    /// Synchronize sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// Acknowledgment field is significant.
    pub const ACK: u8 = 0x10;

    /// Whether any of these bits is set.
    #[must_use]
    pub const fn any(self, bits: u8) -> bool {
        self.0 & bits != 0
    }
}

impl Packet<'_> {
    /// Transport and end points, sender first; `None` for anything but TCP and UDP.
    #[must_use]
    pub const fn ends(&self) -> Option<(Transport, Endpoint, Endpoint)> {
        let (transport, src_port, dst_port) = match self.transport {
            TransportHeader::Tcp(tcp) => (Transport::Tcp, tcp.src_port, tcp.dst_port),
            TransportHeader::Udp { src_port, dst_port } => (Transport::Udp, src_port, dst_port),
            TransportHeader::Other(_) => return None,
        };
        let src = Endpoint {
            address: self.src,
            port: src_port,
        };
        let dst = Endpoint {
            address: self.dst,
            port: dst_port,
        };
        Some((transport, src, dst))
    }
}
