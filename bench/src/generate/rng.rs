//! The one source of chance: SplitMix64, in integers only, so that a seed gives the same octets on
//! every platform.

/// A SplitMix64 generator (Steele, Lea and Flood, "Fast splittable pseudorandom number generators").
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    /// Starts the sequence that belongs to a seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub(crate) const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, evenly; zero when `bound` is zero.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        ((self.bits() as u128 * bound as u128) >> 64) as u64
    }

    /// A number from `low` up to and without `high`.
    pub(crate) const fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low))
    }

    /// An index into a collection of `len` items.
    pub(crate) const fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// Sixteen bits.
    pub(crate) const fn word(&mut self) -> u16 {
        self.bits() as u16
    }

    /// True in `per_mille` of a thousand calls.
    pub(crate) const fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// One of `items`, evenly; `items` is not empty.
    pub(crate) const fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.index(items.len())]
    }

    /// Puts `items` in any order.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }

    /// Fills a buffer with random octets.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let bits = self.bits().to_le_bytes();
            chunk.copy_from_slice(&bits[..chunk.len()]);
        }
    }

    /// `N` random octets.
    pub(crate) fn octets<const N: usize>(&mut self) -> [u8; N] {
        let mut octets = [0; N];
        self.fill(&mut octets);
        octets
    }

    /// A heavy-tailed size: at least `least`, doubled again and again with probability 0.435 (a
    /// Pareto tail of exponent 1.2), at most 11 times in all. The mean is about `5.3 * least`.
    pub(crate) const fn heavy_tail(&mut self, least: u64) -> u64 {
        let mut size = least;
        let mut doublings = 0;
        while doublings < 10 && self.below(1000) < 435 {
            size *= 2;
            doublings += 1;
        }
        self.between(size, 2 * size)
    }

    /// A rank below `count`, with the frequency of rank `r` falling as `1 / r`: each octave of
    /// ranks is as likely as the next (Zipf's law in integers).
    pub(crate) const fn zipf(&mut self, count: usize) -> usize {
        let octaves = (usize::BITS - count.leading_zeros()) as u64;
        loop {
            let low = 1_u64 << self.below(octaves);
            let rank = self.between(low, 2 * low) - 1;
            if rank < count as u64 {
                return rank as usize;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_that_of_splitmix64() {
        // First outputs for the seed 1234567, as the algorithm's authors publish them.
        let mut rng = Rng::new(1_234_567);
        let drawn = [rng.bits(), rng.bits(), rng.bits()];
        assert_eq!(
            drawn,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn draws_stay_in_their_range() {
        let mut rng = Rng::new(3);
        for _ in 0..10_000 {
            assert!(rng.below(7) < 7);
            assert!((5..9).contains(&rng.between(5, 9)));
            assert!(rng.zipf(50_000) < 50_000);
            assert!((4_000..4_000 << 11).contains(&rng.heavy_tail(4_000)));
        }
    }

    #[test]
    fn low_ranks_are_drawn_most() {
        let mut rng = Rng::new(9);
        let draws: Vec<usize> = (0..20_000).map(|_| rng.zipf(50_000)).collect();
        let first = draws.iter().filter(|it| **it == 0).count();
        let hundred = draws.iter().filter(|it| **it < 100).count();
        assert!(first > 1_000 && hundred > 7_000 && hundred < 11_000);
    }
}
