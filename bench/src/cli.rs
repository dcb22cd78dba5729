//! The command line.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::capture::{self, Capture};
use crate::check;
use crate::compare;
use crate::error::Error;
use crate::floods;
use crate::generate::floods::Flood;
use crate::generate::{self, Kind, Spec};
use crate::measure;
use crate::pages;
use crate::peers::{self, Peer};
use crate::report;
use crate::sums;

mod wire;

/// Compares phonehome with its peers on a generated capture, as whole processes.
#[derive(Debug, Parser)]
#[command(
    name = "phonehome-bench",
    version,
    args_conflicts_with_subcommands = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    compare: CompareArguments,
}

/// What to do instead of a comparison.
#[derive(Debug, Subcommand)]
enum Command {
    /// Write a capture, and the names that are in it to FILE.truth.jsonl
    Generate(GenerateArguments),
    /// Measure memory, speed and what is still found under floods
    Floods(FloodArguments),
    /// Measure size and time of the pages of a large site
    Pages(PageArguments),
    /// Compare the names that `phonehome names` reads with those that were generated, and check the
    /// sums of what could be seen
    Check(CheckArguments),
    /// Find the highest rate at which each program loses no frame on a wire (needs root)
    Live(wire::LiveArguments),
    /// Measure how many events a second an output takes while no frame is lost (needs root)
    Events(wire::EventArguments),
    /// Run the sensor on a wire for a long time, with troubles at planned moments (needs root)
    Soak(wire::SoakArguments),
    /// Run one program and print what it used; how the comparison runs each of them
    #[command(hide = true)]
    Measure(MeasureArguments),
}

/// Which capture.
#[derive(Debug, Args)]
struct CaptureArguments {
    /// What the capture is made of
    #[arg(long, value_enum, default_value = "mix")]
    kind: Kind,
    /// Length of the capture, as in 64MiB or 1GiB [default: 1GiB for mix, 256MiB for the others]
    #[arg(long, value_parser = octets)]
    size: Option<u64>,
    /// Seed of everything that is random in the capture
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Args)]
struct CompareArguments {
    #[command(flatten)]
    capture: CaptureArguments,
    /// Run only this program, beside phonehome; may be given several times
    #[arg(long, value_enum)]
    only: Vec<Peer>,
    /// Measured runs of each program, after one that is not measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    runs: u32,
    /// Stop a program after this many seconds
    #[arg(long, default_value_t = 120)]
    timeout: u64,
    /// Write the result as JSON to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Record the result in bench/runs/DATE-MACHINE/
    #[arg(long)]
    record: bool,
}

#[derive(Debug, Args)]
struct GenerateArguments {
    #[command(flatten)]
    capture: CaptureArguments,
    /// Where to write the capture [default: KIND.pcap in target/bench]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct CheckArguments {
    #[command(flatten)]
    capture: CaptureArguments,
    /// A capture that was generated before, with its FILE.truth.jsonl
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kind", "size", "seed"])]
    file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct FloodArguments {
    /// Only this flood; may be given several times
    #[arg(long, value_enum)]
    only: Vec<Flood>,
    /// Capture time of each flood in seconds
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Packets of a flood in a thousandth of the default rate
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    per_mille: u64,
    /// Seed of everything that is random
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Fail if peak memory is more than this
    #[arg(long, value_parser = octets, default_value = "512MiB")]
    most_memory: u64,
    /// Fail if less than this share of true hosts or sightings is found, in a thousandth
    #[arg(long, default_value_t = 990)]
    least_found: u64,
    /// Record the result in bench/runs/DATE-MACHINE/
    #[arg(long)]
    record: bool,
}

#[derive(Debug, Args)]
struct PageArguments {
    /// Hosts of the site
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    hosts: u32,
    /// How many of them have a finding
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(0..=50_000))]
    flagged: u32,
    /// Requests for each page
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=99))]
    runs: u32,
    /// Record the result in bench/runs/DATE-MACHINE/
    #[arg(long)]
    record: bool,
}

#[derive(Debug, Args)]
struct MeasureArguments {
    #[arg(long, default_value_t = 120)]
    timeout: u64,
    #[arg(required = true, last = true)]
    command: Vec<String>,
}

/// Does what was asked for.
///
/// # Errors
///
/// Those of the step that failed.
pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Error> {
    match arguments.command {
        None => run_compare(&arguments.compare),
        Some(Command::Generate(arguments)) => run_generate(arguments),
        Some(Command::Floods(arguments)) => run_floods(&arguments),
        Some(Command::Pages(arguments)) => run_pages(&arguments),
        Some(Command::Check(arguments)) => run_check(arguments),
        Some(Command::Live(arguments)) => wire::run_live(arguments),
        Some(Command::Events(arguments)) => wire::run_events(arguments),
        Some(Command::Soak(arguments)) => wire::run_soak(arguments),
        Some(Command::Measure(arguments)) => {
            let limit = Duration::from_secs(arguments.timeout);
            let used = measure::here(&arguments.command, limit)?;
            print(&report::json(&used)?)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn run_compare(arguments: &CompareArguments) -> Result<ExitCode, Error> {
    let capture = Capture::cached(arguments.capture.spec())?;
    let sensor = peers::sensor()?;
    let plan = compare::Plan {
        peers: compare::chosen(&arguments.only),
        runs: arguments.runs,
        limit: Duration::from_secs(arguments.timeout),
    };
    let result = compare::run(&plan, &sensor, &capture)?;
    print(&report::markdown(&result))?;
    if let Some(path) = &arguments.json {
        let text = report::json(&result)?;
        std::fs::write(path, text).map_err(Error::file("write", path))?;
    }
    if arguments.record {
        let folder = report::record(&result)?;
        print(&format!("recorded in {}\n", folder.display()))?;
    }
    let all_ran = result.rows.iter().all(|it| it.failure.is_none());
    Ok(ExitCode::from(u8::from(!all_ran)))
}

fn run_generate(arguments: GenerateArguments) -> Result<ExitCode, Error> {
    let spec = arguments.capture.spec();
    let summary = match arguments.out {
        Some(path) => generate::generate(spec, &path, &capture::truth_of(&path))?,
        None => Capture::cached(spec)?.summary,
    };
    print(&report::json(&summary)?)?;
    Ok(ExitCode::SUCCESS)
}

fn run_floods(arguments: &FloodArguments) -> Result<ExitCode, Error> {
    let plan = floods::Plan {
        floods: match arguments.only.as_slice() {
            [] => Flood::ALL.to_vec(),
            only => only.to_vec(),
        },
        seconds: arguments.seconds,
        per_mille: arguments.per_mille,
        seed: arguments.seed,
        most_kib: arguments.most_memory >> 10,
        least_found: arguments.least_found,
    };
    let result = floods::run(&plan, &peers::sensor()?)?;
    print(&floods::markdown(&result))?;
    if arguments.record {
        let texts = [
            ("json", report::json(&result)?),
            ("md", floods::markdown(&result)),
        ];
        let folder = report::record_as(&result.machine, "floods", &texts)?;
        print(&format!("recorded in {}\n", folder.display()))?;
    }
    Ok(ExitCode::from(u8::from(
        result.rows.iter().any(|it| it.complaint.is_some()),
    )))
}

fn run_pages(arguments: &PageArguments) -> Result<ExitCode, Error> {
    let plan = pages::Plan {
        hosts: arguments.hosts,
        flagged: arguments.flagged,
        runs: arguments.runs,
    };
    let result = pages::run(&plan, &peers::sensor()?)?;
    print(&pages::markdown(&result))?;
    if arguments.record {
        let texts = [
            ("json", report::json(&result)?),
            ("md", pages::markdown(&result)),
        ];
        let folder = report::record_as(&result.machine, "pages", &texts)?;
        print(&format!("recorded in {}\n", folder.display()))?;
    }
    Ok(ExitCode::from(u8::from(
        result.rows.iter().any(|it| it.complaint.is_some()),
    )))
}

fn run_check(arguments: CheckArguments) -> Result<ExitCode, Error> {
    let path = match arguments.file {
        Some(path) => path,
        None => Capture::cached(arguments.capture.spec())?.path,
    };
    let sensor = peers::sensor()?;
    let outcome = check::run(&sensor, &path)?;
    print(&report::accuracy(&outcome))?;
    let sums = sums::run(&sensor, &path)?;
    print(&format!("\n{}", sums.text()))?;
    Ok(ExitCode::from(u8::from(
        !outcome.is_exact() || !sums.hold(),
    )))
}

impl CaptureArguments {
    fn spec(&self) -> Spec {
        let octets = self.size.unwrap_or(self.kind.default_octets());
        Spec::new(self.kind, octets, self.seed)
    }
}

/// Reads a length such as `65536`, `64KiB`, `256MiB` or `1GiB`.
fn octets(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|it: char| !it.is_ascii_digit());
    let unit: u64 = match &text[digits.len()..] {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        other => return Err(format!("unknown unit {other:?}: use KiB, MiB or GiB")),
    };
    let count: u64 = digits
        .parse()
        .map_err(|_| "not a whole number".to_owned())?;
    count
        .checked_mul(unit)
        .filter(|it| (1..=MAX_OCTETS).contains(it))
        .ok_or_else(|| "allowed are 1 octet to 64GiB".to_owned())
}

fn print(text: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(Error::Output)
}

const MAX_OCTETS: u64 = 64 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn lengths_have_binary_units() {
        assert_eq!(octets("65536"), Ok(65_536));
        assert_eq!(octets("256MiB"), Ok(256 << 20));
        assert_eq!(octets("1GiB"), Ok(1 << 30));
        for wrong in [
            "",
            "0",
            "1GB",
            "MiB",
            "-1",
            "1.5GiB",
            "65GiB",
            "99999999999999999999",
        ] {
            assert!(octets(wrong).is_err(), "{wrong}");
        }
    }
}
