//! Outputs with receivers that are there, slow, gone and back.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;

use super::*;
use crate::export::events::What;
use crate::export::sample;

#[test]
fn every_output_gets_every_event() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.json");
    let (socket, listener) = unix_stream(folder.path());
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = receiver.local_addr().unwrap();
    let mut told = Told::start(Settings {
        file: Some(file::Settings {
            path: path.clone(),
            rotation: None,
        }),
        socket: Some(socket),
        syslog: Some(syslog(address, Carrier::Udp)),
        ..settings()
    });
    told.tell(3);
    let (stream, _) = listener.accept().unwrap();
    let lines: Vec<String> = BufReader::new(stream)
        .lines()
        .take(3)
        .map(Result::unwrap)
        .collect();
    for number in 0..3 {
        assert!(lines[number].contains(&word(number)), "{lines:?}");
        assert!(datagram(&receiver).contains(&word(number)));
    }
    let counts = told.end();
    assert_eq!(counts.len(), 3);
    for (kind, it) in counts {
        assert_eq!((it.sent, it.dropped, it.failed), (3, 0, 0), "{kind:?}");
        assert!(it.last_success.is_some());
    }
    assert_eq!(
        std::fs::read_to_string(path).unwrap(),
        lines.join("\n") + "\n"
    );
}

#[test]
fn a_receiver_that_does_not_read_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (socket, listener) = unix_stream(folder.path());
    let mut told = Told::start(Settings {
        socket: Some(socket),
        queue_octets: 1 << 20,
        ..settings()
    });
    let begin = Instant::now();
    told.tell(20_000);
    assert!(begin.elapsed() < Duration::from_secs(10));
    let (stuck, _) = listener.accept().unwrap();
    let begin = Instant::now();
    let counts = told.end()[0].1;
    // It is waited for, and no longer than that.
    assert!(begin.elapsed() < LAST_WORD + Duration::from_secs(3));
    assert!(counts.dropped > 10_000, "{counts:?}");
    assert_eq!(counts.sent + counts.dropped, 20_000, "{counts:?}");
    drop(stuck);
}

#[test]
fn a_receiver_that_comes_late_or_again_gets_what_waited() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let mut told = Told::start(Settings {
        socket: Some(Socket {
            path: path.clone(),
            kind: SocketKind::Stream,
        }),
        ..settings()
    });
    let mut heard = Vec::new();
    for life in 0..3 {
        told.tell(10);
        told.wait(|it| it.errors > life);
        let listener = UnixListener::bind(&path).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let lines = BufReader::new(stream).lines();
        heard.extend(lines.take(10).map(Result::unwrap));
        told.wait(|it| it.sent == 10 * (life + 1));
        std::fs::remove_file(&path).unwrap();
    }
    assert_eq!(heard.len(), 30);
    for (number, line) in heard.iter().enumerate() {
        assert!(line.contains(&word(number)), "{number}: {line}");
    }
    let counts = told.end()[0].1;
    assert_eq!((counts.sent, counts.dropped), (30, 0));
}

#[test]
fn a_datagram_that_is_too_long_fails_and_the_others_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let receiver = UnixDatagram::bind(&path).unwrap();
    let mut told = Told::start(Settings {
        socket: Some(Socket {
            path,
            kind: SocketKind::Datagram,
        }),
        ..settings()
    });
    told.tell(1);
    told.tell_of(&"x".repeat(1 << 20));
    told.tell(1);
    let mut octets = vec![0; 1 << 16];
    for _ in 0..2 {
        let len = receiver.recv(&mut octets).unwrap();
        assert!(octets[..len].ends_with(b"}\n"));
    }
    let counts = told.end()[0].1;
    assert_eq!((counts.sent, counts.failed, counts.dropped), (2, 1, 0));
}

#[test]
fn without_anybody_on_the_port_nothing_counts_as_sent_over_udp() {
    let address = {
        let free = UdpSocket::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap()
    };
    let mut told = Told::start(Settings {
        syslog: Some(syslog(address, Carrier::Udp)),
        ..settings()
    });
    told.tell(5);
    told.wait(|it| it.errors > 0);
    assert_eq!(told.running.counts()[0].1.sent, 0);
    let receiver = UdpSocket::bind(address).unwrap();
    for number in 0..5 {
        assert!(datagram(&receiver).contains(&word(number)));
    }
    let counts = told.end()[0].1;
    assert_eq!((counts.sent, counts.dropped), (5, 0));
}

#[test]
fn messages_over_tcp_have_their_length_in_front() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut told = Told::start(Settings {
        syslog: Some(syslog(address, Carrier::Tcp)),
        ..settings()
    });
    told.tell(3);
    let (mut stream, _) = listener.accept().unwrap();
    let counts = told.end()[0].1;
    assert_eq!(counts.sent, 3);
    let mut octets = Vec::new();
    stream.read_to_end(&mut octets).unwrap();
    let mut rest = octets.as_slice();
    for number in 0..3 {
        let end = rest.iter().position(|it| *it == b' ').unwrap();
        let len: usize = str::from_utf8(&rest[..end]).unwrap().parse().unwrap();
        let message = str::from_utf8(&rest[end + 1..][..len]).unwrap();
        assert!(message.starts_with("<13"), "{message}");
        assert!(message.contains(&word(number)), "{message}");
        rest = &rest[end + 1 + len..];
    }
    assert!(rest.is_empty());
}

#[test]
fn an_end_without_a_receiver_is_quick_and_drops_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let mut told = Told::start(Settings {
        socket: Some(Socket {
            path: folder.path().join("nobody"),
            kind: SocketKind::Stream,
        }),
        ..settings()
    });
    told.tell(7);
    told.wait(|it| it.errors > 0);
    let begin = Instant::now();
    let counts = told.end()[0].1;
    assert!(begin.elapsed() < LAST_WORD);
    assert_eq!((counts.sent, counts.dropped, counts.queued), (0, 7, 0));
}

#[test]
fn a_full_disk_is_tried_again_and_nothing_is_lost_but_by_the_queue() {
    let mut told = Told::start(Settings {
        file: Some(file::Settings {
            path: "/dev/full".into(),
            rotation: None,
        }),
        queue_octets: 1 << 16,
        ..settings()
    });
    told.tell(1_000);
    told.wait(|it| it.errors > 1);
    let counts = told.running.counts()[0].1;
    assert!(counts.dropped > 0 && counts.queued > 0, "{counts:?}");
    assert_eq!(counts.dropped + counts.queued, 1_000);
    assert_eq!(told.end()[0].1.dropped, 1_000);
}

#[test]
fn a_folder_that_is_not_there_is_told_before_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no");
    let settings = Settings {
        file: Some(file::Settings {
            path: missing.join("events.json"),
            rotation: None,
        }),
        ..settings()
    };
    let error = settings.prepare().unwrap_err().to_string();
    assert!(error.contains(&missing.display().to_string()), "{error}");
}

/// Outputs that are told events with growing numbers.
struct Told {
    outputs: Outputs,
    running: Running,
    count: usize,
}

impl Told {
    fn start(settings: Settings) -> Self {
        let (outputs, running) = settings.prepare().unwrap().start().unwrap();
        Self {
            outputs,
            running,
            count: 0,
        }
    }

    fn tell(&mut self, count: usize) {
        for _ in 0..count {
            self.tell_of(&word(self.count));
            self.count += 1;
        }
    }

    fn tell_of(&mut self, ground: &str) {
        let snapshot = sample::snapshot();
        let mut finding = snapshot.findings[0].as_ref().clone();
        finding.grounds = vec![ground.to_owned()];
        self.outputs.tell(&Event {
            catalogue: &sample::catalogue(),
            sensor: None,
            who: None,
            what: What::Change {
                at: sample::at(0),
                change: "opened",
                finding: &finding,
            },
        });
    }

    /// Waits for the only output.
    #[track_caller]
    fn wait(&self, is_enough: impl Fn(&Counts) -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let counts = self.running.counts()[0].1;
            if is_enough(&counts) {
                return;
            }
            assert!(Instant::now() < end, "{counts:?}");
            thread::sleep(POLL);
        }
    }

    fn end(self) -> Vec<(Kind, Counts)> {
        self.running.finish(LAST_WORD);
        let counts = self.running.counts();
        assert!(counts.iter().all(|it| it.1.queued == 0), "{counts:?}");
        counts
    }
}

fn settings() -> Settings {
    Settings {
        shape: Shape::Eve,
        sensor: "sensor1".to_owned(),
        queue_octets: 8 << 20,
        file: None,
        socket: None,
        stdout: false,
        syslog: None,
    }
}

fn syslog(address: SocketAddr, carrier: Carrier) -> Syslog {
    Syslog {
        address,
        carrier,
        facility: 16,
        payload: Payload::Json(Shape::Eve),
    }
}

fn unix_stream(folder: &Path) -> (Socket, UnixListener) {
    let path = folder.join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let kind = SocketKind::Stream;
    (Socket { path, kind }, listener)
}

fn datagram(receiver: &UdpSocket) -> String {
    receiver
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let mut octets = vec![0; 1 << 16];
    let len = receiver.recv(&mut octets).unwrap();
    String::from_utf8(octets[..len].to_vec()).unwrap()
}

/// What an event of that number says.
fn word(number: usize) -> String {
    format!("ground {number}.")
}
