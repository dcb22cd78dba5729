//! The decoder: reads every frame that can be read, and counts what became of it.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use super::Packet;
use super::counts::DecodeCounts;
use super::fragments::Fragments;
use super::network::Ip;
use super::outcome::{Closed, DecodeError, Decoded, Encapsulation, MAX_ENCAPSULATIONS, Skipped};
use super::span::Span;
use super::walk::cut;
use crate::frame::Frame;
use crate::time::Timestamp;

/// Reads frames of all kinds and holds fragments.
///
/// Slower than [`walk`](super::walk::walk), which reads most frames; where that gives a packet, this
/// gives the same one.
///
/// At most [`MAX_ENCAPSULATIONS`] are taken off. An encapsulation that only a UDP port hints at is
/// taken off if what it holds can be read to the end; otherwise the datagram itself is the packet.
/// What ICMP quotes is not read. Of wireless frames that hold several, the first is read. A first
/// fragment that was cut short is read as it is, and not held: it can be part of no whole.
#[derive(Debug, Default)]
pub struct Decoder {
    fragments: Fragments,
    counts: DecodeCounts,
    /// Datagrams put together; one may hold fragments of the next.
    whole: [Vec<u8>; MAX_NESTED_DATAGRAMS],
}

impl Decoder {
    /// Reads a frame. The packet may lie in the frame or, if it came in fragments, in the decoder.
    pub fn decode<'a>(&'a mut self, frame: &Frame<'a>) -> Decoded<'a> {
        let mut unwrap = Unwrap {
            fragments: &mut self.fragments,
            at: frame.at,
            vlan: None,
            layers: Layers::default(),
            guesses: MAX_GUESSES,
            guess: false,
        };
        let declared = frame.bytes.len().saturating_add(cut(frame));
        let unwrapped = unwrap.link(frame.link, Span::new(frame.bytes, declared));
        let unwrapped = reassembled(&mut unwrap, unwrapped, &mut self.whole);
        let layers = unwrap.layers;
        let decoded = match unwrapped {
            Ok(packet) => Decoded::Packet(packet),
            Err(Stop::Held) => Decoded::Held,
            Err(Stop::Skipped(skipped)) => Decoded::Skipped(skipped),
            Err(Stop::Failed(error)) => Decoded::Failed(error),
            // More datagrams in each other than are kept.
            Err(Stop::Whole(..)) => Decoded::Failed(DecodeError::Depth),
        };
        self.counts.outcome(&decoded);
        if let Decoded::Packet(_) | Decoded::Held | Decoded::Skipped(Skipped::Arp) = decoded {
            for encapsulation in layers.taken.into_iter().flatten() {
                self.counts.unwrapped(encapsulation);
            }
        }
        if let Decoded::Packet(_) = decoded
            && let Some(closed) = layers.closed
        {
            self.counts.closed(closed);
        }
        self.counts.defrag = self.fragments.counts();
        decoded
    }

    /// Gives up datagrams that are not whole in time, when no frame does it.
    pub fn tick(&mut self, now: Timestamp) {
        self.fragments.expire(now);
        self.counts.defrag = self.fragments.counts();
    }

    /// What became of the frames so far.
    #[must_use]
    pub fn counts(&self) -> &DecodeCounts {
        &self.counts
    }

    /// Counts for frames that [`walk`](super::walk::walk) read in this decoder's stead.
    pub fn counts_mut(&mut self) -> &mut DecodeCounts {
        &mut self.counts
    }

    /// Octets held for unfinished datagrams; at most 4 MiB.
    #[must_use]
    pub fn held_octets(&self) -> usize {
        self.fragments.held()
    }
}

/// Reads on in datagrams that became whole.
fn reassembled<'a>(
    unwrap: &mut Unwrap<'_>,
    unwrapped: Unwrapped<'a>,
    whole: &'a mut [Vec<u8>],
) -> Unwrapped<'a> {
    let Err(Stop::Whole(ip, payload)) = unwrapped else {
        return unwrapped;
    };
    let Some((slot, whole)) = whole.split_first_mut() else {
        return Err(Stop::Failed(DecodeError::Depth));
    };
    *slot = payload;
    let slot: &'a [u8] = slot;
    let unwrapped = unwrap.protocol(ip, Span::new(slot, slot.len()));
    reassembled(unwrap, unwrapped, whole)
}

/// One frame on its way to a packet.
///
/// The methods stand beside the headers that they read: `link`, `wireless`, `tunnel`, `network`.
pub(super) struct Unwrap<'d> {
    pub(super) fragments: &'d mut Fragments,
    pub(super) at: Timestamp,
    pub(super) vlan: Option<u16>,
    pub(super) layers: Layers,
    /// Guesses that may still be made. They can stand in each other, so that without a bound their
    /// number would double with each layer.
    guesses: u8,
    /// Whether only a guess says that this is what it is taken for; then lengths must fit.
    pub(super) guess: bool,
}

/// A packet, or why there is none.
pub(super) type Unwrapped<'a> = Result<Packet<'a>, Stop>;

/// Why there is no packet.
#[derive(Debug)]
pub(super) enum Stop {
    /// A fragment that was kept.
    Held,
    /// The payload of a datagram that became whole.
    Whole(Ip, Vec<u8>),
    Skipped(Skipped),
    Failed(DecodeError),
}

impl From<DecodeError> for Stop {
    fn from(error: DecodeError) -> Self {
        Self::Failed(error)
    }
}

impl Unwrap<'_> {
    /// Counts an encapsulation as taken off.
    pub(super) fn enter(&mut self, encapsulation: Encapsulation) -> Result<(), DecodeError> {
        self.layers.push(encapsulation)
    }

    /// Reads what is only guessed to be there; `None` if it is not.
    pub(super) fn guess<'a>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Unwrapped<'a>,
    ) -> Option<Unwrapped<'a>> {
        self.guesses = self.guesses.checked_sub(1)?;
        let (layers, vlan, guess) = (self.layers, self.vlan, self.guess);
        self.guess = true;
        let unwrapped = read(self);
        self.guess = guess;
        let sane = matches!(
            unwrapped,
            Ok(_) | Err(Stop::Held | Stop::Whole(..) | Stop::Skipped(Skipped::Arp))
        );
        if !sane {
            (self.layers, self.vlan) = (layers, vlan);
            return None;
        }
        Some(unwrapped)
    }
}

/// The encapsulations that were taken off, outermost first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Layers {
    taken: [Option<Encapsulation>; MAX_ENCAPSULATIONS],
    /// An encapsulation that was not read, so that its carrier is the packet.
    pub(super) closed: Option<Closed>,
}

impl Layers {
    fn push(&mut self, encapsulation: Encapsulation) -> Result<(), DecodeError> {
        let free = self.taken.iter_mut().find(|it| it.is_none());
        *free.ok_or(DecodeError::Depth)? = Some(encapsulation);
        Ok(())
    }
}

/// Most fragmented datagrams in each other; two would already be odd.
const MAX_NESTED_DATAGRAMS: usize = 4;
/// Most guesses for a frame: one for each encapsulation, and one that fails for each.
const MAX_GUESSES: u8 = 16;

#[cfg(test)]
mod tests;
