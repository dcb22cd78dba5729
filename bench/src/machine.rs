//! The machine that a comparison ran on: what explains a figure, and nothing that names its owner.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// A machine, and how busy it was.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    /// Model of the processor, as the kernel states it.
    pub(crate) cpu: String,
    /// Processors that this program may use.
    pub(crate) cpus: usize,
    /// Memory in MiB.
    pub(crate) memory_mib: u64,
    /// Release of the kernel.
    pub(crate) kernel: String,
    /// Load averages of 1, 5 and 15 minutes before the first run.
    pub(crate) load: String,
    /// Day of the runs, `2025-01-31`, in UTC.
    pub(crate) date: String,
}

impl Machine {
    /// Describes this machine.
    pub(crate) fn of_now() -> Self {
        let unknown = || "unknown".to_owned();
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let loadavg = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load: Vec<&str> = loadavg.split(' ').take(3).collect();
        let seconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |it| it.as_secs());
        Self {
            cpu: field(&cpuinfo, "model name").unwrap_or_else(unknown),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: field(&meminfo, "MemTotal")
                .and_then(|it| it.split(' ').next()?.parse::<u64>().ok())
                .unwrap_or_default()
                / 1024,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .map_or_else(|_| unknown(), |it| it.trim().to_owned()),
            load: load.join(" "),
            date: date(seconds / 86_400),
        }
    }

    /// A name for a folder: the day and the processor, `2025-01-31-amd-epyc-2`.
    pub(crate) fn folder_name(&self) -> String {
        let words: Vec<String> = self
            .cpu
            .split(|it: char| !it.is_ascii_alphanumeric())
            .filter(|it| !it.is_empty())
            .map(str::to_ascii_lowercase)
            .collect();
        format!("{}-{}-{}", self.date, words.join("-"), self.cpus)
    }
}

/// The value of a `name : value` line.
fn field(text: &str, name: &str) -> Option<String> {
    text.lines()
        .filter_map(|it| it.split_once(':'))
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim().to_owned())
}

/// The day that is `days` after 1970-01-01.
///
/// Years are taken from March on, so that the leap day is the last of a year; five months then have
/// 153 days, and 400 years have 146,097.
fn date(days: u64) -> String {
    let since_march_of_year_0 = days + 719_468;
    let era = since_march_of_year_0 / 146_097;
    let day_of_era = since_march_of_year_0 % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        for (days, text) in [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (19_782, "2024-02-29"),
            (20_089, "2025-01-01"),
            (47_541, "2100-03-01"),
        ] {
            assert_eq!(date(days), text);
        }
    }

    #[test]
    fn the_folder_is_named_by_day_and_processor() {
        let machine = Machine {
            cpu: "Intel(R) Xeon(R) CPU @ 2.20GHz".to_owned(),
            cpus: 4,
            memory_mib: 0,
            kernel: String::new(),
            load: String::new(),
            date: "2025-01-31".to_owned(),
        };
        assert_eq!(
            machine.folder_name(),
            "2025-01-31-intel-r-xeon-r-cpu-2-20ghz-4"
        );
    }
}
