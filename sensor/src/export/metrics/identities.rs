//! Metrics of who has which address. Names and addresses never are label values.

use super::Snapshot;
use super::page::{Page, float};
use crate::identity;

pub(super) fn identities(page: &mut Page, snapshot: &Snapshot) {
    let rows = identity::Source::ALL
        .into_iter()
        .zip(&snapshot.visibility.identity);
    page.counter(
        "phonehome_identity_messages_total",
        "Messages read for who a device is, by result.",
        ["protocol", "result"],
        rows.flat_map(|(protocol, row)| {
            let results = identity::Outcome::ALL.into_iter().zip(row);
            results.map(move |(result, count)| ([protocol.as_str(), result.as_str()], *count))
        }),
    );
    let [known, evicted] = snapshot.identities;
    page.gauge(
        "phonehome_identities",
        "Addresses of which it is known who has them, and devices that said who they are.",
        ["kind"],
        IDENTITIES
            .into_iter()
            .zip(known)
            .map(|(kind, count)| ([kind], float(count))),
    );
    page.counter(
        "phonehome_identities_evicted_total",
        "Those of them that made room for others.",
        ["kind"],
        IDENTITIES
            .into_iter()
            .zip(evicted)
            .map(|(kind, count)| ([kind], count)),
    );
}

/// What identities are of.
const IDENTITIES: [&str; 2] = ["address", "device"];
