//! IPv4, IPv6, its extension headers, and fragments.
//!
//! The headers are read by `etherparse`; what the lengths mean is decided here, since frames may be
//! cut short and lengths may be missing.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use etherparse::err::{LenError, ip_auth, ipv4, ipv6};
use etherparse::{
    IpAuthHeaderSlice, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice,
    Ipv6RawExtHeaderSlice,
};

use super::decoder::{Stop, Unwrap, Unwrapped};
use super::fragments::{Fragment, Key};
use super::outcome::{Closed, DecodeError, Encapsulation, Layer, Skipped};
use super::span::Span;
use super::walk::{PROTOCOL_TCP, PROTOCOL_UDP};
use super::{Packet, TransportHeader, transport};
use crate::host::Address;

/// What the IP header says of its payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ip {
    pub(super) src: Address,
    pub(super) dst: Address,
    /// Protocol of the payload, or the next header.
    pub(super) protocol: u8,
    /// Whether it is IPv6. The addresses do not tell: those of IPv6 may be mapped ones.
    pub(super) v6: bool,
}

impl Unwrap<'_> {
    /// Reads an IP header of either version.
    pub(super) fn ip<'a>(&mut self, span: Span<'a>) -> Unwrapped<'a> {
        let span = span.of(Layer::Network);
        match span.nibble() {
            Some(6) => self.ipv6(span),
            // An empty span too: the error says what is missing.
            Some(4) | None => self.ipv4(span),
            Some(_) => Err(span.wrong().into()),
        }
    }

    fn ipv4<'a>(&mut self, mut span: Span<'a>) -> Unwrapped<'a> {
        let header = Ipv4HeaderSlice::from_slice(span.octets()).map_err(|error| match error {
            ipv4::HeaderSliceError::Len(error) => short(&error),
            ipv4::HeaderSliceError::Content(_) => span.wrong(),
        })?;
        let header_len = header.slice().len();
        let total_len = usize::from(header.total_len());
        self.fits(&span, total_len)?;
        span.skip(header_len)?;
        // Zero is what segmentation offload leaves: to the end of the frame.
        if total_len != 0 {
            let declared = total_len.checked_sub(header_len);
            span.bound(declared.ok_or(span.wrong())?);
        }
        let ip = Ip {
            src: Address::from_v4(header.source()),
            dst: Address::from_v4(header.destination()),
            protocol: header.protocol().0,
            v6: false,
        };
        if header.is_fragmenting_payload() {
            let id = u32::from(header.identification());
            let offset = usize::from(header.fragments_offset().byte_offset());
            return self.fragment(ip, id, offset, header.more_fragments(), &span);
        }
        self.protocol(ip, span)
    }

    fn ipv6<'a>(&mut self, mut span: Span<'a>) -> Unwrapped<'a> {
        let header = Ipv6HeaderSlice::from_slice(span.octets()).map_err(|error| match error {
            ipv6::HeaderSliceError::Len(error) => short(&error),
            ipv6::HeaderSliceError::Content(_) => span.wrong(),
        })?;
        let len = usize::from(header.payload_length());
        self.fits(&span, len.saturating_add(header.slice().len()))?;
        span.skip(header.slice().len())?;
        // Zero is a jumbogram (RFC 2675) or offload: to the end of the frame.
        if len != 0 {
            span.bound(len);
        }
        let ip = Ip {
            src: Address::from_v6(header.source()),
            dst: Address::from_v6(header.destination()),
            protocol: header.next_header().0,
            v6: true,
        };
        self.protocol(ip, span)
    }

    /// Refuses a guess whose length reaches past what it was found in.
    fn fits(&self, span: &Span<'_>, len: usize) -> Result<(), DecodeError> {
        match self.guess && len > span.declared() {
            true => Err(span.wrong()),
            false => Ok(()),
        }
    }

    /// Reads what an IP header carries: extension headers, encapsulations, a transport header.
    pub(super) fn protocol<'a>(&mut self, mut ip: Ip, span: Span<'a>) -> Unwrapped<'a> {
        let mut span = span.of(Layer::Network);
        // Ends since each extension header takes octets.
        loop {
            let octets = span.octets();
            let (next, len) = match ip.protocol {
                HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | MOBILITY | HIP | SHIM6 if ip.v6 => {
                    let header = Ipv6RawExtHeaderSlice::from_slice(octets);
                    let header = header.map_err(|it| short(&it))?;
                    (header.next_header(), header.slice().len())
                }
                AUTHENTICATION => {
                    let header = IpAuthHeaderSlice::from_slice(octets);
                    let header = header.map_err(|error| match error {
                        ip_auth::HeaderSliceError::Len(error) => short(&error),
                        ip_auth::HeaderSliceError::Content(_) => span.wrong(),
                    })?;
                    (header.next_header(), header.slice().len())
                }
                FRAGMENT if ip.v6 => {
                    let header = Ipv6FragmentHeaderSlice::from_slice(octets);
                    let header = header.map_err(|it| short(&it))?;
                    if header.is_fragmenting_payload() {
                        span.skip(header.slice().len())?;
                        ip.protocol = header.next_header().0;
                        let offset = usize::from(header.fragment_offset().byte_offset());
                        let (id, more) = (header.identification(), header.more_fragments());
                        return self.fragment(ip, id, offset, more, &span);
                    }
                    (header.next_header(), header.slice().len())
                }
                _ => return self.payload(ip, span),
            };
            span.skip(len)?;
            ip.protocol = next.0;
        }
    }

    fn payload<'a>(&mut self, ip: Ip, span: Span<'a>) -> Unwrapped<'a> {
        match ip.protocol {
            PROTOCOL_TCP => {
                let segment = transport::tcp(span.octets(), span.declared())?;
                Ok(self.packet(ip, segment))
            }
            PROTOCOL_UDP => {
                let (header, octets, declared) = transport::udp(span.octets(), span.declared())?;
                if let TransportHeader::Udp { src_port, dst_port } = header
                    && let Some(unwrapped) =
                        self.udp_tunnel(src_port, dst_port, &Span::new(octets, declared))
                {
                    return unwrapped;
                }
                Ok(self.packet(ip, (header, octets, declared)))
            }
            IPV4 => {
                self.enter(Encapsulation::Ipip)?;
                self.ip(span)
            }
            IPV6 => {
                self.enter(Encapsulation::Sixin4)?;
                self.ip(span)
            }
            GRE => self.carried(ip, span, Self::gre),
            ETHERIP => self.carried(ip, span, Self::etherip),
            MPLS => self.carried(ip, span, Self::mpls),
            ESP => {
                self.layers.closed = Some(Closed::Esp);
                Ok(self.other(ip, &span))
            }
            L2TP => {
                self.layers.closed = Some(Closed::L2tp);
                Ok(self.other(ip, &span))
            }
            _ => Ok(self.other(ip, &span)),
        }
    }

    /// Reads an encapsulation; what holds something that is not read is the packet itself.
    fn carried<'a>(
        &mut self,
        ip: Ip,
        span: Span<'a>,
        read: fn(&mut Self, Span<'a>) -> Unwrapped<'a>,
    ) -> Unwrapped<'a> {
        let (layers, vlan) = (self.layers, self.vlan);
        match read(self, span.clone()) {
            Err(Stop::Skipped(skipped)) if skipped != Skipped::Arp => {
                (self.layers, self.vlan) = (layers, vlan);
                self.layers.closed = Some(match skipped {
                    Skipped::Closed(closed) => closed,
                    _ => Closed::Other,
                });
                Ok(self.other(ip, &span))
            }
            unwrapped => unwrapped,
        }
    }

    fn fragment<'a>(
        &mut self,
        ip: Ip,
        id: u32,
        offset: usize,
        more: bool,
        span: &Span<'a>,
    ) -> Unwrapped<'a> {
        let (octets, declared) = (span.octets(), span.declared());
        let end = offset.saturating_add(declared);
        if declared == 0 || end > MAX_DATAGRAM || (more && !declared.is_multiple_of(8)) {
            return Err(span.wrong().into());
        }
        let missing = declared.saturating_sub(octets.len());
        if missing != 0 && offset == 0 {
            return self.cut_datagram(ip, span.clone());
        }
        if missing != 0 {
            let layer = Layer::Network;
            return Err(DecodeError::Short { layer, missing }.into());
        }
        let Ip {
            src, dst, protocol, ..
        } = ip;
        let fragment = Fragment {
            key: Key {
                src,
                dst,
                id,
                protocol,
            },
            offset,
            more,
            octets,
        };
        match self.fragments.add(self.at, fragment) {
            Some(payload) => Err(Stop::Whole(ip, payload)),
            None => Err(Stop::Held),
        }
    }

    /// Reads the beginning of a datagram whose first fragment was cut short in its frame: it can
    /// never be whole, so it is a packet of which not all was captured.
    fn cut_datagram<'a>(&mut self, ip: Ip, mut span: Span<'a>) -> Unwrapped<'a> {
        if ip.protocol == PROTOCOL_UDP {
            // It reaches past the fragment; the UDP header says how far.
            span.bound(MAX_DATAGRAM);
        }
        self.protocol(ip, span)
    }

    fn packet<'a>(
        &self,
        ip: Ip,
        (transport, payload, declared): (TransportHeader, &'a [u8], usize),
    ) -> Packet<'a> {
        Packet {
            at: self.at,
            src: ip.src,
            dst: ip.dst,
            vlan: self.vlan,
            transport,
            payload,
            payload_len: u32::try_from(declared).unwrap_or(u32::MAX),
        }
    }

    fn other<'a>(&self, ip: Ip, span: &Span<'a>) -> Packet<'a> {
        let transport = TransportHeader::Other(ip.protocol);
        self.packet(ip, (transport, span.octets(), span.declared()))
    }
}

fn short(error: &LenError) -> DecodeError {
    DecodeError::Short {
        layer: Layer::Network,
        missing: error.required_len.saturating_sub(error.len),
    }
}

/// Longest payload of a datagram.
const MAX_DATAGRAM: usize = 65_535;

// Protocol numbers, <https://www.iana.org/assignments/protocol-numbers>.
const HOP_BY_HOP: u8 = 0;
const IPV4: u8 = 4;
const IPV6: u8 = 41;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const GRE: u8 = 47;
const ESP: u8 = 50;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;
const ETHERIP: u8 = 97;
const L2TP: u8 = 115;
const MOBILITY: u8 = 135;
const MPLS: u8 = 137;
const HIP: u8 = 139;
const SHIM6: u8 = 140;
