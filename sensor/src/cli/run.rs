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

use super::{Ended, Failure, Watch, Work, tell};
use crate::app::ledger::Ledger;
use crate::app::snapshot::Input;
use crate::app::{self, Reading};
use crate::export::{http, metrics};
use crate::worker::Report;

/// Options of `phonehome run`.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// Feed these capture files through the sensor's threads, merged by time
    #[arg(long, required = true, value_name = "FILE", num_args = 1..)]
    replay: Vec<PathBuf>,
    /// End when the replay has ended, instead of serving until SIGINT or SIGTERM
    #[arg(long)]
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
}

pub(super) fn main(options: &Options) -> Ended {
    let catalogue = options.watch.catalogue()?;
    let reading = Reading {
        files: &options.replay,
        workers: Some(options.work.workers.unwrap_or(2)),
        report: Report::Findings,
        progress: false,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(Failure::failed)?;
    let input = Input::files(&options.replay, reading.sizes());
    let mut ledger = Ledger::new(catalogue.clone(), options.watch.home(), input);
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
    let damages = app::read(&reading, &catalogue, &mut ledger).map_err(Failure::caused)?;
    let damaged = app::report_damages(&damages);
    tell("the replay has ended; all of it is settled");
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
        damaged
    } else {
        ExitCode::SUCCESS
    })
}
