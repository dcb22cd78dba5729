//! Events as a sentence for people, without the line feed.

use super::{Event, What};

/// Writes an event as one line of text.
#[must_use]
pub fn sentence(event: &Event<'_>) -> String {
    let vendor = event.vendor_name();
    let host = match event.who.and_then(|it| it.name.as_ref()) {
        Some((name, _)) => format!("{} ({name})", event.host()),
        None => event.host().to_string(),
    };
    let text = match event.what {
        What::Sighting {
            sighting,
            stands_for,
            ..
        } => {
            let observation = &sighting.observation;
            let server = observation.server();
            let times = match stands_for {
                0 | 1 => String::new(),
                more => format!(", {more} times"),
            };
            format!(
                "{host} used {} of {vendor} for {} ({}, {}) at {} port {}{times}",
                observation.name,
                event.category(),
                observation.source.as_str(),
                sighting.reach.as_str(),
                server.address,
                server.port,
            )
        }
        What::Change {
            change, finding, ..
        } => {
            let mut text = format!(
                "{host}: finding {change} for {vendor}, verdict {}",
                finding.verdict.as_str()
            );
            if let Some(ground) = finding.grounds.first() {
                text.push_str("; ");
                text.push_str(ground);
            }
            text
        }
    };
    text.chars().map(in_line).collect()
}

/// Puts a space where a character would end or hide a line.
pub(super) const fn in_line(it: char) -> char {
    match it {
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}'..='\u{202e}' => ' ',
        it => it,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{changed, sighting, told};
    use super::*;
    use crate::export::sample;
    use crate::names::Source;

    #[test]
    fn a_sighting_says_who_used_what_and_where() {
        assert_eq!(
            sentence(&told(&sample::catalogue(), &sighting(Source::TlsSni))),
            "10.1.2.3 used s00.upd.kaspersky.com of Kaspersky for update (tls-sni, transferred) \
             at 77.74.181.1 port 443, 3 times"
        );
    }

    #[test]
    fn a_change_says_what_happened_and_why() {
        let snapshot = sample::snapshot();
        let finding = snapshot.findings_by_severity()[0];
        let text = sentence(&changed(&sample::catalogue(), "opened", finding));
        let begin = "10.1.2.3 (reception-3): finding opened for Kaspersky, verdict ";
        assert!(text.starts_with(begin), "{text}");
        assert!(text.contains(&finding.grounds[0]), "{text}");
    }
}
