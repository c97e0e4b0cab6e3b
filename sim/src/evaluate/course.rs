//! How far an attacker that acts over time gets, at several moments, in the production book.
//!
//! All votes are played in the order of their times, in virtual time, with decay (R5). Epochs close as in production. A
//! second book gets only the honest votes.

use anyhow::Result;
use rayon::prelude::*;
use serde::Serialize;

use super::bound::Reach;
use super::protocol::{Plan, Protocol, Split};
use super::{BoundRow, Case};
use crate::attackers::{Attacker, Timing};
use crate::measure::{Mean, auc};
use crate::production::Engine;
use crate::question::Question;
use crate::votes::Row;

/// The moments of measurement, in per cent of the honest votes.
const MOMENTS: [usize; 8] = [40, 50, 60, 70, 75, 80, 90, 100];

/// An attacker's course.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Course {
    /// The attacker's name.
    pub case: &'static str,
    /// The half-life of votes, in days.
    pub half_life_days: u64,
    /// The measurements, in order of time.
    pub moments: Vec<Moment>,
}

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Moment {
    /// The moment, in per cent of the honest votes.
    pub percent: usize,
    /// AUC of the tested users without the attack, from the votes up to then.
    pub auc_clean: Mean,
    /// The same with the attack.
    pub auc: Mean,
    /// How far the attacker got, and the bound.
    pub bound: BoundRow,
}

/// Plays those of `cases` that act over time.
///
/// # Errors
/// Too few labels or votes to test anything.
pub(super) fn measure(plan: &Plan, cases: &[Case], splits: usize, half_life_ms: u64) -> Result<Vec<Course>> {
    let over_time = cases.iter().filter_map(|case| match case {
        Case::Attacked(attacker) if attacker.timing == Timing::OverTime => Some(*attacker),
        _ => None,
    });
    over_time.map(|attacker| course(plan, attacker, splits, half_life_ms)).collect()
}

struct Look {
    auc_clean: f64,
    auc: f64,
    reach: Reach,
}

fn course(plan: &Plan, attacker: &'static Attacker, splits: usize, half_life_ms: u64) -> Result<Course> {
    let looks: Vec<Vec<Look>> = (0..splits)
        .into_par_iter()
        .map(|number| {
            let split = plan.split(Protocol::Fraud, number)?;
            let attacked = plan.attacked(Protocol::Fraud, number, &split, attacker);
            Ok(looks(&split, &attacked.votes, &attacked.attack.identities, half_life_ms))
        })
        .collect::<Result<_>>()?;
    let moment = |(at, percent): (usize, &usize)| {
        let mean =
            |figure: fn(&Look) -> f64| Mean::of(&looks.iter().map(|looks| figure(&looks[at])).collect::<Vec<_>>());
        let reaches: Vec<Reach> = looks.iter().map(|looks| looks[at].reach).collect();
        Some(Moment {
            percent: *percent,
            auc_clean: mean(|look| look.auc_clean)?,
            auc: mean(|look| look.auc)?,
            bound: Reach::sum_up(&reaches)?,
        })
    };
    let moments = MOMENTS.iter().enumerate().filter_map(moment).collect();
    Ok(Course { case: attacker.name, half_life_days: half_life_ms / 86_400_000, moments })
}

fn looks(split: &Split, votes: &[Row], identities: &std::ops::Range<usize>, half_life_ms: u64) -> Vec<Look> {
    let count = identities.end;
    let mut clean = Engine::new(&split.seeds, count, Some(half_life_ms));
    let mut under = Engine::new(&split.seeds, count, Some(half_life_ms));
    let (mut clean_from, mut under_from) = (0, 0);
    let mut look = |percent: &usize| {
        let clean_to = split.votes.len() * percent / 100;
        let now_ms = split.votes[clean_to.max(1) - 1].time_ms;
        let under_to = votes.partition_point(|row| row.time_ms <= now_ms);
        // Votes of the same moment as the last one belong to it.
        let clean_to = split.votes.partition_point(|row| row.time_ms <= now_ms);
        clean.play(&split.votes[clean_from..clean_to]);
        under.play(&votes[under_from..under_to]);
        (clean_from, under_from) = (clean_to, under_to);
        let question = Question { votes: &votes[..under_to], seeds: &split.seeds, count };
        let area = |engine: &Engine| {
            let scores = engine.scores();
            let of = |subjects: &[usize]| subjects.iter().map(|subject| scores[*subject]).collect::<Vec<_>>();
            auc(&of(&split.good), &of(&split.bad)).expect("a split has subjects of both kinds")
        };
        Look {
            auc_clean: area(&clean),
            auc: area(&under),
            reach: Reach::of(&under, &question.live_votes(), identities, &clean.posteriors(), &under.posteriors()),
        }
    };
    MOMENTS.iter().map(&mut look).collect()
}
