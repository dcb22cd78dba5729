//! One interface: its handle, its state and its statistics.

use std::fs;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use pcap::{Active, Capture, Device, Packet, Precision, Stat};

use super::{HOLD_MILLIS, OpenError, Settings, State, Why};
use crate::frame::{Frame, LinkType, Run};
use crate::time::Timestamp;

/// An interface, open or to be opened again.
pub(super) struct Port {
    name: String,
    settings: Settings,
    handle: Option<Capture<Active>>,
    state: State,
    /// What the handle counted when it was last asked.
    counted: Counted,
    /// When to look at the interface again.
    next_look: Instant,
    /// Pause before the next attempt to open it.
    pause: Duration,
}

/// Counts of a handle, which wrap.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    dropped: u32,
    if_dropped: u32,
}

impl Port {
    /// Opens an interface; gives one to be opened later if it is down.
    pub(super) fn open(name: &str, settings: Settings) -> Result<Self, OpenError> {
        let mut port = Self {
            name: name.to_owned(),
            settings,
            handle: None,
            state: State::default(),
            counted: Counted::default(),
            next_look: Instant::now(),
            pause: FIRST_PAUSE,
        };
        match port.try_open() {
            Ok(()) => {}
            Err(why @ Why::Down) => port.state.down = Some(why.to_string()),
            Err(why) => {
                return Err(OpenError {
                    interface: port.name,
                    why,
                });
            }
        }
        Ok(port)
    }

    /// Fills a run with frames; `false` if there are none at the moment.
    pub(super) fn read(&mut self, run: &mut Run, now: Instant) -> bool {
        if now >= self.next_look {
            self.look(now);
        }
        let (Some(handle), Some(link)) = (&mut self.handle, self.state.link) else {
            return false;
        };
        run.clear();
        run.bytes.clear();
        let read = handle.dispatch(Some(RUN_FRAMES), |it| run.push_copy(frame(&it, link)));
        if let Err(error) = read {
            self.close(reason(&self.name, error), now);
        }
        !run.is_empty()
    }

    pub(super) const fn handle(&self) -> Option<&Capture<Active>> {
        self.handle.as_ref()
    }

    pub(super) const fn state(&self) -> &State {
        &self.state
    }

    /// Looks at the interface: takes the statistics of an open one, and opens one that is not.
    fn look(&mut self, now: Instant) {
        if self.handle.is_some() {
            self.next_look = now + BETWEEN_LOOKS;
            self.count();
            self.state.down = no_link(&self.name);
        } else if let Err(why) = self.try_open() {
            self.state.down = Some(why.to_string());
            self.next_look = now + self.pause;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn try_open(&mut self) -> Result<(), Why> {
        let handle = open(&self.name, self.settings).map_err(|it| reason(&self.name, it))?;
        self.state.link = Some(link_type(handle.get_datalink().0));
        self.state.down = no_link(&self.name);
        self.handle = Some(handle);
        self.counted = Counted::default();
        self.next_look = Instant::now() + BETWEEN_LOOKS;
        self.pause = FIRST_PAUSE;
        Ok(())
    }

    fn close(&mut self, why: Why, now: Instant) {
        self.count();
        self.handle = None;
        self.state.down = Some(why.to_string());
        self.next_look = now + self.pause;
    }

    fn count(&mut self) {
        let Some(handle) = &mut self.handle else {
            return;
        };
        if let Ok(stat) = handle.stats() {
            self.counted.advance(&stat, &mut self.state);
        }
    }
}

impl Counted {
    /// Adds to the sums what has come since the last time.
    fn advance(&mut self, stat: &Stat, state: &mut State) {
        state.lost_by_ring += u64::from(stat.dropped.wrapping_sub(self.dropped));
        state.lost_by_driver += u64::from(stat.if_dropped.wrapping_sub(self.if_dropped));
        self.dropped = stat.dropped;
        self.if_dropped = stat.if_dropped;
    }
}

fn open(name: &str, settings: Settings) -> Result<Capture<Active>, pcap::Error> {
    Capture::from_device(name)?
        // libpcap warns that all interfaces together cannot be promiscuous, and a warning is an
        // error here.
        .promisc(name != ALL_INTERFACES)
        .snaplen(SNAPLEN)
        .buffer_size(i32::try_from(settings.ring_octets).unwrap_or(i32::MAX))
        .timeout(HOLD_MILLIS.into())
        .precision(Precision::Nano)
        .open()?
        .setnonblock()
}

fn frame<'a>(packet: &Packet<'a>, link: LinkType) -> Frame<'a> {
    let ts = packet.header.ts;
    // With nanoseconds asked for, this field holds them.
    let nanos = u32::try_from(ts.tv_usec).unwrap_or(0);
    Frame {
        at: Timestamp::from_secs_nanos(ts.tv_sec, nanos),
        link,
        wire_len: packet.header.len.max(packet.header.caplen),
        bytes: packet.data,
    }
}

/// The link type of a handle, which numbers some in its own way.
fn link_type(datalink: i32) -> LinkType {
    match datalink {
        DLT_RAW => LinkType::RAW,
        number => LinkType(u16::try_from(number).unwrap_or(u16::MAX)),
    }
}

/// What an error of the library means.
fn reason(name: &str, error: pcap::Error) -> Why {
    let text = match error {
        pcap::Error::PcapError(text) => text,
        other => other.to_string(),
    };
    let there = interfaces();
    if !there.iter().any(|it| it == name) {
        return Why::Missing(there.join(", "));
    }
    let lower = text.to_lowercase();
    if ["permi", "permitted", "cap_net_raw"]
        .iter()
        .any(|it| lower.contains(it))
    {
        return Why::Permission;
    }
    if lower.is_empty() || lower.contains("not up") || lower.contains("network is down") {
        return Why::Down;
    }
    Why::Other(text)
}

/// The interfaces that can be listened on, without the library's own inventions.
fn interfaces() -> Vec<String> {
    const INVENTED: [&str; 5] = ["nflog", "nfqueue", "usbmon", "dbus-", "bluetooth"];
    let mut names: Vec<String> = Device::list()
        .unwrap_or_default()
        .into_iter()
        .map(|it| it.name)
        .filter(|name| !INVENTED.iter().any(|it| name.starts_with(it)))
        .collect();
    names.sort_unstable();
    names
}

/// Why an open interface can hear nothing; `None` if it can, or the system does not tell.
fn no_link(name: &str) -> Option<String> {
    match fs::read_to_string(format!("/sys/class/net/{name}/carrier")) {
        Ok(text) if text.trim() == "0" => Some("it has no link".to_owned()),
        // What Linux answers for an interface that is not up.
        Err(error) if error.kind() == ErrorKind::InvalidInput => Some(Why::Down.to_string()),
        _ => None,
    }
}

/// Frames of one run at most; one of them has at most [`SNAPLEN`] octets.
const RUN_FRAMES: usize = 256;

/// Octets kept of a frame. Names sit in the first packets, but offloading makes long frames of them.
const SNAPLEN: i32 = 65_535;

/// How often an interface is looked at. Counts of 32 bits do not wrap twice in that time.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// Pause before an interface is opened again, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// The library's name for all interfaces together.
const ALL_INTERFACES: &str = "any";

/// What the library calls [`LinkType::RAW`] on Linux.
const DLT_RAW: i32 = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_wrap_add_up() {
        let mut counted = Counted::default();
        let mut state = State::default();
        for (dropped, if_dropped) in [(u32::MAX - 1, 4), (3, 4), (3, 9)] {
            let stat = Stat {
                received: 0,
                dropped,
                if_dropped,
            };
            counted.advance(&stat, &mut state);
        }
        assert_eq!(state.lost_by_ring, u64::from(u32::MAX) + 4);
        assert_eq!(state.lost_by_driver, 9);
    }

    #[test]
    fn raw_ip_has_two_numbers() {
        assert_eq!(link_type(12), LinkType::RAW);
        assert_eq!(link_type(1), LinkType::ETHERNET);
        assert_eq!(link_type(-1), LinkType(u16::MAX));
    }

    #[test]
    fn a_refusal_names_the_right_that_is_missing() {
        let text = "You don't have permission to perform this capture on that device \
                    (socket: Operation not permitted)";
        let why = reason("lo", pcap::Error::PcapError(text.to_owned()));
        assert_eq!(why.to_string(), "permission denied; needs CAP_NET_RAW");
    }
}
