//! Points in time as captures give them.
//!
//! Time moves only with frames and ticks: nothing below the capture reads a clock. A
//! [`Timestamp`] comes from the capture and is handed down.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in time: nanoseconds since the Unix epoch, negative before it.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Earliest time that can be expressed.
    pub const MIN: Self = Self(i64::MIN);
    /// Latest time that can be expressed.
    pub const MAX: Self = Self(i64::MAX);

    /// Takes nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Takes seconds and nanoseconds since the Unix epoch; saturates at the ends of the range.
    #[must_use]
    pub const fn from_secs_nanos(secs: i64, nanos: u32) -> Self {
        Self(
            secs.saturating_mul(1_000_000_000)
                .saturating_add(nanos as i64),
        )
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Seconds since the Unix epoch, with a fraction; for metrics.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a gauge in seconds needs no nanoseconds"
    )]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Time from `earlier` to this one; zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        let nanos = self.0.saturating_sub(earlier.0);
        if nanos <= 0 {
            Duration::ZERO
        } else {
            Duration::from_nanos(nanos.unsigned_abs())
        }
    }

    /// This time less `duration`, saturating at [`Timestamp::MIN`].
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)),
        )
    }

    /// This time plus `duration`, saturating at [`Timestamp::MAX`].
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)),
        )
    }
}

/// Writes seconds with six decimals, rounded down: `1506931200.123456`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.div_euclid(1_000);
        let sign = if micros < 0 { "-" } else { "" };
        let micros = micros.unsigned_abs();
        write!(f, "{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_six_decimals() {
        assert_eq!(
            Timestamp::from_secs_nanos(1_506_931_200, 123_456_789).to_string(),
            "1506931200.123456"
        );
        assert_eq!(Timestamp::from_nanos(0).to_string(), "0.000000");
        assert_eq!(
            Timestamp::from_nanos(-1_500_000_000).to_string(),
            "-1.500000"
        );
    }

    #[test]
    fn a_clock_that_steps_back_gives_no_time_passed() {
        let early = Timestamp::from_nanos(5);
        let late = Timestamp::from_nanos(9);
        assert_eq!(late.since(early), Duration::from_nanos(4));
        assert_eq!(early.since(late), Duration::ZERO);
    }

    #[test]
    fn sums_saturate() {
        assert_eq!(Timestamp::from_secs_nanos(i64::MAX, 0), Timestamp::MAX);
        assert_eq!(Timestamp::MAX.after(Duration::from_secs(1)), Timestamp::MAX);
        assert!(
            Timestamp::MAX.since(Timestamp::MIN) >= Duration::from_nanos(i64::MAX.unsigned_abs())
        );
    }
}
