//! Events as messages of syslog, RFC 5424.
//!
//! ```text
//! <PRI>1 TIMESTAMP HOSTNAME phonehome PROCID MSGID [phonehome@32473 key="value" …] MSG
//! ```
//!
//! `MSG` is the event in one of three forms ([`Payload`]). It has no byte order mark, which readers of
//! JSON and CEF do not expect; without one the RFC leaves the encoding open, and it is UTF-8.

use std::io::{self, Write};

use super::text::in_line;
use super::{Event, Severity, Shape, What, cef, text};
use crate::export::{PROGRAM, rfc3339};

/// What a message holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Payload {
    /// The line of JSON that other outputs write, too.
    Json(Shape),
    /// ArcSight's Common Event Format.
    Cef,
    /// A sentence.
    Text,
}

/// The parts of a message that are the same in all.
#[derive(Clone, Debug)]
pub struct Sender {
    /// Number of the facility, 0 to 23.
    pub facility: u8,
    /// What messages hold.
    pub payload: Payload,
    host: String,
    process: u32,
}

impl Sender {
    /// A sender of that name; of names that the RFC does not allow, what it does.
    #[must_use]
    pub fn new(facility: u8, payload: Payload, name: &str, process: u32) -> Self {
        let allowed = name.chars().filter(char::is_ascii_graphic);
        let mut host: String = allowed.take(MAX_HOSTNAME).collect();
        if host.is_empty() {
            host.push_str(NIL);
        }
        Self {
            facility: facility.min(MAX_FACILITY),
            payload,
            host,
            process,
        }
    }

    /// Appends an event as a message, without any frame.
    ///
    /// # Errors
    ///
    /// Those of the JSON library, which no event can cause.
    pub fn write(&self, out: &mut Vec<u8>, event: &Event<'_>) -> io::Result<()> {
        let severity = match event.severity() {
            Severity::High => SEVERITY_WARNING,
            Severity::Medium => SEVERITY_NOTICE,
            Severity::Low => SEVERITY_INFORMATIONAL,
        };
        write!(
            out,
            "<{}>1 {} {} {PROGRAM} {} {} [{SD_ID}",
            self.facility * 8 + severity,
            rfc3339(event.at()),
            self.host,
            self.process,
            event.kind(),
        )?;
        put_parameter(out, "host", &event.host().to_string());
        put_parameter(out, "vendor", event.vendor_id());
        match event.what {
            What::Sighting { sighting, .. } => {
                put_parameter(out, "signature", event.signature_id());
                put_parameter(out, "name", sighting.observation.name.as_str());
                put_parameter(out, "reach", sighting.reach.as_str());
            }
            What::Change {
                change, finding, ..
            } => {
                put_parameter(out, "change", change);
                put_parameter(out, "verdict", finding.verdict.as_str());
            }
        }
        out.extend_from_slice(b"] ");
        match self.payload {
            Payload::Json(shape) => {
                shape.write(out, event)?;
                // The frame ends the message.
                out.pop();
            }
            Payload::Cef => out.extend_from_slice(cef::line(event).as_bytes()),
            Payload::Text => out.extend_from_slice(text::sentence(event).as_bytes()),
        }
        Ok(())
    }
}

/// Appends a parameter of structured data: in its value `"`, `\` and `]` are escaped (RFC 5424
/// section 6.3.3), and nothing ends the line.
fn put_parameter(out: &mut Vec<u8>, name: &str, value: &str) {
    let mut text = format!(" {name}=\"");
    for it in value.chars() {
        if matches!(it, '"' | '\\' | ']') {
            text.push('\\');
        }
        text.push(in_line(it));
    }
    text.push('"');
    out.extend_from_slice(text.as_bytes());
}

/// Id of the structured data. The number behind the sign is the one for examples (RFC 5612): the
/// project has none of its own.
pub const SD_ID: &str = "phonehome@32473";

/// What stands for a value that is not known.
const NIL: &str = "-";

/// Characters of a host's name at most (RFC 5424 section 6).
const MAX_HOSTNAME: usize = 255;

/// The greatest number of a facility, `local7`.
const MAX_FACILITY: u8 = 23;

/// Severities of RFC 5424 section 6.2.1.
const SEVERITY_WARNING: u8 = 4;
const SEVERITY_NOTICE: u8 = 5;
const SEVERITY_INFORMATIONAL: u8 = 6;

#[cfg(test)]
mod tests {
    use super::super::tests::{changed, sighting, told};
    use super::*;
    use crate::export::sample;
    use crate::names::{Name, Source};

    #[test]
    fn a_message_begins_as_the_rfc_says() {
        let sender = Sender::new(16, Payload::Text, "sensor1.example.org", 42);
        let text = written(
            &sender,
            &told(&sample::catalogue(), &sighting(Source::TlsSni)),
        );
        let begin = "<132>1 2017-10-02T08:00:00.123456Z sensor1.example.org phonehome 42 sighting \
                     [phonehome@32473 host=\"10.1.2.3\" vendor=\"kaspersky\" signature=\"kl-u01\" \
                     name=\"s00.upd.kaspersky.com\" reach=\"transferred\"] 10.1.2.3 used ";
        assert!(text.starts_with(begin), "{text}");
    }

    #[test]
    fn the_priority_is_of_facility_and_severity() {
        let snapshot = sample::snapshot();
        let finding = snapshot.findings_by_severity()[0];
        for (facility, change, priority) in [(0, "opened", "<4>"), (23, "removed", "<190>")] {
            let sender = Sender::new(facility, Payload::Cef, "x", 1);
            let text = written(&sender, &changed(&sample::catalogue(), change, finding));
            assert!(text.starts_with(&format!("{priority}1 ")), "{text}");
        }
    }

    #[test]
    fn a_name_that_no_host_can_have_becomes_one() {
        for (name, host) in [("", "-"), ("a b\n<1>", "ab<1>"), ("ü", "-")] {
            let sender = Sender::new(16, Payload::Text, name, 1);
            assert_eq!(sender.host, host);
        }
        let long = "x".repeat(300);
        assert_eq!(Sender::new(16, Payload::Text, &long, 1).host.len(), 255);
    }

    #[test]
    fn nothing_hostile_ends_a_parameter_or_a_message() {
        let hostile = "a\"] b\\ ]\n<0>1 - - - - - - x";
        let mut sighting = sighting(Source::TlsSni);
        sighting.observation.name = Name::from_normalised(hostile).unwrap();
        for payload in [
            Payload::Json(Shape::Eve),
            Payload::Json(Shape::Ecs),
            Payload::Cef,
            Payload::Text,
        ] {
            let sender = Sender::new(16, payload, "x", 1);
            let text = written(&sender, &told(&sample::catalogue(), &sighting));
            assert!(!text.contains(char::is_control), "{text:?}");
            let expected = "name=\"a\\\"\\] b\\\\ \\] <0>1 - - - - - - x\" reach=";
            assert!(text.contains(expected), "{text}");
        }
    }

    fn written(sender: &Sender, event: &Event<'_>) -> String {
        let mut out = Vec::new();
        sender.write(&mut out, event).unwrap();
        String::from_utf8(out).unwrap()
    }
}
