//! Metrics of what is kept on disk: findings, where they are, and evidence.

use super::page::{Page, float};
use crate::export::{EVIDENCE_RESULTS, Snapshot};

pub(super) fn evidence(page: &mut Page, snapshot: &Snapshot) {
    let evidence = snapshot.evidence.unwrap_or_default();
    page.gauge(
        "phonehome_evidence_bytes",
        "Size of the kept evidence packets.",
        [],
        [([], float(evidence.octets))],
    );
    page.counter(
        "phonehome_evidence_records_total",
        "First sightings of a host by a signature, by what became of the frames that prove them.",
        ["result"],
        EVIDENCE_RESULTS
            .into_iter()
            .zip(evidence.records)
            .map(|(it, count)| ([it], count)),
    );
}

pub(super) fn store(page: &mut Page, snapshot: &Snapshot) {
    let Some(store) = &snapshot.store else {
        return;
    };
    page.gauge(
        "phonehome_store_last_save_timestamp_seconds",
        "Time of the last successful save of findings; that of the start before the first.",
        [],
        [([], store.last_save.as_secs_f64())],
    );
    page.counter(
        "phonehome_store_save_failures_total",
        "Saves that failed.",
        [],
        [([], store.save_failures)],
    );
    page.histogram(
        "phonehome_store_save_duration_seconds",
        "Time that a save took.",
        &store.save_bounds,
        &store.save_counts,
        store.save_sum,
    );
    page.gauge(
        "phonehome_store_file_bytes",
        "Size of the store.",
        [],
        [([], float(store.file_bytes))],
    );
    page.counter(
        "phonehome_store_deleted_rows_total",
        "Rows deleted from the store for their age or their number.",
        ["table"],
        [
            (["findings"], store.deleted[0]),
            (["changes"], store.deleted[1]),
        ],
    );
    page.counter(
        "phonehome_store_lost_changes_total",
        "Changes that were never saved, because too many waited for a store that could not save.",
        [],
        [([], store.lost_changes)],
    );
}
