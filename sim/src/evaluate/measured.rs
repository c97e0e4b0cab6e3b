//! Cases against algorithms: AUC with its interval, subjects flipped, and the engine's bound.

use std::collections::BTreeSet;

use anyhow::Result;
use rayon::prelude::*;
use serde::Serialize;

use super::bound::{CLEAR, Reach};
use super::protocol::{Plan, Protocol, Split};
use super::{BoundRow, Case, Table};
use crate::algorithm::Algorithm;
use crate::measure::{self, Mean};
use crate::production::Engine;
use crate::question::Question;

/// Resamplings of the tested votes per split, where the interval is by bootstrap.
const RESAMPLES: usize = 40;

/// The row of a case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// `clean` or the attacker's name.
    pub case: &'static str,
    /// One cell per algorithm, in the order of the table.
    pub cells: Vec<Cell>,
    /// How far the attacker got with the engine, and the bound; if the engine was asked for.
    pub bound: Option<BoundRow>,
}

/// The result of one algorithm in one case.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cell {
    /// Area under the ROC curve. For fraud, the interval is Student's t over the splits. For signs, the tested votes
    /// are the same in every split, so they are resampled, and the interval has 95 % of the resamplings.
    pub auc: Mean,
    /// How many subjects have a clear score without the attack and the other sign with it; if the scores have signs.
    pub flipped: Option<Mean>,
}

/// The result of one algorithm in one case and split.
struct Outcome {
    auc: f64,
    resampled: Vec<f64>,
    flipped: usize,
    reach: Option<Reach>,
}

/// Measures all cases in all splits.
///
/// # Errors
/// There are too few labels or votes for a test.
pub(super) fn measure(
    plan: &Plan,
    protocol: Protocol,
    cases: &[Case],
    algorithms: &[Algorithm],
    splits: usize,
) -> Result<Table> {
    let drawn: Vec<Split> = (0..splits).map(|number| plan.split(protocol, number)).collect::<Result<_>>()?;
    let jobs: Vec<(usize, Algorithm)> =
        algorithms.iter().flat_map(|algorithm| (0..splits).map(move |number| (number, *algorithm))).collect();
    // Per algorithm and split all cases in order, because each is compared with the clean one.
    let outcomes: Vec<Vec<Outcome>> = jobs
        .par_iter()
        .map(|(number, algorithm)| of_split(plan, protocol, *number, &drawn[*number], cases, *algorithm))
        .collect();
    let of = |column: usize, case: usize| {
        outcomes[column * splits..(column + 1) * splits].iter().map(move |cases| &cases[case])
    };
    let rows = cases.iter().enumerate().map(|(at, case)| {
        let cell = |(column, algorithm): (usize, &Algorithm)| {
            let flips: Vec<f64> = of(column, at).map(|outcome| outcome.flipped as f64).collect();
            let shows = algorithm.is_signed() && matches!(case, Case::Attacked(_));
            Some(Cell { auc: auc(protocol, of(column, at))?, flipped: shows.then(|| Mean::of(&flips)).flatten() })
        };
        let reaches: Vec<Reach> =
            (0..algorithms.len()).flat_map(|column| of(column, at)).filter_map(|outcome| outcome.reach).collect();
        Row {
            case: case.name(),
            cells: algorithms.iter().enumerate().filter_map(cell).collect(),
            bound: Reach::sum_up(&reaches),
        }
    });
    Ok(Table { protocol, algorithms: algorithms.to_vec(), rows: rows.collect() })
}

fn auc<'a>(protocol: Protocol, outcomes: impl Iterator<Item = &'a Outcome> + Clone) -> Option<Mean> {
    let of_splits = Mean::of(&outcomes.clone().map(|outcome| outcome.auc).collect::<Vec<_>>())?;
    if protocol == Protocol::Fraud {
        return Some(of_splits);
    }
    let mut resampled: Vec<f64> = outcomes.flat_map(|outcome| outcome.resampled.iter().copied()).collect();
    resampled.sort_unstable_by(f64::total_cmp);
    let ends = measure::quantile(&resampled, 0.025).zip(measure::quantile(&resampled, 0.975));
    Some(Mean { half_width: ends.map(|(low, high)| (high - low) / 2.0), ..of_splits })
}

fn of_split(
    plan: &Plan,
    protocol: Protocol,
    number: usize,
    split: &Split,
    cases: &[Case],
    algorithm: Algorithm,
) -> Vec<Outcome> {
    let clean = Scored::of(algorithm, &Question { votes: &split.votes, seeds: &split.seeds, count: split.count });
    let outcome = |case: &Case| match case {
        Case::Clean => {
            Outcome { flipped: 0, reach: None, ..tested(plan, protocol, number, split, *case, &clean.scores) }
        }
        Case::Attacked(attacker) => {
            let attacked = plan.attacked(protocol, number, split, attacker);
            let question =
                Question { votes: &attacked.votes, seeds: &split.seeds, count: attacked.attack.identities.end };
            let under = Scored::of(algorithm, &question);
            let reach = clean.engine.as_ref().zip(under.engine.as_ref()).map(|(before, after)| {
                let (live, identities) = (question.live_votes(), &attacked.attack.identities);
                Reach::of(after, &live, identities, &before.posteriors(), &after.posteriors())
            });
            let flipped = clean
                .scores
                .iter()
                .zip(&under.scores)
                .filter(|(before, after)| before.abs() >= CLEAR && *before * *after < 0.0)
                .count();
            Outcome { flipped, reach, ..tested(plan, protocol, number, split, *case, &under.scores) }
        }
    };
    cases.iter().map(outcome).collect()
}

/// All scores, and the engine if it computed them.
struct Scored {
    scores: Vec<f64>,
    engine: Option<Engine>,
}

impl Scored {
    fn of(algorithm: Algorithm, question: &Question) -> Self {
        if algorithm != Algorithm::Ostrakon {
            return Self { scores: algorithm.scores(question), engine: None };
        }
        let engine = Engine::fold(question, None);
        Self { scores: engine.scores(), engine: Some(engine) }
    }
}

fn tested(plan: &Plan, protocol: Protocol, number: usize, split: &Split, case: Case, scores: &[f64]) -> Outcome {
    let of = |subjects: &[usize]| subjects.iter().map(|subject| scores[*subject]).collect::<Vec<f64>>();
    let (good, bad) = (of(&split.good), of(&split.bad));
    let area = |good: &[f64], bad: &[f64]| measure::auc(good, bad).expect("a split has subjects of both kinds");
    let mut resampled = Vec::new();
    if protocol == Protocol::Sign {
        let mut rng = plan.generator(protocol, &format!("resample {}", case.name()), number);
        for _ in 0..RESAMPLES {
            resampled.push(area(&measure::resample(&good, &mut rng), &measure::resample(&bad, &mut rng)));
        }
    }
    Outcome { auc: area(&good, &bad), resampled, flipped: 0, reach: None }
}

impl Table {
    /// The algorithms whose scores have signs, with their positions.
    pub(super) fn signed(&self) -> impl Iterator<Item = (usize, Algorithm)> + '_ {
        let places: BTreeSet<usize> =
            (0..self.algorithms.len()).filter(|at| self.algorithms[*at].is_signed()).collect();
        places.into_iter().map(|at| (at, self.algorithms[at]))
    }
}
