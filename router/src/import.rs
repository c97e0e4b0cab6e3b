//! Unsigned votes of third parties, from files: what they say, under which pseudo-peer, and what of it is new.
//!
//! ```text
//! CSV → parse(Input) → Parsed { votes, skipped } → Planner::step → records of pseudo-peers (made and signed by the node)
//! ```
//!
//! Everything here is a pure function of the bytes. A row that cannot be used is either an error with its line and column
//! or stands in [`Parsed::skipped`] with the reason; none is lost silently. Each source becomes one pseudo-peer below this
//! node's own domain (`<rater>.otc.imported.<own>`), so that nobody mistakes it for a real server.

mod fediverse;
mod mastodon;
mod names;
mod otc;
mod plan;
mod rows;

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use ostrakon_ledger::{Blame, Category, PeerName, Subject};
use serde::{Deserialize, Serialize};

pub use plan::{Planner, Skip, Step};

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
}

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parsed {
    /// In the order of their times, rows of one time in the order of the file.
    pub votes: Vec<SourceVote>,
    /// Rows that cannot be used, in the order of the file.
    pub skipped: Vec<SkippedRow>,
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
}

/// Reads a file.
///
/// # Errors
/// [`ImportError`], at the first row that is wrong; nothing of the file is used then.
pub fn parse(input: &Input, csv: &[u8], own: &PeerName) -> Result<Parsed, ImportError> {
    if csv.len() > FILE_BYTES_MAX {
        return Err(ImportError::FileTooLarge { len_bytes: csv.len(), max_bytes: FILE_BYTES_MAX });
    }
    let mut parsed = match input {
        Input::Otc => otc::parse(csv, own),
        Input::Fediverse => fediverse::parse(csv, own),
        Input::Mastodon { source, exported_at_ms } => mastodon::parse(csv, own, source, *exported_at_ms),
    }?;
    parsed.votes.sort_by_key(|vote| vote.action.at_ms());
    skip_contradictions(&mut parsed);
    Ok(parsed)
}

/// Whether a name is that of a pseudo-peer of the node with the domain `own`. No other name may be taken for a source: a
/// row that comes over HTTP could name a real server.
pub fn is_pseudo_peer(name: &PeerName, own: &PeerName) -> bool {
    let below = name.as_str().strip_suffix(own.as_str()).and_then(|rest| rest.strip_suffix(".imported."));
    let format = below.and_then(|rest| rest.rsplit_once('.'));
    format.is_some_and(|(_, format)| Format::ALL.iter().any(|known| known.as_str() == format))
}

/// A source cannot hold and withdraw an opinion at the same moment: the first row stands, the other one is reported.
fn skip_contradictions(parsed: &mut Parsed) {
    let mut seen: HashMap<(PeerName, Subject, u64), bool> = HashMap::with_capacity(parsed.votes.len());
    let Parsed { votes, skipped } = parsed;
    votes.retain(|vote| {
        let casts = matches!(vote.action, Action::Cast { .. });
        let at_ms = vote.action.at_ms();
        let stands = *seen.entry((vote.source.clone(), vote.subject.clone(), at_ms)).or_insert(casts) == casts;
        if !stands {
            let reason = "contradicts an earlier row with the same source, subject and time";
            skipped.push(SkippedRow { line: vote.line, column: "time", value: at_ms.to_string(), reason });
        }
        stands
    });
    skipped.sort_by_key(|row| row.line);
}

/// How many characters of an offending value are repeated.
const QUOTE_CHARS_MAX: usize = 80;

/// Why a file was not imported. Always the caller's to mend; nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Not one of [`Format::ALL`].
    #[error("`{0}` is not a format; known are otc, fediverse and mastodon")]
    Format(String),
    /// An argument that the format needs or does not take.
    #[error("`{argument}` with format {format}: {reason}")]
    Argument {
        /// The argument.
        argument: &'static str,
        /// The format.
        format: Format,
        /// What is wrong.
        reason: &'static str,
    },
    /// Larger than [`FILE_BYTES_MAX`].
    #[error("the file has {len_bytes} bytes, at most {max_bytes} are read")]
    FileTooLarge {
        /// Its size.
        len_bytes: usize,
        /// The limit.
        max_bytes: usize,
    },
    /// A row longer than [`ROW_BYTES_MAX`], for example because of a quote that is never closed.
    #[error("line {line}: the row has {len_bytes} bytes, at most {max_bytes} are read")]
    RowTooLong {
        /// The line on which it begins, from 1.
        line: u64,
        /// Its length.
        len_bytes: usize,
        /// The limit.
        max_bytes: usize,
    },
    /// A row with more or fewer columns than the first one or the format.
    #[error("line {line}: the row has {found} columns instead of {expected}")]
    ColumnCount {
        /// The line on which it begins, from 1.
        line: u64,
        /// Columns there should be.
        expected: usize,
        /// Columns there are.
        found: usize,
    },
    /// The header lacks a column or names one twice.
    #[error("line 1: column `{column}` {reason}")]
    Header {
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A value that the column cannot have.
    #[error("line {line}, column `{column}`: `{value}` {reason}")]
    Field {
        /// The line, from 1.
        line: u64,
        /// The column.
        column: &'static str,
        /// What stands there, shortened.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl ImportError {
    /// Whose fault it is: the caller's, who chose file and format.
    pub fn blame(&self) -> Blame {
        Blame::Caller
    }

    /// A stable snake_case word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Format(_) => "unknown_format",
            Self::Argument { .. } => "bad_argument",
            Self::FileTooLarge { .. } | Self::RowTooLong { .. } => "too_large",
            Self::ColumnCount { .. } | Self::Header { .. } => "bad_columns",
            Self::Field { .. } => "bad_field",
        }
    }
}

#[cfg(test)]
mod tests;
