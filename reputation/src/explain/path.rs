//! The way by which a voter got its trust.

use super::lens::Lens;
use crate::ballots::{Ballot, X_PER_MILLIONTH};
use crate::r1_flow::UNREACHED;

impl Lens<'_> {
    /// From a seed to a voter: of the shortest ways, at each step back the voter that passes on most. Empty if no
    /// trust arrives, or if a vote on the way has ended since the last epoch.
    pub(super) fn path_to(&self, voter: u32) -> Vec<u32> {
        let mut at = voter;
        let mut path = vec![at];
        let mut hops = self.view.standing(at).hops;
        if hops == UNREACHED {
            return Vec::new();
        }
        while hops > 0 {
            hops -= 1;
            let voters = self.book.votes.voters_about(at).into_iter();
            let closer = voters.filter(|voter| self.view.standing(*voter).hops == hops);
            let praise = closer.filter_map(|voter| Some((voter, self.voice(voter, at)?)));
            let best = praise
                .filter(|(_, (ballot, _))| ballot.x() > 0)
                .max_by_key(|(voter, (ballot, vote))| (self.passed_on(*voter, *ballot), vote.index));
            let Some((voter, _)) = best else { return Vec::new() };
            at = voter;
            path.push(at);
        }
        path.reverse();
        path
    }

    /// What a voter passes on along one vote, in some unit: flow · x / max(outflow, `w_min`).
    fn passed_on(&self, voter: u32, ballot: Ballot) -> u128 {
        let activity = self.book.activity.get(voter as usize).copied().unwrap_or_default();
        let out = activity.outflow.max(X_PER_MILLIONTH * u64::from(self.book.parameters.w_min)).max(1);
        u128::from(self.view.standing(voter).flow) * u128::from(ballot.size()) / u128::from(out)
    }
}
