//! What scripts may rely on of `phonehome names`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use sensor::capture::{self, Order, Unit};
use tempfile::TempDir;

mod sensor;

/// Keys that every line has, in this order.
const KEYS: [&str; 8] = [
    "ts",
    "source",
    "transport",
    "src",
    "src_port",
    "dst",
    "dst_port",
    "name",
];

/// Keys that may follow, in this order.
const MORE_KEYS: [&str; 5] = ["ech", "vlan", "alpn", "ja4", "ecs"];

#[test]
fn each_line_has_the_keys_in_their_order() {
    let cases = ["vlan", "dns-client-subnet"].map(|it| format!("cases/{it}/input.pcap"));
    let captures = cases.map(|it| sensor::tests().join(it));
    let lines = captures.iter().map(|it| names_of(it));
    let lines = names_of(&sensor::demo()) + &lines.collect::<String>();
    let mut met = Vec::new();
    for line in lines.lines() {
        let keys = keys(line);
        assert_eq!(keys[..KEYS.len()], KEYS, "{line}");
        let more = &keys[KEYS.len()..];
        let places: Vec<_> = more
            .iter()
            .map(|it| MORE_KEYS.iter().position(|known| known == it))
            .collect();
        assert!(places.iter().all(Option::is_some), "{line}");
        assert!(places.is_sorted(), "{line}");
        met.extend(places.into_iter().flatten());
    }
    met.sort_unstable();
    met.dedup();
    assert_eq!(met.len(), MORE_KEYS.len(), "each key is there somewhere");
}

#[test]
fn each_value_is_of_its_kind() {
    for line in names_of(&sensor::demo()).lines() {
        let it: serde_json::Value = serde_json::from_str(line).unwrap();
        let (_, fraction) = time(line).split_once('.').unwrap();
        assert_eq!(fraction.len(), 6, "microseconds in {line}");
        let source = it["source"].as_str().unwrap();
        assert!(SOURCES.contains(&source), "{line}");
        assert!(["tcp", "udp"].contains(&it["transport"].as_str().unwrap()));
        for end in ["src", "dst"] {
            let address = it[end].as_str().unwrap();
            assert!(address.parse::<std::net::IpAddr>().is_ok(), "{line}");
        }
        for port in ["src_port", "dst_port"] {
            assert!(it[port].as_u64().unwrap() <= 65_535, "{line}");
        }
        let is_hello = ["tls-sni", "quic-sni"].contains(&source);
        assert_eq!(it["ja4"].as_str().map(str::len), is_hello.then_some(36));
        let name = it["name"].as_str().unwrap();
        assert!(!name.is_empty() && !name.ends_with('.'), "{line}");
        assert_eq!(name, name.to_ascii_lowercase());
    }
}

#[test]
fn nothing_but_lines_of_json_is_printed_and_nothing_is_said() {
    let outcome = sensor::run(["names".as_ref(), sensor::demo().as_os_str()]).ended_with(0);
    assert_eq!(outcome.stderr, "");
    let text = outcome.text();
    assert!(text.ends_with("}\n"));
    assert!(
        text.lines()
            .all(|it| it.starts_with("{\"ts\":") && it.ends_with('}'))
    );
}

#[test]
fn a_capture_without_names_prints_nothing() {
    let silent = sensor::tests().join("cases/nothing-ntp/input.pcap");
    assert_eq!(names_of(&silent), "");
}

#[test]
fn lines_stand_in_order_of_time_also_where_frames_do_not() {
    let folder = TempDir::new().unwrap();
    let mut frames = capture::demo_frames();
    // As of a capture card with two ports: neighbours change places.
    for pair in frames.chunks_exact_mut(2).step_by(3) {
        pair.swap(0, 1);
    }
    let path = folder.path().join("shuffled.pcap");
    fs::write(
        &path,
        capture::pcap(&frames, Order::Little, Unit::Microseconds),
    )
    .unwrap();
    for workers in [&[][..], &["--workers", "2"]] {
        let args = ["names"].iter().chain(workers).map(AsRef::as_ref);
        let outcome = sensor::run(args.chain([path.as_os_str()])).ended_with(0);
        let times: Vec<&str> = outcome.text().lines().map(time).collect();
        assert!(times.len() > 100);
        // All have as many digits, so their order as text is their order in time.
        assert!(times.is_sorted(), "{times:?}");
    }
}

#[test]
fn several_files_are_one_story() {
    let folder = TempDir::new().unwrap();
    let frames = capture::demo_frames();
    let middle = frames.len() / 2;
    let file = |name: &str, frames: &[capture::Frame]| {
        let path = folder.path().join(name);
        fs::write(
            &path,
            capture::pcap(frames, Order::Little, Unit::Nanoseconds),
        )
        .unwrap();
        path
    };
    let whole = file("whole", &frames);
    let (first, second) = (file("1", &frames[..middle]), file("2", &frames[middle..]));
    let args = ["names".as_ref(), second.as_os_str(), first.as_os_str()];
    assert_eq!(sensor::run(args).ended_with(0).text(), names_of(&whole));
}

#[test]
fn standard_input_gives_the_same_lines() {
    let fed = sensor::run_fed(["names", "-"], fs::read(sensor::demo()).unwrap());
    assert_eq!(fed.ended_with(0).text(), names_of(&sensor::demo()));
}

#[test]
fn of_a_damaged_file_the_names_before_the_damage_are_printed() {
    let folder = TempDir::new().unwrap();
    let pcap = capture::demo_pcap();
    let path = folder.path().join("cut.pcap");
    fs::write(&path, &pcap[..pcap.len() / 2]).unwrap();
    let outcome = sensor::run(["names".as_ref(), path.as_os_str()]).ended_with(1);
    let whole = names_of(&sensor::demo());
    let (lines, all) = (outcome.text().lines().count(), whole.lines().count());
    assert!(lines > all / 4 && lines < all, "{lines} of {all}");
    let cut = format!("cut short at octet {}", pcap.len() / 2);
    assert!(outcome.stderr.contains(&cut), "{}", outcome.stderr);
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_without_a_word() {
    for workers in [&[][..], &["--workers", "2"]] {
        let demo = sensor::demo();
        let args = ["names"].iter().chain(workers).map(AsRef::as_ref);
        let mut child = sensor::command(args.chain([demo.as_os_str()]))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0];
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut first).unwrap();
        drop(stdout);
        let outcome = child.wait_with_output().unwrap();
        assert_eq!(outcome.status.code(), Some(0));
        assert_eq!(String::from_utf8_lossy(&outcome.stderr), "");
    }
}

#[test]
fn a_full_disk_is_a_failure() {
    let Ok(full) = File::options().write(true).open("/dev/full") else {
        return;
    };
    let demo = sensor::demo();
    let outcome = sensor::command(["names".as_ref(), demo.as_os_str()])
        .stdin(Stdio::null())
        .stdout(full)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&outcome.stderr);
    assert_eq!(outcome.status.code(), Some(1));
    assert!(said.contains("cannot write to standard output"), "{said}");
}

/// What `names` prints of a capture.
fn names_of(file: &Path) -> String {
    let outcome = sensor::run(["names".as_ref(), file.as_os_str()]).ended_with(0);
    outcome.text().to_owned()
}

/// The keys of an object of values and lists, in the order in which they are written.
fn keys(line: &str) -> Vec<&str> {
    let fields = line.trim_matches(['{', '}']).split(",\"");
    // What has no colon is the next item of a list.
    let keys = fields.filter_map(|it| Some(it.split_once("\":")?.0));
    keys.map(|it| it.trim_start_matches('"')).collect()
}

/// The time as it is written.
fn time(line: &str) -> &str {
    let (_, rest) = line.split_once("\"ts\":").expect("a time");
    rest.split(',').next().expect("a time")
}

/// What a name can be read from.
const SOURCES: [&str; 7] = [
    "dns-query",
    "dns-answer",
    "tls-sni",
    "quic-sni",
    "http-host",
    "http-connect",
    "tls-cert",
];
