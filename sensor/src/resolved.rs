//! Which flagged names an address was recently answered for, per client and for all.
//!
//! A connection without a readable name to such an address is attributed by it. Answers are
//! remembered beyond their TTL, since programs hold on to addresses: see [`REMEMBERED`].

use std::collections::VecDeque;
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use phonehome_signatures::SignatureId;

use crate::host::Address;
use crate::names::Name;
use crate::time::Timestamp;

/// Flagged names by client and address, and by address alone.
#[derive(Debug)]
pub struct Resolved {
    answers: HashMap<Asked, Answer, FixedState>,
    /// Keys in the order of their newest answer; one that was answered anew stands in it twice.
    order: VecDeque<(Timestamp, Asked)>,
    limit: usize,
    evicted: u64,
}

/// Who was answered an address; nobody stands for anybody.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Asked {
    client: Option<Address>,
    address: Address,
}

#[derive(Clone, Debug)]
struct Answer {
    at: Timestamp,
    name: Name,
    signature: SignatureId,
}

/// How well an address is tied to a name.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Grade {
    /// Another client was answered it.
    SomeClient,
    /// This client was answered it.
    ThisClient,
}

impl Resolved {
    /// Remembers at most `limit` pairs of a client and an address, and as many addresses.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            answers: HashMap::with_hasher(FixedState::with_seed(0)),
            order: VecDeque::new(),
            limit: limit.max(1).saturating_mul(2),
            evicted: 0,
        }
    }

    /// Takes an answer that a client was given for a flagged name.
    pub fn answered(
        &mut self,
        at: Timestamp,
        client: Address,
        address: Address,
        name: &Name,
        signature: SignatureId,
    ) {
        for client in [Some(client), None] {
            let asked = Asked { client, address };
            self.answers.insert(
                asked,
                Answer {
                    at,
                    name: name.clone(),
                    signature,
                },
            );
            self.order.push_back((at, asked));
        }
        self.forget(at);
    }

    /// The flagged name that an address stands for, to a client at that time.
    #[must_use]
    pub fn name(
        &self,
        at: Timestamp,
        client: Address,
        address: Address,
    ) -> Option<(&Name, SignatureId, Grade)> {
        let find = |client| {
            let answer = self.answers.get(&Asked { client, address })?;
            (at.since(answer.at) <= REMEMBERED).then_some(answer)
        };
        let grade = |answer: &'_ Answer, grade| (answer.signature, grade);
        if let Some(answer) = find(Some(client)) {
            let (signature, grade) = grade(answer, Grade::ThisClient);
            return Some((&answer.name, signature, grade));
        }
        let answer = find(None)?;
        Some((&answer.name, answer.signature, Grade::SomeClient))
    }

    /// Addresses that are remembered for some client.
    #[must_use]
    pub fn len(&self) -> usize {
        self.answers.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// Answers that were forgotten before their time because there were too many.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some((at, asked)) = self.order.front() {
            let is_old = now.since(*at) > REMEMBERED;
            let is_too_many = self.order.len() > self.limit;
            if !is_old && !is_too_many {
                return;
            }
            if self.answers.get(asked).is_some_and(|it| it.at == *at) {
                self.answers.remove(asked);
                self.evicted += u64::from(!is_old);
            }
            self.order.pop_front();
        }
    }
}

/// How long an answer is remembered.
pub const REMEMBERED: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs_nanos(secs, 0)
    }

    fn host(last: u8) -> Address {
        Address::from_v4([10, 0, 0, last])
    }

    fn name() -> Name {
        Name::from_text(b"s00.upd.example").unwrap()
    }

    #[test]
    fn the_client_that_asked_is_told_from_others() {
        let mut resolved = Resolved::new(10);
        resolved.answered(at(0), host(1), host(200), &name(), SignatureId(7));
        let grade = |client| {
            resolved
                .name(at(5), host(client), host(200))
                .map(|it| (it.1, it.2))
        };
        assert_eq!(grade(1), Some((SignatureId(7), Grade::ThisClient)));
        assert_eq!(grade(2), Some((SignatureId(7), Grade::SomeClient)));
        assert_eq!(resolved.name(at(5), host(1), host(201)), None);
    }

    #[test]
    fn an_answer_is_forgotten_after_an_hour_unless_it_comes_again() {
        let mut resolved = Resolved::new(10);
        resolved.answered(at(0), host(1), host(200), &name(), SignatureId(7));
        resolved.answered(at(3000), host(1), host(200), &name(), SignatureId(7));
        assert!(resolved.name(at(6600), host(1), host(200)).is_some());
        assert!(resolved.name(at(6601), host(1), host(200)).is_none());
        resolved.answered(at(9000), host(1), host(201), &name(), SignatureId(7));
        assert_eq!((resolved.len(), resolved.evicted()), (2, 0));
    }

    #[test]
    fn too_many_answers_push_out_the_oldest_and_are_counted() {
        let mut resolved = Resolved::new(2);
        for address in 1..=5 {
            resolved.answered(at(0), host(1), host(address), &name(), SignatureId(7));
        }
        assert_eq!((resolved.len(), resolved.evicted()), (4, 6));
        assert!(resolved.name(at(0), host(1), host(3)).is_none());
        assert!(resolved.name(at(0), host(1), host(4)).is_some());
    }
}
