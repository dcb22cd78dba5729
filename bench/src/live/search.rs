//! The search for the highest rate that holds: doubling, then halving the gap.

use crate::error::Error;

/// What became of a rate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// It was sent, and nothing was lost.
    Holds,
    /// Frames were lost.
    Loses,
    /// The sender could not send it; what it sent was not lost.
    NotReached,
}

/// What the search found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Outcome {
    /// The highest rate that held.
    pub(crate) highest: u64,
    /// Whether it ends at a rate that could not be sent, not at one that lost frames.
    pub(crate) not_reached: bool,
}

/// Finds the highest rate that holds, from `first` on, within 4 %.
///
/// A rate that loses is tried once more, since another program of the machine may have been in the
/// way. If even `first` does not hold it is halved until a rate holds or is below [`LEAST`].
///
/// # Errors
///
/// Those of a try.
pub(crate) fn highest(
    first: u64,
    mut attempt: impl FnMut(u64) -> Result<Verdict, Error>,
) -> Result<Outcome, Error> {
    let mut attempt = |rate| match attempt(rate)? {
        Verdict::Loses => attempt(rate),
        it => Ok(it),
    };
    let (mut good, mut bad) = (0, first);
    let mut verdict = attempt(first)?;
    while verdict == Verdict::Holds {
        good = bad;
        bad *= 2;
        verdict = attempt(bad)?;
    }
    let mut not_reached = verdict == Verdict::NotReached;
    while bad - good > good / 25 && bad > LEAST {
        let middle = good + (bad - good) / 2;
        match attempt(middle)? {
            Verdict::Holds => good = middle,
            it => {
                bad = middle;
                not_reached = it == Verdict::NotReached;
            }
        }
    }
    Ok(Outcome {
        highest: good.max(LEAST),
        not_reached,
    })
}

/// No rate below this is looked for.
const LEAST: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn found(first: u64, verdict: impl Fn(u64) -> Verdict) -> Outcome {
        highest(first, |rate| Ok(verdict(rate))).unwrap()
    }

    #[test]
    fn the_edge_is_found_from_below_and_from_above() {
        for first in [10_000, 50_000, 900_000] {
            let outcome = found(first, |rate| {
                if rate <= 333_000 {
                    Verdict::Holds
                } else {
                    Verdict::Loses
                }
            });
            assert!(
                (319_000..=333_000).contains(&outcome.highest),
                "{outcome:?}"
            );
            assert!(!outcome.not_reached);
        }
    }

    #[test]
    fn the_end_of_the_sender_is_told_apart() {
        let outcome = found(50_000, |rate| {
            if rate <= 420_000 {
                Verdict::Holds
            } else {
                Verdict::NotReached
            }
        });
        assert!(
            outcome.not_reached && outcome.highest > 400_000,
            "{outcome:?}"
        );
    }

    #[test]
    fn one_unlucky_try_does_not_end_the_search() {
        let mut tries = 0;
        let outcome = highest(50_000, |rate| {
            tries += 1;
            Ok(match rate {
                _ if tries == 2 => Verdict::Loses,
                0..=500_000 => Verdict::Holds,
                _ => Verdict::Loses,
            })
        })
        .unwrap();
        assert!(outcome.highest > 480_000, "{outcome:?}");
    }

    #[test]
    fn a_program_that_always_loses_ends_the_search() {
        assert_eq!(found(50_000, |_| Verdict::Loses).highest, LEAST);
    }
}
