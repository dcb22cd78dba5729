//! `phonehome run`: the sensor, with its web server.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, ValueEnum};
use phonehome_signatures::Catalogue;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::{Ended, Failure, Watch, Work, tell};
use crate::app::ledger::Ledger;
use crate::app::live::LiveSource;
use crate::app::snapshot::Input;
use crate::app::{self, Reading};
use crate::export::http::{self, HttpError, ShowHosts};
use crate::export::metrics;
use crate::pipeline::{MAX_INPUTS, Sizes};
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
    /// Web file with certificates and passwords, as Prometheus' exporters have it; read again when
    /// it changes
    #[arg(long = "web.config.file", value_name = "FILE")]
    web_config: Option<PathBuf>,
    /// Path of the metrics; those of hosts are under it at /hosts
    #[arg(
        long = "web.telemetry-path",
        value_name = "PATH",
        default_value = "/metrics"
    )]
    metrics_path: String,
    /// Whether addresses of hosts are shown: true, false, or auto: while every listener is on
    /// loopback, or a password or certificate is asked for
    #[arg(
        long = "metrics.hosts",
        value_name = "WHEN",
        value_enum,
        default_value = "auto"
    )]
    show_hosts: Shown,
    #[command(flatten)]
    watch: Watch,
    #[command(flatten)]
    work: Work,
}

/// Whether addresses of hosts are shown.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shown {
    Auto,
    True,
    False,
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
    let catalogue = options.watch.catalogue()?;
    let workers = options.work.workers.unwrap_or(2);
    let feed = Feed::open(&options.input, workers)?;
    let stop = Arc::new(AtomicBool::new(false));
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(Failure::failed)?;
    let mut ledger = Ledger::new(catalogue.clone(), options.watch.home(), feed.input());
    let asked = Arc::clone(&stop);
    ledger.stop_when(move || asked.load(Ordering::Relaxed));
    let shared = ledger.share();
    let state = move || Arc::new(shared.snapshot());
    let listeners = http::bind(options.web()).map_err(refused)?;
    let server = listeners.serve(Arc::new(state)).map_err(refused)?;
    for address in server.local_addresses() {
        let (scheme, path) = (server.scheme(), &options.metrics_path);
        tell(format_args!(
            "serving on {scheme}://{address}/, metrics on {scheme}://{address}{path}"
        ));
    }
    for warning in server.warnings() {
        tell(format_args!("warning: {warning}"));
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
    let code = feed.run(&catalogue, &mut ledger)?;
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

impl Options {
    /// What the web server is to do.
    fn web(&self) -> http::Options {
        http::Options {
            listen: self.listen.clone(),
            config_file: self.web_config.clone(),
            metrics_path: self.metrics_path.clone(),
            show_hosts: match self.show_hosts {
                Shown::Auto => ShowHosts::Auto,
                Shown::True => ShowHosts::Always,
                Shown::False => ShowHosts::Never,
            },
        }
    }
}

/// Why there is no web server: what was configured, or the system.
fn refused(error: HttpError) -> Failure {
    match error {
        HttpError::Config(_) | HttpError::Path { .. } => Failure::usage(error),
        HttpError::Listen { .. } | HttpError::Start(_) | HttpError::Metrics => {
            Failure::caused(error)
        }
    }
}

/// What feeds the sensor.
enum Feed<'a> {
    Files(Reading<'a>),
    Interfaces {
        names: &'a [String],
        source: LiveSource,
        sizes: Sizes,
    },
}

impl<'a> Feed<'a> {
    /// Opens the interfaces; files are opened when they are read.
    fn open(from: &'a Origin, workers: u16) -> Result<Self, Failure> {
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
        let source = LiveSource::open(names).map_err(Failure::caused)?;
        for name in names {
            tell(format_args!("listening on {name}"));
        }
        let sizes = app::live_sizes(workers);
        Ok(Self::Interfaces {
            names,
            source,
            sizes,
        })
    }

    /// What is read, for display.
    fn input(&self) -> Input {
        match self {
            Self::Files(reading) => Input::files(reading.files, reading.sizes()),
            Self::Interfaces { names, sizes, .. } => Input::interfaces(names, *sizes),
        }
    }

    /// Takes it through the pipeline, to its end or until a signal.
    fn run(self, catalogue: &Arc<Catalogue>, ledger: &mut Ledger) -> Ended {
        match self {
            Self::Files(reading) => {
                let damages = app::read(&reading, catalogue, ledger).map_err(Failure::caused)?;
                let code = app::report_damages(&damages);
                tell("the replay has ended; all of it is settled");
                Ok(code)
            }
            Self::Interfaces { source, sizes, .. } => {
                app::watch(source, catalogue, sizes, ledger).map_err(Failure::failed)?;
                tell("stopped; all that was captured is settled");
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}
