//! The frames of the story: what hosts say on the wire when they do what they do.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::course::{Habit, Host, TODAY, hosts};
use crate::dns::{self, Answer, Question, TYPE_A};
use crate::frame::{ACK, Direction, FIN, PSH, Path, SYN, TcpFields};
use crate::rng::Rng;
use crate::sensor::capture::Frame;
use crate::tls::{self, Hello};

/// Makes the frames of a part of the story.
pub(crate) struct Traffic {
    rng: Rng,
    port: u16,
    at: u64,
    frames: Vec<Frame>,
}

impl Traffic {
    pub(crate) fn new() -> Self {
        Self {
            rng: Rng::new(1701),
            port: 1024,
            at: 0,
            frames: Vec::new(),
        }
    }

    /// All that happens in a half of a day before today, which ends at `end` (nanoseconds).
    ///
    /// One half of the hosts speaks in the first half of the day, the other in the second, spread out
    /// evenly. At the end come frames without a meaning, so many that the sensor tells of all before.
    pub(crate) fn half_day(&mut self, half: u32, end: u64) -> Vec<Frame> {
        let hosts = hosts();
        let (count, day) = (hosts.len() / 2, half / 2);
        let hosts = &hosts[count * (half as usize % 2)..][..count];
        for (place, host) in hosts.iter().enumerate() {
            let part = HALF_DAY / count as u64 * (count - place) as u64;
            self.at = end - part;
            self.speak(host, day);
        }
        self.fill();
        std::mem::take(&mut self.frames)
    }

    /// All hosts that are on the wire today, one after the other, beginning at `at` (nanoseconds).
    pub(crate) fn today(&mut self, at: u64) -> Vec<Frame> {
        self.at = at;
        for host in hosts() {
            self.speak(&host, TODAY);
        }
        self.fill();
        std::mem::take(&mut self.frames)
    }

    /// What a host says on a day.
    fn speak(&mut self, host: &Host, day: u32) {
        if !host.is_alive(day) {
            return;
        }
        self.everyday(host);
        if !host.makes_contact(day) {
            return;
        }
        for name in names(host.habit) {
            self.visit(host, name);
        }
    }

    /// What has nothing to do with any flagged vendor.
    fn everyday(&mut self, host: &Host) {
        let server = |last: u8, port: u16| SocketAddr::from(([198, 18, 200, last], port));
        match host.number % 10 {
            // No name is read: a shell, DNS over TLS, and a virtual private network.
            3 => {
                let path = self.path(host, server(3, 22));
                self.converse(
                    &path,
                    &[(b"SSH-2.0-OpenSSH_9.2\r\n", b"SSH-2.0-OpenSSH_9.2\r\n")],
                );
            }
            5 => {
                let path = self.path(host, server(5, 853));
                let secret = tls::protected(200, &mut self.rng);
                self.converse(&path, &[(&secret, &secret)]);
            }
            7 => {
                let path = self.path(host, server(7, 51_820));
                let mut handshake = vec![1, 0, 0, 0];
                handshake.resize(148, 0xa5);
                self.datagram(&path, Direction::Up, &handshake);
            }
            8 => {
                let path = self.path(host, server(8, 80));
                let page = b"GET / HTTP/1.1\r\nHost: www.example.net\r\n\r\n";
                self.converse(&path, &[(page, b"HTTP/1.1 204 No Content\r\n\r\n")]);
            }
            _ => self.visit(host, "www.example.org"),
        }
        // All need something that has a name.
        self.visit(host, "time.example.com");
    }

    /// A question for a name, and a connection to it that exchanges data.
    fn visit(&mut self, host: &Host, name: &str) {
        let server = address_of(name);
        let resolver = self.path(host, SocketAddr::from(([10, 50, 9, 53], 53)));
        let question = Question {
            id: self.rng.word(),
            name,
            kind: TYPE_A,
            edns: true,
        };
        let answer = Answer::Found {
            aliases: &[],
            address: IpAddr::V4(server),
        };
        self.datagram(&resolver, Direction::Up, &dns::query(&question));
        self.datagram(
            &resolver,
            Direction::Down,
            &dns::response(&question, &answer),
        );
        let hello = Hello {
            name,
            post_quantum: false,
            transport_parameters: None,
        };
        let hello = tls::record(HANDSHAKE, &tls::client_hello(&hello, &mut self.rng));
        let reply = tls::record(HANDSHAKE, &tls::server_hello(false, false, &mut self.rng));
        let (up, down) = (
            tls::protected(300, &mut self.rng),
            tls::protected(900, &mut self.rng),
        );
        let path = self.path(host, SocketAddr::from((server, 443)));
        self.converse(&path, &[(&hello, &reply), (&up, &down)]);
    }

    /// A connection: opened, turns of both sides, closed.
    fn converse(&mut self, path: &Path, turns: &[(&[u8], &[u8])]) {
        let (mut up, mut down) = (self.rng.bits() as u32, self.rng.bits() as u32);
        self.segment(path, Direction::Up, (up, 0), SYN, &[]);
        up = up.wrapping_add(1);
        self.segment(path, Direction::Down, (down, up), SYN | ACK, &[]);
        down = down.wrapping_add(1);
        self.segment(path, Direction::Up, (up, down), ACK, &[]);
        for (asked, answered) in turns {
            self.segment(path, Direction::Up, (up, down), ACK | PSH, asked);
            up = up.wrapping_add(asked.len() as u32);
            self.segment(path, Direction::Down, (down, up), ACK | PSH, answered);
            down = down.wrapping_add(answered.len() as u32);
        }
        self.segment(path, Direction::Up, (up, down), FIN | ACK, &[]);
        self.segment(
            path,
            Direction::Down,
            (down, up.wrapping_add(1)),
            FIN | ACK,
            &[],
        );
        let last = (up.wrapping_add(1), down.wrapping_add(1));
        self.segment(path, Direction::Up, last, ACK, &[]);
    }

    fn segment(
        &mut self,
        path: &Path,
        direction: Direction,
        (seq, ack): (u32, u32),
        flags: u8,
        payload: &[u8],
    ) {
        let fields = TcpFields {
            seq,
            ack,
            flags,
            options: &[],
        };
        let mut bytes = Vec::new();
        path.tcp(direction, self.rng.word(), &fields, payload, &mut bytes);
        self.push(bytes);
    }

    fn datagram(&mut self, path: &Path, direction: Direction, payload: &[u8]) {
        let mut bytes = Vec::new();
        path.udp(direction, self.rng.word(), payload, &mut bytes);
        self.push(bytes);
    }

    /// A flow of its own from a host to a server; some hosts are behind a tagged port.
    fn path(&mut self, host: &Host, server: SocketAddr) -> Path {
        self.port = self.port.checked_add(1).unwrap_or(1024);
        Path {
            client: SocketAddr::from((host.address(), self.port)),
            server,
            vlan: host.number.is_multiple_of(9).then_some(50),
        }
    }

    /// Questions for hardware addresses, which tell the sensor nothing.
    fn fill(&mut self) {
        for _ in 0..FILLING {
            let mut bytes = vec![0xff; 6];
            bytes.extend([0x02, 0x10, 10, 50, 0, 1, 0x08, 0x06]);
            bytes.resize(60, 0);
            self.push(bytes);
        }
    }

    fn push(&mut self, bytes: Vec<u8>) {
        self.frames.push(Frame { at: self.at, bytes });
        self.at += BETWEEN_FRAMES;
    }
}

/// The names that a habit uses.
fn names(habit: Habit) -> &'static [&'static str] {
    match habit {
        Habit::Clean => &[],
        Habit::Antivirus => &[
            "s00.upd.kaspersky.com",
            "dc1-st.ksn.kaspersky-labs.com",
            "activation-v2.kaspersky.com",
        ],
        Habit::App => &[
            "log16-normal-useast5.tiktokv.us",
            "frontier-va.tiktokv.com",
            "tnc16-normal-useast5.tiktokv.us",
        ],
        Habit::Camera => &["dev.hik-connect.com", "time.ys7.com"],
        Habit::Engine => &[
            "ksn-crypto-file-geo.kaspersky-labs.com",
            "kav8.zonealarm.com",
        ],
        Habit::Reader => &["www.kaspersky.com"],
    }
}

/// An address of a name's own.
fn address_of(name: &str) -> Ipv4Addr {
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, octet| {
        (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193)
    });
    let [a, b, ..] = hash.to_be_bytes();
    Ipv4Addr::new(198, 19, a, b)
}

/// Half a day in nanoseconds.
pub(crate) const HALF_DAY: u64 = 43_200 * 1_000_000_000;

/// More frames than the sensor reads before it tells of them.
pub(crate) const FILLING: usize = 5_500;

/// Nanoseconds from one frame to the next.
const BETWEEN_FRAMES: u64 = 20_000;

/// Content type of a handshake record (RFC 8446 section 5.1).
const HANDSHAKE: u8 = 22;
