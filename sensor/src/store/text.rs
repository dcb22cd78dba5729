//! Words and times as they stand in the file.

use std::net::IpAddr;

use crate::findings::{ChangeKind, State, Verdict};
use crate::host::Address;
use crate::time::Timestamp;

/// A time as RFC 3339 in UTC with all its digits, so that texts are in the order of times.
pub(super) fn time(at: Timestamp) -> String {
    let nanos = at.as_nanos();
    let secs = nanos.div_euclid(1_000_000_000);
    let whole = jiff::Timestamp::from_second(secs).unwrap_or_default();
    let rest = nanos.rem_euclid(1_000_000_000);
    format!("{}.{rest:09}Z", whole.strftime("%Y-%m-%dT%H:%M:%S"))
}

pub(super) fn read_time(text: &str) -> Option<Timestamp> {
    let at: jiff::Timestamp = text.parse().ok()?;
    let nanos = i64::try_from(at.as_nanosecond()).ok()?;
    Some(Timestamp::from_nanos(nanos))
}

pub(super) fn read_host(text: &str) -> Option<Address> {
    Some(Address::from(text.parse::<IpAddr>().ok()?))
}

pub(super) fn read_verdict(text: &str) -> Option<Verdict> {
    Verdict::ALL.into_iter().find(|it| it.as_str() == text)
}

pub(super) fn read_state(text: &str) -> Option<State> {
    State::ALL.into_iter().find(|it| it.as_str() == text)
}

pub(super) fn read_change(text: &str) -> Option<ChangeKind> {
    ChangeKind::ALL.into_iter().find(|it| it.as_str() == text)
}

/// A count as the file can hold it.
pub(super) fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written_and_stand_in_order() {
        let times = [
            Timestamp::MIN,
            Timestamp::from_nanos(-1),
            Timestamp::default(),
            Timestamp::from_secs_nanos(1_506_931_200, 123_456_789),
            Timestamp::MAX,
        ];
        let texts = times.map(time);
        assert!(texts.is_sorted(), "{texts:?}");
        assert_eq!(texts[3], "2017-10-02T08:00:00.123456789Z");
        assert_eq!(texts.map(|it| read_time(&it).unwrap()), times);
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for it in Verdict::ALL {
            assert_eq!(read_verdict(it.as_str()), Some(it));
        }
        for it in State::ALL {
            assert_eq!(read_state(it.as_str()), Some(it));
        }
        for it in ChangeKind::ALL {
            assert_eq!(read_change(it.as_str()), Some(it));
        }
        assert_eq!(read_verdict("certain"), None);
    }
}
