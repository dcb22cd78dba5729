//! Tests of the report on a removal that is under way, in all its forms.

use std::sync::Arc;

use super::*;
use crate::export::{VERSION, json, sample};
use crate::findings::history::Past;
use crate::findings::{ChangeKind, History, Verdict};

/// Two directives and forty hosts on the eightieth day: of those with the product some are clean,
/// some quiet, some away, one back, one waived.
fn removal() -> Snapshot {
    let mut snapshot = sample::snapshot();
    let first = Finding::clone(&snapshot.findings[2]);
    assert_eq!(first.verdict, Verdict::InstalledActive);
    snapshot.findings.clear();
    snapshot.captures[0].last_frame = Some(day(80));
    snapshot.hosts_seen = 131;
    let mut pasts = Vec::new();
    for number in 0..40_u8 {
        let mut finding = first.clone();
        finding.host = Address::from_v4([10, 1, 2 + number % 3, number]);
        finding.first_seen = day(i64::from(number) / 4);
        finding.last_seen = day(80);
        let opened = turn(&finding, finding.first_seen, ChangeKind::Opened);
        pasts.push(opened);
        let gone = day(20 + i64::from(number) * 2);
        let (state, since) = match number {
            0..=19 => (State::Removed, gone),
            20..=23 => (State::Quiet, day(76)),
            24..=26 => (State::Absent, gone),
            27 => (State::Returned, day(78)),
            _ => (State::Active, finding.first_seen),
        };
        finding.state = state;
        finding.state_since = since;
        let kinds = match state {
            State::Removed => vec![(gone, ChangeKind::Removed)],
            State::Quiet => vec![(since, ChangeKind::Quiet)],
            State::Absent => vec![(gone, ChangeKind::Absent)],
            State::Returned => vec![
                (day(50), ChangeKind::Removed),
                (since, ChangeKind::Returned),
            ],
            State::Active => Vec::new(),
        };
        if !state.is_open() {
            finding.last_seen = gone;
        }
        pasts.extend(kinds.into_iter().map(|(at, kind)| turn(&finding, at, kind)));
        if number % 5 == 0 {
            finding.products = Vec::new();
        }
        snapshot.findings.push(Arc::new(finding));
    }
    let mut engine = first.clone();
    engine.host = sample::address("2001:db8:aaaa::7");
    engine.verdict = Verdict::Embedded;
    snapshot.findings.push(Arc::new(engine));
    pasts.sort_by_key(|it| it.at);
    for past in pasts {
        snapshot.history.push(past);
    }
    snapshot
}

fn turn(finding: &Finding, at: Timestamp, kind: ChangeKind) -> Past {
    Past {
        at,
        host: finding.host,
        vendor: "kaspersky".into(),
        kind,
        from: finding.verdict,
        to: finding.verdict,
    }
}

fn day(number: i64) -> Timestamp {
    sample::at(number * 86_400)
}

fn ask() -> Ask {
    Ask {
        made: day(81),
        sensor: Some("head office".to_owned()),
        origin: Origin::Running,
    }
}

fn without_version(text: &str) -> String {
    let version = format!("\"version\": \"{VERSION}\"");
    text.replace(&version, "\"version\": \"VERSION\"")
        .replace(&format!("phonehome {VERSION}"), "phonehome VERSION")
}

/// A page without its style sheet, which stands in `templates`.
fn without_style(page: String) -> String {
    let (head, rest) = page.split_once("<style>").unwrap();
    let (_, tail) = rest.split_once("</style>").unwrap();
    format!("{head}<style></style>{tail}")
}

#[test]
fn each_form_is_that_of_its_golden_file() {
    let snapshot = removal();
    let report = Report::new(&snapshot, ask());
    let document = serde_json::to_string_pretty(&json::report(&report, 10)).unwrap() + "\n";
    let forms = [
        ("report.html", without_style(html::html(&report).unwrap())),
        ("report.csv", csv::csv(&report)),
        ("report.md", markdown::markdown(&report)),
        ("report.json", document),
    ];
    for (name, text) in forms {
        sample::expect_golden(name, &without_version(&text));
    }
}

#[test]
fn the_line_ends_with_the_open_findings_of_the_report() {
    let told = removal();
    let untold = Snapshot {
        history: History::default(),
        ..told.clone()
    };
    for snapshot in [told, untold] {
        for part in Report::new(&snapshot, ask()).parts {
            let (_, last) = part.burn_down.span().unwrap();
            assert_eq!(last, snapshot.today());
            assert_eq!(part.burn_down.open_on(last), part.counts.open());
            let tally = snapshot.tally(part.directive.unwrap());
            assert_eq!(part.counts.open(), tally.open);
            assert_eq!(part.counts.of(Stand::Removed), tally.removed);
            assert_eq!(part.counts.of(Stand::Absent), tally.absent);
            assert_eq!(part.counts.of(Stand::Waived), tally.waived);
        }
    }
}

#[test]
fn the_summary_gives_the_answer_and_says_what_it_rests_on() {
    let snapshot = removal();
    let report = Report::new(&snapshot, ask());
    let lines = report.parts[0].summary(&report);
    assert_eq!(
        lines[0],
        "17 of 131 hosts seen have an open finding under BOD 17-01."
    );
    let all = lines.join(" ");
    for says in [
        "4 of them are quiet",
        "1 of them is back after a silence",
        "20 were removed, as far as can be seen",
        "3 more cannot be judged",
        "Not counted: 1 embedded.",
        "The last milestone, begin removal on 2017-12-12, was 9 days ago.",
        "of 1,234 connections",
    ] {
        assert!(all.contains(says), "{says:?} is not in {all}");
    }
}

#[test]
fn nothing_found_is_never_said_without_what_could_not_be_seen() {
    let mut snapshot = sample::snapshot();
    snapshot.findings.clear();
    let report = Report::new(&snapshot, ask());
    let forms = [
        html::html(&report).unwrap(),
        csv::csv(&report),
        markdown::markdown(&report),
    ];
    for text in forms {
        assert!(
            text.contains("None were found: no host of 41 hosts seen"),
            "{text}"
        );
        assert!(text.contains("134 of them could not be named"), "{text}");
    }
}

#[test]
fn a_report_on_a_store_says_that_it_does_not_know_what_was_seen() {
    let snapshot = removal();
    let ask = Ask {
        origin: Origin::Store,
        ..ask()
    };
    let report = Report::new(&snapshot, ask);
    let text = markdown::markdown(&report);
    assert!(text.contains("not how much it could see"), "{text}");
    let document = serde_json::to_value(json::report(&report, 1)).unwrap();
    assert!(document.get("visibility").is_none());
    assert_eq!(
        document["parts"][0]["endpoints"].as_array().unwrap().len(),
        1
    );
    assert_eq!(document["parts"][0]["endpoints_omitted"], 39);
}

#[test]
fn text_from_outside_cannot_become_markup() {
    let mut snapshot = sample::snapshot();
    let attack = "<script>alert('1')</script>&\"|\n=1\u{1b}";
    for finding in &mut snapshot.findings {
        let finding = Arc::make_mut(finding);
        finding.grounds = vec![attack.to_owned(); 2];
        finding.products = vec![attack.to_owned()];
    }
    snapshot.captures[0].name = attack.to_owned();
    let ask = Ask {
        sensor: Some(attack.to_owned()),
        ..ask()
    };
    let report = Report::new(&snapshot, ask);
    for text in [html::html(&report).unwrap(), markdown::markdown(&report)] {
        assert!(!text.contains("<script"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}

#[test]
fn rows_beyond_the_bound_are_told_of_and_csv_has_them_all() {
    let mut snapshot = sample::snapshot();
    let one = Finding::clone(&snapshot.findings[2]);
    snapshot.findings = (0..3_000_u32)
        .map(|it| {
            let mut finding = one.clone();
            finding.host = Address::from_v4((it + 0x0a00_0000).to_be_bytes());
            Arc::new(finding)
        })
        .collect();
    let report = Report::new(&snapshot, ask());
    let page = html::html(&report).unwrap();
    assert_eq!(
        page.matches("2500 more endpoints are not listed").count(),
        2
    );
    assert!(page.len() < 2_500_000, "{} octets", page.len());
    let rows = csv::csv(&report);
    assert_eq!(rows.matches("\r\nfinding,us-bod-17-01").count(), 3_000);
}

#[test]
fn the_file_allows_itself_nothing() {
    let snapshot = removal();
    let page = html::html(&Report::new(&snapshot, ask())).unwrap();
    assert!(page.contains("default-src 'none'") || page.contains("default-src &#39;none&#39;"));
    for word in ["<script", "style=\"", "src=\"http", "@import", "url("] {
        assert!(!page.contains(word), "{word}");
    }
}
