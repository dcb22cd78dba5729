//! Tells a service manager how it goes: ready, at work, reloading, stopping. The protocol is
//! systemd's (`sd_notify(3)`): lines of text to a socket that `NOTIFY_SOCKET` names.
//!
//! The socket is connected at the start, when that is still allowed, and kept.
//!
//! A watchdog is answered only while the pipeline moves. The answer goes out from the ledger's
//! thread, when counts arrive there from the capture; so a ledger or a capture that hangs is
//! silent by itself, and `Pulse` keeps it silent when a worker hangs.

use std::env;
use std::ffi::OsStr;
use std::fmt::Write;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

use crate::pipeline::Counts;

/// A service manager that listens.
#[derive(Debug)]
pub struct Manager {
    line: Arc<Line>,
    /// How often it wants to hear that all is well; absent if it does not.
    watchdog: Option<Duration>,
    pulse: Pulse,
    /// How far it has been told of.
    stage: Stage,
    said: Option<Instant>,
    status: String,
}

/// The way to a service manager; shared with who reloads.
#[derive(Debug)]
pub struct Line {
    socket: UnixDatagram,
    /// Whether the manager has heard that the sensor is ready, and not yet that it stops.
    is_open: AtomicBool,
}

/// What the manager knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Starting,
    Ready,
    Stopping,
}

impl Manager {
    /// The manager that started this process; `None` if none did, or it does not listen.
    ///
    /// # Errors
    ///
    /// When it cannot be reached.
    pub fn connect() -> io::Result<Option<Self>> {
        let Some(address) = env::var_os("NOTIFY_SOCKET").filter(|it| !it.is_empty()) else {
            return Ok(None);
        };
        let variable = |name| env::var(name).ok();
        let watchdog = watchdog(
            variable("WATCHDOG_USEC").as_deref(),
            variable("WATCHDOG_PID").as_deref(),
        );
        Self::connect_to(&address, watchdog).map(Some)
    }

    fn connect_to(address: &OsStr, watchdog: Option<Duration>) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&socket_address(address)?)?;
        // It is of more use late than a ledger that waits for it.
        socket.set_nonblocking(true)?;
        Ok(Self {
            line: Arc::new(Line {
                socket,
                is_open: AtomicBool::new(false),
            }),
            watchdog,
            pulse: Pulse::default(),
            stage: Stage::Starting,
            said: None,
            status: String::new(),
        })
    }

    /// The way on which reloads are told.
    #[must_use]
    pub fn line(&self) -> Arc<Line> {
        Arc::clone(&self.line)
    }

    /// Takes the counts of the pipeline: tells that it is ready at the first ones, then how it goes,
    /// and answers the watchdog if it moves.
    pub fn hear(&mut self, counts: &Counts, now: Instant, status: impl FnOnce() -> String) {
        let moves = self.pulse.moves(counts, now);
        if counts.finished || self.stage == Stage::Stopping {
            return;
        }
        let pause = self.watchdog.map_or(STATUS, |it| (it / 3).min(STATUS));
        if self.said.is_some_and(|it| now.duration_since(it) < pause) {
            return;
        }
        self.said = Some(now);
        let mut text = String::new();
        if self.stage == Stage::Starting {
            text.push_str("READY=1\n");
            self.stage = Stage::Ready;
        }
        if self.watchdog.is_some() && moves {
            text.push_str("WATCHDOG=1\n");
        }
        let status = status();
        if status != self.status {
            text.push_str("STATUS=");
            text.push_str(&status);
            text.push('\n');
            self.status = status;
        }
        self.line.say(&text);
        self.line.is_open.store(true, Ordering::Relaxed);
    }

    /// Tells, once, that it ends.
    pub fn stopping(&mut self) {
        if self.stage != Stage::Stopping {
            self.stage = Stage::Stopping;
            self.line.is_open.store(false, Ordering::Relaxed);
            self.line
                .say("STOPPING=1\nSTATUS=settles what was captured, and ends\n");
        }
    }
}

impl Line {
    /// Reloads, and tells that it begins and ends. It is told whether it went well or not: what
    /// was in force stays in force, and the sensor is as ready as before.
    pub fn during<T>(&self, reload: impl FnOnce() -> T) -> T {
        if !self.is_open.load(Ordering::Relaxed) {
            return reload();
        }
        self.say(&reloading());
        let result = reload();
        self.say("READY=1\n");
        result
    }

    /// Sends a message. What it does not take is lost: it will hear the next one.
    fn say(&self, text: &str) {
        if !text.is_empty() {
            let _ = self.socket.send(text.as_bytes());
        }
    }
}

/// Whether all workers move.
///
/// One that has something to do, and has done nothing for [`HANGS_AFTER`], hangs.
#[derive(Debug, Default)]
struct Pulse {
    /// For each worker: what it had worked off, and since when.
    workers: Vec<(u64, Instant)>,
}

impl Pulse {
    fn moves(&mut self, counts: &Counts, now: Instant) -> bool {
        self.workers.resize(counts.workers.len(), (0, now));
        let mut all = true;
        for (seen, worker) in self.workers.iter_mut().zip(&counts.workers) {
            if worker.worked != seen.0 || worker.queued == 0 {
                *seen = (worker.worked, now);
            }
            all &= now.duration_since(seen.1) < HANGS_AFTER;
        }
        all
    }
}

/// That a reload begins, and when: a manager that asked for it waits for one that is younger.
fn reloading() -> String {
    let mut text = "RELOADING=1\n".to_owned();
    if let Ok(time) = clock_gettime(ClockId::CLOCK_MONOTONIC) {
        let micros = Duration::from(time).as_micros();
        let _ = writeln!(text, "MONOTONIC_USEC={micros}");
    }
    text
}

/// The time within which a watchdog wants to be answered, if it is this process that it watches.
fn watchdog(micros: Option<&str>, pid: Option<&str>) -> Option<Duration> {
    let is_ours = pid.is_none_or(|it| it == std::process::id().to_string());
    let micros: u64 = micros?.parse().ok()?;
    (is_ours && micros > 0).then(|| Duration::from_micros(micros))
}

/// A path, or after `@` a name in the system's own space.
fn socket_address(text: &OsStr) -> io::Result<SocketAddr> {
    match text.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(text),
    }
}

/// How often the status is told at most, and the watchdog answered at least.
const STATUS: Duration = Duration::from_secs(10);

/// How long a worker may do nothing though there is something to do. Less than the watchdog of the
/// unit file waits, so that it acts on the first silence.
const HANGS_AFTER: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::WorkerCounts;

    #[test]
    fn it_is_told_once_that_all_is_ready_and_then_how_it_goes() {
        let (mut manager, heard) = manager(Some(Duration::from_secs(30)));
        let start = Instant::now();
        let counts = counts(&[(0, 0)]);
        manager.hear(&counts, start, || "one".to_owned());
        assert_eq!(heard(), "READY=1\nWATCHDOG=1\nSTATUS=one\n");
        manager.hear(&counts, start + Duration::from_secs(9), || {
            panic!("too soon")
        });
        manager.hear(&counts, start + Duration::from_secs(10), || {
            "one".to_owned()
        });
        assert_eq!(heard(), "WATCHDOG=1\n");
        manager.stopping();
        assert!(heard().starts_with("STOPPING=1\n"));
    }

    #[test]
    fn a_reload_is_told_while_the_sensor_is_ready() {
        let (mut manager, heard) = manager(None);
        let line = manager.line();
        assert_eq!(line.during(|| 1), 1);
        manager.hear(&counts(&[(0, 0)]), Instant::now(), String::new);
        assert_eq!(heard(), "READY=1\n", "nothing is told before it is ready");
        let begun = line.during(&heard);
        let micros: u64 = begun
            .strip_prefix("RELOADING=1\nMONOTONIC_USEC=")
            .and_then(|it| it.trim_end().parse().ok())
            .unwrap();
        assert!(micros > 0);
        assert_eq!(heard(), "READY=1\n");
        manager.stopping();
        heard();
        line.during(|| ());
        manager.line.say("X");
        assert_eq!(heard(), "X", "nothing is told after it stops");
    }

    #[test]
    fn without_a_watchdog_none_is_answered() {
        let (mut manager, heard) = manager(None);
        manager.hear(&counts(&[(0, 0)]), Instant::now(), String::new);
        assert_eq!(heard(), "READY=1\n");
    }

    #[test]
    fn a_worker_that_hangs_silences_the_watchdog_until_it_moves() {
        let start = Instant::now();
        let mut pulse = Pulse::default();
        let mut moves = |worked, queued, secs| {
            let counts = counts(&[(1, 0), (worked, queued)]);
            pulse.moves(&counts, start + Duration::from_secs(secs))
        };
        assert!(moves(5, 10, 0));
        assert!(moves(5, 10, 14));
        assert!(!moves(5, 20, 15));
        assert!(!moves(5, 20, 600));
        assert!(moves(6, 19, 601));
        // Nothing to do is no fault.
        assert!(moves(6, 0, 620));
        assert!(moves(6, 0, 10_000));
    }

    #[test]
    fn a_watchdog_for_another_process_is_none_of_ours() {
        let own = std::process::id().to_string();
        let time = Some(Duration::from_secs(30));
        assert_eq!(watchdog(Some("30000000"), Some(&own)), time);
        assert_eq!(watchdog(Some("30000000"), None), time);
        for (micros, pid) in [
            (Some("30000000"), Some("1")),
            (Some("0"), None),
            (Some("soon"), None),
            (None, None),
        ] {
            assert_eq!(watchdog(micros, pid), None, "{micros:?} {pid:?}");
        }
    }

    #[test]
    fn a_name_in_the_systems_own_space_can_be_reached() {
        let name = format!("phonehome-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let listener = UnixDatagram::bind_addr(&address).unwrap();
        let mut manager = Manager::connect_to(format!("@{name}").as_ref(), None).unwrap();
        manager.stopping();
        let mut buffer = [0; 10];
        listener.recv(&mut buffer).unwrap();
        assert_eq!(&buffer, b"STOPPING=1");
    }

    fn manager(watchdog: Option<Duration>) -> (Manager, impl Fn() -> String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let manager = Manager::connect_to(path.as_os_str(), watchdog).unwrap();
        let heard = move || {
            let _ = &folder;
            let mut buffer = [0; 512];
            let len = listener.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..len].to_vec()).unwrap()
        };
        (manager, heard)
    }

    fn counts(workers: &[(u64, u64)]) -> Counts {
        let workers = workers.iter().map(|(worked, queued)| WorkerCounts {
            worked: *worked,
            queued: *queued,
            clock: None,
        });
        Counts {
            workers: workers.collect(),
            ..Counts::default()
        }
    }
}
