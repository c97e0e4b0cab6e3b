//! How often a subject was seen, and what follows from that.

use ostrakon_ledger::Subject;

use crate::fixed::{Fraction, ONE, ratio, scaled};

/// `⌊log₂(1 + n)⌋` for a subject that n messages had before. It counts doublings, not messages, so that a sender soon
/// gains nothing by sending more, and readers rarely need an update.
pub(super) fn familiarity(sightings: u32) -> u32 {
    sightings.saturating_add(1).ilog2()
}

/// The log-odds of a subject without votes, in thousandths of a nat: `newcomer / (1 + familiarity)`.
pub(crate) fn by_sight(newcomer: i32, familiarity: u32) -> i32 {
    newcomer / (1 + familiarity.cast_signed())
}

/// The share of each subject of a message in a report on it: `(spread + s) / (spread + max s)`, where
/// `s = 1 / (1 + familiarity)` is computed from the messages before this one. A new account on a known server explains
/// a bad message better than the server does. Most content is new, so its share is always 1, and it does not reduce the
/// shares of others.
///
/// `subjects` are given with their familiarity; `spread` is in millionths.
pub(super) fn shares<'a>(subjects: impl Iterator<Item = (&'a Subject, u32)> + Clone, spread: u32) -> Vec<Fraction> {
    let spread = scaled(spread);
    let strange = |(subject, familiarity): (&Subject, u32)| match subject {
        Subject::Content(_) => None,
        _ => Some(u64::from(ONE / familiarity.saturating_add(1))),
    };
    let strangest = subjects.clone().filter_map(strange).max().unwrap_or_default();
    let share = |subject| strange(subject).map_or(ONE, |strange| ratio(spread + strange, spread + strangest));
    subjects.map(share).collect()
}

#[cfg(test)]
mod tests {
    use ostrakon_ledger::Tag;
    use proptest::prelude::*;

    use super::*;

    /// The shares of subjects that so many messages had before.
    fn of(messages: &[u32]) -> Vec<Fraction> {
        let account = Subject::Account(Tag([0; 32]));
        shares(messages.iter().map(|n| (&account, familiarity(*n))), 500_000)
    }

    #[test]
    fn a_first_sight_fades_with_every_doubling() {
        let parts = [0, 1, 2, 3, 6, 7, 1_000, u32::MAX].map(|n| by_sight(-500, familiarity(n)));
        assert_eq!(parts, [-500, -250, -250, -166, -166, -125, -50, -15]);
    }

    #[test]
    fn the_strangest_answers_in_full_and_content_excuses_nobody() {
        // Seen 79 times before: s = 1/7; (½ + 1/7) / (½ + 1) = .4286.
        let [house, rest @ ..] = &of(&[79, 0, 0, 0])[..] else { panic!("four") };
        assert_eq!(((u64::from(*house) * 10_000) >> 30, rest), (4285, &[ONE; 3][..]));
        assert_eq!(of(&[79, 79, 79]), [ONE; 3]);
        let (peer, content) = (Subject::Account(Tag([0; 32])), Subject::Content(Tag([1; 32])));
        assert_eq!(shares([(&peer, 6), (&content, 0)].into_iter(), 500_000), [ONE; 2]);
    }

    proptest! {
        #[test]
        fn shares_lie_between_a_third_and_one_and_the_strangest_has_one(messages in proptest::collection::vec(0u32.., 1..6)) {
            let shares = of(&messages);
            prop_assert!(shares.iter().all(|share| (ONE / 3..=ONE).contains(share)));
            let (at, _) = messages.iter().enumerate().min_by_key(|(_, n)| **n).unwrap_or((0, &0));
            prop_assert_eq!(shares[at], ONE);
        }
    }
}
