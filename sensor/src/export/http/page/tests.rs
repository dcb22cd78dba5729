//! Tests of the words and numbers on the page.

use std::sync::Arc;

use super::*;
use crate::export::protection::{Protection, Standing};
use crate::export::{Canary, Ready, sample};

const LOCAL: View = View {
    access: Access::Local,
    is_encrypted: false,
    refreshes: Refreshes::Yes,
    rows: Rows::Few,
};

fn page(snapshot: &Snapshot, view: View) -> String {
    html(snapshot, view, "/metrics", Some(sample::at(7_330))).unwrap()
}

#[test]
fn text_from_outside_cannot_become_markup() {
    let mut snapshot = sample::snapshot();
    let attack = "<script>alert('1')</script>&\"\u{1b}";
    for finding in &mut snapshot.findings {
        let finding = Arc::make_mut(finding);
        finding.grounds = vec![attack.to_owned(); 2];
        finding.products = vec![attack.to_owned()];
    }
    snapshot.captures[0].name = attack.to_owned();
    snapshot.ready = Ready::No(attack.to_owned());
    let page = page(&snapshot, LOCAL);
    assert!(!page.contains("<script"));
    assert!(!page.contains('\u{1b}'));
    assert!(page.matches("&#60;script&#62;").count() >= 3, "{page}");
}

#[test]
fn hosts_are_shown_only_where_they_may_be() {
    let snapshot = sample::snapshot();
    for (access, shows) in [
        (Access::Local, true),
        (Access::Authenticated, true),
        (Access::Always, true),
        (Access::Never, false),
        (Access::Open, false),
    ] {
        let page = page(&snapshot, View { access, ..LOCAL });
        assert_eq!(page.contains("10.1."), shows, "{access:?}");
        assert_eq!(page.contains("/metrics/hosts"), shows, "{access:?}");
        let words = access.words().replace('"', "&#34;");
        assert!(page.contains(&words), "{access:?}");
        assert!(page.contains("Kaspersky"), "{access:?}");
    }
}

#[test]
fn a_long_list_ends_with_how_many_more_there_are() {
    let mut snapshot = sample::snapshot();
    let one = snapshot.findings[1].clone();
    snapshot.findings = vec![one; MANY + 7];
    let rows = |page: &str| page.matches("role=\"rowheader\">10.").count();
    let few = page(&snapshot, LOCAL);
    assert_eq!(rows(&few), FEW);
    assert!(
        few.contains("<p>1807 more are not shown. <a href=\"/?rows=all\">"),
        "{few}"
    );
    let many = View::of(Some("rows=all"), Access::Local, false);
    let many = page(&snapshot, many);
    assert_eq!(rows(&many), MANY);
    assert!(many.contains("<p>7 more are not shown. Read <a href=\"/api/v1/findings\">"));
}

#[test]
fn directives_and_waivers_are_told_of() {
    let page = page(&sample::snapshot(), LOCAL);
    assert!(
        page.contains("<div>Under BOD 17-01: 1 open finding counts, 1 more waived"),
        "{page}"
    );
    assert!(
        page.contains("waived until 2017-10-31: a laboratory for malware"),
        "{page}"
    );
}

#[test]
fn the_canary_and_the_protections_are_told_of() {
    let mut snapshot = sample::snapshot();
    snapshot.canary = Some(Canary {
        sent: 12,
        found: 11,
        last_success: Some(sample::at(7_320)),
        ..Canary::default()
    });
    snapshot.protections = Arc::new([
        (Protection::Seccomp, Standing::InForce),
        (Protection::Landlock, Standing::Off("by a flag".to_owned())),
    ]);
    let page = page(&snapshot, LOCAL);
    for expected in [
        "11 of 12 made-up exchanges came out as findings, the newest 10 s ago",
        "the process makes only the system calls that it needs; not in force: landlock (switched \
         off: by a flag)",
    ] {
        assert!(page.contains(expected), "{page}");
    }
}

#[test]
fn outputs_and_the_store_are_told_of_with_what_went_wrong() {
    let snapshot = sample::snapshot();
    let page = page(&snapshot, LOCAL);
    let says = |what: &str| assert!(page.contains(what), "{what}: {page}");
    says(
        "<dt>events to a file</dt><dd>1,200 handed over, the newest at 2017-10-02T08:00:00Z; 2 wait</dd>",
    );
    says(
        "<dt>events to syslog</dt><dd>1,100 handed over; 11 wait; 90 were dropped, as the queue was full; 1 were refused; 4 attempts failed and were made again</dd>",
    );
    says("<dt>store</dt><dd>findings saved at ");
    says(
        "<dt>evidence</dt><dd>frames of 31 sightings kept since the start, 81.2 kB on disk; 2 had gone by; 1 could not be written</dd>",
    );
}

#[test]
fn it_is_renewed_unless_it_is_held_still() {
    let snapshot = sample::snapshot();
    let tag = "<meta http-equiv=\"refresh\"";
    assert!(page(&snapshot, LOCAL).contains(tag));
    assert!(page(&snapshot, LOCAL).contains("<a href=\"/?refresh=off\">"));
    let still = View::of(Some("x=1&refresh=off"), Access::Local, false);
    assert!(!page(&snapshot, still).contains(tag));
    assert!(page(&snapshot, still).contains("<a href=\"/\">"));
}

fn sentence(snapshot: &Snapshot, now: i64) -> (&'static str, String) {
    let health = health::of(snapshot, Some(sample::at(now)));
    (health.class, health.sentence)
}

#[test]
fn the_first_sentence_says_whether_the_sensor_is_well() {
    let mut snapshot = sample::snapshot();
    snapshot.captures[0].dropped_frames = [0; 3];
    snapshot.captures[0].up = false;
    let (class, words) = sentence(&snapshot, 0);
    assert_eq!(class, "well");
    assert!(
        words.contains("has read office.pcapng to the end"),
        "{words}"
    );

    snapshot.captures[0].mode = Mode::Live;
    snapshot.captures[0].name = "eth1".to_owned();
    snapshot.captures[0].up = true;
    let expected = "The sensor is well: it listens on eth1, and the newest frame came 5 s ago.";
    assert_eq!(sentence(&snapshot, 7_330), ("well", expected.to_owned()));
    let (class, words) = sentence(&snapshot, 7_325 + 180);
    assert_eq!(class, "look");
    assert!(words.contains("no frame has come for 3 min"), "{words}");

    snapshot.captures[0].last_frame = None;
    let (class, words) = sentence(&snapshot, 7_330);
    assert_eq!(class, "look");
    assert!(words.contains("no frame has come yet"), "{words}");

    snapshot.ready = Ready::No("interface eth1: it is down".to_owned());
    let (class, words) = sentence(&snapshot, 7_330);
    assert_eq!(class, "ill");
    assert!(words.ends_with("interface eth1: it is down."), "{words}");
}

#[test]
fn lost_frames_and_one_way_mirrors_are_remarked_on() {
    let snapshot = sample::snapshot();
    let health = health::of(&snapshot, None);
    assert_eq!(health.class, "look");
    assert!(health.remarks[0].starts_with("4 of 184,223 frames were lost"));
    let mut one_way = sample::empty();
    one_way.visibility.flows_ended = [[90, 20], [0, 0]];
    let health = health::of(&one_way, None);
    assert!(health.remarks[0].contains("one direction only"));
    let mut strangers = sample::snapshot();
    strangers.captures[0].dropped_frames = [0; 3];
    strangers.hosts_seen = 0;
    let health = health::of(&strangers, None);
    assert!(health.remarks[0].contains("home networks"));
}

#[test]
fn a_mirror_that_leaves_octets_out_is_remarked_on() {
    let mut lossy = sample::empty();
    lossy.visibility.judged_flows = 100;
    lossy.visibility.judged_octets = 9_700;
    lossy.visibility.missing_octets = 300;
    let health = health::of(&lossy, None);
    assert!(health.remarks[0].contains("3.0 % never reached this sensor"));
    lossy.visibility.missing_octets = 100;
    assert!(health::of(&lossy, None).remarks.is_empty());
}

#[test]
fn a_page_without_findings_does_not_say_that_hosts_are_clean() {
    let page = page(&sample::empty(), LOCAL);
    assert!(page.contains("None, as far as could be seen."), "{page}");
    assert!(page.contains("is not proven clean"));
}
