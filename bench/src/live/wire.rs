//! A wire of its own: two network namespaces and a pair of virtual interfaces between them.
//!
//! The sender is in one namespace, what listens in the other, and nothing else is on the wire: IPv6
//! is off, so that the system sends nothing itself. Both namespaces go away when the value is
//! dropped, and what runs in them is ended by whoever started it.

use std::fs::File;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sched::{CloneFlags, setns};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::measure;

/// Two namespaces with a pair of interfaces.
#[derive(Debug)]
pub(crate) struct Wire {
    inside: String,
    outside: String,
    mtu: usize,
}

/// What the system counts at the end that listens.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Counts {
    /// Frames that came over the wire.
    pub(crate) received: u64,
    /// Frames that were dropped on the way, at either end.
    pub(crate) dropped: u64,
}

impl Wire {
    /// Makes the namespaces and joins them by interfaces for frames of up to `longest` octets, and for
    /// full frames of Ethernet in any case.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] with what `ip` says; without the right to make namespaces above all.
    pub(crate) fn new(longest: usize) -> Result<Self, Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = |side| format!("phb-{}-{number}-{side}", std::process::id());
        let wire = Self {
            inside: name("in"),
            outside: name("out"),
            mtu: longest.max(FULL_FRAME),
        };
        for space in [&wire.inside, &wire.outside] {
            ip(&["netns", "add", space])?;
            ip(&["-n", space, "link", "set", "lo", "up"])?;
            let quiet = "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; \
                         echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6";
            ip(&["netns", "exec", space, "sh", "-c", quiet])?;
        }
        wire.connect()?;
        Ok(wire)
    }

    /// Joins the namespaces by a pair of interfaces.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] with what `ip` says.
    pub(crate) fn connect(&self) -> Result<(), Error> {
        let mtu = self.mtu.to_string();
        let mut words = vec!["-n", &self.inside, "link", "add", LISTENS, "mtu", &mtu];
        words.extend(["type", "veth", "peer", "name", SENDS, "mtu", &mtu]);
        words.extend(["netns", &self.outside]);
        ip(&words)?;
        ip(&["-n", &self.inside, "link", "set", LISTENS, "up"])?;
        ip(&["-n", &self.outside, "link", "set", SENDS, "up"])
    }

    /// Takes the pair of interfaces away.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] with what `ip` says.
    pub(crate) fn disconnect(&self) -> Result<(), Error> {
        ip(&["-n", &self.inside, "link", "del", LISTENS])
    }

    /// Takes the interface that listens down, or up again.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] with what `ip` says.
    pub(crate) fn set_link(&self, state: Link) -> Result<(), Error> {
        let word = match state {
            Link::Up => "up",
            Link::Down => "down",
        };
        ip(&["-n", &self.inside, "link", "set", LISTENS, word])
    }

    /// What has come over the wire since the interfaces were made.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] with what `ip` says, and for an answer that is none.
    pub(crate) fn counts(&self) -> Result<Counts, Error> {
        let inside = statistics(&self.inside, LISTENS)?;
        let outside = statistics(&self.outside, SENDS)?;
        Ok(Counts {
            received: inside.rx.packets,
            dropped: inside.rx.dropped + outside.tx.dropped,
        })
    }

    /// A program in the namespace that listens; it keeps the process id that it is started with.
    pub(crate) fn inside(&self, program: &str) -> Command {
        command_in(&self.inside, program)
    }

    /// A program in the namespace that sends.
    pub(crate) fn outside(&self, program: &str) -> Command {
        command_in(&self.outside, program)
    }

    /// Does something in the namespace that listens; sockets opened there stay there.
    ///
    /// # Errors
    ///
    /// [`Error::Network`] if the namespace cannot be entered.
    pub(crate) fn within_inside<T: Send>(
        &self,
        action: impl FnOnce() -> T + Send,
    ) -> Result<T, Error> {
        within(&self.inside, action)
    }

    /// The same in the namespace that sends.
    ///
    /// # Errors
    ///
    /// [`Error::Network`] if the namespace cannot be entered.
    pub(crate) fn within_outside<T: Send>(
        &self,
        action: impl FnOnce() -> T + Send,
    ) -> Result<T, Error> {
        within(&self.outside, action)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        for space in [&self.inside, &self.outside] {
            // One that could not be made is not there.
            let _ = Command::new("ip").args(["netns", "del", space]).output();
        }
    }
}

/// State of an interface.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Link {
    /// It carries frames.
    Up,
    /// It carries none.
    Down,
}

/// One interface in what `ip -j -s link` prints.
#[derive(Debug, Deserialize)]
struct Shown {
    stats64: Statistics,
}

#[derive(Debug, Deserialize)]
struct Statistics {
    rx: Way,
    tx: Way,
}

#[derive(Debug, Deserialize)]
struct Way {
    packets: u64,
    dropped: u64,
}

fn statistics(space: &str, interface: &str) -> Result<Statistics, Error> {
    let words = ["-n", space, "-j", "-s", "link", "show", "dev", interface];
    let text = ip_output(&words)?;
    let shown: Vec<Shown> = serde_json::from_slice(&text).map_err(|source| Error::Json {
        operation: "read",
        what: format!("the statistics of {interface}"),
        source,
    })?;
    shown
        .into_iter()
        .next()
        .map(|it| it.stats64)
        .ok_or_else(|| failed(&words, "it shows no interface"))
}

fn command_in(space: &str, program: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", space, program]);
    command
}

/// Does something on a thread of its own that has entered a namespace.
fn within<T: Send>(space: &str, action: impl FnOnce() -> T + Send) -> Result<T, Error> {
    let enter = || {
        let file = File::open(format!("/var/run/netns/{space}"))?;
        setns(file, CloneFlags::CLONE_NEWNET)?;
        Ok(action())
    };
    std::thread::scope(|scope| {
        let done: std::io::Result<T> = scope
            .spawn(enter)
            .join()
            .unwrap_or_else(|_| Err(std::io::Error::other("the thread panicked")));
        done.map_err(Error::network("enter", &format!("namespace {space}")))
    })
}

fn ip(words: &[&str]) -> Result<(), Error> {
    ip_output(words).map(drop)
}

fn ip_output(words: &[&str]) -> Result<Vec<u8>, Error> {
    let output = Command::new("ip")
        .args(words)
        .output()
        .map_err(|source| Error::Program {
            program: "ip (apt-get install iproute2)".to_owned(),
            source,
        })?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(failed(words, &measure::last_line(&output.stderr)))
    }
}

fn failed(words: &[&str], message: &str) -> Error {
    Error::Failed {
        program: format!("ip {}", words.join(" ")),
        status: "making a wire needs root".to_owned(),
        message: message.to_owned(),
    }
}

/// The interface that is listened on.
pub(crate) const LISTENS: &str = "mon0";

/// The interface that is sent on.
pub(crate) const SENDS: &str = "src0";

/// A frame of Ethernet with 1,500 octets in it.
const FULL_FRAME: usize = 1_514;
