//! Why a list is not imported.

use ostrakon_ledger::Blame;

use super::Format;

/// Why a file was not imported. Always the caller's to mend; nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Not one of [`Format::ALL`](super::Format::ALL).
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
    /// A file of which the end may be missing, taken for the whole list.
    #[error(
        "the file does not end with a line end: its end may be missing, and --complete would withdraw what stood there; \
         fetch it again, or add a line end if it is whole"
    )]
    Torn,
    /// A list that lacks much of what stands of its source, taken for the whole list.
    #[error(
        "{gone} of the {standing} subjects that `{from}` has votes on are not in this list; --complete withdraws no more \
         than a tenth of them, or nine; look with --dry-run, then add --even-many"
    )]
    ManyGone {
        /// The pseudo-peer.
        from: ostrakon_ledger::PeerName,
        /// Subjects that the list does not name.
        gone: usize,
        /// Subjects of its votes that stand.
        standing: usize,
    },
    /// A file that is something else than a list.
    #[error("this is not a list: {0}")]
    NotAList(&'static str),
    /// Larger than [`FILE_BYTES_MAX`](super::FILE_BYTES_MAX).
    #[error("the file has {len_bytes} bytes, at most {max_bytes} are read")]
    FileTooLarge {
        /// Its size.
        len_bytes: usize,
        /// The limit.
        max_bytes: usize,
    },
    /// A row longer than [`ROW_BYTES_MAX`](super::ROW_BYTES_MAX), for example because of a quote that is never closed.
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
            Self::NotAList(_) => "not_a_list",
            Self::Argument { .. } => "bad_argument",
            Self::Torn => "torn",
            Self::ManyGone { .. } => "many_gone",
            Self::FileTooLarge { .. } | Self::RowTooLong { .. } => "too_large",
            Self::ColumnCount { .. } | Self::Header { .. } => "bad_columns",
            Self::Field { .. } => "bad_field",
        }
    }
}
