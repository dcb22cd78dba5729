//! A book that goes on where another ended.

use std::collections::BTreeSet;

use super::*;
use crate::findings::saved::{Kept, Restored};

/// All that a book would give to a store.
fn kept(book: &Book) -> Kept {
    let keys: BTreeSet<_> = book.keys().collect();
    let hosts: BTreeSet<_> = keys.iter().map(|it| it.0).collect();
    let findings = keys.iter().filter_map(|it| book.saved(it.0, it.1));
    Kept {
        watch: book.saved_watch(),
        hosts: hosts.into_iter().map(|it| book.saved_host(it)).collect(),
        findings: findings.collect(),
    }
}

fn restored(catalogue: &Arc<Catalogue>, kept: Kept) -> (Book, Restored) {
    let limits = Limits::default();
    let mut book = Book::new(catalogue.clone(), HomeNetworks::default(), limits);
    let restored = book.restore(kept);
    (book, restored)
}

/// Several hosts with several vendors, a resolver, silence, and an address that changes hands, for a
/// month.
fn story() -> Story {
    let mut story = product();
    story
        .note(What::Resolver(address(RESOLVER)))
        .asks_at(UPSTREAM, RESOLVER, "my.kaspersky.com");
    for day in 0..30 {
        for _ in 0..24 {
            story
                .connects("10.1.9.9", "203.0.113.1", (10, 10))
                .connects(HOST, "203.0.113.1", (10, 10))
                .wait(Duration::from_secs(3600));
        }
        let device = if day < 15 { 1 } else { 2 };
        story.is_given(HOST, device, &format!("laptop-{device}"));
        if day < 9 || day == 27 {
            story.uses(OTHER, "dev.ys7.com").uses(HOST, "snssdk.com");
        }
        story.uses(OTHER, "www.kaspersky.com");
    }
    story
}

#[test]
fn wherever_it_is_broken_off_the_same_comes_of_it() {
    let story = story();
    let (whole, changes) = story.told();
    for place in (0..story.notices.len()).step_by(37) {
        let (before, after) = story.notices.split_at(place);
        let (first, mut told) = tell(&story.catalogue, before);
        let saved = kept(&first);
        let text =
            serde_json::to_string(&saved.findings.iter().map(|it| &it.page).collect::<Vec<_>>());
        let pages: Vec<crate::findings::saved::Page> =
            serde_json::from_str(&text.unwrap()).unwrap();
        assert!(saved.findings.iter().map(|it| &it.page).eq(&pages));
        let (mut second, restored) = restored(&story.catalogue, saved);
        assert_eq!(restored.findings, first.keys().count());
        assert_eq!(second.findings(), first.findings());
        // The wire was alive up to the moment at which the next run begins.
        let mut none = Vec::new();
        second.pass(first.now().unwrap_or_default(), &mut none);
        for notice in after {
            second.take(notice, &mut told);
        }
        assert_eq!(told, changes, "broken off at {place}");
        assert_eq!(second.findings(), whole.findings(), "broken off at {place}");
    }
}

#[test]
fn a_start_after_months_makes_nobody_quiet_or_absent() {
    let mut story = product();
    let (book, _) = story.told();
    let (mut book, _) = restored(&story.catalogue, kept(&book));
    story.notices.clear();
    story.wait(Duration::from_secs(86_400 * 100));
    for _ in 0..24 {
        story
            .connects("10.1.9.9", "203.0.113.1", (10, 10))
            .wait(Duration::from_secs(3600));
    }
    let mut changes = Vec::new();
    for notice in &story.notices {
        book.take(notice, &mut changes);
    }
    assert_eq!(changes, []);
    assert_eq!(book.findings()[0].state, State::Active);
}

#[test]
fn what_no_pack_has_any_more_is_left_out_and_named() {
    let story = product();
    let (book, _) = story.told();
    let mut saved = kept(&book);
    let mut other = saved.findings[0].clone();
    other.vendor = "a-vendor-that-is-gone".to_owned();
    saved.findings.push(other);
    saved.findings[0].page.names[0].signature = "kl-gone".to_owned();
    let (second, restored) = restored(&story.catalogue, saved);
    assert_eq!(restored.findings, 1);
    assert_eq!(
        restored.gone_vendors.into_iter().collect::<Vec<_>>(),
        ["a-vendor-that-is-gone"]
    );
    assert_eq!(
        restored.gone_signatures.into_iter().collect::<Vec<_>>(),
        ["kaspersky/kl-gone"]
    );
    let (before, after) = (&book.findings()[0], &second.findings()[0]);
    assert_eq!(after.verdict, before.verdict);
    assert_eq!(after.names.len(), before.names.len() - 1);
}

#[test]
fn a_resolver_that_was_known_has_no_finding_after_a_restart() {
    let mut story = Story::new();
    story.note(What::Resolver(address(RESOLVER))).asks_at(
        UPSTREAM,
        RESOLVER,
        "s00.upd.kaspersky.com",
    );
    let (book, _) = story.told();
    let (mut book, _) = restored(&story.catalogue, kept(&book));
    assert_eq!(book.findings(), []);
    let mut more = Story::new();
    more.asks_at(UPSTREAM, RESOLVER, "activation-v2.kaspersky.com");
    let mut changes = Vec::new();
    for notice in &more.notices {
        book.take(notice, &mut changes);
    }
    assert_eq!(changes, []);
    assert_eq!(book.findings(), []);
}
