//! All that stands in a report for people, as text: what [`html`](super::html) and
//! [`markdown`](super::markdown) write in their forms.
//!
//! Findings are listed up to [`MAX_ROWS`] in all parts together; what is left out is said.

use phonehome_signatures::Directive;

use super::chart::{Size, bar, chart};
use super::elements::ByHand;
use super::words::{
    LIMITS, authority_words, confidence_words, counted, evidence, milestone_words, step_words,
    waiver,
};
use super::{Cited, Endpoint, Origin, Part, Product, Report, Stand};
use crate::export::table::unseen::{connections_sentence, lines, unnamed_rows};
use crate::export::table::{clean, meaning};
use crate::export::{Snapshot, VERSION, human_count, human_octets, iso_seconds, who};
use crate::findings::Verdict;
use crate::findings::waivers::Force;

/// A report as text.
pub(super) struct Page {
    pub(super) heading: String,
    /// What is known of report and data; `None` is to be filled in.
    pub(super) facts: Vec<(&'static str, Option<String>)>,
    pub(super) parts: Vec<PartText>,
    pub(super) unseen: Unseen,
    pub(super) methods: Vec<String>,
    pub(super) limits: [&'static str; LIMITS.len()],
    /// Words and their meanings.
    pub(super) verdicts: Vec<(&'static str, &'static str)>,
    pub(super) states: Vec<(&'static str, &'static str)>,
    pub(super) signatures: Vec<SignatureRow>,
    pub(super) signatures_left_out: usize,
    pub(super) version: &'static str,
}

/// A part of it.
pub(super) struct PartText {
    /// Where the part is on the page.
    pub(super) anchor: String,
    pub(super) title: String,
    pub(super) about: Option<About>,
    /// The answer, and what else there is to say.
    pub(super) answer: String,
    pub(super) summary: Vec<String>,
    pub(super) milestones: Vec<MilestoneRow>,
    pub(super) charts: Vec<String>,
    pub(super) pace: String,
    pub(super) pace_note: Option<String>,
    pub(super) statuses: Vec<[String; 4]>,
    pub(super) products: Vec<ProductRow>,
    pub(super) endpoints: Vec<EndpointRow>,
    pub(super) endpoints_all: usize,
    pub(super) waivers: Vec<WaiverRow>,
    pub(super) waivers_left_out: usize,
    pub(super) elements: Vec<ElementRow>,
    pub(super) sources: Vec<SourceRow>,
}

/// What a directive is.
pub(super) struct About {
    pub(super) title: String,
    pub(super) issuer: String,
    pub(super) date: String,
    pub(super) scope: String,
    /// What counts, and how it was read.
    pub(super) counts: String,
    pub(super) reading: String,
}

pub(super) struct MilestoneRow {
    pub(super) place: usize,
    pub(super) date: String,
    pub(super) step: &'static str,
    pub(super) text: String,
    pub(super) left: String,
}

pub(super) struct ProductRow {
    pub(super) vendor: String,
    pub(super) name: String,
    pub(super) open: String,
    pub(super) waived: String,
    pub(super) absent: String,
    pub(super) removed: String,
    pub(super) bar: String,
}

pub(super) struct EndpointRow {
    pub(super) host: String,
    /// What is known of the device, and of those that had the address before, a line each.
    pub(super) who: Vec<String>,
    pub(super) vendor: String,
    pub(super) products: String,
    pub(super) verdict: &'static str,
    pub(super) state: &'static str,
    pub(super) waiver: String,
    pub(super) grounds: Vec<String>,
    pub(super) evidence: String,
    pub(super) first: String,
    pub(super) last: String,
    pub(super) data: String,
}

pub(super) struct WaiverRow {
    pub(super) host: String,
    pub(super) vendor: String,
    pub(super) until: String,
    pub(super) standing: &'static str,
    pub(super) reason: String,
    pub(super) by: String,
}

pub(super) struct ElementRow {
    pub(super) step: &'static str,
    pub(super) letter: String,
    pub(super) text: String,
    pub(super) lines: Vec<String>,
    pub(super) lines_left_out: usize,
    pub(super) by_hand: ByHand,
}

pub(super) struct SourceRow {
    pub(super) text: String,
    pub(super) url: Option<String>,
    pub(super) date: String,
    pub(super) confidence: &'static str,
}

pub(super) struct SignatureRow {
    pub(super) id: String,
    pub(super) pattern: String,
    pub(super) category: &'static str,
    pub(super) confidence: &'static str,
    pub(super) source: String,
    pub(super) url: Option<String>,
    pub(super) findings: String,
}

/// What could not be seen.
pub(super) struct Unseen {
    pub(super) caveats: Vec<String>,
    pub(super) silent: Option<String>,
    pub(super) connections: String,
    /// Why, how many, and which share.
    pub(super) unnamed: Vec<[String; 3]>,
    pub(super) lines: Vec<(&'static str, String)>,
}

impl Page {
    pub(super) fn of(report: &Report<'_>) -> Self {
        let most = MAX_ROWS / report.parts.len().max(1);
        let parts = report.parts.iter().enumerate();
        let cited = report.signatures.iter().take(MAX_SIGNATURES);
        Self {
            heading: heading(report),
            facts: facts(report),
            parts: parts
                .map(|(place, it)| PartText::of(report, it, place, most))
                .collect(),
            unseen: Unseen::of(report),
            methods: report.methods().iter().map(|it| clean(it)).collect(),
            limits: LIMITS,
            verdicts: VERDICTS.map(|it| (it.as_str(), meaning(it))).into(),
            states: Stand::ALL.map(|it| (it.as_str(), it.meaning())).into(),
            signatures: cited.map(SignatureRow::of).collect(),
            signatures_left_out: report.signatures.len().saturating_sub(MAX_SIGNATURES),
            version: VERSION,
        }
    }
}

fn heading(report: &Report<'_>) -> String {
    match report.parts.as_slice() {
        [one] => match one.directive {
            Some(it) => format!("Report under {}", clean(&it.name)),
            None => "Inventory of flagged products".to_owned(),
        },
        parts => format!("Report under {}", counted(parts.len() as u64, "directive")),
    }
}

fn facts(report: &Report<'_>) -> Vec<(&'static str, Option<String>)> {
    let snapshot = report.snapshot;
    let mut facts = vec![
        ("Organisation", None),
        ("Prepared by", None),
        ("Made", Some(words_of(report.ask.made) + " UTC")),
        ("Sensor", report.ask.sensor.as_deref().map(clean)),
    ];
    let data = report.span.map(|(first, last)| {
        let days = counted(report.days(), "day");
        format!("{} to {} UTC ({days})", words_of(first), words_of(last))
    });
    facts.push(("Data", Some(data.unwrap_or_else(|| "none".to_owned()))));
    let inputs = snapshot.captures.iter().take(MAX_INPUTS).map(|it| {
        let frames = counted(it.received_frames, "frame");
        format!("{} ({frames})", clean(&it.name))
    });
    let inputs: Vec<String> = inputs.collect();
    facts.push((
        "Read from",
        Some(match report.ask.origin {
            Origin::Store => "what a sensor has stored".to_owned(),
            _ if inputs.is_empty() => "nothing".to_owned(),
            _ => inputs.join(", "),
        }),
    ));
    let packs = snapshot.catalogue.packs().iter();
    let packs: Vec<String> = packs
        .map(|it| clean(&format!("{} {} of {}", it.id, it.version, it.date)))
        .collect();
    facts.push(("Signature packs", Some(packs.join(", "))));
    facts.push(("Program", Some(format!("phonehome {VERSION}"))));
    facts
}

/// A time for people: `2017-10-02 08:00:00`.
pub(super) fn words_of(at: crate::time::Timestamp) -> String {
    iso_seconds(at).replace('T', " ").replace('Z', "")
}

impl PartText {
    fn of(report: &Report<'_>, part: &Part<'_>, place: usize, most: usize) -> Self {
        let snapshot = report.snapshot;
        let mut summary = part.summary(report).into_iter().map(|it| clean(&it));
        let anchor = format!("part-{}", place + 1);
        let line = &part.burn_down;
        let charts = [Size::Wide, Size::Narrow]
            .into_iter()
            .zip(["wide", "narrow"])
            .filter_map(|(size, word)| {
                chart(line, part.directive, size, &format!("{anchor}-{word}"))
            });
        let waived = part.endpoints.iter().filter(|it| it.waived.is_some());
        let statuses = line.statuses.iter().map(|it| {
            [
                it.day.to_string(),
                human_count(it.open),
                human_count(it.came),
                human_count(it.went),
            ]
        });
        let whole = part.products.iter().map(|it| it.counts.all()).max();
        Self {
            title: clean(&part.title()),
            about: part.directive.map(About::of),
            answer: summary.next().unwrap_or_default(),
            summary: summary.collect(),
            milestones: milestones(report, part.directive),
            charts: charts.collect(),
            pace: part.pace(),
            pace_note: part.pace_note().map(|it| clean(&it)),
            statuses: statuses.collect(),
            products: part
                .products
                .iter()
                .enumerate()
                .map(|(row, it)| {
                    ProductRow::of(it, whole.unwrap_or(0), &format!("{anchor}-product-{row}"))
                })
                .collect(),
            endpoints: part
                .endpoints
                .iter()
                .take(most)
                .map(|it| EndpointRow::of(snapshot, it))
                .collect(),
            endpoints_all: part.endpoints.len(),
            waivers: waived
                .clone()
                .take(MAX_WAIVERS)
                .filter_map(|it| WaiverRow::of(snapshot, it))
                .collect(),
            waivers_left_out: waived.count().saturating_sub(MAX_WAIVERS),
            elements: elements(report, part),
            sources: part.directive.map(sources).unwrap_or_default(),
            anchor,
        }
    }

    /// Endpoints that are not listed.
    pub(super) fn endpoints_left_out(&self) -> usize {
        self.endpoints_all - self.endpoints.len()
    }
}

impl About {
    fn of(directive: &Directive) -> Self {
        let kinds: Vec<&str> = directive
            .profile
            .counts
            .iter()
            .map(|it| it.as_str())
            .collect();
        Self {
            title: clean(&directive.title),
            issuer: clean(&directive.issuer),
            date: directive.date.to_string(),
            scope: clean(&directive.scope),
            counts: kinds.join(", "),
            reading: clean(&directive.profile.reading),
        }
    }
}

fn milestones(report: &Report<'_>, directive: Option<&Directive>) -> Vec<MilestoneRow> {
    let milestones = directive.map_or(&[][..], |it| &it.milestones);
    let rows = milestones
        .iter()
        .enumerate()
        .map(|(place, it)| MilestoneRow {
            place: place + 1,
            date: it.date.to_string(),
            step: step_words(it),
            text: clean(&it.text),
            left: milestone_words(it, report.today),
        });
    rows.collect()
}

impl ProductRow {
    fn of(product: &Product<'_>, whole: u64, id: &str) -> Self {
        let counts = &product.counts;
        let (open, all) = (counts.open(), counts.all());
        let said = format!("{} of {} are open", human_count(open), human_count(all));
        Self {
            vendor: clean(&product.vendor),
            name: clean(product.name.unwrap_or("not told by a signature")),
            open: human_count(open),
            waived: human_count(counts.of(Stand::Waived)),
            absent: human_count(counts.of(Stand::Absent)),
            removed: human_count(counts.of(Stand::Removed)),
            bar: bar([open, all - open], whole, id, &said),
        }
    }
}

impl EndpointRow {
    fn of(snapshot: &Snapshot, endpoint: &Endpoint<'_>) -> Self {
        let finding = endpoint.finding;
        Self {
            host: finding.host.to_string(),
            who: who::lines(finding),
            vendor: clean(&snapshot.vendor_name(finding.vendor)),
            products: clean(&finding.products.join(", ")),
            verdict: finding.verdict.as_str(),
            state: endpoint.stand.as_str(),
            waiver: clean(&waiver(snapshot, endpoint).unwrap_or_default()),
            grounds: finding.grounds.iter().map(|it| clean(it)).collect(),
            evidence: evidence(endpoint).join(", "),
            first: words_of(finding.first_seen),
            last: words_of(finding.last_seen),
            data: format!(
                "{} sent, {} received",
                human_octets(finding.sent),
                human_octets(finding.received)
            ),
        }
    }
}

impl WaiverRow {
    fn of(snapshot: &Snapshot, endpoint: &Endpoint<'_>) -> Option<Self> {
        let waived = endpoint.waived?;
        let waiver = waived.waiver;
        Some(Self {
            host: endpoint.finding.host.to_string(),
            vendor: clean(&snapshot.vendor_name(endpoint.finding.vendor)),
            until: waiver.until.to_string(),
            standing: match waived.force {
                Force::Holds => "holds",
                Force::RanOut => "has run out",
            },
            reason: clean(&waiver.reason),
            by: clean(&waiver.by),
        })
    }
}

fn elements(report: &Report<'_>, part: &Part<'_>) -> Vec<ElementRow> {
    let rows = part.elements(report).into_iter().map(|told| ElementRow {
        step: told.element.step.as_str(),
        letter: clean(&told.element.letter),
        text: clean(&told.element.text),
        lines_left_out: told.lines.len().saturating_sub(MAX_LINES),
        lines: told
            .lines
            .iter()
            .take(MAX_LINES)
            .map(|it| clean(it))
            .collect(),
        by_hand: told.by_hand,
    });
    rows.collect()
}

fn sources(directive: &Directive) -> Vec<SourceRow> {
    let rows = directive.citations.iter().map(|it| SourceRow {
        text: clean(&it.text),
        url: it.url.as_deref().and_then(link),
        date: clean(it.date.as_deref().unwrap_or_default()),
        confidence: authority_words(it.authority),
    });
    rows.collect()
}

impl SignatureRow {
    fn of(cited: &Cited<'_>) -> Self {
        let signature = cited.signature;
        let source = signature.sources.first();
        let text = source.map_or(String::new(), |it| match &it.date {
            Some(date) => format!("{} ({date})", it.text),
            None => it.text.clone(),
        });
        Self {
            id: clean(&signature.id),
            pattern: clean(&shortened(&signature.pattern)),
            category: signature.category.as_str(),
            confidence: confidence_words(signature.confidence),
            source: clean(&text),
            url: source.and_then(|it| link(it.url.as_deref()?)),
            findings: human_count(cited.findings),
        }
    }
}

impl Unseen {
    fn of(report: &Report<'_>) -> Self {
        let snapshot = report.snapshot;
        let is_stored = report.ask.origin == Origin::Store;
        Self {
            caveats: snapshot
                .looking
                .caveats(&snapshot.captures)
                .iter()
                .map(|it| clean(it))
                .collect(),
            silent: report.silent(),
            connections: if is_stored {
                "A sensor stores what it found, and not how much it could see. The report of the \
                 running sensor, at its address under /report, tells that."
                    .to_owned()
            } else {
                connections_sentence(snapshot)
            },
            unnamed: unnamed_rows(snapshot),
            lines: if is_stored {
                Vec::new()
            } else {
                lines(snapshot).into()
            },
        }
    }
}

/// An address that a browser may be led to; `None` for anything but HTTP.
fn link(url: &str) -> Option<String> {
    let is_plain = url.bytes().all(|it| it.is_ascii_graphic());
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    (is_plain && is_web).then(|| url.to_owned())
}

/// A text of a hundred letters at most.
fn shortened(text: &str) -> String {
    if text.chars().count() <= 100 {
        return text.to_owned();
    }
    let kept: String = text.chars().take(99).collect();
    kept + "\u{2026}"
}

/// Verdicts that are explained, the gravest first.
const VERDICTS: [Verdict; 6] = [
    Verdict::Manager,
    Verdict::InstalledActive,
    Verdict::Installed,
    Verdict::Likely,
    Verdict::Embedded,
    Verdict::Contact,
];

/// Endpoints that are listed, in all parts together; [`csv`](super::csv) has them all.
pub(super) const MAX_ROWS: usize = 1_000;

/// Waivers that are listed, a part.
const MAX_WAIVERS: usize = 200;

/// Signatures that are listed.
const MAX_SIGNATURES: usize = 200;

/// Lines of an element.
const MAX_LINES: usize = 60;

/// Inputs that are named.
const MAX_INPUTS: usize = 8;
