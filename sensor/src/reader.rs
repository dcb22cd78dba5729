//! A cursor over octets from the wire.
//!
//! All parsers read through [`Reader`]: every step either yields octets that are there or says that
//! they are missing; nothing panics and nothing is read twice by accident.
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::as_conversions
    )
)]

/// Reads big-endian fields from the front of a slice.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first octet.
    #[must_use]
    pub const fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    /// Takes one octet.
    pub const fn u8(&mut self) -> Option<u8> {
        let Some((first, rest)) = self.rest.split_first() else {
            return None;
        };
        self.rest = rest;
        Some(*first)
    }

    /// Takes two octets, most significant first.
    pub const fn u16(&mut self) -> Option<u16> {
        match self.array() {
            Some(octets) => Some(u16::from_be_bytes(octets)),
            None => None,
        }
    }

    /// Takes three octets, most significant first.
    pub const fn u24(&mut self) -> Option<u32> {
        match self.array::<3>() {
            Some([a, b, c]) => Some(u32::from_be_bytes([0, a, b, c])),
            None => None,
        }
    }

    /// Takes four octets, most significant first.
    pub const fn u32(&mut self) -> Option<u32> {
        match self.array() {
            Some(octets) => Some(u32::from_be_bytes(octets)),
            None => None,
        }
    }

    /// Takes `N` octets.
    pub const fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let Some((first, rest)) = self.rest.split_first_chunk::<N>() else {
            return None;
        };
        self.rest = rest;
        Some(*first)
    }

    /// Takes `len` octets.
    pub const fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let Some((first, rest)) = self.rest.split_at_checked(len) else {
            return None;
        };
        self.rest = rest;
        Some(first)
    }

    /// Takes `len` octets as a reader of their own, so that a length field bounds what it covers.
    pub fn sub(&mut self, len: usize) -> Option<Self> {
        self.take(len).map(Self::new)
    }

    /// Takes a one-octet length and as many octets as it says.
    pub fn sub_u8(&mut self) -> Option<Self> {
        let len = self.u8()?;
        self.sub(usize::from(len))
    }

    /// Takes a two-octet length and as many octets as it says.
    pub fn sub_u16(&mut self) -> Option<Self> {
        let len = self.u16()?;
        self.sub(usize::from(len))
    }

    /// Skips `len` octets.
    pub fn skip(&mut self, len: usize) -> Option<()> {
        self.take(len).map(|_| ())
    }

    /// What has not been read.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Octets that have not been read.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether all octets have been read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_most_significant_first() {
        let mut reader = Reader::new(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(reader.u8(), Some(1));
        assert_eq!(reader.u16(), Some(0x0203));
        assert_eq!(reader.u24(), Some(0x0004_0506));
        assert_eq!(reader.u32(), Some(0x0708_090a));
        assert_eq!(reader.u8(), None);
    }

    #[test]
    fn a_failed_read_takes_nothing() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.u32(), None);
        assert_eq!(reader.take(4), None);
        assert_eq!(reader.rest(), [1, 2, 3]);
    }

    #[test]
    fn a_length_bounds_what_it_covers() {
        let mut reader = Reader::new(&[2, 7, 8, 9]);
        let mut inner = reader.sub_u8().unwrap();
        assert_eq!(
            (inner.u8(), inner.u8(), inner.u8()),
            (Some(7), Some(8), None)
        );
        assert_eq!(reader.rest(), [9]);
        assert!(Reader::new(&[5, 1]).sub_u8().is_none());
    }
}
