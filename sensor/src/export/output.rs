//! Events on their way out of a running sensor: to a file, a Unix socket, standard output and syslog.
//!
//! The ledger puts each event into the queue of each output, and never waits: what finds a queue full
//! is dropped and counted. Each output has a thread of its own, `output-file` and so on, so that one
//! that is slow or gone holds up neither the ledger nor the others. It writes what waits, tries again
//! what went wrong, and opens anew what broke, after a pause that grows.
//!
//! An event is *sent* when the file or the system has taken it. No output tells whether a receiver has
//! read it: what a connection had on its way when it broke may be lost, and a line that was sent in
//! part is sent again.
//!
//! A connection is opened only where the settings name one; names are not looked up.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::events::syslog::{Payload, Sender};
use super::events::{Event, Shape};
use datagram::Datagrams;
use file::LogFile;
use queue::{Queue, Wake};
use stream::{Framing, Streamed};
use tls::{Tls, TlsError};

mod datagram;
pub mod file;
mod queue;
mod stream;
#[cfg(feature = "tls")]
mod tls;
#[cfg(not(feature = "tls"))]
#[path = "output/no_tls.rs"]
mod tls;

pub use queue::Counts;

/// The kinds of outputs; of each there is one at most.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// A file.
    File,
    /// A Unix socket.
    Socket,
    /// Standard output.
    Stdout,
    /// A receiver of syslog.
    Syslog,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::File, Self::Socket, Self::Stdout, Self::Syslog];

    /// The word for it in labels, logs and names of threads.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Socket => "socket",
            Self::Stdout => "stdout",
            Self::Syslog => "syslog",
        }
    }
}

/// Where events are to go, and how they are written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Shape of lines of JSON.
    pub shape: Shape,
    /// Name of the sensor.
    pub sensor: String,
    /// Octets that may wait for one output.
    pub queue_octets: usize,
    /// The file.
    pub file: Option<file::Settings>,
    /// The Unix socket.
    pub socket: Option<Socket>,
    /// Whether they go to standard output.
    pub stdout: bool,
    /// The receiver of syslog.
    pub syslog: Option<Syslog>,
}

/// A Unix socket on which somebody listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Socket {
    /// Where it is.
    pub path: PathBuf,
    /// How it takes lines.
    pub kind: SocketKind,
}

/// How a Unix socket takes lines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SocketKind {
    /// One after the other.
    Stream,
    /// Each in a datagram.
    Datagram,
}

/// A receiver of syslog.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Syslog {
    /// Where it listens.
    pub address: SocketAddr,
    /// How messages get there.
    pub carrier: Carrier,
    /// Number of the facility, 0 to 23.
    pub facility: u8,
    /// What messages hold.
    pub payload: Payload,
}

/// How messages of syslog are carried.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Carrier {
    /// In datagrams.
    Udp,
    /// Through a connection.
    Tcp,
    /// Through an encrypted connection.
    Tls {
        /// File with certificates of authorities, in PEM.
        authorities: PathBuf,
        /// Name that the certificate of the receiver must be for.
        name: String,
    },
}

/// The end of the outputs that events are put into.
#[derive(Debug)]
pub struct Outputs {
    shape: Shape,
    sensor: String,
    /// What makes messages of syslog.
    sender: Option<Sender>,
    queues: Vec<Arc<Queue>>,
    scratch: Vec<u8>,
}

/// The end of the outputs from which they are looked at and ended.
#[derive(Debug, Default)]
pub struct Running {
    queues: Vec<Arc<Queue>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Outputs that are set up, and not open.
#[derive(Debug)]
pub struct Prepared {
    settings: Settings,
    tls: Option<Tls>,
}

/// Why there is no output.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// Connections cannot be encrypted as the settings say.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// There is no folder for the file.
    #[error("events.file: there is no folder {0}; make it, or name a file in another")]
    Folder(PathBuf),
    /// The file cannot be opened.
    #[error(
        "events.file: cannot open {path} for writing: the user that the sensor runs as must be \
         able to make files in its folder"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Standard output is closed.
    #[error("events.stdout: standard output is not open")]
    Stdout(#[source] io::Error),
    /// A thread cannot be started.
    #[error("cannot start a thread for an output")]
    Thread(#[source] io::Error),
}

impl Settings {
    /// Reads what is needed of files that cannot be read later.
    ///
    /// # Errors
    ///
    /// [`OutputError::Tls`] if the authorities or the name of the server are wrong,
    /// [`OutputError::Folder`] if the file can never be made.
    pub fn prepare(self) -> Result<Prepared, OutputError> {
        let folder = self.file.as_ref().and_then(|it| it.path.parent());
        if let Some(folder) = folder
            && !folder.as_os_str().is_empty()
            && !folder.is_dir()
        {
            return Err(OutputError::Folder(folder.to_owned()));
        }
        let carrier = self.syslog.as_ref().map(|it| &it.carrier);
        let tls = match carrier {
            Some(Carrier::Tls { authorities, name }) => Some(Tls::new(authorities, name)?),
            Some(Carrier::Udp | Carrier::Tcp) | None => None,
        };
        Ok(Prepared {
            settings: self,
            tls,
        })
    }
}

impl Prepared {
    /// Opens the outputs and starts their threads, with the rights of the calling thread. Receivers are
    /// connected later, and need not be there.
    ///
    /// # Errors
    ///
    /// [`OutputError`] if the file or standard output cannot be opened, or a thread cannot be started.
    pub fn start(self) -> Result<(Outputs, Running), OutputError> {
        let Self { settings, tls } = self;
        let mut sinks: Vec<(Kind, Box<dyn Sink>)> = Vec::new();
        if let Some(file) = settings.file {
            let path = file.path.clone();
            let opened = LogFile::open(file);
            let opened = opened.map_err(|source| OutputError::File { path, source })?;
            sinks.push((Kind::File, Box::new(opened)));
        }
        if let Some(Socket { path, kind }) = settings.socket {
            let sink: Box<dyn Sink> = match kind {
                SocketKind::Stream => {
                    Box::new(Streamed::new(stream::Target::Unix(path), Framing::Lines))
                }
                SocketKind::Datagram => Box::new(Datagrams::new(datagram::Target::Unix(path))),
            };
            sinks.push((Kind::Socket, sink));
        }
        if settings.stdout {
            let standard = Streamed::standard().map_err(OutputError::Stdout)?;
            sinks.push((Kind::Stdout, Box::new(standard)));
        }
        let sender = settings.syslog.as_ref().map(|it| {
            let process = std::process::id();
            Sender::new(it.facility, it.payload, &settings.sensor, process)
        });
        if let Some(syslog) = settings.syslog {
            sinks.push((Kind::Syslog, sink_of(&syslog, tls)));
        }
        let (mut queues, mut threads) = (Vec::new(), Vec::new());
        for (kind, sink) in sinks {
            let queue = Arc::new(Queue::new(kind, settings.queue_octets));
            queues.push(Arc::clone(&queue));
            let thread = thread::Builder::new().name(format!("output-{}", kind.as_str()));
            let thread = thread.spawn(move || work(&queue, sink));
            threads.push(thread.map_err(OutputError::Thread)?);
        }
        let outputs = Outputs {
            shape: settings.shape,
            sensor: settings.sensor,
            sender,
            queues: queues.clone(),
            scratch: Vec::new(),
        };
        let running = Running {
            queues,
            threads: Mutex::new(threads),
        };
        Ok((outputs, running))
    }
}

fn sink_of(syslog: &Syslog, tls: Option<Tls>) -> Box<dyn Sink> {
    let target = match (&syslog.carrier, tls) {
        (Carrier::Udp, _) => {
            return Box::new(Datagrams::new(datagram::Target::Udp(syslog.address)));
        }
        (Carrier::Tls { .. }, Some(tls)) => stream::Target::Tls(syslog.address, tls),
        (Carrier::Tcp | Carrier::Tls { .. }, _) => stream::Target::Tcp(syslog.address),
    };
    Box::new(Streamed::new(target, Framing::Counts))
}

impl Outputs {
    /// Puts an event into the queue of each output.
    pub fn tell(&mut self, event: &Event<'_>) {
        let event = Event {
            sensor: Some(&self.sensor),
            ..*event
        };
        let scratch = &mut self.scratch;
        let mut line = None;
        for queue in &self.queues {
            let text = match (queue.kind(), &self.sender) {
                (Kind::Syslog, Some(sender)) => written(scratch, |it| sender.write(it, &event)),
                _ => line
                    .get_or_insert_with(|| written(scratch, |it| self.shape.write(it, &event)))
                    .clone(),
            };
            queue.push(&text);
        }
    }
}

fn written(scratch: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> Arc<[u8]> {
    scratch.clear();
    // Nothing that an event holds can make it fail.
    let _ = write(scratch);
    scratch.as_slice().into()
}

impl Running {
    /// What has become of the events of each output.
    #[must_use]
    pub fn counts(&self) -> Vec<(Kind, Counts)> {
        let queues = self.queues.iter();
        queues.map(|it| (it.kind(), it.counts())).collect()
    }

    /// Has outputs opened anew that may have been moved away.
    pub fn reopen(&self) {
        for queue in &self.queues {
            queue.reopen();
        }
    }

    /// Takes no more events, and writes those that wait for at most `patience`; what is left then is
    /// dropped.
    pub fn finish(&self, patience: Duration) {
        let end = Instant::now() + patience;
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for queue in &self.queues {
            queue.close();
        }
        while !threads.iter().all(JoinHandle::is_finished) && Instant::now() < end {
            thread::sleep(POLL);
        }
        for queue in &self.queues {
            queue.give_up();
            let dropped = queue.counts().dropped;
            if dropped > 0 {
                tracing::warn!(
                    "output {}: {dropped} events were dropped since the start",
                    queue.kind().as_str()
                );
            }
        }
        // One that still writes ends with the process.
        for thread in threads.drain(..).filter(JoinHandle::is_finished) {
            let _ = thread.join();
        }
    }
}

/// What writes lines.
trait Sink: Send {
    /// Writes the first of some lines, as many as it can at once. It is called with the same lines
    /// again until they are settled.
    fn deliver(&mut self, lines: &[Arc<[u8]>]) -> Delivered;

    /// Opens anew what may have been moved away.
    fn reopen(&mut self) {}

    /// Ends in good order; all lines are settled.
    fn finish(&mut self) {}
}

/// What became of lines.
#[derive(Debug)]
struct Delivered {
    /// How many of the first were handed over.
    sent: usize,
    then: Then,
}

/// How it goes on with the next line.
#[derive(Debug)]
enum Then {
    /// At once.
    GoOn,
    /// It has been waited for a while, and there is no room.
    Waits,
    /// It cannot be sent, ever.
    Refused(io::Error),
    /// Something is wrong; it may be better later.
    Broken(io::Error),
    /// Nothing can be sent any more.
    Over(io::Error),
}

impl Delivered {
    /// These were handed over, and nothing was wrong.
    const fn all(sent: usize) -> Self {
        Self {
            sent,
            then: Then::GoOn,
        }
    }
}

/// Writes what comes, until the end.
fn work(queue: &Queue, mut sink: Box<dyn Sink>) {
    let mut trouble = Trouble::new(queue.kind());
    let mut batch = Vec::new();
    loop {
        match queue.wait() {
            Wake::Lines => {}
            Wake::Reopen => {
                sink.reopen();
                continue;
            }
            Wake::End => break,
        }
        let is_last_try = queue.is_closed() && trouble.pause.is_some();
        queue.copy_first(&mut batch);
        let Delivered { sent, then } = sink.deliver(&batch);
        queue.settle(sent, usize::from(matches!(then, Then::Refused(_))));
        if sent > 0 {
            trouble.is_over();
        }
        match then {
            Then::GoOn | Then::Waits => {}
            Then::Refused(error) => trouble.say("an event cannot be sent", &error),
            Then::Broken(error) => {
                queue.count_error();
                trouble.say("tries again", &error);
                if is_last_try {
                    queue.give_up();
                    break;
                }
                queue.pause(trouble.pause());
            }
            Then::Over(error) => {
                queue.count_error();
                trouble.say("nothing is written to it any more", &error);
                queue.give_up();
                break;
            }
        }
    }
    sink.finish();
}

/// What is wrong with an output, and what was said of it.
#[derive(Debug)]
struct Trouble {
    kind: Kind,
    /// The newest pause; absent while all is well.
    pause: Option<Duration>,
    said: Option<Instant>,
    is_told: bool,
}

impl Trouble {
    const fn new(kind: Kind) -> Self {
        Self {
            kind,
            pause: None,
            said: None,
            is_told: false,
        }
    }

    /// Says what is wrong, unless something was said not long ago.
    fn say(&mut self, what: &str, error: &io::Error) {
        if self.said.is_none_or(|it| it.elapsed() >= SILENCE) {
            tracing::warn!("output {}: {error}; {what}", self.kind.as_str());
            self.said = Some(Instant::now());
            self.is_told = true;
        }
    }

    fn is_over(&mut self) {
        if self.pause.take().is_some() && std::mem::take(&mut self.is_told) {
            tracing::info!("output {}: it works again", self.kind.as_str());
        }
    }

    /// The next pause: twice as long as the one before.
    fn pause(&mut self) -> Duration {
        let time = self
            .pause
            .map_or(FIRST_PAUSE, |it| (it * 2).min(LONGEST_PAUSE));
        self.pause = Some(time);
        time
    }
}

/// How long events that wait are written at the end.
pub const LAST_WORD: Duration = Duration::from_secs(3);

/// Pauses between two tries.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Time for which nothing more is said of an output that is in trouble.
const SILENCE: Duration = Duration::from_secs(60);

/// Between two looks at whether all is written.
const POLL: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests;
