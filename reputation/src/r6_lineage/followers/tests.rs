use super::*;
use crate::u48::U48;
use proptest::prelude::*;

const VOTERS: u32 = 6;

/// One voter's entry about one subject: when it is listed, whether it agrees with the other lists, and in how many
/// further categories. `None`: the voter does not list the subject.
type ListEntry = Option<(u64, bool, usize)>;
/// The entries of all voters about one subject.
type Entries = Vec<ListEntry>;

/// Lists of six voters about the same subjects. Higher numbers mostly vote later, and most entries agree.
fn lists() -> impl Strategy<Value = Vec<Entries>> {
    let entry = (prop::bool::weighted(0.9), 0u64..30, prop::bool::weighted(0.95), prop::bool::weighted(0.1));
    let entry = entry.prop_map(|(listed, when, along, other)| listed.then_some((when, along, usize::from(other))));
    prop::collection::vec(prop::collection::vec(entry, VOTERS as usize), 12..60)
}

/// The lists as votes: a row for each entry and category.
fn base(lists: &[Entries]) -> Base {
    let (mut counts, mut rows) = (Vec::new(), Vec::new());
    for (subject, entries) in (0u64..).zip(lists) {
        let before = rows.len();
        for (voter, entry) in (0u32..).zip(entries) {
            let Some((when, along, other)) = entry else { continue };
            for category in 0..=*other {
                let moment = when + 10 * u64::from(voter) + 5 * category as u64;
                let index = U48::saturating((moment * 1_000 + subject) * 100 + u64::from(voter) * 10 + category as u64);
                let value = if (subject % 3 == 0) == *along { -1 } else { 1 };
                let (since_ms, expires_at_ms) = (U48::saturating(1), U48::saturating(0));
                let category = Category::ALL[category];
                let voter = VoterId::new(voter);
                rows.push(VoteRow { voter, index, since_ms, expires_at_ms, value, category });
            }
        }
        counts.push((rows.len() - before) as u32);
    }
    let mut rows = rows.into_iter();
    Base::read(&counts, || rows.next().ok_or(())).unwrap().unwrap()
}

/// The rule as it is written, computed for every pair of voters.
fn by_definition(base: &Base) -> Vec<VoterId> {
    let count = VOTERS as usize;
    let voters = || (0..VOTERS).map(VoterId::new);
    let cast = |voter: VoterId| base.rows().filter(|vote| vote.voter == voter).count() as u64;
    let since = since(base, count);
    let mut direct = vec![VoterId::NOBODY; count];
    for voter in voters() {
        let mut followed: Vec<(u64, Reverse<u64>, VoterId)> = Vec::new();
        for other in voters().filter(|other| *other != voter) {
            let (mut by_others, mut opened, mut repeated) = (0u64, 0u64, 0u64);
            for (_, row) in base.by_subject() {
                let Some(opener) = first(row).map(|vote| vote.voter).filter(|opener| *opener != voter) else {
                    continue;
                };
                for vote in row.iter().filter(|vote| vote.voter == voter) {
                    let same = |theirs: &&VoteRow| theirs.voter == other && (theirs.value > 0) == (vote.value > 0);
                    by_others += 1;
                    opened += u64::from(opener == other);
                    let earlier = |theirs: &VoteRow| theirs.index.widened() < vote.index.widened();
                    repeated += u64::from(row.iter().filter(same).any(earlier));
                }
            }
            let (own, others) = (cast(voter), cast(other));
            let in_question = others * 100 >= own * OF_OWN && own * 100 >= others * OF_OTHERS;
            let follows = repeated >= 16 && repeated * 100 >= own * OF_OWN && repeated * 100 >= others * OF_OTHERS;
            if own >= 16 && in_question && follows && opened * 5 > by_others {
                followed.push((repeated, Reverse(since[other.index()]), other));
            }
        }
        direct[voter.index()] = followed.into_iter().max().map_or(VoterId::NOBODY, |(.., other)| other);
    }
    voters()
        .map(|voter| match direct[voter.index()] {
            VoterId::NOBODY => VoterId::NOBODY,
            _ => end_of_chain(&direct, &since, voter),
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn leaders_are_those_of_the_definition(lists in lists()) {
        let base = base(&lists);
        prop_assert_eq!(leaders(&base, VOTERS as usize), by_definition(&base));
    }
}

#[test]
fn copies_of_a_list_follow_its_author() {
    let entry = |voter: usize| Some((voter as u64, true, 0));
    let lists = vec![(0..VOTERS as usize).map(entry).collect::<Vec<_>>(); 20];
    let mut follow_the_first = vec![VoterId::new(0); 6];
    follow_the_first[0] = VoterId::NOBODY;
    assert_eq!((leaders(&base(&lists), 6), by_definition(&base(&lists))), (follow_the_first.clone(), follow_the_first));
}
