//! Messages of Samba's nmbd and nmblookup, and what is not believed.

use super::*;
use crate::identity::Hold;
use crate::identity::samples::{
    DEVICE, NMBD_ANSWER, NMBD_NODE_STATUS, NMBD_REGISTRATION, NMBLOOKUP_QUERY, torment,
};

const OTHER: Address = Address::from_v4([10, 66, 0, 61]);

/// Where the suffix of the first name stands in its encoding.
const SUFFIX: usize = 12 + 1 + 30;

fn told(octets: &[u8], sender: Address) -> Option<String> {
    let said = statement(octets, sender).unwrap()?;
    assert_eq!(said.source, Source::Nbns);
    assert_eq!(
        said.hold,
        Hold::Has {
            addresses: vec![sender],
            lease: None
        }
    );
    said.name.map(|it| it.to_string())
}

#[test]
fn nmbd_registers_answers_and_lists_its_name() {
    for octets in [NMBD_REGISTRATION, NMBD_ANSWER, NMBD_NODE_STATUS] {
        assert_eq!(told(octets, DEVICE).as_deref(), Some("laptop-7"));
    }
}

#[test]
fn a_question_says_nothing() {
    assert_eq!(told(NMBLOOKUP_QUERY, DEVICE), None);
}

#[test]
fn nobody_is_believed_about_others() {
    assert_eq!(told(NMBD_REGISTRATION, OTHER), None);
    assert_eq!(told(NMBD_ANSWER, OTHER), None);
}

#[test]
fn groups_and_other_services_are_no_names_of_hosts() {
    let mut group = NMBD_REGISTRATION.to_vec();
    let flags = group.len() - 6;
    group[flags] |= 0x80;
    assert_eq!(told(&group, DEVICE), None);
    // The messenger's name, which may be that of a person.
    let mut messenger = NMBD_REGISTRATION.to_vec();
    messenger[SUFFIX..SUFFIX + 2].copy_from_slice(b"AD");
    assert_eq!(told(&messenger, DEVICE), None);
    let mut workstation = NMBD_REGISTRATION.to_vec();
    workstation[SUFFIX..SUFFIX + 2].copy_from_slice(b"AA");
    assert_eq!(told(&workstation, DEVICE).as_deref(), Some("laptop-7"));
}

#[test]
fn a_refusal_says_nothing() {
    let mut octets = NMBD_ANSWER.to_vec();
    octets[3] |= 3;
    assert_eq!(told(&octets, DEVICE), None);
}

#[test]
fn a_name_in_another_encoding_is_malformed() {
    let mut octets = NMBD_REGISTRATION.to_vec();
    for (at, value) in [(12, 31), (13, b'Z'), (13, b'@'), (44, b'a')] {
        let before = std::mem::replace(&mut octets[at], value);
        let read = statement(&octets, DEVICE);
        assert_eq!(read, Err(Malformed::at("NAME")), "{value} at {at}");
        octets[at] = before;
    }
}

#[test]
fn nothing_that_is_cut_or_changed_makes_reading_fail() {
    for octets in [
        NMBD_REGISTRATION,
        NMBD_ANSWER,
        NMBD_NODE_STATUS,
        NMBLOOKUP_QUERY,
    ] {
        torment(octets, |it| {
            let _ = statement(it, DEVICE);
        });
    }
}
