//! Recomputes a ledger from its entries and requires everything stored beside them to agree.
//!
//! For each entry in order: frame · leaf in the tree · chain · clock · signature · rules · rows that point to it.
//! Then: tiles, author heads, row counts, head row, signed state. Stops at the first disagreement.

mod files;
mod past;
mod replay;

use rayon::prelude::*;

pub use self::files::{FilesReport, LedgerReport, run_files};
use self::past::StoredEntries;
use self::replay::Replay;
use crate::checkpoint::Checkpoint;
use crate::entry::Chain;
use crate::entry::checked::{CheckedEntry, EntryFault};
use crate::error::{LedgerError, Refusal};
use crate::files::FetchError;
use crate::keys::PublicKey;
use crate::ledger::recover::{load_head, open_checkpoint};
use crate::ledger::stored::{author_name, for_each_row};
use crate::ledger::tree::Tree;
use crate::ledger::upgrade::is_current;
use crate::malformed::Malformed;
use crate::merkle::Hash;
use crate::name::PeerName;
use crate::rules::LedgerIdentity;
use crate::signed_state::SignedState;
use crate::store::{Row, Store, StoreError, Table};
use crate::tables::{self, AUTHORS, ENTRIES, IDS, LedgerHead, MARKS, SEQUENCES, TILES};
use crate::tile::{HASH_BYTES, TILE_HEIGHT, TILE_WIDTH};

/// Entries checked together: whole tiles, enough to keep all cores busy, a few MB.
const CHUNK_ENTRIES: u64 = 16 * TILE_WIDTH as u64;

/// What a verified ledger is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreReport {
    /// Number of entries.
    pub tree_size: u64,
    /// Root of the tree.
    pub root: Hash,
    /// The link that follows the last entry.
    pub chain_head: Chain,
    /// Entries covered by the signed state; fewer than `tree_size` only between a crash and the next open.
    pub signed_size: u64,
}

/// The first disagreement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("index {index}: {what}")]
pub struct Damage {
    /// The first index affected.
    pub index: u64,
    /// What disagrees.
    pub what: Disagreement,
}

/// What can disagree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Disagreement {
    /// There is no ledger in the store.
    #[error("there is no ledger here")]
    NoLedger,
    /// The store cannot read it.
    #[error("unreadable: {0}")]
    Unreadable(String),
    /// There is no such entry.
    #[error("the entry is missing")]
    MissingEntry,
    /// There is an entry after the last one.
    #[error("there is an entry behind the end of the ledger")]
    ExtraEntry,
    /// The entry's bytes are no frame.
    #[error("the entry is malformed: {0}")]
    Frame(Malformed),
    /// The checkpoint is none of this log's.
    #[error("the checkpoint: {0}")]
    Checkpoint(Malformed),
    /// A file of the log could not be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A bundle does not hold the entries that its place asks for.
    #[error("bundle {n} does not hold its entries, each behind its length, and nothing else")]
    Bundle {
        /// Which one.
        n: u64,
    },
    /// The entry is not the one in the tree.
    #[error("the entry's hash is not the one in the tree")]
    Leaf,
    /// The entry does not bind the one before it.
    #[error("the chain from the entry before is broken")]
    Chain,
    /// The entry is older than the one before it.
    #[error("the entry was received before the one before it")]
    Clock,
    /// The signature does not verify.
    #[error("the signature does not verify")]
    Signature,
    /// The rules would have refused the record.
    #[error("the record should have been refused: {0}")]
    Rule(Refusal),
    /// A copied record is said to be in force, or inert, and is not.
    #[error("the rules do not give the record the effect that its entry says it has")]
    Effect,
    /// The record stands in the ledger twice.
    #[error("the record stands at index {0} already")]
    Repeated(u64),
    /// A row beside the entries is wrong.
    #[error("the table {table} {fault}")]
    Row {
        /// The table.
        table: &'static str,
        /// What is wrong.
        fault: &'static str,
    },
    /// A tile is not what its leaves give.
    #[error("tile {n} of level {level} is not what its leaves give")]
    Tile {
        /// Its level.
        level: u8,
        /// Which one of the level.
        n: u64,
    },
    /// The head row is not what the entries give.
    #[error("the head row is not what the entries give")]
    Head,
    /// The signed state is not this ledger's.
    #[error("{0}")]
    Signed(String),
    /// The first entries do not have the root that was signed.
    #[error("the entries before it do not have the root that was signed")]
    SignedRoot,
    /// Entries that were signed are missing.
    #[error("the store ends here but {signed_size} entries were signed")]
    Behind {
        /// Entries signed.
        signed_size: u64,
    },
}

impl From<EntryFault> for Disagreement {
    fn from(fault: EntryFault) -> Self {
        match fault {
            EntryFault::Frame(fault) => Self::Frame(fault),
            EntryFault::Chain => Self::Chain,
            EntryFault::Clock => Self::Clock,
            EntryFault::Signature(_) => Self::Signature,
            EntryFault::Rule(refusal) => Self::Rule(refusal),
            EntryFault::Effect => Self::Effect,
            EntryFault::Repeated(index) => Self::Repeated(index),
            EntryFault::Ledger(error) => Self::Unreadable(error.to_string()),
        }
    }
}

fn damage(index: u64, what: Disagreement) -> Damage {
    Damage { index, what }
}

fn unreadable(index: u64) -> impl Fn(StoreError) -> Damage {
    move |error| damage(index, Disagreement::Unreadable(error.to_string()))
}

/// Troubles of the ledger's own reading code, seen by the verifier.
fn seen(index: u64, error: LedgerError) -> Damage {
    match error {
        LedgerError::Damaged { index, what } => damage(index, Disagreement::Unreadable(what)),
        LedgerError::Inconsistent(what) => damage(index, Disagreement::Unreadable(what)),
        error => damage(index, Disagreement::Unreadable(error.to_string())),
    }
}

/// Recomputes chain, tree, tiles and ids, checks every signature (on all cores) and every rule, and compares with
/// the signed state. `progress` is told of (entries done, entries in all). Writes nothing.
///
/// # Errors
/// The first [`Damage`]. A store that fails to read counts as damaged.
pub fn run(
    store: &dyn Store,
    state: &dyn SignedState,
    owner: &PeerName,
    network: &str,
    key: &PublicKey,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<StoreReport, Damage> {
    let identity = LedgerIdentity { owner: owner.clone(), network: network.to_owned(), key: *key };
    let note = state.load().map_err(unreadable(0))?;
    let signed = note.as_deref().map(|note| open_checkpoint(note, &identity)).transpose();
    let signed = signed.map_err(|error| damage(0, Disagreement::Signed(error.to_string())))?;
    let head = load_head(store).map_err(|error| seen(0, error))?;
    let (head, signed_size) = match (head, signed.as_ref().map_or(0, |signed| signed.tree_size)) {
        (None, 0) => return Err(damage(0, Disagreement::NoLedger)),
        (None, signed_size) => return Err(damage(0, Disagreement::Behind { signed_size })),
        (Some(head), signed_size) if head.tree_size < signed_size => {
            return Err(damage(head.tree_size, Disagreement::Behind { signed_size }));
        }
        (Some(head), signed_size) => (head, signed_size),
    };
    if !is_current(store).map_err(|error| seen(0, error))? {
        let fault = "is of an older version; it is renewed when the node is next started";
        return Err(damage(0, Disagreement::Row { table: MARKS.0, fault }));
    }
    let mut walk = StoreWalk { store, signed, tree: Tree::new(), replay: Replay::new(identity, StoredEntries(store)) };
    progress(0, head.tree_size);
    while walk.replay.next < head.tree_size {
        let limit = (head.tree_size - walk.replay.next).min(CHUNK_ENTRIES);
        walk.chunk(limit as usize)?;
        progress(walk.replay.next, head.tree_size);
    }
    walk.end(head)?;
    Ok(StoreReport { tree_size: head.tree_size, root: head.root, chain_head: head.chain, signed_size })
}

/// An entry with the row that its id has, found out on any core.
struct StoredEntry {
    entry: CheckedEntry,
    id_row: Result<Option<Vec<u8>>, StoreError>,
}

fn check(store: &dyn Store, index: u64, bytes: &[u8]) -> Result<StoredEntry, Malformed> {
    let entry = CheckedEntry::of(index, bytes)?;
    let id_row = store.get(IDS, entry.id.as_bytes());
    Ok(StoredEntry { entry, id_row })
}

struct StoreWalk<'a> {
    store: &'a dyn Store,
    signed: Option<Checkpoint>,
    tree: Tree,
    replay: Replay<StoredEntries<'a>>,
}

impl StoreWalk<'_> {
    fn chunk(&mut self, limit: usize) -> Result<(), Damage> {
        let from = self.replay.next;
        let rows = match self.store.scan(ENTRIES, &tables::index_key(from), limit) {
            Ok(rows) => rows,
            Err(_) => self.one_by_one(from, limit)?,
        };
        let checked: Vec<_> = (from..from + limit as u64)
            .into_par_iter()
            .map(|index| match rows.get((index - from) as usize) {
                Some((key, bytes)) if *key == tables::index_key(index) => {
                    Some(check(self.store, index, bytes).map_err(Disagreement::Frame))
                }
                _ => None,
            })
            .collect();
        let mut tile = None;
        for (index, checked) in (from..).zip(checked) {
            let checked = checked.unwrap_or(Err(Disagreement::MissingEntry)).map_err(|what| damage(index, what))?;
            if index.is_multiple_of(u64::from(TILE_WIDTH)) {
                let key = tables::tile_key(0, index / u64::from(TILE_WIDTH));
                tile = self.store.get(TILES, &key).map_err(unreadable(index))?;
            }
            let at = (index % u64::from(TILE_WIDTH)) as usize * HASH_BYTES;
            let stored = tile.as_ref().and_then(|tile| tile.get(at..at + HASH_BYTES));
            if stored != Some(&checked.entry.leaf) {
                return Err(damage(index, Disagreement::Leaf));
            }
            self.step(index, checked)?;
        }
        self.compare_tiles(true)
    }

    /// After a failed scan: finds out which entry it is that cannot be read.
    fn one_by_one(&self, from: u64, limit: usize) -> Result<Vec<Row>, Damage> {
        (from..from + limit as u64)
            .map(|index| {
                let key = tables::index_key(index);
                let bytes = self.store.get(ENTRIES, &key).map_err(unreadable(index))?;
                bytes.map(|bytes| (key.to_vec(), bytes)).ok_or_else(|| damage(index, Disagreement::MissingEntry))
            })
            .collect()
    }

    fn step(&mut self, index: u64, stored: StoredEntry) -> Result<(), Damage> {
        let StoredEntry { entry, id_row } = stored;
        let leaf = entry.leaf;
        self.replay.step(entry).map_err(|what| damage(index, what))?;
        if id_row.map_err(unreadable(index))?.as_deref() != Some(&tables::index_key(index)) {
            let fault = "does not point to the entry";
            return Err(damage(index, Disagreement::Row { table: IDS.0, fault }));
        }
        self.tree.push(leaf);
        if let Some(signed) = &self.signed
            && signed.tree_size == index + 1
            && signed.root != self.tree.root()
        {
            return Err(damage(index + 1, Disagreement::SignedRoot));
        }
        Ok(())
    }

    /// Compares stored tiles with recomputed ones: full tiles as they fill, partial ones at the end.
    fn compare_tiles(&mut self, full_only: bool) -> Result<(), Damage> {
        for ((level, n), hashes) in self.tree.take_changed() {
            if full_only && hashes.len() < HASH_BYTES * usize::from(TILE_WIDTH) {
                self.tree.touch(level, n);
                continue;
            }
            let first = n.saturating_mul(u64::from(TILE_WIDTH)) << (u32::from(level) * TILE_HEIGHT);
            let row = self.store.get(TILES, &tables::tile_key(level, n)).map_err(unreadable(first))?;
            if row.as_deref() != Some(hashes.as_slice()) {
                return Err(damage(first, Disagreement::Tile { level, n }));
            }
        }
        Ok(())
    }

    /// The end of the ledger, and that no table holds more than the entries give.
    fn end(mut self, head: LedgerHead) -> Result<(), Damage> {
        let size = self.tree.tree_size();
        let behind = self.store.scan(ENTRIES, &tables::index_key(size), 1).map_err(unreadable(size))?;
        if !behind.is_empty() {
            return Err(damage(size, Disagreement::ExtraEntry));
        }
        self.compare_tiles(false)?;
        let Replay { chain, received_at_ms, .. } = self.replay;
        if head != (LedgerHead { tree_size: size, chain, received_at_ms, root: self.tree.root() }) {
            return Err(damage(size, Disagreement::Head));
        }
        let store = self.store;
        let row = |table: Table, fault| damage(size, Disagreement::Row { table: table.0, fault });
        let tiles = (0..).map_while(|level| hashes_at(level, size)).map(|n| n.div_ceil(u64::from(TILE_WIDTH))).sum();
        for (table, expected) in [(IDS, size), (SEQUENCES, size), (TILES, tiles)] {
            let mut rows = 0;
            for_each_row(store, table, |_, _| {
                rows += 1;
                Ok(())
            })
            .map_err(|error| seen(size, error))?;
            if rows != expected {
                return Err(row(table, "has rows that no entry gives"));
            }
        }
        let marks = &mut self.replay.marks;
        let mut surplus = false;
        for_each_row(store, MARKS, |key, value| {
            surplus |= marks.remove(key).as_deref() != Some(value);
            Ok(())
        })
        .map_err(|error| seen(size, error))?;
        if surplus || !marks.is_empty() {
            return Err(row(MARKS, "is not what the entries give"));
        }
        let heads = &mut self.replay.heads;
        for_each_row(store, AUTHORS, |key, value| {
            let known = heads.remove(&author_name(key)?);
            if known.is_some() && known == Some(tables::author_parse(value)?) {
                return Ok(());
            }
            Err(LedgerError::Damaged { index: size, what: "a row of the authors table is wrong".into() })
        })
        .map_err(|error| seen(size, error))?;
        if heads.is_empty() { Ok(()) } else { Err(row(AUTHORS, "lacks a peer")) }
    }
}

/// How many hashes a tile level has in a tree of this size; `None` above the highest.
fn hashes_at(level: u32, tree_size: u64) -> Option<u64> {
    tree_size.checked_shr(level * TILE_HEIGHT).filter(|hashes| *hashes > 0)
}
