//! R8 on the labelled mail trace: the standing of each message before it is reported, over the second half.

#[path = "common/trace.rs"]
mod trace;

use ostrakon_reputation::Parameters;
use trace::{Outcome, ROWS, Run, Trace};

/// How often liars, trusted reporters and reports are drawn. Every figure is the mean over the draws.
const DRAWS: u64 = 6;
/// How much the spam found at .1 % of the ham, which is three messages, varies by chance with so few draws.
const NOISE: f64 = 0.03;

/// What one vote per reporter and subject may cost against plain counts where 1 % is reported, 40 % lie and nobody is
/// trusted: .0007 of the AUC on these draws (decision 35).
const TIE: f64 = 0.001;

/// AUC, spam found at 1 % and at .1 % of the ham.
type Figures = [f64; 3];

fn mean(row: (f64, f64), trusted: usize, play: impl Fn(&Run) -> Outcome) -> Figures {
    let (reported, lying) = row;
    let run = |seed| Run { reported, lying, trusted, seed, parameters: Parameters::default() };
    let outcomes = (1..=DRAWS).map(|seed| play(&run(seed)));
    let figures = outcomes.map(|outcome| [outcome.auc, outcome.found[0], outcome.found[1]]);
    figures.fold([0.0; 3], |sum, figures| std::array::from_fn(|i| sum[i] + figures[i] / DRAWS as f64))
}

fn less(a: Figures, b: Figures) -> Figures {
    std::array::from_fn(|i| a[i] - b[i])
}

#[test]
fn no_row_is_worse_than_plain_counting_and_those_with_liars_are_better() {
    let Some(trace) = Trace::load() else { return };
    for row in ROWS {
        let [plain, plain_with] = [0, 10].map(|trusted| mean(row, trusted, |run| trace.count(run)));
        let [r8, with] = [0, 10].map(|trusted| mean(row, trusted, |run| trace.run(run)));
        println!("{row:?}: plain {plain:.4?}, R8 {r8:.4?}; ten trusted: plain {plain_with:.4?}, R8 {with:.4?}");
        for gain in [less(with, plain), less(with, plain_with), less(with, r8)] {
            assert!(gain[0] > 0.0 && gain[1] > 0.0 && gain[2] > -NOISE, "{row:?}: {gain:?}");
        }
        let gain = less(r8, plain);
        assert!(gain[0] > -TIE && gain[1] > 0.0 && gain[2] > -NOISE, "{row:?}: {gain:?}");
        if row.1 == 0.4 {
            let gain = less(with, plain_with);
            assert!(with[0] > 0.98 && gain[0] > 0.0005 && gain[1] > 0.04 && gain[2] > 0.03, "{row:?}: {gain:?}");
        }
    }
}
