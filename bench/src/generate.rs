//! The traffic generator: a capture file, and the names that are in it.
//!
//! Flows arrive at a steady rate and are interleaved in time by a heap, as they are on a link. A
//! seed decides every octet. Memory holds only the flows that are open. When the file is long
//! enough no flow arrives any more and bulk stops, but handshakes that were begun are brought to
//! their name, so that what a sensor should find is exact.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Error;

mod bulk;
pub(crate) mod dns;
mod domains;
pub(crate) mod floods;
mod flow;
pub(crate) mod frame;
mod hosts;
mod http;
pub(crate) mod probe;
mod quic;
mod rng;
mod savefile;
mod scripts;
pub(crate) mod site;
mod tcp;
mod tls;
pub(crate) mod truth;

pub(crate) use quic::KeyRefused;
pub(crate) use savefile::hex;

use bulk::Pool;
use flow::Flow;
use rng::Rng;
use savefile::Savefile;
use scripts::{Author, FlowKind};

/// What a capture is made of.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// The traffic of an office: TLS, QUIC, HTTP, DNS, calls, bulk
    Mix,
    /// DNS queries and responses only
    Dns,
    /// TLS handshakes only
    Tls,
    /// QUIC handshakes only
    Quic,
    /// SYNs from random sources only
    Syn,
}

/// All that decides the octets of a capture.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Spec {
    /// What the capture is made of.
    pub(crate) kind: Kind,
    /// Length of the file in octets, which the last handshakes exceed a little.
    pub(crate) octets: u64,
    /// Seed of everything that is random.
    pub(crate) seed: u64,
    /// Version of the generator: goes up when a seed comes to mean other octets.
    pub(crate) generator: u32,
}

/// What was generated.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Summary {
    /// What was asked for.
    pub(crate) spec: Spec,
    /// Frames in the file.
    pub(crate) packets: u64,
    /// Length of the file in octets.
    pub(crate) octets: u64,
    /// SHA-256 of the file, in hex.
    pub(crate) sha256: String,
    /// Capture time from the first frame to the last, in microseconds.
    pub(crate) micros: u64,
    /// Most flows that were open at once.
    pub(crate) most_open_flows: usize,
    /// Names to be found, by source; a name that a message repeats counts once.
    pub(crate) names: BTreeMap<String, u64>,
    /// Flows begun, and what happened in them.
    pub(crate) flows: BTreeMap<String, u64>,
}

impl Kind {
    /// The word for it on the command line and in file names.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Mix => "mix",
            Self::Dns => "dns",
            Self::Tls => "tls",
            Self::Quic => "quic",
            Self::Syn => "syn",
        }
    }

    /// Length of a capture of this kind unless another is asked for.
    pub(crate) const fn default_octets(self) -> u64 {
        match self {
            Self::Mix => 1 << 30,
            Self::Dns | Self::Tls | Self::Quic | Self::Syn => 256 << 20,
        }
    }

    /// Mean time between the arrivals of flows in nanoseconds: gives about 100,000 packets a
    /// second.
    const fn arrival_gap(self) -> u64 {
        match self {
            Self::Mix => 243_000,
            Self::Dns => 20_000,
            Self::Tls => 150_000,
            Self::Quic => 48_000,
            Self::Syn => 10_000,
        }
    }

    /// How often each kind of flow arrives.
    const fn weights(self) -> &'static [(FlowKind, u64)] {
        match self {
            Self::Mix => &[
                (FlowKind::Dns, 37_600),
                (FlowKind::Tls, 19_700),
                (FlowKind::Quic, 7_600),
                (FlowKind::Http, 3_000),
                (FlowKind::Unanswered, 1_500),
                (FlowKind::Rtp, 1_400),
                (FlowKind::Refused, 500),
                (FlowKind::DnsTcp, 400),
            ],
            Self::Dns => &[(FlowKind::Dns, 1)],
            Self::Tls => &[(FlowKind::Tls, 1)],
            Self::Quic => &[(FlowKind::Quic, 1)],
            Self::Syn => &[(FlowKind::Flood, 1)],
        }
    }

    fn draw(self, rng: &mut Rng) -> FlowKind {
        let weights = self.weights();
        let mut left = rng.below(weights.iter().map(|(_, weight)| weight).sum());
        for (kind, weight) in weights {
            if left < *weight {
                return *kind;
            }
            left -= weight;
        }
        weights[0].0
    }
}

impl Spec {
    /// A capture by the present generator.
    pub(crate) const fn new(kind: Kind, octets: u64, seed: u64) -> Self {
        Self {
            kind,
            octets,
            seed,
            generator: GENERATOR,
        }
    }
}

/// Writes a capture and, one JSON line a name, what a sensor should read in it.
///
/// # Errors
///
/// Those of writing either file.
pub(crate) fn generate(spec: Spec, capture: &Path, truth: &Path) -> Result<Summary, Error> {
    let capture_error = Error::file("write", capture);
    let truth_error = Error::file("write", truth);
    let mut savefile = Savefile::create(capture).map_err(capture_error)?;
    let truth_file = File::create(truth).map_err(truth_error)?;
    let mut truth_out = BufWriter::with_capacity(1 << 20, truth_file);

    let mut author = Author::new(spec.seed, spec.kind == Kind::Mix);
    let pool = Pool::new(&mut author.rng);
    let mut open = OpenFlows::default();
    let mut names = BTreeMap::new();
    let mut next_arrival = 0;
    let mut last_micros = START_MICROS;
    let mut most_open_flows = 0;
    let mut frame = Vec::with_capacity(2048);
    loop {
        let is_full = savefile.octets() >= spec.octets;
        if !is_full && open.next_at().is_none_or(|at| next_arrival <= at) {
            let kind = spec.kind.draw(&mut author.rng);
            let flow = author.flow(kind)?;
            open.add(next_arrival, flow, &mut author.rng);
            most_open_flows = most_open_flows.max(open.len());
            next_arrival += author.rng.below(2 * spec.kind.arrival_gap());
            continue;
        }
        let Some((at, mut flow)) = open.take() else {
            break;
        };
        if is_full && !flow.owes_names() {
            continue;
        }
        let expected = flow.send(&pool, &mut author.rng, &mut frame);
        let micros = START_MICROS + at / 1000;
        if !frame.is_empty() {
            last_micros = micros;
            savefile.frame(micros, &frame).map_err(capture_error)?;
        }
        for it in expected {
            *names.entry(it.source.as_str().to_owned()).or_default() += 1;
            serde_json::to_writer(&mut truth_out, &it.line(micros))
                .map_err(std::io::Error::from)
                .and_then(|()| truth_out.write_all(b"\n"))
                .map_err(truth_error)?;
        }
        open.add(at, flow, &mut author.rng);
    }
    truth_out.flush().map_err(truth_error)?;
    let written = savefile.finish().map_err(capture_error)?;
    Ok(Summary {
        spec,
        packets: written.packets,
        octets: written.octets,
        sha256: written.sha256,
        micros: last_micros - START_MICROS,
        most_open_flows,
        names,
        flows: author
            .counts
            .into_iter()
            .map(|(what, count)| (what.to_owned(), count))
            .collect(),
    })
}

/// The flows that have frames to send, in order of their next frame.
#[derive(Default)]
struct OpenFlows {
    flows: Vec<Option<Flow>>,
    free: Vec<usize>,
    /// Time of the next frame, a number that keeps equal times in order, and the flow's place.
    queue: BinaryHeap<Reverse<(u64, u64, usize)>>,
    added: u64,
}

impl OpenFlows {
    /// Queues a flow whose last frame was sent at `at` nanoseconds; drops it if it has ended.
    fn add(&mut self, at: u64, flow: Flow, rng: &mut Rng) {
        let Some(gap) = flow.next_gap(rng) else {
            return;
        };
        let place = self.free.pop().unwrap_or_else(|| {
            self.flows.push(None);
            self.flows.len() - 1
        });
        self.flows[place] = Some(flow);
        self.added += 1;
        self.queue.push(Reverse((at + gap, self.added, place)));
    }

    /// Takes the flow that sends next, and the time at which it does.
    fn take(&mut self) -> Option<(u64, Flow)> {
        let Reverse((at, _, place)) = self.queue.pop()?;
        self.free.push(place);
        Some((at, self.flows[place].take()?))
    }

    fn next_at(&self) -> Option<u64> {
        self.queue.peek().map(|Reverse((at, ..))| *at)
    }

    fn len(&self) -> usize {
        self.queue.len()
    }
}

const GENERATOR: u32 = 1;

/// 2025-01-01T00:00:00Z.
const START_MICROS: u64 = 1_735_689_600_000_000;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    struct Generated {
        summary: Summary,
        capture: Vec<u8>,
        truth: Vec<truth::Line>,
    }

    fn generated(kind: Kind, octets: u64, seed: u64) -> Generated {
        let folder = tempfile::tempdir().unwrap();
        let (capture, truth) = (folder.path().join("c"), folder.path().join("t"));
        let summary = generate(Spec::new(kind, octets, seed), &capture, &truth).unwrap();
        Generated {
            summary,
            capture: fs::read(&capture).unwrap(),
            truth: fs::read_to_string(&truth)
                .unwrap()
                .lines()
                .map(|it| serde_json::from_str(it).unwrap())
                .collect(),
        }
    }

    /// The frames of a capture, with their times in microseconds.
    fn frames(capture: &[u8]) -> Vec<(u64, &[u8])> {
        let word = |at: usize| u32::from_le_bytes(capture[at..at + 4].try_into().unwrap());
        let mut frames = Vec::new();
        let mut at = 24;
        while at < capture.len() {
            let len = word(at + 8) as usize;
            assert_eq!(word(at + 12) as usize, len, "frames are whole");
            let micros = u64::from(word(at)) * 1_000_000 + u64::from(word(at + 4));
            frames.push((micros, &capture[at + 16..at + 16 + len]));
            at += 16 + len;
        }
        frames
    }

    /// The IP packet of a frame, cut to the length that its header states.
    fn packet(frame: &[u8]) -> &[u8] {
        let tag = if frame[12..14] == [0x81, 0] { 4 } else { 0 };
        let packet = &frame[14 + tag..];
        let (at, more) = match packet[0] >> 4 {
            4 => (2, 0),
            _ => (4, 40),
        };
        let len = usize::from(u16::from_be_bytes([packet[at], packet[at + 1]])) + more;
        assert!(
            len == packet.len() || frame.len() == 60,
            "only padding follows"
        );
        &packet[..len]
    }

    #[test]
    fn the_same_seed_gives_the_same_octets() {
        let first = generated(Kind::Mix, 1 << 20, 5);
        let second = generated(Kind::Mix, 1 << 20, 5);
        let other = generated(Kind::Mix, 1 << 20, 6);
        assert!(first.capture == second.capture);
        assert_eq!(first.truth, second.truth);
        assert_eq!(first.summary, second.summary);
        assert!(first.capture != other.capture);
    }

    #[test]
    fn every_length_and_checksum_is_right() {
        for kind in [Kind::Mix, Kind::Dns, Kind::Tls, Kind::Quic, Kind::Syn] {
            let made = generated(kind, 2 << 20, 1);
            for (_, frame) in frames(&made.capture) {
                let packet = packet(frame);
                let (addresses, protocol, start) = if packet[0] >> 4 == 4 {
                    assert_eq!(frame::fold(frame::sum(&packet[..20])), 0xffff);
                    (&packet[12..20], packet[9], 20)
                } else {
                    (&packet[8..40], packet[6], 40)
                };
                let segment = &packet[start..];
                let pseudo = frame::sum(addresses) + u64::from(protocol) + segment.len() as u64;
                assert_eq!(frame::fold(pseudo + frame::sum(segment)), 0xffff);
                if protocol == 17 {
                    let stated = usize::from(u16::from_be_bytes([segment[4], segment[5]]));
                    assert_eq!(stated, segment.len());
                }
            }
        }
    }

    #[test]
    fn time_does_not_run_backwards() {
        let made = generated(Kind::Mix, 4 << 20, 2);
        let frames = frames(&made.capture);
        assert_eq!(frames.len() as u64, made.summary.packets);
        assert!(frames.is_sorted_by_key(|(at, _)| *at));
        assert!(made.truth.is_sorted_by(|a, b| a.ts <= b.ts));
        let last = frames.last().unwrap().0;
        assert_eq!(last - START_MICROS, made.summary.micros);
    }

    #[test]
    fn the_truth_has_the_names_that_the_summary_counts() {
        let made = generated(Kind::Mix, 8 << 20, 3);
        let mut counted: BTreeMap<String, u64> = BTreeMap::new();
        for line in &made.truth {
            *counted.entry(line.source.clone()).or_default() += 1;
        }
        assert_eq!(counted, made.summary.names);
        let sources: Vec<&str> = counted.keys().map(String::as_str).collect();
        assert_eq!(
            sources,
            [
                "dns-answer",
                "dns-query",
                "http-host",
                "quic-sni",
                "tls-sni"
            ]
        );
    }

    #[test]
    fn every_handshake_that_was_begun_has_its_name_in_the_truth() {
        let made = generated(Kind::Tls, 4 << 20, 4);
        assert_eq!(
            made.summary.names["tls-sni"],
            made.summary.flows["tls_flows"]
        );
        let made = generated(Kind::Quic, 4 << 20, 4);
        assert_eq!(
            made.summary.names["quic-sni"],
            made.summary.flows["quic_connections"]
        );
    }

    #[test]
    fn no_two_flows_share_their_ends() {
        let made = generated(Kind::Tls, 8 << 20, 4);
        let ends: BTreeSet<_> = made
            .truth
            .iter()
            .map(|it| (it.src, it.src_port, it.dst, it.dst_port))
            .collect();
        assert_eq!(ends.len(), made.truth.len());
    }

    #[test]
    fn the_host_headers_are_in_the_frames_unless_cut() {
        let made = generated(Kind::Mix, 2 << 20, 8);
        let frames = frames(&made.capture);
        let headers: Vec<String> = made
            .truth
            .iter()
            .filter(|it| it.source == "http-host")
            .map(|it| format!("Host: {}", it.name))
            .collect();
        let is_there = |header: &&String| {
            frames
                .iter()
                .any(|(_, it)| it.windows(header.len()).any(|it| it == header.as_bytes()))
        };
        let there = headers.iter().filter(is_there).count() as u64;
        assert!(there > 0);
        assert!(headers.len() as u64 - there <= made.summary.flows["tcp_odd_cuts"]);
    }
}
