//! The status page of the real program in a real browser, at the widths of a telephone and a desk.
//!
//! The browser is headless Chromium without a debugging port. A page of our own holds the status
//! page in a frame of the width in question and, as the two are of one origin (both are files), can
//! measure it; what it measured is read from the DOM that the browser prints.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

use std::fs;
use std::process::Command;

use sensor::server::{Server, ask};
use tempfile::TempDir;

mod sensor;

#[test]
fn it_fits_a_telephone_and_a_desk_and_shows_the_hosts() {
    let page = served();
    for (width, hides_head) in [(320, true), (375, true), (768, true), (1440, false)] {
        let dom = measured(&page, width);
        let says = |what: &str| assert!(dom.contains(what), "no {what:?} at {width}: {dom}");
        says(&format!("inner={width};"));
        says("overflow=0;");
        says(&format!("head-is-hidden={hides_head};"));
        says("hosts=10.20.0.16 10.20.0.21 10.20.0.11 10.20.0.17 10.20.0.12 10.20.0.14;");
        says("well=1;");
    }
}

#[test]
fn the_browser_has_nothing_to_complain_about() {
    let folder = TempDir::new().unwrap();
    let (_sensor, address) = sensor();
    let outcome = chromium(&folder, &format!("http://{address}/?refresh=off"));
    assert!(outcome.stdout.contains("10.20.0.16"), "{}", outcome.stdout);
    let complaints: Vec<&str> = outcome
        .stderr
        .lines()
        .filter(|it| it.contains("CONSOLE") || it.contains("Content Security Policy"))
        .collect();
    assert!(complaints.is_empty(), "{complaints:?}");
}

/// The page as it is served, which is then looked at as a file.
fn served() -> String {
    let (_sensor, address) = sensor();
    let answer = ask(address, "/?refresh=off").expect("an answer");
    assert_eq!(answer.code, 200);
    answer.body
}

fn sensor() -> (Server, std::net::SocketAddr) {
    let mut command = sensor::command(["run", "--web.listen-address", "127.0.0.1:0", "--replay"]);
    command.arg(sensor::demo());
    let sensor = Server::start(command);
    let line = sensor.line_with("serving on");
    let (_, rest) = line.split_once("://").expect("a URL");
    let (address, _) = rest.split_once('/').expect("a path");
    sensor.line_with("the replay has ended");
    (sensor, address.parse().expect("an address"))
}

/// What a page tells of itself in a frame of this width, in CSS pixels.
fn measured(page: &str, width: u32) -> String {
    let folder = TempDir::new().unwrap();
    let frame = page.replace('&', "&amp;").replace('"', "&quot;");
    let text = format!(
        "<!doctype html><body><iframe id=f width={width} height=900 style=\"border:0\" \
         srcdoc=\"{frame}\"></iframe><pre id=told></pre><script>{SCRIPT}</script>"
    );
    let path = folder.path().join("frame.html");
    fs::write(&path, text).unwrap();
    let url = format!("file://{}", path.display());
    let dom = chromium(&folder, &url).stdout;
    let (_, told) = dom.split_once("<pre id=\"told\">").expect("the measures");
    told.split("</pre>").next().unwrap().to_owned()
}

struct Outcome {
    stdout: String,
    stderr: String,
}

fn chromium(folder: &TempDir, url: &str) -> Outcome {
    let mut command = Command::new("chromium");
    command
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
        ])
        .args([
            "--no-first-run",
            "--disable-dev-shm-usage",
            "--enable-logging=stderr",
        ])
        .args(["--window-size=1600,1000", "--virtual-time-budget=5000"])
        .arg(format!(
            "--user-data-dir={}",
            folder.path().join("profile").display()
        ))
        .arg(url);
    let outcome = sensor::end_of(command, Vec::new(), sensor::PATIENCE).expect("chromium to end");
    Outcome {
        stdout: outcome.text().to_owned(),
        stderr: outcome.stderr,
    }
}

/// Measures the page in the frame once it is there.
const SCRIPT: &str = "
const frame = document.getElementById('f');
frame.addEventListener('load', () => {
  const page = frame.contentDocument, root = page.documentElement;
  const wide = [...page.querySelectorAll('body *')].filter(it => {
    const box = it.getBoundingClientRect();
    return box.width > 1 && box.right > root.clientWidth + 0.5;
  });
  const head = page.querySelector('.findings thead').getBoundingClientRect();
  const hosts = [...page.querySelectorAll('.findings tbody th')].map(it => it.textContent);
  document.getElementById('told').textContent = `inner=${frame.contentWindow.innerWidth};`
    + `overflow=${Math.max(root.scrollWidth - root.clientWidth, 0) + wide.length};`
    + `head-is-hidden=${head.width <= 1};hosts=${hosts.join(' ')};`
    + `well=${page.querySelectorAll('.health.well').length};`
    + wide.slice(0, 5).map(it => it.outerHTML.slice(0, 200)).join(' ');
});
";
