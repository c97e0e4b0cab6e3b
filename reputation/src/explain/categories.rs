//! The tally and the score of each category.

use ostrakon_ledger::Category;
use serde::Serialize;

use super::explainer::Explainer;
use crate::ballots::PairBallots;
use crate::ids::{Pair, SubjectId};
use crate::r5_decay::aged;
use crate::r7_posterior::Score;

/// The tally and the score of one category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CategoryTally {
    /// The category.
    pub category: &'static str,
    /// Thousandths, −1000…1000.
    pub score: i16,
    /// Thousandths, 0…1000.
    pub confidence: u16,
    /// Voters with a live vote in the category.
    pub voters: u32,
    /// P of this category, in nano-votes.
    pub positive_nv: u64,
    /// N of this category, in nano-votes.
    pub negative_nv: u64,
}

impl Explainer<'_> {
    /// The tally of each category in which there is a live vote.
    pub(super) fn categories(&self, subject: SubjectId, now_ms: u64) -> Vec<CategoryTally> {
        let decay = self.book.decay();
        let mut sums = [(0u32, [0u64; 2]); Category::ALL.len()];
        for voter in self.book.votes.voters_about(subject) {
            let pair = Pair { voter, subject };
            let votes = self.book.votes.of_pair(pair);
            let ballots = PairBallots::of(subject, &votes, self.book.clock.now_ms, &decay);
            for ((voters, sides), ballot) in sums.iter_mut().zip(ballots.in_category) {
                let Some(ballot) = ballot else { continue };
                *voters += 1;
                sides[usize::from(ballot.x() < 0)] += self.view.weight(pair, ballot);
            }
        }
        let aged_to_now = |nv| aged(nv, decay.at_ms, now_ms, decay.half_life_ms);
        let voted = Category::ALL.iter().zip(sums).filter(|(_, (voters, _))| *voters > 0);
        let tally = |(category, (voters, [p, n])): (&Category, (u32, [u64; 2]))| {
            let (positive_nv, negative_nv) = (aged_to_now(p), aged_to_now(n));
            let score = Score::of(positive_nv, negative_nv, self.book.parameters.k_nv(), true);
            let (score, confidence) = (score.score, score.confidence);
            CategoryTally { category: category.as_str(), score, confidence, voters, positive_nv, negative_nv }
        };
        voted.map(tally).collect()
    }
}
