//! What stands for network interfaces in a build that cannot listen on them.

use crate::frame::Run;
use crate::pipeline::{Next, Source};

/// Interfaces that are listened on; there are none in this build.
pub enum LiveSource {}

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
    pub const fn open(_interfaces: &[String]) -> Result<Self, NoCapture> {
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
