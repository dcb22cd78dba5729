//! What can go wrong, by operation and object.

use std::io;
use std::path::{Path, PathBuf};

use crate::generate::KeyRefused;

/// Why a run stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file could not be read, written or removed.
    #[error("cannot {operation} {}", path.display())]
    File {
        /// What was tried.
        operation: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A program could not be started.
    #[error("cannot run {program}")]
    Program {
        /// The program, as it was called.
        program: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A program ended with an error.
    #[error("{program} failed ({status}): {message}")]
    Failed {
        /// The program, as it was called.
        program: String,
        /// Its exit status.
        status: String,
        /// The last line that it wrote to standard error.
        message: String,
    },
    /// A line is not what the contract says.
    #[error("cannot read line {number} of {}", path.display())]
    Line {
        /// Where the line came from.
        path: PathBuf,
        /// Its number, from one.
        number: u64,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// JSON could not be made or read.
    #[error("cannot {operation} {what}")]
    Json {
        /// What was tried.
        operation: &'static str,
        /// With what.
        what: String,
        /// Why it failed.
        source: serde_json::Error,
    },
    /// A key could not be made.
    #[error(transparent)]
    Key(#[from] KeyRefused),
    /// The resources that a program used could not be asked for.
    #[error("cannot read the resources that a program used")]
    Resources(#[source] io::Error),
    /// Something could not be done with a network interface or namespace.
    #[error("cannot {operation} {object}")]
    Network {
        /// What was tried.
        operation: &'static str,
        /// With what.
        object: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A program did not come to the point that was waited for.
    #[error("{program} is not {state} after {seconds} s: {message}")]
    Late {
        /// The program.
        program: String,
        /// What was waited for.
        state: &'static str,
        /// How long.
        seconds: u64,
        /// What it said last.
        message: String,
    },
    /// The user asked to end.
    #[error("interrupted")]
    Interrupted,
    /// Standard output is closed.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
}

impl Error {
    /// Names the operation on a file that failed, for `map_err`.
    pub(crate) const fn file(
        operation: &'static str,
        path: &Path,
    ) -> impl Fn(io::Error) -> Self + Copy {
        move |source| Self::File {
            operation,
            path: path.to_owned(),
            source,
        }
    }

    /// Names the operation on a part of the network that failed, for `map_err`.
    pub(crate) fn network<E: Into<io::Error>>(
        operation: &'static str,
        object: &str,
    ) -> impl Fn(E) -> Self {
        let object = object.to_owned();
        move |source| Self::Network {
            operation,
            object: object.clone(),
            source: source.into(),
        }
    }
}
