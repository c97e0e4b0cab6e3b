//! `ostrakon-sim evaluate-lists`: which domains will a list of blocks add later?
//!
//! All votes of the lists up to a date are folded into the production engine, from the viewpoint of one list: it is a
//! seed with full weight, and every other list is a seed with the share that the two have in common. The domains that
//! other lists block and this one does not are ranked by score, the worst first. The domains that the list adds within
//! the next weeks show how good the ranking was. The ranking uses no votes after the date.
//!
//! There are two rankings to compare with: by the plain number of lists that block a domain, and by the engine with
//! every list at full weight, which differs from the number only in what lineage (R6) takes from copied votes.

mod history;
mod predict;
mod table;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use rayon::prelude::*;

use history::History;
pub use predict::{Outcome, Scores};
pub use table::Summary;

/// The arguments of `ostrakon-sim evaluate-lists`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  ostrakon-sim evaluate-lists --votes ../shared/data/fediverse-blocklists/votes.csv")]
pub struct Arguments {
    /// Blocks and un-blocks: CSV with the header unix_time,voter,domain,action,severity,public_comment, as
    /// `ostrakon import votes --format fediverse` takes it.
    #[arg(long, value_name = "FILE")]
    votes: PathBuf,
    /// The dates to predict from (UTC, 00:00).
    #[arg(long, value_name = "YYYY-MM-DD", value_delimiter = ',', value_parser = date,
          default_values = ["2023-02-01", "2023-03-01", "2023-04-01", "2023-05-01", "2023-06-01", "2023-07-01"])]
    dates: Vec<Date>,
    /// Within how many days after the date an addition counts.
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3650))]
    window: u64,
    /// Lists that add fewer of the ranked domains within the window are left out.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    additions_min: u64,
    /// Also write the result as JSON to this file.
    #[arg(long, value_name = "OUT")]
    json: Option<PathBuf>,
}

/// Midnight at the beginning of a day, UTC.
#[derive(Debug, Clone)]
struct Date {
    text: String,
    at_ms: u64,
}

fn date(text: &str) -> Result<Date, String> {
    let fault = |_| "write it as 2023-02-01".to_owned();
    let time = humantime::parse_rfc3339(&format!("{text}T00:00:00Z")).map_err(fault)?;
    let since = time.duration_since(std::time::UNIX_EPOCH).map_err(|_| "must be after 1970".to_owned())?;
    Ok(Date { text: text.to_owned(), at_ms: since.as_millis() as u64 })
}

/// Reads the history, predicts from every date for every list, prints the table and, if asked, writes the JSON.
///
/// # Errors
/// The file cannot be read or is not what [`Arguments`] says, with its line; nothing can be predicted from the dates;
/// the JSON cannot be written.
pub fn run(arguments: &Arguments) -> Result<Summary> {
    let history = History::read(&arguments.votes)?;
    let cases: Vec<_> = arguments.dates.iter().flat_map(|date| history.lists().map(move |list| (date, list))).collect();
    let window_ms = arguments.window * 86_400_000;
    let predicted = cases.par_iter().filter_map(|(date, list)| {
        predict::predict(&history, list, date.at_ms, window_ms, arguments.additions_min as usize)
            .map(|scores| Outcome { date: date.text.clone(), list: history.title(list).to_owned(), scores })
    });
    let summary = Summary::of(predicted.collect(), arguments.window).context(
        "no list adds enough domains that others block, within the window after any of the dates: try other dates",
    )?;
    ostrakon_router::output::lines(&summary.to_string())?;
    if let Some(path) = &arguments.json {
        crate::json::write(path, &summary)?;
    }
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_days_in_utc() {
        assert_eq!(date("1970-01-02").map(|date| date.at_ms), Ok(86_400_000));
        assert_eq!(date("2023-02-01").map(|date| date.at_ms), Ok(1_675_209_600_000));
        for bad in ["", "2023-2-1", "2023-02-30", "1969-01-01", "tomorrow"] {
            assert!(date(bad).is_err(), "{bad}");
        }
    }
}
