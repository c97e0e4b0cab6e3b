//! Marks: what is true from a record on, for later records to respect and for readers to look up. One row each.

use crate::author::AuthorHead;
use crate::keys::PublicKey;
use crate::record::{Digest, RecordType};
use crate::tables::index_key;

/// A row of the marks table. Its key is `u8 record type ‖ what the mark is about`.
///
/// | key | value |
/// |---|---|
/// | `2 ‖ u64 index of the peer's admission ‖ u64 index of the rotation` | the key before it |
/// | `3 ‖ commitment` | `u64 index` of the first record that commits to it |
/// | `3 ‖ commitment ‖ u64 index of a peer's admission` | `u64` records of the peer that commit to it and are not erased |
/// | `4 ‖ vote`, `5 ‖ vote` | `u64 index` of the retraction, of the rebuttal |
/// | `6 ‖ name` | `u64 index` of the conviction |
/// | `7 ‖ record` | `u64 index` of the erasure |
/// | `8` | `u64 index` of the latest policy |
/// | `9 ‖ name` | `u64 index` of the latest expulsion |
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    key: Vec<u8>,
    value: MarkValue,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum MarkValue {
    /// The index of the record that sets the mark.
    Index,
    /// A number that changes from record to record.
    Count(u64),
    /// A key that ends at the record that sets the mark. The row's key ends with the index of that record.
    EndedKey(PublicKey),
}

impl Mark {
    /// What a record of this type does to what it is about.
    pub(crate) fn new(kind: RecordType, about: &[u8]) -> Self {
        Self { key: [&[kind.code()], about].concat(), value: MarkValue::Index }
    }

    /// The first record that commits to this: its author holds the commitment. A commitment is salted, so that nobody
    /// else could have made it; later records of others with the same one are copies.
    pub(crate) fn first_commitment(commitment: &Digest) -> Self {
        Self::new(RecordType::Vote, commitment.as_bytes())
    }

    /// How many records of a peer commit to this and are not erased.
    pub(crate) fn unerased(commitment: &Digest, peer: &AuthorHead, count: u64) -> Self {
        let about = [commitment.as_bytes().as_slice(), &index_key(peer.admitted_at_index)].concat();
        Self { value: MarkValue::Count(count), ..Self::new(RecordType::Vote, &about) }
    }

    /// The peer had the key of this head until the record that sets the mark.
    pub(crate) fn ended_key(peer: &AuthorHead) -> Self {
        Self { key: ended_key_prefix(peer).to_vec(), value: MarkValue::EndedKey(peer.key) }
    }

    /// The row's key.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// The row that a record at this index leaves.
    pub(crate) fn row(&self, index: u64) -> (Vec<u8>, Vec<u8>) {
        match self.value {
            MarkValue::Index => (self.key.clone(), index_key(index).to_vec()),
            MarkValue::Count(count) => (self.key.clone(), index_key(count).to_vec()),
            MarkValue::EndedKey(key) => ([self.key.as_slice(), &index_key(index)].concat(), key.as_bytes().to_vec()),
        }
    }
}

/// What the rows with the former keys of a peer begin with.
pub(crate) fn ended_key_prefix(peer: &AuthorHead) -> [u8; 9] {
    let mut prefix = [RecordType::Rotate.code(); 9];
    prefix[1..].copy_from_slice(&index_key(peer.admitted_at_index));
    prefix
}
