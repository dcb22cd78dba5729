//! The stack: the compose file, the image, and that each command of its README is run by a test.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use sensor::{Outcome, PATIENCE, end_of};
use serde_json::{Value, json};
use tempfile::TempDir;

mod sensor;

fn folder() -> PathBuf {
    sensor::tests().join("../../dashboards/stack")
}

fn text(file: &str) -> String {
    fs::read_to_string(folder().join(file)).unwrap()
}

fn compose() -> Value {
    serde_saphyr::from_str(&text("compose.yaml")).unwrap()
}

/// Has Debian's docker-compose read a compose file, which stands where its paths lead somewhere.
fn read_by_compose(text: &str, interface: Option<&str>) -> Outcome {
    let top = TempDir::new().unwrap();
    let stack = top.path().join("dashboards/stack");
    fs::create_dir_all(&stack).unwrap();
    fs::create_dir_all(top.path().join("target/debian")).unwrap();
    fs::write(stack.join("compose.yaml"), text).unwrap();
    let mut command = Command::new("docker-compose");
    command
        .args(["-f", "compose.yaml", "config"])
        .env_remove("PHONEHOME_INTERFACE")
        .current_dir(&stack);
    if let Some(interface) = interface {
        command.env("PHONEHOME_INTERFACE", interface);
    }
    end_of(command, Vec::new(), PATIENCE).expect("docker-compose to end")
}

#[test]
fn docker_compose_reads_the_file_and_wants_to_know_the_interface() {
    let outcome = read_by_compose(&text("compose.yaml"), Some("mirror7")).ended_with(0);
    let read: Value = serde_saphyr::from_str(outcome.text()).unwrap();
    let command = read["services"]["sensor"]["command"].as_array().unwrap();
    assert_eq!(command.last(), Some(&json!("mirror7")));
    let outcome = read_by_compose(&text("compose.yaml"), None).ended_with(1);
    assert!(
        outcome.stderr.contains("interface of the mirror port"),
        "{}",
        outcome.stderr
    );
    // It tells what it does not know.
    let wrong = text("compose.yaml").replace("cap_drop", "cap_dorp");
    let outcome = read_by_compose(&wrong, Some("mirror7")).ended_with(1);
    assert!(outcome.stderr.contains("cap_dorp"), "{}", outcome.stderr);
}

#[test]
fn the_sensor_has_one_right_and_writes_to_its_own_folder_only() {
    let sensor = &compose()["services"]["sensor"];
    assert_eq!(sensor["cap_drop"], json!(["ALL"]));
    assert_eq!(sensor["cap_add"], json!(["NET_RAW"]));
    assert_eq!(sensor["read_only"], true);
    assert_eq!(sensor["network_mode"], "host");
    assert_eq!(sensor["volumes"], json!(["sensor:/var/lib/phonehome"]));
    // It would take away the right that is on the program's file.
    assert!(sensor.get("security_opt").is_none());
}

#[test]
fn nothing_in_the_stack_listens_on_other_machines_addresses() {
    let compose = compose();
    for (name, service) in compose["services"].as_object().unwrap() {
        assert_eq!(service["network_mode"], "host", "{name}");
        assert!(service.get("ports").is_none(), "{name}");
        let all = service.to_string();
        // The sensor's default is loopback; its other addresses are for whoever sets them.
        let is_on_loopback = name == "sensor" || all.contains("127.0.0.1");
        assert!(is_on_loopback && !all.contains("0.0.0.0"), "{name}");
    }
}

#[test]
fn every_image_has_a_version_and_every_file_is_there() {
    let compose = compose();
    let services = compose["services"].as_object().unwrap();
    assert_eq!(services.len(), 4);
    for (name, service) in services {
        let image = service["image"].as_str().unwrap();
        let (_, version) = image.rsplit_once(':').unwrap();
        assert!(version.contains('.'), "{image}");
        for volume in service["volumes"].as_array().unwrap() {
            let (from, _) = volume.as_str().unwrap().split_once(':').unwrap();
            if from.starts_with('.') {
                assert!(folder().join(from).exists(), "{name}: {from}");
            } else {
                assert!(compose["volumes"].get(from).is_some(), "{name}: {from}");
            }
        }
    }
    let version = services["sensor"]["image"].as_str().unwrap();
    assert!(version.ends_with(&format!(":{}", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn grafana_finds_the_dashboards_where_provisioning_says() {
    let compose = compose();
    let grafana = &compose["services"]["grafana"];
    let provider = folder().join("../grafana/provisioning/dashboards/phonehome.yaml");
    let provider: Value = serde_saphyr::from_str(&fs::read_to_string(provider).unwrap()).unwrap();
    let path = provider["providers"][0]["options"]["path"]
        .as_str()
        .unwrap();
    let volumes = grafana["volumes"].to_string();
    assert!(
        volumes.contains(&format!("../grafana:{path}:ro")),
        "{volumes}"
    );
    let home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"].as_str();
    assert_eq!(home, Some(format!("{path}/overview.json").as_str()));
}

#[test]
fn the_image_is_small_and_has_no_more_rights_than_one() {
    let file = text("Containerfile");
    let lines: Vec<&str> = file.lines().filter(|it| !it.starts_with('#')).collect();
    let of = |word: &str| {
        let mut found = lines.iter().filter_map(|it| it.strip_prefix(word));
        let first = found.next().unwrap_or_else(|| panic!("no {word}"));
        assert_eq!(found.next(), None, "one {word}");
        first.to_owned()
    };
    assert!(of("ARG BASE=").ends_with("debian:12-slim"));
    assert_eq!(of("USER "), "phonehome");
    assert!(of("ENTRYPOINT ").contains("/usr/bin/phonehome"));
    assert!(file.contains("setcap cap_net_raw=ep /usr/bin/phonehome"));
    assert!(file.contains("--no-install-recommends") && file.contains("/var/lib/apt/lists/*"));
}

/// The commands of the README: the word above each block, and the block.
fn blocks() -> Vec<(String, String)> {
    let text = text("README.md");
    let mut mark = String::new();
    let mut block: Option<String> = None;
    let mut blocks = Vec::new();
    for line in text.lines().map(str::trim) {
        match &mut block {
            Some(_) if line == "```" => {
                blocks.push((std::mem::take(&mut mark), block.take().unwrap()));
            }
            Some(block) => {
                block.push_str(line);
                block.push('\n');
            }
            None if line == "```sh" => block = Some(String::new()),
            None if line.starts_with("<!-- ") => {
                let inside = line.trim_start_matches("<!-- ").trim_end_matches(" -->");
                inside.clone_into(&mut mark);
            }
            None => {}
        }
    }
    blocks
}

#[test]
fn every_command_of_the_readme_is_run_by_a_test_or_is_the_same_as_in_one() {
    let read = |path: &str| fs::read_to_string(sensor::tests().join("..").join(path)).unwrap();
    let script = read("packaging/test-stack.sh");
    let blocks = blocks();
    assert_eq!(blocks.len(), 7, "{blocks:#?}");
    for (mark, block) in blocks {
        let (kind, name) = mark.split_once(": ").expect("a mark");
        let runs = format!("sh -eux /run/test/{name}.sh\n");
        match (kind, name) {
            ("run", _) => assert!(script.contains(&runs), "{name}"),
            // The test has the package made of the program that is tested.
            ("step", "package") => assert_eq!(block, "make deb\n"),
            // The test of the image builds the same file from the same folder.
            ("step", "image") => {
                assert!(block.contains("-f dashboards/stack/Containerfile target/debian"));
                let script = read("packaging/test-image.sh");
                assert!(
                    script
                        .contains("-f \"$top/dashboards/stack/Containerfile\" \"$folder/debian\"")
                );
            }
            // Without a registry of images nothing can be started; the file is checked above.
            ("step", "compose") => {
                assert!(block.contains("PHONEHOME_INTERFACE=eth1"));
                assert!(text("compose.yaml").contains("${PHONEHOME_INTERFACE:?"));
            }
            other => panic!("{other:?}"),
        }
    }
    let makefile = read("../Makefile");
    for script in ["test-stack.sh", "test-image.sh"] {
        assert!(makefile.contains(&format!("sensor/packaging/{script} ")));
    }
}
