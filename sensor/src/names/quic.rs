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

use crate::names::tls::{ClientHello, client_hello_message};
use crate::names::{Malformed, Parse};
use crate::reader::Reader;

mod assembler;
mod frames;
mod keys;
mod packet;
mod version;

use assembler::Assembler;
use frames::CryptoFrames;
use keys::Keys;
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
    /// matter. It grows to the largest packet or hello, 64 KiB at the most.
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

    /// Octets of memory kept, about, this value itself not counted.
    #[must_use]
    pub fn held_octets(&self) -> usize {
        self.attempt.as_ref().map_or(0, |attempt| {
            size_of::<Attempt>().saturating_add(attempt.crypto.held_octets())
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
        let mut attempt = Attempt {
            keys: Keys::of_client(packet.rules, packet.dcid)?,
            crypto: Assembler::default(),
        };
        let outcome = attempt.advance(packet, scratch)?;
        if outcome == Outcome::Incomplete {
            self.attempt = Some(Box::new(attempt));
        }
        Some(outcome)
    }
}

/// A connection attempt that has begun.
#[derive(Debug)]
struct Attempt {
    keys: Keys,
    crypto: Assembler,
}

impl Attempt {
    /// Opens an Initial and goes on with what it carries; `None` if it does not open.
    fn advance(&mut self, packet: &Initial<'_>, scratch: &mut Vec<u8>) -> Option<Outcome> {
        let payload = self.keys.open(packet, scratch)?;
        let mut has_crypto = false;
        for (offset, octets) in CryptoFrames::new(payload) {
            // A hello that lies in one frame is read where it is.
            if offset == 0 && self.crypto.is_empty() {
                match read(octets) {
                    Outcome::Incomplete => {}
                    outcome => return Some(outcome),
                }
            }
            if !self.crypto.insert(offset, octets) {
                return Some(Outcome::GaveUp);
            }
            has_crypto = true;
        }
        if !has_crypto {
            return Some(Outcome::Incomplete);
        }
        Some(read(self.crypto.prefix(scratch)))
    }
}

fn read(message: &[u8]) -> Outcome {
    match client_hello_message(message) {
        Ok(Parse::Done(hello)) => Outcome::Hello(hello),
        Ok(Parse::Incomplete) => Outcome::Incomplete,
        Err(malformed) => Outcome::Malformed(malformed),
    }
}
