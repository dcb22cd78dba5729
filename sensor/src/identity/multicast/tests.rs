//! Messages of Avahi and llmnrd, and what is not believed.

use super::*;
use crate::identity::samples::{
    AVAHI_ANNOUNCEMENT, AVAHI_ANNOUNCEMENT_6, AVAHI_PROBE, DEVICE, LLMNR_QUERY, LLMNRD_ANSWER,
    torment,
};

const OTHER: Address = Address::from_v4([10, 66, 0, 61]);

fn name(text: &str) -> Option<Name> {
    Name::from_text(text.as_bytes())
}

fn link_local() -> Address {
    let mut octets = [0; 16];
    octets[..2].copy_from_slice(&[0xfe, 0x80]);
    octets[8..].copy_from_slice(&[0, 0, 0x5e, 0xff, 0xfe, 0, 0x53, 7]);
    Address::from_v6(octets)
}

fn addresses(statement: &Statement) -> &[Address] {
    match &statement.hold {
        Hold::Has { addresses, .. } => addresses,
        _ => &[],
    }
}

#[test]
fn avahi_announces_its_name_and_addresses() {
    let said = statement(Source::Mdns, AVAHI_ANNOUNCEMENT, DEVICE)
        .unwrap()
        .unwrap();
    assert_eq!(
        (said.source, said.name.clone()),
        (Source::Mdns, name("laptop-7.local"))
    );
    // Over IPv4 it tells of its IPv6 address too.
    assert_eq!(addresses(&said), [DEVICE, link_local()]);
    let said = statement(Source::Mdns, AVAHI_ANNOUNCEMENT_6, link_local())
        .unwrap()
        .unwrap();
    assert_eq!(addresses(&said), [link_local()]);
}

#[test]
fn a_probe_and_a_question_say_nothing() {
    assert_eq!(statement(Source::Mdns, AVAHI_PROBE, DEVICE), Ok(None));
    assert_eq!(statement(Source::Llmnr, LLMNR_QUERY, DEVICE), Ok(None));
}

#[test]
fn llmnrd_answers_with_its_own_name() {
    let said = statement(Source::Llmnr, LLMNRD_ANSWER, DEVICE)
        .unwrap()
        .unwrap();
    assert_eq!(
        (said.source, said.name.clone()),
        (Source::Llmnr, name("laptop-7"))
    );
    assert_eq!(addresses(&said), [DEVICE]);
}

#[test]
fn nobody_is_believed_about_others() {
    assert_eq!(statement(Source::Mdns, AVAHI_ANNOUNCEMENT, OTHER), Ok(None));
    assert_eq!(statement(Source::Llmnr, LLMNRD_ANSWER, OTHER), Ok(None));
}

#[test]
fn a_name_that_is_taken_back_says_nothing() {
    let mut octets = LLMNRD_ANSWER.to_vec();
    let ttl = octets.len() - 10;
    octets[ttl..ttl + 4].copy_from_slice(&[0; 4]);
    assert_eq!(statement(Source::Llmnr, &octets, DEVICE), Ok(None));
}

#[test]
fn what_comes_before_a_cut_is_believed() {
    let mut told = 0;
    for len in 0..AVAHI_ANNOUNCEMENT.len() {
        let read = statement(Source::Mdns, &AVAHI_ANNOUNCEMENT[..len], DEVICE);
        told += usize::from(matches!(read, Ok(Some(_))));
        assert_ne!(read, Ok(None), "prefix of {len} octets");
    }
    assert!(told > 0);
}

#[test]
fn nothing_that_is_cut_or_changed_makes_reading_fail() {
    for octets in [AVAHI_ANNOUNCEMENT, AVAHI_PROBE, LLMNRD_ANSWER, LLMNR_QUERY] {
        torment(octets, |it| {
            let _ = statement(Source::Mdns, it, DEVICE);
        });
    }
}
