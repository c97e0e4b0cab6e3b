//! What can be wrong with a configuration, and where.

use std::fmt;
use std::path::PathBuf;

/// Why a configuration was not taken. Always the caller's to mend; nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is larger than a configuration can be.
    #[error("{}: {len_bytes} bytes, at most {max_bytes} are read", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        len_bytes: u64,
        /// The limit.
        max_bytes: u64,
    },
    /// The file is not TOML.
    #[error("{}:{line}:{column}: not valid TOML: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What the TOML parser said.
        message: String,
    },
    /// One key is unknown, missing or has a value it cannot have.
    #[error("{place}: `{key}`: {message}{}", suggestion.as_ref().map(|s| format!(", did you mean `{s}`?")).unwrap_or_default())]
    Key {
        /// Where the value came from.
        place: Place,
        /// The key with its section, such as `limits.body_max`.
        key: String,
        /// What is wrong with it.
        message: String,
        /// The known key or value that looks most like it.
        suggestion: Option<String>,
    },
}

/// Where a value of the configuration came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The file, with the line (from 1) of the key, or of its section when the key is missing.
    File {
        /// The file.
        path: PathBuf,
        /// The line, when the key or its section stands in the file.
        line: Option<usize>,
    },
    /// An environment variable of this name.
    Variable(String),
    /// An argument of the command line of this name.
    Argument(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: Some(line) } => write!(f, "{}:{line}", path.display()),
            Self::File { path, line: None } => write!(f, "{}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Argument(name) => write!(f, "argument {name}"),
        }
    }
}

/// The known name that looks most like `unknown`, when one is close enough to be a slip of the hand.
pub(crate) fn suggest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let near = unknown.len().div_ceil(3).max(1);
    known
        .into_iter()
        .map(|name| (strsim::osa_distance(&unknown.to_lowercase(), name), name))
        .filter(|(distance, _)| *distance <= near)
        .min()
        .map(|(_, name)| name.to_owned())
}
