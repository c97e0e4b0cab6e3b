//! What an epoch sees of the live votes: who voted how about whom, eight bytes a vote. It is the same for every
//! viewpoint.

mod ballot;
mod tiles;

use crate::ids::{Pair, SubjectId};
use crate::r5_decay::Decay;
use crate::votes::{Base, VoteRow};
use ballot::counted;
pub(crate) use ballot::{Ballot, PairBallots, X_PER_MILLIONTH, strongest};
pub(crate) use tiles::{BallotTiles, SPAN, by_stripe};

/// What a voter did. It is the same from every viewpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Activity {
    /// R3: live votes in millionths, each with its decay.
    pub(crate) cast: u64,
    /// R1: Σ of its positive votes for peers, in 10⁻⁸ votes.
    pub(crate) outflow: u64,
}

/// The ballots of an epoch.
pub(crate) struct Ballots<'a> {
    /// Per name: whether it is a peer, which can vote and receive trust.
    pub(crate) is_peer: &'a [bool],
    pub(crate) tiles: BallotTiles,
}

impl<'a> Ballots<'a> {
    /// The ballots of the votes in `base` that are live at `at_ms`. `is_peer` says which names can receive trust.
    pub(crate) fn new(base: &Base, is_peer: &'a [bool], decay: &Decay, at_ms: u64) -> Self {
        let all_live = at_ms < base.first_end_ms();
        let ended = |vote: &VoteRow| !all_live && !vote.is_live(at_ms);
        let tiles = BallotTiles::new(is_peer.len(), |subjects, builder| {
            for subject in subjects.map(SubjectId::at) {
                for votes in base.about(subject).chunk_by(|a, b| a.voter == b.voter) {
                    let ballot = match votes {
                        // Nearly every vote is its voter's only one about the subject: nothing to compare.
                        [vote] if ended(vote) => None,
                        [vote] => counted(subject, vote, decay),
                        votes => strongest(subject, votes.iter().filter(|vote| !ended(vote)), decay).map(|it| it.0),
                    };
                    if let Some(ballot) = ballot {
                        builder.push(Pair { voter: votes[0].voter, subject }, ballot);
                    }
                }
            }
        });
        Self { is_peer, tiles }
    }

    /// How many names there are.
    pub(crate) fn count(&self) -> usize {
        self.is_peer.len()
    }

    /// What every voter did, one value per name.
    pub(crate) fn activity(&self) -> Vec<Activity> {
        let mut activity = vec![Activity::default(); self.count()];
        by_stripe(&mut activity, |stripe, activity| {
            for (first, tile) in self.tiles.by(stripe) {
                let is_peer = &self.is_peer[first..];
                for cast in tile {
                    let voter = &mut activity[cast.voter_offset()];
                    voter.cast += u64::from(cast.ballot.age());
                    voter.outflow += cast.ballot.praise() * u64::from(is_peer[cast.subject_offset()]);
                }
            }
        });
        activity
    }

    /// A voter's ballot about a subject.
    pub(crate) fn find(&self, pair: Pair) -> Option<Ballot> {
        self.tiles.find(pair)
    }
}
