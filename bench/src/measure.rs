//! Running a program and reading what it used.
//!
//! The kernel adds up what a process's children used, and keeps the largest memory of any. So each
//! program is run by a process that runs nothing else: this program calls itself with the hidden
//! command `measure`, and the sums are the program's own.

use std::io;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What one run of a program used.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Used {
    /// CPU time in the program itself, in seconds.
    pub(crate) user: f64,
    /// CPU time in the kernel on its behalf, in seconds.
    pub(crate) system: f64,
    /// Time from start to end, in seconds.
    pub(crate) wall: f64,
    /// Most memory that was resident at once, in KiB; at least what this program has.
    pub(crate) peak_kib: u64,
    /// Exit code; absent if a signal ended it.
    pub(crate) code: Option<i32>,
    /// Whether it was stopped because it took too long.
    pub(crate) timed_out: bool,
}

impl Used {
    /// CPU time in all, in seconds.
    pub(crate) fn cpu(&self) -> f64 {
        self.user + self.system
    }
}

/// Runs a program in a process of its own for at most `limit`, with its output thrown away.
///
/// # Errors
///
/// Those of starting the process and of reading what it says; not those of the program.
pub(crate) fn apart(command: &[String], limit: Duration) -> Result<Used, Error> {
    let cannot_run = |source| Error::Program {
        program: command.join(" "),
        source,
    };
    let output = Command::new(std::env::current_exe().map_err(cannot_run)?)
        .args(["measure", "--timeout", &limit.as_secs().to_string(), "--"])
        .args(command)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .map_err(cannot_run)?;
    if !output.status.success() {
        return Err(Error::Failed {
            program: command.join(" "),
            status: output.status.to_string(),
            message: last_line(&output.stderr),
        });
    }
    serde_json::from_slice(&output.stdout).map_err(|source| Error::Json {
        operation: "read",
        what: "the resources that a program used".to_owned(),
        source,
    })
}

/// Runs a program as the only child of this process for at most `limit`.
///
/// # Errors
///
/// [`Error::Program`] if it cannot be started.
pub(crate) fn here(command: &[String], limit: Duration) -> Result<Used, Error> {
    let cannot_run = |source| Error::Program {
        program: command.join(" "),
        source,
    };
    let Some((program, arguments)) = command.split_first() else {
        return Err(cannot_run(io::ErrorKind::InvalidInput.into()));
    };
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(cannot_run)?;
    let mut timed_out = false;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(cannot_run)? {
            break status;
        }
        if start.elapsed() >= limit && !timed_out {
            timed_out = true;
            child.kill().map_err(cannot_run)?;
        }
        std::thread::sleep(POLL);
    };
    let wall = start.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|it| Error::Resources(it.into()))?;
    Ok(Used {
        user: seconds(usage.user_time().num_microseconds()),
        system: seconds(usage.system_time().num_microseconds()),
        wall,
        peak_kib: u64::try_from(usage.max_rss()).unwrap_or_default(),
        code: status.code(),
        timed_out,
    })
}

/// The last line of what a program wrote, for an error message.
pub(crate) fn last_line(output: &[u8]) -> String {
    String::from_utf8_lossy(output)
        .lines()
        .rev()
        .find(|it| !it.trim().is_empty())
        .unwrap_or("it said nothing")
        .to_owned()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds of a run fit in 53 bits"
)]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// How often the end of a program is looked for; the error of the wall time.
const POLL: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> Vec<String> {
        words.iter().map(|it| (*it).to_owned()).collect()
    }

    #[test]
    fn a_failed_program_is_told_by_its_code() {
        let used = here(&command(&["sh", "-c", "exit 3"]), Duration::from_secs(9)).unwrap();
        assert_eq!((used.code, used.timed_out), (Some(3), false));
        assert!(used.peak_kib > 0);
    }

    #[test]
    fn a_program_that_takes_too_long_is_stopped() {
        let used = here(&command(&["sleep", "60"]), Duration::from_millis(20)).unwrap();
        assert_eq!((used.code, used.timed_out), (None, true));
        assert!(used.wall < 30.0);
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = here(&command(&["/none/such"]), Duration::from_secs(1)).unwrap_err();
        assert_eq!(error.to_string(), "cannot run /none/such");
    }
}
