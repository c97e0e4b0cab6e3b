//! The ledger's tables: what stands in which row. Integers are big-endian, so that keys sort by number.

use crate::author::AuthorHead;
use crate::entry::Chain;
use crate::error::LedgerError;
use crate::keys::PublicKey;
use crate::merkle::{Hash, empty_root};
use crate::record::RecordId;
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
/// `u8 record type ‖ what it is about` → `u64 index`, a count, or the key that ended: see `rules/mark.rs`.
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
pub(crate) struct LedgerHead {
    pub(crate) tree_size: u64,
    /// The link that the next entry will carry.
    pub(crate) chain: Chain,
    pub(crate) received_at_ms: u64,
    pub(crate) root: Hash,
}

impl LedgerHead {
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
    parsed().ok_or_else(|| LedgerError::Inconsistent("a row of the authors table is unreadable".into()))
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
