//! Hosts that act for others, and those that are none of ours.

use super::*;

#[test]
fn a_resolver_that_asks_for_others_has_no_finding() {
    let mut story = Story::new();
    for of in ["s00.upd.kaspersky.com", "activation-v2.kaspersky.com"] {
        story
            .asks_at(RESOLVER, HOST, of)
            .asks_at(UPSTREAM, RESOLVER, of);
    }
    story.note(What::Resolver(address(RESOLVER)));
    let (book, changes) = story.told();
    assert_eq!(story.verdict(RESOLVER, "kaspersky"), None);
    assert_eq!(story.verdict(HOST, "kaspersky"), Some(Verdict::Installed));
    assert!(changes.iter().all(|it| it.host == address(HOST)));
    assert_eq!(book.hosts().resolvers, 1);
    assert_eq!(book.hosts().with_finding, 1);
}

#[test]
fn a_resolver_learned_late_loses_the_finding_that_it_had() {
    let mut story = Story::new();
    story
        .asks_at(UPSTREAM, RESOLVER, "s00.upd.kaspersky.com")
        .asks_at(UPSTREAM, RESOLVER, "activation-v2.kaspersky.com");
    assert_eq!(
        story.verdict(RESOLVER, "kaspersky"),
        Some(Verdict::Installed)
    );
    story.note(What::Resolver(address(RESOLVER)));
    assert_eq!(story.verdict(RESOLVER, "kaspersky"), None);
}

#[test]
fn a_resolver_with_the_product_itself_is_found_by_its_connections() {
    let mut story = Story::new();
    story
        .note(What::Resolver(address(RESOLVER)))
        .asks_at(UPSTREAM, RESOLVER, "my.kaspersky.com")
        .greets(RESOLVER, "ds.kaspersky.com", 443, Reach::Transferred)
        .greets(RESOLVER, "touch.kaspersky.com", 443, Reach::Connected);
    let (book, changes) = story.told();
    let findings = book.findings();
    let finding = findings.first().unwrap();
    assert_eq!(finding.verdict, Verdict::InstalledActive);
    assert_eq!(finding.sources[Source::DnsQuery as usize], 0);
    assert_eq!(finding.contacts.iter().sum::<u64>(), 2);
    assert_eq!(finding.names.len(), 2);
    assert_eq!(changes.len(), 2);
}

#[test]
fn a_proxy_has_no_finding_and_its_client_has() {
    let mut story = Story::new();
    let proxy = "10.1.0.80";
    for of in ["ds.kaspersky.com", "touch.kaspersky.com"] {
        let (client, server) = (end(HOST, 52_000), end(proxy, 3128));
        let connect = story.observation(Source::HttpConnect, client, server, of);
        story
            .sees(connect, Reach::Transferred, Service::Tcp(443))
            .note(What::Proxy(address(proxy)))
            .uses(proxy, of);
    }
    let (book, changes) = story.told();
    assert_eq!(story.verdict(proxy, "kaspersky"), None);
    assert_eq!(
        story.verdict(HOST, "kaspersky"),
        Some(Verdict::InstalledActive)
    );
    assert!(changes.iter().all(|it| it.host == address(HOST)));
    assert_eq!(book.hosts().proxies, 1);
}

#[test]
fn clients_outside_are_counted_and_nothing_else() {
    let mut story = Story::new();
    story
        .uses("203.0.113.9", "s00.upd.kaspersky.com")
        .is_answered("203.0.113.9", "s00.upd.kaspersky.com", SERVER)
        .connects("203.0.113.9", SERVER, (1, 1));
    let (book, changes) = story.told();
    assert_eq!(book.findings(), []);
    assert_eq!(changes, []);
    assert_eq!(book.counts().outside, 4);
    // The resolver inside answered, so it is alive; the client is none of ours.
    assert_eq!(book.hosts().alive, 1);
}
