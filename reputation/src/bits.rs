//! A set of numbers, a bit each: a million of them stay in the processor's nearer caches, whoever is asked for.

/// A set of numbers below a bound.
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    /// The set of some numbers below `count`.
    pub(crate) fn of(count: usize, numbers: impl IntoIterator<Item = u32>) -> Self {
        let mut words = vec![0; count.div_ceil(64)];
        numbers.into_iter().for_each(|number| words[number as usize / 64] |= 1 << (number % 64));
        Self(words)
    }

    /// Whether a number is among them.
    pub(crate) fn has(&self, number: u32) -> bool {
        self.0[number as usize / 64] >> (number % 64) & 1 == 1
    }
}
