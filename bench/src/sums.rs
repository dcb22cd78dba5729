//! The two sums of the visibility ledger, in what phonehome prints of a capture.
//!
//! Connections = named + unnamed, by transport; frames received = processed + dropped + queued. In
//! comes the document of `phonehome read --json`, out come both sides of each sum.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::error::Error;
use crate::measure;

/// Both sides of each sum, and what else the ledger tells of the feed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Sums {
    /// A row a sum: what is added up, the whole, and its parts.
    pub(crate) rows: Vec<(&'static str, u64, Vec<u64>)>,
    /// Octets that were acknowledged and never seen.
    pub(crate) missing_octets: u64,
    /// Frames that came twice.
    pub(crate) repeated_frames: u64,
}

impl Sums {
    /// Whether there are sums, and all of them hold.
    pub(crate) fn hold(&self) -> bool {
        let holds = |it: &(_, u64, Vec<u64>)| it.1 == it.2.iter().sum::<u64>();
        !self.rows.is_empty() && self.rows.iter().all(holds)
    }

    /// A line a sum.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (what, whole, parts) in &self.rows {
            let sum: u64 = parts.iter().sum();
            let sign = if sum == *whole { "=" } else { "IS NOT" };
            let parts: Vec<String> = parts.iter().map(u64::to_string).collect();
            let _ = writeln!(text, "{what}: {whole} {sign} {}", parts.join(" + "));
        }
        let _ = writeln!(
            text,
            "acknowledged and never seen: {} octets; came twice: {} frames",
            self.missing_octets, self.repeated_frames
        );
        text
    }
}

/// Runs `phonehome read --json` on a capture and takes the sums from what it prints.
///
/// # Errors
///
/// Those of running the program; [`Error::Json`] if what it prints is no JSON.
pub(crate) fn run(sensor: &Path, path: &Path) -> Result<Sums, Error> {
    let program = format!("{} read --json {}", sensor.display(), path.display());
    let outcome = Command::new(sensor)
        .args(["read", "--json"])
        .arg(path)
        .output()
        .map_err(|source| Error::Program {
            program: program.clone(),
            source,
        })?;
    if !outcome.status.success() {
        return Err(Error::Failed {
            program,
            status: outcome.status.to_string(),
            message: measure::last_line(&outcome.stderr),
        });
    }
    let document = serde_json::from_slice(&outcome.stdout).map_err(|source| Error::Json {
        operation: "read",
        what: format!("the output of {program}"),
        source,
    })?;
    Ok(sums(&document))
}

/// The sums of a document; a number that is not there counts as none, so that its sum fails.
fn sums(document: &Value) -> Sums {
    let seen = &document["visibility"];
    let number = |it: &Value| it.as_u64().unwrap_or(0);
    let all = |it: &Value| -> u64 {
        it.as_object()
            .into_iter()
            .flatten()
            .map(|it| number(it.1))
            .sum()
    };
    let mut rows = Vec::new();
    for (what, transport) in [("TCP connections", "tcp"), ("UDP connections", "udp")] {
        let it = &seen["connections"][transport];
        let parts = vec![all(&it["named"]), all(&it["unnamed"])];
        rows.push((what, it["total"].as_u64().unwrap_or(u64::MAX), parts));
    }
    let frames = &seen["frames"];
    let parts = vec![
        number(&frames["processed"]),
        all(&frames["dropped"]),
        number(&frames["queued"]),
    ];
    let received = frames["received"].as_u64().unwrap_or(u64::MAX);
    rows.push(("frames", received, parts));
    Sums {
        rows,
        missing_octets: number(&seen["loss"]["missing_octets"]),
        repeated_frames: number(&frames["repeated"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{"visibility":{
        "connections":{
            "tcp":{"total":7,"named":{"tls-sni":4,"http-host":1},"unnamed":{"no-hello":2}},
            "udp":{"total":1,"named":{"quic-sni":1},"unnamed":{}}},
        "loss":{"judged_flows":7,"seen_octets":90,"missing_octets":10},
        "frames":{"received":100,"processed":90,"queued":3,"repeated":5,"dropped":{"ring":7}}}}"#;

    #[test]
    fn sums_that_hold_are_printed_with_their_parts() {
        let sums = sums(&serde_json::from_str(DOCUMENT).unwrap());
        assert!(sums.hold());
        let text = sums.text();
        assert!(text.contains("TCP connections: 7 = 5 + 2\n"), "{text}");
        assert!(text.contains("frames: 100 = 90 + 7 + 3\n"), "{text}");
        assert!(text.contains("10 octets; came twice: 5 frames"), "{text}");
    }

    #[test]
    fn a_sum_that_does_not_hold_or_is_not_there_fails() {
        let changed = DOCUMENT.replace("\"total\":7", "\"total\":8");
        let sums_of = |it: &str| sums(&serde_json::from_str(it).unwrap());
        assert!(!sums_of(&changed).hold());
        assert!(sums_of(&changed).text().contains("8 IS NOT 5 + 2"));
        assert!(!sums_of("{}").hold());
    }
}
