//! What a voter says about a subject: one voice, whatever categories it votes in.

use ostrakon_ledger::Category;

use crate::fixed::MILLION;
use crate::r5_decay::Decay;
use crate::votes::{Pair, Row};

/// The unit of x is 10⁻⁸ votes: a value is a hundredth, an age factor a millionth.
pub(crate) const X_PER_MILLIONTH: u64 = 100;

/// A voter's voice about a subject: value and age factor in one word.
///
/// The age factor in millionths, at most 4 000 000 (22 bits), is above the value's eight bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ballot(u32);

impl Ballot {
    /// A vote's ballot at the epoch's reference time.
    pub(crate) fn of(row: &Row, decay: &Decay) -> Self {
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

    /// |x| of a vote for its subject, 0 of one against it.
    pub(crate) fn praise(self) -> u64 {
        u64::from(self.x().max(0).cast_unsigned())
    }

    /// |x| of a vote against its subject, 0 of one for it.
    pub(crate) fn reproach(self) -> u64 {
        u64::from((-self.x()).max(0).cast_unsigned())
    }
}

/// What one vote says: nothing if it is about oneself or has faded.
pub(super) fn heard(subject: u32, row: &Row, decay: &Decay) -> Option<Ballot> {
    let ballot = Ballot::of(row, decay);
    (row.voter != subject && ballot.size() != 0).then_some(ballot)
}

/// Of one voter's votes about one subject, in several categories, the strongest speaks; of equals, the latest.
///
/// All votes halve together, so which one speaks does not change with time.
pub(crate) fn voice<'a>(subject: u32, pair: impl Iterator<Item = &'a Row>, decay: &Decay) -> Option<(Ballot, &'a Row)> {
    let heard = pair.filter_map(|row| Some((heard(subject, row, decay)?, row)));
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

const _: () = assert!(4 * MILLION < 1 << 22, "an age factor has 22 bits");
