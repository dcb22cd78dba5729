//! The status page: plain HTML without scripts, for a quick look.

use std::fmt::{self, Write};

use crate::export::table::unseen::reason_words;
use crate::export::{
    Mode, Ready, Snapshot, VERSION, human_count, human_octets, human_share, is_flagged,
    iso_seconds, verdict_word,
};
use crate::findings::Finding;
use crate::visibility::Unnamed;

/// Writes the page; `with_hosts` says whether it may show addresses of hosts.
pub(super) fn html(snapshot: &Snapshot, with_hosts: bool) -> String {
    let mut page = String::new();
    // Writing to a string cannot fail, here and below.
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>phonehome</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>phonehome</h1>\n"
    );
    status(&mut page, snapshot);
    findings(&mut page, snapshot, with_hosts);
    unnamed(&mut page, snapshot);
    inputs(&mut page, snapshot);
    links(&mut page, with_hosts);
    let _ = write!(
        page,
        "<footer>phonehome {VERSION}</footer>\n</main>\n</body>\n</html>\n"
    );
    page
}

fn status(page: &mut String, snapshot: &Snapshot) {
    let (class, words) = match &snapshot.ready {
        Ready::Yes => ("good", "The sensor is ready.".to_owned()),
        Ready::No(reason) => ("bad", format!("The sensor is not ready: {reason}")),
    };
    let _ = writeln!(page, "<p class=\"{class}\">{}</p>", Escaped(&words));
    let flagged = snapshot.flagged_hosts();
    let open: u64 = snapshot.visibility.connections.iter().sum();
    let named: u64 = snapshot.visibility.named.as_flattened().iter().sum();
    let received: u64 = snapshot.captures.iter().map(|it| it.received_frames).sum();
    let dropped: u64 = snapshot
        .captures
        .iter()
        .flat_map(|it| it.dropped_frames)
        .sum();
    let tiles = [
        (
            human_count(flagged as u64),
            "hosts with software or devices of flagged vendors",
        ),
        (human_count(snapshot.hosts_seen), "hosts seen"),
        (human_share(named, open), "of connections could be named"),
        (human_share(dropped, received), "of frames were dropped"),
    ];
    let _ = writeln!(page, "<dl class=\"tiles\">");
    for (value, words) in tiles {
        let value = Escaped(&value);
        let _ = writeln!(page, "<div><dt>{words}</dt><dd>{value}</dd></div>");
    }
    let _ = writeln!(page, "</dl>");
    if let Some((first, last)) = snapshot.span() {
        let (first, last) = (iso_seconds(first), iso_seconds(last));
        let _ = writeln!(page, "<p>Frames from {first} to {last}.</p>");
    }
}

fn findings(page: &mut String, snapshot: &Snapshot, with_hosts: bool) {
    let _ = writeln!(page, "<h2>Findings</h2>");
    let all = snapshot.findings_by_severity();
    let flagged: Vec<&Finding> = all
        .into_iter()
        .filter(|it| is_flagged(it.verdict))
        .collect();
    if flagged.is_empty() {
        let _ = writeln!(
            page,
            "<p>None found, as far as could be seen; what could not is below.</p>"
        );
        return;
    }
    if !with_hosts {
        let _ = writeln!(
            page,
            "<p>{} findings. Hosts are listed only while every listener is on a loopback address.\
             </p>",
            human_count(flagged.len() as u64)
        );
        return;
    }
    head(
        page,
        &[
            "Host",
            "Vendor",
            "Verdict",
            "Why",
            "#Sent",
            "#Received",
            "Last seen",
        ],
    );
    for finding in flagged.iter().take(MAX_ROWS) {
        let vendor = snapshot.vendor_name(finding.vendor);
        let why = finding.grounds.first().map_or("", String::as_str);
        let verdict = verdict_word(finding.verdict);
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{}</th><td data-of=\"Vendor\">{}</td>\
             <td data-of=\"Verdict\" class=\"{verdict}\">{verdict}</td>\
             <td data-of=\"Why\">{}</td><td data-of=\"Sent\" class=\"number\">{}</td>\
             <td data-of=\"Received\" class=\"number\">{}</td>\
             <td data-of=\"Last seen\" class=\"time\">{}</td></tr>",
            finding.host,
            Escaped(&vendor),
            Escaped(why),
            human_octets(finding.sent),
            human_octets(finding.received),
            iso_seconds(finding.last_seen),
        );
    }
    let _ = writeln!(page, "</tbody>\n</table>");
    let more = flagged.len().saturating_sub(MAX_ROWS);
    if more > 0 {
        let more = human_count(more as u64);
        let _ = writeln!(
            page,
            "<p>{more} more are in <a href=\"/api/v1/findings\">the JSON document</a>.</p>"
        );
    }
}

fn unnamed(page: &mut String, snapshot: &Snapshot) {
    let seen = &snapshot.visibility;
    let all: u64 = seen.connections.iter().sum();
    let _ = writeln!(page, "<h2>What could not be seen</h2>");
    if seen.unnamed.as_flattened().iter().all(|it| *it == 0) {
        let _ = writeln!(
            page,
            "<p>{} connections, all of them named.</p>",
            human_count(all)
        );
        return;
    }
    head(page, &["Connections without a name", "#Number", "#Share"]);
    for reason in Unnamed::ALL {
        let count: u64 = seen.unnamed.iter().map(|it| it[reason as usize]).sum();
        if count > 0 {
            let _ = writeln!(
                page,
                "<tr><th scope=\"row\">{}</th><td data-of=\"Number\" class=\"number\">{}</td>\
                 <td data-of=\"Share\" class=\"number\">{}</td></tr>",
                reason_words(reason),
                human_count(count),
                Escaped(&human_share(count, all)),
            );
        }
    }
    let _ = writeln!(page, "</tbody>\n</table>");
}

fn inputs(page: &mut String, snapshot: &Snapshot) {
    let _ = writeln!(page, "<h2>What is read</h2>");
    head(
        page,
        &[
            "Input",
            "State",
            "#Frames",
            "#Octets",
            "#Cut short",
            "#Dropped",
        ],
    );
    for capture in &snapshot.captures {
        let (class, state) = match (capture.mode, capture.up) {
            (Mode::Live, true) => ("good", "up"),
            (Mode::Live, false) => ("bad", "down"),
            (Mode::File, true) => ("good", "being read"),
            (Mode::File, false) => ("good", "read to its end"),
        };
        let _ = writeln!(
            page,
            "<tr><th scope=\"row\">{}</th><td data-of=\"State\" class=\"{class}\">{state}</td>\
             <td data-of=\"Frames\" class=\"number\">{}</td>\
             <td data-of=\"Octets\" class=\"number\">{}</td>\
             <td data-of=\"Cut short\" class=\"number\">{}</td>\
             <td data-of=\"Dropped\" class=\"number\">{}</td></tr>",
            Escaped(&capture.name),
            human_count(capture.received_frames),
            human_octets(capture.received_bytes),
            human_count(capture.truncated_frames),
            human_count(capture.dropped_frames.iter().sum()),
        );
    }
    let _ = writeln!(page, "</tbody>\n</table>");
    for caveat in snapshot.looking.caveats(&snapshot.captures) {
        let _ = writeln!(page, "<p class=\"bad\">{}</p>", Escaped(&caveat));
    }
}

/// Opens a table; columns of numbers are marked with `#`.
fn head(page: &mut String, columns: &[&str]) {
    page.push_str("<table>\n<thead><tr>");
    for column in columns {
        let _ = match column.strip_prefix('#') {
            Some(word) => write!(page, "<th scope=\"col\" class=\"number\">{word}</th>"),
            None => write!(page, "<th scope=\"col\">{column}</th>"),
        };
    }
    page.push_str("</tr></thead>\n<tbody>\n");
}

fn links(page: &mut String, with_hosts: bool) {
    let _ = writeln!(page, "<h2>More</h2>\n<ul>");
    for (path, words, is_of_hosts) in LINKS {
        if with_hosts || !is_of_hosts {
            let _ = writeln!(page, "<li><a href=\"{path}\">{path}</a> {words}</li>");
        }
    }
    let _ = writeln!(page, "</ul>");
    if !with_hosts {
        let _ = writeln!(
            page,
            "<p>/metrics/hosts and /api/v1/findings are off: a listener is not on a loopback \
             address.</p>"
        );
    }
}

/// Text that means nothing to a browser.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                letter if letter.is_control() => f.write_char('\u{fffd}')?,
                letter => f.write_char(letter)?,
            }
        }
        Ok(())
    }
}

/// Findings shown on the page; the document of findings has them all.
const MAX_ROWS: usize = 200;

/// What else there is, with whether it shows hosts.
const LINKS: [(&str, &str, bool); 7] = [
    ("/metrics", "for Prometheus", false),
    ("/metrics/hosts", "for Prometheus, a row a finding", true),
    ("/api/v1/findings", "all findings as JSON", true),
    (
        "/api/v1/visibility",
        "what could and could not be named, as JSON",
        false,
    ),
    ("/api/v1/signatures", "what is looked for, as JSON", false),
    ("/-/healthy", "whether the process runs", false),
    (
        "/-/ready",
        "whether captures are open and packs loaded",
        false,
    ),
];

/// The style sheet.
pub(super) const STYLE: &str = "
:root { --text: #1c1e21; --soft: #5c6470; --line: #d5d9df; --back: #fff; --good: #1a6b34;
  --bad: #b01616; --note: #8a5a00; --link: #0b57b0; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e6ea; --soft: #9aa3b0; --line: #3a3f47;
  --back: #15171a; --good: #6ccf8b; --bad: #ff8a80; --note: #f0b95a; --link: #8ab8ff; } }
body { margin: 0; background: var(--back); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 1rem 1rem 2rem; }
h1 { font-size: 1.5rem; margin: 0.5rem 0; }
h2 { font-size: 1.15rem; margin: 2rem 0 0.5rem; }
a { color: var(--link); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 1rem;
  margin: 1rem 0; }
.tiles div { display: flex; flex-direction: column-reverse; justify-content: flex-end;
  border: 1px solid var(--line); border-radius: 6px; padding: 0.75rem 1rem; }
.tiles dd { margin: 0; font-size: 1.75rem; font-weight: 600; }
.tiles dt { color: var(--soft); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.4rem 0.75rem 0.4rem 0;
  border-bottom: 1px solid var(--line); overflow-wrap: break-word; }
thead th { color: var(--soft); font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 600; overflow-wrap: anywhere; min-width: 7.5rem; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.time { white-space: nowrap; }
.good { color: var(--good); }
.bad, .installed, .installed-active, .manager { color: var(--bad); font-weight: 600; }
.likely, .embedded, .contact { color: var(--note); font-weight: 600; }
ul { padding-left: 1.25rem; }
@media (max-width: 44rem) {
  thead { display: none; }
  table, tbody, tr, th, td { display: block; }
  tr { border-bottom: 1px solid var(--line); padding: 0.5rem 0; }
  th, td { border: 0; padding: 0.1rem 0; }
  td, td.number { display: flex; gap: 1rem; text-align: left; }
  td::before { content: attr(data-of); flex: 0 0 6rem; color: var(--soft); font-weight: 400; }
}
footer { margin-top: 2rem; color: var(--soft); }
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::sample;

    #[test]
    fn text_from_outside_cannot_become_markup() {
        let mut snapshot = sample::snapshot();
        let attack = "<script>alert('1')</script>&\"\u{1b}";
        for finding in &mut snapshot.findings {
            finding.grounds = vec![attack.to_owned()];
        }
        snapshot.captures[0].name = attack.to_owned();
        snapshot.ready = Ready::No(attack.to_owned());
        let page = html(&snapshot, true);
        assert!(!page.contains("<script"));
        assert!(!page.contains('\u{1b}'));
        let escaped = "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;";
        assert!(page.matches(escaped).count() >= 3);
    }

    #[test]
    fn hosts_are_shown_only_where_they_may_be() {
        let snapshot = sample::snapshot();
        assert!(html(&snapshot, true).contains("10.1.2.3"));
        assert!(!html(&snapshot, false).contains("10.1."));
    }

    #[test]
    fn a_long_list_ends_with_how_many_more_there_are() {
        let mut snapshot = sample::snapshot();
        let one = snapshot.findings[1].clone();
        snapshot.findings = vec![one; MAX_ROWS + 7];
        let page = html(&snapshot, true);
        assert_eq!(page.matches("<th scope=\"row\">10.").count(), MAX_ROWS);
        assert!(page.contains("<p>7 more are"));
    }
}
