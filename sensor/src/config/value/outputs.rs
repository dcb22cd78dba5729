//! Types of the values that say where events go, and how.

use std::net::SocketAddr;

use super::{Kind, Value};

/// Shape of events in JSON.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EventFormat {
    /// That of Suricata's EVE log.
    Eve,
    /// The names of the Elastic Common Schema.
    Ecs,
}

/// Which events there are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EventKinds {
    /// Changes of findings.
    Changes,
    /// Sightings, too.
    All,
}

/// How a Unix socket takes events.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SocketType {
    /// As lines.
    Stream,
    /// Each in a datagram.
    Datagram,
}

/// What messages of syslog hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SyslogFormat {
    /// A line of JSON.
    Json,
    /// ArcSight's Common Event Format.
    Cef,
    /// A sentence.
    Text,
}

/// Where a receiver of syslog listens, and for what.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SyslogAddress {
    /// How messages get there.
    pub carrier: SyslogCarrier,
    /// Where it listens.
    pub address: SocketAddr,
}

/// How messages of syslog get to the receiver.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SyslogCarrier {
    /// In datagrams.
    Udp,
    /// Through a connection.
    Tcp,
    /// Through an encrypted connection.
    Tls,
}

/// A facility of syslog: 0 to 23.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Facility(u8);

impl Facility {
    /// The first of those that are for local use.
    pub const LOCAL0: Self = Self(16);

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl Value for EventFormat {
    const KIND: Kind = Kind::Text;
    const NOUN: &'static str = "\"eve\" or \"ecs\"";

    fn parse(text: &str) -> Option<Self> {
        named(&EVENT_FORMATS, text)
    }

    fn text(&self) -> String {
        name_of(&EVENT_FORMATS, *self)
    }
}

impl Value for EventKinds {
    const KIND: Kind = Kind::Text;
    const NOUN: &'static str = "\"changes\" or \"all\"";

    fn parse(text: &str) -> Option<Self> {
        named(&EVENT_KINDS, text)
    }

    fn text(&self) -> String {
        name_of(&EVENT_KINDS, *self)
    }
}

impl Value for SocketType {
    const KIND: Kind = Kind::Text;
    const NOUN: &'static str = "\"stream\" or \"datagram\"";

    fn parse(text: &str) -> Option<Self> {
        named(&SOCKET_TYPES, text)
    }

    fn text(&self) -> String {
        name_of(&SOCKET_TYPES, *self)
    }
}

impl Value for SyslogFormat {
    const KIND: Kind = Kind::Text;
    const NOUN: &'static str = "\"json\", \"cef\" or \"text\"";

    fn parse(text: &str) -> Option<Self> {
        named(&SYSLOG_FORMATS, text)
    }

    fn text(&self) -> String {
        name_of(&SYSLOG_FORMATS, *self)
    }
}

impl Value for SyslogAddress {
    const KIND: Kind = Kind::Text;
    const NOUN: &'static str = "udp://, tcp:// or tls:// with an IP address and a port, such as \
                                \"tls://192.0.2.10:6514\"; names are not looked up";

    fn parse(text: &str) -> Option<Self> {
        let (carrier, address) = text.split_once("://")?;
        let address: SocketAddr = address.parse().ok()?;
        let carrier = named(&SYSLOG_CARRIERS, carrier)?;
        (address.port() != 0).then_some(Self { carrier, address })
    }

    fn text(&self) -> String {
        let carrier = name_of(&SYSLOG_CARRIERS, self.carrier);
        format!("{carrier}://{}", self.address)
    }
}

impl Value for Facility {
    const KIND: Kind = Kind::Text;
    const NOUN: &'static str = "a facility such as \"local0\", \"daemon\" or \"auth\"";

    fn parse(text: &str) -> Option<Self> {
        let number = FACILITIES.iter().position(|it| *it == text)?;
        u8::try_from(number).ok().map(Self)
    }

    fn text(&self) -> String {
        let name = FACILITIES.get(usize::from(self.0));
        name.copied().unwrap_or_default().to_owned()
    }
}

/// The value of a name.
fn named<T: Copy>(names: &[(&str, T)], text: &str) -> Option<T> {
    names.iter().find(|it| it.0 == text).map(|it| it.1)
}

/// The name of a value.
fn name_of<T: Copy + PartialEq>(names: &[(&str, T)], value: T) -> String {
    let name = names.iter().find(|it| it.1 == value);
    name.map_or_else(String::new, |it| it.0.to_owned())
}

const EVENT_FORMATS: [(&str, EventFormat); 2] =
    [("eve", EventFormat::Eve), ("ecs", EventFormat::Ecs)];

const EVENT_KINDS: [(&str, EventKinds); 2] =
    [("changes", EventKinds::Changes), ("all", EventKinds::All)];

const SOCKET_TYPES: [(&str, SocketType); 2] = [
    ("stream", SocketType::Stream),
    ("datagram", SocketType::Datagram),
];

const SYSLOG_FORMATS: [(&str, SyslogFormat); 3] = [
    ("json", SyslogFormat::Json),
    ("cef", SyslogFormat::Cef),
    ("text", SyslogFormat::Text),
];

const SYSLOG_CARRIERS: [(&str, SyslogCarrier); 3] = [
    ("udp", SyslogCarrier::Udp),
    ("tcp", SyslogCarrier::Tcp),
    ("tls", SyslogCarrier::Tls),
];

/// Names of facilities in the order of their numbers (RFC 5424 section 6.2.1), as syslog daemons have
/// them.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "ntp", "audit", "alert", "clock", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_receivers_are_written_as_they_are_read() {
        for text in [
            "udp://192.0.2.10:514",
            "tcp://[2001:db8::1]:601",
            "tls://192.0.2.10:6514",
        ] {
            assert_eq!(SyslogAddress::parse(text).unwrap().text(), text);
        }
        for text in [
            "192.0.2.10:514",
            "udp://192.0.2.10",
            "udp://192.0.2.10:0",
            "tls://siem.example.org:6514",
            "http://192.0.2.10:80",
            "",
        ] {
            assert_eq!(SyslogAddress::parse(text), None, "{text}");
        }
    }

    #[test]
    fn facilities_have_their_numbers() {
        for (text, number) in [("kern", 0), ("auth", 4), ("local0", 16), ("local7", 23)] {
            let facility = Facility::parse(text).unwrap();
            assert_eq!(
                (facility.number(), facility.text()),
                (number, text.to_owned())
            );
        }
        assert_eq!(Facility::parse("local8"), None);
        assert_eq!(Facility::LOCAL0.text(), "local0");
    }

    #[test]
    fn words_are_written_as_they_are_read() {
        assert_eq!(EventFormat::parse("ecs").unwrap().text(), "ecs");
        assert_eq!(EventKinds::parse("all").unwrap().text(), "all");
        assert_eq!(SocketType::parse("datagram").unwrap().text(), "datagram");
        assert_eq!(SyslogFormat::parse("cef").unwrap().text(), "cef");
        assert_eq!(SyslogFormat::parse("CEF"), None);
    }
}
