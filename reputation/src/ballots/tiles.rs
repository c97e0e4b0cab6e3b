//! Ballots in an order that keeps near what they look up.
//!
//! Each pass over the votes looks up something of the voter and adds to something of the subject, or the other way
//! round. In the order of the subjects every voter is a jump through megabytes. So the numbers are cut into stripes of
//! [`SPAN`] and the ballots into tiles, one for each stripe of subjects and stripe of voters. What a tile looks up and
//! adds to fits a core's own cache, and a loop over a tile has nothing to guess. Whoever adds something up per subject
//! goes through one stripe of subjects after the other, whoever does so per voter through the stripes of voters:
//! stripes share nothing, so each can be another thread's.

use std::ops::Range;

use rayon::prelude::*;

use super::ballot::Ballot;
use crate::threads::shared_by;

/// Numbers in a stripe: sixteen bytes for each of two stripes are half of what a core has for itself.
pub(crate) const SPAN: usize = 1 << 14;

/// Calls `each` with every stripe of `values`, which has one per number, and with which stripe it is; on the caller's threads.
pub(crate) fn by_stripe<T: Send>(values: &mut [T], each: impl Fn(usize, &mut [T]) + Sync) {
    let stripes = values.par_chunks_mut(SPAN).enumerate().with_min_len(shared_by(1));
    stripes.for_each(|(stripe, values)| each(stripe, values));
}

/// A ballot in its tile: eight bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cast {
    subject: u16,
    voter: u16,
    pub(crate) ballot: Ballot,
}

impl Cast {
    /// The subject's place in its stripe.
    pub(crate) fn subject(self) -> usize {
        usize::from(self.subject)
    }

    /// The voter's place in its stripe.
    pub(crate) fn voter(self) -> usize {
        usize::from(self.voter)
    }
}

/// The ballots about the subjects of one stripe: tile after tile, in each by subject and voter.
struct Stripe {
    /// Per stripe of voters, and once more at the end: where the tile begins.
    begins: Vec<u32>,
    cast: Vec<Cast>,
}

impl Stripe {
    fn tile(&self, voters: usize) -> &[Cast] {
        &self.cast[self.begins[voters] as usize..self.begins[voters + 1] as usize]
    }
}

/// The tiles of one stripe of subjects while they fill.
pub(crate) struct Heaps(Vec<Vec<Cast>>);

impl Heaps {
    /// Adds a ballot.
    pub(crate) fn push(&mut self, subject: u32, voter: u32, ballot: Ballot) {
        let place = |number: u32| (number as usize % SPAN) as u16;
        self.0[voter as usize / SPAN].push(Cast { subject: place(subject), voter: place(voter), ballot });
    }

    /// The stripe; the heaps are empty again.
    fn take(&mut self) -> Stripe {
        let mut begins = vec![0];
        begins.extend(self.0.iter().scan(0, |end, heap| {
            *end += heap.len() as u32;
            Some(*end)
        }));
        let cast = self.0.concat();
        self.0.iter_mut().for_each(Vec::clear);
        Stripe { begins, cast }
    }
}

/// All ballots of an epoch, or some of them.
pub(crate) struct Tiles(Vec<Stripe>);

impl Tiles {
    /// Ballots among numbers below `count`: `pile` gives the heaps those about the subjects in a range, in their order.
    pub(crate) fn new(count: usize, pile: impl Fn(Range<usize>, &mut Heaps) + Sync) -> Self {
        let stripes = count.div_ceil(SPAN);
        let stripe = |heaps: &mut Heaps, stripe: usize| {
            pile(stripe * SPAN..count.min((stripe + 1) * SPAN), heaps);
            heaps.take()
        };
        let heaps = || Heaps(vec![Vec::new(); stripes]);
        Self((0..stripes).into_par_iter().with_min_len(shared_by(1)).map_init(heaps, stripe).collect())
    }

    /// Those of the ballots that `keep` wants, by voter, subject and ballot.
    pub(crate) fn filtered(&self, keep: impl Fn(usize, usize, Ballot) -> bool + Sync) -> Self {
        let of_stripe = |stripe: usize| {
            let mut kept = Stripe { begins: vec![0], cast: Vec::new() };
            for (first, tile) in self.about(stripe) {
                let wanted = |it: &&Cast| keep(first + it.voter(), stripe * SPAN + it.subject(), it.ballot);
                kept.cast.extend(tile.iter().filter(wanted));
                kept.begins.push(kept.cast.len() as u32);
            }
            kept.cast.shrink_to_fit();
            kept
        };
        Self((0..self.0.len()).into_par_iter().with_min_len(shared_by(1)).map(of_stripe).collect())
    }

    /// The tiles about one stripe of subjects, each with the first number of its stripe of voters.
    pub(crate) fn about(&self, stripe: usize) -> impl Iterator<Item = (usize, &[Cast])> {
        let subjects = &self.0[stripe];
        (0..self.0.len()).map(|voters| (voters * SPAN, subjects.tile(voters)))
    }

    /// The tiles of one stripe of voters, each with the first number of its stripe of subjects.
    pub(crate) fn by(&self, stripe: usize) -> impl Iterator<Item = (usize, &[Cast])> {
        self.0.iter().enumerate().map(move |(subjects, it)| (subjects * SPAN, it.tile(stripe)))
    }

    /// A voter's ballot about a subject.
    pub(crate) fn find(&self, voter: u32, subject: u32) -> Option<Ballot> {
        let (subject, voter) = (subject as usize, voter as usize);
        let stripe = self.0.get(subject / SPAN).filter(|_| voter / SPAN < self.0.len())?;
        let (tile, place) = (stripe.tile(voter / SPAN), (subject % SPAN, voter % SPAN));
        let at = tile.binary_search_by_key(&place, |it| (it.subject(), it.voter())).ok()?;
        Some(tile[at].ballot)
    }
}

const _: () = assert!(size_of::<Cast>() == 8 && SPAN <= 1 << 16, "a place in a stripe has two bytes");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::r5_decay::Decay;
    use crate::u48::U48;
    use crate::votes::Row;
    use ostrakon_ledger::Category;
    use proptest::prelude::*;

    /// Four stripes, the last one short.
    const COUNT: usize = 3 * SPAN + 100;

    fn ballot(value: i8) -> Ballot {
        let (zero, category) = (U48::saturating(0), Category::Vouch);
        let row = Row { voter: 0, index: zero, since_ms: zero, expires_at_ms: zero, value, category };
        Ballot::of(&row, &Decay { at_ms: 0, half_life_ms: None })
    }

    /// Subject, voter and ballot of everything in some tiles, however one goes through them.
    fn all(tiles: &Tiles) -> Vec<(usize, usize, Ballot)> {
        let stripes = 0..COUNT.div_ceil(SPAN);
        let about = |stripe: usize| {
            let tiles = tiles.about(stripe);
            tiles.flat_map(move |(first, tile)| {
                tile.iter().map(move |it| (stripe * SPAN + it.subject(), first + it.voter(), it.ballot))
            })
        };
        let by = |stripe: usize| {
            let tiles = tiles.by(stripe);
            tiles.flat_map(move |(first, tile)| {
                tile.iter().map(move |it| (first + it.subject(), stripe * SPAN + it.voter(), it.ballot))
            })
        };
        let sorted = |mut all: Vec<(usize, usize, Ballot)>| {
            all.sort_by_key(|it| (it.0, it.1));
            all
        };
        let all = sorted(stripes.clone().flat_map(about).collect());
        assert!(all == sorted(stripes.flat_map(by).collect()), "both ways lead past the same ballots");
        all
    }

    proptest! {
        #[test]
        fn nothing_gets_lost_in_them(votes in prop::collection::btree_map((0..COUNT, 0..COUNT), prop_oneof![-100i8..0, 1i8..=100], 0..60)) {
            let model: Vec<_> = votes.iter().map(|((subject, voter), value)| (*subject, *voter, ballot(*value))).collect();
            let tiles = Tiles::new(COUNT, |subjects, heaps| {
                for (subject, voter, ballot) in model.iter().filter(|it| subjects.contains(&it.0)) {
                    heaps.push(*subject as u32, *voter as u32, *ballot);
                }
            });
            prop_assert_eq!(&all(&tiles), &model);
            for (subject, voter, ballot) in &model {
                prop_assert_eq!(tiles.find(*voter as u32, *subject as u32), Some(*ballot));
                let turned = votes.get(&(*voter, *subject)).map(|value| self::ballot(*value));
                prop_assert_eq!(tiles.find(*subject as u32, *voter as u32), turned);
            }
            let keep = |voter: usize, subject: usize, ballot: Ballot| voter > subject && ballot.praise() > 0;
            let kept: Vec<_> = model.into_iter().filter(|it| keep(it.1, it.0, it.2)).collect();
            prop_assert_eq!(all(&tiles.filtered(keep)), kept);
        }
    }
}
