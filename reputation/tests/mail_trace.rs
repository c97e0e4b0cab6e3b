//! R8 on the labelled mail trace: the standing of each message before it is reported, over the second half.

#[path = "common/trace.rs"]
mod trace;

use ostrakon_reputation::Parameters;
use trace::{Run, Trace};

fn run(reported: f64, lying: f64, trusted: usize) -> Run {
    Run { reported, lying, trusted, seed: 1, parameters: Parameters::default() }
}

#[test]
fn honest_reports_tell_ham_from_spam() {
    let Some(trace) = Trace::load() else { return };
    for (trusted, want) in [(0, 0.99), (10, 0.995)] {
        let result = trace.run(&run(0.1, 0.0, trusted));
        println!("10 % reported, {trusted} trusted: {result:?}");
        assert!(result.auc > want, "{result:?}");
    }
}

#[test]
fn liars_do_not_turn_it_over() {
    let Some(trace) = Trace::load() else { return };
    for (reported, lying, want) in [(0.1, 0.2, 0.99), (0.1, 0.4, 0.98), (0.01, 0.4, 0.98)] {
        let r8 = trace.run(&run(reported, lying, 10));
        let plain = trace.run(&Run { parameters: trace::plain_counts(), ..run(reported, lying, 0) });
        println!("{reported} reported, {lying} liars, 10 trusted: {r8:?}, plain counts {plain:?}");
        assert!(r8.auc > want && r8.auc > plain.auc, "{r8:?} {plain:?}");
    }
}
