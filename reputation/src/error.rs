//! What can go wrong: only reading a book from bytes can.

use thiserror::Error;

/// Why bytes are not the book that was asked for. Fold the ledger instead.
#[derive(Debug, Error)]
pub enum Unreadable {
    /// Caller: not a book, or one of another version.
    #[error("it is not a book in this version's form")]
    OtherForm,
    /// Caller: computed under other parameters.
    #[error("it was computed under other parameters")]
    OtherParameters,
    /// Caller: seen from other viewpoints.
    #[error("it was computed from other viewpoints")]
    OtherViewpoints,
    /// Ours: the bytes are not what was written.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// Ours: they could not be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] std::io::Error),
}
