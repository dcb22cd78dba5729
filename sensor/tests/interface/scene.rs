//! The wire of these tests, what is sent on it, and the sensor that listens.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use etherparse::PacketBuilder;
use nix::sched::{CloneFlags, unshare};
use pcap::{Active, Capture};
use phonehome::capture::live::{Heard, Live};
use phonehome::capture::settings::Settings;
use phonehome::frame::Run;
use serde_json::Value;

/// A frame that was heard, and by which thread.
pub(super) struct Sound {
    pub(super) ring: usize,
    pub(super) octets: Vec<u8>,
    pub(super) wire_len: u32,
}

/// Runs a test in a namespace of its own; `None` where these tests are to be left out.
pub(super) fn on_a_wire<T: Send + 'static>(
    mtu: u32,
    test: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    if skips() {
        return None;
    }
    assert!(
        nix::unistd::Uid::effective().is_root(),
        "this test makes network namespaces: run it as root, or leave it out with \
         PHONEHOME_SKIP_LIVE=1"
    );
    let outcome = thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).unwrap();
        // So that /sys shows the interfaces of this namespace, here alone.
        sh("mount --make-rprivate / && mount -t sysfs sysfs /sys && ip link set lo up");
        sh("echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6");
        connect(mtu);
        test()
    });
    Some(
        outcome
            .join()
            .unwrap_or_else(|it| std::panic::resume_unwind(it)),
    )
}

pub(super) fn skips() -> bool {
    std::env::var_os("PHONEHOME_SKIP_LIVE").is_some()
}

/// Makes the wire: what is sent on `src0` arrives at `mon0`.
pub(super) fn connect(mtu: u32) {
    sh(&format!(
        "ip link add mon0 mtu {mtu} type veth peer name src0 mtu {mtu} && ip link set mon0 up && \
         ip link set src0 up"
    ));
}

pub(super) fn sh(command: &str) {
    let status = Command::new("sh").args(["-c", command]).status().unwrap();
    assert!(status.success(), "{command}");
}

pub(super) fn open(settings: &Settings) -> Vec<Live> {
    let opened = Live::open(&["mon0".to_owned()], settings).unwrap();
    assert_eq!(opened.captures.len(), settings.threads);
    opened.captures
}

pub(super) fn sender() -> Capture<Active> {
    Capture::from_device("src0").unwrap().open().unwrap()
}

pub(super) fn send(frames: &[Vec<u8>]) {
    let mut out = sender();
    for frame in frames {
        out.sendpacket(frame.as_slice()).unwrap();
    }
}

/// Hears until there are at least so many frames, and then until nothing more comes.
pub(super) fn hear(lives: &mut [Live], count: usize) -> Vec<Sound> {
    let mut heard = Vec::new();
    let mut run = Run::default();
    let started = Instant::now();
    let mut silent = 0;
    while heard.len() < count || silent < lives.len() * 2 {
        assert!(
            started.elapsed() < PATIENCE,
            "{} of {count} frames",
            heard.len()
        );
        for (ring, live) in lives.iter_mut().enumerate() {
            if matches!(live.next_run(&mut run), Heard::Silence(_)) {
                silent += 1;
                continue;
            }
            silent = 0;
            heard.extend(run.iter().map(|it| Sound {
                ring,
                octets: it.bytes.to_vec(),
                wire_len: it.wire_len,
            }));
        }
    }
    heard
}

/// Looks at the interface until all threads hear it.
pub(super) fn until_up(lives: &mut [Live]) {
    let started = Instant::now();
    let mut run = Run::default();
    // The states are as old as a second, so going down is waited for first.
    for is_up in [false, true] {
        let mut states = lives.iter().map(|_| !is_up).collect::<Vec<_>>();
        while states.iter().any(|it| *it != is_up) && (is_up || started.elapsed() < LOOKS) {
            assert!(started.elapsed() < PATIENCE);
            for (state, live) in states.iter_mut().zip(lives.iter_mut()) {
                live.next_run(&mut run);
                *state = live.states()[0].down.is_none();
            }
        }
    }
}

pub(super) fn tagged(tags: &[u8], frame: &[u8]) -> Vec<u8> {
    [&frame[..12], tags, &frame[12..]].concat()
}

/// A segment of the flow of that number.
pub(super) fn frame(number: u16, is_back: bool) -> Vec<u8> {
    let [low, high] = number.to_le_bytes();
    let (client, server) = (([10, 0, high, low], 50_000 + number), ([192, 0, 2, 1], 443));
    let (src, dst) = if is_back {
        (server, client)
    } else {
        (client, server)
    };
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2([2; 6], [4; 6])
        .ipv4(src.0, dst.0, 64)
        .tcp(src.1, dst.1, 1, 1000)
        .ack(1)
        .write(&mut bytes, &[0x17; 40])
        .unwrap();
    bytes
}

pub(super) fn ipv6(number: u16, is_back: bool) -> Vec<u8> {
    let mut client = [0xfd; 16];
    client[14..].copy_from_slice(&number.to_be_bytes());
    let (src, dst) = if is_back {
        ([0x20; 16], client)
    } else {
        (client, [0x20; 16])
    };
    let ports = if is_back {
        (443, 50_000)
    } else {
        (50_000, 443)
    };
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2([2; 6], [4; 6])
        .ipv6(src, dst, 64)
        .udp(ports.0, ports.1)
        .write(&mut bytes, &[0x17; 40])
        .unwrap();
    bytes
}

pub(super) fn datagram(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2([2; 6], [4; 6])
        .ipv4([10, 0, 0, 1], [192, 0, 2, 1], 64)
        .udp(50_000, 5_000)
        .write(&mut bytes, payload)
        .unwrap();
    bytes
}

/// A question for the address of a name.
pub(super) fn question(id: u8, name: &str) -> Vec<u8> {
    let mut message = vec![0, id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend(label.bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2([2; 6], [4; 6])
        .ipv4([10, 0, 0, 1], [10, 0, 0, 53], 64)
        .udp(40_000 + u16::from(id), 53)
        .write(&mut bytes, &message)
        .unwrap();
    bytes
}

/// Octets on their way from another namespace to this one, over TCP.
pub(super) struct Transfer {
    pub(super) server: thread::JoinHandle<()>,
}

impl Transfer {
    pub(super) fn start(octets: usize) -> Self {
        sh("ip addr add 10.77.0.1/24 dev mon0");
        let listener = TcpListener::bind((Ipv4Addr::new(10, 77, 0, 1), 9_999)).unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).unwrap();
            assert_eq!(all.len(), octets);
        });
        let (told, number) = std::sync::mpsc::channel();
        let (moved, is_there) = std::sync::mpsc::channel();
        thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            told.send(nix::unistd::gettid()).unwrap();
            is_there.recv().unwrap();
            sh("ip link set src0 up && ip addr add 10.77.0.2/24 dev src0");
            let server = SocketAddr::from(([10, 77, 0, 1], 9_999));
            let mut stream = TcpStream::connect_timeout(&server, PATIENCE).unwrap();
            let piece = [0x17; 64 * 1024];
            for _ in 0..octets / piece.len() {
                stream.write_all(&piece).unwrap();
            }
            drop(stream);
            // The namespace, and the wire with it, ends with this thread.
            thread::sleep(PATIENCE);
        });
        let thread: nix::unistd::Pid = number.recv().unwrap();
        sh(&format!("ip link set src0 netns {thread}"));
        moved.send(()).unwrap();
        Self { server }
    }

    pub(super) fn finish(self) {
        self.server.join().unwrap();
    }
}

/// Frames that `mon0` has received and sent, as the system counts them.
pub(super) fn frames_on_the_wire() -> u64 {
    let counters = ["rx_packets", "tx_packets"].map(|it| {
        let text = std::fs::read_to_string(format!("/sys/class/net/mon0/statistics/{it}"));
        text.unwrap().trim().parse::<u64>().unwrap()
    });
    counters.iter().sum()
}

pub(super) fn replay(capture: &Path, pace: &str) {
    let status = Command::new("tcpreplay")
        .args(["-q", "-i", "src0", pace])
        .arg(capture)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{}", capture.display());
}

pub(super) fn unpacked(packed: &str, to: &Path) -> PathBuf {
    let packed = File::open(tests().join(packed)).unwrap();
    let mut reader = flate2::read::MultiGzDecoder::new(packed);
    std::io::copy(&mut reader, &mut File::create(to).unwrap()).unwrap();
    to.to_owned()
}

pub(super) fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// A running sensor on `mon0`.
pub(super) struct Sensor {
    pub(super) child: Option<Child>,
    pub(super) address: String,
}

impl Sensor {
    pub(super) fn start(more: &[&str]) -> Self {
        let address = "127.0.0.1:14663";
        let child = phonehome()
            .args([
                "run",
                "--interface",
                "mon0",
                "--web.listen-address",
                address,
            ])
            .args(more)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let sensor = Self {
            child: Some(child),
            address: address.to_owned(),
        };
        sensor.wait_for("readiness", |_| sensor.get("/-/ready") == "ready\n");
        sensor
    }

    /// The answer of its web server; empty as long as there is none.
    pub(super) fn get(&self, path: &str) -> String {
        let url = format!("http://{}{path}", self.address);
        let output = Command::new("curl")
            .args(["-s", "--max-time", "2", &url])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    pub(super) fn metrics(&self) -> Page {
        let page = Page {
            text: self.get("/metrics"),
        };
        if !page.text.is_empty() {
            page.check();
        }
        page
    }

    pub(super) fn wait_for(&self, what: &str, is_there: impl Fn(&Page) -> bool) -> Page {
        let started = Instant::now();
        loop {
            let page = self.metrics();
            if !page.text.is_empty() && is_there(&page) {
                return page;
            }
            let shown: Vec<_> = page
                .text
                .lines()
                .filter(|it| it.starts_with("phonehome_capture_"))
                .collect();
            assert!(
                started.elapsed() < PATIENCE,
                "waited for {what}: {shown:#?}"
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until nothing has changed for two seconds but the clocks.
    pub(super) fn wait_until_settled(&self) {
        let mut last = String::new();
        let mut since = Instant::now();
        let started = Instant::now();
        while since.elapsed() < Duration::from_secs(2) {
            assert!(started.elapsed() < PATIENCE);
            let lines = self.metrics().text;
            let text: String = lines
                .lines()
                .filter(|it| it.contains("_frames") || it.contains("messages_total"))
                .collect();
            if text != last {
                last = text;
                since = Instant::now();
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Stops it; gives what it said on standard error.
    pub(super) fn stop(mut self) -> String {
        let child = self.child.take().unwrap();
        sh(&format!("kill -TERM {}", child.id()));
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stderr).unwrap()
    }
}

impl Drop for Sensor {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Host, vendor and verdict of the findings in a document, in order.
pub(super) fn verdicts(document: &str) -> Vec<String> {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let findings = document["findings"].as_array().cloned().unwrap_or_default();
    let mut verdicts: Vec<String> = findings
        .iter()
        .map(|it| format!("{} {} {}", it["host"], it["vendor"]["id"], it["verdict"]))
        .collect();
    verdicts.sort();
    verdicts
}

/// Fails with the rows that differ.
pub(super) fn assert_same(outcomes: &[Option<Vec<String>>; 2]) {
    let [off, on] = outcomes
        .each_ref()
        .map(|it| it.as_deref().unwrap_or_default());
    let changed: Vec<_> = off.iter().zip(on).filter(|(off, on)| off != on).collect();
    assert!(changed.is_empty() && off.len() == on.len(), "{changed:#?}");
}

/// What the sensor finds in the file itself.
pub(super) fn read(capture: &Path) -> String {
    let output = phonehome()
        .args(["read", "--json"])
        .arg(capture)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The text of `/metrics`.
pub(super) struct Page {
    pub(super) text: String,
}

impl Page {
    pub(super) fn sum(&self, family: &str, label: &str) -> u64 {
        let rows = self.text.lines().filter_map(|it| it.rsplit_once(' '));
        rows.filter(|(row, _)| row.split('{').next() == Some(family) && row.contains(label))
            .map(|(_, value)| value.parse::<u64>().unwrap())
            .sum()
    }

    /// What was read of names, and what was made of them.
    pub(super) fn of_names(&self) -> Vec<String> {
        const FAMILIES: [&str; 6] = [
            "phonehome_connections",
            "phonehome_messages_total",
            "phonehome_observations_total",
            "phonehome_sighting",
            "phonehome_findings",
            "phonehome_finding_changes_total",
        ];
        let lines = self.text.lines();
        let lines = lines.filter(|line| FAMILIES.iter().any(|it| line.starts_with(it)));
        // Whether weak evidence comes before strong is a matter of which worker is faster.
        let lines = lines.filter(|line| !line.contains(r#"change="strengthened""#));
        lines.map(str::to_owned).collect()
    }

    pub(super) fn received(&self) -> u64 {
        self.sum("phonehome_capture_received_frames_total", "")
    }

    pub(super) fn cut_off(&self, unit: &str) -> u64 {
        self.sum(&format!("phonehome_capture_prefiltered_{unit}_total"), "")
    }

    /// Frames that reached the interface: those received and those cut off.
    pub(super) fn reached(&self) -> u64 {
        self.received() + self.cut_off("frames")
    }

    pub(super) fn check(&self) {
        let settled = self.sum("phonehome_capture_processed_frames_total", "")
            + self.sum("phonehome_capture_dropped_frames_total", "")
            + self.sum("phonehome_pipeline_queued_frames", "");
        assert_eq!(self.received(), settled);
    }
}

pub(super) fn phonehome() -> Command {
    Command::new(env!("CARGO_BIN_EXE_phonehome"))
}

pub(super) const FLOWS: u16 = 200;

/// Frames of the demo capture.
pub(super) const DEMO_FRAMES: u64 = 1867;

/// How long an interface that went down may be thought up.
pub(super) const LOOKS: Duration = Duration::from_secs(3);

pub(super) const PATIENCE: Duration = Duration::from_secs(60);
