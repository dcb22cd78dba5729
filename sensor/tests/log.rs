//! The log of `phonehome run`, on standard error.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::process::Command;

use serde_json::Value;

mod sensor;

#[test]
fn a_line_has_time_level_and_text() {
    let lines = logged(&[], &[]);
    let line = lines
        .iter()
        .find(|it| it.contains("the replay has ended"))
        .unwrap();
    let (time, rest) = line.split_once(' ').unwrap();
    assert!(time.ends_with('Z') && time.len() == 24, "{line}");
    assert_eq!(rest, "info  the replay has ended; all of it is settled");
}

#[test]
fn the_journal_gets_priorities_and_no_times() {
    let lines = logged(
        &[("JOURNAL_STREAM", "8:1"), ("PHONEHOME_SOMETHING_ELSE", "1")],
        &[],
    );
    assert_eq!(
        lines.last().unwrap(),
        "<6>the replay has ended; all of it is settled"
    );
    assert_eq!(
        lines[0],
        "<4>the variable PHONEHOME_SOMETHING_ELSE is not one of the sensor's"
    );
}

#[test]
fn json_is_an_object_a_line() {
    for line in logged(&[("JOURNAL_STREAM", "8:1")], &["--log.format", "json"]) {
        let object: Value = serde_json::from_str(&line).unwrap();
        assert!(["info", "warn"].contains(&object["level"].as_str().unwrap()));
        assert!(
            object["message"].is_string() && object["ts"].is_string(),
            "{line}"
        );
    }
}

#[test]
fn graver_events_than_the_level_are_logged_and_no_others() {
    let variable = [("PHONEHOME_SOMETHING_ELSE", "1")];
    assert_eq!(logged(&variable, &["--log.level", "error"]), [""; 0]);
    let lines = logged(&variable, &["--log.level", "warn"]);
    assert!(lines.iter().all(|it| it.contains("Z warn  ")), "{lines:?}");
    assert!(lines[0].contains("PHONEHOME_SOMETHING_ELSE"), "{lines:?}");
}

#[test]
fn no_name_or_address_of_a_host_is_in_the_log_by_default() {
    for line in logged(&[], &[]) {
        assert!(
            !line.contains("10.20.0.") && !line.contains("kaspersky"),
            "{line}"
        );
    }
}

/// The lines of a sensor that replays the demo and ends.
fn logged(environment: &[(&str, &str)], options: &[&str]) -> Vec<String> {
    let mut command: Command = sensor::command(["run", "--web.listen-address", "127.0.0.1:0"]);
    command
        .args(options)
        .arg("--exit-when-done")
        .arg("--replay")
        .arg(sensor::demo());
    command.envs(environment.iter().copied());
    let outcome = sensor::end_of(command, Vec::new(), sensor::PATIENCE)
        .unwrap()
        .ended_with(0);
    outcome.stderr.lines().map(str::to_owned).collect()
}
