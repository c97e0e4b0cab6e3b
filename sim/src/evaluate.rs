//! `ostrakon-sim evaluate`: algorithms against attackers, on real votes.
//!
//! ```text
//! votes, labels ─ protocol → splits ─ attackers → questions ─ algorithms → scores → AUC, flips, bounds → tables
//! ```
//!
//! There are two protocols ([`protocol`]). The attackers are in [`crate::attackers::ALL`], the algorithms in
//! [`Algorithm::ALL`]. Everything is drawn from the seed by a named generator (ChaCha8), one stream per protocol, case
//! and split. The same seed gives the same bytes on any number of threads.

mod bound;
mod course;
mod honest;
mod measured;
mod protocol;
mod table;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;

pub use course::{Course, Moment};
pub use measured::{Cell, Row as CaseRow};
use ostrakon_reputation::Parameters;
pub use protocol::Protocol;
use serde::Serialize;

use crate::algorithm::Algorithm;
use crate::attackers::{self, Attacker};
use crate::measure::Mean;
use crate::votes::{self, Names};

/// The case without an attacker.
pub const CLEAN: &str = "clean";

/// The arguments of `ostrakon-sim evaluate`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  ostrakon-sim evaluate --votes ../shared/data/bitcoin-otc/soc-sign-bitcoinotc.csv \\\n                        --labels ../shared/data/bitcoin-otc/labels.csv --splits 10 --json result.json"
)]
pub struct Arguments {
    /// CSV with the header voter,subject,value,time, as `score` takes it, or without one as SNAP publishes Bitcoin OTC.
    #[arg(long, value_name = "FILE")]
    votes: PathBuf,
    /// Labels, benign (1) or fraudulent (-1): name,label without a header. Without this file only signs are predicted.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// The voter that invited the first others; always a seed.
    #[arg(long, value_name = "NAME", default_value = "1")]
    founder: String,
    /// Draws of seeds and attackers.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1000))]
    splits: u64,
    /// Seed of every draw.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Which algorithms; all of them by default.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAMES")]
    algorithms: Vec<Algorithm>,
    /// Which cases: clean or an attacker; all of them by default.
    #[arg(long, value_delimiter = ',', value_name = "NAMES", value_parser = case)]
    cases: Vec<Case>,
    /// Half-life of votes for the attackers over time, in days.
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u64).range(1..=36_500))]
    half_life: u64,
    /// Also write the result as JSON to this file.
    #[arg(long, value_name = "OUT")]
    json: Option<PathBuf>,
}

/// A row of the tables.
#[derive(Clone, Copy)]
pub(crate) enum Case {
    Clean,
    Attacked(&'static Attacker),
}

impl Case {
    fn name(self) -> &'static str {
        match self {
            Self::Clean => CLEAN,
            Self::Attacked(attacker) => attacker.name,
        }
    }

    fn all() -> impl Iterator<Item = Self> {
        std::iter::once(Self::Clean).chain(attackers::ALL.into_iter().map(Self::Attacked))
    }
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

fn case(text: &str) -> Result<Case, String> {
    let known = || Case::all().map(Case::name).collect::<Vec<_>>().join(", ");
    Case::all().find(|case| case.name() == text).ok_or_else(|| format!("known are {}", known()))
}

/// Everything that was measured, in the shape of `--json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Digest of the engine's parameters, hexadecimal.
    pub parameters: String,
    /// The seed of every draw.
    pub seed: u64,
    /// How many draws.
    pub splits: usize,
    /// One table per protocol.
    pub tables: Vec<Table>,
    /// How far the attackers over time got, at several moments.
    pub courses: Vec<Course>,
}

/// A protocol's cases against all algorithms.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Table {
    /// The protocol.
    pub protocol: Protocol,
    /// The algorithms, in the order in which they were asked for.
    pub algorithms: Vec<Algorithm>,
    /// One row per case.
    pub rows: Vec<CaseRow>,
}

impl Report {
    /// The result of an algorithm in a case.
    pub fn cell(&self, protocol: Protocol, case: &str, algorithm: Algorithm) -> Option<&Cell> {
        let table = self.tables.iter().find(|table| table.protocol == protocol)?;
        let column = table.algorithms.iter().position(|it| *it == algorithm)?;
        table.rows.iter().find(|row| row.case == case)?.cells.get(column)
    }

    /// The cases in which the engine let an attacker weigh more, or flip more subjects, than its bound allows.
    pub fn broken_bounds(&self) -> Vec<String> {
        let rows = self.tables.iter().flat_map(|table| table.rows.iter().map(move |row| (table.protocol, row)));
        let at_once = rows.filter(|(_, row)| row.bound.is_some_and(|bound| !bound.holds));
        let names = at_once.map(|(protocol, row)| format!("{protocol} {}", row.case));
        let over_time = self.courses.iter().filter(|course| !course.moments.iter().all(|moment| moment.bound.holds));
        names.chain(over_time.map(|course| format!("{} over time", course.case))).collect()
    }
}

/// How far an attacker got, and the bounds: the means over the splits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BoundRow {
    /// Weight of all false identities together, in full votes.
    pub weight: Mean,
    /// φ(1−α)/(ατ) for the trust φ that their edges carry.
    pub weight_max: Mean,
    /// Subjects whose score is clear without the attack and has the other sign with it.
    pub flipped: Mean,
    /// How many subjects that weight could flip if it were spent on the subjects that need the least.
    pub flipped_max: Mean,
    /// Whether neither bound was broken in any split.
    pub holds: bool,
}

/// Reads votes and labels, measures, prints the tables and, if asked, writes the JSON.
///
/// # Errors
/// A file cannot be read or is not what [`Arguments`] says; the founder does not vote; there are too few labels; the
/// JSON cannot be written; or, after the tables were printed, an attacker got further than the bound allows.
pub fn run(arguments: &Arguments) -> Result<Report> {
    let mut names = Names::default();
    let mut votes = votes::read_votes(&arguments.votes, &mut names)?;
    votes.sort_by_key(|row| row.time_ms);
    let labels = arguments.labels.as_ref().map(|path| votes::read_labels(path, &mut names)).transpose()?;
    let founder =
        names.find(arguments.founder.as_bytes()).filter(|founder| votes.iter().any(|row| row.voter == *founder));
    let founder = founder.with_context(|| {
        format!("{} has no vote in {}: say with --founder who was first", arguments.founder, arguments.votes.display())
    })?;
    let plan = protocol::Plan { votes, labels, founder, count: names.count(), seed: arguments.seed };
    let algorithms =
        if arguments.algorithms.is_empty() { Algorithm::ALL.to_vec() } else { arguments.algorithms.clone() };
    let cases: Vec<Case> = if arguments.cases.is_empty() { Case::all().collect() } else { arguments.cases.clone() };
    let splits = arguments.splits as usize;

    let digest = Parameters::default().digest();
    let parameters = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut report = Report { parameters, seed: arguments.seed, splits, tables: Vec::new(), courses: Vec::new() };
    for protocol in plan.protocols() {
        let cases: Vec<Case> = cases.iter().copied().filter(|case| protocol.has(*case)).collect();
        if !cases.is_empty() {
            report.tables.push(measured::measure(&plan, protocol, &cases, &algorithms, splits)?);
        }
    }
    if plan.labels.is_some() && algorithms.contains(&Algorithm::Ostrakon) {
        let half_life_ms = arguments.half_life * 86_400_000;
        report.courses = course::measure(&plan, &cases, splits, half_life_ms)?;
    }
    ostrakon_router::output::lines(&report.to_string())?;
    if let Some(path) = &arguments.json {
        crate::json::write(path, &report)?;
    }
    match report.broken_bounds().as_slice() {
        [] => Ok(report),
        broken => bail!("the bound is broken in: {}", broken.join(", ")),
    }
}
