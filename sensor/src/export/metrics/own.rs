//! Metrics of the running sensor itself: its settings and its log.

use super::Snapshot;
use super::page::{Page, float};
use crate::export::Own;

pub(super) fn own(page: &mut Page, snapshot: &Snapshot) {
    let Some(own) = &snapshot.own else {
        return;
    };
    page.gauge(
        "phonehome_config_last_reload_successful",
        "Whether the last load of configuration and packs succeeded.",
        [],
        [([], f64::from(u8::from(own.reload.errors.is_empty())))],
    );
    page.gauge(
        "phonehome_config_last_reload_success_timestamp_seconds",
        "Time of the last successful load.",
        [],
        [([], own.reload.succeeded_at.as_secs_f64())],
    );
    page.counter(
        "phonehome_log_lost_lines_total",
        "Lines of the log left out because its queue was full.",
        [],
        [([], own.log_lines_lost)],
    );
    outputs(page, own);
}

fn outputs(page: &mut Page, own: &Own) {
    let outputs = || own.outputs.iter().map(|(kind, it)| (kind.as_str(), it));
    page.counter(
        "phonehome_output_events_total",
        "Events handed to an output, by what became of them.",
        ["output", "result"],
        outputs().flat_map(|(output, it)| {
            [
                ([output, "sent"], it.sent),
                ([output, "failed"], it.failed),
                ([output, "dropped"], it.dropped),
            ]
        }),
    );
    page.gauge(
        "phonehome_output_queued_events",
        "Events waiting.",
        ["output"],
        outputs().map(|(output, it)| ([output], float(it.queued))),
    );
    page.counter(
        "phonehome_output_errors_total",
        "Times that an output could not be written to, and was tried again.",
        ["output"],
        outputs().map(|(output, it)| ([output], it.errors)),
    );
    page.gauge(
        "phonehome_output_last_success_timestamp_seconds",
        "Time when the newest event was handed over; 0 before the first.",
        ["output"],
        outputs().map(|(output, it)| ([output], it.last_success.unwrap_or_default().as_secs_f64())),
    );
    page.counter(
        "phonehome_output_repeats_evicted_total",
        "Sightings that were held back and told before their time, because too many were.",
        [],
        [([], own.repeats_evicted)],
    );
}
