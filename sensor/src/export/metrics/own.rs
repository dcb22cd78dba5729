//! Metrics of the running sensor itself: its settings and its log.

use super::Snapshot;
use super::page::Page;

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
}
