//! Checks a log from its files alone, as anyone can who knows its key: ours or any other C2SP log.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::{Damage, Disagreement, damage, past::RememberedEntries, replay::Replay};
use crate::checkpoint::Checkpoint;
use crate::entry::Chain;
use crate::entry::checked::CheckedEntry;
use crate::files::{LogFiles, bundles, fetch, split_bundle};
use crate::keys::PublicKey;
use crate::ledger::tree::Tree;
use crate::malformed::Malformed;
use crate::merkle::{Hash, leaf_hash};
use crate::name::PeerName;
use crate::note::{Note, NoteKey};
use crate::rules::LedgerIdentity;
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
    /// What its entries are; `None` for a log that is not one of ours, whose entries are any bytes.
    pub ledger: Option<LedgerReport>,
}

/// What the entries of a ledger of ours are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerReport {
    /// The federation that its records are for; empty when it has none.
    pub network: String,
    /// The link that follows the last entry.
    pub chain_head: Chain,
}

/// Fetches the checkpoint, every tile and every entry, and requires them to agree. Of a ledger of ours, which its origin
/// tells, also the frames, the chain from entry to entry, the times, every signature, and that the rules would have taken each
/// record, with the effect that it has. `progress` is told of (entries done, entries in all).
///
/// The files pass through; of each entry of ours about 100 bytes stay in memory, which the rules may ask for later.
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
    let owner = checkpoint.origin.strip_suffix(OUR_SUFFIX).and_then(|owner| PeerName::parse(owner).ok());
    let ours = owner.map(|owner| OstrakonLog { owner, key: key.public(), replay: None });
    let mut walk = FilesWalk { files, size, tree: Tree::new(), ours };
    progress(0, size);
    while walk.tree.tree_size() < size {
        walk.chunk()?;
        progress(walk.tree.tree_size(), size);
    }
    walk.compare_tiles(false)?;
    if walk.tree.root() != checkpoint.root {
        return Err(damage(size, Disagreement::SignedRoot));
    }
    let ledger = walk.ours.map(OstrakonLog::report);
    Ok(FilesReport { origin: checkpoint.origin, tree_size: size, root: checkpoint.root, ledger })
}

/// Opens a checkpoint. Extension lines, which other logs may have, are covered by the signature and left alone.
fn open(note: &str, key: &NoteKey) -> Result<Checkpoint, Malformed> {
    let note = Note::open(note, std::slice::from_ref(key))?;
    let head: String = note.text().split_inclusive('\n').take(3).collect();
    head.parse()
}

struct FilesWalk<'a> {
    files: &'a dyn LogFiles,
    size: u64,
    tree: Tree,
    ours: Option<OstrakonLog>,
}

/// A ledger of ours, as far as it was read.
struct OstrakonLog {
    owner: PeerName,
    key: PublicKey,
    /// From the first entry on, which says for which network it is.
    replay: Option<Replay<RememberedEntries>>,
}

impl OstrakonLog {
    fn step(&mut self, entry: CheckedEntry) -> Result<(), Disagreement> {
        let replay = match &mut self.replay {
            Some(replay) => replay,
            before_first @ None => {
                let first = entry.record.as_ref().map_err(|_| Disagreement::Signature)?;
                let network = first.record().header.network.clone();
                let identity = LedgerIdentity { owner: self.owner.clone(), network, key: self.key };
                before_first.insert(Replay::new(identity, RememberedEntries::default()))
            }
        };
        replay.step(entry)
    }

    fn report(self) -> LedgerReport {
        match self.replay {
            Some(replay) => LedgerReport { network: replay.ledger.network, chain_head: replay.chain },
            None => LedgerReport { network: String::new(), chain_head: Chain::ZERO },
        }
    }
}

/// What one entry tells by itself, found out on any core: its leaf, and what else a ledger of ours has in it.
struct Leaf {
    hash: Hash,
    entry: Option<Result<CheckedEntry, Malformed>>,
}

impl Leaf {
    fn of(index: u64, bytes: &[u8], ours: bool) -> Self {
        let entry = ours.then(|| CheckedEntry::of(index, bytes));
        let hash = match &entry {
            Some(Ok(entry)) => entry.leaf,
            _ => leaf_hash(bytes),
        };
        Self { hash, entry }
    }
}

impl FilesWalk<'_> {
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
            let ours = self.ours.is_some();
            let checked: Vec<_> = (index..)
                .zip(entries)
                .collect::<Vec<_>>()
                .into_par_iter()
                .map(|(index, bytes)| Leaf::of(index, bytes, ours))
                .collect();
            for (index, checked) in (index..).zip(checked) {
                self.step(index, checked)?;
            }
        }
        self.compare_tiles(true)
    }

    fn step(&mut self, index: u64, leaf: Leaf) -> Result<(), Damage> {
        if let (Some(ours), Some(entry)) = (&mut self.ours, leaf.entry) {
            let entry = entry.map_err(|fault| damage(index, Disagreement::Frame(fault)))?;
            ours.step(entry).map_err(|what| damage(index, what))?;
        }
        self.tree.push(leaf.hash);
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
