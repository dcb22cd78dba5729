//! The examples for shippers of events: what can be tried is tried, the rest is read and fits together.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use sensor::server::{Server, free_address};
use sensor::syslog::{Rsyslog, needs};
use sensor::{PATIENCE, schema};
use serde_json::Value;
use tempfile::TempDir;

mod sensor;

#[test]
fn rsyslog_writes_the_events_of_each_sensor_to_a_file_of_its_own() {
    needs("rsyslogd", "rsyslog rsyslog-gnutls");
    // It makes the certificates.
    let certificates = Rsyslog::with([free_address(), free_address(), free_address()], &[]);
    let authority = certificates.authority();
    let folder = TempDir::new().unwrap();
    let receiver = free_address();
    let of = |path: &Path| path.display().to_string();
    let config = text("rsyslog.conf")
        .replace("/var/spool/rsyslog", &of(folder.path()))
        .replace("/etc/rsyslog.d/phonehome", &of(authority.parent().unwrap()))
        .replace("/var/log/phonehome", &of(folder.path()))
        .replace("\"6514\"", &format!("\"{}\"", receiver.port()));
    let path = folder.path().join("rsyslog.conf");
    fs::write(&path, config).unwrap();
    let checked = Command::new("rsyslogd")
        .arg("-N1")
        .arg("-f")
        .arg(&path)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
    let mut command = Command::new("rsyslogd");
    command
        .args(["-n", "-f"])
        .arg(&path)
        .arg("-i")
        .arg(folder.path().join("pid"));
    let _rsyslog = Server::start(command);
    let end = Instant::now() + PATIENCE;
    while TcpStream::connect(receiver).is_err() {
        assert!(Instant::now() < end, "rsyslogd does not listen");
        sleep(Duration::from_millis(20));
    }
    for name in ["hq-1", "branch/../x"] {
        let lines = events_sent_to(&format!("tls://{receiver}"), &authority, name);
        let written = folder
            .path()
            .join(name.replace('/', "_"))
            .join("events.json");
        let end = Instant::now() + PATIENCE;
        loop {
            let text = fs::read_to_string(&written).unwrap_or_default();
            if text == lines {
                break;
            }
            assert!(Instant::now() < end, "{} has {text:?}", written.display());
            sleep(Duration::from_millis(20));
        }
        for line in lines.lines() {
            schema::valid(schema::EVE, line.as_bytes());
        }
    }
}

#[test]
fn the_example_for_vector_fits_together() {
    let config: toml::Table = text("vector.toml").parse().unwrap();
    let source = &config["sources"]["phonehome"];
    assert_eq!(source["type"].as_str(), Some("file"));
    assert_eq!(source["include"][0].as_str(), Some(EVENTS));
    let transforms = config["transforms"].as_table().unwrap();
    for (name, sink) in config["sinks"].as_table().unwrap() {
        for input in sink["inputs"].as_array().unwrap() {
            assert!(transforms.contains_key(input.as_str().unwrap()), "{name}");
        }
    }
    for key in ["host", "phonehome.vendor", "phonehome.kind"] {
        let label = format!("{{{{ {key} }}}}");
        assert!(text("vector.toml").contains(&label), "{label}");
        assert_is_in_events(key);
    }
}

#[test]
fn the_example_for_fluent_bit_fits_together() {
    let config = yaml("fluent-bit.yaml");
    let input = &config["pipeline"]["inputs"][0];
    assert_eq!(input["name"], "tail");
    assert_eq!(input["path"], EVENTS);
    assert_eq!(input["parser"], config["parsers"][0]["name"]);
    assert_is_in_events(config["parsers"][0]["time_key"].as_str().unwrap());
    let outputs = config["pipeline"]["outputs"].as_array().unwrap();
    assert_eq!(outputs.len(), 3);
    for output in outputs {
        assert_eq!(output["match"], input["tag"], "{output}");
    }
    assert_is_in_events(outputs[1]["message_key_field"].as_str().unwrap());
}

#[test]
fn the_example_for_filebeat_fits_together() {
    let config = yaml("filebeat.yml");
    let input = &config["filebeat.inputs"][0];
    assert_eq!(input["type"], "filestream");
    assert_eq!(input["paths"][0], EVENTS);
    assert_eq!(input["parsers"][0]["ndjson"]["target"], "");
    assert!(config["output.elasticsearch"]["hosts"].is_array());
}

#[test]
fn the_example_for_alloy_fits_together() {
    let text = text("config.alloy");
    assert!(text.contains(&format!("__path__ = \"{EVENTS}\"")));
    // Each part that something is handed to is there.
    for (kind, name) in [
        ("local.file_match", "phonehome"),
        ("loki.process", "phonehome"),
        ("loki.write", "central"),
    ] {
        assert!(text.contains(&format!("{kind} \"{name}\" {{")), "{kind}");
        let used = format!("{kind}.{name}.");
        assert!(text.contains(&used), "nothing is handed to {used}");
    }
    let balance = |open, close| text.matches(open).count() == text.matches(close).count();
    assert!(balance('{', '}') && balance('[', ']') && balance('(', ')'));
    for key in ["timestamp", "host", "phonehome.vendor", "phonehome.kind"] {
        assert!(text.contains(&format!("= \"{key}\"")), "{key}");
        assert_is_in_events(key);
    }
}

#[test]
fn the_mapping_to_ocsf_names_keys_that_events_have() {
    let text = text("README.md");
    let (_, table) = text.split_once("| OCSF | EVE | value |").unwrap();
    let mut names = 0;
    for row in table.lines().filter(|it| it.starts_with("| `")) {
        let eve = row.split('|').nth(2).unwrap();
        for key in eve.split('`').skip(1).step_by(2) {
            assert_is_in_events(&key.replace("[]", ""));
            names += 1;
        }
    }
    assert!(names > 20, "{names}");
}

/// Fails unless the schema of events has a key, with dots between the objects that it lies in.
#[track_caller]
fn assert_is_in_events(key: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/event.schema.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let mut place = &schema;
    for part in key.split('.') {
        if place["items"].is_object() {
            place = &place["items"];
        }
        place = &place["properties"][part];
    }
    assert!(place.is_object(), "no event has {key}");
}

/// Sends the events of the demo to a receiver; gives them as the file has them.
fn events_sent_to(address: &str, authority: &Path, name: &str) -> String {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("events.json");
    let mut command = sensor::command(["run", "--web.listen-address", "127.0.0.1:0"]);
    command
        .args(["--exit-when-done", "--events.sensor", name])
        .args(["--syslog.address", address, "--syslog.ca"])
        .arg(authority)
        .arg("--events.file")
        .arg(&path)
        .arg("--replay")
        .arg(sensor::demo());
    let mut sensor = Server::start(command);
    assert_eq!(sensor.ended_within(PATIENCE).code(), Some(0));
    fs::read_to_string(path).unwrap()
}

fn yaml(name: &str) -> Value {
    serde_saphyr::from_str(&text(name)).unwrap()
}

fn text(name: &str) -> String {
    fs::read_to_string(path_of(name)).unwrap()
}

fn path_of(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../dashboards/shippers")
        .join(name)
}

/// Where the package has the events.
const EVENTS: &str = "/var/log/phonehome/events.json";
