//! The end: a sensor that is told to end while frames keep coming.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::probes::{self, Probes};
use super::sender::{Load, Rate, Sender};
use super::sensor::{Page, Sensor};
use super::wire::Wire;
use crate::error::Error;
use crate::interrupt;

/// One such end.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Stop {
    /// Frames a second meanwhile.
    pub(crate) rate: u64,
    /// Time from SIGTERM to the end in seconds; absent if it had to be killed.
    pub(crate) seconds: Option<f64>,
    /// Exit code; absent for a signal.
    pub(crate) code: Option<i32>,
    /// Whether received = processed + dropped in what it wrote last, with nothing queued.
    pub(crate) adds_up: bool,
    /// Frames that it dropped.
    pub(crate) dropped: u64,
    /// Hosts with a finding that were on the wire before SIGTERM.
    pub(crate) probes: u64,
    /// Those that it wrote last of as found.
    pub(crate) found: u64,
}

impl Stop {
    /// Whether it ended in time, by itself, with all counts and findings.
    pub(crate) fn is_right(&self) -> bool {
        self.seconds.is_some_and(|it| it <= LIMIT.as_secs_f64())
            && self.code == Some(0)
            && self.adds_up
            && self.found >= self.probes
    }
}

/// Sends for some seconds, with probes until the moment of SIGTERM and frames beyond it.
///
/// # Errors
///
/// Those of running the sensor.
pub(crate) fn measure(
    wire: &Wire,
    program: &Path,
    (load, rate): (&Load, u64),
    options: &[String],
    folder: &Path,
) -> Result<Stop, Error> {
    let metrics = folder.join("last-metrics.txt");
    if metrics.exists() {
        std::fs::remove_file(&metrics).map_err(Error::file("remove", &metrics))?;
    }
    let mut options = options.to_vec();
    options.extend(last_metrics(&metrics));
    options.extend(signatures(&probes::pack_in(folder)?));
    let log = folder.join("stop.log");
    let mut sensor = Sensor::start(wire, program, &options, &log)?;
    let mut probes = Probes::new(wire, u32::MAX)?;
    let sender = Sender::start(wire, load.clone())?;
    sender.set_rate(Rate::PerSecond(rate));
    let mut sent = 0;
    let started = Instant::now();
    while started.elapsed() < BEFORE {
        sent += u64::from(probes.send());
        interrupt::pause(Duration::from_millis(50))?;
    }
    sent += u64::from(probes.send());
    let end = end(&mut sensor)?;
    drop(sender);
    Ok(judged(rate, sent, end, &metrics))
}

/// The option that has the sensor write its metrics to a file when it ends.
pub(crate) fn last_metrics(path: &Path) -> [String; 2] {
    ["--metrics".to_owned(), path.display().to_string()]
}

/// The option that gives the sensor a folder of packs.
pub(crate) fn signatures(folder: &Path) -> [String; 2] {
    ["--signatures".to_owned(), folder.display().to_string()]
}

/// How a sensor ended, and after what time.
pub(crate) type End = Option<(std::process::ExitStatus, Duration)>;

/// Tells a sensor to end; `None` if it does not within twice the time it has.
///
/// # Errors
///
/// [`Error::Network`] if it has ended before.
pub(crate) fn end(sensor: &mut Sensor<'_>) -> Result<End, Error> {
    sensor
        .process
        .signal(nix::sys::signal::Signal::SIGTERM)
        .and_then(|()| sensor.process.ended(2 * LIMIT))
        .map_err(Error::network("end", "the sensor"))
}

/// What is to be said of an end, with the metrics that were written last.
pub(crate) fn judged(rate: u64, probes: u64, end: End, metrics: &Path) -> Stop {
    let page = Page(std::fs::read_to_string(metrics).unwrap_or_default());
    let account = page.account();
    Stop {
        rate,
        seconds: end.map(|(_, time)| time.as_secs_f64()),
        code: end.and_then(|(status, _)| status.code()),
        adds_up: account.adds_up() && account.queued == 0 && account.received > 0,
        dropped: account.dropped,
        probes,
        found: probes::found(&page),
    }
}

/// How long an end may take.
const LIMIT: Duration = Duration::from_secs(5);

/// How long frames are sent before it.
const BEFORE: Duration = Duration::from_secs(5);
