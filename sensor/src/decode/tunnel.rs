//! Encapsulations: MPLS, PPPoE, GRE with what stands in it, and those over UDP.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use super::decoder::{Stop, Unwrap, Unwrapped};
use super::link::{ETHER_TYPE_BRIDGED, ETHER_TYPE_PPP, MAX_802_3_LEN, NOT_IP};
use super::outcome::{Closed, Encapsulation, Layer, Skipped};
use super::span::Span;
use super::walk::is_tunnel;
use crate::frame::LinkType;

impl Unwrap<'_> {
    /// Reads MPLS labels (RFC 3032 section 2.1) and what they carry.
    ///
    /// No field says what that is. The first four bits do for IP (RFC 4928 section 3); a zero is the
    /// control word of a pseudowire (RFC 4448 section 4.6), or a MAC address.
    pub(super) fn mpls<'a>(&mut self, span: Span<'a>) -> Unwrapped<'a> {
        const BOTTOM_OF_STACK: u8 = 1;
        self.enter(Encapsulation::Mpls)?;
        let mut span = span.of(Layer::Tunnel);
        // Ends since each label takes octets.
        loop {
            let [_, _, label, _] = span.array()?;
            if label & BOTTOM_OF_STACK != 0 {
                break;
            }
        }
        let unwrapped = match span.nibble() {
            Some(4 | 6) => {
                let (layers, vlan) = (self.layers, self.vlan);
                match self.ip(span.clone()) {
                    Err(Stop::Failed(error)) => {
                        (self.layers, self.vlan) = (layers, vlan);
                        let frame = self.guess(|it| it.ethernet(span));
                        return frame.unwrap_or(Err(error.into()));
                    }
                    unwrapped => Some(unwrapped),
                }
            }
            Some(0) => {
                let mut after = span.clone();
                after.skip(4)?;
                let with_control_word = self.guess(|it| it.ethernet(after));
                with_control_word.or_else(|| self.guess(|it| it.ethernet(span)))
            }
            _ => self.guess(|it| it.ethernet(span)),
        };
        unwrapped.unwrap_or(Err(CLOSED))
    }

    /// Reads a PPPoE session header (RFC 2516 section 4) and PPP.
    pub(super) fn pppoe<'a>(&mut self, span: Span<'a>) -> Unwrapped<'a> {
        self.enter(Encapsulation::Pppoe)?;
        let mut span = span.of(Layer::Tunnel);
        let [version_type, code] = span.array()?;
        let _session = span.u16()?;
        let len = usize::from(span.u16()?);
        if version_type != 0x11 {
            return Err(span.wrong().into());
        }
        if code != 0 {
            return Err(NOT_IP);
        }
        span.bound(len.min(span.declared()));
        self.ppp(span)
    }

    /// Reads Ethernet in IP (RFC 3378).
    pub(super) fn etherip<'a>(&mut self, span: Span<'a>) -> Unwrapped<'a> {
        self.enter(Encapsulation::Other)?;
        let mut span = span.of(Layer::Tunnel);
        let header = span.u16()?;
        match header >> 12 {
            3 => self.ethernet(span),
            _ => Err(CLOSED),
        }
    }

    /// Reads GRE (RFC 2784, RFC 2890, RFC 1701) and its version 1 (RFC 2637).
    pub(super) fn gre<'a>(&mut self, span: Span<'a>) -> Unwrapped<'a> {
        let mut span = span.of(Layer::Tunnel);
        let flags = span.u16()?;
        let protocol = span.u16()?;
        let has = |flag: u16| flags & flag != 0;
        match flags & GRE_VERSION {
            0 => {}
            1 if protocol == ETHER_TYPE_PPP => {
                let len = usize::from(span.u16()?);
                span.skip(2)?;
                span.skip(if has(GRE_SEQUENCE) { 4 } else { 0 })?;
                span.skip(if has(GRE_ACKNOWLEDGMENT) { 4 } else { 0 })?;
                if !has(GRE_SEQUENCE) || len == 0 {
                    // An acknowledgment alone.
                    return Err(CLOSED);
                }
                span.bound(len.min(span.declared()));
                self.enter(Encapsulation::Gre)?;
                return self.ppp(span);
            }
            _ => return Err(CLOSED),
        }
        span.skip(if has(GRE_CHECKSUM | GRE_ROUTING) {
            4
        } else {
            0
        })?;
        span.skip(if has(GRE_KEY) { 4 } else { 0 })?;
        span.skip(if has(GRE_SEQUENCE) { 4 } else { 0 })?;
        if has(GRE_ROUTING) {
            // Ends since each entry takes octets.
            loop {
                let family = span.u16()?;
                let [_, len] = span.array()?;
                if family == 0 && len == 0 {
                    break;
                }
                span.skip(usize::from(len))?;
            }
        }
        match protocol {
            GRE_ERSPAN => self.erspan(has(GRE_SEQUENCE), span),
            GRE_ERSPAN_III => self.erspan_iii(span),
            ETHER_TYPE_BRIDGED => {
                self.enter(Encapsulation::Nvgre)?;
                self.ethernet(span)
            }
            GRE_WCCP => {
                self.enter(Encapsulation::Gre)?;
                // The second version of the redirection has a header of its own.
                if span.nibble() != Some(4) {
                    span.skip(4)?;
                }
                self.ip(span)
            }
            // Messages that keep the tunnel alive, and odd protocols.
            0..=MAX_802_3_LEN => Err(CLOSED),
            _ => {
                self.enter(Encapsulation::Gre)?;
                self.ether_type(protocol, span)
            }
        }
    }

    /// Reads a mirrored frame of type I, which has no header, or II, which has one of eight octets
    /// (draft-foschiano-erspan section 4). Type II numbers its packets.
    fn erspan<'a>(&mut self, numbered: bool, mut span: Span<'a>) -> Unwrapped<'a> {
        self.enter(Encapsulation::Erspan)?;
        if numbered {
            if span.nibble() != Some(1) {
                return Err(span.wrong().into());
            }
            span.skip(8)?;
        }
        self.ethernet(span)
    }

    /// Reads a mirrored frame of type III (draft-foschiano-erspan section 4.3).
    fn erspan_iii<'a>(&mut self, mut span: Span<'a>) -> Unwrapped<'a> {
        const SUBHEADER: u8 = 1;
        self.enter(Encapsulation::Erspan)?;
        if span.nibble() != Some(2) {
            return Err(span.wrong().into());
        }
        span.skip(10)?;
        let [kind, flags] = span.array()?;
        span.skip(if flags & SUBHEADER != 0 { 8 } else { 0 })?;
        match (kind >> 2) & 0x1f {
            0 => self.ethernet(span),
            2 => self.ip(span),
            _ => Err(CLOSED),
        }
    }

    /// Reads the encapsulation that a UDP port hints at; `None` if there is none.
    pub(super) fn udp_tunnel<'a>(
        &mut self,
        src_port: u16,
        dst_port: u16,
        span: &Span<'a>,
    ) -> Option<Unwrapped<'a>> {
        if !is_tunnel(src_port, dst_port) {
            return None;
        }
        let span = span.clone().of(Layer::Tunnel);
        // The receiver's port says more; Teredo, GTP-U and L2TP answer from theirs.
        [dst_port, src_port].into_iter().find_map(|port| {
            let span = span.clone();
            match port {
                1701 => self.guess(|it| it.l2tp(span)),
                2152 => self.guess(|it| it.gtpu(span)),
                3544 => self.guess(|it| it.teredo(span)),
                4754 => self.guess(|it| it.gre(span)),
                4789 | 4790 | 8472 => self.guess(|it| it.vxlan(span)),
                5072 => self.guess(|it| it.ayiya(span)),
                6081 => self.guess(|it| it.geneve(span)),
                6635 => self.guess(|it| it.mpls(span)),
                37008 => self.guess(|it| it.tzsp(span)),
                _ => None,
            }
        })
    }

    /// Reads VXLAN (RFC 7348 section 5) and its generic extension (draft-ietf-nvo3-vxlan-gpe).
    fn vxlan<'a>(&mut self, mut span: Span<'a>) -> Unwrapped<'a> {
        const HAS_NETWORK: u8 = 0x08;
        const HAS_PROTOCOL: u8 = 0x04;
        self.enter(Encapsulation::Vxlan)?;
        let [flags, _, _, protocol, _, _, _, _] = span.array()?;
        if flags & HAS_NETWORK == 0 {
            return Err(span.wrong().into());
        }
        match (flags & HAS_PROTOCOL, protocol) {
            (1.., 1 | 2) => self.ip(span),
            (1.., 4) => self.service_header(span),
            (1.., 5) => self.mpls(span),
            // Without the extension the bit and the field mean nothing.
            _ => self.ethernet(span),
        }
    }

    /// Reads a network service header (RFC 8300 section 2.2).
    pub(super) fn service_header<'a>(&mut self, span: Span<'a>) -> Unwrapped<'a> {
        self.enter(Encapsulation::Other)?;
        let mut span = span.of(Layer::Tunnel);
        let [_, words, _, protocol] = span.array()?;
        let len = usize::from(words & 0x3f) << 2;
        span.skip(len.checked_sub(4).ok_or(span.wrong())?)?;
        match protocol {
            1 | 2 => self.ip(span),
            3 => self.ethernet(span),
            5 => self.mpls(span),
            _ => Err(CLOSED),
        }
    }

    /// Reads GENEVE (RFC 8926 section 3.4).
    fn geneve<'a>(&mut self, mut span: Span<'a>) -> Unwrapped<'a> {
        self.enter(Encapsulation::Geneve)?;
        let [version_len, _] = span.array()?;
        let protocol = span.u16()?;
        span.skip(4)?;
        if version_len >> 6 != 0 {
            return Err(span.wrong().into());
        }
        span.skip(usize::from(version_len & 0x3f) << 2)?;
        match protocol {
            ETHER_TYPE_BRIDGED => self.ethernet(span),
            0..=MAX_802_3_LEN => Err(CLOSED),
            _ => self.ether_type(protocol, span),
        }
    }

    /// Reads mobile user data (3GPP TS 29.281 section 5).
    fn gtpu<'a>(&mut self, mut span: Span<'a>) -> Unwrapped<'a> {
        const VERSION_1_GTP: u8 = 0x30;
        const HAS_EXTENSION: u8 = 0x04;
        const HAS_OPTIONAL: u8 = 0x07;
        const USER_DATA: u8 = 255;
        self.enter(Encapsulation::Gtpu)?;
        let [flags, message] = span.array()?;
        let len = usize::from(span.u16()?);
        let _tunnel = span.u32()?;
        if flags & 0xf0 != VERSION_1_GTP || message != USER_DATA || len > span.declared() {
            return Err(span.wrong().into());
        }
        span.bound(len);
        if flags & HAS_OPTIONAL != 0 {
            let [_, _, _, mut extension] = span.array()?;
            // Ends since each extension takes octets.
            while flags & HAS_EXTENSION != 0 && extension != 0 {
                let words = usize::from(span.u8()?);
                let len = words.checked_mul(4).and_then(|it| it.checked_sub(2));
                span.skip(len.ok_or(span.wrong())?)?;
                extension = span.u8()?;
            }
        }
        self.ip(span)
    }

    /// Reads IPv6 in UDP (RFC 4380 section 5.1.1), with authentication and origin before it.
    fn teredo<'a>(&mut self, mut span: Span<'a>) -> Unwrapped<'a> {
        self.enter(Encapsulation::Teredo)?;
        if let [0, 1, id_len, value_len, ..] = *span.octets() {
            // Beside the two fields: their lengths, a nonce and a confirmation.
            let len = usize::from(id_len).saturating_add(usize::from(value_len));
            span.skip(len.saturating_add(13))?;
        }
        if let [0, 0, ..] = span.octets() {
            span.skip(8)?;
        }
        match span.nibble() {
            Some(6) => self.ip(span),
            _ => Err(span.wrong().into()),
        }
    }

    /// Reads AYIYA (draft-massar-v6ops-ayiya section 4): lengths of identity and signature, what is
    /// carried and whether it is to be passed on, then the time, the identity and the signature.
    fn ayiya<'a>(&mut self, mut span: Span<'a>) -> Unwrapped<'a> {
        const FORWARD: u8 = 1;
        const IPV4: u8 = 4;
        const IPV6: u8 = 41;
        self.enter(Encapsulation::Other)?;
        let [identity, signature, operation, next, _, _, _, _] = span.array()?;
        if operation & 0x0f != FORWARD || !matches!(next, IPV4 | IPV6) {
            return Err(NOT_IP);
        }
        span.skip(1_usize.wrapping_shl(u32::from(identity >> 4)))?;
        span.skip(usize::from(signature >> 4).saturating_mul(4))?;
        self.ip(span)
    }

    /// Reads a data message of L2TP (RFC 2661 section 3.1) and PPP.
    fn l2tp<'a>(&mut self, mut span: Span<'a>) -> Unwrapped<'a> {
        const CONTROL: u16 = 0x8000;
        const HAS_LEN: u16 = 0x4000;
        const HAS_SEQUENCE: u16 = 0x0800;
        const HAS_OFFSET: u16 = 0x0200;
        self.enter(Encapsulation::L2tp)?;
        let before = span.declared();
        let flags = span.u16()?;
        if flags & CONTROL != 0 || flags & 0x000f != 2 {
            return Err(Stop::Skipped(Skipped::Closed(Closed::L2tp)));
        }
        if flags & HAS_LEN != 0 {
            let len = usize::from(span.u16()?);
            if len > before {
                return Err(span.wrong().into());
            }
            span.bound(len.checked_sub(4).ok_or(span.wrong())?);
        }
        // Tunnel and session.
        span.skip(4)?;
        span.skip(if flags & HAS_SEQUENCE != 0 { 4 } else { 0 })?;
        if flags & HAS_OFFSET != 0 {
            let len = usize::from(span.u16()?);
            span.skip(len)?;
        }
        self.ppp(span)
    }

    /// Reads a mirrored frame as TaZmen Sniffer Protocol has it.
    fn tzsp<'a>(&mut self, mut span: Span<'a>) -> Unwrapped<'a> {
        const TAG_PADDING: u8 = 0;
        const TAG_END: u8 = 1;
        self.enter(Encapsulation::Other)?;
        let [version, kind] = span.array()?;
        let link = match (version, kind, span.u16()?) {
            (1, 0 | 1, 1) => LinkType::ETHERNET,
            (1, 0 | 1, 18) => LinkType::IEEE802_11,
            _ => return Err(span.wrong().into()),
        };
        // Ends since each tag takes octets.
        loop {
            match span.u8()? {
                TAG_PADDING => {}
                TAG_END => return self.link(link, span),
                _ => {
                    let len = usize::from(span.u8()?);
                    span.skip(len)?;
                }
            }
        }
    }
}

/// Something that is not read.
const CLOSED: Stop = Stop::Skipped(Skipped::Closed(Closed::Other));

const GRE_CHECKSUM: u16 = 0x8000;
const GRE_ROUTING: u16 = 0x4000;
const GRE_KEY: u16 = 0x2000;
const GRE_SEQUENCE: u16 = 0x1000;
const GRE_ACKNOWLEDGMENT: u16 = 0x0080;
const GRE_VERSION: u16 = 0x0007;
/// Mirrored frames, types I and II.
const GRE_ERSPAN: u16 = 0x88be;
const GRE_ERSPAN_III: u16 = 0x22eb;
/// Packets that a router redirects to a web cache.
const GRE_WCCP: u16 = 0x883e;
