//! Streams of real clients, and what cannot become one.

use super::*;
use crate::identity::samples::{
    DEVICE, KDC_REPLY, KINIT_MACHINE_TCP, SMBCLIENT_AUTHENTICATE, SMBCLIENT_NEGOTIATE,
    SMBCLIENT_SESSION_REQUEST, SMBCLIENT_TREE_CONNECT, torment,
};

const STREAMS: [(Server, &[u8]); 4] = [
    (Server::Kerberos, KINIT_MACHINE_TCP),
    (Server::Smb, SMBCLIENT_SESSION_REQUEST),
    (Server::Smb, SMBCLIENT_NEGOTIATE),
    (Server::Smb, SMBCLIENT_AUTHENTICATE),
];

fn read(server: Server, octets: &[u8]) -> Parsed<Message> {
    message(server, octets, DEVICE)
}

fn name(message: &Message) -> Option<String> {
    let statement = message.says.clone().unwrap()?;
    statement.name.map(|it| it.to_string())
}

#[test]
fn the_message_in_front_is_read() {
    for (server, octets) in STREAMS {
        let Ok(Parse::Done(alone)) = read(server, octets) else {
            panic!("{server:?} is not read");
        };
        assert_eq!(alone.len, octets.len());
        let behind = [octets, b"whatever"].concat();
        assert_eq!(read(server, &behind), Ok(Parse::Done(alone)));
    }
    let named = STREAMS.map(|(server, octets)| match read(server, octets) {
        Ok(Parse::Done(message)) => name(&message),
        _ => None,
    });
    let laptop = || Some("laptop-7".to_owned());
    assert_eq!(named, [laptop(), laptop(), None, laptop()]);
}

#[test]
fn every_shorter_prefix_is_incomplete() {
    for (server, octets) in STREAMS {
        for len in 0..octets.len() {
            let parse = read(server, &octets[..len]);
            assert_eq!(parse, Ok(Parse::Incomplete), "prefix of {len} octets");
            assert!(may_begin(server, &octets[..len]));
            assert_eq!(begins(server, &octets[..len]), len >= 8);
        }
    }
}

#[test]
fn the_last_message_is_known() {
    let is_last = |octets| match read(Server::Smb, octets) {
        Ok(Parse::Done(message)) => message.is_last,
        _ => panic!("not read"),
    };
    assert!(!is_last(SMBCLIENT_NEGOTIATE));
    assert!(is_last(SMBCLIENT_AUTHENTICATE) && is_last(SMBCLIENT_TREE_CONNECT));
    // A message that cannot be read ends it too.
    let mut broken = SMBCLIENT_AUTHENTICATE.to_vec();
    broken[4 + 64 + 12] = 0xff;
    broken[4 + 64 + 13] = 0xff;
    assert!(is_last(&broken));
}

#[test]
fn other_protocols_are_none() {
    let kdc = [&[0, 0, 3, 0x32][..], KDC_REPLY].concat();
    for (server, octets) in [
        (Server::Kerberos, &kdc[..]),
        (Server::Kerberos, SMBCLIENT_NEGOTIATE),
        (Server::Kerberos, SMBCLIENT_SESSION_REQUEST),
        (Server::Smb, KINIT_MACHINE_TCP),
        (Server::Smb, b"\x85\0\0\0"),
        (Server::Smb, b"\0\0\0\0"),
        (Server::Smb, b"\0\0\0\x40\xfdSMB"),
        (Server::Smb, b"GET / HTTP/1.1\r\n"),
        (Server::Smb, b"\x16\x03\x01"),
        (Server::Kerberos, b"\0\x01\0\x01\x6a"),
    ] {
        assert!(read(server, octets).is_err(), "{octets:02x?}");
        assert!(!may_begin(server, octets));
    }
}

#[test]
fn a_server_is_known_by_its_port() {
    let of_port = [88, 139, 445, 443].map(Server::of_port);
    let (kerberos, smb) = (Some(Server::Kerberos), Some(Server::Smb));
    assert_eq!(of_port, [kerberos, smb, smb, None]);
    assert_eq!(
        [Server::Kerberos, Server::Smb].map(Server::source),
        [Source::Kerberos, Source::Smb]
    );
}

#[test]
fn no_octets_break_it() {
    for (server, octets) in STREAMS {
        torment(octets, |it| {
            let _ = read(server, it);
        });
    }
}
