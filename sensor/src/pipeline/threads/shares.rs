//! Frames by the input that they came from.

use std::ops::AddAssign;

use crate::pipeline::MAX_INPUTS;

/// A number of frames for each input.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Shares([u64; MAX_INPUTS]);

impl Shares {
    /// Gives an input what is missing for the sum to be `total`.
    pub(super) fn fill_up_to(&mut self, total: u64, input: usize) {
        let missing = total.saturating_sub(self.sum());
        if let Some(share) = self.0.get_mut(input) {
            *share += missing;
        }
    }

    /// Adds to the share of an input.
    pub(super) fn add(&mut self, input: usize, frames: u64) {
        if let Some(share) = self.0.get_mut(input) {
            *share += frames;
        }
    }

    /// The share of an input.
    pub(super) fn of(&self, input: usize) -> u64 {
        self.0.get(input).copied().unwrap_or(0)
    }

    /// All shares together.
    pub(super) fn sum(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl AddAssign for Shares {
    fn add_assign(&mut self, other: Self) {
        for (share, it) in self.0.iter_mut().zip(other.0) {
            *share += it;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_gets_what_is_missing() {
        let mut shares = Shares::default();
        shares.add(1, 3);
        shares.fill_up_to(10, 0);
        assert_eq!((shares.of(0), shares.of(1), shares.sum()), (7, 3, 10));
        shares.fill_up_to(10, 2);
        assert_eq!(shares.of(2), 0);
    }
}
