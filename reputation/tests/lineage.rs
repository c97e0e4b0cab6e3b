//! R6: a copy is not a second opinion.

#[path = "common/events.rs"]
mod events;

use events::*;
use ostrakon_ledger::{Category, RecordId, Subject};
use ostrakon_reputation::{Book, DerivedFrom, Event};
use proptest::prelude::*;

/// A seed vouches for this many voters, equally.
fn vouched(voters: usize) -> Vec<Event> {
    (0..voters).map(|i| voted(i as u64, START_MS, "seed.example", &format!("v{i}.example"), 100)).collect()
}

fn folded(events: &[Event]) -> Book {
    let mut book = book(None, &[("seed.example", 1000)]);
    book.apply_all(events);
    book.close_epoch();
    book
}

fn tally(book: &Book, subject: &Subject) -> (u64, u64) {
    let score = book.snapshot().score(subject, START_MS);
    (score.positive_nv, score.negative_nv)
}

fn copy_of(index: u64, voter: usize, about: &Subject, value: i8, source: DerivedFrom) -> Event {
    let vote = vote(about.clone(), value, START_MS, 0, Category::Spam);
    Event::Derived { index, at_ms: START_MS, voter: peer(&format!("v{voter}.example")), vote, source }
}

/// Voter `v{i}`'s votes about the subjects of a list.
fn list(events: &mut Vec<Event>, voter: usize, subjects: std::ops::Range<usize>) {
    for subject in subjects {
        let index = events.len() as u64;
        events.push(voted(index, START_MS, &format!("v{voter}.example"), &format!("s{subject}.example"), -100));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    /// k declared copies weigh as much as one, whoever casts them, and whether or not the record itself is a vote of
    /// this ledger.
    #[test]
    fn declared_copies_weigh_as_one(copies in 1usize..30, own in any::<bool>(), value in 1i8..=100) {
        let about = subject("s.example");
        let mut events = vouched(30);
        let source = if own { DerivedFrom::Record(RecordId([9; 32])) } else {
            let vote = vote(about.clone(), -value, START_MS, 0, Category::Spam);
            let index = events.len() as u64;
            events.push(Event::Voted { index, at_ms: START_MS, id: record_id(index), voter: peer("v0.example"), vote });
            DerivedFrom::Vote { index, voter: peer("v0.example") }
        };
        for copy in 0..copies {
            events.push(copy_of(events.len() as u64, usize::from(!own) + copy % 29, &about, -value, source.clone()));
        }
        let book = folded(&events);
        let weight = |i: usize| book.trust(&peer(&format!("v{i}.example"))).credibility;
        let best = (0..30).map(weight).max().unwrap();
        prop_assert_eq!(tally(&book, &about), (0, u64::from(best) * u64::from(value.unsigned_abs()) * 10));
        // The parts add up, and the copies are marked.
        let why = book.explain(&about, START_MS);
        prop_assert_eq!(why.contributions.iter().filter(|part| !part.copy).count(), 1);
        prop_assert_eq!(why.contributions.iter().map(|part| -part.weight_nv).sum::<i64>() as u64, why.terms.negative_nv);
    }

    /// k undeclared copies of a list weigh as much as one.
    #[test]
    fn copied_lists_weigh_as_one(copies in 0usize..12, length in 16usize..60) {
        let mut events = vouched(13);
        list(&mut events, 0, 0..length);
        let alone = folded(&events);
        for copy in 1..=copies {
            list(&mut events, copy, 0..length);
        }
        let copied = folded(&events);
        // The seed's trust is shared among the same thirteen voters. The leader weighs as much as before.
        for i in 0..length {
            let about = subject(&format!("s{i}.example"));
            prop_assert_eq!(tally(&copied, &about), tally(&alone, &about));
        }
        for copy in 1..=copies {
            let trust = copied.trust(&peer(&format!("v{copy}.example")));
            prop_assert_eq!((trust.credibility, trust.follows), (0, Some(subject("v0.example"))));
        }
        prop_assert_eq!(copied.trust(&peer("v0.example")).follows, None);
    }
}

/// A follower that is trusted more than its leader keeps the difference, so nobody can take its weight by publishing
/// first.
#[test]
fn a_trusted_list_that_somebody_unknown_published_first_counts_in_full() {
    let mut events = vouched(2);
    list(&mut events, 7, 0..20);
    list(&mut events, 0, 0..20);
    let book = folded(&events);
    let trust = |i: usize| book.trust(&peer(&format!("v{i}.example")));
    assert_eq!((trust(7).credibility, trust(0).follows), (0, Some(subject("v7.example"))));
    assert!(trust(0).credibility > 0);
    assert_eq!(tally(&book, &subject("s3.example")).1, u64::from(trust(0).credibility) * 1_000);
}

#[test]
fn lists_of_ones_own_are_nobodys_copies() {
    let mut events = vouched(3);
    list(&mut events, 0, 0..40);
    // A list of which half is the same, a short list, and a small part of the list.
    list(&mut events, 1, 20..60);
    list(&mut events, 2, 0..18);
    let book = folded(&events);
    for i in 0..3 {
        assert_eq!(book.trust(&peer(&format!("v{i}.example"))).follows, None, "v{i}");
    }
}

/// A derived vote does not count before the next epoch. Then one copy counts, and when it has ended, another one.
#[test]
fn who_speaks_is_found_out_when_an_epoch_closes() {
    let about = subject("s.example");
    let mut events = vouched(3);
    // More entries, so that the next ones come between epochs.
    events.extend((3..900).map(|i| voted(i, START_MS, "noise.example", &format!("n{i}.example"), 1)));
    let mut book = folded(&events);
    let index = events.len() as u64;
    book.apply(&copy_of(index, 0, &about, -100, DerivedFrom::Record(RecordId([9; 32]))));
    book.apply(&copy_of(index + 1, 1, &about, -100, DerivedFrom::Record(RecordId([9; 32]))));
    assert_eq!(tally(&book, &about), (0, 0));
    book.close_epoch();
    let one = u64::from(book.trust(&peer("v0.example")).credibility) * 1_000;
    assert_eq!(tally(&book, &about), (0, one));
    let target = Event::Retracted {
        index: index + 2,
        at_ms: START_MS,
        voter: peer("v0.example"),
        subject: about.clone(),
        target: index,
    };
    book.apply(&target);
    assert_eq!(tally(&book, &about), (0, 0));
    book.close_epoch();
    assert_eq!(tally(&book, &about), (0, one));
}
