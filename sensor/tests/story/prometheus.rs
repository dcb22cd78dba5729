//! A real Prometheus, asked through its API.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::sensor::server::{Server, ask, ask_until};

/// A running Prometheus.
pub(crate) struct Prometheus {
    pub(crate) address: SocketAddr,
    pub(crate) server: Server,
}

/// A series of an answer: its labels, and its values with their times.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) values: Vec<f64>,
}

/// A span of time for a query, up to now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) length: Duration,
    pub(crate) step: Duration,
}

impl Prometheus {
    /// Starts it with a configuration and a folder of data, which keeps more than a year.
    pub(crate) fn start(config: &Path, data: &Path, address: SocketAddr) -> Self {
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg("--storage.tsdb.retention.time=400d")
            .arg(format!("--web.listen-address={address}"))
            // Between two points of the story lie up to three days.
            .arg("--query.lookback-delta=73h")
            .arg("--log.level=error")
            .current_dir(data);
        let server = Server::start(command);
        ask_until(address, "/-/ready", |it| it.code == 200);
        Self { address, server }
    }

    /// What a query gives now.
    pub(crate) fn now(&self, expr: &str) -> Result<Vec<Series>, String> {
        self.ask(&format!("/api/v1/query?query={}", escaped(expr)))
    }

    /// What a query gives over a span.
    pub(crate) fn over(&self, expr: &str, span: Span) -> Result<Vec<Series>, String> {
        let end = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("a clock after 1970");
        let start = end - span.length;
        let path = format!(
            "/api/v1/query_range?query={}&start={}&end={}&step={}",
            escaped(expr),
            start.as_secs_f64(),
            end.as_secs_f64(),
            span.step.as_secs()
        );
        self.ask(&path)
    }

    /// The document at a path of its API.
    pub(crate) fn document(&self, path: &str) -> Value {
        let answer = ask(self.address, path).expect("an answer");
        serde_json::from_str(&answer.body).expect("JSON")
    }

    /// Waits until a query has a value that will do.
    #[track_caller]
    pub(crate) fn wait_for(&self, expr: &str, will_do: impl Fn(f64) -> bool) {
        let path = format!("/api/v1/query?query={}", escaped(expr));
        ask_until(self.address, &path, |it| {
            let series = series(&serde_json::from_str(&it.body).unwrap_or_default());
            let mut values = series.iter().flat_map(|it| &it.values);
            values.any(|it| will_do(*it))
        });
    }

    fn ask(&self, path: &str) -> Result<Vec<Series>, String> {
        let document = self.document(path);
        match document["status"].as_str() {
            Some("success") => Ok(series(&document)),
            _ => Err(document["error"].to_string()),
        }
    }
}

/// The series of an answer to a query at one time or over a span.
fn series(document: &Value) -> Vec<Series> {
    let rows = document["data"]["result"].as_array().cloned();
    let number = |it: &Value| it[1].as_str().and_then(|it| it.parse().ok());
    rows.unwrap_or_default()
        .iter()
        .map(|row| Series {
            labels: row["metric"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(label, value)| {
                    let value = value.as_str().unwrap_or_default();
                    (label.clone(), value.to_owned())
                })
                .collect(),
            values: match row["values"].as_array() {
                Some(values) => values.iter().filter_map(number).collect(),
                None => number(&row["value"]).into_iter().collect(),
            },
        })
        .collect()
}

/// A text as it stands in the query of a URL.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, octet| {
        if octet.is_ascii_alphanumeric() {
            out.push(char::from(octet));
        } else {
            let _ = write!(out, "%{octet:02X}");
        }
        out
    })
}
