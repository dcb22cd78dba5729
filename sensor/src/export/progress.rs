//! A progress bar for long reads, on standard error.
//!
//! It shows only on a terminal, and only once the work has taken a second: short work stays quiet,
//! and nothing of it gets into a pipe or a log.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How far the reading of files has got.
#[derive(Debug)]
pub struct Progress {
    started: Instant,
    read: u64,
    total: Option<u64>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nobody watches.
    Silent,
    /// The first second has not passed.
    Waiting,
    /// The bar stands on the terminal.
    Shown(ProgressBar),
}

impl Progress {
    /// Starts the clock. `total` is the number of octets to read, `None` where it is not known, as
    /// for a pipe.
    #[must_use]
    pub fn new(total: Option<u64>) -> Self {
        let watched = std::io::stderr().is_terminal();
        Self::watched(total, watched)
    }

    fn watched(total: Option<u64>, watched: bool) -> Self {
        Self {
            started: Instant::now(),
            read: 0,
            total,
            state: if watched {
                State::Waiting
            } else {
                State::Silent
            },
        }
    }

    /// Counts octets that were read. Call it once a block, not once a frame: it looks at the clock.
    pub fn advance(&mut self, octets: u64) {
        self.read = self.read.saturating_add(octets);
        match &self.state {
            State::Silent => {}
            State::Waiting if self.started.elapsed() < QUIET => {}
            State::Waiting => self.state = State::Shown(self.bar()),
            State::Shown(bar) => bar.set_position(self.read),
        }
    }

    /// Takes the bar off the terminal.
    pub fn finish(self) {
        if let State::Shown(bar) = self.state {
            bar.finish_and_clear();
        }
    }

    fn bar(&self) -> ProgressBar {
        let target = ProgressDrawTarget::stderr_with_hz(REDRAWS_A_SECOND);
        let template = match self.total {
            Some(_) => "{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
            None => "{bytes} read, {bytes_per_sec}",
        };
        let bar = ProgressBar::with_draw_target(self.total, target)
            .with_elapsed(self.started.elapsed())
            .with_position(self.read);
        // A template is refused only for a fault in its text; the plain bar does as well.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar
    }
}

/// Time that passes before anything is shown.
const QUIET: Duration = Duration::from_secs(1);

/// The bar is drawn anew at most this often.
const REDRAWS_A_SECOND: u8 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn is_shown(progress: &Progress) -> bool {
        matches!(progress.state, State::Shown(_))
    }

    #[test]
    fn nothing_is_shown_where_nobody_watches() {
        let mut progress = Progress::watched(Some(100), false);
        progress.started -= QUIET;
        progress.advance(50);
        assert!(!is_shown(&progress));
        progress.finish();
    }

    #[test]
    fn the_bar_appears_after_a_second() {
        for total in [Some(100), None] {
            let mut progress = Progress::watched(total, true);
            progress.advance(10);
            assert!(!is_shown(&progress));
            progress.started -= QUIET;
            progress.advance(10);
            assert!(is_shown(&progress));
            let State::Shown(bar) = &progress.state else {
                unreachable!()
            };
            assert_eq!(bar.position(), 20);
            progress.finish();
        }
    }
}
