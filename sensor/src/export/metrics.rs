//! Metrics in the Prometheus text format 0.0.4.
//!
//! [`text`] writes all that a [`Snapshot`] gives, for `/metrics` and for `phonehome read --metrics`
//! alike. Every combination of labels that is known from the start is there at zero, so that
//! `increase()` sees the first event. Label values are words of ours, ids of packs, or names of
//! inputs from the command line; never anything from the wire. Rows of hosts stand apart, in
//! [`hosts`]. What only a running program has, [`process`] and [`web`] add.

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;

use self::page::{Page, encode, float};
use super::protection::Protection;
use super::{
    DATAGRAMS, DECODE_REASONS, LAYERS, PACKETS, REFUSED, ROLES, SKIPPED, STAGES, Snapshot,
    UNWRAPPED, VERSION, day_start, link_word,
};

mod detection;
mod directives;
pub mod hosts;
mod identities;
mod live;
mod own;
mod page;
mod store;
mod visibility;
pub mod web;

/// Writes all metrics of a snapshot.
///
/// Equal snapshots give equal text, families in a fixed order.
#[must_use]
pub fn text(snapshot: &Snapshot) -> String {
    let mut page = Page::default();
    page.gauge(
        "phonehome_build_info",
        "Version of the running sensor; always 1.",
        ["version", "revision", "rustc"],
        [([VERSION, REVISION, RUSTC], 1.0)],
    );
    protections(&mut page, snapshot);
    capture(&mut page, snapshot);
    live::capture(&mut page, snapshot);
    pipeline(&mut page, snapshot);
    canary(&mut page, snapshot);
    decode(&mut page, snapshot);
    visibility::flows(&mut page, snapshot);
    visibility::visibility(&mut page, snapshot);
    identities::identities(&mut page, snapshot);
    detection::detection(&mut page, snapshot);
    detection::findings(&mut page, snapshot);
    directives::directives(&mut page, snapshot);
    room(&mut page, snapshot);
    store::store(&mut page, snapshot);
    store::evidence(&mut page, snapshot);
    signatures(&mut page, snapshot);
    own::own(&mut page, snapshot);
    page.into_text()
}

/// Writes the metrics of the process itself, read at the call: `process_cpu_seconds_total` and its
/// like. Empty where the system does not tell them.
#[must_use]
pub fn process() -> String {
    encode(&ProcessCollector::for_self().collect())
}

fn protections(page: &mut Page, snapshot: &Snapshot) {
    page.gauge(
        "phonehome_protection",
        "Whether a protection against a taken-over process is in force.",
        ["kind"],
        Protection::ALL
            .into_iter()
            .map(|kind| ([kind.as_str()], float(in_force(snapshot, kind)))),
    );
}

fn in_force(snapshot: &Snapshot, kind: Protection) -> u64 {
    let mut all = snapshot.protections.iter();
    u64::from(all.any(|(it, standing)| *it == kind && standing.is_in_force()))
}

fn capture(page: &mut Page, snapshot: &Snapshot) {
    let captures = &snapshot.captures;
    let links: Vec<String> = captures.iter().map(|it| link_word(it.link)).collect();
    let by_name = |count: fn(&super::Capture) -> u64| {
        captures
            .iter()
            .map(move |it| ([it.name.as_str()], count(it)))
    };
    page.gauge(
        "phonehome_capture_info",
        "What a capture reads; always 1.",
        ["interface", "mode", "linktype"],
        captures
            .iter()
            .zip(&links)
            .map(|(it, link)| ([it.name.as_str(), it.mode.as_str(), link], 1.0)),
    );
    page.gauge(
        "phonehome_capture_up",
        "Whether the capture is open and its interface is up.",
        ["interface"],
        captures
            .iter()
            .map(|it| ([it.name.as_str()], f64::from(u8::from(it.up)))),
    );
    page.counter(
        "phonehome_capture_received_frames_total",
        "Frames that the interface handed to the sensor, lost ones included.",
        ["interface"],
        by_name(|it| it.received_frames),
    );
    page.counter(
        "phonehome_capture_processed_frames_total",
        "Frames settled, by triage or by a worker.",
        ["interface", "by"],
        captures.iter().flat_map(|it| {
            [
                ([it.name.as_str(), "triage"], it.triage_frames),
                ([it.name.as_str(), "worker"], it.worker_frames),
            ]
        }),
    );
    page.counter(
        "phonehome_capture_dropped_frames_total",
        "Frames lost, by where.",
        ["interface", "stage"],
        captures.iter().flat_map(|it| {
            let stages = STAGES.into_iter().zip(it.dropped_frames);
            stages.map(|(stage, count)| ([it.name.as_str(), stage], count))
        }),
    );
    page.counter(
        "phonehome_capture_received_bytes_total",
        "Bytes on the wire of the frames received.",
        ["interface"],
        by_name(|it| it.received_bytes),
    );
    page.counter(
        "phonehome_capture_truncated_frames_total",
        "Frames longer than the snapshot length.",
        ["interface"],
        by_name(|it| it.truncated_frames),
    );
    page.counter(
        "phonehome_capture_duplicate_frames_total",
        "Frames that repeat one just read, as a mirror of both directions gives; triage settles them.",
        ["interface"],
        by_name(|it| it.repeated_frames),
    );
    page.gauge(
        "phonehome_capture_last_frame_timestamp_seconds",
        "Capture time of the newest frame.",
        ["interface"],
        captures
            .iter()
            .filter_map(|it| Some(([it.name.as_str()], it.last_frame?.as_secs_f64()))),
    );
}

fn pipeline(page: &mut Page, snapshot: &Snapshot) {
    let pipeline = &snapshot.pipeline;
    let numbers: Vec<String> = (0..pipeline.workers.len())
        .map(|it| it.to_string())
        .collect();
    let workers = || numbers.iter().map(String::as_str).zip(&pipeline.workers);
    page.gauge(
        "phonehome_pipeline_queued_frames",
        "Frames waiting for the worker.",
        ["worker"],
        workers().map(|(number, it)| ([number], float(it.queued_frames))),
    );
    page.gauge(
        "phonehome_pipeline_queue_limit_frames",
        "Frames that one queue may hold.",
        [],
        [([], float(pipeline.queue_limit_frames))],
    );
    page.seconds(
        "phonehome_pipeline_busy_seconds_total",
        "Processor time used by the thread.",
        ["thread"],
        pipeline
            .busy
            .iter()
            .map(|(thread, it)| ([thread.as_str()], *it)),
    );
    page.gauge(
        "phonehome_pipeline_clock_timestamp_seconds",
        "Capture time that the worker has reached.",
        ["worker"],
        workers().filter_map(|(number, it)| Some(([number], it.clock?.as_secs_f64()))),
    );
}

fn canary(page: &mut Page, snapshot: &Snapshot) {
    let Some(canary) = &snapshot.canary else {
        return;
    };
    page.gauge(
        "phonehome_canary_last_success_timestamp_seconds",
        "Time when a canary exchange last came out as a finding, of the worker for which that is \
         longest ago; 0 before the first.",
        [],
        [([], canary.last_success.unwrap_or_default().as_secs_f64())],
    );
    page.counter(
        "phonehome_canary_exchanges_total",
        "Canary exchanges that set out, and those that came out as a finding.",
        ["result"],
        [(["sent"], canary.sent), (["found"], canary.found)],
    );
    page.histogram(
        "phonehome_canary_latency_seconds",
        "Time from the capture thread to the finding, of canary exchanges.",
        &canary.latency_bounds,
        &canary.latency_counts,
        canary.latency_sum,
    );
}

fn decode(page: &mut Page, snapshot: &Snapshot) {
    let decode = &snapshot.decode;
    page.counter(
        "phonehome_decode_packets_total",
        "Packets decoded.",
        ["network", "transport"],
        PACKETS
            .map(|(network, transport)| ([network, transport], 0))
            .into_iter()
            .chain(decode.packets.iter().map(pair)),
    );
    page.counter(
        "phonehome_decode_errors_total",
        "Packets that could not be decoded.",
        ["layer", "reason"],
        LAYERS
            .into_iter()
            .flat_map(|layer| DECODE_REASONS.map(|reason| ([layer, reason], 0)))
            .chain(decode.errors.iter().map(pair)),
    );
    page.counter(
        "phonehome_decode_unwrapped_packets_total",
        "Encapsulations taken off.",
        ["encapsulation"],
        zeros(UNWRAPPED).chain(decode.unwrapped.iter().map(single)),
    );
    page.counter(
        "phonehome_decode_skipped_packets_total",
        "Packets inside an encapsulation that is not read.",
        ["encapsulation"],
        zeros(SKIPPED).chain(decode.skipped.iter().map(single)),
    );
    page.counter(
        "phonehome_defrag_datagrams_total",
        "Fragmented datagrams, by what became of them.",
        ["result"],
        zeros(DATAGRAMS).chain(decode.datagrams.iter().map(single)),
    );
    page.gauge(
        "phonehome_defrag_buffered_bytes",
        "Bytes held for unfinished datagrams.",
        [],
        [([], float(decode.defrag_bytes))],
    );
}

fn room(page: &mut Page, snapshot: &Snapshot) {
    page.gauge(
        "phonehome_inventory_hosts",
        "Hosts in the inventory, by learned role.",
        ["role"],
        ROLES
            .into_iter()
            .zip(snapshot.room.hosts)
            .map(|(it, count)| ([it], float(count))),
    );
    page.gauge(
        "phonehome_inventory_hosts_limit",
        "Hosts that the inventory may hold.",
        [],
        [([], float(snapshot.room.host_limit))],
    );
    page.counter(
        "phonehome_inventory_evicted_hosts_total",
        "Hosts forgotten because the inventory was full: without a finding, and not seen for a day.",
        [],
        [([], snapshot.room.hosts_evicted)],
    );
    page.counter(
        "phonehome_findings_evicted_total",
        "Findings of hosts that may not exist, dropped because there were too many.",
        [],
        [([], snapshot.room.findings_evicted)],
    );
    page.counter(
        "phonehome_findings_expired_total",
        "Findings forgotten because they were removed or absent for longer than they are kept.",
        [],
        [([], snapshot.room.findings_expired)],
    );
    page.counter(
        "phonehome_refused_total",
        "Newcomers left out because a collection was full.",
        ["collection"],
        REFUSED
            .into_iter()
            .zip(snapshot.room.refused)
            .map(|(it, count)| ([it], count)),
    );
}

fn signatures(page: &mut Page, snapshot: &Snapshot) {
    let catalogue = &snapshot.catalogue;
    page.count(
        "phonehome_signatures",
        "Signatures loaded that claim names.",
        ["vendor"],
        catalogue.vendors().map(|it| ([it.id.as_str()], 0)).chain(
            catalogue
                .signatures()
                .filter(|it| it.enabled)
                .map(|it| ([snapshot.vendor_id(it.vendor)], 1)),
        ),
    );
    let packs = catalogue.packs();
    page.gauge(
        "phonehome_pack_info",
        "Loaded pack; always 1.",
        ["pack", "version"],
        packs
            .iter()
            .map(|it| ([it.id.as_str(), it.version.as_str()], 1.0)),
    );
    page.gauge(
        "phonehome_pack_timestamp_seconds",
        "Date of the pack.",
        ["pack"],
        packs
            .iter()
            .filter_map(|it| Some(([it.id.as_str()], day_start(&it.date)?.as_secs_f64()))),
    );
}

fn zeros<const N: usize>(
    words: [&'static str; N],
) -> impl Iterator<Item = ([&'static str; 1], u64)> {
    words.into_iter().map(|it| ([it], 0))
}

fn single<'a>((word, count): (&&'a str, &u64)) -> ([&'a str; 1], u64) {
    ([*word], *count)
}

fn pair<'a>((words, count): (&(&'a str, &'a str), &u64)) -> ([&'a str; 2], u64) {
    ([words.0, words.1], *count)
}

/// Every loaded vendor with each of the words, at zero.
fn vendors_and<'a, const N: usize>(
    snapshot: &'a Snapshot,
    words: [&'static str; N],
) -> impl Iterator<Item = ([&'a str; 2], u64)> {
    let vendors = snapshot.catalogue.vendors();
    vendors.flat_map(move |vendor| words.map(|it| ([vendor.id.as_str(), it], 0)))
}

/// `Content-Type` of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Revision that was built, where the build gave it.
const REVISION: &str = match option_env!("PHONEHOME_REVISION") {
    Some(it) => it,
    None => "unknown",
};

/// Compiler of the build, where the build gave it.
const RUSTC: &str = match option_env!("PHONEHOME_RUSTC") {
    Some(it) => it,
    None => "unknown",
};

#[cfg(test)]
mod tests;
