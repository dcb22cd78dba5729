//! What the hosts do.

use std::process::{Command, Stdio};
use std::thread;

use crate::site::{S_SERVER, Site};

/// The clients of a site.
pub(crate) struct Clients<'a>(&'a Site);

impl<'a> Clients<'a> {
    pub(crate) fn of(site: &'a Site) -> Self {
        Self(site)
    }

    /// Runs them, host by host at the same time.
    pub(crate) fn run_all(&self) {
        thread::scope(|scope| {
            for story in [Self::product, Self::browser, Self::phone, Self::clean] {
                scope.spawn(move || story(self));
            }
        });
    }

    /// A product: questions, then connections to addresses that it knows.
    fn product(&self) {
        let dig = |name: &str| self.run("11", &["dig", "+tries=2", "+time=5", name, "A"]);
        dig("ds.kaspersky.com");
        dig("s01.upd.kaspersky.com");
        self.get(
            "11",
            "https://s00.upd.kaspersky.com:443",
            "77.74.181.10",
            &[],
        );
        let old = ["--tls-max", "1.2"];
        self.get(
            "11",
            "https://touch.kaspersky.com:443",
            "185.85.15.23",
            &old,
        );
        self.get(
            "11",
            "http://dnl-01.geo.kaspersky.com:80",
            "77.74.181.31",
            &[],
        );
        self.get(
            "11",
            "https://dc1-st.ksn.kaspersky-labs.com:443",
            "79.133.168.9",
            &old,
        );
        self.ask("77.74.181.40:443", "activation-v2.kaspersky.com");
        self.ask(&format!("{S_SERVER}:8443"), "s03.upd.kaspersky.com");
    }

    /// A person at a browser, on a page with pictures that come over QUIC.
    fn browser(&self) {
        let keys = std::fs::read_to_string(self.0.path("certificates/web.spki")).unwrap();
        let keys = format!("--ignore-certificate-errors-spki-list={}", keys.trim());
        let profile = format!("--user-data-dir={}", self.0.path("profile").display());
        let words = [
            "timeout",
            "-k",
            "2",
            "40",
            "chromium",
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--no-pings",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-default-apps",
            "--disable-extensions",
            "--disable-domain-reliability",
            "--disable-client-side-phishing-detection",
            "--disable-search-engine-choice-screen",
            "--disable-breakpad",
            "--metrics-recording-only",
            "--password-store=basic",
            "--disable-features=OptimizationHints,MediaRouter,Translate,NetworkTimeServiceQuerying",
            "--host-resolver-rules=MAP *.google.com ~NOTFOUND, MAP *.googleapis.com ~NOTFOUND",
            "--origin-to-force-quic-on=content.kaspersky-labs.com:443",
            &keys,
            &profile,
            "--timeout=8000",
            "--dump-dom",
            "https://www.kaspersky.com/",
        ];
        let output = self.0.command("13", &words).stdin(Stdio::null()).output();
        let output = output.unwrap();
        let page = String::from_utf8_lossy(&output.stdout);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(page.contains("Products for home"), "{page}{said}");
    }

    /// An app: TLS and QUIC.
    fn phone(&self) {
        let name = "log16-normal-useast5.tiktokv.us";
        self.run("16", &["dig", "+tries=2", "+time=5", name, "A"]);
        self.get("16", &format!("https://{name}:443"), "71.18.8.16", &[]);
        let name = "mssdk-quic-sg.tiktokv.com";
        let url = format!("https://{name}/resolv.conf");
        let quic = ["gtlsclient", "-q", "--exit-on-all-streams-close"];
        let words = [&quic[..], &[name, "443", &url]].concat();
        self.run("16", &words);
    }

    /// A host with nothing of any vendor.
    fn clean(&self) {
        self.run(
            "31",
            &["dig", "+tries=2", "+time=5", "+tcp", "www.debian.org", "A"],
        );
        self.get("31", "https://www.example.com:443", "203.0.113.11", &[]);
        self.get("31", "http://deb.debian.org:80", "203.0.113.14", &[]);
    }

    /// curl to a URL with its port, at an address that it need not ask for.
    fn get(&self, host: &str, url: &str, address: &str, more: &[&str]) {
        let (_, place) = url.split_once("://").unwrap();
        let place = format!("{place}:{address}");
        let mut words = vec!["curl", "-sSk", "-m", "20", "-o", "/dev/null"];
        words.extend(["--resolve", &place, "--data-binary", "octets of a message"]);
        words.extend(more);
        words.push(url);
        self.run(host, &words);
    }

    /// A request by `openssl s_client`.
    fn ask(&self, address: &str, name: &str) {
        let script = format!(
            "printf 'GET / HTTP/1.1\\r\\nHost: {name}\\r\\n\\r\\n' | timeout 10 openssl s_client \
             -quiet -no_ign_eof -connect {address} -servername {name}"
        );
        self.run("11", &["sh", "-c", &script]);
    }

    /// A client that has to succeed.
    fn run(&self, host: &str, words: &[&str]) {
        let mut command: Command = self.0.command(host, words);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {said}");
    }
}
