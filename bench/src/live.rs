//! The comparison on a wire: the highest rate at which a program loses no frame.
//!
//! Each program in turn listens at one end of a pair of virtual interfaces, and the same sender sends
//! the same frames at the other. The rate doubles until frames are lost, then the gap is halved; the
//! rate that is found has to hold for longer. Then a fixed rate is sent to the sensor for as long.
//!
//! What was sent, what came over the wire and what the program says that it got have to add up,
//! frame by frame. A rate that the machine cannot send is not found, and is said so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::capture::{self, Capture};
use crate::error::Error;
use crate::generate::Summary;
use crate::interrupt;
use crate::machine::Machine;

pub(crate) mod frames;
pub(crate) mod probes;
pub(crate) mod process;
mod receiver;
mod search;
pub(crate) mod sender;
pub(crate) mod sensor;
mod show;
mod socket;
pub(crate) mod stop;
pub(crate) mod wire;

use frames::{BLOCKS, Frames};
use process::Usage;
pub(crate) use receiver::Receiver;
use receiver::{Heard, Running};
use search::{Outcome, Verdict};
use sender::{Load, Rate, Sender, Sent};
pub(crate) use show::markdown;
use wire::{Counts, Wire};

/// What to run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The programs, in the order in which they run.
    pub(crate) receivers: Vec<Receiver>,
    /// How long each rate is tried.
    pub(crate) step: Duration,
    /// How long the rate that is found has to hold.
    pub(crate) confirm: Duration,
    /// Frames a second that the sensor is sent for as long, whatever was found.
    pub(crate) fixed: u64,
    /// How often it is told to end while it is sent that much.
    pub(crate) stops: u32,
    /// Options of `phonehome run`.
    pub(crate) options: Vec<String>,
}

/// A comparison on a wire.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    /// The capture that was sent, again and again, from hosts that move.
    pub(crate) capture: Summary,
    /// The machine, whose processors sender and receiver share.
    pub(crate) machine: Machine,
    /// How long each rate was tried, and how long the one found had to hold, in seconds.
    pub(crate) seconds: [f64; 2],
    /// The sender alone, as fast as it goes.
    pub(crate) alone: Step,
    /// Frames a second that tcpreplay says it sends; absent if it is not installed.
    pub(crate) tcpreplay: Option<f64>,
    /// One row a program.
    pub(crate) rows: Vec<Row>,
    /// The sensor at the fixed rate.
    pub(crate) fixed: Option<Step>,
    /// The sensor told to end at the fixed rate.
    pub(crate) stops: Vec<stop::Stop>,
}

/// What was measured of a program.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// The program.
    pub(crate) receiver: Receiver,
    /// How it was called, without folders.
    pub(crate) command: String,
    /// Its version; absent if it is not installed.
    pub(crate) version: Option<String>,
    /// Why there is no figure.
    pub(crate) failure: Option<String>,
    /// The rates that were tried, in order.
    pub(crate) steps: Vec<Step>,
    /// The rates that had to hold for longer, in order; the last is the one found.
    pub(crate) confirmed: Vec<Step>,
}

/// One rate, sent for some time.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    /// The rate that was asked for.
    pub(crate) target: Rate,
    /// How long it was sent, in seconds.
    pub(crate) seconds: f64,
    /// What was sent.
    pub(crate) sent: Sent,
    /// What came over the wire.
    pub(crate) wire: Counts,
    /// What the program says that it got.
    pub(crate) heard: Heard,
    /// What the program used meanwhile, and its memory at the end.
    pub(crate) usage: Usage,
}

impl Comparison {
    /// Whether every program has a figure, all sums hold, and the sensor did at the fixed rate and at
    /// its end what it should.
    pub(crate) fn is_right(&self) -> bool {
        let mut steps = self
            .rows
            .iter()
            .flat_map(|it| it.steps.iter().chain(&it.confirmed))
            .chain(&self.fixed);
        self.rows.iter().all(|it| it.failure.is_none())
            && steps.all(Step::adds_up)
            && self
                .fixed
                .as_ref()
                .is_none_or(|it| it.verdict() == Verdict::Holds)
            && self.stops.iter().all(stop::Stop::is_right)
    }
}

impl Step {
    /// Frames sent in a second.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate is printed with three digits"
    )]
    pub(crate) fn rate(&self) -> f64 {
        self.sent.frames as f64 / self.seconds.max(1e-6)
    }

    /// Frames that came over the wire and were not worked on.
    pub(crate) fn lost(&self) -> u64 {
        self.wire.received.saturating_sub(self.heard.processed)
    }

    /// Whether every frame that was sent is accounted for, at every place.
    pub(crate) fn adds_up(&self) -> bool {
        let said: u64 = self.heard.lost.values().sum();
        self.sent.frames == self.wire.received
            // One program does not say what was lost.
            && (self.heard.lost.is_empty() || self.heard.processed + said == self.wire.received)
    }

    fn verdict(&self) -> Verdict {
        let is_reached = match self.target {
            #[expect(clippy::cast_precision_loss, reason = "rates are far below 2^53")]
            Rate::PerSecond(rate) => self.rate() >= rate as f64 * REACHED,
            Rate::Top | Rate::Paused => true,
        };
        match (self.lost(), is_reached) {
            (0, true) => Verdict::Holds,
            (0, false) => Verdict::NotReached,
            _ => Verdict::Loses,
        }
    }
}

/// Runs the comparison; what is under way is told on standard error.
///
/// # Errors
///
/// Those of making the wire and of running the programs.
pub(crate) fn run(plan: &Plan, sensor: &Path, capture: &Capture) -> Result<Comparison, Error> {
    interrupt::watch()?;
    let machine = Machine::of_now();
    let frames = Frames::read(&capture.path).map_err(Error::file("read", &capture.path))?;
    let bench = Bench {
        plan,
        sensor,
        longest: frames.longest(),
        load: Load {
            captures: [frames].into(),
            blocks: BLOCKS,
        },
        folder: capture::target_folder()?.join("bench/live"),
    };
    fs::create_dir_all(&bench.folder).map_err(Error::file("create", &bench.folder))?;
    let alone = bench.step(None, Rate::Top, plan.step)?;
    tell(&format!("the sender alone: {:.0} frames/s", alone.rate()));
    let tcpreplay = bench.tcpreplay(&capture.path)?;
    let mut rows = Vec::new();
    for receiver in &plan.receivers {
        rows.push(bench.row(*receiver)?);
    }
    let (mut fixed, mut stops) = (None, Vec::new());
    if plan.receivers.contains(&Receiver::Phonehome) && plan.fixed > 0 {
        let rate = Rate::PerSecond(plan.fixed);
        fixed = Some(bench.step(Some(Receiver::Phonehome), rate, plan.confirm)?);
        for _ in 0..plan.stops {
            let wire = Wire::new(bench.longest)?;
            stops.push(stop::measure(
                &wire,
                sensor,
                (&bench.load, plan.fixed),
                &plan.options,
                &bench.folder,
            )?);
        }
    }
    Ok(Comparison {
        capture: capture.summary.clone(),
        machine,
        seconds: [plan.step.as_secs_f64(), plan.confirm.as_secs_f64()],
        alone,
        tcpreplay,
        rows,
        fixed,
        stops,
    })
}

/// What all steps share.
struct Bench<'a> {
    plan: &'a Plan,
    sensor: &'a Path,
    /// Octets of the longest frame.
    longest: usize,
    load: Load,
    /// For what programs say.
    folder: PathBuf,
}

impl Bench<'_> {
    /// The highest rate that a program takes.
    fn row(&self, receiver: Receiver) -> Result<Row, Error> {
        let words = receiver.words(
            self.sensor
                .file_name()
                .map(Path::new)
                .unwrap_or(self.sensor),
            &self.plan.options,
        );
        let mut row = Row {
            receiver,
            command: words.join(" "),
            version: receiver.peer().version(self.sensor),
            failure: None,
            steps: Vec::new(),
            confirmed: Vec::new(),
        };
        if row.version.is_none() {
            row.failure = Some(format!("not installed: {}", receiver.peer().install()));
            return Ok(row);
        }
        let Outcome {
            highest,
            not_reached,
        } = search::highest(FIRST, |rate| {
            let step = self.step(Some(receiver), Rate::PerSecond(rate), self.plan.step)?;
            let verdict = step.verdict();
            row.steps.push(step);
            Ok(verdict)
        })?;
        let found = Rate::PerSecond(highest);
        let mut rate = if not_reached { Rate::Top } else { found };
        for _ in 0..CONFIRMATIONS {
            let step = self.step(Some(receiver), rate, self.plan.confirm)?;
            let verdict = step.verdict();
            row.confirmed.push(step);
            if verdict != Verdict::Loses {
                break;
            }
            rate = match rate {
                Rate::PerSecond(rate) => Rate::PerSecond(rate - rate / 10),
                Rate::Top | Rate::Paused => found,
            };
        }
        Ok(row)
    }

    /// One rate for some time, on a wire and to a program of its own.
    fn step(
        &self,
        receiver: Option<Receiver>,
        target: Rate,
        time: Duration,
    ) -> Result<Step, Error> {
        let wire = Wire::new(self.longest)?;
        let running = receiver
            .map(|it| it.start(&wire, self.sensor, &self.plan.options, &self.folder))
            .transpose()?;
        let sender = Sender::start(&wire, self.load.clone())?;
        let used = running.as_ref().map(Running::usage).transpose()?;
        let started = Instant::now();
        sender.set_rate(target);
        interrupt::pause(time)?;
        sender.set_rate(Rate::Paused);
        let seconds = started.elapsed().as_secs_f64();
        let sent = sender.sent();
        let (heard, usage) = match running {
            Some(running) => running.finish()?,
            None => Default::default(),
        };
        let step = Step {
            target,
            seconds,
            sent,
            wire: wire.counts()?,
            heard,
            usage: usage.since(used.unwrap_or_default()),
        };
        if let Some(receiver) = receiver {
            tell(&format!(
                "{}: {target:?}, sent {:.0}/s for {seconds:.1} s, lost {} of {}{}",
                receiver.label(),
                step.rate(),
                step.lost(),
                step.sent.frames,
                if step.adds_up() {
                    ""
                } else {
                    ", and the sums do not add up"
                },
            ));
        }
        Ok(step)
    }

    /// What tcpreplay reaches on the same wire with the capture in memory.
    fn tcpreplay(&self, capture: &Path) -> Result<Option<f64>, Error> {
        let present = Command::new("tcpreplay").arg("--version").output();
        if present.is_err() {
            return Ok(None);
        }
        let wire = Wire::new(self.longest)?;
        let output = wire
            .outside("tcpreplay")
            .args(["-i", wire::SENDS, "--topspeed", "--preload-pcap"])
            .args(["--limit", "1000000"])
            .arg(capture)
            .output()
            .map_err(|source| Error::Program {
                program: "tcpreplay".to_owned(),
                source,
            })?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(rated(&said))
    }
}

/// Packets a second in what tcpreplay says: `Rated: 1.0 Bps, 2.0 Mbps, 3.0 pps`.
fn rated(said: &str) -> Option<f64> {
    let line = said.lines().find(|it| it.contains("Rated:"))?;
    let (before, _) = line.split_once(" pps")?;
    before.rsplit(' ').next()?.parse().ok()
}

/// Says how far it has come.
pub(crate) fn tell(text: &str) {
    use std::io::Write;
    // With standard error closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The rate that is tried first.
const FIRST: u64 = 50_000;

/// Share of a rate that has to be sent for it to count as sent.
const REACHED: f64 = 0.97;

/// How many rates are tried for the longer time: as fast as it goes if the sender was at its end, then
/// the one found, then each 10 % below the one before.
const CONFIRMATIONS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn step(sent: u64, received: u64, processed: u64, lost: &[(&str, u64)]) -> Step {
        Step {
            target: Rate::PerSecond(1_000),
            seconds: 1.0,
            sent: Sent {
                frames: sent,
                refused: 0,
            },
            wire: Counts {
                received,
                dropped: 0,
            },
            heard: Heard {
                processed,
                lost: lost.iter().map(|(at, n)| ((*at).to_owned(), *n)).collect(),
            },
            usage: Usage::default(),
        }
    }

    #[test]
    fn a_rate_holds_only_if_it_was_sent_and_nothing_was_lost() {
        let held = step(1_000, 1_000, 1_000, &[("ring", 0)]);
        assert!(held.adds_up());
        assert_eq!(held.verdict(), Verdict::Holds);
        let lossy = step(1_000, 1_000, 990, &[("ring", 10)]);
        assert!(lossy.adds_up());
        assert_eq!((lossy.lost(), lossy.verdict()), (10, Verdict::Loses));
        let slow = step(900, 900, 900, &[("ring", 0)]);
        assert_eq!(slow.verdict(), Verdict::NotReached);
    }

    #[test]
    fn a_frame_that_nobody_accounts_for_shows() {
        assert!(!step(1_000, 1_000, 990, &[("ring", 9)]).adds_up());
        assert!(!step(1_000, 999, 999, &[("ring", 0)]).adds_up());
        // It does not say what it lost, so that the wire alone tells.
        assert!(step(1_000, 1_000, 990, &[]).adds_up());
    }

    #[test]
    fn the_rate_of_tcpreplay_is_read() {
        let said = "Actual: 5 packets\nRated: 91716112.0 Bps, 733.72 Mbps, 148612.15 pps\n";
        assert_eq!(rated(said), Some(148_612.15));
        assert_eq!(rated("Fatal Error"), None);
    }
}
