//! The hashes of a tree of one size, from its tiles: those that are stored here, or those that somebody serves.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::tree::{missing, perfect_root};
use crate::error::LedgerError;
use crate::files::FetchError;
use crate::merkle::{Hash, Subtree};
use crate::tile::{HASH_BYTES, TILE_HEIGHT, TILE_WIDTH, TilePath, width_at};

/// Reads each tile once, by level, number and the width that it must have at least.
pub(super) struct TileHashes<F> {
    tree_size: u64,
    read: F,
    seen: BTreeMap<(u8, u64), Vec<Hash>>,
}

/// A tile that does not hold the hashes that its tree has there.
pub(super) struct ShortTile {
    level: u8,
    n: u64,
    width: u16,
}

impl<F> TileHashes<F> {
    pub(super) fn new(tree_size: u64, read: F) -> Self {
        Self { tree_size, read, seen: BTreeMap::new() }
    }

    /// The hash of a perfect subtree: of the 1 to 128 hashes that its tile holds of it. Whether it is the one under some
    /// root is for a proof to say.
    pub(super) fn hash<E>(&mut self, node: Subtree) -> Result<Hash, E>
    where
        F: FnMut(u8, u64, u16) -> Result<Vec<u8>, E>,
        E: From<ShortTile>,
    {
        let level = (node.height / TILE_HEIGHT) as u8;
        let below = node.height % TILE_HEIGHT;
        let first = node.n << below;
        let (n, at) = (first / u64::from(TILE_WIDTH), (first % u64::from(TILE_WIDTH)) as usize);
        let width = width_at(level, n, self.tree_size);
        let tile = match self.seen.entry((level, n)) {
            Entry::Occupied(seen) => seen.into_mut(),
            Entry::Vacant(place) => place.insert((self.read)(level, n, width)?.as_chunks::<HASH_BYTES>().0.to_vec()),
        };
        let hashes = tile.get(at..at + (1 << below)).ok_or(ShortTile { level, n, width })?;
        Ok(perfect_root(hashes))
    }
}

impl From<ShortTile> for LedgerError {
    fn from(short: ShortTile) -> Self {
        missing(short.level, short.n)
    }
}

impl From<ShortTile> for FetchError {
    fn from(ShortTile { level, n, width }: ShortTile) -> Self {
        FetchError::Missing(TilePath::Hashes { level, n, width }.to_string())
    }
}
