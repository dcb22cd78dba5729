//! Messages of dhclient and dnsmasq, and what may be wrong with them.

use super::*;
use crate::identity::samples::{
    DHCLIENT_CONFIRM_6, DHCLIENT_REQUEST_6, DHCLIENT_SOLICIT_6, DNSMASQ_REPLY_6, torment,
};

fn mac() -> Option<Mac> {
    Mac::new([2, 0, 0x5e, 0, 0x53, 7])
}

fn name(text: &str) -> Option<Name> {
    Name::from_text(text.as_bytes())
}

fn given() -> Address {
    let reply = message(DNSMASQ_REPLY_6).unwrap();
    reply.addresses[0].0
}

/// A message inside that of a relay.
fn relayed(kind: u8, octets: &[u8]) -> Vec<u8> {
    let mut outer = vec![kind, 0];
    outer.extend_from_slice(&[0xfd; 32]);
    // An interface id, then the message.
    outer.extend_from_slice(b"\0\x12\0\x02ab\0\x09");
    outer.extend_from_slice(&u16::try_from(octets.len()).unwrap().to_be_bytes());
    outer.extend_from_slice(octets);
    outer
}

#[test]
fn dhclient_says_who_it_is_in_its_duid_and_by_name() {
    for octets in [DHCLIENT_SOLICIT_6, DHCLIENT_REQUEST_6, DHCLIENT_CONFIRM_6] {
        let asked = message(octets).unwrap();
        assert_eq!(asked.device, mac());
        assert_eq!(asked.name, name("laptop-7.lan.example"));
        let said = asked.statement().unwrap();
        assert_eq!((said.speaker, said.hold), (Speaker::Device, Hold::Asks));
    }
}

#[test]
fn a_reply_gives_addresses_for_a_time() {
    let reply = message(DNSMASQ_REPLY_6).unwrap();
    assert_eq!(reply.kind, REPLY);
    let said = reply.statement().unwrap();
    assert_eq!((said.speaker, said.device), (Speaker::Server, mac()));
    assert!(given().to_string().starts_with("fd66::"));
    let lease = Some(Duration::from_secs(600));
    assert_eq!(
        said.hold,
        Hold::Has {
            addresses: vec![given()],
            lease
        }
    );
}

#[test]
fn a_client_that_renews_has_its_addresses_and_one_that_releases_has_not() {
    let mut octets = DNSMASQ_REPLY_6.to_vec();
    let hold = |octets: &[u8]| message(octets).unwrap().statement().unwrap().hold;
    octets[0] = RENEW;
    assert_eq!(
        hold(&octets),
        Hold::Has {
            addresses: vec![given()],
            lease: None
        }
    );
    octets[0] = RELEASE;
    assert_eq!(hold(&octets), Hold::Leaves(vec![given()]));
    // An advertisement is no lease.
    octets[0] = 2;
    assert_eq!(message(&octets).unwrap().statement(), None);
}

#[test]
fn what_relays_pass_on_is_read() {
    let mut octets = DNSMASQ_REPLY_6.to_vec();
    for _ in 0..MAX_RELAYS {
        octets = relayed(RELAY_REPL, &octets);
    }
    assert_eq!(message(&octets), message(DNSMASQ_REPLY_6));
    let deeper = relayed(RELAY_FORW, &octets);
    assert_eq!(message(&deeper), Err(Malformed::at("hop-count")));
}

#[test]
fn a_duid_without_a_hardware_address_is_no_device() {
    for duid in [
        &b"\0\x02\0\0\0\x09serial"[..],
        b"\0\x04\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10",
        b"\0\x03\0\x20\x02\0\x5e\0\x53\x07",
        b"\0\x03\0\x01\x02\0\x5e",
    ] {
        assert_eq!(device(Reader::new(duid)), None);
    }
    assert_eq!(
        device(Reader::new(b"\0\x03\0\x01\x02\0\x5e\0\x53\x07")),
        mac()
    );
}

#[test]
fn no_more_addresses_are_kept_than_the_bound() {
    let mut octets = vec![REPLY, 0, 0, 1, 0, 3];
    let address = [
        &b"\0\x05\0\x18\xfd\x66"[..],
        &[7; 14],
        &[0, 0, 0, 9, 0, 0, 0, 9],
    ]
    .concat();
    let body = [vec![0; 12], address.repeat(20)].concat();
    octets.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
    octets.extend_from_slice(&body);
    assert_eq!(message(&octets).unwrap().addresses.len(), MAX_ADDRESSES);
}

#[test]
fn nothing_that_is_cut_or_changed_makes_reading_fail() {
    let relayed = relayed(RELAY_FORW, DHCLIENT_REQUEST_6);
    for octets in [
        DHCLIENT_SOLICIT_6,
        DHCLIENT_REQUEST_6,
        DNSMASQ_REPLY_6,
        &relayed,
    ] {
        torment(octets, |it| {
            if let Ok(message) = message(it) {
                let _ = message.statement();
            }
        });
        let cut = message(&octets[..octets.len() - 1]);
        assert!(cut.is_err(), "{cut:?}");
    }
}
