//! `phonehome report` and `/report`: the real program, the demo, and what reads the forms.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

use std::fs;
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use sensor::server::{Answer, Server, ask};
use sensor::{Outcome, schema};
use serde_json::Value;
use tempfile::TempDir;

mod sensor;

const MADE: [&str; 3] = ["report", "--made", "2026-11-25T09:00:00Z"];

/// A report on the demo.
fn report(options: &[&str]) -> Outcome {
    let demo = sensor::demo();
    let args = MADE.iter().chain(options).map(AsRef::as_ref);
    sensor::run(args.chain([demo.as_os_str()]))
}

fn text(options: &[&str]) -> String {
    report(options).ended_with(0).text().to_owned()
}

/// The cells of each row, as RFC 4180 has them.
fn cells(text: &str) -> Vec<Vec<String>> {
    let mut rows = vec![vec![String::new()]];
    let mut letters = text.chars().peekable();
    let mut is_quoted = false;
    while let Some(letter) = letters.next() {
        let row = rows.last_mut().unwrap();
        let cell = row.last_mut().unwrap();
        match letter {
            '"' if is_quoted && letters.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => row.push(String::new()),
            '\r' if !is_quoted => {
                assert_eq!(letters.next(), Some('\n'), "a line ends with CR and LF");
                rows.push(vec![String::new()]);
            }
            letter => cell.push(letter),
        }
    }
    assert_eq!(
        rows.pop(),
        Some(vec![String::new()]),
        "the last line ends too"
    );
    rows
}

#[test]
fn every_form_names_the_hosts_that_count_and_no_other() {
    for form in ["html", "csv", "json", "md"] {
        let text = text(&["--directive", "us-bod-17-01", "--format", form]);
        for host in ["10.20.0.11", "10.20.0.12", "10.20.0.17"] {
            assert!(text.contains(host), "{host} is not in {form}: {text}");
        }
        // An engine in another product, an app of another vendor, and a clean host.
        for host in ["10.20.0.14", "10.20.0.16", "10.20.0.31"] {
            assert!(!text.contains(host), "{host} is in {form}: {text}");
        }
    }
}

#[test]
fn the_document_is_as_its_schema_says() {
    for options in [
        &["--directive", "us-bod-17-01,us-ndaa-1634"][..],
        &["--all"],
        &[],
    ] {
        let text = text(&[options, &["--format", "json"]].concat());
        schema::valid("report", text.as_bytes());
    }
}

#[test]
fn the_table_has_as_many_cells_in_every_row_and_empty_ones_to_fill_in() {
    let rows = cells(&text(&["--directive", "us-bod-17-01", "--format", "csv"]));
    let head = &rows[0];
    assert!(rows.iter().all(|it| it.len() == head.len()), "{rows:?}");
    let place = |name: &str| head.iter().position(|it| it == name).unwrap();
    let findings: Vec<&Vec<String>> = rows.iter().filter(|it| it[0] == "finding").collect();
    let hosts: Vec<&str> = findings
        .iter()
        .map(|it| it[place("host")].as_str())
        .collect();
    assert_eq!(hosts, ["10.20.0.11", "10.20.0.17", "10.20.0.12"]);
    let by_hand: Vec<usize> = (0..head.len())
        .filter(|it| head[*it].starts_with("to fill in: us-bod-17-01 plan "))
        .collect();
    assert_eq!(by_hand.len(), 11);
    assert!(
        findings
            .iter()
            .all(|row| by_hand.iter().all(|it| row[*it].is_empty()))
    );
    assert!(
        rows.iter()
            .any(|it| it[0] == "unseen" && it[2].contains("could not be named"))
    );
}

#[test]
fn the_same_data_gives_the_same_octets_whatever_the_number_of_workers() {
    for form in ["html", "csv", "json", "md"] {
        let options = ["--directive", "us-bod-17-01", "--format", form];
        let first = report(&options).ended_with(0).stdout;
        for workers in ["1", "3"] {
            let more = [&options[..], &["--workers", workers]].concat();
            assert!(report(&more).ended_with(0).stdout == first, "{more:?}");
        }
    }
}

#[test]
fn without_a_directive_it_is_an_inventory_and_with_all_it_has_a_part_for_each() {
    let inventory: Value = serde_json::from_str(&text(&["--format", "json"])).unwrap();
    let parts = inventory["parts"].as_array().unwrap();
    assert_eq!(parts.len(), 1);
    assert!(parts[0].get("directive").is_none());
    assert_eq!(parts[0]["endpoints"].as_array().unwrap().len(), 6);
    let all: Value = serde_json::from_str(&text(&["--all", "--format", "json"])).unwrap();
    assert_eq!(all["parts"].as_array().unwrap().len(), 10);
}

#[test]
fn a_waiver_is_shown_with_its_reason_and_its_last_day() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("waivers.toml");
    let waiver = "[[waiver]]\nhost = \"10.20.0.11\"\nvendor = \"kaspersky\"\nuntil = \
                  \"2026-12-31\"\nreason = \"Malware laboratory.\"\nby = \"J. Doe\"\n";
    fs::write(&file, waiver).unwrap();
    let options = [
        "--directive",
        "us-bod-17-01",
        "--waivers",
        file.to_str().unwrap(),
    ];
    let text = text(&options);
    for says in [
        "2 of 17 hosts seen have an open finding under BOD 17-01.",
        "1 more is waived.",
        "| 10.20.0.11 | Kaspersky | holds 2026-12-31 | Malware laboratory. | J. Doe |",
    ] {
        assert!(text.contains(says), "{says:?} is not in {text}");
    }
}

#[test]
fn it_can_be_written_to_a_file() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("report.html");
    let out = ["--format", "html", "--out", path.to_str().unwrap()];
    assert_eq!(text(&out), "");
    assert!(
        fs::read_to_string(&path)
            .unwrap()
            .starts_with("<!doctype html>")
    );
    let nowhere = ["--out", "/nowhere/report.html"];
    let outcome = report(&nowhere).ended_with(1);
    assert!(outcome.stderr.contains("cannot write /nowhere/report.html"));
}

#[test]
fn what_is_asked_wrongly_is_said_with_what_would_be_right() {
    let outcome = report(&["--directive", "bod"]).ended_with(2);
    let says = "unknown directives: bod; known are ca-2023-10, ";
    assert!(outcome.stderr.contains(says), "{}", outcome.stderr);
    let outcome = sensor::run(["report", "--made", "yesterday", "x.pcap"]).ended_with(2);
    let says = "write it as 2026-01-31T12:00:00Z";
    assert!(outcome.stderr.contains(says), "{}", outcome.stderr);
}

#[test]
fn the_sensor_serves_the_report_in_every_form() {
    let (_server, address) = served(&[
        "--directives",
        "us-bod-17-01,us-ndaa-1634",
        "--events.sensor",
        "head office",
    ]);
    let kinds = [
        ("html", "text/html"),
        ("csv", "text/csv"),
        ("json", "application/json"),
        ("md", "text/markdown"),
    ];
    for (form, kind) in kinds {
        let path = format!("/report?directive=us-bod-17-01&format={form}");
        let Answer { code, head, body } = ask(address, &path).unwrap();
        assert_eq!(code, 200, "{body}");
        assert!(
            head.contains(&format!("\r\ncontent-type: {kind}")),
            "{head}"
        );
        assert!(head.contains("default-src 'none'"), "{head}");
        assert!(body.contains("10.20.0.12") && !body.contains("10.20.0.14"));
    }
    let both = ask(address, "/report?directive=all&format=json")
        .unwrap()
        .body;
    let document = schema::valid("report", both.as_bytes());
    assert_eq!(document["sensor"], "head office");
    assert_eq!(document["parts"].as_array().unwrap().len(), 2);
    let page = ask(address, "/").unwrap().body;
    for link in [
        "/report?directive=us-bod-17-01",
        "/report?directive=us-ndaa-1634",
    ] {
        assert!(page.contains(&format!("href=\"{link}\"")), "{page}");
    }
    let none = ask(address, "/report?directive=us-tiktok-act").unwrap();
    assert_eq!(none.code, 404);
    assert!(
        none.body.contains("in force: us-bod-17-01, us-ndaa-1634"),
        "{}",
        none.body
    );
    assert_eq!(ask(address, "/report?format=pdf").unwrap().code, 400);
}

#[test]
fn what_a_sensor_has_stored_can_be_reported_on_while_it_runs_and_after() {
    let folder = TempDir::new().unwrap();
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    let settings = folder.path().join("phonehome.toml");
    fs::write(
        &settings,
        format!("[state]\nfolder = {state:?}\n\n[events]\nsensor = \"head office\"\n"),
    )
    .unwrap();
    let mut command = sensor::command(["run", "--web.listen-address", "127.0.0.1:0"]);
    command.args(["--replay", "-", "--config"]).arg(&settings);
    let mut server = Server::start_fed(command);
    server.line_with("serving on");
    let asked = ["--directive", "us-bod-17-01", "--format", "json"];
    let stored = |place: [&str; 2]| {
        let args = MADE.iter().chain(&asked).copied().chain(place);
        endpoints(sensor::run(args).ended_with(0).text())
    };
    let by_folder = ["--state-folder", state.to_str().unwrap()];
    let by_settings = ["--config", settings.to_str().unwrap()];
    // The sensor has its file open, and nothing to tell yet.
    assert_eq!(stored(by_folder), Vec::<[Value; 5]>::new());
    server.feed(&sensor::capture::demo_pcap());
    server.close();
    server.line_with("the replay has ended");
    let expected = endpoints(&text(&asked));
    assert_eq!(expected.len(), 3);
    // What is stored is five seconds behind at most.
    let end = Instant::now() + sensor::PATIENCE;
    while stored(by_folder) != expected {
        assert!(Instant::now() < end, "{:?}", stored(by_folder));
        sleep(Duration::from_millis(100));
    }
    assert_eq!(stored(by_settings), expected);
    let settings = settings.to_str().unwrap();
    let named = ["report", "--format", "json", "--config", settings];
    let named = sensor::run(named).ended_with(0);
    let document = schema::valid("report", named.text().as_bytes());
    assert_eq!(document["sensor"], "head office");
}

/// What a document says of each endpoint.
fn endpoints(document: &str) -> Vec<[Value; 5]> {
    let document = schema::valid("report", document.as_bytes());
    let rows = document["parts"][0]["endpoints"].as_array().unwrap();
    let keys = ["host", "verdict", "state", "first_seen", "last_seen"];
    rows.iter()
        .map(|it| keys.map(|key| it[key].clone()))
        .collect()
}

#[test]
fn whoever_may_not_see_hosts_gets_no_report() {
    let options = ["--directives", "us-bod-17-01", "--web.show-hosts", "never"];
    let (_server, address) = served(&options);
    let answer = ask(address, "/report?directive=us-bod-17-01").unwrap();
    assert_eq!(answer.code, 403);
    assert!(!ask(address, "/").unwrap().body.contains("href=\"/report"));
}

/// A sensor that has read the demo.
fn served(options: &[&str]) -> (Server, SocketAddr) {
    let mut command = sensor::command(["run", "--web.listen-address", "127.0.0.1:0"]);
    command.args(options).arg("--replay").arg(sensor::demo());
    let server = Server::start(command);
    let line = server.line_with("serving on");
    let (_, rest) = line.split_once("http://").expect("a URL");
    let (address, _) = rest.split_once('/').expect("a path");
    let address = address.parse().expect("an address");
    server.line_with("the replay has ended");
    (server, address)
}
