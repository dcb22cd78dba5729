//! The example for Alertmanager, tried with the real one: who is told of what, in how many messages,
//! and what is held back.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use serde_json::{Value, json};

use receiver::Receiver;
use sensor::server::{Server, ask_until, free_address, post};
use sensor::{PATIENCE, end_of};
use tempfile::TempDir;

#[path = "alertmanager/receiver.rs"]
mod receiver;
mod sensor;

fn example() -> String {
    let path = sensor::tests().join("../../dashboards/prometheus/alertmanager-example.yml");
    path.to_str().unwrap().to_owned()
}

/// Runs amtool; what it says.
fn amtool(args: &[&str]) -> String {
    let mut command = Command::new("amtool");
    command.args(args);
    let outcome = end_of(command, Vec::new(), PATIENCE).expect("amtool to end");
    outcome.ended_with(0).text().trim().to_owned()
}

#[test]
fn amtool_finds_nothing_wrong_with_the_example() {
    let said = amtool(&["check-config", &example()]);
    assert!(said.contains("SUCCESS"), "{said}");
    for part in ["4 inhibit rules", "3 receivers"] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn every_alert_goes_to_those_who_can_mend_it() {
    let file = sensor::tests().join("../../dashboards/prometheus/alerts.yml");
    let rules: Value = serde_saphyr::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let groups = rules["groups"].as_array().unwrap();
    let mut seen = BTreeSet::new();
    for group in groups {
        for rule in group["rules"].as_array().unwrap() {
            let name = rule["alert"].as_str().unwrap();
            let severity = rule["labels"]["severity"].as_str().unwrap();
            let receiver = match (group["name"].as_str().unwrap(), severity) {
                ("phonehome-findings", _) => "security",
                (_, "info") => "list",
                _ => "network",
            };
            let labels = [format!("alertname={name}"), format!("severity={severity}")];
            let config = format!("--config.file={}", example());
            let words = ["config", "routes", "test", &config, &labels[0], &labels[1]];
            assert_eq!(amtool(&words), receiver, "{name}");
            seen.insert(receiver);
        }
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[test]
fn alerts_of_one_thing_come_in_one_message_and_what_follows_from_another_is_held_back() {
    let receiver = Receiver::start();
    let alertmanager = Alertmanager::start(&receiver);
    alertmanager.post(&json!([
        alert(
            "PhonehomeFindingOpened",
            "warning",
            &[("vendor", "kaspersky"), ("instance", "a:14663")]
        ),
        alert(
            "PhonehomeFindingOpened",
            "warning",
            &[("vendor", "kaspersky"), ("instance", "b:14663")]
        ),
        alert(
            "PhonehomeFindingReturned",
            "warning",
            &[("vendor", "kaspersky"), ("instance", "a:14663")]
        ),
        alert(
            "PhonehomeFindingOpened",
            "warning",
            &[("vendor", "hikvision"), ("instance", "a:14663")]
        ),
        alert(
            "PhonehomeDirectiveOverdue",
            "critical",
            &[("directive", "d1")]
        ),
        alert("PhonehomeDirectiveBehind", "info", &[("directive", "d1")]),
        alert("PhonehomeDirectiveBehind", "info", &[("directive", "d2")]),
        alert(
            "PhonehomeSensorDown",
            "critical",
            &[("instance", "c:14663")]
        ),
        alert(
            "PhonehomeDroppingFrames",
            "warning",
            &[("instance", "c:14663")]
        ),
        alert(
            "PhonehomeDroppingFrames",
            "warning",
            &[("instance", "d:14663")]
        ),
        alert(
            "PhonehomeFlowTableFull",
            "warning",
            &[("instance", "d:14663")]
        ),
        alert(
            "PhonehomeNoTraffic",
            "critical",
            &[("instance", "e:14663"), ("interface", "eth1")]
        ),
        alert(
            "PhonehomeOneWayTraffic",
            "warning",
            &[("instance", "e:14663")]
        ),
        alert("PhonehomeCoverageLow", "info", &[("instance", "e:14663")]),
        alert("PhonehomeCoverageLow", "info", &[("instance", "a:14663")]),
    ]));
    // What follows from something else is held back, and only that.
    let held_back = alertmanager.suppressed(4);
    let expected = [
        "PhonehomeCoverageLow e:14663",
        "PhonehomeDirectiveBehind d1",
        "PhonehomeDroppingFrames c:14663",
        "PhonehomeOneWayTraffic e:14663",
    ];
    assert_eq!(held_back, BTreeSet::from(expected.map(str::to_owned)));
    let told = receiver.messages(8);
    let expected = [
        "/list alertname=PhonehomeCoverageLow: PhonehomeCoverageLow a:14663",
        "/network instance=c:14663: PhonehomeSensorDown c:14663",
        "/network instance=d:14663: PhonehomeDroppingFrames d:14663, PhonehomeFlowTableFull d:14663",
        "/network instance=e:14663: PhonehomeNoTraffic e:14663",
        "/security directive=d1: PhonehomeDirectiveOverdue d1",
        "/security directive=d2: PhonehomeDirectiveBehind d2",
        "/security vendor=hikvision: PhonehomeFindingOpened a:14663",
        "/security vendor=kaspersky: PhonehomeFindingOpened a:14663, PhonehomeFindingOpened \
         b:14663, PhonehomeFindingReturned a:14663",
    ];
    assert_eq!(told, BTreeSet::from(expected.map(str::to_owned)));
}

/// An alert as Prometheus posts it.
fn alert(name: &str, severity: &str, labels: &[(&str, &str)]) -> Value {
    let mut all = json!({"alertname": name, "severity": severity, "job": "phonehome"});
    for (label, value) in labels {
        all[*label] = json!(value);
    }
    json!({"labels": all, "annotations": {"summary": name}})
}

/// A running Alertmanager with the example, whose messages go to a receiver of the test.
struct Alertmanager {
    address: SocketAddr,
    _server: Server,
    _folder: TempDir,
}

impl Alertmanager {
    fn start(receiver: &Receiver) -> Self {
        let folder = TempDir::new().unwrap();
        let config = folder.path().join("alertmanager.yml");
        let text = fs::read_to_string(example()).unwrap();
        let own = receiver.address.to_string();
        let text = text
            .replace("127.0.0.1:9095", &own)
            .replace("group_wait: 30s", "group_wait: 2s");
        assert!(text.contains(&own) && text.contains("group_wait: 2s"));
        fs::write(&config, text).unwrap();
        let address = free_address();
        let mut command = Command::new("prometheus-alertmanager");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.path().display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--cluster.listen-address=")
            .arg("--log.level=error");
        let server = Server::start(command);
        ask_until(address, "/-/ready", |it| it.code == 200);
        Self {
            address,
            _server: server,
            _folder: folder,
        }
    }

    fn post(&self, alerts: &Value) {
        let answer = post(
            self.address,
            "/api/v2/alerts",
            "application/json",
            alerts.to_string().as_bytes(),
        );
        assert_eq!(answer.unwrap().code, 200);
    }

    /// The alerts that are held back, once there are as many.
    fn suppressed(&self, count: usize) -> BTreeSet<String> {
        let read = |body: &str| -> BTreeSet<String> {
            let alerts: Value = serde_json::from_str(body).unwrap_or_default();
            let alerts = alerts.as_array().cloned().unwrap_or_default();
            let held_back = alerts
                .iter()
                .filter(|it| it["status"]["state"] == "suppressed");
            held_back.map(receiver::described).collect()
        };
        let answer = ask_until(self.address, "/api/v2/alerts", |it| {
            read(&it.body).len() >= count
        });
        read(&answer.body)
    }
}
