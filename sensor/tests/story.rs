//! The proof of rules and dashboards: a real Prometheus and a real Alertmanager, with the
//! configuration that is shipped, watch real sensors while one replays a phase-out of 120 days and
//! another captures live. Every query of every panel and every rule must give what the story says.
//!
//! All of it runs in a network of its own, where nothing else is, at the ports of the shipped
//! configuration. Needs root, `prometheus`, `prometheus-alertmanager`, `ip` and `tcpreplay`. Where a
//! network of its own cannot be had, `PHONEHOME_SKIP_LIVE=1` leaves it out; without it, it fails.
#![cfg(feature = "capture")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use board::{Board, Panel, Target, boards};
use course::{Habit, Host, TODAY, hosts};
use prometheus::{Prometheus, Series, Span};
use query::Variables;
use serde_json::Value;
use stage::{SECOND, SENSOR, Stage};

#[path = "dashboards/board.rs"]
mod board;
#[path = "story/course.rs"]
mod course;
#[path = "../../bench/src/generate/dns.rs"]
#[allow(
    dead_code,
    reason = "the generator of the bench makes more than this story"
)]
mod dns;
#[path = "../../bench/src/generate/frame.rs"]
#[allow(
    dead_code,
    reason = "the generator of the bench makes more than this story"
)]
mod frame;
#[path = "story/prometheus.rs"]
mod prometheus;
#[path = "dashboards/query.rs"]
mod query;
#[path = "alertmanager/receiver.rs"]
mod receiver;
#[path = "../../bench/src/generate/rng.rs"]
#[allow(
    dead_code,
    reason = "the generator of the bench makes more than this story"
)]
mod rng;
mod sensor;
#[path = "story/stage.rs"]
mod stage;
#[path = "../../bench/src/generate/tls.rs"]
#[allow(
    dead_code,
    reason = "the generator of the bench makes more than this story"
)]
mod tls;
#[path = "story/traffic.rs"]
mod traffic;

#[test]
fn every_panel_and_every_rule_gives_what_the_story_says() {
    let Some(stage) = Stage::set() else { return };
    let mut wrong = Vec::new();
    panels_without_data(&stage.prometheus, &mut wrong);
    numbers_that_differ(&stage.prometheus, &mut wrong);
    rules_that_fail(&stage.prometheus, &mut wrong);
    links_that_lead_nowhere(&mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The findings of the day came to the security team, in one message a vendor.
    let told = stage.receiver.message(|it| {
        it.starts_with("/security vendor=kaspersky: ") && it.contains("PhonehomeFindingReturned")
    });
    assert!(told.contains(SENSOR), "{told}");
}

/// Every query of every panel, for every vendor and some hosts: now, or over the time that the
/// dashboard shows.
fn panels_without_data(prometheus: &Prometheus, wrong: &mut Vec<String>) {
    let mut queries = 0;
    for board in boards() {
        for panel in &board.panels {
            for target in &panel.targets {
                for variables in variables(&board) {
                    queries += 1;
                    if let Err(why) = has_data(prometheus, &board, panel, target, variables) {
                        let place = format!("{}: {} {}", board.uid, panel.title, target.letter);
                        wrong.push(format!("{place} {variables:?}: {why}"));
                    }
                }
            }
        }
    }
    assert!(queries > 100, "{queries}");
}

/// What may be chosen in a dashboard.
fn variables(board: &Board) -> Vec<Variables<'static>> {
    match board.uid.as_str() {
        "phonehome-vendor" => ["kaspersky", "bytedance", "hikvision"]
            .map(|vendor| Variables { vendor, host: "" })
            .into(),
        // One that returned, one with an embedded engine, one that is new.
        "phonehome-host" => ["10.50.1.45", "10.50.1.91", "10.50.1.90"]
            .map(|host| Variables { vendor: "", host })
            .into(),
        _ => vec![Variables {
            vendor: "",
            host: "",
        }],
    }
}

fn has_data(
    prometheus: &Prometheus,
    board: &Board,
    panel: &Panel,
    target: &Target,
    variables: Variables<'_>,
) -> Result<(), String> {
    let expr = query::filled(&target.expr, variables);
    query::read(&expr)?;
    let series = match target.instant {
        true => prometheus.now(&expr)?,
        false => prometheus.over(&expr, LATELY)?,
    };
    if !series
        .iter()
        .flat_map(|it| &it.values)
        .any(|it| !it.is_nan())
    {
        return Err(format!("no data for {expr}"));
    }
    for label in target.legend_labels() {
        if let Some(it) = series.iter().find(|it| !it.labels.contains_key(label)) {
            return Err(format!("no label {label} in {:?}", it.labels));
        }
    }
    // What does not look at a few minutes only goes back as far as the dashboard does.
    let days = match board.json["time"]["from"].as_str() {
        Some("now-90d") => 90,
        Some("now-30d") => 30,
        Some("now-7d") => 7,
        _ => return Ok(()),
    };
    let is_short = target.expr.contains("$__rate_interval") || target.expr.contains("[1h]");
    if !target.instant && !is_short && panel.kind == "timeseries" && days > 7 {
        let span = Span {
            length: DAY * days,
            step: DAY / 2,
        };
        let points = prometheus.over(&expr, span)?;
        let most = points.iter().map(|it| it.values.len()).max();
        if most < Some(20) {
            return Err(format!("{most:?} points in {days} days for {expr}"));
        }
    }
    Ok(())
}

/// The numbers of the main panels, and what the story says that they are.
fn numbers_that_differ(prometheus: &Prometheus, wrong: &mut Vec<String>) {
    let hosts = hosts();
    let count = |is_it: &dyn Fn(&&Host) -> bool| hosts.iter().filter(is_it).count() as f64;
    let products = |it: &Host| it.is_open() && it.habit != Habit::Reader;
    let of_cameras = |it: &&Host| it.habit == Habit::Camera;
    let state = |state: &'static str| count(&move |it: &&Host| it.state() == Some(state));
    let expected: Vec<(&str, &str, &str, Numbers)> = vec![
        (
            "phonehome-overview",
            "How many findings are left under each directive?",
            "directive",
            numbers(&[
                ("story-removal", count(&|it| products(it))),
                ("story-overdue", count(&|it| of_cameras(it) && products(it))),
            ]),
        ),
        (
            "phonehome-overview",
            "How many vendors are still in use?",
            "",
            numbers(&[("", 3.0)]),
        ),
        (
            "phonehome-overview",
            "How many hosts does each vendor have, now and 30 days ago?",
            "vendor",
            by_vendor(&hosts, |it| it.made_contact_within(TODAY, 7)),
        ),
        (
            "phonehome-overview",
            "Which vendors are left, and who has been seen lately?",
            "vendor",
            by_vendor(&hosts, products),
        ),
        (
            "phonehome-overview",
            "What has become of the findings?",
            "state",
            ["active", "quiet", "removed", "absent", "returned", "waived"]
                .map(|it| (it.to_owned(), state(it)))
                .into(),
        ),
    ];
    for (uid, title, label, expected) in expected {
        let target = target(uid, title, "A");
        // Only the sensor of the story: the other has another.
        let filled = target.expr.replace("$instance", SENSOR);
        let filled = query::filled(
            &filled,
            Variables {
                vendor: "",
                host: "",
            },
        );
        let found = by_label(&prometheus.now(&filled).unwrap(), label);
        // Pages of the vendor are findings of no weight, and in no state that counts.
        if found != expected {
            wrong.push(format!("{uid}: {title}: {found:?}, not {expected:?}"));
        }
    }
    before(prometheus, &hosts, wrong);
    rows_of_hosts(prometheus, &hosts, wrong);
}

/// The bars of 30 days ago.
fn before(prometheus: &Prometheus, hosts: &[Host], wrong: &mut Vec<String>) {
    let title = "How many hosts does each vendor have, now and 30 days ago?";
    let target = target("phonehome-overview", title, "B");
    let filled = target.expr.replace("$instance", SENSOR);
    let filled = query::filled(
        &filled,
        Variables {
            vendor: "",
            host: "",
        },
    );
    let found = by_label(&prometheus.now(&filled).unwrap(), "vendor");
    let expected = by_vendor(hosts, |it| it.made_contact_within(TODAY - 31, 7));
    if found != expected {
        wrong.push(format!("{title}: {found:?}, not {expected:?}"));
    }
}

/// The table of hosts has a row for each finding, with its verdict and state.
fn rows_of_hosts(prometheus: &Prometheus, hosts: &[Host], wrong: &mut Vec<String>) {
    let target = target("phonehome-vendor", "Which hosts have it?", "A");
    for vendor in ["bytedance", "hikvision", "kaspersky"] {
        let filled = target.expr.replace("$instance", SENSOR);
        let filled = query::filled(&filled, Variables { vendor, host: "" });
        let rows: BTreeSet<String> = prometheus
            .now(&filled)
            .unwrap()
            .iter()
            .filter(|it| it.labels["verdict"] != "none")
            .map(|it| {
                ["host", "verdict", "state"]
                    .map(|label| it.labels[label].as_str())
                    .join(" ")
            })
            .collect();
        let expected: BTreeSet<String> = hosts
            .iter()
            .filter(|it| it.vendor() == Some(vendor))
            .filter_map(|it| Some(format!("{} {} {}", it.name(), it.verdict()?, it.state()?)))
            .collect();
        if rows != expected {
            let more: Vec<_> = rows.difference(&expected).collect();
            let less: Vec<_> = expected.difference(&rows).collect();
            wrong.push(format!("hosts of {vendor}: {more:?} instead of {less:?}"));
        }
    }
}

/// How many hosts of each vendor are so.
fn by_vendor(hosts: &[Host], is_it: impl Fn(&Host) -> bool) -> Numbers {
    let vendors = ["bytedance", "hikvision", "kaspersky"];
    let of = |vendor: &str| {
        let hosts = hosts.iter().filter(|it| it.vendor() == Some(vendor));
        hosts.filter(|it| is_it(it)).count() as f64
    };
    vendors.map(|it| (it.to_owned(), of(it))).into()
}

/// Values by the value of a label.
type Numbers = BTreeMap<String, f64>;

fn numbers(pairs: &[(&str, f64)]) -> Numbers {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), *value))
        .collect()
}

fn by_label(series: &[Series], label: &str) -> Numbers {
    let pairs = series.iter().map(|it| {
        let value = it.labels.get(label).cloned();
        (value.unwrap_or_default(), it.values[0])
    });
    pairs.collect()
}

fn target(uid: &str, title: &str, letter: &str) -> Target {
    let board = boards()
        .into_iter()
        .find(|it| it.uid == uid)
        .expect("a dashboard");
    let panel = board.panels.into_iter().find(|it| it.title == title);
    let targets = panel.unwrap_or_else(|| panic!("no panel {title}")).targets;
    targets
        .into_iter()
        .find(|it| it.letter == letter)
        .expect("a query")
}

/// Every recording rule has series, every alert is computed, and those fire that should.
fn rules_that_fail(prometheus: &Prometheus, wrong: &mut Vec<String>) {
    let document = prometheus.document("/api/v1/rules");
    let groups = document["data"]["groups"].as_array().unwrap();
    let rules: Vec<&Value> = groups
        .iter()
        .flat_map(|it| it["rules"].as_array().unwrap())
        .collect();
    assert!(rules.len() > 30, "{} rules", rules.len());
    let mut states: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for rule in rules {
        let name = rule["name"].as_str().unwrap();
        if rule["health"] != "ok" {
            wrong.push(format!("{name}: {} {}", rule["health"], rule["lastError"]));
        }
        match rule["state"].as_str() {
            Some(state) => {
                states.entry(state).or_default().insert(name);
            }
            None if prometheus.now(name).unwrap().is_empty() => {
                wrong.push(format!("{name} records nothing"));
            }
            None => {}
        }
    }
    let firing = states.remove("firing").unwrap_or_default();
    let expected = [
        "PhonehomeFindingOpened",
        "PhonehomeFindingReturned",
        "PhonehomeMilestoneNear",
        "PhonehomeSightingAfterCompletion",
    ];
    if firing != BTreeSet::from(expected) {
        wrong.push(format!("{firing:?} fire"));
    }
    // Open after its day, which has to last for an hour.
    let pending = states.remove("pending").unwrap_or_default();
    if !pending.contains("PhonehomeDirectiveOverdue") {
        wrong.push(format!("{pending:?} are pending"));
    }
}

/// The pages of sensors that dashboards link to.
fn links_that_lead_nowhere(wrong: &mut Vec<String>) {
    let texts: Vec<String> = boards().iter().map(|it| it.json.to_string()).collect();
    let mut paths = BTreeSet::new();
    for text in &texts {
        for part in text.split("${scheme}://${__data.fields.").skip(1) {
            let (_, path) = part.split_once('}').unwrap();
            paths.insert(path.split('"').next().unwrap());
        }
    }
    assert!(paths.len() > 3, "{paths:?}");
    for address in [SENSOR, SECOND] {
        for path in &paths {
            let answer = sensor::server::ask(address.parse().unwrap(), path).expect("an answer");
            if answer.code != 200 {
                wrong.push(format!("{address}{path}: {}", answer.code));
            }
        }
    }
}

const DAY: Duration = Duration::from_secs(86_400);

/// The minutes in which Prometheus has watched.
const LATELY: Span = Span {
    length: Duration::from_secs(300),
    step: Duration::from_secs(5),
};
