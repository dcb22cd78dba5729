//! What a capture names: the lines that a sensor should print for it.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::frame::{Direction, Path};

/// A name that a frame completes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Expected {
    /// Where it stands.
    pub(crate) source: Source,
    /// What carries it.
    pub(crate) transport: Transport,
    /// Sender of the message.
    pub(crate) src: SocketAddr,
    /// Receiver of the message.
    pub(crate) dst: SocketAddr,
    /// The name: lower case, no trailing dot.
    pub(crate) name: Box<str>,
}

/// One line of `phonehome names`, as far as it is compared. Further keys are passed over.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Line {
    /// Capture time of the frame that completes the name, in seconds since the Unix epoch.
    pub(crate) ts: f64,
    /// Where the name stands, in the sensor's words.
    pub(crate) source: String,
    /// `tcp` or `udp`.
    pub(crate) transport: String,
    /// Sender's address.
    pub(crate) src: IpAddr,
    /// Sender's port.
    pub(crate) src_port: u16,
    /// Receiver's address.
    pub(crate) dst: IpAddr,
    /// Receiver's port.
    pub(crate) dst_port: u16,
    /// The name.
    pub(crate) name: String,
}

/// Where the generator puts names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Source {
    /// Question of a DNS query.
    DnsQuery,
    /// Owner or CNAME target in a DNS answer.
    DnsAnswer,
    /// Server name of a TLS hello.
    TlsSni,
    /// Server name of a TLS hello in QUIC Initials.
    QuicSni,
    /// Host header of an HTTP request.
    HttpHost,
}

/// What carries a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Expected {
    /// Expects `name` from a message that goes over `path` in `direction`.
    pub(crate) fn new(
        source: Source,
        transport: Transport,
        (path, direction): (&Path, Direction),
        name: &str,
    ) -> Self {
        let (src, dst) = path.ends(direction);
        Self {
            source,
            transport,
            src,
            dst,
            name: name.into(),
        }
    }

    /// The line for a frame captured `at_micros` microseconds after the Unix epoch.
    #[expect(
        clippy::cast_precision_loss,
        reason = "microseconds since 1970 fit in 53 bits until the year 2255"
    )]
    pub(crate) fn line(&self, at_micros: u64) -> Line {
        Line {
            ts: at_micros as f64 / 1e6,
            source: self.source.as_str().to_owned(),
            transport: self.transport.as_str().to_owned(),
            src: self.src.ip(),
            src_port: self.src.port(),
            dst: self.dst.ip(),
            dst_port: self.dst.port(),
            name: self.name.clone().into_string(),
        }
    }
}

impl Source {
    /// Whether the client sends it.
    pub(crate) const fn is_from_client(self) -> bool {
        !matches!(self, Self::DnsAnswer)
    }

    /// The sensor's word for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::DnsQuery => "dns-query",
            Self::DnsAnswer => "dns-answer",
            Self::TlsSni => "tls-sni",
            Self::QuicSni => "quic-sni",
            Self::HttpHost => "http-host",
        }
    }
}

impl Transport {
    /// The sensor's word for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_shape_of_the_sensors_output() {
        let path = Path {
            client: "10.1.2.3:51044".parse().unwrap(),
            server: "198.18.0.1:443".parse().unwrap(),
            vlan: None,
        };
        let expected = Expected::new(
            Source::TlsSni,
            Transport::Tcp,
            (&path, Direction::Up),
            "s00.upd.kaspersky.com",
        );
        assert_eq!(
            serde_json::to_string(&expected.line(1_506_931_200_123_456)).unwrap(),
            r#"{"ts":1506931200.123456,"source":"tls-sni","transport":"tcp","src":"10.1.2.3","src_port":51044,"dst":"198.18.0.1","dst_port":443,"name":"s00.upd.kaspersky.com"}"#
        );
    }
}
