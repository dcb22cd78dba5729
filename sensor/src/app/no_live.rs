//! What stands for network interfaces in a build that cannot listen on them.

use crate::capture::settings::Settings;
use crate::export::Looking;
use crate::frame::Run;
use crate::pipeline::{Next, Source};

/// Interfaces that are listened on; there are none in this build.
#[derive(Debug)]
pub enum LiveSource {}

/// Interfaces that have been opened; there are none in this build.
#[derive(Debug)]
pub struct Listening {
    /// One for each capturing thread.
    pub sources: Vec<LiveSource>,
    /// What is left out by choice, for display.
    pub looking: Looking,
}

/// Why interfaces cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("this build reads capture files only: it was made without the feature \"capture\"")]
pub struct NoCapture;

impl NoCapture {
    /// Whether the command line is to blame.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        false
    }
}

impl LiveSource {
    /// Says that this build cannot.
    ///
    /// # Errors
    ///
    /// Always.
    pub const fn open(
        _interfaces: &[String],
        _settings: &Settings,
        _workers: usize,
    ) -> Result<Listening, NoCapture> {
        Err(NoCapture)
    }

    /// Never called: there is none.
    ///
    /// # Errors
    ///
    /// Never.
    pub const fn finish(self) -> Result<(), NoCapture> {
        match self {}
    }
}

impl Source for LiveSource {
    fn next_run(&mut self, _run: &mut Run) -> Next {
        match *self {}
    }
}
