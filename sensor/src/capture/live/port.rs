//! One interface, as one thread hears it: its handle, its state and its statistics.

use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pcap::{Active, BpfProgram, Capture, Device, Packet, Precision, Stat};

use super::fanout::Group;
use super::prefilter::Cutoff;
use super::{OpenError, State, Why, ethtool, filter, wrong_filter};
use crate::capture::settings::Settings;
use crate::frame::{Frame, LinkType, Run};
use crate::time::Timestamp;
use crate::wall;

/// What the threads that hear an interface share.
pub(super) struct Interface {
    name: String,
    settings: Arc<Settings>,
    group: Group,
    cutoff: Option<Cutoff>,
}

/// An interface, open or to be opened again.
pub(super) struct Port {
    interface: Arc<Interface>,
    /// Which of the threads this is; the first tells what is common to all.
    lane: usize,
    handle: Option<Capture<Active>>,
    /// The operator's filter, where the kernel asks the prefilter in its place.
    asked_here: Option<BpfProgram>,
    /// Frames that are older were heard by another thread too.
    since: Timestamp,
    state: State,
    /// What the handle counted when it was last asked.
    counted: Counted,
    /// When to look at the interface again.
    next_look: Instant,
    /// Pause before the next attempt to open it.
    pause: Duration,
    /// Whether the last attempt failed for want of a right.
    is_refused: bool,
}

/// Counts of a handle, which wrap.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    dropped: u32,
    if_dropped: u32,
}

impl Interface {
    pub(super) fn new(name: &str, settings: &Arc<Settings>, cutoff: Option<Cutoff>) -> Self {
        Self {
            name: name.to_owned(),
            settings: Arc::clone(settings),
            group: Group::default(),
            cutoff,
        }
    }

    fn open(&self) -> Result<Capture<Active>, pcap::Error> {
        let settings = &self.settings;
        let millis = i32::try_from(settings.hold.as_millis()).unwrap_or(i32::MAX);
        Capture::from_device(self.name.as_str())?
            // libpcap warns that all interfaces together cannot be promiscuous, and a warning is an
            // error here.
            .promisc(settings.promiscuous && self.name != ALL_INTERFACES)
            .snaplen(settings.snaplen_octets.cast_signed())
            .buffer_size(settings.ring_octets_of_thread().cast_signed())
            .timeout(millis)
            .precision(Precision::Nano)
            .open()?
            .setnonblock()
    }
}

impl Port {
    /// Opens an interface for a thread; gives one to be opened later if it is down.
    pub(super) fn open(interface: Arc<Interface>, lane: usize) -> Result<Self, OpenError> {
        let mut port = Self {
            interface,
            lane,
            handle: None,
            asked_here: None,
            since: Timestamp::MIN,
            state: State::default(),
            counted: Counted::default(),
            next_look: Instant::now(),
            pause: FIRST_PAUSE,
            is_refused: false,
        };
        match port.try_open() {
            Ok(()) => Ok(port),
            Err(why @ Why::Down) => {
                port.state.down = Some(why.to_string());
                Ok(port)
            }
            Err(Why::Filter(why)) => {
                let expression = port.interface.settings.filter.as_deref();
                Err(wrong_filter(expression.unwrap_or_default(), why))
            }
            Err(why) => Err(OpenError::Interface {
                interface: port.interface.name.clone(),
                why,
            }),
        }
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
        let (since, asked_here) = (self.since, &self.asked_here);
        let read = handle.dispatch(Some(RUN_FRAMES), |it| {
            let frame = frame(&it, link);
            let passes = asked_here.as_ref().is_none_or(|it| it.filter(frame.bytes));
            if passes && frame.at >= since {
                run.push_copy(frame);
            }
        });
        if let Err(error) = read {
            self.close(reason(&self.interface.name, error), now);
        }
        !run.is_empty()
    }

    pub(super) const fn handle(&self) -> Option<&Capture<Active>> {
        self.handle.as_ref()
    }

    /// Whether it could be opened but for a right that is missing.
    pub(super) const fn is_refused(&self) -> bool {
        self.is_refused
    }

    pub(super) const fn state(&self) -> &State {
        &self.state
    }

    pub(super) fn name(&self) -> &str {
        &self.interface.name
    }

    /// Looks at the interface: takes the statistics of an open one, and opens one that is not.
    fn look(&mut self, now: Instant) {
        if self.handle.is_some() {
            self.next_look = now + BETWEEN_LOOKS;
            self.count();
            self.state.down = no_link(&self.interface.name);
        } else if let Err(why) = self.try_open() {
            self.is_refused = matches!(why, Why::Permission);
            self.state.down = Some(why.to_string());
            self.next_look = now + self.pause;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn try_open(&mut self) -> Result<(), Why> {
        let interface = Arc::clone(&self.interface);
        let name = interface.name.as_str();
        let mut handle = interface.open().map_err(|it| reason(name, it))?;
        let datalink = handle.get_datalink().0;
        let link = link_type(datalink);
        let cutoff = interface
            .cutoff
            .as_ref()
            .filter(|_| link == LinkType::ETHERNET);
        self.asked_here = None;
        match (&interface.settings.filter, cutoff) {
            (Some(expression), None) => handle.filter(expression, true).map_err(refused)?,
            (Some(expression), Some(_)) => {
                let compiled = filter::compile_for(datalink, expression).map_err(refused)?;
                self.asked_here = Some(compiled);
            }
            (None, _) => {}
        }
        if let Some(cutoff) = cutoff {
            let attached = cutoff.attach(&handle);
            attached.map_err(|it| Why::Other(format!("cannot attach the prefilter: {it}")))?;
        }
        if interface.settings.threads > 1 {
            let joined = interface.group.join(&handle);
            joined.map_err(|it| Why::Other(format!("cannot join the other threads: {it}")))?;
            self.since = wall::now();
            // What has been lost by now was heard by another thread too.
            self.counted = handle.stats().map(Counted::from).unwrap_or_default();
        } else {
            self.counted = Counted::default();
        }
        if self.is_first() {
            self.state.card = Some(ethtool::card(&handle, name));
            self.state.cut_off = cutoff.map(Cutoff::counts);
        }
        self.state.link = Some(link);
        self.state.down = no_link(name);
        self.handle = Some(handle);
        self.next_look = Instant::now() + BETWEEN_LOOKS;
        self.pause = FIRST_PAUSE;
        self.is_refused = false;
        Ok(())
    }

    fn close(&mut self, why: Why, now: Instant) {
        self.count();
        if self.handle.take().is_some() && self.interface.settings.threads > 1 {
            self.interface.group.leave();
        }
        self.state.down = Some(why.to_string());
        self.next_look = now + self.pause;
    }

    fn count(&mut self) {
        let is_first = self.is_first();
        let Some(handle) = &mut self.handle else {
            return;
        };
        if let Ok(stat) = handle.stats() {
            self.counted.advance(&stat, &mut self.state);
        }
        if !is_first {
            // The driver counts for all handles of its interface together.
            self.state.lost_by_driver = 0;
        }
        if let (Some(cut_off), Some(cutoff)) = (&mut self.state.cut_off, &self.interface.cutoff) {
            *cut_off = cutoff.counts();
        }
    }

    const fn is_first(&self) -> bool {
        self.lane == 0
    }
}

impl From<Stat> for Counted {
    fn from(stat: Stat) -> Self {
        Self {
            dropped: stat.dropped,
            if_dropped: stat.if_dropped,
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

fn refused(error: pcap::Error) -> Why {
    Why::Filter(filter::words_of(error))
}

/// What an error of the library means.
fn reason(name: &str, error: pcap::Error) -> Why {
    let text = filter::words_of(error);
    let lower = text.to_lowercase();
    let mut there = interfaces();
    if lower.contains("disappeared") {
        // The library hears of it before the system has it off its list.
        there.retain(|it| it != name);
    }
    if !there.iter().any(|it| it == name) {
        return Why::Missing(there.join(", "));
    }
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

/// The interfaces that can be listened on, without the library's own inventions. The library asks
/// the system by a socket, which may be denied once rights are given up.
fn interfaces() -> Vec<String> {
    const INVENTED: [&str; 5] = ["nflog", "nfqueue", "usbmon", "dbus-", "bluetooth"];
    let listed = Device::list().map(|all| all.into_iter().map(|it| it.name).collect());
    let mut names: Vec<String> = listed.unwrap_or_else(|_| listed_by_system());
    names.retain(|name| !INVENTED.iter().any(|it| name.starts_with(it)));
    names.sort_unstable();
    names
}

fn listed_by_system() -> Vec<String> {
    let entries = fs::read_dir("/sys/class/net")
        .into_iter()
        .flatten()
        .flatten();
    entries
        .filter_map(|it| it.file_name().into_string().ok())
        .collect()
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

/// Frames of one run at most; one of them has at most [`Settings::snaplen_octets`].
const RUN_FRAMES: usize = 256;

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
