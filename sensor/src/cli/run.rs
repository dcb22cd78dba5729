//! `phonehome run`: the sensor, with its web server.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::flags::Flags;
use super::{Ended, FAILED, Failure, with_cause};
use crate::app::ledger::Ledger;
use crate::app::live::{LiveSource, Settings};
use crate::app::snapshot::Input;
use crate::app::{self, Reading, Threads};
use crate::config::{Config, Frames, Shown};
use crate::export::http::{self, HttpError, ShowHosts};
use crate::export::metrics;
use crate::log::Log;
use crate::pipeline::{Loaded, Sizes};
use crate::worker::Report;

/// Options of `phonehome run`.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Options {
    #[command(flatten)]
    flags: Flags,
}

pub(super) fn main(options: &Options) -> Ended {
    let effective = options.flags.load()?;
    let config = &effective.config;
    let frames = config.frames().ok_or_else(|| Failure::usage(NO_FRAMES))?;
    let mut log = Log::start(config.log_level, config.log_format);
    for warning in &effective.warnings {
        tracing::warn!("{warning}");
    }
    let catalogue = config.catalogue();
    let catalogue = catalogue.map_err(|it| Failure::usage(with_cause(&it)))?;
    let duties = config.duties(&catalogue);
    let duties = duties.map_err(|it| Failure::usage(with_cause(&it)))?;
    for note in &duties.notes {
        tracing::warn!("{note}");
    }
    let loaded = Arc::new(Loaded::new(catalogue));
    let feed = Feed::open(frames, config)?;
    log.write().map_err(Failure::failed)?;
    let stop = Arc::new(AtomicBool::new(false));
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(Failure::failed)?;
    let mut ledger = Ledger::new(
        Arc::clone(&loaded),
        config.home(),
        config.limits(),
        feed.input(),
    );
    ledger.set_directives(duties.directives);
    ledger.set_waivers(duties.waivers);
    let asked = Arc::clone(&stop);
    ledger.stop_when(move || asked.load(Ordering::Relaxed));
    let shared = ledger.share();
    let state = move || Arc::new(shared.snapshot());
    let listeners = http::bind(web(config)).map_err(refused)?;
    let server = listeners.serve(Arc::new(state)).map_err(refused)?;
    for address in server.local_addresses() {
        let (scheme, path) = (server.scheme(), &config.metrics_path);
        tracing::info!("serving on {scheme}://{address}/, metrics on {scheme}://{address}{path}");
    }
    for warning in server.warnings() {
        tracing::warn!("{warning}");
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
    if config.exit_when_done {
        handle.close();
    }
    // The thread ends at the first signal, or when the handle is closed.
    let _ = waiter.join();
    server.stop();
    if let Some(path) = &config.metrics {
        let text = metrics::text(&ledger.snapshot());
        let written = std::fs::File::create(path).and_then(|mut it| it.write_all(text.as_bytes()));
        written.map_err(|it| Failure::failed(format!("cannot write {}: {it}", path.display())))?;
    }
    Ok(if config.exit_when_done {
        code
    } else {
        ExitCode::SUCCESS
    })
}

/// What the web server is to do.
pub(super) fn web(config: &Config) -> http::Options {
    http::Options {
        listen: config.listen_address.clone(),
        config_file: config.web_config.clone(),
        metrics_path: config.metrics_path.clone(),
        show_hosts: match config.show_hosts {
            Shown::Auto => ShowHosts::Auto,
            Shown::Always => ShowHosts::Always,
            Shown::Never => ShowHosts::Never,
        },
    }
}

/// Why there is no web server: what was configured, or the system.
pub(super) fn refused(error: HttpError) -> Failure {
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
    fn open(frames: Frames<'a>, config: &Config) -> Result<Self, Failure> {
        let sizes = config.sizes();
        match frames {
            Frames::Files(files) => Ok(Self::Files(Reading {
                files,
                threads: Threads::Own,
                sizes,
                report: Report::Findings,
                progress: false,
            })),
            Frames::Interfaces(names) => {
                let source = LiveSource::open(names, settings(config)).map_err(Failure::caused)?;
                for name in names {
                    tracing::info!("listening on {name}");
                }
                Ok(Self::Interfaces {
                    names,
                    source,
                    sizes,
                })
            }
        }
    }

    /// What is read, for display.
    fn input(&self) -> Input {
        match self {
            Self::Files(reading) => Input::files(reading.files, reading.sizes),
            Self::Interfaces { names, sizes, .. } => Input::interfaces(names, *sizes),
        }
    }

    /// Takes it through the pipeline, to its end or until a signal.
    fn run(self, loaded: &Arc<Loaded>, ledger: &mut Ledger) -> Ended {
        match self {
            Self::Files(reading) => {
                let damages = app::read(&reading, loaded, ledger).map_err(Failure::caused)?;
                for damage in &damages {
                    tracing::error!("{damage}");
                }
                tracing::info!("the replay has ended; all of it is settled");
                Ok(if damages.is_empty() {
                    ExitCode::SUCCESS
                } else {
                    ExitCode::from(FAILED)
                })
            }
            Self::Interfaces { source, sizes, .. } => {
                app::watch(vec![source], loaded, sizes, ledger).map_err(Failure::failed)?;
                tracing::info!("stopped; all that was captured is settled");
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// How interfaces are listened on.
const fn settings(config: &Config) -> Settings {
    Settings {
        ring_octets: config.ring.0,
    }
}

/// What is missing if nothing says where frames come from.
const NO_FRAMES: &str =
    "nothing to listen on: give --interface NAME, or --replay FILE for captures";

const AFTER_HELP: &str = "\
Every setting can stand in the file and in the environment too: --limits.hosts is hosts below
[limits], and PHONEHOME_LIMITS_HOSTS. `phonehome config print` shows those in effect.";
