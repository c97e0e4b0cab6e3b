//! The R8 table of `docs/evaluation.md`: the mail trace with a share of it reported and a share of reporters lying;
//! plain counting beside R8, on the same draws, and by how much R8 with ten trusted is ahead of the other columns.
//!
//! `cargo run --release -p ostrakon-reputation --example own_experience [draws] [first]`

#[path = "../tests/common/trace.rs"]
mod trace;

use ostrakon_reputation::Parameters;
use trace::{Outcome, ROWS, Run, Trace};

fn main() {
    let Some(trace) = Trace::load() else { return };
    let argument = |n: usize, default: u64| std::env::args().nth(n).map_or(Some(default), |text| text.parse().ok());
    let (Some(draws), Some(first)) = (argument(1, 10), argument(2, 1)) else {
        return eprintln!("own_experience [draws] [seed of the first draw]");
    };
    println!("AUC, spam found at 1 % / .1 % of the ham; in brackets: ten trusted report more, R8 trusts them");
    let mut ahead = Vec::new();
    for (reported, lying) in ROWS {
        let column = |trusted, play: fn(&Trace, &Run) -> Outcome| -> Vec<[f64; 3]> {
            let run = Run { reported, lying, trusted, seed: first, parameters: Parameters::default() };
            let outcomes = (first..first + draws).map(|seed| play(&trace, &Run { seed, ..run.clone() }));
            outcomes.map(|Outcome { auc, found, .. }| [auc, found[0], found[1]]).collect()
        };
        let columns =
            [column(0, Trace::count), column(0, Trace::run), column(10, Trace::count), column(10, Trace::run)];
        let cells: Vec<String> = columns.iter().map(|column| cell(column)).collect();
        let name = format!("{} % reported, {} % lying", reported * 100.0, lying * 100.0);
        println!("| {name} | {} | {} | ({}) | ({}) |", cells[0], cells[1], cells[2], cells[3]);
        let less: Vec<String> = columns[..3].iter().map(|other| lead(&columns[3], other)).collect();
        ahead.push(format!("| {name} | {} | {} | ({}) |", less[0], less[1], less[2]));
    }
    println!("R8 with ten trusted less each other column, in points, ± standard error over the draws");
    ahead.iter().for_each(|row| println!("{row}"));
}

fn cell(column: &[[f64; 3]]) -> String {
    let mean = |i: usize| column.iter().map(|outcome| outcome[i]).sum::<f64>() / column.len() as f64;
    format!("{:.4} {:.1} % / {:.1} %", mean(0), mean(1) * 100.0, mean(2) * 100.0)
}

/// Mean and standard error of the differences, draw by draw.
fn lead(column: &[[f64; 3]], other: &[[f64; 3]]) -> String {
    let part = |i: usize| {
        let less: Vec<f64> = column.iter().zip(other).map(|(a, b)| (a[i] - b[i]) * 100.0).collect();
        let n = less.len() as f64;
        let mean = less.iter().sum::<f64>() / n;
        let spread = less.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        (mean, (spread / n).sqrt())
    };
    let [(auc, auc_error), (one, one_error), (tenth, tenth_error)] = [0, 1, 2].map(part);
    format!("{auc:+.2} ± {auc_error:.2}, {one:+.1} ± {one_error:.1} / {tenth:+.1} ± {tenth_error:.1}")
}
