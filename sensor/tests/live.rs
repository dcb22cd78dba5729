//! Live capture on a wire of its own: two network namespaces and a pair of virtual interfaces.
//!
//! Needs root, `ip`, `tcpreplay` and `curl` (`make setup-test` installs them). Where namespaces
//! cannot be had, `PHONEHOME_SKIP_LIVE=1` leaves these tests out; without it they fail.
#![cfg(feature = "capture")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::VecDeque;
use std::fs::{File, Permissions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tempfile::TempDir;

#[test]
fn what_is_sent_is_received_and_found_as_in_the_file() {
    let Some(wire) = Wire::new(1) else { return };
    let sensor = wire.start(&[]);
    sensor.wait_until_ready();
    wire.send("src0", &["--pps=2000"]);
    sensor.wait_for("all frames", |page| page.received("mon0") >= FRAMES);
    let page = sensor.metrics();
    assert_eq!(page.received("mon0"), FRAMES);
    assert_eq!(page.dropped("mon0"), 0);
    assert_eq!(page.of("phonehome_capture_up", "interface=\"mon0\""), 1);
    assert!(page.text.contains("interface=\"mon0\",mode=\"live\""));
    // Some of it shows only when silence has ended a flow.
    let expected = findings(&read(&wire.capture));
    assert!(expected.len() > 5, "{expected:?}");
    sensor.wait_for("the findings of the file", |_| {
        findings(&sensor.get("/api/v1/findings")) == expected
    });
}

#[test]
fn a_finding_is_in_the_metrics_within_two_seconds_of_its_frames() {
    let Some(wire) = Wire::new(1) else { return };
    let sensor = wire.start(&[]);
    sensor.wait_until_ready();
    wire.send("src0", &["--pps=2000"]);
    let sent = Instant::now();
    // Those that show only when silence has ended a flow are not among them.
    sensor.wait_for("findings", |page| page.open_findings() >= 5);
    assert!(
        sent.elapsed() < Duration::from_secs(2),
        "{:?}",
        sent.elapsed()
    );
}

#[test]
fn what_was_captured_before_the_stop_is_found() {
    let Some(wire) = Wire::new(1) else { return };
    let [path, expected] = ["live.txt", "file.txt"].map(|it| wire.folder.path().join(it));
    let mut sensor = wire.start(&["--metrics", path.to_str().unwrap()]);
    sensor.wait_until_ready();
    wire.send("src0", &["--pps=2000"]);
    assert!(sensor.stop() < Duration::from_secs(5));
    let output = phonehome()
        .args(["read", "--metrics"])
        .args([&expected, &wire.capture])
        .output()
        .unwrap();
    assert!(output.status.success());
    let [page, file] = [path, expected].map(|it| Page {
        text: std::fs::read_to_string(it).unwrap(),
    });
    page.check();
    assert_eq!(page.received("mon0"), FRAMES);
    assert_eq!(page.processed("mon0"), FRAMES);
    assert_eq!(page.open_findings(), file.open_findings());
    assert!(file.open_findings() > 5);
}

#[test]
fn evidence_is_kept_of_what_any_of_the_capturing_threads_hears() {
    let Some(wire) = Wire::new(1) else { return };
    // The sensor gives up being root before it writes: it makes the folder for the owner of the one that
    // it is in.
    let state = wire.folder.path().join("state");
    std::fs::create_dir(&state).unwrap();
    std::fs::set_permissions(wire.folder.path(), Permissions::from_mode(0o755)).unwrap();
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    let (user, group) = (nobody.uid.as_raw(), nobody.gid.as_raw());
    std::os::unix::fs::chown(&state, Some(user), Some(group)).unwrap();
    let place = state.join("evidence");
    let evidence = format!("--evidence.folder={}", place.display());
    let mut sensor = wire.start(&["--capture.threads=2", "--rights.user=nobody", &evidence]);
    sensor.wait_until_ready();
    wire.send("src0", &["--pps=2000"]);
    let count = |page: &Page, result: &str| {
        let label = format!("result=\"{result}\"");
        page.of("phonehome_evidence_records_total", &label)
    };
    sensor.wait_for("evidence", |page| count(page, "kept") >= 60);
    let page = sensor.metrics();
    let lost = ["missed", "refused", "failed"].map(|it| count(&page, it));
    assert_eq!(lost, [0; 3]);
    assert!(sensor.stop() < Duration::from_secs(5));
    let mut verify = phonehome();
    let output = verify.args(["evidence", "verify"]).arg(&place).output();
    let output = output.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && !said.contains("BAD"), "{said}");
    let holding: u64 = said
        .lines()
        .last()
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(holding >= count(&page, "kept"), "{said}");
}

#[test]
fn on_a_silent_wire_the_canary_sings_and_leaves_no_trace() {
    let Some(wire) = Wire::new(1) else { return };
    let sensor = wire.start(&[]);
    sensor.wait_until_ready();
    let found = |page: &Page| page.of("phonehome_canary_exchanges_total", "result=\"found\"");
    sensor.wait_for("canaries", |page| found(page) >= 4);
    let page = sensor.metrics();
    let success = page.value("phonehome_canary_last_success_timestamp_seconds");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    assert!((now.as_secs_f64() - success).abs() < 10.0, "{success}");
    assert_eq!(
        page.value("phonehome_canary_latency_seconds_count") as u64,
        found(&page)
    );
    assert_eq!((page.received("mon0"), page.queued()), (0, 0));
    assert_eq!(page.of("phonehome_sightings_total", "vendor="), 0);
    assert_eq!(page.of("phonehome_flows_started_total", "transport="), 0);
    assert_eq!(page.of("phonehome_decode_packets_total", "network="), 0);
    assert_eq!(sensor.get("/-/ready"), "ready\n");
    for path in ["/api/v1/findings", "/metrics/hosts", "/"] {
        let answer = sensor.get(path);
        assert!(
            !answer.is_empty() && !answer.contains("192.0.2.1"),
            "{path}"
        );
    }
    assert_eq!(findings(&sensor.get("/api/v1/findings")), [""; 0]);
}

#[test]
fn without_signatures_the_canary_fails_within_fifteen_seconds() {
    let Some(wire) = Wire::new(1) else { return };
    let empty = tempfile::tempdir().unwrap();
    let packs = [
        "--no-builtin-signatures",
        "--signatures",
        empty.path().to_str().unwrap(),
    ];
    // Five that do not come out: every three seconds, or as often as is asked for.
    for (every, patience) in [(None, 17), (Some("1s"), 12)] {
        let mut options = packs.to_vec();
        options.extend(every.iter().flat_map(|it| ["--pipeline.canary", it]));
        let sensor = wire.start(&options);
        let started = Instant::now();
        sensor.wait_until_ready();
        sensor.wait_for("the canary to fail", |_| {
            sensor
                .get("/-/ready")
                .starts_with("not ready: a canary exchange")
        });
        let took = started.elapsed();
        assert!(took < Duration::from_secs(patience), "{every:?}: {took:?}");
    }
}

#[test]
fn two_interfaces_are_counted_apart() {
    let Some(wire) = Wire::new(2) else { return };
    let sensor = wire.start(&["--interface", "mon1"]);
    sensor.wait_until_ready();
    wire.send("src1", &["--pps=4000", "--limit=700"]);
    wire.send("src0", &["--pps=4000", "--limit=1200"]);
    sensor.wait_for("all frames", |page| {
        page.received("mon0") == 1200 && page.received("mon1") == 700
    });
    sensor.wait_for("empty queues", |page| page.queued() == 0);
    let page = sensor.metrics();
    assert_eq!(page.processed("mon0"), 1200);
    assert_eq!(page.processed("mon1"), 700);
}

#[test]
fn hostile_web_clients_take_nothing_from_the_capture() {
    let Some(wire) = Wire::new(1) else { return };
    let sensor = wire.start(&[]);
    sensor.wait_until_ready();
    let is_over = Arc::new(AtomicBool::new(false));
    let connections = Arc::new(AtomicU32::new(0));
    let floods: Vec<_> = (0..3)
        .map(|_| {
            let space = File::open(format!("/run/netns/{}", wire.inside)).unwrap();
            let (is_over, connections) = (Arc::clone(&is_over), Arc::clone(&connections));
            std::thread::spawn(move || {
                nix::sched::setns(space, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
                flood_until(&is_over, &connections);
            })
        })
        .collect();
    let mut sent = 0;
    while connections.load(Ordering::Relaxed) <= 1_000 {
        assert!(sent < 20 * FRAMES, "{connections:?} connections");
        wire.send("src0", &["--pps=2000"]);
        sent += FRAMES;
    }
    is_over.store(true, Ordering::Relaxed);
    for flood in floods {
        flood.join().unwrap();
    }
    sensor.wait_for("all frames", |page| page.received("mon0") >= sent);
    let page = sensor.metrics();
    assert_eq!(page.received("mon0"), sent);
    assert_eq!(page.dropped("mon0"), 0);
    let expected = findings(&read(&wire.capture));
    sensor.wait_for("the findings of the file", |_| {
        findings(&sensor.get("/api/v1/findings")) == expected
    });
}

/// Opens connections, which it counts, asks much and reads nothing.
fn flood_until(is_over: &AtomicBool, connections: &AtomicU32) {
    let requests = "GET /api/v1/signatures HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100);
    let mut open = VecDeque::new();
    while !is_over.load(Ordering::Relaxed) {
        if let Ok(mut stream) = TcpStream::connect("127.0.0.1:14663") {
            let _ = stream.set_nonblocking(true);
            let _ = stream.write(requests.as_bytes());
            open.push_back(stream);
            connections.fetch_add(1, Ordering::Relaxed);
        }
        if open.len() > 100 {
            open.pop_front();
        }
    }
}

#[test]
fn a_silent_wire_does_not_delay_the_stop() {
    let Some(wire) = Wire::new(1) else { return };
    let mut sensor = wire.start(&[]);
    sensor.wait_until_ready();
    assert!(sensor.stop() < Duration::from_secs(2));
}

#[test]
fn a_busy_wire_does_not_delay_the_stop_and_every_frame_is_accounted_for() {
    let Some(wire) = Wire::new(1) else { return };
    let path = wire.folder.path().join("metrics.txt");
    let mut sensor = wire.start(&["--metrics", path.to_str().unwrap()]);
    sensor.wait_until_ready();
    let mut sender = wire.sender("src0", &["--mbps=200", "--loop=1000000"]);
    sensor.wait_for("many frames", |page| page.received("mon0") > 20_000);
    assert!(sensor.stop() < Duration::from_secs(5));
    let _ = sender.kill();
    let _ = sender.wait();
    let page = Page {
        text: std::fs::read_to_string(path).unwrap(),
    };
    page.check();
    assert_eq!(page.queued(), 0);
}

#[test]
fn octets_of_a_flagged_connection_are_those_that_were_sent_while_it_is_open_and_after() {
    let Some(wire) = Wire::new(1) else { return };
    let sensor = wire.start(&[]);
    sensor.wait_until_ready();
    ip(&[
        "-n",
        &wire.inside,
        "addr",
        "add",
        "10.0.0.1/24",
        "dev",
        "mon0",
    ]);
    ip(&[
        "-n",
        &wire.outside,
        "addr",
        "add",
        "10.0.0.2/24",
        "dev",
        "src0",
    ]);
    let (closing, closed) = channel();
    let server = within(&wire.inside, || {
        let listener = TcpListener::bind("10.0.0.1:443").unwrap();
        std::thread::spawn(move || answer(&listener))
    });
    let server = server.join().unwrap();
    let others: Vec<_> = (0..4)
        .map(|_| within(&wire.outside, || exchange("bulk.example", 2_000_000, None)))
        .collect();
    let flagged = within(&wire.outside, move || {
        exchange("s00.upd.kaspersky.com", 700_001, Some(closed))
    });
    let sent = 700_001 + hello("s00.upd.kaspersky.com").len() as u64;
    let octets = |page: &Page| {
        let of = |direction| page.of("phonehome_sighting_bytes_total", direction);
        [of("direction=\"sent\""), of("direction=\"received\"")]
    };
    sensor.wait_for("all octets of the open connection", |page| {
        let known = octets(page);
        assert!(known[0] <= sent && known[1] <= 2 * sent, "{known:?}");
        known == [sent, 2 * sent]
    });
    closing.send(()).unwrap();
    for it in others.into_iter().chain([flagged]) {
        it.join().unwrap();
    }
    server.join().unwrap();
    sensor.wait_for("the ends of all connections", |page| {
        page.of("phonehome_flows_ended_total", "transport=\"tcp\"") == 5
    });
    assert_eq!(octets(&sensor.metrics()), [sent, 2 * sent]);
}

/// Runs something in a thread inside a network namespace; sockets made there stay there.
fn within<T: Send + 'static>(
    namespace: &str,
    what: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    let path = format!("/run/netns/{namespace}");
    std::thread::spawn(move || {
        let space = File::open(path).unwrap();
        nix::sched::setns(space, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
        what()
    })
}

/// Answers five connections, twice as many octets as come.
fn answer(listener: &TcpListener) {
    let answered: Vec<_> = (0..5)
        .map(|_| {
            let (mut stream, _) = listener.accept().unwrap();
            std::thread::spawn(move || {
                let mut buffer = vec![0; 16_384];
                loop {
                    match stream.read(&mut buffer).unwrap() {
                        0 => return,
                        len => stream.write_all(&[0x17; 32_768][..2 * len]).unwrap(),
                    }
                }
            })
        })
        .collect();
    for it in answered {
        it.join().unwrap();
    }
}

/// Greets a server by that name and sends it so many octets, a packet at a time, each answered by
/// twice as many, so that none is ever sent again; then closes, or waits to be told to.
fn exchange(name: &str, octets: usize, close: Option<Receiver<()>>) {
    let mut stream = TcpStream::connect("10.0.0.1:443").unwrap();
    let message = [hello(name), vec![0x17; octets]].concat();
    let mut buffer = vec![0; 20_000];
    for packet in message.chunks(10_000) {
        stream.write_all(packet).unwrap();
        stream.read_exact(&mut buffer[..2 * packet.len()]).unwrap();
    }
    if let Some(close) = close {
        close.recv().unwrap();
    }
}

/// A TLS hello of nothing but a server name (RFC 8446 section 4.1.2, RFC 6066 section 3).
fn hello(name: &str) -> Vec<u8> {
    let framed = |head: &[u8], width: usize, body: Vec<u8>| {
        let len = (body.len() as u32).to_be_bytes();
        [head, &len[4 - width..], &body].concat()
    };
    let list = framed(&[], 2, framed(&[0], 2, name.as_bytes().to_vec()));
    let extensions = framed(&[], 2, framed(&[0, 0], 2, list));
    let mut message = [&[3, 3][..], &[7; 32], &[0], &[0, 2, 0x13, 1], &[1, 0]].concat();
    message.extend(extensions);
    framed(&[0x16, 3, 1], 2, framed(&[1], 3, message))
}

#[test]
fn an_interface_that_goes_down_or_away_is_taken_up_again() {
    let Some(wire) = Wire::new(1) else { return };
    let sensor = wire.start(&["--rights.keep-net-raw"]);
    sensor.wait_until_ready();
    ip(&["-n", &wire.inside, "link", "set", "mon0", "down"]);
    sensor.wait_for("the interface to be down", |page| !page.is_up("mon0"));
    let refusal = sensor.get("/-/ready");
    assert_eq!(refusal, "not ready: interface mon0: it is down\n");
    ip(&["-n", &wire.inside, "link", "set", "mon0", "up"]);
    sensor.wait_until_ready();
    wire.send("src0", &["--pps=4000", "--limit=100"]);
    sensor.wait_for("frames", |page| page.received("mon0") == 100);

    ip(&["-n", &wire.inside, "link", "del", "mon0"]);
    sensor.wait_for("the interface to be away", |page| !page.is_up("mon0"));
    let refusal = sensor.get("/-/ready");
    assert!(refusal.contains("mon0: no such interface"), "{refusal}");
    wire.connect("mon0", "src0");
    sensor.wait_until_ready();
    wire.send("src0", &["--pps=4000", "--limit=100"]);
    sensor.wait_for("more frames", |page| page.received("mon0") == 200);
}

#[test]
fn an_interface_that_is_down_at_the_start_is_waited_for() {
    let Some(wire) = Wire::new(1) else { return };
    ip(&["-n", &wire.inside, "link", "set", "mon0", "down"]);
    let sensor = wire.start(&["--rights.keep-net-raw"]);
    sensor.wait_for("an answer", |page| !page.is_up("mon0"));
    ip(&["-n", &wire.inside, "link", "set", "mon0", "up"]);
    sensor.wait_until_ready();
}

#[test]
fn a_missing_interface_ends_the_program_with_its_name() {
    let output = phonehome()
        .args(["run", "--interface", "no-such-if0"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    let start = "phonehome: cannot open interface no-such-if0: no such interface; there are: ";
    assert!(text.starts_with(start), "{text}");
}

#[test]
fn exactly_one_kind_of_input_is_asked_for() {
    for arguments in [
        &["run"][..],
        &["run", "--interface", "lo", "--replay", "x.pcap"],
        &["run", "--interface", "lo", "--exit-when-done"],
        &["run", "--interface", "lo", "--interface", "lo"],
    ] {
        let output = phonehome().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

/// Pairs of interfaces: `mon0` and on in one namespace, `src0` and on in another.
struct Wire {
    inside: String,
    outside: String,
    folder: TempDir,
    capture: PathBuf,
}

impl Wire {
    /// `None` where these tests are to be left out.
    fn new(pairs: u32) -> Option<Self> {
        if std::env::var_os("PHONEHOME_SKIP_LIVE").is_some() {
            return None;
        }
        assert!(
            nix::unistd::Uid::effective().is_root(),
            "this test makes network namespaces: run it as root (sudo -E cargo test -p phonehome \
             --test live), or leave it out with PHONEHOME_SKIP_LIVE=1"
        );
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = |side| format!("ph-{}-{number}-{side}", std::process::id());
        let folder = tempfile::tempdir().unwrap();
        let capture = folder.path().join("demo.pcap");
        let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/demo/demo.pcap.gz");
        let mut reader = flate2::read::MultiGzDecoder::new(File::open(packed).unwrap());
        std::io::copy(&mut reader, &mut File::create(&capture).unwrap()).unwrap();
        let wire = Self {
            inside: name("in"),
            outside: name("out"),
            folder,
            capture,
        };
        for space in [&wire.inside, &wire.outside] {
            ip(&["netns", "add", space]);
            ip(&["-n", space, "link", "set", "lo", "up"]);
            // Else the system itself would send on the wire.
            let quiet = "for i in all default; do echo 1 > /proc/sys/net/ipv6/conf/$i/disable_ipv6; \
                         done";
            ip(&["netns", "exec", space, "sh", "-c", quiet]);
        }
        for pair in 0..pairs {
            wire.connect(&format!("mon{pair}"), &format!("src{pair}"));
        }
        Some(wire)
    }

    fn connect(&self, inside: &str, outside: &str) {
        // The capture holds frames that offloading has made long.
        let mut arguments = vec!["-n", &self.inside, "link", "add", inside, "mtu", "65535"];
        arguments.extend(["type", "veth", "peer", "name", outside, "mtu", "65535"]);
        arguments.extend(["netns", &self.outside]);
        ip(&arguments);
        ip(&["-n", &self.inside, "link", "set", inside, "up"]);
        ip(&["-n", &self.outside, "link", "set", outside, "up"]);
    }

    fn start(&self, more: &[&str]) -> Sensor {
        let child = Command::new("ip")
            .args(["netns", "exec", &self.inside])
            .arg(env!("CARGO_BIN_EXE_phonehome"))
            .args(["run", "--interface", "mon0"])
            .args(more)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Sensor {
            child,
            inside: self.inside.clone(),
        }
    }

    fn send(&self, interface: &str, how: &[&str]) {
        assert!(self.sender(interface, how).wait().unwrap().success());
    }

    fn sender(&self, interface: &str, how: &[&str]) -> Child {
        Command::new("ip")
            .args(["netns", "exec", &self.outside, "tcpreplay", "-q"])
            .args(["-i", interface])
            .args(how)
            .arg(&self.capture)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        for space in [&self.inside, &self.outside] {
            let _ = Command::new("ip").args(["netns", "del", space]).status();
        }
    }
}

/// A running sensor; asserts at every look at its metrics that the sums hold.
struct Sensor {
    child: Child,
    inside: String,
}

impl Sensor {
    /// The answer of its web server; empty as long as there is none.
    fn get(&self, path: &str) -> String {
        let url = format!("http://127.0.0.1:14663{path}");
        let output = Command::new("ip")
            .args(["netns", "exec", &self.inside, "curl", "-s"])
            .args(["--max-time", "2", &url])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn metrics(&self) -> Page {
        let text = self.get("/metrics");
        let page = Page { text };
        if !page.text.is_empty() {
            page.check();
        }
        page
    }

    fn wait_until_ready(&self) {
        self.wait_for("readiness", |_| self.get("/-/ready") == "ready\n");
    }

    fn wait_for(&self, what: &str, is_there: impl Fn(&Page) -> bool) {
        let started = Instant::now();
        loop {
            let page = self.metrics();
            if !page.text.is_empty() && is_there(&page) {
                return;
            }
            let shown: Vec<_> = page.captures().collect();
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "waited for {what}: {}{shown:#?}",
                self.get("/-/ready")
            );
            sleep(Duration::from_millis(50));
        }
    }

    /// Asks it to stop; gives the time that it took.
    fn stop(&mut self) -> Duration {
        let started = Instant::now();
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(
            Command::new("sh")
                .args(["-c", &kill])
                .status()
                .unwrap()
                .success()
        );
        while started.elapsed() < Duration::from_secs(10) {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert_eq!(status.code(), Some(0));
                return started.elapsed();
            }
            sleep(Duration::from_millis(10));
        }
        panic!("it does not stop");
    }
}

impl Drop for Sensor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The text of `/metrics`.
struct Page {
    text: String,
}

impl Page {
    fn captures(&self) -> impl Iterator<Item = &str> {
        self.text
            .lines()
            .filter(|it| it.starts_with("phonehome_capture_"))
    }

    /// The sum of a family's rows with a label.
    fn of(&self, family: &str, label: &str) -> u64 {
        self.text
            .lines()
            .filter_map(|line| line.rsplit_once(' '))
            .filter(|(row, _)| row.starts_with(&format!("{family}{{")) && row.contains(label))
            .map(|(_, value)| value.parse::<u64>().unwrap())
            .sum()
    }

    /// The value of a row without labels.
    fn value(&self, row: &str) -> f64 {
        let mut rows = self.text.lines().filter_map(|it| it.rsplit_once(' '));
        rows.find(|it| it.0 == row).unwrap().1.parse().unwrap()
    }

    fn open_findings(&self) -> u64 {
        self.of("phonehome_open_findings", "vendor=")
    }

    fn received(&self, interface: &str) -> u64 {
        let label = format!("interface=\"{interface}\"");
        self.of("phonehome_capture_received_frames_total", &label)
    }

    fn processed(&self, interface: &str) -> u64 {
        let label = format!("interface=\"{interface}\"");
        self.of("phonehome_capture_processed_frames_total", &label)
    }

    fn dropped(&self, interface: &str) -> u64 {
        let label = format!("interface=\"{interface}\"");
        self.of("phonehome_capture_dropped_frames_total", &label)
    }

    fn is_up(&self, interface: &str) -> bool {
        let label = format!("interface=\"{interface}\"");
        self.of("phonehome_capture_up", &label) == 1
    }

    fn queued(&self) -> u64 {
        self.of("phonehome_pipeline_queued_frames", "worker=")
    }

    fn check(&self) {
        let any = "interface=";
        let settled = self.of("phonehome_capture_processed_frames_total", any)
            + self.of("phonehome_capture_dropped_frames_total", any);
        let received = self.of("phonehome_capture_received_frames_total", any);
        assert_eq!(received, settled + self.queued());
    }
}

fn phonehome() -> Command {
    Command::new(env!("CARGO_BIN_EXE_phonehome"))
}

/// What the sensor finds in a file, as JSON.
fn read(capture: &Path) -> String {
    let output = phonehome()
        .args(["read", "--json"])
        .arg(capture)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Host, vendor and verdict of the findings in a document, in order.
fn findings(document: &str) -> Vec<String> {
    let document: Value = serde_json::from_str(document).unwrap();
    let mut findings: Vec<String> = document["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| format!("{} {} {}", it["host"], it["vendor"]["id"], it["verdict"]))
        .collect();
    findings.sort();
    findings
}

fn ip(arguments: &[&str]) {
    let status = Command::new("ip").args(arguments).status().unwrap();
    assert!(status.success(), "ip {arguments:?}");
}

/// Frames of the demo capture.
const FRAMES: u64 = 1867;
