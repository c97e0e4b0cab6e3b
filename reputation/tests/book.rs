//! Properties of the book for any ledger.

#[path = "common/events.rs"]
mod events;

use events::*;
use ostrakon_ledger::{Category, Subject};
use ostrakon_reputation::{Book, CONTRIBUTIONS_MAX, Event, Parameters, Score, VOTE_NV};
use proptest::prelude::*;

fn folded(half_life_ms: Option<u64>, events: &[Event]) -> Book {
    let mut book = book(half_life_ms, &SEEDS);
    events.iter().for_each(|event| book.apply(event));
    book
}

fn half_lives() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![Just(None), Just(Some(HOUR_MS)), Just(Some(90 * 24 * HOUR_MS))]
}

fn all_subjects() -> impl Iterator<Item = Subject> {
    (0..10).map(any_subject)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    #[test]
    fn the_same_prefix_gives_the_same_bytes(steps in steps(150), half_life in half_lives(), cut in 0usize..150) {
        let events = events(&steps);
        let one_by_one = folded(half_life, &events).to_bytes();
        let mut at_once = book(half_life, &SEEDS);
        at_once.apply_all(&events);
        prop_assert!(one_by_one == at_once.to_bytes(), "apply_all differs from apply");
        let cut = cut.min(events.len());
        let mut in_two = book(half_life, &SEEDS);
        in_two.apply_all(&events[..cut]);
        in_two.apply_all(&events);
        prop_assert!(one_by_one == in_two.to_bytes(), "two batches that overlap differ from one");
    }

    #[test]
    fn when_the_clock_was_told_does_not_matter(steps in steps(100), half_life in half_lives(), later in 0u64..10 * HOUR_MS) {
        let events = events(&steps);
        let end_ms = events.iter().filter_map(Event::at_ms).max().unwrap_or(START_MS) + later;
        let mut told_often = book(half_life, &SEEDS);
        for event in &events {
            told_often.apply(event);
            told_often.advance(event.at_ms().unwrap_or(0) + later / 2);
        }
        told_often.advance(end_ms);
        let mut told_once = folded(half_life, &events);
        told_once.advance(end_ms);
        prop_assert!(told_often.to_bytes() == told_once.to_bytes());
        told_once.advance(end_ms - 1);
        prop_assert!(told_often.to_bytes() == told_once.to_bytes(), "time ran backwards");
    }

    #[test]
    fn explanations_add_up(steps in steps(150), half_life in half_lives(), later in 0u64..10 * HOUR_MS) {
        let events = events(&steps);
        let mut book = folded(half_life, &events);
        let now_ms = events.iter().filter_map(Event::at_ms).max().unwrap_or(START_MS) + later;
        book.advance(now_ms);
        let snapshot = book.snapshot();
        for subject in all_subjects() {
            let why = book.explain(&subject, now_ms);
            let score = snapshot.score(&subject, now_ms);
            let side = |sign: i64| {
                why.contributions.iter().map(|part| part.weight_nv * sign).filter(|nv| *nv > 0).sum::<i64>() as u64
            };
            prop_assert_eq!(side(1) + why.rest.positive_nv, score.positive_nv);
            prop_assert_eq!(side(-1) + why.rest.negative_nv, score.negative_nv);
            prop_assert_eq!((why.terms.positive_nv, why.terms.negative_nv), (score.positive_nv, score.negative_nv));
            prop_assert_eq!((why.score, why.confidence, why.known), (score.score, score.confidence, score.known));
            let terms = why.terms;
            prop_assert_eq!(Score::of(terms.positive_nv, terms.negative_nv, terms.k_nv, score.known), score);
            for part in &why.contributions {
                let first = part.path.first();
                prop_assert!(part.path.last().is_none_or(|last| *last == part.voter));
                prop_assert!(first.is_none_or(|seed| SEEDS.iter().any(|(name, _)| *seed == subject_of(name))));
            }
            // This many full votes on the other side change the sign, and one fewer does not.
            let (p, n, turn) = (terms.positive_nv, terms.negative_nv, why.outlook.votes_to_turn);
            prop_assert_eq!(turn == 0, p == n);
            prop_assert!(turn == 0 || (turn * VOTE_NV > p.abs_diff(n) && (turn - 1) * VOTE_NV <= p.abs_diff(n)));
        }
    }

    #[test]
    fn scores_only_fade_with_time(steps in steps(80), first in 0u64..100 * HOUR_MS, second in 0u64..100 * HOUR_MS) {
        let book = folded(Some(5 * HOUR_MS), &events(&steps));
        let snapshot = book.snapshot();
        let (soon, late) = (START_MS + first.min(second), START_MS + first.max(second));
        for subject in all_subjects() {
            let (soon, late) = (snapshot.score(&subject, soon), snapshot.score(&subject, late));
            prop_assert!(late.positive_nv <= soon.positive_nv && late.negative_nv <= soon.negative_nv);
            prop_assert!(late.confidence <= soon.confidence);
            prop_assert!(i32::from(late.score).abs() <= i32::from(soon.score).abs() + 1, "{:?} {:?}", soon, late);
        }
    }

    #[test]
    fn what_was_retracted_might_as_well_not_have_been_said(steps in steps(60), about in 0usize..10, value in 1i8..=100) {
        // The live votes are the same with and without a vote that is retracted before the epoch closes.
        let events = events(&steps);
        let (index, at_ms) = (events.len() as u64, events.iter().filter_map(Event::at_ms).max().unwrap_or(START_MS));
        let extra = Event::Voted {
            index,
            at_ms,
            id: record_id(index),
            voter: peer("p0.example"),
            vote: vote(any_subject(about), value, at_ms, 0, Category::Abuse),
        };
        let back = retracted(index + 1, at_ms, &extra);
        let (mut with, mut without) = (folded(None, &events), folded(None, &events));
        with.apply(&extra);
        with.apply(&back);
        with.close_epoch();
        without.apply(&Event::Admitted { index, peer: peer("p0.example") });
        without.apply(&Event::Admitted { index: index + 1, peer: peer("p0.example") });
        without.close_epoch();
        for subject in all_subjects() {
            let scores = (with.snapshot().score(&subject, at_ms), without.snapshot().score(&subject, at_ms));
            prop_assert_eq!(scores.0, scores.1, "{}", subject);
        }
    }

    #[test]
    fn a_snapshot_never_changes(steps in steps(60)) {
        let events = events(&steps);
        let (first, second) = events.split_at(events.len() / 2);
        let mut book = folded(None, first);
        let snapshot = book.snapshot();
        let before: Vec<Score> = all_subjects().map(|subject| snapshot.score(&subject, START_MS)).collect();
        second.iter().for_each(|event| book.apply(event));
        let after: Vec<Score> = all_subjects().map(|subject| snapshot.score(&subject, START_MS)).collect();
        prop_assert_eq!(before, after);
        prop_assert_eq!(snapshot.next_index(), first.len() as u64);
    }
}

fn subject_of(name: &str) -> Subject {
    subject(name)
}

/// In a ledger that is long enough to have entries between epochs, the tallies equal the sums of the explanation's
/// parts.
#[test]
fn between_epochs_a_vote_changes_its_subject_only() {
    let mut book = book(None, &[("seed.example", 1000)]);
    let mut index = 0;
    let mut cast = |book: &mut Book, voter: &str, about: &str, value| {
        book.apply(&voted(index, START_MS, voter, about, value));
        index += 1;
    };
    cast(&mut book, "seed.example", "a.example", 100);
    for i in 0..400 {
        cast(&mut book, &format!("v{i}.example"), "noise.example", -100);
    }
    // 401 entries: epochs are at least six entries apart now, and the last closed a while ago or just now.
    cast(&mut book, "seed.example", "b.example", 50);
    cast(&mut book, "a.example", "b.example", -100);
    cast(&mut book, "nobody.example", "b.example", -100);
    let now = book.snapshot().score(&subject("b.example"), START_MS);
    assert_eq!((now.positive_nv, now.negative_nv, now.known), (500_000_000, 1_000_000_000, true));
    assert_eq!(book.snapshot().score(&subject("a.example"), START_MS).positive_nv, 1_000_000_000);
    assert!(!book.snapshot().score(&subject("c.example"), START_MS).known);
    let noise = book.snapshot().score(&subject("noise.example"), START_MS);
    assert_eq!((noise.confidence, noise.known), (0, true));
    let why = book.explain(&subject("noise.example"), START_MS);
    assert_eq!((why.contributions.len(), why.rest.votes), (CONTRIBUTIONS_MAX, 350));
}

#[test]
fn a_later_vote_replaces_and_a_retraction_does_not_bring_back() {
    let mut book = book(None, &[("seed.example", 1000)]);
    let about = subject("a.example");
    let first = voted(0, START_MS, "seed.example", "a.example", 100);
    let second = voted(1, START_MS, "seed.example", "a.example", -50);
    book.apply(&first);
    book.apply(&second);
    let score = book.snapshot().score(&about, START_MS);
    assert_eq!((score.positive_nv, score.negative_nv), (0, 500_000_000));
    // Of votes in several categories the strongest counts.
    let vote = vote(about.clone(), -80, START_MS, START_MS + 10, Category::Spam);
    book.apply(&Event::Voted { index: 2, at_ms: START_MS, id: record_id(2), voter: peer("seed.example"), vote });
    assert_eq!(book.snapshot().score(&about, START_MS).negative_nv, 800_000_000);
    // It counts until it expires, to the millisecond.
    book.advance(START_MS + 9);
    assert_eq!(book.snapshot().score(&about, START_MS + 9).negative_nv, 800_000_000);
    book.advance(START_MS + 10);
    assert_eq!(book.snapshot().score(&about, START_MS + 10).negative_nv, 500_000_000);
    book.apply(&retracted(3, START_MS + 20, &second));
    assert!(!book.snapshot().score(&about, START_MS + 20).known);
    // The vote has ended: retracting it again changes nothing.
    book.apply(&retracted(4, START_MS + 20, &first));
    assert_eq!((book.live_votes(), book.next_index()), (0, 5));
}

#[test]
fn a_vote_about_oneself_says_nothing() {
    let mut book = book(None, &[("seed.example", 1000)]);
    book.apply(&voted(0, START_MS, "seed.example", "seed.example", 100));
    assert!(!book.snapshot().score(&subject("seed.example"), START_MS).known);
    assert!(!book.explain(&subject("seed.example"), START_MS).known);
}

#[test]
fn half_of_a_vote_is_left_after_a_half_life() {
    let mut book = book(Some(90 * 24 * HOUR_MS), &[("seed.example", 1000)]);
    book.apply(&voted(0, START_MS, "seed.example", "a.example", 100));
    let half = book.snapshot().score(&subject("a.example"), START_MS + 90 * 24 * HOUR_MS);
    assert_eq!(half.positive_nv, 500_000_000);
    // An old vote that arrives late has aged already.
    let old = vote(subject("b.example"), 100, START_MS - 180 * 24 * HOUR_MS, 0, Category::Ham);
    book.apply(&Event::Voted { index: 1, at_ms: START_MS, id: record_id(1), voter: peer("seed.example"), vote: old });
    assert_eq!(book.snapshot().score(&subject("b.example"), START_MS).positive_nv, 250_000_000);
}

#[test]
fn digests_tell_parameters_and_viewpoints_apart() {
    let base = Parameters::default();
    let others = [
        Parameters { tau: 15_000, ..base.clone() },
        Parameters { k: 300_001, ..base.clone() },
        Parameters { half_life_ms: Some(HOUR_MS), ..base.clone() },
        Parameters { newcomer: -499, ..base.clone() },
    ];
    others.iter().for_each(|other| assert_ne!(other.digest(), base.digest()));
    assert_eq!(Parameters { alpha: 1, ..base.clone() }.digest(), Parameters { alpha: 10_000, ..base }.digest());
    assert_ne!(viewpoint(&[("a.example", 1000)]).digest(), viewpoint(&[("a.example", 999)]).digest());
}
