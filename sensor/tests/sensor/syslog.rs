//! A real rsyslog, which listens on loopback in each of its ways and writes down what it gets.

use std::fs;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::PATIENCE;
use super::server::{Server, free_address};

/// A receiver of syslog.
pub(crate) struct Rsyslog {
    pub(crate) udp: SocketAddr,
    pub(crate) tcp: SocketAddr,
    pub(crate) tls: SocketAddr,
    folder: TempDir,
    /// Words in front of the command.
    starter: Vec<String>,
    server: Option<Server>,
}

impl Rsyslog {
    /// Starts one on free ports.
    pub(crate) fn start() -> Self {
        // The port is free again at the end of the statement.
        let udp = UdpSocket::bind("127.0.0.1:0")
            .and_then(|it| it.local_addr())
            .expect("a free port");
        let mut this = Self::with([udp, free_address(), free_address()], &[]);
        this.start_again();
        let end = Instant::now() + PATIENCE;
        // It opens its ports one after the other.
        while [this.tcp, this.tls]
            .iter()
            .any(|it| TcpStream::connect(it).is_err())
            || !listens_on(this.udp.port())
        {
            assert!(Instant::now() < end, "rsyslogd does not listen");
            sleep(PAUSE);
        }
        this
    }

    /// One that is not started yet, on ports for UDP, TCP and TLS; words are put in front of its
    /// command.
    pub(crate) fn with([udp, tcp, tls]: [SocketAddr; 3], starter: &[&str]) -> Self {
        let folder = TempDir::new().expect("a folder");
        make_certificates(folder.path());
        let path = |name: &str| folder.path().join(name).display().to_string();
        let config = format!(
            "global(workDirectory=\"{0}\" maxMessageSize=\"64k\"\n\
             defaultNetstreamDriver=\"gtls\" defaultNetstreamDriverCAFile=\"{1}\"\n\
             defaultNetstreamDriverCertFile=\"{2}\" defaultNetstreamDriverKeyFile=\"{3}\")\n\
             module(load=\"imudp\")\n\
             module(load=\"imptcp\")\n\
             module(load=\"imtcp\" streamDriver.name=\"gtls\" streamDriver.mode=\"1\"\n\
             streamDriver.authMode=\"anon\")\n\
             input(type=\"imudp\" address=\"127.0.0.1\" port=\"{4}\")\n\
             input(type=\"imptcp\" address=\"127.0.0.1\" port=\"{5}\")\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{6}\")\n\
             template(name=\"all\" type=\"string\" string=\"%jsonmesg%\\n\")\n\
             if $app-name == \"phonehome\" then\n\
             action(type=\"omfile\" file=\"{7}\" template=\"all\")\n",
            folder.path().display(),
            path("ca.pem"),
            path("server.pem"),
            path("server.key"),
            udp.port(),
            tcp.port(),
            tls.port(),
            path("got.json"),
        );
        fs::write(path("rsyslog.conf"), config).expect("a file");
        Self {
            udp,
            tcp,
            tls,
            folder,
            starter: starter.iter().map(|it| (*it).to_owned()).collect(),
            server: None,
        }
    }

    /// Starts it again with what it has written so far.
    pub(crate) fn start_again(&mut self) {
        let mut words = self.starter.iter().map(String::as_str).chain(["rsyslogd"]);
        let mut command = Command::new(words.next().expect("a program"));
        command
            .args(words)
            .arg("-n")
            .arg("-f")
            .arg(self.folder.path().join("rsyslog.conf"))
            .arg("-i")
            .arg(self.folder.path().join("pid"));
        needs("rsyslogd", "rsyslog rsyslog-gnutls");
        self.server = Some(Server::start(command));
    }

    /// Ends it in good order.
    pub(crate) fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.signal("TERM");
            server.ended_within(PATIENCE);
        }
    }

    /// The file with the certificate of the authority of its own.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// What it has got up to now.
    pub(crate) fn got(&self) -> Vec<Value> {
        let path = self.folder.path().join("got.json");
        let text = fs::read_to_string(path).unwrap_or_default();
        // The last line may still be written.
        let whole = text.rsplit_once('\n').map_or("", |it| it.0);
        let lines = whole.lines().filter(|it| !it.is_empty());
        lines
            .map(|it| serde_json::from_str(it).expect("a message"))
            .collect()
    }

    /// Waits until it has got that many messages; gives them.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize) -> Vec<Value> {
        let end = Instant::now() + PATIENCE;
        loop {
            let got = self.got();
            if got.len() >= count {
                return got;
            }
            assert!(Instant::now() < end, "{} of {count} came", got.len());
            sleep(PAUSE);
        }
    }
}

/// Whether somebody has this port of UDP. To try it oneself would take it away.
fn listens_on(port: u16) -> bool {
    let table = fs::read_to_string("/proc/net/udp").expect("what the system tells");
    let port = format!(":{port:04X} ");
    table.contains(&port)
}

/// The message of what rsyslog has got.
pub(crate) fn message(got: &Value) -> &str {
    got["msg"].as_str().expect("a message").trim_start()
}

/// Fails with what to do about it where a program is missing.
#[track_caller]
pub(crate) fn needs(program: &str, packages: &str) {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .stdout(Stdio::null())
        .status();
    assert!(
        found.is_ok_and(|it| it.success()),
        "{program} is missing: apt-get install --no-install-recommends {packages}"
    );
}

/// An authority, and a certificate of it for `siem.example.org` and 127.0.0.1.
fn make_certificates(folder: &Path) {
    let script = "set -e; curve='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
        openssl req -x509 $curve -days 30 -keyout ca.key -out ca.pem -subj /CN=authority
        openssl req $curve -keyout server.key -out server.csr -subj /CN=siem
        echo subjectAltName=DNS:siem.example.org,IP:127.0.0.1 > ext
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 \
          -extfile ext -out server.pem";
    let made = Command::new("sh")
        .args(["-c", script])
        .current_dir(folder)
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .status();
    assert!(made.expect("sh").success(), "openssl");
}

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);
