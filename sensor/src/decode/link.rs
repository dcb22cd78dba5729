//! From the link type of a frame to its IP header: Ethernet, PPP and the other link layers.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use super::decoder::{Stop, Unwrap, Unwrapped};
use super::outcome::{Closed, Encapsulation, Layer, Skipped};
use super::span::Span;
use super::walk::{ETHER_TYPE_IPV4, ETHER_TYPE_IPV6, VLAN_ID, is_vlan_tag};
use crate::frame::LinkType;

impl Unwrap<'_> {
    /// Reads a frame by its link type.
    pub(super) fn link<'a>(&mut self, link: LinkType, mut span: Span<'a>) -> Unwrapped<'a> {
        match link {
            LinkType::ETHERNET => self.ethernet(span),
            LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 | RAW_BSD | RAW_OPENBSD => {
                self.ip(span)
            }
            LinkType::NULL | LinkType::LOOP => self.loopback(span),
            LinkType::LINUX_SLL => {
                span.skip(14)?;
                let protocol = span.u16()?;
                self.cooked(protocol, span)
            }
            LinkType::LINUX_SLL2 => {
                let protocol = span.u16()?;
                span.skip(18)?;
                self.cooked(protocol, span)
            }
            LinkType::PPP | LinkType::PPP_HDLC => self.ppp_hdlc(span),
            LinkType::PPP_WITH_DIR | PPP_PPPD => {
                span.skip(1)?;
                self.ppp_hdlc(span)
            }
            LinkType::PPP_ETHER => self.pppoe(span),
            LinkType::C_HDLC => self.cisco_hdlc(span),
            LinkType::FRELAY => self.frame_relay(span),
            LinkType::IEEE802_11 => self.wireless(span, 0),
            LinkType::IEEE802_11_RADIOTAP => self.radiotap(span),
            LinkType::NFLOG => self.netfilter_log(span),
            INFINIBAND => {
                // RFC 4391: a routing header, an EtherType and two octets that mean nothing.
                span.skip(40)?;
                let ether_type = span.u16()?;
                span.skip(2)?;
                self.ether_type(ether_type, span)
            }
            PKTAP => self.pktap(span),
            PPI => self.ppi(span),
            ATM_RFC1483 => self.llc(span),
            ARCNET_LINUX => self.arcnet(span),
            _ => Err(Stop::Skipped(Skipped::Link(link))),
        }
    }

    /// Reads an Ethernet frame from its addresses on.
    pub(super) fn ethernet<'a>(&mut self, mut span: Span<'a>) -> Unwrapped<'a> {
        span.skip(12)?;
        let ether_type = span.u16()?;
        self.ether_type(ether_type, span)
    }

    /// Reads what follows an EtherType, VLAN tags first.
    pub(super) fn ether_type<'a>(
        &mut self,
        mut ether_type: u16,
        mut span: Span<'a>,
    ) -> Unwrapped<'a> {
        let mut tags = 0_u8;
        // Ends since each tag takes octets.
        while is_vlan_tag(ether_type) {
            let id = span.u16()? & VLAN_ID;
            ether_type = span.u16()?;
            self.vlan = self.vlan.or(Some(id));
            tags = tags.saturating_add(1);
        }
        match tags {
            0 => {}
            1 => self.enter(Encapsulation::Vlan)?,
            _ => self.enter(Encapsulation::Qinq)?,
        }
        match ether_type {
            ETHER_TYPE_IPV4 | ETHER_TYPE_IPV6 => self.ip(span),
            // A length instead (IEEE 802.3), which bounds what follows.
            0..=MAX_802_3_LEN => {
                span.bound(usize::from(ether_type).min(span.declared()));
                self.llc(span)
            }
            ETHER_TYPE_ARP => Err(Stop::Skipped(Skipped::Arp)),
            ETHER_TYPE_MPLS | ETHER_TYPE_MPLS_UPSTREAM => self.mpls(span),
            ETHER_TYPE_PPPOE_SESSION => self.pppoe(span),
            ETHER_TYPE_PPP => self.ppp(span),
            ETHER_TYPE_BRIDGED => self.bridged(span),
            ETHER_TYPE_MACSEC => self.macsec(span),
            ETHER_TYPE_BACKBONE => {
                // IEEE 802.1ah: flags and service, then a whole frame.
                self.enter(Encapsulation::Other)?;
                span.skip(4)?;
                self.ethernet(span)
            }
            ETHER_TYPE_SERVICE => self.service_header(span),
            ETHER_TYPE_SECURITY_GROUP => {
                let [_version, words] = span.array()?;
                self.bridge_tag(usize::from(words) << 2, span)
            }
            ETHER_TYPE_VN_TAG => self.bridge_tag(4, span),
            ETHER_TYPE_E_TAG => self.bridge_tag(6, span),
            _ => Err(Stop::Skipped(Skipped::NotIp(ether_type))),
        }
    }

    fn bridged<'a>(&mut self, span: Span<'a>) -> Unwrapped<'a> {
        self.enter(Encapsulation::Other)?;
        self.ethernet(span)
    }

    /// Passes over `len` octets of a tag that a bridge adds.
    fn bridge_tag<'a>(&mut self, len: usize, mut span: Span<'a>) -> Unwrapped<'a> {
        self.enter(Encapsulation::Other)?;
        span.skip(len)?;
        let ether_type = span.u16()?;
        self.ether_type(ether_type, span)
    }

    /// Reads a logical link control header (IEEE 802.2) and the EtherType that it may lead to.
    pub(super) fn llc<'a>(&mut self, mut span: Span<'a>) -> Unwrapped<'a> {
        match span.array::<3>()? {
            [0xaa, 0xaa, 0x03] => {
                let organisation = span.array::<3>()?;
                let ether_type = span.u16()?;
                match organisation {
                    // RFC 1042 and IEEE 802.1H. A length is none, or such headers would lead to
                    // each other without end.
                    [0, 0, 0] | [0, 0, 0xf8] if ether_type > MAX_802_3_LEN => {
                        self.ether_type(ether_type, span)
                    }
                    // RFC 2684: a bridged frame, with its checksum or without.
                    [0, 0x80, 0xc2] if matches!(ether_type, 1 | 7) => self.bridged(span),
                    _ => Err(NOT_IP),
                }
            }
            [0x06, 0x06, 0x03] => self.ip(span),
            _ => Err(NOT_IP),
        }
    }

    /// Reads IEEE 802.1AE; only frames that are authenticated but not encrypted can be read.
    fn macsec<'a>(&mut self, span: Span<'a>) -> Unwrapped<'a> {
        const CHANNEL: u8 = 0x20;
        const ENCRYPTED: u8 = 0x08;
        const CHANGED: u8 = 0x04;
        let mut span = span.of(Layer::Tunnel);
        let control = span.u8()?;
        if control & (ENCRYPTED | CHANGED) != 0 {
            return Err(Stop::Skipped(Skipped::Closed(Closed::Macsec)));
        }
        self.enter(Encapsulation::Other)?;
        span.skip(if control & CHANNEL != 0 { 13 } else { 5 })?;
        let ether_type = span.u16()?;
        self.ether_type(ether_type, span)
    }

    /// Reads a BSD loopback header: an address family in either byte order, or an EtherType in its
    /// second half, as some programs write.
    fn loopback<'a>(&mut self, mut span: Span<'a>) -> Unwrapped<'a> {
        let [high, low] = [span.u16()?, span.u16()?];
        match (high.swap_bytes(), low) {
            // AF_INET, and AF_INET6 on Linux, BSDs and Darwin.
            (family, 0) | (0, family) if matches!(family, 2 | 10 | 24 | 28 | 30) => self.ip(span),
            (_, ether_type) if ether_type > MAX_802_3_LEN => self.ether_type(ether_type, span),
            _ => Err(NOT_IP),
        }
    }

    /// Reads ARCNET as Linux shows it: two addresses, an offset, a protocol, and for those of RFC 1201
    /// which part of a packet this is, and its number.
    fn arcnet<'a>(&mut self, mut span: Span<'a>) -> Unwrapped<'a> {
        const IPV4: u8 = 212;
        const IPV6: u8 = 196;
        const IPV4_OF_RFC1051: u8 = 240;
        span.skip(4)?;
        match span.u8()? {
            IPV4_OF_RFC1051 => self.ip(span),
            IPV4 | IPV6 => {
                let [split, _, _] = span.array()?;
                match split {
                    0 => self.ip(span),
                    _ => Err(NOT_IP),
                }
            }
            _ => Err(NOT_IP),
        }
    }

    /// Reads what follows the protocol field of a Linux cooked header.
    fn cooked<'a>(&mut self, protocol: u16, span: Span<'a>) -> Unwrapped<'a> {
        const LLC: u16 = 4;
        match protocol {
            LLC => self.llc(span),
            // Numbers of Linux's own for frames without EtherType.
            0..=MAX_802_3_LEN => Err(NOT_IP),
            _ => self.ether_type(protocol, span),
        }
    }

    /// Reads PPP with or without HDLC-like framing (RFC 1662), or Cisco HDLC in its stead.
    fn ppp_hdlc<'a>(&mut self, span: Span<'a>) -> Unwrapped<'a> {
        match span.octets() {
            [0x0f | 0x8f, 0x00, ..] => self.cisco_hdlc(span),
            _ => self.ppp(span),
        }
    }

    /// Reads PPP (RFC 1661) from its address and control fields or, without them, its protocol on.
    pub(super) fn ppp<'a>(&mut self, mut span: Span<'a>) -> Unwrapped<'a> {
        const IPV4: u16 = 0x0021;
        const BRIDGED: u16 = 0x0031;
        const IPV6: u16 = 0x0057;
        const MPLS: u16 = 0x0281;
        if let [0xff, 0x03, ..] = span.octets() {
            span.skip(2)?;
        }
        let first = span.u8()?;
        // A compressed protocol field has one octet, which is odd (RFC 1661 section 6.5).
        let protocol = match first & 1 {
            0 => u16::from_be_bytes([first, span.u8()?]),
            _ => u16::from(first),
        };
        match protocol {
            IPV4 | IPV6 => self.ip(span),
            MPLS => self.mpls(span),
            BRIDGED => {
                // RFC 3518 section 4.2: flags and kind of MAC, one octet each.
                span.skip(2)?;
                self.bridged(span)
            }
            _ => Err(NOT_IP),
        }
    }

    fn cisco_hdlc<'a>(&mut self, mut span: Span<'a>) -> Unwrapped<'a> {
        span.skip(2)?;
        let ether_type = span.u16()?;
        self.ether_type(ether_type, span)
    }

    /// Reads frame relay (RFC 2427), or an EtherType after the address, as Cisco has it.
    fn frame_relay<'a>(&mut self, mut span: Span<'a>) -> Unwrapped<'a> {
        const LAST_OF_ADDRESS: u8 = 1;
        while span.u8()? & LAST_OF_ADDRESS == 0 {}
        if let [0x03, ..] = span.octets() {
            span.skip(1)?;
            if let [0x00, ..] = span.octets() {
                span.skip(1)?;
            }
            return match span.u8()? {
                0xcc | 0x8e => self.ip(span),
                0x80 => {
                    let organisation = span.array::<3>()?;
                    let ether_type = span.u16()?;
                    match organisation {
                        [0, 0, 0] => self.ether_type(ether_type, span),
                        [0, 0x80, 0xc2] if matches!(ether_type, 1 | 7) => self.bridged(span),
                        _ => Err(NOT_IP),
                    }
                }
                _ => Err(NOT_IP),
            };
        }
        let ether_type = span.u16()?;
        self.ether_type(ether_type, span)
    }

    /// Reads a Linux netfilter log record: attributes, one of which is the packet.
    fn netfilter_log<'a>(&mut self, mut span: Span<'a>) -> Unwrapped<'a> {
        const PAYLOAD: u16 = 9;
        const ATTRIBUTE_TYPE: u16 = 0x7fff;
        span.skip(4)?;
        // Ends since each attribute takes at least its header.
        loop {
            let len = usize::from(u16::from_le_bytes(span.array()?));
            let attribute = u16::from_le_bytes(span.array()?) & ATTRIBUTE_TYPE;
            let len = len.checked_sub(4).ok_or(span.wrong())?;
            if attribute == PAYLOAD {
                span.bound(len);
                return self.ip(span);
            }
            span.skip(len.next_multiple_of(4))?;
        }
    }

    /// Reads Darwin's packet tap header, which names the link type of what follows.
    fn pktap<'a>(&mut self, mut span: Span<'a>) -> Unwrapped<'a> {
        let [len, _next, link] = [span.array()?, span.array()?, span.array()?];
        let rest = u32::from_le_bytes(len)
            .checked_sub(12)
            .ok_or(span.wrong())?;
        span.skip(usize::try_from(rest).unwrap_or(usize::MAX))?;
        self.announced(u32::from_le_bytes(link), span)
    }

    /// Reads a per-packet information header, which names the link type of what follows.
    fn ppi<'a>(&mut self, mut span: Span<'a>) -> Unwrapped<'a> {
        span.skip(2)?;
        let len = usize::from(u16::from_le_bytes(span.array()?));
        let link = u32::from_le_bytes(span.array()?);
        span.skip(len.checked_sub(8).ok_or(span.wrong())?)?;
        self.announced(link, span)
    }

    /// Reads on by a link type that a header named; it may not name such a header again.
    fn announced<'a>(&mut self, link: u32, span: Span<'a>) -> Unwrapped<'a> {
        let link = LinkType(u16::try_from(link).unwrap_or(u16::MAX));
        match link {
            PKTAP | PPI => Err(Stop::Skipped(Skipped::Link(link))),
            _ => self.link(link, span),
        }
    }
}

/// Something that has no EtherType.
pub(super) const NOT_IP: Stop = Stop::Skipped(Skipped::NotIp(0));

// Link types that only old or odd captures have.
const RAW_BSD: LinkType = LinkType(12);
const RAW_OPENBSD: LinkType = LinkType(14);
const ATM_RFC1483: LinkType = LinkType(100);
const ARCNET_LINUX: LinkType = LinkType(129);
const PPP_PPPD: LinkType = LinkType(166);
const PPI: LinkType = LinkType(192);
const INFINIBAND: LinkType = LinkType(242);
const PKTAP: LinkType = LinkType(258);

/// Highest value that is a length and not an EtherType.
pub(super) const MAX_802_3_LEN: u16 = 1_535;
const ETHER_TYPE_ARP: u16 = 0x0806;
/// Transparent Ethernet bridging (RFC 7637).
pub(super) const ETHER_TYPE_BRIDGED: u16 = 0x6558;
pub(super) const ETHER_TYPE_MPLS: u16 = 0x8847;
const ETHER_TYPE_MPLS_UPSTREAM: u16 = 0x8848;
pub(super) const ETHER_TYPE_PPP: u16 = 0x880b;
const ETHER_TYPE_PPPOE_SESSION: u16 = 0x8864;
/// IEEE 802.1ah.
const ETHER_TYPE_BACKBONE: u16 = 0x88e7;
/// IEEE 802.1AE.
const ETHER_TYPE_MACSEC: u16 = 0x88e5;
/// Cisco's security group tag.
const ETHER_TYPE_SECURITY_GROUP: u16 = 0x8909;
/// RFC 8300.
const ETHER_TYPE_SERVICE: u16 = 0x894f;
const ETHER_TYPE_VN_TAG: u16 = 0x8926;
/// IEEE 802.1BR.
const ETHER_TYPE_E_TAG: u16 = 0x893f;
