//! Stories at the border between two readings: of time, of role, of how far a contact got.

use super::*;

#[test]
fn an_anti_fraud_script_on_other_companies_pages_is_embed_only() {
    let mut story = Story::new();
    for _ in 0..50 {
        story
            .uses(HOST, "w-22900.fp.kaspersky-labs.com")
            .uses(HOST, "www.kaspersky.com")
            .wait(Duration::from_secs(5 * 3600));
    }
    assert_eq!(story.verdict(HOST, "kaspersky"), Some(Verdict::EmbedOnly));
    assert_eq!(story.told().1, []);
}

#[test]
fn a_name_that_no_narrower_row_claims_is_a_contact_and_no_more() {
    let mut story = Story::new();
    for of in ["other.kaspersky-labs.com", "another.kaspersky-labs.com"] {
        story.uses(HOST, of);
    }
    let findings = story.findings();
    let finding = findings.first().unwrap();
    assert_eq!(finding.verdict, Verdict::Contact);
    assert_eq!(finding.products, ["Kaspersky product or web site"]);
}

#[test]
fn an_agent_of_the_cloud_console_is_told_from_a_browser_by_its_port() {
    let of = "a.ksc.kaspersky.com";
    let mut browser = Story::new();
    browser.greets(HOST, of, 443, Reach::Transferred);
    assert!(browser.verdict(HOST, "kaspersky") < Some(Verdict::Likely));
    let mut agent = Story::new();
    agent
        .greets(HOST, of, 23_100, Reach::Transferred)
        .greets(HOST, of, 27_200, Reach::Transferred);
    assert_eq!(
        agent.verdict(HOST, "kaspersky"),
        Some(Verdict::InstalledActive)
    );
}

#[test]
fn use_of_an_online_service_is_likely_and_an_app_of_two_kinds_is_installed() {
    let mut service = Story::new();
    service.uses(HOST, "www.capcut.com");
    assert_eq!(service.verdict(HOST, "bytedance"), Some(Verdict::Likely));
    let grounds = service.grounds(HOST, "bytedance");
    assert_eq!(
        grounds.first().map(String::as_str),
        Some("used an online service, which is itself what counts")
    );
    let mut app = Story::new();
    app.uses(HOST, "tnc16-normal-useast5.tiktokv.us")
        .uses(HOST, "log16-normal-useast5.tiktokv.us");
    assert_eq!(
        app.verdict(HOST, "bytedance"),
        Some(Verdict::InstalledActive)
    );
}

#[test]
fn a_likely_product_in_touch_on_three_days_is_more_than_a_contact() {
    let mut story = Story::new();
    for day in 0..3 {
        let expected = (day > 0).then_some(Verdict::Contact);
        assert_eq!(story.verdict(HOST, "kaspersky"), expected);
        story
            .uses(HOST, "dnl-01.geo.kaspersky.com")
            .wait(Duration::from_secs(86_400));
    }
    assert_eq!(story.verdict(HOST, "kaspersky"), Some(Verdict::Likely));
}

#[test]
fn questions_that_are_told_of_together_were_not_asked_together() {
    let mut story = Story::new();
    story
        .asks_at(RESOLVER, HOST, "ds.kaspersky.com")
        .wait(Duration::from_secs(3))
        .asks_at(GOOGLE, HOST, "ds.kaspersky.com");
    let end_of_patience = story.now.after(Duration::from_secs(8));
    for notice in &mut story.notices {
        notice.at = end_of_patience;
    }
    assert_eq!(story.verdict(HOST, "kaspersky"), Some(Verdict::Likely));
    let findings = story.findings();
    let finding = findings.first().unwrap();
    assert_eq!(
        finding.last_seen.since(finding.first_seen),
        Duration::from_secs(3)
    );
}

#[test]
fn an_answer_of_more_than_an_hour_ago_names_no_connection() {
    for (minutes, expected) in [(60, Some(Verdict::Likely)), (61, None)] {
        let mut story = Story::new();
        story
            .is_answered(HOST, "s00.upd.kaspersky.com", SERVER)
            .wait(Duration::from_secs(minutes * 60))
            .connects(HOST, SERVER, (10, 20));
        assert_eq!(story.verdict(HOST, "kaspersky"), expected, "{minutes}");
    }
}

#[test]
fn a_role_learned_late_takes_the_finding_out_of_the_view() {
    let roles: [fn(Address) -> What; 2] = [What::Resolver, What::Proxy];
    for role in roles {
        let mut story = Story::new();
        story.asks_at(UPSTREAM, HOST, "ds.kaspersky.com");
        let (mut book, mut changes) = story.told();
        let vendor = story.catalogue.vendor_by_id("kaspersky").unwrap().0;
        assert_eq!(book.take_touched(), [(vendor, address(HOST))].into());
        assert_eq!(book.take_touched(), [].into());
        let notice = Notice {
            number: 9,
            at: story.now,
            what: role(address(HOST)),
        };
        book.take(&notice, &mut changes);
        assert_eq!(book.take_touched(), [(vendor, address(HOST))].into());
        assert_eq!(book.findings(), []);
        assert_eq!(changes.len(), 1);
    }
}

#[test]
fn what_is_left_of_a_resolver_has_the_times_and_octets_of_its_connections() {
    let mut story = Story::new();
    let start = story.now;
    story
        .asks_at(UPSTREAM, RESOLVER, "s00.upd.kaspersky.com")
        .wait(Duration::from_secs(100))
        .greets(RESOLVER, "ds.kaspersky.com", 443, Reach::Transferred)
        .wait(Duration::from_secs(10))
        .hangs_up(RESOLVER, "ds.kaspersky.com", 443, (700, 300))
        .wait(Duration::from_secs(100))
        .asks_at(UPSTREAM, RESOLVER, "s00.upd.kaspersky.com")
        .note(What::Resolver(address(RESOLVER)));
    let findings = story.findings();
    let finding = findings.first().unwrap();
    let seconds = [finding.first_seen, finding.last_seen].map(|it| it.since(start).as_secs());
    assert_eq!(seconds, [100, 110]);
    assert_eq!((finding.sent, finding.received), (700, 300));
    assert_eq!(finding.verdict, Verdict::Likely);
    assert_eq!(finding.names.len(), 1);
}

#[test]
fn grounds_tell_a_contact_from_an_attempt_and_from_a_question() {
    let of = "s00.upd.kaspersky.com";
    let asked = |reach: Option<Reach>| {
        let mut story = Story::new();
        story.asks(HOST, of);
        if let Some(reach) = reach {
            story.greets(HOST, of, 443, reach);
        }
        story
    };
    let mut tried = Story::new();
    tried.greets(HOST, of, 443, Reach::Attempted);
    let mut refused = asked(None);
    for notice in &mut refused.notices {
        if let What::Sighting(sighting) = &mut notice.what {
            sighting.reach = Reach::Refused;
        }
    }
    for (story, expected) in [
        (asked(None), "asked in DNS for update servers once"),
        (
            asked(Some(Reach::Attempted)),
            "asked in DNS for update servers once, tried to connect once",
        ),
        (
            asked(Some(Reach::Connected)),
            "contacted update servers once",
        ),
        (tried, "tried to contact update servers once"),
    ] {
        let grounds = story.grounds(HOST, "kaspersky");
        let expected = format!("{expected} ({of})");
        assert_eq!(grounds.last(), Some(&expected), "{grounds:#?}");
    }
    let grounds = refused.grounds(HOST, "kaspersky");
    let words = "asked in DNS for update servers once, was refused";
    assert!(
        grounds.iter().any(|it| it.starts_with(words)),
        "{grounds:#?}"
    );
}
