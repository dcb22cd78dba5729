//! What is kept of a connection attempt while its hello is unfinished.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use super::Outcome;
use super::assembler::Assembler;
use super::frames::CryptoFrames;
use super::keys::{self, Keys};
use super::packet::{self, Initial};
use crate::names::Parse;
use crate::names::tls::client_hello_message;

/// A connection attempt that has begun.
#[derive(Debug)]
pub(super) struct Attempt {
    keys: Keys,
    crypto: Assembler,
    /// What the client called the server in the Initial that the keys are made of.
    first_id: ConnectionId,
    /// What the client calls it after that, or is going to.
    second_id: Option<ConnectionId>,
}

impl Attempt {
    /// The attempt that a client may begin with an Initial.
    pub(super) fn of(packet: &Initial<'_>) -> Option<Self> {
        Some(Self {
            keys: Keys::of_client(packet.rules, packet.dcid)?,
            crypto: Assembler::default(),
            first_id: ConnectionId::new(packet.dcid)?,
            second_id: None,
        })
    }

    /// Opens an Initial and goes on with what it carries; `None` if it does not open.
    pub(super) fn advance(
        &mut self,
        packet: &Initial<'_>,
        scratch: &mut Vec<u8>,
    ) -> Option<Outcome> {
        let payload = self.keys.open(packet, scratch)?;
        if packet.dcid != self.first_id.octets() {
            self.second_id = ConnectionId::new(packet.dcid);
        }
        let mut has_crypto = false;
        let mut frames = CryptoFrames::new(payload, packet.rules.crypto_frame);
        while let Some((offset, octets)) = frames.next() {
            // A hello that lies in one frame is read where it is.
            if offset == 0 && self.crypto.is_empty() {
                match read(octets) {
                    Outcome::Incomplete => {}
                    outcome => {
                        let len = octets.len();
                        let behind = frames.rest_len().saturating_add(keys::TAG_LEN);
                        let end = scratch.len().saturating_sub(behind);
                        scratch.truncate(end);
                        scratch.drain(..end.saturating_sub(len));
                        return Some(outcome);
                    }
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
        let outcome = read(self.crypto.prefix(scratch));
        if matches!(outcome, Outcome::Hello(_)) {
            self.crypto.join(scratch);
        }
        Some(outcome)
    }

    /// Takes note of the connection id that the server gives itself. One to which the client has
    /// gone over, and the first of the server, stay.
    pub(super) fn may_go_over_to(&mut self, id: &[u8]) {
        if self.second_id.is_none() {
            self.second_id = ConnectionId::new(id);
        }
    }

    /// Whether what an Initial carries agrees with what is kept; `None` if it does not open.
    pub(super) fn agrees(&self, packet: &Initial<'_>, scratch: &mut Vec<u8>) -> Option<bool> {
        let payload = self.keys.open(packet, scratch)?;
        let mut frames = CryptoFrames::new(payload, packet.rules.crypto_frame);
        Some(frames.all(|(offset, octets)| self.crypto.agrees(offset, octets)))
    }

    /// What the client calls the server, or may go over to.
    pub(super) fn ids(&self) -> impl Iterator<Item = &[u8]> {
        let ids = std::iter::once(&self.first_id).chain(&self.second_id);
        ids.map(ConnectionId::octets)
    }

    /// Octets of memory in use, this value itself not counted.
    pub(super) const fn held_octets(&self) -> usize {
        self.crypto.held_octets()
    }
}

/// A connection id (RFC 9000 section 5.1).
#[derive(Clone, Copy, Debug)]
struct ConnectionId {
    len: u8,
    octets: [u8; packet::MAX_CONNECTION_ID],
}

impl ConnectionId {
    fn new(id: &[u8]) -> Option<Self> {
        let mut octets = [0; packet::MAX_CONNECTION_ID];
        octets.get_mut(..id.len())?.copy_from_slice(id);
        let len = u8::try_from(id.len()).ok()?;
        Some(Self { len, octets })
    }

    fn octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }
}

fn read(message: &[u8]) -> Outcome {
    match client_hello_message(message) {
        Ok(Parse::Done(hello)) => Outcome::Hello(hello),
        Ok(Parse::Incomplete) => Outcome::Incomplete,
        Err(malformed) => Outcome::Malformed(malformed),
    }
}
