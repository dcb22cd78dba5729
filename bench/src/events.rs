//! Events: how many a second an output takes while no frame is lost.
//!
//! The sensor listens on a wire of its own and tells of every sighting. Hosts ask a resolver for a
//! flagged name, and it answers: two frames, and at least one event. In the last row a second output has a
//! receiver that never reads; its events have to be dropped and counted, and nothing else may change.

use std::fmt::Write;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::capture;
use crate::error::Error;
use crate::generate::dns::{self, Answer, Question, TYPE_A};
use crate::generate::frame::{Direction, Path as FramePath};
use crate::interrupt;
use crate::live::frames::Frames;
use crate::live::sender::{Load, Rate, Sender};
use crate::live::sensor::{Page, Sensor};
use crate::live::wire::Wire;
use crate::machine::Machine;
use crate::report::{grouped, put_table};

/// What to run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Exchanges a second, for each row.
    pub(crate) rates: Vec<u64>,
    /// How long each is sent.
    pub(crate) time: Duration,
    /// Options of `phonehome run`.
    pub(crate) options: Vec<String>,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Outcome {
    /// The machine, whose processors sender and sensor share.
    pub(crate) machine: Machine,
    /// One row a rate.
    pub(crate) rows: Vec<Row>,
}

/// What was measured at a rate.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// The outputs, beside which a receiver that never reads is named.
    pub(crate) outputs: &'static str,
    /// Exchanges a second that were asked for.
    pub(crate) target: u64,
    /// Seconds that it lasted.
    pub(crate) seconds: f64,
    /// Frames that were sent, and those that the sensor lost.
    pub(crate) frames: u64,
    pub(crate) lost: u64,
    /// Events of the file, by what became of them.
    pub(crate) file: Fates,
    /// Lines of the file and of those that it was rotated to.
    pub(crate) lines: u64,
    /// Events of the output whose receiver never reads; absent without one.
    pub(crate) stuck: Option<Fates>,
    /// CPU time of the sensor in seconds.
    pub(crate) cpu: f64,
    /// Its memory at the end, in KiB.
    pub(crate) resident_kib: u64,
    /// What is not as it should be.
    pub(crate) complaint: Option<String>,
}

/// What became of events.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Fates {
    pub(crate) sent: u64,
    pub(crate) failed: u64,
    pub(crate) dropped: u64,
}

impl Fates {
    const fn made(self) -> u64 {
        self.sent + self.failed + self.dropped
    }
}

impl Row {
    /// Events made in a second.
    #[expect(clippy::cast_precision_loss, reason = "printed with few digits")]
    pub(crate) fn rate(&self) -> f64 {
        self.file.made() as f64 / self.seconds.max(1e-6)
    }

    fn complaint(&self) -> Option<String> {
        let file = self.file;
        if self.lost > 0 {
            return Some(format!("{} frames were lost", self.lost));
        }
        if file.dropped > 0 || file.failed > 0 {
            return Some(format!("{} events were not written", file.dropped));
        }
        if self.lines != file.sent {
            return Some(format!("{} lines of {} events", self.lines, file.sent));
        }
        if self.rate() < self.target as f64 * REACHED {
            return Some(format!(
                "only {:.0} events a second came about",
                self.rate()
            ));
        }
        let stuck = self.stuck?;
        if stuck.made() != file.made() {
            return Some(format!(
                "{} events of the stuck output for {} of the file",
                stuck.made(),
                file.made()
            ));
        }
        (stuck.dropped == 0).then(|| "nothing was dropped though nobody read".to_owned())
    }
}

/// Runs all rates, and the first again with a receiver that never reads.
///
/// # Errors
///
/// Those of making the wire and of running the sensor.
pub(crate) fn run(plan: &Plan, program: &Path) -> Result<Outcome, Error> {
    interrupt::watch()?;
    let machine = Machine::of_now();
    let folder = capture::target_folder()?.join("bench/events");
    let load = Load {
        captures: (0..ROUNDS).map(exchanges).collect(),
        blocks: HOST_BLOCKS,
    };
    let mut rows = Vec::new();
    for rate in &plan.rates {
        rows.push(row(plan, program, &load, &folder, (*rate, None))?);
    }
    if let Some(rate) = plan.rates.first() {
        let socket = Some(folder.join("stuck.sock"));
        rows.push(row(plan, program, &load, &folder, (*rate, socket))?);
    }
    Ok(Outcome { machine, rows })
}

fn row(
    plan: &Plan,
    program: &Path,
    load: &Load,
    folder: &Path,
    (target, socket): (u64, Option<PathBuf>),
) -> Result<Row, Error> {
    // Files of an earlier row would be counted.
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    let file = folder.join("events.json");
    let mut options: Vec<String> = [
        "--rights.user=root",
        "--events.kinds=all",
        "--events.repeat-after=0s",
        "--events.keep=1000",
    ]
    .map(str::to_owned)
    .into();
    options.push(format!("--events.file={}", file.display()));
    let listener = match &socket {
        Some(path) => {
            options.push(format!("--events.socket={}", path.display()));
            Some(UnixListener::bind(path).map_err(Error::file("listen on", path))?)
        }
        None => None,
    };
    options.extend(plan.options.iter().cloned());
    let longest = load.captures.iter().map(Frames::longest).max();
    let wire = Wire::new(longest.unwrap_or_default())?;
    let sensor = Sensor::start(&wire, program, &options, &folder.join("log"))?;
    let before = sensor.process.usage().map_err(Error::Resources)?;
    let sender = Sender::start(&wire, load.clone())?;
    let started = Instant::now();
    sender.set_rate(Rate::PerSecond(target * FRAMES_AN_EXCHANGE));
    interrupt::pause(plan.time)?;
    sender.set_rate(Rate::Paused);
    let seconds = started.elapsed().as_secs_f64();
    let page = written_page(&sensor)?;
    let usage = sensor.process.usage().map_err(Error::Resources)?;
    let mut row = Row {
        outputs: if socket.is_some() {
            "file, and a socket that nobody reads"
        } else {
            "file"
        },
        target,
        seconds,
        frames: sender.sent().frames,
        lost: page.account().dropped,
        file: fates(&page, "file"),
        lines: lines(folder)?,
        stuck: socket.is_some().then(|| fates(&page, "socket")),
        cpu: usage.since(before).cpu(),
        resident_kib: usage.resident_kib,
        complaint: None,
    };
    // What waits for the stuck receiver is dropped at the end.
    if let Some(stuck) = &mut row.stuck {
        stuck.dropped += page.count("phonehome_output_queued_events", &["output=\"socket\""]);
    }
    row.complaint = row.complaint();
    drop(listener);
    Ok(row)
}

/// The metrics once all frames are settled and the file has all events.
fn written_page(sensor: &Sensor<'_>) -> Result<Page, Error> {
    let started = Instant::now();
    loop {
        let page = sensor.settled_page()?;
        let waits = page.count("phonehome_output_queued_events", &["output=\"file\""]);
        if waits == 0 || started.elapsed() > PATIENCE {
            return Ok(page);
        }
    }
}

fn fates(page: &Page, output: &str) -> Fates {
    let output = format!("output=\"{output}\"");
    let of = |result: &str| {
        let result = format!("result=\"{result}\"");
        page.count("phonehome_output_events_total", &[&output, &result])
    };
    Fates {
        sent: of("sent"),
        failed: of("failed"),
        dropped: of("dropped"),
    }
}

/// Lines of all files of events.
fn lines(folder: &Path) -> Result<u64, Error> {
    let mut lines = 0;
    for entry in fs::read_dir(folder).map_err(Error::file("read", folder))? {
        let path = entry.map_err(Error::file("read", folder))?.path();
        if path.display().to_string().contains("events.json") {
            let file = File::open(&path).map_err(Error::file("read", &path))?;
            lines += BufReader::new(file).split(b'\n').count() as u64;
        }
    }
    Ok(lines)
}

/// Questions for a flagged name and their answers, each from a host of its own; those of another
/// round have other ports and ids.
fn exchanges(round: u16) -> Frames {
    let mut frames = Frames::default();
    let mut frame = Vec::new();
    for number in 0..HOSTS {
        let [high, low] = number.to_be_bytes();
        let port = 10_000 + round * 1_000 + number % 1_000;
        let path = FramePath {
            client: SocketAddr::new(Ipv4Addr::new(10, 20, high, low).into(), port),
            server: SocketAddr::new(Ipv4Addr::new(10, 0, 0, 53).into(), 53),
            vlan: None,
        };
        let question = Question {
            id: number.wrapping_add(round << 13),
            name: NAME,
            kind: TYPE_A,
            edns: false,
        };
        let answer = Answer::Found {
            aliases: &[],
            address: IpAddr::V4(Ipv4Addr::new(77, 74, 181, 1)),
        };
        path.udp(Direction::Up, number, &dns::query(&question), &mut frame);
        frames.push(&frame);
        let response = dns::response(&question, &answer);
        path.udp(Direction::Down, number, &response, &mut frame);
        frames.push(&frame);
    }
    frames
}

/// The result as a table.
pub(crate) fn markdown(outcome: &Outcome) -> String {
    let machine = &outcome.machine;
    let mut text = format!(
        "Events of every sighting, on a wire; sender and sensor share the processors.\n\n\
         Machine: {}, {} CPUs, {} MiB, Linux {}, load {} at the start, {}\n\n",
        machine.cpu, machine.cpus, machine.memory_mib, machine.kernel, machine.load, machine.date,
    );
    let mut table = vec![HEADINGS.map(str::to_owned).to_vec()];
    for row in &outcome.rows {
        table.push(vec![
            row.outputs.to_owned(),
            grouped(row.target),
            format!("{:.0}", row.rate()),
            grouped(row.frames),
            grouped(row.lost),
            grouped(row.file.sent),
            grouped(row.file.dropped),
            row.stuck.map_or_else(String::new, |it| grouped(it.dropped)),
            format!("{:.2}", row.cpu / row.seconds.max(1e-6)),
            format!("{} MiB", row.resident_kib >> 10),
        ]);
    }
    put_table(&table, &mut text);
    for row in &outcome.rows {
        if let Some(complaint) = &row.complaint {
            let _ = writeln!(text, "\n- {} at {}: {complaint}", row.outputs, row.target);
        }
    }
    text
}

const HEADINGS: [&str; 10] = [
    "outputs",
    "exchanges asked for /s",
    "events /s",
    "frames sent",
    "frames lost",
    "events written",
    "dropped",
    "dropped where nobody reads",
    "CPUs of the sensor",
    "memory",
];

/// A name that a built-in signature claims.
const NAME: &str = "ds.kaspersky.com";

/// Frames of an exchange: a question and its answer.
const FRAMES_AN_EXCHANGE: u64 = 2;

/// Hosts of a block, each with an exchange of its own.
const HOSTS: u16 = 8_192;

/// Rounds of exchanges, so that none is like another for some seconds.
const ROUNDS: u16 = 12;

/// Blocks of hosts: all of them together are fewer than the findings that the sensor keeps.
const HOST_BLOCKS: u8 = 4;

/// Events for each exchange that have to come about, at least.
const REACHED: f64 = 0.97;

/// How long events may wait for the file after the last frame.
const PATIENCE: Duration = Duration::from_secs(20);
