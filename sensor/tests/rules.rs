//! Rules and alerts for Prometheus: checked by its own tool, tested, explained, and about metrics that
//! there are.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use sensor::{PATIENCE, catalogue};

mod sensor;

/// A recording rule or an alert, as the files have it.
#[derive(Debug)]
struct Rule {
    name: String,
    /// The expression.
    expr: String,
    /// All its lines.
    text: String,
}

fn folder() -> PathBuf {
    sensor::tests().join("../../dashboards")
}

/// The rules of a file whose lines begin with `- WORD: NAME`. The files are ours and keep to one form: an
/// `expr` on its line, or in the deeper lines below it.
fn rules(file: &str, word: &str) -> Vec<Rule> {
    let text = fs::read_to_string(folder().join("prometheus").join(file)).unwrap();
    let start = format!("      - {word}: ");
    let rules: Vec<Rule> = text
        .split(&start)
        .skip(1)
        .map(|text| {
            let (name, rest) = text.split_once('\n').unwrap();
            let (_, expr) = rest.split_once("        expr: ").unwrap();
            let mut lines = expr.lines();
            let first = lines.next().unwrap();
            let more = lines.take_while(|it| it.starts_with("          "));
            let expr: Vec<&str> = std::iter::once(first.trim_start_matches('|'))
                .chain(more)
                .collect();
            Rule {
                name: name.to_owned(),
                expr: expr.join("\n"),
                text: text.to_owned(),
            }
        })
        .collect();
    assert!(rules.len() > 5, "{file} has more rules");
    rules
}

fn alerts() -> Vec<Rule> {
    rules("alerts.yml", "alert")
}

fn recordings() -> Vec<Rule> {
    rules("rules.yml", "record")
}

/// What the tests of an alert expect, in their order: whether it fires.
fn tested() -> BTreeMap<String, Vec<bool>> {
    let mut tested: BTreeMap<String, Vec<bool>> = BTreeMap::new();
    for file in test_files() {
        let text = fs::read_to_string(file).unwrap();
        for case in text.split("alertname: ").skip(1) {
            let (name, rest) = case.split_once('\n').unwrap();
            let fires = !rest.trim_start().starts_with("exp_alerts: []");
            tested.entry(name.to_owned()).or_default().push(fires);
        }
    }
    tested
}

fn test_files() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder().join("prometheus/tests")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|it| it.unwrap().path()).collect();
    files.sort();
    files
}

/// Runs promtool; what it says if it finds something.
fn promtool(args: &[&str], files: &[PathBuf]) -> Result<(), String> {
    sensor::needs_prometheus("promtool");
    let mut command = Command::new("promtool");
    command.args(args).args(files);
    let outcome = sensor::end_of(command, Vec::new(), PATIENCE).expect("promtool to end");
    match outcome.code {
        Some(0) => Ok(()),
        _ => Err(format!("{}{}", outcome.text(), outcome.stderr)),
    }
}

#[test]
fn promtool_finds_nothing_wrong_with_the_rules() {
    let files = ["rules.yml", "alerts.yml"].map(|it| folder().join("prometheus").join(it));
    let args = ["check", "rules", "--lint=all", "--lint-fatal"];
    promtool(&args, &files).unwrap();
    let config = folder().join("prometheus/prometheus.yml");
    promtool(&["check", "config"], &[config]).unwrap();
}

#[test]
fn every_alert_does_what_its_tests_say() {
    promtool(&["test", "rules"], &test_files()).unwrap();
}

#[test]
fn every_alert_is_tested_to_stay_quiet_to_fire_and_to_clear() {
    let tested = tested();
    for alert in alerts() {
        let cases = tested.get(&alert.name).cloned().unwrap_or_default();
        let fires = cases.iter().position(|it| *it);
        let fires = fires.unwrap_or_else(|| panic!("{} is never seen to fire", alert.name));
        assert!(fires > 0, "{} is not seen to stay quiet", alert.name);
        assert!(
            cases[fires..].contains(&false),
            "{} is not seen to clear",
            alert.name
        );
    }
    let names: BTreeSet<String> = alerts().into_iter().map(|it| it.name).collect();
    let strangers: Vec<&String> = tested.keys().filter(|it| !names.contains(*it)).collect();
    assert!(strangers.is_empty(), "no such alerts: {strangers:?}");
}

#[test]
fn every_alert_that_waits_is_tested_to_hold() {
    let tests: String = test_files()
        .iter()
        .map(|it| fs::read_to_string(it).unwrap())
        .collect();
    for alert in alerts().iter().filter(|it| !it.text.contains("for: 0m")) {
        let held = tests.split("      # ").any(|case| {
            case.starts_with("holds") && case.contains(&format!("alertname: {}\n", alert.name))
        });
        assert!(held, "{}", alert.name);
    }
}

#[test]
fn every_alert_says_how_grave_it_is_and_what_to_do() {
    let runbook = fs::read_to_string(folder().join("runbook.md")).unwrap();
    let sections: BTreeMap<&str, &str> = runbook
        .split("\n## ")
        .skip(1)
        .filter_map(|it| it.split_once('\n'))
        .collect();
    let alerts = alerts();
    for Rule { name, text, .. } in &alerts {
        assert!(name.starts_with("Phonehome"), "{name}");
        let link = format!(
            "runbook_url: dashboards/runbook.md#{}\n",
            name.to_lowercase()
        );
        let severities = ["info", "warning", "critical"];
        let grave = severities.map(|it| format!("severity: {it}\n"));
        assert!(grave.iter().any(|it| text.contains(it)), "{name}");
        for part in [
            "        for: ",
            "summary: \"",
            "description: \"",
            "{{ $value",
            &link,
        ] {
            assert!(text.contains(part), "{name} has no {part}");
        }
        let (_, summary) = text.split_once("summary: ").unwrap();
        let summary = summary.lines().next().unwrap();
        assert!(
            summary.contains("{{ $labels."),
            "{name} names nothing: {summary}"
        );
        let section = sections.get(name.as_str()).unwrap_or(&"");
        for part in ["**What it means.**", "**How to look.**", "**How to mend.**"] {
            assert!(
                section.contains(part),
                "the runbook on {name} has no {part}"
            );
        }
    }
    assert_eq!(sections.len(), alerts.len(), "a section without an alert");
}

#[test]
fn every_metric_label_and_value_in_a_rule_is_one_that_the_sensor_exports() {
    let metrics = catalogue::exported();
    let recordings: BTreeMap<String, String> = recordings()
        .into_iter()
        .map(|it| (it.name, it.expr))
        .collect();
    let mut wrong = Vec::new();
    for rule in alerts().into_iter().chain(self::recordings()) {
        let name = &rule.name;
        let mut labels: BTreeSet<String> = ["job", "instance"].map(str::to_owned).into();
        for metric in metrics_of(&rule.expr, &recordings) {
            match metrics.get(&metric) {
                Some(known) => labels.extend(known.keys().cloned()),
                None => wrong.push(format!("{name}: no metric {metric}")),
            }
        }
        for (metric, label, value) in selectors(&rule.expr) {
            // Recorded series have the labels of what they are recorded from.
            let sources = match recordings.get(&metric) {
                Some(expr) => metrics_of(expr, &recordings),
                None => BTreeSet::from([metric.clone()]),
            };
            let known = sources
                .iter()
                .filter_map(|it| metrics.get(it)?.get(&label))
                .any(|values| values.contains(&value));
            if !known && label != "job" {
                wrong.push(format!("{name}: {metric} has no {label}=\"{value}\""));
            }
        }
        for label in named_labels(&rule) {
            if !labels.contains(&label) {
                wrong.push(format!("{name}: nothing in it has the label {label}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Words of an expression that are names of metrics, recorded ones as well.
fn words(expr: &str) -> impl Iterator<Item = &str> {
    expr.split(|it: char| !(it.is_ascii_alphanumeric() || it == '_' || it == ':'))
        .filter(|it| *it == "up" || it.contains("phonehome_"))
}

/// The metrics that an expression is about, through what is recorded.
fn metrics_of(expr: &str, recordings: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut metrics = BTreeSet::new();
    for word in words(expr) {
        match recordings.get(word) {
            Some(expr) => metrics.extend(metrics_of(expr, recordings)),
            None => {
                metrics.insert(word.to_owned());
            }
        }
    }
    metrics
}

/// Metric, label and value of each selector such as `metric{label="value"}`.
fn selectors(expr: &str) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for (at, _) in expr.match_indices('{') {
        let metric = words(&expr[..at]).last().unwrap().to_owned();
        let (inside, _) = expr[at + 1..].split_once('}').unwrap();
        for matcher in inside.split(", ") {
            let (label, value) = matcher.split_once('=').unwrap();
            let label = label.trim_end_matches('!');
            for value in value.trim_start_matches('~').trim_matches('"').split('|') {
                found.push((metric.clone(), label.to_owned(), value.to_owned()));
            }
        }
    }
    found
}

/// Labels in `by (…)`, `without (…)`, `on (…)`, and in the texts of an alert.
fn named_labels(rule: &Rule) -> BTreeSet<String> {
    let mut labels = BTreeSet::new();
    for word in ["by (", "without (", "on (", "group_left ("] {
        for part in rule.expr.split(word).skip(1) {
            let (inside, _) = part.split_once(')').unwrap();
            labels.extend(inside.split(", ").map(str::to_owned));
        }
    }
    for part in rule.text.split("$labels.").skip(1) {
        labels.insert(
            part.chars()
                .take_while(|it| it.is_ascii_lowercase() || *it == '_')
                .collect(),
        );
    }
    labels.remove("");
    labels
}
