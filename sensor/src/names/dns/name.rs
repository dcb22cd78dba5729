//! Names inside a message: labels and compression pointers (RFC 1035 sections 3.1 and 4.1.4).
//!
//! The octets of an ordinary name are gathered in a buffer on the stack, with dots in place of the
//! lengths, then put into lower case and checked sixteen at a time. Any other name is written, or
//! refused, label by label.

use std::fmt;

use super::HEADER_LEN;
use crate::names::{Malformed, Name, push_octet};
use crate::reader::Reader;

/// A name in a message. It may turn out to be malformed when it is looked into.
///
/// A pointer must lead to before the labels, or pointer, that it ends, and not into the header; so
/// no chain of pointers can loop. Names have at most [`WireName::MAX_LEN`] octets.
#[derive(Clone, Copy)]
pub struct WireName<'m> {
    message: &'m [u8],
    start: usize,
}

impl<'m> WireName<'m> {
    /// The name that starts at `start` in `message`; octets behind the name may be left out.
    pub(super) const fn new(message: &'m [u8], start: usize) -> Self {
        Self { message, start }
    }

    /// Replaces `text` by the name, in the form that [`Name`] has; the root gives empty text.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if a label is cut off or of unknown type, if a pointer does not lead strictly
    /// backwards, or if the name is too long; `text` is empty then.
    pub fn write_to(&self, text: &mut String) -> Result<(), Malformed> {
        text.clear();
        self.append_to(text)
    }

    /// Writes the name behind `text`, which keeps its contents if the name is malformed.
    pub(super) fn append_to(&self, text: &mut String) -> Result<(), Malformed> {
        let mut buffer = Buffer([0; BUFFER_LEN]);
        match buffer.plain_text(*self) {
            Some(plain) => {
                text.push_str(plain);
                Ok(())
            }
            None => self.append_by_label(text),
        }
    }

    /// The name as owned text; `None` if it is malformed or the root.
    #[must_use]
    pub fn to_name(&self) -> Option<Name> {
        let mut text = String::new();
        self.write_to(&mut text).ok()?;
        Name::from_normalised(&text)
    }

    /// Whether this is the root: a name without labels.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.labels().next().is_none()
    }

    /// The labels, from the host to the top, as they stand. The first error is the last item.
    pub(super) fn labels(&self) -> Labels<'m> {
        Labels {
            message: self.message,
            rest: Reader::new(self.message.get(self.start..).unwrap_or_default()),
            segment: self.start,
            pointers: MAX_POINTERS,
            len: 1,
        }
    }

    /// Where the name stands in the message: where it starts, or where its first octets point to.
    /// Names at the same place are the same.
    pub(super) fn place(&self) -> usize {
        let here = self.message.get(self.start..).unwrap_or_default();
        match here.first_chunk() {
            Some(&[high, low]) if high >= POINTER => target(high, low),
            _ => self.start,
        }
    }

    /// Does what [`Self::append_to`] does, for any name.
    #[cold]
    fn append_by_label(&self, text: &mut String) -> Result<(), Malformed> {
        let start = text.len();
        for label in self.labels() {
            let label = label.inspect_err(|_| text.truncate(start))?;
            if text.len() > start {
                text.push('.');
            }
            for &octet in label {
                match octet {
                    b'.' => text.push_str("\\."),
                    b'\\' => text.push_str("\\\\"),
                    _ => push_octet(text, octet),
                }
            }
        }
        Ok(())
    }

    /// Most octets of a name, lengths and root included (RFC 1035 section 2.3.4).
    pub const MAX_LEN: usize = 255;
}

impl fmt::Debug for WireName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        match self.write_to(&mut text) {
            Ok(()) => write!(f, "WireName({text:?})"),
            Err(error) => write!(f, "WireName({error})"),
        }
    }
}

/// Octets of the name that `octets` begin with, as far as it stands in one place; `None` if its end
/// is missing.
pub(super) fn len_in_place(octets: &[u8]) -> Option<usize> {
    let mut at = 0_usize;
    loop {
        match *octets.get(at)? {
            0 => return Some(at.wrapping_add(1)),
            len @ 1..=MAX_LABEL => at = at.wrapping_add(1).wrapping_add(usize::from(len)),
            POINTER.. => return Some(at.wrapping_add(2)),
            _ => return None,
        }
    }
}

/// Gives the labels of a name.
pub(super) struct Labels<'m> {
    message: &'m [u8],
    rest: Reader<'m>,
    /// Where the labels being read start.
    segment: usize,
    /// Pointers that may yet be followed.
    pointers: usize,
    /// Octets of the name up to here, with the root.
    len: usize,
}

impl<'m> Labels<'m> {
    fn step(&mut self) -> Result<Option<&'m [u8]>, Malformed> {
        loop {
            match self.rest.u8().ok_or(Malformed::at("name"))? {
                0 => return Ok(None),
                len @ 1..=MAX_LABEL => {
                    let len = usize::from(len);
                    self.len = self.len.wrapping_add(1).wrapping_add(len);
                    if self.len > WireName::MAX_LEN {
                        return Err(Malformed::at("name"));
                    }
                    let label = self.rest.take(len).ok_or(Malformed::at("name"))?;
                    return Ok(Some(label));
                }
                high @ POINTER.. => {
                    let low = self.rest.u8().ok_or(Malformed::at("pointer"))?;
                    self.pointers = self
                        .pointers
                        .checked_sub(1)
                        .ok_or(Malformed::at("pointer"))?;
                    self.segment = backwards(target(high, low), self.segment)?;
                    self.rest = Reader::new(self.message.get(self.segment..).unwrap_or_default());
                }
                _ => return Err(Malformed::at("label")),
            }
        }
    }
}

impl<'m> Iterator for Labels<'m> {
    type Item = Result<&'m [u8], Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let label = self.step().transpose();
        if !matches!(label, Some(Ok(_))) {
            // The octet zero ends any further reading.
            self.rest = Reader::new(&[0]);
        }
        label
    }
}

/// Room for a name of ordinary length. The dot before the first label stands at [`FIRST_DOT`], so
/// that text starts at a multiple of sixteen; behind the text there is room for a chunk of zeros.
#[repr(align(16))]
struct Buffer([u8; BUFFER_LEN]);

impl Buffer {
    /// The text of a name; `None` if some octet has to be escaped, if the name is long, or if
    /// anything is wrong with it.
    fn plain_text(&mut self, name: WireName<'_>) -> Option<&str> {
        let (len, labels) = self.gather(name)?;
        // Without the dot before the first label.
        let Some(len) = len.checked_sub(1) else {
            return Some("");
        };
        let text = self.0.get_mut(FIRST_DOT.wrapping_add(1)..)?;
        *text.get_mut(len..)?.first_chunk_mut()? = [0; CHUNK];
        let chunks = text.as_chunks_mut().0.get_mut(..len.div_ceil(CHUNK))?;
        let mut marks = 0_usize;
        for chunk in chunks.iter_mut() {
            marks = marks.wrapping_add(usize::from(lower_and_count_marks(chunk)));
        }
        // The dots between labels and the zeros behind the text are marks; more is in a label.
        let padded = chunks.as_flattened();
        let padding = padded.len().wrapping_sub(len);
        if marks != labels.wrapping_add(padding).wrapping_sub(1) {
            return None;
        }
        // Whole chunks are checked many octets at a time, single octets are not.
        std::str::from_utf8(padded).ok()?.get(..len)
    }

    /// Copies the labels of a name, with a dot in place of each length. Gives the number of octets
    /// and of labels.
    fn gather(&mut self, name: WireName<'_>) -> Option<(usize, usize)> {
        let mut len = 0_usize;
        let mut labels = 0_usize;
        let mut segment = name.start;
        for _ in 0..=MAX_PLAIN_POINTERS {
            let source = name.message.get(segment..)?;
            let room = self.0.get_mut(FIRST_DOT.wrapping_add(len)..LAST_DOT)?;
            let octets = copy_beginning(source, room)?;
            let mut at = 0_usize;
            loop {
                let octet = octets.get_mut(at)?;
                match *octet {
                    0 => return Some((len.wrapping_add(at), labels)),
                    label @ 1..=MAX_LABEL => {
                        *octet = b'.';
                        at = at.wrapping_add(1).wrapping_add(usize::from(label));
                        labels = labels.wrapping_add(1);
                    }
                    POINTER.. => break,
                    _ => return None,
                }
            }
            let &[high, low] = source.get(at..)?.first_chunk()?;
            len = len.wrapping_add(at);
            segment = backwards(target(high, low), segment).ok()?;
        }
        None
    }
}

/// Puts octets into lower case, and counts those that cannot stand for themselves in a label.
fn lower_and_count_marks(chunk: &mut [u8; CHUNK]) -> u8 {
    let mut marks = 0_u8;
    for octet in chunk {
        octet.make_ascii_lowercase();
        let is_mark = !octet.is_ascii_graphic() | (*octet == b'.') | (*octet == b'\\');
        marks = marks.wrapping_add(u8::from(is_mark));
    }
    marks
}

/// Fills the beginning of `room` from that of `source`, and gives what was filled.
fn copy_beginning<'r>(source: &[u8], room: &'r mut [u8]) -> Option<&'r mut [u8]> {
    let len = source.len().min(room.len());
    let filled = room.get_mut(..len)?;
    filled.copy_from_slice(source.get(..len)?);
    Some(filled)
}

/// Where a pointer of these two octets leads.
fn target(high: u8, low: u8) -> usize {
    usize::from(u16::from_be_bytes([high & !POINTER, low]))
}

/// Refuses a pointer out of the labels that start at `segment` unless it leads before them.
fn backwards(target: usize, segment: usize) -> Result<usize, Malformed> {
    if (HEADER_LEN..segment).contains(&target) {
        Ok(target)
    } else {
        Err(Malformed::at("pointer"))
    }
}

/// Longest label; two zero bits stand before its length.
const MAX_LABEL: u8 = 0x3f;
/// The two bits of a compression pointer.
const POINTER: u8 = 0xc0;
/// A name has at most 127 labels, so more pointers are of no use. Without the bound, a message
/// full of pointers to each other would cost the square of its length.
const MAX_POINTERS: usize = 127;
/// Real messages need one, or two behind a CNAME.
const MAX_PLAIN_POINTERS: usize = 4;
const FIRST_DOT: usize = CHUNK - 1;
/// Behind the last octet of a name; most names are much shorter than the 96 octets before it.
const LAST_DOT: usize = BUFFER_LEN - CHUNK;
/// Small enough to be cleared without a call, which happens for each name.
const BUFFER_LEN: usize = 8 * CHUNK;
const CHUNK: usize = 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_plain_name_is_written_in_lower_case_without_a_trailing_dot() {
        assert_eq!(text(b"\x03WwW\x04Ex-1\x02_Z\0"), Ok("www.ex-1._z".into()));
    }

    #[test]
    fn the_root_is_empty_text_and_no_name() {
        let message = at_name(b"\0");
        let root = WireName::new(&message, HEADER_LEN);
        assert!(root.is_root());
        assert_eq!(text(b"\0"), Ok(String::new()));
        assert_eq!(root.to_name(), None);
    }

    #[test]
    fn octets_that_cannot_stand_for_themselves_are_escaped() {
        assert_eq!(
            text(b"\x03a.B\x02\xff \x01\\\0"),
            Ok(r"a\.b.\255\032.\\".into())
        );
        assert_eq!(text(b"\x02\0\x7f\0"), Ok(r"\000\127".into()));
        assert_eq!(text(b"\x01.\0"), Ok(r"\.".into()));
    }

    #[test]
    fn every_octet_is_escaped_or_not_wherever_it_stands() {
        for octet in 0..=u8::MAX {
            for before in 0..20_u8 {
                let mut name = vec![before + 1];
                name.extend(std::iter::repeat_n(b'x', before.into()));
                name.extend([octet, 0]);
                let mut expected = "x".repeat(before.into());
                match octet {
                    b'.' => expected.push_str("\\."),
                    b'\\' => expected.push_str("\\\\"),
                    b'!'..=b'~' => expected.push(char::from(octet).to_ascii_lowercase()),
                    _ => expected.push_str(&format!("\\{octet:03}")),
                }
                assert_eq!(text(&name), Ok(expected));
            }
        }
    }

    #[test]
    fn text_is_replaced_and_empty_after_an_error() {
        let mut text = String::from("before");
        let message = at_name(b"\x01a\0");
        let name = WireName::new(&message, HEADER_LEN);
        assert_eq!(name.write_to(&mut text), Ok(()));
        assert_eq!(text, "a");
        let broken = WireName::new(&message[..13], HEADER_LEN);
        assert_eq!(broken.write_to(&mut text), Err(Malformed::at("name")));
        assert_eq!(text, "");
    }

    #[test]
    fn pointers_lead_backwards_through_several_names() {
        let message = at_name(b"\x03com\0\x02ab\xc0\x0c\xc0\x11\x01x\xc0\x16");
        let text = |start| {
            WireName::new(&message, start)
                .to_name()
                .unwrap()
                .to_string()
        };
        assert_eq!(text(0x11), "ab.com");
        assert_eq!(text(0x16), "ab.com");
        assert_eq!(text(0x18), "x.ab.com");
        assert_eq!(WireName::new(&message, 0x16).place(), 0x11);
        assert_eq!(WireName::new(&message, 0x18).place(), 0x18);
    }

    #[test]
    fn pointers_to_themselves_forward_or_into_the_header_are_malformed() {
        let pointer = Err(Malformed::at("pointer"));
        assert_eq!(text(b"\xc0\x0c"), pointer, "to itself");
        assert_eq!(text(b"\x01a\xc0\x0c"), pointer, "to its own labels");
        assert_eq!(text(b"\xc0\x0e\x01a\0"), pointer, "forward");
        assert_eq!(text(b"\xc0\x0e\xc0\x0c"), pointer, "to each other");
        assert_eq!(text(b"\xff\xff"), pointer, "out of the message");
        assert_eq!(text(b"\xc0\x00"), pointer, "into the header");
        assert_eq!(text(b"\x01a\xc0"), pointer, "cut off");
    }

    #[test]
    fn labels_of_the_two_other_types_are_malformed() {
        assert_eq!(text(b"\x40a\0"), Err(Malformed::at("label")));
        assert_eq!(text(b"\x01a\x80a\0"), Err(Malformed::at("label")));
    }

    #[test]
    fn a_name_has_at_most_255_octets() {
        let mut longest = [&[63], &[b'A'; 63][..]].concat().repeat(3);
        longest.push(61);
        longest.extend([b'a'; 61]);
        let mut one_more = longest.clone();
        one_more[192] = 62;
        one_more.push(b'a');
        longest.push(0);
        one_more.push(0);
        assert_eq!(longest.len(), WireName::MAX_LEN);
        assert_eq!(text(&longest).unwrap().len(), 253);
        assert_eq!(text(&one_more), Err(Malformed::at("name")));
    }

    #[test]
    fn pointers_count_towards_the_longest_name_what_they_lead_to() {
        // The root at 12, 240 octets of labels that end in it at 13, then names that go on there.
        let mut octets = vec![0];
        octets.extend([&[59], &[b'b'; 59][..]].concat().repeat(4));
        octets.extend([0xc0, 12]);
        let longest = HEADER_LEN + octets.len();
        octets.extend([&[13], &[b'a'; 13][..], &[0xc0, 13]].concat());
        let one_more = HEADER_LEN + octets.len();
        octets.extend([&[14], &[b'a'; 14][..], &[0xc0, 13]].concat());
        let message = at_name(&octets);
        let name = WireName::new(&message, longest).to_name().unwrap();
        assert_eq!(name.as_str().len(), 253);
        assert_eq!(WireName::new(&message, one_more).to_name(), None);
    }

    #[test]
    fn a_chain_of_pointers_ends() {
        let mut octets = vec![0];
        for at in (HEADER_LEN as u16..).step_by(2).take(1000) {
            let to = if at == 12 { at } else { at - 1 };
            octets.extend((0xc000 | to).to_be_bytes());
        }
        let message = at_name(&octets);
        let follow = |pointers: usize| {
            let mut text = String::new();
            WireName::new(&message, HEADER_LEN - 1 + 2 * pointers).write_to(&mut text)
        };
        assert_eq!(follow(MAX_POINTERS), Ok(()));
        assert_eq!(follow(MAX_POINTERS + 1), Err(Malformed::at("pointer")));
    }

    #[test]
    fn every_prefix_of_a_name_is_malformed() {
        let name = b"\x03www\x07example\x03com\0";
        for len in 0..name.len() {
            assert_eq!(text(&name[..len]), Err(Malformed::at("name")));
        }
    }

    proptest! {
        /// The two ways to read a name agree on anything, with octets that are often structure.
        #[test]
        fn labels_and_text_agree(
            octets in proptest::collection::vec(prop_oneof![0..8_u8, 0xc0..0xc2_u8, any::<u8>()], 0..300),
            start in HEADER_LEN..64_usize,
        ) {
            let message = at_name(&octets);
            let name = WireName::new(&message, start);
            let mut text = String::new();
            let written = name.write_to(&mut text);
            let labels: Result<Vec<_>, _> = name.labels().collect();
            prop_assert_eq!(written.is_ok(), labels.is_ok());
            if let Ok(labels) = labels {
                let mut by_label = String::new();
                prop_assert_eq!(name.append_by_label(&mut by_label), Ok(()));
                prop_assert_eq!(text, by_label);
                prop_assert_eq!(name.is_root(), labels.is_empty());
            }
        }
    }

    /// A message that has these octets behind its header.
    fn at_name(octets: &[u8]) -> Vec<u8> {
        [&[0; HEADER_LEN], octets].concat()
    }

    fn text(octets: &[u8]) -> Result<String, Malformed> {
        let message = at_name(octets);
        let mut text = String::new();
        WireName::new(&message, HEADER_LEN)
            .write_to(&mut text)
            .map(|()| text)
    }
}
