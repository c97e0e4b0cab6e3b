//! `ostrakon-sim score`: the production engine on a CSV of votes.
//!
//! The file is folded as if a ledger had received it in one batch at the time of its last vote: votes age from their
//! own time, and one epoch at the end weighs them all.

mod input;
mod output;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use ostrakon_ledger::{Category, Digest, PeerName, RecordId, Subject, Vote};
use ostrakon_reputation::{Book, Event, Parameters, Viewpoint};

use input::{Names, Row};

/// Score a CSV of votes with the production engine.
///
/// Votes have the header voter,subject,value,time: names are any bytes, value is in [-1, 1] (to the nearest
/// hundredth), time in unix seconds, oldest first. A later vote of a voter about a subject replaces the earlier one;
/// a vote of value 0 says nothing and is left out. Seeds are one voter per line. The output has the header
/// subject,score,confidence, both with nine decimals, one row per subject in the order of the votes.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  ostrakon-sim score --votes votes.csv --seeds seeds.txt --out scores.csv --half-life 90d"
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
    /// Time in which a vote's weight halves, in days or hours (90d, 12h; at least 1h), or none.
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
    let seeds = input::read_seeds(&arguments.seeds, &mut names)?;
    let rows = input::read_votes(&arguments.votes, &mut names)?;
    let parameters = Parameters { half_life_ms: arguments.half_life.0, ..Parameters::default() };
    let seeds: BTreeMap<PeerName, u16> = seeds.iter().map(|seed| (names.peer(*seed).clone(), 1000)).collect();
    let mut book = Book::new(parameters, Viewpoint { name: "csv".to_owned(), seeds });
    let at_ms = rows.iter().map(|row| row.time_ms).max().unwrap_or(0);
    let events: Vec<Event> = (0..).zip(&rows).map(|(index, row)| event(index, at_ms, row, &names)).collect();
    book.apply_all(&events);
    book.close_epoch();
    output::write(&arguments.out, &book.snapshot(), &rows, &names, at_ms)
        .with_context(|| format!("cannot write {}", arguments.out.display()))
}

fn event(index: u64, at_ms: u64, row: &Row, names: &Names) -> Event {
    let mut id = [0; 32];
    id[..8].copy_from_slice(&index.to_be_bytes());
    let vote = Vote {
        subject: Subject::Peer(names.peer(row.subject).clone()),
        value: row.value,
        // One category for all, so that a voter's later vote replaces the earlier one whatever its sign.
        category: Category::Vouch,
        cast_at_ms: row.time_ms,
        expires_at_ms: 0,
        detector: Digest::ZERO,
        derived_from: Vec::new(),
        commitment: Digest::ZERO,
    };
    Event::Voted { index, at_ms, id: RecordId(id), voter: names.peer(row.voter).clone(), vote }
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
