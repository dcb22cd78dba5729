//! Puts a [`Snapshot`] together from what the parts of the program count.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use phonehome_signatures::Catalogue;

use crate::decode::{Closed, DecodeCounts, Defragmented, Encapsulation};
use crate::export::{
    self, Canary, Capture, Decode, Looking, Mode, Pipeline, Ready, Room, Sightings, Snapshot,
};
use crate::findings::{Book, History};
use crate::frame::LinkType;
use crate::pipeline::canary::{CanaryCounts, LATENCY_BOUNDS};
use crate::pipeline::{Counts, InputCounts, InputState, Sizes};
use crate::store;

/// What is read, for display.
#[derive(Clone, Debug)]
pub struct Input {
    /// What kind of input it is.
    pub mode: Mode,
    /// The names of the interfaces; of files, the name of the one, or how many there are.
    pub names: Vec<String>,
    /// Sizes of the pipeline.
    pub sizes: Sizes,
    /// What is left out by choice.
    pub looking: Looking,
}

impl Input {
    /// Capture files as input.
    #[must_use]
    pub fn files(files: &[PathBuf], sizes: Sizes) -> Self {
        let name = match files {
            [one] if one == Path::new("-") => "standard input".to_owned(),
            [one] => one
                .file_name()
                .unwrap_or(one.as_os_str())
                .to_string_lossy()
                .into_owned(),
            files => format!("{} files", files.len()),
        };
        Self {
            mode: Mode::File,
            names: vec![name],
            sizes,
            looking: Looking::default(),
        }
    }

    /// Interfaces as input.
    #[must_use]
    pub fn interfaces(names: &[String], sizes: Sizes, looking: Looking) -> Self {
        Self {
            mode: Mode::Live,
            names: names.to_vec(),
            sizes,
            looking,
        }
    }
}

/// Everything but the findings.
pub(super) fn snapshot(
    catalogue: &Arc<Catalogue>,
    input: &Input,
    counts: &Counts,
    book: &Book,
) -> Snapshot {
    let tally = book.tally();
    Snapshot {
        catalogue: Arc::clone(catalogue),
        ready: ready(input, counts),
        captures: captures(input, counts),
        looking: input.looking.clone(),
        pipeline: pipeline(input, counts),
        canary: counts.canary.as_ref().map(canary),
        decode: decode(&counts.decode, counts.defrag_octets),
        visibility: if counts.inputs.iter().any(|it| it.state.cut_off.is_some()) {
            counts.visibility.clone().without_loss()
        } else {
            counts.visibility.clone()
        },
        asking: Arc::new(book.asking()),
        sightings: Sightings {
            by_category: tally.by_category.clone(),
            by_source: tally.by_source.clone(),
            by_reach: tally.by_reach.clone(),
            octets: tally.octets.clone(),
            last_seen: tally.last_seen.clone(),
        },
        findings: Vec::new(),
        changes: tally
            .changes
            .iter()
            .map(|(it, count)| ((it.0, it.1.as_str()), *count))
            .collect(),
        directives: Arc::default(),
        waivers: Arc::default(),
        own: None,
        hosts_seen: book.alive() as u64,
        room: room(counts, book),
        resolved_addresses: book.resolved().len() as u64,
        resolved_evicted: book.resolved().evicted(),
        ech_names: counts.ech.names,
        ech_evicted: [counts.ech.names_evicted, counts.ech.verdicts_refused],
        identities: [
            book.directory().known().map(|it| it as u64),
            book.directory().evicted(),
        ],
        protections: Arc::default(),
        history: History::default(),
        store: None,
        evidence: None,
    }
}

/// What the store has done, and how many changes it never got.
pub(super) fn stored((counts, lost): (store::Counts, u64)) -> export::Store {
    export::Store {
        last_save: counts.last_save,
        save_failures: counts.failures,
        save_bounds: store::SAVE_BOUNDS.to_vec(),
        save_counts: counts.durations.to_vec(),
        save_sum: counts.duration_sum,
        file_bytes: counts.file_bytes,
        deleted: counts.deleted,
        lost_changes: lost,
    }
}

/// What is kept, and what there was no room for.
fn room(counts: &Counts, book: &Book) -> Room {
    let left_out = book.counts();
    let (resolvers, proxies) = book.roles();
    let [resolvers, proxies] = [resolvers, proxies].map(|it| it as u64);
    let clients = (book.alive() as u64).saturating_sub(resolvers + proxies);
    Room {
        flow_limit: counts.flow_limit,
        buffered_bytes: counts.unfinished_octets,
        // Hosts that exchange something, and those only heard of, have the same room.
        host_limit: 2 * book.limits().hosts as u64,
        hosts: [clients, 0, resolvers, proxies, 0, 0],
        hosts_evicted: left_out.hosts_evicted,
        askers_evicted: left_out.askers_evicted,
        findings_evicted: left_out.findings_evicted,
        findings_expired: left_out.findings_expired,
        refused: [
            left_out.hosts_refused,
            left_out.askers_refused,
            left_out.findings_refused,
            left_out.names_over,
            left_out.signatures_over,
            left_out.devices_over,
            left_out.servers_evicted,
            counts.visibility.questions_refused,
        ],
    }
}

/// Whether all interfaces can be heard; files are always ready.
fn ready(input: &Input, counts: &Counts) -> Ready {
    if input.mode == Mode::File {
        return Ready::Yes;
    }
    if counts.finished {
        return Ready::No("the capture has ended".to_owned());
    }
    if counts.inputs.len() < input.names.len() {
        return Ready::No("the interfaces are not open yet".to_owned());
    }
    let mut states = input.names.iter().zip(&counts.inputs);
    match states.find_map(|(name, it)| Some((name, it.state.down.as_ref()?))) {
        Some((name, why)) => Ready::No(format!("interface {name}: {why}")),
        None => Ready::Yes,
    }
}

fn captures(input: &Input, counts: &Counts) -> Vec<Capture> {
    let names = input.names.iter();
    match input.mode {
        Mode::File => names.map(|name| file(name, counts)).collect(),
        Mode::Live => {
            let none = InputCounts {
                state: InputState {
                    down: Some(String::new()),
                    ..InputState::default()
                },
                ..InputCounts::default()
            };
            let inputs = counts.inputs.iter().chain(std::iter::repeat(&none));
            names
                .zip(inputs)
                .map(|(name, it)| interface(name, it, counts.finished))
                .collect()
        }
    }
}

/// Frames that the sensor never got are received all the same: somebody sent them.
fn interface(name: &str, counts: &InputCounts, finished: bool) -> Capture {
    let state = &counts.state;
    Capture {
        name: name.to_owned(),
        mode: Mode::Live,
        link: state.link.unwrap_or(LinkType::ETHERNET),
        up: !finished && state.down.is_none(),
        received_frames: counts.frames + state.lost_by_driver + state.lost_by_ring,
        received_bytes: counts.octets,
        triage_frames: counts.triaged,
        worker_frames: counts.worked,
        dropped_frames: [state.lost_by_driver, state.lost_by_ring, counts.dropped],
        truncated_frames: counts.truncated,
        repeated_frames: counts.repeated,
        cut_off: state.cut_off,
        rings: state.rings,
        card: state.card.clone(),
        first_frame: counts.first,
        last_frame: counts.last,
    }
}

fn file(name: &str, counts: &Counts) -> Capture {
    let intake = &counts.intake;
    Capture {
        name: name.to_owned(),
        mode: Mode::File,
        link: intake.link.unwrap_or(LinkType::ETHERNET),
        up: !counts.finished,
        received_frames: intake.frames,
        received_bytes: intake.octets,
        triage_frames: intake.triaged,
        worker_frames: counts.worked(),
        dropped_frames: [0; 3],
        truncated_frames: intake.truncated,
        repeated_frames: intake.repeated,
        cut_off: None,
        rings: None,
        card: None,
        first_frame: intake.first,
        last_frame: intake.last,
    }
}

fn pipeline(input: &Input, counts: &Counts) -> Pipeline {
    let workers = counts.workers.iter();
    Pipeline {
        workers: workers
            .map(|it| export::Worker {
                queued_frames: it.queued,
                clock: it.clock,
            })
            .collect(),
        queue_limit_frames: (input.sizes.queue_batches * crate::batch::MAX_ITEMS) as u64,
        busy: counts.busy.clone(),
    }
}

fn canary(counts: &CanaryCounts) -> Canary {
    let latency = &counts.latency;
    Canary {
        sent: counts.sent,
        found: counts.found,
        last_success: counts.last_success,
        latency_bounds: LATENCY_BOUNDS.to_vec(),
        latency_counts: latency.counts.to_vec(),
        latency_sum: latency.sum,
    }
}

fn decode(counts: &DecodeCounts, defrag_bytes: u64) -> Decode {
    let mut decode = Decode {
        defrag_bytes,
        ..Decode::default()
    };
    for (network, counts) in ["ipv4", "ipv6"].into_iter().zip(counts.packets) {
        for (transport, count) in ["tcp", "udp", "icmp", "other"].into_iter().zip(counts) {
            decode.packets.insert((network, transport), count);
        }
    }
    decode.packets.insert(("arp", "other"), counts.arp);
    decode.packets.insert(("other", "other"), counts.not_ip);
    for (layer, counts) in export::LAYERS.into_iter().zip(counts.errors) {
        for (reason, count) in export::DECODE_REASONS.into_iter().zip(counts) {
            decode.errors.insert((layer, reason), count);
        }
    }
    for (encapsulation, count) in Encapsulation::ALL.iter().zip(counts.unwrapped) {
        *decode.unwrapped.entry(encapsulation.as_str()).or_default() += count;
    }
    for (closed, count) in Closed::ALL.iter().zip(counts.skipped) {
        *decode.skipped.entry(closed.as_str()).or_default() += count;
    }
    for (fate, count) in Defragmented::ALL.iter().zip(counts.defrag) {
        *decode.datagrams.entry(fate.as_str()).or_default() += count;
    }
    decode
}
