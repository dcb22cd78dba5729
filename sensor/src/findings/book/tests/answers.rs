//! Connections without a name, put down to what their client or another host was answered.

use super::*;

#[test]
fn an_unnamed_connection_counts_for_what_its_client_was_answered() {
    let mut story = Story::new();
    story
        .is_answered(HOST, "s00.upd.kaspersky.com", SERVER)
        .is_answered(HOST, "touch.kaspersky.com", SERVER_2)
        .connects(HOST, SERVER, (10, 20))
        .connects(HOST, SERVER_2, (1, 2));
    let findings = story.findings();
    let finding = findings.first().unwrap();
    assert_eq!(finding.verdict, Verdict::InstalledActive);
    assert_eq!(finding.sources[Source::DnsCorrelated as usize], 2);
    assert_eq!((finding.sent, finding.received), (11, 22));
}

#[test]
fn what_another_host_was_answered_is_a_contact_and_no_more() {
    let mut story = Story::new();
    story
        .is_answered(OTHER, "s00.upd.kaspersky.com", SERVER)
        .is_answered(OTHER, "touch.kaspersky.com", SERVER_2)
        .connects(HOST, SERVER, (10, 20))
        .connects(HOST, SERVER_2, (1, 2));
    assert_eq!(story.verdict(HOST, "kaspersky"), Some(Verdict::Contact));
    assert_eq!(story.verdict(OTHER, "kaspersky"), None);
}

#[test]
fn a_connection_with_a_name_of_its_own_is_put_down_to_nothing() {
    let mut story = Story::new();
    story
        .is_answered(HOST, "s00.upd.kaspersky.com", SERVER)
        .ends(HOST, SERVER, Ok(Source::TlsSni), None, (10, 20));
    assert_eq!(story.findings(), []);
}

#[test]
fn a_sinkhole_inside_does_not_taint_what_else_it_serves() {
    let mut story = Story::new();
    for sinkhole in ["10.1.0.99", "0.0.0.0", "127.0.0.1"] {
        story
            .is_answered(HOST, "s00.upd.kaspersky.com", sinkhole)
            .connects(OTHER, sinkhole, (10, 20));
    }
    assert_eq!(story.findings(), []);
}
