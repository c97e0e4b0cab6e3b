//! What outsiders may see: the score, and of its explanation only what is in the public ledger.
#![allow(clippy::unwrap_used)]

#[path = "common/events.rs"]
mod events;

use std::collections::BTreeSet;

use events::*;
use ostrakon_ledger::Category;
use ostrakon_reputation::{Book, CONTRIBUTIONS_MAX, Event, Parameters, RedactedExplanation, Viewpoint};
use proptest::prelude::*;

/// A book with two viewpoints that trust different peers.
fn two_sided(events: &[Event]) -> Book {
    let seeds = [("p2.example", 700), ("p3.example", 1000)].map(|(name, weight)| (peer(name), weight)).into();
    let other = Viewpoint { name: "other".to_owned(), seeds };
    let parameters = Parameters { half_life_ms: Some(9 * HOUR_MS), ..Parameters::default() };
    let mut book = Book::with_others(parameters, viewpoint(&SEEDS), vec![other]);
    book.apply_all(events);
    book
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    #[test]
    fn the_score_is_the_same_and_the_votes_do_not_reveal_who_is_trusted(steps in steps(150), later in 0u64..10 * HOUR_MS) {
        let events = events(&steps);
        let book = two_sided(&events);
        let now_ms = events.iter().filter_map(Event::at_ms).max().unwrap_or(START_MS) + later;
        for subject in (0..10).map(any_subject) {
            let outside = book.redacted_from("own", &subject, now_ms).unwrap();
            let why = book.explain_from("own", &subject, now_ms).unwrap();
            prop_assert_eq!((outside.score, outside.confidence, outside.known), (why.score, why.confidence, why.known));
            prop_assert_eq!((outside.voters, outside.votes_to_turn), (why.terms.voters, why.outlook.votes_to_turn));
            prop_assert_eq!((outside.ledger_index, outside.parameters), (why.ledger_index, why.parameters));
            let all: BTreeSet<u64> = why.contributions.iter().map(|part| part.index).collect();
            prop_assert_eq!(outside.votes.iter().map(|vote| vote.index).collect::<BTreeSet<_>>(), all);
            // The votes are the same, in the same order, from a viewpoint that trusts others.
            let other = book.redacted_from("other", &subject, now_ms).unwrap();
            prop_assert_eq!(outside.votes, other.votes);
        }
    }
}

#[test]
fn no_key_reveals_weights_paths_or_seeds() {
    let book = two_sided(&[voted(0, START_MS, "p0.example", "a.example", -100)]);
    let redacted = book.redacted_from("own", &subject("a.example"), START_MS).unwrap();
    let json = serde_json::to_value(&redacted).unwrap();
    let keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let known = ["subject", "sentence", "score", "confidence", "known", "viewpoint", "parameters", "ledger_index"];
    let known: BTreeSet<&str> = known.into_iter().chain(["now_ms", "voters", "votes", "votes_to_turn"]).collect();
    assert_eq!(keys.into_iter().collect::<BTreeSet<_>>(), known);
    let vote: Vec<&str> = json["votes"][0].as_object().unwrap().keys().map(String::as_str).collect();
    let known = ["index", "voter", "category", "value", "expires_at_ms"];
    assert_eq!(vote.into_iter().collect::<BTreeSet<_>>(), known.into_iter().collect());
    assert!(book.redacted_from("nobody", &subject("a.example"), START_MS).is_none());
}

#[test]
fn of_many_votes_the_latest_are_listed_not_the_heaviest() {
    let seeds_vote = voted(0, START_MS, "p0.example", "a.example", -100);
    let strangers = (1..80).map(|i| voted(i, START_MS, &format!("s{i}.example"), "a.example", 100));
    let book = two_sided(&std::iter::once(seeds_vote).chain(strangers).collect::<Vec<_>>());
    let RedactedExplanation { votes, voters, .. } = book.redacted_from("own", &subject("a.example"), START_MS).unwrap();
    assert_eq!((votes.len(), voters), (CONTRIBUTIONS_MAX, 80));
    assert!(votes.iter().all(|vote| vote.index >= 30), "the seed's vote is old, so it is not among them");
    assert!(votes.is_sorted_by(|a, b| a.index > b.index));
    assert_eq!(votes[0].category, Category::Vouch.as_str());
}
