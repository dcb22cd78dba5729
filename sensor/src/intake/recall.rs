//! Frames that passed triage, remembered for a while.
//!
//! That a signature claims a name is known some time after the frames with the name have gone by. So
//! that these can be kept as evidence, the capture remembers the octets of what it hands over: in a
//! ring of fixed size, in which the newest frames take the place of the oldest.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use crate::flow::key::hash_of;
use crate::frame::{Frame, LinkType};
use crate::names::{Endpoint, Transport};
use crate::time::Timestamp;

/// The ring of frames.
#[derive(Debug)]
pub struct Recall {
    octets: Vec<u8>,
    /// Frames in the order in which they came. In the ring each lies behind the one before, or at the
    /// beginning.
    entries: VecDeque<Entry>,
    /// Where the next frame goes.
    head: usize,
}

/// Which frames are wanted: those of a flow around a time.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// What carries the flow.
    pub transport: Transport,
    /// Its ends, innermost, in any order.
    pub ends: [Endpoint; 2],
    /// When the name was on the wire.
    pub at: Timestamp,
}

/// A frame that was remembered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Remembered {
    /// When it was captured.
    pub at: Timestamp,
    /// What its first header is.
    pub link: LinkType,
    /// Its length on the wire in octets.
    pub wire_len: u32,
    /// The octets that were captured.
    pub bytes: Vec<u8>,
}

/// What a remembered frame belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Belongs {
    /// A flow, by its hash.
    Flow(u64),
    /// A datagram that came in fragments, and of which this is not the last.
    Datagram,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    belongs: Belongs,
    at: Timestamp,
    link: LinkType,
    wire_len: u32,
    start: usize,
    len: usize,
}

impl Entry {
    const fn end(&self) -> usize {
        self.start + self.len
    }
}

impl Recall {
    /// A ring of that many octets; it takes no memory before there are frames to fill it.
    pub(super) fn new(octets: usize) -> Self {
        Self {
            octets: vec![0; octets],
            entries: VecDeque::new(),
            head: 0,
        }
    }

    /// Remembers a frame.
    pub(super) fn push(&mut self, frame: &Frame<'_>, belongs: Belongs) {
        let len = frame.bytes.len();
        if len == 0 || len > self.octets.len() {
            return;
        }
        if self.head + len > self.octets.len() {
            // What lies behind the head is the oldest.
            while self.entries.front().is_some_and(|it| it.start >= self.head) {
                self.entries.pop_front();
            }
            self.head = 0;
        }
        let (start, end) = (self.head, self.head + len);
        let is_in_the_way = |it: &Entry| it.start < end && start < it.end();
        let most = (self.octets.len() / OCTETS_AN_ENTRY).max(1);
        while self.entries.len() >= most || self.entries.front().is_some_and(is_in_the_way) {
            self.entries.pop_front();
        }
        if let Some(room) = self.octets.get_mut(start..end) {
            room.copy_from_slice(frame.bytes);
        }
        self.head = end;
        self.entries.push_back(Entry {
            belongs,
            at: frame.at,
            link: frame.link,
            wire_len: frame.wire_len,
            start,
            len,
        });
    }

    /// The frames that are wanted and still remembered, in the order in which they came: of the flow at
    /// most 32, those nearest to the time; and as many fragments of datagrams between its
    /// ends. Nothing if there is none of the flow.
    #[must_use]
    pub fn of(&self, wanted: &Wanted) -> Vec<Remembered> {
        let [one, other] = wanted.ends;
        let hash = hash_of(wanted.transport, one, other);
        let near = |it: &&Entry| apart(it.at, wanted.at) <= AROUND;
        let of_flow = |it: &&Entry| it.belongs == Belongs::Flow(hash);
        let mut found: Vec<&Entry> = self.entries.iter().filter(of_flow).filter(near).collect();
        if found.is_empty() {
            return Vec::new();
        }
        found.sort_by_key(|it| apart(it.at, wanted.at));
        found.truncate(MAX_FRAMES);
        let pairs = [[one, other], [other, one]].map(|[src, dst]| addresses(src, dst));
        let holds = |it: &&Entry| {
            let bytes = self.bytes(it);
            let head = bytes.get(..HEADERS).unwrap_or(bytes);
            pairs
                .iter()
                .any(|pair| head.windows(pair.len()).any(|it| it == pair.as_slice()))
        };
        let fragments = self
            .entries
            .iter()
            .filter(|it| it.belongs == Belongs::Datagram)
            .filter(near)
            .filter(holds);
        found.extend(fragments.take(MAX_FRAMES));
        // The ring has them in the order in which they came.
        found.sort_by_key(|it| self.age(it));
        found.into_iter().map(|it| self.remembered(it)).collect()
    }

    /// Where an entry stands among all, the oldest first.
    fn age(&self, entry: &Entry) -> (bool, usize) {
        (entry.start < self.head, entry.start)
    }

    fn bytes(&self, entry: &Entry) -> &[u8] {
        self.octets
            .get(entry.start..entry.end())
            .unwrap_or_default()
    }

    fn remembered(&self, entry: &Entry) -> Remembered {
        Remembered {
            at: entry.at,
            link: entry.link,
            wire_len: entry.wire_len,
            bytes: self.bytes(entry).to_vec(),
        }
    }
}

fn apart(one: Timestamp, other: Timestamp) -> Duration {
    if one > other {
        one.since(other)
    } else {
        other.since(one)
    }
}

/// Source and destination as they stand beside each other in a header of IPv4 or IPv6.
fn addresses(src: Endpoint, dst: Endpoint) -> Vec<u8> {
    let octets = |it: Endpoint| match it.address.to_ip() {
        IpAddr::V4(it) => it.octets().to_vec(),
        IpAddr::V6(it) => it.octets().to_vec(),
    };
    [octets(src), octets(dst)].concat()
}

/// Frames of a flow that are given at most.
pub(super) const MAX_FRAMES: usize = 32;

/// Frames further from the name than that are not given.
const AROUND: Duration = Duration::from_secs(10);

/// How far into a fragment its addresses are looked for: behind a few tunnels.
const HEADERS: usize = 256;

/// Ring for each entry there may be, so that small frames do not need more memory for entries than
/// large ones do for octets.
const OCTETS_AN_ENTRY: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Address;

    const HOST: Endpoint = Endpoint {
        address: Address::from_v4([10, 1, 2, 3]),
        port: 40_000,
    };
    const SERVER: Endpoint = Endpoint {
        address: Address::from_v4([203, 0, 113, 9]),
        port: 443,
    };

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_nanos(1_750_000_000_000_000_000 + millis * 1_000_000)
    }

    fn push(recall: &mut Recall, belongs: Belongs, millis: i64, bytes: &[u8]) {
        let frame = Frame {
            at: at(millis),
            link: LinkType::ETHERNET,
            wire_len: 1_500,
            bytes,
        };
        recall.push(&frame, belongs);
    }

    fn flow() -> Belongs {
        Belongs::Flow(hash_of(Transport::Tcp, HOST, SERVER))
    }

    fn wanted(millis: i64) -> Wanted {
        Wanted {
            transport: Transport::Tcp,
            ends: [SERVER, HOST],
            at: at(millis),
        }
    }

    fn firsts(found: &[Remembered]) -> Vec<u8> {
        found.iter().map(|it| it.bytes[0]).collect()
    }

    #[test]
    fn frames_of_the_flow_come_back_as_they_were_and_others_do_not() {
        let mut recall = Recall::new(4096);
        push(&mut recall, flow(), 0, &[1; 60]);
        push(&mut recall, Belongs::Flow(7), 1, &[2; 60]);
        push(&mut recall, flow(), 2, &[3; 61]);
        let found = recall.of(&wanted(2));
        assert_eq!(firsts(&found), [1, 3]);
        let expected = Remembered {
            at: at(2),
            link: LinkType::ETHERNET,
            wire_len: 1_500,
            bytes: vec![3; 61],
        };
        assert_eq!(found[1], expected);
        let other = Wanted {
            transport: Transport::Udp,
            ..wanted(2)
        };
        assert_eq!(recall.of(&other), []);
    }

    #[test]
    fn the_newest_frames_take_the_place_of_the_oldest_whatever_their_sizes() {
        let mut recall = Recall::new(1024);
        for number in 0..200_u8 {
            let len = 1 + usize::from(number) * 37 % 300;
            push(&mut recall, flow(), i64::from(number), &vec![number; len]);
            let found = recall.of(&wanted(i64::from(number)));
            assert_eq!(found.last().unwrap().bytes, vec![number; len]);
            for it in &found {
                let number = it.bytes[0];
                assert_eq!(it.bytes.len(), 1 + usize::from(number) * 37 % 300);
                assert!(it.bytes.iter().all(|it| *it == number), "{found:?}");
            }
            let numbers = firsts(&found);
            assert!(numbers.is_sorted(), "{numbers:?}");
            assert!(
                numbers.len() <= 4,
                "more entries than the ring has room for"
            );
            assert!(number < 10 || numbers.len() > 1, "{numbers:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut recall = Recall::new(1024);
        push(&mut recall, flow(), 0, &[1; 1024]);
        push(&mut recall, flow(), 1, &[2; 1025]);
        push(&mut recall, flow(), 2, &[]);
        assert_eq!(firsts(&recall.of(&wanted(0))), [1]);
    }

    #[test]
    fn of_many_frames_those_nearest_to_the_name_are_given() {
        let mut recall = Recall::new(1 << 20);
        for number in 0..=200 {
            push(&mut recall, flow(), i64::from(number) * 100, &[number; 60]);
        }
        let found = firsts(&recall.of(&wanted(10_000)));
        assert_eq!(found.len(), MAX_FRAMES);
        assert!(found.contains(&100) && found.is_sorted(), "{found:?}");
        assert_eq!(firsts(&recall.of(&wanted(30_000))), [200], "10 s off");
        assert_eq!(recall.of(&wanted(30_001)), []);
    }

    #[test]
    fn fragments_between_the_ends_come_with_the_flow() {
        let mut fragment = [0_u8; 64];
        fragment[26..34].copy_from_slice(&[10, 1, 2, 3, 203, 0, 113, 9]);
        let mut recall = Recall::new(4096);
        push(&mut recall, Belongs::Datagram, 0, &fragment);
        assert_eq!(recall.of(&wanted(0)), [], "nothing of the flow");
        push(&mut recall, Belongs::Datagram, 1, &[9; 64]);
        push(&mut recall, flow(), 2, &[1; 64]);
        let found = recall.of(&wanted(2));
        assert_eq!(firsts(&found), [0, 1]);
    }
}
