//! Processor time of threads.

use std::time::Duration;

/// Processor time that the calling thread has used; `None` where the system does not tell.
#[cfg(feature = "capture")]
pub(super) fn busy() -> Option<Duration> {
    use nix::time::{ClockId, clock_gettime};

    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).ok()?;
    Some(Duration::from(time))
}

/// Processor time that the calling thread has used; a build without `capture` does not ask.
#[cfg(not(feature = "capture"))]
pub(super) const fn busy() -> Option<Duration> {
    None
}
