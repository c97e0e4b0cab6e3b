//! C2SP `tlog-proof`: a self-contained receipt that an entry stands in a ledger.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra <base64 of the entry's bytes>
//! index 4711
//! <base64 sibling hash>            one line each, leaf side first
//!
//! <signed checkpoint>
//! ```
//!
//! The `extra` line of ours carries the leaf, because nobody but the ledger knows the chain link and the time in it.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::checkpoint::Checkpoint;
use crate::entry::{ENTRY_BYTES_MAX, Entry};
use crate::error::Unproven;
use crate::malformed::Malformed;
use crate::merkle::{Hash, leaf_hash, verify_inclusion};
use crate::note::{NOTE_BYTES_MAX, Note, NoteKey};

/// First line.
const MAGIC: &str = "c2sp.org/tlog-proof@v1";
/// Longest path: a tree has at most 2^64 − 1 leaves.
pub const PATH_HASHES_MAX: usize = 64;
/// Longest receipt: the entry in base64, the path, the note.
pub const RECEIPT_BYTES_MAX: usize = ENTRY_BYTES_MAX.div_ceil(3) * 4 + PATH_HASHES_MAX * 45 + NOTE_BYTES_MAX + 128;

/// A proof of inclusion with the checkpoint it leads to. Says nothing until [`Receipt::verify`] has checked it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// What the maker added, outside the proof; in receipts of ours the bytes of the entry.
    pub extra: Option<Vec<u8>>,
    /// Where the leaf stands.
    pub index: u64,
    /// Sibling hashes, leaf side first, at most [`PATH_HASHES_MAX`].
    pub path: Vec<Hash>,
    /// The signed checkpoint.
    pub checkpoint: Note,
}

impl Receipt {
    /// Checks that `leaf` stands where the receipt says, under a checkpoint with a valid signature by a key of `known`
    /// whose name is the checkpoint's origin. Returns that checkpoint.
    ///
    /// # Errors
    /// [`Unproven`]
    pub fn verify(&self, leaf: &[u8], known: &[NoteKey]) -> Result<Checkpoint, Unproven> {
        let checkpoint = Checkpoint::of(&self.checkpoint, known)?;
        if !verify_inclusion(self.index, checkpoint.tree_size, &leaf_hash(leaf), &self.path, &checkpoint.root) {
            return Err(Unproven::Inclusion { index: self.index, tree_size: checkpoint.tree_size });
        }
        Ok(checkpoint)
    }

    /// As [`Receipt::verify`], for the entry that the receipt itself carries: the checkpoint, and the entry that it covers.
    ///
    /// # Errors
    /// [`Unproven`]; also when there is no entry in the receipt.
    pub fn verify_entry(&self, known: &[NoteKey]) -> Result<(Checkpoint, Entry), Unproven> {
        let leaf = self.extra.as_deref().ok_or(Unproven::NoEntry)?;
        let checkpoint = self.verify(leaf, known)?;
        Ok((checkpoint, Entry::parse(self.index, leaf)?))
    }
}

impl FromStr for Receipt {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text.len() > RECEIPT_BYTES_MAX {
            return Err(Malformed::TooLong { what: "receipt", len_bytes: text.len(), max_bytes: RECEIPT_BYTES_MAX });
        }
        let fault = |reason| Malformed::value("receipt", text, reason);
        let (head, note) = text.split_once("\n\n").ok_or_else(|| fault("has no blank line before its checkpoint"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(MAGIC) {
            return Err(fault("does not begin with c2sp.org/tlog-proof@v1"));
        }
        let mut line = lines.next().unwrap_or_default();
        let mut extra = None;
        if let Some(base64) = line.strip_prefix("extra ") {
            extra = Some(BASE64_STANDARD.decode(base64).map_err(|_| fault("has an extra line that is not base64"))?);
            line = lines.next().unwrap_or_default();
        }
        let index = line.strip_prefix("index ").ok_or_else(|| fault("has no index line"))?;
        let index = decimal(index).ok_or_else(|| fault("has an index that is no decimal number"))?;
        let path = hash_lines(lines).ok_or_else(|| fault("has a bad or one too many hashes"))?;
        Ok(Self { extra, index, path, checkpoint: Note::parse(note)? })
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{MAGIC}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", BASE64_STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{}", BASE64_STANDARD.encode(hash))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

/// A number without sign or leading zeros.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// Hashes in base64, one per line, at most [`PATH_HASHES_MAX`].
pub(crate) fn hash_lines<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Vec<Hash>> {
    let mut hashes = Vec::new();
    for line in lines {
        if hashes.len() == PATH_HASHES_MAX {
            return None;
        }
        hashes.push(BASE64_STANDARD.decode(line).ok()?.try_into().ok()?);
    }
    Some(hashes)
}
