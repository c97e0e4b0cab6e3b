//! What an epoch sees of the live votes, the same for every viewpoint: who voted how about whom, eight bytes a vote.

use crate::fixed::MILLION;
use crate::r1_flow::Edges;
use crate::r5_decay::Decay;
use crate::votes::{Base, Row};

/// A voter's voice about a subject: value and age factor in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ballot {
    pub(crate) subject: u32,
    /// Age factor in millionths, at most 4 000 000 (22 bits), above the value's eight bits.
    packed: u32,
}

impl Ballot {
    /// A vote's ballot at the epoch's reference time.
    pub(crate) fn of(row: &Row, decay: &Decay) -> Self {
        let age = decay.left(row.since_ms.widened());
        Self { subject: row.subject, packed: age << 8 | u32::from(row.value.cast_unsigned()) }
    }

    /// R5: what decay left of the vote, in millionths.
    pub(crate) fn age(self) -> u32 {
        self.packed >> 8
    }

    /// x after decay, in millionths, −1 000 000…1 000 000; at most fourfold for a vote newer than the reference time.
    pub(crate) fn x(self) -> i32 {
        i32::from((self.packed as u8).cast_signed()) * self.age() as i32 / 100
    }

    /// |x|.
    pub(crate) fn size(self) -> u64 {
        u64::from(self.x().unsigned_abs())
    }
}

/// Of one voter's votes about one subject, in several categories, the strongest speaks; of equals, the latest.
///
/// All votes halve together, so which one speaks does not change with time. A vote about oneself and a faded one say
/// nothing.
pub(crate) fn voice<'a>(voter: u32, pair: impl Iterator<Item = &'a Row>, decay: &Decay) -> Option<(Ballot, &'a Row)> {
    let ballots = pair.filter(|row| row.subject != voter).map(|row| (Ballot::of(row, decay), row));
    let heard = ballots.filter(|(ballot, _)| ballot.size() != 0);
    heard.max_by_key(|(ballot, row)| (ballot.size(), row.index.widened()))
}

/// The ballots of an epoch, by voter, and what follows from them for every viewpoint.
pub(crate) struct Ballots {
    begins: Vec<u32>,
    ballots: Vec<Ballot>,
    /// Per number: R3, the voter's live votes in millionths, each with its decay.
    pub(crate) cast: Vec<u64>,
    /// When the first of the votes ends; `u64::MAX`: none does.
    pub(crate) first_end_ms: u64,
}

impl Ballots {
    /// The voices of `count` identities among the votes of `base` that are live at `at_ms`.
    pub(crate) fn new(base: &Base, count: usize, decay: &Decay, at_ms: u64) -> Self {
        let mut begins = Vec::with_capacity(count + 1);
        let mut ballots = Vec::with_capacity(base.rows().len());
        let mut cast = vec![0; count];
        let mut first_end_ms = u64::MAX;
        for (voter, row) in base.by_voter() {
            begins.push(ballots.len() as u32);
            for pair in row.chunk_by(|a, b| a.subject == b.subject) {
                let live = pair.iter().filter(|vote| vote.is_live(at_ms));
                let ends = live.clone().map(|vote| vote.expires_at_ms.widened()).filter(|end| *end != 0);
                first_end_ms = ends.fold(first_end_ms, u64::min);
                if let Some((ballot, _)) = voice(voter, live, decay) {
                    cast[voter as usize] += u64::from(ballot.age());
                    ballots.push(ballot);
                }
            }
        }
        begins.resize(count + 1, ballots.len() as u32);
        Self { begins, ballots, cast, first_end_ms }
    }

    /// The positive ones between peers; `is_peer` says which numbers can receive trust.
    pub(crate) fn edges(&self, is_peer: &[bool]) -> Edges {
        Edges::new(is_peer.len(), || self.positive(is_peer))
    }

    /// Each voter with its ballots, ascending; some have none.
    pub(crate) fn by_voter(&self) -> impl Iterator<Item = (usize, &[Ballot])> {
        let rows = self.begins.windows(2).map(|at| &self.ballots[at[0] as usize..at[1] as usize]);
        rows.enumerate()
    }

    /// Positive votes for peers as voter, subject and x in millionths, in the order of their voters.
    fn positive(&self, is_peer: &[bool]) -> impl Iterator<Item = (u32, u32, u32)> {
        let positive = |ballot: &&Ballot| ballot.x() > 0 && is_peer[ballot.subject as usize];
        self.by_voter().flat_map(move |(voter, row)| {
            row.iter().filter(positive).map(move |ballot| (voter as u32, ballot.subject, ballot.x().unsigned_abs()))
        })
    }
}

const _: () = assert!(4 * MILLION < 1 << 22, "an age factor has 22 bits");
