//! Hosts that ask past the site's own resolvers.

use super::*;
use crate::detection::{HiddenQuestions, PublicQuestions};
use crate::visibility::EncryptedDns;

fn hides(host: &str, kind: EncryptedDns) -> What {
    What::HiddenQuestions(HiddenQuestions {
        client: address(host),
        kind,
        is_answered: true,
    })
}

fn asks_google(host: &str, count: u32) -> What {
    What::PublicQuestions(PublicQuestions {
        client: address(host),
        resolver: address(GOOGLE),
        count,
    })
}

#[test]
fn a_host_that_hides_its_questions_is_told_with_its_findings_and_without() {
    let mut story = Story::new();
    story
        .note(hides(HOST, EncryptedDns::Doh))
        .note(hides(OTHER, EncryptedDns::Dot))
        .uses(HOST, "s00.upd.kaspersky.com")
        .note(hides(HOST, EncryptedDns::Doh))
        .note(hides("203.0.113.9", EncryptedDns::Doh));
    let (book, _) = story.told();
    let asking = book.asking();
    assert_eq!((asking.hiding, asking.hiding_by), (2, [1, 1, 0, 0]));
    let findings = book.findings();
    let asks = findings.first().unwrap().asks.unwrap();
    assert_eq!((asks.host, asks.hidden), (address(HOST), [2, 0, 0, 0]));
}

#[test]
fn a_finding_is_shown_anew_when_its_host_begins_to_hide_questions() {
    let mut story = Story::new();
    story.uses(HOST, "s00.upd.kaspersky.com");
    let (mut book, mut changes) = story.told();
    let (vendor, _) = story.catalogue.vendor_by_id("kaspersky").unwrap();
    book.take_touched();
    let notice = Notice {
        number: 1_000,
        at: story.now,
        what: hides(HOST, EncryptedDns::Dot),
    };
    book.take(&notice, &mut changes);
    let touched: Vec<_> = book.take_touched().into_iter().collect();
    assert_eq!(touched, [(vendor, address(HOST))]);
}

#[test]
fn a_resolver_that_hides_its_questions_hides_those_of_others() {
    let mut story = Story::new();
    story
        .note(hides(RESOLVER, EncryptedDns::Dot))
        .note(asks_google(RESOLVER, 7));
    assert_eq!(story.told().0.asking().hiding, 1);
    story.note(What::Resolver(address(RESOLVER)));
    let asking = story.told().0.asking();
    assert_eq!((asking.hiding, asking.public), (0, 0));
}

#[test]
fn a_public_resolver_that_is_the_sites_own_passes_nothing_by() {
    let mut story = Story::new();
    story
        .asks_at(RESOLVER, HOST, "ds.kaspersky.com")
        .wait(Duration::from_millis(7))
        .asks_at(GOOGLE, HOST, "ds.kaspersky.com")
        .note(asks_google(HOST, 1));
    let judged = |own: &[&str]| {
        let limits = Limits::default();
        let mut book = Book::new(builtin(), HomeNetworks::default(), limits);
        book.set_own_resolvers(own.iter().map(|it| address(it)));
        for notice in &story.notices {
            book.take(notice, &mut Vec::new());
        }
        let finding = book.findings().remove(0);
        let ground = "asked at a public resolver once";
        let is_told = finding.grounds.iter().any(|it| it == ground);
        (finding.verdict, is_told, book.asking().public)
    };
    assert_eq!(judged(&[]), (Verdict::Installed, true, 1));
    assert_eq!(judged(&[GOOGLE]), (Verdict::Likely, false, 0));
    assert_eq!(judged(&["1.1.1.1"]), (Verdict::Installed, true, 1));
}

#[test]
fn hosts_that_may_be_made_up_leave_half_of_the_room() {
    let mut book = Book::new(builtin(), HomeNetworks::default(), Limits::default());
    let mut take = |number: u32, is_answered| {
        let what = What::HiddenQuestions(HiddenQuestions {
            client: Address::from_v4((0x0a00_0000 + number).to_be_bytes()),
            kind: EncryptedDns::Doh,
            is_answered,
        });
        let notice = Notice {
            number: u64::from(number),
            at: Timestamp::default(),
            what,
        };
        book.take(&notice, &mut Vec::new());
    };
    (1..=40_000).for_each(|it| take(it, false));
    take(50_000, true);
    assert_eq!(book.asking().hiding, MAX_ASKERS as u64 / 2 + 1);
    assert_eq!(book.counts().askers_refused, 40_000 - MAX_ASKERS as u64 / 2);
}
