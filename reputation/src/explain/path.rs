//! The way by which a voter got its trust.

use crate::book::Book;
use crate::r1_flow::UNREACHED;

impl Book {
    /// From a seed to a voter: of the shortest ways, at each step back the voter that passes on most. Empty if no
    /// trust arrives, or if a vote on the way has ended since the last epoch.
    pub(crate) fn path_to(&self, voter: u32) -> Vec<u32> {
        let mut at = voter;
        let mut path = vec![at];
        let mut hops = self.standing(at).hops;
        if hops == UNREACHED {
            return Vec::new();
        }
        while hops > 0 {
            let closer = self.votes.of_subject(at).filter(|vote| self.standing(vote.voter).hops == hops - 1);
            let best = closer
                .map(|vote| self.ballot(vote))
                .filter(|ballot| ballot.x > 0)
                .max_by_key(|ballot| (self.passed_on(ballot.voter, ballot.x), ballot.index));
            let Some(best) = best else { return Vec::new() };
            at = best.voter;
            hops -= 1;
            path.push(at);
        }
        path.reverse();
        path
    }

    /// What a voter passes on along one vote, in some unit: flow · x / max(outflow, `w_min`).
    fn passed_on(&self, voter: u32, x: i32) -> u128 {
        let standing = self.standing(voter);
        let out = standing.outflow.max(u64::from(self.parameters.w_min));
        u128::from(standing.flow) * u128::from(x.unsigned_abs()) / u128::from(out)
    }
}
