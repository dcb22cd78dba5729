//! Recognises a DNS message where none is expected.

use super::{
    CLASS_IN, Cursor, FLAG_TC, Message, OPCODE_QUERY, Question, Record, RecordData, TYPE_OPT,
    WireName, message,
};

/// Whether octets on a port other than 53 are a DNS message beyond reasonable doubt.
///
/// That is: a standard query or its response; exactly one question, of class IN and a type in use,
/// about a name of at least two labels of letters, digits, hyphens and underscores under an
/// alphabetic top label; a query holds nothing else but two additional records at most; every
/// record can be read; and the message ends with the last octet. So NetBIOS name queries, single
/// labels and other protocols are not taken for DNS; some odd DNS is missed. Longer names of mDNS
/// and LLMNR cannot be told from DNS: ports 5353 and 5355 are for the caller to leave out.
///
/// Octets of any other kind mostly cost no more than a look at the header.
#[must_use]
pub fn proves_itself(octets: &[u8]) -> bool {
    message(octets).is_ok_and(|it| is_header_sane(&it) && is_body_sane(&it))
}

fn is_header_sane(message: &Message<'_>) -> bool {
    let must_be_clear = if message.is_response() {
        FLAG_Z
    } else {
        FLAG_AA | FLAG_TC | FLAG_RA | FLAG_Z
    };
    let is_size_sane = if message.is_response() {
        message.rcode() <= MAX_RCODE
    } else {
        message.rcode() == 0
            && message.answer_count == 0
            && message.authority_count == 0
            && message.additional_count <= 2
    };
    message.opcode() == OPCODE_QUERY
        && message.flags & must_be_clear == 0
        && message.question_count == 1
        && is_size_sane
}

fn is_body_sane(message: &Message<'_>) -> bool {
    let mut cursor = Cursor::behind_header(message.octets);
    let is_question_sane = cursor.question().is_ok_and(|it| is_question_sane(&it));
    let counts = [
        message.answer_count,
        message.authority_count,
        message.additional_count,
    ];
    let records: usize = counts.into_iter().map(usize::from).sum();
    is_question_sane
        && (0..records).all(|_| cursor.record().is_ok_and(|it| is_record_sane(&it)))
        && cursor.rest.is_empty()
}

fn is_question_sane(question: &Question<'_>) -> bool {
    question.qclass == CLASS_IN
        && TYPES_IN_USE.contains(&question.qtype)
        && is_domain(question.name, question.qtype == TYPE_SRV)
}

fn is_record_sane(record: &Record<'_>) -> bool {
    let is_envelope_sane = if record.rtype == TYPE_OPT {
        record.owner.is_root()
    } else {
        record.class == CLASS_IN && record.ttl <= MAX_TTL
    };
    let is_data_sane = match record.data {
        RecordData::A(_) | RecordData::Aaaa(_) | RecordData::Other => true,
        RecordData::Cname(target)
        | RecordData::Https { target, .. }
        | RecordData::Svcb { target, .. } => is_readable(target),
        RecordData::Malformed(_) => false,
    };
    is_envelope_sane && is_data_sane && is_readable(record.owner)
}

fn is_readable(name: WireName<'_>) -> bool {
    name.labels().all(|it| it.is_ok())
}

/// Whether a name looks like one of the public tree. The owner of an SRV record begins with the
/// underscore of a service (RFC 2782), which tells it from a NetBIOS status query, of the same type.
fn is_domain(name: WireName<'_>, is_service: bool) -> bool {
    let mut labels = 0_u8;
    let mut is_top = false;
    for label in name.labels() {
        let Ok(label) = label else { return false };
        let is_ldh = |it: &u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_');
        if !label.iter().all(is_ldh) || (labels == 0 && is_service && !label.starts_with(b"_")) {
            return false;
        }
        is_top = label.iter().all(u8::is_ascii_alphabetic) && label.len() >= 2
            || label
                .get(..4)
                .is_some_and(|it| it.eq_ignore_ascii_case(b"xn--"));
        labels = labels.saturating_add(1);
    }
    labels >= 2 && is_top
}

const FLAG_AA: u16 = 0x0400;
const FLAG_RA: u16 = 0x0080;
const FLAG_Z: u16 = 0x0040;
/// REFUSED; those above belong to updates and extensions.
const MAX_RCODE: u8 = 5;
/// RFC 2181 section 8.
const MAX_TTL: u32 = 0x7fff_ffff;
const TYPE_SRV: u16 = 33;
/// A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, NAPTR, DS, RRSIG, NSEC, DNSKEY, TLSA, SVCB, HTTPS,
/// ANY and CAA, by <https://www.iana.org/assignments/dns-parameters>.
const TYPES_IN_USE: [u16; 19] = [
    1, 2, 5, 6, 12, 15, 16, 28, TYPE_SRV, 35, 43, 46, 47, 48, 52, 64, 65, 255, 257,
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::names::dns::samples::{
        ALL, LLMNR_QUERY, NETBIOS_QUERY, QUERY_WITH_EDNS, RESPONSE_CNAME_A,
    };

    #[test]
    fn real_messages_prove_themselves() {
        for sample in ALL {
            assert!(proves_itself(sample), "{sample:02x?}");
        }
    }

    #[test]
    fn no_prefix_and_no_longer_message_proves_itself() {
        for sample in ALL {
            for len in 0..sample.len() {
                assert!(!proves_itself(&sample[..len]), "prefix of {len} octets");
            }
            assert!(!proves_itself(&[sample, &[0]].concat()));
        }
    }

    #[test]
    fn netbios_and_llmnr_do_not_prove_themselves() {
        assert!(!proves_itself(NETBIOS_QUERY));
        assert!(!proves_itself(LLMNR_QUERY));
    }

    #[test]
    fn a_netbios_status_query_with_a_scope_is_not_a_query_for_a_service() {
        let query = |name: &[u8]| {
            let header = b"\x80\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00";
            [&header[..], name, b"\x00\x21\x00\x01"].concat()
        };
        let status = query(b"\x20CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\x05scope\x03com\0");
        assert!(!proves_itself(&status));
        assert!(proves_itself(&query(b"\x04_sip\x04_udp\x01a\x03com\0")));
    }

    #[test]
    fn each_rule_of_the_header_is_needed() {
        let broken = |at: usize, octet: u8| {
            let mut octets = QUERY_WITH_EDNS.to_vec();
            octets[at] = octet;
            proves_itself(&octets)
        };
        assert!(broken(2, 0x00), "recursion not desired");
        assert!(broken(3, 0x30), "AD and CD");
        assert!(!broken(2, 0x05), "AA in a query");
        assert!(!broken(2, 0x03), "TC in a query");
        assert!(!broken(2, 0x29), "opcode 5");
        assert!(!broken(3, 0x80), "RA in a query");
        assert!(!broken(3, 0x40), "Z");
        assert!(!broken(3, 0x03), "RCODE in a query");
        assert!(!broken(5, 0), "no question");
        assert!(!broken(5, 2), "two questions");
        assert!(!broken(7, 1), "an answer in a query");
        assert!(!broken(9, 1), "an authority in a query");
        assert!(!broken(11, 3), "three additional records");
    }

    #[test]
    fn each_rule_of_the_question_is_needed() {
        let question = |name: &[u8], rest: [u8; 4]| {
            let header = b"\x80\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00";
            proves_itself(&[&header[..], name, &rest].concat())
        };
        let a = [0, 1, 0, 1];
        assert!(question(b"\x03a-1\x02_b\x02de\0", a));
        assert!(question(b"\x01a\x05xn--1\0", a));
        assert!(!question(b"\x02de\0", a), "single label");
        assert!(!question(b"\0", a), "root");
        assert!(!question(b"\x01a\x01b\0", a), "top label of one letter");
        assert!(!question(b"\x01a\x02d1\0", a), "digit in the top label");
        assert!(!question(b"\x01 \x02de\0", a), "space");
        assert!(!question(b"\x01\xe9\x02de\0", a), "octet above 127");
        assert!(!question(b"\x01a\x02de\0", [0, 32, 0, 1]), "type NB");
        assert!(!question(b"\x01a\x02de\0", [0, 1, 0, 3]), "class CH");
        assert!(
            !question(b"\x01a\x02de\0", [0, 1, 0x80, 1]),
            "unicast bit of mDNS"
        );
    }

    #[test]
    fn a_response_with_data_of_the_wrong_size_does_not_prove_itself() {
        let mut octets = RESPONSE_CNAME_A.to_vec();
        let first = 45 + 17;
        octets[first + 11] = 5;
        octets.insert(first + 16, 0);
        assert!(!proves_itself(&octets));
    }

    #[test]
    fn changed_octets_seldom_leave_a_query_that_proves_itself_but_for_text_and_id() {
        // ID, letters of the name and fields of the OPT record may be anything; structure may not.
        let structure = [4, 5, 6, 7, 8, 9, 10, 11, 16, 24, 28, 29, 30, 31, 32, 33, 34];
        for at in structure {
            let mut octets = QUERY_WITH_EDNS.to_vec();
            octets[at] ^= 0x20;
            assert!(!proves_itself(&octets), "octet {at}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn random_octets_do_not_prove_themselves(
            octets in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            prop_assert!(!proves_itself(&octets));
        }

        /// Random octets behind the header of a query, with small numbers as in real structure.
        #[test]
        fn random_octets_behind_a_header_do_not_prove_themselves(
            body in proptest::collection::vec(prop_oneof![0..4_u8, any::<u8>()], 0..40),
        ) {
            let header = &QUERY_WITH_EDNS[..12];
            prop_assert!(!proves_itself(&[header, &body].concat()));
        }
    }
}
