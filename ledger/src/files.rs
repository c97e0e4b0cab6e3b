//! The files of a C2SP log, wherever they are: a server, a mirror, a ledger of ours.

use std::fmt;

use crate::error::LedgerError;
use crate::ledger::LedgerReader;
use crate::tile::{HASH_BYTES, TILE_WIDTH, TilePath, width_at};

/// Why a log's files could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The log does not have it, or not any more.
    #[error("the log has no `{0}`")]
    Missing(String),
    /// It could not be asked, or it answered something else.
    #[error("`{path}`: {reason}")]
    Failed {
        /// What was asked for.
        path: String,
        /// What went wrong.
        reason: String,
    },
    /// The files are together larger than what is taken at once; fewer of them may be had.
    #[error("the files are together longer than {bytes_max} bytes")]
    TooMuch {
        /// What is taken at once.
        bytes_max: usize,
    },
}

/// A log as its readers see it (C2SP tlog-tiles).
pub trait LogFiles {
    /// The signed note with the log's tree head.
    ///
    /// # Errors
    /// [`FetchError`]
    fn checkpoint(&self) -> Result<String, FetchError>;

    /// The files at these paths, in their order; `None` for one that the log does not have. Nothing is checked yet.
    ///
    /// # Errors
    /// [`FetchError::Failed`]; [`FetchError::TooMuch`], not for a single path.
    fn files(&self, paths: &[TilePath]) -> Result<Vec<Option<Vec<u8>>>, FetchError>;
}

impl LogFiles for LedgerReader {
    fn checkpoint(&self) -> Result<String, FetchError> {
        Ok(LedgerReader::checkpoint(self))
    }

    fn files(&self, paths: &[TilePath]) -> Result<Vec<Option<Vec<u8>>>, FetchError> {
        let read = |path: &TilePath| {
            let bytes = match *path {
                TilePath::Hashes { level, n, width } => self.tile(level, n, width),
                TilePath::Entries { n, width } => self.entry_bundle(n, width),
            };
            bytes.map_err(|error: LedgerError| failed(path, error))
        };
        paths.iter().map(read).collect()
    }
}

fn failed(path: &TilePath, reason: impl fmt::Display) -> FetchError {
    FetchError::Failed { path: path.to_string(), reason: reason.to_string() }
}

/// Fetches files that a checkpoint implies. Where a partial one is gone, the full one is asked for and cut to the width
/// that was asked for: a log may drop partial files that it can replace.
pub(crate) fn fetch(files: &dyn LogFiles, paths: &[TilePath]) -> Result<Vec<Vec<u8>>, FetchError> {
    match fetch_at_once(files, paths) {
        Err(FetchError::TooMuch { .. }) if paths.len() > 1 => {
            let (front, back) = paths.split_at(paths.len() / 2);
            Ok([fetch(files, front)?, fetch(files, back)?].concat())
        }
        found => found,
    }
}

/// As many files from the front as are taken at once, at least one.
pub(crate) fn fetch_front(files: &dyn LogFiles, paths: &[TilePath]) -> Result<Vec<Vec<u8>>, FetchError> {
    match fetch_at_once(files, paths) {
        Err(FetchError::TooMuch { .. }) if paths.len() > 1 => fetch_at_once(files, &paths[..1]),
        found => found,
    }
}

fn fetch_at_once(files: &dyn LogFiles, paths: &[TilePath]) -> Result<Vec<Vec<u8>>, FetchError> {
    let mut found = files.files(paths)?;
    for (path, bytes) in paths.iter().zip(&mut found) {
        if bytes.is_none() && path.width() < TILE_WIDTH {
            *bytes = files.files(&[path.full()])?.pop().flatten().map(|full| narrowed(*path, full));
        }
    }
    let required =
        |(path, bytes): (&TilePath, Option<Vec<u8>>)| bytes.ok_or_else(|| FetchError::Missing(path.to_string()));
    paths.iter().zip(found).map(required).collect()
}

/// The front of a full file. One that is malformed stays as it is, to be found out by whoever checks it.
fn narrowed(path: TilePath, mut full: Vec<u8>) -> Vec<u8> {
    let bytes = match path {
        TilePath::Hashes { width, .. } => usize::from(width) * HASH_BYTES,
        TilePath::Entries { width, .. } => match split_bundle(&full) {
            Some(entries) => entries.iter().take(usize::from(width)).map(|entry| 2 + entry.len()).sum(),
            None => full.len(),
        },
    };
    full.truncate(bytes);
    full
}

/// The entries of a bundle; `None` when they are not each behind its length, with nothing else.
pub(crate) fn split_bundle(bundle: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = bundle;
    let mut entries = Vec::with_capacity(usize::from(TILE_WIDTH));
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (entry, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        rest = after;
    }
    Some(entries)
}

/// Where entries `from..to` stand in a log of `tree_size` entries: the bundles, in order.
pub(crate) fn bundles(from: u64, to: u64, tree_size: u64) -> Vec<TilePath> {
    let width = u64::from(TILE_WIDTH);
    let end = if from < to { to.div_ceil(width) } else { from / width };
    (from / width..end).map(|n| TilePath::Entries { n, width: width_at(0, n, tree_size) }).collect()
}
