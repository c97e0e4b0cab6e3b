use super::*;
use crate::u48::U48;
use proptest::prelude::*;

const VOTERS: u32 = 6;

/// What each voter says about one subject: when, which way, and in how many further categories.
type Said = Vec<Option<(u64, bool, usize)>>;

/// Lists of six voters about the same subjects, later numbers mostly later, most of them agreeing.
fn lists() -> impl Strategy<Value = Vec<Said>> {
    let said = (prop::bool::weighted(0.9), 0u64..30, prop::bool::weighted(0.95), prop::bool::weighted(0.1));
    let said = said.prop_map(|(says, when, along, other)| says.then_some((when, along, usize::from(other))));
    prop::collection::vec(prop::collection::vec(said, VOTERS as usize), 12..60)
}

/// Each list entry a row, some said in two categories.
fn base(lists: &[Said]) -> Base {
    let (mut counts, mut rows) = (Vec::new(), Vec::new());
    for (subject, said) in (0u64..).zip(lists) {
        let before = rows.len();
        for (voter, said) in (0u32..).zip(said) {
            let Some((when, along, other)) = said else { continue };
            for category in 0..=*other {
                let moment = when + 10 * u64::from(voter) + 5 * category as u64;
                let index = U48::saturating((moment * 1_000 + subject) * 100 + u64::from(voter) * 10 + category as u64);
                let value = if (subject % 3 == 0) == *along { -1 } else { 1 };
                let (since_ms, expires_at_ms) = (U48::saturating(1), U48::saturating(0));
                let category = Category::ALL[category];
                rows.push(Row { voter, index, since_ms, expires_at_ms, value, category });
            }
        }
        counts.push((rows.len() - before) as u32);
    }
    let mut rows = rows.into_iter();
    Base::read(&counts, || rows.next().ok_or(())).unwrap().unwrap()
}

/// The rule as it is written, every pair of voters looked at.
fn by_definition(base: &Base) -> Vec<u32> {
    let count = VOTERS as usize;
    let cast = |voter: u32| base.rows().filter(|vote| vote.voter == voter).count() as u64;
    let since = since(base, count);
    let mut direct = vec![NOBODY; count];
    for voter in 0..VOTERS {
        let mut followed: Vec<(u64, Reverse<u64>, u32)> = Vec::new();
        for other in (0..VOTERS).filter(|other| *other != voter) {
            let (mut by_others, mut opened, mut repeated) = (0u64, 0u64, 0u64);
            for (_, row) in base.by_subject() {
                let Some(opener) = first(row).map(|vote| vote.voter).filter(|opener| *opener != voter) else {
                    continue;
                };
                for vote in row.iter().filter(|vote| vote.voter == voter) {
                    let same = |said: &&Row| said.voter == other && (said.value > 0) == (vote.value > 0);
                    by_others += 1;
                    opened += u64::from(opener == other);
                    let earlier = |said: &Row| said.index.widened() < vote.index.widened();
                    repeated += u64::from(row.iter().filter(same).any(earlier));
                }
            }
            let (own, others) = (cast(voter), cast(other));
            let in_question = others * 100 >= own * OF_OWN && own * 100 >= others * OF_OTHERS;
            let follows = repeated >= 16 && repeated * 100 >= own * OF_OWN && repeated * 100 >= others * OF_OTHERS;
            if own >= 16 && in_question && follows && opened * 5 > by_others {
                followed.push((repeated, Reverse(since[other as usize]), other));
            }
        }
        direct[voter as usize] = followed.into_iter().max().map_or(NOBODY, |(.., other)| other);
    }
    (0..VOTERS)
        .map(|voter| match direct[voter as usize] {
            NOBODY => NOBODY,
            _ => end_of_chain(&direct, &since, voter),
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn counting_finds_what_looking_at_everything_finds(lists in lists()) {
        let base = base(&lists);
        prop_assert_eq!(leaders(&base, VOTERS as usize), by_definition(&base));
    }
}

#[test]
fn copies_of_a_list_follow_its_author() {
    let said = |voter: usize| Some((voter as u64, true, 0));
    let lists = vec![(0..VOTERS as usize).map(said).collect::<Vec<_>>(); 20];
    let follow_the_first = vec![NOBODY, 0, 0, 0, 0, 0];
    assert_eq!((leaders(&base(&lists), 6), by_definition(&base(&lists))), (follow_the_first.clone(), follow_the_first));
}
