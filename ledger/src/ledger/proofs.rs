//! Proofs from stored tiles: at most two rows per tile level, however long the ledger is.

use super::reader::LedgerReader;
use super::tiles::TileHashes;
use super::tree::read_tile;
use crate::checkpoint::Checkpoint;
use crate::error::LedgerError;
use crate::merkle::{Hash, prove_consistency, prove_inclusion};
use crate::note::Note;
use crate::receipt::Receipt;
use crate::record::RecordId;

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
        let mut tiles = self.tiles(tree_size);
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
        let mut tiles = self.tiles(new_size);
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

    /// The hashes of the first `tree_size` entries, from the stored tiles.
    pub(super) fn tiles(
        &self,
        tree_size: u64,
    ) -> TileHashes<impl FnMut(u8, u64, u16) -> Result<Vec<u8>, LedgerError> + '_> {
        // A tile that is not there is one without hashes, which is noticed as too short.
        TileHashes::new(tree_size, |level, n, width| {
            Ok(read_tile(self.store(), level, n, usize::from(width))?.unwrap_or_default())
        })
    }
}
