//! Accuracy: the names that phonehome reads in a capture, against those that were put there.
//!
//! Both are compared as sets of source, transport, addresses, ports and name; each difference is an
//! error. Capture times are not compared: a repeated segment may complete a name twice.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::capture;
use crate::error::Error;
use crate::generate::truth::Line;
use crate::measure;

/// How well a capture was read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Outcome {
    /// One row a source.
    pub(crate) sources: BTreeMap<String, Tally>,
    /// The first few names, in order, that were not read.
    pub(crate) missing: Vec<String>,
    /// The first few names, in order, that are not there.
    pub(crate) extra: Vec<String>,
}

/// Counts of a source; a name that an exchange repeats counts once.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Tally {
    /// Names that are there and were read.
    pub(crate) right: u64,
    /// Names that are there and were not read.
    pub(crate) missing: u64,
    /// Names that were read and are not there.
    pub(crate) extra: u64,
}

/// What makes two lines the same name.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
struct Key {
    source: Box<str>,
    transport: Box<str>,
    src: SocketAddr,
    dst: SocketAddr,
    name: Box<str>,
}

impl Outcome {
    /// Whether exactly the expected names were read.
    pub(crate) fn is_exact(&self) -> bool {
        self.missing.is_empty() && self.extra.is_empty()
    }
}

impl Tally {
    /// Share of the names there that were read; one if there are none.
    pub(crate) fn recall(self) -> f64 {
        share(self.right, self.right + self.missing)
    }

    /// Share of the names read that are there; one if none were read.
    pub(crate) fn precision(self) -> f64 {
        share(self.right, self.right + self.extra)
    }
}

/// Runs `phonehome names` on a capture and compares what it prints with the truth beside it.
///
/// # Errors
///
/// Those of running the program and of reading the truth; [`Error::Line`] for a line that does not
/// keep to the contract.
pub(crate) fn run(sensor: &Path, path: &Path) -> Result<Outcome, Error> {
    let truth = capture::truth_of(path);
    let file = File::open(&truth).map_err(Error::file("open", &truth))?;
    let mut expected = HashMap::new();
    each_key(BufReader::new(file), &truth, |key| {
        expected.insert(key, false);
    })?;

    let program = format!("{} names {}", sensor.display(), path.display());
    let cannot_run = |source| Error::Program {
        program: program.clone(),
        source,
    };
    let mut child = Command::new(sensor)
        .arg("names")
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(cannot_run)?;
    let stderr = child.stderr.take();
    let complaint = std::thread::spawn(move || {
        let mut text = Vec::new();
        // What cannot be read of a complaint is left out of the error message.
        let _ = stderr.map(|mut it| it.read_to_end(&mut text));
        measure::last_line(&text)
    });
    let mut extra = HashSet::new();
    let read = match child.stdout.take() {
        Some(stdout) => each_key(BufReader::new(stdout), sensor, |key| {
            match expected.get_mut(&key) {
                Some(found) => *found = true,
                None => {
                    extra.insert(key);
                }
            }
        }),
        None => Ok(()),
    };
    let status = child.wait().map_err(cannot_run)?;
    if !status.success() {
        return Err(Error::Failed {
            program,
            status: status.to_string(),
            message: complaint.join().unwrap_or_default(),
        });
    }
    read?;
    Ok(outcome(expected, extra))
}

fn outcome(expected: HashMap<Key, bool>, extra: HashSet<Key>) -> Outcome {
    let mut outcome = Outcome::default();
    let mut missing = Vec::new();
    for (key, found) in expected {
        let tally = outcome.sources.entry(key.source.to_string()).or_default();
        if found {
            tally.right += 1;
        } else {
            tally.missing += 1;
            missing.push(key);
        }
    }
    for key in &extra {
        outcome
            .sources
            .entry(key.source.to_string())
            .or_default()
            .extra += 1;
    }
    outcome.missing = examples(missing);
    outcome.extra = examples(extra.into_iter().collect());
    outcome
}

fn examples(mut keys: Vec<Key>) -> Vec<String> {
    keys.sort();
    keys.truncate(EXAMPLES);
    keys.iter()
        .map(|it| {
            format!(
                "{} {} {} > {} {}",
                it.source, it.transport, it.src, it.dst, it.name
            )
        })
        .collect()
}

/// Hands each line's key to `take`; `origin` is where the lines come from, for an error.
fn each_key(lines: impl BufRead, origin: &Path, mut take: impl FnMut(Key)) -> Result<(), Error> {
    for (index, text) in lines.lines().enumerate() {
        let text = text.map_err(Error::file("read", origin))?;
        let line: Line = serde_json::from_str(&text).map_err(|source| Error::Line {
            path: origin.to_owned(),
            number: index as u64 + 1,
            source,
        })?;
        take(Key {
            source: line.source.into(),
            transport: line.transport.into(),
            src: SocketAddr::new(line.src, line.src_port),
            dst: SocketAddr::new(line.dst, line.dst_port),
            name: line.name.into(),
        });
    }
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a share is printed with four decimals"
)]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}

/// Differences of each sort that are shown.
const EXAMPLES: usize = 5;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const FIRST: &str = r#"{"ts":1.5,"source":"tls-sni","transport":"tcp","src":"10.0.0.1","src_port":1,"dst":"198.18.0.1","dst_port":443,"name":"a.example"}"#;
    const SECOND: &str = r#"{"ts":2.5,"source":"quic-sni","transport":"udp","src":"fd00::1","src_port":1,"dst":"2001:db8::1","dst_port":443,"name":"b.example","ech":"none"}"#;

    /// Checks a program that prints `printed` and ends with `code` against `truth`.
    fn checked(truth: &str, printed: &str, code: u8) -> Result<Outcome, Error> {
        let folder = tempfile::tempdir().unwrap();
        let sensor = folder.path().join("sensor");
        let script =
            format!("#!/bin/sh\ncat <<'END'\n{printed}\nEND\necho broken >&2\nexit {code}\n");
        fs::write(&sensor, script).unwrap();
        fs::set_permissions(&sensor, fs::Permissions::from_mode(0o700)).unwrap();
        let capture = folder.path().join("x.pcap");
        fs::write(capture::truth_of(&capture), truth).unwrap();
        run(&sensor, &capture)
    }

    #[test]
    fn the_same_names_in_any_order_are_exact() {
        let outcome = checked(
            &format!("{FIRST}\n{SECOND}\n"),
            &format!("{SECOND}\n{FIRST}\n{FIRST}"),
            0,
        )
        .unwrap();
        assert!(outcome.is_exact());
        assert_eq!(outcome.sources["tls-sni"].right, 1);
    }

    #[test]
    fn each_difference_is_counted_and_shown() {
        let outcome = checked(FIRST, SECOND, 0).unwrap();
        assert!(!outcome.is_exact());
        assert_eq!(outcome.sources["tls-sni"].recall(), 0.0);
        assert_eq!(outcome.sources["quic-sni"].precision(), 0.0);
        assert_eq!(
            outcome.missing,
            ["tls-sni tcp 10.0.0.1:1 > 198.18.0.1:443 a.example"]
        );
        assert_eq!(
            outcome.extra,
            ["quic-sni udp [fd00::1]:1 > [2001:db8::1]:443 b.example"]
        );
    }

    #[test]
    fn a_failing_sensor_is_quoted() {
        let error = checked(FIRST, FIRST, 3).unwrap_err().to_string();
        assert!(
            error.contains("exit status: 3") && error.ends_with("broken"),
            "{error}"
        );
    }

    #[test]
    fn a_line_outside_the_contract_is_named_by_number() {
        let error = checked(FIRST, &format!("{FIRST}\n{{\"ts\":1}}"), 0).unwrap_err();
        assert!(
            error.to_string().starts_with("cannot read line 2 of "),
            "{error}"
        );
    }
}
