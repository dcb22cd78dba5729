//! Settings of a live capture, each on a wire of its own: a pair of virtual interfaces in a network
//! namespace that only one thread of the test sees.
//!
//! Needs root, `ip`, `ethtool`, `tcpreplay` with `tcprewrite`, and `curl` (`make setup-test` installs
//! them). Where namespaces cannot be had, `PHONEHOME_SKIP_LIVE=1` leaves these tests out; without it
//! they fail.
#![cfg(feature = "capture")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use etherparse::PacketBuilder;
use nix::sched::{CloneFlags, unshare};
use pcap::{Active, Capture};
use phonehome::capture::live::{Heard, Live};
use phonehome::capture::settings::{Prefilter, Settings};
use phonehome::frame::{Offload, Run};
use serde_json::Value;

#[test]
fn tags_come_as_they_were_on_the_wire() {
    on_a_wire(1500, || {
        sh("ethtool -K mon0 rxvlan on && ethtool -k mon0 | grep -q 'rx-vlan-offload: on'");
        let frames: Vec<Vec<u8>> = [
            &[][..],
            &[0x81, 0x00, 0x20, 0x05],
            &[0x88, 0xa8, 0x00, 0x07, 0x81, 0x00, 0x00, 0x05],
            &[0x81, 0x00, 0x00, 0x07, 0x81, 0x00, 0x60, 0x05],
            &[0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3],
        ]
        .iter()
        .enumerate()
        .map(|(number, tags)| tagged(tags, &frame(number as u16, false)))
        .collect();
        let mut lives = open(&Settings::default());
        send(&frames);
        let heard = hear(&mut lives, frames.len());
        let octets: Vec<_> = heard.into_iter().map(|it| it.octets).collect();
        assert_eq!(octets, frames);
    });
}

#[test]
fn names_in_tagged_frames_are_found_with_their_tag() {
    on_a_wire(1500, || {
        let sensor = Sensor::start(&[]);
        let tag = [0x81, 0, 0, 42];
        for (number, name) in ["s00.upd.kaspersky.com", "touch.kaspersky.com"]
            .iter()
            .enumerate()
        {
            send(&[tagged(&tag, &question(number as u8, name))]);
        }
        sensor.wait_for("two questions", |page| {
            page.sum(
                "phonehome_decode_unwrapped_packets_total",
                "encapsulation=\"vlan\"",
            ) == 2
        });
        sensor.wait_for("the finding", |_| {
            sensor
                .get("/api/v1/findings")
                .contains("touch.kaspersky.com")
        });
    });
}

#[test]
fn the_longest_frame_of_an_offload_is_read_whole() {
    on_a_wire(65_535, || {
        let mut lives = open(&Settings::default());
        let payload = vec![7; 65_535 - 20 - 8];
        let longest = tagged(&[0x81, 0, 0, 5], &datagram(&payload));
        assert_eq!(longest.len(), 65_535 + 14 + 4);
        send(std::slice::from_ref(&longest));
        let heard = hear(&mut lives, 1);
        assert_eq!(heard[0].wire_len as usize, longest.len());
        assert!(heard[0].octets == longest);
    });
}

#[test]
fn a_shorter_snap_length_cuts_and_tells_how_long_the_frame_was() {
    on_a_wire(1500, || {
        let settings = Settings {
            snaplen_octets: 256,
            ..Settings::default()
        };
        let mut lives = open(&settings);
        send(&[datagram(&[7; 1000])]);
        let heard = hear(&mut lives, 1);
        assert_eq!((heard[0].octets.len(), heard[0].wire_len), (256, 1042));
    });
}

#[test]
fn segments_that_offloads_leave_joined_are_read_whole() {
    on_a_wire(1500, || {
        let mut lives = open(&Settings::default());
        let transfer = Transfer::start(8 << 20);
        let mut longest = 0;
        let mut octets = 0;
        while octets < 8 << 20 {
            for it in hear(&mut lives, 1) {
                assert_eq!(it.octets.len(), it.wire_len as usize);
                longest = longest.max(it.octets.len());
                octets += it.octets.len();
            }
        }
        transfer.finish();
        assert!(longest > 20_000, "{longest}");
    });
}

#[test]
fn both_directions_of_a_flow_come_out_of_one_ring_and_every_frame_once() {
    on_a_wire(1500, || {
        let settings = Settings {
            threads: 3,
            ..Settings::default()
        };
        let mut lives = open(&settings);
        let mut frames = Vec::new();
        for number in 0..FLOWS {
            for is_back in [false, true] {
                frames.push(frame(number, is_back));
                frames.push(ipv6(number, is_back));
                frames.push(tagged(
                    &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 5],
                    &frame(number, is_back),
                ));
            }
        }
        send(&frames);
        let heard = hear(&mut lives, frames.len());
        let mut sent = frames.clone();
        let mut octets: Vec<_> = heard.iter().map(|it| it.octets.clone()).collect();
        sent.sort();
        octets.sort();
        assert!(octets == sent, "each frame comes once");
        let mut rings: BTreeMap<(usize, u16), BTreeSet<usize>> = BTreeMap::new();
        let mut used = BTreeSet::new();
        for it in &heard {
            let number = frames.iter().position(|frame| *frame == it.octets).unwrap();
            let flow = (number % 3, (number / 6) as u16);
            rings.entry(flow).or_default().insert(it.ring);
            used.insert(it.ring);
        }
        assert_eq!(rings.len(), usize::from(FLOWS) * 3);
        assert!(
            rings.values().all(|it| it.len() == 1),
            "a flow was torn apart"
        );
        assert_eq!(used.len(), 3);
    });
}

#[test]
fn frames_that_come_while_the_rings_open_come_once() {
    on_a_wire(1500, || {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let mut out = sender();
        let flood = thread::spawn(move || {
            let mut number = 0_u32;
            while !asked.load(Ordering::Relaxed) {
                let mut frame = frame((number % 500) as u16, false);
                let end = frame.len();
                frame[end - 4..].copy_from_slice(&number.to_be_bytes());
                out.sendpacket(frame).unwrap();
                number += 1;
            }
        });
        thread::sleep(Duration::from_millis(50));
        let settings = Settings {
            threads: 4,
            ..Settings::default()
        };
        let mut lives = open(&settings);
        thread::sleep(Duration::from_millis(300));
        stop.store(true, Ordering::Relaxed);
        flood.join().unwrap();
        let heard = hear(&mut lives, 500);
        let numbers: BTreeSet<_> = heard
            .iter()
            .map(|it| it.octets[it.octets.len() - 4..].to_vec())
            .collect();
        assert_eq!(numbers.len(), heard.len(), "a frame came twice");
        assert_eq!(
            heard
                .iter()
                .map(|it| it.ring)
                .collect::<BTreeSet<_>>()
                .len(),
            4
        );
    });
}

#[test]
fn an_interface_with_several_rings_and_all_settings_comes_back() {
    on_a_wire(1500, || {
        let settings = Settings {
            threads: 2,
            filter: Some("tcp".to_owned()),
            prefilter: Prefilter::FlowRequired,
            ..Settings::default()
        };
        let mut lives = open(&settings);
        let frames: Vec<_> = (0..50).map(|number| frame(number, false)).collect();
        let all: Vec<_> = frames
            .iter()
            .cloned()
            .chain([datagram(&[7; 100])])
            .collect();
        send(&all);
        assert_eq!(hear(&mut lives, 50).len(), 50);
        sh("ip link set mon0 down; ip link set mon0 up");
        until_up(&mut lives);
        send(&all);
        assert_eq!(hear(&mut lives, 50).len(), 50);
        sh("ip link del mon0");
        connect(1500);
        until_up(&mut lives);
        send(&all);
        let heard = hear(&mut lives, 50);
        assert_eq!(heard.len(), 50);
        assert_eq!(
            heard
                .iter()
                .map(|it| it.ring)
                .collect::<BTreeSet<_>>()
                .len(),
            2
        );
    });
}

#[test]
fn the_settings_of_the_card_are_read_and_those_that_hurt_are_named() {
    on_a_wire(1400, || {
        for (switch, is_on) in [("on", true), ("off", false)] {
            sh(&format!("ethtool -K mon0 gro {switch} tso {switch}"));
            let lives = open(&Settings::default());
            let card = lives[0].states()[0].card.clone().unwrap();
            let state = |offload| {
                let place = Offload::ALL.iter().position(|it| *it == offload).unwrap();
                card.offloads[place]
            };
            assert_eq!(state(Offload::Gro), Some(is_on));
            assert_eq!(state(Offload::Tso), Some(is_on));
            assert_eq!(state(Offload::Lro), Some(false));
            assert_eq!(state(Offload::Vlan), Some(true));
            assert_eq!(card.mtu, Some(1400));
            assert_eq!(card.ring, None);
        }
        sh("ethtool -K mon0 gro on");
        let sensor = Sensor::start(&[]);
        let page = sensor.wait_for("the settings", |page| page.text.contains("offload_enabled"));
        let row = "phonehome_capture_offload_enabled{interface=\"mon0\",setting=";
        assert!(page.text.contains(&format!("{row}\"gro\"}} 1")));
        assert!(page.text.contains(&format!("{row}\"lro\"}} 0")));
        let line = "interface mon0: generic receive offload merges segments and changes lengths; \
                    mend it with: ethtool -K mon0 gro off\n";
        assert!(sensor.stop().contains(line));
    });
}

#[test]
fn a_wrong_filter_ends_the_start_with_its_expression_and_the_reason() {
    let output = phonehome()
        .args(["run", "--interface", "lo", "--filter", "tcp prt 443"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("filter \"tcp prt 443\" is wrong: "), "{text}");
    assert!(text.contains("syntax error"), "{text}");
}

#[test]
fn a_filter_is_said_wherever_something_is_shown() {
    on_a_wire(1500, || {
        let sensor = Sensor::start(&["--filter", "udp port 53"]);
        let plain = question(1, "touch.kaspersky.com");
        let twice = tagged(&[0x88, 0xa8, 0, 7, 0x81, 0, 0, 5], &plain);
        send(&[frame(1, false), twice, plain]);
        let page = sensor.wait_for("the question", |page| page.received() == 1);
        assert_eq!(page.sum("phonehome_capture_filtered", ""), 1);
        let leaves_out = "phonehome_capture_filter_leaves_out";
        assert_eq!(page.sum(leaves_out, "kind=\"qinq\""), 1);
        assert_eq!(page.sum(leaves_out, "kind=\"vlan\""), 0);
        let document: Value = serde_json::from_str(&sensor.get("/api/v1/visibility")).unwrap();
        assert_eq!(document["input"]["filter"], "udp port 53");
        let caveat = "A filter is in force (udp port 53); what it leaves out was not looked at.";
        assert_eq!(document["input"]["caveats"][0], caveat);
        assert!(sensor.get("/").contains(caveat));
        let said = sensor.stop();
        assert!(
            said.contains("the filter \"udp port 53\" is in force"),
            "{said}"
        );
        assert!(
            said.contains("none in frames of these kinds: qinq, double-vlan, mpls"),
            "{said}"
        );
    });
}

#[test]
fn several_threads_count_as_one_and_tear_no_connection_apart() {
    let folder = tempfile::tempdir().unwrap();
    let capture = unpacked("demo/demo.pcap.gz", &folder.path().join("demo.pcap"));
    on_a_wire(65_535, move || {
        let sensor = Sensor::start(&["--capture.threads", "3"]);
        replay(&capture, "--multiplier=20");
        sensor.wait_for("all frames", |page| page.received() == DEMO_FRAMES);
        let expected = verdicts(&read(&capture));
        sensor.wait_for("the findings of the file", |_| {
            verdicts(&sensor.get("/api/v1/findings")) == expected
        });
        let page = sensor.metrics();
        assert_eq!(page.received(), DEMO_FRAMES);
        let rings = "phonehome_capture_ring_connections";
        assert!(page.sum(rings, "seen=\"one-ring\"") > 50);
        assert_eq!(page.sum(rings, "seen=\"two-rings\""), 0);
    });
}

#[test]
fn a_prefilter_changes_no_finding_of_real_traffic() {
    let folder = tempfile::tempdir().unwrap();
    let demo = unpacked("demo/demo.pcap.gz", &folder.path().join("demo.pcap"));
    let odd = folder.path().join("odd.pcap");
    let ports = "--portmap=443:50443,80:50080,8080:50808";
    assert!(
        Command::new("tcprewrite")
            .arg(ports)
            .arg(format!("--infile={}", demo.display()))
            .arg(format!("--outfile={}", odd.display()))
            .status()
            .unwrap()
            .success()
    );
    for capture in [demo, odd] {
        let outcomes = ["off", "flow-required"].map(|prefilter| {
            let (capture, metrics) = (capture.clone(), folder.path().join(prefilter));
            on_a_wire(65_535, move || {
                let path = metrics.to_str().unwrap();
                let sensor = Sensor::start(&["--capture.prefilter", prefilter, "--metrics", path]);
                replay(&capture, "--multiplier=20");
                let page = sensor.wait_for("all frames", |page| page.reached() == DEMO_FRAMES);
                let is_on = u64::from(prefilter != "off");
                assert_eq!(page.sum("phonehome_capture_prefiltered", ""), is_on);
                let expected = verdicts(&read(&capture));
                assert!(expected.len() > 5, "{expected:?}");
                sensor.wait_for("the findings of the file", |_| {
                    verdicts(&sensor.get("/api/v1/findings")) == expected
                });
                sensor.stop();
                let page = Page {
                    text: std::fs::read_to_string(metrics).unwrap(),
                };
                page.of_names()
            })
        });
        assert!(outcomes[0].as_ref().is_none_or(|it| it.len() > 100));
        assert_same(&outcomes);
    }
}

#[test]
fn a_prefilter_loses_no_name_of_split_hellos() {
    let folder = tempfile::tempdir().unwrap();
    let mut captures: Vec<PathBuf> = std::fs::read_dir(tests().join("cases"))
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| {
            let name = it.file_name().unwrap().to_str().unwrap();
            ["tls", "quic", "http", "split"]
                .iter()
                .any(|word| name.contains(word))
        })
        .filter_map(|it| {
            let input = it.join("input.pcap");
            input.exists().then_some(input)
        })
        .collect();
    captures.sort();
    assert!(captures.len() > 5, "{captures:?}");
    let names = ["off", "flow-required"].map(|prefilter| {
        let (captures, metrics) = (captures.clone(), folder.path().join(prefilter));
        on_a_wire(65_535, move || {
            let path = metrics.to_str().unwrap();
            let sensor = Sensor::start(&["--capture.prefilter", prefilter, "--metrics", path]);
            for capture in &captures {
                replay(capture, "--pps=3000");
            }
            sensor.wait_until_settled();
            sensor.stop();
            let page = Page {
                text: std::fs::read_to_string(metrics).unwrap(),
            };
            page.of_names()
        })
    });
    assert!(names[0].as_ref().is_none_or(|it| it.len() > 100));
    assert_same(&names);
}

#[test]
fn a_prefilter_cuts_bulk_off_and_counts_it() {
    on_a_wire(1500, || {
        let sensor = Sensor::start(&["--capture.prefilter", "flow-required"]);
        let before = frames_on_the_wire();
        Transfer::start(64 << 20).finish();
        sensor.wait_for("the cut-off", |page| {
            page.reached() == frames_on_the_wire() - before && page.cut_off("frames") > 0
        });
        let page = sensor.metrics();
        assert!(
            page.cut_off("bytes") > 60 << 20,
            "{}",
            page.cut_off("bytes")
        );
        assert!(page.received() < 600, "{}", page.received());
        let document: Value = serde_json::from_str(&sensor.get("/api/v1/visibility")).unwrap();
        let caveat = document["input"]["caveats"][0].as_str().unwrap();
        assert!(caveat.contains("octets are a lower bound"), "{caveat}");
    });
}

/// A frame that was heard, and by which thread.
struct Sound {
    ring: usize,
    octets: Vec<u8>,
    wire_len: u32,
}

/// Runs a test in a namespace of its own; `None` where these tests are to be left out.
fn on_a_wire<T: Send + 'static>(mtu: u32, test: impl FnOnce() -> T + Send + 'static) -> Option<T> {
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

fn skips() -> bool {
    std::env::var_os("PHONEHOME_SKIP_LIVE").is_some()
}

/// Makes the wire: what is sent on `src0` arrives at `mon0`.
fn connect(mtu: u32) {
    sh(&format!(
        "ip link add mon0 mtu {mtu} type veth peer name src0 mtu {mtu} && ip link set mon0 up && \
         ip link set src0 up"
    ));
}

fn sh(command: &str) {
    let status = Command::new("sh").args(["-c", command]).status().unwrap();
    assert!(status.success(), "{command}");
}

fn open(settings: &Settings) -> Vec<Live> {
    let opened = Live::open(&["mon0".to_owned()], settings).unwrap();
    assert_eq!(opened.captures.len(), settings.threads);
    opened.captures
}

fn sender() -> Capture<Active> {
    Capture::from_device("src0").unwrap().open().unwrap()
}

fn send(frames: &[Vec<u8>]) {
    let mut out = sender();
    for frame in frames {
        out.sendpacket(frame.as_slice()).unwrap();
    }
}

/// Hears until there are at least so many frames, and then until nothing more comes.
fn hear(lives: &mut [Live], count: usize) -> Vec<Sound> {
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
fn until_up(lives: &mut [Live]) {
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

fn tagged(tags: &[u8], frame: &[u8]) -> Vec<u8> {
    [&frame[..12], tags, &frame[12..]].concat()
}

/// A segment of the flow of that number.
fn frame(number: u16, is_back: bool) -> Vec<u8> {
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

fn ipv6(number: u16, is_back: bool) -> Vec<u8> {
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

fn datagram(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2([2; 6], [4; 6])
        .ipv4([10, 0, 0, 1], [192, 0, 2, 1], 64)
        .udp(50_000, 5_000)
        .write(&mut bytes, payload)
        .unwrap();
    bytes
}

/// A question for the address of a name.
fn question(id: u8, name: &str) -> Vec<u8> {
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
struct Transfer {
    server: thread::JoinHandle<()>,
}

impl Transfer {
    fn start(octets: usize) -> Self {
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

    fn finish(self) {
        self.server.join().unwrap();
    }
}

/// Frames that `mon0` has received and sent, as the system counts them.
fn frames_on_the_wire() -> u64 {
    let counters = ["rx_packets", "tx_packets"].map(|it| {
        let text = std::fs::read_to_string(format!("/sys/class/net/mon0/statistics/{it}"));
        text.unwrap().trim().parse::<u64>().unwrap()
    });
    counters.iter().sum()
}

fn replay(capture: &Path, pace: &str) {
    let status = Command::new("tcpreplay")
        .args(["-q", "-i", "src0", pace])
        .arg(capture)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{}", capture.display());
}

fn unpacked(packed: &str, to: &Path) -> PathBuf {
    let packed = File::open(tests().join(packed)).unwrap();
    let mut reader = flate2::read::MultiGzDecoder::new(packed);
    std::io::copy(&mut reader, &mut File::create(to).unwrap()).unwrap();
    to.to_owned()
}

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// A running sensor on `mon0`.
struct Sensor {
    child: Option<Child>,
    address: String,
}

impl Sensor {
    fn start(more: &[&str]) -> Self {
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
    fn get(&self, path: &str) -> String {
        let url = format!("http://{}{path}", self.address);
        let output = Command::new("curl")
            .args(["-s", "--max-time", "2", &url])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn metrics(&self) -> Page {
        let page = Page {
            text: self.get("/metrics"),
        };
        if !page.text.is_empty() {
            page.check();
        }
        page
    }

    fn wait_for(&self, what: &str, is_there: impl Fn(&Page) -> bool) -> Page {
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
    fn wait_until_settled(&self) {
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
    fn stop(mut self) -> String {
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
fn verdicts(document: &str) -> Vec<String> {
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
fn assert_same(outcomes: &[Option<Vec<String>>; 2]) {
    let [off, on] = outcomes
        .each_ref()
        .map(|it| it.as_deref().unwrap_or_default());
    let changed: Vec<_> = off.iter().zip(on).filter(|(off, on)| off != on).collect();
    assert!(changed.is_empty() && off.len() == on.len(), "{changed:#?}");
}

/// What the sensor finds in the file itself.
fn read(capture: &Path) -> String {
    let output = phonehome()
        .args(["read", "--json"])
        .arg(capture)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The text of `/metrics`.
struct Page {
    text: String,
}

impl Page {
    fn sum(&self, family: &str, label: &str) -> u64 {
        let rows = self.text.lines().filter_map(|it| it.rsplit_once(' '));
        rows.filter(|(row, _)| row.split('{').next() == Some(family) && row.contains(label))
            .map(|(_, value)| value.parse::<u64>().unwrap())
            .sum()
    }

    /// What was read of names, and what was made of them.
    fn of_names(&self) -> Vec<String> {
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

    fn received(&self) -> u64 {
        self.sum("phonehome_capture_received_frames_total", "")
    }

    fn cut_off(&self, unit: &str) -> u64 {
        self.sum(&format!("phonehome_capture_prefiltered_{unit}_total"), "")
    }

    /// Frames that reached the interface: those received and those cut off.
    fn reached(&self) -> u64 {
        self.received() + self.cut_off("frames")
    }

    fn check(&self) {
        let settled = self.sum("phonehome_capture_processed_frames_total", "")
            + self.sum("phonehome_capture_dropped_frames_total", "")
            + self.sum("phonehome_pipeline_queued_frames", "");
        assert_eq!(self.received(), settled);
    }
}

fn phonehome() -> Command {
    Command::new(env!("CARGO_BIN_EXE_phonehome"))
}

const FLOWS: u16 = 200;

/// Frames of the demo capture.
const DEMO_FRAMES: u64 = 1867;

/// How long an interface that went down may be thought up.
const LOOKS: Duration = Duration::from_secs(3);

const PATIENCE: Duration = Duration::from_secs(60);
