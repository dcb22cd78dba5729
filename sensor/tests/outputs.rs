//! Events of the running sensor, as real receivers get them: rsyslog over UDP, TCP and TLS, socat on a
//! Unix socket, logrotate, a disk that is full.
//!
//! `make setup-test` installs what they need. Those that need root or namespaces are left out by
//! `PHONEHOME_SKIP_LIVE=1`; without it they fail where they cannot be run.
#![cfg(feature = "capture")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use sensor::capture::{Frame, Order, Unit};
use sensor::disk::Disk;
use sensor::server::Server;
use sensor::syslog::{Rsyslog, message, needs};
use sensor::wire::Wire;
use sensor::{PATIENCE, samples, schema};
use serde_json::Value;
use tempfile::TempDir;

mod sensor;

#[test]
fn rsyslog_gets_every_event_over_each_of_its_ways() {
    let rsyslog = Rsyslog::start();
    let authority = rsyslog.authority().display().to_string();
    let (udp, tcp, tls) = (rsyslog.udp, rsyslog.tcp, rsyslog.tls);
    let by_name = [
        "--syslog.ca",
        &authority,
        "--syslog.server-name=siem.example.org",
    ];
    let by_address = ["--syslog.ca", &authority];
    let ways: [(String, &[&str]); 4] = [
        (format!("udp://{udp}"), &[]),
        (format!("tcp://{tcp}"), &[]),
        (format!("tls://{tls}"), &by_name),
        (format!("tls://{tls}"), &by_address),
    ];
    let mut before = 0;
    for (address, options) in ways {
        // Of datagrams the system drops what a receiver does not read at once.
        let kinds = if options.is_empty() { "changes" } else { "all" };
        let mut replay = Replay::new();
        replay.args(["--syslog.address", &address, "--events.sensor=sensor1"]);
        replay.args(["--events.kinds", kinds]).args(options);
        let (lines, counts) = replay.run();
        assert_eq!(counts["syslog"], of_all(lines.len()), "{address}");
        let got = rsyslog.wait_for(before + lines.len());
        for (line, got) in lines.iter().zip(&got[before..]) {
            assert_eq!(message(got), line, "{address}");
            let event: Value = serde_json::from_str(line).unwrap();
            assert_eq!(got["hostname"], "sensor1");
            assert_eq!(got["msgid"], event["phonehome"]["kind"]);
            assert_eq!(got["syslogfacility"], "16");
            let data = got["structured-data"].as_str().unwrap();
            let host = format!("[phonehome@32473 host={} ", event["src_ip"]);
            assert!(data.starts_with(&host), "{data}");
        }
        before = got.len();
    }
}

#[test]
fn a_receiver_that_is_not_the_one_that_was_meant_gets_nothing() {
    let rsyslog = Rsyslog::start();
    let address = format!("tls://{}", rsyslog.tls);
    let authority = rsyslog.authority().display().to_string();
    let folder = TempDir::new().unwrap();
    let other = folder.path().join("other.pem");
    let made = Command::new("openssl")
        .args(
            "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=other -keyout /dev/null"
                .split(' '),
        )
        .arg("-out")
        .arg(&other)
        .output();
    assert!(made.unwrap().status.success());
    let other = other.display().to_string();
    for options in [
        [
            "--syslog.ca",
            &authority,
            "--syslog.server-name=other.example.org",
        ],
        [
            "--syslog.ca",
            &other,
            "--syslog.server-name=siem.example.org",
        ],
    ] {
        let mut replay = Replay::new();
        replay.args(["--syslog.address", &address]).args(options);
        let (lines, counts) = replay.run();
        let syslog = counts["syslog"];
        assert_eq!((syslog.sent, syslog.dropped), (0, lines.len() as u64));
        assert!(syslog.errors > 0);
    }
    assert!(rsyslog.got().is_empty());
}

#[test]
fn cef_and_text_come_through_with_names_that_are_hostile() {
    let rsyslog = Rsyslog::start();
    let tcp = format!("tcp://{}", rsyslog.tcp);
    let folder = TempDir::new().unwrap();
    let capture = folder.path().join("hostile.pcap");
    let names: [&[u8]; 5] = [
        b"a\"]=|x",
        b"<0>1-------x",
        b"%s%n$(id)`id`'",
        b"src=6_6_6_6|0|",
        b"{\"event_type\":\"alert\"}",
    ];
    fs::write(&capture, questions(&names)).unwrap();
    let mut before = 0;
    for format in ["json", "cef", "text"] {
        let mut replay = Replay::of(&capture);
        replay.args(["--syslog.address", &tcp, "--syslog.format", format]);
        replay.args(["--events.kinds", "all", "--events.repeat-after", "0s"]);
        let (lines, counts) = replay.run();
        assert!(lines.len() >= names.len(), "{lines:?}");
        assert_eq!(counts["syslog"], of_all(lines.len()));
        let got = rsyslog.wait_for(before + lines.len());
        assert_eq!(got.len(), before + lines.len(), "a name made a message");
        for (line, got) in lines.iter().zip(&got[before..]) {
            let event: Value = serde_json::from_str(line).unwrap();
            let host = event["src_ip"].as_str().unwrap();
            let text = message(got);
            match format {
                "json" => assert_eq!(text, line),
                "cef" => {
                    assert!(text.starts_with("CEF:0|phonehome|phonehome|"), "{text}");
                    assert_eq!(text.matches(" src=").count(), 1, "{text}");
                    assert!(text.contains(&format!(" src={host} ")), "{text}");
                }
                _ => assert!(text.starts_with(host), "{text}"),
            }
        }
        before = got.len();
    }
}

#[test]
fn ecs_lines_are_as_their_schema_says() {
    let mut replay = Replay::new();
    replay.args(["--events.format", "ecs", "--events.kinds", "all"]);
    let lines = replay.run_in(schema::ECS).0;
    let of = |dataset: &str| {
        let lines = lines.iter().filter(|it| it.contains(dataset));
        lines.count()
    };
    assert!(of("phonehome.sighting") > 0 && of("phonehome.finding") > 0);
}

#[test]
fn sightings_are_told_once_in_a_time_and_their_number_is_right() {
    let count = |after: &str| {
        let mut replay = Replay::new();
        replay.args(["--events.kinds", "all", "--events.repeat-after", after]);
        let (lines, _) = replay.run();
        let events: Vec<Value> = lines
            .iter()
            .map(|it| serde_json::from_str(it).unwrap())
            .filter(|it: &Value| it["phonehome"]["kind"] == "sighting")
            .collect();
        let stand_for = events.iter().map(|it| &it["phonehome"]["sightings"]);
        let sum: u64 = stand_for.map(|it| it.as_u64().unwrap()).sum();
        (events.len() as u64, sum)
    };
    let (each, sum) = count("0s");
    assert_eq!(each, sum);
    let (hourly, sum_of_hourly) = count("1h");
    assert_eq!(sum_of_hourly, sum);
    assert!(hourly < each, "{hourly} of {each}");
}

#[test]
fn events_do_not_depend_on_the_number_of_workers() {
    let events = |workers: &str| {
        let mut replay = Replay::new();
        replay.args(["--events.kinds=all", "--events.repeat-after=10s"]);
        replay.args(["--workers", workers]);
        replay.run().0
    };
    let alone = events("1");
    for workers in ["2", "4"] {
        assert!(events(workers) == alone, "{workers}");
    }
}

#[test]
fn a_reader_of_standard_output_may_go_away() {
    let mut replay = Replay::new();
    let mut child = replay
        .command
        .args(["--events.stdout", "--events.kinds", "all"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::with_capacity(16, child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    schema::valid(schema::EVE, first.as_bytes());
    // The pipe is closed here; the sensor ends as it would have.
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
}

#[test]
fn standard_output_has_every_event_and_nothing_else() {
    let mut replay = Replay::new();
    replay.args(["--events.stdout", "--events.kinds", "all"]);
    let output = replay.command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().count() > 10);
    for line in text.lines() {
        schema::valid(schema::EVE, line.as_bytes());
    }
}

#[test]
fn a_receiver_that_is_stopped_does_not_hold_up_the_sensor() {
    needs("socat", "socat");
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("events.sock");
    let mut command = Command::new("socat");
    command
        .arg("-u")
        .arg(format!("UNIX-LISTEN:{}", path.display()))
        .arg("OPEN:/dev/null");
    let socat = Server::start(command);
    wait_until("socat listens", || path.exists());
    socat.signal("STOP");
    // Some three thousand events, of which the socket takes a few hundred.
    let capture = folder.path().join("many.pcap");
    let names: Vec<Vec<u8>> = (0..3_000).map(|it| format!("n{it}").into_bytes()).collect();
    let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
    fs::write(&capture, questions(&names)).unwrap();
    let mut replay = Replay::of(&capture);
    replay.args(["--events.socket", path.to_str().unwrap()]);
    replay.args(["--events.kinds", "all", "--events.repeat-after", "0s"]);
    replay.args(["--events.queue", "256KiB"]);
    let begin = Instant::now();
    let (_, page) = replay.end();
    let counts = counts(&page);
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(30), "{took:?}");
    let socket = counts["socket"];
    assert!(socket.dropped > 1_000, "{socket:?}");
    assert!(socket.made() >= 3_000, "{socket:?}");
    assert_eq!(socket.made(), counts["file"].made(), "{counts:?}");
    socat.signal("CONT");
}

#[test]
fn socat_gets_datagrams_and_lines() {
    needs("socat", "socat");
    for (kind, listen) in [("stream", "UNIX-LISTEN"), ("datagram", "UNIX-RECV")] {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("events.sock");
        let got = folder.path().join("got.json");
        let mut command = Command::new("socat");
        command
            .args(["-u", "-b", "65536"])
            .arg(format!("{listen}:{}", path.display()))
            .arg(format!("CREATE:{}", got.display()));
        let _socat = Server::start(command);
        wait_until("socat listens", || path.exists());
        let mut replay = Replay::new();
        replay.args(["--events.socket", path.to_str().unwrap()]);
        replay.args(["--events.socket-type", kind]);
        let (lines, counts) = replay.run();
        assert_eq!(counts["socket"], of_all(lines.len()), "{kind}");
        let text = || fs::read_to_string(&got).unwrap_or_default();
        wait_until("all has come", || text().lines().count() == lines.len());
        assert_eq!(text(), lines.join("\n") + "\n", "{kind}");
    }
}

#[test]
fn with_all_protections_it_reaches_every_output_and_those_that_come_back() {
    let Some(wire) = Wire::new() else { return };
    needs("socat", "socat");
    let inside = ["ip", "netns", "exec", &wire.space];
    let ports = [5_514, 5_601, 6_514].map(|it| ([127, 0, 0, 1], it).into());
    let mut rsyslog = Rsyslog::with(ports, &inside);
    rsyslog.start_again();
    let folder = wire.folder.path().join("events");
    fs::create_dir(&folder).unwrap();
    for path in [wire.folder.path(), &folder] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    }
    let (file, socket) = (folder.join("events.json"), folder.join("events.sock"));
    let socat = |got: &str| {
        let mut command = Command::new("socat");
        command
            .arg("-u")
            .arg(format!(
                "UNIX-LISTEN:{},mode=666,unlink-early",
                socket.display()
            ))
            .arg(format!("CREATE:{}", folder.join(got).display()));
        let server = Server::start(command);
        wait_until("socat listens", || socket.exists());
        server
    };
    let mut first = socat("first.json");
    let authority = rsyslog.authority().display().to_string();
    let mut arguments = vec![
        "--rights.user=nobody",
        "--rights.landlock=require",
        "--rights.seccomp=require",
        "--events.kinds=all",
        "--events.repeat-after=0s",
        "--events.rotate-size=64KiB",
        "--events.keep=1000",
        "--syslog.address=tls://127.0.0.1:6514",
        "--syslog.ca",
        &authority,
    ];
    arguments.extend(["--events.file", file.to_str().unwrap()]);
    arguments.extend(["--events.socket", socket.to_str().unwrap()]);
    let mut sensor = wire.start(&arguments);
    wire.wait_for("/-/ready", |it| it == "ready\n");
    wire.send();
    wire.wait_for("/metrics", |it| counts(it)["syslog"].sent > 0);
    wire.wait_for("/metrics", |it| counts(it)["socket"].sent > 0);
    // Both go, more happens, and both come back.
    rsyslog.stop();
    first.signal("TERM");
    first.ended_within(PATIENCE);
    wire.process().signal("HUP");
    wire.send();
    wire.wait_for("/metrics", |it| {
        let it = counts(it);
        it["syslog"].errors > 0 && it["socket"].errors > 0
    });
    rsyslog.start_again();
    let _second = socat("second.json");
    wire.send();
    wire.wait_for("/metrics", |it| {
        let it = counts(it);
        it.values().all(|it| it.queued == 0 && it.sent > 0)
            && it["file"].sent == it["syslog"].made()
    });
    let page = wire.get("/metrics");
    let counts = counts(&page);
    let made = counts["file"].sent;
    assert_eq!(counts["file"], of_all(usize::try_from(made).unwrap()));
    for output in ["socket", "syslog"] {
        let it = counts[output];
        assert_eq!(it.made(), made, "{output} {it:?}");
        assert_eq!((it.failed, it.dropped), (0, 0), "{output} {it:?}");
    }
    wire.process().signal("TERM");
    assert_eq!(sensor.ended_within(PATIENCE).code(), Some(0));
    // Every event is in the files, and nothing came that is not.
    let mut in_files = BTreeSet::new();
    let mut files = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.display().to_string().contains("events.json") {
            in_files.extend(valid_lines(&path, schema::EVE));
            assert!(fs::metadata(&path).unwrap().len() <= 65_536);
            files += 1;
        }
    }
    assert!(files > 1, "it was not rotated");
    assert!(in_files.len() > 100, "{}", in_files.len());
    let got = rsyslog.wait_for(1);
    assert!(got.iter().all(|it| in_files.contains(message(it))));
    let second = folder.join("second.json");
    assert!(!valid_lines(&second, schema::EVE).is_empty());
}

#[test]
fn what_was_written_outlives_a_sudden_end_and_a_torn_line_spoils_no_other() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("events.json");
    fs::write(&path, "{\"timestamp\":\"torn").unwrap();
    let mut command = sensor::command(LISTEN);
    command
        .args(["--events.kinds", "all", "--events.file"])
        .arg(&path)
        .arg("--replay")
        .arg(sensor::demo());
    let mut sensor = Server::start(command);
    wait_until("events are written", || {
        fs::read_to_string(&path).unwrap().lines().count() > 10
    });
    sensor.signal("KILL");
    sensor.ended_within(PATIENCE);
    let text = fs::read_to_string(&path).unwrap();
    let (whole, _torn) = text.rsplit_once('\n').unwrap();
    for line in whole.lines().skip(1) {
        schema::valid(schema::EVE, line.as_bytes());
    }
}

#[test]
fn logrotate_moves_the_file_away_and_no_line_is_lost() {
    needs("logrotate", "logrotate");
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("events.json");
    let mut command = sensor::command(LISTEN);
    command
        .args(["--no-events.rotate", "--events.file"])
        .arg(&path)
        .arg("--replay")
        .arg(sensor::demo());
    let mut sensor = Server::start(command);
    sensor.line_with("the replay has ended");
    wait_until("events are written", || {
        fs::metadata(&path).unwrap().len() > 0
    });
    let config = folder.path().join("logrotate.conf");
    let text = format!(
        "{} {{\n  rotate 3\n  nocreate\n  postrotate\n    kill -HUP {}\n  endscript\n}}\n",
        path.display(),
        sensor.id()
    );
    fs::write(&config, text).unwrap();
    fs::set_permissions(&config, fs::Permissions::from_mode(0o644)).unwrap();
    let rotated = Command::new("logrotate")
        .arg("-f")
        .arg("-s")
        .arg(folder.path().join("state"))
        .arg(&config)
        .output()
        .unwrap();
    assert!(rotated.status.success(), "{rotated:?}");
    wait_until("there is a new file", || path.exists());
    let lines = valid_lines(&folder.path().join("events.json.1"), schema::EVE);
    assert!(!lines.is_empty());
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
    sensor.signal("TERM");
    assert_eq!(sensor.ended_within(PATIENCE).code(), Some(0));
}

#[test]
fn on_a_full_disk_it_waits_for_room_and_goes_on() {
    if std::env::var_os("PHONEHOME_SKIP_LIVE").is_some() {
        return;
    }
    let place = TempDir::new().unwrap();
    let disk = Disk::new(place.path().join("disk"), "size=64k");
    let filler = disk.0.join("filler");
    fs::write(&filler, vec![0; 32 << 10]).unwrap();
    let path = disk.0.join("events.json");
    let capture = TempDir::new().unwrap();
    let capture = capture.path().join("many.pcap");
    fs::create_dir_all(capture.parent().unwrap()).unwrap();
    let names: Vec<Vec<u8>> = (0..40).map(|it| format!("n{it}").into_bytes()).collect();
    let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
    fs::write(&capture, questions(&names)).unwrap();
    let mut command = sensor::command(LISTEN);
    command
        .args(["--events.kinds=all", "--events.repeat-after=0s"])
        .arg("--events.file")
        .arg(&path)
        .arg("--replay")
        .arg(&capture);
    let mut sensor = Server::start(command);
    let line = sensor.line_with("output file: ");
    assert!(line.contains("No space left"), "{line}");
    // What is there is whole lines.
    let before = valid_lines(&path, schema::EVE).len();
    fs::remove_file(&filler).unwrap();
    sensor.line_with("output file: it works again");
    sensor.signal("TERM");
    assert_eq!(sensor.ended_within(PATIENCE).code(), Some(0));
    let after = valid_lines(&path, schema::EVE).len();
    assert!(after > before && after >= names.len(), "{before} {after}");
}

#[test]
fn a_receiver_that_never_reads_does_not_hold_up_the_end() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("events.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let capture = folder.path().join("many.pcap");
    let names: Vec<Vec<u8>> = (0..2_000).map(|it| format!("n{it}").into_bytes()).collect();
    let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
    fs::write(&capture, questions(&names)).unwrap();
    let mut command = sensor::command(LISTEN);
    command
        .args(["--events.kinds=all", "--events.repeat-after=0s"])
        .arg("--events.socket")
        .arg(&path)
        .arg("--replay")
        .arg(&capture);
    let mut sensor = Server::start(command);
    sensor.line_with("the replay has ended");
    let (mut stuck, _) = listener.accept().unwrap();
    sensor.signal("TERM");
    assert_eq!(sensor.ended_within(Duration::from_secs(5)).code(), Some(0));
    let mut octets = Vec::new();
    stuck.read_to_end(&mut octets).unwrap();
    assert!(octets.starts_with(b"{\"timestamp\":"));
}

#[test]
fn what_cannot_be_is_told_at_the_start() {
    let folder = TempDir::new().unwrap();
    let missing = folder.path().join("no/events.json");
    let empty = folder.path().join("empty.pem");
    fs::write(&empty, "").unwrap();
    let (missing, empty) = (missing.to_str().unwrap(), empty.to_str().unwrap());
    let tls = "--syslog.address=tls://127.0.0.1:1";
    for (options, said) in [
        (vec!["--events.file", missing], "there is no folder"),
        (vec![tls], "tls:// needs syslog.ca"),
        (vec![tls, "--syslog.ca", empty], "holds no certificate"),
        (
            vec!["--syslog.address=udp://siem:514"],
            "names are not looked up",
        ),
        (vec!["--syslog.ca", empty], "begins with tls://"),
    ] {
        let mut command = sensor::command(LISTEN);
        command.args(&options).arg("--replay").arg(sensor::demo());
        let mut sensor = Server::start(command);
        sensor.line_with(said);
        assert_eq!(sensor.ended_within(PATIENCE).code(), Some(2), "{options:?}");
    }
}

/// A replay that ends by itself and writes its events to a file, beside other outputs.
struct Replay {
    command: Command,
    folder: TempDir,
}

/// What became of the events of an output.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Counts {
    sent: u64,
    failed: u64,
    dropped: u64,
    queued: u64,
    errors: u64,
}

impl Counts {
    fn made(&self) -> u64 {
        self.sent + self.failed + self.dropped + self.queued
    }
}

impl Replay {
    fn new() -> Self {
        Self::of(&sensor::demo())
    }

    fn of(capture: &Path) -> Self {
        let folder = TempDir::new().unwrap();
        let mut command = sensor::command(LISTEN);
        command
            .arg("--exit-when-done")
            .arg("--events.file")
            .arg(folder.path().join("events.json"))
            .arg("--metrics")
            .arg(folder.path().join("metrics.txt"))
            .arg("--replay")
            .arg(capture);
        Self { command, folder }
    }

    fn args<'a>(
        &mut self,
        args: impl IntoIterator<Item = &'a (impl AsRef<std::ffi::OsStr> + ?Sized + 'a)>,
    ) -> &mut Self {
        for it in args {
            self.command.arg(it);
        }
        self
    }

    /// The lines of the file, and what became of events by output.
    fn run(self) -> (Vec<String>, BTreeMap<String, Counts>) {
        self.run_in(schema::EVE)
    }

    fn run_in(self, schema: &str) -> (Vec<String>, BTreeMap<String, Counts>) {
        let (folder, page) = self.end();
        let lines = valid_lines(&folder.path().join("events.json"), schema);
        let counts = counts(&page);
        assert_eq!(counts["file"], of_all(lines.len()));
        (lines, counts)
    }

    /// Runs it to its end; gives the folder of its files, and its metrics.
    fn end(self) -> (TempDir, String) {
        let mut sensor = Server::start(self.command);
        assert_eq!(sensor.ended_within(PATIENCE).code(), Some(0));
        let page = fs::read_to_string(self.folder.path().join("metrics.txt")).unwrap();
        (self.folder, page)
    }
}

/// What became of events, by output.
fn counts(page: &str) -> BTreeMap<String, Counts> {
    let mut all: BTreeMap<String, Counts> = BTreeMap::new();
    for it in samples(page) {
        let Some(output) = it.labels.get("output") else {
            continue;
        };
        let counts = all.entry(output.clone()).or_default();
        let result = it.labels.get("result").map_or("", String::as_str);
        let place = match (it.name.as_str(), result) {
            ("phonehome_output_events_total", "sent") => &mut counts.sent,
            ("phonehome_output_events_total", "failed") => &mut counts.failed,
            ("phonehome_output_events_total", "dropped") => &mut counts.dropped,
            ("phonehome_output_queued_events", _) => &mut counts.queued,
            ("phonehome_output_errors_total", _) => &mut counts.errors,
            _ => continue,
        };
        *place = it.value as u64;
    }
    all
}

/// All of them were sent, and nothing was wrong.
fn of_all(events: usize) -> Counts {
    Counts {
        sent: events as u64,
        ..Counts::default()
    }
}

/// The lines of a file, each of which is as the schema says.
#[track_caller]
fn valid_lines(path: &Path, schema: &str) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    assert!(
        text.is_empty() || text.ends_with('\n'),
        "{}",
        path.display()
    );
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for line in &lines {
        schema::valid(schema, line.as_bytes());
    }
    lines
}

/// Questions in DNS for names below one of a vendor's, whose first label is any octets.
fn questions(labels: &[&[u8]]) -> Vec<u8> {
    let frames: Vec<Frame> = labels
        .iter()
        .enumerate()
        .map(|(number, label)| Frame {
            at: 1_506_931_200_000_000_000 + number as u64 * 1_000_000,
            bytes: question(u16::try_from(number).unwrap(), label),
        })
        .collect();
    sensor::capture::pcap(&frames, Order::Little, Unit::Microseconds)
}

fn question(number: u16, label: &[u8]) -> Vec<u8> {
    let mut dns = number.to_be_bytes().to_vec();
    dns.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for it in [label, b"tiktokv".as_slice(), b"com"] {
        dns.push(u8::try_from(it.len()).unwrap());
        dns.extend(it);
    }
    dns.extend([0, 0, 1, 0, 1]);
    let len = |more: usize| u16::try_from(dns.len() + more).unwrap().to_be_bytes();
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    frame.extend([0x45, 0]);
    frame.extend(len(28));
    frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 1, 2, 3, 10, 0, 0, 53]);
    frame.extend((1_024 + number).to_be_bytes());
    frame.extend([0, 53]);
    frame.extend(len(8));
    frame.extend([0, 0]);
    frame.extend(&dns);
    frame
}

#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        sleep(Duration::from_millis(20));
    }
}

const LISTEN: [&str; 3] = ["run", "--web.listen-address", "127.0.0.1:0"];
