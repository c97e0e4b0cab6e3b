//! A book that was written and read is the same book.

#[path = "common/events.rs"]
mod events;

use events::*;
use ostrakon_ledger::{Category, Subject};
use ostrakon_reputation::{Book, Event, Parameters, Unreadable, Viewpoint};
use proptest::prelude::*;

fn parameters(half_life_ms: Option<u64>) -> Parameters {
    Parameters { half_life_ms, ..Parameters::default() }
}

fn others() -> Vec<Viewpoint> {
    let seeds = [("p2.example", 700), ("p1.example", 1000)].map(|(name, weight)| (peer(name), weight)).into();
    vec![Viewpoint { name: "community".to_owned(), seeds }]
}

fn empty(half_life_ms: Option<u64>) -> Book {
    Book::with_others(parameters(half_life_ms), viewpoint(&SEEDS), others())
}

fn read(half_life_ms: Option<u64>, bytes: &[u8]) -> Result<Book, Unreadable> {
    Book::from_bytes(parameters(half_life_ms), viewpoint(&SEEDS), others(), bytes)
}

fn half_lives() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![Just(None), Just(Some(HOUR_MS)), Just(Some(90 * 24 * HOUR_MS))]
}

/// The bytes, with the right digest.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() - 32);
    let digest = *blake3::hash(&bytes).as_bytes();
    bytes.extend(digest);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    #[test]
    fn a_restart_anywhere_changes_nothing(steps in steps(150), half_life in half_lives(), cuts in prop::collection::vec(0usize..150, 1..4), later in 0u64..10 * HOUR_MS) {
        let events = events(&steps);
        let end_ms = events.iter().filter_map(Event::at_ms).max().unwrap_or(START_MS) + later;
        let mut running = empty(half_life);
        running.apply_all(&events);
        running.advance(end_ms);
        let mut restarted = empty(half_life);
        for cut in cuts {
            restarted.apply_all(&events[..cut.min(events.len())]);
            let told_ms = restarted.snapshot().next_index() * 1_000 + START_MS;
            restarted.advance(told_ms.min(end_ms));
            restarted = read(half_life, &restarted.to_bytes()).unwrap();
        }
        restarted.apply_all(&events);
        restarted.advance(end_ms);
        prop_assert!(restarted.to_bytes() == running.to_bytes());
        for subject in (0..10).map(any_subject) {
            prop_assert_eq!(restarted.explain(&subject, end_ms), running.explain(&subject, end_ms));
        }
    }

    #[test]
    fn other_viewpoints_do_not_show(steps in steps(120), half_life in half_lives()) {
        let events = events(&steps);
        let mut together = empty(half_life);
        together.apply_all(&events);
        for (snapshot, viewpoint) in together.snapshots().iter().zip([viewpoint(&SEEDS), others().remove(0)]) {
            let name = viewpoint.name.clone();
            let mut alone = Book::new(parameters(half_life), viewpoint);
            events.iter().for_each(|event| alone.apply(event));
            let apart = alone.snapshot();
            prop_assert_eq!(snapshot.label(), apart.label());
            for subject in (0..10).map(any_subject) {
                let now_ms = START_MS + 20 * HOUR_MS;
                prop_assert_eq!(snapshot.score(&subject, now_ms), apart.score(&subject, now_ms));
                prop_assert_eq!(together.explain_from(&name, &subject, now_ms), Some(alone.explain(&subject, now_ms)));
            }
        }
    }

    /// Expiry and decay are the same to the millisecond before, at and after a restart at any moment.
    #[test]
    fn time_is_kept_across_a_restart(lasts_ms in 1u64..50 * HOUR_MS, down_ms in 0u64..60 * HOUR_MS, early_ms in 1u64..10_000) {
        let half_life_ms = Some(7 * HOUR_MS);
        let (ends_ms, seen_ms) = (START_MS + lasts_ms, START_MS + lasts_ms.saturating_sub(early_ms));
        let mut book = empty(half_life_ms);
        let vote = vote(subject("a.example"), 100, START_MS, ends_ms, Category::Vouch);
        book.apply(&Event::Voted { index: 0, at_ms: START_MS, id: record_id(0), voter: peer("p0.example"), vote });
        book.advance(START_MS + down_ms.min(lasts_ms - 1));
        let mut book = read(half_life_ms, &book.to_bytes()).unwrap();
        let score = |book: &Book, at_ms| book.snapshot().score(&subject("a.example"), at_ms);
        book.advance(seen_ms);
        let left = 1e9 * (-(seen_ms as f64 - START_MS as f64) / (7 * HOUR_MS) as f64).exp2();
        let seen = score(&book, seen_ms);
        prop_assert!(seen.known && (seen.positive_nv as f64 - left).abs() <= left * 1e-6 + 1.0, "{:?} {}", seen, left);
        book.advance(ends_ms - 1);
        prop_assert!(score(&book, ends_ms - 1).known);
        book.advance(ends_ms);
        prop_assert!(!score(&book, ends_ms).known);
        let mut book = read(half_life_ms, &book.to_bytes()).unwrap();
        book.advance(START_MS);
        prop_assert!(!score(&book, ends_ms).known, "a clock that was set back revived a vote");
    }

    #[test]
    fn damage_is_found(steps in steps(60), at in any::<prop::sample::Index>(), change in 1u8..=255, cut in any::<prop::sample::Index>()) {
        let mut book = empty(None);
        book.apply_all(&events(&steps));
        let bytes = book.to_bytes();
        let mut damaged = bytes.clone();
        damaged[at.index(bytes.len())] ^= change;
        prop_assert!(read(None, &damaged).is_err());
        prop_assert!(read(None, &bytes[..cut.index(bytes.len())]).is_err());
        prop_assert!(read(None, &[bytes.as_slice(), &[change]].concat()).is_err());
    }

    /// Bytes that an attacker made, with the right digest, are refused or give a book that works.
    #[test]
    fn nonsense_does_no_harm(steps in steps(60), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), more in steps(30)) {
        let mut book = empty(Some(HOUR_MS));
        book.apply_all(&events(&steps));
        let mut bytes = book.to_bytes();
        let len = bytes.len() - 32;
        changes.iter().for_each(|(at, byte)| bytes[at.index(len)] = *byte);
        if let Ok(mut book) = read(Some(HOUR_MS), &sealed(bytes)) {
            book.apply_all(&events(&more));
            (0..10).for_each(|i| drop(book.explain(&any_subject(i), START_MS)));
        }
    }
}

#[test]
fn a_book_of_another_kind_is_named() {
    let mut book = empty(None);
    book.apply(&voted(0, START_MS, "p0.example", "a.example", 100));
    let bytes = book.to_bytes();
    let own = || viewpoint(&SEEDS);
    let with = |parameters, own, others| Book::from_bytes(parameters, own, others, &bytes).err();
    assert!(with(parameters(None), own(), others()).is_none());
    assert!(matches!(with(parameters(Some(HOUR_MS)), own(), others()), Some(Unreadable::OtherParameters)));
    assert!(matches!(with(parameters(None), own(), Vec::new()), Some(Unreadable::OtherViewpoints)));
    let renamed = Viewpoint { name: "mine".to_owned(), ..own() };
    assert!(matches!(with(parameters(None), renamed, others()), Some(Unreadable::OtherViewpoints)));
    assert!(matches!(
        read(None, b"ostrakon book v1\n and more than thirty-two bytes of it"),
        Err(Unreadable::OtherForm)
    ));
    assert!(matches!(read(None, b""), Err(Unreadable::Damaged(_))));
}

/// After an error, the entries before it stay applied, and the book is the same in the end.
#[test]
fn catching_up_can_be_interrupted() {
    let events: Vec<Event> =
        (0..300).map(|i| voted(i, START_MS + i * 60_000, "p0.example", &format!("n{}.example", i % 40), 50)).collect();
    let mut straight = empty(None);
    events.iter().for_each(|event| straight.apply(event));
    let mut book = empty(None);
    let torn = events.iter().take(170).cloned().map(Ok).chain([Err("disk")]).chain(events.iter().cloned().map(Ok));
    assert_eq!(book.catch_up(torn), Err("disk"));
    assert_eq!(book.next_index(), 170);
    assert!(book.snapshot().score(&Subject::Peer(peer("n1.example")), START_MS).known);
    assert_eq!(book.catch_up(events.iter().cloned().map(Ok::<_, ()>)), Ok(()));
    assert!(book.to_bytes() == straight.to_bytes());
}
