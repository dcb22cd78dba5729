//! Room for records and for hosts: who gets some when the book is full, and who makes way.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use phonehome_signatures::VendorId;

use super::Book;
use crate::findings::record::Record;
use crate::host::Address;
use crate::time::Timestamp;

impl Book {
    /// The record of a host and a vendor, which is made if there is room, or can be made room.
    pub(super) fn record(
        &mut self,
        key: (Address, VendorId),
        at: Timestamp,
    ) -> Option<&mut Record> {
        let course = self.begun(at);
        if !self.records.contains_key(&key) {
            if self.records.len() >= self.limits.findings && !self.make_room(key.0) {
                self.counts.findings_refused += 1;
                return None;
            }
            self.weak.push_back(key);
        }
        self.touched.insert((key.1, key.0));
        let made = || Record::begun(course);
        Some(self.records.entry(key).or_insert_with(made))
    }

    /// Takes out the oldest record that may as well be of a host that does not exist: it was never
    /// seen to exchange anything with anyone, nor to come back. `false` if there is none.
    ///
    /// Hosts that only come back have half of the room at most, as someone may make up the same
    /// hosts again and again; and they have to give way to a newcomer that is there.
    fn make_room(&mut self, newcomer: Address) -> bool {
        while let Some(key) = self.weak.pop_front() {
            let Some(record) = self
                .records
                .get(&key)
                .filter(|it| !self.is_there(key.0, it))
            else {
                continue;
            };
            if record.is_lasting() && self.lasting.len() < self.limits.findings.div_ceil(2) {
                self.lasting.push_back(key);
                continue;
            }
            self.take_out(key);
            return true;
        }
        if !self.hosts.is_proven(newcomer) {
            return false;
        }
        while let Some(key) = self.lasting.pop_front() {
            if self
                .records
                .get(&key)
                .is_some_and(|it| !self.is_there(key.0, it))
            {
                self.take_out(key);
                return true;
            }
        }
        false
    }

    /// Forgets hosts that have been silent for long. Those with a record stay: their silence means
    /// something.
    pub(super) fn make_room_for_hosts(&mut self) {
        let with_record: HashSet<Address, RandomState> =
            self.records.keys().map(|it| it.0).collect();
        self.hosts
            .make_room(&self.watch, |it| with_record.contains(&it));
    }

    /// Whether a host was seen to exchange anything, by its record or else.
    fn is_there(&self, host: Address, record: &Record) -> bool {
        record.is_exchanging() || self.hosts.is_proven(host)
    }

    fn take_out(&mut self, key: (Address, VendorId)) {
        self.records.remove(&key);
        self.touched.insert((key.1, key.0));
        self.counts.findings_evicted += 1;
    }
}
