//! Tests of the text: its sums, its completeness, and what promtool says of it.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::hosts::DEFAULT_ROWS;
use super::*;
use crate::export::sample;
use crate::findings::Finding;
use crate::host::Address;

/// Sum of the samples whose name and labels hold all of these pieces.
fn sum(text: &str, name: &str, pieces: &[&str]) -> f64 {
    text.lines()
        .filter(|it| it.starts_with(name))
        .filter(|it| matches!(it.as_bytes().get(name.len()), Some(b'{' | b' ')))
        .filter(|it| pieces.iter().all(|piece| it.contains(piece)))
        .map(|it| it.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum()
}

fn series(text: &str) -> Vec<&str> {
    let samples = text.lines().filter(|it| !it.starts_with('#'));
    samples.map(|it| it.rsplit_once(' ').unwrap().0).collect()
}

fn promtool(text: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is needed: apt-get install prometheus");
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn the_text_is_that_of_the_golden_file() {
    let text = text(&sample::snapshot());
    let build = format!("version=\"{VERSION}\",revision=\"{REVISION}\",rustc=\"{RUSTC}\"");
    sample::expect_golden("metrics.txt", &text.replace(&build, "version=\"VERSION\""));
}

#[test]
fn promtool_finds_nothing_to_say() {
    let web = web::Web::new(&[("metrics", &[200])]).unwrap();
    let snapshot = sample::snapshot();
    promtool(&(text(&snapshot) + &web.text(Some(1_800_000_000))));
    promtool(&hosts::text(&snapshot, DEFAULT_ROWS));
}

#[test]
fn no_name_of_a_host_is_a_label() {
    let snapshot = sample::snapshot();
    let finding = snapshot.findings.iter().find(|it| it.who.is_some());
    let identity = &finding.unwrap().who.as_ref().unwrap().identity;
    let name = identity.name.as_ref().unwrap().0.as_str();
    let mac = identity.device.unwrap().to_string();
    for text in [text(&snapshot), hosts::text(&snapshot, 100)] {
        assert!(!text.contains(name) && !text.contains(&mac));
    }
}

#[test]
fn no_series_is_there_twice() {
    let mut twice = sample::snapshot();
    twice.captures.push(twice.captures[0].clone());
    twice.pipeline.busy.push(twice.pipeline.busy[0].clone());
    for snapshot in [sample::snapshot(), sample::empty(), twice] {
        let text = text(&snapshot) + &hosts::text(&snapshot, DEFAULT_ROWS);
        let all = series(&text);
        assert_eq!(all.len(), all.iter().collect::<BTreeSet<_>>().len());
    }
}

#[test]
fn series_of_closed_sets_are_there_from_the_start() {
    let before = text(&sample::empty());
    let after = text(&sample::snapshot());
    let open = [
        "phonehome_capture",
        "phonehome_pipeline",
        "phonehome_vendor_last_seen",
    ];
    let before: BTreeSet<&str> = series(&before).into_iter().collect();
    for it in series(&after) {
        if !open.iter().any(|open| it.starts_with(open)) {
            assert!(before.contains(it), "{it} appears only later");
        }
    }
}

#[test]
fn connections_are_named_plus_unnamed() {
    let text = text(&sample::snapshot());
    for transport in ["transport=\"tcp\"", "transport=\"udp\""] {
        let all = sum(&text, "phonehome_connections_total", &[transport]);
        let named = sum(&text, "phonehome_connections_named_total", &[transport]);
        let unnamed = sum(&text, "phonehome_connections_unnamed_total", &[transport]);
        assert!(all > 0.0);
        assert_eq!(all, named + unnamed);
    }
}

#[test]
fn frames_received_are_processed_dropped_or_queued() {
    let text = text(&sample::snapshot());
    let received = sum(&text, "phonehome_capture_received_frames_total", &[]);
    let processed = sum(&text, "phonehome_capture_processed_frames_total", &[]);
    let dropped = sum(&text, "phonehome_capture_dropped_frames_total", &[]);
    let queued = sum(&text, "phonehome_pipeline_queued_frames", &[]);
    assert!(received > 0.0);
    assert_eq!(received, processed + dropped + queued);
}

#[test]
fn sightings_of_a_vendor_are_the_same_counted_three_ways() {
    let text = text(&sample::snapshot());
    for vendor in sample::catalogue().vendors() {
        let label = format!("vendor=\"{}\"", vendor.id);
        let pieces = [label.as_str()];
        let sightings = sum(&text, "phonehome_sightings_total", &pieces);
        assert!(sightings > 0.0);
        assert_eq!(
            sightings,
            sum(&text, "phonehome_sighting_sources_total", &pieces)
        );
        assert_eq!(
            sightings,
            sum(&text, "phonehome_sighting_reach_total", &pieces)
        );
    }
}

#[test]
fn active_hosts_are_counted_from_the_newest_frame() {
    let text = text(&sample::snapshot());
    let active = |window| sum(&text, "phonehome_active_hosts", &["bytedance", window]);
    assert_eq!(active("window=\"1h\""), 0.0);
    assert_eq!(active("window=\"1d\""), 2.0);
}

#[test]
fn a_file_that_is_read_twice_counts_twice() {
    let mut snapshot = sample::snapshot();
    snapshot.captures.push(snapshot.captures[0].clone());
    let text = text(&snapshot);
    let received = sum(&text, "phonehome_capture_received_frames_total", &[]);
    assert_eq!(received, 2.0 * 184_223.0);
    assert_eq!(sum(&text, "phonehome_capture_info", &[]), 1.0);
}

#[test]
fn an_interface_name_cannot_break_a_line() {
    let mut snapshot = sample::snapshot();
    snapshot.captures[0].name = "a\"b\\c\nphonehome_capture_up 7".to_owned();
    let text = text(&snapshot);
    assert!(text.contains("interface=\"a\\\"b\\\\c\\nphonehome_capture_up 7\""));
    promtool(&text);
}

#[test]
fn host_rows_end_at_the_limit_and_the_rest_is_counted() {
    let mut snapshot = sample::snapshot();
    let one = Finding::clone(&snapshot.findings[0]);
    snapshot.findings = (0..MANY)
        .map(|it| {
            let mut finding = one.clone();
            finding.host = Address::from_v4(it.to_be_bytes());
            finding.last_seen = sample::at(i64::from(it));
            Arc::new(finding)
        })
        .collect();
    let text = hosts::text(&snapshot, DEFAULT_ROWS);
    assert_eq!(sum(&text, "phonehome_host_finding_info", &[]), 5_000.0);
    assert_eq!(sum(&text, "phonehome_host_rows_omitted", &[]), 3.0);
    let newest = format!("host=\"{}\"", Address::from_v4((MANY - 1).to_be_bytes()));
    let oldest = format!("host=\"{}\"", Address::from_v4([0, 0, 0, 2]));
    assert!(text.contains(&newest));
    assert!(!text.contains(&oldest));
}

#[test]
fn ten_thousand_findings_take_half_a_megabyte_of_metrics() {
    let mut snapshot = sample::snapshot();
    let one = Finding::clone(&snapshot.findings[0]);
    snapshot.findings = (0..10_000_u32)
        .map(|it| {
            let mut finding = one.clone();
            finding.host = Address::from_v4(it.to_be_bytes());
            Arc::new(finding)
        })
        .collect();
    assert!(text(&snapshot).len() < 500_000);
    let rows = hosts::text(&snapshot, DEFAULT_ROWS);
    assert!(rows.len() < 5_000_000, "{} octets", rows.len());
}

#[test]
fn products_are_escaped() {
    let mut snapshot = sample::snapshot();
    snapshot.findings.truncate(1);
    Arc::make_mut(&mut snapshot.findings[0]).products =
        vec!["a\"b\\".to_owned(), "c\nd".to_owned()];
    let text = hosts::text(&snapshot, DEFAULT_ROWS);
    assert!(text.contains("product=\"a\\\"b\\\\, c\\nd\""));
    promtool(&text);
}

#[test]
fn the_process_tells_its_memory() {
    assert!(sum(&process(), "process_resident_memory_bytes", &[]) > 0.0);
}

const MANY: u32 = 5_003;
