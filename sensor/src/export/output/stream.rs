//! Outputs that are a stream of octets: standard output, a Unix socket, syslog over TCP and TLS.
//!
//! A stream that has no room is waited for, a second at a time; lines wait in the queue meanwhile. One
//! that breaks is opened again. The line that it broke in is sent again as a whole; those before it
//! were handed over, and whether the receiver read them, nobody can tell.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv, setsockopt, sockopt};

use super::tls::{Secured, Tls};
use super::{Delivered, Sink, Then};

/// Where a stream leads.
#[derive(Debug)]
pub(super) enum Target {
    /// To whoever started the program; once it is over, it is over for good.
    Standard(Option<File>),
    /// To a Unix socket.
    Unix(PathBuf),
    /// To a port.
    Tcp(SocketAddr),
    /// To a port, encrypted.
    Tls(SocketAddr, Tls),
}

/// What tells messages of a stream apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Framing {
    /// Lines have their line feed.
    Lines,
    /// The number of octets stands in front of each message (RFC 6587 section 3.4.1, RFC 5425).
    Counts,
}

/// Lines on their way through a stream.
#[derive(Debug)]
pub(super) struct Streamed {
    target: Target,
    framing: Framing,
    stream: Option<Stream>,
    flight: Flight,
}

/// What is being written.
#[derive(Debug, Default)]
struct Flight {
    octets: Vec<u8>,
    written: usize,
    /// Where each line of it ends.
    ends: Vec<usize>,
}

#[derive(Debug)]
enum Stream {
    Standard(File),
    Unix(UnixStream),
    Tcp(TcpStream),
    Tls(Box<Secured>),
}

impl Streamed {
    pub(super) fn new(target: Target, framing: Framing) -> Self {
        Self {
            target,
            framing,
            stream: None,
            flight: Flight::default(),
        }
    }

    /// Standard output.
    pub(super) fn standard() -> io::Result<Self> {
        let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        Ok(Self::new(Target::Standard(Some(file)), Framing::Lines))
    }

    fn connected(&mut self) -> io::Result<&mut Stream> {
        // On the way it shows by itself, and then it is known how far they came.
        let is_on_the_way = !self.flight.ends.is_empty();
        if !is_on_the_way && self.stream.as_mut().is_some_and(Stream::is_gone) {
            self.stream = None;
        }
        match &mut self.stream {
            Some(stream) => Ok(stream),
            empty => Ok(empty.insert(self.target.connect()?)),
        }
    }

    fn take_off(&mut self, lines: &[Arc<[u8]>]) {
        self.flight = Flight::default();
        for line in lines {
            if self.framing == Framing::Counts {
                let count = format!("{} ", line.len());
                self.flight.octets.extend_from_slice(count.as_bytes());
            }
            self.flight.octets.extend_from_slice(line);
            self.flight.ends.push(self.flight.octets.len());
        }
    }
}

impl Sink for Streamed {
    fn deliver(&mut self, lines: &[Arc<[u8]>]) -> Delivered {
        let is_over = matches!(self.target, Target::Standard(None)) && self.stream.is_none();
        if let Err(error) = self.connected() {
            let then = if is_over {
                Then::Over(error)
            } else {
                Then::Broken(error)
            };
            return Delivered { sent: 0, then };
        }
        if self.flight.ends.is_empty() {
            self.take_off(lines);
        }
        let Some(stream) = &mut self.stream else {
            return Delivered::all(0);
        };
        let Err(error) = self.flight.fly(stream) else {
            let sent = self.flight.ends.len();
            self.flight = Flight::default();
            return Delivered::all(sent);
        };
        if matches!(
            error.kind(),
            ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
        ) {
            return Delivered {
                sent: 0,
                then: Then::Waits,
            };
        }
        let sent = match stream {
            // What was taken may not have been encrypted yet.
            Stream::Tls(_) => 0,
            Stream::Standard(_) | Stream::Unix(_) | Stream::Tcp(_) => self.flight.whole(),
        };
        self.stream = None;
        self.flight = Flight::default();
        let then = match self.target {
            Target::Standard(_) => Then::Over(error),
            Target::Unix(_) | Target::Tcp(_) | Target::Tls(..) => Then::Broken(error),
        };
        Delivered { sent, then }
    }

    fn finish(&mut self) {
        if let Some(Stream::Tls(stream)) = &mut self.stream {
            stream.say_end();
        }
    }
}

impl Flight {
    /// Writes what is left of it.
    fn fly(&mut self, stream: &mut Stream) -> io::Result<()> {
        while let Some(rest) = self.octets.get(self.written..).filter(|it| !it.is_empty()) {
            match stream.write(rest)? {
                0 => return Err(ErrorKind::WriteZero.into()),
                count => self.written += count,
            }
        }
        stream.flush()
    }

    /// Lines that were written to their end.
    fn whole(&self) -> usize {
        self.ends.iter().filter(|it| **it <= self.written).count()
    }
}

impl Target {
    fn connect(&mut self) -> io::Result<Stream> {
        match self {
            Self::Standard(file) => {
                let file = file.take().ok_or(ErrorKind::BrokenPipe)?;
                Ok(Stream::Standard(file))
            }
            Self::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(Stream::Unix(stream))
            }
            Self::Tcp(address) => Ok(Stream::Tcp(connect(*address)?)),
            Self::Tls(address, tls) => {
                let stream = connect(*address)?;
                Ok(Stream::Tls(Box::new(tls.connect(stream)?)))
            }
        }
    }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, CONNECT)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_read_timeout(Some(HANDSHAKE))?;
    stream.set_nodelay(true)?;
    let silence = u32::try_from(SILENCE.as_millis()).unwrap_or(u32::MAX);
    setsockopt(&stream, sockopt::TcpUserTimeout, &silence)?;
    Ok(stream)
}

impl Stream {
    /// Whether the other end has closed it. What it says is read and forgotten: none of the protocols
    /// has anything for it to say.
    fn is_gone(&mut self) -> bool {
        match self {
            Self::Standard(_) => false,
            Self::Unix(stream) => hangs_up(stream),
            Self::Tcp(stream) => has_ended(stream),
            Self::Tls(stream) => stream.is_gone(),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard(it) => it.write(octets),
            Self::Unix(it) => it.write(octets),
            Self::Tcp(it) => it.write(octets),
            Self::Tls(it) => it.write(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Standard(it) => it.flush(),
            Self::Unix(it) => it.flush(),
            Self::Tcp(it) => it.flush(),
            Self::Tls(it) => it.flush(),
        }
    }
}

/// Whether the other end has closed both directions. One that only says that it has nothing to say
/// goes on reading.
fn hangs_up(stream: &impl AsFd) -> bool {
    let mut events = [PollFd::new(stream.as_fd(), PollFlags::empty())];
    let _ = poll(&mut events, PollTimeout::ZERO);
    events.iter().any(|it| it.any().unwrap_or(false))
}

/// Reads away what has come; says whether that was the end.
fn has_ended(stream: &impl AsFd) -> bool {
    let mut said = [0; SCRATCH];
    loop {
        match recv(
            stream.as_fd().as_raw_fd(),
            &mut said,
            MsgFlags::MSG_DONTWAIT,
        ) {
            Ok(0) => return true,
            Ok(_) => {}
            // An error shows when something is written.
            Err(_) => return false,
        }
    }
}

/// How long a stream without room is waited for at a time.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// Time for a connection to be opened.
const CONNECT: Duration = Duration::from_secs(2);

/// Time between two pieces of a handshake.
const HANDSHAKE: Duration = Duration::from_secs(2);

/// How long a receiver may take nothing before its connection is given up: its machine may be gone.
const SILENCE: Duration = Duration::from_secs(120);

/// Octets read at once of what nobody wants.
pub(super) const SCRATCH: usize = 512;
