//! What is done on a wire: `live`, `events` and `soak`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::{CaptureArguments, print};
use crate::capture::Capture;
use crate::error::Error;
use crate::events;
use crate::live::{self, Receiver};
use crate::machine::Machine;
use crate::peers;
use crate::report;
use crate::soak;

#[derive(Debug, Args)]
pub(super) struct LiveArguments {
    #[command(flatten)]
    capture: CaptureArguments,
    /// Run only this program; may be given several times
    #[arg(long, value_enum)]
    only: Vec<Receiver>,
    /// How long each rate is tried
    #[arg(long, default_value = "5s", value_parser = duration)]
    step: Duration,
    /// How long the rate that is found has to hold, and the fixed rate
    #[arg(long, default_value = "60s", value_parser = duration)]
    confirm: Duration,
    /// Frames a second that phonehome is sent whatever was found; 0 leaves it out
    #[arg(long, default_value_t = 200_000)]
    fixed: u64,
    /// How often phonehome is told to end at the fixed rate
    #[arg(long, default_value_t = 3)]
    stops: u32,
    #[command(flatten)]
    result: ResultArguments,
    /// Options of `phonehome run`
    #[arg(last = true, value_name = "OPTION")]
    options: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct EventArguments {
    /// Exchanges a second, each with at least one event; may be given several times
    #[arg(long, default_values_t = [20_000, 40_000])]
    rate: Vec<u64>,
    /// How long each rate is sent
    #[arg(long, default_value = "30s", value_parser = duration)]
    time: Duration,
    #[command(flatten)]
    result: ResultArguments,
    /// Options of `phonehome run`
    #[arg(last = true, value_name = "OPTION")]
    options: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct SoakArguments {
    /// How long it lasts, as in 60s, 30m or 1h
    #[arg(long, default_value = "1h", value_parser = duration)]
    time: Duration,
    /// Frames a second
    #[arg(long, default_value_t = 10_000)]
    rate: u64,
    /// Frames a second while tables are filled
    #[arg(long, default_value_t = 100_000)]
    fill_rate: u64,
    /// Time between two scrapes
    #[arg(long, default_value = "5s", value_parser = duration)]
    scrape: Duration,
    /// Option that has phonehome write to a folder, which stands in it as {}; may be given several
    /// times [default: --events.file {}/events.json --events.kinds=all]
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    disk_option: Vec<String>,
    #[command(flatten)]
    result: ResultArguments,
    /// Options of `phonehome run`
    #[arg(last = true, value_name = "OPTION")]
    options: Vec<String>,
}

/// Where the result goes.
#[derive(Debug, Args)]
struct ResultArguments {
    /// Write the result as JSON to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Record the result in bench/runs/DATE-MACHINE/
    #[arg(long)]
    record: bool,
}

pub(super) fn run_live(arguments: LiveArguments) -> Result<ExitCode, Error> {
    let capture = Capture::cached(arguments.capture.spec())?;
    let receivers = Receiver::ALL
        .into_iter()
        .filter(|it| arguments.only.is_empty() || arguments.only.contains(it));
    let plan = live::Plan {
        receivers: receivers.collect(),
        step: arguments.step,
        confirm: arguments.confirm,
        fixed: arguments.fixed,
        stops: arguments.stops,
        options: arguments.options,
    };
    let result = live::run(&plan, &peers::sensor()?, &capture)?;
    let text = live::markdown(&result);
    arguments
        .result
        .keep("live", &result.machine, (&result, &text))?;
    Ok(ExitCode::from(u8::from(!result.is_right())))
}

pub(super) fn run_events(arguments: EventArguments) -> Result<ExitCode, Error> {
    let plan = events::Plan {
        rates: arguments.rate,
        time: arguments.time,
        options: arguments.options,
    };
    let result = events::run(&plan, &peers::sensor()?)?;
    let text = events::markdown(&result);
    arguments
        .result
        .keep("events", &result.machine, (&result, &text))?;
    let is_right = result.rows.iter().all(|it| it.complaint.is_none());
    Ok(ExitCode::from(u8::from(!is_right)))
}

pub(super) fn run_soak(arguments: SoakArguments) -> Result<ExitCode, Error> {
    let sensor = peers::sensor()?;
    let disk_options = if arguments.disk_option.is_empty() {
        soak::options_of(&sensor)
    } else {
        arguments.disk_option
    };
    let plan = soak::Plan {
        seconds: arguments.time.as_secs(),
        rate: arguments.rate,
        fill_rate: arguments.fill_rate,
        scrape_seconds: arguments.scrape.as_secs(),
        options: arguments.options,
        disk_options,
    };
    let result = soak::run(&plan, &sensor)?;
    let text = soak::markdown(&result);
    arguments
        .result
        .keep("soak", &result.machine, (&result, &text))?;
    Ok(ExitCode::from(u8::from(!result.is_right())))
}

impl ResultArguments {
    /// Prints a result, and writes it where it is wanted.
    fn keep(
        &self,
        stem: &str,
        machine: &Machine,
        (result, markdown): (&impl Serialize, &str),
    ) -> Result<(), Error> {
        print(markdown)?;
        if let Some(path) = &self.json {
            let text = report::json(result)?;
            std::fs::write(path, text).map_err(Error::file("write", path))?;
        }
        if self.record {
            let texts = [("json", report::json(result)?), ("md", markdown.to_owned())];
            let folder = report::record_as(machine, stem, &texts)?;
            print(&format!("recorded in {}\n", folder.display()))?;
        }
        Ok(())
    }
}

/// Reads a time such as `5s`, `10m` or `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|it: char| !it.is_ascii_digit());
    let unit = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        other => return Err(format!("unknown unit {other:?}: use s, m or h")),
    };
    let count: u64 = digits
        .parse()
        .map_err(|_| "not a whole number".to_owned())?;
    count
        .checked_mul(unit)
        .filter(|it| (1..=MAX_SECONDS).contains(it))
        .map(Duration::from_secs)
        .ok_or_else(|| "allowed are 1s to 168h".to_owned())
}

const MAX_SECONDS: u64 = 168 * 3_600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        assert_eq!(duration("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3_600)));
        for wrong in ["", "0s", "1", "5d", "-1s", "169h", "1.5h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
