//! Holds kept evidence against its list, and has the frames read anew.

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path};
use std::sync::Arc;

use phonehome_signatures::Catalogue;

use super::Record;
use super::folder::{LIST, Lines, hex_digest};
use crate::capture::replay::Replay;
use crate::detection::{Notice, What};
use crate::frame::Run;
use crate::names::Source;
use crate::pipeline::{self, Counts, Ledger, Next, Sizes, inline};
use crate::worker::Report;

/// A line of the list that was looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checked {
    /// Number of the line, counted from one.
    pub line: usize,
    /// What it says; `None` if it is no record.
    pub record: Option<Record>,
    /// Whether it holds.
    pub outcome: Outcome,
}

/// Whether a record holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The file is as it was, and its frames show the host do what the record says.
    Proved,
    /// The file is as it was, and its frames show the connection; the name was learned from DNS before.
    Connection,
    /// The line cannot be read.
    NoRecord,
    /// The line before it was changed, or taken out.
    Gap,
    /// The file is not there, or cannot be read.
    NoFile,
    /// The file is not the one that was kept.
    Changed,
    /// No pack that is loaded has the signature.
    NoSignature,
    /// The frames do not show it.
    NotShown,
}

impl Outcome {
    /// Whether all is as it should be.
    #[must_use]
    pub const fn holds(self) -> bool {
        matches!(self, Self::Proved | Self::Connection)
    }

    /// What is said of it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Connection => "proved (the connection; its name came from DNS before)",
            Self::NoRecord => "the line cannot be read",
            Self::Gap => "the line before was changed or taken out",
            Self::NoFile => "the file is missing or cannot be read",
            Self::Changed => "the file was changed",
            Self::NoSignature => "the signature is in no loaded pack",
            Self::NotShown => "the frames do not show it",
        }
    }
}

/// Looks at all records of a folder, and gives each to `tell`.
///
/// # Errors
///
/// When the list cannot be read.
pub fn verify(
    folder: &Path,
    catalogue: &Arc<Catalogue>,
    mut tell: impl FnMut(Checked),
) -> io::Result<()> {
    let list = File::open(folder.join(LIST))?;
    let mut lines = Lines::of(&list);
    let mut before = hex_digest(b"");
    let mut number = 0;
    while let Some(line) = lines.next()? {
        number += 1;
        let record = serde_json::from_slice::<Record>(&line).ok();
        let outcome = match &record {
            None => Outcome::NoRecord,
            Some(record) if record.previous != before => Outcome::Gap,
            Some(record) => look(folder, record, catalogue),
        };
        before = hex_digest(&line);
        tell(Checked {
            line: number,
            record,
            outcome,
        });
    }
    Ok(())
}

/// Looks at the file of a record.
fn look(folder: &Path, record: &Record, catalogue: &Arc<Catalogue>) -> Outcome {
    let file = Path::new(&record.file);
    let is_inside = |it| matches!(it, Component::Normal(_));
    let path = folder.join(file);
    if !file.components().all(is_inside) || fs::metadata(&path).is_ok_and(|it| it.len() > MAX_FILE)
    {
        return Outcome::Changed;
    }
    let Ok(octets) = fs::read(&path) else {
        return Outcome::NoFile;
    };
    if hex_digest(&octets) != record.sha256 {
        return Outcome::Changed;
    }
    let has_signature = |it: &phonehome_signatures::Signature| it.id == record.signature;
    if !catalogue.signatures().any(has_signature) {
        return Outcome::NoSignature;
    }
    let Ok(replay) = Replay::open(&[path]) else {
        return Outcome::NotShown;
    };
    let mut witness = Witness {
        record,
        catalogue,
        shows: None,
    };
    let sizes = Sizes {
        flows: MAX_FLOWS,
        triage_bits: TRIAGE_BITS,
        ..Sizes::default()
    };
    let mut frames = Frames(replay);
    inline::run(
        &mut frames,
        catalogue,
        Report::Sightings,
        sizes,
        &mut witness,
    );
    witness.shows.unwrap_or(Outcome::NotShown)
}

/// Looks for what a record says among the notices that its frames give.
struct Witness<'r> {
    record: &'r Record,
    catalogue: &'r Catalogue,
    shows: Option<Outcome>,
}

impl Ledger for Witness<'_> {
    fn take(&mut self, notice: &Notice) {
        let sighting = match &notice.what {
            What::Sighting(sighting) => sighting,
            What::Discovery(found) => &found.0,
            What::Connection(it)
                if self.record.source == Source::DnsCorrelated.as_str()
                    && it.client.address.to_string() == self.record.host =>
            {
                self.shows = Some(Outcome::Connection);
                return;
            }
            _ => return,
        };
        let observation = &sighting.observation;
        let signature = self.catalogue.signature(sighting.signature);
        let is_it = signature.is_some_and(|it| it.id == self.record.signature)
            && observation.source.as_str() == self.record.source
            && observation.client().address.to_string() == self.record.host;
        if is_it {
            self.shows = Some(Outcome::Proved);
        }
    }

    fn count(&mut self, _counts: &Counts) {}
}

/// A capture file as a source of frames.
struct Frames(Replay);

impl pipeline::Source for Frames {
    fn next_run(&mut self, run: &mut Run) -> Next {
        match self.0.next_run(run) {
            Ok(true) => Next::Frames,
            Ok(false) | Err(_) => Next::End,
        }
    }
}

/// Largest file that is looked at: a record has at most 64 frames.
const MAX_FILE: u64 = 32 << 20;

/// 256 slots of triage: the frames of one record have few flows.
const TRIAGE_BITS: u32 = 8;

/// Flows that the frames of one record may have.
const MAX_FLOWS: usize = 1_000;
