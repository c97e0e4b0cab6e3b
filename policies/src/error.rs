//! The errors of this crate, grouped by who must act.

use std::fmt;

/// Why a policy, or a command about it, was refused. A refused *message* is a judgement, not an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    // The author of the file has to act.
    /// The file is larger than [`crate::POLICY_LEN_BYTES_MAX`].
    #[error("{file}: {len_bytes} bytes, but a policy has at most {max_bytes}")]
    TooLarge {
        /// The name given to `parse`.
        file: String,
        /// The length of the file.
        len_bytes: usize,
        /// The largest length.
        max_bytes: usize,
    },
    /// The file is not text, or not whole.
    #[error("{file}: {problem}")]
    NotWhole {
        /// The name given to `load_policy`.
        file: String,
        /// What is wrong, and what is expected.
        problem: String,
    },
    /// The file is not TOML, or a condition is not CEL.
    #[error("{at}: {problem}")]
    Syntax {
        /// The place in the file.
        at: At,
        /// The message of the parser.
        problem: String,
    },
    /// A key is unknown or missing, or a name is given twice.
    #[error("{at}: {problem}")]
    Key {
        /// The place in the file.
        at: At,
        /// What is wrong, and what may have been meant.
        problem: String,
    },
    /// The value of a key has the wrong type or is out of range.
    #[error("{at}: `{key}` {problem}")]
    Value {
        /// The place in the file.
        at: At,
        /// The key.
        key: &'static str,
        /// What is wrong, and what is expected.
        problem: String,
    },
    /// A condition is CEL, but uses something that does not exist or does not fit.
    #[error("{at}: {problem}")]
    Condition {
        /// The place in the file.
        at: At,
        /// What is wrong, and what may have been meant.
        problem: String,
    },
    /// An `explain` text has a placeholder that cannot be filled.
    #[error("{at}: `explain` {problem}")]
    Explain {
        /// The place in the file.
        at: At,
        /// What is wrong, and what may have been meant.
        problem: String,
    },

    // The caller has to act.
    /// There is no limit with this name.
    #[error("no limit is called \"{name}\"; {known}")]
    UnknownLimit {
        /// The name that was asked for.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// The key does not fit the limit.
    #[error("limit \"{limit}\" {problem}")]
    WrongKey {
        /// The limit.
        limit: String,
        /// What is expected.
        problem: String,
    },
}

impl PolicyError {
    /// The line of the file, from 1, if the error has one.
    pub fn line(&self) -> Option<usize> {
        match self {
            PolicyError::Syntax { at, .. }
            | PolicyError::Key { at, .. }
            | PolicyError::Value { at, .. }
            | PolicyError::Condition { at, .. }
            | PolicyError::Explain { at, .. } => Some(at.line),
            PolicyError::TooLarge { .. }
            | PolicyError::NotWhole { .. }
            | PolicyError::UnknownLimit { .. }
            | PolicyError::WrongKey { .. } => None,
        }
    }
}

/// A place in a policy file: `policy.toml:12: rule "bad standing"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// The name given to `parse`.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// `rule "bad standing"`, `rule 3` while it has no name, empty outside of limits and rules.
    pub item: String,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        if !self.item.is_empty() {
            write!(f, ": {}", self.item)?;
        }
        Ok(())
    }
}
