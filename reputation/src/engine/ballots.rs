//! What an epoch sees of the live votes, the same for every viewpoint: who voted how about whom, eight bytes a vote.

use std::ops::Range;

use ostrakon_ledger::Category;

use crate::fixed::MILLION;
use crate::r5_decay::Decay;
use crate::votes::{Base, Pair, Row};

/// The unit of x is 10⁻⁸ votes: a value is a hundredth, an age factor a millionth.
pub(crate) const X_PER_MILLIONTH: u64 = 100;

/// A voter's voice about a subject: value and age factor in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ballot {
    pub(crate) voter: u32,
    /// Age factor in millionths, at most 4 000 000 (22 bits), above the value's eight bits.
    packed: u32,
}

impl Ballot {
    /// A vote's ballot at the epoch's reference time.
    pub(crate) fn of(row: &Row, decay: &Decay) -> Self {
        let age = decay.left(row.since_ms.widened());
        Self { voter: row.voter, packed: age << 8 | u32::from(row.value.cast_unsigned()) }
    }

    /// R5: what decay left of the vote, in millionths.
    pub(crate) fn age(self) -> u32 {
        self.packed >> 8
    }

    /// x after decay, in 10⁻⁸ votes, −10⁸…10⁸; at most fourfold for a vote newer than the reference time.
    pub(crate) fn x(self) -> i32 {
        i32::from((self.packed as u8).cast_signed()) * self.age() as i32
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
pub(crate) fn voice<'a>(subject: u32, pair: impl Iterator<Item = &'a Row>, decay: &Decay) -> Option<(Ballot, &'a Row)> {
    let ballots = pair.filter(|row| row.voter != subject).map(|row| (Ballot::of(row, decay), row));
    let heard = ballots.filter(|(ballot, _)| ballot.size() != 0);
    heard.max_by_key(|(ballot, row)| (ballot.size(), row.index.widened()))
}

/// What a voter says about a subject at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// The vote that speaks for it.
    pub(crate) voice: Option<Ballot>,
    /// Its vote in each category, in their order.
    pub(crate) in_category: [Option<Ballot>; Category::ALL.len()],
}

impl Said {
    /// By what of its votes is live at `at_ms`.
    pub(crate) fn of(subject: u32, pair: &Pair, at_ms: u64, decay: &Decay) -> Self {
        let live = pair.iter().flatten().filter(|row| row.is_live(at_ms));
        let voice = voice(subject, live.clone(), decay).map(|(ballot, _)| ballot);
        let mut in_category = [None; Category::ALL.len()];
        for row in live {
            in_category[row.category as usize] =
                self::voice(subject, std::iter::once(row), decay).map(|(ballot, _)| ballot);
        }
        Self { voice, in_category }
    }
}

/// What a voter did, whoever looks at it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Activity {
    /// R3: live votes in millionths, each with its decay.
    pub(crate) cast: u64,
    /// R1: Σ of its positive votes for peers, in 10⁻⁸ votes.
    pub(crate) outflow: u64,
}

/// The ballots of an epoch, by subject: the positive ones first.
pub(crate) struct Ballots<'a> {
    /// Which identities can vote and receive trust.
    pub(crate) is_peer: &'a [bool],
    /// Per subject, and once more at the end: where its ballots begin, and where its negative ones.
    begins: Vec<(u32, u32)>,
    ballots: Vec<Ballot>,
    activity: Vec<Activity>,
    /// When the first of the votes ends; `u64::MAX`: none does.
    pub(crate) first_end_ms: u64,
}

/// The ballots about one subject.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    pub(crate) positive: &'a [Ballot],
    pub(crate) negative: &'a [Ballot],
}

impl<'a> Ballots<'a> {
    /// The voices among the votes of `base` that are live at `at_ms`. `is_peer` says which identities can receive trust.
    pub(crate) fn new(base: &Base, is_peer: &'a [bool], decay: &Decay, at_ms: u64) -> Self {
        let mut begins = Vec::with_capacity(is_peer.len() + 1);
        let mut ballots = Vec::with_capacity(base.len());
        let mut negative = Vec::new();
        let mut first_end_ms = u64::MAX;
        for (subject, row) in base.by_subject() {
            let begin = ballots.len() as u32;
            for pair in row.chunk_by(|a, b| a.voter == b.voter) {
                let live = pair.iter().filter(|vote| vote.is_live(at_ms));
                first_end_ms = live.clone().map(Row::end_ms).fold(first_end_ms, u64::min);
                if let Some((ballot, _)) = voice(subject, live, decay) {
                    if ballot.x() > 0 { ballots.push(ballot) } else { negative.push(ballot) }
                }
            }
            begins.push((begin, ballots.len() as u32));
            ballots.append(&mut negative);
        }
        let end = ballots.len() as u32;
        begins.resize(is_peer.len() + 1, (end, end));
        let mut all =
            Self { is_peer, begins, ballots, activity: vec![Activity::default(); is_peer.len()], first_end_ms };
        all.note_activity();
        all
    }

    /// A loop of its own, that does nothing else: it jumps about in memory, and the processor waits for several jumps
    /// at once only if little lies between them.
    fn note_activity(&mut self) {
        for (at, is_peer) in self.begins.windows(2).zip(self.is_peer) {
            let (begin, middle, end) = (at[0].0 as usize, at[0].1 as usize, at[1].0 as usize);
            let passes = u64::from(*is_peer);
            for ballot in &self.ballots[begin..middle] {
                let voter = &mut self.activity[ballot.voter as usize];
                voter.cast += u64::from(ballot.age());
                voter.outflow += ballot.size() * passes;
            }
            for ballot in &self.ballots[middle..end] {
                self.activity[ballot.voter as usize].cast += u64::from(ballot.age());
            }
        }
    }

    /// How many identities there are.
    pub(crate) fn count(&self) -> usize {
        self.activity.len()
    }

    /// What every voter did.
    pub(crate) fn activity(&self) -> Vec<Activity> {
        self.activity.clone()
    }

    /// What one voter did.
    pub(crate) fn of_voter(&self, voter: usize) -> Activity {
        self.activity[voter]
    }

    /// A voter's ballot about a subject.
    pub(crate) fn find(&self, voter: u32, subject: u32) -> Option<Ballot> {
        let at = self.begins.get(subject as usize..subject as usize + 2)?;
        let (begin, middle, end) = (at[0].0 as usize, at[0].1 as usize, at[1].0 as usize);
        [&self.ballots[begin..middle], &self.ballots[middle..end]]
            .into_iter()
            .find_map(|side| side.binary_search_by_key(&voter, |ballot| ballot.voter).ok().map(|at| side[at]))
    }

    /// The ballots about each identity, in the order of their numbers.
    pub(crate) fn by_subject(&self) -> impl Iterator<Item = About<'_>> {
        self.among(0..self.count())
    }

    /// [`Ballots::by_subject`] for some of the numbers.
    pub(crate) fn among(&self, numbers: Range<usize>) -> impl Iterator<Item = About<'_>> {
        self.begins[numbers.start..=numbers.end].windows(2).map(|at| {
            let (begin, middle, end) = (at[0].0 as usize, at[0].1 as usize, at[1].0 as usize);
            About { positive: &self.ballots[begin..middle], negative: &self.ballots[middle..end] }
        })
    }
}

const _: () = assert!(4 * MILLION < 1 << 22, "an age factor has 22 bits");
