//! The R8 table of `docs/reputation.md`: the mail trace with a share of it reported and a share of reporters lying.
//!
//! `cargo run --release -p ostrakon-reputation --example own_experience [own_budget]`

#[path = "../tests/common/trace.rs"]
mod trace;

use ostrakon_reputation::Parameters;
use trace::{Run, Trace};

fn main() {
    let Some(trace) = Trace::load() else { return };
    let budget = std::env::args().nth(1).and_then(|text| text.parse().ok());
    println!("reported lying trusted | AUC   | spam found at 1 % / .1 % of the ham");
    for (reported, lying) in [(0.1, 0.0), (0.1, 0.2), (0.1, 0.4), (0.01, 0.0), (0.01, 0.4)] {
        for trusted in [0, 10] {
            let mut sums = [0.0; 3];
            for seed in 1..=5 {
                let mut parameters = Parameters::default();
                parameters.own_budget = budget.unwrap_or(parameters.own_budget);
                let outcome = trace.run(&Run { reported, lying, trusted, seed, parameters });
                let parts = [outcome.auc, outcome.found[0], outcome.found[1]];
                sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part / 5.0);
            }
            let [auc, one, tenth] = sums;
            println!(
                "{:5} % {:4} % {trusted:7} | {auc:.3} | {:.0} % / {:.0} %",
                reported * 100.0,
                lying * 100.0,
                one * 100.0,
                tenth * 100.0
            );
        }
    }
}
