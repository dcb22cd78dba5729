//! DNS over TCP: messages with a length of two octets before each (RFC 1035 section 4.2.2,
//! RFC 7766 section 8).

use super::HEADER_LEN;
use crate::names::Malformed;
use crate::reader::Reader;

/// Cuts the beginning of one direction of a TCP stream into messages.
///
/// `prefix` starts at a length. The iterator ends where a message is not complete yet; then
/// [`TcpMessages::consumed`] says how many octets the caller may drop before it goes on with more.
///
/// A length that cannot hold a header yields [`Malformed`], which is the last item: there is no
/// way to find the next message.
#[must_use]
pub const fn tcp_messages(prefix: &[u8]) -> TcpMessages<'_> {
    TcpMessages {
        rest: Reader::new(prefix),
        consumed: 0,
        is_broken: false,
    }
}

/// Iterator over the messages of a TCP stream; made by [`tcp_messages`].
#[derive(Clone, Debug)]
pub struct TcpMessages<'p> {
    rest: Reader<'p>,
    consumed: usize,
    is_broken: bool,
}

impl<'p> TcpMessages<'p> {
    /// Octets of the messages given so far, with their lengths.
    #[must_use]
    pub const fn consumed(&self) -> usize {
        self.consumed
    }

    /// What is there of a message that is not complete, for a caller that will not get more: its
    /// first questions and records can be read as those of any message. `None` if its header is
    /// not complete either.
    ///
    /// Meant to be called at the end of the iteration; before, it gives the next message and all
    /// that follows.
    #[must_use]
    pub fn unfinished(&self) -> Option<&'p [u8]> {
        let octets = self.rest.rest().get(2..)?;
        (!self.is_broken && octets.len() >= HEADER_LEN).then_some(octets)
    }
}

impl<'p> Iterator for TcpMessages<'p> {
    type Item = Result<&'p [u8], Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_broken {
            return None;
        }
        let mut ahead = self.rest.clone();
        let len = usize::from(ahead.u16()?);
        if len < HEADER_LEN {
            self.is_broken = true;
            return Some(Err(Malformed::at("length")));
        }
        let message = ahead.take(len)?;
        self.rest = ahead;
        self.consumed = self.consumed.wrapping_add(len).wrapping_add(2);
        Some(Ok(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::dns::samples::{QUERY_WITH_EDNS, RESPONSE_CNAME_A};

    #[test]
    fn complete_messages_come_in_order_and_are_counted() {
        let stream = framed(&[QUERY_WITH_EDNS, RESPONSE_CNAME_A]);
        let mut messages = tcp_messages(&stream);
        assert_eq!(messages.next(), Some(Ok(QUERY_WITH_EDNS)));
        assert_eq!(messages.consumed(), 2 + QUERY_WITH_EDNS.len());
        assert_eq!(messages.next(), Some(Ok(RESPONSE_CNAME_A)));
        assert_eq!(messages.consumed(), stream.len());
        assert_eq!(messages.next(), None);
    }

    #[test]
    fn every_prefix_gives_the_messages_that_are_complete_in_it() {
        let stream = framed(&[QUERY_WITH_EDNS, RESPONSE_CNAME_A]);
        let first = 2 + QUERY_WITH_EDNS.len();
        for len in 0..stream.len() {
            let mut messages = tcp_messages(&stream[..len]);
            let count = messages.by_ref().filter(Result::is_ok).count();
            assert_eq!(count, usize::from(len >= first), "prefix of {len} octets");
            assert_eq!(messages.consumed(), count * first, "prefix of {len} octets");
            assert_eq!(messages.next(), None);
        }
    }

    #[test]
    fn a_length_without_room_for_a_header_ends_the_stream() {
        let stream = framed(&[QUERY_WITH_EDNS, &[0; 11], QUERY_WITH_EDNS]);
        let mut messages = tcp_messages(&stream);
        assert!(messages.next().is_some_and(|it| it.is_ok()));
        assert_eq!(messages.next(), Some(Err(Malformed::at("length"))));
        assert_eq!(messages.next(), None);
        assert_eq!(messages.consumed(), 2 + QUERY_WITH_EDNS.len());
        assert_eq!(messages.unfinished(), None);
    }

    #[test]
    fn an_unfinished_message_is_given_from_its_header_on() {
        let stream = framed(&[QUERY_WITH_EDNS, RESPONSE_CNAME_A]);
        let header_end = 2 + QUERY_WITH_EDNS.len() + 2 + HEADER_LEN;
        let unfinished = |len: usize| {
            let mut messages = tcp_messages(&stream[..len]);
            assert_eq!(messages.by_ref().count(), 1);
            messages.unfinished()
        };
        assert_eq!(unfinished(header_end - 1), None);
        assert_eq!(
            unfinished(header_end + 3),
            Some(&RESPONSE_CNAME_A[..HEADER_LEN + 3])
        );
    }

    fn framed(messages: &[&[u8]]) -> Vec<u8> {
        let mut stream = Vec::new();
        for message in messages {
            stream.extend(u16::try_from(message.len()).unwrap().to_be_bytes());
            stream.extend_from_slice(message);
        }
        stream
    }
}
