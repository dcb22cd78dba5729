//! The sensor on a wire of its own: a pair of interfaces in a network namespace.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::unistd::Uid;
use tempfile::TempDir;

use super::server::Server;

/// A pair of interfaces, `mon0` and `src0`, in a namespace of its own.
pub(crate) struct Wire {
    pub(crate) space: String,
    pub(crate) folder: TempDir,
}

impl Wire {
    /// `None` where these tests are to be left out.
    pub(crate) fn new() -> Option<Self> {
        if !may_make_namespaces() {
            return None;
        }
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let space = format!("ph-wire-{}-{number}", std::process::id());
        let folder = TempDir::new().unwrap();
        let wire = Self { space, folder };
        ip(&["netns", "add", &wire.space]);
        // Else the system itself would send on the wire.
        let quiet =
            "for i in all default; do echo 1 > /proc/sys/net/ipv6/conf/$i/disable_ipv6; done";
        ip(&["netns", "exec", &wire.space, "sh", "-c", quiet]);
        ip(&["-n", &wire.space, "link", "set", "lo", "up"]);
        wire.connect();
        fs::write(wire.capture(), super::capture::demo_pcap()).unwrap();
        Some(wire)
    }

    pub(crate) fn capture(&self) -> std::path::PathBuf {
        self.folder.path().join("demo.pcap")
    }

    pub(crate) fn connect(&self) {
        // The capture holds frames that offloading has made long.
        let pair = "link add mon0 mtu 65535 type veth peer name src0 mtu 65535";
        let mut arguments = vec!["-n", &self.space];
        arguments.extend(pair.split(' '));
        ip(&arguments);
        for end in ["mon0", "src0"] {
            ip(&["-n", &self.space, "link", "set", end, "up"]);
        }
    }

    pub(crate) fn disconnect(&self) {
        ip(&["-n", &self.space, "link", "del", "mon0"]);
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Server {
        self.start_by(&[], arguments)
    }

    /// Starts the sensor by another program.
    pub(crate) fn start_by(&self, starter: &[&str], arguments: &[&str]) -> Server {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.space])
            .args(starter)
            .arg(env!("CARGO_BIN_EXE_phonehome"))
            .args(["run", "--interface", "mon0"])
            .args(arguments);
        Server::start(command)
    }

    /// Sends the demo.
    pub(crate) fn send(&self) {
        let status = Command::new("ip")
            .args([
                "netns",
                "exec",
                &self.space,
                "tcpreplay",
                "-q",
                "--pps=4000",
                "-i",
                "src0",
            ])
            .arg(self.capture())
            .output()
            .unwrap()
            .status;
        assert!(status.success());
    }

    pub(crate) fn get(&self, path: &str) -> String {
        let output = Command::new("ip")
            .args([
                "netns",
                "exec",
                &self.space,
                "curl",
                "-s",
                "--max-time",
                "2",
            ])
            .arg(format!("http://127.0.0.1:14663{path}"))
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    pub(crate) fn wait_for(&self, path: &str, is_enough: impl Fn(&str) -> bool) {
        let end = Instant::now() + super::PATIENCE;
        loop {
            let answer = self.get(path);
            if is_enough(&answer) {
                return;
            }
            assert!(Instant::now() < end, "{path} gave {answer}");
            sleep(Duration::from_millis(50));
        }
    }

    /// The values of `phonehome_protection`, in order of their kinds: capabilities, core-dumps, landlock,
    /// landlock-network, no-new-privs, seccomp, user.
    pub(crate) fn protections(&self) -> Vec<u32> {
        let page = self.get("/metrics");
        page.lines()
            .filter(|it| it.starts_with("phonehome_protection{"))
            .map(|it| it.rsplit(' ').next().unwrap().parse().unwrap())
            .collect()
    }

    /// The sensor that runs in the namespace.
    pub(crate) fn process(&self) -> Process {
        let output = Command::new("ip")
            .args(["netns", "pids", &self.space])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut pids = text.lines().map(str::to_owned);
        let sensor = pids.find(|pid| {
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            name == "phonehome\n"
        });
        Process(sensor.expect("a sensor"))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let _ = Command::new("ip")
            .args(["netns", "del", &self.space])
            .status();
    }
}

/// A process, by its number.
pub(crate) struct Process(pub(crate) String);

impl Process {
    pub(crate) fn file(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.0)).unwrap()
    }

    pub(crate) fn owner_of(&self, name: &str) -> u32 {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(format!("/proc/{}/{name}", self.0))
            .unwrap()
            .uid()
    }

    /// The status of each of its threads.
    pub(crate) fn threads(&self) -> Vec<String> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.0)).unwrap();
        tasks
            .map(|it| fs::read_to_string(it.unwrap().path().join("status")).unwrap())
            .collect()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.0);
        assert!(
            Command::new("sh")
                .args(["-c", &kill])
                .status()
                .unwrap()
                .success()
        );
    }
}

/// Whether the tests can be run; fails where they cannot and nobody said that they need not.
pub(crate) fn may_make_namespaces() -> bool {
    if std::env::var_os("PHONEHOME_SKIP_LIVE").is_some() {
        return false;
    }
    assert!(
        Uid::effective().is_root() && Path::new("/usr/sbin/tcpreplay").exists()
            || Path::new("/usr/bin/tcpreplay").exists(),
        "this test makes network namespaces: run it as root after make setup-test, or leave it out \
         with PHONEHOME_SKIP_LIVE=1"
    );
    true
}

pub(crate) fn ip(arguments: &[&str]) {
    let status = Command::new("ip").args(arguments).status().unwrap();
    assert!(status.success(), "ip {arguments:?}");
}

pub(crate) fn received(page: &str) -> u64 {
    let family = "phonehome_capture_received_frames_total{";
    let rows = page.lines().filter(|it| it.starts_with(family));
    rows.map(|it| it.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum()
}
