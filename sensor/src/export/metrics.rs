//! Metrics in the Prometheus text format 0.0.4.
//!
//! [`text`] writes all that a [`Snapshot`] gives, for `/metrics` and for `phonehome read --metrics`
//! alike. Every combination of labels that is known from the start is there at zero, so that
//! `increase()` sees the first event. Label values are words of ours, ids of packs, or names of
//! inputs from the command line; never anything from the wire. Rows of hosts stand apart, in
//! [`hosts`]. What only a running program has, [`process`] and [`web`] add.

use std::collections::BTreeMap;
use std::time::Duration;

use phonehome_signatures::{Category, VendorId};
use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;

use self::page::{Page, encode, float};
use super::json::{ECH, ECH_MEMORIES, QUIC_VERSIONS};
use super::protection::Protection;
use super::{
    CHANGES, DATAGRAMS, DECODE_REASONS, LAYERS, PACKETS, REFUSED, ROLES, SKIPPED, STAGES, Snapshot,
    UNWRAPPED, VERSION, day_start, link_word,
};
use crate::detection::Reach;
use crate::findings::Verdict;
use crate::host::Address;
use crate::names::{Source, Transport};
use crate::time::Timestamp;
use crate::visibility::{EncryptedDns, MessageResult, Protocol, Unnamed};

mod directives;
pub mod hosts;
mod identities;
mod live;
mod own;
mod page;
mod store;
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
    flows(&mut page, snapshot);
    visibility(&mut page, snapshot);
    identities::identities(&mut page, snapshot);
    detection(&mut page, snapshot);
    findings(&mut page, snapshot);
    directives::directives(&mut page, snapshot);
    room(&mut page, snapshot);
    store::store(&mut page, snapshot);
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

fn flows(page: &mut Page, snapshot: &Snapshot) {
    let seen = &snapshot.visibility;
    page.gauge(
        "phonehome_flows",
        "Flows tracked now.",
        ["transport"],
        Transport::ALL
            .into_iter()
            .zip(seen.flows_open())
            .map(|(it, count)| ([it.as_str()], float(count))),
    );
    page.gauge(
        "phonehome_flows_limit",
        "Flows that the tables may hold.",
        [],
        [([], float(snapshot.room.flow_limit))],
    );
    page.counter(
        "phonehome_flows_started_total",
        "Flows first seen.",
        ["transport"],
        by_transport(&seen.flows_started),
    );
    page.counter(
        "phonehome_flows_ended_total",
        "Flows that closed or went idle, by the directions seen.",
        ["transport", "directions"],
        by_transport_and(["one", "both"], &seen.flows_ended),
    );
    page.counter(
        "phonehome_flows_evicted_total",
        "Flows dropped because the table was full.",
        ["transport"],
        by_transport(&seen.flows_evicted),
    );
    page.counter(
        "phonehome_tcp_judged_flows_total",
        "TCP flows that ended and of which both beginnings were seen, so that acknowledgments could be \
         held against what was seen.",
        [],
        [([], seen.judged_flows)],
    );
    page.counter(
        "phonehome_tcp_seen_bytes_total",
        "Stream bytes seen of TCP flows of which both beginnings were seen.",
        [],
        [([], seen.judged_octets)],
    );
    page.counter(
        "phonehome_tcp_missing_bytes_total",
        "Stream bytes of the same flows that the receiver acknowledged and the sensor never saw; a \
         lower bound.",
        [],
        [([], seen.missing_octets)],
    );
    page.gauge(
        "phonehome_flow_buffered_bytes",
        "Bytes held for messages in the making.",
        [],
        [([], float(snapshot.room.buffered_bytes))],
    );
    page.counter(
        "phonehome_flow_buffers_evicted_total",
        "Flows whose messages in the making were given up because all took too much memory.",
        ["transport"],
        by_transport(&seen.unfinished_evicted),
    );
}

fn visibility(page: &mut Page, snapshot: &Snapshot) {
    let seen = &snapshot.visibility;
    page.counter(
        "phonehome_connections_total",
        "Connections opened by hosts; named plus unnamed, always.",
        ["transport"],
        by_transport(&seen.connections),
    );
    page.counter(
        "phonehome_connections_named_total",
        "Connections that could be named, by what named them.",
        ["transport", "source"],
        by_transport_and(Source::ALL.map(Source::as_str), &seen.named),
    );
    page.counter(
        "phonehome_connections_unnamed_total",
        "Connections that could not be named, by why.",
        ["transport", "reason"],
        by_transport_and(Unnamed::ALL.map(Unnamed::as_str), &seen.unnamed),
    );
    page.counter(
        "phonehome_messages_total",
        "Messages read for a name, by result.",
        ["protocol", "result"],
        Protocol::ALL
            .into_iter()
            .zip(&seen.messages)
            .flat_map(|(protocol, row)| {
                let results = MessageResult::ALL.into_iter().zip(row);
                results.map(move |(result, count)| ([protocol.as_str(), result.as_str()], *count))
            }),
    );
    page.counter(
        "phonehome_observations_total",
        "Observations made.",
        ["source"],
        Source::ALL
            .into_iter()
            .zip(seen.observations)
            .map(|(it, count)| ([it.as_str()], count)),
    );
    page.counter(
        "phonehome_tls_client_hellos_total",
        "Client hellos, by their Encrypted Client Hello extension.",
        ["transport", "ech"],
        by_transport_and(ECH, &seen.hellos),
    );
    page.counter(
        "phonehome_quic_initials_total",
        "QUIC Initial packets from clients.",
        ["version"],
        QUIC_VERSIONS
            .into_iter()
            .zip(seen.quic_initials)
            .map(|(it, count)| ([it], count)),
    );
    page.counter(
        "phonehome_encrypted_dns_flows_total",
        "Flows to resolvers whose questions cannot be read.",
        ["kind"],
        EncryptedDns::ALL
            .into_iter()
            .zip(seen.encrypted_dns)
            .map(|(it, count)| ([it.as_str()], count)),
    );
    page.gauge(
        "phonehome_encrypted_dns_hosts",
        "Home hosts that ask resolvers so that their questions cannot be read.",
        [],
        [([], float(snapshot.asking.hiding))],
    );
    page.gauge(
        "phonehome_public_dns_hosts",
        "Home hosts that ask public resolvers, which are not the site's own, in clear.",
        [],
        [([], float(snapshot.asking.public))],
    );
    page.gauge(
        "phonehome_resolved_addresses",
        "Addresses with a remembered name.",
        [],
        [([], float(snapshot.resolved_addresses))],
    );
    page.counter(
        "phonehome_resolved_evicted_total",
        "Remembered names dropped because the table was full.",
        [],
        [([], snapshot.resolved_evicted)],
    );
    page.gauge(
        "phonehome_ech_names",
        "Names that DNS has told something about by which encrypted hellos are judged, by client and in all.",
        [],
        [([], float(snapshot.ech_names))],
    );
    page.counter(
        "phonehome_ech_evicted_total",
        "What was left out of the judging of encrypted hellos because a table was full.",
        ["what"],
        ECH_MEMORIES
            .into_iter()
            .zip(snapshot.ech_evicted)
            .map(|(it, count)| ([it], count)),
    );
}

fn detection(page: &mut Page, snapshot: &Snapshot) {
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

fn findings(page: &mut Page, snapshot: &Snapshot) {
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

fn by_transport(counts: &[u64; 2]) -> impl Iterator<Item = ([&'static str; 1], u64)> {
    Transport::ALL
        .into_iter()
        .zip(counts)
        .map(|(it, count)| ([it.as_str()], *count))
}

fn by_transport_and<const N: usize>(
    words: [&'static str; N],
    counts: &[[u64; N]; 2],
) -> impl Iterator<Item = ([&'static str; 2], u64)> {
    Transport::ALL
        .into_iter()
        .zip(counts)
        .flat_map(move |(transport, row)| {
            let row = words.into_iter().zip(row);
            row.map(move |(word, count)| ([transport.as_str(), word], *count))
        })
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

#[cfg(test)]
mod tests;
