//! States of findings over months of packet time, through the real program.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

use std::collections::BTreeMap;
use std::fs;

use sensor::made::{connection, file, host, host_text, question};
use serde_json::Value;
use tempfile::TempDir;

mod sensor;

const HOUR: u64 = 3_600_000_000_000;
const DAY: u64 = 24 * HOUR;
/// 2026-01-01T00:00:00Z.
const START: u64 = 1_767_225_600_000_000_000;
const NAMES: [&str; 2] = ["s00.upd.kaspersky.com", "activation-v2.kaspersky.com"];

/// What becomes of a host.
#[derive(Clone, Copy)]
enum Fate {
    Stays,
    /// The product is taken off on that day; the host stays.
    Cleaned(u64),
    /// The same, and the product comes back on another day.
    Back(u64, u64),
    /// The host is switched off.
    Off(u64),
}

impl Fate {
    fn of(number: usize) -> Self {
        let day = 5 + (number as u64 * 7) % 80;
        match number % 4 {
            0 => Self::Stays,
            1 => Self::Cleaned(day),
            2 => Self::Back(day, day + 20),
            _ => Self::Off(day),
        }
    }

    fn is_there(self, day: u64) -> bool {
        !matches!(self, Self::Off(off) if day >= off)
    }

    fn has_product(self, day: u64) -> bool {
        match self {
            Self::Stays => true,
            Self::Cleaned(gone) | Self::Off(gone) => day < gone,
            Self::Back(gone, back) => day < gone || day >= back,
        }
    }

    /// The state after 120 days, and the day on which it began.
    fn at_the_end(self) -> (&'static str, u64) {
        match self {
            Self::Stays => ("active", 0),
            Self::Cleaned(day) => ("removed", day - 1 + 14),
            // Back for more than three days.
            Self::Back(_, back) => ("active", back + 3),
            Self::Off(day) => ("absent", day - 1 + 7),
        }
    }
}

#[test]
fn a_hundred_and_twenty_days_of_two_hundred_hosts_end_as_they_should_with_any_number_of_workers() {
    let mut frames = Vec::new();
    for day in 0..120 {
        for number in 0..HOSTS {
            let fate = Fate::of(number);
            let at = START + day * DAY + number as u64 * (DAY / HOSTS as u64);
            if fate.is_there(day) {
                frames.extend(connection(at, host(number)));
            }
            if fate.is_there(day) && fate.has_product(day) {
                frames.extend(question(at + 1_000_000_000, host(number), NAMES[0]));
                frames.extend(question(at + 2_000_000_000, host(number), NAMES[1]));
            }
        }
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("story.pcap");
    fs::write(&path, file(frames)).unwrap();
    let path = path.to_str().unwrap();
    let whole = sensor::run(["read", "--json", path]).ended_with(0);
    let document = whole.json();
    let found: BTreeMap<String, &Value> = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["host"].as_str().unwrap().to_owned(), it))
        .collect();
    assert_eq!(found.len(), HOSTS);
    for number in 0..HOSTS {
        let finding = found[&host_text(number)];
        let (state, day) = Fate::of(number).at_the_end();
        assert_eq!(finding["state"], state, "{finding}");
        let since = jiff_seconds(finding["state_since"].as_str().unwrap());
        let of_host = number as u64 * (DAY / HOSTS as u64);
        let expected = (START + day * DAY + of_host) / 1_000_000_000;
        // That a connection is over is known when the next host's frames move time.
        let late = DAY / HOSTS as u64 / 1_000_000_000 + 120;
        assert!(
            since.abs_diff(expected) <= late,
            "{since} and {expected}: {finding}"
        );
    }
    for workers in ["1", "2", "4"] {
        let other = sensor::run(["read", "--json", "--workers", workers, path]).ended_with(0);
        assert!(other.stdout == whole.stdout, "{workers} workers");
    }
}

/// Seconds since 1970 of a time as documents have it.
fn jiff_seconds(text: &str) -> u64 {
    let at: jiff::Timestamp = text.parse().unwrap();
    at.as_second().try_into().unwrap()
}

const HOSTS: usize = 200;

#[test]
fn a_waiver_is_an_event_when_it_begins_and_when_it_ends_and_no_more() {
    let mut frames = Vec::new();
    for hour in 0..24 * 12 {
        let at = START + hour * HOUR;
        frames.extend(connection(at, host(0)));
        frames.extend(question(at + 1_000_000_000, host(0), NAMES[0]));
        frames.extend(question(at + 2_000_000_000, host(1), NAMES[0]));
    }
    let folder = TempDir::new().unwrap();
    let [capture, waivers, events, metrics] =
        ["days.pcap", "waivers.toml", "events.json", "metrics.txt"]
            .map(|it| folder.path().join(it).to_str().unwrap().to_owned());
    fs::write(&capture, file(frames)).unwrap();
    let waiver = format!(
        "[[waiver]]\nhost = \"{}\"\nvendor = \"kaspersky\"\nuntil = \"2026-01-05\"\nreason = \
         \"a test\"\nby = \"J. Doe\"\n",
        host_text(0)
    );
    fs::write(&waivers, waiver).unwrap();
    let options = ["--waivers", &waivers, "--events", &events];
    let more = ["--metrics", &metrics, &capture];
    sensor::run(["read"].iter().chain(&options).chain(&more)).ended_with(0);
    let text = fs::read_to_string(&events).unwrap();
    let lines = text
        .lines()
        .map(|it| serde_json::from_str::<Value>(it).unwrap());
    let of_host: Vec<(String, String)> = lines
        .filter(|it| it["src_ip"] == host_text(0) && it["phonehome"]["change"].is_string())
        .map(|it| {
            let change = it["phonehome"]["change"].as_str().unwrap().to_owned();
            (change, it["timestamp"].as_str().unwrap()[..13].to_owned())
        })
        .filter(|it| it.0 != "strengthened")
        .collect();
    let row = |change: &str, hour: &str| (change.to_owned(), hour.to_owned());
    assert_eq!(
        of_host,
        [
            row("opened", "2026-01-01T00"),
            row("waived", "2026-01-01T00"),
            row("opened", "2026-01-06T00"),
        ]
    );
    let page = sensor::samples(&fs::read_to_string(&metrics).unwrap());
    let changes = sensor::sums(&page, "phonehome_finding_changes_total", "change");
    assert_eq!((changes["waived"], changes["opened"]), (1.0, 3.0));
}
