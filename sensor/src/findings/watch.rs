//! How much time the sensor has watched the wire.
//!
//! Packet time goes on whether or not anybody looks: a sensor is switched off for a week, a mirror
//! port dies, a capture file has a hole. What a host did in such a time is not known. So silence is
//! measured in time between signs of life of the wire, as long as they are not too far apart.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A point in time watched: whole seconds since the first sign of life, over all runs that share a
/// store.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub(super) struct Watched(u32);

impl Watched {
    pub(super) const fn from_secs(secs: u32) -> Self {
        Self(secs)
    }

    pub(super) const fn as_secs(self) -> u32 {
        self.0
    }

    /// This time plus a duration, rounded up; saturates.
    pub(super) fn after(self, time: Duration) -> Self {
        let secs = time.as_secs() + u64::from(time.subsec_nanos() > 0);
        Self(
            self.0
                .saturating_add(u32::try_from(secs).unwrap_or(u32::MAX)),
        )
    }

    /// The next whole minute, or this time if it is one.
    pub(super) const fn whole_minute(self) -> Self {
        Self(self.0.div_ceil(60).saturating_mul(60))
    }
}

/// The watch over the wire.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    /// The newest sign of life of this run.
    newest: Option<Timestamp>,
    /// Time watched up to it.
    watched: Duration,
    now: Watched,
    slot: Duration,
    /// Where the slot began that `now` is in.
    slot_began: Watched,
    blind_after: Duration,
}

impl Watch {
    /// Begins to watch, after that much time was watched before.
    pub(super) fn new(before: Duration, slot: Duration, blind_after: Duration) -> Self {
        let mut watch = Self {
            newest: None,
            watched: before,
            now: Watched::default(),
            slot,
            slot_began: Watched::default(),
            blind_after,
        };
        watch.settle();
        watch
    }

    /// Takes a sign of life of the wire. Whether time has moved.
    pub(super) fn sign(&mut self, at: Timestamp) -> bool {
        let Some(newest) = self.newest else {
            self.newest = Some(at);
            return true;
        };
        if at <= newest {
            return false;
        }
        self.newest = Some(at);
        let step = at.since(newest);
        if step > self.blind_after {
            return false;
        }
        self.watched = self.watched.saturating_add(step);
        let before = self.now;
        self.settle();
        self.now != before
    }

    /// All the time that was watched.
    pub(super) const fn watched(&self) -> Duration {
        self.watched
    }

    /// Time watched by now.
    pub(super) const fn now(&self) -> Watched {
        self.now
    }

    /// Where the slot began that it is in.
    pub(super) const fn slot_began(&self) -> Watched {
        self.slot_began
    }

    /// Whether a slot's time was watched since then.
    pub(super) fn is_past(&self, at: Watched) -> bool {
        at.after(self.slot) <= self.now
    }

    /// The newest sign of life; `None` before the first.
    pub(super) const fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// The packet time of a time watched since the last silence that was too long.
    pub(super) fn at(&self, watched: Watched) -> Timestamp {
        let newest = self.newest.unwrap_or_default();
        let ago = self
            .watched
            .saturating_sub(Duration::from_secs(u64::from(watched.0)));
        newest.before(ago)
    }

    fn settle(&mut self) {
        let now = Watched(u32::try_from(self.watched.as_secs()).unwrap_or(u32::MAX));
        if now == self.now {
            return;
        }
        self.now = now;
        let slot = u32::try_from(self.slot.as_secs())
            .unwrap_or(u32::MAX)
            .max(1);
        self.slot_began = Watched(self.now.0 - self.now.0 % slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn watch() -> Watch {
        Watch::new(Duration::from_secs(100), HOUR * 24, HOUR)
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs_nanos(1_700_000_000 + secs, 0)
    }

    #[test]
    fn time_between_signs_counts_and_the_time_before_the_first_does_not() {
        let mut watch = watch();
        assert!(watch.sign(at(0)));
        assert_eq!(watch.now(), Watched(100));
        assert!(watch.sign(at(50)));
        assert!(!watch.sign(at(20)));
        assert_eq!(watch.now(), Watched(150));
        assert_eq!(watch.at(Watched(130)), at(30));
    }

    #[test]
    fn a_silence_that_is_too_long_does_not_count_at_all() {
        let mut watch = watch();
        watch.sign(at(0));
        watch.sign(at(3600));
        watch.sign(at(3600 + 3601));
        assert_eq!(watch.now(), Watched(3700));
        watch.sign(at(3600 + 3601 + 10));
        assert_eq!(watch.now(), Watched(3710));
        assert_eq!(watch.newest(), Some(at(7211)));
    }

    #[test]
    fn parts_of_seconds_add_up() {
        let mut watch = watch();
        let start = 1_700_000_000_000;
        for tenth in 0..=25 {
            watch.sign(Timestamp::from_nanos((start + tenth * 100) * 1_000_000));
        }
        assert_eq!(watch.now(), Watched(102));
    }

    #[test]
    fn minutes_are_rounded_up_and_sums_saturate() {
        assert_eq!(Watched(61).whole_minute(), Watched(120));
        assert_eq!(Watched(120).whole_minute(), Watched(120));
        assert_eq!(Watched(u32::MAX).after(HOUR), Watched(u32::MAX));
        assert_eq!(Watched(1).after(Duration::from_millis(1)), Watched(2));
    }
}
