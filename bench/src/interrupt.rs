//! Ctrl-C and SIGTERM: a run that made namespaces ends by taking them away again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::error::Error;

/// Set once a signal has come.
static ASKED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Takes signals from now on; [`pause`] tells of them.
///
/// # Errors
///
/// [`Error::Resources`] if the system refuses.
pub(crate) fn watch() -> Result<(), Error> {
    let flag = ASKED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(flag)).map_err(Error::Resources)?;
    }
    Ok(())
}

/// Waits.
///
/// # Errors
///
/// [`Error::Interrupted`] as soon as a signal has come.
pub(crate) fn pause(time: Duration) -> Result<(), Error> {
    let end = Instant::now() + time;
    loop {
        if ASKED.get().is_some_and(|it| it.load(Ordering::Relaxed)) {
            return Err(Error::Interrupted);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(SLICE));
    }
}

/// How late a signal may be noticed.
const SLICE: Duration = Duration::from_millis(50);
