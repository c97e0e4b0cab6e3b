//! What counts of a voter's votes about a subject: one ballot, in however many categories the voter votes.

use ostrakon_ledger::Category;

use crate::fixed::MILLION;
use crate::ids::SubjectId;
use crate::r5_decay::Decay;
use crate::votes::{PairVotes, VoteRow};

/// The unit of x is 10⁻⁸ votes: a value is a hundredth, an age factor a millionth.
pub(crate) const X_PER_MILLIONTH: u64 = 100;

/// What a voter's vote about a subject counts: value and age factor in one word.
///
/// The value has the lower eight bits. The age factor in millionths, at most 4 000 000 (22 bits), is above them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ballot(u32);

impl Ballot {
    /// A vote's ballot at the epoch's reference time.
    pub(crate) fn of(row: &VoteRow, decay: &Decay) -> Self {
        let age = decay.left(row.since_ms.widened());
        Self(age << 8 | u32::from(row.value.cast_unsigned()))
    }

    /// R5: what decay left of the vote, in millionths.
    pub(crate) fn age(self) -> u32 {
        self.0 >> 8
    }

    /// x after decay, in 10⁻⁸ votes, −10⁸…10⁸; at most fourfold for a vote newer than the reference time.
    pub(crate) fn x(self) -> i32 {
        i32::from((self.0 as u8).cast_signed()) * self.age() as i32
    }

    /// |x|.
    pub(crate) fn size(self) -> u64 {
        u64::from(self.x().unsigned_abs())
    }

    /// |x| of a vote for its subject; 0 for a vote against it.
    pub(crate) fn praise(self) -> u64 {
        u64::from(self.x().max(0).cast_unsigned())
    }

    /// |x| of a vote against its subject; 0 for a vote for it.
    pub(crate) fn reproach(self) -> u64 {
        u64::from((-self.x()).max(0).cast_unsigned())
    }
}

/// The ballot of one vote; `None` if the vote is about its own voter or has decayed to nothing.
pub(super) fn counted(subject: SubjectId, row: &VoteRow, decay: &Decay) -> Option<Ballot> {
    let ballot = Ballot::of(row, decay);
    (row.voter.as_subject() != subject && ballot.size() != 0).then_some(ballot)
}

/// The strongest of one voter's votes about one subject, which are in several categories; of equals, the latest.
///
/// All votes halve together, so time does not change which one is the strongest.
pub(crate) fn strongest<'a>(
    subject: SubjectId,
    votes: impl Iterator<Item = &'a VoteRow>,
    decay: &Decay,
) -> Option<(Ballot, &'a VoteRow)> {
    let ballots = votes.filter_map(|row| Some((counted(subject, row, decay)?, row)));
    ballots.max_by_key(|(ballot, row)| (ballot.size(), row.index.widened()))
}

/// What counts of one voter's votes about one subject at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PairBallots {
    /// The strongest vote, which is the one that counts for the score.
    pub(crate) strongest: Option<Ballot>,
    /// The vote in each category, in the order of the categories.
    pub(crate) in_category: [Option<Ballot>; Category::ALL.len()],
}

impl PairBallots {
    /// The ballots of those votes that are live at `at_ms`.
    pub(crate) fn of(subject: SubjectId, votes: &PairVotes, at_ms: u64, decay: &Decay) -> Self {
        let live = votes.iter().flatten().filter(|row| row.is_live(at_ms));
        let strongest = strongest(subject, live.clone(), decay).map(|(ballot, _)| ballot);
        let mut in_category = [None; Category::ALL.len()];
        for row in live {
            in_category[row.category as usize] = counted(subject, row, decay);
        }
        Self { strongest, in_category }
    }
}

const _: () = assert!(4 * MILLION < 1 << 22, "an age factor has 22 bits");
