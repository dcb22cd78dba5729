//! Requests of MIT Kerberos and Samba, and such as are made by hand.

use super::*;
use crate::identity::samples::{
    DEVICE, KDC_REPLY, KINIT_ADDRESSES, KINIT_HOST, KINIT_MACHINE, KINIT_PERSON, KVNO_TICKET,
    NET_NETBIOS_ADDRESS, torment,
};
use crate::identity::{Hold, Speaker};

const OTHER: Address = Address::from_v4([10, 66, 0, 61]);

fn told_by(octets: &[u8], sender: Address) -> Option<String> {
    let said = statement(octets, sender).unwrap()?;
    assert_eq!(
        (said.source, said.speaker),
        (Source::Kerberos, Speaker::Device)
    );
    let hold = Hold::Has {
        addresses: vec![sender],
        lease: None,
    };
    assert_eq!((said.hold, said.device, said.class), (hold, None, None));
    said.name.map(|it| it.to_string())
}

fn told(octets: &[u8]) -> Option<String> {
    told_by(octets, DEVICE)
}

/// An element; lengths of two octets do for all.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x82], &len[..], content].concat()
}

fn principal(parts: &[&str]) -> Vec<u8> {
    let strings: Vec<u8> = parts
        .iter()
        .flat_map(|it| element(GENERAL_STRING, it.as_bytes()))
        .collect();
    let names = element(field(1), &element(SEQUENCE, &strings));
    let kind = element(field(0), &element(INTEGER, &[1]));
    element(CNAME, &element(SEQUENCE, &[kind, names].concat()))
}

fn address(kind: u8, octets: &[u8]) -> Vec<u8> {
    let kind = element(field(0), &element(INTEGER, &[kind]));
    let octets = element(field(1), &element(OCTET_STRING, octets));
    element(SEQUENCE, &[kind, octets].concat())
}

fn addresses(entries: &[Vec<u8>]) -> Vec<u8> {
    element(ADDRESSES, &element(SEQUENCE, &entries.concat()))
}

/// A request with these fields behind its options, of which the first eight are given.
fn request(tag: u8, options: u8, fields: &[Vec<u8>]) -> Vec<u8> {
    let options = element(BIT_STRING, &[0, options, 0, 0, 0]);
    let body = [element(KDC_OPTIONS, &options), fields.concat()].concat();
    let body = element(REQ_BODY, &element(SEQUENCE, &body));
    element(tag, &element(SEQUENCE, &body))
}

#[test]
fn the_account_of_a_host_is_its_name() {
    assert_eq!(told(KINIT_MACHINE).as_deref(), Some("laptop-7"));
}

#[test]
fn the_principal_of_a_host_is_its_name() {
    assert_eq!(told(KINIT_HOST).as_deref(), Some("laptop-7.example.org"));
}

#[test]
fn a_netbios_address_names_the_host_of_a_person() {
    assert_eq!(told(NET_NETBIOS_ADDRESS).as_deref(), Some("laptop-7"));
}

#[test]
fn persons_and_services_are_not_named() {
    for octets in [KINIT_PERSON, KINIT_ADDRESSES, KVNO_TICKET] {
        assert_eq!(told(octets), None);
    }
    for parts in [
        &["http", "web.example"][..],
        &["host"],
        &["host", "pc", "more"],
        &["jdoe", "admin$"],
        &["$"],
        &["j doe$"],
        &["jdoe@corp.example$"],
    ] {
        let asked = request(AS_REQ, 0, &[principal(parts)]);
        assert_eq!(told(&asked), None, "{parts:?}");
    }
}

#[test]
fn the_netbios_name_counts_before_the_client() {
    let fields = [
        principal(&["service$"]),
        addresses(&[address(20, b"PC-7           \0")]),
    ];
    assert_eq!(
        told(&request(AS_REQ, 0x40, &fields)).as_deref(),
        Some("pc-7")
    );
    let group = [
        principal(&["pc-7$"]),
        addresses(&[address(20, b"OFFICE         \x1c"), address(20, b"SHORT")]),
    ];
    assert_eq!(told(&request(AS_REQ, 0, &group)).as_deref(), Some("pc-7"));
}

#[test]
fn a_request_from_behind_a_translator_names_nobody() {
    let fields = |address| [principal(&["pc-7$"]), addresses(&[address])];
    let v4 = request(AS_REQ, 0, &fields(address(2, &[10, 66, 0, 60])));
    assert_eq!(told(&v4).as_deref(), Some("pc-7"));
    assert_eq!(told_by(&v4, OTHER), None);
    // Of IPv6 it is not known whose it is.
    let v6 = request(AS_REQ, 0, &fields(address(24, &[0xfd; 16])));
    assert_eq!(told(&v6).as_deref(), Some("pc-7"));
    assert_eq!(told_by(&v6, Address::from_v6([0xfe; 16])), None);
    let own = Address::from_v6([0xfd; 16]);
    assert_eq!(told_by(&v6, own).as_deref(), Some("pc-7"));
}

#[test]
fn a_ticket_for_another_host_has_the_other_ones_name() {
    let fields = [addresses(&[address(20, b"PC-7            ")])];
    assert_eq!(
        told(&request(TGS_REQ, 0x50, &fields)).as_deref(),
        Some("pc-7")
    );
    for options in [0x20, 0x08] {
        assert_eq!(told(&request(TGS_REQ, options, &fields)), None);
    }
}

#[test]
fn replies_and_other_protocols_say_nothing() {
    for octets in [KDC_REPLY, b"", b"GET / HTTP/1.1\r\n"] {
        assert_eq!(told(octets), None);
    }
}

#[test]
fn a_request_that_is_cut_off_says_nothing() {
    for octets in [KINIT_MACHINE, NET_NETBIOS_ADDRESS, KINIT_HOST] {
        for len in 1..octets.len() {
            let read = statement(&octets[..len], DEVICE);
            assert!(read.is_err(), "prefix of {len} octets");
        }
    }
}

#[test]
fn a_field_of_another_kind_is_malformed() {
    let whole = request(AS_REQ, 0, &[principal(&["pc-7$"])]);
    assert_eq!(told(&whole).as_deref(), Some("pc-7"));
    for (was, is, field) in [
        (SEQUENCE, 0x31, "KDC-REQ"),
        (REQ_BODY, field(5), "req-body"),
        (KDC_OPTIONS, field(6), "kdc-options"),
        (BIT_STRING, 0x05, "kdc-options"),
        (GENERAL_STRING, 0x0c, "name-string"),
    ] {
        let mut octets = whole.clone();
        let at = octets.iter().position(|it| *it == was).unwrap();
        octets[at] = is;
        assert_eq!(
            statement(&octets, DEVICE),
            Err(Malformed::at(field)),
            "{was:#x}"
        );
    }
}

#[test]
fn no_octets_break_it() {
    for octets in [
        KINIT_MACHINE,
        KINIT_ADDRESSES,
        NET_NETBIOS_ADDRESS,
        KINIT_HOST,
    ] {
        torment(octets, |it| {
            let _ = statement(it, DEVICE);
        });
    }
}
