//! What counts under directives, and what waivers let stand, through the real program.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use sensor::server::{Server, ask_until, free_address};
use sensor::{Outcome, samples};
use serde_json::Value;
use tempfile::TempDir;

mod sensor;

/// Reads the demo with options, and `--metrics`; what was printed, and the metrics.
fn read(options: &[&str]) -> (Outcome, String) {
    let folder = TempDir::new().unwrap();
    let metrics = folder.path().join("metrics");
    let demo = sensor::demo();
    let mut args = vec!["read", "--metrics", metrics.to_str().unwrap()];
    args.extend(options);
    args.push(demo.to_str().unwrap());
    let outcome = sensor::run(args);
    let text = fs::read_to_string(&metrics).unwrap_or_default();
    (outcome, text)
}

/// Values of a metric by two of its labels.
fn table(metrics: &str, name: &str, labels: [&str; 2]) -> BTreeMap<(String, String), f64> {
    let rows = samples(metrics).into_iter().filter(|it| it.name == name);
    rows.map(|it| {
        let [first, second] = labels.map(|label| it.labels[label].clone());
        ((first, second), it.value)
    })
    .collect()
}

fn key(first: &str, second: &str) -> (String, String) {
    (first.to_owned(), second.to_owned())
}

fn waivers(folder: &Path, host: &str, until: &str) -> String {
    let path = folder.join("waivers.toml");
    let text = format!(
        "[[waiver]]\nhost = \"{host}\"\nvendor = \"kaspersky\"\nuntil = \"{until}\"\nreason = \
         \"Malware laboratory.\"\nby = \"J. Doe\"\n"
    );
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_same_traffic_counts_differently_under_two_directives() {
    let both = ["--directives", "us-bod-17-01,us-ndaa-1634", "--json"];
    let (outcome, metrics) = read(&both);
    let findings = table(
        &metrics,
        "phonehome_directive_findings",
        ["directive", "state"],
    );
    assert_eq!(findings[&key("us-bod-17-01", "open")], 3.0);
    assert_eq!(findings[&key("us-ndaa-1634", "open")], 4.0);
    let document = outcome.ended_with(0).json();
    let counted = |host: &str| -> Vec<Value> {
        let findings = document["findings"].as_array().unwrap().iter();
        let of_host = findings.filter(|it| it["host"] == host && it["vendor"]["id"] == "kaspersky");
        let rows = of_host.flat_map(|it| it["directives"].as_array().unwrap().clone());
        rows.collect()
    };
    assert_eq!(counted("10.20.0.11"), ["us-bod-17-01", "us-ndaa-1634"]);
    // A Check Point client with the engine, and a browser on the vendor's pages.
    assert_eq!(counted("10.20.0.14"), ["us-ndaa-1634"]);
    assert_eq!(counted("10.20.0.13"), [""; 0]);
}

#[test]
fn the_table_says_what_counts_and_by_when() {
    let (outcome, _) = read(&[
        "--directives",
        "us-bod-17-01",
        "--directives",
        "us-ndaa-1634",
    ]);
    let outcome = outcome.ended_with(0);
    let text = outcome
        .text()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    for line in [
        "under BOD 17-01: 3 open findings count; not counted: 1 embedded, 1 of parts in other pages \
         only; it sets no day for completion",
        "under NDAA 1634: 4 open findings count; not counted: 1 of parts in other pages only; complete \
         by 2018-10-01, overdue by 2976 days",
    ] {
        assert!(text.contains(line), "{}", outcome.text());
    }
}

#[test]
fn a_waiver_makes_a_finding_waived_on_its_last_day_and_hides_nothing() {
    let folder = TempDir::new().unwrap();
    let file = waivers(folder.path(), "10.20.0.11", "2026-11-24");
    let options = ["--directives", "us-bod-17-01", "--waivers", &file];
    let (outcome, metrics) = read(&options);
    let outcome = outcome.ended_with(0);
    assert!(
        outcome
            .text()
            .contains("waived until 2026-11-24: Malware laboratory. (J. Doe)"),
        "{}",
        outcome.text()
    );
    let findings = table(
        &metrics,
        "phonehome_directive_findings",
        ["directive", "state"],
    );
    assert_eq!(findings[&key("us-bod-17-01", "open")], 2.0);
    assert_eq!(findings[&key("us-bod-17-01", "waived")], 1.0);
    let states = table(&metrics, "phonehome_findings", ["vendor", "state"]);
    assert_eq!(states[&key("kaspersky", "waived")], 1.0);
    let open = table(&metrics, "phonehome_open_findings", ["vendor", "verdict"]);
    let of_vendor = open.iter().filter(|it| it.0.0 == "kaspersky");
    let sum: f64 = of_vendor.map(|it| it.1).sum();
    assert_eq!(sum, states[&key("kaspersky", "active")]);

    let (json, _) = read(&[&options[..], &["--json"]].concat());
    let document = json.ended_with(0).json();
    let findings = document["findings"].as_array().unwrap();
    let finding = findings
        .iter()
        .find(|it| it["host"] == "10.20.0.11")
        .unwrap();
    assert_eq!(finding["state"], "waived");
    assert_eq!(finding["waiver"]["by"], "J. Doe");
    assert_eq!(finding["waiver"]["holds"], true);
    assert_eq!(finding["verdict"], "installed-active");
}

#[test]
fn a_waiver_that_has_run_out_is_told_of_and_counts_no_more() {
    let folder = TempDir::new().unwrap();
    let file = waivers(folder.path(), "10.20.0.0/24", "2026-11-23");
    let (outcome, metrics) = read(&["--directives", "us-bod-17-01", "--waivers", &file]);
    let text = outcome.ended_with(0).text().to_owned();
    assert!(
        text.contains("open again, the waiver ran out on 2026-11-23"),
        "{text}"
    );
    let findings = table(
        &metrics,
        "phonehome_directive_findings",
        ["directive", "state"],
    );
    assert_eq!(findings[&key("us-bod-17-01", "open")], 3.0);
    assert_eq!(findings[&key("us-bod-17-01", "waived")], 0.0);
}

#[test]
fn all_that_is_wrong_in_waivers_is_said_before_anything_is_opened() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("w.toml");
    fs::write(&file, "[[waiver]]\nhost = \"pc7\"\nuntil = \"soon\"\n").unwrap();
    let args = ["read", "--waivers", file.to_str().unwrap(), "/nowhere"];
    let outcome = sensor::run(args).ended_with(2);
    for says in [
        "w.toml:1: waiver: `vendor` is missing",
        "w.toml:1: waiver: `reason` is missing",
        "w.toml:2: waiver: `host` is `pc7`",
        "w.toml:3: waiver: `until` is `soon`; write it as 2026-01-31",
    ] {
        assert!(outcome.stderr.contains(says), "{}", outcome.stderr);
    }
}

#[test]
fn a_directive_that_is_unknown_is_refused_with_the_known_ones() {
    let (outcome, _) = read(&["--directives", "bod-17-01"]);
    let outcome = outcome.ended_with(2);
    let says = "directives: unknown directives: bod-17-01; known are ca-2023-10, ";
    assert!(outcome.stderr.contains(says), "{}", outcome.stderr);
}

#[test]
fn a_vendor_without_a_pack_is_said_at_start() {
    let (outcome, _) = read(&["--directives", "us-ndaa-889"]);
    let outcome = outcome.ended_with(0);
    let says = "no pack is loaded for dahua, huawei, hytera, zte";
    assert!(outcome.stderr.contains(says), "{}", outcome.stderr);
    assert!(outcome.text().contains(says), "{}", outcome.text());
}

#[test]
fn the_sensor_serves_the_directives_in_force() {
    let folder = TempDir::new().unwrap();
    let file = waivers(folder.path(), "10.20.0.11", "2026-11-30");
    let address = free_address();
    let listen = address.to_string();
    let demo = sensor::demo();
    let args = [
        "run",
        "--web.listen-address",
        &listen,
        "--directives",
        "us-bod-17-01",
        "--waivers",
        &file,
        "--replay",
        demo.to_str().unwrap(),
    ];
    let mut server = Server::start(sensor::command(args));
    server.line_with("the replay has ended");
    let answer = ask_until(address, "/api/v1/directives", |it| it.code == 200);
    let document: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(document["today"], "2026-11-24");
    let directive = &document["directives"][0];
    assert_eq!(directive["id"], "us-bod-17-01");
    assert_eq!(directive["findings"]["open"], 2);
    assert_eq!(directive["findings"]["waived"], 1);
    assert_eq!(directive["not_counted"]["embedded"], 1);
    let answer = ask_until(address, "/metrics/hosts", |it| it.code == 200);
    let row = answer
        .body
        .lines()
        .find(|it| it.contains("_info{host=\"10.20.0.11\""));
    assert!(row.unwrap().contains("state=\"waived\""), "{row:?}");
    server.signal("TERM");
    assert!(server.ended_within(Duration::from_secs(5)).success());
}

#[test]
fn directives_of_ones_own_are_checked_and_listed() {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().to_str().unwrap();
    let readme = include_str!("../../signatures/README.md");
    let mut blocks = readme.split("```toml\n").skip(1);
    let own = blocks.find(|it| it.contains("acme-order-7")).unwrap();
    let own = own.split("```").next().unwrap();
    fs::write(folder.path().join("own.toml"), own).unwrap();
    let outcome = sensor::run(["directives", "check", dir]).ended_with(0);
    assert!(outcome.text().starts_with("all directives are right: 11\n"));
    let outcome = sensor::run(["directives", "list", "--directives-folder", dir]).ended_with(0);
    for line in [
        "acme-order-7 of 2026-11-24: Order 7",
        "us-bod-17-01 of 2017-09-13: BOD 17-01",
        "  2017-10-13 identify Within 30 calendar days",
    ] {
        assert!(outcome.text().contains(line), "{}", outcome.text());
    }
    fs::write(
        folder.path().join("own.toml"),
        own.replace("\"complete\"", "\"done\""),
    )
    .unwrap();
    let outcome = sensor::run(["directives", "check", dir]).ended_with(2);
    let says = "own.toml:25: milestone 2027-03-31: `step` is `done`; write one of identify,";
    assert!(outcome.stderr.contains(says), "{}", outcome.stderr);
}
