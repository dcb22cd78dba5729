//! The hours and days on which a host was in touch with a vendor.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The days of contacts, and the hours of each, in UTC. Holds the latest [`MAX_DAYS`] days.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub(super) struct Rhythm {
    /// Days since the epoch with one bit an hour, in ascending order.
    days: Vec<(i64, u32)>,
}

impl Rhythm {
    /// Takes the time of a contact, in any order. Returns whether it was in an hour of its own.
    pub(super) fn contact(&mut self, at: Timestamp) -> bool {
        let hours = at.as_nanos().div_euclid(NANOS_AN_HOUR);
        let day = hours.div_euclid(24);
        let hour = 1_u32 << hours.rem_euclid(24);
        match self.days.binary_search_by_key(&day, |it| it.0) {
            Ok(found) => match self.days.get_mut(found) {
                Some((_, seen)) if *seen & hour == 0 => {
                    *seen |= hour;
                    true
                }
                _ => false,
            },
            Err(0) if self.days.len() >= MAX_DAYS => false,
            Err(place) => {
                self.days.insert(place, (day, hour));
                if self.days.len() > MAX_DAYS {
                    self.days.remove(0);
                }
                true
            }
        }
    }

    /// The same in order and within its bound, of what another run kept.
    pub(super) fn bounded(mut self) -> Self {
        self.days.sort_unstable();
        self.days.dedup_by_key(|it| it.0);
        let over = self.days.len().saturating_sub(MAX_DAYS);
        self.days.drain(..over);
        self
    }

    /// On how many days there were contacts, at most [`MAX_DAYS`].
    pub(super) fn days(&self) -> usize {
        self.days.len()
    }

    /// Whether there were contacts on [`ENOUGH_DAYS`] days or more.
    pub(super) fn is_repeated(&self) -> bool {
        self.days.len() >= ENOUGH_DAYS
    }

    /// Whether there were contacts in [`ENOUGH_HOURS`] hours of each of [`ENOUGH_DAYS`] days.
    pub(super) fn is_steady(&self) -> bool {
        let full = |day: &&(i64, u32)| day.1.count_ones() >= ENOUGH_HOURS;
        self.days.iter().filter(full).count() >= ENOUGH_DAYS
    }
}

/// Days that are kept: a month, so that a product that reports weekly still shows its rhythm.
pub(super) const MAX_DAYS: usize = 32;
/// Days that make contacts repeated: a product that was only tried is gone on the third.
const ENOUGH_DAYS: usize = 3;
/// Hours of a day that make it one of steady contacts. Products ask hourly or every few hours.
const ENOUGH_HOURS: u32 = 4;
const NANOS_AN_HOUR: i64 = 3600 * 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64, hour: i64) -> Timestamp {
        Timestamp::from_secs_nanos(day * 86_400 + hour * 3600, 0)
    }

    fn rhythm(times: impl IntoIterator<Item = (i64, i64)>) -> Rhythm {
        let mut rhythm = Rhythm::default();
        for (day, hour) in times {
            rhythm.contact(at(day, hour));
        }
        rhythm
    }

    #[test]
    fn three_days_are_repeated_and_two_are_not() {
        assert!(!rhythm([(1, 0), (2, 0), (2, 23)]).is_repeated());
        assert!(rhythm([(1, 0), (2, 0), (9, 0)]).is_repeated());
    }

    #[test]
    fn steady_is_several_hours_on_several_days() {
        let hours =
            |days, hours| (0..days).flat_map(move |day| (0..hours).map(move |it| (day, it)));
        assert!(rhythm(hours(3, 4)).is_steady());
        assert!(!rhythm(hours(2, 24)).is_steady());
        assert!(!rhythm(hours(30, 3)).is_steady());
    }

    #[test]
    fn a_second_contact_in_an_hour_is_nothing_new() {
        let mut rhythm = Rhythm::default();
        assert!(rhythm.contact(at(1, 2)));
        assert!(!rhythm.contact(at(1, 2)));
        assert!(rhythm.contact(at(1, 3)));
    }

    #[test]
    fn times_before_the_epoch_have_days_and_hours_too() {
        let early = rhythm([(-1, 0), (-1, 23), (0, 0)]);
        assert_eq!(early.days, [(-1, 1 | 1 << 23), (0, 1)]);
        let mut ends = Rhythm::default();
        assert!(ends.contact(Timestamp::MIN) && ends.contact(Timestamp::MAX));
    }

    #[test]
    fn only_the_latest_days_are_kept_in_whatever_order_they_come() {
        let forward = rhythm((0..100).map(|day| (day, 0)));
        let backward = rhythm((0..100).rev().map(|day| (day, 0)));
        assert_eq!(forward, backward);
        assert_eq!(forward.days(), MAX_DAYS);
        assert_eq!(forward.days.first().unwrap().0, 68);
    }
}
