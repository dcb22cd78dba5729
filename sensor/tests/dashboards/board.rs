//! The dashboards as their files have them.

#![allow(dead_code, reason = "each file of tests uses some of it")]

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::sensor;

/// A dashboard.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    /// Its identifier, which links name.
    pub(crate) uid: String,
    pub(crate) json: Value,
    /// Its panels, those of its rows among them.
    pub(crate) panels: Vec<Panel>,
}

/// A panel.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) title: String,
    /// Its type, such as `timeseries`.
    pub(crate) kind: String,
    pub(crate) json: Value,
    pub(crate) targets: Vec<Target>,
}

/// A query of a panel.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Its letter.
    pub(crate) letter: String,
    pub(crate) expr: String,
    /// The text of the legend, with labels in double braces; empty in tables.
    pub(crate) legend: String,
    /// Whether it asks for one point in time, not for a span.
    pub(crate) instant: bool,
}

/// The paths of all dashboards, in order.
pub(crate) fn files() -> Vec<PathBuf> {
    let folder = sensor::tests().join("../../dashboards/grafana");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.extension().is_some_and(|it| it == "json"))
        .collect();
    files.sort();
    assert_eq!(files.len(), 5, "five dashboards");
    files
}

/// All dashboards.
pub(crate) fn boards() -> Vec<Board> {
    files().into_iter().map(board).collect()
}

fn board(path: PathBuf) -> Board {
    let text = fs::read_to_string(&path).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    let panels: Vec<Panel> = list(&json["panels"])
        .iter()
        .map(|it| Panel {
            title: text_of(&it["title"]),
            kind: text_of(&it["type"]),
            targets: list(&it["targets"]).iter().map(target).collect(),
            json: it.clone(),
        })
        .collect();
    assert!(panels.len() > 5, "{} has more panels", path.display());
    Board {
        uid: text_of(&json["uid"]),
        json,
        panels,
    }
}

fn target(json: &Value) -> Target {
    Target {
        letter: text_of(&json["refId"]),
        expr: text_of(&json["expr"]),
        legend: text_of(&json["legendFormat"]),
        instant: json["instant"] == true,
    }
}

/// The elements of a list; none if it is not there.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A text; empty if it is not there.
pub(crate) fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Target {
    /// The labels that the legend names.
    pub(crate) fn legend_labels(&self) -> impl Iterator<Item = &str> {
        let parts = self.legend.split("{{").skip(1);
        parts.map(|it| it.split_once("}}").unwrap().0.trim())
    }
}
