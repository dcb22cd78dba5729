//! Who a host is: what devices say of themselves on their network.

use phonehome::discovery::device;
use phonehome::host::Address;
use phonehome::identity::client::{self, Server};
use phonehome::identity::{
    Hold, MAX_ADDRESSES, MAX_TEXT, PlainText, Source, Statement, dhcp, dhcp6, kerberos, multicast,
    nbns,
};
use phonehome::names::Parse;
use phonehome_signatures::Payload;

use super::input::Input;
use super::messages::check_name;

/// A message in which a device is named: an octet for the protocol, the message. Of those of Kerberos
/// and SMB also the stream of a client that begins with it.
pub(crate) fn identity(octets: &[u8]) {
    let mut input = Input::new(octets);
    let source = Source::ALL[usize::from(input.u8()) % Source::ALL.len()];
    let octets = input.rest();
    let sender = Address::from_v4([10, 0, 0, 1]);
    let statement = match source {
        Source::Dhcp => dhcp::message(octets).map(|it| it.statement()),
        Source::Dhcp6 => dhcp6::message(octets).map(|it| it.statement()),
        Source::Mdns | Source::Llmnr => multicast::statement(source, octets, sender),
        Source::Nbns => nbns::statement(octets, sender),
        Source::Kerberos => {
            stream(Server::Kerberos, octets, sender);
            kerberos::statement(octets, sender)
        }
        Source::Smb => return stream(Server::Smb, octets, sender),
    };
    if let Ok(Some(statement)) = statement {
        assert_eq!(statement.source, source);
        check(&statement);
    }
}

/// What a client sends to a server. What is read of a message stands however the stream goes on, and
/// nothing is read of less.
fn stream(server: Server, octets: &[u8], sender: Address) {
    let mut rest = octets;
    while let Ok(Parse::Done(message)) = client::message(server, rest, sender) {
        assert!(client::begins(server, rest));
        let (alone, behind) = rest.split_at(message.len);
        let again = client::message(server, alone, sender);
        assert_eq!(again, Ok(Parse::Done(message.clone())));
        for len in [0, 1, 4, alone.len() / 2, alone.len() - 1] {
            let less = client::message(server, &alone[..len], sender);
            assert_eq!(less, Ok(Parse::Incomplete), "{len} of {}", alone.len());
        }
        if let Ok(Some(statement)) = &message.says {
            assert_eq!(statement.source, server.source());
            check(statement);
        }
        rest = behind;
    }
    for len in 0..rest.len().min(16) {
        if client::message(server, rest, sender).is_ok() {
            assert!(client::may_begin(server, &rest[..len]));
        }
    }
}

fn check(statement: &Statement) {
    statement.name.iter().for_each(check_name);
    statement.class.iter().for_each(check_text);
    match &statement.hold {
        Hold::Asks => {}
        Hold::Has { addresses, .. } | Hold::Leaves(addresses) => {
            assert!(addresses.len() <= MAX_ADDRESSES);
        }
    }
}

/// What a device announces, or answers to a search: an octet for the protocol, the datagram.
pub(crate) fn discovery(octets: &[u8]) {
    let mut input = Input::new(octets);
    let payloads = [
        Payload::Sadp,
        Payload::Dhip,
        Payload::Kasa,
        Payload::Tuya,
        Payload::Ksc,
    ];
    let payload = payloads[usize::from(input.u8()) % payloads.len()];
    if let Ok(Some(device)) = device(payload, input.rest()) {
        let texts = [device.model, device.serial, device.firmware];
        texts.iter().flatten().for_each(check_text);
    }
}

/// Octets that are not printable take four characters.
fn check_text(text: &PlainText) {
    let text = text.as_str();
    assert!(!text.is_empty() && text.len() <= 4 * MAX_TEXT);
    assert!(text.bytes().all(|it| matches!(it, b' '..=b'~')), "{text:?}");
}
