//! `ostrakon-sim score`: the production engine, or one of the baselines, on a CSV of votes.

mod output;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::algorithm::Algorithm;
use crate::production::Engine;
use crate::question::Question;
use crate::votes::{self, Names};

/// Score a CSV of votes with the production engine or with one of the baselines.
///
/// Votes have the header voter,subject,value,time: names are any bytes, value is in [-1, 1] (to the nearest
/// hundredth), time in unix seconds, oldest first. A later vote of a voter about a subject replaces the earlier one;
/// a vote of value 0 says nothing and is left out. Seeds are one voter per line. The output has the header
/// subject,score,confidence, both with nine decimals, one row per subject in the order of the votes; from a baseline
/// subject,score. Votes as SNAP publishes Bitcoin OTC (no header; rater, ratee, rating −10 to 10, time) are read, too.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  ostrakon-sim score --votes votes.csv --seeds seeds.txt --out scores.csv --half-life 90d\n  \
                  ostrakon-sim score --votes votes.csv --seeds seeds.txt --out scores.csv --algorithm eigentrust"
)]
pub struct Arguments {
    /// CSV with the header voter,subject,value,time.
    #[arg(long, value_name = "FILE")]
    votes: PathBuf,
    /// One trusted voter per line.
    #[arg(long, value_name = "FILE")]
    seeds: PathBuf,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The algorithm.
    #[arg(long, value_enum, default_value_t = Algorithm::Ostrakon)]
    algorithm: Algorithm,
    /// Time in which a vote's weight halves, in days or hours (90d, 12h; at least 1h), or none. The engine only.
    #[arg(long, default_value = "none", value_parser = half_life)]
    half_life: HalfLife,
}

/// A half-life in milliseconds, if votes decay at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct HalfLife(Option<u64>);

fn half_life(text: &str) -> Result<HalfLife, String> {
    if text == "none" {
        return Ok(HalfLife(None));
    }
    let (number, unit_ms) = match text.strip_suffix('d') {
        Some(days) => (days, 86_400_000),
        None => (text.strip_suffix('h').unwrap_or(""), 3_600_000u64),
    };
    let ms = number.parse::<u64>().ok().filter(|n| *n > 0).and_then(|n| n.checked_mul(unit_ms));
    ms.map(|ms| HalfLife(Some(ms))).ok_or_else(|| "write it as 90d, 12h or none".to_owned())
}

/// Reads votes and seeds, scores every subject, writes the scores.
///
/// # Errors
/// A file that cannot be read or written, or that is not what [`Arguments`] says; with file and line.
pub fn run(arguments: &Arguments) -> Result<()> {
    let mut names = Names::default();
    let mut seeds = votes::read_seeds(&arguments.seeds, &mut names)?;
    seeds.sort_unstable();
    seeds.dedup();
    let rows = votes::read_votes(&arguments.votes, &mut names)?;
    let question = Question { votes: &rows, seeds: &seeds, count: names.count() };
    let written = match (arguments.algorithm, arguments.half_life) {
        (Algorithm::Ostrakon, HalfLife(half_life_ms)) => {
            output::write_posteriors(&arguments.out, &Engine::fold(&question, half_life_ms), &rows, &names)
        }
        (_, HalfLife(Some(_))) => bail!("--half-life is the engine's: the baselines do not let votes age"),
        (baseline, HalfLife(None)) => output::write_scores(&arguments.out, &baseline.scores(&question), &rows, &names),
    };
    written.with_context(|| format!("cannot write {}", arguments.out.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_lives() {
        assert_eq!(half_life("none"), Ok(HalfLife(None)));
        assert_eq!(half_life("90d"), Ok(HalfLife(Some(7_776_000_000))));
        assert_eq!(half_life("12h"), Ok(HalfLife(Some(43_200_000))));
        for bad in ["", "d", "0d", "-1d", "90", "90m", "99999999999999999999d", "999999999999999d"] {
            assert!(half_life(bad).is_err(), "{bad}");
        }
    }
}
