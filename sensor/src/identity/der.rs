//! Elements of DER (ITU-T X.690 section 8.1), in which Kerberos and SPNEGO are written.
//!
//! An element is a tag, a length and as many octets. Only what those protocols need is read: tags of
//! one octet, and lengths that are told ahead. Whoever asks for an element knows where it may stand, so
//! nothing goes deeper than the code does.
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

/// Takes an element: its tag and what it holds. `field` is what it is called.
pub(super) fn element<'a>(
    reader: &mut Reader<'a>,
    field: &'static str,
) -> Result<(u8, Reader<'a>), Malformed> {
    let read = |reader: &mut Reader<'a>| {
        let tag = reader.u8().filter(|it| it & LONG_TAG != LONG_TAG)?;
        let len = match reader.u8()? {
            len @ 0..=0x7f => u32::from(len),
            0x81 => u32::from(reader.u8()?),
            0x82 => u32::from(reader.u16()?),
            0x83 => reader.u24()?,
            0x84 => reader.u32()?,
            _ => return None,
        };
        Some((tag, reader.sub(usize::try_from(len).ok()?)?))
    };
    read(reader).ok_or(Malformed::at(field))
}

/// Takes an element that must have that tag; gives what it holds.
pub(super) fn inside<'a>(
    reader: &mut Reader<'a>,
    tag: u8,
    field: &'static str,
) -> Result<Reader<'a>, Malformed> {
    match element(reader, field)? {
        (found, content) if found == tag => Ok(content),
        _ => Err(Malformed::at(field)),
    }
}

/// Passes over elements up to one of that tag; gives what it holds, `None` if there is none.
pub(super) fn find<'a>(
    reader: &mut Reader<'a>,
    tag: u8,
    field: &'static str,
) -> Result<Option<Reader<'a>>, Malformed> {
    while !reader.is_empty() {
        let (found, content) = element(reader, field)?;
        if found == tag {
            return Ok(Some(content));
        }
    }
    Ok(None)
}

/// Tag of the field of a sequence that has that number.
pub(super) const fn field(number: u8) -> u8 {
    0xa0 | number
}

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const GENERAL_STRING: u8 = 0x1b;
pub(super) const SEQUENCE: u8 = 0x30;

/// The bits of a tag whose number stands in further octets.
const LONG_TAG: u8 = 0x1f;

#[cfg(test)]
mod tests {
    use super::*;

    const WRONG: Malformed = Malformed::at("it");

    fn read(octets: &[u8]) -> Result<(u8, &[u8], usize), Malformed> {
        let mut reader = Reader::new(octets);
        let (tag, content) = element(&mut reader, "it")?;
        Ok((tag, content.rest(), reader.len()))
    }

    #[test]
    fn an_element_is_as_long_as_it_says() {
        assert_eq!(read(&[4, 2, 7, 8, 9]), Ok((4, &[7, 8][..], 1)));
        assert_eq!(read(&[4, 0x81, 1, 7]), Ok((4, &[7][..], 0)));
        assert_eq!(read(&[4, 0x82, 0, 1, 7]), Ok((4, &[7][..], 0)));
        assert_eq!(read(&[4, 0x83, 0, 0, 1, 7]), Ok((4, &[7][..], 0)));
        assert_eq!(read(&[4, 0x84, 0, 0, 0, 1, 7]), Ok((4, &[7][..], 0)));
    }

    #[test]
    fn what_is_cut_off_or_of_another_form_is_none() {
        let whole = [4, 0x82, 0, 2, 7, 8];
        for len in 0..whole.len() {
            assert_eq!(read(&whole[..len]), Err(WRONG), "prefix of {len} octets");
        }
        // A length that is not told ahead, one of five octets, and a tag of two.
        for octets in [
            &[0x30, 0x80, 0, 0][..],
            &[4, 0x85, 0, 0, 0, 0, 1, 7],
            &[0x1f, 1, 7],
        ] {
            assert_eq!(read(octets), Err(WRONG));
        }
    }

    #[test]
    fn an_element_is_found_behind_others() {
        let mut reader = Reader::new(&[0xa0, 1, 7, 0xa2, 1, 8, 0xa3, 1, 9]);
        let found = find(&mut reader, field(2), "it").unwrap().unwrap();
        assert_eq!((found.rest(), reader.len()), (&[8][..], 3));
        assert_eq!(find(&mut reader, field(9), "it").unwrap().map(|_| ()), None);
        let mut broken = Reader::new(&[0xa0, 9, 7]);
        assert!(find(&mut broken, field(9), "it").is_err());
    }
}
