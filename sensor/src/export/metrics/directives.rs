//! Metrics of directives, and of the states of findings.

use super::page::Page;
use crate::export::Snapshot;
use crate::export::directives::{DIRECTIVE_STATES, STATES};

/// Findings by state.
pub(super) fn states(page: &mut Page, snapshot: &Snapshot) {
    page.count(
        "phonehome_findings",
        "Findings by state.",
        ["vendor", "state"],
        super::vendors_and(snapshot, STATES).chain(
            snapshot
                .stated()
                .map(|(it, state)| ([snapshot.vendor_id(it.vendor), state.as_str()], 1)),
        ),
    );
}

/// The directives in force: whom they cover, what counts, and by when.
pub(super) fn directives(page: &mut Page, snapshot: &Snapshot) {
    let directives = || snapshot.directives.list().iter();
    page.gauge(
        "phonehome_directive_vendor_info",
        "Vendors that a loaded directive covers; always 1.",
        ["directive", "vendor"],
        directives().flat_map(|it| {
            let vendors = it.vendors.iter();
            vendors.map(|vendor| ([it.id.as_str(), vendor.as_str()], 1.0))
        }),
    );
    page.count(
        "phonehome_directive_findings",
        "Findings that count under the directive.",
        ["directive", "state"],
        directives().flat_map(|it| {
            let tally = snapshot.tally(it);
            DIRECTIVE_STATES.map(|state| ([it.id.as_str(), state], tally.count(state)))
        }),
    );
    page.gauge(
        "phonehome_directive_milestone_timestamp_seconds",
        "Date of the milestone; absent where the directive sets none.",
        ["directive", "milestone"],
        directives().flat_map(|directive| {
            let milestones = directive.milestones.iter();
            milestones.filter_map(|it| {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "a gauge in seconds; days of the calendar are whole"
                )]
                let at = it.date.start_seconds() as f64;
                Some(([directive.id.as_str(), it.step?.as_str()], at))
            })
        }),
    );
}
