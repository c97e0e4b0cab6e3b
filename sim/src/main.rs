//! `ostrakon-sim`: see `ostrakon-sim --help`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use ostrakon_router::{
    err,
    output::{CLOSED, Printer, is_closed},
};

/// Simulations and evaluations around the production code of Ostrakon.
///
/// Exit codes: 0 done, 1 failed (the reason is on standard error), 2 wrong usage.
#[derive(Parser)]
#[command(name = "ostrakon-sim", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Score a CSV of votes with the production engine or with a baseline.
    Score(ostrakon_sim::score::Arguments),
    /// Measure the engine and the baselines on real votes, clean and under every attacker.
    Evaluate(ostrakon_sim::evaluate::Arguments),
    /// Predict which domains a list of blocks will add later, with the production engine and by counting lists.
    EvaluateLists(ostrakon_sim::lists::Arguments),
    /// Play a labelled mail trace against a running node over HTTP and measure what became of it.
    #[command(
        after_help = "Example:\n  ostrakon-sim trace trace.csv --node http://127.0.0.1:7401 --feedback 0.1 --json result.json"
    )]
    Trace(ostrakon_sim::trace::Arguments),
    /// Play two minutes of generated federated traffic against a running node, and tell what happens.
    #[command(after_help = "Example:\n  ostrakon-sim demo --dir ./var")]
    Demo(ostrakon_sim::demo::Arguments),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Score(arguments) => ostrakon_sim::score::run(&arguments),
        Command::Evaluate(arguments) => ostrakon_sim::evaluate::run(&arguments).map(drop),
        Command::EvaluateLists(arguments) => ostrakon_sim::lists::run(&arguments).map(drop),
        Command::Trace(arguments) => ostrakon_sim::trace::run(&arguments).map(drop).map_err(Into::into),
        Command::Demo(arguments) => ostrakon_sim::demo::run(&arguments, &mut Printer::default()).map_err(Into::into),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed(error.as_ref()) => ExitCode::from(CLOSED),
        Err(error) => {
            err!("ostrakon-sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}
