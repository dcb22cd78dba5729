//! Frames from network interfaces, through libpcap.
//!
//! Each interface has a handle with a ring of its own, or one for each capturing thread. Handles do
//! not block: a blocking one would wait for ever on a silent wire, as libpcap's time limit begins
//! with the first frame. So the rings are emptied in turn, and when all are empty, all descriptors
//! are waited for together.
//!
//! An interface that goes down, or away, and comes back is taken up again. Nothing is ever sent.
//!
//! What may keep frames from being seen stands apart: an operator's filter (`filter`), a cut-off by
//! flow in the kernel (`prefilter`). What a card does to frames is told (`ethtool`), never changed.

use std::fmt;
use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::settings::{Prefilter, Settings};
use crate::frame::{Card, LinkType, Run};
use crate::time::Timestamp;
use crate::wall;
use filter::Tried;
use port::{Interface, Port};
use prefilter::{Budget, Cutoff};

mod classic;
mod ethtool;
mod fanout;
mod filter;
mod kernel;
mod port;
mod prefilter;

pub use super::samples::FrameKind;

/// Interfaces that are listened on, by one thread.
pub struct Live {
    ports: Vec<Port>,
    turn: usize,
    hold: Duration,
}

/// Interfaces that have been opened.
pub struct Opened {
    /// One for each capturing thread; each hears a share of the flows of every interface.
    pub captures: Vec<Live>,
    /// Kinds of frames of which the filter lets nothing pass, though it lets plain ones pass.
    pub left_out: Vec<FrameKind>,
    /// What an operator should know.
    pub warnings: Vec<String>,
}

/// What was heard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Heard {
    /// Frames of the interface of that number.
    Frames(usize),
    /// Nothing for about 100 ms; all frames up to that time have been handed out.
    Silence(Timestamp),
    /// The interface of that number is there again, or up at last, and may not be opened: the
    /// right to do so has been given up.
    Refused(usize),
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
    /// What the kernel's prefilter has cut off, since the start; absent where it is not in force.
    pub cut_off: Option<CutOff>,
    /// What the card does to frames; absent as long as the interface could not be opened. The first
    /// capturing thread alone tells this and what is cut off or lost by the driver.
    pub card: Option<Card>,
}

/// Frames that the kernel's prefilter has kept from the sensor.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CutOff {
    /// How many.
    pub frames: u64,
    /// Their octets on the wire.
    pub octets: u64,
}

/// Why interfaces cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// An interface cannot be opened.
    #[error("cannot open interface {interface}: {why}")]
    Interface {
        /// Its name.
        interface: String,
        /// What is wrong with it.
        why: Why,
    },
    /// The filter is no expression.
    #[error("filter {expression:?} is wrong: {why}")]
    Filter {
        /// What was given.
        expression: String,
        /// What the library says of it.
        why: String,
    },
    /// The kernel does not take the prefilter.
    #[error("capture.prefilter is required, and the kernel refuses it: {0}")]
    Prefilter(String),
    /// What is heard would not be worked on rightly.
    #[error("self-check failed: {0}")]
    SelfCheck(String),
}

impl OpenError {
    /// Whether what was asked for is wrong in itself, whatever the state of the machine.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        match self {
            Self::Filter { .. } => true,
            Self::Interface { .. } | Self::Prefilter(_) | Self::SelfCheck(_) => false,
        }
    }
}

/// What is wrong with an interface.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// It may not be opened.
    #[error("permission denied; needs CAP_NET_RAW")]
    Permission,
    /// It is not there; holds those that are.
    #[error("no such interface; there are: {0}")]
    Missing(String),
    /// It is down.
    #[error("it is down")]
    Down,
    /// It does not take the filter.
    #[error("filter: {0}")]
    Filter(String),
    /// Whatever else the library says.
    #[error("{0}")]
    Other(String),
}

impl Live {
    /// Opens interfaces; one that is there but down is opened when it comes up.
    ///
    /// # Errors
    ///
    /// [`OpenError`] when there is no such interface, or it may not be listened on; when the filter
    /// is wrong; or when the kernel refuses a prefilter that is required.
    pub fn open(interfaces: &[String], settings: &Settings) -> Result<Opened, OpenError> {
        if let Some(expression) = &settings.filter
            && let Some(why) = filter::check(expression)
        {
            return Err(wrong_filter(expression, why));
        }
        let settings = Arc::new(settings.clone());
        let mut opened = Opened {
            captures: Vec::new(),
            left_out: Vec::new(),
            warnings: Vec::new(),
        };
        let mut shared = Vec::new();
        for name in interfaces {
            let cutoff = cutoff(settings.prefilter, name, &mut opened.warnings)?;
            shared.push(Arc::new(Interface::new(name, &settings, cutoff)));
        }
        for lane in 0..settings.threads.max(1) {
            let ports: Result<Vec<_>, _> = shared
                .iter()
                .map(|it| Port::open(Arc::clone(it), lane))
                .collect();
            opened.captures.push(Self {
                ports: ports?,
                turn: 0,
                hold: settings.hold,
            });
        }
        opened.look_back(&settings);
        Ok(opened)
    }

    /// Fills a run with frames of one interface, at most 256, or waits for about 100 ms.
    pub fn next_run(&mut self, run: &mut Run) -> Heard {
        if let Some(number) = self.read(run) {
            return Heard::Frames(number);
        }
        if let Some(number) = self.ports.iter().position(Port::is_refused) {
            return Heard::Refused(number);
        }
        let woken = self.wait();
        if let Some(number) = self.read(run) {
            return Heard::Frames(number);
        }
        if woken {
            // A descriptor with an error wakes at once, again and again.
            std::thread::sleep(PAUSE_AFTER_NOTHING);
        }
        Heard::Silence(settled_time(self.hold))
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

impl Opened {
    /// Finds out what the filter leaves out, and where a prefilter is not in force.
    fn look_back(&mut self, settings: &Settings) {
        let Some(first) = self.captures.first() else {
            return;
        };
        let open: Vec<&Port> = first
            .ports
            .iter()
            .filter(|it| it.handle().is_some())
            .collect();
        if let (Some(expression), Some(port)) = (&settings.filter, open.first())
            && let Some(tried) = port.handle().map(|it| filter::try_on(it, expression))
        {
            match tried {
                Tried::LeavesOut(kinds) if kinds.is_empty() => {}
                Tried::LeavesOut(kinds) => {
                    let words: Vec<&str> = kinds.iter().map(|it| it.as_str()).collect();
                    self.warnings.push(format!(
                        "filter {expression:?} lets plain packets pass, but none in frames of these \
                         kinds: {}; what they carry is not looked at",
                        words.join(", ")
                    ));
                    self.left_out = kinds;
                }
                Tried::Unknown => self.warnings.push(format!(
                    "filter {expression:?} lets no sample packet pass, so it cannot be told which \
                     kinds of frames it leaves out: VLAN, QinQ, MPLS, PPPoE and tunnels need terms \
                     of their own"
                )),
            }
        }
        if settings.prefilter != Prefilter::Off {
            let not_ethernet = open
                .iter()
                .filter(|it| it.state().link != Some(LinkType::ETHERNET));
            self.warnings.extend(not_ethernet.map(|it| {
                format!(
                    "interface {}: the prefilter knows Ethernet alone and is not in force",
                    it.name()
                )
            }));
        }
    }
}

/// Loads the prefilter of an interface, if it is asked for.
fn cutoff(
    wanted: Prefilter,
    interface: &str,
    warnings: &mut Vec<String>,
) -> Result<Option<Cutoff>, OpenError> {
    if wanted == Prefilter::Off {
        return Ok(None);
    }
    let refused = match Cutoff::load(Budget::default()) {
        Ok(cutoff) => return Ok(Some(cutoff)),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            format!("{error}; needs CAP_BPF")
        }
        Err(error) => error.to_string(),
    };
    if wanted == Prefilter::FlowRequired {
        return Err(OpenError::Prefilter(refused));
    }
    warnings.push(format!(
        "interface {interface}: the kernel refuses the prefilter, which is not in force: {refused}"
    ));
    Ok(None)
}

fn wrong_filter(expression: &str, why: String) -> OpenError {
    OpenError::Filter {
        expression: expression.to_owned(),
        why,
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("captures", &self.captures.len())
            .field("left_out", &self.left_out)
            .field("warnings", &self.warnings)
            .finish()
    }
}

/// The time up to which all frames have been handed out when nothing is left to read: the system
/// may hold frames back for as long as `hold`, and hand them over as long after.
fn settled_time(hold: Duration) -> Timestamp {
    let held = i64::try_from(hold.as_nanos() * 2).unwrap_or(i64::MAX);
    Timestamp::from_nanos(wall::now().as_nanos().saturating_sub(held))
}

/// How long silence is waited for.
const WAIT_MILLIS: u16 = 100;

/// Pause after a descriptor woke us for nothing.
const PAUSE_AFTER_NOTHING: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_interface_is_named_with_those_that_are_there() {
        let Err(error) = Live::open(&["no-such-if0".to_owned()], &Settings::default()) else {
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
            hold: Duration::from_millis(100),
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
