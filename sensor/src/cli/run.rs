//! `phonehome run`: the sensor, with its web server.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use clap::Args;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::flags::Flags;
use super::{Ended, FAILED, Failure, outputs, rights, with_cause};
use crate::app::ledger::{Ledger, Shared};
use crate::app::live::{Listening, LiveSource};
use crate::app::manager::{Line, Manager};
use crate::app::reload::Reloader;
use crate::app::snapshot::Input;
use crate::app::{self, Reading, Threads, aside};
use crate::config::{Config, EventKinds, Frames, Shown};
use crate::evidence::{self, Folder, Tallies};
use crate::export::http::{self, HttpError, Listeners, Server, ShowHosts};
use crate::export::{EvidenceKept, Own, Snapshot, metrics};
use crate::log::{Dial, Log};
use crate::pipeline::memory::{Memory, memories};
use crate::pipeline::{Loaded, Sizes};
use crate::store::{self, Store};
use crate::worker::Report;

/// Options of `phonehome run`.
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Options {
    #[command(flatten)]
    flags: Flags,
}

pub(super) fn main(options: &Options) -> Ended {
    let layers = options.flags.layers();
    let effective = layers.load().map_err(Failure::usage)?;
    let config = &effective.config;
    let frames = config.frames().ok_or_else(|| Failure::usage(NO_FRAMES))?;
    let mut log = Log::start(config.log_level, config.log_format);
    let catalogue = config.catalogue();
    let catalogue = catalogue.map_err(|it| Failure::usage(with_cause(&it)))?;
    let duties = config.duties(&catalogue);
    let duties = duties.map_err(|it| Failure::usage(with_cause(&it)))?;
    for warning in effective.warnings.iter().chain(&duties.notes) {
        tracing::warn!("{warning}");
    }
    let loaded = Arc::new(Loaded::new(Arc::new(catalogue)));
    let feed = Feed::open(frames, config)?;
    let stop = Arc::new(AtomicBool::new(false));
    let mut ledger = Ledger::new(
        Arc::clone(&loaded),
        config.home(),
        config.limits(),
        feed.input(),
    );
    ledger.set_spans(config.spans());
    ledger.set_own_resolvers(config.own_resolvers());
    let store = match &config.state_folder {
        Some(folder) => Some(open_store(folder, config, &mut ledger)?),
        None => None,
    };
    ledger.set_directives(duties.directives);
    ledger.set_waivers(duties.waivers);
    let asked = Arc::clone(&stop);
    ledger.stop_when(move || asked.load(Ordering::Relaxed));
    let signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).map_err(Failure::failed)?;
    let listeners = http::bind(web(config)).map_err(refused)?;
    let mut metrics_file = config.metrics.as_deref().map(create).transpose()?;
    let manager = Manager::connect().unwrap_or_else(|error| {
        tracing::warn!("cannot reach the service manager: {error}");
        None
    });
    let line = manager.as_ref().map(Manager::line);
    ledger.tell_manager(manager);
    let prepared = outputs::prepare(config)?;
    if let Some(folder) = &config.evidence_folder {
        Folder::make(folder).map_err(Failure::caused)?;
    }
    // All is open, and no other thread is there yet: rights pass to threads that start later.
    let given = rights::give_up(config, options.flags.file(), listeners.files())?;
    ledger.show_protections(given.standings.clone());
    log.write().map_err(Failure::failed)?;
    if let Some(store) = store {
        ledger.keep_in(store.start().map_err(Failure::failed)?);
    }
    let (memories, evidence) = match &config.evidence_folder {
        Some(folder) => {
            let (memories, handle) = keep_evidence(folder, config, feed.captures())?;
            let tallies = handle.tallies();
            ledger.prove_by(handle);
            (memories, Some(tallies))
        }
        None => (Vec::new(), None),
    };
    let outputs = outputs::start(prepared, config, &mut ledger)?;
    let shared = ledger.share();
    let sensor = Arc::new(Sensor {
        name: config.events_sensor.clone(),
        shared: Arc::clone(&shared),
        outputs,
        evidence,
        dial: log.dial(),
        line,
        reloader: Reloader::new(
            layers,
            config.clone(),
            Arc::clone(&loaded),
            shared,
            log.dial(),
        ),
    });
    let handle = signals.handle();
    let waiter = heed(signals, Arc::clone(&sensor), stop).map_err(Failure::failed)?;
    let server = serve(listeners, config, &sensor).map_err(refused)?;
    let ended = feed.run(memories, &loaded, &mut ledger);
    // What was held back is told before anything else ends.
    ledger.finish().map_err(Failure::failed)?;
    if ended.is_err() {
        sensor.outputs.finish();
    }
    let code = ended?;
    if config.exit_when_done {
        handle.close();
    }
    // The thread ends at the first signal to stop, or when the handle is closed.
    let _ = waiter.join();
    server.stop();
    sensor.outputs.finish();
    if let (Some(path), Some(file)) = (&config.metrics, &mut metrics_file) {
        let text = metrics::text(&sensor.told(ledger.snapshot()));
        file.write_all(text.as_bytes())
            .map_err(|it| cannot_write(path, &it))?;
    }
    Ok(if config.exit_when_done {
        code
    } else {
        ExitCode::SUCCESS
    })
}

/// Opens the store while there is a right to, and has the ledger go on with what is in it.
fn open_store(folder: &Path, config: &Config, ledger: &mut Ledger) -> Result<Store, Failure> {
    let (store, stored) = store::open(folder, config.findings).map_err(Failure::caused)?;
    if let Some(path) = &stored.put_aside {
        tracing::error!(
            "the findings that were kept are damaged; they are put aside as {}, and all findings \
             begin anew",
            path.display()
        );
    }
    let restored = ledger.restore(stored.kept, stored.history);
    let (kept, folder) = (restored.findings, folder.display());
    tracing::info!("findings are kept in {folder}; {kept} go on from an earlier run");
    if stored.unreadable > 0 {
        let rows = stored.unreadable;
        tracing::warn!("{rows} rows that were kept make no sense and are left out");
    }
    if restored.refused > 0 {
        let refused = restored.refused;
        tracing::warn!("{refused} findings that were kept have no room: raise limits.findings");
    }
    for (what, gone) in [
        ("vendors", &restored.gone_vendors),
        ("signatures", &restored.gone_signatures),
    ] {
        if !gone.is_empty() {
            let some: Vec<&str> = gone.iter().take(MAX_GONE).map(String::as_str).collect();
            tracing::warn!(
                "{} {what} that findings rest on are in no pack any more: {}",
                gone.len(),
                some.join(", ")
            );
        }
    }
    Ok(store)
}

/// Keeps evidence in a folder, of what that many captures remember.
fn keep_evidence(
    folder: &Path,
    config: &Config,
    captures: usize,
) -> Result<(Vec<Memory>, evidence::Handle), Failure> {
    let opened = Folder::open(folder, config.evidence_size.0).map_err(Failure::caused)?;
    let octets = usize::try_from(config.evidence_memory.0).unwrap_or(usize::MAX);
    let (memories, asker) = memories(captures, octets);
    let handle = evidence::Handle::start(opened, asker).map_err(Failure::failed)?;
    tracing::info!("evidence is kept in {}", folder.display());
    Ok((memories, handle))
}

/// Makes the file while there is a right to.
fn create(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|it| cannot_write(path, &it))
}

fn cannot_write(path: &Path, why: &io::Error) -> Failure {
    Failure::failed(format!("cannot write {}: {why}", path.display()))
}

/// What others can ask of the running sensor.
struct Sensor {
    name: Option<String>,
    shared: Arc<Shared>,
    outputs: outputs::Open,
    evidence: Option<Arc<Tallies>>,
    dial: Dial,
    line: Option<Arc<Line>>,
    reloader: Reloader,
}

impl Sensor {
    fn reload(&self) -> Result<(), Vec<String>> {
        let reload = || self.reloader.reload();
        match &self.line {
            Some(line) => line.during(reload),
            None => reload(),
        }
    }

    fn snapshot(&self) -> Snapshot {
        self.told(self.shared.snapshot())
    }

    /// The same snapshot, with what the running sensor has to tell of itself. The ledger looks for a new
    /// catalogue when its input goes on, which may be never.
    fn told(&self, mut snapshot: Snapshot) -> Snapshot {
        snapshot.pipeline.busy.extend(aside::busy());
        let evidence = self.evidence.as_deref().map(Tallies::counts);
        Snapshot {
            catalogue: self.reloader.catalogue(),
            evidence: evidence.map(|it| EvidenceKept {
                octets: it.octets,
                records: it.fates,
            }),
            own: Some(Own {
                sensor: self.name.clone(),
                reload: self.reloader.newest(),
                log_lines_lost: self.dial.lost(),
                outputs: self.outputs.counts(),
                repeats_evicted: self.outputs.evicted(),
            }),
            ..snapshot
        }
    }
}

/// Starts the thread that heeds signals: one reloads, the others stop the sensor and the thread.
fn heed(
    mut signals: Signals,
    sensor: Arc<Sensor>,
    stop: Arc<AtomicBool>,
) -> io::Result<JoinHandle<()>> {
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread.spawn(move || {
        for signal in signals.forever() {
            if signal != SIGHUP {
                stop.store(true, Ordering::Relaxed);
                return;
            }
            sensor.outputs.reopen();
            // It tells in the log how it went.
            let _ = sensor.reload();
        }
    })
}

/// Starts the web server, and says where it is.
fn serve(listeners: Listeners, config: &Config, sensor: &Arc<Sensor>) -> Result<Server, HttpError> {
    let asked = Arc::clone(sensor);
    let reload: http::Reload = Arc::new(move || asked.reload());
    let asked = Arc::clone(sensor);
    let state = Arc::new(move || Arc::new(asked.snapshot()));
    let asked = Arc::clone(sensor);
    let in_force = Arc::new(move || asked.shared.directives());
    let server = listeners.serve(state, in_force, config.enable_lifecycle.then_some(reload))?;
    for address in server.local_addresses() {
        let (scheme, path) = (server.scheme(), &config.metrics_path);
        tracing::info!("serving on {scheme}://{address}/, metrics on {scheme}://{address}{path}");
    }
    for warning in server.warnings() {
        tracing::warn!("{warning}");
    }
    Ok(server)
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
        host_rows: config.host_rows,
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
        listening: Listening,
        report: Report,
        sizes: Sizes,
    },
}

impl<'a> Feed<'a> {
    /// Opens the interfaces; files are opened when they are read.
    fn open(frames: Frames<'a>, config: &Config) -> Result<Self, Failure> {
        let sizes = config.sizes();
        let report = match config.events_kinds {
            EventKinds::All => Report::Sightings,
            EventKinds::Changes => Report::Findings,
        };
        match frames {
            Frames::Files(files) => Ok(Self::Files(Reading {
                files,
                threads: Threads::Own,
                sizes,
                report,
                progress: false,
            })),
            Frames::Interfaces(names) => {
                let listening = LiveSource::open(names, &config.capture(), config.workers);
                let listening = listening.map_err(|it| match it.is_usage() {
                    true => Failure::usage(it),
                    false => Failure::caused(it),
                })?;
                for name in names {
                    tracing::info!("listening on {name}");
                }
                Ok(Self::Interfaces {
                    names,
                    listening,
                    report,
                    sizes,
                })
            }
        }
    }

    /// What is read, for display.
    fn input(&self) -> Input {
        match self {
            Self::Files(reading) => Input::files(reading.files, reading.sizes),
            Self::Interfaces {
                names,
                listening,
                sizes,
                ..
            } => Input::interfaces(names, *sizes, listening.looking.clone()),
        }
    }

    /// How many captures there will be.
    const fn captures(&self) -> usize {
        match self {
            Self::Files(_) => 1,
            Self::Interfaces { listening, .. } => listening.sources.len(),
        }
    }

    /// Takes it through the pipeline, to its end or until a signal; the captures remember frames by the
    /// memories that there are.
    fn run(self, memories: Vec<Memory>, loaded: &Arc<Loaded>, ledger: &mut Ledger) -> Ended {
        match self {
            Self::Files(reading) => {
                let memory = memories.into_iter().next();
                let damages =
                    app::replay(&reading, memory, loaded, ledger).map_err(Failure::caused)?;
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
            Self::Interfaces {
                listening,
                report,
                sizes,
                ..
            } => {
                app::watch(listening.sources, memories, loaded, (report, sizes), ledger)
                    .map_err(Failure::failed)?;
                tracing::info!("stopped; all that was captured is settled");
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// Ids that a line of the log names at most.
const MAX_GONE: usize = 10;

/// What is missing if nothing says where frames come from.
const NO_FRAMES: &str =
    "nothing to listen on: give --interface NAME, or --replay FILE for captures";

const AFTER_HELP: &str = "\
Every setting can stand in the file and in the environment too: --limits.hosts is hosts below
[limits], and PHONEHOME_LIMITS_HOSTS. `phonehome config print` shows those in effect.";
