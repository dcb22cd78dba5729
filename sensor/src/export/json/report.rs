//! The document of a report, as `schemas/report.schema.json` describes it.

use serde::Serialize;

use super::{
    FindingRow, GENERATOR, Generator, Input, Map, PackRow, SCHEMA, VisibilityPart, directives,
    finding, input, packs, visibility_of,
};
use crate::export::iso_seconds;
use crate::export::report::burn_down::{BurnDown, Pace, Point};
use crate::export::report::words::LIMITS;
use crate::export::report::{Counts, Origin, Part, Report, Stand};

/// The document of a report, with `most` endpoints in each part at most.
pub fn report<'a>(report: &'a Report<'_>, most: usize) -> impl Serialize + 'a {
    let snapshot = report.snapshot;
    Document {
        schema: SCHEMA,
        generator: GENERATOR,
        made: iso_seconds(report.ask.made),
        sensor: report.ask.sensor.as_deref(),
        origin: report.ask.origin.as_str(),
        today: report.today.to_string(),
        data: report.span.map(|(first, last)| Data {
            from: iso_seconds(first),
            to: iso_seconds(last),
            days: report.days(),
        }),
        input: input(snapshot),
        packs: packs(snapshot),
        hosts_seen: snapshot.hosts_seen,
        parts: report
            .parts
            .iter()
            .map(|it| part(report, it, most))
            .collect(),
        silent: report.silent(),
        visibility: (report.ask.origin != Origin::Store).then(|| visibility_of(snapshot)),
        methods: report.methods(),
        limits: LIMITS,
        signatures: report
            .signatures
            .iter()
            .map(|it| SignatureRow {
                id: &it.signature.id,
                pattern: &it.signature.pattern,
                category: it.signature.category.as_str(),
                confidence: it.signature.confidence.as_str(),
                sources: it
                    .signature
                    .sources
                    .iter()
                    .map(|it| SourceRow {
                        text: &it.text,
                        url: it.url.as_deref(),
                        date: it.date.as_deref(),
                    })
                    .collect(),
                findings: it.findings,
            })
            .collect(),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    generator: Generator,
    made: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sensor: Option<&'a str>,
    origin: &'static str,
    today: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data>,
    input: Input<'a>,
    packs: Vec<PackRow<'a>>,
    hosts_seen: u64,
    parts: Vec<PartRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    silent: Option<String>,
    /// Absent where the findings are those of a store, which does not have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    visibility: Option<VisibilityPart>,
    methods: Vec<String>,
    limits: [&'static str; LIMITS.len()],
    signatures: Vec<SignatureRow<'a>>,
}

#[derive(Serialize)]
struct Data {
    from: String,
    to: String,
    days: u64,
}

#[derive(Serialize)]
struct PartRow<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    directive: Option<directives::Row<'a>>,
    summary: Vec<String>,
    open_hosts: u64,
    findings: Map<u64>,
    not_counted: Vec<LeftOutRow>,
    products: Vec<ProductRow<'a>>,
    networks: Vec<NetworkRow<'a>>,
    burn_down: BurnDownRow,
    endpoints: Vec<FindingRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoints_omitted: Option<usize>,
    elements: Vec<ElementRow<'a>>,
}

/// Findings that do not count, and what they are of, in plain words.
#[derive(Serialize)]
struct LeftOutRow {
    what: &'static str,
    findings: u64,
}

#[derive(Serialize)]
struct ProductRow<'a> {
    vendor: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<&'a str>,
    endpoints: Map<u64>,
}

#[derive(Serialize)]
struct NetworkRow<'a> {
    network: &'a str,
    open_hosts: u64,
}

#[derive(Serialize)]
struct BurnDownRow {
    before: u64,
    points: Vec<PointRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ideal: Option<IdealRow>,
    statuses: Vec<PointRow>,
    pace: PaceRow,
}

#[derive(Serialize)]
struct PointRow {
    day: String,
    open: u64,
    came: u64,
    went: u64,
}

#[derive(Serialize)]
struct IdealRow {
    day: String,
    open: u64,
    none_on: String,
}

#[derive(Serialize)]
struct PaceRow {
    pace: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    none_on: Option<String>,
}

#[derive(Serialize)]
struct ElementRow<'a> {
    step: &'static str,
    letter: &'a str,
    text: &'a str,
    filler: &'static str,
    by_hand: &'static str,
    lines: Vec<String>,
}

#[derive(Serialize)]
struct SignatureRow<'a> {
    id: &'a str,
    pattern: &'a str,
    category: &'static str,
    confidence: &'static str,
    sources: Vec<SourceRow<'a>>,
    findings: u64,
}

#[derive(Serialize)]
struct SourceRow<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<&'a str>,
}

fn part<'a>(report: &'a Report<'_>, part: &'a Part<'_>, most: usize) -> PartRow<'a> {
    let snapshot = report.snapshot;
    let elements = part.elements(report).into_iter().map(|told| ElementRow {
        step: told.element.step.as_str(),
        letter: &told.element.letter,
        text: &told.element.text,
        filler: told.element.filler.as_str(),
        by_hand: told.by_hand.as_str(),
        lines: told.lines,
    });
    let endpoints = part.endpoints.iter().take(most);
    PartRow {
        directive: part.directive.map(|it| directives::row(snapshot, it)),
        summary: part.summary(report),
        open_hosts: part.counts.open_hosts,
        findings: counts(&part.counts),
        not_counted: part
            .left_out
            .iter()
            .map(|(what, findings)| LeftOutRow {
                what,
                findings: *findings,
            })
            .collect(),
        products: part
            .products
            .iter()
            .map(|it| ProductRow {
                vendor: &it.vendor,
                product: it.name,
                endpoints: counts(&it.counts),
            })
            .collect(),
        networks: part
            .networks
            .iter()
            .map(|it| NetworkRow {
                network: &it.block,
                open_hosts: it.hosts,
            })
            .collect(),
        burn_down: burn_down(&part.burn_down),
        endpoints: endpoints.map(|it| finding(snapshot, it.finding)).collect(),
        endpoints_omitted: part.endpoints.len().checked_sub(most).filter(|it| *it > 0),
        elements: elements.collect(),
    }
}

fn counts(counts: &Counts) -> Map<u64> {
    Map(Stand::ALL.map(|it| (it.as_str(), counts.of(it))).into())
}

fn burn_down(line: &BurnDown) -> BurnDownRow {
    let point = |it: &Point| PointRow {
        day: it.day.to_string(),
        open: it.open,
        came: it.came,
        went: it.went,
    };
    let (pace, none_on) = match line.pace {
        Pace::TooShort => ("too-short", None),
        Pace::Done => ("done", None),
        Pace::Flat => ("flat", None),
        Pace::Falls { none_on, .. } => ("falls", Some(none_on.to_string())),
    };
    BurnDownRow {
        before: line.before,
        points: line.points.iter().map(point).collect(),
        ideal: line.ideal.map(|(from, none_on)| IdealRow {
            day: from.day.to_string(),
            open: from.open,
            none_on: none_on.to_string(),
        }),
        statuses: line.statuses.iter().map(point).collect(),
        pace: PaceRow { pace, none_on },
    }
}
