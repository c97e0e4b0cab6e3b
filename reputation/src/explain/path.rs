//! The path by which trust reached a voter.

use super::explainer::{CountedVote, Explainer};
use crate::ballots::{Ballot, X_PER_MILLIONTH};
use crate::ids::{Pair, VoterId};
use crate::r1_flow::UNREACHED;

impl Explainer<'_> {
    /// The path from a seed to a voter: of the shortest paths, at each step back the peer that passes on the most.
    /// Empty if no trust reaches the voter, or if a vote on the path has ended since the last epoch.
    pub(super) fn path_to(&self, voter: VoterId) -> Vec<VoterId> {
        let mut at = voter;
        let mut path = vec![at];
        let mut hops = self.view.trust(at).hops;
        if hops == UNREACHED {
            return Vec::new();
        }
        while hops > 0 {
            hops -= 1;
            let subject = at.as_subject();
            let voters = self.book.votes.voters_about(subject).into_iter();
            let closer = voters.filter(|voter| self.view.trust(*voter).hops == hops);
            let counted = closer.filter_map(|voter| self.counted_vote(Pair { voter, subject }));
            let best = counted
                .filter(|it| it.ballot.x() > 0)
                .max_by_key(|CountedVote { vote, ballot, .. }| (self.passed_on(vote.voter, *ballot), vote.index));
            let Some(best) = best else { return Vec::new() };
            at = best.vote.voter;
            path.push(at);
        }
        path.reverse();
        path
    }

    /// What a voter passes on along one vote, for comparison only: flow · x / max(outflow, `w_min`).
    fn passed_on(&self, voter: VoterId, ballot: Ballot) -> u128 {
        let activity = self.book.activity.get(voter.index()).copied().unwrap_or_default();
        let out = activity.outflow.max(X_PER_MILLIONTH * u64::from(self.book.parameters.w_min)).max(1);
        u128::from(self.view.trust(voter).flow) * u128::from(ballot.size()) / u128::from(out)
    }
}
