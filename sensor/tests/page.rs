//! The status page and the report of the real program in a real browser, at the widths of a telephone
//! and a desk, in light and dark, and on paper.
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
    let page = served("/?refresh=off");
    for (width, hides_head) in [
        (320, true),
        (375, true),
        (768, true),
        (1000, true),
        (1120, false),
        (1440, false),
    ] {
        let dom = measured(&page, width, "light");
        let says = |what: &str| assert!(dom.contains(what), "no {what:?} at {width}: {dom}");
        says(&format!("inner={width};"));
        says("overflow=0;");
        says(&format!("head-is-hidden={hides_head};"));
        says("hosts=10.20.0.16 10.20.0.21 10.20.0.11 10.20.0.17 10.20.0.12 10.20.0.14;");
        says("well=1;");
        says("crushed=0;");
    }
}

#[test]
fn the_report_fits_a_telephone_and_a_desk_and_shows_the_hosts_that_count() {
    let page = served("/report?directive=us-bod-17-01");
    for (width, hides_head) in [
        (320, true),
        (400, true),
        (1000, true),
        (1120, false),
        (1440, false),
    ] {
        let dom = measured(&page, width, "light");
        let says = |what: &str| assert!(dom.contains(what), "no {what:?} at {width}: {dom}");
        says("overflow=0;");
        says(&format!("head-is-hidden={hides_head};"));
        says("hosts=10.20.0.11 10.20.0.17 10.20.0.12;");
        says("crushed=0;");
    }
}

#[test]
fn a_report_on_a_removal_fits_with_its_chart() {
    let page = golden();
    for width in [320, 400, 640, 1440] {
        let dom = measured(&page, width, "light");
        let says = |what: &str| assert!(dom.contains(what), "no {what:?} at {width}: {dom}");
        says("overflow=0;");
        says("charts=2;");
    }
}

#[test]
fn pages_can_be_read_by_those_who_see_badly_or_not_at_all() {
    let pages = [served("/?refresh=off"), golden()];
    for page in pages {
        for scheme in ["light", "dark"] {
            let dom = measured(&page, 1024, scheme);
            let says = |what: &str| assert!(dom.contains(what), "no {what:?} in {scheme}: {dom}");
            says(&format!("dark={};", scheme == "dark"));
            says("complaints=none;");
        }
    }
}

#[test]
fn no_page_has_a_script() {
    for page in [served("/"), golden()] {
        assert!(!page.contains("<script") && !page.contains("javascript:"));
    }
}

#[test]
fn the_report_prints_all_of_its_rows_with_a_head_on_every_page() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("report.html");
    fs::write(&path, golden()).unwrap();
    let pdf = folder.path().join("report.pdf");
    let print = format!("--print-to-pdf={}", pdf.display());
    let url = format!("file://{}", path.display());
    chromium(&folder, &[&print, "--no-pdf-header-footer"], &url);
    let mut text = Command::new("pdftotext");
    text.arg("-layout").arg(&pdf).arg("-");
    let text = sensor::end_of(text, Vec::new(), sensor::PATIENCE).expect("pdftotext to end");
    let pages: Vec<&str> = text.text().split('\u{c}').collect();
    // A host stands at the beginning of its row; networks are listed too, with a slash.
    let hosts = |page: &str| {
        let lines = page
            .lines()
            .filter_map(|it| it.trim_start().split(' ').next());
        lines
            .filter(|it| it.starts_with("10.1.") && !it.contains('/'))
            .count()
    };
    // Forty rows in each of two parts.
    let all: usize = pages.iter().map(|it| hosts(it)).sum();
    assert_eq!(all, 80, "{pages:?}");
    let with_rows = pages.iter().filter(|it| hosts(it) > 0);
    assert!(with_rows.clone().count() > 2, "{pages:?}");
    for page in with_rows {
        assert!(page.contains("Names read in"), "{page}");
    }
}

#[test]
fn the_browser_has_nothing_to_complain_about() {
    let folder = TempDir::new().unwrap();
    let (_sensor, address) = sensor();
    for path in ["/?refresh=off", "/report?directive=us-bod-17-01"] {
        let outcome = chromium(&folder, DUMP, &format!("http://{address}{path}"));
        assert!(outcome.stdout.contains("10.20.0.12"), "{}", outcome.stdout);
        let complaints: Vec<&str> = outcome
            .stderr
            .lines()
            .filter(|it| it.contains("CONSOLE") || it.contains("Content Security Policy"))
            .collect();
        assert!(complaints.is_empty(), "{path}: {complaints:?}");
    }
}

/// A page as it is served, which is then looked at as a file.
fn served(path: &str) -> String {
    let (_sensor, address) = sensor();
    let answer = ask(address, path).expect("an answer");
    assert_eq!(answer.code, 200);
    answer.body
}

/// The report of the unit tests, a removal that is under way, with the style sheet that the golden
/// file leaves out.
fn golden() -> String {
    let page = fs::read_to_string(sensor::tests().join("golden/report.html")).unwrap();
    let sheets = ["status.css", "report.css"]
        .map(|it| fs::read_to_string(sensor::tests().join("../templates").join(it)).unwrap());
    let (head, tail) = page
        .split_once("<style>")
        .expect("a place for the style sheet");
    format!("{head}<style>{}{tail}", sheets.concat())
}

fn sensor() -> (Server, std::net::SocketAddr) {
    let mut command = sensor::command(["run", "--web.listen-address", "127.0.0.1:0"]);
    command.args(["--directives", "us-bod-17-01", "--replay"]);
    command.arg(sensor::demo());
    let sensor = Server::start(command);
    let line = sensor.line_with("serving on");
    let (_, rest) = line.split_once("://").expect("a URL");
    let (address, _) = rest.split_once('/').expect("a path");
    sensor.line_with("the replay has ended");
    (sensor, address.parse().expect("an address"))
}

/// What a page tells of itself in a frame of this width, in CSS pixels, and this colour scheme.
fn measured(page: &str, width: u32, scheme: &str) -> String {
    let folder = TempDir::new().unwrap();
    let frame = page.replace('&', "&amp;").replace('"', "&quot;");
    let text = format!(
        "<!doctype html><body><iframe id=f width={width} height=900 \
         style=\"border:0; color-scheme: {scheme}\" srcdoc=\"{frame}\"></iframe><pre id=told></pre><script>{SCRIPT}</script>"
    );
    let path = folder.path().join("frame.html");
    fs::write(&path, text).unwrap();
    let url = format!("file://{}", path.display());
    let dom = chromium(&folder, DUMP, &url).stdout;
    let (_, told) = dom.split_once("<pre id=\"told\">").expect("the measures");
    told.split("</pre>").next().unwrap().to_owned()
}

struct Outcome {
    stdout: String,
    stderr: String,
}

fn chromium(folder: &TempDir, options: &[&str], url: &str) -> Outcome {
    let mut command = Command::new("chromium");
    command
        .args(["--headless", "--no-sandbox", "--disable-gpu"])
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
        .args(options)
        .arg(url);
    let outcome = sensor::end_of(command, Vec::new(), sensor::PATIENCE).expect("chromium to end");
    Outcome {
        stdout: outcome.text().to_owned(),
        stderr: outcome.stderr,
    }
}

/// Has the browser print the DOM.
const DUMP: &[&str] = &["--dump-dom"];

/// Measures the page in the frame once it is there. What is complained of: headings that jump a
/// level, heads of tables without a scope, tables without a caption, drawings without a name, ids that
/// are there twice, and text with too little contrast to what is behind it (WCAG 2, 1.4.3).
const SCRIPT: &str = "
const frame = document.getElementById('f');
frame.addEventListener('load', () => {
  const page = frame.contentDocument, root = page.documentElement;
  const wide = [...page.querySelectorAll('body *')].filter(it => {
    const box = it.getBoundingClientRect();
    return box.width > 1 && box.right > root.clientWidth + 0.5;
  });
  const complaints = [];
  let level = 0;
  for (const it of page.querySelectorAll('h1, h2, h3, h4')) {
    if (Number(it.tagName[1]) > level + 1) complaints.push('jump to ' + it.outerHTML);
    level = Number(it.tagName[1]);
  }
  const all = what => [...page.querySelectorAll(what)];
  complaints.push(...all('th:not([scope])').map(it => 'no scope: ' + it.outerHTML));
  complaints.push(...all('table:not(:has(> caption))').map(it => 'no caption'));
  complaints.push(...all('svg:not(:has(> title)):not([aria-hidden])').map(it => 'no title'));
  const ids = all('[id]').map(it => it.id);
  complaints.push(...ids.filter((it, at) => ids.indexOf(it) < at).map(it => 'twice: ' + it));
  const light = colour => {
    const [r, g, b] = colour.match(/[0-9.]+/g).map(it => Number(it) / 255)
      .map(it => it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const view = page.defaultView;
  for (const it of all('body *')) {
    const says = [...it.childNodes].some(one => one.nodeType === 3 && one.data.trim());
    if (!says || ['TITLE', 'DESC', 'STYLE'].includes(it.tagName.toUpperCase())) continue;
    const style = view.getComputedStyle(it);
    let behind = it, back = 'rgba(0, 0, 0, 0)';
    while (behind && back === 'rgba(0, 0, 0, 0)') {
      back = view.getComputedStyle(behind).backgroundColor;
      behind = behind.parentElement;
    }
    const [a, b] = [light(it.tagName === 'text' ? style.fill : style.color), light(back)];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) complaints.push(contrast.toFixed(1) + ': ' + it.outerHTML.slice(0, 120));
  }
  const head = page.querySelector('.findings thead').getBoundingClientRect();
  const hosts = [...page.querySelectorAll('.findings tbody th')].map(it => it.firstChild.textContent.trim());
  document.getElementById('told').textContent = `inner=${frame.contentWindow.innerWidth};`
    + `overflow=${Math.max(root.scrollWidth - root.clientWidth, 0) + wide.length};`
    + `head-is-hidden=${head.width <= 1};hosts=${hosts.join(' ')};`
    + `crushed=${all('.findings tbody th').filter(it => it.getBoundingClientRect().width < 120).length};`
    + `dark=${view.matchMedia('(prefers-color-scheme: dark)').matches};`
    + `charts=${all('.chart').filter(it => it.getBoundingClientRect().width > 0).length};`
    + `complaints=${complaints.slice(0, 5).join(' ') || 'none'};`
    + `well=${page.querySelectorAll('.health.well').length};`
    + wide.slice(0, 5).map(it => it.outerHTML.slice(0, 200)).join(' ');
});
";
