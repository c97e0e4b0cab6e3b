//! Checks a log from its files alone, as anyone can who knows its key: ours or any other C2SP log.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::{Damage, Disagreement, damage};
use crate::checkpoint::Checkpoint;
use crate::dsse::Verified;
use crate::entry::{Chain, Entry};
use crate::files::{LogFiles, bundles, fetch, split_bundle};
use crate::ledger::tree::Tree;
use crate::merkle::{Hash, leaf_hash};
use crate::name::PeerName;
use crate::note::{Note, NoteKey};
use crate::tile::{HASH_BYTES, TILE_HEIGHT, TILE_WIDTH, TilePath, width_at};

/// Bundles fetched and checked together: enough to keep a connection and all cores busy, some MB.
const CHUNK_BUNDLES: u64 = 16;
/// What the origin of a ledger of ours ends with.
const OUR_SUFFIX: &str = "/ostrakon";

/// What a verified log is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesReport {
    /// The log's name.
    pub origin: String,
    /// Number of entries.
    pub tree_size: u64,
    /// Root of the tree.
    pub root: Hash,
    /// The link that follows the last entry; `None` for a log that is not one of ours, whose entries are any bytes.
    pub chain_head: Option<Chain>,
}

/// Fetches the checkpoint, every tile and every entry, and requires them to agree. Of a ledger of ours also the frames,
/// the chain from entry to entry, the times, and every signature. `progress` is told of (entries done, entries in all).
///
/// Whether the ledger's rules would have taken each record is checked where its tables are: [`super::run`].
///
/// # Errors
/// The first [`Damage`]. A file that cannot be had counts as damage.
pub fn run_files(
    files: &dyn LogFiles,
    key: &NoteKey,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<FilesReport, Damage> {
    let note = files.checkpoint().map_err(|error| damage(0, error.into()))?;
    let checkpoint = open(&note, key).map_err(|fault| damage(0, Disagreement::Checkpoint(fault)))?;
    let size = checkpoint.tree_size;
    let ours = checkpoint.origin.strip_suffix(OUR_SUFFIX).is_some_and(|owner| PeerName::parse(owner).is_ok());
    let chain = ours.then_some((Chain::ZERO, 0));
    let mut walk = Walk { files, size, tree: Tree::new(), chain };
    progress(0, size);
    while walk.tree.tree_size() < size {
        walk.chunk()?;
        progress(walk.tree.tree_size(), size);
    }
    walk.compare_tiles(false)?;
    if walk.tree.root() != checkpoint.root {
        return Err(damage(size, Disagreement::SignedRoot));
    }
    let chain_head = walk.chain.map(|(chain, _)| chain);
    Ok(FilesReport { origin: checkpoint.origin, tree_size: size, root: checkpoint.root, chain_head })
}

/// Opens a checkpoint. Extension lines, which other logs may have, are covered by the signature and left alone.
fn open(note: &str, key: &NoteKey) -> Result<Checkpoint, crate::Malformed> {
    let note = Note::open(note, std::slice::from_ref(key))?;
    let head: String = note.text().split_inclusive('\n').take(3).collect();
    head.parse()
}

struct Walk<'a> {
    files: &'a dyn LogFiles,
    size: u64,
    tree: Tree,
    /// Of a ledger of ours: the link that the next entry must carry, and the time of the last one.
    chain: Option<(Chain, u64)>,
}

/// What one entry tells by itself, found out on any core.
struct Checked {
    leaf: Hash,
    frame: Option<Result<Frame, Disagreement>>,
}

struct Frame {
    chain: Chain,
    next_chain: Chain,
    received_at_ms: u64,
}

impl Walk<'_> {
    /// Checks the next bundles with the tiles above them that they complete.
    fn chunk(&mut self) -> Result<(), Damage> {
        let from = self.tree.tree_size();
        let to = (from + CHUNK_BUNDLES * u64::from(TILE_WIDTH)).min(self.size);
        let paths = bundles(from, to, self.size);
        let found = fetch(self.files, &paths).map_err(|error| damage(from, error.into()))?;
        for (path, bundle) in paths.iter().zip(&found) {
            let index = self.tree.tree_size();
            let entries = split_bundle(bundle).filter(|entries| entries.len() == usize::from(path.width()));
            let wrong = || damage(index, Disagreement::Bundle { n: index / u64::from(TILE_WIDTH) });
            let entries = entries.ok_or_else(wrong)?;
            let ours = self.chain.is_some();
            let checked: Vec<_> = (index..)
                .zip(entries)
                .collect::<Vec<_>>()
                .into_par_iter()
                .map(|(index, bytes)| Checked { leaf: leaf_hash(bytes), frame: ours.then(|| check(index, bytes)) })
                .collect();
            for (index, checked) in (index..).zip(checked) {
                self.step(index, checked)?;
            }
        }
        self.compare_tiles(true)
    }

    fn step(&mut self, index: u64, checked: Checked) -> Result<(), Damage> {
        if let (Some((chain, received_at_ms)), Some(frame)) = (&mut self.chain, checked.frame) {
            let frame = frame.map_err(|what| damage(index, what))?;
            if frame.chain != *chain {
                return Err(damage(index, Disagreement::Chain));
            }
            if frame.received_at_ms < *received_at_ms {
                return Err(damage(index, Disagreement::Clock));
            }
            (*chain, *received_at_ms) = (frame.next_chain, frame.received_at_ms);
        }
        self.tree.push(checked.leaf);
        Ok(())
    }

    /// Compares the log's tiles with those that its entries give: full ones as they fill, partial ones at the end.
    fn compare_tiles(&mut self, full_only: bool) -> Result<(), Damage> {
        let mut expected = BTreeMap::new();
        for ((level, n), hashes) in self.tree.take_changed() {
            if full_only && hashes.len() < HASH_BYTES * usize::from(TILE_WIDTH) {
                self.tree.touch(level, n);
            } else {
                expected.insert((level, n), hashes);
            }
        }
        let path =
            |(level, n): &(u8, u64)| TilePath::Hashes { level: *level, n: *n, width: width_at(*level, *n, self.size) };
        let paths: Vec<_> = expected.keys().map(path).collect();
        let found = fetch(self.files, &paths).map_err(|error| damage(self.tree.tree_size(), error.into()))?;
        for (((level, n), expected), found) in expected.into_iter().zip(found) {
            if found == expected {
                continue;
            }
            let same = expected.iter().zip(&found).take_while(|(a, b)| a == b).count() / HASH_BYTES;
            let first = n.saturating_mul(u64::from(TILE_WIDTH)).saturating_add(same as u64);
            let what = if level == 0 { Disagreement::Leaf } else { Disagreement::Tile { level, n } };
            return Err(damage(first << (u32::from(level) * TILE_HEIGHT), what));
        }
        Ok(())
    }
}

/// Checks one entry of a ledger of ours by itself: its frame, and its signature by the key that it names.
fn check(index: u64, bytes: &[u8]) -> Result<Frame, Disagreement> {
    let entry = Entry::parse(index, bytes).map_err(Disagreement::Frame)?;
    let frame = Frame { chain: entry.chain, next_chain: Chain::after(bytes), received_at_ms: entry.received_at_ms };
    Verified::check(entry.record).map_err(|_| Disagreement::Signature)?;
    Ok(frame)
}
