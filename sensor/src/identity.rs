//! Who has an address: device, host name and kind, as devices and their servers say themselves.
//!
//! In come the datagrams of [`dhcp`] (DHCPv4), [`dhcp6`], [`multicast`] (mDNS and LLMNR) and [`nbns`],
//! and what clients say to servers of Kerberos and SMB ([`client`]); out goes a [`Statement`] for each
//! that says something. [`Directory`] puts statements together and tells the [`Identity`] that an
//! address has at a time.
//!
//! What is believed: that a DHCP server gives an address to a device, or that a device goes on with
//! one; and what a host says of its own address. Names of others are not taken from anybody, nor those
//! of persons, and the source address of a frame says nothing, for it may be a router's. No name in
//! here is one that a host contacts: none becomes an observation.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::host::Address;
use crate::names::Name;

pub use directory::{Directory, Identity, KEPT, LONGEST};

pub mod client;
mod der;
pub mod dhcp;
pub mod dhcp6;
mod directory;
pub mod kerberos;
pub mod multicast;
pub mod nbns;
#[cfg(test)]
mod samples;
mod smb;
#[cfg(test)]
pub(crate) use samples::torment;

/// What one message says of a device.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Statement {
    /// The protocol.
    pub source: Source,
    /// Who says it.
    pub speaker: Speaker,
    /// What it says of addresses.
    pub hold: Hold,
    /// The device; `None` where the message has none.
    pub device: Option<Mac>,
    /// What the device is called.
    pub name: Option<Name>,
    /// What kind of client it is, in the words of its maker.
    pub class: Option<PlainText>,
}

impl Statement {
    /// What a host calls itself, whose address is that of the sender.
    fn of_sender(source: Source, sender: Address, name: Name) -> Self {
        Self {
            source,
            speaker: Speaker::Device,
            hold: Hold::Has {
                addresses: vec![sender],
                lease: None,
            },
            device: None,
            name: Some(name),
            class: None,
        }
    }
}

/// Who makes a [`Statement`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Speaker {
    /// The device itself.
    Device,
    /// A server that gives out addresses.
    Server,
}

/// What a [`Statement`] says of addresses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Hold {
    /// Nothing: the device asks for one.
    Asks,
    /// The device has these, at most [`MAX_ADDRESSES`].
    Has {
        /// The addresses.
        addresses: Vec<Address>,
        /// For how long it was given them, if that is said.
        lease: Option<Duration>,
    },
    /// The device gives these back, at most [`MAX_ADDRESSES`].
    Leaves(Vec<Address>),
}

/// A protocol in which devices are named. The order is that in which names are believed.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Source {
    /// DHCPv4.
    Dhcp,
    /// DHCPv6.
    Dhcp6,
    /// Multicast DNS.
    Mdns,
    /// NetBIOS name service.
    Nbns,
    /// Link-local multicast name resolution.
    Llmnr,
    /// Kerberos, by its clients.
    Kerberos,
    /// SMB, by its clients.
    Smb,
}

impl Source {
    /// All sources, the most believed first.
    pub const ALL: [Self; 7] = [
        Self::Dhcp,
        Self::Dhcp6,
        Self::Mdns,
        Self::Nbns,
        Self::Llmnr,
        Self::Kerberos,
        Self::Smb,
    ];

    /// The word for it in output and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dhcp => "dhcp",
            Self::Dhcp6 => "dhcpv6",
            Self::Mdns => "mdns",
            Self::Nbns => "nbns",
            Self::Llmnr => "llmnr",
            Self::Kerberos => "kerberos",
            Self::Smb => "smb",
        }
    }

    /// The source with that word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }

    /// Whether it is one in which servers give addresses to devices.
    #[must_use]
    pub const fn is_dhcp(self) -> bool {
        matches!(self, Self::Dhcp | Self::Dhcp6)
    }

    /// The source whose datagrams go to or come from a port.
    #[must_use]
    pub const fn of_port(port: u16) -> Option<Self> {
        Some(match port {
            67 | 68 => Self::Dhcp,
            546 | 547 => Self::Dhcp6,
            5353 => Self::Mdns,
            137 => Self::Nbns,
            5355 => Self::Llmnr,
            _ => return None,
        })
    }
}

/// What became of a message that was read for an identity.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It says something of a device.
    Told,
    /// It is whole, and says nothing of one: a question, or an answer about another host.
    Silent,
    /// It broke a rule of its protocol.
    Malformed,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 3] = [Self::Told, Self::Silent, Self::Malformed];

    /// The word for it in output and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::Silent => "silent",
            Self::Malformed => "malformed",
        }
    }
}

/// The hardware address of a device: of 48 bits, of one station, not zero.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Mac([u8; 6]);

impl Mac {
    /// Takes the octets of a header field; `None` for groups and zero, which no device has.
    #[must_use]
    pub const fn new(octets: [u8; 6]) -> Option<Self> {
        match octets {
            [0, 0, 0, 0, 0, 0] => None,
            [first, ..] if first & 1 == 1 => None,
            octets => Some(Self(octets)),
        }
    }

    /// Reads what [`fmt::Display`] writes.
    #[must_use]
    pub fn of_text(text: &str) -> Option<Self> {
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            *octet = u8::from_str_radix(parts.next()?, 16).ok()?;
        }
        parts.next().is_none().then(|| Self::new(octets)).flatten()
    }

    /// The octets.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a device or its maker says in words, such as `MSFT 5.0` or a model: printable ASCII, at most
/// [`MAX_TEXT`] octets of the wire, others as `\DDD`. Never empty.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlainText(Arc<str>);

impl PlainText {
    /// Takes the octets of an option; `None` if nothing is left.
    #[must_use]
    pub fn new(octets: &[u8]) -> Option<Self> {
        let octets = trimmed(octets);
        let octets = octets.get(..MAX_TEXT).unwrap_or(octets);
        let mut text = String::with_capacity(octets.len());
        for octet in octets {
            match octet {
                b' '..=b'~' => text.push(char::from(*octet)),
                octet => text.push_str(&format!("\\{octet:03}")),
            }
        }
        Self::of_text(&text)
    }

    /// Takes text that has the form already; `None` if it is empty.
    #[must_use]
    pub fn of_text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name in the octets of an option; `None` for what cannot be one.
fn host_name(octets: &[u8]) -> Option<Name> {
    let octets = trimmed(octets);
    (octets.len() <= MAX_NAME)
        .then(|| Name::from_text(octets))
        .flatten()
}

/// Octets without the zeros with which some clients end a text.
fn trimmed(mut octets: &[u8]) -> &[u8] {
    while let [rest @ .., 0] = octets {
        octets = rest;
    }
    octets
}

/// The name in labels with lengths, without compression (RFC 1035 section 3.1), whole or not ended.
fn name_in_labels(octets: &[u8]) -> Option<Name> {
    let mut reader = crate::reader::Reader::new(octets);
    let mut text = Vec::with_capacity(octets.len());
    while let Some(len) = reader.u8().filter(|it| *it > 0) {
        let label = reader.take(usize::from(len)).filter(|_| len <= MAX_LABEL)?;
        if !text.is_empty() {
            text.push(b'.');
        }
        text.extend_from_slice(label);
    }
    host_name(&text)
}

/// Addresses of one statement; a host has a handful.
pub const MAX_ADDRESSES: usize = 8;

/// Octets that are kept of what a device says in words.
pub const MAX_TEXT: usize = 64;

/// Octets of a host name: those of a domain name (RFC 1035 section 2.3.4).
const MAX_NAME: usize = 253;

/// Octets of a label.
const MAX_LABEL: u8 = 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_neither_a_group_nor_zero() {
        assert!(Mac::new([2, 0, 0, 0, 0, 1]).is_some());
        for octets in [[0; 6], [0xff; 6], [1, 0, 0x5e, 0, 0, 1]] {
            assert_eq!(Mac::new(octets), None);
        }
    }

    #[test]
    fn a_device_is_read_as_it_is_written() {
        let mac = Mac::new([0, 0x1b, 0x44, 0x11, 0x3a, 0xb7]).unwrap();
        assert_eq!(mac.to_string(), "00:1b:44:11:3a:b7");
        assert_eq!(Mac::of_text("00:1b:44:11:3a:b7"), Some(mac));
        for text in [
            "",
            "00:1b:44:11:3a",
            "00:1b:44:11:3a:b7:00",
            "00:1b:44:11:3a:zz",
        ] {
            assert_eq!(Mac::of_text(text), None, "{text}");
        }
    }

    #[test]
    fn a_class_is_printable_and_bounded() {
        let text = |octets: &[u8]| PlainText::new(octets).map(|it| it.as_str().to_owned());
        assert_eq!(text(b"MSFT 5.0\0").as_deref(), Some("MSFT 5.0"));
        assert_eq!(text(b"a\x1b[31m").as_deref(), Some("a\\027[31m"));
        assert_eq!(text(b"\0"), None);
        assert_eq!(text(&[b'x'; 300]).unwrap().len(), MAX_TEXT);
    }

    #[test]
    fn a_name_in_labels_is_text() {
        let name = |octets: &[u8]| name_in_labels(octets).map(|it| it.to_string());
        assert_eq!(
            name(b"\x04Host\x07example\0").as_deref(),
            Some("host.example")
        );
        assert_eq!(name(b"\x04host").as_deref(), Some("host"));
        assert_eq!(name(b"\x05host"), None);
        assert_eq!(name(b"\xc0\x0c"), None);
        assert_eq!(name(b""), None);
    }

    #[test]
    fn words_of_sources_are_read_as_they_are_written() {
        for it in Source::ALL {
            assert_eq!(Source::of_word(it.as_str()), Some(it));
        }
        assert_eq!(Source::of_word("arp"), None);
    }
}
