//! Where the sequence of an admitted peer stands.

use crate::keys::PublicKey;
use crate::record::RecordId;

/// An admitted peer and where its sequence ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthorHead {
    /// The key that it signs with.
    pub key: PublicKey,
    /// `seq` of its last record, 0 when it has none.
    pub seq: u64,
    /// Id of its last record, zero when it has none.
    pub id: RecordId,
    /// Whether it stands for a third party who did not sign.
    pub imported: bool,
    /// Whether its admission was ended: nothing more of it is taken until the owner admits it again.
    pub expelled: bool,
    /// Where it was first admitted.
    pub admitted_at_index: u64,
    /// Where its last record stands; where it was admitted when it has none.
    pub head_index: u64,
}

impl AuthorHead {
    pub(crate) fn admitted(key: PublicKey, imported: bool, index: u64) -> Self {
        Self { key, seq: 0, id: RecordId::ZERO, imported, expelled: false, admitted_at_index: index, head_index: index }
    }
}
