//! What becomes of a frame.

use super::Packet;
use crate::frame::LinkType;

/// What the decoder made of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Decoded<'a> {
    /// A packet.
    Packet(Packet<'a>),
    /// A fragment; it is kept until its datagram is whole.
    Held,
    /// Something that is not read.
    Skipped(Skipped),
    /// It broke a rule.
    Failed(DecodeError),
}

/// What is not read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Skipped {
    /// Address resolution (RFC 826).
    Arp,
    /// A protocol beside IP; holds its EtherType, or zero if it has none.
    NotIp(u16),
    /// A link type that is not known.
    Link(LinkType),
    /// An encapsulation whose content is not read.
    Closed(Closed),
}

/// An encapsulation whose content is not read.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Closed {
    /// Encrypted Ethernet, IEEE 802.1AE.
    Macsec,
    /// Encapsulating Security Payload (RFC 4303). Its packets are given, with the protocol number.
    Esp,
    /// Layer 2 tunnelling without PPP (RFC 3931), or a control message.
    L2tp,
    /// Any other.
    Other,
}

impl Closed {
    /// All of them, in the order in which they are listed everywhere.
    pub const ALL: [Self; 4] = [Self::Macsec, Self::Esp, Self::L2tp, Self::Other];

    /// The word for it in output and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Macsec => "macsec",
            Self::Esp => "esp",
            Self::L2tp => "l2tp",
            Self::Other => "other",
        }
    }
}

/// Why a frame could not be decoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DecodeError {
    /// A header is cut off.
    Short {
        /// Layer whose header is cut off.
        layer: Layer,
        /// Octets that are missing.
        missing: usize,
    },
    /// A length or another field of a header that cannot be.
    Length {
        /// Layer whose header it is.
        layer: Layer,
    },
    /// More than [`MAX_ENCAPSULATIONS`].
    Depth,
}

impl DecodeError {
    /// Layer of the header at fault.
    #[must_use]
    pub const fn layer(self) -> Layer {
        match self {
            Self::Short { layer, .. } | Self::Length { layer } => layer,
            Self::Depth => Layer::Tunnel,
        }
    }

    /// Its number among [`DecodeError::REASONS`].
    pub(super) const fn reason(self) -> usize {
        match self {
            Self::Short { .. } => 0,
            Self::Length { .. } => 1,
            Self::Depth => 2,
        }
    }

    /// The words for the reasons in output and labels.
    pub const REASONS: [&'static str; 3] = ["short", "length", "depth"];
}

/// Layer of a header.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Layer {
    /// Between the octets of the frame and IP.
    Link,
    /// Encapsulations.
    Tunnel,
    /// IPv4, IPv6 and its extension headers.
    Network,
    /// TCP and UDP.
    Transport,
}

impl Layer {
    /// All layers.
    pub const ALL: [Self; 4] = [Self::Link, Self::Tunnel, Self::Network, Self::Transport];

    /// The word for it in output and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Tunnel => "tunnel",
            Self::Network => "network",
            Self::Transport => "transport",
        }
    }
}

/// An encapsulation that is taken off.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Encapsulation {
    /// One VLAN tag, IEEE 802.1Q.
    Vlan,
    /// Two or more VLAN tags, IEEE 802.1ad.
    Qinq,
    /// MPLS labels (RFC 3032), pseudowires (RFC 4448) included.
    Mpls,
    /// PPPoE sessions (RFC 2516).
    Pppoe,
    /// GRE (RFC 2784), that of PPTP (RFC 2637) included.
    Gre,
    /// Ethernet in GRE (RFC 7637).
    Nvgre,
    /// Mirrored frames in GRE, types I to III.
    Erspan,
    /// VXLAN (RFC 7348) and its generic extension.
    Vxlan,
    /// GENEVE (RFC 8926).
    Geneve,
    /// IPv4 in IP (RFC 2003).
    Ipip,
    /// IPv6 in IP (RFC 4213).
    Sixin4,
    /// IPv6 in UDP (RFC 4380).
    Teredo,
    /// Mobile user data (3GPP TS 29.281).
    Gtpu,
    /// PPP in UDP (RFC 2661).
    L2tp,
    /// Ethernet in IP (RFC 3378), unencrypted MACsec, service headers, TZSP and tags of bridges.
    Other,
}

impl Encapsulation {
    /// All of them, in the order in which they are listed everywhere.
    pub const ALL: [Self; 15] = [
        Self::Vlan,
        Self::Qinq,
        Self::Mpls,
        Self::Pppoe,
        Self::Gre,
        Self::Nvgre,
        Self::Erspan,
        Self::Vxlan,
        Self::Geneve,
        Self::Ipip,
        Self::Sixin4,
        Self::Teredo,
        Self::Gtpu,
        Self::L2tp,
        Self::Other,
    ];

    /// The word for it in output and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vlan => "vlan",
            Self::Qinq => "qinq",
            Self::Mpls => "mpls",
            Self::Pppoe => "pppoe",
            Self::Gre => "gre",
            Self::Nvgre => "nvgre",
            Self::Erspan => "erspan",
            Self::Vxlan => "vxlan",
            Self::Geneve => "geneve",
            Self::Ipip => "ipip",
            Self::Sixin4 => "sixin4",
            Self::Teredo => "teredo",
            Self::Gtpu => "gtpu",
            Self::L2tp => "l2tp",
            Self::Other => "other",
        }
    }
}

/// Most encapsulations that are taken off one frame; real networks stack three or four.
pub const MAX_ENCAPSULATIONS: usize = 8;
