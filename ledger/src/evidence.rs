//! Detached bodies: what a vote or rebuttal rests on, kept apart from the ledger so that it can be erased.
//!
//! The record holds a commitment, BLAKE3 keyed with a random salt over the body. Without the salt nobody can find out
//! whether a guess at the body is right, so that erasing salt and body leaves nothing of it behind; the record, and every
//! proof about it, stays as it is.

use crate::malformed::Malformed;
use crate::record::Digest;

/// Length of the salt.
pub const SALT_BYTES: usize = 32;
/// Longest body: a mail with its headers, or a page of log lines.
pub const BODY_BYTES_MAX: usize = 64 << 10;

/// A body with its salt. As bytes: `32 B salt ‖ body`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    bytes: Vec<u8>,
}

impl Evidence {
    /// Puts a body under a salt, which must be random and used once.
    ///
    /// # Errors
    /// [`Malformed::TooLong`]
    pub fn new(salt: [u8; SALT_BYTES], body: &[u8]) -> Result<Self, Malformed> {
        Self::from_bytes([&salt, body].concat())
    }

    /// Takes salt and body as they are stored and sent.
    ///
    /// # Errors
    /// [`Malformed::Length`], [`Malformed::TooLong`]
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Malformed> {
        let max_bytes = SALT_BYTES + BODY_BYTES_MAX;
        if bytes.len() < SALT_BYTES {
            return Err(Malformed::Length { what: "evidence" });
        }
        if bytes.len() > max_bytes {
            return Err(Malformed::TooLong { what: "evidence", len_bytes: bytes.len(), max_bytes });
        }
        Ok(Self { bytes })
    }

    /// Salt and body.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        self.bytes.get(SALT_BYTES..).unwrap_or_default()
    }

    /// What the record holds: BLAKE3 keyed with the salt over the body.
    pub fn commitment(&self) -> Digest {
        let mut salt = [0; SALT_BYTES];
        salt.copy_from_slice(&self.bytes[..SALT_BYTES]);
        Digest(*blake3::keyed_hash(&salt, self.body()).as_bytes())
    }
}
