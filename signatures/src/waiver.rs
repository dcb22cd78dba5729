//! Waivers: findings that an organisation lets stand until a day, as a TOML file.
//!
//! A waiver names hosts, a vendor, the last day on which it holds, why, and who says so. It hides
//! nothing: a finding under a waiver is shown as waived, and counts as open again on the day after.
//! Reading gives all waivers of a file, or all that is wrong with it at once, each with its line.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use ipnet::IpNet;

use crate::catalogue::Catalogue;
use crate::day::Day;
use crate::directive::day;
use crate::document::{self, At, FileError, LoadError, Report, Table, check_id, shown};

/// Most waivers of a file.
pub const MAX_WAIVERS: usize = 10_000;
/// Longest reason, and longest name of who waives, in characters.
const MAX_TEXT: usize = 200;

/// A waiver.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Waiver {
    /// The hosts; one host is a block of one address.
    pub hosts: IpNet,
    /// The vendor, by the id of its pack.
    pub vendor: String,
    /// The last day on which it holds, UTC.
    pub until: Day,
    /// Why.
    pub reason: String,
    /// Who says so.
    pub by: String,
}

/// Reads a file of waivers. `file` is what errors call it.
///
/// # Errors
///
/// All that is wrong, by line.
pub fn read(file: &str, text: &str) -> Result<Vec<Waiver>, Vec<FileError>> {
    document::read(file, text, "waivers", read_document)
}

/// Reads the waivers of a file on disk. A file without any is right.
///
/// # Errors
///
/// [`LoadError::Read`] if it cannot be read, and [`LoadError::Wrong`] with all that is wrong in it.
pub fn load(path: &Path) -> Result<Vec<Waiver>, LoadError> {
    let (file, text) = document::read_file(path)?;
    read(&file, &text).map_err(LoadError::Wrong)
}

/// What whoever puts waivers in force should know, a sentence each: vendors without a pack.
#[must_use]
pub fn notes(waivers: &[Waiver], catalogue: &Catalogue) -> Vec<String> {
    let mut unknown: Vec<&str> = waivers
        .iter()
        .map(|it| it.vendor.as_str())
        .filter(|it| catalogue.vendor_by_id(it).is_none())
        .collect();
    unknown.sort_unstable();
    unknown.dedup();
    let notes = unknown.iter();
    notes
        .map(|it| format!("waivers: no pack is loaded for {it}; there is nothing to waive"))
        .collect()
}

fn read_document(document: &Table<'_>, report: &mut Report<'_>) -> Vec<Waiver> {
    document.only(&["waiver"], report);
    let tables = document.tables("waiver", report);
    if let Some(beyond) = tables.get(MAX_WAIVERS) {
        let message =
            format!("there are more than {MAX_WAIVERS} waivers; name blocks of addresses");
        report.wrong(beyond.span(), message);
    }
    let mut waivers: Vec<Waiver> = Vec::new();
    let mut lines: BTreeMap<(IpNet, String), usize> = BTreeMap::new();
    for table in tables.into_iter().take(MAX_WAIVERS) {
        let line = report.line(table.span().start);
        let Some(waiver) = waiver(&table, report) else {
            continue;
        };
        let key = (waiver.hosts, waiver.vendor.clone());
        if let Some(first) = lines.insert(key, line) {
            let message = format!(
                "waiver: the one on line {first} is for {} and `{}` too; remove one",
                waiver.hosts, waiver.vendor
            );
            report.wrong_on(line, message);
        }
        waivers.push(waiver);
    }
    waivers
}

/// Reads a waiver; what is wrong in it is reported, and the waiver then left out.
fn waiver(table: &Table<'_>, report: &mut Report<'_>) -> Option<Waiver> {
    table.only(&["host", "vendor", "until", "reason", "by"], report);
    let host = table.text(
        "host",
        "write an address, or a block as in `host = \"10.1.2.0/24\"`",
        report,
    );
    let hosts = host.and_then(|host| {
        let hosts = block(host.value);
        if let Err(right) = &hosts {
            let found = shown(host.value);
            report.wrong(&host.span, format!("waiver: `host` is {found}; {right}"));
        }
        hosts.ok()
    });
    let vendor = table.text("vendor", "write the id of a pack", report);
    if let Some(vendor) = &vendor {
        check_id("vendor", vendor, table, report);
    }
    let until = day(table, "until", report);
    let reason = short_text(table, "reason", "say why the finding may stand", report);
    let by = short_text(table, "by", "write who lets it stand", report);
    Some(Waiver {
        hosts: hosts?,
        vendor: vendor?.value.to_owned(),
        until: until?.value,
        reason: reason?.value.to_owned(),
        by: by?.value.to_owned(),
    })
}

/// The text of a key that must be there and is shown on a line.
fn short_text<'t>(
    table: &Table<'t>,
    key: &str,
    right: &str,
    report: &mut Report<'_>,
) -> Option<At<&'t str>> {
    let text = table.text(key, right, report)?;
    if text.value.chars().count() > MAX_TEXT || text.value.chars().any(char::is_control) {
        let message = format!(
            "waiver: `{key}` is {}; write one line of at most {MAX_TEXT} characters",
            shown(text.value)
        );
        report.wrong(&text.span, message);
    }
    Some(text)
}

/// Reads an address or a block of addresses.
fn block(text: &str) -> Result<IpNet, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address));
    }
    let block: IpNet = text
        .parse()
        .map_err(|_| "write an address, or a block as in `10.1.2.0/24`".to_owned())?;
    if block.trunc() != block {
        return Err(format!(
            "write `{}` for the block, or the address alone for the host",
            block.trunc()
        ));
    }
    Ok(block)
}

#[cfg(test)]
mod tests;
