//! Where a name was used, and the ports that a signature may be limited to.

use std::fmt;
use std::str::FromStr;

/// Where a name was used; signatures may be limited to ports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Service {
    /// Asked in DNS; no port limits apply, except that port-limited signatures rank last.
    Dns,
    /// A TCP connection to that port.
    Tcp(u16),
    /// UDP to that port.
    Udp(u16),
}

/// What carries a port.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// Ports of one transport, from first to last. Written `tcp/443` or `tcp/23100-23199`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PortRange {
    /// What carries them.
    pub transport: Transport,
    /// The first port.
    pub first: u16,
    /// The last port; at least `first`.
    pub last: u16,
}

impl PortRange {
    /// Whether a service is in the range. DNS is in none.
    #[must_use]
    pub const fn holds(self, service: Service) -> bool {
        let (transport, port) = match service {
            Service::Dns => return false,
            Service::Tcp(port) => (Transport::Tcp, port),
            Service::Udp(port) => (Transport::Udp, port),
        };
        matches!(
            (self.transport, transport),
            (Transport::Tcp, Transport::Tcp) | (Transport::Udp, Transport::Udp)
        ) && self.first <= port
            && port <= self.last
    }
}

impl PortRange {
    /// The first port as a service.
    pub(crate) const fn first_service(self) -> Service {
        match self.transport {
            Transport::Tcp => Service::Tcp(self.first),
            Transport::Udp => Service::Udp(self.first),
        }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match self.transport {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        };
        if self.first == self.last {
            write!(f, "{transport}/{}", self.first)
        } else {
            write!(f, "{transport}/{}-{}", self.first, self.last)
        }
    }
}

/// What a text that should be a port or a range of ports is not.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a port; write `tcp/443` or `udp/5000-5010`, with ports from 1 to 65535")]
pub struct NotPorts;

impl FromStr for PortRange {
    type Err = NotPorts;

    fn from_str(text: &str) -> Result<Self, NotPorts> {
        let (transport, ports) = text.split_once('/').ok_or(NotPorts)?;
        let transport = match transport {
            "tcp" => Transport::Tcp,
            "udp" => Transport::Udp,
            _ => return Err(NotPorts),
        };
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let (first, last) = (port(first)?, port(last)?);
        if first > last {
            return Err(NotPorts);
        }
        Ok(Self {
            transport,
            first,
            last,
        })
    }
}

fn port(text: &str) -> Result<u16, NotPorts> {
    // `u16::from_str` takes a plus sign, which is no way to write a port.
    if !text.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(NotPorts);
    }
    match text.parse() {
        Ok(0) | Err(_) => Err(NotPorts),
        Ok(port) => Ok(port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_and_a_range_are_read_and_written_alike() {
        for text in ["tcp/443", "udp/5000-5010", "tcp/1-65535"] {
            assert_eq!(text.parse::<PortRange>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for text in [
            "",
            "tcp",
            "tcp/",
            "443",
            "sctp/443",
            "tcp/0",
            "tcp/65536",
            "tcp/9-8",
            "tcp/+1",
            "tcp/1-",
        ] {
            assert_eq!(text.parse::<PortRange>(), Err(NotPorts), "{text:?}");
        }
    }

    #[test]
    fn a_range_holds_its_ends_of_its_own_transport() {
        let range: PortRange = "tcp/10-12".parse().expect("a range");
        assert!(range.holds(Service::Tcp(10)));
        assert!(range.holds(Service::Tcp(12)));
        assert!(!range.holds(Service::Tcp(9)));
        assert!(!range.holds(Service::Tcp(13)));
        assert!(!range.holds(Service::Udp(11)));
        assert!(!range.holds(Service::Dns));
    }
}
