//! `phonehome report`: what a directive asks to be told, as a document.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use phonehome_signatures::{Catalogue, Directives};

use super::{Ended, Failure, Watch, Work, tell, with_cause};
use crate::app::ledger::Ledger;
use crate::app::snapshot::Input;
use crate::app::{self, Reading, Threads};
use crate::config::{Config, Duties, DutyError, Layers, Places};
use crate::export::report::{self, Ask, Origin, Report};
use crate::export::{self, Snapshot, json};
use crate::findings::Limits;
use crate::pipeline::{Loaded, Sizes};
use crate::time::Timestamp;
use crate::{store, wall, worker};

/// Options of `phonehome report`.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// Capture files (pcap, pcapng; plain, gzip or zstd), merged by time; - is standard input.
    /// Without any, the report is on what a sensor has stored
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Folder in which a sensor keeps its findings, which may be running; without it, that of the settings
    #[arg(long, value_name = "DIR", conflicts_with = "files")]
    state_folder: Option<PathBuf>,
    /// Settings of the sensor: its state.folder, and packs and waivers unless they are given here
    #[arg(long, value_name = "FILE", conflicts_with = "files")]
    config: Option<PathBuf>,
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
    /// What the sensor, or the place where it listens, is called in the report [default: the events.sensor of the settings]
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
    let (snapshot, name, origin, code) = if options.files.is_empty() {
        let (snapshot, name) = of_store(options)?;
        (snapshot, name, Origin::Store, ExitCode::SUCCESS)
    } else {
        let (snapshot, code) = of_files(options)?;
        (snapshot, None, Origin::Files, code)
    };
    let ask = Ask {
        made: options.made.unwrap_or_else(wall::now),
        sensor: options.sensor.clone().or(name),
        origin,
    };
    let report = Report::new(&snapshot, ask);
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
    /// The directives reported on, and the waivers; where none are named, those of the settings.
    fn duties(&self, catalogue: &Catalogue, config: &Config) -> Result<Duties, Failure> {
        let folder = self.directives_folder.as_ref();
        let waivers = self.waivers.as_ref();
        let places = Places {
            ids: &self.directive,
            folder: folder
                .or(config.directives_folder.as_ref())
                .map(PathBuf::as_path),
            waivers: waivers.or(config.waivers.as_ref()).map(PathBuf::as_path),
        };
        let wrong = |it: DutyError| Failure::usage(with_cause(&it));
        let mut duties = places.read(catalogue).map_err(wrong)?;
        if self.all {
            let all: Directives = places.all().map_err(wrong)?;
            duties.notes = all.notes(catalogue);
            duties.directives = all;
        }
        for note in &duties.notes {
            tell(note);
        }
        Ok(duties)
    }

    /// The settings of the sensor that stored what is reported on.
    fn settings(&self) -> Result<Config, Failure> {
        let layers = Layers {
            file: self.config.clone(),
            environment: Layers::process_environment(),
            flags: Vec::new(),
        };
        let effective = layers.load().map_err(Failure::usage)?;
        for warning in &effective.warnings {
            tell(warning);
        }
        Ok(effective.config)
    }
}

/// What capture files hold, and the exit code that goes with damage in them.
fn of_files(options: &Options) -> Result<(Snapshot, ExitCode), Failure> {
    let catalogue = options.watch.catalogue()?;
    let duties = options.duties(&catalogue, &Config::default())?;
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
    ledger.set_own_resolvers(options.watch.own_resolvers());
    ledger.set_directives(duties.directives);
    ledger.set_waivers(duties.waivers);
    let damages = app::read(&reading, &loaded, &mut ledger).map_err(Failure::caused)?;
    Ok((ledger.snapshot(), app::report_damages(&damages)))
}

/// What a sensor has stored, and what its settings call it. The day is that of the newest that is
/// known.
fn of_store(options: &Options) -> Result<(Snapshot, Option<String>), Failure> {
    let config = options.settings()?;
    let folder = options
        .state_folder
        .as_ref()
        .or(config.state_folder.as_ref());
    let folder = folder.ok_or_else(|| Failure::usage(NOTHING))?;
    let watch = &options.watch;
    let catalogue = if watch.packs.signatures.is_some() {
        watch.catalogue()?
    } else {
        let catalogue = config.catalogue();
        Arc::new(catalogue.map_err(|it| Failure::usage(with_cause(&it)))?)
    };
    let duties = options.duties(&catalogue, &config)?;
    let stored = store::look(folder).map_err(Failure::caused)?;
    if stored.unreadable > 0 {
        let rows = stored.unreadable;
        tell(format!(
            "{rows} rows in the store make no sense and are left out"
        ));
    }
    let defaults = Limits::default();
    let limits = Limits {
        findings: defaults.findings.max(stored.kept.findings.len()),
        hosts: defaults.hosts.max(stored.kept.hosts.len()),
        ..defaults
    };
    let input = Input::files(&[], Sizes::default());
    let loaded = Arc::new(Loaded::new(catalogue));
    let mut ledger = Ledger::new(loaded, config.home(), limits, input);
    ledger.set_directives(duties.directives);
    ledger.set_waivers(duties.waivers);
    ledger.restore(stored.kept, stored.history);
    let mut snapshot = ledger.snapshot();
    let findings = snapshot
        .findings
        .iter()
        .map(|it| it.last_seen.max(it.state_since));
    let changes = snapshot.history.iter().map(|it| it.at);
    let newest = findings.chain(changes).max();
    snapshot.captures = Vec::new();
    snapshot.pipeline.workers = vec![export::Worker {
        queued_frames: 0,
        clock: newest,
    }];
    // Hosts without a finding are not stored.
    snapshot.hosts_seen = 0;
    Ok((snapshot, config.events_sensor))
}

/// Reads a time such as `2026-01-31T12:00:00Z`.
fn time(text: &str) -> Result<Timestamp, String> {
    let at: jiff::Timestamp = text
        .parse()
        .map_err(|_| "write it as 2026-01-31T12:00:00Z".to_owned())?;
    Ok(Timestamp::from_secs_nanos(at.as_second(), 0))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("cannot write {}: {error}", path.display()))
}

/// What is missing if nothing says what the report is on.
const NOTHING: &str = "nothing to report on: give capture files, --state-folder DIR, or --config FILE \
                       with a state.folder";
