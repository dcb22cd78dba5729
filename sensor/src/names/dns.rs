//! DNS messages (RFC 1035, 3596, 6891, 9460), read in place.
//!
//! [`message`] takes the octets of one message: a UDP payload, or one item of [`tcp_messages`].
//! Nothing is copied or allocated: questions and records come lazily, and a [`WireName`] is text
//! only once it is written. The parts of this module, in the order in which octets meet them:
//!
//! - [`tcp_messages`] cuts a TCP stream into messages (RFC 7766);
//! - [`proves_itself`] recognises a message on a port where none is expected;
//! - [`Message`] reads the header, the questions and the answer section;
//! - [`WireName`] is a name inside a message, compressed or not.
//!
//! Damage costs as little as it can: what comes before a cut is still read, a record whose data has
//! the wrong size or form is marked and passed over, a bad compression pointer spoils one name
//! only, and octets after the message are ignored. The authority and additional sections are not
//! given out, but for the client's subnet in EDNS. The messages of mDNS and LLMNR have the same form, so
//! it is for the caller to tell them apart, by port.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use crate::names::Malformed;
use crate::reader::Reader;

use record::Cursor;

pub use name::WireName;
pub use proof::proves_itself;
pub use record::{Question, Record, RecordData};
pub use stream::{TcpMessages, tcp_messages};
pub use subnet::Subnet;
pub use told::MAX_TOLD;

mod name;
#[cfg(test)]
mod oracle;
mod proof;
mod record;
#[cfg(test)]
mod samples;
mod stream;
mod subnet;
mod told;

/// Reads the header of a message; `octets` starts at its ID.
///
/// # Errors
///
/// [`Malformed`] if the header is cut off: it has [`HEADER_LEN`] octets (RFC 1035 section 4.1.1).
pub fn message(octets: &[u8]) -> Result<Message<'_>, Malformed> {
    let mut header = Reader::new(octets);
    let mut field = || header.u16().ok_or(Malformed::at("header"));
    Ok(Message {
        octets,
        id: field()?,
        flags: field()?,
        question_count: field()?,
        answer_count: field()?,
        authority_count: field()?,
        additional_count: field()?,
    })
}

/// A message whose header has been read.
///
/// ```text
///   0  1  2  3  4  5  6  7  8  9  10 11 12 13 14 15
/// +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
/// |                      ID                       |
/// |QR|   Opcode  |AA|TC|RD|RA| Z|AD|CD|   RCODE   |
/// |                    QDCOUNT                    |
/// |                    ANCOUNT                    |
/// |                    NSCOUNT                    |
/// |                    ARCOUNT                    |
/// +--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+--+
/// ```
///
/// RFC 1035 section 4.1.1; AD and CD are from RFC 4035 section 3.
#[derive(Clone, Copy, Debug)]
pub struct Message<'m> {
    octets: &'m [u8],
    id: u16,
    flags: u16,
    question_count: u16,
    answer_count: u16,
    authority_count: u16,
    additional_count: u16,
}

impl<'m> Message<'m> {
    /// The number by which the client knows the response.
    #[must_use]
    pub const fn id(&self) -> u16 {
        self.id
    }

    /// Whether this is a response; otherwise it is a query.
    #[must_use]
    pub const fn is_response(&self) -> bool {
        self.flags & FLAG_QR != 0
    }

    /// The kind of query, 0 to 15; see [`OPCODE_QUERY`].
    #[must_use]
    pub const fn opcode(&self) -> u8 {
        self.flags.to_be_bytes()[0] >> 3 & 0x0f
    }

    /// The outcome, 0 to 15, without the upper bits that EDNS adds; see [`RCODE_NXDOMAIN`].
    #[must_use]
    pub const fn rcode(&self) -> u8 {
        self.flags.to_be_bytes()[1] & 0x0f
    }

    /// Whether the sender left records out for want of room.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.flags & FLAG_TC != 0
    }

    /// Number of questions, as the header has it.
    #[must_use]
    pub const fn question_count(&self) -> u16 {
        self.question_count
    }

    /// Number of records in the answer section, as the header has it.
    #[must_use]
    pub const fn answer_count(&self) -> u16 {
        self.answer_count
    }

    /// Number of records in the authority section, as the header has it.
    #[must_use]
    pub const fn authority_count(&self) -> u16 {
        self.authority_count
    }

    /// Number of records in the additional section, as the header has it.
    #[must_use]
    pub const fn additional_count(&self) -> u16 {
        self.additional_count
    }

    /// The questions, in order. The first broken one is the last item.
    pub fn questions(&self) -> impl Iterator<Item = Result<Question<'m>, Malformed>> + use<'m> {
        let mut cursor = Cursor::behind_header(self.octets);
        let mut left = self.question_count;
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let question = cursor.question();
            if question.is_err() {
                left = 0;
            }
            Some(question)
        })
    }

    /// The records of the answer section, in order. The first broken one is the last item; if a
    /// question is broken, that is the only item.
    ///
    /// A record of which only the data is unusable is not broken: it comes with
    /// [`RecordData::Malformed`], and others may follow.
    pub fn answers(&self) -> impl Iterator<Item = Result<Record<'m>, Malformed>> + use<'m> {
        self.first_records(self.answer_count.into(), u16::MAX)
    }

    /// The records of all sections, in order, as [`Message::answers`] gives those of the first. Their
    /// class is without its top bit, in which mDNS says that older records are void (RFC 6762 section
    /// 10.2).
    pub fn multicast_records(
        &self,
    ) -> impl Iterator<Item = Result<Record<'m>, Malformed>> + use<'m> {
        let counts = [
            self.answer_count,
            self.authority_count,
            self.additional_count,
        ];
        self.first_records(counts.map(u32::from).iter().sum(), u16::MAX >> 1)
    }

    /// As many records, in the order of the sections, with those bits of their class.
    fn first_records(
        &self,
        mut left: u32,
        class_bits: u16,
    ) -> impl Iterator<Item = Result<Record<'m>, Malformed>> + use<'m> {
        let mut cursor = Cursor::behind_header(self.octets);
        cursor.class_bits = class_bits;
        let mut questions = self.question_count;
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let record = cursor
                .skip_questions(std::mem::take(&mut questions))
                .and_then(|()| cursor.record());
            if record.is_err() {
                left = 0;
            }
            Some(record)
        })
    }

    /// Calls `f` with each name that a response tells: the owners of A, AAAA, CNAME and HTTPS
    /// records of the answer section, and the targets of CNAME records; each once.
    ///
    /// The text has the form of a [`Name`](crate::names::Name); the root is left out. Only class IN
    /// is read, and nothing of a query or an update. `scratch` is overwritten; kept between calls, it makes them
    /// free of allocation. A name may be told again after the first [`MAX_TOLD`].
    ///
    /// # Errors
    ///
    /// [`Malformed`] for the first thing that could not be read, after all that could be.
    pub fn for_each_answer_name(
        &self,
        scratch: &mut String,
        mut f: impl FnMut(&str),
    ) -> Result<(), Malformed> {
        scratch.clear();
        if !self.is_response() || self.opcode() == OPCODE_UPDATE {
            return Ok(());
        }
        let mut told = told::Told::new(scratch);
        let mut outcome = Ok(());
        for record in self.answers() {
            let (owner, target) = match record {
                Ok(record) => match record.data {
                    RecordData::A(_) | RecordData::Aaaa(_) | RecordData::Https { .. } => {
                        (record.owner, None)
                    }
                    RecordData::Cname(target) => (record.owner, Some(target)),
                    RecordData::Svcb { .. } | RecordData::Other => continue,
                    RecordData::Malformed(error) => {
                        outcome = outcome.and(Err(error));
                        continue;
                    }
                },
                Err(error) => {
                    outcome = outcome.and(Err(error));
                    continue;
                }
            };
            outcome = outcome.and(told.tell(owner, &mut f));
            if let Some(target) = target {
                outcome = outcome.and(told.tell(target, &mut f));
            }
        }
        outcome
    }
}

/// The port of DNS over UDP and TCP (RFC 1035 section 4.2).
pub const DNS_PORT: u16 = 53;

/// Octets of the header.
pub const HEADER_LEN: usize = 12;
/// Opcode of a standard query.
pub const OPCODE_QUERY: u8 = 0;
/// Opcode of a dynamic update, whose sections hold no questions and answers (RFC 2136 section 2).
pub const OPCODE_UPDATE: u8 = 5;
/// RCODE of an answer without error; it may hold no record.
pub const RCODE_NOERROR: u8 = 0;
/// RCODE that says that the name does not exist.
pub const RCODE_NXDOMAIN: u8 = 3;
/// RCODE of a server that will not answer.
pub const RCODE_REFUSED: u8 = 5;
/// Class of the Internet.
pub const CLASS_IN: u16 = 1;
/// Type of an IPv4 address.
pub const TYPE_A: u16 = 1;
/// Type of an alias.
pub const TYPE_CNAME: u16 = 5;
/// Type of an IPv6 address.
pub const TYPE_AAAA: u16 = 28;
/// Type of the record that carries EDNS (RFC 6891).
pub const TYPE_OPT: u16 = 41;
/// Type of a service binding (RFC 9460).
pub const TYPE_SVCB: u16 = 64;
/// Type of an HTTPS service binding (RFC 9460).
pub const TYPE_HTTPS: u16 = 65;

const FLAG_QR: u16 = 0x8000;
const FLAG_TC: u16 = 0x0200;

#[cfg(test)]
mod tests {
    use super::samples::{ALL, QUERY_WITH_EDNS, RESPONSE_CNAME_A, RESPONSE_NXDOMAIN};
    use super::*;

    #[test]
    fn a_query_with_edns_holds_its_question() {
        let query = message(QUERY_WITH_EDNS).unwrap();
        assert_eq!(query.id(), 0x1a2b);
        assert!(!query.is_response() && !query.is_truncated());
        assert_eq!((query.opcode(), query.rcode()), (OPCODE_QUERY, 0));
        assert_eq!(query.additional_count(), 1);
        let questions: Vec<_> = query.questions().map(Result::unwrap).collect();
        assert_eq!(questions.len(), 1);
        assert_eq!(text(questions[0].name), Ok("www.example.com".into()));
        assert_eq!(
            (questions[0].qtype, questions[0].qclass),
            (TYPE_A, CLASS_IN)
        );
        assert_eq!(query.answers().count(), 0);
    }

    #[test]
    fn header_fields_are_told_apart() {
        let header = |flags: [u8; 2]| {
            let octets = [0, 1, flags[0], flags[1], 0, 2, 0, 3, 0, 4, 0, 5];
            let it = message(&octets).unwrap();
            assert_eq!((it.question_count(), it.answer_count()), (2, 3));
            assert_eq!((it.authority_count(), it.additional_count()), (4, 5));
            let kind = (it.is_response(), it.is_truncated());
            (kind, it.opcode(), it.rcode())
        };
        assert_eq!(header([0x80, 0x00]), ((true, false), 0, 0));
        assert_eq!(header([0x78, 0x00]), ((false, false), 15, 0));
        assert_eq!(header([0x02, 0x00]), ((false, true), 0, 0));
        assert_eq!(header([0x05, 0xff]), ((false, false), 0, 15));
    }

    #[test]
    fn an_answer_holds_a_chain_of_records() {
        let records: Vec<_> = message(RESPONSE_CNAME_A)
            .unwrap()
            .answers()
            .map(Result::unwrap)
            .collect();
        let [alias, first, second] = records[..] else {
            panic!("{} records", records.len());
        };
        assert_eq!(text(alias.owner), Ok("www.example.com".into()));
        assert_eq!((alias.rtype, alias.class, alias.ttl), (5, CLASS_IN, 300));
        assert!(
            matches!(alias.data, RecordData::Cname(to) if text(to).unwrap() == "cdn.example.net")
        );
        assert_eq!(text(first.owner), Ok("cdn.example.net".into()));
        assert!(matches!(first.data, RecordData::A([192, 0, 2, 7])));
        assert!(matches!(second.data, RecordData::A([192, 0, 2, 8])));
    }

    #[test]
    fn a_name_that_does_not_exist_has_no_answer() {
        let response = message(RESPONSE_NXDOMAIN).unwrap();
        assert!(response.is_response());
        assert_eq!(response.rcode(), RCODE_NXDOMAIN);
        assert_eq!(response.answers().count(), 0);
        assert_eq!(told(RESPONSE_NXDOMAIN), (vec![], Ok(())));
    }

    #[test]
    fn a_record_with_data_of_the_wrong_size_is_passed_over() {
        // The first A record says five octets, and has them.
        let mut octets = RESPONSE_CNAME_A.to_vec();
        let first = 45 + 17;
        octets[first + 11] = 5;
        octets.insert(first + 16, 0);
        let data: Vec<_> = message(&octets)
            .unwrap()
            .answers()
            .map(|it| it.unwrap().data)
            .collect();
        assert!(matches!(data[1], RecordData::Malformed(_)));
        assert!(matches!(data[2], RecordData::A([192, 0, 2, 8])));
        let (names, outcome) = told(&octets);
        assert_eq!(names, ["www.example.com", "cdn.example.net"]);
        assert_eq!(outcome, Err(Malformed::at("RDATA")));
    }

    #[test]
    fn a_bad_pointer_spoils_one_name_only() {
        let mut octets = RESPONSE_CNAME_A.to_vec();
        // The owner of the first A record points to itself.
        octets[45 + 17 + 1] = 45 + 17;
        let owners: Vec<_> = message(&octets)
            .unwrap()
            .answers()
            .map(|it| text(it.unwrap().owner))
            .collect();
        assert_eq!(
            owners,
            [
                Ok("www.example.com".into()),
                Err(Malformed::at("pointer")),
                Ok("cdn.example.net".into())
            ]
        );
        let (names, outcome) = told(&octets);
        assert_eq!(names, ["www.example.com", "cdn.example.net"]);
        assert_eq!(outcome, Err(Malformed::at("pointer")));
    }

    #[test]
    fn octets_after_the_message_are_ignored() {
        let mut octets = RESPONSE_CNAME_A.to_vec();
        octets.extend_from_slice(b"\xff\xff\xff");
        assert_eq!(told(&octets), told(RESPONSE_CNAME_A));
    }

    #[test]
    fn what_comes_before_a_cut_is_read() {
        // Where the question, and then each record of the answer section, ends.
        let ends = [33, 62, 78, 94];
        for len in 0..=RESPONSE_CNAME_A.len() {
            let Ok(cut) = message(&RESPONSE_CNAME_A[..len]) else {
                assert!(len < HEADER_LEN, "prefix of {len} octets");
                continue;
            };
            let questions = cut.questions().filter(Result::is_ok).count();
            assert_eq!(questions, usize::from(len >= 33), "prefix of {len} octets");
            let records = cut.answers().filter(Result::is_ok).count();
            let whole = ends[1..].iter().filter(|&&end| end <= len).count();
            assert_eq!(records, whole, "prefix of {len} octets");
            let is_cut = cut.answers().last().is_some_and(|it| it.is_err());
            assert_eq!(is_cut, len < 94, "prefix of {len} octets");
        }
    }

    #[test]
    fn no_change_of_one_octet_makes_reading_fail_or_grow() {
        for sample in ALL {
            for at in 0..sample.len() {
                for value in 0..=u8::MAX {
                    let mut octets = sample.to_vec();
                    octets[at] = value;
                    let changed = message(&octets).unwrap();
                    let items = changed.questions().count() + changed.answers().count();
                    assert!(items <= octets.len() / 5 + 2);
                    for name in told(&octets).0 {
                        assert!(name.is_ascii() && !name.ends_with("..") && !name.is_empty());
                        assert_eq!(name, name.to_ascii_lowercase());
                    }
                }
            }
        }
    }

    fn text(name: WireName<'_>) -> Result<String, Malformed> {
        let mut text = String::from("left over");
        name.write_to(&mut text).map(|()| text)
    }

    fn told(octets: &[u8]) -> (Vec<String>, Result<(), Malformed>) {
        let mut names = Vec::new();
        let mut scratch = String::from("left over");
        let outcome = message(octets)
            .unwrap()
            .for_each_answer_name(&mut scratch, |name| names.push(name.to_owned()));
        (names, outcome)
    }
}
