//! Where a name lies, by its hash alone: a perfect hash function (CHD of Belazzougui, Botelho and Dietzfelbinger, 2009;
//! PTHash of Pibiri and Trani, 2021).
//!
//! Hashes fall into small buckets. A bucket has a *pilot*, a number found by trying when the function was made: mixed with
//! it, each hash of the bucket leads to a place that no other hash leads to. So there is one place where a name can be,
//! and the pilots that tell it are less than a byte a name: they stay in the processor's caches.

use std::cmp::Reverse;

use crate::bits::Bits;

/// Hashes in a bucket, on average.
const BUCKET: usize = 3;
/// For so many hashes there is one place more than needed, so that pilots are found soon.
const FREE: usize = 16;
/// Pilots that are tried: the hardest buckets need a hundred on average, and only names that were crafted for it all of them.
const PILOTS: u16 = 1 << 12;

/// The places of some hashes.
pub(super) struct Places {
    /// Per bucket.
    pilots: Vec<u16>,
    /// How many places pilots lead to; the strays' are behind them.
    led_to: u32,
    /// Hashes whose bucket has no pilot, with their places; ascending.
    strays: Vec<(u64, u32)>,
}

impl Places {
    /// A place for each of some hashes, equal ones included, and those places in the order of the hashes.
    pub(super) fn of(hashes: impl ExactSizeIterator<Item = u64>) -> (Self, Vec<u32>) {
        let count = hashes.len();
        let led_to = u32::try_from(count + count / FREE + 1).expect("numbers of names have four bytes");
        let mut places = Self { pilots: vec![0; count / BUCKET + 1], led_to, strays: Vec::new() };
        let mut sorted: Vec<(u64, u32)> = hashes.zip(0..).collect();
        sorted.sort_unstable();
        // A bucket is a range of hashes.
        let mut buckets: Vec<_> = sorted.chunk_by(|a, b| places.bucket(a.0) == places.bucket(b.0)).collect();
        // The more hashes are to find a place at once, the more places have to be free.
        buckets.sort_by_key(|bucket| Reverse(bucket.len()));
        let mut place_of = vec![0; count];
        let mut taken = Bits::of(led_to as usize, []);
        let mut strays = Vec::new();
        for bucket in buckets {
            let led = |pilot: u16| bucket.iter().map(move |(hash, _)| place(*hash, pilot, led_to));
            let Some(pilot) = (0..PILOTS).find(|pilot| taken.insert_all(led(*pilot))) else {
                strays.extend_from_slice(bucket);
                continue;
            };
            let number = places.bucket(bucket[0].0);
            places.pilots[number] = pilot;
            bucket.iter().zip(led(pilot)).for_each(|((_, number), place)| place_of[*number as usize] = place);
        }
        strays.sort_unstable();
        for ((hash, number), place) in strays.into_iter().zip(led_to..) {
            places.strays.push((hash, place));
            place_of[number as usize] = place;
        }
        (places, place_of)
    }

    /// How many places there are; the last are those of [`Places::strays`].
    pub(super) fn len(&self) -> usize {
        self.led_to as usize + self.strays.len()
    }

    /// Of the places that may be a hash's, the first that `is_it`.
    #[inline(always)]
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let place = place(hash, self.pilots[self.bucket(hash)], self.led_to);
        if is_it(place) { Some(place) } else { self.find_stray(hash, is_it) }
    }

    #[cold]
    fn find_stray(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let begin = self.strays.partition_point(|stray| stray.0 < hash);
        let mut strays = self.strays[begin..].iter().take_while(|stray| stray.0 == hash).map(|stray| stray.1);
        strays.find(|place| is_it(*place))
    }

    /// Hashes that share their bucket with an equal one, or with more than find places at once; and their places.
    pub(super) fn strays(&self) -> &[(u64, u32)] {
        &self.strays
    }

    /// The bucket of a hash, by its upper bits.
    fn bucket(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.pilots.len() as u128) >> 64) as usize
    }
}

/// Where a pilot leads a hash, of `count` places.
fn place(hash: u64, pilot: u16, count: u32) -> u32 {
    // Odd numbers without a pattern: the golden ratio, and what SplitMix64 multiplies by.
    let mixed = (hash ^ u64::from(pilot).wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((u128::from(mixed) * u128::from(count)) >> 64) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Hashes as they come, hashes of one bucket, equal hashes.
    fn hashes() -> impl Strategy<Value = Vec<u64>> {
        let hash = prop_oneof![20 => any::<u64>(), 1 => 0u64..64, 1 => Just(7)];
        prop::collection::vec(hash, 0..400)
    }

    proptest! {
        #[test]
        fn everybody_has_a_place_of_their_own(hashes in hashes()) {
            let (places, place_of) = Places::of(hashes.iter().copied());
            let taken: std::collections::BTreeSet<u32> = place_of.iter().copied().collect();
            prop_assert_eq!((place_of.len(), taken.len()), (hashes.len(), hashes.len()));
            prop_assert!(taken.last().is_none_or(|last| (*last as usize) < places.len()));
            for (hash, place) in hashes.iter().zip(&place_of) {
                prop_assert_eq!(places.find(*hash, |at| at == *place), Some(*place));
                prop_assert_eq!(places.find(*hash, |_| false), None);
            }
        }
    }

    #[test]
    fn of_many_hashes_none_strays() {
        let mixed = |i: u64| (i ^ i << 31).wrapping_mul(0x94d0_49bb_1331_11eb);
        let (places, _) =
            Places::of((0..100_000u64).map(|i| mixed(mixed(i) ^ mixed(i) >> 29)).collect::<Vec<_>>().into_iter());
        assert!(places.strays().is_empty());
    }
}
