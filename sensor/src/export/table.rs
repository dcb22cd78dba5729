//! What `phonehome read` prints for people.
//!
//! A headline, the findings with their grounds, what the verdicts mean, the hosts that only browse, what counts under the
//! directives in force, and what could not be seen. The last part is always there: "none found" means nothing without it. Lines are at most
//! [`WIDTH`] columns wide; text is broken between words, and columns are cut rather than broken.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{Snapshot, human_count, human_octets, is_flagged, iso_seconds, who};
use crate::findings::{Finding, State, Verdict};
use crate::host::Address;

pub(super) mod directives;
pub(super) mod unseen;

/// Whether the text may hold colours.
///
/// The caller decides: a terminal, and no `NO_COLOR` in the environment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Style {
    /// Text alone.
    Plain,
    /// Text with ANSI colour sequences.
    Colour,
}

impl Style {
    /// Text in the given paint, followed by a return to normal.
    fn paint(self, paint: Paint, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Colour => {
                let code = match paint {
                    Paint::Bold => "1",
                    Paint::Dim => "2",
                    Paint::Alarm => "1;31",
                    Paint::Notice => "33",
                };
                format!("\x1b[{code}m{text}\x1b[0m")
            }
        }
    }
}

/// What a colour is for.
#[derive(Clone, Copy, Debug)]
enum Paint {
    Bold,
    Dim,
    Alarm,
    Notice,
}

/// Writes the whole text.
#[must_use]
pub fn text(snapshot: &Snapshot, style: Style) -> String {
    let mut text = String::new();
    headline(&mut text, snapshot, style);
    let findings = snapshot.findings_by_severity();
    let (flagged, browsing): (Vec<&Finding>, Vec<&Finding>) =
        findings.into_iter().partition(|it| is_flagged(it.verdict));
    if !flagged.is_empty() {
        table(&mut text, snapshot, &flagged, style);
        legend(&mut text, &flagged, style);
    }
    if !browsing.is_empty() {
        only_browsing(&mut text, snapshot, &browsing, style);
    }
    directives::write(&mut text, snapshot, style);
    unseen::write(&mut text, snapshot, style);
    input(&mut text, snapshot, style);
    text
}

fn headline(text: &mut String, snapshot: &Snapshot, style: Style) {
    let flagged = snapshot.flagged_hosts();
    let seen = snapshot.hosts_seen;
    let all = hosts(seen);
    let held = hosts_above_contact(snapshot);
    let (paint, line) = match flagged {
        0 => (
            Paint::Bold,
            match seen {
                0 => "No host was seen.".to_owned(),
                _ => format!(
                    "None found: {all} seen, none with software or a device of a flagged \
                     vendor."
                ),
            },
        ),
        _ => match (held, flagged.saturating_sub(held)) {
            (0, 1) => (
                Paint::Notice,
                format!("1 of {all} was in contact with a flagged vendor; nothing tells by what."),
            ),
            (0, contact) => (
                Paint::Notice,
                format!(
                    "{} of {all} were in contact with a flagged vendor; nothing tells by what.",
                    human_count(contact as u64)
                ),
            ),
            (1, _) => (
                Paint::Alarm,
                format!("1 of {all} has or likely has software or a device of a flagged vendor."),
            ),
            _ => (
                Paint::Alarm,
                format!(
                    "{} of {all} have or likely have software or devices of a flagged vendor.",
                    human_count(held as u64)
                ),
            ),
        },
    };
    let _ = writeln!(text, "{}", style.paint(paint, &line));
    if flagged == 0 {
        let _ = writeln!(text, "This holds only for what could be seen; see below.");
        if let Some(line) = unseen::hiding_sentence(snapshot) {
            let _ = writeln!(text, "{line}");
        }
    }
    let more = match (held, flagged.saturating_sub(held)) {
        (0, _) | (_, 0) => return,
        (_, 1) => "1 more was in contact with one; nothing tells by what.".to_owned(),
        (_, more) => format!(
            "{} more were in contact with one; nothing tells by what.",
            human_count(more as u64)
        ),
    };
    let _ = writeln!(text, "{more}");
}

/// Hosts with at least one finding that tells of more than a contact.
fn hosts_above_contact(snapshot: &Snapshot) -> usize {
    let hosts: BTreeSet<Address> = snapshot
        .findings
        .iter()
        .filter(|it| it.verdict > Verdict::Contact)
        .map(|it| it.host)
        .collect();
    hosts.len()
}

/// `1 host`, `41 hosts`.
fn hosts(count: u64) -> String {
    match count {
        1 => "1 host".to_owned(),
        _ => format!("{} hosts", human_count(count)),
    }
}

fn table(text: &mut String, snapshot: &Snapshot, findings: &[&Finding], style: Style) {
    let vendors: Vec<String> = findings
        .iter()
        .map(|it| clean(&snapshot.vendor_name(it.vendor)))
        .collect();
    let host = longest("HOST", findings.iter().map(|it| it.host.to_string()));
    // What is left when all other columns have their full width.
    let vendor = longest("VENDOR", vendors.iter().cloned()).min(FIXED_WIDTH.saturating_sub(host));
    let head = format!(
        "{:<VERDICT$}  {:<host$}  {:<vendor$}  {:>8}  {:>8}  {:>8}",
        "VERDICT", "HOST", "VENDOR", "CONTACTS", "SENT", "RECEIVED"
    );
    let _ = writeln!(text, "\n{}", style.paint(Paint::Bold, head.trim_end()));
    for (place, (finding, name)) in findings.iter().zip(&vendors).enumerate() {
        if place > 0 {
            text.push('\n');
        }
        let verdict = format!("{:<VERDICT$}", finding.verdict.as_str());
        let contacts = finding
            .contacts
            .iter()
            .fold(0, |sum: u64, it| sum.saturating_add(*it));
        let _ = writeln!(
            text,
            "{}  {:<host$}  {:<vendor$}  {:>8}  {:>8}  {:>8}",
            style.paint(paint_of(finding.verdict), &verdict),
            finding.host.to_string(),
            cut(name, vendor),
            human_count(contacts),
            human_octets(finding.sent),
            human_octets(finding.received),
        );
        if let Some(line) = who::line(finding) {
            paragraph(text, "    ", "      ", &line);
        }
        let categories: Vec<&str> = finding.categories.iter().map(|it| it.as_str()).collect();
        let mut what = finding.products.join(", ");
        if !what.is_empty() && !categories.is_empty() {
            what.push_str(": ");
        }
        what.push_str(&categories.join(", "));
        if !what.is_empty() {
            paragraph(text, "    ", "    ", &what);
        }
        let _ = writeln!(
            text,
            "    first seen {}, last seen {}",
            iso_seconds(finding.first_seen),
            iso_seconds(finding.last_seen)
        );
        if finding.state != State::Active {
            let (state, since) = (finding.state.as_str(), iso_seconds(finding.state_since));
            let _ = writeln!(text, "    {state} since {since}");
        }
        if let Some(line) = finding.asks.as_ref().and_then(unseen::hiding_host) {
            paragraph(text, "    ", "    ", &line);
        }
        if let Some(line) = directives::waiver(snapshot, finding) {
            paragraph(text, "    ", "    ", &line);
        }
        for line in who::earlier_lines(finding) {
            paragraph(text, "    ", "      ", &line);
        }
        for ground in finding.grounds.iter().take(GROUNDS) {
            paragraph(text, "    - ", "      ", ground);
        }
        let more = finding.grounds.len().saturating_sub(GROUNDS);
        if more > 0 {
            let line = format!("      and {more} more");
            let _ = writeln!(text, "{}", style.paint(Paint::Dim, &line));
        }
    }
}

/// What the verdicts in the table mean.
fn legend(text: &mut String, findings: &[&Finding], style: Style) {
    let verdicts: BTreeSet<Verdict> = findings.iter().map(|it| it.verdict).collect();
    let _ = writeln!(text, "\n{}", style.paint(Paint::Bold, "VERDICTS"));
    for verdict in verdicts.into_iter().rev() {
        let first = format!("  {:<VERDICT$}  ", verdict.as_str());
        let next = " ".repeat(first.chars().count());
        paragraph(text, &first, &next, meaning(verdict));
    }
}

/// What a verdict means, in plain words.
pub(super) const fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Manager => "a management server of the vendor",
        Verdict::InstalledActive => {
            "a product or device of the vendor is there, and data went both ways"
        }
        Verdict::Installed => "a product or device of the vendor is there; no data came through",
        Verdict::Likely => "a product, device or service of the vendor is probably in use",
        Verdict::Embedded => "another company's product that contains the vendor's engine",
        Verdict::Contact => "contacts that may have other reasons than a product or device",
        Verdict::EmbedOnly => "only parts of the vendor in pages and apps of other companies",
        Verdict::None => "only web sites of the vendor",
    }
}

const fn paint_of(verdict: Verdict) -> Paint {
    match verdict {
        Verdict::Installed | Verdict::InstalledActive | Verdict::Manager => Paint::Alarm,
        Verdict::Likely | Verdict::Embedded | Verdict::Contact => Paint::Notice,
        Verdict::None | Verdict::EmbedOnly => Paint::Dim,
    }
}

/// Hosts whose only traffic is that of web sites and of parts in pages and apps of others.
fn only_browsing(text: &mut String, snapshot: &Snapshot, findings: &[&Finding], style: Style) {
    let mut rows: Vec<(String, Vec<String>)> = Vec::new();
    let mut by_vendor: Vec<&Finding> = findings.to_vec();
    by_vendor.sort_by_key(|it| (it.vendor, it.host));
    for finding in &by_vendor {
        let vendor = clean(&snapshot.vendor_name(finding.vendor));
        match rows.last_mut() {
            Some(row) if row.0 == vendor => row.1.push(finding.host.to_string()),
            _ => rows.push((vendor, vec![finding.host.to_string()])),
        }
    }
    let _ = writeln!(text, "\n{}", style.paint(Paint::Bold, "ONLY BROWSING"));
    paragraph(
        text,
        "",
        "",
        "Web sites of flagged vendors, or their parts in pages and apps of others. This tells of no \
         software or device.",
    );
    let width = longest("", rows.iter().map(|it| it.0.clone())).min(VENDOR_SHORT);
    for (vendor, addresses) in &rows {
        let shown: Vec<&str> = addresses
            .iter()
            .take(BROWSING)
            .map(String::as_str)
            .collect();
        let more = addresses.len().saturating_sub(BROWSING);
        let mut line = shown.join(", ");
        if more > 0 {
            let _ = write!(line, " and {} more", human_count(more as u64));
        }
        let count = hosts(addresses.len() as u64);
        let first = format!("  {:<width$}  ", cut(vendor, width));
        let next = " ".repeat(first.chars().count());
        paragraph(text, &first, &next, &format!("{count}: {line}"));
    }
}

fn input(text: &mut String, snapshot: &Snapshot, style: Style) {
    let _ = writeln!(text, "\n{}", style.paint(Paint::Bold, "WHAT WAS READ"));
    for capture in &snapshot.captures {
        let line = format!(
            "{}: {} frames, {}",
            capture.name,
            human_count(capture.received_frames),
            human_octets(capture.received_bytes)
        );
        row(text, capture.mode.as_str(), &line);
    }
    let time = match snapshot.span() {
        None => "no frame".to_owned(),
        Some((first, last)) => format!(
            "{} to {} ({})",
            iso_seconds(first),
            iso_seconds(last),
            human_duration(last.since(first).as_secs())
        ),
    };
    row(text, "time", &time);
    let packs: Vec<String> = snapshot
        .catalogue
        .packs()
        .iter()
        .map(|it| format!("{} {}", it.id, it.version))
        .collect();
    let packs = match packs.as_slice() {
        [] => "none loaded".to_owned(),
        packs => packs.join(", "),
    };
    row(text, "packs", &packs);
}

/// A length of time in its two largest units: `2 h 2 min`.
pub(super) fn human_duration(secs: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut rest = secs;
    let mut parts = Vec::new();
    for (size, unit) in units {
        if rest >= size && parts.len() < 2 {
            parts.push(format!("{} {unit}", rest / size));
            rest %= size;
        } else if !parts.is_empty() {
            break;
        }
    }
    if parts.is_empty() {
        return "under 1 s".to_owned();
    }
    parts.join(" ")
}

/// Writes a word in the margin and text beside it.
fn row(text: &mut String, word: &str, line: &str) {
    let first = format!("  {word:<MARGIN$}  ");
    paragraph(text, &first, &" ".repeat(MARGIN + 4), line);
}

/// Writes text broken between words, with what stands before the first line and before the next
/// ones. A word that is longer than a line is broken inside.
fn paragraph(text: &mut String, first: &str, next: &str, line: &str) {
    let mut before = first;
    let mut current = String::new();
    let mut columns = 0;
    for word in clean(line).split_whitespace() {
        let mut rest = word;
        loop {
            let room = WIDTH.saturating_sub(before.chars().count()).max(1);
            let len = rest.chars().count();
            let gap = usize::from(columns > 0);
            if columns + gap + len <= room {
                current.extend((gap == 1).then_some(' '));
                current.push_str(rest);
                columns += gap + len;
                break;
            }
            if columns == 0 {
                let end = rest.char_indices().nth(room).map_or(rest.len(), |it| it.0);
                let (head, tail) = rest.split_at(end);
                current.push_str(head);
                rest = tail;
            }
            let _ = writeln!(text, "{before}{current}");
            current.clear();
            columns = 0;
            before = next;
        }
    }
    let _ = writeln!(text, "{}", format!("{before}{current}").trim_end());
}

/// The first columns of a text, with a mark where some are missing.
fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(columns.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// Text without what could steer a terminal: control characters become question marks.
pub(super) fn clean(text: &str) -> String {
    let letters = text.chars();
    letters
        .map(|it| if it.is_control() { '?' } else { it })
        .collect()
}

fn longest(head: &str, texts: impl Iterator<Item = String>) -> usize {
    let lens = texts.map(|it| it.chars().count());
    lens.max().unwrap_or(0).max(head.chars().count())
}

/// Columns of a line at most.
pub const WIDTH: usize = 100;

/// Columns of the longest verdict.
const VERDICT: usize = 16;

/// Columns that host and vendor have together.
const FIXED_WIDTH: usize = WIDTH - VERDICT - 5 * 2 - 3 * 8;

/// Columns of a vendor beside a list of hosts.
const VENDOR_SHORT: usize = 24;

/// Columns of the words in the margin.
const MARGIN: usize = 14;

/// Grounds shown of a finding.
const GROUNDS: usize = 6;

/// Hosts listed of those that only browse, for each vendor.
const BROWSING: usize = 8;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::export::sample;
    use crate::visibility::Visibility;

    fn widest(text: &str) -> usize {
        text.lines().map(|it| it.chars().count()).max().unwrap()
    }

    #[test]
    fn the_text_is_that_of_the_golden_file() {
        sample::expect_golden("table.txt", &text(&sample::snapshot(), Style::Plain));
    }

    #[test]
    fn without_findings_the_text_still_tells_what_could_not_be_seen() {
        let mut snapshot = sample::snapshot();
        snapshot.findings.clear();
        sample::expect_golden("table-none.txt", &text(&snapshot, Style::Plain));
    }

    #[test]
    fn a_host_that_was_only_in_contact_is_not_said_to_have_something() {
        let mut snapshot = sample::snapshot();
        snapshot
            .findings
            .retain(|it| it.verdict == Verdict::Contact);
        let text = text(&snapshot, Style::Plain);
        let first = text.lines().next().unwrap();
        assert_eq!(
            first,
            "1 of 41 hosts was in contact with a flagged vendor; nothing tells by what."
        );
        assert!(!text.contains("likely has"));
    }

    #[test]
    fn a_capture_without_a_frame_has_a_text() {
        let text = text(&sample::empty(), Style::Plain);
        assert!(text.starts_with("No host was seen."));
        assert!(text.contains("WHAT COULD NOT BE SEEN"));
    }

    #[test]
    fn no_line_is_wider_than_the_limit() {
        let mut snapshot = sample::snapshot();
        for finding in &mut snapshot.findings {
            let finding = Arc::make_mut(finding);
            finding.grounds = vec!["x".repeat(450), "y ".repeat(200)];
            finding.products = (0..60).map(|it| format!("Product {it}")).collect();
            finding.contacts = [u64::MAX / 8; 5];
            (finding.sent, finding.received) = (u64::MAX, u64::MAX);
        }
        snapshot.captures[0].name = "/a/long/path".repeat(30);
        snapshot.hosts_seen = u64::MAX;
        let text = text(&snapshot, Style::Plain);
        // A count of contacts that no capture reaches may push its own line out.
        let wide = text.lines().filter(|it| it.chars().count() > WIDTH);
        assert!(
            wide.clone().all(|it| it.contains("18.4 EB")),
            "{:?}",
            wide.collect::<Vec<_>>()
        );
        snapshot
            .findings
            .iter_mut()
            .for_each(|it| Arc::make_mut(it).contacts = [199_999; 5]);
        assert!(widest(&super::text(&snapshot, Style::Plain)) <= WIDTH);
    }

    #[test]
    fn colours_change_nothing_but_colour() {
        let snapshot = sample::snapshot();
        let mut coloured = text(&snapshot, Style::Colour);
        assert!(coloured.contains("\x1b[1;31minstalled-active"));
        for code in ["1", "2", "1;31", "33", "0"] {
            coloured = coloured.replace(&format!("\x1b[{code}m"), "");
        }
        assert_eq!(coloured, text(&snapshot, Style::Plain));
    }

    #[test]
    fn text_from_outside_cannot_steer_the_terminal() {
        let mut snapshot = sample::snapshot();
        for finding in &mut snapshot.findings {
            let finding = Arc::make_mut(finding);
            finding.grounds = vec!["\x1b[2Jgone\u{9b}".to_owned()];
            finding.products = vec!["\x07".to_owned()];
        }
        snapshot.captures[0].name = "\x1b]0;title\x07".to_owned();
        let text = text(&snapshot, Style::Plain);
        assert!(text.chars().all(|it| it == '\n' || !it.is_control()));
    }

    #[test]
    fn words_stay_whole_and_lose_nothing() {
        let words = "one two-and-a-half three ".repeat(40);
        let mut out = String::new();
        paragraph(&mut out, "  - ", "    ", &words);
        assert!(widest(&out) <= WIDTH);
        let read: Vec<&str> = out.split_whitespace().skip(1).collect();
        assert_eq!(read, words.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn durations_have_two_units_at_most() {
        let secs = [0, 59, 60, 3_600, 7_325, 86_400, 90_061];
        let expected = [
            "under 1 s",
            "59 s",
            "1 min",
            "1 h",
            "2 h 2 min",
            "1 d",
            "1 d 1 h",
        ];
        assert_eq!(secs.map(human_duration), expected);
    }

    #[test]
    fn a_count_that_is_not_zero_is_never_left_out() {
        let mut snapshot = sample::empty();
        snapshot.visibility = Visibility::default();
        snapshot.visibility.flows_evicted = [1, 0];
        snapshot.decode.skipped.insert("esp", 2);
        let text = text(&snapshot, Style::Plain);
        assert!(text.contains("2 in ESP"), "{text}");
        assert!(text.contains("1 flow "), "{text}");
    }
}
