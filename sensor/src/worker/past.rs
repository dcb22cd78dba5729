//! Questions in clear to public resolvers, counted until the next tick.

use std::collections::BTreeMap;

use super::Context;
use super::desk::Desk;
use crate::detection::{PublicQuestions, What};
use crate::host::Address;

/// Questions by client and resolver, each with the number of the frame that held the first.
#[derive(Debug, Default)]
pub(super) struct Past {
    counts: BTreeMap<(Address, Address), (u64, u32)>,
}

impl Past {
    /// Counts a question; gives back what has to be told at once, for there is no room for it.
    fn ask(&mut self, number: u64, client: Address, resolver: Address) -> Option<PublicQuestions> {
        let key = (client, resolver);
        if let Some((_, count)) = self.counts.get_mut(&key) {
            *count = count.saturating_add(1);
        } else if self.counts.len() < MAX_PAIRS {
            self.counts.insert(key, (number, 1));
        } else {
            return Some(PublicQuestions {
                client,
                resolver,
                count: 1,
            });
        }
        None
    }

    /// Takes out all that was counted, each with the number of the frame that held the first.
    pub(super) fn take(&mut self) -> Vec<(u64, PublicQuestions)> {
        let counts = std::mem::take(&mut self.counts).into_iter();
        let with_since = |((client, resolver), (since, count))| {
            let questions = PublicQuestions {
                client,
                resolver,
                count,
            };
            (since, questions)
        };
        counts.map(with_since).collect()
    }
}

impl Desk {
    /// Counts a question, if it went to a public resolver.
    pub(super) fn may_pass_by(&mut self, context: &Context) {
        let resolver = context.dst.address;
        if !self.catalogue.resolvers().has_address(resolver.to_ip()) {
            return;
        }
        let client = context.src.address;
        if let Some(questions) = self.past.ask(context.number, client, resolver) {
            let what = What::PublicQuestions(questions);
            self.tell(context.number, context.at, what);
        }
    }
}

/// Pairs of a client and a public resolver that are counted between two ticks; questions of more
/// are told of one by one.
const MAX_PAIRS: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    fn host(number: u32) -> Address {
        Address::from_v4(number.to_be_bytes())
    }

    #[test]
    fn questions_are_counted_until_they_are_taken_with_the_frame_of_the_first() {
        let mut past = Past::default();
        for (number, client, resolver) in [(5, 1, 8), (7, 1, 8), (6, 2, 8), (9, 1, 9)] {
            assert_eq!(past.ask(number, host(client), host(resolver)), None);
        }
        let taken: Vec<_> = past
            .take()
            .into_iter()
            .map(|(since, it)| (since, it.client, it.resolver, it.count))
            .collect();
        let expected = [
            (5, host(1), host(8), 2),
            (9, host(1), host(9), 1),
            (6, host(2), host(8), 1),
        ];
        assert_eq!(taken, expected);
        assert_eq!(past.take(), []);
    }

    #[test]
    fn a_full_memory_goes_on_counting_and_tells_of_others_at_once() {
        let mut past = Past::default();
        for number in 0..MAX_PAIRS as u32 {
            assert_eq!(past.ask(0, host(number), host(8)), None);
        }
        let other = past.ask(1, host(u32::MAX), host(8));
        assert_eq!(
            other.map(|it| (it.client, it.count)),
            Some((host(u32::MAX), 1))
        );
        assert_eq!(past.ask(2, host(0), host(8)), None);
        let taken = past.take();
        assert_eq!(taken.len(), MAX_PAIRS);
        let questions: u32 = taken.iter().map(|it| it.1.count).sum();
        assert_eq!(questions as usize, MAX_PAIRS + 1);
    }
}
