//! The visibility ledger: its two sums, what the mirror left out, and what it gave twice.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

use std::fs;
use std::path::{Path, PathBuf};

use sensor::capture::{self, Frame, Order, Unit};
use sensor::{samples, sum};
use serde_json::Value;
use tempfile::TempDir;

mod sensor;

#[test]
fn the_two_sums_hold_in_the_document_of_every_case_and_of_the_demo() {
    for case in sensor::cases() {
        let path = case.join("input.pcap");
        assert_sums(&read(&[], &path), &path);
    }
    let demo = sensor::demo();
    for workers in [&[][..], &["--workers", "3"]] {
        assert_sums(&read(workers, &demo), &demo);
    }
}

#[test]
fn a_mirror_that_gives_every_frame_twice_changes_no_name_finding_or_octet() {
    let folder = TempDir::new().unwrap();
    let frames = capture::demo_frames();
    let [plain, twice] = written(&folder, &frames, 1);
    for workers in [&[][..], &["--workers", "3"]] {
        let (once, again) = (read(workers, &plain), read(workers, &twice));
        assert_eq!(once["findings"], again["findings"]);
        assert_eq!(once["hosts"], again["hosts"]);
        assert_same_but_frames(&once, &again, "demo");
        assert_sums(&again, &twice);
        let count = |document: &Value, key: &str| document["visibility"]["frames"][key].as_u64();
        let before = count(&once, "repeated").unwrap();
        let all = frames.len() as u64;
        assert!(before < all / 100, "the demo has {before} of its own");
        assert_eq!(count(&again, "repeated"), Some(all + before));
        assert_eq!(count(&again, "received"), Some(2 * all));
    }
    assert_eq!(names(&plain), names(&twice));
    let [once, again] = [&plain, &twice].map(|it| metrics(it));
    for name in [
        "decode_packets_total",
        "sighting_bytes_total",
        "sightings_total",
        "observations_total",
        "flows_started_total",
        "tcp_seen_bytes_total",
    ] {
        let of = |page: &str| sum(&samples(page), &format!("phonehome_{name}"));
        assert_eq!(of(&once), of(&again), "{name}");
        assert!(of(&once) > 0.0, "{name}");
    }
    let repeated = sum(&samples(&again), "phonehome_capture_duplicate_frames_total");
    assert!(repeated >= frames.len() as f64);
}

#[test]
fn every_case_gives_the_same_when_its_frames_come_twice() {
    let folder = TempDir::new().unwrap();
    for case in sensor::cases() {
        let name = case.file_name().unwrap().to_str().unwrap().to_owned();
        let (frames, link) = frames_of(&case.join("input.pcap"));
        let [plain, twice] = written(&folder, &frames, link);
        assert_eq!(names(&plain), names(&twice), "{name}");
        let (once, again) = (read(&[], &plain), read(&[], &twice));
        assert_eq!(once["findings"], again["findings"], "{name}");
        assert_same_but_frames(&once, &again, &name);
        assert_sums(&again, &twice);
    }
}

#[test]
fn a_capture_that_has_all_misses_nothing_and_one_with_gaps_says_how_much() {
    let demo = read(&[], &sensor::demo());
    let loss = &demo["visibility"]["loss"];
    let judged = loss["judged_flows"].as_u64().unwrap();
    assert!(judged > 50, "{loss}");
    assert_eq!(loss["missing_octets"], 0, "{loss}");

    let folder = TempDir::new().unwrap();
    let mut number = 0;
    let mut lost = 0;
    let kept: Vec<Frame> = capture::demo_frames()
        .into_iter()
        .filter(|it| {
            let payload = segment_payload(&it.bytes);
            number += u64::from(payload >= 1_000);
            let is_lost = payload >= 1_000 && number % 8 == 5;
            lost += if is_lost { payload } else { 0 };
            !is_lost
        })
        .collect();
    let path = folder.path().join("gaps");
    fs::write(
        &path,
        capture::pcap(&kept, Order::Little, Unit::Nanoseconds),
    )
    .unwrap();
    for workers in [&[][..], &["--workers", "3"]] {
        let gaps = read(workers, &path);
        let loss = &gaps["visibility"]["loss"];
        let missing = loss["missing_octets"].as_u64().unwrap();
        assert!(missing <= lost, "{missing} of {lost}");
        assert!(missing * 10 >= lost * 8, "{missing} of {lost}");
        assert_eq!(
            loss["judged_flows"], judged,
            "a lost segment begins nothing"
        );
    }
    let table = sensor::run(["read".as_ref(), path.as_os_str()]).ended_with(0);
    let table = table.text();
    let words = "of the octets that receivers acknowledged,";
    assert!(table.contains(words), "{table}");
}

/// Checks that connections = named + unnamed, and frames received = processed + dropped + queued.
#[track_caller]
fn assert_sums(document: &Value, path: &Path) {
    let path = path.display();
    let all = |it: &Value| -> u64 {
        let counts = it.as_object().unwrap().values();
        counts.map(|it| it.as_u64().unwrap()).sum()
    };
    for transport in ["tcp", "udp"] {
        let connections = &document["visibility"]["connections"][transport];
        let parts = all(&connections["named"]) + all(&connections["unnamed"]);
        assert_eq!(connections["total"], parts, "{path}: {transport}");
    }
    let frames = &document["visibility"]["frames"];
    let [received, processed, queued, repeated] =
        ["received", "processed", "queued", "repeated"].map(|it| frames[it].as_u64().unwrap());
    let settled = processed + queued + all(&frames["dropped"]);
    assert_eq!(received, settled, "{path}");
    assert!(repeated <= processed, "{path}");
    assert_eq!(document["input"]["frames"], received, "{path}");
}

/// Checks that all that could be seen is the same, apart from how many frames there were.
#[track_caller]
fn assert_same_but_frames(once: &Value, again: &Value, what: &str) {
    let seen = |document: &Value| {
        let mut seen = document["visibility"].clone();
        seen.as_object_mut().unwrap().remove("frames").unwrap();
        seen
    };
    assert_eq!(seen(once), seen(again), "{what}");
}

/// Two files with these frames: as they are, and each of them twice.
fn written(folder: &TempDir, frames: &[Frame], link: u32) -> [PathBuf; 2] {
    let twice: Vec<Frame> = frames
        .iter()
        .flat_map(|it| {
            let again = Frame {
                at: it.at + 500,
                bytes: if link == 1 {
                    twin(&it.bytes)
                } else {
                    it.bytes.clone()
                },
            };
            [it.clone(), again]
        })
        .collect();
    let file = |name: &str, frames: &[Frame]| {
        let path = folder.path().join(name);
        let mut pcap = capture::pcap(frames, Order::Little, Unit::Nanoseconds);
        pcap[20..24].copy_from_slice(&link.to_le_bytes());
        fs::write(&path, pcap).unwrap();
        path
    };
    [file("plain", frames), file("twice", &twice)]
}

/// An Ethernet frame as another port of the switch gives it: with other hardware addresses, one more
/// VLAN tag, and of IP another TTL and header checksum.
fn twin(frame: &[u8]) -> Vec<u8> {
    let is_ip = |at: usize| matches!(frame.get(at..at + 2), Some([8, 0] | [0x86, 0xdd]));
    let tags = frame.get(12..).unwrap_or_default().chunks_exact(4);
    let tags = tags.take_while(|it| matches!(it[..2], [0x81 | 0x91, 0] | [0x88, 0xa8]));
    let ip = 12 + 4 * tags.count() + 2;
    if !is_ip(ip - 2) || frame.len() < ip + 20 {
        return frame.to_vec();
    }
    let mut twin = [&[2; 12][..], &[0x81, 0, 0, 42], &frame[12..]].concat();
    let header = &mut twin[ip + 4..];
    let version = header[0] >> 4;
    if version == 4 {
        // One less in the upper octet of a word is one more in its complement (RFC 1624).
        header[8] = header[8].wrapping_sub(1);
        let checksum = u16::from_be_bytes([header[10], header[11]]);
        let (sum, carry) = checksum.overflowing_add(0x0100);
        header[10..12].copy_from_slice(&(sum + u16::from(carry)).to_be_bytes());
    } else if version == 6 {
        header[7] = header[7].wrapping_sub(1);
    }
    twin
}

/// The frames of a classic pcap file in any of its forms, and the link type.
fn frames_of(path: &Path) -> (Vec<Frame>, u32) {
    let file = fs::read(path).unwrap();
    let is_little = matches!(file[..4], [0xd4 | 0x4d, ..]);
    let is_nanos = file[..4].contains(&0x4d);
    let field = |at: usize| {
        let octets: [u8; 4] = file[at..at + 4].try_into().unwrap();
        if is_little {
            u32::from_le_bytes(octets)
        } else {
            u32::from_be_bytes(octets)
        }
    };
    let mut frames = Vec::new();
    let mut at = 24;
    while at < file.len() {
        let len = field(at + 8) as usize;
        let part = u64::from(field(at + 4)) * if is_nanos { 1 } else { 1_000 };
        frames.push(Frame {
            at: u64::from(field(at)) * 1_000_000_000 + part,
            bytes: file[at + 16..at + 16 + len].to_vec(),
        });
        at += 16 + len;
    }
    (frames, field(20))
}

/// Octets of payload of a TCP segment without SYN, FIN and RST over IPv4 straight behind Ethernet; zero
/// for anything else.
fn segment_payload(frame: &[u8]) -> u64 {
    if frame[12..14] != [8, 0] || frame[23] != 6 {
        return 0;
    }
    let total = usize::from(u16::from_be_bytes([frame[16], frame[17]]));
    let tcp = 14 + usize::from(frame[14] & 15) * 4;
    if frame[tcp + 13] & 7 != 0 {
        return 0;
    }
    (14 + total - tcp - usize::from(frame[tcp + 12] >> 4) * 4) as u64
}

fn read(args: &[&str], path: &Path) -> Value {
    let args = ["read", "--json"].iter().chain(args).map(AsRef::as_ref);
    sensor::run(args.chain([path.as_os_str()]))
        .ended_with(0)
        .json()
}

fn names(path: &Path) -> String {
    let outcome = sensor::run(["names".as_ref(), path.as_os_str()]).ended_with(0);
    outcome.text().to_owned()
}

fn metrics(path: &Path) -> String {
    let folder = TempDir::new().unwrap();
    let page = folder.path().join("metrics");
    let args = ["read".as_ref(), "--metrics".as_ref(), page.as_os_str()];
    sensor::run(args.into_iter().chain([path.as_os_str()])).ended_with(0);
    fs::read_to_string(page).unwrap()
}
