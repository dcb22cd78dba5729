//! Runs the real program in tests, and gives it captures.

#![allow(
    dead_code,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are tests, and each file of tests uses some of them"
)]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;

pub(crate) mod capture;
pub(crate) mod catalogue;
pub(crate) mod disk;
pub(crate) mod made;
pub(crate) mod schema;
pub(crate) mod server;
pub(crate) mod syslog;
pub(crate) mod wire;

/// What a run of the program gave.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// The program with arguments, without anything of the environment that changes what it prints.
pub(crate) fn command<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_phonehome"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PHONEHOME_") {
            command.env_remove(name);
        }
    }
    command
        .args(args)
        .env("COLUMNS", "100")
        .env_remove("JOURNAL_STREAM")
        .env_remove("NO_COLOR")
        .env_remove("RUST_LOG")
        .env_remove("RUST_BACKTRACE");
    command
}

/// Runs the program to its end with an empty standard input.
pub(crate) fn run<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Outcome {
    end_of(command(args), Vec::new(), PATIENCE)
        .unwrap_or_else(|| panic!("did not end within {PATIENCE:?}"))
}

/// Runs the program to its end with `input` on standard input.
pub(crate) fn run_fed<S: AsRef<OsStr>>(
    args: impl IntoIterator<Item = S>,
    input: Vec<u8>,
) -> Outcome {
    end_of(command(args), input, PATIENCE)
        .unwrap_or_else(|| panic!("did not end within {PATIENCE:?}"))
}

/// Runs a command to its end; `None` if it had to be killed because it took longer than `patience`.
pub(crate) fn end_of(mut command: Command, input: Vec<u8>, patience: Duration) -> Option<Outcome> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|it| panic!("cannot start {:?}: {it}", command.get_program()));
    let mut stdin = child.stdin.take().expect("a pipe");
    // A program that has seen enough closes its end.
    thread::spawn(move || stdin.write_all(&input));
    let stdout = drained(child.stdout.take().expect("a pipe"));
    let stderr = drained(child.stderr.take().expect("a pipe"));
    let all = stdout
        .recv_timeout(patience)
        .and_then(|out| Ok((out, stderr.recv_timeout(patience)?)));
    let Ok((stdout, stderr)) = all else {
        child.kill().expect("a child of ours");
        child.wait().expect("a child of ours");
        return None;
    };
    Some(Outcome {
        code: child.wait().expect("a child of ours").code(),
        stdout,
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    })
}

/// All that comes out of a pipe, once it is closed.
fn drained(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut all = Vec::new();
        let _: io::Result<usize> = pipe.read_to_end(&mut all);
        let _: Result<(), _> = sender.send(all);
    });
    receiver
}

impl Outcome {
    /// Standard output as text.
    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.stdout).expect("text on standard output")
    }

    /// Standard output as one JSON document.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|it| panic!("{it} in {:?}, with {:?}", self.text(), self.stderr))
    }

    /// Itself, if it ended with this exit code.
    #[track_caller]
    pub(crate) fn ended_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "standard error: {}", self.stderr);
        self
    }
}

/// Host, vendor and verdict of each finding of a document, in order of host and vendor.
pub(crate) fn verdicts(document: &Value) -> Vec<(String, String, String)> {
    let findings = document["findings"].as_array().expect("findings");
    let text = |it: &Value| it.as_str().expect("a text").to_owned();
    let mut verdicts: Vec<_> = findings
        .iter()
        .map(|it| {
            (
                text(&it["host"]),
                text(&it["vendor"]["id"]),
                text(&it["verdict"]),
            )
        })
        .collect();
    verdicts.sort();
    verdicts
}

/// One line of a metrics page: its name, labels and value.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// Reads a metrics page; label values without quotes, commas and braces are enough here.
pub(crate) fn samples(text: &str) -> Vec<Sample> {
    let lines = text.lines().filter(|it| !it.starts_with('#'));
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let labels = labels.trim_end_matches('}').split(',');
            Sample {
                name: name.to_owned(),
                labels: labels
                    .filter_map(|it| it.split_once('='))
                    .map(|(key, value)| (key.to_owned(), value.trim_matches('"').to_owned()))
                    .collect(),
                value: value.parse().expect("a number"),
            }
        })
        .collect()
}

/// Sums of a metric by the value of one of its labels.
pub(crate) fn sums(samples: &[Sample], name: &str, label: &str) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for sample in samples.iter().filter(|it| it.name == name) {
        let value = sample.labels.get(label).expect("the label").clone();
        *sums.entry(value).or_default() += sample.value;
    }
    assert!(!sums.is_empty(), "no metric {name}");
    sums
}

/// Sum of a metric over all its labels.
pub(crate) fn sum(samples: &[Sample], name: &str) -> f64 {
    let values: Vec<f64> = samples
        .iter()
        .filter(|it| it.name == name)
        .map(|it| it.value)
        .collect();
    assert!(!values.is_empty(), "no metric {name}");
    values.iter().sum()
}

/// Has Prometheus' own tool read a metrics page.
#[track_caller]
pub(crate) fn assert_promtool_likes(metrics: &str) {
    needs_prometheus("promtool");
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]);
    let outcome = end_of(promtool, metrics.into(), PATIENCE).expect("promtool to end");
    let (code, said) = (outcome.code, outcome.stderr.as_str());
    assert_eq!((code, said), (Some(0), ""), "promtool check metrics");
}

/// Fails with what to do about it where a program of the Debian package is missing.
#[track_caller]
pub(crate) fn needs_prometheus(program: &str) {
    let found = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(
        found.is_ok(),
        "{program} is missing: apt-get install --no-install-recommends prometheus prometheus-alertmanager"
    );
}

/// The Python that has what tests of dashboards need; `make setup-test` puts it there.
#[track_caller]
pub(crate) fn python() -> Command {
    let path = tests().join("../../target/tools/python/bin/python");
    assert!(
        path.exists(),
        "{} is missing: make setup-test",
        path.display()
    );
    Command::new(path)
}

/// The demo capture.
pub(crate) fn demo() -> PathBuf {
    tests().join("demo/demo.pcap.gz")
}

/// The folders of the capture cases, in order of name.
pub(crate) fn cases() -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = fs::read_dir(tests().join("cases"))
        .expect("the folder of the cases")
        .map(|it| it.expect("an entry").path())
        .filter(|it| it.is_dir())
        .collect();
    cases.sort();
    assert!(cases.len() > 20, "the cases were not found");
    cases
}

/// The folder of the tests.
pub(crate) fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// How long a run may take that is not measured.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
