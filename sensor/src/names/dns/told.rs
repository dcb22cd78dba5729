//! Telling each name of a message once, without allocation.

use super::WireName;
use crate::names::Malformed;

/// Distinct names of a message that [`for_each_answer_name`] remembers. Real answers hold a chain
/// of a few; the bound keeps the cost of a hostile one proportional to its length.
///
/// [`for_each_answer_name`]: super::Message::for_each_answer_name
pub const MAX_TOLD: usize = 32;

/// The names of one message that have been told, to tell each once.
///
/// A name that points to the place of another, or stands there itself, is recognised without
/// being written; any other by its text.
pub(super) struct Told<'s> {
    /// The texts, one after the other.
    texts: &'s mut String,
    seen: [Seen; MAX_TOLD],
    len: usize,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    /// Where the name stands in the message.
    place: usize,
    /// Where its text starts.
    start: usize,
    /// Where its text ends.
    end: usize,
}

impl<'s> Told<'s> {
    pub(super) fn new(texts: &'s mut String) -> Self {
        Self {
            texts,
            seen: [Seen::default(); MAX_TOLD],
            len: 0,
        }
    }

    pub(super) fn tell(
        &mut self,
        name: WireName<'_>,
        f: &mut impl FnMut(&str),
    ) -> Result<(), Malformed> {
        let place = name.place();
        let seen = self.seen.get(..self.len).unwrap_or_default();
        if seen.iter().any(|it| it.place == place) {
            return Ok(());
        }
        let start = self.texts.len();
        name.append_to(self.texts)?;
        let end = self.texts.len();
        let text = self.texts.get(start..).unwrap_or_default();
        let is_seen = seen
            .iter()
            .any(|it| self.texts.get(it.start..it.end) == Some(text));
        if !text.is_empty() && !is_seen {
            f(text);
            if let Some(free) = self.seen.get_mut(self.len) {
                *free = Seen { place, start, end };
                self.len = self.len.wrapping_add(1);
                return Ok(());
            }
        }
        self.texts.truncate(start);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::MAX_TOLD;
    use crate::names::dns::message;
    use crate::names::dns::samples::{QUERY_WITH_EDNS, RESPONSE_CNAME_A};

    #[test]
    fn owners_and_targets_are_told_once() {
        assert_eq!(
            told(RESPONSE_CNAME_A),
            ["www.example.com", "cdn.example.net"]
        );
    }

    #[test]
    fn names_are_compared_by_text_where_they_are_not_compressed() {
        let records = [
            &b"\x01A\x02bc\0"[..],
            b"\x01a\x02BC\0",
            b"\x01b\0",
            b"\x01a\x02bc\0",
        ];
        assert_eq!(told(&response(&records)), ["a.bc", "b"]);
    }

    #[test]
    fn the_root_is_not_told() {
        assert_eq!(told(&response(&[b"\0", b"\x01a\0"])), ["a"]);
    }

    #[test]
    fn records_of_other_types_are_not_told() {
        let mut octets = response(&[b"\x01a\0", b"\x01b\0"]);
        octets[12 + 3 + 1] = 16;
        assert_eq!(told(&octets), ["b"]);
    }

    #[test]
    fn a_query_tells_nothing() {
        let mut octets = response(&[b"\x01a\0"]);
        octets[2] = 0;
        assert!(told(&octets).is_empty());
        assert!(told(QUERY_WITH_EDNS).is_empty());
    }

    #[test]
    fn beyond_the_bound_new_names_are_told_but_not_remembered() {
        let names: Vec<_> = (0..=MAX_TOLD as u8)
            .map(|it| [2, b'a' + it / 26, b'a' + it % 26, 0])
            .collect();
        let twice: Vec<_> = names.iter().chain(&names).map(|it| &it[..]).collect();
        assert_eq!(told(&response(&twice)).len(), MAX_TOLD + 2);
    }

    #[test]
    fn the_prerequisites_of_an_update_are_no_answers() {
        let mut octets = response(&[b"\x01a\0"]);
        assert_eq!(told(&octets), ["a"]);
        octets[2] |= 5 << 3;
        assert_eq!(told(&octets), [""; 0]);
    }

    /// A response without question, with an A record for each owner.
    fn response(owners: &[&[u8]]) -> Vec<u8> {
        let count = u8::try_from(owners.len()).unwrap();
        let mut octets = vec![0, 0, 0x80, 0, 0, 0, 0, count, 0, 0, 0, 0];
        for owner in owners {
            octets.extend_from_slice(owner);
            octets.extend_from_slice(b"\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01");
        }
        octets
    }

    fn told(octets: &[u8]) -> Vec<String> {
        let mut names = Vec::new();
        message(octets)
            .unwrap()
            .for_each_answer_name(&mut String::new(), |name| names.push(name.to_owned()))
            .unwrap();
        names
    }
}
