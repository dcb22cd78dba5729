//! Names on the wire: what parsers share, and the observation that a name becomes.
//!
//! Parsers are pure functions on octets. Stream parsers ([`tls`], [`http`], [`quic`]) take a prefix
//! of a stream and are called again with a longer one; they keep no state. Four outcomes stay
//! apart: named, nameless (inside the parsed value), not yet ([`Parse::Incomplete`]), and broken
//! ([`Malformed`]).

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::host::Address;
use crate::time::Timestamp;

pub mod dns;
pub mod dnscrypt;
pub mod http;
pub mod proxy;
pub mod quic;
pub mod tls;

/// What a parser knows after the octets seen so far.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Parse<T> {
    /// The message is complete.
    Done(T),
    /// A valid beginning: call again with a longer prefix.
    Incomplete,
}

/// Result of every name parser.
pub type Parsed<T> = Result<Parse<T>, Malformed>;

/// Why octets cannot be, nor become, the message a parser reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Malformed {
    /// The first field that broke a rule, by the name its RFC gives it.
    pub field: &'static str,
}

impl Malformed {
    /// Names the field that broke a rule.
    #[must_use]
    pub const fn at(field: &'static str) -> Self {
        Self { field }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed {}", self.field)
    }
}

/// A domain name as text: lower case, no trailing dot, printable ASCII.
///
/// Octets outside printable ASCII stand as `\DDD` in decimal, and a dot or backslash inside a label
/// as `\.` or `\\` (RFC 4343 section 2.1). Never empty; the root name is not a [`Name`].
///
/// A copy shares the text: many that are kept are the same.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Name(Arc<str>);

impl Name {
    /// Normalises a name that came as text (SNI, HTTP): lower case, one trailing dot removed,
    /// octets outside printable ASCII escaped. `None` if nothing is left.
    #[must_use]
    pub fn from_text(octets: &[u8]) -> Option<Self> {
        let octets = octets.strip_suffix(b".").unwrap_or(octets);
        if octets.is_empty() {
            return None;
        }
        if octets.iter().all(u8::is_ascii_graphic)
            && let Ok(text) = str::from_utf8(octets)
        {
            return Some(Self(text.to_ascii_lowercase().into()));
        }
        let mut text = String::with_capacity(octets.len());
        for &octet in octets {
            push_octet(&mut text, octet);
        }
        Some(Self(text.into()))
    }

    /// Takes text that already has the form of a [`Name`], as [`dns`] writes it. `None` if empty.
    #[must_use]
    pub fn from_normalised(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Writes an octet of a name: printable ASCII in lower case, anything else as `\DDD`.
#[inline]
pub(crate) fn push_octet(text: &mut String, octet: u8) {
    if octet.is_ascii_graphic() {
        text.push(char::from(octet.to_ascii_lowercase()));
    } else {
        push_escaped(text, octet);
    }
}

#[cold]
fn push_escaped(text: &mut String, octet: u8) {
    text.push('\\');
    for digit in [octet / 100, octet / 10 % 10, octet % 10] {
        text.push(char::from(b'0' + digit));
    }
}

/// Writes an octet of text whose case matters: printable ASCII as it is, anything else as `\DDD`.
pub(crate) fn push_octet_as_is(text: &mut String, octet: u8) {
    if octet.is_ascii_uppercase() {
        text.push(char::from(octet));
    } else {
        push_octet(text, octet);
    }
}

/// Where a name was read.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Question of a DNS query.
    DnsQuery,
    /// Owner or CNAME target in the answer section of a DNS response.
    DnsAnswer,
    /// `server_name` of a TLS hello over TCP.
    TlsSni,
    /// `server_name` of a TLS hello in QUIC Initials.
    QuicSni,
    /// Host header or absolute URI of an HTTP/1 request.
    HttpHost,
    /// Target of an HTTP CONNECT request.
    HttpConnect,
    /// Subject or subject alternative name of a server's certificate.
    TlsCert,
    /// No name on the wire: the client, or another, was answered this address for the name.
    DnsCorrelated,
    /// No name at all: what the host is shows in packets of the local network.
    Discovery,
}

impl Source {
    /// All sources, in the order in which they are listed everywhere.
    pub const ALL: [Self; 9] = [
        Self::DnsQuery,
        Self::DnsAnswer,
        Self::TlsSni,
        Self::QuicSni,
        Self::HttpHost,
        Self::HttpConnect,
        Self::TlsCert,
        Self::DnsCorrelated,
        Self::Discovery,
    ];

    /// The word for it in output and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DnsQuery => "dns-query",
            Self::DnsAnswer => "dns-answer",
            Self::TlsSni => "tls-sni",
            Self::QuicSni => "quic-sni",
            Self::HttpHost => "http-host",
            Self::HttpConnect => "http-connect",
            Self::TlsCert => "tls-cert",
            Self::DnsCorrelated => "dns-correlated",
            Self::Discovery => "discovery",
        }
    }

    /// Whether the packet that held the name was sent by the server of the exchange.
    #[must_use]
    pub const fn is_from_server(self) -> bool {
        matches!(self, Self::DnsAnswer | Self::TlsCert)
    }
}

/// What carries an exchange.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Transport {
    /// Both, TCP first.
    pub const ALL: [Self; 2] = [Self::Tcp, Self::Udp];

    /// The word for it in output and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// One end of an exchange.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Endpoint {
    /// Its address, innermost if tunnelled.
    pub address: Address,
    /// Its TCP or UDP port.
    pub port: u16,
}

/// A name that a host used, or was told, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Observation {
    /// Capture time of the packet that completed the name.
    pub at: Timestamp,
    /// Where the name was read.
    pub source: Source,
    /// What carried it.
    pub transport: Transport,
    /// Sender of the packet: the client, unless [`Source::is_from_server`].
    pub src: Endpoint,
    /// Receiver of the packet.
    pub dst: Endpoint,
    /// The name.
    pub name: Name,
    /// Outermost VLAN id, if tagged.
    pub vlan: Option<u16>,
    /// What the hello says of Encrypted Client Hello; `None` where there is no hello.
    pub ech: Option<tls::Ech>,
    /// What the hello shows of the program that sent it; `None` where there is no hello, and where
    /// the observation is not told of.
    pub traits: Option<Arc<tls::Traits>>,
    /// The network that a question in DNS is said to be asked for; never who asks. In a box, as
    /// hardly any question has one.
    pub ecs: Option<Box<dns::Subnet>>,
}

impl Observation {
    /// The end that asked.
    #[must_use]
    pub const fn client(&self) -> Endpoint {
        if self.source.is_from_server() {
            self.dst
        } else {
            self.src
        }
    }

    /// The end that was asked.
    #[must_use]
    pub const fn server(&self) -> Endpoint {
        if self.source.is_from_server() {
            self.src
        } else {
            self.dst
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_normalised() {
        let name = |octets: &[u8]| Name::from_text(octets).map(|it| it.to_string());
        assert_eq!(
            name(b"DS.Kaspersky.COM.").as_deref(),
            Some("ds.kaspersky.com")
        );
        assert_eq!(name(b"a\xff b").as_deref(), Some("a\\255\\032b"));
        assert_eq!(name(b"."), None);
        assert_eq!(name(b""), None);
    }

    #[test]
    fn the_client_of_an_answer_is_its_receiver() {
        let end = |port| Endpoint {
            address: Address::from_v4([10, 0, 0, 1]),
            port,
        };
        let answer = Observation {
            at: Timestamp::default(),
            source: Source::DnsAnswer,
            transport: Transport::Udp,
            src: end(53),
            dst: end(4000),
            name: Name::from_text(b"x.example").unwrap(),
            vlan: None,
            ech: None,
            traits: None,
            ecs: None,
        };
        assert_eq!(answer.client().port, 4000);
        assert_eq!(answer.server().port, 53);
    }
}
