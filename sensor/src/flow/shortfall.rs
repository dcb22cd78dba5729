//! Octets of TCP connections that were acknowledged and never seen: loss before the sensor.
//!
//! In come sequence numbers and acknowledgments of some packets, and the octets that were seen of
//! each direction, which triage counts exactly; out comes an estimate of what the mirror left out.
//!
//! - **Which connections**: those of which both SYNs were seen, so that it is known with which
//!   sequence number each direction starts; of each direction up to its first 2 GiB.
//! - **Which packets**: the first of a connection in a span of packet time, and those with FIN or RST.
//!   These pass triage in any case, so the estimate costs nothing on the way of other packets, and
//!   does not depend on when triage hears that a flow is settled.
//! - **What is missing**: of what the sender says it has sent, and of what the receiver says it has
//!   got, the lesser, less what was seen. Both must say so: neither a segment that overtakes another
//!   nor a wrong acknowledgment makes a loss. Only of a receiver that closed, whose sender's last number
//!   was not looked at, the word alone is taken when the connection is over, within closer limits.
//!
//! The estimate is a lower bound. What was seen twice, as a segment that was lost behind the sensor
//! and sent again, or a frame that was delivered twice, makes up for what was never seen, a direction
//! at a time. What was sent after the last packet that was looked at is not judged: up to four seconds
//! at the end of a connection that ends without FIN and RST. Connections with a lost SYN are left out; loss that
//! does not choose its packets strikes them like all others. What the sensor itself drops, a filter
//! of the operator leaves out or a table forgets is missing too. Where the prefilter in the kernel
//! cuts flows off there is nothing to be judged, and the figures are withheld (`app::snapshot`).

use super::{Flow, Side};

/// What the ends of a connection say beside what was seen, by the [`Side`] that sent it.
#[derive(Debug, Default)]
pub struct Shortfall {
    /// Octets that the sender has sent by its sequence numbers, beyond those seen.
    sent: [i32; 2],
    /// Octets that the receiver has acknowledged, beyond those seen.
    acknowledged: [i32; 2],
    /// The octet that the receiver expected when it closed; `None` where nothing was missing by it.
    closed_at: [Option<u32>; 2],
    /// Octets that were told as missing.
    told: [u32; 2],
}

/// What a packet says of both directions.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    /// The side that says it.
    pub side: Side,
    /// Sequence number behind the last octet of its payload.
    pub next: u32,
    /// The octet that it expects from the other side; `None` without ACK.
    pub expects: Option<u32>,
    /// Whether it closes the connection for that side, or breaks it off.
    pub closes: bool,
}

impl Flow {
    /// Whether it is known where both directions start.
    #[must_use]
    pub const fn is_judged(&self) -> bool {
        self.seen.start[0] && self.seen.start[1]
    }

    /// Octets that were seen of what is judged of it.
    #[must_use]
    pub fn judged_octets(&self) -> u64 {
        if self.is_judged() {
            self.octets.iter().map(|it| (*it).min(JUDGED_OCTETS)).sum()
        } else {
            0
        }
    }

    /// Takes what a packet says, which is counted already; gives the octets that are missing by it
    /// and were not told before.
    pub fn weigh(&mut self, word: Word) -> u64 {
        if !self.is_judged() {
            return 0;
        }
        let (side, other) = (word.side, word.side.other());
        let sent = self.beyond(side, word.next);
        let acknowledged = word.expects.and_then(|it| self.beyond(other, it));
        let is_short = [sent, acknowledged]
            .into_iter()
            .flatten()
            .any(|it| it > FIN);
        let is_known = self.details().is_some_and(|it| it.shortfall.is_some());
        if !is_short && !is_known {
            return 0;
        }
        let shortfall = self.details_mut().shortfall.get_or_insert_default();
        if let Some(sent) = sent {
            shortfall.sent[side.index()] = sent;
        }
        if let Some(acknowledged) = acknowledged {
            shortfall.acknowledged[other.index()] = acknowledged;
            if word.closes {
                shortfall.closed_at[other.index()] = word.expects;
            }
        }
        shortfall.agreed(side) + shortfall.agreed(other)
    }

    /// Gives the octets that are missing by the word of a receiver that closed, of a connection that is
    /// over, and were not told before.
    pub fn weigh_end(&mut self) -> u64 {
        let mut missing = 0;
        for side in [Side::Low, Side::High] {
            let shortfall = self.details().and_then(|it| it.shortfall.as_deref());
            let closed_at = shortfall.and_then(|it| it.closed_at[side.index()]);
            let lack = closed_at.and_then(|it| self.beyond(side, it)).unwrap_or(0);
            let most = self.octets[side.index()] + MOST_OF_ONE;
            if i64::from(lack) > most.cast_signed() {
                continue;
            }
            let details = self.details.as_deref_mut();
            if let Some(shortfall) = details.and_then(|it| it.shortfall.as_mut()) {
                missing += shortfall.missing(side, lack);
            }
        }
        missing
    }

    /// How far a sequence number of a side lies beyond the octets that were seen of it; `None` where
    /// that is not to be believed or not judged.
    fn beyond(&self, side: Side, seq: u32) -> Option<i32> {
        let seen = self.octets[side.index()];
        let start = self.start(side)?;
        #[expect(clippy::cast_possible_truncation, reason = "sequence numbers wrap")]
        let beyond = seq.wrapping_sub(start).wrapping_sub(seen as u32);
        let beyond = beyond.cast_signed();
        let most = MOST_AT_ONCE + MOST_TIMES * seen;
        let is_likely = seen < JUDGED_OCTETS && i64::from(beyond) <= most.cast_signed();
        is_likely.then_some(beyond)
    }
}

impl Shortfall {
    /// What is missing of what a side sent by the word of both, and was not told before.
    fn agreed(&mut self, side: Side) -> u64 {
        let at = side.index();
        self.missing(side, self.sent[at].min(self.acknowledged[at]))
    }

    /// What of that lack was not told before.
    fn missing(&mut self, side: Side, lack: i32) -> u64 {
        let at = side.index();
        let lack = lack.max(0).cast_unsigned();
        let new = lack.saturating_sub(self.told[at]);
        if new <= FIN.cast_unsigned() {
            return 0;
        }
        self.told[at] += new;
        u64::from(new)
    }
}

/// Octets of a direction that are judged: half of the sequence numbers, as what lies ahead and what
/// lies behind cannot be told apart beyond.
const JUDGED_OCTETS: u64 = 1 << 31;

/// Sequence numbers that a FIN takes (RFC 9293 section 3.4), and no octet.
const FIN: i32 = 1;

/// More than this and [`MOST_TIMES`] what was seen is not believed to be missing: it is the number
/// of another connection between the same end points, or made up.
const MOST_AT_ONCE: u64 = 1 << 20;
const MOST_TIMES: u64 = 16;

/// More than this and what was seen is not believed by the word of one end alone.
const MOST_OF_ONE: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::FlowKey;
    use crate::host::Address;
    use crate::names::{Endpoint, Transport};
    use crate::time::Timestamp;

    const START: [u32; 2] = [u32::MAX - 2000, 700];

    /// A connection whose SYNs were seen; the low side begins shortly before its numbers wrap.
    fn flow() -> Flow {
        let end = |port| Endpoint {
            address: Address::from_v4([10, 0, 0, 1]),
            port,
        };
        let (key, _) = FlowKey::of(Transport::Tcp, end(1), end(2));
        let mut flow = Flow::new(key, Timestamp::default(), 0);
        flow.set_start(Side::Low, START[0]);
        flow.set_start(Side::High, START[1]);
        flow
    }

    /// A word of a side that has sent and got so many octets.
    fn word(side: Side, sent: u32, got: u32) -> Word {
        Word {
            side,
            next: START[side.index()].wrapping_add(sent),
            expects: Some(START[side.other().index()].wrapping_add(got)),
            closes: false,
        }
    }

    #[test]
    fn of_a_receiver_that_closed_the_word_alone_counts_in_the_end() {
        let closing = |got| Word {
            closes: true,
            ..word(Side::Low, 100, got)
        };
        let mut quiet = flow();
        quiet.octets = [100, 9_000];
        assert_eq!(quiet.weigh(word(Side::Low, 100, 10_000)), 0);
        assert_eq!(quiet.weigh_end(), 0, "it did not close");
        let mut closed = flow();
        closed.octets = [100, 9_000];
        assert_eq!(closed.weigh(closing(10_000)), 0);
        closed.octets[1] += 200;
        assert_eq!(
            closed.weigh_end(),
            800,
            "what was seen later is not missing"
        );
        assert_eq!(closed.weigh_end(), 0);
        let mut far = flow();
        far.octets = [100, 9_000];
        far.weigh(closing(90_000));
        assert_eq!(far.weigh_end(), 0, "more than one end can make believe");
    }

    #[test]
    fn what_both_ends_speak_of_and_nobody_saw_is_missing_once() {
        let mut flow = flow();
        flow.octets = [100, 9_000];
        assert_eq!(
            flow.weigh(word(Side::Low, 100, 10_000)),
            0,
            "only one says so"
        );
        assert_eq!(flow.weigh(word(Side::High, 10_000, 100)), 1_000);
        assert_eq!(flow.weigh(word(Side::Low, 100, 10_000)), 0);
        assert_eq!(flow.weigh(word(Side::High, 10_000, 100)), 0);
        flow.octets[1] = 19_000;
        flow.weigh(word(Side::High, 25_000, 100));
        assert_eq!(flow.weigh(word(Side::Low, 100, 24_000)), 4_000);
    }

    #[test]
    fn numbers_that_wrap_are_no_loss() {
        let mut flow = flow();
        flow.octets = [50_000, 0];
        assert_eq!(flow.weigh(word(Side::Low, 50_000, 0)), 0);
        assert_eq!(flow.weigh(word(Side::High, 0, 50_000)), 0);
        assert_eq!(flow.weigh(word(Side::Low, 58_000, 0)), 0);
        assert_eq!(flow.weigh(word(Side::High, 0, 58_000)), 8_000);
    }

    #[test]
    fn what_is_on_its_way_or_was_seen_twice_is_no_loss() {
        let mut flow = flow();
        flow.octets = [9_000, 100];
        assert_eq!(flow.weigh(word(Side::High, 100, 4_000)), 0, "on its way");
        assert_eq!(flow.weigh(word(Side::Low, 8_000, 100)), 0, "sent twice");
        assert_eq!(flow.weigh(word(Side::High, 100, 8_000)), 0);
        assert!(flow.details().is_none(), "nothing is kept of it");
    }

    #[test]
    fn a_fin_is_no_octet() {
        let mut flow = flow();
        flow.octets = [500, 500];
        assert_eq!(flow.weigh(word(Side::Low, 500, 501)), 0);
        assert_eq!(flow.weigh(word(Side::High, 501, 501)), 0);
        assert_eq!(flow.weigh(word(Side::Low, 501, 501)), 0);
    }

    #[test]
    fn numbers_that_cannot_be_those_of_this_connection_count_for_nothing() {
        let mut flow = flow();
        flow.octets = [500, 500];
        let far = 1 << 22;
        assert_eq!(flow.weigh(word(Side::Low, far, far)), 0);
        assert_eq!(flow.weigh(word(Side::High, far, far)), 0);
        assert_eq!(flow.weigh(word(Side::Low, 700, 500)), 0);
        assert_eq!(
            flow.weigh(word(Side::High, 500, 700)),
            200,
            "it is judged on"
        );
    }

    #[test]
    fn a_direction_is_judged_up_to_half_of_the_sequence_numbers() {
        let mut flow = flow();
        flow.octets = [JUDGED_OCTETS - 1, 3 * JUDGED_OCTETS];
        assert_eq!(flow.judged_octets(), 2 * JUDGED_OCTETS - 1);
        let mut ends = |sent: u32| {
            let one = flow.weigh(word(Side::Low, sent, 0));
            one + flow.weigh(word(Side::High, 0, sent))
        };
        assert_eq!(ends((1 << 31) + 899), 900);
        flow.octets[0] += 1;
        assert_eq!(flow.weigh(word(Side::Low, (1 << 31) + 5_000, 0)), 0);
    }

    #[test]
    fn without_both_starts_nothing_is_judged() {
        let mut flow = flow();
        flow.seen.start[0] = false;
        flow.octets = [5, 5];
        assert_eq!(flow.judged_octets(), 0);
        assert_eq!(flow.weigh(word(Side::Low, 5, 500)), 0);
        assert_eq!(flow.weigh(word(Side::High, 500, 5)), 0);
    }
}
