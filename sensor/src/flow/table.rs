//! The table of a worker's flows: bounded, and expiring by packet time.
//!
//! Time is counted in ticks: the capture gives one each time packet time enters a new span of
//! [`TICK`]. A flow expires when it has not been touched for as many ticks as its [`Class`] allows.
//! The flows of a class form a list in the order of their last touch, so that expiry looks at none
//! that stays.

use std::time::Duration;

use hashbrown::HashTable;

use crate::flow::{Flow, FlowKey};
use crate::time::Timestamp;

/// The flows of one worker.
#[derive(Debug)]
pub struct FlowTable {
    index: HashTable<u32>,
    nodes: Vec<Node>,
    free: Vec<u32>,
    lists: [List; Class::ALL.len()],
    limit: usize,
}

/// How long a flow may be silent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// A TCP connection that is not known to stand.
    Opening,
    /// A TCP connection that stands.
    Open,
    /// UDP.
    Datagrams,
    /// A TCP connection that has ended; kept so that stragglers open no new one.
    Closing,
}

impl Class {
    const ALL: [Self; 4] = [Self::Opening, Self::Open, Self::Datagrams, Self::Closing];

    /// Ticks without a packet after which a flow of this class is over.
    #[must_use]
    pub const fn idle_ticks(self) -> u32 {
        match self {
            Self::Opening | Self::Datagrams => 16,
            Self::Open => 150,
            Self::Closing => 2,
        }
    }
}

impl FlowTable {
    /// A table for at most `limit` flows; memory is taken as flows come.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            index: HashTable::new(),
            nodes: Vec::new(),
            free: Vec::new(),
            lists: [List::EMPTY; Class::ALL.len()],
            limit: limit.clamp(1, u32::MAX as usize - 1),
        }
    }

    /// The place of the flow with that key, whose hash is given.
    pub fn find(&self, key: &FlowKey, hash: u64) -> Option<u32> {
        self.index
            .find(hash, |&it| {
                let node = &self.nodes[it as usize];
                node.hash == hash && node.flow.key == *key
            })
            .copied()
    }

    /// The flow whose key has that hash, if there is one.
    #[must_use]
    pub fn find_by_hash(&self, hash: u64) -> Option<u32> {
        self.index
            .find(hash, |&it| self.nodes[it as usize].hash == hash)
            .copied()
    }

    /// Adds a flow that is not there yet. The table must not be full: see [`FlowTable::oldest`].
    pub fn insert(&mut self, flow: Flow, hash: u64, class: Class, tick: u32) -> u32 {
        let node = Node {
            flow,
            hash,
            class,
            tick,
            previous: NONE,
            next: NONE,
        };
        let place = match self.free.pop() {
            Some(place) => {
                self.nodes[place as usize] = node;
                place
            }
            None => {
                self.nodes.push(node);
                (self.nodes.len() - 1) as u32
            }
        };
        let nodes = &self.nodes;
        self.index
            .insert_unique(hash, place, |&it| nodes[it as usize].hash);
        self.link(place);
        place
    }

    /// Marks a flow as just used, in that class.
    pub fn touch(&mut self, place: u32, class: Class, tick: u32) {
        let node = &self.nodes[place as usize];
        if node.tick == tick && node.class == class {
            return;
        }
        self.unlink(place);
        let node = &mut self.nodes[place as usize];
        node.tick = tick;
        node.class = class;
        self.link(place);
    }

    /// Takes a flow out.
    pub fn remove(&mut self, place: u32) -> Flow {
        self.unlink(place);
        let hash = self.nodes[place as usize].hash;
        if let Ok(entry) = self.index.find_entry(hash, |&it| it == place) {
            entry.remove();
        }
        self.free.push(place);
        let node = &mut self.nodes[place as usize];
        let key = node.flow.key;
        std::mem::replace(&mut node.flow, Flow::new(key, Timestamp::MIN, 0))
    }

    /// Takes out all flows that were silent for too long, in no particular order.
    pub fn expire(&mut self, tick: u32, mut over: impl FnMut(Flow)) {
        for class in Class::ALL {
            while let Some(place) = self.lists[class as usize].first() {
                let idle = tick.saturating_sub(self.nodes[place as usize].tick);
                if idle <= class.idle_ticks() {
                    break;
                }
                over(self.remove(place));
            }
        }
    }

    /// The flow to give up when the table is full: the one longest silent among those that matter
    /// least. `None` while there is room.
    #[must_use]
    pub fn oldest(&self) -> Option<u32> {
        if self.len() < self.limit {
            return None;
        }
        [
            Class::Closing,
            Class::Opening,
            Class::Datagrams,
            Class::Open,
        ]
        .into_iter()
        .find_map(|it| self.lists[it as usize].first())
    }

    /// Takes out all flows, in no particular order.
    pub fn drain(&mut self, mut over: impl FnMut(Flow)) {
        for class in Class::ALL {
            while let Some(place) = self.lists[class as usize].first() {
                over(self.remove(place));
            }
        }
    }

    /// The flow at a place that [`FlowTable::find`] or [`FlowTable::insert`] gave.
    pub fn flow_mut(&mut self, place: u32) -> &mut Flow {
        &mut self.nodes[place as usize].flow
    }

    /// The flow at a place that [`FlowTable::find`] or [`FlowTable::insert`] gave.
    #[must_use]
    pub fn flow(&self, place: u32) -> &Flow {
        &self.nodes[place as usize].flow
    }

    /// Number of flows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is no flow.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    fn link(&mut self, place: u32) {
        let class = self.nodes[place as usize].class as usize;
        let last = self.lists[class].last;
        self.nodes[place as usize].previous = last;
        self.nodes[place as usize].next = NONE;
        match last {
            NONE => self.lists[class].first = place,
            last => self.nodes[last as usize].next = place,
        }
        self.lists[class].last = place;
    }

    fn unlink(&mut self, place: u32) {
        let Node {
            class,
            previous,
            next,
            ..
        } = self.nodes[place as usize];
        match previous {
            NONE => self.lists[class as usize].first = next,
            previous => self.nodes[previous as usize].next = next,
        }
        match next {
            NONE => self.lists[class as usize].last = previous,
            next => self.nodes[next as usize].previous = previous,
        }
    }
}

#[derive(Debug)]
struct Node {
    flow: Flow,
    hash: u64,
    class: Class,
    tick: u32,
    previous: u32,
    next: u32,
}

#[derive(Clone, Copy, Debug)]
struct List {
    first: u32,
    last: u32,
}

impl List {
    const EMPTY: Self = Self {
        first: NONE,
        last: NONE,
    };

    const fn first(self) -> Option<u32> {
        if self.first == NONE {
            None
        } else {
            Some(self.first)
        }
    }
}

/// No place in the table.
const NONE: u32 = u32::MAX;

/// Span of packet time after which a tick is due.
pub const TICK: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Address;
    use crate::names::{Endpoint, Transport};

    fn flow(port: u16) -> (Flow, u64) {
        let end = |port| Endpoint {
            address: Address::from_v4([10, 0, 0, 1]),
            port,
        };
        let (key, _) = FlowKey::of(Transport::Tcp, end(port), end(443));
        (
            Flow::new(key, Timestamp::default(), u64::from(port)),
            key.hash(),
        )
    }

    fn expired(table: &mut FlowTable, tick: u32) -> Vec<u64> {
        let mut numbers = Vec::new();
        table.expire(tick, |it| numbers.push(it.opened_by));
        numbers
    }

    #[test]
    fn a_flow_is_found_until_it_expires() {
        let mut table = FlowTable::new(10);
        let (one, hash) = flow(1000);
        let key = one.key;
        let place = table.insert(one, hash, Class::Opening, 0);
        assert_eq!(table.find(&key, hash), Some(place));
        assert_eq!(table.find_by_hash(hash), Some(place));
        assert_eq!(expired(&mut table, 16), [0; 0]);
        assert_eq!(expired(&mut table, 17), [1000]);
        assert_eq!(table.find(&key, hash), None);
        assert!(table.is_empty());
    }

    #[test]
    fn a_touched_flow_lives_on_in_its_new_class() {
        let mut table = FlowTable::new(10);
        for port in [1, 2, 3] {
            let (one, hash) = flow(port);
            table.insert(one, hash, Class::Opening, 0);
        }
        let (two, hash) = flow(2);
        let place = table.find(&two.key, hash).unwrap();
        table.touch(place, Class::Open, 10);
        assert_eq!(expired(&mut table, 100), [1, 3]);
        assert_eq!(expired(&mut table, 160), [0; 0]);
        assert_eq!(expired(&mut table, 161), [2]);
    }

    #[test]
    fn a_full_table_names_the_flow_that_matters_least() {
        let mut table = FlowTable::new(2);
        let (one, hash) = flow(1);
        let one = table.insert(one, hash, Class::Open, 0);
        assert_eq!(table.oldest(), None);
        let (two, hash) = flow(2);
        let two = table.insert(two, hash, Class::Opening, 5);
        assert_eq!(table.oldest(), Some(two));
        table.remove(two);
        let (three, hash) = flow(3);
        assert_eq!(
            table.insert(three, hash, Class::Open, 6),
            two,
            "the place is used again"
        );
        assert_eq!(table.oldest(), Some(one));
        let mut left = Vec::new();
        table.drain(|it| left.push(it.opened_by));
        assert_eq!(left, [1, 3]);
    }
}
