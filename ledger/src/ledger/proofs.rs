//! Proofs from stored tiles: at most two rows per tile level, however long the ledger is.

use std::collections::BTreeMap;

use super::reader::LedgerReader;
use super::tree::{missing, perfect_root, read_tile};
use crate::checkpoint::Checkpoint;
use crate::error::LedgerError;
use crate::merkle::{Hash, Node, prove_consistency, prove_inclusion};
use crate::note::Note;
use crate::receipt::Receipt;
use crate::record::RecordId;
use crate::store::Store;
use crate::tile::{HASH_BYTES, TILE_HEIGHT, TILE_WIDTH, width_at};

impl LedgerReader {
    /// The path from the entry at `index` to the root of the first `tree_size` entries; `None` when the published
    /// ledger has fewer, or no such entry is among them.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn inclusion(&self, index: u64, tree_size: u64) -> Result<Option<Vec<Hash>>, LedgerError> {
        if index >= tree_size || tree_size > self.tree_size() {
            return Ok(None);
        }
        let mut tiles = Tiles::new(self.store(), tree_size);
        prove_inclusion(index, tree_size, |node| tiles.hash(node)).map(Some)
    }

    /// The proof that the first `old_size` entries are a prefix of the first `new_size`; `None` when the published
    /// ledger has fewer, or the sizes are the wrong way round.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn consistency(&self, old_size: u64, new_size: u64) -> Result<Option<Vec<Hash>>, LedgerError> {
        if old_size > new_size || new_size > self.tree_size() {
            return Ok(None);
        }
        let mut tiles = Tiles::new(self.store(), new_size);
        prove_consistency(old_size, new_size, |node| tiles.hash(node)).map(Some)
    }

    /// The receipt of a record, with its entry, under the published checkpoint; `None` when it is not there.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn receipt(&self, id: &RecordId) -> Result<Option<Receipt>, LedgerError> {
        self.receipt_under(id, &Note::parse(&self.checkpoint())?)
    }

    /// As [`LedgerReader::receipt`], under another checkpoint of this ledger, such as a cosigned one; `None` when that does
    /// not cover the record.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]; [`LedgerError::Malformed`] when the note is no checkpoint.
    pub fn receipt_under(&self, id: &RecordId, checkpoint: &Note) -> Result<Option<Receipt>, LedgerError> {
        let Checkpoint { tree_size, .. } = checkpoint.text().parse()?;
        let Some(index) = self.record(id)?.filter(|index| *index < tree_size) else { return Ok(None) };
        let (Some(entry), Some(path)) = (self.entry(index)?, self.inclusion(index, tree_size)?) else {
            return Ok(None);
        };
        Ok(Some(Receipt { extra: Some(entry.to_bytes()), index, path, checkpoint: checkpoint.clone() }))
    }
}

/// The tiles of a tree of one size, each read once.
struct Tiles<'a> {
    store: &'a dyn Store,
    tree_size: u64,
    read: BTreeMap<(u8, u64), Vec<Hash>>,
}

impl<'a> Tiles<'a> {
    fn new(store: &'a dyn Store, tree_size: u64) -> Self {
        Self { store, tree_size, read: BTreeMap::new() }
    }

    /// The hash of a perfect subtree: of the 1 to 128 hashes that its tile holds of it.
    fn hash(&mut self, node: Node) -> Result<Hash, LedgerError> {
        let level = (node.height / TILE_HEIGHT) as u8;
        let below = node.height % TILE_HEIGHT;
        let first = node.n << below;
        let (n, at) = (first / u64::from(TILE_WIDTH), (first % u64::from(TILE_WIDTH)) as usize);
        if !self.read.contains_key(&(level, n)) {
            let tile = self.tile(level, n)?;
            self.read.insert((level, n), tile);
        }
        let hashes = self.read.get(&(level, n)).and_then(|tile| tile.get(at..at + (1 << below)));
        hashes.map(perfect_root).ok_or_else(|| missing(level, n))
    }

    fn tile(&self, level: u8, n: u64) -> Result<Vec<Hash>, LedgerError> {
        let width = usize::from(width_at(level, n, self.tree_size));
        let bytes = read_tile(self.store, level, n, width)?.ok_or_else(|| missing(level, n))?;
        Ok(bytes.as_chunks::<HASH_BYTES>().0.to_vec())
    }
}
