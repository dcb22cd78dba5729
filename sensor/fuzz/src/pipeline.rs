//! The whole path, from frames to findings.

use std::sync::{Arc, LazyLock};

use phonehome::batch::Batch;
use phonehome::decode::walk::walk;
use phonehome::decode::{Decoded, Decoder, Packet};
use phonehome::detection::{Notice, What};
use phonehome::ech::Judge;
use phonehome::findings::{Book, Limits};
use phonehome::flow::{FlowKey, Side, Skipped, key};
use phonehome::frame::Frame;
use phonehome::host::{DEFAULT_HOME, HomeNetworks};
use phonehome::names::Observation;
use phonehome::pipeline::{Counts, Ledger, Sizes, inline};
use phonehome::time::Timestamp;
use phonehome::triage::{Pass, tick_of};
use phonehome::visibility::Visibility;
use phonehome::worker::{Bounds, Report, Told, Worker};
use phonehome_signatures::Catalogue;

use super::frames::{Frames, frames};
use super::messages::check_name;

/// Frames of any link. Sums hold, and what comes out is the same with a triage that keeps little, one
/// that keeps much, and none.
pub(crate) fn pipeline(octets: &[u8]) {
    let frames = frames(octets);
    let small = seen(&frames, 4);
    let large = seen(&frames, 9);
    assert_eq!(small.notices, large.notices, "by the size of triage");
    assert_eq!(small.visibility(), large.visibility());

    // What triage only counts does not keep a flow alive, so connections may end at other times. Names
    // are the same.
    let names = large
        .observations()
        .eq(observations(&without_triage(&frames)));
    assert!(names, "other names than without triage");

    let visibility = large.visibility();
    for transport in 0..2 {
        let named: u64 = visibility.named[transport].iter().sum();
        let unnamed: u64 = visibility.unnamed[transport].iter().sum();
        assert_eq!(visibility.connections[transport], named + unnamed);
    }
    let intake = &large.counts.intake;
    assert_eq!(intake.frames, frames.len() as u64);
    assert_eq!(intake.frames, intake.triaged + large.counts.worked());
    large.observations().for_each(|it| check_name(&it.name));
    judge(&large.notices);
}

/// What comes out of the pipeline.
#[derive(Default)]
pub(crate) struct Seen {
    notices: Vec<Notice>,
    counts: Counts,
}

impl Seen {
    pub(crate) fn observations(&self) -> impl Iterator<Item = &Observation> {
        observations(&self.notices)
    }

    fn visibility(&self) -> &Visibility {
        &self.counts.visibility
    }
}

fn observations(notices: &[Notice]) -> impl Iterator<Item = &Observation> {
    notices.iter().filter_map(|it| match &it.what {
        What::Observation(observation) => Some(observation),
        _ => None,
    })
}

impl Ledger for Seen {
    fn take(&mut self, notice: &Notice) {
        self.notices.push(notice.clone());
    }

    fn count(&mut self, counts: &Counts) {
        self.counts = counts.clone();
    }
}

/// Runs frames through the pipeline with `1 << triage_bits` slots.
pub(crate) fn seen(frames: &[Frame<'_>], triage_bits: u32) -> Seen {
    let mut seen = Seen::default();
    let sizes = Sizes {
        flows: FLOWS,
        unfinished_octets: UNFINISHED,
        triage_bits,
        ..Sizes::default()
    };
    let mut source = Frames { left: frames };
    inline::run(
        &mut source,
        &catalogue(),
        Report::AllNames,
        sizes,
        &mut seen,
    );
    assert!(seen.counts.finished);
    seen
}

/// What a worker tells that gets every packet.
fn without_triage(frames: &[Frame<'_>]) -> Vec<Notice> {
    let bounds = Bounds {
        flows: FLOWS,
        unfinished_octets: UNFINISHED,
    };
    let mut worker = Worker::new(catalogue(), Report::AllNames, bounds);
    let mut decoder = Decoder::default();
    let mut batch = Batch::default();
    let mut notices = Vec::new();
    let mut judge = Judge::default();
    let mut tell = |told: &mut Vec<Told>| {
        for Told { mut notice, .. } in told.drain(..) {
            if judge.take(&mut notice) {
                notices.push(notice);
            }
        }
    };
    let mut span = None;
    for (number, frame) in (0..).zip(frames) {
        let tick = tick_of(frame.at);
        if span.is_none_or(|it| tick > it) {
            span = Some(tick);
            decoder.tick(frame.at);
            batch.push_tick(tick, number, frame.at);
        }
        match walk(frame) {
            Some(packet) => push(&mut batch, number, &packet),
            None => {
                if let Decoded::Packet(packet) = decoder.decode(frame) {
                    push(&mut batch, number, &packet);
                }
            }
        }
        worker.work(&mut batch, &mut tell);
        batch.clear();
    }
    let newest = frames.last().map_or(Timestamp::default(), |it| it.at);
    worker.finish(frames.len() as u64, newest, &mut tell);
    notices
}

fn push(batch: &mut Batch, number: u64, packet: &Packet<'_>) {
    let Some((transport, src, dst)) = packet.ends() else {
        return;
    };
    let (key, side) = FlowKey::of(transport, src, dst);
    debug_assert_eq!(side, Side::of(src, dst));
    let hash = key::hash_of(transport, src, dst);
    let pass = Pass {
        skipped: Skipped::default(),
        generation: 0,
        share: 0,
    };
    batch.push(number, packet, (key, hash, side), pass);
}

/// Gives notices to a book that has room for few.
fn judge(notices: &[Notice]) {
    let blocks = DEFAULT_HOME.iter().filter_map(|it| it.parse().ok());
    let limits = Limits {
        hosts: 8,
        findings: 4,
        resolutions: 4,
        identities: 4,
    };
    let mut book = Book::new(catalogue(), HomeNetworks::new(blocks), limits);
    let mut changes = Vec::new();
    for notice in notices {
        let _ = book.take(notice, &mut changes);
    }
    for change in &changes {
        book.count(change);
    }
    assert!(book.take_touched().len() <= notices.len() + changes.len());
}

fn catalogue() -> Arc<Catalogue> {
    static BUILTIN: LazyLock<Arc<Catalogue>> =
        LazyLock::new(|| Arc::new(Catalogue::builtin().unwrap_or_else(|it| panic!("{it:?}"))));
    Arc::clone(&BUILTIN)
}

/// More flows than an input has frames: so none is ended for want of room, which triage could tell.
const FLOWS: usize = 1024;

/// More octets than an input has.
const UNFINISHED: usize = 4 << 20;
