//! The R8 table of `docs/reputation.md`: the mail trace with a share of it reported and a share of reporters lying;
//! plain counting beside R8, on the same draws.
//!
//! `cargo run --release -p ostrakon-reputation --example own_experience [draws]`

#[path = "../tests/common/trace.rs"]
mod trace;

use ostrakon_reputation::Parameters;
use trace::{Run, Trace};

fn main() {
    let Some(trace) = Trace::load() else { return };
    let draws = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10);
    println!(
        "reported lying | AUC and spam found at 1 % / .1 % of the ham: plain counts | R8 | plain counts of ten trusted more | R8, ten trusted"
    );
    for (reported, lying) in [(0.1, 0.0), (0.1, 0.2), (0.1, 0.4), (0.01, 0.0), (0.01, 0.4)] {
        let kinds = [0, 10].map(|trusted| [trace::plain_counts(), Parameters::default()].map(|p| (p, trusted)));
        let cells = kinds.as_flattened().iter().map(|(parameters, trusted)| {
            let mut sums = [0.0; 3];
            for seed in 1..=draws {
                let outcome =
                    trace.run(&Run { reported, lying, trusted: *trusted, seed, parameters: parameters.clone() });
                let parts = [outcome.auc, outcome.found[0], outcome.found[1]];
                sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part / draws as f64);
            }
            format!("{:.3} {:.0} % / {:.0} %", sums[0], sums[1] * 100.0, sums[2] * 100.0)
        });
        let cells: Vec<String> = cells.collect();
        println!("{:5} % {:4} % | {}", reported * 100.0, lying * 100.0, cells.join(" | "));
    }
}
