//! Evidence: what a sensor keeps of a replay, whether other programs can read it, and whether
//! `phonehome evidence verify` notices what was changed.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sensor::disk::Disk;
use sensor::server::{Server, ask_until, free_address};
use serde_json::Value;
use tempfile::TempDir;

mod sensor;

/// A folder with the evidence of the demo.
struct Kept {
    folder: TempDir,
    metrics: Vec<sensor::Sample>,
}

impl Kept {
    fn new(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("evidence");
        let metrics = replay(&place, more);
        Self { folder, metrics }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("evidence")
    }

    fn records(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path().join("evidence.jsonl")).unwrap();
        let lines = text.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().unwrap()
    }

    fn counted(&self, result: &str) -> f64 {
        counted(&self.metrics, result)
    }

    /// What `phonehome evidence verify` says, with its exit code.
    fn verify(&self, code: i32, more: &[&str]) -> String {
        let path = self.path();
        let mut words = vec!["evidence", "verify", path.to_str().unwrap()];
        words.extend(more);
        sensor::run(words).ended_with(code).text().to_owned()
    }
}

/// How many records had that result.
fn counted(metrics: &[sensor::Sample], result: &str) -> f64 {
    sensor::sums(metrics, "phonehome_evidence_records_total", "result")[result]
}

/// Replays the demo with evidence kept in a folder; gives the metrics at the end.
fn replay(folder: &Path, more: &[&str]) -> Vec<sensor::Sample> {
    let metrics = folder.with_extension("metrics");
    let demo = sensor::tests().join("demo/demo.pcap.gz");
    let mut words = vec!["run", "--replay", demo.to_str().unwrap()];
    words.extend(["--exit-when-done", "--web.listen-address", "127.0.0.1:0"]);
    words.extend(["--metrics", metrics.to_str().unwrap()]);
    words.extend(["--evidence.folder", folder.to_str().unwrap()]);
    words.extend(more);
    sensor::run(words).ended_with(0);
    sensor::samples(&fs::read_to_string(metrics).unwrap())
}

#[test]
fn each_first_sighting_is_proved_by_frames_that_other_programs_read() {
    let kept = Kept::new(&[]);
    let records = kept.records();
    assert_eq!(kept.counted("kept"), records.len() as f64);
    for result in ["missed", "refused", "failed"] {
        assert_eq!(kept.counted(result), 0.0, "{result}");
    }
    let octets: u64 = records
        .iter()
        .map(|it| it["octets"].as_u64().unwrap())
        .sum();
    let bytes = sensor::sum(&kept.metrics, "phonehome_evidence_bytes");
    assert_eq!(bytes, octets as f64);

    // Exactly the sightings that events tell of, each once.
    let events = kept.folder.path().join("events.jsonl");
    let demo = sensor::tests().join("demo/demo.pcap.gz");
    sensor::run([
        "read",
        "--events",
        events.to_str().unwrap(),
        demo.to_str().unwrap(),
    ])
    .ended_with(0);
    let expected: BTreeSet<[String; 3]> = fs::read_to_string(&events)
        .unwrap()
        .lines()
        .map(|it| serde_json::from_str::<Value>(it).unwrap())
        .filter(|it| it["phonehome"]["source"].is_string())
        .map(|it| {
            let own = &it["phonehome"];
            let is_servers = own["source"] == "tls-cert";
            let host = &it[if is_servers { "dest_ip" } else { "src_ip" }];
            [host, &own["signature"], &own["source"]].map(text)
        })
        .collect();
    let found: BTreeSet<[String; 3]> = records
        .iter()
        .map(|it| [&it["host"], &it["signature"], &it["source"]].map(text))
        .collect();
    assert_eq!(found.len(), records.len());
    assert_eq!(found, expected);

    // tcpdump finds the name that the list says in the frames of the file, where it is in clear.
    let mut read = 0;
    for record in &records {
        let source = record["source"].as_str().unwrap();
        if !["dns-query", "tls-sni", "http-host", "http-connect"].contains(&source) {
            continue;
        }
        let file = kept.path().join(record["file"].as_str().unwrap());
        let shown = tcpdump(&file).to_lowercase();
        let name = record["name"].as_str().unwrap();
        assert!(shown.contains(name), "{record}: {shown}");
        read += 1;
    }
    assert!(read > 40, "{read}");
    // Whoever opens a file is told what it is.
    let octets = fs::read(kept.path().join(text(&records[0]["file"]))).unwrap();
    let comment = format!(
        "{} at {}: ",
        text(&records[0]["host"]),
        text(&records[0]["at"])
    );
    assert!(String::from_utf8_lossy(&octets).contains(&comment));

    let said = kept.verify(0, &[]);
    let count = records.len();
    assert!(
        said.ends_with(&format!("{count} of {count} records hold\n")),
        "{said}"
    );
}

#[test]
fn a_sensor_that_serves_on_after_the_replay_tells_of_all_evidence() {
    let place = tempfile::tempdir().unwrap();
    let address = free_address();
    let mut command = sensor::command(["run", "--replay"]);
    command.arg(sensor::tests().join("demo/demo.pcap.gz"));
    command.args(["--web.listen-address", &address.to_string()]);
    command.arg("--evidence.folder").arg(place.path());
    let _server = Server::start(command);
    ask_until(address, "/api/v1/status", |answer| {
        let status: Value = serde_json::from_str(&answer.body).unwrap();
        let list = fs::read_to_string(place.path().join("evidence.jsonl")).unwrap_or_default();
        let count = list.lines().count();
        count >= 80 && status["evidence"]["records"]["kept"] == count
    });
}

#[test]
fn what_was_changed_afterwards_is_noticed() {
    let kept = Kept::new(&[]);
    let records = kept.records();
    let count = records.len();
    let file = |number: usize| kept.path().join(records[number]["file"].as_str().unwrap());
    let mut octets = fs::read(file(0)).unwrap();
    *octets.last_mut().unwrap() ^= 1;
    fs::write(file(0), octets).unwrap();
    fs::remove_file(file(1)).unwrap();
    let list = kept.path().join("evidence.jsonl");
    let text = fs::read_to_string(&list).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let said = kept.verify(1, &[]);
    assert!(said.contains("BAD"), "{said}");
    assert_eq!(line_of(&said, &records[0]), "the file was changed");
    assert_eq!(
        line_of(&said, &records[1]),
        "the file is missing or cannot be read"
    );
    assert!(
        said.ends_with(&format!("{} of {count} records hold\n", count - 2)),
        "{said}"
    );

    let without_third: Vec<&str> = [&lines[..2], &lines[3..]].concat();
    fs::write(&list, without_third.join("\n") + "\n{\"at\":").unwrap();
    let said = kept.verify(1, &[]);
    assert_eq!(
        line_of(&said, &records[3]),
        "the line before was changed or taken out"
    );
    assert!(
        said.contains(&format!("BAD line {count}: the line cannot be read")),
        "{said}"
    );

    // The file is told by its name: only the host is another.
    let other = lines[4].replacen(records[4]["host"].as_str().unwrap(), "10.9.9.9", 1);
    let lines = [&lines[..4], &[other.as_str()]].concat();
    fs::write(&list, lines.join("\n") + "\n").unwrap();
    let said = kept.verify(1, &[]);
    let last = said.lines().rev().nth(1).unwrap();
    assert!(
        last.starts_with("BAD") && last.contains("the frames do not show it"),
        "{said}"
    );
}

#[test]
fn a_signature_that_is_in_no_pack_any_more_is_told() {
    let kept = Kept::new(&[]);
    let packs = tempfile::tempdir().unwrap();
    let path = packs.path().to_str().unwrap();
    let said = kept.verify(1, &["--no-builtin-signatures", "--signatures", path]);
    assert!(
        said.contains("the signature is in no loaded pack"),
        "{said}"
    );
    assert!(said.contains("\n0 of "), "{said}");
    let failed = sensor::run(["evidence", "verify", path]).ended_with(1);
    assert!(
        failed
            .stderr
            .contains("cannot read the list of evidence in"),
        "{failed:?}"
    );
}

#[test]
fn a_folder_is_gone_on_with_and_nothing_is_kept_twice_or_beyond_its_size() {
    let kept = Kept::new(&[]);
    let before = fs::read_to_string(kept.path().join("evidence.jsonl")).unwrap();
    let metrics = replay(&kept.path(), &[]);
    let after = fs::read_to_string(kept.path().join("evidence.jsonl")).unwrap();
    assert_eq!(before, after);
    let octets: u64 = kept
        .records()
        .iter()
        .map(|it| it["octets"].as_u64().unwrap())
        .sum();
    let bytes = sensor::sum(&metrics, "phonehome_evidence_bytes");
    assert_eq!(bytes, octets as f64, "what was kept before counts");
    assert_eq!(
        sensor::sum(&metrics, "phonehome_evidence_records_total"),
        0.0
    );
}

#[test]
fn a_disk_that_is_full_at_any_point_spoils_no_record_and_the_rest_follows() {
    if std::env::var_os("PHONEHOME_SKIP_LIVE").is_some() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let mut failed = 0.0;
    for pages in 30..54 {
        let options = format!("size={}k", 4 * pages);
        let disk = Disk::new(place.path().join(pages.to_string()), &options);
        let metrics = replay(&disk.0, &[]);
        failed += counted(&metrics, "failed");
        disk.remount("size=4m");
        let metrics = replay(&disk.0, &[]);
        assert_eq!(counted(&metrics, "failed"), 0.0);
        let said = sensor::run(["evidence", "verify", disk.0.to_str().unwrap()]).ended_with(0);
        assert!(
            said.text().ends_with("81 of 81 records hold\n"),
            "{pages}: {}",
            said.text()
        );
    }
    assert!(failed > 24.0, "{failed}");
}

#[test]
fn a_folder_that_cannot_be_written_in_ends_the_start() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    let demo = sensor::tests().join("demo/demo.pcap.gz");
    let ended = sensor::run([
        "run",
        "--replay",
        demo.to_str().unwrap(),
        "--exit-when-done",
        "--web.listen-address",
        "127.0.0.1:0",
        "--evidence.folder",
        file.to_str().unwrap(),
    ])
    .ended_with(1);
    assert!(
        ended.stderr.contains("evidence.folder must be a folder"),
        "{ended:?}"
    );
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// What was said of a record.
fn line_of(said: &str, record: &Value) -> String {
    let file = record["file"].as_str().unwrap();
    let line = said.lines().find(|it| it.ends_with(file)).unwrap();
    let (_, rest) = line.split_once("): ").unwrap();
    let (outcome, _) = rest.split_once("; ").unwrap();
    outcome.to_owned()
}

fn tcpdump(file: &Path) -> String {
    let mut command = Command::new("tcpdump");
    let output = command.args(["-n", "-A", "-r"]).arg(file).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
