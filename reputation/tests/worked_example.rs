//! The worked example of `docs/reputation.md`, which can be computed by hand.

#[path = "common/events.rs"]
mod events;

use events::*;

/// seed → a +1, a → c +.5, c → d +.2, a → b −1, d → b +1.
#[test]
fn the_example_in_the_documentation() {
    let mut book = book(None, &[("seed.example", 1000)]);
    let votes = [
        ("seed.example", "a.example", 100),
        ("a.example", "c.example", 50),
        ("c.example", "d.example", 20),
        ("a.example", "b.example", -100),
        ("d.example", "b.example", 100),
    ];
    for (index, (voter, about, value)) in (0..).zip(votes) {
        book.apply(&voted(index, START_MS, voter, about, value));
    }
    // R1: y(a) = .8 · 1/1.5, y(c) = .8 · y(a) · .5/1.5 · .865, in billionths. d is closed: what it contradicts is
    // established.
    let trust = |name: &str| book.trust(&peer(name));
    assert_eq!(
        (trust("a.example").flow, trust("c.example").flow, trust("d.example").flow),
        (533_333_333, 123_057_527, 0)
    );
    // R2: both are above τ = .014. c vouched for d and keeps .865. R4: d = .4444 / (.4444 + .3) = .597 is past zone and
    // ramp.
    let credibility = |name: &str| trust(name).credibility;
    assert_eq!((credibility("a.example"), credibility("c.example"), credibility("d.example")), (1_000_000, 865_248, 0));
    assert_eq!((trust("a.example").consistency, trust("d.example").consistency), (1_000_000, 0));
    assert_eq!((trust("c.example").hops, trust("d.example").hops), (Some(2), None));
    // R7.
    let score = |name: &str| {
        let score = book.snapshot().score(&subject(name), START_MS);
        (score.score, score.confidence)
    };
    assert_eq!(score("a.example"), (833, 833)); // 1 / 1.2
    assert_eq!(score("b.example"), (-833, 833)); // −1 / 1.2
    assert_eq!(score("c.example"), (714, 714)); // .5 / .7
    assert_eq!(score("d.example"), (464, 464)); // .173 / .373
    let why = book.explain(&subject("b.example"), START_MS);
    let parts: Vec<_> = why.contributions.iter().map(|p| (p.voter.to_string(), p.weight_nv, p.path.len())).collect();
    assert_eq!(parts, [("peer:a.example".to_owned(), -1_000_000_000, 2), ("peer:d.example".to_owned(), 0, 0)]);
    assert_eq!((why.terms.voters, why.outlook.votes_to_turn), (2, 2));
    let json = serde_json::to_value(&why).unwrap();
    assert_eq!(json["contributions"][0]["path"], serde_json::json!(["peer:seed.example", "peer:a.example"]));
}
