//! `phonehome report`: what a directive asks to be told, as a document.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};
use phonehome_signatures::{Catalogue, Directives};

use super::{Ended, Failure, Watch, Work, tell, with_cause};
use crate::app::ledger::Ledger;
use crate::app::snapshot::Input;
use crate::app::{self, Reading, Threads};
use crate::config::{Duties, Places};
use crate::export::report::{self, Ask, Origin, Report};
use crate::export::{Snapshot, json};
use crate::findings::{History, Limits};
use crate::pipeline::Loaded;
use crate::time::Timestamp;
use crate::worker;

/// Options of `phonehome report`.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// Capture files (pcap, pcapng; plain, gzip or zstd), merged by time; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Report under this directive, by id; without one, on all that was found
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    directive: Vec<String>,
    /// Report under every directive there is
    #[arg(long, conflicts_with = "directive")]
    all: bool,
    /// Folder of directives of your own (*.toml); one with the id of a built-in one replaces it
    #[arg(long, value_name = "DIR")]
    directives_folder: Option<PathBuf>,
    /// File of waivers (TOML): findings that may stand until a day
    #[arg(long, value_name = "FILE")]
    waivers: Option<PathBuf>,
    /// Form of the report
    #[arg(long, value_name = "FORM", default_value = "md")]
    format: Format,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What the sensor, or the place where it listens, is called in the report
    #[arg(long, value_name = "NAME")]
    sensor: Option<String>,
    /// When the report is made, as 2026-01-31T12:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    made: Option<Timestamp>,
    #[command(flatten)]
    watch: Watch,
    #[command(flatten)]
    work: Work,
}

/// Form of a report.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// One HTML file with drawings, which prints well
    Html,
    /// A table for spreadsheets, with every finding
    Csv,
    /// A document for programs
    Json,
    /// Markdown, to be pasted into a document of your own
    Md,
}

pub(super) fn main(options: &Options) -> Ended {
    let catalogue = options.watch.catalogue()?;
    let duties = options.duties(&catalogue)?;
    for note in &duties.notes {
        tell(note);
    }
    let (snapshot, code) = of_files(options, catalogue, duties)?;
    let ask = Ask {
        made: options.made.unwrap_or_else(now),
        sensor: options.sensor.clone(),
        origin: Origin::Files,
    };
    let report = Report::new(&snapshot, &History::default(), ask);
    let text = match options.format {
        Format::Html => report::html::html(&report),
        Format::Csv => Some(report::csv::csv(&report)),
        Format::Md => Some(report::markdown::markdown(&report)),
        Format::Json => {
            let document = json::report(&report, usize::MAX);
            serde_json::to_string_pretty(&document)
                .ok()
                .map(|it| it + "\n")
        }
    };
    let text = text.ok_or_else(|| Failure::failed("the report could not be written"))?;
    match &options.out {
        Some(path) => fs::write(path, text).map_err(|it| cannot_write(path, &it))?,
        None => {
            let mut out = std::io::stdout().lock();
            match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                    return Err(cannot_write(Path::new("standard output"), &error));
                }
                _ => {}
            }
        }
    }
    Ok(code)
}

impl Options {
    /// The directives reported on, and the waivers.
    fn duties(&self, catalogue: &Catalogue) -> Result<Duties, Failure> {
        let places = Places {
            ids: &self.directive,
            folder: self.directives_folder.as_deref(),
            waivers: self.waivers.as_deref(),
        };
        let mut duties = places
            .read(catalogue)
            .map_err(|it| Failure::usage(with_cause(&it)))?;
        if self.all {
            let all: Directives = places.all().map_err(|it| Failure::usage(with_cause(&it)))?;
            duties.notes = all.notes(catalogue);
            duties.directives = all;
        }
        Ok(duties)
    }
}

/// What capture files hold, and the exit code that goes with damage in them.
fn of_files(
    options: &Options,
    catalogue: Arc<Catalogue>,
    duties: Duties,
) -> Result<(Snapshot, ExitCode), Failure> {
    let loaded = Arc::new(Loaded::new(catalogue));
    let (threads, sizes) = Threads::for_workers(options.work.workers);
    let reading = Reading {
        files: &options.files,
        threads,
        sizes,
        report: worker::Report::Findings,
        progress: true,
    };
    let input = Input::files(&options.files, sizes);
    let home = options.watch.home();
    let mut ledger = Ledger::new(Arc::clone(&loaded), home, Limits::default(), input);
    ledger.set_directives(duties.directives);
    ledger.set_waivers(duties.waivers);
    let damages = app::read(&reading, &loaded, &mut ledger).map_err(Failure::caused)?;
    Ok((ledger.snapshot(), app::report_damages(&damages)))
}

/// Reads a time such as `2026-01-31T12:00:00Z`.
fn time(text: &str) -> Result<Timestamp, String> {
    let at: jiff::Timestamp = text
        .parse()
        .map_err(|_| "write it as 2026-01-31T12:00:00Z".to_owned())?;
    Ok(Timestamp::from_secs_nanos(at.as_second(), 0))
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let secs = since.map_or(0, |it| i64::try_from(it.as_secs()).unwrap_or(i64::MAX));
    Timestamp::from_secs_nanos(secs, 0)
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("cannot write {}: {error}", path.display()))
}
