//! The demo capture gives the verdicts that its story says.

use std::fs;

mod sensor;

/// Host, vendor and verdict: the table of `demo/README.md`.
const STORY: [(&str, &str, &str); 8] = [
    ("10.20.0.11", "kaspersky", "installed-active"),
    ("10.20.0.12", "kaspersky", "installed"),
    ("10.20.0.13", "kaspersky", "embed-only"),
    ("10.20.0.14", "kaspersky", "embedded"),
    ("10.20.0.15", "bytedance", "embed-only"),
    ("10.20.0.16", "bytedance", "installed-active"),
    ("10.20.0.17", "kaspersky", "installed-active"),
    ("10.20.0.21", "hikvision", "installed-active"),
];

/// Verdicts that tell of no software and no device.
const WEB_ONLY: [&str; 2] = ["none", "embed-only"];

#[test]
fn each_host_has_the_verdict_of_its_story_and_no_other_host_has_one() {
    let document = demo_with(&["--json"]);
    let document = serde_json::from_slice(&document).unwrap();
    let verdicts = sensor::verdicts(&document);
    for (host, vendor, verdict) in STORY {
        let found = verdicts
            .iter()
            .find(|it| (it.0.as_str(), it.1.as_str()) == (host, vendor))
            .map_or("none", |it| it.2.as_str());
        let is_right = found == verdict || WEB_ONLY.contains(&verdict) && WEB_ONLY.contains(&found);
        assert!(is_right, "{host} {vendor}: {found} instead of {verdict}");
    }
    for (host, vendor, verdict) in &verdicts {
        let is_in_the_story = STORY.iter().any(|it| (it.0, it.1) == (host, vendor));
        assert!(
            is_in_the_story || verdict == "none",
            "{host} {vendor}: {verdict}"
        );
    }
}

#[test]
fn hosts_are_called_what_they_say_and_the_camera_says_what_it_is() {
    let document: serde_json::Value = serde_json::from_slice(&demo_with(&["--json"])).unwrap();
    let findings = document["findings"].as_array().unwrap();
    for (last, called) in [
        (11_u8, "fin-ws-11"),
        (12, "fin-ws-12"),
        (14, "eng-ws-14"),
        (16, "pixel-8"),
        (21, "hikvision-00000021"),
    ] {
        let host = format!("10.20.0.{last}");
        let found = findings.iter().find(|it| it["host"] == host.as_str());
        let identity = &found.unwrap()["identity"];
        assert_eq!(identity["name"], called);
        assert_eq!(identity["source"], "dhcp", "{called}");
        assert_eq!(identity["mac"], format!("02:50:48:00:00:{last:02x}"));
    }
    let camera = findings.iter().find(|it| it["host"] == "10.20.0.21");
    let device = &camera.unwrap()["device"];
    assert_eq!(device["mac"], "02:50:48:00:00:15");
    assert!(
        device["model"].as_str().unwrap().starts_with("DS-"),
        "{device}"
    );
}

#[test]
fn the_resolver_and_the_proxy_are_blamed_for_nothing() {
    let document = serde_json::from_slice(&demo_with(&["--json"])).unwrap();
    for host in ["10.20.0.53", "fd20::53", "10.20.0.40", "10.20.0.1"] {
        let blamed = sensor::verdicts(&document)
            .into_iter()
            .find(|it| it.0 == host && it.2 != "none");
        assert_eq!(blamed, None);
    }
}

#[test]
fn the_story_in_the_readme_names_the_same_hosts_and_vendors() {
    let readme = fs::read_to_string(sensor::tests().join("demo/README.md")).unwrap();
    let vendors = ["Kaspersky", "ByteDance", "Hikvision"];
    let mut told = Vec::new();
    for line in readme.lines().filter(|it| it.starts_with("| ")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if let [_, host, _, vendor, _, _] = cells[..]
            && vendors.contains(&vendor)
        {
            told.push((host.to_owned(), vendor.to_lowercase()));
        }
    }
    let tested = STORY.map(|it| (it.0.to_owned(), it.1.to_owned()));
    assert_eq!(told, tested);
}

#[test]
fn the_same_capture_gives_the_same_octets_whatever_the_number_of_workers() {
    for form in [&["--json"][..], &[][..]] {
        let first = demo_with(form);
        assert!(demo_with(form) == first, "{form:?} again");
        for workers in ["1", "2", "4"] {
            let args = [form, &["--workers", workers]].concat();
            assert!(demo_with(&args) == first, "{args:?}");
        }
    }
}

/// What `read` prints of the demo.
fn demo_with(args: &[&str]) -> Vec<u8> {
    let demo = sensor::demo();
    let args = ["read"].iter().chain(args).map(AsRef::as_ref);
    let outcome = sensor::run(args.chain([demo.as_os_str()]));
    outcome.ended_with(0).stdout
}
