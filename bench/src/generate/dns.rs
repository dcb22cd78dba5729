//! DNS messages (RFC 1035): queries and the answers to them.

use std::net::IpAddr;

/// What a query asks, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    /// Message id.
    pub(crate) id: u16,
    /// The name asked for.
    pub(crate) name: &'a str,
    /// Record type asked for.
    pub(crate) kind: u16,
    /// Whether the message carries an EDNS record (RFC 6891).
    pub(crate) edns: bool,
}

/// What a response says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer<'a> {
    /// An address or, for [`TYPE_HTTPS`], a service binding; `aliases` is the chain of CNAME targets
    /// that leads to it.
    Found {
        /// CNAME targets in order; may be empty.
        aliases: &'a [&'a str],
        /// The address of the last name.
        address: IpAddr,
    },
    /// The name exists without a record of this type; a SOA record says so.
    NoData,
    /// There is no such name; a SOA record says so.
    NoName,
}

/// Builds a query.
pub(crate) fn query(question: &Question<'_>) -> Vec<u8> {
    let mut message = head(question, FLAGS_QUERY, 0, 0);
    edns(question, &mut message);
    message
}

/// Builds the response to a query.
pub(crate) fn response(question: &Question<'_>, answer: &Answer<'_>) -> Vec<u8> {
    let mut message = match answer {
        Answer::Found { aliases, address } => {
            let count = aliases.len() as u16 + 1;
            let mut message = head(question, FLAGS_RESPONSE, count, 0);
            let mut owner = QUESTION_OFFSET;
            for alias in *aliases {
                record(&mut message, owner, TYPE_CNAME, 300);
                let start = message.len();
                message.extend_from_slice(&[0, 0]);
                owner = message.len() as u16;
                name(alias, &mut message);
                end_data(&mut message, start);
            }
            record(&mut message, owner, question.kind, 60);
            let start = message.len();
            message.extend_from_slice(&[0, 0]);
            match (question.kind, address) {
                (TYPE_HTTPS, _) => message.extend_from_slice(&SERVICE_BINDING),
                (_, IpAddr::V4(address)) => message.extend_from_slice(&address.octets()),
                (_, IpAddr::V6(address)) => message.extend_from_slice(&address.octets()),
            }
            end_data(&mut message, start);
            message
        }
        Answer::NoData => negative(question, FLAGS_RESPONSE),
        Answer::NoName => negative(question, FLAGS_RESPONSE | RCODE_NXDOMAIN),
    };
    edns(question, &mut message);
    message
}

/// Puts the length before a message, as DNS over TCP does (RFC 1035 section 4.2.2).
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let mut framed = (message.len() as u16).to_be_bytes().to_vec();
    framed.extend_from_slice(message);
    framed
}

fn head(question: &Question<'_>, flags: u16, answers: u16, authorities: u16) -> Vec<u8> {
    let mut message = Vec::with_capacity(128);
    let additional = u16::from(question.edns);
    for field in [question.id, flags, 1, answers, authorities, additional] {
        message.extend_from_slice(&field.to_be_bytes());
    }
    name(question.name, &mut message);
    message.extend_from_slice(&question.kind.to_be_bytes());
    message.extend_from_slice(&CLASS_IN.to_be_bytes());
    message
}

/// A response without an answer: the start of authority of the name's last label.
fn negative(question: &Question<'_>, flags: u16) -> Vec<u8> {
    let mut message = head(question, flags, 0, 1);
    let last_label = question.name.rfind('.').map_or(0, |dot| dot + 1) as u16;
    record(&mut message, QUESTION_OFFSET + last_label, TYPE_SOA, 900);
    let start = message.len();
    message.extend_from_slice(&[0, 0]);
    name("ns.invalid", &mut message);
    name("hostmaster.invalid", &mut message);
    for field in [2_025_010_100_u32, 7_200, 3_600, 604_800, 900] {
        message.extend_from_slice(&field.to_be_bytes());
    }
    end_data(&mut message, start);
    message
}

/// A record up to its data length; `owner` is the offset of its name.
fn record(message: &mut Vec<u8>, owner: u16, kind: u16, ttl: u32) {
    message.extend_from_slice(&(0xc000 | owner).to_be_bytes());
    message.extend_from_slice(&kind.to_be_bytes());
    message.extend_from_slice(&CLASS_IN.to_be_bytes());
    message.extend_from_slice(&ttl.to_be_bytes());
}

/// Fills in the data length that stands at `start`.
fn end_data(message: &mut [u8], start: usize) {
    let len = (message.len() - start - 2) as u16;
    message[start..start + 2].copy_from_slice(&len.to_be_bytes());
}

fn name(text: &str, message: &mut Vec<u8>) {
    for label in text.split('.') {
        message.push(label.len() as u8);
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
}

fn edns(question: &Question<'_>, message: &mut Vec<u8>) {
    if question.edns {
        message.extend_from_slice(&EDNS);
    }
}

/// Record type of an IPv4 address.
pub(crate) const TYPE_A: u16 = 1;
/// Record type of an IPv6 address.
pub(crate) const TYPE_AAAA: u16 = 28;
/// Record type of a service binding for HTTPS (RFC 9460).
pub(crate) const TYPE_HTTPS: u16 = 65;

const TYPE_CNAME: u16 = 5;
const TYPE_SOA: u16 = 6;
const CLASS_IN: u16 = 1;
const FLAGS_QUERY: u16 = 0x0100;
const FLAGS_RESPONSE: u16 = 0x8180;
const RCODE_NXDOMAIN: u16 = 3;
const QUESTION_OFFSET: u16 = 12;

/// Priority 1, the owner itself as target, `alpn=h2,h3` (RFC 9460 section 2.2).
const SERVICE_BINDING: [u8; 13] = [0, 1, 0, 0, 1, 0, 6, 2, b'h', b'2', 2, b'h', b'3'];

/// The root name, type OPT, 1232 octets, no extended code, no options (RFC 6891 section 6.1).
const EDNS: [u8; 11] = [0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0];

#[cfg(test)]
mod tests {
    use super::*;

    fn question(kind: u16) -> Question<'static> {
        Question {
            id: 0x1234,
            name: "ab.example",
            kind,
            edns: false,
        }
    }

    #[test]
    fn a_query_is_what_the_rfc_draws() {
        assert_eq!(
            query(&question(TYPE_A)),
            b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02ab\x07example\x00\x00\x01\x00\x01"
        );
    }

    #[test]
    fn an_alias_is_the_owner_of_the_address() {
        let answer = Answer::Found {
            aliases: &["c.test"],
            address: IpAddr::from([198, 18, 0, 1]),
        };
        let message = response(&question(TYPE_A), &answer);
        let records = &message[28..];
        assert_eq!(
            records,
            b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x01\x2c\x00\x08\x01c\x04test\x00\
              \xc0\x28\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc6\x12\x00\x01"
        );
        assert_eq!(&message[0x28..0x2a], b"\x01c");
    }

    #[test]
    fn a_negative_response_has_its_soa_at_the_last_label() {
        let message = response(&question(TYPE_AAAA), &Answer::NoName);
        assert_eq!(message[3] & 0x0f, 3);
        assert_eq!(message[6..10], [0, 0, 0, 1]);
        let owner = usize::from(u16::from_be_bytes([message[28], message[29]]) & 0x3fff);
        assert_eq!(&message[owner..owner + 8], b"\x07example");
    }
}
