//! The table of a worker's flows: bounded, and expiring by packet time.
//!
//! Time is counted in ticks: the capture gives one each time packet time enters a new span of
//! [`TICK`]. A flow expires when it has not been touched for as many ticks as its [`Class`] allows.
//! The flows of a class form a list in the order of their last touch, so that expiry looks at none
//! that stays.
//!
//! Flows lie in pages that never move, so memory grows in small steps and nothing is copied.

use std::time::Duration;

use crate::flow::index::Index;
use crate::flow::{Flow, FlowKey};
use crate::prefetch::prefetch;
use crate::time::Timestamp;

/// The flows of one worker.
#[derive(Debug)]
pub struct FlowTable {
    index: Index,
    pages: Vec<Vec<Node>>,
    /// The first place that was in use and is not; each has the next one in its node.
    free: u32,
    lists: [List; Class::ALL.len()],
    limit: usize,
}

/// How long a flow may be silent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// A TCP connection that is not known to stand.
    Opening,
    /// A TCP connection of which only one end was heard, but more than its SYN.
    OneSided,
    /// A TCP connection that stands.
    Open,
    /// UDP.
    Datagrams,
    /// A TCP connection that has ended; kept so that stragglers open no new one.
    Closing,
}

impl Class {
    const ALL: [Self; 5] = [
        Self::Opening,
        Self::OneSided,
        Self::Open,
        Self::Datagrams,
        Self::Closing,
    ];

    /// Ticks without a packet after which a flow of this class is over.
    #[must_use]
    pub const fn idle_ticks(self) -> u32 {
        match self {
            Self::Opening | Self::Datagrams => 16,
            Self::OneSided | Self::Open => 150,
            Self::Closing => 2,
        }
    }
}

impl FlowTable {
    /// A table for at most `limit` flows; memory is taken as flows come, [`NODE_OCTETS`] for each.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            index: Index::new(),
            pages: Vec::new(),
            free: NONE,
            lists: [List::EMPTY; Class::ALL.len()],
            limit: limit.clamp(1, u32::MAX as usize - 1),
        }
    }

    /// Asks for the memory in which a hash is looked up.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        self.index.prefetch(hash);
    }

    /// Asks for the memory of the flow with that hash, if it seems to be there.
    #[inline]
    pub fn prefetch_flow(&self, hash: u64) {
        if let Some(place) = self.index.find(hash, |_| true) {
            self.prefetch_node(place);
        }
    }

    /// The place of the flow with that key, whose hash is given.
    #[inline]
    pub fn find(&self, key: &FlowKey, hash: u64) -> Option<u32> {
        self.index.find(hash, |it| self.node(it).flow.key == *key)
    }

    /// The flow whose key has that hash, if there is one.
    #[must_use]
    pub fn find_by_hash(&self, hash: u64) -> Option<u32> {
        self.index
            .find(hash, |it| self.node(it).flow.key.hash() == hash)
    }

    /// Adds a flow that is not there yet. The table must not be full: see [`FlowTable::oldest`].
    pub fn insert(&mut self, flow: Flow, hash: u64, class: Class, tick: u32) -> u32 {
        let node = Node {
            flow,
            class,
            tick,
            previous: NONE,
            next: NONE,
        };
        let place = if self.free == NONE {
            self.append(node)
        } else {
            let place = self.free;
            let old = self.node_mut(place);
            let free = old.next;
            *old = node;
            self.free = free;
            place
        };
        self.index.insert(hash, place);
        self.link(place);
        place
    }

    /// Marks a flow as just used, in that class.
    pub fn touch(&mut self, place: u32, class: Class, tick: u32) {
        let node = self.node(place);
        if node.tick == tick && node.class == class {
            return;
        }
        self.unlink(place);
        let node = self.node_mut(place);
        node.tick = tick;
        node.class = class;
        self.link(place);
    }

    /// Takes a flow out.
    pub fn remove(&mut self, place: u32) -> Flow {
        self.unlink(place);
        let hash = self.node(place).flow.key.hash();
        self.index.remove(hash, place);
        let free = self.free;
        let node = self.node_mut(place);
        node.next = free;
        let key = node.flow.key;
        let flow = std::mem::replace(&mut node.flow, Flow::new(key, Timestamp::MIN, u64::MAX));
        self.free = place;
        flow
    }

    /// The flows that were silent for too long, in no particular order.
    pub fn expired(&self, tick: u32, over: &mut Vec<u32>) {
        for class in Class::ALL {
            let is_over = |node: &Node| tick.saturating_sub(node.tick) > class.idle_ticks();
            over.extend(self.list(class).take_while(|it| is_over(self.node(*it))));
        }
    }

    /// All flows, in no particular order.
    pub fn all(&self, over: &mut Vec<u32>) {
        for class in Class::ALL {
            over.extend(self.list(class));
        }
    }

    /// The flow to give up when the table is full: the one longest silent among those that matter
    /// least. `None` while there is room.
    #[must_use]
    pub fn oldest(&self) -> Option<u32> {
        if self.len() < self.limit {
            return None;
        }
        let place = [
            Class::Closing,
            Class::Opening,
            Class::OneSided,
            Class::Datagrams,
            Class::Open,
        ]
        .into_iter()
        .find_map(|it| self.lists[it as usize].first())?;
        // In a flood the next ones go with the next packets.
        let next = self.node(place).next;
        if next != NONE {
            self.index.prefetch(self.node(next).flow.key.hash());
            let after = self.node(next).next;
            if after != NONE {
                self.prefetch_node(after);
            }
        }
        Some(place)
    }

    /// The flow at a place that [`FlowTable::find`] or [`FlowTable::insert`] gave.
    pub fn flow_mut(&mut self, place: u32) -> &mut Flow {
        &mut self.node_mut(place).flow
    }

    /// The flow at a place that [`FlowTable::find`] or [`FlowTable::insert`] gave.
    #[must_use]
    pub fn flow(&self, place: u32) -> &Flow {
        &self.node(place).flow
    }

    /// The tick in which the flow at a place was last used.
    #[must_use]
    pub fn tick(&self, place: u32) -> u32 {
        self.node(place).tick
    }

    /// Number of flows.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is no flow.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.index.len() == 0
    }

    fn append(&mut self, node: Node) -> u32 {
        match self.pages.last_mut() {
            Some(page) if page.len() < PAGE => page.push(node),
            _ => {
                let mut page = Vec::with_capacity(PAGE);
                page.push(node);
                self.pages.push(page);
            }
        }
        let whole = (self.pages.len() - 1) * PAGE;
        (whole + self.pages.last().map_or(0, Vec::len) - 1) as u32
    }

    #[inline]
    fn node(&self, place: u32) -> &Node {
        &self.pages[place as usize / PAGE][place as usize % PAGE]
    }

    #[inline]
    fn node_mut(&mut self, place: u32) -> &mut Node {
        &mut self.pages[place as usize / PAGE][place as usize % PAGE]
    }

    #[inline]
    fn prefetch_node(&self, place: u32) {
        let node = self.node(place);
        prefetch(node);
        prefetch(&node.next);
    }

    fn list(&self, class: Class) -> impl Iterator<Item = u32> {
        let first = self.lists[class as usize].first();
        std::iter::successors(first, |it| match self.node(*it).next {
            NONE => None,
            next => Some(next),
        })
    }

    fn link(&mut self, place: u32) {
        let class = self.node(place).class as usize;
        let last = self.lists[class].last;
        let node = self.node_mut(place);
        node.previous = last;
        node.next = NONE;
        match last {
            NONE => self.lists[class].first = place,
            last => self.node_mut(last).next = place,
        }
        self.lists[class].last = place;
    }

    fn unlink(&mut self, place: u32) {
        let &Node {
            class,
            previous,
            next,
            ..
        } = self.node(place);
        match previous {
            NONE => self.lists[class as usize].first = next,
            previous => self.node_mut(previous).next = next,
        }
        match next {
            NONE => self.lists[class as usize].last = previous,
            next => self.node_mut(next).previous = previous,
        }
    }
}

#[derive(Debug)]
#[repr(align(64))]
struct Node {
    flow: Flow,
    tick: u32,
    previous: u32,
    next: u32,
    class: Class,
}

/// Octets of memory for each flow of which nothing but headers was seen, beside 8 to 22 for its
/// place in the index.
pub const NODE_OCTETS: usize = size_of::<Node>();

/// Flows of a page.
const PAGE: usize = 4096;

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
        let mut over = Vec::new();
        table.expired(tick, &mut over);
        let number = |it| table.remove(it).opened_by;
        over.into_iter().map(number).collect()
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
        table.all(&mut left);
        let left: Vec<u64> = left.iter().map(|it| table.flow(*it).opened_by).collect();
        assert_eq!(left, [1, 3]);
    }

    #[test]
    fn a_flow_of_which_only_headers_were_seen_takes_two_cache_lines() {
        assert_eq!(NODE_OCTETS, 128);
    }

    #[test]
    fn many_flows_are_found_and_their_places_are_used_again() {
        let mut table = FlowTable::new(20_000);
        for round in 0..3 {
            let mut places = Vec::new();
            for port in 0..10_000 {
                let (one, hash) = flow(port);
                let key = one.key;
                let place = table.insert(one, hash, Class::Opening, round);
                assert_eq!(table.find(&key, hash), Some(place));
                places.push(place);
            }
            assert!(
                places.iter().all(|it| *it < 10_000),
                "places are used again"
            );
            for place in places {
                let port = table.flow(place).opened_by;
                assert_eq!(table.remove(place).opened_by, port);
            }
            assert!(table.is_empty());
        }
    }
}
