//! Messages of udhcpc, dhclient and dnsmasq, and what may be wrong with them.

use super::*;
use crate::identity::samples::{
    DEVICE, DHCLIENT_RELEASE, DHCLIENT_REQUEST, DNSMASQ_ACK, UDHCPC_DISCOVER, UDHCPC_REQUEST,
    torment,
};

const ALL: [&[u8]; 5] = [
    UDHCPC_DISCOVER,
    UDHCPC_REQUEST,
    DNSMASQ_ACK,
    DHCLIENT_REQUEST,
    DHCLIENT_RELEASE,
];

/// Octets before the options.
const HEAD: usize = 240;

fn mac() -> Option<Mac> {
    Mac::new([2, 0, 0x5e, 0, 0x53, 7])
}

fn name(text: &str) -> Option<Name> {
    Name::from_text(text.as_bytes())
}

/// The message with options instead of its own.
fn with_options(octets: &[u8], options: &[u8]) -> Message {
    let mut octets = octets[..HEAD].to_vec();
    octets.extend_from_slice(options);
    message(&octets).unwrap()
}

#[test]
fn udhcpc_says_who_it_is_before_it_has_an_address() {
    let discover = message(UDHCPC_DISCOVER).unwrap();
    assert_eq!(
        (discover.is_reply, discover.kind),
        (false, Some(DHCPDISCOVER))
    );
    assert_eq!(discover.device, mac());
    assert_eq!(discover.host_name, name("box-3"));
    assert_eq!(discover.domain_name, name("box-3.lan.example"));
    assert_eq!(discover.class, PlainText::new(b"udhcp 1.35"));
    assert_eq!((discover.client, discover.given), (None, None));
    let said = discover.statement().unwrap();
    assert_eq!((said.speaker, said.hold), (Speaker::Device, Hold::Asks));
    assert_eq!((said.device, said.name), (mac(), name("box-3")));
}

#[test]
fn a_request_for_an_offered_address_does_not_hold_it_yet() {
    for octets in [UDHCPC_REQUEST, DHCLIENT_REQUEST] {
        let request = message(octets).unwrap();
        assert_eq!(request.kind, Some(DHCPREQUEST));
        assert_eq!(request.requested, Some(DEVICE));
        assert_eq!(request.server, Some(Address::from_v4([10, 66, 0, 1])));
        assert_eq!(request.statement().unwrap().hold, Hold::Asks);
    }
    let request = message(DHCLIENT_REQUEST).unwrap();
    assert_eq!(request.host_name, name("laptop-7"));
    assert_eq!(request.class, PlainText::new(b"MSFT 5.0"));
}

#[test]
fn an_acknowledgment_gives_the_address_for_a_time() {
    let ack = message(DNSMASQ_ACK).unwrap();
    assert_eq!((ack.is_reply, ack.kind), (true, Some(DHCPACK)));
    assert_eq!(ack.given, Some(DEVICE));
    let said = ack.statement().unwrap();
    assert_eq!((said.speaker, said.device), (Speaker::Server, mac()));
    let lease = Some(Duration::from_secs(600));
    assert_eq!(
        said.hold,
        Hold::Has {
            addresses: vec![DEVICE],
            lease
        }
    );
}

#[test]
fn a_release_gives_it_back() {
    let said = message(DHCLIENT_RELEASE).unwrap().statement().unwrap();
    assert_eq!(said.hold, Hold::Leaves(vec![DEVICE]));
    assert_eq!(said.device, mac());
}

#[test]
fn a_client_that_renews_has_the_address() {
    let mut octets = UDHCPC_REQUEST.to_vec();
    octets[12..16].copy_from_slice(&[10, 66, 0, 60]);
    let said = message(&octets).unwrap().statement().unwrap();
    assert_eq!(
        said.hold,
        Hold::Has {
            addresses: vec![DEVICE],
            lease: None
        }
    );
}

#[test]
fn an_offer_and_a_refusal_say_nothing() {
    for kind in [2, 6] {
        let offer = with_options(DNSMASQ_ACK, &[53, 1, kind, 255]);
        assert_eq!(offer.statement(), None);
    }
    // BOOTP has no type.
    assert_eq!(with_options(DNSMASQ_ACK, &[255]).statement(), None);
}

#[test]
fn a_domain_name_may_be_text_or_labels() {
    let read = |option: &[u8]| with_options(UDHCPC_DISCOVER, option).domain_name;
    assert_eq!(read(b"\x51\x08\0\0\0Host1"), name("host1"));
    let labels = b"\x51\x11\x04\0\0\x04host\x07example\0\xff";
    assert_eq!(read(labels), name("host.example"));
    assert_eq!(read(b"\x51\x02\0\0\xff"), None);
}

#[test]
fn the_client_identifier_is_the_device_where_the_header_has_none() {
    let mut octets = UDHCPC_DISCOVER[..HEAD].to_vec();
    // InfiniBand: no hardware address fits.
    octets[1..3].copy_from_slice(&[32, 0]);
    octets.extend_from_slice(b"\x35\x01\x01\x3d\x07\x01\x02\0\x5e\0\x53\x07\xff");
    assert_eq!(message(&octets).unwrap().device, mac());
    let text = b"\x35\x01\x01\x3d\x05\0text\xff";
    octets.truncate(HEAD);
    octets.extend_from_slice(text);
    assert_eq!(message(&octets).unwrap().device, None);
}

#[test]
fn options_go_on_in_the_fields_for_names() {
    let mut octets = UDHCPC_DISCOVER[..HEAD].to_vec();
    octets[44..52].copy_from_slice(b"\x0c\x05box-4\xff");
    octets[108..118].copy_from_slice(b"\x3c\x07class-4\xff");
    octets.extend_from_slice(b"\x35\x01\x01\x34\x01\x03\xff");
    let overloaded = message(&octets).unwrap();
    assert_eq!(overloaded.host_name, name("box-4"));
    assert_eq!(overloaded.class, PlainText::new(b"class-4"));
}

#[test]
fn a_field_that_is_missing_is_told() {
    let field = |octets: &[u8]| message(octets).unwrap_err().field;
    for (len, expected) in [
        (0, "op"),
        (1, "htype"),
        (2, "hlen"),
        (11, "xid"),
        (15, "ciaddr"),
        (19, "yiaddr"),
        (27, "siaddr"),
        (33, "chaddr"),
        (43, "chaddr"),
        (107, "sname"),
        (235, "file"),
        (239, "magic cookie"),
        (242, "option"),
    ] {
        assert_eq!(field(&UDHCPC_REQUEST[..len]), expected, "{len} octets");
    }
    assert_eq!(field(b"\x03"), "op");
}

#[test]
fn nothing_that_is_cut_or_changed_makes_reading_fail() {
    for octets in ALL {
        torment(octets, |it| {
            if let Ok(message) = message(it) {
                let _ = message.statement();
            }
        });
    }
}
