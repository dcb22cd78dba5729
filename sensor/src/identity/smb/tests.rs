//! Messages of Samba's smbclient and of impacket, and such as are made by hand.

use super::*;
use crate::identity::samples::{
    IMPACKET_AUTHENTICATE, IMPACKET_KERBEROS, SMBCLIENT_AUTHENTICATE, SMBCLIENT_AUTHENTICATE_1,
    SMBCLIENT_NEGOTIATE, SMBCLIENT_NEGOTIATE_1, SMBCLIENT_NTLM_NEGOTIATE,
    SMBCLIENT_SESSION_REQUEST, SMBCLIENT_TREE_CONNECT, SMBD_CHALLENGE, torment,
};

/// Name and whether it is the last.
fn said(octets: &[u8]) -> (Option<String>, bool) {
    let said = message(octets).unwrap();
    (said.name.map(|it| it.to_string()), said.is_last)
}

fn named(name: &str) -> Option<String> {
    Some(name.to_owned())
}

/// A message of NTLM with a workstation, in a message of SMB 2 without SPNEGO.
fn set_up(ntlm: &[u8]) -> Vec<u8> {
    let mut octets = SMBCLIENT_AUTHENTICATE[..4 + 64 + 24].to_vec();
    octets[4 + 64 + 12..][..2].copy_from_slice(&88u16.to_le_bytes());
    octets[4 + 64 + 14..][..2].copy_from_slice(&u16::try_from(ntlm.len()).unwrap().to_le_bytes());
    octets.extend_from_slice(ntlm);
    octets
}

/// A message of NTLM that logs on, with a workstation and flags.
fn authenticate(workstation: &[u8], flags: u32) -> Vec<u8> {
    let mut octets = [NTLM, &3u32.to_le_bytes(), &[0; 52]].concat();
    octets[44..46].copy_from_slice(&u16::try_from(workstation.len()).unwrap().to_le_bytes());
    octets[48] = 64;
    octets[60..64].copy_from_slice(&flags.to_le_bytes());
    [&octets, workstation].concat()
}

#[test]
fn a_client_that_logs_on_names_its_workstation() {
    assert_eq!(said(SMBCLIENT_AUTHENTICATE), (named("laptop-7"), true));
    assert_eq!(said(SMBCLIENT_AUTHENTICATE_1), (named("laptop-7"), true));
}

#[test]
fn a_request_for_a_session_names_the_caller() {
    assert_eq!(said(SMBCLIENT_SESSION_REQUEST), (named("laptop-7"), false));
}

#[test]
fn what_comes_before_says_nothing_yet() {
    for octets in [
        SMBCLIENT_NEGOTIATE,
        SMBCLIENT_NEGOTIATE_1,
        SMBCLIENT_NTLM_NEGOTIATE,
    ] {
        assert_eq!(said(octets), (None, false));
    }
}

#[test]
fn a_ticket_says_nothing_and_what_comes_behind_it_ends_the_wait() {
    assert_eq!(said(IMPACKET_KERBEROS), (None, false));
    assert_eq!(said(SMBCLIENT_TREE_CONNECT), (None, true));
}

#[test]
fn a_client_without_a_workstation_is_not_named() {
    assert_eq!(said(IMPACKET_AUTHENTICATE), (None, true));
}

#[test]
fn a_server_says_nothing() {
    assert_eq!(said(SMBD_CHALLENGE), (None, true));
    let mut reply = SMBCLIENT_AUTHENTICATE_1.to_vec();
    reply[4 + 9] |= 0x80;
    assert_eq!(said(&reply), (None, true));
}

#[test]
fn the_first_message_may_have_a_workstation() {
    let mut octets = [NTLM, &1u32.to_le_bytes(), &0x2200u32.to_le_bytes()].concat();
    octets.extend([0; 8]);
    octets.extend([4, 0, 4, 0, 32, 0, 0, 0]);
    octets.extend(b"PC-7");
    assert_eq!(said(&set_up(&octets)), (named("pc-7"), false));
    octets[13] &= !0x20;
    assert_eq!(said(&set_up(&octets)), (None, false));
}

#[test]
fn a_workstation_is_in_unicode_or_not() {
    let wide: Vec<u8> = "PC-Ä".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let octets = set_up(&authenticate(&wide, IN_UNICODE));
    assert_eq!(said(&octets), (named("pc-\\195\\132"), true));
    let octets = set_up(&authenticate(b"PC-7", 0));
    assert_eq!(said(&octets), (named("pc-7"), true));
}

#[test]
fn a_workstation_that_is_not_text_is_malformed() {
    let wrong = Err(Malformed::at("Workstation"));
    for octets in [&b"PC7"[..], &[0x00, 0xd8, b'a', 0]] {
        assert_eq!(message(&set_up(&authenticate(octets, IN_UNICODE))), wrong);
    }
}

#[test]
fn a_field_beyond_the_message_is_malformed() {
    let octets = authenticate(b"PC-7", 0);
    for (at, value) in [(44, 5), (48, 65), (51, 0xff)] {
        let mut octets = octets.clone();
        octets[at] = value;
        let read = message(&set_up(&octets));
        assert_eq!(read, Err(Malformed::at("Workstation")));
    }
    let mut beyond = set_up(&octets);
    beyond.pop();
    assert_eq!(message(&beyond), Err(Malformed::at("SecurityBuffer")));
}

#[test]
fn persons_and_domains_are_not_read() {
    let known = |octets: &[u8], text: &str| {
        let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        octets.windows(wide.len()).any(|it| it == wide)
    };
    assert!(known(SMBCLIENT_AUTHENTICATE, "smbjdoe") && known(SMBCLIENT_AUTHENTICATE, "OFFICE"));
    let mut octets = SMBCLIENT_AUTHENTICATE.to_vec();
    let ntlm = octets
        .windows(NTLM.len())
        .position(|it| it == NTLM)
        .unwrap();
    // Without its workstation.
    octets[ntlm + 44..ntlm + 46].fill(0);
    assert_eq!(said(&octets), (None, true));
}

#[test]
fn a_message_that_is_cut_off_says_nothing() {
    for octets in [
        SMBCLIENT_SESSION_REQUEST,
        SMBCLIENT_AUTHENTICATE,
        // Behind the token stand names of the system.
        &SMBCLIENT_AUTHENTICATE_1[..489],
    ] {
        for len in 0..octets.len() {
            let read = message(&octets[..len]);
            assert!(
                read.is_err_and(|it| !it.field.is_empty()),
                "prefix of {len} octets"
            );
        }
    }
}

#[test]
fn no_octets_break_it() {
    for octets in [
        SMBCLIENT_SESSION_REQUEST,
        SMBCLIENT_NTLM_NEGOTIATE,
        SMBCLIENT_AUTHENTICATE,
        SMBCLIENT_AUTHENTICATE_1,
        IMPACKET_KERBEROS,
    ] {
        torment(octets, |it| {
            let _ = message(it);
        });
    }
}
