//! The log of a running sensor, on standard error.
//!
//! What logs never waits for whoever reads it: lines go through a bounded queue to a thread of its
//! own, named `log`; those that find the queue full are counted and left out. An event is one line,
//! whatever is in it: control characters are escaped.
//!
//! Under systemd each line begins with its priority, which the journal reads, and has no time, which
//! the journal adds. Names and addresses of hosts are for `debug` and below.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use lines::Lines;

mod lines;

/// Which events are logged: those of a level and of all graver ones.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Level {
    /// The sensor cannot do its work.
    Error,
    /// Somebody should look.
    Warn,
    /// Start, stop, reload.
    Info,
    /// Decisions; names and addresses of hosts.
    Debug,
    /// What happens to single packets.
    Trace,
}

/// How events are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// For the journal if systemd reads the log, else as text.
    Auto,
    /// A line with time, level and text.
    Text,
    /// A line with a JSON object.
    Json,
}

impl Level {
    /// All levels, the gravest first.
    pub const ALL: [Self; 5] = [
        Self::Error,
        Self::Warn,
        Self::Info,
        Self::Debug,
        Self::Trace,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Text, Self::Json];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// The log of the program. What waits is written when it is dropped.
#[derive(Debug)]
pub struct Log {
    level: Arc<AtomicU8>,
    lost: Arc<AtomicU64>,
    lines: Receiver<Line>,
    queue: Sender<Line>,
    writer: Option<JoinHandle<()>>,
}

/// What goes to the thread that writes.
#[derive(Debug)]
enum Line {
    /// A line with its end.
    Text(Vec<u8>),
    /// Nothing will follow.
    End,
}

impl Log {
    /// Takes events from here on. They wait until [`Log::write`] or the end. In a process that has a
    /// log already, that one stays in force.
    #[must_use]
    pub fn start(level: Level, format: Format) -> Self {
        let (queue, lines) = bounded(MAX_LINES);
        let level = Arc::new(AtomicU8::new(level as u8));
        let lost = Arc::new(AtomicU64::new(0));
        let layer = Lines {
            level: Arc::clone(&level),
            shape: lines::Shape::of(format),
            queue: queue.clone(),
            lost: Arc::clone(&lost),
        };
        let _ = tracing_subscriber::registry().with(layer).try_init();
        Self {
            level,
            lost,
            lines,
            queue,
            writer: None,
        }
    }

    /// Starts the thread that writes. It has the rights of the calling thread.
    ///
    /// # Errors
    ///
    /// When the system starts no more threads.
    pub fn write(&mut self) -> std::io::Result<()> {
        let lines = self.lines.clone();
        let thread = thread::Builder::new().name("log".to_owned());
        self.writer = Some(thread.spawn(move || write_all(&lines))?);
        Ok(())
    }

    /// What sets the level while the log is in use.
    #[must_use]
    pub fn dial(&self) -> Dial {
        Dial {
            level: Arc::clone(&self.level),
            lost: Arc::clone(&self.lost),
        }
    }
}

/// Sets the level of a log, and reads what it lost.
#[derive(Clone, Debug)]
pub struct Dial {
    level: Arc<AtomicU8>,
    lost: Arc<AtomicU64>,
}

impl Dial {
    /// Logs events of another level from here on.
    pub fn set(&self, level: Level) {
        self.level.store(level as u8, Ordering::Relaxed);
        tracing::callsite::rebuild_interest_cache();
    }

    /// Lines that were left out because the queue was full.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let end = Instant::now() + LAST_WORD;
        if self.queue.send_deadline(Line::End, end).is_err() {
            return;
        }
        match self.writer.take() {
            None => write_all(&self.lines),
            // It may wait for a reader that reads no more.
            Some(writer) => {
                while !writer.is_finished() && Instant::now() < end {
                    thread::sleep(PAUSE);
                }
            }
        }
    }
}

fn write_all(lines: &Receiver<Line>) {
    while let Ok(Line::Text(line)) = lines.recv() {
        // Nobody can be told.
        let _ = std::io::stderr().write_all(&line);
    }
}

/// Lines that may wait to be written.
const MAX_LINES: usize = 1024;

/// How long what is left is written at the end.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Between two looks at whether it is written.
const PAUSE: Duration = Duration::from_millis(1);
