//! What stands for network interfaces in a build that cannot listen on them.

use crate::frame::Run;
use crate::pipeline::{Next, Source};

/// Interfaces that are listened on; there are none in this build.
pub enum LiveSource {}

/// How interfaces are listened on, elsewhere.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Octets of the ring of each interface in the kernel.
    pub ring_octets: u64,
}

/// Why interfaces cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("this build reads capture files only: it was made without the feature \"capture\"")]
pub struct NoCapture;

impl LiveSource {
    /// Says that this build cannot.
    ///
    /// # Errors
    ///
    /// Always.
    pub const fn open(_interfaces: &[String], _settings: Settings) -> Result<Self, NoCapture> {
        Err(NoCapture)
    }
}

impl Source for LiveSource {
    fn next_run(&mut self, _run: &mut Run) -> Next {
        match *self {}
    }
}
