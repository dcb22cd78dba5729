//! The document of `/api/v1/directives`, and what a finding's row says of directives and waivers.

use phonehome_signatures::Directive;
use serde::Serialize;

use super::{GENERATOR, Generator, Map, PackRow, SCHEMA, packs};
use crate::export::Snapshot;
use crate::export::directives::{DIRECTIVE_STATES, Tally};
use crate::findings::waivers::{Force, Waived};

/// The document of `/api/v1/directives`: the directives in force, and how far they are.
pub fn directives(snapshot: &Snapshot) -> impl Serialize + '_ {
    Document {
        schema: SCHEMA,
        generator: GENERATOR,
        today: snapshot.today().to_string(),
        packs: packs(snapshot),
        waivers: snapshot.waivers.len(),
        directives: rows(snapshot),
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    generator: Generator,
    /// The day of the packets, by which waivers run out.
    today: String,
    packs: Vec<PackRow<'a>>,
    waivers: usize,
    directives: Vec<Row<'a>>,
}

/// A directive in force.
#[derive(Serialize)]
pub(super) struct Row<'a> {
    id: &'a str,
    name: &'a str,
    issuer: &'a str,
    title: &'a str,
    date: String,
    scope: &'a str,
    vendors: Vec<VendorRow<'a>>,
    counts: Counts<'a>,
    milestones: Vec<MilestoneRow<'a>>,
    findings: Map<u64>,
    not_counted: Map<u64>,
    sources: Vec<CitationRow<'a>>,
}

#[derive(Serialize)]
struct VendorRow<'a> {
    id: &'a str,
    /// Whether a pack is loaded; without one nothing can be found.
    pack: bool,
}

#[derive(Serialize)]
struct Counts<'a> {
    kinds: Vec<&'static str>,
    excluded_products: &'a [String],
    excluded_categories: Vec<&'static str>,
    reading: &'a str,
}

#[derive(Serialize)]
struct MilestoneRow<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'static str>,
    date: String,
    text: &'a str,
}

#[derive(Serialize)]
struct CitationRow<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<&'a str>,
    confidence: &'static str,
}

/// A waiver, as the row of a finding shows it.
#[derive(Serialize)]
pub(super) struct WaiverRow<'a> {
    hosts: String,
    until: String,
    holds: bool,
    reason: &'a str,
    by: &'a str,
}

pub(super) fn waiver(waived: Waived<'_>) -> WaiverRow<'_> {
    let waiver = waived.waiver;
    WaiverRow {
        hosts: waiver.hosts.to_string(),
        until: waiver.until.to_string(),
        holds: waived.force == Force::Holds,
        reason: &waiver.reason,
        by: &waiver.by,
    }
}

fn rows(snapshot: &Snapshot) -> Vec<Row<'_>> {
    let directives = snapshot.directives.list().iter();
    directives.map(|it| row(snapshot, it)).collect()
}

/// What is said of a directive in force.
pub(super) fn row<'a>(snapshot: &Snapshot, directive: &'a Directive) -> Row<'a> {
    let tally = snapshot.tally(directive);
    Row {
        id: &directive.id,
        name: &directive.name,
        issuer: &directive.issuer,
        title: &directive.title,
        date: directive.date.to_string(),
        scope: &directive.scope,
        vendors: directive
            .vendors
            .iter()
            .map(|id| VendorRow {
                id,
                pack: snapshot.catalogue.vendor_by_id(id).is_some(),
            })
            .collect(),
        counts: Counts {
            kinds: directive
                .profile
                .counts
                .iter()
                .map(|it| it.as_str())
                .collect(),
            excluded_products: &directive.profile.excluded_products,
            excluded_categories: directive
                .profile
                .excluded_categories
                .iter()
                .map(|it| it.as_str())
                .collect(),
            reading: &directive.profile.reading,
        },
        milestones: directive
            .milestones
            .iter()
            .map(|it| MilestoneRow {
                step: it.step.map(|it| it.as_str()),
                date: it.date.to_string(),
                text: &it.text,
            })
            .collect(),
        findings: counted(&tally),
        not_counted: not_counted(&tally),
        sources: directive
            .citations
            .iter()
            .map(|it| CitationRow {
                text: &it.text,
                url: it.url.as_deref(),
                date: it.date.as_deref(),
                confidence: it.authority.as_str(),
            })
            .collect(),
    }
}

fn counted(tally: &Tally) -> Map<u64> {
    Map(DIRECTIVE_STATES.map(|it| (it, tally.count(it))).into())
}

fn not_counted(tally: &Tally) -> Map<u64> {
    let kinds = tally.other_kinds.iter();
    let mut rows: Vec<(&'static str, u64)> =
        kinds.map(|(kind, count)| (kind.as_str(), *count)).collect();
    if tally.excluded > 0 {
        rows.push(("excluded", tally.excluded));
    }
    Map(rows)
}

#[cfg(test)]
mod tests {
    use crate::export::sample;

    #[test]
    fn the_document_tells_what_counts_and_by_when() {
        let document = serde_json::to_value(super::directives(&sample::snapshot())).unwrap();
        assert_eq!(document["today"], "2017-10-02");
        assert_eq!(document["waivers"], 2);
        let bod = &document["directives"][0];
        assert_eq!(bod["id"], "us-bod-17-01");
        assert_eq!(bod["findings"]["open"], 1);
        assert_eq!(bod["findings"]["waived"], 1);
        assert_eq!(bod["not_counted"]["contact"], 1);
        assert_eq!(bod["milestones"][0]["step"], "identify");
        assert_eq!(bod["milestones"][0]["date"], "2017-10-13");
        assert_eq!(bod["sources"][0]["confidence"], "primary");
        let section = &document["directives"][1];
        assert_eq!(section["counts"]["kinds"][4], "embedded");
        assert_eq!(section["vendors"][0]["pack"], true);
    }
}
