//! The stage: sensors, Prometheus, Alertmanager and a receiver, in a network of their own.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use nix::sched::{CloneFlags, unshare};
use tempfile::TempDir;

use crate::course::TODAY;
use crate::prometheus::Prometheus;
use crate::receiver::Receiver;
use crate::sensor::capture::{Order, Unit, demo_pcap, pcap};
use crate::sensor::server::{Server, ask_until};
use crate::sensor::{self, PATIENCE, end_of, samples, sum};
use crate::traffic::{FILLING, HALF_DAY, Traffic};

/// The sensor that replays the story, where the shipped configuration looks for it.
pub(crate) const SENSOR: &str = "127.0.0.1:14663";

/// A sensor that captures live.
pub(crate) const SECOND: &str = "127.0.0.1:14664";

/// Where Prometheus serves, as the data source of Grafana has it.
const PROMETHEUS: &str = "127.0.0.1:9090";

/// All that runs; it ends with this.
pub(crate) struct Stage {
    pub(crate) prometheus: Prometheus,
    pub(crate) receiver: Receiver,
    folder: TempDir,
    sensor: Server,
    others: Vec<Server>,
    traffic: Traffic,
    /// Frames that the sensor of the story has been given.
    fed: usize,
}

impl Stage {
    /// Plays the story up to its end; `None` if there is to be no network.
    pub(crate) fn set() -> Option<Self> {
        if std::env::var_os("PHONEHOME_SKIP_LIVE").is_some() {
            return None;
        }
        for program in ["prometheus", "promtool", "prometheus-alertmanager"] {
            sensor::needs_prometheus(program);
        }
        own_network();
        let folder = TempDir::new().unwrap();
        let end = now();
        let mut story = Story {
            sensor: first_sensor(folder.path(), end),
            traffic: Traffic::new(),
            fed: 0,
            metrics: String::new(),
        };
        story.play(end);
        let data = folder.path().join("data");
        story.hand_over(folder.path(), &data, end);
        let receiver = Receiver::start_at("127.0.0.1:9095");
        let others = vec![alertmanager(folder.path()), second_sensor()];
        let config = configuration(folder.path());
        let prometheus = Prometheus::start(&config, &data, PROMETHEUS.parse().unwrap());
        let mut stage = Self {
            prometheus,
            receiver,
            folder,
            sensor: story.sensor,
            others,
            traffic: story.traffic,
            fed: story.fed,
        };
        stage.today();
        Some(stage)
    }

    /// What happens today, while Prometheus watches.
    fn today(&mut self) {
        // It has to have seen both sensors before anything changes, to see that it does.
        for job in ["phonehome", "phonehome-hosts"] {
            let up = format!("sum(up{{job=\"{job}\"}})");
            self.prometheus.wait_for(&up, |it| it == 2.0);
        }
        let watched = format!("phonehome_findings{{instance=\"{SECOND}\"}}");
        self.prometheus.wait_for(&watched, |_| true);
        self.replay_demo();
        for _ in 0..3 {
            let frames = self.traffic.today(now());
            self.fed += frames.len();
            let file = pcap(&frames, Order::Little, Unit::Microseconds);
            self.sensor.feed(&file[PCAP_HEADER..]);
            let received = format!(
                "phonehome_capture_received_frames_total{{instance=\"{SENSOR}\", job=\"phonehome\"}}"
            );
            let told = (self.fed - FILLING) as f64;
            self.prometheus.wait_for(&received, |it| it >= told);
        }
        // A live sensor tells of what silence has ended a little later.
        let canaries = format!(
            "increase(phonehome_canary_exchanges_total{{instance=\"{SECOND}\", result=\"found\"}}[5m])"
        );
        self.prometheus.wait_for(&canaries, |it| it > 0.0);
        let rows = format!("count(phonehome_host_finding_info{{instance=\"{SECOND}\"}})");
        self.prometheus.wait_for(&rows, |it| it > 5.0);
        let new = "count(phonehome_host_finding_info{host=\"10.50.1.90\"})";
        self.prometheus.wait_for(new, |it| it == 1.0);
        // An increase takes two scrapes.
        let rising = "count(increase(phonehome_host_sightings_total{host=\"10.50.1.90\"}[5m]))";
        self.prometheus.wait_for(rising, |it| it >= 1.0);
        let alert = "ALERTS{alertname=\"PhonehomeFindingOpened\", vendor=\"hikvision\"}";
        self.prometheus.wait_for(alert, |it| it == 1.0);
        let alert = "ALERTS{alertname=\"PhonehomeDirectiveOverdue\"}";
        self.prometheus.wait_for(alert, |it| it == 1.0);
    }

    /// Sends the demo to the sensor that captures live.
    fn replay_demo(&self) {
        let capture = self.folder.path().join("demo.pcap");
        fs::write(&capture, demo_pcap()).unwrap();
        let mut command = Command::new("tcpreplay");
        command.args(["--quiet", "--pps=2000", "--intf1=story1"]);
        command.arg(&capture);
        let outcome = end_of(command, Vec::new(), PATIENCE).expect("tcpreplay to end");
        outcome.ended_with(0);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Who asks goes before who answers.
        self.prometheus.server.signal("TERM");
        self.others.clear();
    }
}

/// The story up to today.
struct Story {
    sensor: Server,
    traffic: Traffic,
    fed: usize,
    /// What the sensor exported, each time with the time of the packets.
    metrics: String,
}

impl Story {
    /// Feeds the sensor all days before today, and keeps what it exports: every third day, and in the
    /// last 34 days twice a day.
    fn play(&mut self, end: u64) {
        let halves = 2 * TODAY;
        for half in 0..halves {
            let at = end - u64::from(halves - 1 - half) * HALF_DAY;
            let frames = self.traffic.half_day(half, at);
            self.fed += frames.len();
            let file = pcap(&frames, Order::Little, Unit::Microseconds);
            let begin = if half == 0 { 0 } else { PCAP_HEADER };
            self.sensor.feed(&file[begin..]);
            if half % 6 == 5 || half + 68 >= halves {
                self.keep(at);
            }
        }
        self.metrics.push_str("# EOF\n");
    }

    fn keep(&mut self, at: u64) {
        let address = SENSOR.parse().unwrap();
        let told = (self.fed - FILLING) as f64;
        let page = ask_until(address, "/metrics", |it| {
            sum(
                &samples(&it.body),
                "phonehome_capture_received_frames_total",
            ) >= told
        });
        self.add(&page.body, "phonehome", at);
        let page = ask_until(address, "/metrics/hosts", |it| it.code == 200);
        self.add(&page.body, "phonehome-hosts", at);
    }

    fn add(&mut self, page: &str, job: &str, at: u64) {
        let seconds = at / 1_000_000_000;
        let labels = format!("job=\"{job}\",instance=\"{SENSOR}\",site=\"hq\"");
        for line in page.lines().filter(|it| !it.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, more) = series.split_once('{').unwrap_or((series, "}"));
            let comma = if more == "}" { "" } else { "," };
            writeln!(
                self.metrics,
                "{name}{{{labels}{comma}{more} {value} {seconds}"
            )
            .unwrap();
        }
    }

    /// Puts what was kept, and what the rules make of it, into a folder for Prometheus.
    fn hand_over(&self, folder: &Path, data: &Path, end: u64) {
        let history = folder.join("history.txt");
        fs::write(&history, &self.metrics).unwrap();
        fs::create_dir(data).unwrap();
        let from = ["tsdb", "create-blocks-from"];
        let mut command = Command::new("promtool");
        command
            .args(from)
            .args(["--max-block-duration=1000h", "--quiet", "openmetrics"])
            .args([&history, data]);
        run(command);
        let config = folder.join("nothing.yml");
        fs::write(&config, "scrape_configs: []\n").unwrap();
        // What is recorded of what is recorded takes a second turn.
        for turn in 0..2 {
            let mut prometheus = Prometheus::start(&config, data, PROMETHEUS.parse().unwrap());
            let recorded = folder.join(format!("recorded{turn}"));
            let end = end / 1_000_000_000;
            let mut command = Command::new("promtool");
            command
                .args(from)
                .args(["--max-block-duration=1000h", "--quiet", "rules"])
                .args([&format!("--url=http://{PROMETHEUS}"), "--eval-interval=12h"])
                .arg(format!("--start={}", end - 110 * 86_400))
                .arg(format!("--end={end}"))
                .arg(format!("--output-dir={}", recorded.display()))
                .arg(shipped().join("rules.yml"));
            run(command);
            prometheus.server.signal("TERM");
            assert!(prometheus.server.ended_within(PATIENCE).success());
            for block in fs::read_dir(&recorded).unwrap() {
                let block = block.unwrap();
                fs::rename(block.path(), data.join(block.file_name())).unwrap();
            }
        }
    }
}

/// Moves this thread, and all that it starts, to a network of its own with a mirror port.
fn own_network() {
    assert!(
        nix::unistd::Uid::effective().is_root(),
        "this test makes a network: run it as root (sudo -E cargo test -p phonehome --test story), or \
         leave it out with PHONEHOME_SKIP_LIVE=1"
    );
    unshare(CloneFlags::CLONE_NEWNET).expect("a network of its own");
    let script = "ip link set lo up && ip link add story0 mtu 9000 type veth peer name story1 mtu 9000 \
                  && for it in story0 story1; do echo 1 >/proc/sys/net/ipv6/conf/$it/disable_ipv6; \
                  ip link set $it up; done";
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    run(command);
}

fn run(command: Command) {
    let described = format!("{command:?}");
    let outcome = end_of(command, Vec::new(), PATIENCE);
    let outcome = outcome.unwrap_or_else(|| panic!("{described} did not end"));
    assert_eq!(outcome.code, Some(0), "{described}: {}", outcome.stderr);
}

/// A sensor that is fed the story, with two directives whose dates lie around its end.
fn first_sensor(folder: &Path, end: u64) -> Server {
    let day = |days: i64| {
        let seconds = (end / 1_000_000_000) as i64 + days * 86_400;
        let day = Timestamp::from_second(seconds).unwrap();
        day.strftime("%Y-%m-%d").to_string()
    };
    let directives = folder.join("directives");
    fs::create_dir(&directives).unwrap();
    let removal = directive(
        "story-removal",
        "\"kaspersky\", \"bytedance\", \"hikvision\"",
        &day(-110),
        &[
            ("identify", day(-80)),
            ("plan", day(-50)),
            ("begin", day(-20)),
            ("complete", day(10)),
        ],
    );
    let overdue = directive(
        "story-overdue",
        "\"hikvision\"",
        &day(-110),
        &[("complete", day(-5))],
    );
    fs::write(directives.join("removal.toml"), removal).unwrap();
    fs::write(directives.join("overdue.toml"), overdue).unwrap();
    fs::create_dir(folder.join("state")).unwrap();
    let waivers = folder.join("waivers.toml");
    let waiver = format!(
        "[[waiver]]\nhost = \"10.50.1.60\"\nvendor = \"kaspersky\"\nuntil = \"{}\"\nreason = \
         \"Malware laboratory.\"\nby = \"J. Doe\"\n",
        day(30)
    );
    fs::write(&waivers, waiver).unwrap();
    let mut command = sensor::command(["run", "--replay", "-", "--web.listen-address", SENSOR]);
    command
        .args(["--directives", "story-removal,story-overdue"])
        .arg("--directives-folder")
        .arg(&directives)
        .arg("--waivers")
        .arg(&waivers)
        .arg("--state.folder")
        .arg(folder.join("state"))
        .arg("--events.file")
        .arg(folder.join("events.json"));
    let server = Server::start_fed(command);
    server.line_with("serving on");
    server
}

fn directive(id: &str, vendors: &str, date: &str, milestones: &[(&str, String)]) -> String {
    let mut text = format!(
        "id = \"{id}\"\nname = \"{id}\"\nissuer = \"A test\"\ntitle = \"A directive of the story\"\n\
         date = \"{date}\"\nscope = \"The hosts of the story.\"\nvendors = [{vendors}]\n[counts]\nverdicts = [\"likely\", \"installed\", \
         \"installed-active\", \"manager\"]\nembedded = true\ndownloads = false\nbrowsing = \
         false\nembeds = false\nreading = \"As the test has it.\"\n"
    );
    for (step, date) in milestones {
        write!(
            text,
            "[[milestone]]\nstep = \"{step}\"\ndate = \"{date}\"\ntext = \"A day.\"\n"
        )
        .unwrap();
    }
    text + "[[source]]\ntext = \"The test\"\nconfidence = \"primary\"\n"
}

/// A sensor that captures live.
fn second_sensor() -> Server {
    let args = [
        "run",
        "--interface",
        "story0",
        "--web.listen-address",
        SECOND,
    ];
    let server = Server::start(sensor::command(args));
    server.line_with("serving on");
    ask_until(SECOND.parse().unwrap(), "/-/ready", |it| it.code == 200);
    server
}

/// The shipped Alertmanager, told to wait less.
fn alertmanager(folder: &Path) -> Server {
    let text = fs::read_to_string(shipped().join("alertmanager-example.yml")).unwrap();
    let config = folder.join("alertmanager.yml");
    fs::write(
        &config,
        replaced(&text, "group_wait: 30s", "group_wait: 3s"),
    )
    .unwrap();
    let mut command = Command::new("prometheus-alertmanager");
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", folder.join("am").display()))
        .args([
            "--web.listen-address=127.0.0.1:9093",
            "--cluster.listen-address=",
        ])
        .arg("--log.level=error");
    let server = Server::start(command);
    ask_until("127.0.0.1:9093".parse().unwrap(), "/-/ready", |it| {
        it.code == 200
    });
    server
}

/// The shipped configuration of Prometheus with its rules, told to look more often, and with a
/// second sensor at another site.
fn configuration(folder: &Path) -> PathBuf {
    for file in ["rules.yml", "alerts.yml"] {
        fs::copy(shipped().join(file), folder.join(file)).unwrap();
    }
    let text = fs::read_to_string(shipped().join("prometheus.yml")).unwrap();
    let mut text = replaced(&text, "scrape_interval: 30s", "scrape_interval: 1s");
    for (from, to) in [
        ("scrape_interval: 1m", "scrape_interval: 1s".to_owned()),
        (
            "evaluation_interval: 30s",
            "evaluation_interval: 1s".to_owned(),
        ),
        (
            "      - targets: [\"127.0.0.1:14663\"]\n",
            format!(
                "      - targets: [\"{SENSOR}\"]\n        labels: {{site: hq}}\n      - targets: \
                 [\"{SECOND}\"]\n        labels: {{site: branch}}\n"
            ),
        ),
    ] {
        text = replaced(&text, from, &to);
    }
    let config = folder.join("prometheus.yml");
    fs::write(&config, text).unwrap();
    config
}

#[track_caller]
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "no {from:?}");
    text.replace(from, to)
}

/// The folder of what is shipped for Prometheus.
fn shipped() -> PathBuf {
    sensor::tests().join("../../dashboards/prometheus")
}

/// Now, in nanoseconds since 1970.
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_nanos() as u64
}

/// Octets before the first frame of a classic capture.
const PCAP_HEADER: usize = 24;
