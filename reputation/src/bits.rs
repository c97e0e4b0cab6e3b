//! A set of numbers, one bit each, so that a set over a million numbers stays in the processor's nearer caches.

/// A set of numbers below a bound.
pub(crate) struct NumberSet(Vec<u64>);

impl NumberSet {
    /// The set of some numbers below `count`.
    pub(crate) fn of(count: usize, numbers: impl IntoIterator<Item = u32>) -> Self {
        let mut words = vec![0; count.div_ceil(64)];
        numbers.into_iter().for_each(|number| words[number as usize / 64] |= 1 << (number % 64));
        Self(words)
    }

    /// Whether a number is in the set.
    pub(crate) fn has(&self, number: u32) -> bool {
        self.0[number as usize / 64] >> (number % 64) & 1 == 1
    }

    /// Adds all the numbers and returns true. If one is in the set already or comes twice, adds none and returns false.
    pub(crate) fn insert_all(&mut self, numbers: impl Iterator<Item = u32> + Clone) -> bool {
        for (done, number) in numbers.clone().enumerate() {
            if self.has(number) {
                numbers.take(done).for_each(|number| self.flip(number));
                return false;
            }
            self.flip(number);
        }
        true
    }

    fn flip(&mut self, number: u32) {
        self.0[number as usize / 64] ^= 1 << (number % 64);
    }
}

#[cfg(test)]
mod tests {
    use super::NumberSet;

    #[test]
    fn all_or_none_go_in() {
        let mut bits = NumberSet::of(200, [3, 64]);
        assert!(!bits.insert_all([5, 199, 64].into_iter()) && !bits.insert_all([5, 5].into_iter()));
        assert!(bits.insert_all([5, 199].into_iter()));
        assert!((0..200).all(|number| bits.has(number) == [3, 5, 64, 199].contains(&number)));
    }
}
