//! The site: namespaces, servers, the mirror, and what was asked for.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use tempfile::TempDir;

use crate::sensor;
use crate::sensor::server::Server;

/// The site; its namespaces and what runs in them go when it is dropped.
pub(crate) struct Site {
    prefix: String,
    pub(crate) folder: TempDir,
    servers: Vec<Child>,
}

/// A name that a client asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) host: String,
    /// The sensor's word for how.
    pub(crate) source: &'static str,
    pub(crate) name: String,
}

/// A name in the recording.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) at: SystemTime,
    pub(crate) host: String,
    pub(crate) source: String,
    pub(crate) name: String,
}

/// `tcpdump` at the mirror.
pub(crate) struct Recording {
    child: Child,
    path: PathBuf,
}

impl Site {
    pub(crate) fn new() -> Self {
        assert!(
            nix::unistd::Uid::effective().is_root(),
            "this test makes network namespaces: run it as root (sudo -E cargo test -p phonehome \
             --test wire), or leave it out with PHONEHOME_SKIP_LIVE=1"
        );
        let mut site = Self {
            prefix: format!("ph-{}", std::process::id()),
            folder: tempfile::tempdir().unwrap(),
            servers: Vec::new(),
        };
        site.join();
        site.mirror();
        site.serve();
        site
    }

    /// Hosts and servers at a bridge.
    fn join(&self) {
        for name in ["sw", "net", "mon"].into_iter().chain(HOSTS) {
            let space = self.space(name);
            ip(&["netns", "add", &space]);
            ip(&["-n", &space, "link", "set", "lo", "up"]);
            // The system itself says nothing; on loopback IPv6 stays, for a server.
            let quiet = "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6";
            ip(&["netns", "exec", &space, "sh", "-c", quiet]);
        }
        let switch = self.space("sw");
        ip(&["-n", &switch, "link", "add", "br0", "type", "bridge"]);
        ip(&["-n", &switch, "link", "set", "br0", "up"]);
        for name in HOSTS.into_iter().chain(["net"]) {
            let (space, port) = (self.space(name), format!("p{name}"));
            let mut words = vec!["-n", &switch, "link", "add", &port, "type", "veth"];
            words.extend(["peer", "name", "eth0", "netns", &space]);
            ip(&words);
            // Segments and checksums as a network card would put them on the wire.
            for (space, interface) in [(&space, "eth0"), (&switch, port.as_str())] {
                let off = ["tso", "off", "gso", "off", "gro", "off", "tx", "off"];
                let mut words = vec!["netns", "exec", space, "ethtool", "-K", interface];
                words.extend(off);
                ip(&words);
            }
            ip(&["-n", &switch, "link", "set", &port, "master", "br0", "up"]);
            ip(&["-n", &space, "link", "set", "eth0", "up"]);
            let own = match name {
                "net" => format!("{RESOLVER}/24"),
                name => format!("10.20.0.{name}/24"),
            };
            ip(&["-n", &space, "address", "add", &own, "dev", "eth0"]);
            if name != "net" {
                ip(&["-n", &space, "route", "add", "default", "dev", "eth0"]);
            }
        }
        let zone = demo("zone.py");
        let zone = Command::new("python3").arg(zone).output().unwrap();
        for address in String::from_utf8(zone.stdout).unwrap().lines() {
            let length = if address.contains(':') { "/128" } else { "/32" };
            let mut words = vec!["-n".to_owned(), self.space("net")];
            words.extend(["address", "add"].map(str::to_owned));
            words.push(format!("{address}{length}"));
            words.extend(["dev", "lo"].map(str::to_owned));
            if address.contains(':') {
                words.push("nodad".to_owned());
            }
            ip(&words.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }

    /// The uplink, both ways, to an interface of the sensor's.
    fn mirror(&self) {
        let (switch, monitor) = (self.space("sw"), self.space("mon"));
        let mut words = vec!["-n", &switch, "link", "add", "span0", "type", "veth"];
        words.extend(["peer", "name", "mon0", "netns", &monitor]);
        ip(&words);
        ip(&["-n", &switch, "link", "set", "span0", "up"]);
        ip(&["-n", &monitor, "link", "set", "mon0", "up"]);
        let tc = |words: &str| {
            let status = Command::new("tc")
                .args(["-n", &switch])
                .args(words.split(' '))
                .status();
            assert!(status.unwrap().success(), "tc {words}");
        };
        tc("qdisc add dev pnet clsact");
        for way in ["ingress", "egress"] {
            tc(&format!(
                "filter add dev pnet {way} protocol all u32 match u32 0 0 action mirred egress \
                 mirror dev span0"
            ));
        }
    }

    /// The demo's servers, and those that it has not.
    fn serve(&mut self) {
        let folder = self.path("");
        let script = demo("certificates.sh");
        let certificates = self.path("certificates");
        let made = Command::new("bash").arg(script).arg(&certificates).status();
        assert!(made.unwrap().success(), "no certificates");
        fs::write(self.path("resolv.conf"), format!("nameserver {RESOLVER}\n")).unwrap();
        let key = certificates.join("web.key").display().to_string();
        let chain = certificates.join("web.crt").display().to_string();
        let all = certificates.join("web.pem").display().to_string();
        let folder_name = folder.display().to_string();
        let world = demo("world.py");
        let resolver = demo("resolver.py");
        let certificates = certificates.display().to_string();
        let s_server = format!("{S_SERVER}:8443");
        for words in [
            &["python3", &world, &certificates, "300"][..],
            &["python3", &resolver, "300", RESOLVER],
            &[
                "gtlsserver",
                "-q",
                "-d",
                &folder_name,
                QUIC_APP,
                "443",
                &key,
                &chain,
            ],
            &[
                "gtlsserver",
                "-q",
                "-d",
                &folder_name,
                QUIC_WEB,
                "443",
                &key,
                &chain,
            ],
            &[
                "openssl", "s_server", "-quiet", "-www", "-accept", &s_server, "-cert", &all,
            ],
        ] {
            let log = File::create(self.path(&format!("server-{}.log", self.servers.len())));
            let log = log.unwrap();
            let child = self
                .command("net", words)
                .env("ASKED", self.path("asked.jsonl"))
                .env("PYTHONDONTWRITEBYTECODE", "1")
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn();
            self.servers.push(child.unwrap());
        }
        self.wait_until_served();
    }

    fn wait_until_served(&self) {
        let is_open = |address: &str| {
            let words = ["bash", "-c", &format!("exec 3<>/dev/tcp/{address}")];
            let status = self.command("net", &words).stderr(Stdio::null()).status();
            status.unwrap().success()
        };
        let end = SystemTime::now() + sensor::PATIENCE;
        let last = format!("{S_SERVER}/8443");
        for address in ["10.20.0.53/53", "203.0.113.53/53", &last] {
            while !is_open(address) {
                assert!(SystemTime::now() < end, "no server at {address}");
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }

    /// The sensor at the mirror, ready.
    pub(crate) fn sensor(&self) -> Server {
        let packs = self.path("packs");
        fs::create_dir(&packs).unwrap();
        fs::write(packs.join("ordinary.toml"), ORDINARY).unwrap();
        let words = [
            env!("CARGO_BIN_EXE_phonehome"),
            "run",
            "--interface",
            "mon0",
            "--signatures",
            packs.to_str().unwrap(),
        ];
        let server = Server::start(self.command("mon", &words));
        server.line_with("serving on");
        self.wait_for_packet_sockets(1);
        server
    }

    /// A recording of the same mirror, under way.
    pub(crate) fn recording(&self) -> Recording {
        let path = self.path("mirror.pcap");
        let words = [
            "tcpdump",
            "-i",
            "mon0",
            "-Z",
            "root",
            "-s",
            "0",
            "-U",
            "--immediate-mode",
            "--time-stamp-precision=nano",
            "-w",
            path.to_str().unwrap(),
        ];
        let child = self.command("mon", &words).stderr(Stdio::null()).spawn();
        self.wait_for_packet_sockets(2);
        Recording {
            child: child.unwrap(),
            path,
        }
    }

    fn wait_for_packet_sockets(&self, count: usize) {
        let end = SystemTime::now() + sensor::PATIENCE;
        loop {
            let words = ["cat", "/proc/net/packet"];
            let output = self.command("mon", &words).output().unwrap();
            if String::from_utf8(output.stdout).unwrap().lines().count() > count {
                return;
            }
            assert!(SystemTime::now() < end, "nobody listens");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A program on a host, with the site's resolver and nothing of the machine's.
    pub(crate) fn command(&self, name: &str, words: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.space(name), "sh", "-c"])
            .arg("mount --bind \"$1\" /etc/resolv.conf && shift && exec \"$@\"")
            .arg("sh")
            .arg(self.path("resolv.conf"))
            .args(words)
            .env("HOME", self.path(""));
        if !self.path("resolv.conf").exists() {
            fs::write(self.path("resolv.conf"), "").unwrap();
        }
        command
    }

    /// What was asked for: as the servers tell, and by clients whose servers do not tell.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        #[derive(Deserialize)]
        struct Told {
            client: String,
            kind: String,
            name: String,
        }
        let text = fs::read_to_string(self.path("asked.jsonl")).unwrap();
        let told = text.lines().map(|it| serde_json::from_str(it).unwrap());
        let mut asked: Vec<Asked> = told
            .filter(|it: &Told| it.client != RESOLVER)
            .map(|it| Asked {
                host: it.client,
                source: match it.kind.as_str() {
                    "dns" => "dns-query",
                    "http" => "http-host",
                    "https" => "tls-sni",
                    other => panic!("{other}"),
                },
                name: it.name,
            })
            .collect();
        for (host, source, name) in UNTOLD {
            asked.push(Asked {
                host: (*host).to_owned(),
                source,
                name: (*name).to_owned(),
            });
        }
        asked
    }

    /// The names in a recording.
    pub(crate) fn names(&self, frames: &Frames) -> Vec<Line> {
        #[derive(Deserialize)]
        struct Name {
            ts: f64,
            source: String,
            src: String,
            name: String,
        }
        let names = sensor::run(["names".as_ref(), frames.path.as_os_str()]);
        let names = names.ended_with(0);
        let lines = names.text().lines();
        let names = lines.map(|it| serde_json::from_str(it).unwrap());
        names
            .map(|it: Name| Line {
                at: SystemTime::UNIX_EPOCH + Duration::from_secs_f64(it.ts),
                host: it.src,
                source: it.source,
                name: it.name,
            })
            .collect()
    }

    pub(crate) fn space(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
        for name in ["sw", "net", "mon"].into_iter().chain(HOSTS) {
            let space = self.space(name);
            // Only processes inside the namespaces made above: a browser has many.
            if let Ok(output) = Command::new("ip").args(["netns", "pids", &space]).output() {
                for pid in String::from_utf8_lossy(&output.stdout).lines() {
                    let _ = Command::new("kill").args(["-KILL", pid]).output();
                }
            }
            let _ = Command::new("ip").args(["netns", "del", &space]).output();
        }
    }
}

/// A finished recording.
pub(crate) struct Frames {
    path: PathBuf,
    octets: Vec<u8>,
}

impl Recording {
    pub(crate) fn finish(mut self) -> Frames {
        let kill = format!("kill -INT {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(status.success(), "{kill}");
        self.child.wait().unwrap();
        Frames {
            octets: fs::read(&self.path).unwrap(),
            path: self.path,
        }
    }
}

/// Whether a host sent a TLS hello that its first segment does not hold.
pub(crate) fn has_split_hello(frames: &Frames, host: [u8; 4]) -> bool {
    let mut rest = &frames.octets[24..];
    while rest.len() > 16 {
        let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let (frame, after) = rest[16..].split_at(length);
        rest = after;
        // Ethernet, IPv4 without options, TCP.
        if frame.len() < 54 || frame[12..15] != [8, 0, 0x45] || frame[23] != 6 {
            continue;
        }
        let payload = &frame[34 + usize::from(frame[46] >> 4) * 4..];
        if frame[26..30] == host && payload.len() > 5 && payload[..3] == [22, 3, 1] {
            let record = usize::from(u16::from_be_bytes([payload[3], payload[4]]));
            if record > payload.len() - 5 {
                return true;
            }
        }
    }
    false
}

fn demo(file: &str) -> String {
    let path: &Path = &sensor::tests().join("demo").join(file);
    path.display().to_string()
}

fn ip(words: &[&str]) {
    let output = Command::new("ip").args(words).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {words:?}: {said}");
}

/// The hosts, by the last octet of their address in 10.20.0.0/24.
const HOSTS: [&str; 4] = ["11", "13", "16", "31"];

/// The host with the browser.
pub(crate) const BROWSER: [u8; 4] = [10, 20, 0, 13];

const RESOLVER: &str = "10.20.0.53";

/// A server on a port of its own, by `openssl s_server`.
pub(crate) const S_SERVER: &str = "77.74.181.13";

/// Servers of QUIC: for the app, and for pictures on a web page.
const QUIC_APP: &str = "71.18.9.20";
const QUIC_WEB: &str = "185.85.15.36";

/// What is asked of servers that do not tell.
const UNTOLD: &[(&str, &str, &str)] = &[
    ("10.20.0.11", "tls-sni", "s03.upd.kaspersky.com"),
    ("10.20.0.16", "quic-sni", "mssdk-quic-sg.tiktokv.com"),
    ("10.20.0.13", "quic-sni", "content.kaspersky-labs.com"),
];

/// A pack that claims the names of the site that no vendor's pack claims.
const ORDINARY: &str = r#"id = "ordinary"
vendor = "Ordinary"
version = "1.0.0"
date = "2026-11-24"
description = "Names of the site that are nobody's business."

[[source]]
id = 1
text = "The zone of this test"

[[signature]]
id = "ordinary-h01"
suffix = ["example.com", "debian.org"]
category = "update"
evidence = "app"
confidence = "observed"
sources = [1]
date = "2026-11-24"
examples = ["www.example.com"]
"#;
