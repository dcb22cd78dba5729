//! The soak: the sensor on a wire for a long time, with troubles at planned moments.
//!
//! Several captures are sent again and again at a steady rate, from hosts that move, so that tables
//! fill and what is in them changes. First all of it is sent twice, faster, to fill what
//! fills: flows that were left open hold more once their frames have come again.
//! Once a second a probe is sent, a connection whose sighting is known, from one of a few hosts. At every scrape the sums have to
//! hold, no counter may have fallen, nothing may have been dropped, and every probe of more than two
//! seconds ago has to be found. Memory is sampled with the scrapes.
//!
//! Whatever does not hold is a violation; it is logged, and the soak goes on.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::capture;
use crate::error::Error;
use crate::generate::{self, Kind, Spec};
use crate::interrupt;
use crate::live::frames::Frames;
use crate::live::sender::Load;
use crate::live::stop::Stop;
use crate::live::wire::Wire;
use crate::machine::Machine;

mod course;
mod disk;
mod look;
mod show;
mod slope;
mod trouble;

use course::Course;
use disk::Disk;
pub(crate) use disk::options_of;
pub(crate) use show::markdown;
use slope::Slope;
use trouble::Trouble;

/// What to run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Plan {
    /// How long it lasts, with the filling and without the end.
    pub(crate) seconds: u64,
    /// Frames a second.
    pub(crate) rate: u64,
    /// Frames a second while it fills.
    pub(crate) fill_rate: u64,
    /// Time between two scrapes in seconds.
    pub(crate) scrape_seconds: u64,
    /// Options of `phonehome run`.
    pub(crate) options: Vec<String>,
    /// Options that have it write to a folder, which stands in them as `{}`.
    pub(crate) disk_options: Vec<String>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Soak {
    /// What was run.
    pub(crate) plan: Plan,
    /// On what.
    pub(crate) machine: Machine,
    /// Frames that were sent, probes included.
    pub(crate) sent: u64,
    /// Frames that the sensor dropped: while tables were filled or all was sent that goes, and at any
    /// other time, when it should drop none.
    pub(crate) dropped: [u64; 2],
    /// Probes that were sent whole, and those that were found.
    pub(crate) probes: [u64; 2],
    /// Growth of memory.
    pub(crate) slope: Option<Slope>,
    /// CPU time of the sensor in seconds.
    pub(crate) cpu: f64,
    /// What the sensor turned away or gave up at a bound, by row of its metrics.
    pub(crate) bounds: BTreeMap<String, u64>,
    /// What happened at the planned moments.
    pub(crate) troubles: Vec<Told>,
    /// What did not hold.
    pub(crate) violations: Vec<String>,
    /// The end.
    pub(crate) stop: Option<Stop>,
    /// Every scrape.
    pub(crate) samples: Vec<Sample>,
}

/// A trouble and what came of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Told {
    /// When it began, in seconds.
    pub(crate) at: f64,
    /// What it was.
    pub(crate) what: &'static str,
    /// How the sensor took it.
    pub(crate) came: String,
}

/// One scrape.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    /// When, in seconds.
    pub(crate) at: f64,
    /// Which sensor: it goes up when one had to be started anew.
    pub(crate) life: u32,
    /// Whether tables were being filled.
    pub(crate) fills: bool,
    /// Its memory in KiB.
    pub(crate) resident_kib: u64,
    /// Frames received.
    pub(crate) received: u64,
    /// Frames dropped.
    pub(crate) dropped: u64,
    /// Octets of messages in the making.
    pub(crate) unfinished: u64,
    /// Flows that have begun.
    pub(crate) flows: u64,
    /// Findings that are open.
    pub(crate) findings: u64,
    /// Time that the scrape took, in seconds.
    pub(crate) took: f64,
}

impl Soak {
    /// Whether all held.
    pub(crate) fn is_right(&self) -> bool {
        self.violations.is_empty() && self.stop.as_ref().is_some_and(Stop::is_right)
    }
}

/// Runs it; what happens is told on standard error and in a log in `target/bench/soak`.
///
/// # Errors
///
/// Those of making the wire and of starting the sensor; not what the sensor does wrong.
pub(crate) fn run(plan: &Plan, program: &Path) -> Result<Soak, Error> {
    interrupt::watch()?;
    let folder = capture::target_folder()?.join("bench/soak");
    fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
    let load = load(&folder)?;
    let longest = load.captures.iter().map(Frames::longest).max();
    let wire = Wire::new(longest.unwrap_or_default())?;
    let disk = Disk::mount(&folder.join("disk"))?;
    let mut course = Course::begin(plan, program, (&wire, &load), &disk, &folder)?;
    course.fill(frames_of_a_cycle(&load), ROUNDS)?;
    for trouble in REHEARSED {
        course.meet(trouble)?;
    }
    for (share, trouble) in TROUBLES {
        course.go_on_until(share)?;
        course.meet(trouble)?;
    }
    course.go_on_until(1.0)?;
    course.end()
}

/// What is sent: captures of some seeds, made in `folder`.
fn load(folder: &Path) -> Result<Load, Error> {
    let mut captures = Vec::new();
    for seed in SEEDS {
        let path = folder.join(format!("mix-{seed}.pcap"));
        let truth = capture::truth_of(&path);
        generate::generate(Spec::new(Kind::Mix, CAPTURE_OCTETS, seed), &path, &truth)?;
        captures.push(Frames::read(&path).map_err(Error::file("read", &path))?);
    }
    Ok(Load {
        captures: captures.into(),
        blocks: HOST_BLOCKS,
    })
}

/// Frames until everything has been sent from every block of hosts.
fn frames_of_a_cycle(load: &Load) -> u64 {
    let frames: usize = load.captures.iter().map(Frames::len).sum();
    frames as u64 * u64::from(load.blocks)
}

/// How often all of it is sent before memory is looked at.
const ROUNDS: u64 = 2;

/// What is gone through once before memory is looked at: what these take at the first time, the
/// process keeps. They come again, and are not to take more then.
const REHEARSED: [Trouble; 3] = [Trouble::StalledScraper, Trouble::Reload, Trouble::Burst];

/// What happens when, as a share of the whole time. What may end the sensor comes last.
const TROUBLES: [(f64, Trouble); 6] = [
    (0.40, Trouble::StalledScraper),
    (0.50, Trouble::FullDisk),
    (0.60, Trouble::LinkDown),
    (0.70, Trouble::Reload),
    (0.80, Trouble::Burst),
    (0.90, Trouble::InterfaceGone),
];

/// Seeds of the captures.
const SEEDS: [u64; 4] = [11, 12, 13, 14];

/// Length of each capture.
const CAPTURE_OCTETS: u64 = 24 << 20;

/// Blocks of some 4,400 hosts each: more than the sensor remembers.
const HOST_BLOCKS: u8 = 60;
