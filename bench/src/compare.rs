//! The comparison: programs run in turn, runs reduced to medians, medians to ratios.
//!
//! Every round runs each program once, so that a busy spell of the machine meets all of them. CPU
//! time, not wall time, is compared.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Serialize;

use crate::capture::Capture;
use crate::error::Error;
use crate::generate::Summary;
use crate::machine::Machine;
use crate::measure::{self, Used};
use crate::peers::Peer;

/// What to run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The programs, in the order in which they run.
    pub(crate) peers: Vec<Peer>,
    /// Measured runs of each.
    pub(crate) runs: u32,
    /// Longest time that a run may take.
    pub(crate) limit: Duration,
}

/// A comparison.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    /// The capture that was read.
    pub(crate) capture: Summary,
    /// The machine that it was read on.
    pub(crate) machine: Machine,
    /// Measured runs of each program that reads the whole capture.
    pub(crate) runs: u32,
    /// One row a program.
    pub(crate) rows: Vec<Row>,
}

/// What was measured of a program.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// The program.
    pub(crate) peer: Peer,
    /// How it was called, without folders.
    pub(crate) command: String,
    /// Its version; absent if it is not installed.
    pub(crate) version: Option<String>,
    /// Why there is no figure.
    pub(crate) failure: Option<String>,
    /// The measured runs, in order.
    pub(crate) runs: Vec<Used>,
    /// The figures; absent without a complete run.
    pub(crate) figures: Option<Figures>,
}

/// Medians of a program's runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Figures {
    /// User and system time in seconds: median.
    pub(crate) cpu: f64,
    /// The least of the runs.
    pub(crate) cpu_least: f64,
    /// The most of the runs.
    pub(crate) cpu_most: f64,
    /// Median of the time from start to end in seconds.
    pub(crate) wall: f64,
    /// Most memory of any run in KiB.
    pub(crate) peak_kib: u64,
    /// Packets read.
    pub(crate) packets: u64,
    /// Octets of the capture file read.
    pub(crate) octets: u64,
    /// CPU time a packet, as a multiple of phonehome's; absent without that.
    pub(crate) ratio: Option<f64>,
}

impl Figures {
    /// Packets read in a second of CPU time.
    pub(crate) fn packets_per_second(&self) -> f64 {
        per(self.packets, self.cpu)
    }

    /// Octets read in a second of CPU time.
    pub(crate) fn octets_per_second(&self) -> f64 {
        per(self.octets, self.cpu)
    }
}

/// The programs to run: phonehome, and those that were asked for or all.
pub(crate) fn chosen(only: &[Peer]) -> Vec<Peer> {
    Peer::ALL
        .into_iter()
        .filter(|it| *it == Peer::Phonehome || only.is_empty() || only.contains(it))
        .collect()
}

/// Runs the programs in turn.
///
/// A program that is missing, fails or takes too long has a row that says so.
///
/// # Errors
///
/// Those of measuring and of reading the capture.
pub(crate) fn run(plan: &Plan, sensor: &Path, capture: &Capture) -> Result<Comparison, Error> {
    let machine = Machine::of_now();
    let mut rows: Vec<Row> = plan
        .peers
        .iter()
        .map(|peer| Row::new(*peer, sensor, &capture.path))
        .collect();
    for round in 0..=plan.runs {
        for row in rows.iter_mut().filter(|it| it.is_due(round)) {
            let command = row.peer.command(sensor, &capture.path);
            let used = measure::apart(&command, plan.limit)?;
            row.failure = failure(&used, &command);
            // The first round only warms up; a sample is read once, for it takes long.
            if row.failure.is_none() && (round > 0 || row.peer.sample().is_some()) {
                row.runs.push(used);
            }
        }
    }
    for row in &mut rows {
        let (packets, octets) = match row.peer.sample() {
            Some(packets) => {
                first_packets(&capture.path, packets).map_err(Error::file("read", &capture.path))?
            }
            None => (capture.summary.packets, capture.summary.octets),
        };
        row.figures = figures(&row.runs, packets, octets).filter(|_| row.failure.is_none());
    }
    set_ratios(&mut rows);
    Ok(Comparison {
        capture: capture.summary.clone(),
        machine,
        runs: plan.runs,
        rows,
    })
}

impl Row {
    fn new(peer: Peer, sensor: &Path, capture: &Path) -> Self {
        let name = |path: &Path| path.file_name().map(Path::new).unwrap_or(path).to_owned();
        let version = peer.version(sensor);
        let failure = match version {
            Some(_) => None,
            None => Some(format!("not installed: {}", peer.install())),
        };
        Self {
            peer,
            command: peer.command(&name(sensor), &name(capture)).join(" "),
            version,
            failure,
            runs: Vec::new(),
            figures: None,
        }
    }

    fn is_due(&self, round: u32) -> bool {
        self.failure.is_none() && (round == 0 || self.peer.sample().is_none())
    }
}

/// Why a run does not count, in words.
fn failure(used: &Used, command: &[String]) -> Option<String> {
    if used.timed_out {
        return Some(format!(
            "stopped after {:.0} s, with {:.1} CPU-s and {} MiB used",
            used.wall,
            used.cpu(),
            used.peak_kib / 1024
        ));
    }
    if used.code == Some(0) {
        return None;
    }
    let how = used
        .code
        .map_or_else(|| "a signal".to_owned(), |code| format!("code {code}"));
    Some(format!("ended with {how}: {}", complaint(command)))
}

/// What a failing program writes last: runs it once more to see.
fn complaint(command: &[String]) -> String {
    let Some((program, arguments)) = command.split_first() else {
        return String::new();
    };
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .map_or_else(|it| it.to_string(), |it| measure::last_line(&it.stderr))
}

fn figures(runs: &[Used], packets: u64, octets: u64) -> Option<Figures> {
    let cpu = sorted(runs, Used::cpu);
    Some(Figures {
        cpu: median(&cpu)?,
        cpu_least: *cpu.first()?,
        cpu_most: *cpu.last()?,
        wall: median(&sorted(runs, |it| it.wall))?,
        peak_kib: runs.iter().map(|it| it.peak_kib).max()?,
        packets,
        octets,
        ratio: None,
    })
}

fn set_ratios(rows: &mut [Row]) {
    let base = rows
        .iter()
        .find(|it| it.peer == Peer::Phonehome)
        .and_then(|it| it.figures)
        .map(|it| it.packets_per_second());
    for figures in rows.iter_mut().filter_map(|it| it.figures.as_mut()) {
        figures.ratio = base.map(|it| it / figures.packets_per_second());
    }
}

fn sorted(runs: &[Used], value: impl Fn(&Used) -> f64) -> Vec<f64> {
    let mut values: Vec<f64> = runs.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The middle of sorted values, or the mean of the two in the middle.
fn median(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len().is_multiple_of(2) {
        Some(f64::midpoint(*sorted.get(sorted.len() / 2 - 1)?, upper))
    } else {
        Some(upper)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a rate is printed with three digits"
)]
fn per(count: u64, seconds: f64) -> f64 {
    // The clock of CPU time may not tick during a very short run.
    count as f64 / seconds.max(1e-6)
}

/// How many of the first `limit` packets a capture has, and the octets up to their end.
fn first_packets(capture: &Path, limit: u64) -> io::Result<(u64, u64)> {
    let mut file = BufReader::with_capacity(1 << 20, File::open(capture)?);
    let mut octets = 24;
    file.seek_relative(24)?;
    let mut header = [0; 16];
    for packets in 0..limit {
        match file.read_exact(&mut header) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Ok((packets, octets));
            }
            Err(error) => return Err(error),
        }
        let len = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
        file.seek_relative(i64::from(len))?;
        octets += 16 + u64::from(len);
    }
    Ok((limit, octets))
}

#[cfg(test)]
mod tests {
    use crate::generate::{Kind, Spec};

    use super::*;

    fn used(cpu: f64) -> Used {
        Used {
            user: cpu,
            code: Some(0),
            peak_kib: 100,
            ..Used::default()
        }
    }

    fn row(peer: Peer, runs: &[f64], packets: u64) -> Row {
        let runs: Vec<Used> = runs.iter().map(|it| used(*it)).collect();
        Row {
            peer,
            command: String::new(),
            version: Some("1".to_owned()),
            failure: None,
            figures: figures(&runs, packets, 1_000),
            runs,
        }
    }

    #[test]
    fn one_slow_run_does_not_move_the_median() {
        let figures = figures(&[used(9.0), used(1.0), used(1.2)], 12, 12).unwrap();
        assert!((figures.cpu - 1.2).abs() < 1e-9);
        assert!((figures.cpu_most - 9.0).abs() < 1e-9);
        assert!((figures.packets_per_second() - 10.0).abs() < 1e-9);
    }

    #[test]
    fn a_sample_is_compared_by_the_packet() {
        let mut rows = [
            row(Peer::Phonehome, &[2.0], 1_000),
            row(Peer::Tshark, &[2.0], 10),
        ];
        set_ratios(&mut rows);
        let ratio = |row: &Row| row.figures.unwrap().ratio.unwrap();
        assert!((ratio(&rows[0]) - 1.0).abs() < 1e-9);
        assert!((ratio(&rows[1]) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn without_phonehome_there_is_no_ratio() {
        let mut rows = [row(Peer::Dd, &[2.0], 1_000)];
        set_ratios(&mut rows);
        assert_eq!(rows[0].figures.unwrap().ratio, None);
    }

    #[test]
    fn phonehome_is_always_run() {
        assert_eq!(chosen(&[Peer::Dd]), [Peer::Phonehome, Peer::Dd]);
        assert_eq!(chosen(&[]).len(), Peer::ALL.len());
    }

    #[test]
    fn the_first_packets_end_where_the_next_begins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.pcap");
        let spec = Spec::new(Kind::Syn, 20_000, 1);
        let summary = crate::generate::generate(spec, &path, &folder.path().join("t")).unwrap();
        let all = (summary.packets, summary.octets);
        assert_eq!(first_packets(&path, u64::MAX).unwrap(), all);
        let one = (24 + 16 + 74, 1);
        assert_eq!(first_packets(&path, 1).unwrap(), (one.1, one.0));
    }
}
