//! Settings and packs are read again while the sensor runs, and nothing is lost.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;

use sensor::capture::{Frame, Order, Unit, demo_frames, pcap};
use sensor::server::{Answer, Server, ask, ask_until};
use sensor::{Sample, samples};
use serde_json::Value;
use tempfile::TempDir;

mod sensor;

#[test]
fn a_new_pack_finds_and_an_old_finding_stays_and_every_frame_is_accounted_for() {
    let place = Place::new("");
    place.pack("first", "www.debian.org");
    let mut traffic = Traffic::default();
    let mut sensor = place.start();
    traffic.feed(&mut sensor.input);
    let before = sensor.finding("first", "10.20.0.32");
    fs::remove_file(place.packs().join("first.toml")).unwrap();
    place.pack("second", "video.example");
    assert_eq!(sensor.post("/-/reload").body, "reloaded\n");
    traffic.feed(&mut sensor.input);
    sensor.input.close();
    sensor.input.line_with("the replay has ended");

    let metrics = sensor.settled(traffic.frames);
    let of = |name: &str| sensor::sum(&metrics, &format!("phonehome_{name}"));
    assert_eq!(of("capture_received_frames_total"), traffic.frames);
    assert_eq!(
        of("capture_received_frames_total"),
        of("capture_processed_frames_total")
            + of("capture_dropped_frames_total")
            + of("pipeline_queued_frames")
    );
    assert_eq!(
        of("connections_total"),
        of("connections_named_total") + of("connections_unnamed_total")
    );
    sensor.finding("second", "10.20.0.31");
    let after = sensor.finding("first", "10.20.0.32");
    assert_eq!(after["names"], before["names"]);
    assert_eq!(after["verdict"], before["verdict"]);
    assert!(with(&metrics, "phonehome_sightings_total", "vendor", "first") > 0.0);
    assert_eq!(with(&metrics, "phonehome_pack_info", "pack", "second"), 1.0);
    assert_eq!(with(&metrics, "phonehome_pack_info", "pack", "first"), 0.0);
    // What both catalogues have goes on being found as if nothing had happened.
    let plain = Place::new("");
    let mut other = plain.start();
    let mut again = Traffic::default();
    again.feed(&mut other.input);
    again.feed(&mut other.input);
    other.input.close();
    other.input.line_with("the replay has ended");
    assert_eq!(
        sensor.findings_of("kaspersky"),
        other.findings_of("kaspersky")
    );
}

#[test]
fn what_is_broken_keeps_the_old_and_is_seen_in_log_metric_api_and_page() {
    let place = Place::new("");
    place.pack("own", "video.example");
    let mut sensor = place.start();
    Traffic::default().feed(&mut sensor.input);
    sensor.input.close();
    sensor.input.line_with("the replay has ended");
    let findings = sensor.findings();
    let own = place.packs().join("own.toml");
    let good = (
        fs::read_to_string(&own).unwrap(),
        fs::read_to_string(place.config()).unwrap(),
    );
    type Breaks = fn(&Place);
    let broken: [(Breaks, &str); 5] = [
        (
            |it| fs::write(it.packs().join("own.toml"), "id = 1\n").unwrap(),
            "own.toml:1: ",
        ),
        (
            |it| fs::write(it.config(), "workres = 1\n").unwrap(),
            "phonehome.toml:1: unknown key workres; did you mean workers?",
        ),
        (|it| fs::remove_file(it.config()).unwrap(), "cannot read "),
        (
            |it| fs::rename(it.packs(), it.folder.path().join("away")).unwrap(),
            "packs.d: ",
        ),
        (
            |it| it.configure("directives = [\"no-such\"]\n"),
            "directives: ",
        ),
    ];
    for (number, (break_it, said)) in broken.into_iter().enumerate() {
        break_it(&place);
        if number % 2 == 0 {
            sensor.input.signal("HUP");
        } else {
            let answer = sensor.post("/-/reload");
            assert_eq!(answer.code, 500);
            assert!(answer.body.contains(said), "{}", answer.body);
        }
        sensor.input.line_with("nothing was reloaded");
        sensor.input.line_with(said);
        let status = sensor.status_until(|it| it["reload"]["successful"] == false);
        let errors = status["reload"]["errors"].to_string();
        assert!(errors.contains(&said.replace('"', "\\\"")), "{errors}");
        let metrics = sensor.metrics_until("phonehome_config_last_reload_successful 0\n");
        ask_until(sensor.address, "/", |it| {
            it.body.contains("The settings could not be reloaded at")
        });
        assert_eq!(sensor.findings(), findings);
        assert_eq!(with(&metrics, "phonehome_pack_info", "pack", "own"), 1.0);

        let away = place.folder.path().join("away");
        if away.exists() {
            fs::rename(away, place.packs()).unwrap();
        }
        fs::write(&own, &good.0).unwrap();
        fs::write(place.config(), &good.1).unwrap();
        sensor.input.signal("HUP");
        sensor.input.line_with("reloaded; packs: ");
        sensor.status_until(|it| it["reload"]["successful"] == true);
        sensor.metrics_until(
            "phonehome_config_last_reload_successful 1
",
        );
    }
}

#[test]
fn what_cannot_change_is_named_and_keeps_its_value() {
    let place = Place::new("");
    let sensor = place.start();
    place.configure("workers = 7\n[limits]\nhosts = 5000\n[log]\nlevel = \"warn\"\n");
    assert_eq!(sensor.post("/-/reload").code, 200);
    let said = "workers = 7 takes effect at the next start; until then it is 2";
    sensor.input.line_with(said);
    sensor
        .input
        .line_with("limits.hosts = 5000 takes effect at the next start");
    let status = sensor.status_until(|it| it["reload"]["successful"] == true);
    assert_eq!(status["reload"]["waiting"].as_array().unwrap().len(), 2);
    assert_eq!(status["reload"]["waiting"][0], said);
    // The level of the log did change: nothing is said of a reload any more.
    place.configure("nothing = 1\n");
    assert_eq!(sensor.post("/-/reload").code, 500);
    let error = sensor.input.line_with("nothing");
    assert!(error.contains("nothing was reloaded"), "{error}");
}

#[test]
fn home_networks_change_and_findings_of_hosts_that_left_stay_as_they_are() {
    let place = Place::new("home-network = [\"10.20.0.11/32\"]\n");
    let mut traffic = Traffic::default();
    let mut sensor = place.start();
    traffic.feed(&mut sensor.input);
    let before = sensor.finding("kaspersky", "10.20.0.11");
    place.configure("home-network = [\"10.20.0.17/32\"]\n");
    assert_eq!(sensor.post("/-/reload").code, 200);
    traffic.feed(&mut sensor.input);
    sensor.input.close();
    sensor.input.line_with("the replay has ended");
    sensor.finding("kaspersky", "10.20.0.17");
    let hosts: Vec<Value> = sensor
        .findings()
        .iter()
        .map(|it| it["host"].clone())
        .collect();
    assert_eq!(hosts.len(), 2, "{hosts:?}");
    // What was under way when the networks changed may still have come.
    let after = sensor.finding("kaspersky", "10.20.0.11");
    assert_eq!(after["first_seen"], before["first_seen"]);
    assert_eq!(after["verdict"], before["verdict"]);
}

#[test]
fn nobody_reloads_by_request_who_may_not() {
    let place = Place::new("");
    let closed = place.start_with(&[]);
    let answer = post(closed.address, "/-/reload", "");
    assert_eq!(answer.code, 403);
    assert!(
        answer.body.contains("web.enable-lifecycle"),
        "{}",
        answer.body
    );
    let open = place.start();
    assert_eq!(ask(open.address, "/-/reload").unwrap().code, 405);
    let answer = post(open.address, "/-/reload", "Origin: https://example.com\r\n");
    assert_eq!(answer.code, 403);
    assert_eq!(post(open.address, "/", "").code, 405);
}

#[test]
fn signals_one_after_the_other_harm_nothing() {
    let place = Place::new("");
    let mut sensor = place.start();
    let mut traffic = Traffic::default();
    for number in 0..10 {
        place.pack(&format!("own{number}"), &format!("n{number}.example"));
        sensor.input.signal("HUP");
        traffic.feed(&mut sensor.input);
    }
    sensor.input.close();
    sensor.input.line_with("the replay has ended");
    sensor.status_until(|it| {
        it["packs"]
            .as_array()
            .is_some_and(|it| it.iter().any(|it| it["id"] == "own9"))
    });
    let metrics = sensor.settled(traffic.frames);
    let of = |name: &str| sensor::sum(&metrics, &format!("phonehome_{name}"));
    assert_eq!(of("capture_received_frames_total"), traffic.frames);
    assert_eq!(of("capture_processed_frames_total"), traffic.frames);
}

#[test]
fn what_is_reloaded_shows_while_the_input_pauses_and_after_its_end() {
    let place = Place::new("");
    let mut sensor = place.start();
    let reloaded = |sensor: &mut Sensor, id: &str| {
        place.pack(id, &format!("{id}.example"));
        assert_eq!(sensor.post("/-/reload").code, 200);
        sensor.status_until(|it| {
            let packs = it["packs"].as_array();
            packs.is_some_and(|it| it.iter().any(|it| it["id"] == id))
        });
    };
    // Nothing has come yet.
    reloaded(&mut sensor, "own0");
    let mut traffic = Traffic::default();
    traffic.feed(&mut sensor.input);
    sensor.settled(traffic.frames);
    reloaded(&mut sensor, "own1");
    sensor.input.close();
    sensor.input.line_with("the replay has ended");
    reloaded(&mut sensor, "own2");
}

/// A folder with a configuration and packs.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new(settings: &str) -> Self {
        let place = Self {
            folder: TempDir::new().unwrap(),
        };
        fs::create_dir(place.packs()).unwrap();
        place.configure(settings);
        place
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("phonehome.toml")
    }

    fn packs(&self) -> PathBuf {
        self.folder.path().join("packs.d")
    }

    /// Writes the configuration: where packs are, and more.
    fn configure(&self, more: &str) {
        fs::write(self.config(), format!("signatures = \"packs.d\"\n{more}")).unwrap();
    }

    /// Writes a pack of one signature.
    fn pack(&self, id: &str, name: &str) {
        let text = format!(
            "id = \"{id}\"\nvendor = \"{id}\"\nversion = \"1\"\ndate = \"2026-01-31\"\n\
             description = \"A test.\"\n[[source]]\nid = 1\ntext = \"A page\"\n[[signature]]\n\
             id = \"{id}-h01\"\nexact = [\"{name}\"]\ncategory = \"update\"\nevidence = \"app\"\n\
             confidence = \"documented\"\nsources = [1]\ndate = \"2026\"\nexamples = [\"{name}\"]\n"
        );
        fs::write(self.packs().join(format!("{id}.toml")), text).unwrap();
    }

    /// A sensor that reads a capture from its standard input and may be reloaded by request.
    fn start(&self) -> Sensor {
        self.start_with(&["--web.enable-lifecycle"])
    }

    fn start_with(&self, options: &[&str]) -> Sensor {
        let mut command = sensor::command(["run", "--replay", "-", "--config"]);
        command.arg(self.config());
        command
            .args(["--web.listen-address", "127.0.0.1:0"])
            .args(options);
        let input = Server::start_fed(command);
        let line = input.line_with("serving on");
        let (_, rest) = line.split_once("http://").unwrap();
        let address = rest.split_once('/').unwrap().0.parse().unwrap();
        Sensor { input, address }
    }
}

struct Sensor {
    input: Server,
    address: SocketAddr,
}

impl Sensor {
    fn post(&self, path: &str) -> Answer {
        post(self.address, path, "")
    }

    /// The metrics, once they tell of as many frames.
    fn settled(&self, frames: f64) -> Vec<Sample> {
        let received = |it: &Answer| {
            sensor::sum(
                &samples(&it.body),
                "phonehome_capture_received_frames_total",
            )
        };
        samples(&ask_until(self.address, "/metrics", |it| received(it) >= frames).body)
    }

    /// The metrics, once they have a line; answers serve for a moment, so it may not be there at once.
    fn metrics_until(&self, line: &str) -> Vec<Sample> {
        samples(&ask_until(self.address, "/metrics", |it| it.body.contains(line)).body)
    }

    fn status_until(&self, is_so: impl Fn(&Value) -> bool) -> Value {
        let json = |it: &Answer| -> Value { serde_json::from_str(&it.body).unwrap_or_default() };
        json(&ask_until(self.address, "/api/v1/status", |it| {
            is_so(&json(it))
        }))
    }

    fn findings(&self) -> Vec<Value> {
        let answer = ask(self.address, "/api/v1/findings").unwrap();
        let document: Value = serde_json::from_str(&answer.body).unwrap();
        document["findings"].as_array().unwrap().clone()
    }

    fn findings_of(&self, vendor: &str) -> Vec<Value> {
        let findings = self.findings().into_iter();
        findings.filter(|it| it["vendor"]["id"] == vendor).collect()
    }

    /// The finding of a host and a vendor, once there is one.
    fn finding(&self, vendor: &str, host: &str) -> Value {
        let is_it = |it: &Value| it["vendor"]["id"] == vendor && it["host"] == host;
        ask_until(self.address, "/api/v1/findings", |it| {
            let document: Value = serde_json::from_str(&it.body).unwrap_or_default();
            let findings = document["findings"].as_array();
            findings.is_some_and(|it| it.iter().any(is_it))
        });
        self.findings().into_iter().find(is_it).unwrap()
    }
}

/// The demo over and over, each time later.
#[derive(Default)]
struct Traffic {
    frames: f64,
    rounds: u64,
}

impl Traffic {
    /// Feeds some rounds, which are enough for counts to be given.
    fn feed(&mut self, input: &mut Server) {
        for _ in 0..3 {
            let frames: Vec<Frame> = demo_frames()
                .into_iter()
                .map(|it| Frame {
                    at: it.at + self.rounds * ROUND_NANOS,
                    ..it
                })
                .collect();
            let file = pcap(&frames, Order::Little, Unit::Microseconds);
            let begin = if self.rounds == 0 { 0 } else { PCAP_HEADER };
            input.feed(&file[begin..]);
            self.frames += frames.len() as f64;
            self.rounds += 1;
        }
    }
}

/// The sum of a metric where a label has a value; zero if there is no such row.
fn with(samples: &[Sample], name: &str, label: &str, value: &str) -> f64 {
    let rows = samples.iter().filter(|it| it.name == name);
    let rows = rows.filter(|it| it.labels.get(label).is_some_and(|it| it == value));
    rows.map(|it| it.value).sum()
}

/// Asks by POST.
fn post(address: SocketAddr, path: &str, header: &str) -> Answer {
    let mut stream = TcpStream::connect_timeout(&address, sensor::PATIENCE).unwrap();
    stream.set_read_timeout(Some(sensor::PATIENCE)).unwrap();
    let request =
        format!("POST {path} HTTP/1.0\r\nHost: {address}\r\n{header}Content-Length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Answer {
        code: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_lowercase(),
        body: body.to_owned(),
    }
}

/// Time from one round to the next.
const ROUND_NANOS: u64 = 600 * 1_000_000_000;

/// Octets before the first frame of a classic capture.
const PCAP_HEADER: usize = 24;
