//! Devices behind a finding: an address may change hands, and a finding must not.
//!
//! Findings are kept by address, for that is what the wire tells of every packet. Where DHCP tells
//! which device has the address, a record is that of one device: when another device that has been
//! given the address makes a sighting, the record is put aside whole, and another is begun. The one put
//! aside stays in view beside it, with its device and its dates, and goes on when its device is back.
//!
//! A sighting from before the address changed hands counts for the device that had it then. As long
//! as no device is known, nothing can be told apart, and all sightings are of the address.

use super::Verdict;
use super::record::{Over, Record};
use super::state::Course;
use crate::identity::Identity;
use crate::names::Name;
use crate::time::Timestamp;

/// Whom the sightings of a finding are of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Who {
    /// The identity at the newest sighting for which there was one.
    pub identity: Identity,
    /// What it was called before, the newest last; at most four of them.
    pub former: Vec<Name>,
}

/// What another device had that had the same address before.
#[derive(Clone, Debug, PartialEq)]
pub struct Earlier {
    /// The device.
    pub who: Who,
    /// How sure it was.
    pub verdict: Verdict,
    /// Products that the signatures name.
    pub products: Vec<String>,
    /// First sighting.
    pub first_seen: Timestamp,
    /// Newest sighting.
    pub last_seen: Timestamp,
}

impl Who {
    /// Of an identity that was never seen before.
    #[must_use]
    pub const fn new(identity: Identity) -> Self {
        Self {
            identity,
            former: Vec::new(),
        }
    }

    /// Takes a newer identity of the same device, or of an address without one. What it does not tell
    /// stays as it was.
    fn renew(&mut self, newer: &Identity) {
        let before = &mut self.identity;
        if before.device.is_some() && newer.device.is_none() {
            return;
        }
        if let (Some((old, _)), Some((new, _))) = (&before.name, &newer.name)
            && old != new
        {
            self.former.retain(|it| it != old && it != new);
            if self.former.len() >= MAX_FORMER {
                self.former.remove(0);
            }
            self.former.push(old.clone());
        }
        *before = Identity {
            device: newer.device,
            name: newer.name.clone().or_else(|| before.name.take()),
            class: newer.class.clone().or_else(|| before.class.take()),
            since: newer.since,
            said: newer.said,
        };
    }
}

impl Record {
    /// Takes note of who makes the sighting that comes next. If it is another device than before, the
    /// record becomes that device's, in the given state if it had none.
    pub(super) fn meet(&mut self, met: &Identity, begun: Course, over: &mut Over) {
        match &mut self.who {
            None => self.who = Some(Box::new(Who::new(met.clone()))),
            Some(who) => {
                let (before, now) = (who.identity.device, met.device);
                if before.is_none() || now.is_none() || before == now {
                    who.renew(met);
                } else {
                    self.change_hands(met, begun, over);
                }
            }
        }
    }

    /// The record that a contact of that time belongs to: that of the device which had the address
    /// then, as far as it was put aside.
    pub(super) fn of_time(&mut self, at: Timestamp) -> &mut Self {
        if self.is_of_earlier(at)
            && let Some(place) = self.aside.len().checked_sub(1)
        {
            return &mut self.aside[place];
        }
        self
    }

    /// Whether a contact of that time belongs to a device that had the address before.
    pub(super) fn is_of_earlier(&self, at: Timestamp) -> bool {
        let since = self.who.as_ref().map(|it| it.identity.since);
        !self.aside.is_empty() && since.is_some_and(|it| at < it)
    }

    fn change_hands(&mut self, met: &Identity, begun: Course, over: &mut Over) {
        let mut aside = std::mem::take(&mut self.aside);
        let device = |it: &Self| it.who.as_ref().and_then(|it| it.identity.device);
        let known = aside.iter().position(|it| device(it) == met.device);
        let mut next = match known {
            Some(place) => aside.remove(place),
            None => Self::begun(begun),
        };
        next.course = begun;
        match &mut next.who {
            Some(who) => who.renew(met),
            None => next.who = Some(Box::new(Who::new(met.clone()))),
        }
        if aside.len() >= MAX_ASIDE {
            aside.remove(0);
            over.devices += 1;
        }
        aside.push(std::mem::replace(self, next));
        self.aside = aside;
    }
}

/// Records of other devices that are kept beside one. The oldest of more is forgotten.
pub(super) const MAX_ASIDE: usize = 3;

/// Former names that are kept.
pub(super) const MAX_FORMER: usize = 4;
