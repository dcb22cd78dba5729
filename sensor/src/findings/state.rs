//! The state of a finding over time: what silence says, and what it does not.
//!
//! In come when a host was in touch with a vendor and when it was seen at all, out comes the state
//! and the time at which it may change next. All times are time watched: time during which the sensor
//! itself saw the wire. A sensor that is off, or a mirror that is dead, makes nobody quiet and
//! nobody absent.
//!
//! | from | to | when |
//! |---|---|---|
//! | (none) | active | the first sighting |
//! | active, returned | quiet | no contact for [`Spans::quiet_after`], and the host was there |
//! | quiet | removed | no contact for [`Spans::removed_after`] in all, and the host was there |
//! | active, quiet, returned | absent | the host was not seen for [`Spans::absent_after`] |
//! | absent | quiet | the host is back, was there for long enough, and made no contact |
//! | quiet, removed, absent | returned | a contact |
//! | returned | active | [`Spans::quiet_after`] later, if it did not go quiet |
//!
//! - A *contact* is what by itself makes a finding of [`Verdict::Contact`](super::Verdict::Contact)
//!   or more: whoever reads the vendor's pages after the product is gone does not bring it back.
//!   Of a finding below that, any sighting is one.
//! - *The host was there* if it was seen as a client in half of the days since the last contact that
//!   the time has, or more: two of three days, seven of fourteen. So a week-end puts nothing off, and a machine
//!   that comes out of a drawer is not called quiet before its products had time to speak. Where
//!   `quiet_after` is shorter than three days, a third of it stands for a day.
//! - A host is seen when it opens a connection, answers, or asks for a name of a signature. One long
//!   connection shows only when it ends.
//! - A finding that is removed stays removed when its host goes: it was clean when it was last seen.
//! - States of findings below [`Verdict::Contact`](super::Verdict::Contact) go the same way, and no
//!   change of them is told.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::watch::Watched;
use crate::time::Timestamp;

/// What a finding is by the time that has passed.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The host is in touch with the vendor.
    #[default]
    Active,
    /// The host is there, and has not been in touch for a while.
    Quiet,
    /// The host is there, and has not been in touch for so long that the product is gone.
    Removed,
    /// The host itself has not been seen for a while, so that its silence says nothing.
    Absent,
    /// The host is in touch again after it was quiet, removed or absent.
    Returned,
}

impl State {
    /// All states.
    pub const ALL: [Self; 5] = [
        Self::Active,
        Self::Quiet,
        Self::Removed,
        Self::Absent,
        Self::Returned,
    ];

    /// The word for it in output and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Quiet => "quiet",
            Self::Removed => "removed",
            Self::Absent => "absent",
            Self::Returned => "returned",
        }
    }

    /// Whether the product has to be taken to be on the host still.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::Active | Self::Quiet | Self::Returned => true,
            Self::Removed | Self::Absent => false,
        }
    }
}

/// How long a silence must be to say something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Spans {
    /// Time without a contact until a finding is quiet.
    pub quiet_after: Duration,
    /// Time without a contact until it is removed; more than `quiet_after`.
    pub removed_after: Duration,
    /// Time without a sign of the host until its findings are absent.
    pub absent_after: Duration,
    /// Time for which a removed or absent finding is kept.
    pub keep: Duration,
    /// Longest silence of the whole wire that counts as time in which the sensor saw it. On a wire,
    /// where every frame is a sign, far less than in files, where only notices are.
    pub blind_after: Duration,
}

impl Spans {
    /// The spans for interfaces: a capture that gives no frame for an hour is dead.
    #[must_use]
    pub const fn live(self) -> Self {
        Self {
            blind_after: HOUR,
            ..self
        }
    }

    /// The time that counts as a day of being there.
    pub(super) fn slot(&self) -> Duration {
        (self.quiet_after / SLOTS).clamp(SHORTEST_SLOT, DAY)
    }

    /// In how many slots a host must be seen in that time to have been there.
    fn slots_in(&self, time: Duration) -> u32 {
        let slots = time.as_secs() / self.slot().as_secs().max(1);
        u32::try_from(slots.div_ceil(2)).unwrap_or(u32::MAX)
    }

    /// The shortest time after which anything can change by itself.
    pub(super) fn shortest(&self) -> Duration {
        self.quiet_after.min(self.absent_after).min(self.keep)
    }
}

impl Default for Spans {
    fn default() -> Self {
        Self {
            quiet_after: DAY * 3,
            removed_after: DAY * 14,
            absent_after: DAY * 7,
            keep: DAY * 400,
            blind_after: DAY,
        }
    }
}

/// When a host was last seen, and in how many slots in all.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Seen {
    pub(super) at: Watched,
    pub(super) slots: u32,
}

/// A state and when it began.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Course {
    pub(super) state: State,
    /// Packet time.
    pub(super) since: Timestamp,
    pub(super) since_watched: Watched,
}

/// What a look at a finding says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Look {
    /// It is in another state.
    Becomes(State),
    /// It stays as it is until then at least, unless there is a contact.
    Stays(Watched),
    /// It has been removed or absent for so long that it can be forgotten.
    Expired,
}

impl Course {
    /// The state at a time. `contact` is the last contact, with the slots in which the host had been
    /// seen by then; `host` is when it was last seen.
    pub(super) fn look(&self, contact: Seen, host: Seen, now: Watched, spans: &Spans) -> Look {
        let silent_for = |time| contact.at.after(time) <= now;
        let was_there = |time| host.slots.saturating_sub(contact.slots) >= spans.slots_in(time);
        let gone_at = host.at.max(contact.at).after(spans.absent_after);
        // Whether the host will be there cannot be known: it is looked at again and again.
        let again = now.after(spans.slot() / LOOKS_A_SLOT);
        let due = |at: Watched| if at > now { at } else { again };
        let is_quiet = silent_for(spans.quiet_after) && was_there(spans.quiet_after);
        match self.state {
            State::Active | State::Quiet | State::Returned if gone_at <= now => {
                Look::Becomes(State::Absent)
            }
            State::Active | State::Returned if is_quiet => Look::Becomes(State::Quiet),
            State::Active => Look::Stays(gone_at.min(due(contact.at.after(spans.quiet_after)))),
            State::Returned => {
                let settled = self.since_watched.after(spans.quiet_after);
                if settled <= now && !silent_for(spans.quiet_after) {
                    Look::Becomes(State::Active)
                } else {
                    let quiet = due(contact.at.after(spans.quiet_after));
                    Look::Stays(gone_at.min(quiet).min(due(settled)))
                }
            }
            State::Quiet if silent_for(spans.removed_after) && was_there(spans.removed_after) => {
                Look::Becomes(State::Removed)
            }
            State::Quiet => Look::Stays(gone_at.min(due(contact.at.after(spans.removed_after)))),
            State::Removed | State::Absent if self.since_watched.after(spans.keep) <= now => {
                Look::Expired
            }
            State::Removed => Look::Stays(self.since_watched.after(spans.keep)),
            State::Absent if is_quiet && gone_at > now => Look::Becomes(State::Quiet),
            State::Absent => Look::Stays(again.min(self.since_watched.after(spans.keep))),
        }
    }
}

/// Slots that make up [`Spans::quiet_after`], unless it has more days than that.
const SLOTS: u32 = 3;

/// How often a finding is looked at that waits for its host to have been there.
const LOOKS_A_SLOT: u32 = 24;

const SHORTEST_SLOT: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
