//! Dashboards for Grafana: their form, their links, and that all they ask for is there.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::{Value, json};

use board::{Board, Panel, boards, list, text_of};
use query::Variables;
use sensor::{PATIENCE, catalogue};

#[path = "dashboards/board.rs"]
mod board;
#[path = "dashboards/query.rs"]
mod query;
mod sensor;

/// All panels that show data, with their dashboards.
fn panels() -> Vec<(Board, Panel)> {
    let all = boards().into_iter().flat_map(|board| {
        let panels = board.panels.clone();
        panels.into_iter().map(move |it| (board.clone(), it))
    });
    all.filter(|(_, it)| !matches!(it.kind.as_str(), "row" | "text"))
        .collect()
}

#[test]
fn every_dashboard_can_be_imported_and_provisioned_alike() {
    let mut uids = BTreeSet::new();
    for Board { uid, json, .. } in boards() {
        assert!(uid.starts_with("phonehome-"), "{uid}");
        assert!(uids.insert(uid.clone()), "{uid} is there twice");
        for (key, value) in [
            ("schemaVersion", json!(39)),
            ("tags", json!(["phonehome"])),
            ("editable", json!(false)),
            ("graphTooltip", json!(1)),
            ("timezone", json!("browser")),
            ("refresh", json!("1m")),
        ] {
            assert_eq!(json[key], value, "{key} of {uid}");
        }
        assert!(json.get("id").is_none() && json.get("__inputs").is_none());
        assert!(!text_of(&json["description"]).is_empty(), "{uid}");
        let names: Vec<String> = variables(&json);
        assert_eq!(names[..3], ["datasource", "job", "instance"], "{uid}");
        assert_eq!(json["links"][0]["tags"], json!(["phonehome"]), "{uid}");
        assert_eq!(json["links"][0]["includeVars"], true, "{uid}");
        let alerts = list(&json["annotations"]["list"]).iter();
        let expr = "ALERTS{alertname=~\"Phonehome.*\", alertstate=\"firing\", job=~\"$job.*\"}";
        assert!(alerts.clone().any(|it| it["expr"] == expr), "{uid}");
    }
    let expected = ["fleet", "host", "overview", "sensor", "vendor"];
    assert_eq!(
        Vec::from_iter(uids),
        expected.map(|it| format!("phonehome-{it}"))
    );
}

/// The names of a dashboard's variables.
fn variables(json: &Value) -> Vec<String> {
    let list = list(&json["templating"]["list"]).iter();
    list.map(|it| text_of(&it["name"])).collect()
}

#[test]
fn every_data_source_is_the_one_that_was_chosen() {
    let chosen = json!({"type": "prometheus", "uid": "${datasource}"});
    for board in boards() {
        let mut sources = Vec::new();
        collect(&board.json, "datasource", &mut sources);
        assert!(sources.len() > 10, "{}", board.uid);
        assert!(sources.iter().all(|it| **it == chosen), "{}", board.uid);
    }
    for (board, panel) in panels() {
        assert_eq!(
            panel.json["datasource"], chosen,
            "{}: {}",
            board.uid, panel.title
        );
        for target in list(&panel.json["targets"]) {
            assert_eq!(
                target["datasource"], chosen,
                "{}: {}",
                board.uid, panel.title
            );
        }
    }
}

/// All values of a key, however deep.
fn collect<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get(key));
            object.values().for_each(|it| collect(it, key, found));
        }
        Value::Array(list) => list.iter().for_each(|it| collect(it, key, found)),
        _ => {}
    }
}

#[test]
fn every_panel_asks_one_question_and_says_what_the_answer_means() {
    for board in boards() {
        let mut titles = BTreeSet::new();
        for panel in &board.panels {
            let place = format!("{}: {}", board.uid, panel.title);
            assert!(panel.title.ends_with('?'), "{place}");
            assert!(titles.insert(panel.title.clone()), "{place} is there twice");
            if panel.kind == "row" {
                continue;
            }
            let description = text_of(&panel.json["description"]);
            assert!(description.ends_with('.'), "{place} has no description");
            if panel.kind == "text" {
                continue;
            }
            let defaults = &panel.json["fieldConfig"]["defaults"];
            for key in ["unit", "noValue"] {
                assert!(!text_of(&defaults[key]).is_empty(), "{place} has no {key}");
            }
            assert!(!panel.targets.is_empty(), "{place}");
            let is_table = panel.kind == "table";
            for target in &panel.targets {
                assert_eq!(target.legend.is_empty(), is_table, "the legend of {place}");
            }
        }
    }
}

#[test]
fn panels_neither_overlap_nor_leave_the_page() {
    for board in boards() {
        let mut taken = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for panel in &board.panels {
            let place = format!("{}: {}", board.uid, panel.title);
            assert!(ids.insert(panel.json["id"].as_u64().unwrap()), "{place}");
            let [x, y, w, h] =
                ["x", "y", "w", "h"].map(|it| panel.json["gridPos"][it].as_u64().unwrap());
            assert!(x + w <= 24 && w > 0 && h > 0, "{place}");
            for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
                assert!(taken.insert(cell), "{place} overlaps another");
            }
        }
    }
}

#[test]
fn every_query_is_about_metrics_labels_and_values_that_the_sensor_exports() {
    let catalogue = everything();
    let mut wrong = Vec::new();
    let mut asked = 0;
    for (place, expr) in queries() {
        let read = query::read(&query::filled(&expr, ANY));
        let read = read.unwrap_or_else(|it| panic!("{place}: {it} in {expr}"));
        assert!(!read.selectors.is_empty(), "{place} selects nothing");
        let mut labels = BTreeSet::from(["job", "instance", "site"]);
        for selector in &read.selectors {
            let Some(known) = catalogue.get(&selector.metric) else {
                wrong.push(format!("{place}: no metric {}", selector.metric));
                continue;
            };
            labels.extend(known.keys().map(String::as_str));
            for (label, is_pattern, value) in &selector.matchers {
                if ["job", "instance", "alertname"].contains(&label.as_str()) {
                    continue;
                }
                asked += 1;
                let Some(values) = known.get(label) else {
                    wrong.push(format!("{place}: {} has no {label}", selector.metric));
                    continue;
                };
                let any = *is_pattern && value == ".+" || OF_VARIABLES.contains(&value.as_str());
                for value in value.split('|') {
                    if !any && !values.contains(value) {
                        let metric = &selector.metric;
                        wrong.push(format!("{place}: {metric} has no {label}=\"{value}\""));
                    }
                }
            }
        }
        for label in &read.labels {
            if !labels.contains(label.as_str()) {
                wrong.push(format!("{place}: nothing in it has the label {label}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(asked > 50, "only {asked} matchers were looked at");
}

/// What the sensor exports, what rules record of it, and what Prometheus says of alerts.
fn everything() -> catalogue::Metrics {
    let mut all = catalogue::exported();
    let rules = fs::read_to_string(sensor::tests().join("../../dashboards/prometheus/rules.yml"));
    for rule in rules.unwrap().split("- record: ").skip(1) {
        let (name, rest) = rule.split_once('\n').unwrap();
        let (_, expr) = rest.split_once("expr: ").unwrap();
        let expr = expr.split("\n      # ").next().unwrap();
        let read = query::read(expr.trim_start_matches('|').trim()).unwrap();
        let mut labels = BTreeMap::new();
        for selector in &read.selectors {
            labels.extend(all[&selector.metric].clone());
        }
        all.insert(name.to_owned(), labels);
    }
    let word = |it: &str| BTreeSet::from([it.to_owned()]);
    let labels = [
        ("alertstate", word("firing")),
        ("severity", BTreeSet::new()),
        ("alertname", BTreeSet::new()),
    ];
    let labels = labels.map(|(label, values)| (label.to_owned(), values));
    all.insert("ALERTS".to_owned(), labels.into());
    all
}

/// Where each query stands, and the query: those of panels, variables and annotations.
fn queries() -> Vec<(String, String)> {
    let mut queries = Vec::new();
    for board in boards() {
        for panel in &board.panels {
            for target in &panel.targets {
                let place = format!("{}: {} {}", board.uid, panel.title, target.letter);
                queries.push((place, target.expr.clone()));
            }
        }
        for variable in list(&board.json["templating"]["list"]) {
            let text = text_of(&variable["query"]["query"]);
            if let Some(inside) = text.strip_prefix("label_values(") {
                let (metric, label) = inside.trim_end_matches(')').rsplit_once(", ").unwrap();
                let place = format!("{}: variable {}", board.uid, variable["name"]);
                queries.push((place, format!("count by ({label}) ({metric})")));
            }
        }
        for annotation in list(&board.json["annotations"]["list"]) {
            let place = format!("{}: annotation {}", board.uid, annotation["name"]);
            queries.push((place, text_of(&annotation["expr"])));
        }
    }
    queries
}

#[test]
fn every_query_of_a_panel_keeps_to_the_jobs_and_sensors_that_were_chosen() {
    for (board, panel) in panels() {
        for target in &panel.targets {
            let place = format!("{}: {} {}", board.uid, panel.title, target.letter);
            let marked = target
                .expr
                .replace("$__rate_interval", "5m")
                .replace("$__range", "7d");
            for selector in query::read(&marked).unwrap().selectors {
                let value = |label: &str| {
                    let mut matchers = selector.matchers.iter();
                    let found = matchers.find(|it| it.0 == label && it.1);
                    found.map(|it| it.2.clone()).unwrap_or_default()
                };
                let of_hosts = selector.metric.starts_with("phonehome_host_");
                let of_alerts = selector.metric == "ALERTS";
                // Rows of hosts are scraped by a job of their own, phonehome-hosts.
                let job = if of_hosts || of_alerts {
                    "$job.*"
                } else {
                    "$job"
                };
                assert_eq!(value("job"), job, "{place}: {}", selector.metric);
                if !selector.metric.starts_with("job_") && !of_alerts {
                    assert_eq!(
                        value("instance"),
                        "$instance",
                        "{place}: {}",
                        selector.metric
                    );
                }
            }
        }
    }
}

#[test]
fn counters_are_shown_as_rates_and_gauges_are_not() {
    for (place, expr) in queries() {
        for selector in query::read(&query::filled(&expr, ANY)).unwrap().selectors {
            let metric = &selector.metric;
            let counts = ["_total", "_bucket", "_sum", "_count"];
            let is_counter = counts.iter().any(|it| metric.ends_with(it));
            let rated = matches!(selector.within.as_deref(), Some("rate" | "increase"));
            assert_eq!(is_counter, rated, "{metric} in {place}");
        }
        for part in expr.split("rate(").skip(1) {
            let (_, rest) = part.split_once('[').unwrap();
            assert!(rest.starts_with("$__rate_interval]"), "{place}");
        }
    }
}

#[test]
fn no_key_of_a_dashboard_is_misspelt() {
    let script = sensor::tests().join("dashboards/keys.py");
    let mut command = sensor::python();
    command.arg(&script).args(board::files());
    let outcome = sensor::end_of(command, Vec::new(), PATIENCE).expect("the script to end");
    let outcome = outcome.ended_with(0);
    assert_eq!(outcome.text(), "", "keys that Grafana does not know");
    // It tells.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wrong.json");
    let text = fs::read_to_string(&board::files()[2]).unwrap();
    fs::write(&path, text.replace("\"fillOpacity\"", "\"fillOpacty\"")).unwrap();
    let mut command = sensor::python();
    command.arg(&script).arg(&path);
    let outcome = sensor::end_of(command, Vec::new(), PATIENCE).expect("the script to end");
    assert!(outcome.text().contains("custom.fillOpacty"));
}

#[test]
fn links_lead_from_the_overview_to_the_vendor_the_host_and_the_sensor() {
    let boards: BTreeMap<String, Board> = boards()
        .into_iter()
        .map(|it| (it.uid.clone(), it))
        .collect();
    let mut ways = BTreeSet::new();
    for (uid, board) in &boards {
        let mut urls = Vec::new();
        collect(&board.json, "url", &mut urls);
        for url in urls.iter().map(|it| text_of(it)) {
            if let Some(rest) = url.strip_prefix("/d/") {
                let (target, query) = rest.split_once('?').unwrap();
                let there = variables(&boards.get(target).expect("a dashboard").json);
                for part in query.split('&').filter(|it| it.starts_with("var-")) {
                    let (name, _) = part["var-".len()..].split_once('=').unwrap();
                    assert!(there.contains(&name.to_owned()), "{uid}: {url}");
                }
                for word in ["${__url_time_range}", "var-datasource=${datasource}"] {
                    assert!(query.contains(word), "{uid}: {url} loses {word}");
                }
                ways.insert(format!("{} {}", short(uid), short(target)));
            } else if let Some(rest) = url.strip_prefix("${scheme}://${__data.fields.") {
                let (field, path) = rest.split_once("}/").unwrap();
                assert!(["instance", "sensor"].contains(&field), "{uid}: {url}");
                assert!(
                    variables(&board.json).contains(&"scheme".to_owned()),
                    "{uid}"
                );
                ways.insert(format!("{} /{path}", short(uid)));
            } else {
                assert!(url.is_empty(), "{uid}: {url}");
            }
        }
    }
    for way in [
        "overview vendor",
        "vendor host",
        "host vendor",
        "fleet sensor",
        "vendor sensor",
        "host sensor",
        "vendor /report",
        "host /report",
        "host /api/v1/findings",
        "host /api/v1/visibility",
        "fleet /report",
        "sensor /",
    ] {
        assert!(ways.contains(way), "no way {way} in {ways:?}");
    }
}

fn short(uid: &str) -> &str {
    uid.trim_start_matches("phonehome-")
}

#[test]
fn what_tables_rename_order_and_link_are_columns_that_they_have() {
    for (board, panel) in panels().into_iter().filter(|it| it.1.kind == "table") {
        let place = format!("{}: {}", board.uid, panel.title);
        let mut columns = BTreeSet::from(["Time".to_owned()]);
        for target in &panel.targets {
            let one = panel.targets.len() == 1;
            columns.insert(match one {
                true => "Value".to_owned(),
                false => format!("Value #{}", target.letter),
            });
            let read = query::read(&query::filled(&target.expr, ANY)).unwrap();
            columns.extend(read.labels);
        }
        let steps = list(&panel.json["transformations"]);
        assert_eq!(steps[0]["id"], "merge", "{place}");
        let organize = &steps[1]["options"];
        for part in ["excludeByName", "indexByName", "renameByName"] {
            for column in organize[part].as_object().unwrap().keys() {
                assert!(columns.contains(column), "{place}: {part} {column}");
            }
        }
        let mut shown: BTreeSet<String> = columns
            .iter()
            .filter(|it| organize["excludeByName"].get(it.as_str()).is_none())
            .map(|it| {
                let renamed = organize["renameByName"].get(it.as_str());
                renamed.map_or(it.clone(), text_of)
            })
            .collect();
        assert!(
            !shown.iter().any(|it| it.starts_with("Value")),
            "{place} shows a column without a name: {shown:?}"
        );
        shown.insert(String::new());
        for change in list(&panel.json["fieldConfig"]["overrides"]) {
            let name = text_of(&change["matcher"]["options"]);
            assert!(shown.contains(&name), "{place} has no column {name}");
        }
        if let Some(sort) = steps.get(2) {
            let field = text_of(&sort["options"]["sort"][0]["field"]);
            assert!(shown.contains(&field), "{place} is sorted by {field}");
        }
        let mut urls = Vec::new();
        collect(&panel.json["fieldConfig"], "url", &mut urls);
        for url in urls {
            for part in text_of(url).split("${__data.fields.").skip(1) {
                let (field, _) = part.split_once('}').unwrap();
                assert!(shown.contains(field), "{place}: a link names {field}");
            }
        }
    }
}

#[test]
fn provisioning_reads_as_grafana_wants_it() {
    let folder = sensor::tests().join("../../dashboards/grafana/provisioning");
    let read = |path: &str| -> Value {
        let text = fs::read_to_string(folder.join(path)).unwrap();
        serde_saphyr::from_str(&text).unwrap()
    };
    let dashboards = read("dashboards/phonehome.yaml");
    assert_eq!(dashboards["apiVersion"], 1);
    let provider = &dashboards["providers"][0];
    assert_eq!(provider["name"], "phonehome");
    assert_eq!(provider["type"], "file");
    assert_eq!(provider["allowUiUpdates"], false);
    assert!(text_of(&provider["options"]["path"]).starts_with('/'));
    let sources = read("datasources/prometheus.yaml");
    let source = &sources["datasources"][0];
    assert_eq!(source["type"], "prometheus");
    assert_eq!(source["access"], "proxy");
    let prometheus = folder.join("../../prometheus/prometheus.yml");
    let prometheus: Value =
        serde_saphyr::from_str(&fs::read_to_string(prometheus).unwrap()).unwrap();
    assert_eq!(
        source["jsonData"]["timeInterval"], prometheus["global"]["scrape_interval"],
        "rates are taken over four intervals of the scrapes"
    );
}

/// Values of variables that any series may have.
const ANY: Variables<'static> = Variables {
    vendor: OF_VARIABLES[0],
    host: OF_VARIABLES[1],
};

const OF_VARIABLES: [&str; 2] = ["the-vendor", "the-host"];
