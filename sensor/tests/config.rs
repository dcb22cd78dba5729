//! `phonehome config`, and the configuration of `phonehome run`.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

mod sensor;

#[test]
fn the_sample_file_is_fine_and_says_what_it_loads() {
    let sample = sample();
    let outcome = check(&sample).ended_with(0);
    let text = outcome.text();
    assert!(
        text.starts_with(&format!("{}: fine\n", sample.display())),
        "{text}"
    );
    for part in [
        "kaspersky 1.",
        "signatures in all",
        "warning: no interface is set",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn a_missing_interface_is_a_warning_and_one_that_is_there_is_none() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "interface = [\"lo\", \"no-such-if0\"]\n");
    let outcome = check(&path).ended_with(0);
    assert!(
        outcome.text().contains("interfaces: lo, no-such-if0\n"),
        "{}",
        outcome.text()
    );
    let warnings: Vec<&str> = outcome
        .text()
        .lines()
        .filter(|it| it.contains("warning"))
        .collect();
    assert_eq!(
        warnings,
        ["warning: there is no interface no-such-if0 on this machine"]
    );
}

#[test]
fn check_and_run_tell_all_errors_at_once_and_open_nothing() {
    let folder = TempDir::new().unwrap();
    let path = file(
        &folder,
        "interface = [\"no-such-if0\"]\nworkers = 0\n[limits]\nhost = 1\n",
    );
    let shown = path.display();
    let expected = format!(
        "phonehome: {shown}:2: workers = 0: write a whole number, 1 to 16\n\
         phonehome: {shown}:4: unknown key limits.host; did you mean limits.hosts?\n"
    );
    let run = sensor::run(["run", "--config", path.to_str().unwrap()]).ended_with(2);
    assert_eq!(run.stderr, expected);
    assert_eq!(check(&path).ended_with(2).stderr, expected);
}

#[test]
fn packs_are_checked_as_the_sensor_reads_them() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("packs.d")).unwrap();
    fs::write(folder.path().join("packs.d/own.toml"), "[pack]\nid = 1\n").unwrap();
    let path = file(&folder, "signatures = \"packs.d\"\n");
    let outcome = check(&path).ended_with(2);
    assert!(
        outcome.stderr.contains("packs.d/own.toml:1: "),
        "{}",
        outcome.stderr
    );
}

#[test]
fn what_is_in_effect_is_printed_with_its_places_and_is_a_file_that_gives_it_again() {
    let folder = TempDir::new().unwrap();
    let path = file(
        &folder,
        "workers = 3\n[limits]\nhosts = 5000\nfindings = 500\n",
    );
    let arguments = [
        "config",
        "print",
        "--config",
        path.to_str().unwrap(),
        "--workers",
        "4",
    ];
    let mut command = sensor::command(arguments);
    command.env("PHONEHOME_LIMITS_HOSTS", "6000");
    let outcome = sensor::end_of(command, Vec::new(), sensor::PATIENCE)
        .unwrap()
        .ended_with(0);
    let text = outcome.text();
    for line in [
        "workers = 4  # --workers\n".to_owned(),
        "hosts = 6000  # PHONEHOME_LIMITS_HOSTS\n".to_owned(),
        format!("findings = 500  # {}:4\n", path.display()),
        "flows = 1000000\n".to_owned(),
    ] {
        assert!(text.contains(&line), "{line} is not in {text}");
    }
    let again = file(&folder, text);
    let arguments = ["config", "print", "--config", again.to_str().unwrap()];
    let printed = sensor::run(arguments).ended_with(0);
    let values = |text: &str| -> Vec<String> {
        let lines = text
            .lines()
            .map(|it| it.split("  #").next().unwrap().to_owned());
        lines.collect()
    };
    assert_eq!(values(printed.text()), values(text));
}

#[test]
fn a_sensor_without_anything_to_listen_on_says_what_to_give() {
    let outcome = sensor::run(["run"]).ended_with(2);
    assert!(
        outcome.stderr.contains("--interface NAME"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn the_file_and_the_environment_reach_the_running_sensor() {
    let folder = TempDir::new().unwrap();
    let metrics = folder.path().join("metrics.txt");
    let text = format!(
        "replay = [{:?}]\nexit-when-done = true\nworkers = 3\nmetrics = \"metrics.txt\"\n\
         web.listen-address = [\"127.0.0.1:0\"]\n[pipeline]\nqueue-batches = 7\n",
        sensor::demo()
    );
    let path = file(&folder, &text);
    let mut command = sensor::command(["run", "--config", path.to_str().unwrap()]);
    command.env("PHONEHOME_HOME_NETWORK", "192.0.2.0/24, 10.20.0.11/32");
    sensor::end_of(command, Vec::new(), sensor::PATIENCE)
        .unwrap()
        .ended_with(0);
    let samples = sensor::samples(&fs::read_to_string(metrics).unwrap());
    let of = |name: &str| sensor::sum(&samples, &format!("phonehome_{name}"));
    assert_eq!(of("open_findings"), 1.0, "one host is at home");
    assert_eq!(of("pipeline_queue_limit_frames"), 7.0 * 256.0);
}

/// Runs `phonehome config check`.
fn check(path: &Path) -> sensor::Outcome {
    sensor::run(["config".as_ref(), "check".as_ref(), path.as_os_str()])
}

fn file(folder: &TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("phonehome.toml");
    fs::write(&path, text).unwrap();
    path
}

fn sample() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("phonehome.toml")
}
