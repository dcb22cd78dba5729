//! Events in ArcSight's Common Event Format, version 0, without the line feed.
//!
//! ```text
//! CEF:0|vendor|product|version|signature|name|severity|key=value key=value …
//! ```
//!
//! In the fields of the head `|` and `\` are escaped by `\`, in values `=` and `\`; ends of lines are
//! `\n` in values and a space in the head. Keys are those of the format's dictionary; what it has none
//! for is in its custom strings, each with a label beside it.

use super::text::in_line;
use super::{Event, Severity, What, flow_id};
use crate::export::{PROGRAM, VERSION};
use crate::host::Address;
use crate::time::Timestamp;

/// Writes an event.
#[must_use]
pub fn line(event: &Event<'_>) -> String {
    let mut line = "CEF:0".to_owned();
    let id = match event.what {
        What::Sighting { .. } => event.signature_id().to_owned(),
        What::Change { change, .. } => format!("finding-{change}"),
    };
    let severity = match event.severity() {
        Severity::High => "8",
        Severity::Medium => "5",
        Severity::Low => "3",
    };
    for field in [PROGRAM, PROGRAM, VERSION, &id, &event.title(), severity] {
        line.push('|');
        push_in_head(&mut line, field);
    }
    line.push('|');
    let mut values = Values { line, count: 0 };
    values.put("rt", &millis(event.at()));
    if let Some(sensor) = event.sensor {
        values.put("dvchost", sensor);
    }
    values.put("cat", event.category());
    if let Some(who) = event.who {
        if let Some((name, _)) = &who.name {
            values.put("shost", name.as_str());
        }
        if let Some(device) = who.device {
            values.put("smac", &device.to_string());
        }
    }
    match event.what {
        What::Sighting { .. } => put_sighting(&mut values, event),
        What::Change { .. } => put_change(&mut values, event),
    }
    values.line
}

fn put_sighting(values: &mut Values, event: &Event<'_>) {
    let What::Sighting {
        sighting,
        started,
        stands_for,
    } = event.what
    else {
        return;
    };
    let observation = &sighting.observation;
    let (client, server) = (observation.client(), observation.server());
    let transport = observation.transport;
    values.put_source(client.address);
    values.put("spt", &client.port.to_string());
    values.put_destination(server.address);
    values.put("dpt", &server.port.to_string());
    values.put("proto", transport.as_str());
    if let Some(protocol) = super::app_proto(observation.source) {
        values.put("app", protocol);
    }
    values.put("dhost", observation.name.as_str());
    values.put("cnt", &stands_for.to_string());
    let flow = flow_id(transport, client, server, started);
    values.put("externalId", &flow.to_string());
    values.put_labelled(1, "vendor", event.vendor_id());
    let product = event.signature().and_then(|it| it.product.as_deref());
    if let Some(product) = product {
        values.put_labelled(2, "product", product);
    }
    values.put_labelled(5, "source", observation.source.as_str());
    values.put_labelled(6, "reach", sighting.reach.as_str());
}

fn put_change(values: &mut Values, event: &Event<'_>) {
    let What::Change {
        change, finding, ..
    } = event.what
    else {
        return;
    };
    values.put_source(finding.host);
    values.put("start", &millis(finding.first_seen));
    values.put("end", &millis(finding.last_seen));
    values.put_labelled(1, "vendor", event.vendor_id());
    if !finding.products.is_empty() {
        values.put_labelled(2, "product", &finding.products.join(", "));
    }
    values.put_labelled(3, "verdict", finding.verdict.as_str());
    values.put_labelled(4, "change", change);
    values.put("msg", &finding.grounds.join("\n"));
}

/// The part with keys and values.
struct Values {
    line: String,
    count: usize,
}

impl Values {
    fn put(&mut self, key: &str, value: &str) {
        if self.count > 0 {
            self.line.push(' ');
        }
        self.count += 1;
        self.line.push_str(key);
        self.line.push('=');
        push_in_value(&mut self.line, value);
    }

    /// The dictionary has other keys for addresses of IPv6.
    fn put_source(&mut self, address: Address) {
        self.put_address(address, "src", "c6a2", "Source IPv6 Address");
    }

    fn put_destination(&mut self, address: Address) {
        self.put_address(address, "dst", "c6a3", "Destination IPv6 Address");
    }

    fn put_address(&mut self, address: Address, key: &str, key_of_v6: &str, label: &str) {
        let text = address.to_string();
        if address.v4().is_some() {
            self.put(key, &text);
        } else {
            self.put(key_of_v6, &text);
            self.put(&format!("{key_of_v6}Label"), label);
        }
    }

    fn put_labelled(&mut self, number: u8, label: &str, value: &str) {
        self.put(&format!("cs{number}"), value);
        self.put(&format!("cs{number}Label"), label);
    }
}

/// Milliseconds since 1970.
fn millis(at: Timestamp) -> String {
    at.as_nanos().div_euclid(1_000_000).to_string()
}

fn push_in_head(line: &mut String, text: &str) {
    for it in text.chars().take(MAX_HEAD) {
        if matches!(it, '|' | '\\') {
            line.push('\\');
        }
        line.push(in_line(it));
    }
}

fn push_in_value(line: &mut String, text: &str) {
    for it in text.chars().take(MAX_VALUE) {
        match it {
            '=' | '\\' => {
                line.push('\\');
                line.push(it);
            }
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            it => line.push(in_line(it)),
        }
    }
}

/// Characters of a field of the head at most, as the format says of names.
const MAX_HEAD: usize = 512;

/// Characters of a value at most, as the format says of most texts.
const MAX_VALUE: usize = 1023;

#[cfg(test)]
mod tests {
    use super::super::tests::{changed, sighting, told};
    use super::*;
    use crate::export::sample;
    use crate::names::{Name, Source};

    #[test]
    fn a_sighting_has_both_ends_and_the_name() {
        let text = line(&told(&sample::catalogue(), &sighting(Source::TlsSni)));
        let (head, values) = split(&text);
        let version = VERSION;
        let expected = ["phonehome", "phonehome", version, "kl-u01"];
        assert_eq!(head[..4], expected);
        assert_eq!(head[4..], ["phonehome Kaspersky: update", "8"]);
        let of = |key: &str| values.iter().find(|it| it.0 == key).map(|it| it.1.as_str());
        for (key, value) in [
            ("rt", "1506931200123"),
            ("dvchost", "sensor1"),
            ("src", "10.1.2.3"),
            ("spt", "51044"),
            ("dst", "77.74.181.1"),
            ("dpt", "443"),
            ("proto", "tcp"),
            ("app", "tls"),
            ("dhost", "s00.upd.kaspersky.com"),
            ("cnt", "3"),
            ("cs1", "kaspersky"),
            ("cs1Label", "vendor"),
            ("cs2", "Endpoint Security"),
        ] {
            assert_eq!(of(key), Some(value), "{key} in {text}");
        }
    }

    #[test]
    fn addresses_of_version_6_have_keys_of_their_own() {
        let mut sighting = sighting(Source::TlsSni);
        sighting.observation.src = sample::end("2001:db8::1", 1);
        sighting.observation.dst = sample::end("2001:db8::2", 2);
        let text = line(&told(&sample::catalogue(), &sighting));
        let (_, values) = split(&text);
        let of = |key: &str| values.iter().find(|it| it.0 == key).map(|it| it.1.as_str());
        assert_eq!(of("c6a2"), Some("2001:db8::1"));
        assert_eq!(of("c6a3"), Some("2001:db8::2"));
        assert_eq!(of("c6a2Label"), Some("Source IPv6 Address"));
        assert_eq!((of("src"), of("dst")), (None, None));
    }

    #[test]
    fn nothing_hostile_makes_a_field_or_a_line() {
        let hostile = "a|b=c\\d\r\nrt=0 CEF:0|x|\u{1b}[31m\u{202e}\u{2028}";
        let mut sighting = sighting(Source::TlsSni);
        sighting.observation.name = Name::from_normalised(hostile).unwrap();
        let text = line(&told(&sample::catalogue(), &sighting));
        let (head, values) = split(&text);
        assert_eq!(head.len(), 6);
        let dhost = values.iter().find(|it| it.0 == "dhost").unwrap();
        assert_eq!(dhost.1, "a|b=c\\d\r\nrt=0 CEF:0|x| [31m  ");
        assert_eq!(values.iter().filter(|it| it.0 == "rt").count(), 1);

        let snapshot = sample::snapshot();
        let mut finding = snapshot.findings[0].as_ref().clone();
        finding.grounds = vec![hostile.to_owned(), "more".to_owned()];
        finding.products = vec![hostile.to_owned()];
        let text = line(&changed(&sample::catalogue(), hostile, &finding));
        let (head, values) = split(&text);
        assert_eq!(head.len(), 6);
        assert_eq!(values.iter().filter(|it| it.0 == "rt").count(), 1);
    }

    /// Reads a line as a receiver does: fields of the head, then keys and values.
    fn split(line: &str) -> (Vec<String>, Vec<(String, String)>) {
        assert!(!line.contains(char::is_control), "{line:?}");
        let mut rest = line.strip_prefix("CEF:0|").unwrap();
        let mut head = Vec::new();
        while head.len() < 6 {
            let mut field = String::new();
            let mut all = rest.char_indices();
            loop {
                match all.next().unwrap() {
                    (_, '\\') => field.push(all.next().unwrap().1),
                    (at, '|') => {
                        rest = &rest[at + 1..];
                        break;
                    }
                    (_, it) => field.push(it),
                }
            }
            head.push(field);
        }
        // A key is the word before a sign that is not escaped; a value ends before the next key.
        let mut values: Vec<(String, String)> = Vec::new();
        let mut text = String::new();
        let mut all = rest.chars();
        while let Some(it) = all.next() {
            match it {
                '\\' => text.push(match all.next().unwrap() {
                    'n' => '\n',
                    'r' => '\r',
                    it => it,
                }),
                '=' => {
                    let (before, key) = text.rsplit_once(' ').unwrap_or(("", &text));
                    if let Some(last) = values.last_mut() {
                        last.1 = before.to_owned();
                    }
                    values.push((key.to_owned(), String::new()));
                    text.clear();
                }
                it => text.push(it),
            }
        }
        values.last_mut().unwrap().1 = text;
        (head, values)
    }
}
