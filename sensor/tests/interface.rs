//! Settings of a live capture, each on a wire of its own: a pair of virtual interfaces in a network
//! namespace that only one thread of the test sees.
//!
//! Needs root, `ip`, `ethtool`, `tcpreplay` with `tcprewrite`, and `curl` (`make setup-test` installs
//! them). Where namespaces cannot be had, `PHONEHOME_SKIP_LIVE=1` leaves these tests out; without it
//! they fail.
#![cfg(feature = "capture")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use phonehome::capture::settings::{Prefilter, Settings};
use phonehome::frame::Offload;
use serde_json::Value;
#[path = "interface/scene.rs"]
mod scene;

use scene::*;

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
            // One worker: with more, it is chance whether an answer comes before the hello that it is
            // about, and by that encrypted hellos are judged.
            let options = ["--capture.prefilter", prefilter, "--metrics", path];
            let sensor = Sensor::start(&[&options[..], &["--workers", "1"]].concat());
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
