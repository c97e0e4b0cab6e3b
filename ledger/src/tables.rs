//! The ledger's tables: what stands in which row. Integers are big-endian, so that keys sort by number.

use crate::author::AuthorHead;
use crate::entry::Chain;
use crate::error::LedgerError;
use crate::keys::PublicKey;
use crate::merkle::{Hash, empty_root};
use crate::record::{RecordId, RecordType};
use crate::rules::Mark;
use crate::store::Table;

/// `u64 index` → entry bytes.
pub const ENTRIES: Table = Table("entries");
/// `u8 level ‖ u64 n` → the hashes of the tile so far; a partial tile is a prefix of the full one.
pub const TILES: Table = Table("tiles");
/// Record id → `u64 index`.
pub const IDS: Table = Table("ids");
/// Name → [`AuthorHead`].
pub const AUTHORS: Table = Table("authors");
/// `u64 index of the author's admission ‖ u64 seq` → `u64 index`.
pub const SEQUENCES: Table = Table("sequences");
/// `u8 record type ‖ what it is about` → `u64 index`, or the key that ended; see [`mark_row`].
pub const MARKS: Table = Table("marks");
/// [`HEAD_KEY`] → tree size, chain head, time of the last entry and root; `marks` → version of [`MARKS`].
pub const META: Table = Table("meta");

/// All of them, for whoever opens the store.
pub const TABLES: &[Table] = &[ENTRIES, TILES, IDS, AUTHORS, SEQUENCES, MARKS, META];

/// The row that every batch guards.
pub const HEAD_KEY: &[u8] = b"head";

/// Bits of the flags in a row of [`AUTHORS`].
const IMPORTED: u8 = 1;
const EXPELLED: u8 = 2;

/// The row of [`META`] that says which marks the rows of [`MARKS`] are. Without it they are those of a time when erasures were
/// kept by commitment.
pub(crate) const MARKS_VERSION_KEY: &[u8] = b"marks";
/// The value of that row.
pub(crate) const MARKS_VERSION: &[u8] = &[2];

/// Where the ledger ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) tree_size: u64,
    /// The link that the next entry will carry.
    pub(crate) chain: Chain,
    pub(crate) received_at_ms: u64,
    pub(crate) root: Hash,
}

impl Head {
    /// Before the first entry.
    pub(crate) fn empty() -> Self {
        Self { tree_size: 0, chain: Chain::ZERO, received_at_ms: 0, root: empty_root() }
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(80);
        bytes.extend_from_slice(&self.tree_size.to_be_bytes());
        bytes.extend_from_slice(&self.chain.0);
        bytes.extend_from_slice(&self.received_at_ms.to_be_bytes());
        bytes.extend_from_slice(&self.root);
        bytes
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let this = Self {
            tree_size: fields.number()?,
            chain: Chain(fields.array()?),
            received_at_ms: fields.number()?,
            root: fields.array()?,
        };
        fields.end().then_some(this)
    }
}

pub(crate) fn author_to_bytes(head: &AuthorHead) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(89);
    bytes.extend_from_slice(head.key.as_bytes());
    bytes.extend_from_slice(&head.seq.to_be_bytes());
    bytes.extend_from_slice(head.id.as_bytes());
    bytes.push((u8::from(head.imported) * IMPORTED) | (u8::from(head.expelled) * EXPELLED));
    bytes.extend_from_slice(&head.admitted_at_index.to_be_bytes());
    bytes.extend_from_slice(&head.head_index.to_be_bytes());
    bytes
}

pub(crate) fn author_parse(bytes: &[u8]) -> Result<AuthorHead, LedgerError> {
    let parsed = || {
        let mut fields = Fields(bytes);
        let (key, seq, id) = (fields.array()?, fields.number()?, RecordId(fields.array()?));
        let [flags] = fields.array()?;
        let this = AuthorHead {
            key: PublicKey::from_bytes(&key).ok()?,
            seq,
            id,
            imported: flags & IMPORTED != 0,
            expelled: flags & EXPELLED != 0,
            admitted_at_index: fields.number()?,
            head_index: fields.number()?,
        };
        fields.end().then_some(this)
    };
    parsed().ok_or_else(|| LedgerError::Damaged { index: 0, what: "a row of the authors table is unreadable".into() })
}

pub(crate) fn index_key(index: u64) -> [u8; 8] {
    index.to_be_bytes()
}

pub(crate) fn index_parse(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

pub(crate) fn tile_key(level: u8, n: u64) -> [u8; 9] {
    let mut key = [level; 9];
    key[1..].copy_from_slice(&n.to_be_bytes());
    key
}

pub(crate) fn sequence_key(admitted_at_index: u64, seq: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&admitted_at_index.to_be_bytes());
    key[8..].copy_from_slice(&seq.to_be_bytes());
    key
}

/// The row of a mark that is set at an index:
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
pub(crate) fn mark_row(mark: &Mark, index: u64) -> (Vec<u8>, Vec<u8>) {
    let row = |kind: RecordType, about: &[u8]| ([&[kind.code()], about].concat(), index_key(index).to_vec());
    match mark {
        Mark::Rotated(admitted_at_index, key) => {
            let at = [former_key_prefix(*admitted_at_index).as_slice(), &index_key(index)].concat();
            (at, key.as_bytes().to_vec())
        }
        Mark::Retracted(id) => row(RecordType::Retract, id.as_bytes()),
        Mark::Rebutted(id) => row(RecordType::Rebut, id.as_bytes()),
        Mark::Convicted(name) => row(RecordType::Equivocate, name.as_str().as_bytes()),
        Mark::Erased(id) => row(RecordType::Erase, id.as_bytes()),
        Mark::Committed(commitment) => row(RecordType::Vote, commitment.as_bytes()),
        Mark::Unerased(commitment, admitted_at_index, count) => {
            let about = [commitment.as_bytes().as_slice(), &index_key(*admitted_at_index)].concat();
            (row(RecordType::Vote, &about).0, index_key(*count).to_vec())
        }
        Mark::Expelled(name) => row(RecordType::Expel, name.as_str().as_bytes()),
        Mark::Policy => row(RecordType::Policy, &[]),
    }
}

/// What the rows with the former keys of a peer begin with.
pub(crate) fn former_key_prefix(admitted_at_index: u64) -> [u8; 9] {
    let mut prefix = [RecordType::Rotate.code(); 9];
    prefix[1..].copy_from_slice(&admitted_at_index.to_be_bytes());
    prefix
}

/// Reads fixed-width fields from the front.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn end(&self) -> bool {
        self.0.is_empty()
    }
}
