//! `phonehome read`: every form of input, every form of output, every exit code.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use sensor::capture::{self, Order, Unit};
use sensor::{Outcome, samples, schema, sum, sums};
use serde_json::Value;
use tempfile::TempDir;

mod sensor;

#[test]
fn every_form_of_a_capture_gives_the_same_findings() {
    let folder = TempDir::new().unwrap();
    let frames = capture::demo_frames();
    let mut forms = Vec::new();
    for order in [Order::Little, Order::Big] {
        for unit in [Unit::Microseconds, Unit::Nanoseconds] {
            forms.push((
                format!("pcap {order:?} {unit:?}"),
                capture::pcap(&frames, order, unit),
            ));
            let pcapng = capture::pcapng(&frames, order, unit);
            forms.push((format!("pcapng {order:?} {unit:?}"), pcapng));
        }
    }
    let (plain, other) = (forms[0].1.clone(), forms[1].1.clone());
    forms.push(("pcap, gzip".to_owned(), capture::gzip(&plain)));
    forms.push(("pcap, zstd".to_owned(), capture::zstd(&plain)));
    forms.push(("pcapng, gzip".to_owned(), capture::gzip(&other)));
    forms.push(("pcapng, zstd".to_owned(), capture::zstd(&other)));
    let two = [capture::gzip(&plain[..5000]), capture::gzip(&plain[5000..])];
    forms.push(("pcap, two gzip members".to_owned(), two.concat()));
    // The name of the file stands in the document, so all have the same.
    let file = folder.path().join("capture");
    let mut first: Option<Vec<u8>> = None;
    for (form, octets) in forms {
        fs::write(&file, octets).unwrap();
        let found = read(&["--json"], &[&file]).ended_with(0).stdout;
        let first = first.get_or_insert_with(|| found.clone());
        assert!(
            &found == first,
            "{form}: {}",
            String::from_utf8_lossy(&found)
        );
    }
    let document = serde_json::from_slice(&first.unwrap()).unwrap();
    let demo = read(&["--json"], &[&sensor::demo()]).json();
    assert_eq!(sensor::verdicts(&document), sensor::verdicts(&demo));
}

#[test]
fn several_files_are_merged_by_time() {
    let folder = TempDir::new().unwrap();
    let frames = capture::demo_frames();
    let mut shares: [Vec<_>; 3] = Default::default();
    for (number, frame) in frames.iter().enumerate() {
        // Frames of the same time stay together, since nothing says which came first.
        let same = number > 0 && frames[number - 1].at == frame.at;
        let share = if same {
            share_of(&shares, frames[number - 1].at)
        } else {
            number % 3
        };
        shares[share].push(frame.clone());
    }
    let paths = ["a", "b", "c"].map(|it| folder.path().join(it));
    let forms = [
        capture::pcap(&shares[0], Order::Big, Unit::Nanoseconds),
        capture::pcapng(&shares[1], Order::Little, Unit::Microseconds),
        capture::gzip(&capture::pcap(
            &shares[2],
            Order::Little,
            Unit::Microseconds,
        )),
    ];
    for (path, octets) in paths.iter().zip(forms) {
        fs::write(path, octets).unwrap();
    }
    let whole = folder.path().join("whole");
    fs::write(
        &whole,
        capture::pcap(&frames, Order::Little, Unit::Nanoseconds),
    )
    .unwrap();
    let whole = read(&["--json"], &[&whole]).ended_with(0).json();
    for order in [[0, 1, 2], [2, 0, 1]] {
        let parts = order.map(|it| paths[it].as_path());
        let merged = read(&["--json"], &parts).ended_with(0).json();
        assert_eq!(merged["findings"], whole["findings"]);
        assert_eq!(merged["visibility"], whole["visibility"]);
        assert_eq!(merged["input"]["frames"], whole["input"]["frames"]);
    }
}

#[test]
fn a_dash_is_standard_input() {
    let file = read(&["--json"], &[&sensor::demo()]).ended_with(0).json();
    for input in [fs::read(sensor::demo()).unwrap(), capture::demo_pcap()] {
        let fed = sensor::run_fed(["read", "--json", "-"], input)
            .ended_with(0)
            .json();
        assert_eq!(fed["findings"], file["findings"]);
        assert_eq!(fed["visibility"], file["visibility"]);
    }
}

#[test]
fn of_a_file_that_is_cut_short_what_came_before_is_used() {
    let folder = TempDir::new().unwrap();
    let pcap = capture::demo_pcap();
    let path = folder.path().join("cut.pcap");
    let len = pcap.len() - pcap.len() / 10;
    fs::write(&path, &pcap[..len]).unwrap();
    let outcome = read(&["--json"], &[&path]).ended_with(1);
    assert!(
        outcome.stderr.contains(path.to_str().unwrap()),
        "{}",
        outcome.stderr
    );
    let octet = format!("octet {len}");
    assert!(outcome.stderr.contains(&octet), "{}", outcome.stderr);
    let verdicts = sensor::verdicts(&outcome.json());
    let product = ("10.20.0.11", "kaspersky", "installed-active");
    let is_there = verdicts
        .iter()
        .any(|it| (&*it.0, &*it.1, &*it.2) == product);
    assert!(is_there, "{verdicts:?}");
}

#[test]
fn damage_outweighs_a_finding_in_the_exit_code() {
    let folder = TempDir::new().unwrap();
    let pcap = capture::demo_pcap();
    let path = folder.path().join("cut.pcap");
    fs::write(&path, &pcap[..pcap.len() - 1]).unwrap();
    read(&["--fail-on", "likely"], &[&path]).ended_with(1);
}

#[test]
fn what_is_no_capture_is_refused_with_its_name_and_the_cause() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str, octets: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, octets).unwrap();
        path
    };
    let missing = folder.path().join("missing.pcap");
    let wrong = [
        (missing, "No such file"),
        (folder.path().to_owned(), "is a directory"),
        (
            file("notes.txt", b"some words\n"),
            "neither a pcap nor a pcapng file",
        ),
        (file("empty.pcap", b""), "is empty"),
        (
            file("words.gz", &capture::gzip(b"some words\n")),
            "neither a pcap nor a pcapng file",
        ),
    ];
    for (path, why) in &wrong {
        // The good file beside it does not hide the bad one.
        for files in [vec![path.as_path()], vec![&sensor::demo(), path]] {
            let outcome = read(&[], &files).ended_with(1);
            let said = &outcome.stderr;
            assert!(
                said.contains(path.to_str().unwrap()) && said.contains(why),
                "{said}"
            );
            assert_eq!(said.lines().count(), 1, "{said}");
            assert_eq!(outcome.text(), "");
        }
    }
}

#[test]
fn wrong_usage_exits_with_two_and_prints_nothing() {
    let demo = sensor::demo();
    let demo = demo.to_str().unwrap();
    let wrong: [&[&str]; 9] = [
        &[],
        &["read"],
        &["read", "--no-such-option", demo],
        &["read", "--workers", "0", demo],
        &["read", "--workers", "17", demo],
        &["read", "--home-network", "10.0.0.0/33", demo],
        &["read", "--fail-on", "certainly", demo],
        &["read", "--no-builtin-signatures", demo],
        &["no-such-command", demo],
    ];
    for args in wrong {
        let outcome = sensor::run(args).ended_with(2);
        assert_eq!(outcome.text(), "", "{args:?}");
        assert!(!outcome.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn fail_on_fails_from_that_verdict_on() {
    let demo = sensor::demo();
    let clean = folder_with_hosts_of_the_demo(&["10.20.0.31", "10.20.0.32"]);
    let clean = clean.path().join("capture");
    let web_only = folder_with_hosts_of_the_demo(&["10.20.0.15"]);
    let web_only = web_only.path().join("capture");
    let expected = [
        (&demo, "likely", 3),
        (&demo, "installed-active", 3),
        (&clean, "embed-only", 0),
        (&web_only, "embed-only", 3),
        (&web_only, "contact", 0),
        (&web_only, "installed-active", 0),
    ];
    for (file, verdict, code) in expected {
        let outcome = read(&["--fail-on", verdict], &[file]);
        assert_eq!(outcome.code, Some(code), "{verdict} on {}", file.display());
        assert!(!outcome.stdout.is_empty());
    }
}

#[test]
fn each_event_is_a_line_of_json_with_the_keys_that_the_schema_requires() {
    for event in events_of_the_demo(&[]) {
        schema::valid(schema::EVE, event.to_string().as_bytes());
    }
}

#[test]
fn there_is_an_event_for_each_sighting_and_each_change() {
    let events = events_of_the_demo(&[]);
    let of_kind = |kind: &str| {
        let events = events.iter().filter(|it| it["phonehome"]["kind"] == kind);
        events.count() as f64
    };
    let metrics = samples(&metrics_of(&[], &sensor::demo()));
    let sightings = sum(&metrics, "phonehome_sightings_total");
    assert_eq!(of_kind("sighting"), sightings);
    assert_eq!(
        of_kind("finding"),
        sum(&metrics, "phonehome_finding_changes_total")
    );
    assert!(sightings > 0.0);
}

#[test]
fn events_show_what_hellos_tell_of_the_programs_that_sent_them() {
    let mut shown = [0, 0];
    for event in events_of_the_demo(&[]) {
        let hello = match event["phonehome"]["source"].as_str() {
            Some("tls-sni") => &event["tls"],
            Some("quic-sni") => &event["quic"],
            _ => continue,
        };
        let ja4 = hello["ja4"].as_str().unwrap_or_else(|| panic!("{event}"));
        let is_quic = usize::from(ja4.starts_with('q'));
        assert!(
            ja4.len() == 36 && (is_quic == 1 || ja4.starts_with('t')),
            "{ja4}"
        );
        assert_eq!(event["phonehome"]["ja4"], ja4);
        shown[is_quic] += 1;
    }
    assert!(shown.iter().all(|it| *it > 0), "{shown:?}");
}

#[test]
fn events_do_not_depend_on_the_number_of_workers() {
    let alone = events_of_the_demo(&[]);
    for workers in ["1", "2", "4"] {
        assert!(
            events_of_the_demo(&["--workers", workers]) == alone,
            "{workers}"
        );
    }
}

#[test]
fn prometheus_own_tool_likes_the_metrics() {
    sensor::assert_promtool_likes(&metrics_of(&[], &sensor::demo()));
    let silent = sensor::tests().join("cases/nothing-arp-nd/input.pcap");
    sensor::assert_promtool_likes(&metrics_of(&[], &silent));
}

#[test]
fn the_sums_of_the_metrics_hold() {
    let mut captures: Vec<PathBuf> = sensor::cases();
    captures.iter_mut().for_each(|it| it.push("input.pcap"));
    captures.push(sensor::demo());
    for path in captures {
        for workers in [&[][..], &["--workers", "2"]] {
            let metrics = samples(&metrics_of(workers, &path));
            let of = |name: &str| sum(&metrics, &format!("phonehome_{name}"));
            let settled = of("capture_processed_frames_total")
                + of("capture_dropped_frames_total")
                + of("pipeline_queued_frames");
            assert_eq!(
                of("capture_received_frames_total"),
                settled,
                "{}",
                path.display()
            );
            let by = |name: &str, label: &str| sums(&metrics, &format!("phonehome_{name}"), label);
            let (named, unnamed) = (
                by("connections_named_total", "transport"),
                by("connections_unnamed_total", "transport"),
            );
            for (transport, all) in by("connections_total", "transport") {
                assert_eq!(
                    all,
                    named[&transport] + unnamed[&transport],
                    "{}",
                    path.display()
                );
            }
            let by_category = by("sightings_total", "vendor");
            assert_eq!(
                by_category,
                by("sighting_sources_total", "vendor"),
                "{}",
                path.display()
            );
            assert_eq!(
                by_category,
                by("sighting_reach_total", "vendor"),
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn only_hosts_of_the_home_networks_have_findings() {
    let demo = sensor::demo();
    let one = read(&["--json", "--home-network", "10.20.0.16/32"], &[&demo]).json();
    let hosts: Vec<_> = sensor::verdicts(&one).into_iter().map(|it| it.0).collect();
    assert_eq!(hosts, ["10.20.0.16"]);
    let two = read(
        &["--json", "--home-network", "10.20.0.16/31,10.20.0.21/32"],
        &[&demo],
    )
    .json();
    let hosts: Vec<_> = sensor::verdicts(&two).into_iter().map(|it| it.0).collect();
    assert_eq!(hosts, ["10.20.0.16", "10.20.0.17", "10.20.0.21"]);
    let none = read(&["--json", "--home-network", "192.0.2.0/24"], &[&demo]).json();
    assert_eq!(none["findings"], Value::Array(Vec::new()));
}

#[test]
fn a_public_resolver_that_is_the_sites_own_is_no_second_one() {
    let case = sensor::tests().join("cases/attribution-asked-twice/input.pcap");
    let other = read(&["--json", "--own-resolver", "1.1.1.1"], &[&case]).json();
    assert_eq!(other["visibility"]["public_dns_hosts"], 2);
    let own = read(&["--json", "--own-resolver", "8.8.8.8"], &[&case]).json();
    assert_eq!(own["visibility"]["public_dns_hosts"], 0);
    assert_eq!(own["hosts"]["asking"], Value::Array(Vec::new()));
    let verdicts: Vec<_> = sensor::verdicts(&own).into_iter().map(|it| it.2).collect();
    assert_eq!(verdicts, ["likely", "likely"]);
}

#[test]
fn an_event_says_which_network_a_question_is_asked_for() {
    let case = sensor::tests().join("cases/dns-client-subnet/input.pcap");
    let folder = TempDir::new().unwrap();
    let events = folder.path().join("events.json");
    read(&["--events", events.to_str().unwrap()], &[&case]).ended_with(0);
    let text = fs::read_to_string(&events).unwrap();
    let told: Vec<Value> = text
        .lines()
        .map(|it| schema::valid(schema::EVE, it.as_bytes()))
        .filter(|it| it["phonehome"]["kind"] == "sighting")
        .map(|it| {
            assert_eq!(it["src_ip"], "10.20.1.21");
            it["phonehome"]["ecs"].clone()
        })
        .collect();
    let text = |it: &str| Value::String(it.to_owned());
    let expected = [
        text("10.20.1.99/32"),
        text("2001:db8:20:aa00::/56"),
        Value::Null,
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_pack_of_ones_own_finds_its_vendor() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("own.toml"), OWN_PACK).unwrap();
    let own = folder.path().to_str().unwrap();
    let demo = sensor::demo();
    let beside = read(&["--json", "--signatures", own], &[&demo])
        .ended_with(0)
        .json();
    let vendors: Vec<_> = sensor::verdicts(&beside)
        .into_iter()
        .map(|it| it.1)
        .collect();
    assert!(vendors.iter().any(|it| it == "acme") && vendors.iter().any(|it| it == "kaspersky"));
    let alone = read(
        &["--json", "--no-builtin-signatures", "--signatures", own],
        &[&demo],
    );
    let alone = alone.ended_with(0).json();
    let found = sensor::verdicts(&alone);
    let hosts: Vec<_> = found.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(hosts, ["10.20.0.32", "10.20.0.34", "10.20.0.36"]);
    assert!(found.iter().all(|it| it.1 == "acme"), "{found:?}");
}

#[test]
fn a_broken_pack_is_named_with_file_and_line() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("own.toml");
    let demo = sensor::demo();
    let line_of = |text: &str, what: &str| text.lines().position(|it| it.contains(what)).unwrap();
    let broken = [
        OWN_PACK.replace("evidence = \"app\"", "evidence = \"hearsay\""),
        OWN_PACK.replace("evidence = \"app\"", "evidence = "),
    ];
    for text in broken {
        fs::write(&path, &text).unwrap();
        let args = ["--signatures", folder.path().to_str().unwrap()];
        let outcome = read(&args, &[&demo]).ended_with(2);
        let place = format!("{}:{}", path.display(), line_of(&text, "evidence = ") + 1);
        assert!(
            outcome.stderr.contains(&place),
            "{place} not in {}",
            outcome.stderr
        );
        assert_eq!(outcome.text(), "");
    }
}

#[test]
fn a_folder_of_packs_that_is_not_there_is_wrong_usage() {
    let outcome = read(&["--signatures", "/no/such/folder"], &[&sensor::demo()]).ended_with(2);
    assert!(
        outcome.stderr.contains("/no/such/folder: No such file"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    for form in [&["--json"][..], &[]] {
        let demo = sensor::demo();
        let args = ["read"].iter().chain(form).map(OsStr::new);
        let mut child = sensor::command(args.chain([demo.as_os_str()]))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let outcome = child.wait_with_output().unwrap();
        assert_eq!(outcome.status.code(), Some(0));
        assert_eq!(String::from_utf8_lossy(&outcome.stderr), "");
    }
}

#[test]
fn files_that_cannot_be_written_are_named() {
    let demo = sensor::demo();
    for option in ["--events", "--metrics"] {
        let outcome = read(&[option, "/no/such/folder/out"], &[&demo]).ended_with(1);
        let said = "cannot create /no/such/folder/out: No such file";
        assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    }
    if Path::new("/dev/full").exists() {
        for option in ["--events", "--metrics"] {
            let outcome = read(&[option, "/dev/full"], &[&demo]).ended_with(1);
            assert!(
                outcome.stderr.contains("cannot write /dev/full"),
                "{}",
                outcome.stderr
            );
        }
    }
}

#[test]
fn a_full_disk_under_standard_output_is_a_failure() {
    let Ok(full) = File::options().write(true).open("/dev/full") else {
        return;
    };
    let demo = sensor::demo();
    let outcome = sensor::command(["read".as_ref(), demo.as_os_str()])
        .stdin(Stdio::null())
        .stdout(full)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&outcome.stderr);
    assert_eq!(outcome.status.code(), Some(1));
    assert!(said.contains("cannot write standard output"), "{said}");
}

#[test]
fn a_piped_table_fits_a_hundred_columns_and_has_no_escape_codes() {
    for files in [vec![sensor::demo()], vec![sensor::demo(), sensor::demo()]] {
        let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
        let outcome = read(&[], &files).ended_with(0);
        let text = outcome.text();
        assert!(text.lines().all(|it| it.chars().count() <= 100), "{text}");
        assert!(!text.contains('\u{1b}') && !text.contains('\r'), "{text}");
        assert!(
            text.contains("10.20.0.11") && text.contains("Kaspersky"),
            "{text}"
        );
        assert_eq!(outcome.stderr, "", "no progress bar where nobody watches");
    }
}

#[test]
fn a_file_name_that_is_not_text_is_no_obstacle() {
    let folder = TempDir::new().unwrap();
    let path = folder
        .path()
        .join(OsString::from_vec(b"capture-\xff.pcap".to_vec()));
    fs::copy(sensor::tests().join("cases/http-host/input.pcap"), &path).unwrap();
    read(&[], &[&path]).ended_with(0);
    read(&["--json"], &[&path]).ended_with(0).json();
    sensor::assert_promtool_likes(&metrics_of(&[], &path));
}

/// Runs `phonehome read` with options and files.
fn read(options: &[&str], files: &[&Path]) -> Outcome {
    let options = ["read"].iter().chain(options).map(OsStr::new);
    sensor::run(options.chain(files.iter().map(|it| it.as_os_str())))
}

/// The metrics that `read` writes of a capture.
fn metrics_of(options: &[&str], file: &Path) -> String {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("metrics.txt");
    let options = [&["--metrics", path.to_str().unwrap()], options].concat();
    read(&options, &[file]).ended_with(0);
    fs::read_to_string(&path).unwrap()
}

/// The events that `read` writes of the demo.
fn events_of_the_demo(options: &[&str]) -> Vec<Value> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("events.jsonl");
    let options = [&["--events", path.to_str().unwrap()], options].concat();
    read(&options, &[&sensor::demo()]).ended_with(0);
    let lines = BufReader::new(File::open(&path).unwrap()).lines();
    let events: Vec<Value> = lines
        .map(|it| serde_json::from_str(&it.unwrap()).unwrap())
        .collect();
    assert!(!events.is_empty());
    events
}

/// A capture named `capture` of those frames of the demo that one of these hosts sent or got.
fn folder_with_hosts_of_the_demo(hosts: &[&str]) -> TempDir {
    let folder = TempDir::new().unwrap();
    let hosts: Vec<[u8; 4]> = hosts
        .iter()
        .map(|it| it.parse::<std::net::Ipv4Addr>().unwrap().octets())
        .collect();
    let mut frames = capture::demo_frames();
    // Source and destination address of IPv4 in Ethernet without tags.
    frames.retain(|it| {
        let ends = [it.bytes.get(26..30), it.bytes.get(30..34)];
        ends.into_iter()
            .flatten()
            .any(|end| hosts.iter().any(|it| it == end))
    });
    let pcap = capture::pcap(&frames, Order::Little, Unit::Nanoseconds);
    fs::write(folder.path().join("capture"), pcap).unwrap();
    folder
}

/// The share whose last frame has this time.
fn share_of(shares: &[Vec<capture::Frame>; 3], at: u64) -> usize {
    let last = |it: &Vec<capture::Frame>| it.last().is_some_and(|it| it.at == at);
    shares.iter().position(last).unwrap()
}

/// A pack that claims names which nobody else does.
const OWN_PACK: &str = r#"
id = "acme"
vendor = "Acme"
version = "1.0.0"
date = "2026-11-24"
description = "Names that the demo's clean hosts use."
lookalikes = ["www.debian.org.evil.example"]

[[source]]
id = 1
text = "The demo capture"
date = "2026-11-24"

[[signature]]
id = "acme-h01"
exact = ["www.debian.org", "deb.debian.org"]
category = "update"
evidence = "app"
confidence = "observed"
sources = [1]
date = "2026-11-24"
examples = ["www.debian.org"]
counterexamples = ["bugs.debian.org"]
"#;
