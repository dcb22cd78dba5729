//! What time makes of findings: states that come with silence, and those that end it.

use std::collections::HashSet;
use std::time::Duration;

use foldhash::fast::RandomState;

use super::{
    Address, Book, Cause, Change, ChangeKind, Moment, Record, Seen, Spans, State, Timestamp,
    VendorId, Watched, named,
};
use crate::findings::Verdict;
use crate::findings::record::{Cover, Lane};
use crate::findings::roles::View;
use crate::findings::state::{Course, Look};

impl Book {
    /// Takes it that the wire was alive at a time, and appends the changes that the time up to it makes.
    ///
    /// Notices do so by themselves.
    pub fn pass(&mut self, at: Timestamp, changes: &mut Vec<Change>) {
        let before = self.watch;
        if !self.watch.sign(at) {
            return;
        }
        while self.next_sweep <= self.watch.now() {
            let due = self.next_sweep.max(before.now()).whole_minute();
            if due > self.watch.now() {
                self.next_sweep = due;
                return;
            }
            self.sweep(due, changes);
        }
    }

    /// The newest time at which the wire was alive; `None` before the first sign of it.
    #[must_use]
    pub const fn now(&self) -> Option<Timestamp> {
        self.watch.newest()
    }

    /// Looks which open findings a waiver covers, and appends a change for each that one covers and
    /// none did, or the other way round.
    pub fn cover_all(
        &mut self,
        is_waived: impl Fn(Address, VendorId) -> bool,
        changes: &mut Vec<Change>,
    ) {
        let keys: Vec<(Address, VendorId)> = self.records.keys().copied().collect();
        self.cover(keys, is_waived, changes);
    }

    /// The same for some findings.
    pub fn cover(
        &mut self,
        keys: impl IntoIterator<Item = (Address, VendorId)>,
        is_waived: impl Fn(Address, VendorId) -> bool,
        changes: &mut Vec<Change>,
    ) {
        let first = changes.len();
        let (at, number) = (self.now().unwrap_or_default(), self.number);
        for (host, vendor) in keys {
            let Some(record) = self.records.get_mut(&(host, vendor)) else {
                continue;
            };
            if !record.is_open() || !record.course.state.is_open() {
                continue;
            }
            let (cover, kind) = match (record.cover, is_waived(host, vendor)) {
                (Cover::Open, true) => (Cover::Waived, ChangeKind::Waived),
                (Cover::Waived, false) => (Cover::Open, ChangeKind::Opened),
                (Cover::Open, false) | (Cover::Waived, true) => continue,
            };
            record.cover = cover;
            self.touched.insert((vendor, host));
            changes.push(lapsed((at, number), (host, vendor), kind, record.told));
        }
        in_order(&mut changes[first..]);
    }

    /// A state that begins with a contact.
    pub(super) fn begun(&self, at: Timestamp) -> Course {
        Course {
            state: State::Active,
            since: at,
            since_watched: self.watch.now(),
        }
    }

    /// The present, and in how many slots a host has been seen.
    pub(super) fn present(&self, host: Address) -> Seen {
        Seen {
            at: self.watch.now(),
            slots: self.hosts.seen(host).slots,
        }
    }

    /// Ends the silence of a finding with a contact.
    pub(super) fn back(&mut self, moment: &Moment<'_>, lane: Lane, cause: impl Fn() -> Cause) {
        let key = (moment.host, moment.class.vendor);
        let begun = self.begun(moment.notice.at);
        let Some(record) = self.records.get_mut(&key) else {
            return;
        };
        match record.course.state {
            State::Active | State::Returned => return,
            State::Quiet | State::Removed | State::Absent => {}
        }
        let is_own = match self.hosts.cautious_view(moment.host) {
            View::All => true,
            View::Direct => lane == Lane::Direct,
            View::Nothing => false,
        };
        if !is_own {
            return;
        }
        record.course = begun;
        if !record.is_open() {
            return;
        }
        record.course.state = State::Returned;
        let change = Change {
            at: moment.notice.at,
            number: moment.notice.number,
            host: moment.host,
            vendor: moment.class.vendor,
            kind: ChangeKind::Returned,
            from: record.told,
            to: record.told,
            cause: Some(named(cause(), record)),
        };
        self.made.push(change);
    }

    /// Looks at all findings as of a time that has passed.
    fn sweep(&mut self, now: Watched, changes: &mut Vec<Change>) {
        let (at, number) = (self.watch.at(now), self.number);
        let first = changes.len();
        let mut next = now.after(self.spans.shortest());
        let mut expired = HashSet::default();
        for (&(host, vendor), record) in &mut self.records {
            let view = self.hosts.view(host);
            let Some(contact) = record.contact(view) else {
                continue;
            };
            let seen = self.hosts.seen(host);
            match settle(record, contact, seen, now, &self.spans) {
                Settled::Same(until) => next = next.min(until),
                Settled::Expired => {
                    expired.insert((host, vendor));
                }
                Settled::Changed { kind, until } => {
                    record.course.since = at;
                    record.course.since_watched = now;
                    next = next.min(until);
                    self.touched.insert((vendor, host));
                    let told = kind.filter(|_| record.is_open());
                    changes.extend(
                        told.map(|it| lapsed((at, number), (host, vendor), it, record.told)),
                    );
                }
            }
        }
        if !expired.is_empty() {
            self.expire(&expired);
        }
        in_order(&mut changes[first..]);
        // Never twice at the same time, whatever the spans.
        self.next_sweep = next.max(now.after(MINUTE));
    }

    /// Forgets records.
    fn expire(&mut self, keys: &HashSet<(Address, VendorId), RandomState>) {
        for key in keys {
            self.records.remove(key);
            self.touched.insert((key.1, key.0));
        }
        self.weak.retain(|it| !keys.contains(it));
        self.lasting.retain(|it| !keys.contains(it));
        self.counts.findings_expired += keys.len() as u64;
    }
}

/// What a look made of a record.
enum Settled {
    Same(Watched),
    Changed {
        /// What is told of it; nothing of a finding that has been back for a while.
        kind: Option<ChangeKind>,
        until: Watched,
    },
    Expired,
}

/// Takes a record to the state that it is in by now.
fn settle(record: &mut Record, contact: Seen, seen: Seen, now: Watched, spans: &Spans) -> Settled {
    match record.course.look(contact, seen, now, spans) {
        Look::Stays(until) => Settled::Same(until),
        Look::Expired => Settled::Expired,
        Look::Becomes(state) => {
            record.course.state = state;
            record.course.since_watched = now;
            let until = match record.course.look(contact, seen, now, spans) {
                Look::Stays(until) => until,
                // Short spans: the next sweep takes it further.
                Look::Becomes(_) | Look::Expired => now,
            };
            let kind = match state {
                State::Active => None,
                State::Quiet => Some(ChangeKind::Quiet),
                State::Removed => Some(ChangeKind::Removed),
                State::Absent => Some(ChangeKind::Absent),
                State::Returned => Some(ChangeKind::Returned),
            };
            Settled::Changed { kind, until }
        }
    }
}

/// A change that no contact makes; the verdict stays as it was told.
fn lapsed(
    (at, number): (Timestamp, u64),
    (host, vendor): (Address, VendorId),
    kind: ChangeKind,
    told: Verdict,
) -> Change {
    Change {
        at,
        number,
        host,
        vendor,
        kind,
        from: told,
        to: told,
        cause: None,
    }
}

/// Puts changes of one moment into an order that depends on them alone.
fn in_order(changes: &mut [Change]) {
    changes.sort_unstable_by_key(|it| (it.vendor, it.host));
}

/// Shortest time between two looks at all findings.
const MINUTE: Duration = Duration::from_secs(60);
