//! A sensor that listens on the wire, and what it says of itself.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::process::Process;
use super::wire::{LISTENS, Wire};
use crate::error::Error;
use crate::interrupt;

/// A sensor at work.
#[derive(Debug)]
pub(crate) struct Sensor<'w> {
    wire: &'w Wire,
    /// Its process.
    pub(crate) process: Process,
    log: PathBuf,
}

/// The text of its `/metrics`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page(pub(crate) String);

/// How many frames went where.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Account {
    /// Frames received, lost ones included.
    pub(crate) received: u64,
    /// Frames settled by triage or a worker.
    pub(crate) processed: u64,
    /// Frames lost, by whatever stage.
    pub(crate) dropped: u64,
    /// Frames that wait for a worker.
    pub(crate) queued: u64,
}

impl<'w> Sensor<'w> {
    /// Starts it on a wire and waits until it says that it is ready; what it logs goes to `log`.
    ///
    /// # Errors
    ///
    /// [`Error::Late`] with the last line of its log if it does not get ready.
    pub(crate) fn start(
        wire: &'w Wire,
        program: &Path,
        options: &[String],
        log: &Path,
    ) -> Result<Self, Error> {
        let file = fs::File::create(log).map_err(Error::file("create", log))?;
        let child = wire
            .inside(&program.display().to_string())
            .args(["run", "--interface", LISTENS])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .map_err(|source| Error::Program {
                program: program.display().to_string(),
                source,
            })?;
        let mut sensor = Self {
            wire,
            process: Process::new(child),
            log: log.to_owned(),
        };
        sensor.wait_until_ready()?;
        Ok(sensor)
    }

    /// Waits until it says that it is ready.
    ///
    /// # Errors
    ///
    /// [`Error::Late`] with the last line of its log if that takes too long.
    pub(crate) fn wait_until_ready(&mut self) -> Result<(), Error> {
        let started = Instant::now();
        while self.get("/-/ready")?.is_none_or(|it| it != "ready\n") {
            if started.elapsed() > PATIENCE || !self.process.is_running() {
                return Err(self.late("ready", started.elapsed()));
            }
            interrupt::pause(Duration::from_millis(50))?;
        }
        Ok(())
    }

    /// Its answer for a path; `None` while it gives none.
    ///
    /// # Errors
    ///
    /// [`Error::Network`] if its namespace cannot be entered.
    pub(crate) fn get(&self, path: &str) -> Result<Option<String>, Error> {
        Ok(self.wire.within_inside(|| ask(path))?.ok())
    }

    /// Its metrics.
    ///
    /// # Errors
    ///
    /// [`Error::Late`] if it gives none.
    pub(crate) fn page(&self) -> Result<Page, Error> {
        match self.get("/metrics")? {
            Some(text) => Ok(Page(text)),
            None => Err(self.late("answering", ANSWER)),
        }
    }

    /// Its metrics, once all that was on the wire has come to rest in them.
    ///
    /// # Errors
    ///
    /// [`Error::Late`] if it gives none, or does not come to rest.
    pub(crate) fn settled_page(&self) -> Result<Page, Error> {
        let started = Instant::now();
        let mut before = Account::default();
        let mut same_since = Instant::now();
        loop {
            let page = self.page()?;
            let account = page.account();
            if account != before || account.queued > 0 {
                before = account;
                same_since = Instant::now();
            } else if same_since.elapsed() > SETTLED {
                return Ok(page);
            }
            if started.elapsed() > PATIENCE {
                return Err(self.late("at rest", started.elapsed()));
            }
            interrupt::pause(Duration::from_millis(50))?;
        }
    }

    /// Asks it to end; gives how it did and how long that took, `None` if it had to be killed.
    ///
    /// # Errors
    ///
    /// When it has ended before.
    pub(crate) fn stop(
        mut self,
        patience: Duration,
    ) -> Result<Option<(ExitStatus, Duration)>, Error> {
        self.process
            .signal(Signal::SIGTERM)
            .and_then(|()| self.process.ended(patience))
            .map_err(Error::network("end", "the sensor"))
    }

    fn late(&self, state: &'static str, waited: Duration) -> Error {
        let log = fs::read(&self.log).unwrap_or_default();
        Error::Late {
            program: "phonehome run".to_owned(),
            state,
            seconds: waited.as_secs(),
            message: crate::measure::last_line(&log),
        }
    }
}

impl Page {
    /// The sum of the rows of a family whose labels hold all of `labels`, as in `vendor="x"`.
    pub(crate) fn sum(&self, family: &str, labels: &[&str]) -> f64 {
        self.rows(family)
            .filter(|(row, _)| labels.iter().all(|it| row.contains(it)))
            .map(|(_, value)| value)
            .sum()
    }

    /// The same for counts.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts are whole and below 2^53"
    )]
    pub(crate) fn count(&self, family: &str, labels: &[&str]) -> u64 {
        self.sum(family, labels) as u64
    }

    /// Labels and values of a family.
    pub(crate) fn rows<'a>(&'a self, family: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.0.lines().filter_map(move |line| {
            let rest = line.strip_prefix(family)?;
            let (labels, value) = rest.rsplit_once(' ')?;
            if !labels.is_empty() && !labels.starts_with('{') {
                return None;
            }
            Some((labels, value.parse().ok()?))
        })
    }

    /// How many frames went where, over all interfaces.
    pub(crate) fn account(&self) -> Account {
        Account {
            received: self.count("phonehome_capture_received_frames_total", &[]),
            processed: self.count("phonehome_capture_processed_frames_total", &[]),
            dropped: self.count("phonehome_capture_dropped_frames_total", &[]),
            queued: self.count("phonehome_pipeline_queued_frames", &[]),
        }
    }
}

impl Account {
    /// Whether every frame is accounted for.
    pub(crate) const fn adds_up(&self) -> bool {
        self.received == self.processed + self.dropped + self.queued
    }
}

/// Asks the sensor of the namespace that the calling thread is in.
fn ask(path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&ADDRESS, ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    stream.set_write_timeout(Some(ANSWER))?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {ADDRESS}\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    if head.split(' ').nth(1) == Some("200") {
        Ok(body.to_owned())
    } else {
        Err(io::Error::other(body.to_owned()))
    }
}

/// Where the sensor listens when it is not told otherwise; the namespace is its own.
pub(crate) const ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 14_663);

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(5);

/// How long the sensor may take to get ready or to come to rest.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long nothing may have changed for the sensor to be at rest: longer than the kernel and the
/// capture thread may each hold back what is not full.
const SETTLED: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_family_are_summed_and_those_of_longer_names_are_not() {
        let page = Page(
            "# TYPE a_total counter\na_total{x=\"1\",y=\"2\"} 3\na_total{x=\"2\",y=\"2\"} 4\n\
             a_total_more{x=\"1\"} 50\nb 2.5\n"
                .to_owned(),
        );
        assert_eq!(page.count("a_total", &[]), 7);
        assert_eq!(page.count("a_total", &["x=\"1\"", "y=\"2\""]), 3);
        assert_eq!(page.count("none", &[]), 0);
        assert!((page.sum("b", &[]) - 2.5).abs() < 1e-9);
    }

    #[test]
    fn an_account_adds_up_with_what_waits() {
        let account = Account {
            received: 10,
            processed: 6,
            dropped: 3,
            queued: 1,
        };
        assert!(account.adds_up());
        assert!(
            !Account {
                queued: 0,
                ..account
            }
            .adds_up()
        );
    }
}
