//! The slot of a name, by its hash alone: a perfect hash function (CHD of Belazzougui, Botelho and Dietzfelbinger,
//! 2009; PTHash of Pibiri and Trani, 2021).
//!
//! The hashes are divided into small buckets. A bucket has a *pilot*, a number found by trial when the function is
//! built: mixed with the pilot, each hash of the bucket gives a slot that no other hash gives. So there is one slot
//! where a name can be. The pilots take less than a byte per name and stay in the processor's caches.

use std::cmp::Reverse;

use crate::bits::NumberSet;
use crate::ids::Slot;

/// Hashes in a bucket, on average.
const BUCKET: usize = 3;
/// There is one free slot for so many hashes, so that pilots are found soon.
const FREE: usize = 16;
/// How many pilots are tried. The hardest buckets need a hundred on average; only names crafted on purpose need all.
const PILOTS: u16 = 1 << 12;

/// The slots of a fixed set of hashes.
pub(super) struct PerfectHash {
    /// Per bucket.
    pilots: Vec<u16>,
    /// How many slots the pilots give. The slots of the strays follow them.
    piloted: u32,
    /// Ascending.
    strays: Vec<Stray>,
}

/// A hash whose bucket has no pilot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stray {
    hash: u64,
    pub(super) slot: Slot,
}

/// A hash and which of the given hashes it is.
type NumberedHash = (u64, u32);

impl PerfectHash {
    /// A slot for each of the hashes, also where some are equal; returns the slots in the order of the hashes.
    pub(super) fn of(hashes: impl ExactSizeIterator<Item = u64>) -> (Self, Vec<Slot>) {
        let count = hashes.len();
        let piloted = u32::try_from(count + count / FREE + 1).expect("the number of a name has four bytes");
        let mut built = Self { pilots: vec![0; count / BUCKET + 1], piloted, strays: Vec::new() };
        let mut sorted: Vec<NumberedHash> = hashes.zip(0..).collect();
        sorted.sort_unstable();
        // A bucket is a range of hashes.
        let mut buckets: Vec<_> = sorted.chunk_by(|a, b| built.bucket(a.0) == built.bucket(b.0)).collect();
        // The largest buckets first: they need the most free slots at once.
        buckets.sort_by_key(|bucket| Reverse(bucket.len()));
        let mut slot_of = vec![Slot::NONE; count];
        let mut taken = NumberSet::of(piloted as usize, []);
        let mut strays = Vec::new();
        for bucket in buckets {
            let slots = |pilot: u16| bucket.iter().map(move |(hash, _)| slot(*hash, pilot, piloted));
            let Some(pilot) = (0..PILOTS).find(|pilot| taken.insert_all(slots(*pilot))) else {
                strays.extend_from_slice(bucket);
                continue;
            };
            let number = built.bucket(bucket[0].0);
            built.pilots[number] = pilot;
            bucket.iter().zip(slots(pilot)).for_each(|((_, i), slot)| slot_of[*i as usize] = Slot::new(slot));
        }
        strays.sort_unstable();
        for ((hash, i), slot) in strays.into_iter().zip((piloted..).map(Slot::new)) {
            built.strays.push(Stray { hash, slot });
            slot_of[i as usize] = slot;
        }
        (built, slot_of)
    }

    /// How many slots there are. The last are those of [`PerfectHash::strays`].
    pub(super) fn len(&self) -> usize {
        self.piloted as usize + self.strays.len()
    }

    /// The first of a hash's possible slots for which `is_it` returns true.
    #[inline(always)]
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(Slot) -> bool) -> Option<Slot> {
        let slot = Slot::new(slot(hash, self.pilots[self.bucket(hash)], self.piloted));
        if is_it(slot) { Some(slot) } else { self.find_stray(hash, is_it) }
    }

    #[cold]
    fn find_stray(&self, hash: u64, is_it: impl Fn(Slot) -> bool) -> Option<Slot> {
        let begin = self.strays.partition_point(|stray| stray.hash < hash);
        let mut strays = self.strays[begin..].iter().take_while(|stray| stray.hash == hash).map(|stray| stray.slot);
        strays.find(|slot| is_it(*slot))
    }

    /// The hashes of buckets that have no pilot: a bucket with equal hashes, or one for which every pilot failed.
    pub(super) fn strays(&self) -> &[Stray] {
        &self.strays
    }

    /// The bucket of a hash, by its upper bits.
    fn bucket(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.pilots.len() as u128) >> 64) as usize
    }
}

/// The slot, below `count`, that a hash gets from a pilot.
fn slot(hash: u64, pilot: u16, count: u32) -> u32 {
    // Odd numbers without a pattern: the golden ratio, and a multiplier of SplitMix64.
    let mixed = (hash ^ u64::from(pilot).wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((u128::from(mixed) * u128::from(count)) >> 64) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Random hashes, hashes of one bucket, and equal hashes.
    fn hashes() -> impl Strategy<Value = Vec<u64>> {
        let hash = prop_oneof![20 => any::<u64>(), 1 => 0u64..64, 1 => Just(7)];
        prop::collection::vec(hash, 0..400)
    }

    proptest! {
        #[test]
        fn every_hash_has_its_own_slot(hashes in hashes()) {
            let (built, slot_of) = PerfectHash::of(hashes.iter().copied());
            let taken: std::collections::BTreeSet<Slot> = slot_of.iter().copied().collect();
            prop_assert_eq!((slot_of.len(), taken.len()), (hashes.len(), hashes.len()));
            prop_assert!(taken.last().is_none_or(|last| last.index() < built.len()));
            for (hash, slot) in hashes.iter().zip(&slot_of) {
                prop_assert_eq!(built.find(*hash, |at| at == *slot), Some(*slot));
                prop_assert_eq!(built.find(*hash, |_| false), None);
            }
        }
    }

    #[test]
    fn random_hashes_have_no_strays() {
        let mixed = |i: u64| (i ^ i << 31).wrapping_mul(0x94d0_49bb_1331_11eb);
        let (built, _) =
            PerfectHash::of((0..100_000u64).map(|i| mixed(mixed(i) ^ mixed(i) >> 29)).collect::<Vec<_>>().into_iter());
        assert!(built.strays().is_empty());
    }
}
