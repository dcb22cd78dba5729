//! Findings over restarts: what was told is never taken back, however the sensor ends.
//!
//! Needs root, `ip`, `tcpreplay`, `curl` and `mount` (`make setup-test` installs them). Where namespaces
//! cannot be had, `PHONEHOME_SKIP_LIVE=1` leaves the tests that need them out; without it they fail.
#![cfg(feature = "capture")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use sensor::disk::Disk;
use sensor::made::{file, host, question};
use sensor::samples;
use sensor::server::{Server, ask_until};
use sensor::wire::{Wire, may_make_namespaces};
use tempfile::TempDir;

mod sensor;

#[test]
fn killed_at_any_moment_it_takes_back_nothing_and_tells_nothing_twice() {
    let Some(site) = Site::new(HOSTS) else { return };
    let state = site.wire.folder.path().join("state");
    let _sender = site.send_all(RATE);
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    let mut random = Random(0x9e37_79b9);
    let mut opened_before = 0;
    let mut with_findings = 0;
    for round in 0..KILLS {
        let mut sensor = site.start(&state);
        // One in three times while it may be starting still.
        if round % 3 != 0 {
            site.wire.wait_for("/-/ready", |it| it == "ready\n");
        }
        let end = Instant::now() + Duration::from_millis(random.below(100, 2_000));
        let mut counted = 0;
        while Instant::now() < end {
            for (host, verdict) in site.hosts() {
                let held = told.entry(host).or_default();
                assert!(verdict >= *held, "a verdict fell in round {round}");
                *held = verdict;
            }
            let changes = samples(&site.wire.get("/metrics"));
            let opened = changes.iter().filter(|it| {
                it.name == "phonehome_finding_changes_total" && it.labels["change"] == "opened"
            });
            counted = opened.map(|it| it.value as u64).sum::<u64>().max(counted);
        }
        sensor.signal("KILL");
        sensor.ended_within(sensor::PATIENCE);
        let kept = Kept::read(&state);
        assert!(
            kept.integrity == "ok" || told.is_empty() && kept.changes.is_empty(),
            "round {round}: {}",
            kept.integrity
        );
        for (host, verdict) in &told {
            let saved = kept.verdicts.get(host);
            assert!(
                saved >= Some(verdict),
                "{host}: {verdict} was told, {saved:?} is kept"
            );
        }
        for event in site.events() {
            assert!(kept.changes.contains(&event), "{event:?}, round {round}");
        }
        let (opened, hosts) = kept.opened();
        assert_eq!(opened as usize, hosts.len(), "opened twice, round {round}");
        assert!(told.keys().all(|it| hosts.contains(it)), "round {round}");
        assert!(
            opened >= opened_before + counted,
            "{opened_before} + {counted}, {opened}"
        );
        with_findings += usize::from(opened > opened_before);
        opened_before = opened;
    }
    assert!(
        with_findings >= KILLS / 2,
        "most rounds had nothing to lose: {with_findings}"
    );
    assert!(opened_before > 500, "{opened_before}");
    let events = site.events();
    let opened: Vec<_> = events.iter().filter(|it| it.1 == "opened").collect();
    let hosts: BTreeSet<_> = opened.iter().map(|it| &it.0).collect();
    assert_eq!(hosts.len(), opened.len(), "an event opened a finding twice");
    assert!(hosts.len() > 400, "{}", hosts.len());
    // A last run shows all that was ever told, and ends as it should.
    let mut sensor = site.start(&state);
    site.wire.wait_for("/-/ready", |it| it == "ready\n");
    let shown = site.hosts();
    for (host, verdict) in &told {
        assert!(shown.get(host) >= Some(verdict), "{host}");
    }
    let page = samples(&site.wire.get("/metrics"));
    assert_eq!(
        sensor::sum(&page, "phonehome_store_save_failures_total"),
        0.0
    );
    sensor.signal("TERM");
    assert_eq!(sensor.ended_within(Duration::from_secs(8)).code(), Some(0));
}

#[test]
fn a_full_disk_is_told_and_counted_and_all_is_saved_when_there_is_room_again() {
    let Some(site) = Site::new(HOSTS) else { return };
    let disk = Disk::new(site.wire.folder.path().join("disk"), "size=260k");
    let sensor = site.start(&disk.0);
    site.wire.wait_for("/-/ready", |it| it == "ready\n");
    let mut sender = site.send_all(4 * RATE);
    sensor.line_with("findings cannot be saved, and are kept in memory until they can");
    assert!(sender.wait().unwrap().success());
    // All are told in spite of it.
    let all = |page: &str| opened(page) == HOSTS as u64;
    site.wire.wait_for("/metrics", all);
    let page = samples(&site.wire.get("/metrics"));
    assert!(sensor::sum(&page, "phonehome_store_save_failures_total") >= 1.0);
    disk.remount("size=64m");
    sensor.line_with("findings are saved again");
    let end = Instant::now() + sensor::PATIENCE;
    loop {
        let kept = Kept::read(&disk.0);
        let (count, hosts) = kept.opened();
        if hosts.len() == HOSTS && kept.verdicts.len() == HOSTS {
            assert_eq!((count as usize, kept.integrity.as_str()), (HOSTS, "ok"));
            break;
        }
        assert!(Instant::now() < end, "{} of {HOSTS}", hosts.len());
        sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_disk_that_cannot_be_written_ends_the_start_and_says_so() {
    if !may_make_namespaces() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let disk = Disk::new(folder.path().join("disk"), "ro");
    let outcome = sensor::run(replaying(&disk.0, &[])).ended_with(1);
    let said = "state.folder must be a folder that the sensor may write in: Read-only file system";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
}

#[test]
fn a_second_sensor_on_the_same_folder_is_refused_and_the_first_goes_on() {
    let folder = TempDir::new().unwrap();
    let mut command = sensor::command(["run", "--web.listen-address", "127.0.0.1:0"]);
    command
        .args(["--replay", "-", "--state.folder"])
        .arg(folder.path());
    let mut first = Server::start_fed(command);
    first.line_with("findings are kept in");
    let outcome = sensor::run(replaying(folder.path(), &[])).ended_with(1);
    let said = "another sensor keeps its findings in";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    first.feed(&sensor::capture::demo_pcap());
    first.close();
    first.line_with("the replay has ended");
    assert!(Kept::read(folder.path()).verdicts.len() > 5);
}

#[test]
fn a_new_start_shows_what_the_last_one_found_and_nothing_opens_again() {
    let folder = TempDir::new().unwrap();
    let (mut first, address) = settled(folder.path());
    let before = sensor::verdicts(&findings(address));
    assert!(before.len() > 5, "{before:?}");
    first.signal("TERM");
    assert_eq!(first.ended_within(sensor::PATIENCE).code(), Some(0));
    let opened = Kept::read(folder.path()).opened().0;
    // Nothing of interest happens in this one.
    let other = folder.path().join("other.pcap");
    fs::write(&other, file(sensor::made::connection(1, host(1)))).unwrap();
    let mut command = sensor::command(["run", "--web.listen-address", "127.0.0.1:0"]);
    command.arg("--replay").arg(&other);
    command.arg("--state.folder").arg(folder.path());
    let second = Server::start(command);
    second.line_with("go on from an earlier run");
    let address = address_in(&second.line_with("serving on"));
    second.line_with("the replay has ended");
    assert_eq!(sensor::verdicts(&findings(address)), before);
    let page = ask_until(address, "/metrics", |it| it.code == 200).body;
    assert_eq!(opened_in(&page), 0);
    assert_eq!(Kept::read(folder.path()).opened().0, opened);
}

#[test]
fn a_damaged_file_is_put_aside_and_the_sensor_works() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("phonehome.db"), "not a database").unwrap();
    let outcome = sensor::run(replaying(folder.path(), &["--exit-when-done"])).ended_with(0);
    let said = "are damaged; they are put aside as";
    assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    let kept = Kept::read(folder.path());
    assert_eq!(kept.integrity, "ok");
    assert!(kept.verdicts.len() > 5);
}

#[test]
fn the_question_to_the_file_that_the_readme_shows_has_answers() {
    let folder = TempDir::new().unwrap();
    sensor::run(replaying(folder.path(), &["--exit-when-done"])).ended_with(0);
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let line = readme
        .lines()
        .find(|it| it.starts_with("sqlite3 -readonly"));
    let (_, rest) = line.unwrap().split_once('\'').unwrap();
    let question = rest.strip_suffix('\'').unwrap();
    let path = folder.path().join("phonehome.db");
    let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut question = file.prepare(question).unwrap();
    let mut rows = question.query([]).unwrap();
    let first = rows.next().unwrap().unwrap();
    assert_eq!(first.get::<_, String>("change").unwrap(), "opened");
}

/// Arguments that replay the demo with findings kept in a folder.
fn replaying(folder: &Path, more: &[&str]) -> Vec<String> {
    let demo = sensor::demo();
    let fixed = [
        "run",
        "--web.listen-address",
        "127.0.0.1:0",
        "--state.folder",
        folder.to_str().unwrap(),
        "--replay",
        demo.to_str().unwrap(),
    ];
    fixed
        .iter()
        .chain(more)
        .map(|it| (*it).to_owned())
        .collect()
}

/// A sensor that has replayed the demo and goes on serving.
fn settled(folder: &Path) -> (Server, SocketAddr) {
    let sensor = Server::start(sensor::command(replaying(folder, &[])));
    let address = address_in(&sensor.line_with("serving on"));
    sensor.line_with("the replay has ended");
    (sensor, address)
}

fn address_in(line: &str) -> SocketAddr {
    let (_, rest) = line.split_once("http://").expect("a URL");
    rest.split_once('/')
        .expect("a path")
        .0
        .parse()
        .expect("an address")
}

fn findings(address: SocketAddr) -> serde_json::Value {
    let answer = ask_until(address, "/api/v1/findings", |it| it.code == 200);
    serde_json::from_str(&answer.body).unwrap()
}

/// Findings that the page says have opened.
fn opened(page: &str) -> u64 {
    if page.is_empty() {
        return 0;
    }
    opened_in(page)
}

fn opened_in(page: &str) -> u64 {
    let page = samples(page);
    let rows = page
        .iter()
        .filter(|it| it.name == "phonehome_finding_changes_total");
    let opened = rows.filter(|it| it.labels["change"] == "opened");
    opened.map(|it| it.value as u64).sum()
}

/// What is in the file.
#[derive(Default)]
struct Kept {
    integrity: String,
    /// Places of the verdicts of hosts on the ladder.
    verdicts: BTreeMap<String, usize>,
    changes: Vec<(String, String)>,
}

impl Kept {
    /// Reads it; there is nothing in it yet if the sensor was killed before it had made it.
    fn read(folder: &Path) -> Self {
        if !folder.join("phonehome.db").exists() {
            return Self::default();
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
        let file = Connection::open_with_flags(folder.join("phonehome.db"), flags).unwrap();
        file.busy_timeout(Duration::from_secs(5)).unwrap();
        let count = "SELECT count(*) FROM sqlite_schema";
        if file.query_row(count, [], |it| it.get::<_, i64>(0)) == Ok(0) {
            return Self::default();
        }
        let integrity = file.query_row("PRAGMA integrity_check", [], |it| it.get(0));
        let mut findings = file.prepare("SELECT host, verdict FROM findings").unwrap();
        let findings = findings.query_map([], |it| {
            Ok((it.get::<_, String>(0)?, it.get::<_, String>(1)?))
        });
        let verdicts = findings.unwrap().map(Result::unwrap);
        let verdicts = verdicts
            .map(|(host, verdict)| (host, place(&verdict)))
            .collect();
        let mut changes = file
            .prepare("SELECT host || ' ' || vendor, change FROM changes")
            .unwrap();
        let changes = changes.query_map([], |it| Ok((it.get(0)?, it.get(1)?)));
        let changes = changes.unwrap().map(Result::unwrap).collect();
        Self {
            integrity: integrity.unwrap(),
            verdicts,
            changes,
        }
    }

    /// How many changes say that a finding opened, and of which hosts.
    fn opened(&self) -> (u64, BTreeSet<String>) {
        let opened: Vec<_> = self.changes.iter().filter(|it| it.1 == "opened").collect();
        let hosts: BTreeSet<&String> = opened.iter().map(|it| &it.0).collect();
        let count = if hosts.len() == opened.len() {
            opened.len()
        } else {
            usize::MAX
        };
        let hosts = hosts
            .into_iter()
            .map(|it| it.split(' ').next().unwrap().to_owned());
        (count as u64, hosts.collect())
    }
}

/// The place of a verdict on the ladder.
fn place(verdict: &str) -> usize {
    let ladder = [
        "none",
        "embed-only",
        "contact",
        "embedded",
        "likely",
        "installed",
        "installed-active",
    ];
    ladder
        .iter()
        .position(|it| *it == verdict)
        .expect("a verdict")
}

/// Numbers that are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, least: u64, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        least + (self.0 >> 33) % (most - least)
    }
}

/// A wire, and hosts with a product that can be heard on it.
struct Site {
    wire: Wire,
}

impl Site {
    fn new(hosts: usize) -> Option<Self> {
        let wire = Wire::new()?;
        let frames = (0..hosts).flat_map(|it| {
            let at = 1_767_225_600_000_000_000 + it as u64 * 10_000_000;
            let first = question(at, host(it), "s00.upd.kaspersky.com");
            let second = question(at + 4_000_000, host(it), "activation-v2.kaspersky.com");
            [first, second].into_iter().flatten()
        });
        fs::write(wire.capture(), file(frames.collect())).unwrap();
        // Whom the sensor becomes must be able to make files there.
        fs::create_dir(wire.folder.path().join("events")).unwrap();
        for (folder, mode) in [("", 0o755), ("events", 0o777)] {
            let path = wire.folder.path().join(folder);
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        Some(Self { wire })
    }

    fn events_file(&self) -> PathBuf {
        self.wire.folder.path().join("events/events.json")
    }

    /// Starts the sensor with all protections.
    fn start(&self, state: &Path) -> Server {
        let events = self.events_file();
        let events = events.to_str().unwrap();
        let state = state.to_str().unwrap();
        let mut options = vec!["--rights.user", "nobody"];
        options.extend(["--rights.landlock", "require"]);
        options.extend(["--rights.seccomp", "require"]);
        options.extend(["--state.folder", state, "--events.file", events]);
        self.wire.start(&options)
    }

    /// Host with vendor, and change, of all events that tell of a change. Where the sensor was killed a line
    /// may be cut.
    fn events(&self) -> Vec<(String, String)> {
        let text = fs::read_to_string(self.events_file()).unwrap_or_default();
        let lines = text.lines();
        lines
            .filter_map(|it| serde_json::from_str::<serde_json::Value>(it).ok())
            .filter_map(|it| {
                let (own, host) = (&it["phonehome"], it["src_ip"].as_str()?);
                let change = own["change"].as_str()?.to_owned();
                Some((format!("{host} {}", own["vendor"].as_str()?), change))
            })
            .collect()
    }

    /// Begins to send all frames at a rate.
    fn send_all(&self, frames_a_second: usize) -> Sender {
        let child = Command::new("ip")
            .args([
                "netns",
                "exec",
                &self.wire.space,
                "tcpreplay",
                "-q",
                "-i",
                "src0",
            ])
            .arg(format!("--pps={frames_a_second}"))
            .arg(self.wire.capture())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Sender(child.unwrap())
    }

    /// The hosts that are shown, with the places of their verdicts on the ladder.
    fn hosts(&self) -> BTreeMap<String, usize> {
        let rows = samples(&self.wire.get("/metrics/hosts"));
        let rows = rows
            .iter()
            .filter(|it| it.name == "phonehome_host_finding_info");
        rows.map(|it| (it.labels["host"].clone(), place(&it.labels["verdict"])))
            .collect()
    }
}

/// A program that sends, which ends when it goes out of scope.
struct Sender(Child);

impl Sender {
    fn wait(&mut self) -> std::io::Result<std::process::ExitStatus> {
        self.0.wait()
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Hosts with a product, each with four frames.
const HOSTS: usize = 3_000;
/// Frames a second: enough for a finding every few milliseconds, for a minute.
const RATE: usize = 200;
/// Times that the sensor is killed.
const KILLS: usize = 24;
