//! The votes of a peer that equivocated do not count.
#![allow(clippy::unwrap_used)]

#[path = "common/events.rs"]
mod events;

use events::*;
use ostrakon_reputation::{Book, Event, Parameters};
use proptest::prelude::*;

fn convicted(index: u64, at_ms: u64, who: &str) -> Event {
    Event::Convicted { index, at_ms, peer: peer(who) }
}

fn score(book: &Book, about: &str) -> i16 {
    book.snapshot().score(&subject(about), START_MS).score
}

#[test]
fn what_a_liar_said_and_says_counts_for_nothing_and_the_others_stay() {
    let mut book = book(None, &SEEDS);
    book.apply(&voted(0, START_MS, "p0.example", "x.example", -80));
    book.apply(&voted(1, START_MS, "p1.example", "y.example", -80));
    book.apply(&voted(2, START_MS, "p0.example", "p2.example", 100));
    book.apply(&voted(3, START_MS, "p2.example", "z.example", -100));
    assert!(score(&book, "x.example") < 0 && score(&book, "y.example") < 0 && score(&book, "z.example") < 0);
    book.apply(&convicted(4, START_MS, "p0.example"));
    assert_eq!((score(&book, "x.example"), score(&book, "z.example")), (0, 0), "nor whom it alone trusted");
    assert!(score(&book, "y.example") < 0);
    book.apply(&voted(5, START_MS, "p0.example", "w.example", -80));
    assert_eq!(score(&book, "w.example"), 0);
    let parameters = Parameters { half_life_ms: None, ..Parameters::default() };
    let mut again = Book::from_bytes(parameters, viewpoint(&SEEDS), vec![], &book.to_bytes()).unwrap();
    again.apply(&voted(6, START_MS, "p0.example", "v.example", -80));
    assert_eq!(score(&again, "v.example"), 0, "also after a restart");
}

#[test]
fn what_an_expelled_peer_said_counts_no_more_and_what_it_says_once_admitted_again_counts() {
    let mut book = book(None, &SEEDS);
    book.apply(&voted(0, START_MS, "p0.example", "x.example", -80));
    book.apply(&voted(1, START_MS, "p0.example", "y.example", -80));
    assert!(score(&book, "x.example") < 0);
    book.apply(&Event::Expelled { index: 2, at_ms: START_MS, peer: peer("p0.example") });
    assert_eq!((score(&book, "x.example"), score(&book, "y.example")), (0, 0));
    book.apply(&voted(3, START_MS, "p0.example", "w.example", -80));
    assert_eq!(score(&book, "w.example"), 0);
    let parameters = Parameters { half_life_ms: None, ..Parameters::default() };
    let mut book = Book::from_bytes(parameters, viewpoint(&SEEDS), vec![], &book.to_bytes()).unwrap();
    book.apply(&Event::Admitted { index: 4, peer: peer("p0.example") });
    assert_eq!(score(&book, "x.example"), 0, "its earlier votes stay out");
    book.apply(&voted(5, START_MS, "p0.example", "x.example", -80));
    assert!(score(&book, "x.example") < 0);
    assert_eq!(score(&book, "y.example"), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whether entries are applied one by one or all at once, and whenever the conviction comes: the book is the same,
    /// and without the votes of the convicted peer.
    #[test]
    fn a_conviction_is_a_fold_like_any_other(steps in steps(60), at in any::<prop::sample::Index>()) {
        let mut all = events(&steps);
        let at = at.index(all.len());
        let last = all.last().and_then(Event::at_ms).unwrap_or(START_MS);
        all[at] = convicted(at as u64, all[at].at_ms().unwrap_or(START_MS), "p0.example");
        // A ledger never admits a convicted peer again.
        for event in &mut all[at..] {
            if matches!(event, Event::Admitted { peer: again, .. } if *again == peer("p0.example")) {
                *event = Event::Admitted { index: event.index(), peer: peer("p1.example") };
            }
        }
        let (mut one, mut many) = (book(None, &SEEDS), book(None, &SEEDS));
        all.iter().for_each(|event| one.apply(event));
        many.apply_all(&all);
        prop_assert_eq!(one.to_bytes(), many.to_bytes());
        let explanation = one.explain(&subject("p3.example"), last);
        prop_assert!(explanation.contributions.iter().all(|part| part.voter != subject("p0.example")));
    }
}
