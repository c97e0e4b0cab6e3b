//! The body of `add-checkpoint`.
//!
//! ```text
//! old 20852163
//! <base64 hash>                    the consistency proof, at most 63 lines
//!
//! <signed checkpoint>
//! ```

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::{WatchedLogs, WitnessRefusal};
use crate::checkpoint::Checkpoint;
use crate::malformed::Malformed;
use crate::merkle::Hash;
use crate::note::{NOTE_BYTES_MAX, Note};
use crate::receipt::{decimal, hash_lines};

/// Most lines of a consistency proof.
const PROOF_LINES_MAX: usize = 63;
/// Longest body: size, proof and note.
pub const REQUEST_BYTES_MAX: usize = 32 + PROOF_LINES_MAX * 45 + NOTE_BYTES_MAX;

/// A request, decoded and not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size that the witness cosigned last, as far as the log knows.
    pub old_size: u64,
    /// The proof from there.
    pub proof: Vec<Hash>,
    /// The new checkpoint.
    pub note: Note,
}

impl AddCheckpoint {
    /// Decodes a body.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        if body.len() > REQUEST_BYTES_MAX {
            let (len_bytes, max_bytes) = (body.len(), REQUEST_BYTES_MAX);
            return Err(Malformed::TooLong { what: "add-checkpoint request", len_bytes, max_bytes });
        }
        let text = std::str::from_utf8(body).map_err(|_| Malformed::NotCanonical { what: "add-checkpoint request" })?;
        let fault = |reason| Malformed::value("add-checkpoint request", text, reason);
        let (head, note) = text.split_once("\n\n").ok_or_else(|| fault("has no blank line before its checkpoint"))?;
        let mut lines = head.split('\n');
        let old_size = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(decimal);
        let old_size = old_size.ok_or_else(|| fault("does not begin with `old <size>`"))?;
        let proof = hash_lines(lines).filter(|proof| proof.len() <= PROOF_LINES_MAX);
        let proof = proof.ok_or_else(|| fault("has a bad or one too many hashes"))?;
        Ok(Self { old_size, proof, note: Note::parse(note)? })
    }

    /// The body.
    pub fn to_body(&self) -> String {
        let proof: String = self.proof.iter().map(|hash| BASE64_STANDARD.encode(hash) + "\n").collect();
        format!("old {}\n{proof}\n{}", self.old_size, self.note)
    }

    /// Checks what needs no state: that the log is watched, that a key of it signed and none of its lines is false, and that
    /// the request does not go back.
    ///
    /// # Errors
    /// [`WitnessRefusal`] with status 400, 403 or 404
    pub fn check(self, logs: &WatchedLogs) -> Result<CheckedRequest, WitnessRefusal> {
        let unread: Checkpoint = self.note.text().parse().map_err(WitnessRefusal::from)?;
        let keys = logs.keys(&unread.origin).ok_or_else(|| WitnessRefusal::UnknownLog(unread.origin.clone()))?;
        let checkpoint = Checkpoint::of(&self.note, keys).map_err(WitnessRefusal::NotSigned)?;
        if self.old_size > checkpoint.tree_size {
            return Err(WitnessRefusal::BadRequest("the old size is larger than the new one".into()));
        }
        Ok(CheckedRequest { request: self, checkpoint })
    }
}

/// A request whose checkpoint was signed by its log. Made by [`AddCheckpoint::check`] alone.
#[derive(Debug, Clone)]
pub struct CheckedRequest {
    request: AddCheckpoint,
    checkpoint: Checkpoint,
}

impl CheckedRequest {
    /// The checkpoint.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    pub(super) fn note(&self) -> &Note {
        &self.request.note
    }

    pub(super) fn old_size(&self) -> u64 {
        self.request.old_size
    }

    pub(super) fn proof(&self) -> &[Hash] {
        &self.request.proof
    }
}
