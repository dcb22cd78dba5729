//! The report as a table for spreadsheets: comma-separated values of RFC 4180.
//!
//! Every finding that counts is a row, as many as there are. The rows before them say what the
//! report says in words, among it what could not be seen: a table without findings is no answer
//! alone. A cell that a spreadsheet would take for a formula has an apostrophe in front. What people
//! have to fill in is an empty column.

use super::elements::ByHand;
use super::words::{evidence, waiver};
use super::{Endpoint, Origin, Part, Report};
use crate::detection::Reach;
use crate::export::iso_seconds;
use crate::export::table::clean;
use crate::export::table::unseen::{connections_sentence, lines};
use crate::export::who::earlier_lines;

/// Writes the report.
#[must_use]
pub fn csv(report: &Report<'_>) -> String {
    let mut table = Table::default();
    table.row(
        COLUMNS
            .map(str::to_owned)
            .into_iter()
            .chain(by_hand(report)),
    );
    for part in &report.parts {
        for line in part.summary(report) {
            table.row(words("summary", part, &line));
        }
    }
    let first = report.parts.first();
    for line in unseen(report) {
        if let Some(part) = first {
            table.row(words("unseen", part, &line));
        }
    }
    for part in &report.parts {
        for endpoint in &part.endpoints {
            table.row(cells(report, part, endpoint));
        }
    }
    table.text
}

/// Lines of text, all of which have as many cells as the first.
#[derive(Default)]
struct Table {
    text: String,
    columns: usize,
}

impl Table {
    fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut count = 0;
        for cell in cells {
            if count > 0 {
                self.text.push(',');
            }
            put(&mut self.text, &cell);
            count += 1;
        }
        self.columns = self.columns.max(count);
        for _ in count..self.columns {
            self.text.push(',');
        }
        self.text.push_str("\r\n");
    }
}

/// Writes a cell: quoted where it has to be, and never a formula.
fn put(text: &mut String, cell: &str) {
    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\u{ff1d}', '\u{ff0b}']);
    if !is_formula && !cell.contains([',', '"', '\n', '\r']) {
        text.push_str(cell);
        return;
    }
    text.push('"');
    if is_formula {
        text.push('\'');
    }
    for letter in cell.chars() {
        if letter == '"' {
            text.push('"');
        }
        text.push(letter);
    }
    text.push('"');
}

/// Heads of the columns that people have to fill in.
fn by_hand(report: &Report<'_>) -> Vec<String> {
    let mut columns = Vec::new();
    for part in &report.parts {
        let Some(directive) = part.directive else {
            continue;
        };
        for told in part.elements(report) {
            if told.by_hand != ByHand::Nothing {
                let element = told.element;
                columns.push(format!(
                    "to fill in: {} {} {}: {}",
                    directive.id, element.step, element.letter, element.text
                ));
            }
        }
    }
    columns
}

fn directive(part: &Part<'_>) -> String {
    part.directive.map_or(String::new(), |it| it.id.clone())
}

fn words(record: &str, part: &Part<'_>, line: &str) -> Vec<String> {
    vec![record.to_owned(), directive(part), clean(line)]
}

/// What could not be seen, a sentence each.
fn unseen(report: &Report<'_>) -> Vec<String> {
    let snapshot = report.snapshot;
    let mut rows = snapshot.looking.caveats(&snapshot.captures);
    rows.extend(report.silent());
    if report.ask.origin != Origin::Store {
        rows.push(connections_sentence(snapshot));
        let lines = lines(snapshot).into_iter();
        rows.extend(lines.map(|(word, line)| format!("{word}: {line}")));
    }
    rows
}

fn cells(report: &Report<'_>, part: &Part<'_>, endpoint: &Endpoint<'_>) -> Vec<String> {
    let (snapshot, finding) = (report.snapshot, endpoint.finding);
    let categories: Vec<&str> = finding.categories.iter().map(|it| it.as_str()).collect();
    let names: Vec<&str> = finding.names.iter().map(|it| it.0.as_str()).collect();
    let contacts = Reach::ALL.map(|it| finding.contacts[it as usize].to_string());
    let who = finding.who.as_ref().map(|it| &it.identity);
    let mut cells = vec![
        "finding".to_owned(),
        directive(part),
        waiver(snapshot, endpoint).unwrap_or_default(),
        finding.host.to_string(),
        who.and_then(|it| it.name.as_ref())
            .map_or(String::new(), |it| it.0.to_string()),
        who.and_then(|it| it.device)
            .map_or(String::new(), |it| it.to_string()),
        snapshot.vendor_id(finding.vendor).to_owned(),
        finding.products.join("; "),
        finding.verdict.as_str().to_owned(),
        endpoint.stand.as_str().to_owned(),
        endpoint
            .waived
            .map_or(String::new(), |it| it.waiver.until.to_string()),
        iso_seconds(finding.first_seen),
        iso_seconds(finding.last_seen),
        finding.grounds.join("; "),
        evidence(endpoint).join("; "),
        categories.join("; "),
        names.join("; "),
    ];
    cells.extend(contacts);
    cells.extend([finding.sent.to_string(), finding.received.to_string()]);
    cells.push(earlier_lines(finding).collect::<Vec<_>>().join("; "));
    cells
}

/// Heads of the columns that every report has.
const COLUMNS: [&str; 25] = [
    "record",
    "directive",
    "text",
    "host",
    "host_name",
    "mac",
    "vendor",
    "products",
    "verdict",
    "state",
    "waived_until",
    "first_seen",
    "last_seen",
    "grounds",
    "evidence",
    "categories",
    "names",
    "asked",
    "refused",
    "attempted",
    "connected",
    "transferred",
    "octets_sent",
    "octets_received",
    "earlier_devices",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str) -> String {
        let mut written = String::new();
        put(&mut written, text);
        written
    }

    #[test]
    fn a_cell_is_quoted_where_it_has_to_be() {
        assert_eq!(cell("plain text"), "plain text");
        assert_eq!(cell("a, b"), "\"a, b\"");
        assert_eq!(cell("the \"name\""), "\"the \"\"name\"\"\"");
        assert_eq!(cell("two\nlines"), "\"two\nlines\"");
        assert_eq!(cell(""), "");
    }

    #[test]
    fn no_cell_is_a_formula() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\u{ff1d}1"] {
            let written = cell(text);
            assert!(written.starts_with("\"'"), "{written}");
            assert!(written.ends_with(&format!("{text}\"")), "{written}");
        }
    }
}
