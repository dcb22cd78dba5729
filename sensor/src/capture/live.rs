//! Frames from network interfaces, through libpcap.
//!
//! Each interface has a handle with a ring of its own. Handles do not block: a blocking one would
//! wait for ever on a silent wire, as libpcap's time limit begins with the first frame. So the
//! rings are emptied in turn, and when all are empty, all descriptors are waited for together.
//!
//! An interface that goes down, or away, and comes back is taken up again. Nothing is ever sent.

use std::os::fd::AsFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::frame::{LinkType, Run};
use crate::time::Timestamp;
use port::Port;

mod port;

/// Interfaces that are listened on.
pub struct Live {
    ports: Vec<Port>,
    turn: usize,
}

/// How interfaces are listened on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Octets of the ring of each interface in the kernel, at most 2^31 - 1.
    pub ring_octets: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ring_octets: 64 << 20,
        }
    }
}

/// What was heard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Heard {
    /// Frames of the interface of that number.
    Frames(usize),
    /// Nothing for about 100 ms; all frames up to that time have been handed out.
    Silence(Timestamp),
}

/// How an interface is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct State {
    /// First header of its frames; absent as long as it could not be opened.
    pub link: Option<LinkType>,
    /// Why nothing can be heard; absent while all is well.
    pub down: Option<String>,
    /// Frames that the driver or the card lost, since the start.
    pub lost_by_driver: u64,
    /// Frames that were lost because the ring was full, since the start.
    pub lost_by_ring: u64,
}

/// Why an interface cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open interface {interface}: {why}")]
pub struct OpenError {
    interface: String,
    why: Why,
}

/// What is wrong with an interface.
#[derive(Debug, thiserror::Error)]
enum Why {
    #[error("permission denied; needs CAP_NET_RAW")]
    Permission,
    #[error("no such interface; there are: {0}")]
    Missing(String),
    #[error("it is down")]
    Down,
    #[error("{0}")]
    Other(String),
}

impl Live {
    /// Opens interfaces; one that is there but down is opened when it comes up.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when there is no such interface, or it may not be listened on.
    pub fn open(interfaces: &[String], settings: Settings) -> Result<Self, OpenError> {
        let ports = interfaces.iter().map(|it| Port::open(it, settings));
        let ports: Result<_, _> = ports.collect();
        Ok(Self {
            ports: ports?,
            turn: 0,
        })
    }

    /// Fills a run with frames of one interface, at most 256, or waits for about 100 ms.
    pub fn next_run(&mut self, run: &mut Run) -> Heard {
        if let Some(number) = self.read(run) {
            return Heard::Frames(number);
        }
        let woken = self.wait();
        if let Some(number) = self.read(run) {
            return Heard::Frames(number);
        }
        if woken {
            // A descriptor with an error wakes at once, again and again.
            std::thread::sleep(PAUSE_AFTER_NOTHING);
        }
        Heard::Silence(settled_time())
    }

    /// The interfaces, in the order in which they were given.
    #[must_use]
    pub fn states(&self) -> Vec<State> {
        self.ports.iter().map(|it| it.state().clone()).collect()
    }

    /// Reads from the first interface, in turn, that has frames; gives its number.
    fn read(&mut self, run: &mut Run) -> Option<usize> {
        let now = Instant::now();
        for _ in 0..self.ports.len() {
            let number = self.turn;
            self.turn = (number + 1) % self.ports.len();
            if let Some(port) = self.ports.get_mut(number)
                && port.read(run, now)
            {
                return Some(number);
            }
        }
        None
    }

    /// Waits until an interface may have something, or the wait is over; `false` if it is over.
    fn wait(&self) -> bool {
        let handles = self.ports.iter().filter_map(Port::handle);
        let mut waits: Vec<PollFd<'_>> = handles
            .map(|it| PollFd::new(it.as_fd(), PollFlags::POLLIN))
            .collect();
        if waits.is_empty() {
            std::thread::sleep(Duration::from_millis(WAIT_MILLIS.into()));
            return false;
        }
        // A wait that a signal cuts short is one that ended early.
        poll(&mut waits, PollTimeout::from(WAIT_MILLIS)).is_ok_and(|it| it > 0)
    }
}

/// The time up to which all frames have been handed out when nothing is left to read: the system
/// may hold frames back for as long as [`HOLD_MILLIS`].
fn settled_time() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let settled = since_epoch.saturating_sub(HOLDING * 2);
    Timestamp::from_nanos(i64::try_from(settled.as_nanos()).unwrap_or(i64::MAX))
}

/// How long the system may hold back frames that do not fill a block of the ring.
const HOLD_MILLIS: u16 = 100;

const HOLDING: Duration = Duration::from_millis(HOLD_MILLIS as u64);

/// How long silence is waited for.
const WAIT_MILLIS: u16 = 100;

/// Pause after a descriptor woke us for nothing.
const PAUSE_AFTER_NOTHING: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_interface_is_named_with_those_that_are_there() {
        let Err(error) = Live::open(&["no-such-if0".to_owned()], Settings::default()) else {
            panic!("it was opened");
        };
        let text = error.to_string();
        let start = "cannot open interface no-such-if0: no such interface; there are: ";
        assert!(text.starts_with(start), "{text}");
        assert!(
            text[start.len()..].split(", ").any(|it| it == "lo"),
            "{text}"
        );
        assert!(!text.contains("dbus"), "{text}");
    }

    #[test]
    fn silence_ends_the_wait_and_tells_the_time() {
        let mut live = Live {
            ports: Vec::new(),
            turn: 0,
        };
        let started = Instant::now();
        let heard = live.next_run(&mut Run::default());
        assert!(started.elapsed() >= Duration::from_millis(WAIT_MILLIS.into()));
        let Heard::Silence(at) = heard else {
            panic!("{heard:?}");
        };
        // 2026-01-01T00:00:00Z
        assert!(at > Timestamp::from_secs_nanos(1_767_225_600, 0), "{at}");
    }
}
