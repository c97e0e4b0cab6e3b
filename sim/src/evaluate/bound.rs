//! How far an attacker can get: the Sybil bound of docs/reputation.md, in weight and in subjects.
//!
//! Identities behind edges that carry flow φ weigh at most W = φ(1−α)/(ατ) together. A voter casts at most B votes at
//! that weight, or more at less (R3), so all their votes together weigh at most B·W. To flip a subject takes more than
//! the weight by which one side outweighs the other. So they flip at most as many subjects as the smallest such margins
//! that fit into B·W, each no larger than W.
//!
//! Only subjects with a clear score count. Thousands of scores are near 0, and an attacker gains nothing by flipping
//! them.

use std::ops::Range;

use ostrakon_reputation::{Score, VOTE_NV};

use super::BoundRow;
use crate::measure::Mean;
use crate::production::Engine;
use crate::votes::Row;

/// How much of a flow the display can hide: it shows billionths, rounded down.
const FLOW_ROUNDING: f64 = 1e-9;
/// How much the display can add to one voter's weight: it shows millionths, rounded to the nearest.
const WEIGHT_ROUNDING: f64 = 5e-7;

/// The least clear score. A rule that refuses messages needs about as much.
pub(super) const CLEAR: f64 = 0.3;

/// How far an attacker got, and the bound.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    /// The weight of all false identities together, in full votes.
    weight: f64,
    weight_max: f64,
    flipped: usize,
    flipped_max: usize,
    /// How much the display of weights with six decimals can add to `weight`.
    rounding: f64,
}

impl Reach {
    /// `before` and `after` are all scores without and with the attack. `engine` is the engine with the attack, and
    /// `live` are the votes that count in it.
    pub(super) fn of(
        engine: &Engine,
        live: &[Row],
        identities: &Range<usize>,
        before: &[Score],
        after: &[Score],
    ) -> Self {
        let p = engine.parameters();
        let (alpha, tau) = (f64::from(p.alpha) / 1e6, f64::from(p.tau) / 1e6);
        let weight_max = carried(engine, live, identities) * (1.0 - alpha) / (alpha * tau);
        Self {
            weight: identities.clone().map(|identity| f64::from(engine.trust(identity).credibility) / 1e6).sum(),
            weight_max,
            flipped: before.iter().zip(after).filter(|(before, after)| is_flipped(before, after)).count(),
            flipped_max: flips_max(before, weight_max, f64::from(p.budget)),
            rounding: WEIGHT_ROUNDING * identities.len() as f64,
        }
    }

    fn holds(&self) -> bool {
        self.weight <= self.weight_max + self.rounding && self.flipped <= self.flipped_max
    }

    /// The means over the splits. None without splits.
    pub(super) fn sum_up(splits: &[Reach]) -> Option<BoundRow> {
        let mean = |figure: fn(&Reach) -> f64| Mean::of(&splits.iter().map(figure).collect::<Vec<_>>());
        Some(BoundRow {
            weight: mean(|reach| reach.weight)?,
            weight_max: mean(|reach| reach.weight_max)?,
            flipped: mean(|reach| reach.flipped as f64)?,
            flipped_max: mean(|reach| reach.flipped_max as f64)?,
            holds: splits.iter().all(Reach::holds),
        })
    }
}

fn is_flipped(before: &Score, after: &Score) -> bool {
    let sign = |score: &Score| score.positive_nv.cmp(&score.negative_nv) as i8;
    is_clear(before) && sign(before) * sign(after) < 0
}

fn is_clear(score: &Score) -> bool {
    f64::from(score.score.unsigned_abs()) >= 1e3 * CLEAR
}

/// φ: the trust on the edges from honest voters to the false identities (R1), before the first loss.
fn carried(engine: &Engine, live: &[Row], identities: &Range<usize>) -> f64 {
    let p = engine.parameters();
    let x = |row: &Row| {
        let age_ms = engine.at_ms().saturating_sub(row.time_ms) as f64;
        row.x() * p.half_life_ms.map_or(1.0, |half_life_ms| 0.5f64.powf(age_ms / half_life_ms as f64))
    };
    let positive = || live.iter().filter(|row| row.value > 0 && !identities.contains(&row.voter));
    let mut out = std::collections::BTreeMap::new();
    positive().for_each(|row| *out.entry(row.voter).or_insert(0.0) += x(row));
    let w_min = f64::from(p.w_min) / 1e6;
    let share =
        |row: &Row| (engine.trust(row.voter).flow as f64 / 1e9 + FLOW_ROUNDING) * x(row) / out[&row.voter].max(w_min);
    // Plus 0: a sum of nothing is −0.
    positive().filter(|row| identities.contains(&row.subject)).map(share).sum::<f64>() + 0.0
}

/// How many subjects `weight` can flip, if each identity spends its budget on the subjects that need the least.
fn flips_max(before: &[Score], weight: f64, budget: f64) -> usize {
    let margin = |score: &Score| score.positive_nv.abs_diff(score.negative_nv) as f64 / VOTE_NV as f64;
    let clear = before.iter().filter(|score| is_clear(score));
    let mut margins: Vec<f64> = clear.map(margin).filter(|margin| *margin <= weight).collect();
    margins.sort_unstable_by(f64::total_cmp);
    let mut left = budget * weight;
    margins
        .iter()
        .take_while(|margin| {
            left -= **margin;
            left >= 0.0
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(tallies: &[(f64, f64)]) -> Vec<Score> {
        let nv = |votes: f64| (votes * VOTE_NV as f64) as u64;
        tallies.iter().map(|(good, bad)| Score::of(nv(*good), nv(*bad), 300_000_000, true)).collect()
    }

    #[test]
    fn the_smallest_margins_that_fit() {
        let before = scores(&[(1.0, 0.0), (0.0, 2.0), (3.0, 0.5), (9.0, 0.0), (3.1, 3.0), (0.0, 0.0)]);
        // Margins 1, 2, 2.5, 9; 3.1 against 3 is not clear, and nobody can flip what has none.
        for (weight, budget, want) in [(2.5, 10.0, 3), (2.4, 10.0, 2), (2.5, 1.0, 1), (0.5, 10.0, 0), (10.0, 10.0, 4)] {
            assert_eq!(flips_max(&before, weight, budget), want, "weight {weight}, budget {budget}");
        }
    }

    #[test]
    fn a_flip_is_from_a_clear_sign_to_the_other() {
        let signs = scores(&[(1.0, 0.0), (0.0, 1.0), (1.1, 1.0), (0.0, 0.0)]);
        let flipped: Vec<_> = signs.iter().flat_map(|a| signs.iter().map(move |b| is_flipped(a, b))).collect();
        // The third is not clear: it can be flipped to, not from.
        let want = [[false, true, false, false], [true, false, true, false], [false; 4], [false; 4]];
        assert_eq!(flipped, want.concat());
    }

    #[test]
    fn phi_is_what_the_edges_carry() {
        // Seed 0 gives 1 a full vote and 2 (false) .3 of one: its outflow is 1.3, below w_min. 1 gives 2 and 3 a full
        // vote each.
        let row = |voter, subject, value| Row { voter, subject, value, time_ms: 5 };
        let votes = [row(0, 1, 100), row(0, 2, 30), row(1, 2, 100), row(1, 3, 100), row(2, 3, 100)];
        let question = crate::question::Question { votes: &votes, seeds: &[0], count: 4 };
        let engine = Engine::fold(&question, None);
        let p = engine.parameters();
        let (alpha, w_min) = (f64::from(p.alpha) / 1e6, f64::from(p.w_min) / 1e6);
        let y1 = (1.0 - alpha) / w_min.max(1.3);
        let want = 0.3 / w_min.max(1.3) + y1 / w_min.max(2.0);
        assert!((carried(&engine, &votes, &(2..3)) - want).abs() < 1e-6, "{}", carried(&engine, &votes, &(2..3)));
    }
}
