//! QUIC Initials: the ClientHello of a connection, out of its first datagrams.
//!
//! The packets that carry the hello are encrypted with keys that anyone can derive from their own
//! header (RFC 9001 section 5.2). [`initial_version`] is the cheap look at a datagram;
//! [`Initials`] keeps what is needed between the datagrams of one connection attempt: keys, and
//! pieces of the CRYPTO stream, which come in any order (some clients shuffle them on purpose).
//!
//! ```text
//! datagram -> packet (long headers) -> keys (open) -> frames (CRYPTO) -> assembler -> tls
//! ```
//!
//! Read are versions 1 (RFC 9000) and 2 (RFC 9369), their drafts from 22 on, and the variants of
//! them by Facebook and Google whose CRYPTO stream carries TLS. Not read: Google's QUIC with a
//! handshake of its own, and packets of servers, which do not open with the keys of clients.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use crate::names::Malformed;
use crate::names::tls::ClientHello;
use crate::reader::Reader;

mod assembler;
mod attempt;
#[cfg(test)]
pub(crate) mod builder;
mod frames;
mod keys;
mod packet;
#[cfg(test)]
mod vectors;
mod version;

use attempt::Attempt;
use packet::{Initial, Packet};
use version::Rules;
pub use version::Version;

/// Which version the Initial at the start of a datagram is of; `None` if there is none.
///
/// Looks at six octets (RFC 9000 section 17.2): header form, version, packet type under that
/// version, length of the connection id. The fixed bit may have either value (RFC 9287). Initials
/// of servers look the same; only opening tells them apart.
#[must_use]
pub fn initial_version(datagram: &[u8]) -> Option<Version> {
    let (&[first, v0, v1, v2, v3, dcid_len], _) = datagram.split_first_chunk()?;
    let rules = Rules::of(u32::from_be_bytes([v0, v1, v2, v3]))?;
    let is_initial = first & packet::FORM_LONG != 0
        && rules.packet_type(first) == packet::TYPE_INITIAL
        && usize::from(dcid_len) <= packet::MAX_CONNECTION_ID;
    is_initial.then_some(rules.version)
}

/// Which version the first whole Initial of a datagram is of, wherever it stands: clients may put
/// 0-RTT packets before it (RFC 9000 section 12.2).
#[must_use]
pub fn coalesced_version(datagram: &[u8]) -> Option<Version> {
    let mut datagram = Reader::new(datagram);
    loop {
        if let Packet::Initial(initial) = packet::next(&mut datagram)? {
            return Some(initial.rules.version);
        }
    }
}

/// The connection ids of the first whole Initial of a datagram: what the sender calls the receiver,
/// and what it wants to be called. All packets of a datagram have the same ones (RFC 9000 section
/// 12.2).
#[must_use]
pub fn connection_ids(datagram: &[u8]) -> Option<[&[u8]; 2]> {
    let mut datagram = Reader::new(datagram);
    loop {
        if let Packet::Initial(initial) = packet::next(&mut datagram)? {
            return Some([initial.dcid, initial.scid]);
        }
    }
}

/// What a datagram brought.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The hello is complete.
    Hello(ClientHello),
    /// An Initial of the client was opened; more are needed.
    Incomplete,
    /// No Initial in it: other packet types, another version, Retry, Version Negotiation, or not
    /// QUIC.
    NotInitial,
    /// Only Initials that do not open: of a server, cut short, damaged, or of a connection whose
    /// first datagram was not seen.
    Undecryptable,
    /// What was opened does not carry a ClientHello.
    Malformed(Malformed),
    /// The hello came in more pieces than are kept, which is 64.
    GaveUp,
}

/// What is kept of one connection attempt while its hello is unfinished.
///
/// As small as a pointer until a datagram opens that does not complete the hello.
#[derive(Debug, Default)]
pub struct Initials {
    attempt: Option<Box<Attempt>>,
}

impl Initials {
    /// Reads a datagram (a UDP payload) that may be of the client.
    ///
    /// An Initial that does not open with the keys of the attempt is tried with those of its own
    /// connection id, and starts the attempt over if it opens: after a Retry, or as a new
    /// connection. Other packets are skipped. Datagrams of the server do no harm, but may cost a
    /// derivation of keys.
    ///
    /// `scratch` is room to decrypt in, worth keeping from call to call; what it holds does not
    /// matter. It grows to the largest packet or hello, 64 KiB at the most. After
    /// [`Outcome::Hello`] it holds the hello, and maybe octets after it.
    ///
    /// [`Outcome::NotInitial`] and [`Outcome::Undecryptable`] leave the attempt as it was; after
    /// [`Outcome::Hello`], [`Outcome::Malformed`] and [`Outcome::GaveUp`] nothing is kept of it.
    pub fn push(&mut self, datagram: &[u8], scratch: &mut Vec<u8>) -> Outcome {
        let mut outcome = Outcome::NotInitial;
        // One derivation a datagram, so that one of many tiny packets costs no more than others.
        let mut may_derive = true;
        let mut datagram = Reader::new(datagram);
        while let Some(packet) = packet::next(&mut datagram) {
            let read = match packet {
                Packet::Initial(initial) => self.open(&initial, scratch, &mut may_derive),
                Packet::CutInitial => None,
                Packet::Other => continue,
            };
            match read {
                None if outcome == Outcome::NotInitial => outcome = Outcome::Undecryptable,
                None => {}
                Some(Outcome::Incomplete) => outcome = Outcome::Incomplete,
                Some(last) => {
                    self.attempt = None;
                    return last;
                }
            }
        }
        outcome
    }

    /// Takes note of a datagram of the server: the client goes over to the connection id that the
    /// server gives itself in its first Initial (RFC 9000 section 7.2).
    pub fn hear(&mut self, datagram: &[u8]) {
        if let Some(attempt) = &mut self.attempt
            && let Some([_, of_server]) = connection_ids(datagram)
        {
            attempt.may_go_over_to(of_server);
        }
    }

    /// Whether a datagram of the client goes on with the attempt: an Initial in it opens with the
    /// keys of the attempt, and none that does contradicts what is kept of the hello.
    ///
    /// `scratch` is as in [`Initials::push`].
    #[must_use]
    pub fn is_continued_by(&self, datagram: &[u8], scratch: &mut Vec<u8>) -> bool {
        let Some(attempt) = &self.attempt else {
            return false;
        };
        let mut is_of_it = false;
        let mut datagram = Reader::new(datagram);
        while let Some(packet) = packet::next(&mut datagram) {
            let Packet::Initial(initial) = packet else {
                continue;
            };
            match attempt.agrees(&initial, scratch) {
                Some(false) => return false,
                Some(true) => is_of_it = true,
                None => {}
            }
        }
        is_of_it
    }

    /// The connection ids to which the client of the attempt sends, as far as they are known: the
    /// one that it made up, and the one that the server chose. At most two.
    pub fn ids(&self) -> impl Iterator<Item = &[u8]> {
        self.attempt.iter().flat_map(|it| it.ids())
    }

    /// Whether nothing is kept.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.attempt.is_none()
    }

    /// Octets of memory kept, about, this value itself not counted, but what it takes to find it by
    /// its connection ids.
    #[must_use]
    pub fn held_octets(&self) -> usize {
        self.attempt.as_ref().map_or(0, |attempt| {
            let fixed = const { size_of::<Attempt>().saturating_add(INDEX_OCTETS) };
            attempt.held_octets().saturating_add(fixed)
        })
    }

    /// Opens and reads an Initial; `None` if it does not open.
    fn open(
        &mut self,
        packet: &Initial<'_>,
        scratch: &mut Vec<u8>,
        may_derive: &mut bool,
    ) -> Option<Outcome> {
        if let Some(attempt) = &mut self.attempt
            && let Some(outcome) = attempt.advance(packet, scratch)
        {
            return Some(outcome);
        }
        if !*may_derive || !packet.may_be_first() {
            return None;
        }
        *may_derive = false;
        let mut attempt = Attempt::of(packet)?;
        let outcome = attempt.advance(packet, scratch)?;
        if outcome == Outcome::Incomplete {
            self.attempt = Some(Box::new(attempt));
        }
        Some(outcome)
    }
}

/// Octets of memory, about, that an index takes to find an attempt by two connection ids.
const INDEX_OCTETS: usize = 64;

#[cfg(test)]
mod tests {
    use super::builder::{Plain, Side, crypto, opaque};
    use super::*;
    use crate::names::Name;
    use crate::names::tls::Ech;
    use crate::names::tls::builder::Hello;

    const NAME: &str = "ds.kaspersky.com";
    const DCID: &[u8] = &[0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];

    #[test]
    fn the_client_initials_of_the_rfcs_are_for_example_com() {
        for (packet, version) in [
            (vectors::V1_CLIENT_INITIAL, Version::V1),
            (vectors::V2_CLIENT_INITIAL, Version::V2),
        ] {
            let packet = vectors::octets(packet);
            assert_eq!(initial_version(&packet), Some(version));
            assert_eq!(push_all(&[packet]), [named("example.com")]);
        }
    }

    #[test]
    fn what_servers_send_yields_nothing_and_disturbs_nothing() {
        let [one, two] = halves();
        let hello = one.len();
        for (server_initial, retry) in [
            (vectors::V1_SERVER_INITIAL, vectors::V1_RETRY),
            (vectors::V2_SERVER_INITIAL, vectors::V2_RETRY),
        ] {
            let to_client = Plain {
                side: Side::Server,
                dcid: vec![0xee; 12],
                ..Plain::client(DCID, &crypto(0, &[2, 0, 0, 1, 0]))
            };
            let outcomes = push_all(&[
                vectors::octets(server_initial),
                Plain::client(DCID, &crypto(0, &one)).seal(),
                vectors::octets(server_initial),
                to_client.seal(),
                vectors::octets(retry),
                version_negotiation(),
                Plain::client(DCID, &crypto(hello, &two))
                    .number(1, 1)
                    .seal(),
            ]);
            assert_eq!(
                outcomes,
                [
                    Outcome::Undecryptable,
                    Outcome::Incomplete,
                    Outcome::Undecryptable,
                    Outcome::Undecryptable,
                    Outcome::NotInitial,
                    Outcome::NotInitial,
                    named(NAME),
                ]
            );
        }
    }

    #[test]
    fn a_datagram_goes_on_with_the_attempt_whose_keys_open_it() {
        let [one, two] = halves();
        let first = Plain::client(DCID, &crypto(0, &one)).seal();
        let second = Plain::client(DCID, &crypto(one.len(), &two)).number(1, 1);
        let mut scratch = Vec::new();
        for (begun, then) in [(&first, &second.seal()), (&second.seal(), &first)] {
            let mut initials = Initials::default();
            assert!(!initials.is_continued_by(then, &mut scratch));
            assert_eq!(initials.push(begun, &mut scratch), Outcome::Incomplete);
            assert!(initials.is_continued_by(then, &mut scratch));
            assert!(initials.is_continued_by(begun, &mut scratch));
            let with_others = [opaque(1, DCID, 77), then.clone()].concat();
            assert!(initials.is_continued_by(&with_others, &mut scratch));
            assert_eq!(initials.push(then, &mut scratch), named(NAME));
        }
        let mut initials = Initials::default();
        initials.push(&first, &mut scratch);
        let contradicts = crypto(one.len() - 1, &[!one[one.len() - 1]]);
        let others = [
            Plain::client(b"another id", &second.frames),
            second.clone().version(0x6b33_43cf),
            Plain {
                side: Side::Server,
                ..second.clone()
            },
            Plain::client(DCID, &contradicts).number(1, 1),
        ];
        for other in others {
            assert!(!initials.is_continued_by(&other.seal(), &mut scratch));
        }
        let mut damaged = second.seal();
        damaged.truncate(1000);
        assert!(!initials.is_continued_by(&damaged, &mut scratch));
    }

    #[test]
    fn an_attempt_is_known_by_the_id_of_its_client_and_by_the_first_of_its_server() {
        let [one, _] = halves();
        let mut initials = Initials::default();
        let mut scratch = Vec::new();
        assert_eq!(initials.ids().count(), 0);
        initials.hear(&vectors::octets(vectors::V1_SERVER_INITIAL));
        assert_eq!(initials.ids().count(), 0);
        let first = Plain::client(DCID, &crypto(0, &one));
        initials.push(&first.seal(), &mut scratch);
        assert!(initials.ids().eq([DCID]));
        let of_server = |scid: &[u8]| {
            let from_server = Plain {
                side: Side::Server,
                scid: scid.to_vec(),
                ..first.clone()
            };
            from_server.seal()
        };
        initials.hear(&of_server(b"chosen"));
        initials.hear(&of_server(b"another"));
        assert!(initials.ids().eq([DCID, b"chosen"]));
        let gone_over = Plain {
            dcid: b"in use".to_vec(),
            first_dcid: DCID.to_vec(),
            ..Plain::client(DCID, &[1])
        };
        initials.push(&gone_over.number(1, 1).seal(), &mut scratch);
        assert!(initials.ids().eq([DCID, b"in use"]));
    }

    #[test]
    fn nothing_is_kept_of_a_hello_in_one_datagram() {
        let hello = Hello::bare().server_name(NAME).message();
        let packet = Plain::client(DCID, &crypto(0, &hello)).seal();
        let mut initials = Initials::default();
        let outcome = initials.push(&packet, &mut Vec::new());
        assert_eq!(outcome, named(NAME));
        assert_eq!(initials.held_octets(), 0);
        assert_eq!(size_of::<Initials>(), size_of::<usize>());
    }

    #[test]
    fn the_hello_is_left_in_the_scratch() {
        let message = Hello::browser(NAME).message();
        let short = Hello::bare().server_name(NAME).message();
        let frames = [&[1, 0, 0][..], &crypto(0, &short), &[1, 0]].concat();
        let alone = vec![Plain::client(DCID, &frames).seal()];
        let [one, two] = halves();
        let first = Plain::client(DCID, &crypto(0, &one)).seal();
        let second = Plain::client(DCID, &crypto(one.len(), &two)).number(1, 1);
        let ordered = vec![first.clone(), second.seal()];
        let reversed = vec![second.seal(), first];
        for (datagrams, hello) in [(alone, &short), (ordered, &message), (reversed, &message)] {
            let mut initials = Initials::default();
            let mut scratch = vec![7; 9];
            let outcomes = datagrams.iter().map(|it| initials.push(it, &mut scratch));
            assert_eq!(outcomes.last(), Some(named(NAME)));
            assert_eq!(&scratch, hello);
        }
    }

    #[test]
    fn ech_is_reported() {
        let hello = Hello::bare().server_name(NAME).ech(0).message();
        let [Outcome::Hello(hello)] =
            &push_all(&[Plain::client(DCID, &crypto(0, &hello)).seal()])[..]
        else {
            panic!("a hello");
        };
        assert_eq!(hello.ech, Ech::Unknown);
    }

    #[test]
    fn a_hello_may_come_in_two_to_five_initials_in_any_order() {
        let message = Hello::browser(NAME).message();
        for count in 2..=5 {
            let parts = parts(&message, count);
            for turn in 0..count {
                for reversed in [false, true] {
                    let mut packets: Vec<_> = parts
                        .iter()
                        .zip(0..)
                        .map(|((at, octets), number)| {
                            let frames = crypto(*at, octets);
                            Plain::client(DCID, &frames).number(number, 1).seal()
                        })
                        .collect();
                    packets.rotate_left(turn);
                    if reversed {
                        packets.reverse();
                    }
                    let outcomes = push_all(&packets);
                    let (last, before) = outcomes.split_last().unwrap();
                    assert!(before.iter().all(|it| *it == Outcome::Incomplete));
                    assert_eq!(*last, named(NAME), "{count} Initials, turned by {turn}");
                }
            }
        }
    }

    #[test]
    fn frames_may_be_shuffled_repeated_and_overlap() {
        let message = Hello::browser(NAME).message();
        let (front, back) = message.split_at(message.len() / 2);
        let shuffled = |base: usize, octets: &[u8]| {
            let mut frames = Vec::new();
            for (at, part) in parts(octets, 7).iter().rev() {
                frames.extend([1, 0, 0]);
                frames.extend(crypto(base + at, part));
            }
            let overlap = &octets[100..300];
            frames.extend(crypto(base + 100, overlap));
            frames.extend([2, 0, 0, 0, 0]);
            frames
        };
        let one = Plain::client(DCID, &shuffled(0, front)).number(1, 2);
        let two = Plain::client(DCID, &shuffled(front.len(), back)).number(2, 3);
        for packets in [
            [two.seal(), two.seal(), one.seal()],
            [one.seal(), one.seal(), two.seal()],
        ] {
            assert_eq!(
                push_all(&packets),
                [Outcome::Incomplete, Outcome::Incomplete, named(NAME)]
            );
        }
    }

    #[test]
    fn other_packets_of_the_datagram_are_skipped() {
        let [one, two] = halves();
        let first = Plain::client(DCID, &crypto(0, &one)).padded_to(0);
        let second = Plain::client(DCID, &crypto(one.len(), &two))
            .number(1, 1)
            .padded_to(0);
        let datagram = [
            opaque(1, DCID, 77),
            first.seal(),
            opaque(2, DCID, 40),
            second.seal(),
            vec![0x40; 30],
        ]
        .concat();
        assert_eq!(initial_version(&datagram), None);
        assert_eq!(coalesced_version(&datagram), Some(Version::V1));
        assert_eq!(push_all(&[datagram]), [named(NAME)]);
        let without = [opaque(1, DCID, 77), opaque(2, DCID, 40)].concat();
        assert_eq!(coalesced_version(&without), None);
    }

    #[test]
    fn after_a_retry_the_attempt_starts_over_with_the_keys_of_the_new_id() {
        let [one, two] = halves();
        let after_retry = |number, frames: &[u8]| {
            let mut packet = Plain::client(&[0xf0, 0x67, 0xa5], frames).number(number, 1);
            packet.token = b"token".to_vec();
            packet.seal()
        };
        let outcomes = push_all(&[
            Plain::client(DCID, &crypto(0, &[1, 0, 0x40])).seal(),
            vectors::octets(vectors::V1_RETRY),
            after_retry(1, &crypto(0, &one)),
            after_retry(2, &crypto(one.len(), &two)),
        ]);
        assert_eq!(
            outcomes,
            [
                Outcome::Incomplete,
                Outcome::NotInitial,
                Outcome::Incomplete,
                named(NAME)
            ]
        );
    }

    #[test]
    fn the_keys_stay_when_the_server_has_chosen_another_id() {
        let [one, two] = halves();
        for chosen in [vec![], vec![7; 4], vec![7; 20]] {
            let mut later = Plain::client(DCID, &crypto(one.len(), &two)).number(1, 4);
            later.dcid = chosen;
            let first = Plain::client(DCID, &crypto(0, &one));
            assert_eq!(
                push_all(&[first.seal(), later.seal()]),
                [Outcome::Incomplete, named(NAME)]
            );
        }
    }

    #[test]
    fn a_new_connection_between_the_same_ends_starts_over() {
        let [one, _] = halves();
        let hello = Hello::bare().server_name("other.example").message();
        assert_eq!(
            push_all(&[
                Plain::client(DCID, &crypto(0, &one)).seal(),
                Plain::client(&[9; 9], &crypto(0, &hello)).seal(),
            ]),
            [Outcome::Incomplete, named("other.example")]
        );
    }

    #[test]
    fn version_2_and_drafts_are_read() {
        let hello = Hello::bare().server_name(NAME).message();
        for (number, version) in [
            (0x6b33_43cf, Version::V2),
            (0xff00_001d, Version::Draft),
            (0xff00_0020, Version::Draft),
            (0xff00_0022, Version::Draft),
        ] {
            let packet = Plain::client(DCID, &crypto(0, &hello)).version(number);
            let packet = packet.seal();
            assert_eq!(initial_version(&packet), Some(version));
            assert_eq!(push_all(&[packet]), [named(NAME)], "version {number:#x}");
        }
    }

    #[test]
    fn a_greased_fixed_bit_does_not_matter() {
        let hello = Hello::bare().server_name(NAME).message();
        let packet = Plain {
            fixed_bit: false,
            ..Plain::client(DCID, &crypto(0, &hello))
        };
        let packet = packet.seal();
        assert_eq!(initial_version(&packet), Some(Version::V1));
        assert_eq!(push_all(&[packet]), [named(NAME)]);
    }

    #[test]
    fn every_shorter_datagram_is_undecryptable() {
        let packet = vectors::octets(vectors::V1_CLIENT_INITIAL);
        let mut initials = Initials::default();
        let mut scratch = Vec::new();
        for len in 0..packet.len() {
            let expected = if len < 5 {
                Outcome::NotInitial
            } else {
                Outcome::Undecryptable
            };
            let outcome = initials.push(&packet[..len], &mut scratch);
            assert_eq!(outcome, expected, "{len} octets");
        }
        assert_eq!(initials.push(&packet, &mut scratch), named("example.com"));
    }

    #[test]
    fn one_changed_octet_never_yields_a_hello() {
        let packet = vectors::octets(vectors::V1_CLIENT_INITIAL);
        let mut scratch = Vec::new();
        for at in 0..packet.len() {
            for flip in [0x01, 0x80] {
                let mut changed = packet.clone();
                changed[at] ^= flip;
                let mut initials = Initials::default();
                let outcome = initials.push(&changed, &mut scratch);
                let is_refused = matches!(outcome, Outcome::NotInitial | Outcome::Undecryptable);
                assert!(is_refused, "octet {at} ^ {flip:#x}: {outcome:?}");
                assert_eq!(initials.held_octets(), 0);
            }
        }
    }

    #[test]
    fn a_crypto_stream_of_something_else_is_malformed() {
        let server_hello = crypto(0, &[2, 0, 0, 80, 3, 3]);
        let packet = Plain::client(DCID, &server_hello).seal();
        let malformed = Outcome::Malformed(Malformed::at("msg_type"));
        assert_eq!(push_all(&[packet]), [malformed]);
    }

    #[test]
    fn an_initial_without_crypto_is_incomplete() {
        let packet = Plain::client(DCID, &[2, 0, 0, 0, 0]).seal();
        assert_eq!(push_all(&[packet]), [Outcome::Incomplete]);
    }

    #[test]
    fn too_many_pieces_end_the_attempt() {
        let mut frames = Vec::new();
        for index in 1..=65 {
            frames.extend(crypto(index * 3, b"x"));
        }
        let mut initials = Initials::default();
        let packet = Plain::client(DCID, &frames).seal();
        let outcome = initials.push(&packet, &mut Vec::new());
        assert_eq!(outcome, Outcome::GaveUp);
        assert_eq!(initials.held_octets(), 0);
    }

    #[test]
    fn memory_follows_the_octets_that_came_not_the_offsets() {
        let mut initials = Initials::default();
        let packet = Plain::client(DCID, &crypto(16_000, b"x")).seal();
        let outcome = initials.push(&packet, &mut Vec::new());
        assert_eq!(outcome, Outcome::Incomplete);
        assert!(initials.held_octets() < 512);
    }

    #[test]
    fn the_cheap_look_wants_a_long_header_of_a_known_version_and_type() {
        let header = [0xc0, 0, 0, 0, 1, 8];
        assert_eq!(initial_version(&header), Some(Version::V1));
        for (at, octet) in [
            (0, 0x40),
            (0, 0xd0),
            (0, 0xe0),
            (0, 0xf0),
            (4, 0),
            (4, 2),
            (5, 21),
        ] {
            let mut other = header;
            other[at] = octet;
            assert_eq!(initial_version(&other), None, "octet {at} as {octet:#x}");
        }
        for len in 0..header.len() {
            assert_eq!(initial_version(&header[..len]), None);
        }
        let second = [0xd0, 0x6b, 0x33, 0x43, 0xcf, 8];
        assert_eq!(initial_version(&second), Some(Version::V2));
        let zero_rtt = [0xe0, 0x6b, 0x33, 0x43, 0xcf, 8];
        assert_eq!(initial_version(&zero_rtt), None);
    }

    fn push_all(datagrams: &[Vec<u8>]) -> Vec<Outcome> {
        let mut initials = Initials::default();
        let mut scratch = Vec::new();
        datagrams
            .iter()
            .map(|it| initials.push(it, &mut scratch))
            .collect()
    }

    fn named(name: &str) -> Outcome {
        Outcome::Hello(ClientHello {
            server_name: Name::from_text(name.as_bytes()),
            ech: Ech::None,
            outer: None,
            is_dns: false,
        })
    }

    /// A hello too long for one datagram, in two.
    fn halves() -> [Vec<u8>; 2] {
        let message = Hello::browser(NAME).message();
        let (one, two) = message.split_at(1000);
        [one.to_vec(), two.to_vec()]
    }

    /// Octets in `count` parts, each with its offset.
    fn parts(octets: &[u8], count: usize) -> Vec<(usize, &[u8])> {
        let len = octets.len().div_ceil(count);
        (0..).step_by(len).zip(octets.chunks(len)).collect()
    }

    /// A Version Negotiation packet (RFC 9000 section 17.2.1).
    fn version_negotiation() -> Vec<u8> {
        vec![
            0x80, 0, 0, 0, 0, 0, 1, 7, 0, 0, 0, 1, 0x6b, 0x33, 0x43, 0xcf,
        ]
    }
}
