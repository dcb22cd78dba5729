//! Floods: what they cost, and whether flagged hosts are still found while they last.
//!
//! The sensor reads a steady stream of visits to flagged vendors, alone and then with a flood around
//! it. What it finds of the hosts that are there is compared, and its memory is sampled on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs::{self, File};
use std::io::BufReader;
use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde::{Deserialize, Serialize};

use crate::capture;
use crate::error::Error;
use crate::generate::floods::{Flood, write};
use crate::machine::Machine;
use crate::report::{grouped, put_table};

/// What to run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The floods, in order.
    pub(crate) floods: Vec<Flood>,
    /// Capture time of each.
    pub(crate) seconds: u64,
    /// Rate of each in thousandths of its own.
    pub(crate) per_mille: u64,
    /// Seed of stream and flood.
    pub(crate) seed: u64,
    /// Most memory that may be resident, in KiB.
    pub(crate) most_kib: u64,
    /// Least share of hosts and sightings that must be found, in thousandths.
    pub(crate) least_found: u64,
}

/// What came out.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Outcome {
    /// The machine that it was measured on.
    pub(crate) machine: Machine,
    /// Capture time of each flood in seconds.
    pub(crate) seconds: u64,
    /// One row a flood; the first is the stream alone.
    pub(crate) rows: Vec<Row>,
}

/// What was measured under a flood.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// The flood; absent for the stream alone.
    pub(crate) flood: Option<Flood>,
    /// Frames read, and those of the flood among them.
    pub(crate) packets: u64,
    pub(crate) flood_packets: u64,
    /// User and system time in seconds.
    pub(crate) cpu: f64,
    /// Most memory that was resident, in KiB.
    pub(crate) peak_kib: u64,
    /// Memory resident after each quarter of the run, in KiB.
    pub(crate) quarters_kib: Vec<u64>,
    /// Addresses of hosts that visited a flagged vendor, and those found without a flood.
    pub(crate) visitors: u64,
    pub(crate) hosts: u64,
    /// Addresses of hosts found.
    pub(crate) hosts_found: u64,
    /// Sightings of those hosts, of each no more than without the flood.
    pub(crate) sightings: u64,
    /// Share of the sightings that were found without the flood, in thousandths.
    pub(crate) kept: u64,
    /// What is not as it should be.
    pub(crate) complaint: Option<String>,
}

/// What the sensor says of a host and a vendor.
#[derive(Debug, Deserialize)]
struct Finding {
    host: IpAddr,
    vendor: Vendor,
    contacts: BTreeMap<String, u64>,
}

#[derive(Debug, Deserialize)]
struct Vendor {
    id: String,
}

#[derive(Debug, Deserialize)]
struct Findings {
    findings: Vec<Finding>,
}

/// Sightings of hosts that are there, by host and vendor.
type Sightings = BTreeMap<(IpAddr, String), u64>;

/// Runs the sensor on the stream alone and under each flood.
///
/// # Errors
///
/// Those of writing captures, and of running the sensor.
pub(crate) fn run(plan: &Plan, sensor: &Path) -> Result<Outcome, Error> {
    let machine = Machine::of_now();
    let folder = capture::target_folder()?.join("bench");
    fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
    let path = folder.join("flood.pcap");
    let (mut alone, stream) = row(plan, None, sensor, &path)?;
    let hosts = alone.hosts_found;
    alone.hosts = hosts;
    alone.complaint = complaint(&alone, plan);
    let mut rows = vec![alone];
    for flood in &plan.floods {
        let (mut row, found) = row(plan, Some(*flood), sensor, &path)?;
        let kept = |(key, count): (&(IpAddr, String), &u64)| {
            found.get(key).copied().unwrap_or_default().min(*count)
        };
        row.sightings = stream.iter().map(kept).sum();
        row.kept = row.sightings * 1000 / stream.values().sum::<u64>().max(1);
        row.hosts = hosts;
        row.complaint = complaint(&row, plan);
        rows.push(row);
    }
    fs::remove_file(&path).map_err(Error::file("remove", &path))?;
    Ok(Outcome {
        machine,
        seconds: plan.seconds,
        rows,
    })
}

fn row(
    plan: &Plan,
    flood: Option<Flood>,
    sensor: &Path,
    path: &Path,
) -> Result<(Row, Sightings), Error> {
    let written = write(
        flood.map(|it| (it, plan.per_mille)),
        plan.seconds,
        plan.seed,
        path,
    )?;
    let answer = path.with_extension("json");
    let used = sampled(sensor, path, &answer)?;
    let sightings = sightings(&answer, &written.hosts)?;
    fs::remove_file(&answer).map_err(Error::file("remove", &answer))?;
    let found: BTreeSet<IpAddr> = sightings.keys().map(|it| it.0).collect();
    let row = Row {
        flood,
        packets: written.packets,
        flood_packets: written.flood_packets,
        cpu: used.cpu,
        peak_kib: used.peak_kib,
        quarters_kib: used.quarters_kib,
        visitors: written.hosts.len() as u64,
        hosts: 0,
        hosts_found: found.len() as u64,
        sightings: sightings.values().sum(),
        kept: 1000,
        complaint: None,
    };
    Ok((row, sightings))
}

fn complaint(row: &Row, plan: &Plan) -> Option<String> {
    if row.peak_kib > plan.most_kib {
        Some(format!("{} MiB of memory", row.peak_kib >> 10))
    } else if row.kept < plan.least_found {
        Some(format!("{} of 1000 sightings were kept", row.kept))
    } else if row.hosts_found * 1000 < row.hosts * plan.least_found {
        Some(format!("{} of {} hosts", row.hosts_found, row.hosts))
    } else if row.flood.is_none() && row.hosts * 1000 < row.visitors * LEAST_VISITORS {
        Some(format!("only {} of {} visitors", row.hosts, row.visitors))
    } else {
        None
    }
}

fn sightings(answer: &Path, hosts: &BTreeSet<IpAddr>) -> Result<Sightings, Error> {
    let file = File::open(answer).map_err(Error::file("open", answer))?;
    let findings: Findings =
        serde_json::from_reader(BufReader::new(file)).map_err(|source| Error::Json {
            operation: "read",
            what: "the sensor's findings".to_owned(),
            source,
        })?;
    Ok(findings
        .findings
        .into_iter()
        .filter(|it| hosts.contains(&it.host))
        .map(|it| ((it.host, it.vendor.id), it.contacts.values().sum()))
        .collect())
}

struct Used {
    cpu: f64,
    peak_kib: u64,
    quarters_kib: Vec<u64>,
}

/// Runs the sensor and looks at its memory all the while.
fn sampled(sensor: &Path, path: &Path, answer: &Path) -> Result<Used, Error> {
    let program = format!("{} read --json {}", sensor.display(), path.display());
    let cannot_run = |source| Error::Program {
        program: program.clone(),
        source,
    };
    let before = cpu_of_children()?;
    let out = File::create(answer).map_err(Error::file("create", answer))?;
    let mut child = Command::new(sensor)
        .args(["read", "--json"])
        .arg(path)
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(Stdio::null())
        .spawn()
        .map_err(cannot_run)?;
    let status = format!("/proc/{}/status", child.id());
    let mut samples = Vec::new();
    let mut peak_kib = 0;
    let ended = loop {
        if let Some(ended) = child.try_wait().map_err(cannot_run)? {
            break ended;
        }
        let text = fs::read_to_string(&status).unwrap_or_default();
        if let Some(kib) = field(&text, "VmRSS:") {
            samples.push(kib);
        }
        peak_kib = peak_kib.max(field(&text, "VmHWM:").unwrap_or_default());
        std::thread::sleep(POLL);
    };
    if !ended.success() {
        return Err(Error::Failed {
            program,
            status: ended.to_string(),
            message: "see what it says when it is run by hand".to_owned(),
        });
    }
    let quarter = |it: usize| samples.get(samples.len() * it / 4).copied();
    Ok(Used {
        cpu: cpu_of_children()? - before,
        peak_kib,
        quarters_kib: [1, 2, 3].into_iter().filter_map(quarter).collect(),
    })
}

fn cpu_of_children() -> Result<f64, Error> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|it| Error::Resources(it.into()))?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(u64::try_from(micros).unwrap_or_default()).as_secs_f64())
}

/// The number of KiB in a line of `/proc/PID/status`.
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|it| it.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The result as a table.
pub(crate) fn markdown(outcome: &Outcome) -> String {
    let machine = &outcome.machine;
    let mut text = format!(
        "Floods of {} s around the same visits of flagged hosts, read by `phonehome read --json`.\n\n\
         Machine: {}, {} CPUs, {} MiB, Linux {}, load {} at the start, {}\n\n",
        outcome.seconds,
        machine.cpu,
        machine.cpus,
        machine.memory_mib,
        machine.kernel,
        machine.load,
        machine.date,
    );
    let mut table = vec![HEADINGS.map(str::to_owned).to_vec()];
    for row in &outcome.rows {
        let memory: Vec<String> = row
            .quarters_kib
            .iter()
            .map(|it| (it >> 10).to_string())
            .collect();
        table.push(vec![
            row.flood.map_or("none", Flood::as_str).to_owned(),
            grouped(row.packets),
            format!("{:.2}", row.cpu),
            format!("{:.0}", row.cpu * 1e9 / (row.packets.max(1) as f64)),
            format!("{} MiB", row.peak_kib >> 10),
            memory.join(" "),
            format!("{} of {}", row.hosts_found, row.hosts),
            grouped(row.sightings),
            format!("{}.{} %", row.kept / 10, row.kept % 10),
        ]);
    }
    put_table(&table, &mut text);
    for row in &outcome.rows {
        if let Some(complaint) = &row.complaint {
            let flood = row.flood.map_or("none", Flood::as_str);
            let _ = writeln!(text, "\n- {flood}: {complaint}");
        }
    }
    text
}

const HEADINGS: [&str; 9] = [
    "flood",
    "packets",
    "CPU-s",
    "ns a packet",
    "peak memory",
    "MiB at 1/4 2/4 3/4",
    "hosts found",
    "their sightings",
    "kept",
];

/// Share of the visitors that the stream alone must show, in thousandths: some names are claimed by
/// no signature that counts.
const LEAST_VISITORS: u64 = 700;

/// How often memory is looked at.
const POLL: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_the_status_of_a_process() {
        let text = "Name:\tx\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\n";
        assert_eq!(field(text, "VmRSS:"), Some(1024));
        assert_eq!(field(text, "VmHWM:"), Some(2048));
        assert_eq!(field(text, "VmSwap:"), None);
    }
}
