//! Metrics of sightings and findings.

use std::collections::BTreeMap;
use std::time::Duration;

use phonehome_signatures::{Category, VendorId};

use super::page::Page;
use super::{directives, vendors_and};
use crate::detection::Reach;
use crate::export::{CHANGES, Snapshot};
use crate::findings::Verdict;
use crate::host::Address;
use crate::names::Source;
use crate::time::Timestamp;

pub(super) fn detection(page: &mut Page, snapshot: &Snapshot) {
    let sightings = &snapshot.sightings;
    let pairs = || {
        let signatures = snapshot.catalogue.signatures();
        let enabled = signatures.filter(|it| it.enabled);
        enabled.map(|it| [snapshot.vendor_id(it.vendor), it.category.as_str()])
    };
    let of = |vendor: VendorId| snapshot.vendor_id(vendor);
    page.counter(
        "phonehome_sightings_total",
        "Observations that signatures claim.",
        ["vendor", "category"],
        pairs().map(|it| (it, 0)).chain(
            sightings
                .by_category
                .iter()
                .map(|(&(vendor, it), count)| ([of(vendor), Category::as_str(it)], *count)),
        ),
    );
    page.counter(
        "phonehome_sighting_sources_total",
        "The same sightings by where the name was read.",
        ["vendor", "source"],
        vendors_and(snapshot, Source::ALL.map(Source::as_str)).chain(
            sightings
                .by_source
                .iter()
                .map(|(&(vendor, it), count)| ([of(vendor), it.as_str()], *count)),
        ),
    );
    page.counter(
        "phonehome_sighting_reach_total",
        "The same sightings by how far the exchange got.",
        ["vendor", "reach"],
        vendors_and(snapshot, Reach::ALL.map(Reach::as_str)).chain(
            sightings
                .by_reach
                .iter()
                .map(|(&(vendor, it), count)| ([of(vendor), it.as_str()], *count)),
        ),
    );
    let directions = |[vendor, category]: [_; 2], [sent, received]: [u64; 2]| {
        [
            ([vendor, category, "sent"], sent),
            ([vendor, category, "received"], received),
        ]
    };
    page.counter(
        "phonehome_sighting_bytes_total",
        "Bytes of flows with a sighting, as the host sent or received them.",
        ["vendor", "category", "direction"],
        pairs().flat_map(|it| directions(it, [0, 0])).chain(
            sightings
                .octets
                .iter()
                .flat_map(|(&(vendor, it), octets)| directions([of(vendor), it.as_str()], *octets)),
        ),
    );
    let mut last_seen: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for (&vendor, &at) in &sightings.last_seen {
        let newest = last_seen.entry(of(vendor)).or_insert(at);
        *newest = at.max(*newest);
    }
    page.gauge(
        "phonehome_vendor_last_seen_timestamp_seconds",
        "Capture time of the newest sighting; absent before the first.",
        ["vendor"],
        last_seen
            .iter()
            .map(|(vendor, at)| ([*vendor], at.as_secs_f64())),
    );
    active_hosts(page, snapshot);
}

/// Hosts by the time since their newest sighting, measured from the newest frame.
fn active_hosts(page: &mut Page, snapshot: &Snapshot) {
    let frames = snapshot.captures.iter().filter_map(|it| it.last_frame);
    let now = frames.max().unwrap_or_default();
    let rows = WINDOWS.map(|(word, window)| {
        // A vendor that the catalogue does not have shares a label with others of its kind.
        let mut hosts: BTreeMap<&str, Vec<Address>> = BTreeMap::new();
        for it in &snapshot.findings {
            if now.since(it.last_seen) <= window {
                let vendor = snapshot.vendor_id(it.vendor);
                hosts.entry(vendor).or_default().push(it.host);
            }
        }
        hosts.into_iter().map(move |(vendor, mut hosts)| {
            hosts.sort_unstable();
            hosts.dedup();
            ([vendor, word], hosts.len() as u64)
        })
    });
    page.count(
        "phonehome_active_hosts",
        "Hosts with a sighting within the window.",
        ["vendor", "window"],
        vendors_and(snapshot, WINDOWS.map(|it| it.0)).chain(rows.into_iter().flatten()),
    );
}

pub(super) fn findings(page: &mut Page, snapshot: &Snapshot) {
    directives::states(page, snapshot);
    let verdicts = OPEN_VERDICTS.map(Verdict::as_str);
    page.count(
        "phonehome_open_findings",
        "Findings in state active, quiet or returned, by verdict.",
        ["vendor", "verdict"],
        vendors_and(snapshot, verdicts).chain(
            snapshot
                .stated()
                .filter(|(_, state)| state.is_open())
                .map(|(it, _)| ([snapshot.vendor_id(it.vendor), it.verdict.as_str()], 1)),
        ),
    );
    page.counter(
        "phonehome_finding_changes_total",
        "Changes of findings.",
        ["vendor", "change"],
        vendors_and(snapshot, CHANGES).chain(
            snapshot
                .changes
                .iter()
                .map(|(&(vendor, change), count)| ([snapshot.vendor_id(vendor), change], *count)),
        ),
    );
}

/// Verdicts of findings that are open; [`Verdict::None`] opens none.
const OPEN_VERDICTS: [Verdict; 7] = [
    Verdict::Contact,
    Verdict::Likely,
    Verdict::Installed,
    Verdict::InstalledActive,
    Verdict::Embedded,
    Verdict::Manager,
    Verdict::EmbedOnly,
];

/// Windows of `phonehome_active_hosts`.
const WINDOWS: [(&str, Duration); 4] = [
    ("1h", Duration::from_secs(3_600)),
    ("1d", Duration::from_secs(86_400)),
    ("7d", Duration::from_secs(7 * 86_400)),
    ("30d", Duration::from_secs(30 * 86_400)),
];
