//! `phonehome run`: the sensor, with its web server.

use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
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
use crate::app::manager::Manager;
use crate::app::rights::{self, Becomes, Demand, Given, Plan, RightsError};
use crate::app::snapshot::Input;
use crate::app::{self, Reading};
use crate::export::{http, metrics};
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
    #[command(flatten)]
    watch: Watch,
    #[command(flatten)]
    work: Work,
    #[command(flatten)]
    rights: Rights,
}

/// Options about the rights that are given up when all is open.
#[derive(Args, Debug)]
struct Rights {
    /// User to become when started as root; "root" stays root
    /// [default: phonehome, else nobody; with --replay nobody else]
    #[arg(long = "rights.user", value_name = "NAME")]
    user: Option<String>,
    /// Keep the right to open interfaces, so that one that went away can be opened again; without
    /// it the sensor ends then, to be started anew
    #[arg(long = "rights.keep-net-raw")]
    keep_net_raw: bool,
    /// Whether to be kept to the sensor's own folders by Landlock
    #[arg(long = "rights.landlock", value_name = "WHEN", default_value = "auto")]
    landlock: When,
    /// Whether to be kept to the system calls that the sensor needs by seccomp
    #[arg(long = "rights.seccomp", value_name = "WHEN", default_value = "auto")]
    seccomp: When,
}

/// Whether a protection is wanted.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum When {
    /// Where the system has it
    Auto,
    /// Without it, do not start
    Require,
    /// Never
    Off,
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
    let listeners = http::bind(&options.listen).map_err(Failure::caused)?;
    let mut metrics_file = options.metrics.as_deref().map(create).transpose()?;
    match Manager::connect() {
        Ok(manager) => ledger.tell_manager(manager),
        Err(error) => tell(format_args!("cannot reach the service manager: {error}")),
    }
    let given = options.give_up_rights()?;
    ledger.show_protections(given.standings.clone());
    let shared = ledger.share();
    let state = move || Arc::new(shared.snapshot());
    let server = listeners.serve(Arc::new(state)).map_err(Failure::caused)?;
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
    let code = feed.run(&catalogue, &mut ledger)?;
    if options.exit_when_done {
        handle.close();
    }
    // The thread ends at the first signal, or when the handle is closed.
    let _ = waiter.join();
    server.stop();
    if let (Some(path), Some(file)) = (&options.metrics, &mut metrics_file) {
        let text = metrics::text(&ledger.snapshot());
        file.write_all(text.as_bytes())
            .map_err(|it| cannot_write(path, &it))?;
    }
    Ok(if options.exit_when_done {
        code
    } else {
        ExitCode::SUCCESS
    })
}

impl Options {
    /// Gives up all rights that are not needed any more, and says so.
    fn give_up_rights(&self) -> Result<Given, Failure> {
        let mut readable = self.input.replay.clone();
        readable.extend(self.watch.signatures.clone());
        let plan = Plan {
            user: self.rights.user.clone(),
            becomes: if self.input.interface.is_empty() {
                Becomes::AnotherIfNamed
            } else {
                Becomes::Another
            },
            landlock: self.rights.landlock.into(),
            seccomp: self.rights.seccomp.into(),
            keep_net_raw: self.rights.keep_net_raw,
            readable,
            writable: Vec::new(),
        };
        let given = rights::give_up(&plan).map_err(|it| match it {
            RightsError::User(_) => Failure::usage(it),
            RightsError::Demanded { .. } => Failure::failed(it),
        })?;
        for remark in &given.remarks {
            tell(remark);
        }
        for (protection, standing) in &given.standings {
            if !standing.is_in_force() {
                tell(format_args!(
                    "protection {}: {standing}",
                    protection.as_str()
                ));
            }
        }
        let in_force: Vec<&str> = given
            .standings
            .iter()
            .filter(|it| it.1.is_in_force())
            .map(|it| it.0.as_str())
            .collect();
        tell(format_args!(
            "protections in force: {}",
            in_force.join(", ")
        ));
        Ok(given)
    }
}

impl From<When> for Demand {
    fn from(when: When) -> Self {
        match when {
            When::Auto => Self::Auto,
            When::Require => Self::Require,
            When::Off => Self::Off,
        }
    }
}

/// Makes the file while there is a right to.
fn create(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|it| cannot_write(path, &it))
}

fn cannot_write(path: &Path, why: &io::Error) -> Failure {
    Failure::failed(format!("cannot write {}: {why}", path.display()))
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
