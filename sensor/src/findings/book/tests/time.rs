//! What time and silence make of findings.

use super::*;
use crate::findings::Spans;

const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3600);
const UPDATE: &str = "s00.upd.kaspersky.com";

/// A wire on which another host makes a connection each hour, whatever the others do.
struct Wire {
    story: Story,
    start: Timestamp,
}

impl Wire {
    fn new() -> Self {
        let story = Story::new();
        Self {
            start: story.now,
            story,
        }
    }

    /// For that many hours, each host in `there` makes a connection an hour, and those in `using` a
    /// contact.
    fn hours(&mut self, hours: u32, there: &[&str], using: &[&str]) -> &mut Self {
        for _ in 0..hours {
            self.story.connects("10.1.9.9", "203.0.113.1", (10, 10));
            for host in there {
                self.story.connects(host, "203.0.113.1", (10, 10));
            }
            for host in using {
                self.story.uses(host, UPDATE);
            }
            self.story.wait(HOUR);
        }
        self
    }

    /// The hosts of changes, their kinds and the whole hours at which they came; those that open and strengthen left out.
    fn changes(&self) -> Vec<(String, &'static str, u64)> {
        let (_, changes) = self.story.told();
        let lapses = changes.into_iter().filter(|it| it.from == it.to);
        lapses
            .map(|it| {
                let hours = it.at.since(self.start).as_secs_f64() / 3600.0;
                (it.host.to_string(), it.kind.as_str(), hours.round() as u64)
            })
            .collect()
    }

    fn state(&self, host: &str) -> State {
        let (vendor, _) = self.story.catalogue.vendor_by_id("kaspersky").unwrap();
        let (book, _) = self.story.told();
        book.finding(address(host), vendor).unwrap().state
    }
}

fn row(host: &str, kind: &'static str, hours: u64) -> (String, &'static str, u64) {
    (host.to_owned(), kind, hours)
}

#[test]
fn a_product_that_is_taken_off_goes_quiet_and_is_removed() {
    let mut wire = Wire::new();
    wire.hours(24, &[HOST], &[HOST])
        .hours(24 * 20, &[HOST], &[]);
    // The last contact was in the hour before the first day ended.
    let expected = [
        row(HOST, "quiet", 23 + 3 * 24),
        row(HOST, "removed", 23 + 14 * 24),
    ];
    assert_eq!(wire.changes(), expected);
    assert_eq!(wire.state(HOST), State::Removed);
}

#[test]
fn a_host_that_is_switched_off_is_absent_and_never_quiet_or_removed() {
    let mut wire = Wire::new();
    wire.hours(24, &[HOST], &[HOST]).hours(24 * 40, &[], &[]);
    assert_eq!(wire.changes(), [row(HOST, "absent", 23 + 7 * 24)]);
    assert_eq!(wire.state(HOST), State::Absent);
}

#[test]
fn a_removed_product_that_comes_back_is_told_once_and_is_active_after_a_while() {
    let mut wire = Wire::new();
    wire.hours(24, &[HOST], &[HOST])
        .hours(24 * 19, &[HOST], &[])
        .hours(48, &[HOST], &[HOST]);
    let changes = wire.changes();
    assert_eq!(changes.last(), Some(&row(HOST, "returned", 20 * 24)));
    assert_eq!(changes.len(), 3);
    assert_eq!(wire.state(HOST), State::Returned);
    wire.hours(48, &[HOST], &[HOST]);
    assert_eq!(wire.changes().len(), 3);
    assert_eq!(wire.state(HOST), State::Active);
}

#[test]
fn a_machine_out_of_a_drawer_is_active_again_and_nothing_but_returned_is_told() {
    let mut wire = Wire::new();
    wire.hours(24, &[HOST], &[HOST])
        .hours(24 * 30, &[], &[])
        .hours(5, &[HOST], &[])
        .hours(5, &[HOST], &[HOST]);
    let expected = [
        row(HOST, "absent", 23 + 7 * 24),
        row(HOST, "returned", 31 * 24 + 5),
    ];
    assert_eq!(wire.changes(), expected);
}

#[test]
fn a_host_that_comes_back_clean_is_quiet_once_it_was_there_for_long_enough() {
    let mut wire = Wire::new();
    wire.hours(24, &[HOST], &[HOST])
        .hours(24 * 10, &[], &[])
        .hours(24 * 20, &[HOST], &[]);
    let changes = wire.changes();
    assert_eq!(changes[0], row(HOST, "absent", 23 + 7 * 24));
    let (host, kind, hours) = &changes[1];
    assert_eq!((host.as_str(), *kind), (HOST, "quiet"));
    // Seen on a second day.
    assert!((11 * 24 + 1..13 * 24).contains(hours), "{hours}");
    assert_eq!(changes[2].1, "removed");
    assert_eq!(changes.len(), 3);
}

#[test]
fn a_weekend_makes_nobody_quiet() {
    let mut wire = Wire::new();
    for _ in 0..4 {
        for _ in 0..5 {
            wire.hours(1, &[HOST], &[HOST])
                .hours(8, &[HOST], &[])
                .hours(15, &[], &[]);
        }
        wire.hours(48, &[], &[]);
    }
    assert_eq!(wire.changes(), []);
    // A product that goes while the host works five days a week.
    for _ in 0..5 {
        for _ in 0..5 {
            wire.hours(9, &[HOST], &[]).hours(15, &[], &[]);
        }
        wire.hours(48, &[], &[]);
    }
    let kinds: Vec<_> = wire.changes().into_iter().map(|it| it.1).collect();
    assert_eq!(kinds, ["quiet", "removed"]);
}

#[test]
fn time_that_the_sensor_did_not_see_counts_for_nobody() {
    let mut wire = Wire::new();
    wire.hours(24, &[HOST], &[HOST]);
    for _ in 0..10 {
        wire.story.wait(DAY * 30);
        wire.hours(6, &[HOST], &[]);
    }
    assert_eq!(wire.changes(), []);
    assert_eq!(wire.state(HOST), State::Active);
}

#[test]
fn who_reads_the_vendors_pages_after_the_product_is_gone_does_not_bring_it_back() {
    let mut wire = Wire::new();
    wire.hours(24, &[HOST], &[HOST]);
    for _ in 0..20 {
        wire.hours(24, &[HOST], &[]);
        wire.story
            .uses(HOST, "www.kaspersky.com")
            .uses(HOST, "w-22900.fp.kaspersky-labs.com");
    }
    assert_eq!(wire.state(HOST), State::Removed);
}

#[test]
fn what_is_below_a_contact_has_a_state_and_no_changes() {
    let mut wire = Wire::new();
    wire.story.uses(HOST, "w-22900.fp.kaspersky-labs.com");
    wire.hours(24 * 20, &[HOST], &[]);
    assert_eq!(wire.changes(), []);
    assert_eq!(wire.state(HOST), State::Removed);
    wire.story.uses(HOST, "w-22900.fp.kaspersky-labs.com");
    assert_eq!(wire.changes(), []);
    assert_eq!(wire.state(HOST), State::Active);
}

#[test]
fn questions_of_a_host_that_may_be_a_resolver_end_no_silence() {
    let mut wire = Wire::new();
    wire.hours(24, &[HOST], &[HOST])
        .hours(24 * 20, &[HOST], &[]);
    wire.story
        .note(What::Asked(address(HOST)))
        .asks_at(UPSTREAM, HOST, UPDATE);
    assert_eq!(wire.state(HOST), State::Removed);
    wire.story.greets(HOST, UPDATE, 443, Reach::Transferred);
    assert_eq!(wire.state(HOST), State::Returned);
}

#[test]
fn what_is_removed_or_absent_for_longer_than_it_is_kept_is_forgotten() {
    let mut wire = Wire::new();
    wire.hours(24, &[HOST, OTHER], &[HOST, OTHER])
        .hours(24 * 40, &[HOST], &[]);
    let spans = Spans {
        keep: DAY * 20,
        ..Spans::default()
    };
    let limits = Limits::default();
    let mut book = Book::new(
        wire.story.catalogue.clone(),
        HomeNetworks::default(),
        limits,
    );
    book.set_spans(spans);
    for notice in &wire.story.notices {
        book.take(notice, &mut Vec::new());
    }
    assert_eq!(book.findings(), []);
    assert_eq!(book.counts().findings_expired, 2);
    assert!(book.weak.is_empty());
}

#[test]
fn a_waiver_is_told_once_when_it_begins_to_cover_and_once_when_it_ends() {
    let mut story = Story::new();
    story.uses(HOST, UPDATE).uses(OTHER, "www.kaspersky.com");
    let (mut book, _) = story.told();
    let mut changes = Vec::new();
    for waived in [false, true, true, false, false] {
        book.cover_all(|host, _| waived && host == address(HOST), &mut changes);
    }
    let kinds: Vec<_> = changes.iter().map(|it| (it.host, it.kind)).collect();
    let host = address(HOST);
    assert_eq!(
        kinds,
        [(host, ChangeKind::Waived), (host, ChangeKind::Opened)]
    );
}

#[test]
fn many_hosts_over_months_give_the_same_changes_at_the_same_times_in_order() {
    let hosts: Vec<String> = (0..40).map(|it| format!("10.2.0.{it}")).collect();
    let mut wire = Wire::new();
    for day in 0..120 {
        for (number, host) in hosts.iter().enumerate() {
            let (cleaned, off, back) = (10 + number, 50 + number, 90 + number);
            let there = number % 3 != 1 || day < off;
            let using = day < cleaned || (number % 3 == 2 && day >= back);
            if there {
                wire.story.connects(host, "203.0.113.1", (1, 1));
            }
            if there && using {
                wire.story.uses(host, UPDATE);
            }
            wire.story.wait(Duration::from_secs(86_400 / 40));
        }
    }
    let changes = wire.changes();
    let (_, all) = wire.story.told();
    assert!(all.is_sorted_by_key(|it| it.at));
    for (number, host) in hosts.iter().enumerate() {
        let of_host: Vec<_> = changes.iter().filter(|it| it.0 == *host).collect();
        let last_contact = (9 + number) as u64 * 24 + number as u64 * 24 / 40;
        let near = |hours: u64, expected: u64| hours.abs_diff(expected) <= 2;
        assert!(near(of_host[0].2, last_contact + 3 * 24), "{of_host:?}");
        assert_eq!(of_host[0].1, "quiet");
        assert!(near(of_host[1].2, last_contact + 14 * 24), "{of_host:?}");
        assert_eq!(of_host[1].1, "removed");
        assert_eq!(
            of_host.len(),
            2 + usize::from(number % 3 == 2 && 90 + number < 120)
        );
    }
    assert_eq!(changes, wire.changes());
}
