//! Properties of every attacker.

use std::collections::BTreeSet;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{ALL, Attack, Scene, Timing, find};
use crate::votes::Row;

/// A village: 60 people who vote on each other. The last ten get bad votes.
fn village() -> Vec<Row> {
    let votes = (0..1200u64).map(|i| {
        let (voter, subject) = ((i * 7 % 60) as usize, (i * i * 11 % 57 + i % 4) as usize % 60);
        Row { voter, subject, value: if subject >= 50 { -80 } else { 60 }, time_ms: 1_000 * i }
    });
    // Votes that nobody else casts, for those who look for thin records.
    let thin = (0..50usize).map(|voter| Row { voter, subject: 60 + voter, value: 40, time_ms: 1_200_000 });
    votes.filter(|row| row.voter != row.subject).chain(thin).collect()
}

const SEEDS: [usize; 5] = [0, 1, 2, 3, 4];

fn attack(name: &str, seed: u64) -> (Attack, Vec<usize>) {
    let votes = village();
    let honest: Vec<usize> = (5..50).collect();
    let (slandered, praised): (Vec<usize>, Vec<usize>) = ((30..40).collect(), (50..60).collect());
    let scene =
        Scene { votes: &votes, seeds: &SEEDS, honest: &honest, slandered: &slandered, praised: &praised, count: 110 };
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    ((find(name).unwrap().plan)(&scene, &mut rng), honest)
}

#[test]
fn the_seed_decides_everything() {
    for attacker in ALL {
        assert_eq!(attack(attacker.name, 1), attack(attacker.name, 1), "{}", attacker.name);
        assert_ne!(attack(attacker.name, 1), attack(attacker.name, 2), "{}", attacker.name);
    }
}

#[test]
fn names_differ() {
    let names: BTreeSet<_> = ALL.iter().map(|attacker| attacker.name).collect();
    assert_eq!(names.len(), ALL.len());
    assert!(find("nobody").is_none() && !names.contains("clean"));
}

#[test]
fn only_false_identities_and_erring_honest_voters_act() {
    for attacker in ALL {
        let (attack, honest) = attack(attacker.name, 3);
        assert!(attack.identities.start == 110 && !attack.identities.is_empty(), "{}", attacker.name);
        let mut edges = 0;
        for row in &attack.votes {
            let ours = attack.identities.contains(&row.voter);
            let errs = if attacker.name == "vouched" { &SEEDS[..] } else { &honest };
            let edge = errs.contains(&row.voter) && attack.identities.contains(&row.subject) && row.value > 0;
            assert!((ours || edge) && row.voter != row.subject && row.value != 0, "{}: {row:?}", attacker.name);
            edges += usize::from(edge);
        }
        let promised = match attacker.name {
            "thousand-edges" => 45 * 5,
            "vouched" => 10 * 3,
            _ => 100,
        };
        assert_eq!(edges, promised, "{}: an edge too many is an attack that nobody described", attacker.name);
    }
}

#[test]
fn they_act_when_they_say() {
    let end_ms = village().last().unwrap().time_ms;
    for attacker in ALL {
        let (attack, _) = attack(attacker.name, 4);
        let at_end = attack.votes.iter().filter(|row| row.time_ms == end_ms).count();
        match attacker.timing {
            Timing::AtTheEnd => assert_eq!(at_end, attack.votes.len(), "{}", attacker.name),
            Timing::OverTime => assert!(at_end < attack.votes.len() / 2, "{}", attacker.name),
        }
        assert!(attack.votes.iter().all(|row| row.time_ms <= end_ms));
    }
}

#[test]
fn who_contradicts_leaves_the_targets_alone() {
    let (attack, _) = attack("contradiction", 5);
    let by_ring: Vec<_> = attack.votes.iter().filter(|row| attack.identities.contains(&row.voter)).collect();
    assert!(!by_ring.is_empty());
    assert!(by_ring.iter().all(|row| (60..110).contains(&row.subject)), "thin records only");
}
