//! What a running program has used so far, from `/proc`.

use std::fs;
use std::io;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Serialize;

/// A program that is ended when the value is dropped.
#[derive(Debug)]
pub(crate) struct Process(Child);

/// What a program has used since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Usage {
    /// CPU time in the program itself, in seconds; the kernel counts hundredths.
    pub(crate) user: f64,
    /// CPU time in the kernel on its behalf, in seconds.
    pub(crate) system: f64,
    /// Memory that is resident, in KiB.
    pub(crate) resident_kib: u64,
    /// The most that was.
    pub(crate) peak_kib: u64,
}

impl Process {
    /// Takes over a program that has been started.
    pub(crate) const fn new(child: Child) -> Self {
        Self(child)
    }

    /// Sends it a signal.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        kill(Pid::from_raw(self.0.id() as i32), signal)?;
        Ok(())
    }

    /// Whether it runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }

    /// Waits for its end; `None` if that takes longer than `patience`.
    ///
    /// # Errors
    ///
    /// Those of waiting.
    pub(crate) fn ended(
        &mut self,
        patience: Duration,
    ) -> io::Result<Option<(ExitStatus, Duration)>> {
        let started = Instant::now();
        while started.elapsed() < patience {
            if let Some(status) = self.0.try_wait()? {
                return Ok(Some((status, started.elapsed())));
            }
            std::thread::sleep(POLL);
        }
        Ok(None)
    }

    /// What it has used.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub(crate) fn usage(&self) -> io::Result<Usage> {
        let folder = format!("/proc/{}", self.0.id());
        let stat = fs::read_to_string(format!("{folder}/stat"))?;
        let status = fs::read_to_string(format!("{folder}/status"))?;
        usage(&stat, &status).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Whether it has a handler for a signal, which would end it otherwise.
    pub(crate) fn catches(&self, signal: Signal) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()));
        status.is_ok_and(|it| catches(&it, signal))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Usage {
    /// CPU time in all, in seconds.
    pub(crate) fn cpu(&self) -> f64 {
        self.user + self.system
    }

    /// What was used after `earlier`; memory as it is.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            user: self.user - earlier.user,
            system: self.system - earlier.system,
            ..self
        }
    }
}

fn usage(stat: &str, status: &str) -> Option<Usage> {
    // The name stands in brackets and may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    let ticks = |field: usize| -> Option<f64> { rest.split(' ').nth(field)?.parse().ok() };
    let kib = |name: &str| -> Option<u64> {
        let line = status.lines().find(|it| it.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    Some(Usage {
        user: ticks(11)? / TICKS_PER_SECOND,
        system: ticks(12)? / TICKS_PER_SECOND,
        resident_kib: kib("VmRSS:")?,
        peak_kib: kib("VmHWM:")?,
    })
}

fn catches(status: &str, signal: Signal) -> bool {
    status
        .lines()
        .find_map(|it| it.strip_prefix("SigCgt:"))
        .and_then(|it| u64::from_str_radix(it.trim(), 16).ok())
        .is_some_and(|it| it >> (signal as i32 - 1) & 1 == 1)
}

/// What `/proc/PID/stat` counts CPU time in: fixed for user space on Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// How often the end of a program is looked for; the error of the time to it.
const POLL: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_fields_of_proc_are_read_whatever_the_name_is() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 500 0 0 0 123 45 0 0 20 0 5 0 100 9 9";
        let status = "Name:\tx\nVmHWM:\t  900 kB\nVmRSS:\t  800 kB\nSigCgt:\t0000000000004001\n";
        let usage = usage(stat, status).unwrap();
        assert!((usage.user - 1.23).abs() < 1e-9 && (usage.system - 0.45).abs() < 1e-9);
        assert_eq!((usage.resident_kib, usage.peak_kib), (800, 900));
        assert!(catches(status, Signal::SIGHUP) && catches(status, Signal::SIGTERM));
        assert!(!catches(status, Signal::SIGINT));
    }

    #[test]
    fn a_program_is_watched_and_ended() {
        let child = Command::new("sleep").arg("60").spawn().unwrap();
        let mut process = Process::new(child);
        assert!(process.is_running());
        assert!(process.usage().unwrap().resident_kib > 0);
        assert_eq!(process.ended(Duration::from_millis(5)).unwrap(), None);
        process.signal(Signal::SIGTERM).unwrap();
        let (status, _) = process.ended(Duration::from_secs(9)).unwrap().unwrap();
        assert!(!status.success() && !process.is_running());
    }
}
