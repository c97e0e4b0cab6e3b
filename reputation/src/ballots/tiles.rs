//! Ballots in an order that keeps near what they look up.
//!
//! Each pass over the votes reads something per voter and adds to something per subject, or the other way round. In the
//! order of the subjects, every voter would be a jump through megabytes. So the numbers are cut into stripes of
//! [`SPAN`], and the ballots into tiles, one for each stripe of subjects and stripe of voters. What a tile reads and
//! adds to fits into a core's own cache, and a loop over a tile has no branch to predict. A sum per subject goes
//! through the stripes of subjects one after the other, a sum per voter through the stripes of voters. Stripes share
//! nothing, so each can be computed by another thread.

use std::ops::Range;

use rayon::prelude::*;

use super::ballot::Ballot;
use crate::ids::{Pair, SubjectId, VoterId};
use crate::threads::shared_by;

/// Numbers in a stripe. Sixteen bytes for each number of two stripes take half of a core's own cache.
pub(crate) const SPAN: usize = 1 << 14;

/// Calls `each` with every stripe of `values`, which has one value per name, and with the stripe's number. Runs on the
/// caller's threads.
pub(crate) fn by_stripe<T: Send>(values: &mut [T], each: impl Fn(usize, &mut [T]) + Sync) {
    let stripes = values.par_chunks_mut(SPAN).enumerate().with_min_len(shared_by(1));
    stripes.for_each(|(stripe, values)| each(stripe, values));
}

/// A ballot in its tile: eight bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TiledBallot {
    subject: u16,
    voter: u16,
    pub(crate) ballot: Ballot,
}

impl TiledBallot {
    /// The subject's number, counted from the first of its stripe.
    pub(crate) fn subject_offset(self) -> usize {
        usize::from(self.subject)
    }

    /// The voter's number, counted from the first of its stripe.
    pub(crate) fn voter_offset(self) -> usize {
        usize::from(self.voter)
    }
}

/// The ballots about the subjects of one stripe: tile after tile, in each by subject and voter.
struct Stripe {
    /// Per stripe of voters, and once more at the end: where the tile begins.
    begins: Vec<u32>,
    ballots: Vec<TiledBallot>,
}

impl Stripe {
    fn tile(&self, voters: usize) -> &[TiledBallot] {
        &self.ballots[self.begins[voters] as usize..self.begins[voters + 1] as usize]
    }
}

/// The tiles of one stripe of subjects while they are filled, one for each stripe of voters.
pub(crate) struct TileBuilder(Vec<Vec<TiledBallot>>);

impl TileBuilder {
    /// Adds a ballot.
    pub(crate) fn push(&mut self, pair: Pair, ballot: Ballot) {
        let (subject, voter) = (pair.subject.index(), pair.voter.index());
        let cast = TiledBallot { subject: (subject % SPAN) as u16, voter: (voter % SPAN) as u16, ballot };
        self.0[voter / SPAN].push(cast);
    }

    /// The stripe. The builder is empty again.
    fn take(&mut self) -> Stripe {
        let mut begins = vec![0];
        begins.extend(self.0.iter().scan(0, |end, tile| {
            *end += tile.len() as u32;
            Some(*end)
        }));
        let ballots = self.0.concat();
        self.0.iter_mut().for_each(Vec::clear);
        Stripe { begins, ballots }
    }
}

/// All ballots of an epoch, or some of them.
pub(crate) struct BallotTiles(Vec<Stripe>);

impl BallotTiles {
    /// The ballots of `count` names. `fill` gives the builder the ballots about a range of subjects, in the order of
    /// subjects and voters.
    pub(crate) fn new(count: usize, fill: impl Fn(Range<usize>, &mut TileBuilder) + Sync) -> Self {
        let stripes = count.div_ceil(SPAN);
        let stripe = |builder: &mut TileBuilder, stripe: usize| {
            fill(stripe * SPAN..count.min((stripe + 1) * SPAN), builder);
            builder.take()
        };
        let builder = || TileBuilder(vec![Vec::new(); stripes]);
        Self((0..stripes).into_par_iter().with_min_len(shared_by(1)).map_init(builder, stripe).collect())
    }

    /// The ballots for which `keep` returns true.
    pub(crate) fn filtered(&self, keep: impl Fn(Pair, Ballot) -> bool + Sync) -> Self {
        let of_stripe = |stripe: usize| {
            let mut kept = Stripe { begins: vec![0], ballots: Vec::new() };
            for (first, tile) in self.about(stripe) {
                let wanted = |it: &&TiledBallot| {
                    let voter = VoterId::at(first + it.voter_offset());
                    keep(Pair { voter, subject: SubjectId::at(stripe * SPAN + it.subject_offset()) }, it.ballot)
                };
                kept.ballots.extend(tile.iter().filter(wanted));
                kept.begins.push(kept.ballots.len() as u32);
            }
            kept.ballots.shrink_to_fit();
            kept
        };
        Self((0..self.0.len()).into_par_iter().with_min_len(shared_by(1)).map(of_stripe).collect())
    }

    /// The tiles about one stripe of subjects, each with the first number of its stripe of voters.
    pub(crate) fn about(&self, stripe: usize) -> impl Iterator<Item = (usize, &[TiledBallot])> {
        let subjects = &self.0[stripe];
        (0..self.0.len()).map(|voters| (voters * SPAN, subjects.tile(voters)))
    }

    /// The tiles of one stripe of voters, each with the first number of its stripe of subjects.
    pub(crate) fn by(&self, stripe: usize) -> impl Iterator<Item = (usize, &[TiledBallot])> {
        self.0.iter().enumerate().map(move |(subjects, it)| (subjects * SPAN, it.tile(stripe)))
    }

    /// A voter's ballot about a subject.
    pub(crate) fn find(&self, pair: Pair) -> Option<Ballot> {
        let (subject, voter) = (pair.subject.index(), pair.voter.index());
        let stripe = self.0.get(subject / SPAN).filter(|_| voter / SPAN < self.0.len())?;
        let (tile, offsets) = (stripe.tile(voter / SPAN), (subject % SPAN, voter % SPAN));
        let at = tile.binary_search_by_key(&offsets, |it| (it.subject_offset(), it.voter_offset())).ok()?;
        Some(tile[at].ballot)
    }
}

const _: () = assert!(size_of::<TiledBallot>() == 8 && SPAN <= 1 << 16, "an offset in a stripe has two bytes");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::r5_decay::Decay;
    use crate::u48::U48;
    use crate::votes::VoteRow;
    use ostrakon_ledger::Category;
    use proptest::prelude::*;

    /// Four stripes, the last one short.
    const COUNT: usize = 3 * SPAN + 100;

    fn ballot(value: i8) -> Ballot {
        let (zero, category) = (U48::saturating(0), Category::Vouch);
        let row = VoteRow { voter: VoterId::new(0), index: zero, since_ms: zero, expires_at_ms: zero, value, category };
        Ballot::of(&row, &Decay { at_ms: 0, half_life_ms: None })
    }

    fn pair(voter: usize, subject: usize) -> Pair {
        Pair { voter: VoterId::at(voter), subject: SubjectId::at(subject) }
    }

    /// Subject, voter and ballot of everything in some tiles. Both orders of going through them must agree.
    fn all(tiles: &BallotTiles) -> Vec<(usize, usize, Ballot)> {
        let stripes = 0..COUNT.div_ceil(SPAN);
        let about = |stripe: usize| {
            let tiles = tiles.about(stripe);
            tiles.flat_map(move |(first, tile)| {
                tile.iter().map(move |it| (stripe * SPAN + it.subject_offset(), first + it.voter_offset(), it.ballot))
            })
        };
        let by = |stripe: usize| {
            let tiles = tiles.by(stripe);
            tiles.flat_map(move |(first, tile)| {
                tile.iter().map(move |it| (first + it.subject_offset(), stripe * SPAN + it.voter_offset(), it.ballot))
            })
        };
        let sorted = |mut all: Vec<(usize, usize, Ballot)>| {
            all.sort_by_key(|it| (it.0, it.1));
            all
        };
        let all = sorted(stripes.clone().flat_map(about).collect());
        assert!(all == sorted(stripes.flat_map(by).collect()), "both orders lead past the same ballots");
        all
    }

    proptest! {
        #[test]
        fn tiles_hold_every_ballot_once(votes in prop::collection::btree_map((0..COUNT, 0..COUNT), prop_oneof![-100i8..0, 1i8..=100], 0..60)) {
            let model: Vec<_> = votes.iter().map(|((subject, voter), value)| (*subject, *voter, ballot(*value))).collect();
            let tiles = BallotTiles::new(COUNT, |subjects, builder| {
                for (subject, voter, ballot) in model.iter().filter(|it| subjects.contains(&it.0)) {
                    builder.push(pair(*voter, *subject), *ballot);
                }
            });
            prop_assert_eq!(&all(&tiles), &model);
            for (subject, voter, ballot) in &model {
                prop_assert_eq!(tiles.find(pair(*voter, *subject)), Some(*ballot));
                let turned = votes.get(&(*voter, *subject)).map(|value| self::ballot(*value));
                prop_assert_eq!(tiles.find(pair(*subject, *voter)), turned);
            }
            let keep = |pair: Pair, ballot: Ballot| pair.voter.as_subject() > pair.subject && ballot.praise() > 0;
            let kept: Vec<_> = model.into_iter().filter(|it| keep(pair(it.1, it.0), it.2)).collect();
            prop_assert_eq!(all(&tiles.filtered(keep)), kept);
        }
    }
}
