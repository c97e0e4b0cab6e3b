//! The tree as it grows: the compact range for roots, the last tile of each level for rows.

use std::collections::BTreeMap;

use crate::error::LedgerError;
use crate::merkle::{CompactRange, Hash, node_hash};
use crate::store::{Store, StoreError};
use crate::tables::{TILES, tile_key};
use crate::tile::{HASH_BYTES, TILE_HEIGHT, TILE_WIDTH, width_at};

/// Bytes of a full tile.
const FULL_BYTES: usize = HASH_BYTES * TILE_WIDTH as usize;

/// A tree that is appended to and remembers which tiles changed.
pub(crate) struct Tree {
    range: CompactRange,
    /// The growing tile of each level: which one, and its hashes so far.
    growing: Vec<(u64, Vec<u8>)>,
    /// Rows changed since they were last taken.
    changed: BTreeMap<(u8, u64), Vec<u8>>,
}

impl Tree {
    pub(crate) fn new() -> Self {
        Self { range: CompactRange::new(), growing: Vec::new(), changed: BTreeMap::new() }
    }

    /// The tree of this size, from its tiles. Reads one row per level.
    pub(crate) fn load(store: &dyn Store, tree_size: u64) -> Result<Self, LedgerError> {
        let mut tree = Self::new();
        let mut nodes_by_level = Vec::new();
        let mut level = 0;
        while tree_size >> (u32::from(level) * TILE_HEIGHT) > 0 {
            let n = (tree_size >> (u32::from(level) * TILE_HEIGHT)) / u64::from(TILE_WIDTH);
            let width = usize::from(width_at(level, n, tree_size));
            let hashes = match width {
                0 => Vec::new(),
                _ => read_tile(store, level, n, width)?.ok_or_else(|| missing(level, n))?,
            };
            nodes_by_level.push(subtree_roots(&hashes));
            tree.growing.push((n, hashes));
            level += 1;
            if u32::from(level) * TILE_HEIGHT >= u64::BITS {
                break;
            }
        }
        // Higher levels hold the larger subtrees, which come first in a compact range.
        let nodes = nodes_by_level.into_iter().rev().flatten().collect();
        tree.range = CompactRange::from_parts(tree_size, nodes).ok_or_else(|| missing(0, 0))?;
        Ok(tree)
    }

    pub(crate) fn push(&mut self, leaf: Hash) {
        let (growing, changed) = (&mut self.growing, &mut self.changed);
        self.range.push(leaf, |height, node| {
            if height.is_multiple_of(TILE_HEIGHT) {
                append(growing, changed, (height / TILE_HEIGHT) as u8, &node);
            }
        });
    }

    pub(crate) fn root(&self) -> Hash {
        self.range.root()
    }

    pub(crate) fn tree_size(&self) -> u64 {
        self.range.tree_size()
    }

    /// What goes on from here without tiles.
    pub(crate) fn range(&self) -> &CompactRange {
        &self.range
    }

    /// The last leaf's hash, if the last tile of level 0 holds it.
    pub(crate) fn last_leaf(&self) -> Option<&[u8]> {
        self.growing.first().and_then(|(_, hashes)| hashes.len().checked_sub(HASH_BYTES).map(|at| &hashes[at..]))
    }

    /// Has a growing tile taken again with the next changes.
    pub(crate) fn touch(&mut self, level: u8, n: u64) {
        self.changed.entry((level, n)).or_default();
    }

    /// The rows that changed since the last call: tiles filled on the way, and the growing ones.
    pub(crate) fn take_changed(&mut self) -> BTreeMap<(u8, u64), Vec<u8>> {
        for (level, (n, hashes)) in self.growing.iter().enumerate() {
            if let Some(row) = self.changed.get_mut(&(level as u8, *n)) {
                row.clone_from(hashes);
            }
        }
        std::mem::take(&mut self.changed)
    }
}

fn append(growing: &mut Vec<(u64, Vec<u8>)>, changed: &mut BTreeMap<(u8, u64), Vec<u8>>, level: u8, node: &Hash) {
    let at = usize::from(level);
    if growing.len() == at {
        growing.push((0, Vec::with_capacity(FULL_BYTES)));
    }
    let (n, hashes) = &mut growing[at];
    hashes.extend_from_slice(node);
    if hashes.len() == FULL_BYTES {
        changed.insert((level, *n), std::mem::take(hashes));
        *n += 1;
    } else {
        // The bytes are filled in when the rows are taken.
        changed.entry((level, *n)).or_default();
    }
}

/// The root of the first `tree_size` leaves, from tiles.
pub(crate) fn root_at(store: &dyn Store, tree_size: u64) -> Result<Hash, LedgerError> {
    Ok(Tree::load(store, tree_size)?.root())
}

/// The first `width` hashes of a tile, if its row has that many.
pub(crate) fn read_tile(store: &dyn Store, level: u8, n: u64, width: usize) -> Result<Option<Vec<u8>>, StoreError> {
    let mut row = store.get(TILES, &tile_key(level, n))?;
    if let Some(row) = &mut row {
        if row.len() < width * HASH_BYTES {
            return Ok(None);
        }
        row.truncate(width * HASH_BYTES);
    }
    Ok(row)
}

/// The roots of the perfect subtrees over the hashes of one tile, largest first.
fn subtree_roots(hashes: &[u8]) -> Vec<Hash> {
    let hashes: Vec<Hash> = hashes.as_chunks::<HASH_BYTES>().0.to_vec();
    let mut rest = hashes.as_slice();
    let mut roots = Vec::new();
    while !rest.is_empty() {
        let (perfect, after) = rest.split_at(1 << rest.len().ilog2());
        roots.push(perfect_root(perfect));
        rest = after;
    }
    roots
}

pub(super) fn perfect_root(hashes: &[Hash]) -> Hash {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row.as_chunks::<2>().0.iter().map(|[left, right]| node_hash(left, right)).collect();
    }
    row[0]
}

pub(super) fn missing(level: u8, n: u64) -> LedgerError {
    let index = n.saturating_mul(u64::from(TILE_WIDTH)) << (u32::from(level) * TILE_HEIGHT);
    LedgerError::Damaged { index, what: format!("tile {n} of level {level} is missing or too short") }
}
