//! What is shown and kept: tables in Markdown, results in JSON.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::check::Outcome;
use crate::compare::{Comparison, Row};
use crate::error::Error;
use crate::machine::Machine;
use crate::peers::Peer;

/// A value as indented JSON with a newline.
///
/// # Errors
///
/// [`Error::Json`] for a value that JSON cannot hold.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Error> {
    let mut text = serde_json::to_string_pretty(value).map_err(|source| Error::Json {
        operation: "write",
        what: "the result".to_owned(),
        source,
    })?;
    text.push('\n');
    Ok(text)
}

/// A comparison: what was read and on what, a row a program, and the versions.
pub(crate) fn markdown(comparison: &Comparison) -> String {
    let Comparison {
        capture, machine, ..
    } = comparison;
    let mut text = format!(
        "Capture: {}, {} octets, {} packets (mean {}), seed {}, SHA-256 {}\n\n\
         Machine: {}, {} CPUs, {} MiB, Linux {}, load {} at the start, {}\n\n\
         Medians of {} runs in turn, after one that is not measured; whole processes.\n\n",
        capture.spec.kind.as_str(),
        grouped(capture.octets),
        grouped(capture.packets),
        capture.octets / capture.packets.max(1),
        capture.spec.seed,
        capture.sha256.get(..16).unwrap_or_default(),
        machine.cpu,
        machine.cpus,
        machine.memory_mib,
        machine.kernel,
        machine.load,
        machine.date,
        comparison.runs,
    );
    let mut table = vec![HEADINGS.map(str::to_owned).to_vec()];
    table.extend(comparison.rows.iter().map(cells));
    put_table(&table, &mut text);
    let failed: Vec<&Row> = comparison
        .rows
        .iter()
        .filter(|it| it.failure.is_some())
        .collect();
    if !failed.is_empty() {
        text.push('\n');
    }
    for row in failed {
        let failure = row.failure.as_deref().unwrap_or_default();
        let _ = writeln!(text, "- no figure for {}: {failure}", row.peer.label());
    }
    text.push('\n');
    for row in &comparison.rows {
        if let Some(version) = &row.version {
            let _ = writeln!(text, "- `{}`: {version}", row.command);
        }
    }
    text
}

/// Writes a comparison to `bench/runs/DATE-MACHINE/` and returns that folder.
///
/// Captures other than the mixed one get files of their own there.
///
/// # Errors
///
/// Those of writing files.
pub(crate) fn record(comparison: &Comparison) -> Result<PathBuf, Error> {
    record_in(&runs(), comparison)
}

/// Where results are recorded.
fn runs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("runs")
}

/// Writes files named `stem` to `bench/runs/DATE-MACHINE/`, by their extension, and returns that
/// folder.
///
/// # Errors
///
/// Those of writing files.
pub(crate) fn record_as(
    machine: &Machine,
    stem: &str,
    texts: &[(&str, String)],
) -> Result<PathBuf, Error> {
    record_texts(&runs(), machine, stem, texts)
}

fn record_texts(
    runs: &Path,
    machine: &Machine,
    stem: &str,
    texts: &[(&str, String)],
) -> Result<PathBuf, Error> {
    let folder = runs.join(machine.folder_name());
    fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
    for (extension, content) in texts {
        let path = folder.join(format!("{stem}.{extension}"));
        fs::write(&path, content).map_err(Error::file("write", &path))?;
    }
    Ok(folder)
}

fn record_in(runs: &Path, comparison: &Comparison) -> Result<PathBuf, Error> {
    let stem = match comparison.capture.spec.kind.as_str() {
        "mix" => "result".to_owned(),
        kind => format!("result-{kind}"),
    };
    let texts = [("json", json(comparison)?), ("md", markdown(comparison))];
    record_texts(runs, &comparison.machine, &stem, &texts)
}

/// A check: a row a source, and examples of what differs.
pub(crate) fn accuracy(outcome: &Outcome) -> String {
    let headings = [
        "source",
        "expected",
        "right",
        "missing",
        "extra",
        "recall",
        "precision",
    ];
    let mut table = vec![headings.map(str::to_owned).to_vec()];
    for (source, tally) in &outcome.sources {
        table.push(vec![
            source.clone(),
            grouped(tally.right + tally.missing),
            grouped(tally.right),
            grouped(tally.missing),
            grouped(tally.extra),
            format!("{:.4}", tally.recall()),
            format!("{:.4}", tally.precision()),
        ]);
    }
    let mut text = String::new();
    put_table(&table, &mut text);
    for (what, examples) in [("missing", &outcome.missing), ("extra", &outcome.extra)] {
        for example in examples {
            let _ = writeln!(text, "\n- {what}: {example}");
        }
    }
    text
}

fn cells(row: &Row) -> Vec<String> {
    let mut cells = vec![row.peer.label().to_owned()];
    let Some(figures) = row.figures else {
        cells.resize(HEADINGS.len(), "-".to_owned());
        return cells;
    };
    let ratio = match figures.ratio {
        Some(_) if row.peer == Peer::Phonehome => "1".to_owned(),
        Some(ratio) if ratio >= 10.0 => format!("{ratio:.0} x"),
        Some(ratio) => format!("{ratio:.2} x"),
        None => "-".to_owned(),
    };
    cells.extend([
        format!("{:.3}", figures.cpu),
        format!("{:.3}-{:.3}", figures.cpu_least, figures.cpu_most),
        format!("{:.3}", figures.wall),
        format!("{:.2} M", figures.packets_per_second() / 1e6),
        format!("{:.2} GB", figures.octets_per_second() / 1e9),
        format!("{:.0} MiB", (figures.peak_kib as f64) / 1024.0),
        ratio,
    ]);
    cells
}

/// Writes a Markdown table whose columns are as wide as their widest cell; numbers to the right.
pub(crate) fn put_table(rows: &[Vec<String>], text: &mut String) {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|it| it[column].chars().count()).max();
    let widths: Vec<usize> = (0..columns)
        .map(|it| width(it).unwrap_or_default())
        .collect();
    for (index, row) in rows.iter().enumerate() {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = if column == 0 {
                write!(text, "| {cell:<width$} ")
            } else {
                write!(text, "| {cell:>width$} ")
            };
        }
        text.push_str("|\n");
        if index == 0 {
            for (column, width) in widths.iter().enumerate() {
                let end = if column == 0 { '-' } else { ':' };
                let _ = write!(text, "|{}{end}", "-".repeat(width + 1));
            }
            text.push_str("|\n");
        }
    }
}

/// A number with its digits in groups of three.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

const HEADINGS: [&str; 8] = [
    "program",
    "CPU-s",
    "least-most",
    "wall s",
    "packets/CPU-s",
    "octets/CPU-s",
    "peak memory",
    "against phonehome",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::check::Tally;
    use crate::compare::Figures;
    use crate::generate::{Kind, Spec, Summary};

    fn comparison() -> Comparison {
        let row = |peer: Peer, figures: Option<Figures>, failure: Option<&str>| Row {
            peer,
            command: peer.label().to_owned(),
            version: figures.map(|_| "version 1".to_owned()),
            failure: failure.map(str::to_owned),
            runs: Vec::new(),
            figures,
        };
        let figures = |cpu, ratio| {
            Some(Figures {
                cpu,
                cpu_least: cpu,
                cpu_most: cpu,
                wall: cpu,
                peak_kib: 20_480,
                packets: 1_000_000,
                octets: 1 << 30,
                ratio: Some(ratio),
            })
        };
        Comparison {
            capture: Summary {
                spec: Spec::new(Kind::Mix, 1 << 30, 1),
                packets: 1_000_000,
                octets: 1 << 30,
                sha256: "ab".repeat(32),
                micros: 0,
                most_open_flows: 0,
                names: BTreeMap::new(),
                flows: BTreeMap::new(),
            },
            machine: Machine {
                cpu: "Test CPU".to_owned(),
                cpus: 2,
                memory_mib: 1,
                kernel: "6".to_owned(),
                load: "0 0 0".to_owned(),
                date: "2025-01-31".to_owned(),
            },
            runs: 5,
            rows: vec![
                row(Peer::Phonehome, figures(0.25, 1.0), None),
                row(Peer::Tcpdump, figures(0.75, 3.0), None),
                row(
                    Peer::Ndpi,
                    None,
                    Some("not installed: apt-get install libndpi-bin"),
                ),
            ],
        }
    }

    #[test]
    fn a_missing_peer_is_named_with_its_package() {
        let text = markdown(&comparison());
        assert!(text.contains("| ndpiReader "));
        assert!(
            text.contains("- no figure for ndpiReader: not installed: apt-get install libndpi-bin")
        );
    }

    #[test]
    fn each_row_has_the_columns_of_the_head() {
        let text = markdown(&comparison());
        let rows: Vec<&str> = text.lines().filter(|it| it.starts_with('|')).collect();
        assert_eq!(rows.len(), 5);
        for row in &rows {
            assert_eq!(row.matches('|').count(), HEADINGS.len() + 1, "{row}");
            assert_eq!(row.len(), rows[0].len(), "{row}");
        }
        assert!(rows[3].contains("3.00 x"), "{}", rows[3]);
        assert!(rows[3].contains("1.33 M"), "{}", rows[3]);
    }

    #[test]
    fn a_record_has_a_folder_of_its_day_and_machine() {
        let folder = tempfile::tempdir().unwrap();
        let recorded = record_in(folder.path(), &comparison()).unwrap();
        assert!(recorded.ends_with("2025-01-31-test-cpu-2"));
        let text = fs::read_to_string(recorded.join("result.json")).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["rows"][1]["figures"]["ratio"], 3.0);
        assert!(recorded.join("result.md").exists());
    }

    #[test]
    fn a_check_shows_what_differs() {
        let tally = Tally {
            right: 1_999,
            missing: 1,
            extra: 0,
        };
        let text = accuracy(&Outcome {
            sources: BTreeMap::from([("tls-sni".to_owned(), tally)]),
            missing: vec!["tls-sni a.example".to_owned()],
            extra: Vec::new(),
        });
        assert!(text.contains("2,000") && text.contains("0.9995"), "{text}");
        assert!(text.contains("- missing: tls-sni a.example"));
    }
}
