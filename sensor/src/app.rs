//! What the commands share: taking capture files and interfaces through the pipeline.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use crate::capture::replay::{self, Damage, Given, Replay, ReplayError};
use crate::export::progress::Progress;
use crate::frame::Run;
use crate::pipeline::memory::Memory;
use crate::pipeline::{Ledger, Loaded, Next, Sizes, Source, inline, threads};
use crate::worker::Report;
use remembering::Remembering;

pub mod aside;
mod keeper;
pub mod ledger;
#[cfg(feature = "capture")]
pub mod live;
#[cfg(not(feature = "capture"))]
#[path = "app/no_live.rs"]
pub mod live;
pub mod manager;
mod policy;
pub mod reload;
mod remembering;
pub mod rights;
pub mod snapshot;
mod telling;

/// What to read, and how.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// Capture files; `-` is standard input.
    pub files: &'a [PathBuf],
    /// In which threads.
    pub threads: Threads,
    /// Sizes of the pipeline that reads.
    pub sizes: Sizes,
    /// Which names are told of.
    pub report: Report,
    /// Whether a progress bar may be shown.
    pub progress: bool,
}

/// Threads that read files.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Threads {
    /// The caller's alone.
    Callers,
    /// One for the capture and one for each worker.
    Own,
}

impl Threads {
    /// Threads and sizes for that many workers, if their number was asked for.
    #[must_use]
    pub fn for_workers(workers: Option<u16>) -> (Self, Sizes) {
        let threads = workers.map_or(Self::Callers, |_| Self::Own);
        let sizes = Sizes {
            workers: usize::from(workers.unwrap_or(1)),
            ..Sizes::default()
        };
        (threads, sizes)
    }
}

/// Reads files to their end through the pipeline; gives what was damaged in them.
///
/// # Errors
///
/// [`ReadError`] when a file cannot be opened or is no capture, or a thread cannot be started.
pub fn read(
    reading: &Reading<'_>,
    loaded: &Arc<Loaded>,
    ledger: &mut dyn Ledger,
) -> Result<Vec<Damage>, ReadError> {
    replay(reading, None, loaded, ledger)
}

/// The same; with a memory, frames that have gone by can be asked for, unless it reads in the caller's
/// thread.
///
/// # Errors
///
/// Those of [`read`].
pub fn replay(
    reading: &Reading<'_>,
    memory: Option<Memory>,
    loaded: &Arc<Loaded>,
    ledger: &mut dyn Ledger,
) -> Result<Vec<Damage>, ReadError> {
    while replay::is_silent(reading.files, PATIENCE) {
        if !ledger.wants_more() {
            return Ok(Vec::new());
        }
    }
    let mut source = FileSource::open(reading.files, reading.progress)?;
    let sizes = reading.sizes;
    match reading.threads {
        Threads::Callers => inline::run(
            &mut source,
            &loaded.catalogue(),
            reading.report,
            sizes,
            ledger,
        ),
        Threads::Own => {
            let mut source = Remembering::new(&mut source, memory);
            threads::run(vec![&mut source], loaded, reading.report, sizes, ledger)?;
        }
    }
    Ok(source.finish())
}

/// Listens on interfaces until the ledger wants no more, with a thread for each source. Those that get
/// a memory remember frames.
///
/// # Errors
///
/// When a thread cannot be started, or an interface that went away is there again and may not be
/// opened.
pub fn watch(
    mut sources: Vec<live::LiveSource>,
    memories: Vec<Memory>,
    loaded: &Arc<Loaded>,
    (report, sizes): (Report, Sizes),
    ledger: &mut dyn Ledger,
) -> std::io::Result<()> {
    let memories = memories
        .into_iter()
        .map(Some)
        .chain(std::iter::repeat_with(|| None));
    let mut running: Vec<_> = sources
        .iter_mut()
        .zip(memories)
        .map(|(source, memory)| Remembering::new(source, memory))
        .collect();
    let running = running.iter_mut().map(|it| it as &mut (dyn Source + Send));
    threads::run(running.collect(), loaded, report, sizes, ledger)?;
    let ended = sources.into_iter().map(live::LiveSource::finish);
    ended
        .collect::<Result<(), _>>()
        .map_err(std::io::Error::other)
}

/// Says what was damaged; the exit code that goes with it.
#[must_use]
pub fn report_damages(damages: &[Damage]) -> ExitCode {
    for damage in damages {
        let _ = writeln!(std::io::stderr(), "phonehome: {damage}");
    }
    if damages.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    }
}

/// Why files could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file cannot be opened or is no capture.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A thread cannot be started.
    #[error("cannot start a thread")]
    Thread(#[from] std::io::Error),
}

/// Capture files as a source of frames.
pub struct FileSource {
    replay: Replay,
    read: u64,
    progress: Option<Progress>,
}

impl FileSource {
    /// Opens the files; shows how far it has come if `progress` and somebody watches.
    ///
    /// # Errors
    ///
    /// [`ReplayError`] when a file cannot be opened or is no capture.
    pub fn open(files: &[PathBuf], progress: bool) -> Result<Self, ReplayError> {
        let replay = Replay::open(files)?;
        let progress = progress.then(|| Progress::new(replay.progress().total));
        Ok(Self {
            replay,
            read: 0,
            progress,
        })
    }

    /// Ends the reading; gives what was damaged.
    #[must_use]
    pub fn finish(self) -> Vec<Damage> {
        if let Some(progress) = self.progress {
            progress.finish();
        }
        self.replay.damages().to_vec()
    }
}

impl Source for FileSource {
    fn next_run(&mut self, run: &mut Run) -> Next {
        // Damage is kept by the replay, and told at the end.
        let given = self.replay.next_run_within(run, Some(PATIENCE));
        if let Some(progress) = &mut self.progress {
            let read = self.replay.progress().read;
            progress.advance(read.saturating_sub(self.read));
            self.read = read;
        }
        match given {
            Ok(Given::Frames) => Next::Frames,
            Ok(Given::Silence) => Next::Pause,
            Ok(Given::End) | Err(_) => Next::End,
        }
    }
}

/// How long a silent pipe is waited for before what has come on it is told of.
const PATIENCE: Duration = Duration::from_millis(100);
