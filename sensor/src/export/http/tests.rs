//! A real server on a loopback port, spoken to by hand.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use flate2::read::GzDecoder;

use super::listen::MAX_HEAD;
use super::*;
use crate::export::{Ready, json, metrics, sample};

/// Limits short enough to wait for.
const SHORT: Limits = Limits {
    handshake: Duration::from_millis(400),
    head: Duration::from_millis(400),
    connection: Duration::from_secs(20),
    stall: Duration::from_millis(400),
    ..LIMITS
};

fn start(snapshot: Snapshot, limits: Limits) -> Server {
    let snapshot = Arc::new(snapshot);
    let state = Arc::new(move || Arc::clone(&snapshot));
    bind(on(&[LOOPBACK]))
        .unwrap()
        .serve_within(state, in_force(), None, limits)
        .unwrap()
}

fn serve(options: Options, snapshot: Arc<Snapshot>) -> Server {
    let state = Arc::new(move || Arc::clone(&snapshot));
    let server = bind(options).unwrap();
    server.serve(state, in_force(), None).unwrap()
}

/// The directives of the sample.
fn in_force() -> InForce {
    Arc::new(|| sample::snapshot().directives)
}

/// Options with these addresses and a port that the system chooses.
fn on(addresses: &[[u8; 4]]) -> Options {
    Options {
        listen: addresses.iter().map(|it| (*it, 0).into()).collect(),
        ..Options::default()
    }
}

const LOOPBACK: [u8; 4] = [127, 0, 0, 1];

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.local_addresses()[0]).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream
}

struct Response {
    code: u16,
    head: String,
    body: Vec<u8>,
}

impl Response {
    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self
            .head
            .lines()
            .skip(1)
            .filter_map(|it| it.split_once(": "));
        lines
            .find(|it| it.0.eq_ignore_ascii_case(name))
            .map(|it| it.1)
    }

    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// Reads one answer; `has_body` is false after HEAD.
fn read(stream: &mut TcpStream, has_body: bool) -> Response {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        stream.read_exact(&mut octet).unwrap();
        head.extend(octet);
    }
    let head = String::from_utf8(head).unwrap();
    let mut response = Response {
        code: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head,
        body: Vec::new(),
    };
    if has_body {
        let length: usize = response.header("content-length").unwrap().parse().unwrap();
        response.body = vec![0; length];
        stream.read_exact(&mut response.body).unwrap();
    }
    response
}

fn ask(stream: &mut TcpStream, method: &str, path: &str, headers: &str) -> Response {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    read(stream, method != "HEAD")
}

fn get(server: &Server, path: &str) -> Response {
    ask(&mut connect(server), "GET", path, "")
}

/// Whether the server closes the connection without another octet.
fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0]) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn every_route_answers_with_its_type() {
    let server = start(sample::snapshot(), LIMITS);
    let routes = [
        ("/", "text/html; charset=utf-8"),
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
        ("/metrics/hosts", "text/plain; version=0.0.4; charset=utf-8"),
        ("/-/healthy", "text/plain; charset=utf-8"),
        ("/-/ready", "text/plain; charset=utf-8"),
        ("/api/v1/findings", "application/json"),
        ("/api/v1/hosts", "application/json"),
        ("/api/v1/visibility", "application/json"),
        ("/api/v1/directives", "application/json"),
        ("/api/v1/signatures", "application/json"),
    ];
    for (path, kind) in routes {
        let response = get(&server, path);
        assert_eq!(response.code, 200, "{path}");
        assert_eq!(response.header("content-type"), Some(kind), "{path}");
        assert_eq!(response.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(
            response.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        let policy = response.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{path}");
    }
    assert_eq!(
        get(&server, "/?x=/metrics").header("content-type"),
        Some(routes[0].1)
    );
    server.stop();
}

#[test]
fn metrics_are_those_of_the_snapshot_and_of_the_server() {
    let always_anew = Limits {
        fresh: Duration::ZERO,
        ..LIMITS
    };
    let server = start(sample::snapshot(), always_anew);
    let first = get(&server, "/metrics").text();
    assert!(first.starts_with(&metrics::text(&sample::snapshot())));
    let row = "phonehome_http_requests_total{code=\"200\",handler=\"metrics\"}";
    assert!(first.contains(&format!("{row} 0\n")));
    assert!(
        get(&server, "/metrics")
            .text()
            .contains(&format!("{row} 1\n"))
    );
    server.stop();
}

#[test]
fn findings_are_the_document() {
    let server = start(sample::snapshot(), LIMITS);
    let expected = serde_json::to_string(&json::findings(&sample::snapshot())).unwrap();
    assert_eq!(get(&server, "/api/v1/findings").text(), expected);
    server.stop();
}

#[test]
fn a_sensor_that_is_not_ready_says_why() {
    let mut snapshot = sample::snapshot();
    snapshot.ready = Ready::No("eth0 is down".to_owned());
    let server = start(snapshot, LIMITS);
    let response = get(&server, "/-/ready");
    assert_eq!(
        (response.code, response.text().as_str()),
        (503, "not ready: eth0 is down\n")
    );
    assert_eq!(get(&server, "/-/healthy").code, 200);
    server.stop();
}

#[test]
fn other_paths_and_methods_are_refused() {
    let server = start(sample::snapshot(), LIMITS);
    assert_eq!(get(&server, "/metrics/").code, 404);
    assert_eq!(get(&server, "/../etc/passwd").code, 404);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "NONSENSE"] {
        let response = ask(
            &mut connect(&server),
            method,
            "/metrics",
            "Content-Length: 0\r\n",
        );
        assert_eq!(response.code, 405, "{method}");
        assert_eq!(response.header("allow"), Some("GET, HEAD"), "{method}");
    }
    server.stop();
}

#[test]
fn head_gives_the_headers_of_get() {
    let server = start(sample::snapshot(), LIMITS);
    let mut stream = connect(&server);
    let whole = ask(&mut stream, "GET", "/metrics/hosts", "");
    let head = ask(&mut stream, "HEAD", "/metrics/hosts", "");
    assert_eq!(head.code, 200);
    assert_eq!(
        head.header("content-length"),
        whole.header("content-length")
    );
    // Had a body followed, it would be read as the next answer.
    assert_eq!(
        ask(&mut stream, "GET", "/-/healthy", "").text(),
        "healthy\n"
    );
    server.stop();
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let server = start(sample::snapshot(), LIMITS);
    let mut stream = connect(&server);
    for path in ["/-/healthy", "/metrics", "/nothing", "/-/ready"] {
        let code = if path == "/nothing" { 404 } else { 200 };
        assert_eq!(ask(&mut stream, "GET", path, "").code, code, "{path}");
    }
    server.stop();
}

#[test]
fn gzip_is_given_when_asked_for() {
    let server = start(sample::snapshot(), LIMITS);
    let mut stream = connect(&server);
    let plain = ask(&mut stream, "GET", "/metrics/hosts", "");
    let packed = ask(
        &mut stream,
        "GET",
        "/metrics/hosts",
        "Accept-Encoding: gzip\r\n",
    );
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert!(packed.body.len() < plain.body.len());
    let mut text = String::new();
    GzDecoder::new(packed.body.as_slice())
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, plain.text());
    server.stop();
}

#[test]
fn a_slow_head_is_cut() {
    let server = start(sample::snapshot(), SHORT);
    let mut stream = connect(&server);
    stream.write_all(b"GET / HTTP/1.1\r\nHost: loc").unwrap();
    assert!(is_closed(&mut stream));
    let mut idle = connect(&server);
    assert!(is_closed(&mut idle));
    server.stop();
}

#[test]
fn an_oversized_head_is_refused() {
    let server = start(sample::snapshot(), LIMITS);
    let mut stream = connect(&server);
    let head = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(MAX_HEAD));
    // The server may close before it has read all of it.
    let _ = stream.write_all(head.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    assert_eq!(get(&server, "/-/healthy").code, 200);
    server.stop();
}

#[test]
fn octets_that_are_no_request_end_the_connection() {
    let server = start(sample::snapshot(), SHORT);
    for nonsense in [
        b"\x16\x03\x01\x02\x00\x01\x00".as_slice(),
        b"\r\n\r\nhello\r\n\r\n",
        b"\0",
    ] {
        let mut stream = connect(&server);
        stream.write_all(nonsense).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }
    assert_eq!(get(&server, "/-/healthy").code, 200);
    server.stop();
}

#[test]
fn connections_over_its_share_take_the_places_of_a_client_itself() {
    let server = start(sample::snapshot(), LIMITS);
    let mut open: Vec<TcpStream> = (0..40).map(|_| connect(&server)).collect();
    let last = open.last_mut().unwrap();
    assert_eq!(ask(last, "GET", "/-/healthy", "").code, 200);
    let text = get(&server, "/metrics").text();
    let ended = "phonehome_http_connections_ended_total{reason=\"displaced\"} 33\n";
    assert!(text.contains(ended), "{text}");
    assert!(open.iter_mut().take(32).all(is_closed));
    server.stop();
}

#[test]
fn a_client_that_does_not_take_its_answer_is_cut() {
    let mut snapshot = sample::snapshot();
    let one = snapshot.findings[0].clone();
    snapshot.findings = vec![one; 20_000];
    let server = start(snapshot, SHORT);
    let mut stream = connect(&server);
    let request = "GET /api/v1/findings HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let is_cut = |it: &str| it.contains("_ended_total{reason=\"timeout\"} 1\n");
    let end = Instant::now() + Duration::from_secs(10);
    while !is_cut(&get(&server, "/metrics").text()) {
        assert!(Instant::now() < end, "it is not cut");
        thread::sleep(Duration::from_millis(50));
    }
    let mut all = Vec::new();
    let whole = stream.read_to_end(&mut all).is_ok() && all.ends_with(b"}");
    assert!(!whole, "it got all of the answer");
    server.stop();
}

#[test]
fn a_web_file_that_is_wrong_is_refused_before_anything_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.yml");
    std::fs::write(&path, "basic_auth_user:\n  a: b\n").unwrap();
    let options = Options {
        config_file: Some(path),
        ..on(&[LOOPBACK])
    };
    let error = bind(options).unwrap_err();
    assert!(error.to_string().contains("web.yml:1: "), "{error}");
}

#[test]
fn the_path_of_the_metrics_can_be_another() {
    let snapshot = Arc::new(sample::snapshot());
    let options = Options {
        metrics_path: "/telemetry".to_owned(),
        ..on(&[LOOPBACK])
    };
    let server = serve(options, snapshot);
    assert_eq!(get(&server, "/telemetry").code, 200);
    assert_eq!(get(&server, "/telemetry/hosts").code, 200);
    assert_eq!(get(&server, "/metrics").code, 404);
    assert!(
        get(&server, "/")
            .text()
            .contains("href=\"/telemetry/hosts\"")
    );
    server.stop();
}

#[test]
fn the_configuration_decides_whether_hosts_are_shown() {
    for (show_hosts, address, code) in [
        (ShowHosts::Never, LOOPBACK, 403),
        (ShowHosts::Always, [0, 0, 0, 0], 200),
        (ShowHosts::Auto, [0, 0, 0, 0], 403),
    ] {
        let snapshot = Arc::new(sample::snapshot());
        let options = Options {
            show_hosts,
            ..on(&[address])
        };
        let server = serve(options, snapshot);
        let is_warned = server.warnings().iter().any(|it| it.contains("everybody"));
        assert_eq!(is_warned, show_hosts == ShowHosts::Always);
        let port = server.local_addresses()[0].port();
        let ask = |path| {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            ask(&mut stream, "GET", path, "")
        };
        assert_eq!(ask("/metrics/hosts").code, code, "{show_hosts:?}");
        assert_eq!(ask("/").text().contains("10.1.2.3"), code == 200);
        server.stop();
    }
}

#[test]
fn a_connection_does_not_last_for_ever() {
    let server = start(
        sample::snapshot(),
        Limits {
            connection: Duration::from_millis(300),
            ..LIMITS
        },
    );
    let mut stream = connect(&server);
    assert_eq!(ask(&mut stream, "GET", "/-/healthy", "").code, 200);
    assert!(is_closed(&mut stream));
    server.stop();
}

#[test]
fn a_foreign_name_for_this_machine_is_refused() {
    let server = start(sample::snapshot(), LIMITS);
    let code = |host: &str| {
        let mut stream = connect(&server);
        write!(stream, "GET /-/healthy HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
        read(&mut stream, true).code
    };
    for host in [
        "localhost",
        "LOCALHOST:14663",
        "127.0.0.1",
        "127.0.0.1:80",
        "[::1]:14663",
    ] {
        assert_eq!(code(host), 200, "{host}");
    }
    for host in [
        "evil.example",
        "localhost.evil.example:80",
        "127.0.0.1.evil.example",
    ] {
        assert_eq!(code(host), 421, "{host}");
    }
    server.stop();
}

#[test]
fn hosts_are_withheld_when_others_can_connect() {
    let snapshot = Arc::new(sample::snapshot());
    let anywhere = on(&[[0, 0, 0, 0]]);
    let server = serve(anywhere, snapshot);
    let port = server.local_addresses()[0].port();
    let ask = |path| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        ask(&mut stream, "GET", path, "")
    };
    assert_eq!(ask("/metrics/hosts").code, 403);
    assert_eq!(ask("/api/v1/findings").code, 403);
    assert!(!ask("/").text().contains("10.1.2.3"));
    assert_eq!(ask("/metrics").code, 200);
    server.stop();
}

#[test]
fn an_address_in_use_is_named() {
    let server = start(sample::snapshot(), LIMITS);
    let address = server.local_addresses()[0];
    let options = Options {
        listen: vec![address],
        ..Options::default()
    };
    let error = bind(options).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on {address}"));
    server.stop();
}

#[test]
fn stopping_takes_less_than_a_second_whatever_clients_do() {
    let server = start(sample::snapshot(), LIMITS);
    let mut stream = connect(&server);
    stream.write_all(b"GET / HT").unwrap();
    let address = server.local_addresses()[0];
    let started = Instant::now();
    server.stop();
    assert!(started.elapsed() < Duration::from_secs(1));
    assert!(TcpStream::connect(address).is_err());
}
