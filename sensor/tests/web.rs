//! The web server of the real program: who may look, and what hostile clients can do. The clients
//! are curl, a real Prometheus, and sockets that behave badly.

#![cfg(feature = "tls")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use sensor::server::{Answer, Server, ask, ask_until, free_address};
use sensor::{samples, sums};
use serde_json::Value;
use tempfile::TempDir;

mod sensor;

#[test]
fn https_is_served_to_who_trusts_its_authority() {
    let folder = Folder::new();
    let ca = folder.authority("ca");
    let other = folder.authority("other");
    folder.certificate("sensor", "ca", SENSOR);
    folder.write("web.yml", &tls(""));
    let (sensor, address) = folder.sensor(&[]);
    let get = |args: &[&str]| curl(address, "https", "/-/healthy", args);
    assert_eq!(get(&["--cacert", &ca]).code, 200);
    // Exit code 60: the certificate cannot be verified.
    assert_eq!(get(&["--cacert", &other]).exit, 60);
    assert_eq!(get(&[]).exit, 60);
    let plain = curl(address, "http", "/-/healthy", &[]);
    assert_ne!(plain.code, 200, "plain HTTP is answered: {}", plain.body);
    let metrics = curl(address, "https", "/metrics", &["--cacert", &ca]);
    let until = "phonehome_web_certificate_not_after_timestamp_seconds ";
    assert!(metrics.body.contains(until), "{}", metrics.body);
    sensor::assert_promtool_likes(&metrics.body);
    drop(sensor);
}

#[test]
fn versions_and_cipher_suites_are_those_that_are_asked_for() {
    let folder = Folder::new();
    let ca = folder.authority("ca");
    folder.certificate("sensor", "ca", SENSOR);
    folder.write("web.yml", &tls("  min_version: TLS13\n"));
    let (_sensor, address) = folder.sensor(&[]);
    let get = |address, args: &[&str]| {
        let args = [&["--cacert", &ca], args].concat();
        curl(address, "https", "/-/healthy", &args).code
    };
    assert_eq!(get(address, &["--tlsv1.3"]), 200);
    assert_eq!(get(address, &["--tls-max", "1.2"]), 0);
    let suite = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384";
    let text = format!("  max_version: TLS12\n  cipher_suites: [{suite}]\n");
    folder.write("web.yml", &tls(&text));
    let (_sensor, address) = folder.sensor(&[]);
    assert_eq!(get(address, &["--tls-max", "1.2"]), 200);
    assert_eq!(get(address, &["--tlsv1.3"]), 0);
    let suites = |it| ["--tls-max", "1.2", "--ciphers", it];
    assert_eq!(get(address, &suites("ECDHE-ECDSA-AES256-GCM-SHA384")), 200);
    assert_eq!(get(address, &suites("ECDHE-ECDSA-AES128-GCM-SHA256")), 0);
}

#[test]
fn a_client_certificate_must_be_there_and_right_where_it_is_required() {
    let folder = Folder::new();
    let ca = folder.authority("ca");
    folder.authority("clients");
    folder.authority("strangers");
    folder.certificate("sensor", "ca", SENSOR);
    folder.certificate("anna", "clients", "DNS:anna.example");
    folder.certificate("bert", "clients", "DNS:bert.example,IP:10.0.0.1");
    folder.certificate("eve", "strangers", "DNS:anna.example");
    let asks = "  client_ca_file: clients.pem\n  client_auth_type: ";
    let get = |address, who: Option<&str>| {
        let mut args = vec!["--cacert".to_owned(), ca.clone()];
        if let Some(who) = who {
            args.extend(["--cert".to_owned(), folder.path(&format!("{who}.pem"))]);
            args.extend(["--key".to_owned(), folder.path(&format!("{who}.key"))]);
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        curl(address, "https", "/api/v1/findings", &args).code
    };

    folder.write(
        "web.yml",
        &tls(&format!("{asks}RequireAndVerifyClientCert\n")),
    );
    // With certificates, addresses of hosts may be shown to other machines.
    let (_sensor, address) = folder.sensor(&["--web.listen-address", "0.0.0.0:0"]);
    assert_eq!(get(address, Some("anna")), 200);
    assert_eq!(get(address, Some("bert")), 200);
    assert_eq!(get(address, Some("eve")), 0);
    assert_eq!(get(address, None), 0);

    let named = "RequireAndVerifyClientCert\n  client_allowed_sans: [10.0.0.1, carl.example]\n";
    folder.write("web.yml", &tls(&format!("{asks}{named}")));
    let (_sensor, address) = folder.sensor(&[]);
    assert_eq!(get(address, Some("bert")), 200);
    assert_eq!(get(address, Some("anna")), 0);

    folder.write("web.yml", &tls(&format!("{asks}VerifyClientCertIfGiven\n")));
    let (_sensor, address) = folder.sensor(&[]);
    assert_eq!(get(address, Some("anna")), 200);
    assert_eq!(get(address, Some("eve")), 0);
    assert_eq!(get(address, None), 200);
    let (_sensor, address) = folder.sensor(&["--web.listen-address", "0.0.0.0:0"]);
    assert_eq!(get(address, None), 403, "nobody is asked for anything");
}

#[test]
fn a_password_is_asked_for_and_opens_everything() {
    let folder = Folder::new();
    folder.write("web.yml", &users(&[("anna", SECRET)]));
    let (sensor, address) = folder.sensor(&["--web.listen-address", "0.0.0.0:0"]);
    sensor.line_with("warn  passwords for the web server cross the network unencrypted");
    sensor.line_with("the replay has ended");
    let get = |path: &str, user: &str| curl(address, "http", path, &["-u", user]);
    for path in [
        "/",
        "/metrics",
        "/metrics/hosts",
        "/api/v1/findings",
        "/-/healthy",
    ] {
        assert_eq!(get(path, "anna:secret").code, 200, "{path}");
        for wrong in ["anna:wrong", "anna:", "bert:secret", ":"] {
            assert_eq!(get(path, wrong).code, 401, "{path} {wrong}");
        }
    }
    assert_eq!(get("/nothing", "anna:wrong").code, 401);
    assert_eq!(get("/nothing", "anna:secret").code, 404);
    assert!(get("/", "anna:secret").body.contains("10.20.0.11"));
    let head = ask(loopback(address), "/").unwrap();
    assert_eq!(head.code, 401);
    assert!(
        head.head.contains("www-authenticate: basic realm="),
        "{}",
        head.head
    );
    assert!(!head.body.contains("10.20."));
}

#[test]
fn headers_and_the_limit_on_requests_are_those_of_the_file() {
    let folder = Folder::new();
    folder.write(
        "web.yml",
        "http_server_config:\n  headers:\n    X-Frame-Options: sameorigin\n    \
         Strict-Transport-Security: max-age=60\nrate_limit:\n  interval: 1h\n  burst: 3\n",
    );
    let (_sensor, address) = folder.sensor(&[]);
    let answers: Vec<Answer> = (0..5)
        .map(|_| ask(address, "/-/healthy").unwrap())
        .collect();
    let codes: Vec<u16> = answers.iter().map(|it| it.code).collect();
    assert_eq!(codes, [200, 200, 200, 429, 429]);
    for head in [&answers[0].head, &answers[4].head] {
        assert!(
            head.contains("\r\nx-frame-options: sameorigin\r\n"),
            "{head}"
        );
        assert!(
            head.contains("\r\nstrict-transport-security: max-age=60\r\n"),
            "{head}"
        );
    }
}

#[test]
fn a_new_certificate_and_password_hold_without_a_restart_and_broken_ones_change_nothing() {
    let folder = Folder::new();
    let first = folder.authority("first");
    let second = folder.authority("second");
    folder.certificate("sensor", "first", SENSOR);
    let with = |hash| tls("") + &users(&[("anna", hash)]);
    folder.write("web.yml", &with(SECRET));
    let (sensor, address) = folder.sensor(&[]);
    let get = |ca: &str, user: &str, path: &str| {
        curl(address, "https", path, &["--cacert", ca, "-u", user])
    };
    let until = |what: &str, is_so: &dyn Fn() -> bool| {
        let end = Instant::now() + Duration::from_secs(20);
        while !is_so() {
            assert!(Instant::now() < end, "waited for {what}");
            thread::sleep(Duration::from_millis(100));
        }
    };
    assert_eq!(get(&first, "anna:secret", "/-/healthy").code, 200);

    folder.certificate("sensor", "second", SENSOR);
    until("the new certificate", &|| {
        get(&second, "anna:secret", "/-/healthy").code == 200
    });
    assert_eq!(get(&first, "anna:secret", "/-/healthy").exit, 60);

    folder.write("web.yml", &with(OTHER));
    until("the new password", &|| {
        get(&second, "anna:other", "/-/healthy").code == 200
    });
    assert_eq!(get(&second, "anna:secret", "/-/healthy").code, 401);

    // A key of another certificate, nonsense, a file that would let in everybody, and none at all.
    let key = fs::read(folder.path("sensor.key")).unwrap();
    folder.certificate("stray", "first", SENSOR);
    fs::copy(folder.path("stray.key"), folder.path("sensor.key")).unwrap();
    let good = "phonehome_web_config_last_load_successful ";
    let metrics = || get(&second, "anna:other", "/metrics").body;
    let is_broken = || metrics().contains(&format!("{good}0\n"));
    until("the broken key to show", &is_broken);
    let said = sensor.line_with("the old one holds");
    assert!(
        said.contains("sensor.pem: tls_server_config.cert_file: does not fit"),
        "{said}"
    );
    fs::write(folder.path("sensor.key"), key).unwrap();
    until("the whole key", &|| {
        metrics().contains(&format!("{good}1\n"))
    });
    for (text, why) in [
        ("nonsense: 1\n".to_owned(), "nonsense"),
        (users(&[("anna", OTHER)]), "cannot come or go"),
        (tls(""), "would let in everybody"),
        (String::new(), "cannot come or go"),
    ] {
        folder.write("web.yml", &text);
        until("the broken file to show", &is_broken);
        let said = sensor.line_with("the old one holds");
        assert!(said.contains(why), "{said}");
        folder.write("web.yml", &with(OTHER));
        until("the whole file", &|| {
            metrics().contains(&format!("{good}1\n"))
        });
    }
    assert!(metrics().contains("phonehome_web_config_loads_total{result=\"failure\"} 5\n"));
}

#[test]
fn prometheus_scrapes_it_with_a_password_and_with_a_certificate() {
    sensor::needs_prometheus("prometheus");
    let folder = Folder::new();
    folder.authority("ca");
    folder.certificate("sensor", "ca", SENSOR);
    folder.certificate("prometheus", "ca", "DNS:prometheus.example");
    folder.write(
        "password.yml",
        &(tls("") + &users(&[("prometheus", SECRET)])),
    );
    let required = "  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n";
    folder.write("certificate.yml", &tls(required));
    let (_one, with_password) = folder.sensor_with("password.yml", &[]);
    let (_other, with_certificate) = folder.sensor_with("certificate.yml", &[]);
    let config = format!(
        "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: password\n    \
         scheme: https\n    basic_auth: {{username: prometheus, password: secret}}\n    \
         tls_config: {{ca_file: ca.pem}}\n    static_configs: [{{targets: ['{with_password}']}}]\n  \
         - job_name: certificate\n    scheme: https\n    metrics_path: /metrics/hosts\n    \
         tls_config: {{ca_file: ca.pem, cert_file: prometheus.pem, key_file: prometheus.key}}\n    \
         static_configs: [{{targets: ['{with_certificate}']}}]\n  - job_name: stranger\n    \
         scheme: https\n    tls_config: {{ca_file: ca.pem}}\n    \
         static_configs: [{{targets: ['{with_certificate}']}}]\n"
    );
    folder.write("prometheus.yml", &config);
    let prometheus = free_address();
    let mut command = Command::new("prometheus");
    command
        .arg(format!("--config.file={}", folder.path("prometheus.yml")))
        .arg(format!("--storage.tsdb.path={}", folder.path("data")))
        .arg(format!("--web.listen-address={prometheus}"))
        .arg("--log.level=error")
        .current_dir(folder.dir.path());
    let _server = Server::start(command);
    let up = |job: &str, value: f64| {
        let query = format!("/api/v1/query?query=up{{job=\"{job}\"}}");
        ask_until(prometheus, &query, |it| values(it) == [value]);
    };
    up("password", 1.0);
    up("certificate", 1.0);
    up("stranger", 0.0);
    let query = "/api/v1/query?query=count(phonehome_host_finding_info)";
    ask_until(prometheus, query, |it| values(it).first() > Some(&5.0));
}

#[test]
fn ten_thousand_connections_that_are_left_keep_nobody_out() {
    let folder = Folder::new();
    let (sensor, address) = folder.sensor_with("", &[]);
    let before = sensor.resident();
    let started = Instant::now();
    let flood = Flood::start(move || {
        let mut open = Vec::new();
        for _ in 0..10_000 {
            if let Ok(stream) = TcpStream::connect(address) {
                open.push(stream);
            }
            if open.len() > 400 {
                open.remove(0);
            }
        }
    });
    good_clients_are_served(address, "http", &[], &flood);
    flood.join();
    assert_has_kept_its_size(&sensor, before);
    // An address may open 200 at once and 100 a second; what it opens beyond is ended. The last of them
    // may wait to be accepted, and an answer serves for a moment.
    let allowed = (400 + 100 * (started.elapsed().as_secs() + 1)) as f64;
    ask_until(address, "/metrics", |it| {
        let name = "phonehome_http_connections_ended_total";
        let ended = sums(&samples(&it.body), name, "reason");
        ended["displaced"] + ended["pace"] + allowed > 10_000.0
    });
}

#[test]
fn clients_that_read_write_or_shake_hands_slowly_keep_nobody_out() {
    let folder = Folder::new();
    let ca = folder.authority("ca");
    folder.certificate("sensor", "ca", SENSOR);
    folder.write("web.yml", &tls(""));
    let (plain, address) = folder.sensor_with("", &[]);
    let (secured, tls_address) = folder.sensor(&[]);
    let (before, tls_before) = (plain.resident(), secured.resident());
    let trickle = Flood::start(move || {
        let mut open: Vec<TcpStream> = (0..60)
            .filter_map(|_| TcpStream::connect(address).ok())
            .collect();
        for octet in b"GET / HTTP/1" {
            for stream in &mut open {
                let _ = stream.write_all(&[*octet]);
            }
            thread::sleep(Duration::from_millis(250));
        }
    });
    let pipelined = Flood::start(move || {
        let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(10_000);
        for _ in 0..20 {
            if let Ok(mut stream) = TcpStream::connect(address) {
                // It never reads, so at some point it cannot write.
                let _ = stream.set_write_timeout(Some(Duration::from_millis(200)));
                let _ = stream.write_all(request.as_bytes());
            }
        }
    });
    let giant = Flood::start(move || {
        let line = format!("X-Long: {}\r\n", "x".repeat(60_000)).repeat(20);
        for _ in 0..50 {
            if let Ok(mut stream) = TcpStream::connect(address) {
                let _ = stream.set_write_timeout(Some(Duration::from_millis(200)));
                let _ = write!(stream, "GET / HTTP/1.1\r\n{line}\r\n");
                let _ = stream.set_read_timeout(Some(Duration::from_millis(200)));
                let mut answer = [0; 12];
                let is_read = stream.read_exact(&mut answer).is_ok();
                assert!(!is_read || &answer != b"HTTP/1.1 200");
            }
        }
    });
    let unfinished = Flood::start(move || {
        let mut open = Vec::new();
        for _ in 0..300 {
            if let Ok(mut stream) = TcpStream::connect(tls_address) {
                // The first octets of a hello that is announced to be longer.
                let _ = stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
                open.push(stream);
            }
            thread::sleep(Duration::from_millis(10));
        }
    });
    good_clients_are_served(address, "http", &[], &trickle);
    good_clients_are_served(tls_address, "https", &["--cacert", &ca], &unfinished);
    for flood in [trickle, pipelined, giant, unfinished] {
        flood.join();
    }
    assert_has_kept_its_size(&plain, before);
    assert_has_kept_its_size(&secured, tls_before);
}

#[test]
fn a_flood_of_wrong_passwords_keeps_nobody_out_and_costs_little() {
    let folder = Folder::new();
    folder.write(
        "web.yml",
        &users(&[("anna", SECRET_10), ("bert", SECRET_10)]),
    );
    let (sensor, address) = folder.sensor(&[]);
    let anna = ["-u", "anna:secret"];
    assert_eq!(curl(address, "http", "/metrics", &anna).code, 200);
    let used = || cpu_seconds(address, &anna);
    let (started, before) = (Instant::now(), used());
    let floods: Vec<Flood> = (0..6)
        .map(|number| {
            Flood::start(move || {
                let end = Instant::now() + Duration::from_secs(6);
                while Instant::now() < end {
                    let user = format!("{}:wrong{number}", ["anna", "nobody"][number % 2]);
                    curl(address, "http", "/metrics", &["-u", &user]);
                }
            })
        })
        .collect();
    // Known to the guard, and not known to it yet.
    good_clients_are_served(address, "http", &anna, &floods[0]);
    let begun = Instant::now();
    let args = [&GOOD[..], &["-u", "bert:secret"]].concat();
    assert_eq!(curl(address, "http", "/metrics", &args).code, 200);
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    floods.into_iter().for_each(Flood::join);
    let share = (used() - before) / started.elapsed().as_secs_f64();
    assert!(share < 0.6, "{share} of a processor");
    drop(sensor);
}

/// Processor time that the sensor has used.
fn cpu_seconds(address: SocketAddr, args: &[&str]) -> f64 {
    let args = [&GOOD[..], args].concat();
    let metrics = curl(address, "http", "/metrics", &args).body;
    let line = metrics
        .lines()
        .find_map(|it| it.strip_prefix("process_cpu_seconds_total "));
    line.unwrap().parse().unwrap()
}

/// Asks again and again, from another address than the flood, until the flood is over.
#[track_caller]
fn good_clients_are_served(address: SocketAddr, scheme: &str, args: &[&str], flood: &Flood) {
    let args = [&GOOD[..], args].concat();
    let mut asked = 0;
    while asked < 3 || !flood.is_over() {
        let begun = Instant::now();
        let answer = curl(address, scheme, "/metrics", &args);
        assert_eq!(answer.code, 200, "{}", answer.body);
        assert!(
            begun.elapsed() < Duration::from_secs(2),
            "{:?}",
            begun.elapsed()
        );
        asked += 1;
    }
}

#[track_caller]
fn assert_has_kept_its_size(sensor: &Server, before: u64) {
    let after = sensor.resident();
    let more = after.saturating_sub(before);
    assert!(more < 48 << 20, "{before} octets before, {after} after");
}

/// Clients that behave badly, in a thread.
struct Flood(thread::JoinHandle<()>);

impl Flood {
    fn start(work: impl FnOnce() + Send + 'static) -> Self {
        Self(thread::spawn(work))
    }

    fn is_over(&self) -> bool {
        self.0.is_finished()
    }

    fn join(self) {
        self.0.join().unwrap();
    }
}

/// A folder with certificates and web files.
struct Folder {
    dir: TempDir,
}

impl Folder {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let minimal = "[req]\ndistinguished_name = name\n[name]\n";
        fs::write(dir.path().join("openssl.cnf"), minimal).unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        // All at once, as an administrator's tool does it.
        let draft = self.dir.path().join("draft");
        fs::write(&draft, text).unwrap();
        fs::rename(draft, self.dir.path().join(name)).unwrap();
    }

    /// Makes an authority; gives the path of its certificate.
    fn authority(&self, name: &str) -> String {
        self.make(name, &["-addext", "basicConstraints=critical,CA:TRUE"]);
        self.path(&format!("{name}.pem"))
    }

    /// Makes a certificate of an authority.
    fn certificate(&self, name: &str, authority: &str, names: &str) {
        let (pem, key) = (format!("{authority}.pem"), format!("{authority}.key"));
        let names = format!("subjectAltName={names}");
        self.make(name, &["-CA", &pem, "-CAkey", &key, "-addext", &names]);
    }

    fn make(&self, name: &str, more: &[&str]) {
        let output = Command::new("openssl")
            .args(["req", "-x509", "-config", "openssl.cnf", "-days", "2"])
            .args([
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ])
            .args(["-subj", &format!("/CN={name}")])
            .args(["-keyout", "draft.key", "-out", "draft.pem"])
            .args(more)
            .current_dir(self.dir.path())
            .output()
            .expect("openssl is needed: apt-get install openssl");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        for kind in ["key", "pem"] {
            let draft = self.path(&format!("draft.{kind}"));
            fs::rename(draft, self.path(&format!("{name}.{kind}"))).unwrap();
        }
    }

    /// A sensor with `web.yml` that replays the demo, and its address.
    fn sensor(&self, options: &[&str]) -> (Server, SocketAddr) {
        self.sensor_with("web.yml", options)
    }

    /// A sensor with a web file, or without one if its name is empty.
    fn sensor_with(&self, web: &str, options: &[&str]) -> (Server, SocketAddr) {
        let mut command = sensor::command(["run"]);
        if !options.contains(&"--web.listen-address") {
            command.args(["--web.listen-address", "127.0.0.1:0"]);
        }
        if !web.is_empty() {
            command.args(["--web.config.file", &self.path(web)]);
        }
        command.args(options).arg("--replay").arg(sensor::demo());
        let sensor = Server::start(command);
        let line = sensor.line_with("serving on");
        let (_, rest) = line.split_once("://").expect("a URL");
        let (address, _) = rest.split_once('/').expect("a path");
        let address = loopback(address.parse().expect("an address"));
        (sensor, address)
    }
}

/// The address on which this machine reaches a listener.
fn loopback(address: SocketAddr) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], address.port()))
}

/// What curl says.
struct Got {
    /// Its exit code.
    exit: i32,
    /// The status code; zero without an answer.
    code: u16,
    body: String,
}

fn curl(address: SocketAddr, scheme: &str, path: &str, args: &[&str]) -> Got {
    let output = Command::new("curl")
        .args(["-s", "--max-time", "20", "-w", "\n%{http_code}"])
        .args(args)
        .arg(format!("{scheme}://{address}{path}"))
        .output()
        .expect("curl is needed: apt-get install curl");
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, code) = text.rsplit_once('\n').unwrap();
    Got {
        exit: output.status.code().unwrap(),
        code: code.parse().unwrap(),
        body: body.to_owned(),
    }
}

/// The values of an answer of Prometheus; none while it is starting.
fn values(answer: &Answer) -> Vec<f64> {
    let document: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let rows = document["data"]["result"].as_array().cloned();
    rows.unwrap_or_default()
        .iter()
        .map(|it| it["value"][1].as_str().unwrap().parse().unwrap())
        .collect()
}

fn tls(more: &str) -> String {
    format!("tls_server_config:\n  cert_file: sensor.pem\n  key_file: sensor.key\n{more}")
}

fn users(users: &[(&str, &str)]) -> String {
    let rows = users
        .iter()
        .map(|(name, hash)| format!("  {name}: {hash}\n"));
    format!("basic_auth_users:\n{}", rows.collect::<String>())
}

/// Another address of this machine than the one that clients have by default.
const GOOD: [&str; 2] = ["--interface", "127.0.0.2"];

/// Names of the sensor.
const SENSOR: &str = "IP:127.0.0.1,DNS:localhost";

/// Hashes of `secret` and `other`, quick to check.
const SECRET: &str = "$2y$04$a0IKJWDhWW2LT7OnGKAZrekoXQQtZ.fekmmMb1Nn/fzur3qllTN7q";
const OTHER: &str = "$2y$04$a0IKJWDhWW2LT7OnGKAZreczhVPX26q9yVX.gkDzig4rXBoQYfGJm";

/// A hash of `secret`, as costly as usual.
const SECRET_10: &str = "$2b$10$a0IKJWDhWW2LT7OnGKAZreO3sKQbuno.l14M3qWpZcEMxaHhvbOyi";
