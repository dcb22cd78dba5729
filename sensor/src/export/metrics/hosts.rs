//! Host rows: `/metrics/hosts`.
//!
//! One row of each family a finding, written straight into text: a large site has thousands, and
//! building an object a sample would cost ten times as much. The addresses of hosts are personal
//! data; who may read them is decided by [`crate::export::http`].

use std::cmp::Reverse;
use std::fmt::Write;

use super::super::Snapshot;
use crate::findings::Finding;

/// Writes a row a finding, the newest `most` of them, and how many were left out.
///
/// The label `product` holds the products of the finding in alphabetical order, joined by commas;
/// `other` if no signature tells one.
#[must_use]
pub fn text(snapshot: &Snapshot, most: usize) -> String {
    let findings = snapshot.findings.iter();
    let mut kept: Vec<&Finding> = findings.map(AsRef::as_ref).collect();
    kept.sort_by_key(|it| (Reverse(it.last_seen), it.vendor, it.host));
    let omitted = kept.len().saturating_sub(most);
    kept.truncate(most);
    kept.sort_by_key(|it| (it.vendor, it.host));
    let rows: Vec<(String, &Finding)> = kept
        .into_iter()
        .map(|it| (labels(snapshot, it), it))
        .collect();

    let mut text = String::new();
    family(
        &mut text,
        "phonehome_host_first_seen_timestamp_seconds",
        (
            "gauge",
            "Capture time of the first sighting for the finding.",
        ),
        rows.iter().map(|(labels, it)| (labels, it.first_seen)),
    );
    family(
        &mut text,
        "phonehome_host_last_seen_timestamp_seconds",
        (
            "gauge",
            "Capture time of the newest sighting for the finding.",
        ),
        rows.iter().map(|(labels, it)| (labels, it.last_seen)),
    );
    family(
        &mut text,
        "phonehome_host_sightings_total",
        ("counter", "Sightings of the finding."),
        rows.iter().map(|(labels, it)| {
            let sum = it
                .contacts
                .iter()
                .fold(0_u64, |sum, it| sum.saturating_add(*it));
            (labels, sum)
        }),
    );
    let with_verdict: Vec<String> = rows
        .iter()
        .map(|(labels, it)| {
            let (verdict, state) = (it.verdict.as_str(), snapshot.state(it).as_str());
            format!("{labels},verdict=\"{verdict}\",state=\"{state}\"")
        })
        .collect();
    family(
        &mut text,
        "phonehome_host_finding_info",
        ("gauge", "Present verdict and state; always 1."),
        with_verdict.iter().map(|it| (it, 1)),
    );
    let none = String::new();
    family(
        &mut text,
        "phonehome_host_rows_omitted",
        (
            "gauge",
            "Host rows left out of /metrics/hosts by the limit.",
        ),
        [(&none, omitted)],
    );
    text
}

/// Writes a family, unless it has no row.
fn family<'a, V: std::fmt::Display>(
    text: &mut String,
    name: &str,
    (kind, help): (&str, &str),
    rows: impl IntoIterator<Item = (&'a String, V)>,
) {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() {
        return;
    }
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in rows {
        let _ = if labels.is_empty() {
            writeln!(text, "{name} {value}")
        } else {
            writeln!(text, "{name}{{{labels}}} {value}")
        };
    }
}

fn labels(snapshot: &Snapshot, finding: &Finding) -> String {
    let mut labels = format!(
        "host=\"{}\",vendor=\"{}\",product=\"",
        finding.host,
        snapshot.vendor_id(finding.vendor)
    );
    if finding.products.is_empty() {
        labels.push_str("other");
    }
    for (place, product) in finding.products.iter().enumerate() {
        if place > 0 {
            labels.push_str(", ");
        }
        for letter in product.chars() {
            match letter {
                '"' | '\\' => labels.extend(['\\', letter]),
                '\n' => labels.push_str("\\n"),
                letter => labels.push(letter),
            }
        }
    }
    labels.push('"');
    labels
}

/// Rows of each family at most, unless the configuration says otherwise.
pub const DEFAULT_ROWS: usize = 5_000;
