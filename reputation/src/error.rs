//! The errors of this crate. Only reading a book from bytes can fail.

use thiserror::Error;

/// Why a book cannot be read from bytes. The caller can fold the ledger instead.
#[derive(Debug, Error)]
pub enum Unreadable {
    /// Caller: the bytes are not a book, or a book of another version.
    #[error("not a score book of this version")]
    OtherForm,
    /// Caller: the book was computed with other parameters.
    #[error("computed with other parameters")]
    OtherParameters,
    /// Caller: the book was computed from other viewpoints.
    #[error("computed from other viewpoints")]
    OtherViewpoints,
    /// Ours: the bytes are not those that were written.
    #[error("damaged: {0}")]
    Damaged(&'static str),
    /// Ours: the input could not be read.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
}
