//! Octets of which some may not have been captured.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

use super::outcome::{DecodeError, Layer};
use crate::reader::Reader;

/// The rest of a frame: what was captured of it, and how long it was on the wire.
#[derive(Clone, Debug)]
pub(super) struct Span<'a> {
    reader: Reader<'a>,
    /// Octets on the wire; at least as many as are there.
    declared: usize,
    /// Layer that errors are told of.
    layer: Layer,
}

impl<'a> Span<'a> {
    pub(super) fn new(octets: &'a [u8], declared: usize) -> Self {
        Self {
            reader: Reader::new(octets),
            declared: declared.max(octets.len()),
            layer: Layer::Link,
        }
    }

    /// The same octets, read as headers of that layer.
    pub(super) fn of(mut self, layer: Layer) -> Self {
        self.layer = layer;
        self
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let array = self.reader.array().ok_or(self.short(N))?;
        self.declared = self.declared.saturating_sub(N);
        Ok(array)
    }

    pub(super) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(|[octet]| octet)
    }

    pub(super) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    pub(super) fn skip(&mut self, len: usize) -> Result<(), DecodeError> {
        self.reader.skip(len).ok_or(self.short(len))?;
        self.declared = self.declared.saturating_sub(len);
        Ok(())
    }

    /// Bounds the span by the length that a header declares for it.
    pub(super) fn bound(&mut self, declared: usize) {
        let octets = self.octets();
        self.reader = Reader::new(octets.get(..declared).unwrap_or(octets));
        self.declared = declared;
    }

    pub(super) fn octets(&self) -> &'a [u8] {
        self.reader.rest()
    }

    pub(super) fn declared(&self) -> usize {
        self.declared
    }

    /// Upper four bits of the first octet, where IP has its version.
    pub(super) fn nibble(&self) -> Option<u8> {
        self.octets().first().map(|it| it >> 4)
    }

    fn short(&self, needed: usize) -> DecodeError {
        DecodeError::Short {
            layer: self.layer,
            missing: needed.saturating_sub(self.reader.len()),
        }
    }

    /// The error that a field of this layer cannot be.
    pub(super) fn wrong(&self) -> DecodeError {
        DecodeError::Length { layer: self.layer }
    }
}
