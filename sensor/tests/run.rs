//! `phonehome run`: the sensor with its web server, asked by this test and by a real Prometheus.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use sensor::capture::demo_pcap;
use sensor::samples;
use sensor::server::{Answer, Server, ask, ask_until, free_address};
use serde_json::Value;
use tempfile::TempDir;

mod sensor;

/// How long the sensor may take to end.
const END: Duration = Duration::from_secs(2);

#[test]
fn what_it_serves_is_what_read_finds_whatever_the_number_of_workers() {
    let read = sensor::run([
        "read".as_ref(),
        "--json".as_ref(),
        sensor::demo().as_os_str(),
    ]);
    let read = read.ended_with(0).json();
    for workers in [
        &[][..],
        &["--workers", "1"],
        &["--workers", "2"],
        &["--workers", "4"],
    ] {
        let (_sensor, address) = settled(workers);
        let served = body(address, "/api/v1/findings", "application/json");
        let served: Value = serde_json::from_str(&served).unwrap();
        for part in ["findings", "visibility", "hosts", "packs", "input"] {
            assert_eq!(served[part], read[part], "{part} with {workers:?}");
        }
        let visibility = body(address, "/api/v1/visibility", "application/json");
        let visibility: Value = serde_json::from_str(&visibility).unwrap();
        assert_eq!(visibility["visibility"], read["visibility"], "{workers:?}");
    }
}

#[test]
fn its_metrics_are_right_and_prometheus_own_tool_likes_them() {
    let (_sensor, address) = settled(&[]);
    for path in ["/metrics", "/metrics/hosts"] {
        sensor::assert_promtool_likes(&body(address, path, "text/plain"));
    }
    let metrics = samples(&body(address, "/metrics", "text/plain"));
    let of = |name: &str| sensor::sum(&metrics, &format!("phonehome_{name}"));
    let frames = sensor::capture::demo_frames().len() as f64;
    assert_eq!(of("capture_received_frames_total"), frames);
    assert_eq!(of("capture_processed_frames_total"), frames);
    assert_eq!(of("pipeline_queued_frames"), 0.0);
    assert_eq!(
        of("connections_total"),
        of("connections_named_total") + of("connections_unnamed_total")
    );
    let open = metrics.iter().filter(|it| {
        it.name == "phonehome_findings"
            && ["active", "quiet", "returned"].contains(&it.labels["state"].as_str())
    });
    let open: f64 = open.map(|it| it.value).sum();
    assert!(open > 0.0);
    assert_eq!(of("open_findings"), open);
    let is_http = |it: &sensor::Sample| {
        it.name == "phonehome_pipeline_busy_seconds_total" && it.labels["thread"] == "http"
    };
    assert!(metrics.iter().any(|it| is_http(it) && it.value > 0.0));
}

#[test]
fn rows_of_hosts_are_as_many_as_is_set_and_the_rest_is_counted() {
    let all = rows_of_hosts(&[]);
    assert_eq!(all.1, 0.0);
    let some = rows_of_hosts(&["--limits.host-rows", "2"]);
    assert_eq!(some, (2, all.0 as f64 - 2.0));
}

/// Findings that `/metrics/hosts` shows, and how many it says that it leaves out.
fn rows_of_hosts(options: &[&str]) -> (usize, f64) {
    let (_sensor, address) = settled(options);
    let rows = samples(&body(address, "/metrics/hosts", "text/plain"));
    let is_finding = |it: &&sensor::Sample| it.name == "phonehome_host_finding_info";
    let omitted = sensor::sum(&rows, "phonehome_host_rows_omitted");
    (rows.iter().filter(is_finding).count(), omitted)
}

#[test]
fn it_says_that_it_is_healthy_and_ready() {
    let (_sensor, address) = settled(&[]);
    assert_eq!(body(address, "/-/healthy", "text/plain"), "healthy\n");
    assert_eq!(body(address, "/-/ready", "text/plain"), "ready\n");
    assert_eq!(ask(address, "/no/such/page").unwrap().code, 404);
}

#[test]
fn its_status_page_shows_the_findings() {
    let (_sensor, address) = settled(&[]);
    let page = body(address, "/", "text/html");
    assert!(page.starts_with("<!doctype html>"), "{page}");
    for word in [
        "10.20.0.11",
        "Kaspersky",
        "10.20.0.21",
        "Hikvision",
        "installed-active",
    ] {
        assert!(page.contains(word), "{word} is not in {page}");
    }
    assert!(!page.contains("10.20.0.31"), "a clean host is on the page");
}

#[test]
fn every_address_that_is_given_is_served() {
    let more = ["--web.listen-address", "127.0.0.1:0"];
    let sensor = started(&more);
    let first = address_in(&sensor.line_with("serving on"));
    let second = address_in(&sensor.line_with("serving on"));
    assert_ne!(first, second);
    for address in [first, second] {
        ask_until(address, "/-/ready", |it| it.code == 200);
    }
}

#[test]
fn either_signal_ends_it_within_two_seconds() {
    for signal in ["TERM", "INT"] {
        let (mut sensor, address) = settled(&[]);
        sensor.signal(signal);
        assert_eq!(sensor.ended_within(END).code(), Some(0), "{signal}");
        assert!(
            ask(address, "/-/healthy").is_none(),
            "still served after {signal}"
        );
    }
}

#[test]
fn a_pipe_that_pauses_is_told_of_and_does_not_hold_up_the_end() {
    let (demo, stored) = (demo_pcap(), fs::read(sensor::demo()).unwrap());
    // Nothing; the head of a file; so much that a frame is cut in two; and all, also as stored.
    let parts = [0, 24, demo.len() / 2, demo.len()].map(|it| &demo[..it]);
    for part in parts.into_iter().chain([&stored[..]]) {
        let mut command = sensor::command(LISTEN);
        command.args(["--replay", "-"]);
        let mut sensor = Server::start_fed(command);
        let address = address_in(&sensor.line_with("serving on"));
        sensor.feed(part);
        if part.len() > 24 {
            let frames = |page: &Answer, what: &str| {
                let name = format!("phonehome_capture_{what}_frames_total");
                sensor::sum(&samples(&page.body), &name)
            };
            let page = ask_until(address, "/metrics", |it| {
                frames(it, "received") > 0.0 && frames(it, "received") == frames(it, "processed")
            });
            let findings = sensor::sum(&samples(&page.body), "phonehome_findings");
            assert!(findings > 0.0, "{}", part.len());
        }
        sensor.signal("TERM");
        assert_eq!(sensor.ended_within(END).code(), Some(0), "{}", part.len());
    }
}

#[test]
fn a_client_that_says_nothing_does_not_hold_up_the_end() {
    let (mut sensor, address) = settled(&[]);
    let _silent = std::net::TcpStream::connect(address).unwrap();
    sensor.signal("TERM");
    assert_eq!(sensor.ended_within(END).code(), Some(0));
}

#[test]
fn it_ends_by_itself_when_it_is_told_to() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("metrics.txt");
    let args = ["--exit-when-done", "--metrics", path.to_str().unwrap()];
    let mut sensor = started(&args);
    assert_eq!(sensor.ended_within(sensor::PATIENCE).code(), Some(0));
    let metrics = fs::read_to_string(&path).unwrap();
    sensor::assert_promtool_likes(&metrics);
    let metrics = samples(&metrics);
    let open = sensor::sum(&metrics, "phonehome_open_findings");
    let read = sensor::run([
        "read".as_ref(),
        "--json".as_ref(),
        sensor::demo().as_os_str(),
    ]);
    let verdicts = sensor::verdicts(&read.json());
    let expected = verdicts.iter().filter(|it| it.2 != "none").count();
    assert_eq!(open, expected as f64);
}

#[test]
fn a_damaged_replay_shows_in_the_exit_code() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("cut.pcap");
    let pcap = demo_pcap();
    fs::write(&path, &pcap[..pcap.len() - 1]).unwrap();
    let mut command = sensor::command(LISTEN);
    command.arg("--exit-when-done").arg("--replay").arg(&path);
    let mut sensor = Server::start(command);
    sensor.line_with("cut short at octet");
    assert_eq!(sensor.ended_within(sensor::PATIENCE).code(), Some(1));
}

#[test]
fn an_address_that_is_taken_is_named_with_the_cause() {
    let taken = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = sensor::command(["run", "--web.listen-address", &address, "--replay"]);
    command.arg(sensor::demo());
    let mut sensor = Server::start(command);
    let line = sensor.line_with("cannot listen on");
    assert!(line.contains(&address) && line.contains("in use"), "{line}");
    assert_eq!(sensor.ended_within(END).code(), Some(1));
}

#[test]
fn a_real_prometheus_scrapes_it() {
    sensor::needs_prometheus("prometheus");
    let (_sensor, address) = settled(&[]);
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("prometheus.yml");
    let text = format!(
        "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: phonehome\n    \
         static_configs:\n      - targets: [\"{address}\"]\n"
    );
    fs::write(&config, text).unwrap();
    let prometheus = free_address();
    let mut command = Command::new("prometheus");
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            folder.path().join("data").display()
        ))
        .arg(format!("--web.listen-address={prometheus}"))
        .arg("--log.level=error")
        .current_dir(folder.path());
    let mut server = Server::start(command);
    let answer = ask_until(prometheus, "/api/v1/query?query=up", |it| {
        values(it).contains(&1.0)
    });
    assert_eq!(values(&answer), [1.0]);
    let query = "/api/v1/query?query=sum(phonehome_open_findings)";
    let open = ask_until(prometheus, query, |it| !values(it).is_empty());
    let metrics = samples(&body(address, "/metrics", "text/plain"));
    let served = sensor::sum(&metrics, "phonehome_open_findings");
    assert_eq!(values(&open), [served]);
    assert!(served >= 7.0, "{served}");
    server.signal("TERM");
    let ended: ExitStatus = server.ended_within(sensor::PATIENCE);
    assert!(ended.success(), "{ended}");
}

/// A sensor that replays the demo, once all of it is settled; and its address.
fn settled(options: &[&str]) -> (Server, SocketAddr) {
    let sensor = started(options);
    let address = address_in(&sensor.line_with("serving on"));
    sensor.line_with("the replay has ended");
    (sensor, address)
}

/// A sensor that replays the demo.
fn started(options: &[&str]) -> Server {
    let mut command = sensor::command(LISTEN);
    command.args(options).arg("--replay").arg(sensor::demo());
    Server::start(command)
}

/// The address in the line that the sensor says when it serves.
fn address_in(line: &str) -> SocketAddr {
    let (_, rest) = line.split_once("http://").expect("a URL");
    let (address, _) = rest.split_once('/').expect("a path");
    address.parse().expect("an address")
}

/// The body of a page, which is there and of this kind.
#[track_caller]
fn body(address: SocketAddr, path: &str, kind: &str) -> String {
    let Some(Answer { code, head, body }) = ask(address, path) else {
        panic!("no answer for {path}");
    };
    assert_eq!(code, 200, "{path}: {body}");
    assert!(
        head.contains(&format!("\r\ncontent-type: {kind}")),
        "{path}: {head}"
    );
    body
}

/// The values of an answer of Prometheus; none while it is starting.
fn values(answer: &Answer) -> Vec<f64> {
    let document: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let rows = document["data"]["result"].as_array().cloned();
    rows.unwrap_or_default()
        .iter()
        .map(|it| it["value"][1].as_str().unwrap().parse().unwrap())
        .collect()
}

const LISTEN: [&str; 3] = ["run", "--web.listen-address", "127.0.0.1:0"];
