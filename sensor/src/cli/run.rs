//! `phonehome run`: the sensor, with its web server.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::capture::Capture;
use super::{Ended, Failure, Watch, Work, tell};
use crate::app::ledger::Ledger;
use crate::app::live::{Listening, LiveSource};
use crate::app::snapshot::Input;
use crate::app::{self, Reading};
use crate::export::{http, metrics};
use crate::pipeline::{Loaded, MAX_INPUTS, Sizes};
use crate::worker::Report;

/// Options of `phonehome run`.
#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(flatten)]
    input: Origin,
    /// End when the replay has ended, instead of serving until SIGINT or SIGTERM
    #[arg(long, conflicts_with = "interface")]
    exit_when_done: bool,
    /// Write metrics to this file in Prometheus' text format when the sensor ends
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// Address and port to serve on; may be given several times
    #[arg(
        long = "web.listen-address",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:14663"
    )]
    listen: Vec<SocketAddr>,
    #[command(flatten)]
    capture: Capture,
    #[command(flatten)]
    watch: Watch,
    #[command(flatten)]
    work: Work,
}

/// Where frames come from.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Origin {
    /// Listen on this network interface; may be given several times
    #[arg(long, value_name = "NAME")]
    interface: Vec<String>,
    /// Feed these capture files through the sensor's threads, merged by time
    #[arg(long, value_name = "FILE", num_args = 1..)]
    replay: Vec<PathBuf>,
}

pub(super) fn main(options: &Options) -> Ended {
    let loaded = Arc::new(Loaded::new(options.watch.catalogue()?));
    let workers = options.work.workers.unwrap_or(2);
    let feed = Feed::open(options, workers)?;
    let stop = Arc::new(AtomicBool::new(false));
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(Failure::failed)?;
    let mut ledger = Ledger::new(Arc::clone(&loaded), options.watch.home(), feed.input());
    let asked = Arc::clone(&stop);
    ledger.stop_when(move || asked.load(Ordering::Relaxed));
    let shared = ledger.share();
    let state = move || Arc::new(shared.snapshot());
    let server = http::serve(&options.listen, Arc::new(state)).map_err(Failure::caused)?;
    for address in server.local_addresses() {
        tell(format_args!(
            "serving on http://{address}/, metrics on http://{address}/metrics"
        ));
    }
    let signalled = Arc::clone(&stop);
    let handle = signals.handle();
    let waiter = std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            if signals.forever().next().is_some() {
                signalled.store(true, Ordering::Relaxed);
            }
        })
        .map_err(Failure::failed)?;
    let code = feed.run(&loaded, &mut ledger)?;
    if options.exit_when_done {
        handle.close();
    }
    // The thread ends at the first signal, or when the handle is closed.
    let _ = waiter.join();
    server.stop();
    if let Some(path) = &options.metrics {
        let text = metrics::text(&ledger.snapshot());
        let written = std::fs::File::create(path).and_then(|mut it| it.write_all(text.as_bytes()));
        written.map_err(|it| Failure::failed(format!("cannot write {}: {it}", path.display())))?;
    }
    Ok(if options.exit_when_done {
        code
    } else {
        ExitCode::SUCCESS
    })
}

/// What feeds the sensor.
enum Feed<'a> {
    Files(Reading<'a>),
    Interfaces {
        names: &'a [String],
        listening: Listening,
        sizes: Sizes,
    },
}

impl<'a> Feed<'a> {
    /// Opens the interfaces; files are opened when they are read.
    fn open(options: &'a Options, workers: u16) -> Result<Self, Failure> {
        let from = &options.input;
        if from.interface.is_empty() {
            return Ok(Self::Files(Reading {
                files: &from.replay,
                workers: Some(workers),
                report: Report::Findings,
                progress: false,
            }));
        }
        let names = from.interface.as_slice();
        for (number, name) in names.iter().enumerate() {
            if names.iter().take(number).any(|it| it == name) {
                return Err(Failure::usage(format!("--interface {name} is given twice")));
            }
        }
        if names.len() > MAX_INPUTS {
            return Err(Failure::usage(format!(
                "--interface is given {} times; one sensor listens on {MAX_INPUTS} at most",
                names.len()
            )));
        }
        let settings = options.capture.settings()?;
        let listening = LiveSource::open(names, &settings, workers.into()).map_err(|it| {
            if it.is_usage() {
                Failure::usage(it.to_string())
            } else {
                Failure::caused(it)
            }
        })?;
        for name in names {
            tell(format_args!("listening on {name}"));
        }
        let sizes = app::live_sizes(workers);
        Ok(Self::Interfaces {
            names,
            listening,
            sizes,
        })
    }

    /// What is read, for display.
    fn input(&self) -> Input {
        match self {
            Self::Files(reading) => Input::files(reading.files, reading.sizes()),
            Self::Interfaces {
                names,
                listening,
                sizes,
            } => Input::interfaces(names, *sizes, listening.looking.clone()),
        }
    }

    /// Takes it through the pipeline, to its end or until a signal.
    fn run(self, loaded: &Arc<Loaded>, ledger: &mut Ledger) -> Ended {
        match self {
            Self::Files(reading) => {
                let damages = app::read(&reading, loaded, ledger).map_err(Failure::caused)?;
                let code = app::report_damages(&damages);
                tell("the replay has ended; all of it is settled");
                Ok(code)
            }
            Self::Interfaces {
                listening, sizes, ..
            } => {
                app::watch(listening.sources, loaded, sizes, ledger).map_err(Failure::failed)?;
                tell("stopped; all that was captured is settled");
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}
