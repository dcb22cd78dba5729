//! Claimed names that were asked for in DNS, until their answer tells how far that got.

use std::collections::BTreeMap;

use crate::detection::{Reach, Sighting};
use crate::names::Endpoint;

/// Claimed questions, by who asked whom under which id.
#[derive(Debug, Default)]
pub(super) struct Pending {
    exchanges: BTreeMap<Exchange, Asked>,
}

/// What tells one exchange from another.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Exchange {
    pub(super) client: Endpoint,
    pub(super) server: Endpoint,
    pub(super) id: u16,
    pub(super) name: Box<str>,
}

#[derive(Debug)]
struct Asked {
    /// Number of the frame with the question.
    number: u64,
    /// Span of packet time in which it was asked.
    span: i64,
    /// Taken when the answer has come.
    sighting: Option<Sighting>,
}

impl Pending {
    /// Remembers a question. One that is asked again before it is answered counts once. Gives back
    /// the sighting if there is no room for it.
    pub(super) fn ask(
        &mut self,
        exchange: Exchange,
        number: u64,
        span: i64,
        sighting: Sighting,
    ) -> Option<Sighting> {
        if self.exchanges.len() >= MAX_EXCHANGES {
            return Some(sighting);
        }
        self.exchanges.entry(exchange).or_insert(Asked {
            number,
            span,
            sighting: Some(sighting),
        });
        None
    }

    /// The answer to a question.
    pub(super) fn answer(&mut self, exchange: &Exchange, reach: Reach) -> Answered {
        match self.exchanges.get_mut(exchange) {
            None => Answered::Unasked,
            Some(asked) => match asked.sighting.take() {
                None => Answered::Repeated,
                Some(sighting) => Answered::First(Sighting { reach, ..sighting }),
            },
        }
    }

    /// Forgets what was asked before the span that has just ended; gives those without an answer,
    /// each with the number of its frame.
    pub(super) fn expire(&mut self, span: i64) -> Vec<(u64, Sighting)> {
        let mut silent = Vec::new();
        self.exchanges.retain(|_, asked| {
            let stays = span.saturating_sub(asked.span) < WAIT_SPANS;
            if !stays && let Some(sighting) = asked.sighting.take() {
                silent.push((asked.number, sighting));
            }
            stays
        });
        silent
    }
}

/// How an answer stands to what was asked.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Answered {
    /// The first answer; the sighting is complete.
    First(Sighting),
    /// An answer has come before.
    Repeated,
    /// The question was not seen.
    Unasked,
}

/// Claimed questions that may wait at once; more are reported as asked at once.
const MAX_EXCHANGES: usize = 16_384;

/// Spans of packet time that a question waits: between 4 and 8 seconds.
const WAIT_SPANS: i64 = 2;
