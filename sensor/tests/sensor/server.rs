//! Programs that serve until they are told to end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::PATIENCE;

/// A running program, which is killed by its process id when it goes out of scope.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Its standard input, if it is fed.
    input: Option<ChildStdin>,
    /// The lines of its standard error.
    lines: mpsc::Receiver<String>,
}

impl Server {
    /// Starts a program with an empty standard input.
    pub(crate) fn start(command: Command) -> Self {
        Self::start_with(command, Stdio::null())
    }

    /// Starts a program whose standard input is fed.
    pub(crate) fn start_fed(command: Command) -> Self {
        Self::start_with(command, Stdio::piped())
    }

    fn start_with(mut command: Command, input: Stdio) -> Self {
        let mut child = command
            .stdin(input)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|it| panic!("cannot start {:?}: {it}", command.get_program()));
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                // Nobody may listen any more; the pipe is emptied all the same.
                let _: Result<(), _> = sender.send(line);
            }
        });
        Self {
            input: child.stdin.take(),
            child,
            lines,
        }
    }

    /// Feeds octets to its standard input.
    #[track_caller]
    pub(crate) fn feed(&mut self, octets: &[u8]) {
        let input = self.input.as_mut().expect("an input that is fed");
        input.write_all(octets).expect("a program that reads");
    }

    /// Ends its standard input.
    pub(crate) fn close(&mut self) {
        self.input = None;
    }

    /// The next line on standard error that holds `what`.
    #[track_caller]
    pub(crate) fn line_with(&self, what: &str) -> String {
        let mut others = Vec::new();
        let end = Instant::now() + PATIENCE;
        while let Ok(line) = self.lines.recv_timeout(end - Instant::now()) {
            if line.contains(what) {
                return line;
            }
            others.push(line);
        }
        panic!("no line with {what:?}, but {others:?}");
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Memory of the program that is in use, in octets.
    pub(crate) fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("a running program");
        let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:"));
        let number = line.and_then(|it| it.split_whitespace().next());
        number
            .expect("its memory")
            .parse::<u64>()
            .expect("a number")
            * 1_024
    }

    /// Sends a signal, such as `TERM` or `HUP`.
    pub(crate) fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status();
        assert!(status.expect("sh").success(), "{kill}");
    }

    /// How it ended; fails if it has not within `patience`.
    #[track_caller]
    pub(crate) fn ended_within(&mut self, patience: Duration) -> ExitStatus {
        let end = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                return status;
            }
            assert!(Instant::now() < end, "still there after {patience:?}");
            thread::sleep(PAUSE);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _: std::io::Result<()> = self.child.kill();
        let _: std::io::Result<ExitStatus> = self.child.wait();
    }
}

/// An answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    /// The head, in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Asks a server for a path; `None` if nobody listens.
pub(crate) fn ask(address: SocketAddr, path: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some(Answer {
        code: head.split(' ').nth(1)?.parse().ok()?,
        head: head.to_lowercase(),
        body: body.to_owned(),
    })
}

/// Posts octets of a kind to a path; `None` if nobody listens.
pub(crate) fn post(address: SocketAddr, path: &str, kind: &str, body: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let head = format!(
        "POST {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some(Answer {
        code: head.split(' ').nth(1)?.parse().ok()?,
        head: head.to_lowercase(),
        body: body.to_owned(),
    })
}

/// Asks a server for a path until `is_enough`; fails with the last answer if that takes too long.
#[track_caller]
pub(crate) fn ask_until(
    address: SocketAddr,
    path: &str,
    is_enough: impl Fn(&Answer) -> bool,
) -> Answer {
    let end = Instant::now() + PATIENCE;
    loop {
        let answer = ask(address, path);
        match answer {
            Some(answer) if is_enough(&answer) => return answer,
            answer => assert!(Instant::now() < end, "{path} gave {answer:?}"),
        }
        thread::sleep(PAUSE);
    }
}

/// An address on loopback where nobody listens.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
}

/// Between two looks at another process, which does not tell of itself.
const PAUSE: Duration = Duration::from_millis(20);
