//! The table of predictions.

use std::fmt;

use serde::Serialize;

use super::predict::Outcome;
use crate::measure::Mean;

/// All predictions and their means; intervals are Student's t over the predictions (95 %), which share lists and are
/// therefore less independent than t assumes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Days after the date within which an addition counted.
    pub window_days: u64,
    /// Every prediction, in order of date and list.
    pub predictions: Vec<Outcome>,
    /// By the number of lists.
    pub vote_count: Mean,
    /// By the engine, every list a seed of full weight.
    pub equal_seeds: Mean,
    /// By the engine, from the viewpoint of the list.
    pub own_seeds: Mean,
    /// `own_seeds` less `vote_count`, prediction by prediction.
    pub gain: Mean,
    /// In how many predictions `own_seeds` is better than `vote_count`.
    pub better: usize,
}

impl Summary {
    /// Sums up; none without predictions.
    pub(super) fn of(predictions: Vec<Outcome>, window_days: u64) -> Option<Self> {
        let mean = |figure: fn(&Outcome) -> f64| Mean::of(&predictions.iter().map(figure).collect::<Vec<_>>());
        Some(Self {
            window_days,
            vote_count: mean(|it| it.scores.vote_count)?,
            equal_seeds: mean(|it| it.scores.equal_seeds)?,
            own_seeds: mean(|it| it.scores.own_seeds)?,
            gain: mean(|it| it.scores.own_seeds - it.scores.vote_count)?,
            better: predictions.iter().filter(|it| it.scores.own_seeds > it.scores.vote_count).count(),
            predictions,
        })
    }

    /// The predictions of each date, in order.
    fn dates(&self) -> impl Iterator<Item = &[Outcome]> {
        self.predictions.chunk_by(|one, next| one.date == next.date)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Which domains will a list add within {} days? AUC of three rankings.\n", self.window_days)?;
        let head = ["vote count", "equal seeds", "own seeds"];
        writeln!(
            f,
            "{:<11} {:<24}{:>7}{:>7}{:>14}{:>14}{:>14}",
            "date", "list", "added", "not", head[0], head[1], head[2]
        )?;
        for of_date in self.dates() {
            for Outcome { date, list, scores } in of_date {
                let figures = [scores.vote_count, scores.equal_seeds, scores.own_seeds];
                write!(f, "{date:<11} {list:<24}{:>7}{:>7}", scores.added, scores.not_added)?;
                figures.iter().try_for_each(|figure| write!(f, "{figure:>14.3}"))?;
                writeln!(f)?;
            }
            let mean = |figure: fn(&Outcome) -> f64| of_date.iter().map(figure).sum::<f64>() / of_date.len() as f64;
            let means =
                [mean(|it| it.scores.vote_count), mean(|it| it.scores.equal_seeds), mean(|it| it.scores.own_seeds)];
            write!(f, "{:<11} {:<38}", of_date[0].date, format!("mean of {}", of_date.len()))?;
            means.iter().try_for_each(|figure| write!(f, "{figure:>14.3}"))?;
            writeln!(f, "\n")?;
        }
        let title = format!("all {}", self.predictions.len());
        write!(f, "{title:<50}")?;
        for mean in [&self.vote_count, &self.equal_seeds, &self.own_seeds] {
            write!(f, "{:>14}", mean.to_string())?;
        }
        write!(f, "\nown seeds less vote count: {}, better in {}", self.gain, self.better)
    }
}
