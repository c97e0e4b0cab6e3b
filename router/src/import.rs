//! Unsigned votes of third parties, from files: what they say, under which pseudo-peer, and what of it is new.
//!
//! ```text
//! CSV → parse(Input) → Parsed { votes, skipped } → Planner::step → records of pseudo-peers (made and signed by the node)
//! ```
//!
//! Everything here is a pure function of the bytes. A row that cannot be used is either an error with its line and column
//! or stands in [`Parsed::skipped`] with the reason; none is lost silently. Each source becomes one pseudo-peer below this
//! node's own domain (`<rater>.otc.imported.<own>`), so that nobody mistakes it for a real server.

mod error;
mod fediverse;
mod mastodon;
mod named;
mod names;
mod otc;
mod plan;
mod plausible;
mod rows;
mod sources;
mod text;

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use ostrakon_ledger::{Category, PeerName, Subject};
use serde::{Deserialize, Serialize};

pub use error::ImportError;
pub use named::{Named, Names, Pattern};
pub use plan::{Gone, PlanStep, Planner, RENEW_AFTER_MS, Skip};
pub use plausible::{Blocked, Checked, Checks, Covered, OwnNames, Role, check, time_fault_in_row};
pub use sources::Sources;
pub(crate) use sources::retractions;

/// Largest file in bytes: two million rows of the longest list seen fit.
pub const FILE_BYTES_MAX: usize = 128 << 20;
/// Longest row in bytes, comments included.
pub const ROW_BYTES_MAX: usize = 16 << 10;

/// The file formats that can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Ratings of a trading community: `rater,ratee,rating,unix time`, no header.
    Otc,
    /// A history of domain blocks by several servers: `unix_time,voter,domain,action,severity,public_comment`.
    Fediverse,
    /// One server's domain blocks as Mastodon exports them: `#domain,#severity,…`.
    Mastodon,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Otc, Self::Fediverse, Self::Mastodon];

    /// The word on the command line, and the label in the names of its pseudo-peers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Otc => "otc",
            Self::Fediverse => "fediverse",
            Self::Mastodon => "mastodon",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = ImportError;
    fn from_str(text: &str) -> Result<Self, ImportError> {
        let unknown = || ImportError::Format(text.chars().take(QUOTE_CHARS_MAX).collect());
        Self::ALL.into_iter().find(|format| format.as_str() == text).ok_or_else(unknown)
    }
}

/// A format with what must be known beside the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// [`Format::Otc`]
    Otc,
    /// [`Format::Fediverse`]
    Fediverse,
    /// [`Format::Mastodon`], whose files say neither whose they are nor from when.
    Mastodon {
        /// Whose export it is, such as the server's domain.
        source: String,
        /// When it was exported, unix ms: the time of every vote in it.
        exported_at_ms: u64,
    },
}

impl Input {
    /// Brings the arguments of a command together.
    ///
    /// # Errors
    /// [`ImportError::Argument`] when `source` or `exported_at_ms` is missing, or given where the file itself says it.
    pub fn new(format: Format, source: Option<&str>, exported_at_ms: Option<u64>) -> Result<Self, ImportError> {
        let fault = |argument, reason| Err(ImportError::Argument { argument, format, reason });
        match (format, source, exported_at_ms) {
            (Format::Mastodon, Some(source), _) if source.trim().is_empty() => fault("source", "must not be empty"),
            (Format::Mastodon, Some(source), Some(exported_at_ms)) => {
                Ok(Self::Mastodon { source: source.to_owned(), exported_at_ms })
            }
            (Format::Mastodon, None, _) => fault("source", "is required: the file does not say whose it is"),
            (Format::Mastodon, _, None) => fault("date", "is required: the file does not say from when it is"),
            (_, Some(_), _) => fault("source", "is not possible: the file names its sources"),
            (_, _, Some(_)) => fault("date", "is not possible: the file has its own times"),
            (Format::Otc, None, None) => Ok(Self::Otc),
            (Format::Fediverse, None, None) => Ok(Self::Fediverse),
        }
    }

    /// Its format.
    pub fn format(&self) -> Format {
        match self {
            Self::Otc => Format::Otc,
            Self::Fediverse => Format::Fediverse,
            Self::Mastodon { .. } => Format::Mastodon,
        }
    }
}

/// What one row says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceVote {
    /// The pseudo-peer that says it.
    pub source: PeerName,
    /// What it is about.
    pub subject: Subject,
    /// What is said.
    pub action: Action,
    /// The line of the file, from 1.
    pub line: u64,
    /// Whether it is cast again when the source has cast an equal vote before.
    #[serde(default)]
    pub again: Again,
}

/// When a vote is cast that differs from an earlier one of its source in nothing but its time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Again {
    /// Each time: the row has a time of its own, at which the source said it again.
    #[default]
    Later,
    /// When it is newer by [`RENEW_AFTER_MS`]: the list is from another day and says the same.
    Aged,
    /// Unless the very same vote stands: the operator asked for it.
    Always,
}

/// What is said about a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// An opinion.
    Cast {
        /// −100 to 100, not 0.
        value: i8,
        /// Why.
        category: Category,
        /// Since when, unix ms.
        cast_at_ms: u64,
        /// Until when, unix ms; 0: for good.
        expires_at_ms: u64,
    },
    /// No opinion any more.
    Withdraw {
        /// Since when, unix ms.
        at_ms: u64,
    },
}

impl Action {
    /// Since when it holds, unix ms.
    pub fn at_ms(self) -> u64 {
        match self {
            Self::Cast { cast_at_ms: at_ms, .. } | Self::Withdraw { at_ms } => at_ms,
        }
    }

    /// Orders what is said from the strictest on: by value, and no opinion last.
    fn mildness(self) -> (i16, u8) {
        match self {
            Self::Cast { value, category, .. } => (value.into(), category as u8),
            Self::Withdraw { .. } => (i16::MAX, 0),
        }
    }
}

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parsed {
    /// In the order of their times, rows of one time in the order of the file.
    pub votes: Vec<SourceVote>,
    /// Rows that cannot be used, in the order of the file.
    pub skipped: Vec<SkippedRow>,
    /// How the file was read where it leaves that open.
    pub notes: Vec<&'static str>,
}

/// A row that is well-formed and says nothing that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedRow {
    /// The line of the file, from 1.
    pub line: u64,
    /// The column that is the reason.
    pub column: &'static str,
    /// What stands there, shortened.
    pub value: String,
    /// Why it cannot be used.
    pub reason: &'static str,
    /// Whom it names all the same.
    pub names: Names,
}

/// Reads a file. Whether what it says can be meant is for [`check`] to find out.
///
/// # Errors
/// [`ImportError`], at the first row that is wrong; nothing of the file is used then.
pub fn parse(input: &Input, csv: &[u8], own: &PeerName) -> Result<Parsed, ImportError> {
    if csv.len() > FILE_BYTES_MAX {
        return Err(ImportError::FileTooLarge { len_bytes: csv.len(), max_bytes: FILE_BYTES_MAX });
    }
    let csv = text::of_a_list(csv)?;
    let mut parsed = match input {
        Input::Otc => otc::parse(csv, own),
        Input::Fediverse => fediverse::parse(csv, own),
        Input::Mastodon { source, exported_at_ms } => mastodon::parse(csv, own, source, *exported_at_ms),
    }?;
    if parsed.votes.is_empty() && parsed.skipped.is_empty() {
        return Err(ImportError::NotAList("it has no rows"));
    }
    parsed.votes.sort_by_key(|vote| vote.action.at_ms());
    skip_contradictions(&mut parsed);
    Ok(parsed)
}

/// The pseudo-peer of a source under each format: `source` is what `import votes --source` takes, what a file calls the
/// source, or the full name of one pseudo-peer.
///
/// # Errors
/// [`ImportError::Argument`] when there is no such name.
pub fn pseudo_peers(source: &str, format: Option<Format>, own: &PeerName) -> Result<Vec<PeerName>, ImportError> {
    let source = source.trim();
    if let Ok(name) = PeerName::parse(source)
        && is_pseudo_peer(&name, own)
    {
        return Ok(vec![name]);
    }
    let formats = Format::ALL.into_iter().filter(|known| format.is_none_or(|wanted| wanted == *known));
    formats
        .map(|format| {
            let name = match format {
                Format::Otc => names::pseudo_peer(source, format.as_str(), own),
                Format::Fediverse | Format::Mastodon => names::pseudo_peer_of_server(source, format.as_str(), own),
            };
            name.map_err(|reason| ImportError::Argument { argument: "source", format, reason })
        })
        .collect()
}

/// Whether a name is that of a pseudo-peer of the node with the domain `own`. No other name may be taken for a source: a
/// row that comes over HTTP could name a real server.
pub fn is_pseudo_peer(name: &PeerName, own: &PeerName) -> bool {
    let below = name.as_str().strip_suffix(own.as_str()).and_then(|rest| rest.strip_suffix(".imported."));
    let format = below.and_then(|rest| rest.rsplit_once('.'));
    format.is_some_and(|(_, format)| Format::ALL.iter().any(|known| known.as_str() == format))
}

/// A source says one thing about a subject at a moment. Where a file has several, in whatever order, the strictest
/// stands and the others are reported; a row that repeats it is no contradiction.
fn skip_contradictions(parsed: &mut Parsed) {
    let place = |vote: &SourceVote| (vote.source.clone(), vote.subject.clone(), vote.action.at_ms());
    let mut strictest: HashMap<(PeerName, Subject, u64), Action> = HashMap::with_capacity(parsed.votes.len());
    for vote in &parsed.votes {
        let stands = strictest.entry(place(vote)).or_insert(vote.action);
        if vote.action.mildness() < stands.mildness() {
            *stands = vote.action;
        }
    }
    let Parsed { votes, skipped, .. } = parsed;
    votes.retain(|vote| {
        let stands = strictest.get(&place(vote)).is_none_or(|action| *action == vote.action);
        if !stands {
            let reason = "is named again with the same source and time and a stricter severity, which stands";
            let (value, names) = (vote.subject.to_string(), Names::Subject(vote.subject.clone()));
            skipped.push(SkippedRow { line: vote.line, column: "subject", value, reason, names });
        }
        stands
    });
    skipped.sort_by_key(|row| row.line);
}

/// How many characters of an offending value are repeated.
const QUOTE_CHARS_MAX: usize = 80;

#[cfg(test)]
mod tests;
