//! `phonehome read`: which hosts in capture files have what.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::duties;
use super::{Ended, FOUND, FailOn, Failure, Watch, Work, stdout_takes_colour};
use crate::app::ledger::Ledger;
use crate::app::snapshot::Input;
use crate::app::{self, Reading, Threads};
use crate::export::{json, metrics, table};
use crate::findings::{Limits, Verdict};
use crate::pipeline::Loaded;
use crate::worker::Report;

/// Options of `phonehome read`.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// Capture files (pcap, pcapng; plain, gzip or zstd), merged by time; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print one JSON document instead of the table
    #[arg(long)]
    json: bool,
    /// Write events to this file: JSON lines in the shape of Suricata's EVE log
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Write metrics to this file in Prometheus' text format
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// Exit with 3 if a finding has this verdict or a graver one
    #[arg(long, value_name = "VERDICT")]
    fail_on: Option<FailOn>,
    #[command(flatten)]
    watch: Watch,
    #[command(flatten)]
    duties: duties::Options,
    #[command(flatten)]
    work: Work,
}

pub(super) fn main(options: &Options) -> Ended {
    let catalogue = options.watch.catalogue()?;
    let duties = options.duties.read(&catalogue)?;
    let loaded = Arc::new(Loaded::new(catalogue));
    let (threads, sizes) = Threads::for_workers(options.work.workers);
    let reading = Reading {
        files: &options.files,
        threads,
        sizes,
        report: match options.events {
            Some(_) => Report::Sightings,
            None => Report::Findings,
        },
        progress: true,
    };
    let input = Input::files(&options.files, sizes);
    let mut ledger = Ledger::new(
        Arc::clone(&loaded),
        options.watch.home(),
        Limits::default(),
        input,
    );
    ledger.set_own_resolvers(options.watch.own_resolvers());
    ledger.set_directives(duties.directives);
    ledger.set_waivers(duties.waivers);
    if let Some(path) = &options.events {
        ledger.write_events(Box::new(BufWriter::new(create(path)?)));
    }
    let damages = app::read(&reading, &loaded, &mut ledger).map_err(Failure::caused)?;
    ledger
        .finish()
        .map_err(|it| cannot_write(options.events.as_ref(), &it))?;
    let snapshot = ledger.snapshot();
    if let Some(path) = &options.metrics {
        let text = metrics::text(&snapshot);
        create(path)?
            .write_all(text.as_bytes())
            .map_err(|it| cannot_write(Some(path), &it))?;
    }
    let text = if options.json {
        let document = serde_json::to_string_pretty(&json::findings(&snapshot));
        document.map_err(Failure::failed)? + "\n"
    } else {
        let colour = stdout_takes_colour();
        table::text(
            &snapshot,
            if colour {
                table::Style::Colour
            } else {
                table::Style::Plain
            },
        )
    };
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            return Err(cannot_write(None, &error));
        }
        _ => {}
    }
    let damaged = app::report_damages(&damages);
    let gravest = snapshot.findings.iter().map(|it| it.verdict).max();
    let fails = options
        .fail_on
        .is_some_and(|it| gravest >= Some(Verdict::from(it)));
    Ok(if damages.is_empty() && fails {
        ExitCode::from(FOUND)
    } else {
        damaged
    })
}

fn create(path: &PathBuf) -> Result<File, Failure> {
    File::create(path)
        .map_err(|it| Failure::failed(format!("cannot create {}: {it}", path.display())))
}

fn cannot_write(path: Option<&PathBuf>, error: &std::io::Error) -> Failure {
    let path = path.map_or("standard output".to_owned(), |it| it.display().to_string());
    Failure::failed(format!("cannot write {path}: {error}"))
}
