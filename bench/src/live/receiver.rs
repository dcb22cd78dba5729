//! The programs that listen on the wire, and how each tells what it got.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde::Serialize;

use super::process::{Process, Usage};
use super::sensor::Sensor;
use super::wire::{LISTENS, Wire};
use crate::error::Error;
use crate::interrupt;
use crate::measure;
use crate::peers::Peer;

/// A program that listens.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Receiver {
    /// The sensor, every feature on
    Phonehome,
    /// Writes each packet to nowhere
    Tcpdump,
    /// Classifies flows by deep inspection and names their hosts
    Ndpi,
}

/// A program at work.
#[derive(Debug)]
pub(crate) enum Running<'w> {
    /// The sensor.
    Sensor(Sensor<'w>),
    /// Another program, and where its output goes.
    Other(Receiver, Process, PathBuf),
}

/// What a program says that it got.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Heard {
    /// Frames that it worked on.
    pub(crate) processed: u64,
    /// Frames that it says were lost, by where.
    pub(crate) lost: BTreeMap<String, u64>,
}

impl Receiver {
    /// All of them, in the order in which they run.
    pub(crate) const ALL: [Self; 3] = [Self::Phonehome, Self::Tcpdump, Self::Ndpi];

    /// The name of its row.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Phonehome => "phonehome run",
            Self::Tcpdump => "tcpdump",
            Self::Ndpi => "ndpiReader",
        }
    }

    /// The same program where it reads files.
    pub(crate) const fn peer(self) -> Peer {
        match self {
            Self::Phonehome => Peer::Phonehome,
            Self::Tcpdump => Peer::Tcpdump,
            Self::Ndpi => Peer::Ndpi,
        }
    }

    /// Its program and arguments.
    pub(crate) fn words(self, sensor: &Path, options: &[String]) -> Vec<String> {
        let words = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect();
        match self {
            Self::Phonehome => {
                let program = sensor.display().to_string();
                let mut words: Vec<String> = words(&[&program, "run", "--interface", LISTENS]);
                words.extend_from_slice(options);
                words
            }
            // A ring as large as the sensor's: the default is 2 MiB. -Z: it stays who it is.
            Self::Tcpdump => words(&[
                "tcpdump",
                "-i",
                LISTENS,
                "-n",
                "-B",
                "65536",
                "-Z",
                "root",
                "-w",
                "/dev/null",
            ]),
            // It has no option for the ring, whose default is 2 MiB. With -q it would not say how
            // many packets it got. It is ended by SIGINT; -s is for a run that was forgotten.
            Self::Ndpi => words(&["ndpiReader", "-d", "-i", LISTENS, "-s", "600"]),
        }
    }

    /// Starts it on the wire and waits until it listens. `folder` is for what it says.
    ///
    /// # Errors
    ///
    /// [`Error::Late`] if it does not come to listen.
    pub(crate) fn start<'w>(
        self,
        wire: &'w Wire,
        sensor: &Path,
        options: &[String],
        folder: &Path,
    ) -> Result<Running<'w>, Error> {
        let log = folder.join(format!("{}.log", self.label().replace(' ', "-")));
        if self == Self::Phonehome {
            return Ok(Running::Sensor(Sensor::start(wire, sensor, options, &log)?));
        }
        let words = self.words(sensor, options);
        let file = || fs::File::create(&log).map_err(Error::file("create", &log));
        let (stdout, stderr) = match self {
            Self::Ndpi => (Stdio::from(file()?), Stdio::null()),
            Self::Tcpdump | Self::Phonehome => (Stdio::null(), Stdio::from(file()?)),
        };
        let child = spaced(wire, &words)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .map_err(|source| Error::Program {
                program: words.join(" "),
                source,
            })?;
        let running = Process::new(child);
        let started = Instant::now();
        while !listens(wire)? {
            if started.elapsed() > PATIENCE {
                return Err(Error::Late {
                    program: words.join(" "),
                    state: "listening",
                    seconds: PATIENCE.as_secs(),
                    message: measure::last_line(&fs::read(&log).unwrap_or_default()),
                });
            }
            interrupt::pause(Duration::from_millis(50))?;
        }
        // The socket is there before the loop that reads it.
        interrupt::pause(Duration::from_millis(300))?;
        Ok(Running::Other(self, running, log))
    }
}

impl Running<'_> {
    /// What it has used.
    ///
    /// # Errors
    ///
    /// [`Error::Network`] if it has ended.
    pub(crate) fn usage(&self) -> Result<Usage, Error> {
        let process = match self {
            Self::Sensor(sensor) => &sensor.process,
            Self::Other(_, process, _) => process,
        };
        process
            .usage()
            .map_err(Error::network("watch", "the program that listens"))
    }

    /// Ends it once it has worked on all that was sent; gives what it got, and what it had used just
    /// before its end.
    ///
    /// # Errors
    ///
    /// [`Error::Late`] if it does not say.
    pub(crate) fn finish(self) -> Result<(Heard, Usage), Error> {
        match self {
            Self::Sensor(sensor) => {
                let page = sensor.settled_page()?;
                let usage = sensor
                    .process
                    .usage()
                    .map_err(Error::network("watch", "the sensor"))?;
                let mut lost = BTreeMap::new();
                for (labels, value) in page.rows("phonehome_capture_dropped_frames_total") {
                    let stage = label(labels, "stage").unwrap_or("other");
                    *lost.entry(stage.to_owned()).or_default() += value as u64;
                }
                let heard = Heard {
                    processed: page.account().processed,
                    lost,
                };
                sensor.stop(PATIENCE)?;
                Ok((heard, usage))
            }
            Self::Other(receiver, mut process, log) => {
                // What it has not yet taken from its ring it takes within this time or never: it
                // says itself what was dropped, or the sum shows it.
                interrupt::pause(REST)?;
                let usage = process
                    .usage()
                    .map_err(Error::network("watch", receiver.label()))?;
                process
                    .signal(Signal::SIGINT)
                    .and_then(|()| process.ended(PATIENCE))
                    .map_err(Error::network("end", receiver.label()))?;
                let said = fs::read_to_string(&log).map_err(Error::file("read", &log))?;
                let heard = match receiver {
                    Receiver::Ndpi => ndpi(&said),
                    Receiver::Tcpdump | Receiver::Phonehome => tcpdump(&said),
                };
                heard.map(|it| (it, usage)).ok_or_else(|| Error::Late {
                    program: receiver.label().to_owned(),
                    state: "telling what it got",
                    seconds: PATIENCE.as_secs(),
                    message: measure::last_line(said.as_bytes()),
                })
            }
        }
    }
}

fn spaced(wire: &Wire, words: &[String]) -> Command {
    let mut words = words.iter();
    let mut command = wire.inside(words.next().map_or("", String::as_str));
    command.args(words);
    command
}

/// Whether a packet socket is open in the namespace.
fn listens(wire: &Wire) -> Result<bool, Error> {
    let read = || fs::read_to_string("/proc/thread-self/net/packet");
    let sockets = wire
        .within_inside(read)?
        .map_err(Error::network("list", "packet sockets"))?;
    Ok(sockets.lines().count() > 1)
}

/// The counts that tcpdump ends with.
fn tcpdump(said: &str) -> Option<Heard> {
    let of = |what: &str| -> Option<u64> {
        let line = said.lines().find(|it| it.contains(what))?;
        line.split(' ').next()?.parse().ok()
    };
    let mut lost = BTreeMap::from([("ring".to_owned(), of("dropped by kernel")?)]);
    if let Some(driver) = of("dropped by interface") {
        lost.insert("driver".to_owned(), driver);
    }
    Some(Heard {
        processed: of("packets captured")?,
        lost,
    })
}

/// The count of packets in nDPI's statistics; it does not say what was lost.
fn ndpi(said: &str) -> Option<Heard> {
    let line = said.lines().find(|it| it.contains("packets total"))?;
    let (before, _) = line.split_once(" packets total")?;
    Some(Heard {
        processed: before.rsplit(' ').next()?.parse().ok()?,
        lost: BTreeMap::new(),
    })
}

/// The value of a label.
fn label<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = labels.split_once(&format!("{name}=\""))?;
    Some(rest.split_once('"')?.0)
}

/// How long a program may take to listen, and to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a program that does not tell has to take what is left in its ring.
const REST: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tcpdump_says_is_read() {
        let said = "tcpdump: listening on mon0, link-type EN10MB\n31 packets captured\n\
                    40 packets received by filter\n9 packets dropped by kernel\n";
        let heard = tcpdump(said).unwrap();
        assert_eq!(heard.processed, 31);
        assert_eq!(heard.lost["ring"], 9);
        assert_eq!(tcpdump("tcpdump: no such device\n"), None);
    }

    #[test]
    fn what_ndpi_says_is_read() {
        let said = "\tIP packets:            1769          of 1867 packets total\n";
        assert_eq!(ndpi(said).unwrap().processed, 1867);
        assert_eq!(ndpi("Capturing live traffic\n"), None);
    }

    #[test]
    fn labels_are_told_apart() {
        let labels = r#"{interface="mon0",stage="ring"}"#;
        assert_eq!(label(labels, "stage"), Some("ring"));
        assert_eq!(label(labels, "worker"), None);
    }
}
