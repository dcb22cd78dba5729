//! Packs: the signatures of one vendor, as a TOML file.
//!
//! Reading takes the text of a file and gives either a pack in which every reference holds
//! and every example is claimed as it says, or all that is wrong at once, each with its line. The
//! format is described in the README of this package.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use crate::document::{self, At, FileError, Report, Table, check_id, shown};
use crate::signature::{Example, Signature, Source};

mod check;
mod entry;

pub(crate) use check::{claims, conflicts, doubled_payloads};

use entry::{Entries, Names};
/// Most patterns of a pack, with braces expanded.
pub const MAX_PATTERNS: usize = 100_000;
/// Most patterns that one text with braces stands for.
const MAX_EXPANSION: usize = 10_000;
/// Most globs under one fixed part. Each name below it is compared with all of them.
const MAX_GLOBS: usize = 256;
/// Most port ranges of a signature.
const MAX_PORTS: usize = 64;

/// A pack that holds what the format asks for.
#[derive(Debug)]
pub(crate) struct Pack {
    /// The file, as the caller named it.
    pub(crate) file: String,
    pub(crate) id: String,
    pub(crate) vendor: String,
    pub(crate) version: String,
    pub(crate) date: String,
    pub(crate) description: String,
    pub(crate) entries: Vec<Entry>,
    /// Names that no signature of the pack claims.
    pub(crate) lookalikes: Vec<Example>,
}

/// A signature of a pack, and where it stands.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its vendor is the first of the pack alone; the catalogue sets the real one.
    pub(crate) signature: Signature,
    /// Its line in the file, from one.
    pub(crate) line: usize,
    /// The line of each pattern, in their order.
    pub(crate) pattern_lines: Vec<usize>,
    /// The line of each example, in their order.
    example_lines: Vec<usize>,
    /// The line of each counterexample, in their order.
    counterexample_lines: Vec<usize>,
}

impl Pack {
    /// Reads and checks a pack. `file` is what errors call it.
    ///
    /// # Errors
    ///
    /// All that is wrong, by line.
    pub(crate) fn read(file: &str, text: &str) -> Result<Self, Vec<FileError>> {
        document::read(file, text, "pack", |document, report| {
            read_document(file, document, report)
        })
    }
}

fn read_document(file: &str, document: &Table<'_>, report: &mut Report<'_>) -> Pack {
    const KEYS: &[&str] = &[
        "id",
        "vendor",
        "version",
        "date",
        "description",
        "lookalikes",
        "source",
        "signature",
    ];
    document.only(KEYS, report);
    let id = document.text("id", "write `id = \"vendor\"`", report);
    if let Some(id) = &id {
        check_id("id", id, document, report);
    }
    let vendor = document.text("vendor", "write the vendor's name for people", report);
    let version = document.text("version", "write `version = \"1.0.0\"`", report);
    if let Some(version) = &version
        && !version
            .value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".-+".contains(c))
    {
        let message = "pack: `version` holds letters, digits, `.`, `-` and `+` only";
        report.wrong(&version.span, message);
    }
    let date = document.text("date", "write `date = \"2026-01-31\"`", report);
    if let Some(date) = &date
        && jiff::civil::Date::from_str(date.value).is_err()
    {
        let message = format!(
            "pack: `date` is {}; write it as 2026-01-31",
            shown(date.value)
        );
        report.wrong(&date.span, message);
    }
    let description = document.text("description", "say what the pack is about", report);
    let sources = read_sources(document, report);

    let lookalikes = Names::read(document, "lookalikes", report);
    let tables = document.tables("signature", report);
    if tables.is_empty() {
        report.wrong_on(1, "pack: it has no [[signature]]; write at least one");
    }
    let mut entries = Entries::new(sources);
    for table in tables {
        entries.add(table, report);
    }
    let entries = entries.into_list();
    let claims = claims(entries.iter().map(|entry| (file, entry)), true);
    let payloads = doubled_payloads(entries.iter().map(|entry| (file, entry)));
    for error in conflicts(&claims).into_iter().chain(payloads) {
        report.wrong_on(error.line, error.message);
    }
    // Examples of a pack with faults would only repeat them.
    if report.is_clean() {
        check::examples(&entries, &lookalikes, report);
    }

    let owned = |text: Option<At<&str>>| text.map(|text| text.value.to_owned()).unwrap_or_default();
    Pack {
        file: file.to_owned(),
        id: owned(id),
        vendor: owned(vendor),
        version: owned(version),
        date: owned(date),
        description: owned(description),
        entries,
        lookalikes: lookalikes.names,
    }
}

pub(crate) fn read_sources(
    document: &Table<'_>,
    report: &mut Report<'_>,
) -> BTreeMap<u32, Arc<Source>> {
    let mut sources = BTreeMap::new();
    for mut table in document.tables("source", report) {
        let id = table.number("id", "number the sources from 1", report);
        if let Some(id) = &id {
            table.title = format!("source {}", id.value);
        }
        table.only(&["id", "text", "url", "date"], report);
        let text = table.text("text", "write the citation", report);
        let url = table.optional_text("url", report);
        let date = table.optional_text("date", report);
        let Some(id) = id else {
            continue;
        };
        let owned = |text: Option<At<&str>>| text.map(|text| text.value.to_owned());
        // A source without a text is kept, so that entries that cite it are not reported as well.
        let text = owned(text).unwrap_or_default();
        let source = Source {
            id: id.value,
            text,
            url: owned(url),
            date: owned(date),
        };
        if sources.insert(id.value, Arc::new(source)).is_some() {
            let message = format!("source {}: the number is taken; give it another", id.value);
            report.wrong(&id.span, message);
        }
    }
    sources
}

/// The sources a table cites; reports those that there are not.
pub(crate) fn cited(
    table: &Table<'_>,
    sources: &BTreeMap<u32, Arc<Source>>,
    r: &mut Report<'_>,
) -> Vec<Arc<Source>> {
    let numbers = table.numbers("sources", r);
    let mut cited = Vec::with_capacity(numbers.len());
    for number in numbers {
        match sources.get(&number.value) {
            Some(source) => cited.push(Arc::clone(source)),
            None => {
                let message = format!(
                    "{}: there is no source {}; add a [[source]] with that id",
                    table.title, number.value
                );
                r.wrong(&number.span, message);
            }
        }
    }
    cited
}

#[cfg(test)]
mod tests;
