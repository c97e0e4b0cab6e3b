//! What attackers cannot do. The Sybil bound: identities behind attack edges that carry flow φ weigh at most
//! φ(1−α)/(ατ) together. R4's side channel: a peer that no seed vouches for cannot reduce anybody's consistency.

#[path = "common/events.rs"]
mod events;

use std::collections::{BTreeMap, BTreeSet};

use events::*;
use ostrakon_ledger::Category;
use ostrakon_reputation::{Book, Event, Parameters};
use proptest::prelude::*;

/// A vote of one number about another.
#[derive(Debug, Clone, Copy)]
struct Cast {
    voter: usize,
    about: usize,
    value: i8,
    /// When it was cast, and how long it lasts; 0: for ever.
    at_h: u64,
    lasts_h: u64,
}

#[derive(Debug, Clone)]
struct World {
    honest: usize,
    sybils: usize,
    half_life_h: Option<u64>,
    /// By time. Numbers below `honest` are honest; 0 and 1 are the seeds.
    votes: Vec<Cast>,
}

fn casts(
    voters: std::ops::Range<usize>,
    about: std::ops::Range<usize>,
    values: std::ops::RangeInclusive<i8>,
    count: std::ops::Range<usize>,
) -> impl Strategy<Value = Vec<Cast>> {
    let lasts = prop_oneof![2 => Just(0u64), 1 => 1u64..400];
    let cast = (voters, about, values, 0u64..300, lasts).prop_map(|(voter, about, value, at_h, lasts_h)| Cast {
        voter,
        about,
        value,
        at_h,
        lasts_h,
    });
    prop::collection::vec(cast, count)
}

fn in_order(mut votes: Vec<Cast>) -> Vec<Cast> {
    votes.retain(|cast| cast.voter != cast.about && cast.value != 0);
    votes.sort_by_key(|cast| cast.at_h);
    votes
}

fn worlds() -> impl Strategy<Value = World> {
    let half_lives = prop_oneof![Just(None), (1u64..500).prop_map(Some)];
    (3usize..12, 1usize..40, half_lives).prop_flat_map(|(honest, sybils, half_life_h)| {
        let all = honest + sybils;
        let among_honest = casts(0..honest, 0..honest, -100..=100, 3..40);
        let attack = casts(0..honest, honest..all, 1..=100, 0..8);
        let by_sybils = casts(honest..all, 0..all, -100..=100, 0..120);
        (among_honest, attack, by_sybils).prop_map(move |(honest_votes, attack, by_sybils)| {
            let votes = in_order([honest_votes, attack, by_sybils].concat());
            World { honest, sybils, half_life_h, votes }
        })
    })
}

fn name(i: usize) -> String {
    format!("n{i}.example")
}

fn folded(votes: &[Cast], half_life_h: Option<u64>) -> Book {
    let mut book = book(half_life_h.map(|h| h * HOUR_MS), &[("n0.example", 1000), ("n1.example", 500)]);
    let event = |(index, cast): (u64, &Cast)| {
        let at_ms = START_MS + cast.at_h * HOUR_MS;
        let ends_ms = if cast.lasts_h == 0 { 0 } else { at_ms + cast.lasts_h * HOUR_MS };
        let vote = vote(subject(&name(cast.about)), cast.value, at_ms, ends_ms, Category::Vouch);
        Event::Voted { index, at_ms, id: record_id(index), voter: peer(&name(cast.voter)), vote }
    };
    let events: Vec<_> = (0..).zip(votes).map(event).collect();
    book.apply_all(&events);
    book.close_epoch();
    book
}

/// The last live vote of each pair at the end, in full votes.
fn live(world: &World) -> BTreeMap<(usize, usize), f64> {
    let end_h = world.votes.last().map_or(0, |cast| cast.at_h);
    let last: BTreeMap<_, Cast> = world.votes.iter().map(|cast| ((cast.voter, cast.about), *cast)).collect();
    let stands = |cast: &Cast| cast.lasts_h == 0 || cast.at_h + cast.lasts_h > end_h;
    let x = |cast: &Cast| {
        let age_h = (end_h - cast.at_h) as f64;
        f64::from(cast.value) / 100.0 * world.half_life_h.map_or(1.0, |half| 0.5f64.powf(age_h / half as f64))
    };
    last.iter().filter(|(_, cast)| stands(cast)).map(|(pair, cast)| (*pair, x(cast))).collect()
}

/// Flow in full seeds and credibility in full votes.
fn trust(book: &Book, i: usize) -> (f64, f64) {
    let trust = book.trust(&peer(&name(i)));
    (trust.flow as f64 / 1e9, f64::from(trust.credibility) / 1e6)
}

fn bound(phi: f64) -> f64 {
    let p = Parameters::default();
    let (alpha, tau) = (f64::from(p.alpha) / 1e6, f64::from(p.tau) / 1e6);
    phi * (1.0 - alpha) / (alpha * tau)
}

fn cast(voter: usize, about: usize, value: i8) -> Cast {
    Cast { voter, about, value, at_h: 0, lasts_h: 0 }
}

/// Seeds 0 and 1, judges 2..5 for whom only seeds and judges vote, ordinary voters 5..10, attackers from 10.
const JUDGES: std::ops::Range<usize> = 2..5;
const ORDINARY: std::ops::Range<usize> = 5..10;
const ATTACKERS: std::ops::Range<usize> = 10..30;

/// The votes of honest voters, which include edges from ordinary voters to attackers, and the votes of attackers.
fn sieges() -> impl Strategy<Value = (Vec<Cast>, Vec<Cast>)> {
    // Subjects from 30 on get votes but do not vote.
    let by_seeds = (casts(0..2, JUDGES, 1..=100, 1..8), casts(0..2, 30..40, -100..=100, 0..15));
    let by_judges = (casts(JUDGES, 0..5, 1..=100, 0..8), casts(JUDGES, 30..40, -100..=100, 0..20));
    let by_ordinary = (casts(ORDINARY, 0..10, 1..=100, 0..10), casts(ORDINARY, 30..40, -100..=100, 0..30));
    let edges = casts(ORDINARY, ATTACKERS, 1..=100, 0..10);
    let by_attackers = casts(ATTACKERS, 0..40, -100..=100, 0..150);
    (by_seeds, by_judges, by_ordinary, edges, by_attackers).prop_map(|(a, b, c, edges, by_attackers)| {
        // The last vote is always the same, so that the ledger's time is the same.
        let last = vec![Cast { voter: 50, about: 51, value: 1, at_h: 300, lasts_h: 0 }];
        (in_order([a.0, a.1, b.0, b.1, c.0, c.1, edges, last].concat()), in_order(by_attackers))
    })
}

/// The voters that vouched for an attacker, directly or through others.
fn implicated(votes: &[Cast]) -> BTreeSet<usize> {
    let mut found: BTreeSet<usize> = ATTACKERS.collect();
    loop {
        let vouches = votes.iter().filter(|cast| cast.value > 0 && found.contains(&cast.about));
        let more: BTreeSet<usize> = vouches.map(|cast| cast.voter).filter(|voter| !found.contains(voter)).collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    /// Random graphs, edges, values, times, expiries and decay.
    #[test]
    fn however_many_they_are(world in worlds()) {
        let book = folded(&world.votes, world.half_life_h);
        let w_min = f64::from(Parameters::default().w_min) / 1e6;
        let live = live(&world);
        let phi: f64 = (0..world.honest)
            .map(|u| {
                let positive = |to_sybils: bool| -> f64 {
                    let mine = live.iter().filter(|((voter, v), x)| *voter == u && **x > 0.0 && (!to_sybils || *v >= world.honest));
                    mine.map(|(_, x)| x).sum()
                };
                trust(&book, u).0 * positive(true) / positive(false).max(w_min)
            })
            .sum();
        let weight: f64 = (world.honest..world.honest + world.sybils).map(|i| trust(&book, i).1).sum();
        prop_assert!(weight <= bound(phi) + 1e-4, "{weight} {phi}");
    }

    /// A voter that passes all its trust on to puppets gives each less than the weight of a full voter, and all
    /// together less than the bound, whether there are three of them or three hundred.
    #[test]
    fn splitting_one_identity_gains_nothing(puppets in 1usize..300, edge in 1i8..=100) {
        let mut votes = vec![cast(0, 2, edge)];
        votes.extend((3..3 + puppets).map(|i| cast(2, i, 100)));
        votes.extend((2..3 + puppets).map(|i| cast(i, 1_000, -100)));
        let book = folded(&votes, None);
        let w_min = f64::from(Parameters::default().w_min) / 1e6;
        let slander = book.snapshot().score(&subject(&name(1_000)), START_MS);
        prop_assert!(slander.negative_nv as f64 / 1e9 <= bound(f64::from(edge) / 100.0 / w_min), "{slander:?}");
    }

    /// R4's side channel: if no seed vouches for the attackers, only voters that vouched for them, directly or through
    /// others, lose consistency.
    #[test]
    fn only_whom_seeds_chose_can_cost_others_consistency((honest, by_attackers) in sieges()) {
        let without = folded(&honest, None);
        let with = folded(&in_order([honest.clone(), by_attackers].concat()), None);
        let implicated = implicated(&honest);
        for voter in (0..10).filter(|voter| !implicated.contains(voter)) {
            let consistency = |book: &Book| book.trust(&peer(&name(voter))).consistency;
            prop_assert_eq!(consistency(&with), consistency(&without), "voter {}", voter);
        }
    }
}

#[test]
fn no_flow_no_weight() {
    // A thousand identities that praise each other and slander one subject, without an edge from a trusted peer.
    let mut votes = vec![cast(0, 2, 100), cast(2, 5, 100)];
    votes.extend((100..1_100).flat_map(|i| [cast(i, 100 + (i + 1) % 1_000, 100), cast(i, 5, -100)]));
    let book = folded(&votes, None);
    let score = book.snapshot().score(&subject("n5.example"), START_MS);
    assert_eq!((score.positive_nv, score.negative_nv), (1_000_000_000, 0));
    assert_eq!(Parameters::default().tau, 14_000, "the bound above is stated for the default parameters");
}

/// A voter with a record loses nothing by vouching for an inconsistent voter. A voter without a record loses its
/// weight.
#[test]
fn a_record_outweighs_one_wrong_vouch() {
    const TRAITOR: usize = 4;
    let subjects = 20..40;
    // The seeds establish twenty subjects; the traitor contradicts all of them.
    let mut votes: Vec<Cast> = subjects.clone().flat_map(|i| [cast(0, i, -100), cast(1, i, -100)]).collect();
    votes.extend(subjects.clone().map(|i| cast(TRAITOR, i, 100)));
    votes.extend([cast(0, 2, 100), cast(0, 3, 100), cast(2, TRAITOR, 100), cast(3, TRAITOR, 100)]);
    votes.extend(subjects.map(|i| cast(2, i, -100)));
    let book = folded(&votes, None);
    let consistency = |i: usize| book.trust(&peer(&name(i))).consistency;
    assert_eq!((consistency(2), consistency(TRAITOR)), (1_000_000, 0));
    assert!(consistency(3) < 1_000_000, "{}", consistency(3));
}

/// Peers that a seed vouches for by mistake cannot vouch each other in as judges, because the seeds judge first.
#[test]
fn new_judges_cannot_vouch_each_other_in() {
    const HONEST: usize = 2;
    const RING: std::ops::Range<usize> = 3..13;
    let established = 20..23;
    let mut votes: Vec<Cast> = established.clone().flat_map(|i| [cast(0, i, -100), cast(1, i, -100)]).collect();
    votes.extend([cast(1, HONEST, 100)].into_iter().chain(established.clone().map(|i| cast(HONEST, i, -100))));
    for member in RING {
        votes.push(cast(0, member, 30));
        votes.extend(RING.filter(|other| *other != member).map(|other| cast(member, other, 100)));
        votes.extend(established.clone().map(|i| cast(member, i, 100)));
    }
    let book = folded(&votes, None);
    let consistency = |i: usize| book.trust(&peer(&name(i))).consistency;
    assert_eq!(RING.map(consistency).collect::<Vec<_>>(), vec![0; RING.len()]);
    assert_eq!(consistency(HONEST), 1_000_000);
}

/// A dishonest judge cannot hurt an honest voter by contradiction where another judge agrees with the voter.
#[test]
fn one_bad_judge_does_not_outweigh_a_seed() {
    const TRAITOR: usize = 3;
    let votes: Vec<Cast> = (20..30)
        .flat_map(|i| [cast(0, i, -100), cast(2, i, -100), cast(TRAITOR, i, 100)])
        .chain([cast(0, 2, 100), cast(0, TRAITOR, 100)])
        .collect();
    let book = folded(&votes, None);
    let consistency = |i: usize| book.trust(&peer(&name(i))).consistency;
    assert_eq!((consistency(2), consistency(TRAITOR)), (1_000_000, 0));
}
