//! What the sensor gives up once all is open, as the system sees it, and that it still does its work.
//!
//! Needs root, `ip`, `tcpreplay`, `curl`, `setpriv` and `strace` (`make setup-test` installs them).
//! Where namespaces cannot be had, `PHONEHOME_SKIP_LIVE=1` leaves these tests out; without it they
//! fail.
#![cfg(feature = "capture")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sensor::server::Server;
use sensor::wire::{Wire, may_make_namespaces, received};
use tempfile::TempDir;

mod sensor;

#[test]
fn started_as_root_no_thread_of_it_has_any_right() {
    let Some(wire) = Wire::new() else { return };
    let sensor = wire.start(&ALL_REQUIRED);
    wire.wait_for("/-/ready", |it| it == "ready\n");
    let process = wire.process();
    let threads = process.threads();
    assert!(threads.len() >= 5, "{threads:?}");
    for status in &threads {
        let of = |key: &str| {
            let line = status.lines().find_map(|it| it.strip_prefix(key));
            line.unwrap()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(of("Uid:"), "65534 65534 65534 65534", "{status}");
        assert_eq!(of("Gid:"), "65534 65534 65534 65534", "{status}");
        assert_eq!(of("Groups:"), "65534", "{status}");
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
            assert_eq!(of(set), "0000000000000000", "{set} {status}");
        }
        assert_eq!(of("NoNewPrivs:"), "1", "{status}");
        assert_eq!(of("Seccomp:"), "2", "{status}");
    }
    let limits = process.file("limits");
    let core = limits
        .lines()
        .find(|it| it.starts_with("Max core file size"));
    let core: Vec<_> = core.unwrap().split_whitespace().collect();
    assert_eq!(core, ["Max", "core", "file", "size", "0", "0", "bytes"]);
    // Of a process that can be dumped the user itself owns them.
    assert_eq!(process.owner_of("environ"), 0);
    sensor.line_with(
        "protections in force: user, capabilities, no-new-privs, core-dumps, landlock, \
         landlock-network, seccomp",
    );
    assert_eq!(wire.protections(), [1; 7]);
}

#[test]
fn it_captures_serves_writes_and_stops_with_all_protections_required() {
    let Some(wire) = Wire::new() else { return };
    let metrics = wire.folder.path().join("metrics.txt");
    let mut arguments = ALL_REQUIRED.to_vec();
    arguments.extend(["--metrics", metrics.to_str().unwrap()]);
    let mut sensor = wire.start(&arguments);
    wire.wait_for("/-/ready", |it| it == "ready\n");
    wire.send();
    wire.wait_for("/metrics", |it| received(it) == FRAMES);
    for path in [
        "/",
        "/metrics/hosts",
        "/api/v1/findings",
        "/api/v1/visibility",
    ] {
        assert!(wire.get(path).len() > 100, "{path}");
    }
    let page = wire.get("/metrics");
    // They are read from /proc at every scrape.
    for name in [
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_start_time_seconds",
    ] {
        let row = page
            .lines()
            .find_map(|it| it.strip_prefix(name)?.strip_prefix(' '));
        let value: f64 = row.unwrap_or_else(|| panic!("no {name}")).parse().unwrap();
        assert!(value > 0.0, "{name} {value}");
    }
    wire.process().signal("TERM");
    assert_eq!(sensor.ended_within(Duration::from_secs(5)).code(), Some(0));
    assert_eq!(received(&fs::read_to_string(metrics).unwrap()), FRAMES);
}

#[test]
fn a_replay_works_with_all_protections_required() {
    let folder = TempDir::new().unwrap();
    let metrics = folder.path().join("metrics.txt");
    let capture = folder.path().join("a copy.pcap.gz");
    fs::copy(sensor::demo(), &capture).unwrap();
    let mut command = sensor::command(["run", "--exit-when-done"]);
    command
        .args(["--web.listen-address", "127.0.0.1:0"])
        .args([
            "--rights.landlock",
            "require",
            "--rights.seccomp",
            "require",
        ])
        .arg("--metrics")
        .arg(&metrics)
        .arg("--replay")
        .arg(sensor::demo())
        .arg(&capture);
    let mut sensor = Server::start(command);
    assert_eq!(sensor.ended_within(sensor::PATIENCE).code(), Some(0));
    let text = fs::read_to_string(metrics).unwrap();
    assert_eq!(received(&text), 2 * FRAMES);
}

#[test]
fn without_the_right_to_open_interfaces_it_ends_when_one_comes_back() {
    let Some(wire) = Wire::new() else { return };
    let mut sensor = wire.start(&ALL_REQUIRED);
    wire.wait_for("/-/ready", |it| it == "ready\n");
    wire.disconnect();
    // It goes on to serve what it has.
    wire.wait_for("/-/ready", |it| it.contains("mon0: no such interface"));
    assert!(
        wire.get("/metrics")
            .contains("phonehome_capture_up{interface=\"mon0\"} 0")
    );
    wire.connect();
    sensor.line_with("interface mon0 is there, but CAP_NET_RAW, which opens it, was given up");
    assert_eq!(sensor.ended_within(sensor::PATIENCE).code(), Some(1));
}

#[test]
fn with_the_right_kept_an_interface_that_comes_back_is_taken_up_again() {
    let Some(wire) = Wire::new() else { return };
    let mut arguments = ALL_REQUIRED.to_vec();
    arguments.push("--rights.keep-net-raw");
    let sensor = wire.start(&arguments);
    sensor
        .line_with("protection capabilities: switched off: rights.keep-net-raw keeps CAP_NET_RAW");
    wire.wait_for("/-/ready", |it| it == "ready\n");
    for status in wire.process().threads() {
        assert!(status.contains("CapEff:\t0000000000002000"), "{status}");
        assert!(status.contains("CapBnd:\t0000000000000000"), "{status}");
        assert!(status.contains("Uid:\t65534"), "{status}");
    }
    assert_eq!(wire.protections(), [0, 1, 1, 1, 1, 1, 1]);
    wire.disconnect();
    wire.wait_for("/-/ready", |it| it.contains("mon0: no such interface"));
    wire.connect();
    wire.wait_for("/-/ready", |it| it == "ready\n");
    wire.send();
    wire.wait_for("/metrics", |it| received(it) == FRAMES);
}

#[test]
fn started_as_a_service_manager_does_it_gives_up_the_rest() {
    let Some(wire) = Wire::new() else { return };
    let as_service = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--no-new-privs",
        "--bounding-set=-all,+net_raw",
        "--inh-caps=-all,+net_raw",
        "--ambient-caps=-all,+net_raw",
    ];
    let _sensor = wire.start_by(&as_service, &ALL_REQUIRED[2..]);
    wire.wait_for("/-/ready", |it| it == "ready\n");
    for status in wire.process().threads() {
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert!(
                status.contains(&format!("{set}:\t0000000000000000")),
                "{status}"
            );
        }
    }
    assert_eq!(wire.protections(), [1; 7]);
}

#[test]
fn the_prefilter_needs_one_right_more_and_gives_that_up_too() {
    let as_service = |rights: &str| {
        [
            "setpriv".to_owned(),
            "--reuid=65534".to_owned(),
            "--regid=65534".to_owned(),
            "--clear-groups".to_owned(),
            "--no-new-privs".to_owned(),
            format!("--bounding-set=-all,{rights}"),
            format!("--inh-caps=-all,{rights}"),
            format!("--ambient-caps=-all,{rights}"),
        ]
    };
    let started = |wire: &Wire, rights: &str, prefilter: &str| {
        let starter = as_service(rights);
        let starter: Vec<&str> = starter.iter().map(String::as_str).collect();
        let mut arguments = ALL_REQUIRED[2..].to_vec();
        arguments.extend(["--capture.prefilter", prefilter]);
        wire.start_by(&starter, &arguments)
    };
    let in_force = |wire: &Wire, wanted: &str| {
        wire.wait_for("/metrics", |it| {
            it.contains(&format!(
                "phonehome_capture_prefiltered{{interface=\"mon0\"}} {wanted}\n"
            ))
        });
    };
    let Some(wire) = Wire::new() else { return };
    let sensor = started(&wire, "+net_raw,+bpf", "flow-required");
    in_force(&wire, "1");
    for status in wire.process().threads() {
        assert!(status.contains("CapEff:\t0000000000000000"), "{status}");
    }
    drop(sensor);
    let mut refused = started(&wire, "+net_raw", "flow-required");
    refused.line_with("needs CAP_BPF");
    assert_eq!(refused.ended_within(sensor::PATIENCE).code(), Some(1));
    let without = started(&wire, "+net_raw", "flow");
    without.line_with("the kernel refuses the prefilter, which is not in force");
    in_force(&wire, "0");
}

#[test]
fn root_that_may_not_change_its_user_is_told_so_and_goes_on() {
    let Some(wire) = Wire::new() else { return };
    // As in a container with one capability.
    let contained = [
        "setpriv",
        "--bounding-set=-all,+net_raw",
        "--inh-caps=-all,+net_raw",
    ];
    let sensor = wire.start_by(&contained, &ALL_REQUIRED[2..]);
    sensor.line_with("protection user: refused: cannot become");
    wire.wait_for("/-/ready", |it| it == "ready\n");
    assert_eq!(wire.protections(), [1, 1, 1, 1, 1, 1, 0]);
    drop(sensor);
    let mut named = wire.start_by(&contained, &ALL_REQUIRED);
    named.line_with("rights.user: cannot become \"nobody\": EPERM");
    assert_eq!(named.ended_within(sensor::PATIENCE).code(), Some(2));
}

#[test]
fn a_user_that_is_not_there_is_wrong_usage() {
    let outcome = sensor::run([
        "run",
        "--replay",
        sensor::demo().to_str().unwrap(),
        "--web.listen-address=127.0.0.1:0",
        "--rights.user=no-such-user",
    ])
    .ended_with(2);
    assert!(
        outcome.stderr.contains("there is no user \"no-such-user\""),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("useradd --system"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_kernel_without_a_protection_is_told_of_and_enough_unless_it_is_required() {
    if !may_make_namespaces() {
        return;
    }
    for (call, error, key, row) in [
        (
            "landlock_create_ruleset",
            "EOPNOTSUPP",
            "landlock",
            "protection landlock: not available",
        ),
        (
            "seccomp",
            "EINVAL",
            "seccomp",
            "protection seccomp: refused",
        ),
    ] {
        let run = |demand: &str| {
            let mut command = Command::new("strace");
            command
                .args(["-f", "-o", "/dev/null", "-e"])
                .arg(format!("trace={call}"))
                .args(["-e", &format!("inject={call}:error={error}")])
                .arg(env!("CARGO_BIN_EXE_phonehome"))
                .args([
                    "run",
                    "--exit-when-done",
                    "--web.listen-address=127.0.0.1:0",
                ])
                .arg(format!("--rights.{key}={demand}"))
                .arg("--replay")
                .arg(sensor::demo());
            sensor::end_of(command, Vec::new(), sensor::PATIENCE).unwrap()
        };
        let outcome = run("auto").ended_with(0);
        assert!(outcome.stderr.contains(row), "{}", outcome.stderr);
        let outcome = run("require").ended_with(1);
        let reason = format!("rights.{key} = \"require\": ");
        assert!(outcome.stderr.contains(&reason), "{}", outcome.stderr);
    }
}

#[test]
fn a_service_manager_hears_that_it_is_ready_alive_and_stopping() {
    let Some(wire) = Wire::new() else { return };
    let path = wire.folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(sensor::PATIENCE)).unwrap();
    let heard = || {
        let mut buffer = [0; 1024];
        let len = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..len].to_vec()).unwrap()
    };
    let notify = format!("NOTIFY_SOCKET={}", path.display());
    let environment = ["env", &notify, "WATCHDOG_USEC=300000"];
    let mut sensor = wire.start_by(&environment, &ALL_REQUIRED);
    let first = heard();
    assert!(first.starts_with("READY=1\nWATCHDOG=1\nSTATUS="), "{first}");
    wire.wait_for("/-/ready", |it| it == "ready\n");
    for _ in 0..10 {
        let next = heard();
        assert!(next.starts_with("WATCHDOG=1\n"), "{next}");
    }
    wire.process().signal("HUP");
    while !heard().starts_with("RELOADING=1\nMONOTONIC_USEC=") {}
    while heard() != "READY=1\n" {}
    // A process that is stopped answers nothing.
    wire.process().signal("STOP");
    socket
        .set_read_timeout(Some(Duration::from_millis(900)))
        .unwrap();
    let mut buffer = [0; 1024];
    while socket.recv(&mut buffer).is_ok() {}
    wire.process().signal("CONT");
    socket.set_read_timeout(Some(sensor::PATIENCE)).unwrap();
    assert!(heard().starts_with("WATCHDOG=1\n"));
    wire.process().signal("TERM");
    while !heard().starts_with("STOPPING=1\n") {}
    assert_eq!(sensor.ended_within(Duration::from_secs(5)).code(), Some(0));
}

#[test]
fn a_reload_cannot_reach_outside_the_folders_of_the_start() {
    for (landlock, said) in [
        ("require", "nothing was reloaded; what was in force stays"),
        ("off", "reloaded; packs: "),
    ] {
        let Some(wire) = Wire::new() else { return };
        // Both can be read by anybody, as far as owner and mode go.
        let inside = wire.folder.path().join("packs");
        let outside = wire.folder.path().join("elsewhere");
        for folder in [wire.folder.path(), &inside, &outside] {
            fs::create_dir_all(folder).unwrap();
            fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let pack =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../signatures/data/packs/kaspersky.toml");
        fs::copy(&pack, inside.join("kaspersky.toml")).unwrap();
        fs::copy(&pack, outside.join("kaspersky.toml")).unwrap();
        let landlock = format!("--rights.landlock={landlock}");
        let sensor = wire.start(&[&landlock, "--signatures", inside.to_str().unwrap()]);
        wire.wait_for("/-/ready", |it| it == "ready\n");
        wire.process().signal("HUP");
        sensor.line_with("reloaded; packs: ");
        fs::remove_file(inside.join("kaspersky.toml")).unwrap();
        symlink(
            outside.join("kaspersky.toml"),
            inside.join("kaspersky.toml"),
        )
        .unwrap();
        wire.process().signal("HUP");
        sensor.line_with(said);
        wire.wait_for("/-/ready", |it| it == "ready\n");
    }
}

const ALL_REQUIRED: [&str; 6] = [
    "--rights.user",
    "nobody",
    "--rights.landlock",
    "require",
    "--rights.seccomp",
    "require",
];

/// Frames of the demo capture.
const FRAMES: u64 = 1867;
