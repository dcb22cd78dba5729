//! Puts a [`Snapshot`] together from what the parts of the program count.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use phonehome_signatures::Catalogue;

use crate::decode::{Closed, DecodeCounts, Defragmented, Encapsulation};
use crate::export::{self, Capture, Decode, Mode, Pipeline, Ready, Sightings, Snapshot};
use crate::findings::Book;
use crate::frame::LinkType;
use crate::pipeline::{Counts, Sizes};

/// What is read, for display.
#[derive(Clone, Debug)]
pub struct Input {
    /// The name of the one input, or how many there are.
    pub name: String,
    /// Sizes of the pipeline.
    pub sizes: Sizes,
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
        Self { name, sizes }
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
        ready: Ready::Yes,
        captures: vec![capture(input, counts)],
        pipeline: pipeline(input, counts),
        decode: decode(&counts.decode, counts.defrag_octets),
        visibility: counts.visibility.clone(),
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
        hosts_seen: book.hosts().alive as u64,
        resolved_addresses: book.resolved().len() as u64,
        resolved_evicted: book.resolved().evicted(),
    }
}

fn capture(input: &Input, counts: &Counts) -> Capture {
    let intake = &counts.intake;
    Capture {
        name: input.name.clone(),
        mode: Mode::File,
        link: intake.link.unwrap_or(LinkType::ETHERNET),
        up: !counts.finished,
        received_frames: intake.frames,
        received_bytes: intake.octets,
        triage_frames: intake.triaged,
        worker_frames: counts.worked(),
        dropped_frames: [0; 3],
        truncated_frames: intake.truncated,
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
        busy: Vec::new(),
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
