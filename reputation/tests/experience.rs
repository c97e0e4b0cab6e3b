//! R8: what sightings and reports of the operator's own users do to a message's standing.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use ostrakon_ledger::{Subject, Tag};
use ostrakon_reputation::{Book, Experience, Parameters, Report, Snapshot, Standing, Viewpoint, standing};
use proptest::prelude::*;

const NOW_MS: u64 = 1_000_000;

fn peer(name: &str) -> Subject {
    format!("peer:{name}.example").parse().unwrap()
}

fn account(n: u8) -> Subject {
    Subject::Account(Tag([n; 32]))
}

fn content(n: u8) -> Subject {
    Subject::Content(Tag([n; 32]))
}

fn no_votes() -> Snapshot {
    Book::new(Parameters::default(), Viewpoint { name: "own".to_owned(), seeds: BTreeMap::new() }).snapshot()
}

fn trusting(reporters: &[Subject]) -> Experience {
    Experience::new(Parameters::default(), reporters.iter().cloned().collect())
}

fn report(n: u8, reporter: &Subject, subjects: &[Subject], value: i8) -> Report {
    Report { message: [n; 32], reporter: reporter.clone(), subjects: subjects.to_vec(), value, at_ms: NOW_MS }
}

fn judged(experience: &Experience, subjects: &[Subject]) -> Standing {
    standing(&no_votes(), &experience.reader(), subjects, NOW_MS)
}

#[test]
fn what_speaks_against_a_stranger_fades_with_every_doubling() {
    let mut experience = trusting(&[]);
    let subjects = [peer("a"), content(1)];
    let mut totals = Vec::new();
    for n in 0..8 {
        if [0, 1, 3, 7].contains(&n) {
            totals.push(judged(&experience, &subjects).total);
        }
        experience.sight(&subjects, NOW_MS);
    }
    assert_eq!(totals, [-500, -250, -166, -125]);
    assert_eq!(judged(&experience, &[content(2)]).total, 0, "content is new by nature");
}

#[test]
fn a_stranger_in_the_house_answers_before_the_house() {
    let moderator = account(0);
    let mut experience = trusting(std::slice::from_ref(&moderator));
    for n in 1..=64 {
        experience.sight(&[peer("house"), account(n)], NOW_MS);
    }
    let subjects = [peer("house"), account(65), content(9)];
    experience.sight(&subjects, NOW_MS);
    experience.report(report(1, &moderator, &subjects, -100));
    let weights: Vec<u64> =
        subjects.iter().map(|subject| experience.reader().own(subject, NOW_MS).negative_nv).collect();
    // s = 1/7: (½ + 1/7) / (½ + 1) of a vote.
    assert!((428_571_000..428_572_000).contains(&weights[0]) && weights[1..] == [1_000_000_000; 2], "{weights:?}");
    // So a single report about a newcomer does not make a known server's standing bad (decision 7: confidence over 700).
    let parts = judged(&experience, &subjects).parts;
    assert!(parts[0].1.confidence < 700 && parts[1].1.confidence > 700, "{parts:?}");
}

#[test]
fn a_record_is_worth_more_than_none_and_less_than_trust() {
    let (moderator, user) = (account(0), account(1));
    let mut experience = trusting(std::slice::from_ref(&moderator));
    let weight_of_next = |experience: &mut Experience, n: u8| {
        let subject = peer(&format!("new{n}"));
        experience.report(report(n, &user, std::slice::from_ref(&subject), -100));
        experience.reader().own(&subject, NOW_MS).negative_nv
    };
    assert_eq!(weight_of_next(&mut experience, 200), 300_000_000 - 1, "2³⁰ has no tenths");
    for n in 0..100 {
        let subject = [peer(&format!("spam{n}"))];
        experience.report(report(n, &moderator, &subject, -100));
        experience.report(report(n, &user, &subject, -100));
    }
    (0..500).for_each(|_| experience.sight(&[peer("any")], NOW_MS));
    let proven = weight_of_next(&mut experience, 201);
    assert!((440_000_000..450_000_000).contains(&proven), "{proven}");
    let confidence = judged(&experience, &[peer("new201")]).parts[0].1.confidence;
    assert!(confidence < 700, "one user alone closes no door: {confidence}");
}

proptest! {
    /// However familiar the subjects became meanwhile, what a report added is what its retraction takes away.
    #[test]
    fn a_report_taken_back_leaves_no_trace(before in proptest::collection::vec(0u8..6, 0..40), between in proptest::collection::vec(0u8..6, 0..40)) {
        let of = |n: u8| [peer(&format!("p{}", n % 2)), account(n % 3 + 10), content(n)];
        let mut with = trusting(&[]);
        let mut without = trusting(&[]);
        let reporter = account(1);
        for experience in [&mut with, &mut without] {
            before.iter().for_each(|n| experience.sight(&of(*n), NOW_MS));
            experience.report(report(8, &reporter, &of(1), 100));
        }
        with.report(report(7, &reporter, &of(0), -100));
        for experience in [&mut with, &mut without] {
            between.iter().for_each(|n| experience.sight(&of(*n), NOW_MS));
        }
        with.report(report(7, &reporter, &of(0), 0));
        let subjects: BTreeSet<Subject> = (0..6).flat_map(of).collect();
        for subject in subjects {
            prop_assert_eq!(with.reader().own(&subject, NOW_MS), without.reader().own(&subject, NOW_MS));
        }
    }
}
