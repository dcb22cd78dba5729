//! Reading the `[[signature]]` tables of a pack.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::document::{Report, Table, check_id, shown};
use crate::name;
use crate::pattern::{self, Pattern};
use crate::service::{PortRange, Service};
use crate::signature::{
    Category, Confidence, Evidence, Example, Payload, Signature, Source, VendorId,
};

use super::{Entry, MAX_EXPANSION, MAX_PATTERNS, MAX_PORTS};

/// The keys of a `[[signature]]`.
const KEYS: &[&str] = &[
    "id",
    "exact",
    "glob",
    "suffix",
    "payload",
    "ports",
    "usual_ports",
    "category",
    "evidence",
    "confidence",
    "product",
    "sources",
    "date",
    "note",
    "enabled",
    "examples",
    "counterexamples",
];

/// The entries of a pack so far, and what the next ones are checked against.
#[derive(Debug)]
pub(super) struct Entries {
    sources: BTreeMap<u32, Arc<Source>>,
    list: Vec<Entry>,
    /// The line of each id.
    ids: BTreeMap<String, usize>,
    /// Patterns that may still come.
    room: usize,
}

impl Entries {
    pub(super) fn new(sources: BTreeMap<u32, Arc<Source>>) -> Self {
        Self {
            sources,
            list: Vec::new(),
            ids: BTreeMap::new(),
            room: MAX_PATTERNS,
        }
    }

    pub(super) fn into_list(self) -> Vec<Entry> {
        self.list
    }

    /// Reads an entry; what is wrong in it is reported, and the entry then left out.
    pub(super) fn add(&mut self, mut table: Table<'_>, report: &mut Report<'_>) {
        let line = report.line(table.span().start);
        let id = table.text("id", "write `id = \"vendor-h01\"`", report);
        if let Some(id) = &id {
            check_id("id", id, &table, report);
            table.title = format!("signature {}", shown(id.value));
            if let Some(first) = self.ids.insert(id.value.to_owned(), line) {
                let title = &table.title;
                let message = format!("{title}: the entry on line {first} has that id; change one");
                report.wrong(&id.span, message);
            }
        }
        table.only(KEYS, report);
        let payload = payload(&table, report);
        let matches = self.matches(&table, payload, report);
        let enabled = table.flag("enabled", true, report);
        let category = table.word("category", Category::ALL, report);
        let evidence = table.word("evidence", Evidence::ALL, report);
        let confidence = table.word("confidence", Confidence::ALL, report);
        let product = table.optional_text("product", report);
        let sources = self.cited(&table, enabled, report);
        let date = table.text(
            "date",
            "write the date of the source, or \"undated\"",
            report,
        );
        let note = table.optional_text("note", report);
        let ports = port_ranges(&table, "ports", report);
        let usual_ports = port_ranges(&table, "usual_ports", report);
        let examples = Names::read(&table, "examples", report);
        let counterexamples = Names::read(&table, "counterexamples", report);
        if examples.names.is_empty() && payload.is_none() {
            let title = &table.title;
            let message = format!("{title}: `examples` is empty; write a name that it claims");
            report.wrong(table.span(), message);
        }
        let (Some(id), Some(category), Some(evidence), Some(confidence), Some(date)) =
            (id, category, evidence, confidence, date)
        else {
            return;
        };
        self.list.push(Entry {
            signature: Signature {
                id: id.value.to_owned(),
                vendor: VendorId(0),
                category,
                evidence,
                confidence,
                product: product.map(|text| text.value.to_owned()),
                enabled,
                pattern: matches.written,
                patterns: matches.patterns,
                payload,
                ports,
                usual_ports,
                sources,
                date: date.value.to_owned(),
                note: note.map(|text| text.value.to_owned()),
                examples: examples.names,
                counterexamples: counterexamples.names,
            },
            line,
            pattern_lines: matches.lines,
            example_lines: examples.lines,
            counterexample_lines: counterexamples.lines,
        });
    }

    /// The patterns of an entry, with braces expanded.
    fn matches(
        &mut self,
        table: &Table<'_>,
        payload: Option<Payload>,
        report: &mut Report<'_>,
    ) -> Matches {
        type Read = fn(&str) -> Result<Pattern, String>;
        const KINDS: [(&str, Read, &str); 3] = [
            ("exact", pattern::exact, ""),
            ("glob", pattern::glob, ""),
            ("suffix", pattern::suffix, "."),
        ];
        let mut matches = Matches::default();
        for (key, read, lead) in KINDS {
            for text in table.texts(key, report) {
                let separator = if matches.written.is_empty() { "" } else { ", " };
                matches.written.push_str(separator);
                matches.written.push_str(lead);
                matches.written.push_str(text.value);
                let line = report.line(text.span.start);
                let expanded = pattern::expand(text.value, self.room.min(MAX_EXPANSION))
                    .and_then(|texts| texts.iter().map(|text| read(text)).collect());
                let expanded: Vec<Pattern> = match expanded {
                    Ok(expanded) => expanded,
                    Err(wrong) => {
                        let (title, value) = (&table.title, shown(text.value));
                        report.wrong(&text.span, format!("{title}: {key} {value}: {wrong}"));
                        continue;
                    }
                };
                self.room = self.room.saturating_sub(expanded.len());
                matches
                    .lines
                    .resize(matches.lines.len() + expanded.len(), line);
                matches.patterns.extend(expanded);
            }
        }
        let title = &table.title;
        match (matches.written.is_empty(), payload) {
            (true, None) => {
                let message =
                    format!("{title}: it has no pattern; write `exact`, `glob` or `suffix`");
                report.wrong(table.span(), message);
            }
            (false, Some(_)) => {
                let message =
                    format!("{title}: it has a `payload` and patterns; write one of both");
                report.wrong(table.span(), message);
            }
            (true, Some(payload)) => matches.written = format!("payload {payload}"),
            (false, None) => {}
        }
        matches
    }

    /// The sources an entry cites.
    fn cited(&self, table: &Table<'_>, enabled: bool, r: &mut Report<'_>) -> Vec<Arc<Source>> {
        if enabled && table.is_without("sources") {
            let message = format!(
                "{}: `sources` is empty; cite a [[source]] as in `sources = [1]`, or write \
                 `enabled = false`",
                table.title
            );
            r.wrong(table.span(), message);
        }
        super::cited(table, &self.sources, r)
    }
}

/// What an entry claims instead of names. It has neither ports nor names as examples.
fn payload(table: &Table<'_>, report: &mut Report<'_>) -> Option<Payload> {
    table.optional_text("payload", report)?;
    for key in ["ports", "usual_ports", "examples", "counterexamples"] {
        if let Some(text) = table.texts(key, report).first() {
            let title = &table.title;
            let message =
                format!("{title}: `{key}` is for names, and it has a `payload`; leave it out");
            report.wrong(&text.span, message);
        }
    }
    table.word("payload", Payload::ALL, report)
}

/// The patterns of an entry.
#[derive(Debug, Default)]
struct Matches {
    patterns: Vec<Pattern>,
    /// The line of each pattern.
    lines: Vec<usize>,
    /// As the pack writes them.
    written: String,
}

/// Names with the services they are used on, and their lines.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) names: Vec<Example>,
    pub(super) lines: Vec<usize>,
}

impl Names {
    /// Reads the names of a key: `NAME`, or `NAME tcp/PORT`.
    pub(super) fn read(table: &Table<'_>, key: &str, report: &mut Report<'_>) -> Self {
        let mut list = Self::default();
        for text in table.texts(key, report) {
            match example(text.value) {
                Ok(example) => {
                    list.names.push(example);
                    list.lines.push(report.line(text.span.start));
                }
                Err(wrong) => {
                    let (title, value) = (&table.title, shown(text.value));
                    report.wrong(&text.span, format!("{title}: {key} {value}: {wrong}"));
                }
            }
        }
        list
    }
}

/// Reads a name and the service it is used on. Unlike a pattern, it may be written in any case and
/// with a dot at its end, to show that neither matters.
fn example(text: &str) -> Result<Example, String> {
    let (name, service) = match text.split_once(' ') {
        None => (text, Service::Dns),
        Some((name, ports)) => {
            let range: PortRange = ports.parse().map_err(|wrong| format!("{ports}: {wrong}"))?;
            if range.first != range.last {
                return Err("write one port after the name, as in `a.example.com tcp/443`".into());
            }
            (name, range.first_service())
        }
    };
    let name = name::normalise(name);
    name::check(&name)?;
    Ok(Example {
        name: name.into_owned(),
        service,
    })
}

/// The port ranges of a key; none if it is absent.
fn port_ranges(table: &Table<'_>, key: &str, report: &mut Report<'_>) -> Vec<PortRange> {
    let mut ranges = Vec::new();
    let texts = table.texts(key, report);
    if let Some(beyond) = texts.get(MAX_PORTS) {
        let message = format!("{}: `{key}` has more than {MAX_PORTS} ranges", table.title);
        report.wrong(&beyond.span, message);
    }
    for text in texts.into_iter().take(MAX_PORTS) {
        match text.value.parse() {
            Ok(range) => ranges.push(range),
            Err(wrong) => {
                let (title, value) = (&table.title, shown(text.value));
                report.wrong(
                    &text.span,
                    format!("{title}: `{key}` holds {value}, {wrong}"),
                );
            }
        }
    }
    ranges
}
