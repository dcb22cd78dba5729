//! The status page: plain HTML without scripts, for a quick look.
//!
//! It says first whether the sensor is well, then what was found, what could not be seen, how the
//! sensor fares, and what it looks for. What stands where is in `templates/status.html`; here are the
//! words and numbers. Times are those of the capture; how long ago they were is counted from the
//! clock of the machine.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use askama::Template;
use phonehome_signatures::VendorId;

use self::health::Health;
use self::pipeline::pipeline;
use crate::export::report::Short;
use crate::export::table::directives;
use crate::export::table::unseen::{connections_sentence, lines, unnamed_rows};
use crate::export::table::{clean, meaning};
use crate::export::{
    Mode, STAGES, Snapshot, VERSION, human_count, human_octets, human_share, is_flagged,
    iso_seconds, who,
};
use crate::findings::{Finding, Verdict};
use crate::host::Address;
use crate::time::Timestamp;

mod health;
mod pipeline;

/// How the page is looked at.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct View {
    access: Access,
    is_encrypted: bool,
    refreshes: Refreshes,
    rows: Rows,
}

/// Whether addresses of hosts are shown, and why.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Access {
    /// They are: whoever asks has a password or a certificate.
    Authenticated,
    /// They are: only this machine can ask.
    Local,
    /// They are: the configuration says so.
    Always,
    /// They are not: the configuration says so.
    Never,
    /// They are not: anybody could ask.
    #[default]
    Open,
}

#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
enum Refreshes {
    #[default]
    Yes,
    No,
}

/// How many findings are shown.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
enum Rows {
    /// [`FEW`].
    #[default]
    Few,
    /// [`MANY`].
    Many,
}

impl View {
    /// Reads the query of a request: `refresh=off`, `rows=all`; the rest does not matter.
    pub(super) fn of(query: Option<&str>, access: Access, is_encrypted: bool) -> Self {
        let has = |pair| query.is_some_and(|it| it.split('&').any(|it| it == pair));
        Self {
            access,
            is_encrypted,
            refreshes: if has("refresh=off") {
                Refreshes::No
            } else {
                Refreshes::Yes
            },
            rows: if has("rows=all") {
                Rows::Many
            } else {
                Rows::Few
            },
        }
    }

    /// The path and query that show the page like this.
    fn href(self) -> &'static str {
        match (self.refreshes, self.rows) {
            (Refreshes::Yes, Rows::Few) => "/",
            (Refreshes::Yes, Rows::Many) => "/?rows=all",
            (Refreshes::No, Rows::Few) => "/?refresh=off",
            (Refreshes::No, Rows::Many) => "/?refresh=off&rows=all",
        }
    }
}

impl Access {
    pub(super) const fn shows_hosts(self) -> bool {
        match self {
            Self::Authenticated | Self::Local | Self::Always => true,
            Self::Never | Self::Open => false,
        }
    }

    /// Why, in plain words.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Authenticated => "everybody who asks has a password or a certificate",
            Self::Local => "only this machine can connect",
            Self::Always => "web.show-hosts is \"always\"",
            Self::Never => "web.show-hosts is \"never\"",
            Self::Open => "other machines can connect, and nobody is asked for a password",
        }
    }
}

/// Writes the page; `None` if that fails. `now` is the time of the clock.
pub(super) fn html(
    snapshot: &Snapshot,
    view: View,
    metrics_path: &str,
    now: Option<Timestamp>,
) -> Option<String> {
    let findings = snapshot.findings_by_severity();
    let shows_hosts = view.access.shows_hosts();
    let (flagged, others): (Vec<&Finding>, Vec<&Finding>) =
        findings.into_iter().partition(|it| is_flagged(it.verdict));
    let most = match view.rows {
        Rows::Few => FEW,
        Rows::Many => MANY,
    };
    let rows = flagged.iter().take(if shows_hosts { most } else { 0 });
    let left_out = flagged.len().saturating_sub(most);
    let page = Page {
        style: STYLE,
        refreshes: view.refreshes == Refreshes::Yes,
        still: View {
            refreshes: Refreshes::No,
            ..view
        }
        .href(),
        moving: View {
            refreshes: Refreshes::Yes,
            ..view
        }
        .href(),
        now: now.map(Moment),
        health: health::of(snapshot, now),
        tiles: tiles(snapshot),
        vendors: vendors(snapshot, &flagged),
        shows_hosts,
        access: view.access.words(),
        is_encrypted: view.is_encrypted,
        rows: rows.map(|it| Row::of(snapshot, it)).collect(),
        total: flagged.len(),
        left_out,
        all: (view.rows == Rows::Few).then(|| {
            View {
                rows: Rows::Many,
                ..view
            }
            .href()
        }),
        most: MANY,
        browsing: browsing(snapshot, &others),
        directives: duties(snapshot, shows_hosts),
        caveats: snapshot.looking.caveats(&snapshot.captures),
        connections: connections_sentence(snapshot),
        unnamed: unnamed_rows(snapshot),
        unseen: lines(snapshot),
        inputs: inputs(snapshot),
        pipeline: pipeline(snapshot, now),
        packs: packs(snapshot),
        links: links(metrics_path, shows_hosts),
        version: VERSION,
    };
    page.render().ok()
}

/// All that stands on the page, as text.
#[derive(Template)]
#[template(path = "status.html")]
struct Page {
    style: &'static str,
    refreshes: bool,
    still: &'static str,
    moving: &'static str,
    now: Option<Moment>,
    health: Health,
    tiles: [Tile; 4],
    vendors: Vec<VendorRow>,
    shows_hosts: bool,
    access: &'static str,
    is_encrypted: bool,
    rows: Vec<Row>,
    total: usize,
    left_out: usize,
    all: Option<&'static str>,
    most: usize,
    browsing: Vec<String>,
    directives: Vec<DutyRow>,
    caveats: Vec<String>,
    connections: String,
    /// Why, how many, and which share.
    unnamed: Vec<[String; 3]>,
    unseen: [(&'static str, String); 8],
    inputs: Vec<InputRow>,
    pipeline: Vec<(&'static str, String)>,
    packs: Vec<PackRow>,
    links: Vec<(String, &'static str)>,
    version: &'static str,
}

/// A time as machines read it; [`Moment::shown`] is for people.
struct Moment(Timestamp);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&iso_seconds(self.0))
    }
}

impl Moment {
    /// The same without letters: `2017-10-02 08:00:00`.
    fn shown(&self) -> String {
        iso_seconds(self.0).replace('T', " ").replace('Z', "")
    }
}

struct Tile {
    value: String,
    words: &'static str,
}

struct VendorRow {
    name: String,
    hosts: String,
    /// How many hosts have which verdict.
    parts: String,
    last: Moment,
}

struct Row {
    host: String,
    /// What is known of the device, and of those that had the address before, a line each.
    who: Vec<String>,
    vendor: String,
    products: String,
    verdict: &'static str,
    class: &'static str,
    sign: &'static str,
    meaning: &'static str,
    /// What a waiver says of it; empty without one.
    waiver: String,
    ground: String,
    /// The grounds after the first.
    grounds: Vec<String>,
    first: Moment,
    last: Moment,
    sent: String,
    received: String,
}

/// A directive in force.
struct DutyRow {
    name: String,
    /// What counts and what does not, in a sentence.
    sentence: String,
    due: String,
    open: String,
    removed: String,
    /// Open findings by day; `None` on the first day.
    line: Option<String>,
    /// Path and query of the report; `None` where hosts are not shown.
    report: Option<String>,
}

struct InputRow {
    name: String,
    state: &'static str,
    class: &'static str,
    /// `None` before the first frame.
    newest: Option<Moment>,
    frames: String,
    octets: String,
    cut: String,
    lost: String,
}

struct PackRow {
    id: String,
    version: String,
    date: String,
    signatures: String,
}

impl Row {
    fn of(snapshot: &Snapshot, finding: &Finding) -> Self {
        let mut grounds = finding.grounds.iter().map(|it| clean(it));
        let (class, sign) = look(finding.verdict);
        Self {
            host: finding.host.to_string(),
            who: who::lines(finding),
            vendor: clean(&snapshot.vendor_name(finding.vendor)),
            products: clean(&finding.products.join(", ")),
            verdict: finding.verdict.as_str(),
            class,
            sign,
            meaning: meaning(finding.verdict),
            waiver: clean(&directives::waiver(snapshot, finding).unwrap_or_default()),
            ground: grounds.next().unwrap_or_default(),
            grounds: grounds.collect(),
            first: Moment(finding.first_seen),
            last: Moment(finding.last_seen),
            sent: human_octets(finding.sent),
            received: human_octets(finding.received),
        }
    }
}

/// Class and sign of a verdict: what is told by colour is told by shape as well.
const fn look(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Manager | Verdict::InstalledActive => ("alarm", "\u{25cf}"),
        Verdict::Installed => ("alarm", "\u{25cb}"),
        Verdict::Likely => ("likely", "\u{25b2}"),
        Verdict::Embedded => ("likely", "\u{25c6}"),
        Verdict::Contact => ("mild", "\u{25c7}"),
        Verdict::EmbedOnly | Verdict::None => ("mild", "\u{2013}"),
    }
}

fn tiles(snapshot: &Snapshot) -> [Tile; 4] {
    let seen = &snapshot.visibility;
    let open: u64 = seen.connections.iter().sum();
    let named: u64 = seen.named.as_flattened().iter().sum();
    let received: u64 = snapshot.captures.iter().map(|it| it.received_frames).sum();
    let tile = |value, words| Tile { value, words };
    [
        tile(
            human_count(snapshot.flagged_hosts() as u64),
            "hosts with findings",
        ),
        tile(human_count(snapshot.hosts_seen), "hosts seen"),
        match open {
            0 => tile("0".to_owned(), "connections opened by hosts"),
            open => tile(human_share(named, open), "of connections could be named"),
        },
        match received {
            0 => tile("0".to_owned(), "frames received"),
            received => tile(
                human_share(dropped(snapshot), received),
                "of frames were lost",
            ),
        },
    ]
}

fn dropped(snapshot: &Snapshot) -> u64 {
    let captures = snapshot.captures.iter();
    captures.flat_map(|it| it.dropped_frames).sum()
}

/// A row a vendor, the one with the most hosts first.
fn vendors(snapshot: &Snapshot, flagged: &[&Finding]) -> Vec<VendorRow> {
    let mut vendors: BTreeMap<VendorId, (BTreeMap<Verdict, usize>, Timestamp)> = BTreeMap::new();
    for finding in flagged {
        let entry = vendors
            .entry(finding.vendor)
            .or_insert((BTreeMap::new(), Timestamp::MIN));
        *entry.0.entry(finding.verdict).or_default() += 1;
        entry.1 = entry.1.max(finding.last_seen);
    }
    let mut rows: Vec<(usize, VendorRow)> = vendors
        .into_iter()
        .map(|(vendor, (verdicts, last))| {
            let hosts = verdicts.values().sum::<usize>();
            let parts: Vec<String> = verdicts
                .iter()
                .rev()
                .map(|(it, count)| format!("{} {}", human_count(*count as u64), it.as_str()))
                .collect();
            let row = VendorRow {
                name: clean(&snapshot.vendor_name(vendor)),
                hosts: human_count(hosts as u64),
                parts: parts.join(", "),
                last: Moment(last),
            };
            (hosts, row)
        })
        .collect();
    rows.sort_by_key(|it| std::cmp::Reverse(it.0));
    rows.into_iter().map(|it| it.1).collect()
}

/// Hosts whose only traffic is that of web sites and of parts in pages and apps of others.
fn browsing(snapshot: &Snapshot, others: &[&Finding]) -> Vec<String> {
    let mut vendors: BTreeMap<VendorId, Vec<Address>> = BTreeMap::new();
    for finding in others {
        vendors
            .entry(finding.vendor)
            .or_default()
            .push(finding.host);
    }
    let rows = vendors.into_iter().map(|(vendor, hosts)| {
        let what = "only read web pages of the vendor, or pages and apps with parts of it, which \
                    tells of no software or device";
        let vendor = clean(&snapshot.vendor_name(vendor));
        match hosts.len() {
            1 => format!("{vendor}: 1 other host {what}."),
            count => format!(
                "{vendor}: {} other hosts {what}.",
                human_count(count as u64)
            ),
        }
    });
    rows.collect()
}

/// How far it is under each of the directives in force.
fn duties(snapshot: &Snapshot, shows_hosts: bool) -> Vec<DutyRow> {
    let sentences = directives::lines(snapshot).map(|(line, missing)| {
        let mut letters = line.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        let line: String = first.chain(letters).collect();
        match missing {
            Some(missing) => format!("{line}; {missing}."),
            None => format!("{line}."),
        }
    });
    let shorts = Short::all(snapshot);
    let directives = snapshot.directives.list().iter().zip(sentences);
    let directives = directives.zip(shorts).enumerate();
    let rows = directives.map(|(place, ((directive, sentence), short))| DutyRow {
        name: clean(&directive.name),
        sentence: clean(&sentence),
        due: clean(&short.due),
        open: human_count(short.open),
        removed: human_count(short.removed),
        line: short.line(&format!("directive-{place}")),
        report: shows_hosts.then(|| format!("/report?directive={}", directive.id)),
    });
    rows.collect()
}

fn inputs(snapshot: &Snapshot) -> Vec<InputRow> {
    let rows = snapshot.captures.iter().map(|capture| {
        let (class, state) = match (capture.mode, capture.up) {
            (Mode::Live, true) => ("good", "\u{2713} up"),
            (Mode::Live, false) => ("bad", "\u{2715} down"),
            (Mode::File, true) => ("good", "\u{2713} being read"),
            (Mode::File, false) => ("good", "\u{2713} read to its end"),
        };
        let stages: Vec<String> = STAGES
            .into_iter()
            .zip(capture.dropped_frames)
            .filter(|it| it.1 > 0)
            .map(|(stage, count)| format!("{} at the {stage}", human_count(count)))
            .collect();
        InputRow {
            name: clean(&capture.name),
            state,
            class,
            newest: capture.last_frame.map(Moment),
            frames: human_count(capture.received_frames),
            octets: human_octets(capture.received_bytes),
            cut: human_count(capture.truncated_frames),
            lost: if stages.is_empty() {
                "none".to_owned()
            } else {
                stages.join(", ")
            },
        }
    });
    rows.collect()
}

fn packs(snapshot: &Snapshot) -> Vec<PackRow> {
    let rows = snapshot.catalogue.packs().iter().map(|it| PackRow {
        id: clean(&it.id),
        version: clean(&it.version),
        date: clean(&it.date),
        signatures: human_count(it.signatures as u64),
    });
    rows.collect()
}

/// What else there is.
fn links(metrics_path: &str, shows_hosts: bool) -> Vec<(String, &'static str)> {
    let mut links = vec![(metrics_path.to_owned(), "for Prometheus")];
    if shows_hosts {
        let hosts = format!("{metrics_path}/hosts");
        links.push((hosts, "for Prometheus, a row a finding"));
        links.push(("/api/v1/findings".to_owned(), "all findings as JSON"));
        links.push((
            "/api/v1/hosts".to_owned(),
            "all hosts with findings as JSON",
        ));
        let report = "a report on all that was found; ?directive=ID is one under a directive, \
                      &format=csv, json or md another form";
        links.push(("/report".to_owned(), report));
    }
    let rest = [
        (
            "/api/v1/visibility",
            "what could and could not be named, as JSON",
        ),
        (
            "/api/v1/directives",
            "what counts under which directive, as JSON",
        ),
        ("/api/v1/signatures", "what is looked for, as JSON"),
        ("/api/v1/status", "how the sensor is, as JSON"),
        ("/-/healthy", "whether the process runs"),
        ("/-/ready", "whether captures are open and packs loaded"),
    ];
    links.extend(rest.map(|(path, words)| (path.to_owned(), words)));
    links
}

/// The style sheet.
pub(super) const STYLE: &str = include_str!("../../../templates/status.css");

/// Findings shown at first.
const FEW: usize = 200;

/// Findings shown at most; the document of findings has them all.
const MANY: usize = 2_000;

/// Silence after which something may be wrong with the mirror port.
const SILENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
