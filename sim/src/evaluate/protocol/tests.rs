//! Properties of the protocols: labels do not leak, sets do not overlap, and the seed determines everything.

use super::*;
use crate::attackers;

/// 40 people: 0 founded it, 1 to 20 are benign, 21 to 30 fraudulent, the others unknown.
fn plan(seed: u64) -> Plan {
    let votes = (0..4000u64).map(|i| {
        let (voter, subject) = ((i * 7 % 40) as usize, ((i * i * 11 + 3 * i) % 41 % 40) as usize);
        let bad = (21..=30).contains(&subject) || i % 17 == 0;
        Row { voter, subject, value: if bad { -70 } else { 50 }, time_ms: 1_000_000 * i }
    });
    let votes = votes.filter(|row| row.voter != row.subject).collect();
    let labels = Labels { good: (0..=20).collect(), bad: (21..=30).collect() };
    Plan { votes, labels: Some(labels), founder: 0, count: 40, seed }
}

#[test]
fn fraud_removes_what_the_labels_were_made_of() {
    let plan = plan(1);
    let split = plan.split(Protocol::Fraud, 0).unwrap();
    assert!(!split.votes.is_empty() && split.votes.len() < plan.votes.len());
    assert!(split.votes.iter().all(|row| row.voter > 20 || row.subject > 30), "a benign user's vote on a labelled one");
}

#[test]
fn seeds_are_the_founder_and_half_of_the_benign_and_the_others_are_tested() {
    let split = plan(1).split(Protocol::Fraud, 3).unwrap();
    assert_eq!((split.seeds.len(), split.good.len(), split.bad.len()), (11, 10, 10));
    assert!(split.seeds.contains(&0) && split.good.iter().all(|user| !split.seeds.contains(user)));
    let all: BTreeSet<usize> = split.seeds.iter().chain(&split.good).copied().collect();
    assert_eq!(all, (0..=20).collect());
    let scene = split.scene();
    assert!(scene.slandered.iter().all(|user| split.good.contains(user)));
    assert!(scene.honest.iter().all(|user| !split.seeds.contains(user) && !(21..=30).contains(user)));
}

#[test]
fn sign_knows_nothing_of_the_future() {
    let plan = plan(1);
    let split = plan.split(Protocol::Sign, 0).unwrap();
    assert_eq!(split.votes.len(), plan.votes.len() * 4 / 5);
    let last_ms = split.votes.last().unwrap().time_ms;
    assert!(plan.votes[split.votes.len()..].iter().all(|row| row.time_ms >= last_ms));
    assert_eq!(split.good.len() + split.bad.len(), plan.votes.len() - split.votes.len(), "everybody was known before");
    let scene = split.scene();
    assert!(scene.praised.iter().all(|subject| !split.good.contains(subject) && split.bad.contains(subject)));
}

#[test]
fn the_seed_the_split_and_the_case_decide() {
    let seeds = |seed, number| plan(seed).split(Protocol::Fraud, number).unwrap().seeds;
    assert_eq!(seeds(1, 0), seeds(1, 0));
    assert_ne!(seeds(1, 0), seeds(1, 1));
    assert_ne!(seeds(1, 0), seeds(2, 0));
    let plan = plan(1);
    let split = plan.split(Protocol::Fraud, 0).unwrap();
    let attacked =
        |name: &str, number| plan.attacked(Protocol::Fraud, number, &split, attackers::find(name).unwrap()).votes;
    assert_eq!(attacked("flood", 0), attacked("flood", 0));
    assert_ne!(attacked("flood", 0), attacked("flood", 1));
}

#[test]
fn the_honest_answer_those_who_act_over_time_and_only_them() {
    let plan = plan(1);
    let split = plan.split(Protocol::Fraud, 0).unwrap();
    for attacker in attackers::ALL {
        let attacked = plan.attacked(Protocol::Fraud, 0, &split, attacker);
        assert!(attacked.votes.is_sorted_by_key(|row| row.time_ms));
        let answers = attacked.votes.len() - split.votes.len() - attacked.attack.votes.len();
        assert_eq!(answers > 0, attacker.timing == Timing::OverTime, "{}: {answers}", attacker.name);
        let against =
            attacked.votes.iter().filter(|row| attacked.attack.identities.contains(&row.subject) && row.value < 0);
        assert_eq!(against.count(), answers, "{}: answers are votes against false identities", attacker.name);
    }
}

#[test]
fn what_cannot_be_tested_is_refused() {
    let without = Plan { labels: Some(Labels { good: vec![0, 1], bad: vec![2] }), ..plan(1) };
    assert!(without.split(Protocol::Fraud, 0).is_ok(), "one benign user beside the founder is tested");
    for labels in [Labels { good: vec![0], bad: vec![2] }, Labels { good: vec![0, 1], bad: vec![] }] {
        assert!(Plan { labels: Some(labels), ..plan(1) }.split(Protocol::Fraud, 0).is_err());
    }
    assert!(Plan { labels: None, ..plan(1) }.split(Protocol::Fraud, 0).is_err());
    let only_good = plan(1).votes.iter().map(|row| Row { value: 50, ..*row }).collect();
    assert!(Plan { votes: only_good, ..plan(1) }.split(Protocol::Sign, 0).is_err());
}
