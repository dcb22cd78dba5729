//! `phonehome names`: every name, one JSON line an observation.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use phonehome_signatures::Catalogue;

use super::{Ended, Failure, Work};
use crate::app::{self, Reading, Threads};
use crate::detection::{Notice, What};
use crate::export::json::write_observation;
use crate::names::Observation;
use crate::pipeline::{Counts, Ledger, Loaded};
use crate::time::Timestamp;
use crate::worker::Report;

/// Options of `phonehome names`.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// Capture files (pcap, pcapng; plain, gzip or zstd); - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    work: Work,
}

pub(super) fn main(options: &Options) -> Ended {
    let mut lines = Lines::new(std::io::stdout().lock());
    let (threads, sizes) = Threads::for_workers(options.work.workers);
    let reading = Reading {
        files: &options.files,
        threads,
        sizes,
        report: Report::AllNames,
        progress: false,
    };
    let none = Arc::new(Loaded::new(Arc::new(Catalogue::default())));
    let damaged = app::read(&reading, &none, &mut lines);
    let damages = damaged.map_err(Failure::caused)?;
    match lines.finish() {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::failed(
            format!("cannot write to standard output: {error}"),
        )),
        _ => Ok(app::report_damages(&damages)),
    }
}

/// Writes observations in order of time.
///
/// Frames come nearly in order; an observation waits until the newest is [`WINDOW`] ahead of it, or
/// [`MAX_WAITING`] are waiting.
struct Lines<W: Write> {
    out: std::io::BufWriter<W>,
    waiting: BTreeMap<(Timestamp, u64), Observation>,
    count: u64,
    newest: Timestamp,
    line: Vec<u8>,
    failed: Option<std::io::Error>,
}

impl<W: Write> Lines<W> {
    fn new(out: W) -> Self {
        Self {
            out: std::io::BufWriter::with_capacity(1 << 16, out),
            waiting: BTreeMap::new(),
            count: 0,
            newest: Timestamp::MIN,
            line: Vec::new(),
            failed: None,
        }
    }

    fn finish(mut self) -> std::io::Result<()> {
        while !self.waiting.is_empty() {
            self.write_first();
        }
        match self.failed {
            Some(error) => Err(error),
            None => self.out.flush(),
        }
    }

    fn write_first(&mut self) {
        let Some((_, observation)) = self.waiting.pop_first() else {
            return;
        };
        self.line.clear();
        write_observation(&mut self.line, &observation);
        if self.failed.is_none()
            && let Err(error) = self.out.write_all(&self.line)
        {
            self.failed = Some(error);
        }
    }
}

impl<W: Write> Ledger for Lines<W> {
    fn take(&mut self, notice: &Notice) {
        let What::Observation(observation) = &notice.what else {
            return;
        };
        self.newest = self.newest.max(observation.at);
        self.waiting
            .insert((observation.at, self.count), observation.clone());
        self.count += 1;
        while let Some((first, _)) = self.waiting.first_key_value()
            && (self.newest.since(first.0) > WINDOW || self.waiting.len() > MAX_WAITING)
        {
            self.write_first();
        }
    }

    fn count(&mut self, _counts: &Counts) {
        if self.failed.is_none()
            && let Err(error) = self.out.flush()
        {
            self.failed = Some(error);
        }
    }

    fn wants_more(&self) -> bool {
        self.failed.is_none()
    }
}

/// How far the newest observation must be ahead before one is written.
const WINDOW: Duration = Duration::from_secs(2);

/// Observations that wait at most.
const MAX_WAITING: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Address;
    use crate::names::{Endpoint, Name, Source, Transport};

    #[test]
    fn lines_come_in_order_of_time() {
        let mut out = Vec::new();
        let mut lines = Lines::new(&mut out);
        for at in [5, 3, 4, 9] {
            let end = Endpoint {
                address: Address::from_v4([10, 0, 0, 1]),
                port: 53,
            };
            let observation = Observation {
                at: Timestamp::from_nanos(at),
                source: Source::DnsQuery,
                transport: Transport::Udp,
                src: end,
                dst: end,
                name: Name::from_text(format!("name{at}").as_bytes()).unwrap(),
                vlan: None,
                ech: None,
                traits: None,
                ecs: None,
            };
            let at = observation.at;
            lines.take(&Notice {
                number: 0,
                at,
                what: What::Observation(observation),
            });
        }
        lines.finish().unwrap();
        let text = String::from_utf8(out).unwrap();
        let places: Vec<_> = ["name3", "name4", "name5", "name9"]
            .iter()
            .map(|it| text.find(it).unwrap())
            .collect();
        assert!(places.is_sorted(), "{text}");
    }
}
