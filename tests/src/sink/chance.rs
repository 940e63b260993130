//! Chance that can be had again.

use std::time::SystemTime;

/// Numbers that follow from a seed.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// With a seed of its own, which is printed: whoever puts it into [`Chance::new`] has the same run again.
    #[must_use]
    pub fn fresh() -> Self {
        let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let seed = u64::try_from(since_1970.as_nanos() & u128::from(u64::MAX)).unwrap_or_default();
        println!("seed {seed:#018x}");
        Self::new(seed)
    }

    /// With this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another one, so that two tasks don't share one.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// A number below `limit`, which is not zero.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 1).unwrap_or_default() % limit
    }

    /// One of several.
    pub fn one_of<T: Copy>(&mut self, all: &[T], otherwise: T) -> T {
        all.get(self.below(all.len().max(1))).copied().unwrap_or(otherwise)
    }

    /// Any octets.
    pub fn octets(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    /// Puts items into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for n in (1..items.len()).rev() {
            items.swap(n, self.below(n + 1));
        }
    }

    /// `SplitMix64`: every bit of it is good, which can't be said of a linear congruence's low ones.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}
