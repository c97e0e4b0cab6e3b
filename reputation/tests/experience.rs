//! R8: what sightings and reports of the operator's own users do to a message's standing.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use ostrakon_ledger::{Subject, Tag};
use ostrakon_reputation::{
    Book, Experience, ExperienceLimits, ExperienceReport, MessageStanding, OwnReports, Parameters, Respect, Snapshot,
    Viewpoint, Weighing, standing,
};
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

/// An experience, and the number of rows of its log.
struct Followed {
    experience: Experience,
    rows: u64,
}

fn trusting(reporters: &[Subject]) -> Followed {
    let experience = Experience::new(Parameters::default(), reporters.iter().cloned().collect());
    Followed { experience, rows: 0 }
}

impl Followed {
    fn sight(&mut self, subjects: &[Subject]) {
        self.experience.sight(self.rows, NOW_MS, subjects);
        self.rows += 1;
    }

    fn report(&mut self, n: u8, reporter: &Subject, subjects: &[Subject], value: i8) {
        let familiarity = self.experience.familiarity(subjects);
        let subjects = subjects.iter().cloned().zip(familiarity).collect();
        let report = ExperienceReport { message: [n; 32], reporter: reporter.clone(), subjects, value, at_ms: NOW_MS };
        self.experience.report(self.rows, report);
        self.rows += 1;
    }

    fn own(&self, subject: &Subject) -> OwnReports {
        self.experience.reader().own(subject, NOW_MS)
    }

    fn judged(&self, subjects: &[Subject]) -> MessageStanding {
        let respects: Vec<Respect<'_>> = subjects.iter().map(Respect::Proven).collect();
        standing(&no_votes(), &self.experience.reader(), &respects, NOW_MS)
    }
}

#[test]
fn what_speaks_against_a_stranger_fades_with_every_doubling() {
    let mut experience = trusting(&[]);
    let subjects = [peer("a"), content(1)];
    let mut totals = Vec::new();
    for n in 0..8 {
        if [0, 1, 3, 7].contains(&n) {
            totals.push(experience.judged(&subjects).total);
        }
        experience.sight(&subjects);
    }
    assert_eq!(totals, [-500, -250, -166, -125]);
    assert_eq!(experience.judged(&[content(2)]).total, 0, "content is new by nature");
}

#[test]
fn a_stranger_in_the_house_answers_before_the_house() {
    let moderator = account(0);
    let mut experience = trusting(std::slice::from_ref(&moderator));
    for n in 1..=64 {
        experience.sight(&[peer("house"), account(n)]);
    }
    let subjects = [peer("house"), account(65), content(9)];
    experience.sight(&subjects);
    experience.report(1, &moderator, &subjects, -100);
    let weights: Vec<u64> = subjects.iter().map(|subject| experience.own(subject).negative_nv).collect();
    // s = 1/7: (½ + 1/7) / (½ + 1) of a vote.
    assert!((428_571_000..428_572_000).contains(&weights[0]) && weights[1..] == [1_000_000_000; 2], "{weights:?}");
    // So a single report about a newcomer does not make a known server's standing bad (decision 7: confidence over
    // 700).
    let parts = experience.judged(&subjects).parts;
    assert!(parts[0].score.confidence < 700 && parts[1].score.confidence > 700, "{parts:?}");
}

#[test]
fn a_record_is_worth_more_than_none_and_less_than_trust() {
    let (moderator, user) = (account(0), account(1));
    let mut experience = trusting(std::slice::from_ref(&moderator));
    let weight_of_next = |experience: &mut Followed, n: u8| {
        let subject = peer(&format!("new{n}"));
        experience.report(n, &user, std::slice::from_ref(&subject), -100);
        experience.own(&subject).negative_nv
    };
    assert_eq!(weight_of_next(&mut experience, 200), 300_000_000 - 1, "2³⁰ has no tenths");
    for n in 0..100 {
        let subject = [peer(&format!("spam{n}"))];
        experience.report(n, &moderator, &subject, -100);
        experience.report(n, &user, &subject, -100);
    }
    (0..500).for_each(|_| experience.sight(&[peer("any")]));
    let proven = weight_of_next(&mut experience, 201);
    assert!((440_000_000..450_000_000).contains(&proven), "{proven}");
    let confidence = experience.judged(&[peer("new201")]).parts[0].score.confidence;
    assert!(confidence < 700, "one user alone closes no door: {confidence}");
}

#[test]
fn what_was_familiar_when_a_report_came_counts_and_not_what_is_now() {
    let moderator = account(0);
    let mut experience = trusting(std::slice::from_ref(&moderator));
    let subjects = [peer("house"), account(65)];
    let familiarity = [6, 0];
    let subjects_then: Vec<(Subject, u32)> = subjects.iter().cloned().zip(familiarity).collect();
    let report =
        ExperienceReport { message: [1; 32], reporter: moderator, subjects: subjects_then, value: -100, at_ms: NOW_MS };
    experience.experience.report(0, report);
    let weights = subjects.map(|subject| experience.own(&subject).negative_nv);
    assert!((428_571_000..428_572_000).contains(&weights[0]) && weights[1] == 1_000_000_000, "{weights:?}");
}

#[test]
fn the_oldest_messages_are_forgotten_and_what_is_seen_again_counts_from_there() {
    let memory = ExperienceLimits { rows: 4, subjects: 3, reports: 2 };
    let mut experience = Experience::with_limits(Parameters::default(), BTreeSet::new(), memory);
    let familiar = |experience: &Experience, name: &str| experience.reader().own(&peer(name), NOW_MS).familiarity;
    (0..3).for_each(|row| experience.sight(row, row, &[peer("a")]));
    assert_eq!(familiar(&experience, "a"), 2);
    experience.sight(3, 3, &[peer("b"), peer("c")]);
    assert_eq!(["a", "b", "c"].map(|name| familiar(&experience, name)), [2, 1, 1]);
    experience.sight(4, 4, &[peer("d")]);
    assert_eq!(["a", "b", "d"].map(|name| familiar(&experience, name)), [0, 1, 1], "three subjects, the latest");
    experience.forget_sightings(4);
    assert_eq!(["b", "c", "d"].map(|name| familiar(&experience, name)), [0, 0, 1]);
    experience.catch_up(9);
    assert_eq!(familiar(&experience, "d"), 0, "four rows, the latest");
}

#[test]
fn all_that_one_reporter_says_about_a_subject_is_one_vote() {
    let (grump, happy) = (account(1), account(2));
    let mut experience = trusting(&[]);
    let subject = [peer("big")];
    let mut after = |n: u8, reporter: &Subject, value: i8| {
        experience.report(n, reporter, &subject, value);
        let own = experience.own(&subject[0]);
        (own.negative_nv, own.positive_nv, own.reporters, own.accusers)
    };
    let once = after(0, &grump, -100);
    assert_eq!(once, (300_000_000 - 1, 0, 1, 1));
    for n in 1..10 {
        assert_eq!(after(n, &grump, -100), once, "the same again");
    }
    // Half of what it reports is wanted: the same vote, split.
    let split = (10..20).map(|n| after(n, &grump, 100)).last().unwrap();
    assert!(split.0 + split.1 <= once.0 && split.0.abs_diff(split.1) <= 1 && (split.2, split.3) == (1, 0), "{split:?}");
    let both = after(20, &happy, 100);
    assert_eq!((both.1, both.2, both.3), (split.1 + once.0, 2, 0));
}

#[test]
fn one_account_alone_establishes_nothing_about_other_reporters() {
    // Many reports of one judge are one judgement: a reporter that contradicts them loses as much as by one report.
    let (liar, honest) = (account(1), account(2));
    let weight_after = |reports: u8| {
        let mut experience = trusting(&[]);
        let subject = [peer("good")];
        (0..reports).for_each(|n| experience.report(n, &liar, &subject, -100));
        experience.report(100, &honest, &subject, 100);
        (0..600).for_each(|_| experience.sight(&[peer("any")]));
        experience.own(&subject[0]).positive_nv
    };
    assert_eq!(weight_after(8), weight_after(1));
}

#[test]
fn what_speaks_against_a_name_counts_against_who_claims_it_and_what_speaks_for_it_does_not() {
    let moderator = account(0);
    let mut experience = trusting(std::slice::from_ref(&moderator));
    let (liked, bad) = (peer("liked"), peer("bad"));
    let claim = |n: u8| Subject::Claim(Tag([n; 32]));
    experience.report(1, &moderator, std::slice::from_ref(&liked), 100);
    experience.report(2, &moderator, std::slice::from_ref(&bad), -100);
    experience.report(3, &moderator, &[claim(3)], -100);
    let judged = |claimed: Subject, named: &Subject| {
        let respect = Respect::Claimed { claim: &claimed, named: Some(named) };
        let MessageStanding { total, parts } =
            standing(&no_votes(), &experience.experience.reader(), &[respect], NOW_MS);
        (total, parts[0].score.score, parts[0].accusers)
    };
    assert_eq!(judged(claim(1), &liked), (-500, 0, 0), "a stranger who says a liked name");
    let proven = experience.judged(std::slice::from_ref(&bad));
    assert_eq!(judged(claim(1), &bad), (proven.total, proven.parts[0].score.score, 3));
    assert!(judged(claim(3), &liked).0 < -1000, "what the claim itself has earned counts");
    assert!(experience.judged(&[liked]).total > 1000, "and not for the name");
}

#[test]
fn who_does_not_say_stands_no_better_than_a_stranger() {
    let experience = trusting(&[]);
    let stranger = experience.judged(&[peer("a"), account(1), account(2), account(3)]).total;
    let silent = [Respect::Proven(&peer("a")), Respect::Missing, Respect::Missing, Respect::Missing];
    let silent = standing(&no_votes(), &experience.experience.reader(), &silent, NOW_MS);
    assert_eq!(silent.total, stranger);
}

#[test]
fn the_first_message_that_is_remembered_is_known_by_its_time() {
    let memory = ExperienceLimits { rows: 4, subjects: 3, reports: 2 };
    let mut experience = Experience::with_limits(Parameters::default(), BTreeSet::new(), memory);
    let first = |experience: &Experience, name: &str| experience.reader().own(&peer(name), NOW_MS).first_seen_ms;
    for (row, names) in [["a", "b"], ["a", "a"], ["b", "b"], ["a", "b"]].iter().enumerate() {
        experience.sight(row as u64, 100 + row as u64, &names.map(peer));
    }
    assert_eq!(["a", "b", "c"].map(|name| first(&experience, name)), [100, 100, 0]);
    experience.forget_sightings(1);
    assert_eq!(["a", "b"].map(|name| first(&experience, name)), [101, 102]);
    experience.forget_sightings(2);
    assert_eq!(["a", "b"].map(|name| first(&experience, name)), [103, 102]);
    experience.forget_sightings(4);
    assert_eq!(["a", "b"].map(|name| first(&experience, name)), [0, 0]);
}

proptest! {
    /// A retraction takes away exactly what the report added, however familiar the subjects have become.
    #[test]
    fn a_report_taken_back_leaves_no_trace(before in proptest::collection::vec(0u8..6, 0..40), between in proptest::collection::vec(0u8..6, 0..40)) {
        let of = |n: u8| [peer(&format!("p{}", n % 2)), account(n % 3 + 10), content(n)];
        let mut with = trusting(&[]);
        let mut without = trusting(&[]);
        let reporter = account(1);
        for experience in [&mut with, &mut without] {
            before.iter().for_each(|n| experience.sight(&of(*n)));
            experience.report(8, &reporter, &of(1), 100);
        }
        with.report(7, &reporter, &of(0), -100);
        for experience in [&mut with, &mut without] {
            between.iter().for_each(|n| experience.sight(&of(*n)));
        }
        with.report(7, &reporter, &of(0), 0);
        let subjects: BTreeSet<Subject> = (0..6).flat_map(of).collect();
        for subject in subjects {
            prop_assert_eq!(with.own(&subject), without.own(&subject));
        }
    }

    /// An experience that is folded again, from the rows that are left and the weighing that was kept, is the same.
    #[test]
    fn an_experience_depends_on_nothing_that_its_log_dropped(
        rows in proptest::collection::vec(proptest::option::weighted(0.3, (0u8..4, any::<bool>())), 1..1200),
        dropped in 0.0..1.0,
        behind in 0.0..1.0,
        // The weights are recomputed by the number of rows, or each hour.
        pace_ms in prop_oneof![Just(1_000), Just(60_000)],
    ) {
        let memory = ExperienceLimits { rows: 700, subjects: 12, reports: 90 };
        let new = || Experience::with_limits(Parameters { half_life_ms: Some(90 * 86_400_000), ..Parameters::default() }, [account(0)].into(), memory);
        let subjects = |row: usize| [peer(&format!("house{}", row % 3)), account((row % 17) as u8 + 10)];
        let first = (rows.len() as f64 * dropped) as usize;
        let expired_at = first + ((rows.len() - first) as f64 * behind) as usize;
        let mut reports = Vec::new();
        let (mut whole, mut weighing) = (new(), Weighing::default());
        for (row, event) in rows.iter().enumerate() {
            if row == expired_at {
                weighing = whole.weighing(row as u64);
                whole.forget_sightings(first as u64);
                whole.drop_reports_before(first as u64, weighing);
            }
            match event {
                None => whole.sight(row as u64, 7 * row as u64, &subjects(row)),
                Some((reporter, good)) => {
                    let familiarity = whole.familiarity(&subjects(row));
                    let subjects = subjects(row).into_iter().zip(familiarity).collect();
                    let report = ExperienceReport { message: [(row % 50) as u8; 32], reporter: account(*reporter), subjects,
                        value: if *good { 100 } else { -100 }, at_ms: NOW_MS + row as u64 * pace_ms };
                    whole.report(row as u64, report.clone());
                    reports.push((row as u64, report));
                }
            }
        }
        let mut again = new();
        let left = |row: u64| row >= first as u64;
        for (row, report) in reports.iter().filter(|(row, _)| left(*row) && *row < weighing.row) {
            again.report(*row, report.clone());
        }
        again.resume(weighing);
        for (row, report) in reports.iter().filter(|(row, _)| left(*row) && *row >= weighing.row) {
            again.report(*row, report.clone());
        }
        for row in (first..rows.len()).filter(|row| rows[*row].is_none()) {
            again.sight(row as u64, 7 * row as u64, &subjects(row));
        }
        again.catch_up(rows.len() as u64);
        prop_assert!(again.to_bytes() == whole.to_bytes());
    }
}
