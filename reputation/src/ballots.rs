//! What an epoch sees of the live votes, the same for every viewpoint: who voted how about whom, eight bytes a vote.

mod ballot;
mod tiles;

use crate::r5_decay::Decay;
use crate::votes::{Base, Row};
use ballot::heard;
pub(crate) use ballot::{Ballot, Said, X_PER_MILLIONTH, voice};
pub(crate) use tiles::{SPAN, Tiles, by_stripe};

/// What a voter did, whoever looks at it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Activity {
    /// R3: live votes in millionths, each with its decay.
    pub(crate) cast: u64,
    /// R1: Σ of its positive votes for peers, in 10⁻⁸ votes.
    pub(crate) outflow: u64,
}

/// The ballots of an epoch.
pub(crate) struct Ballots<'a> {
    /// Which identities can vote and receive trust.
    pub(crate) is_peer: &'a [bool],
    pub(crate) tiles: Tiles,
}

impl<'a> Ballots<'a> {
    /// The voices among the votes of `base` that are live at `at_ms`. `is_peer` says which identities can receive trust.
    pub(crate) fn new(base: &Base, is_peer: &'a [bool], decay: &Decay, at_ms: u64) -> Self {
        let all_live = at_ms < base.first_end_ms();
        let ended = |vote: &Row| !all_live && !vote.is_live(at_ms);
        let tiles = Tiles::new(is_peer.len(), |subjects, heaps| {
            for subject in subjects.start as u32..subjects.end as u32 {
                for pair in base.about(subject).chunk_by(|a, b| a.voter == b.voter) {
                    let ballot = match pair {
                        // Nearly every vote is its voter's only one about the subject: nothing to compare.
                        [vote] if ended(vote) => None,
                        [vote] => heard(subject, vote, decay),
                        votes => voice(subject, votes.iter().filter(|vote| !ended(vote)), decay).map(|it| it.0),
                    };
                    if let Some(ballot) = ballot {
                        heaps.push(subject, pair[0].voter, ballot);
                    }
                }
            }
        });
        Self { is_peer, tiles }
    }

    /// How many identities there are.
    pub(crate) fn count(&self) -> usize {
        self.is_peer.len()
    }

    /// What every voter did.
    pub(crate) fn activity(&self) -> Vec<Activity> {
        let mut activity = vec![Activity::default(); self.count()];
        by_stripe(&mut activity, |stripe, activity| {
            for (first, tile) in self.tiles.by(stripe) {
                let is_peer = &self.is_peer[first..];
                for cast in tile {
                    let voter = &mut activity[cast.voter()];
                    voter.cast += u64::from(cast.ballot.age());
                    voter.outflow += cast.ballot.praise() * u64::from(is_peer[cast.subject()]);
                }
            }
        });
        activity
    }

    /// A voter's ballot about a subject.
    pub(crate) fn find(&self, voter: u32, subject: u32) -> Option<Ballot> {
        self.tiles.find(voter, subject)
    }
}
