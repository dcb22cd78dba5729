//! What a book does when it is full.

use super::*;

#[test]
fn newcomers_to_a_full_book_are_refused_and_counted() {
    let mut story = Story::new();
    story
        .asks_at(UPSTREAM, HOST, "ds.kaspersky.com")
        .wait(Duration::from_secs(60))
        .asks_at(UPSTREAM, HOST, "ds.kaspersky.com")
        .asks_at(UPSTREAM, OTHER, "ds.kaspersky.com")
        .asks_at(UPSTREAM, HOST, "touch.kaspersky.com");
    let book = small_book(&story);
    assert_eq!(book.findings().len(), 1);
    assert_eq!(book.findings()[0].host, address(HOST));
    assert_eq!(book.counts().findings_refused, 1);
    assert_eq!(book.counts().findings_evicted, 0);
    assert_eq!(book.counts().hosts_refused, 1);
    assert_eq!(book.hosts().alive, 1);
}

#[test]
fn a_host_that_may_not_exist_makes_room_for_the_next_and_one_that_does_stays() {
    let mut story = Story::new();
    for number in 0..5 {
        story.asks_at(UPSTREAM, &format!("10.7.0.{number}"), "ds.kaspersky.com");
    }
    story.uses(HOST, "ds.kaspersky.com");
    for number in 5..9 {
        story.asks_at(UPSTREAM, &format!("10.7.0.{number}"), "ds.kaspersky.com");
    }
    let book = small_book(&story);
    assert_eq!(book.findings().len(), 1);
    assert_eq!(book.findings()[0].host, address(HOST));
    assert_eq!(book.counts().findings_evicted, 5);
    assert_eq!(book.counts().findings_refused, 4);
}

#[test]
fn a_host_that_exchanges_data_stays_though_its_connection_has_not_ended() {
    let mut story = Story::new();
    story.uses(HOST, "ds.kaspersky.com");
    story
        .notices
        .retain(|it| !matches!(it.what, What::Connection(_)));
    for number in 0..4 {
        story.asks_at(UPSTREAM, &format!("10.7.0.{number}"), "ds.kaspersky.com");
    }
    let book = small_book(&story);
    assert_eq!(book.findings()[0].host, address(HOST));
    assert_eq!(book.counts().findings_evicted, 0);
}

#[test]
fn addresses_that_change_all_the_time_leave_room_for_the_next_and_findings_know_their_hosts() {
    let mut story = Story::new();
    story.uses(HOST, "ds.kaspersky.com");
    for hour in 0..24 * 30 {
        let host = format!("10.7.{}.{}", hour / 200, hour % 200);
        story
            .wait(Duration::from_secs(3600))
            .connects(&host, UPSTREAM, (100, 100));
    }
    let limits = Limits {
        hosts: 40,
        ..Limits::default()
    };
    let book = book_with(&story, limits);
    let counts = book.counts();
    assert_eq!(counts.hosts_refused, 0);
    assert!(book.hosts().alive <= 40, "{:?}", book.hosts());
    assert!(counts.hosts_evicted >= 24 * 30 - 40, "{counts:?}");
    assert!(book.hosts.is_proven(address(HOST)));
    assert!(book.hosts.is_proven(address("10.7.3.119")), "the newest");
    assert_eq!(book.findings()[0].state, State::Absent);
}

/// A book with room for one of everything.
fn small_book(story: &Story) -> Book {
    let limits = Limits {
        hosts: 1,
        findings: 1,
        resolutions: 1,
        identities: 1,
    };
    book_with(story, limits)
}

fn book_with(story: &Story, limits: Limits) -> Book {
    let mut book = Book::new(story.catalogue.clone(), HomeNetworks::default(), limits);
    for notice in &story.notices {
        book.take(notice, &mut Vec::new());
    }
    book
}

#[test]
fn names_beyond_the_bound_are_counted_and_change_no_verdict() {
    let mut story = Story::new();
    for number in 0..40 {
        story.asks_at(UPSTREAM, HOST, &format!("x{number}.upd.kaspersky.com"));
    }
    story.asks_at(UPSTREAM, HOST, "activation-v2.kaspersky.com");
    let (book, _) = story.told();
    let findings = book.findings();
    let finding = findings.first().unwrap();
    assert_eq!(finding.names.len(), 32);
    assert_eq!(finding.contacts[Reach::Asked as usize], 41);
    assert_eq!(book.counts().names_over, 9);
    assert_eq!(finding.verdict, Verdict::Installed);
}

#[test]
fn a_signature_that_the_catalogue_lacks_is_counted() {
    let mut story = Story::new();
    story.asks_at(UPSTREAM, HOST, "ds.kaspersky.com");
    for notice in &mut story.notices {
        if let What::Sighting(sighting) = &mut notice.what {
            sighting.signature = SignatureId(u32::MAX);
        }
    }
    let (book, _) = story.told();
    assert_eq!(book.findings(), []);
    assert_eq!(book.counts().signatures_unknown, 1);
}
