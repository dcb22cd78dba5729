//! Days of the calendar, UTC.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;

/// A day, UTC. Written and read as `2026-01-31`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Day(Date);

impl Day {
    /// The day on which a point in time lies, given as seconds since the Unix epoch. Times outside
    /// the years -9999 to 9999 lie on the first or last day of those.
    #[must_use]
    pub fn of_seconds(secs: i64) -> Self {
        let at = jiff::Timestamp::from_second(secs).unwrap_or(if secs < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        });
        Self(jiff::tz::TimeZone::UTC.to_datetime(at).date())
    }

    /// Its first second, since the Unix epoch.
    #[must_use]
    pub fn start_seconds(self) -> i64 {
        i64::from(self.days_after(Self(Date::constant(1970, 1, 1)))) * 86_400
    }

    /// Days from `earlier` to this one; negative if `earlier` is later.
    #[must_use]
    pub fn days_after(self, earlier: Self) -> i32 {
        (self.0 - earlier.0).get_days()
    }
}

/// A text is no day written as `2026-01-31`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("write it as 2026-01-31")]
pub struct NoDay;

impl FromStr for Day {
    type Err = NoDay;

    fn from_str(text: &str) -> Result<Self, NoDay> {
        let is_plain = text.len() == "2026-01-31".len()
            && text
                .bytes()
                .all(|octet| octet.is_ascii_digit() || octet == b'-');
        if !is_plain {
            return Err(NoDay);
        }
        text.parse().map(Self).map_err(|_| NoDay)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_is_read_as_it_is_written() {
        assert_eq!(day("2017-10-13").to_string(), "2017-10-13");
        for wrong in [
            "",
            "2017-13-01",
            "2017-02-29",
            "20171013",
            "2017-1-3",
            "2017-10-13T00",
        ] {
            assert_eq!(wrong.parse::<Day>(), Err(NoDay), "{wrong}");
        }
    }

    #[test]
    fn a_day_lasts_from_midnight_to_midnight_utc() {
        let start = day("2017-10-13").start_seconds();
        assert_eq!(start, 1_507_852_800);
        assert_eq!(Day::of_seconds(start), day("2017-10-13"));
        assert_eq!(Day::of_seconds(start + 86_399), day("2017-10-13"));
        assert_eq!(Day::of_seconds(start - 1), day("2017-10-12"));
    }

    #[test]
    fn days_between_two_may_be_negative() {
        let (earlier, later) = (day("2017-09-13"), day("2017-12-12"));
        assert_eq!(later.days_after(earlier), 90);
        assert_eq!(earlier.days_after(later), -90);
        assert_eq!(day("1969-12-31").start_seconds(), -86_400);
    }

    #[test]
    fn the_ends_of_time_are_days() {
        assert!(Day::of_seconds(i64::MIN) < Day::of_seconds(i64::MAX));
    }
}
