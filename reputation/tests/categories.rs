//! Scores per category always equal those of the explanation, and are no part of the book's bytes.
#![allow(clippy::unwrap_used)]

#[path = "common/events.rs"]
mod events;

use events::*;
use ostrakon_ledger::{Category, Subject};
use ostrakon_reputation::{Book, Event, Score};
use proptest::prelude::*;

const WATCHED: [Category; 2] = [Category::Spam, Category::Malware];

/// The tally of a category, computed from all votes.
fn explained(book: &Book, category: Category, subject: &Subject, now_ms: u64) -> Score {
    let found = book.explain(subject, now_ms).categories.into_iter().find(|tally| tally.category == category.as_str());
    found.map_or(Score::UNKNOWN, |tally| Score {
        score: tally.score,
        confidence: tally.confidence,
        known: true,
        positive_nv: tally.positive_nv,
        negative_nv: tally.negative_nv,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    /// A category may be asked for before the first entry, between two entries, or after the last. With copies,
    /// retractions, expiry and a restart.
    #[test]
    fn they_are_what_the_votes_say(steps in steps(150), half_life in prop::option::of(Just(7 * HOUR_MS)),
                                   asked in 0usize..150, later in 0u64..10 * HOUR_MS) {
        let events = events(&steps);
        let (before, after) = events.split_at(asked.min(events.len()));
        let (mut watching, mut other) = (book(half_life, &SEEDS), book(half_life, &SEEDS));
        before.iter().for_each(|event| watching.apply(event));
        watching.watch(WATCHED);
        after.iter().for_each(|event| watching.apply(event));
        let now_ms = events.iter().filter_map(Event::at_ms).max().unwrap_or(START_MS) + later;
        watching.advance(now_ms);
        other.apply_all(&events);
        other.advance(now_ms);
        prop_assert!(watching.to_bytes() == other.to_bytes(), "asking changes no book");
        other.watch(WATCHED);
        for subject in (0..10).map(any_subject) {
            for category in WATCHED {
                let score = watching.snapshot().score_in(category, &subject, now_ms);
                prop_assert_eq!(score, Some(explained(&watching, category, &subject, now_ms)));
                prop_assert_eq!(score, other.snapshot().score_in(category, &subject, now_ms));
            }
            prop_assert_eq!(watching.snapshot().score_in(Category::Scam, &subject, now_ms), None);
        }
    }
}

#[test]
fn a_voter_speaks_in_each_category_and_once_in_all() {
    let mut book = book(None, &SEEDS);
    book.watch(Category::ALL);
    let votes = [(Category::Spam, -80), (Category::Malware, -100), (Category::Ham, 20)];
    for (index, (category, value)) in (0..).zip(votes) {
        let vote = vote(subject("a.example"), value, START_MS, 0, category);
        book.apply(&Event::Voted { index, at_ms: START_MS, id: record_id(index), voter: peer("p0.example"), vote });
    }
    let snapshot = book.snapshot();
    let of = |category| snapshot.score_in(category, &subject("a.example"), START_MS).unwrap();
    assert_eq!((of(Category::Spam).negative_nv, of(Category::Malware).negative_nv), (800_000_000, 1_000_000_000));
    assert_eq!((of(Category::Ham).positive_nv, of(Category::Vouch).known), (200_000_000, false));
    let all = snapshot.score(&subject("a.example"), START_MS);
    assert_eq!((all.positive_nv, all.negative_nv), (0, 1_000_000_000), "the strongest speaks");
    assert_eq!(snapshot.score_in(Category::Spam, &subject("nobody.example"), START_MS), Some(Score::UNKNOWN));
}
