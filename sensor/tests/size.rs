//! What is served of a large site stays bounded: ten thousand findings on a hundred thousand hosts,
//! then a million names and hosts that nobody has ever heard of.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};

use sensor::samples;
use sensor::server::{Server, ask, ask_until};

mod sensor;

/// Hosts of the site, and those of them that ask for names of a vendor.
const HOSTS: u32 = 100_000;
const FLAGGED: u32 = 10_000;

/// Names and hosts that come once.
const STRANGERS: u32 = 1_000_000;

#[test]
fn a_large_site_and_a_million_strangers_leave_pages_and_series_bounded() {
    let mut command = sensor::command(["run", "--web.listen-address", "127.0.0.1:0"]);
    command.args(["--directives", "us-bod-17-01", "--replay", "-"]);
    let mut server = Server::start_fed(command);
    let address = address_in(&server.line_with("serving on"));

    let mut capture = Capture::default();
    for number in 0..HOSTS {
        let host = Ipv4Addr::from(0x0a00_0001 + number);
        if number < FLAGGED {
            capture.exchange(host, "s00.upd.kaspersky.com");
            capture.exchange(host, "ds.kaspersky.com");
        } else {
            capture.exchange(host, "www.example.net");
        }
    }
    server.feed(&capture.octets);
    let frames = f64::from(2 * (HOSTS + FLAGGED));
    // The newest frames wait in pipe, reader and queues until others follow; those of flagged hosts
    // come first.
    let metrics = until(address, |text| {
        sum(text, "phonehome_open_findings") >= f64::from(FLAGGED)
    });
    assert_eq!(sum(&metrics, "phonehome_open_findings"), f64::from(FLAGGED));
    assert!(metrics.len() < 500_000, "{} octets", metrics.len());
    let before = series(&metrics);

    let rows = body(address, "/metrics/hosts");
    assert_eq!(sum(&rows, "phonehome_host_finding_info"), 5_000.0);
    assert_eq!(sum(&rows, "phonehome_host_rows_omitted"), 5_000.0);
    let page = body(address, "/");
    assert!(page.len() < 500_000, "{} octets", page.len());
    let report = body(address, "/report?directive=us-bod-17-01");
    assert!(report.len() < 3_000_000, "{} octets", report.len());
    assert!(report.contains("9000 more endpoints are not listed here"));
    let table = body(address, "/report?directive=us-bod-17-01&format=csv");
    let rows = table.lines().filter(|it| it.starts_with("finding,"));
    assert_eq!(rows.count(), FLAGGED as usize);

    let mut strangers = Capture {
        octets: Vec::new(),
        ..capture
    };
    for number in 0..STRANGERS {
        // Multiplication by an odd number visits every host of the block once.
        let host = Ipv4Addr::from(0x0a00_0000 | (number.wrapping_mul(0x9e_3779) & 0x00ff_ffff));
        strangers.question(host, &format!("x{number:x}.example.org"));
    }
    server.feed(&strangers.octets);
    server.close();
    server.line_with("the replay has ended");
    let all = frames + f64::from(STRANGERS);
    let metrics = until(address, |text| {
        sum(text, "phonehome_capture_processed_frames_total") >= all
    });
    let after = series(&metrics);
    let new: Vec<&String> = after.symmetric_difference(&before).collect();
    assert!(new.is_empty(), "{new:?}");
    assert!(metrics.len() < 500_000, "{} octets", metrics.len());
    assert_eq!(sum(&metrics, "phonehome_open_findings"), f64::from(FLAGGED));
}

/// The metrics, once they are as wanted.
fn until(address: SocketAddr, is_enough: impl Fn(&str) -> bool) -> String {
    ask_until(address, "/metrics", |it| {
        it.code == 200 && is_enough(&it.body)
    })
    .body
}

fn body(address: SocketAddr, path: &str) -> String {
    let answer = ask(address, path).expect("an answer");
    assert_eq!(answer.code, 200, "{path}: {}", answer.body);
    answer.body
}

fn sum(text: &str, name: &str) -> f64 {
    sensor::sum(&samples(text), name)
}

/// Names and labels of the samples.
fn series(text: &str) -> BTreeSet<String> {
    let samples = text.lines().filter(|it| !it.starts_with('#'));
    samples
        .filter_map(|it| it.rsplit_once(' '))
        .map(|it| it.0.to_owned())
        .collect()
}

/// The address in the line that the sensor says when it serves.
fn address_in(line: &str) -> SocketAddr {
    let (_, rest) = line.split_once("http://").expect("a URL");
    let (address, _) = rest.split_once('/').expect("a path");
    address.parse().expect("an address")
}

/// A classic pcap file of DNS messages, with microseconds that go on.
struct Capture {
    octets: Vec<u8>,
    micros: u64,
}

impl Default for Capture {
    fn default() -> Self {
        let mut octets = Vec::new();
        for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
            octets.extend(word.to_le_bytes());
        }
        Self {
            octets,
            micros: 1_764_000_000_000_000,
        }
    }
}

impl Capture {
    /// A question of a host to the resolver, and the answer.
    fn exchange(&mut self, host: Ipv4Addr, name: &str) {
        self.question(host, name);
        let mut message = message(name, 0x8180, 1);
        message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 80]);
        self.frame((RESOLVER, 53), (host, 40_000), &message);
    }

    fn question(&mut self, host: Ipv4Addr, name: &str) {
        self.frame((host, 40_000), (RESOLVER, 53), &message(name, 0x0100, 0));
    }

    /// A datagram over IPv4 and Ethernet.
    fn frame(&mut self, from: (Ipv4Addr, u16), to: (Ipv4Addr, u16), payload: &[u8]) {
        let udp = payload.len() as u16 + 8;
        let length = u32::from(udp) + 34;
        let (secs, micros) = (self.micros / 1_000_000, self.micros % 1_000_000);
        self.micros += 5;
        for word in [secs as u32, micros as u32, length, length] {
            self.octets.extend(word.to_le_bytes());
        }
        self.octets
            .extend([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
        self.octets.extend([0x45, 0]);
        self.octets.extend((udp + 20).to_be_bytes());
        self.octets.extend([0, 0, 0, 0, 64, 17, 0, 0]);
        self.octets.extend(from.0.octets());
        self.octets.extend(to.0.octets());
        for field in [from.1, to.1, udp, 0] {
            self.octets.extend(field.to_be_bytes());
        }
        self.octets.extend(payload);
    }
}

/// A DNS message with a question for an address, and so many answers to follow.
fn message(name: &str, flags: u16, answers: u16) -> Vec<u8> {
    let mut message = Vec::with_capacity(64);
    for field in [0x1234, flags, 1, answers, 0, 0] {
        message.extend(field.to_be_bytes());
    }
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend(label.as_bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    message
}

const RESOLVER: Ipv4Addr = Ipv4Addr::new(172, 16, 0, 53);
