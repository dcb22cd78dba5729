//! The clock of the machine, for what does not come from a capture.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::time::Timestamp;

/// The time by the clock of the machine; the epoch where that stands before it.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let secs = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_secs_nanos(secs, since.subsec_nanos())
}
