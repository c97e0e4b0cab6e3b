//! Reading what was published, from any thread, while the ledger appends.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::recover::{load_head, open_checkpoint};
use super::stored::{self, author_name, for_each_row, missing, parse_entry};
use super::tree::{read_tile, root_at};
use crate::author::AuthorHead;
use crate::checkpoint::Checkpoint;
use crate::entry::{Chain, Entry};
use crate::error::LedgerError;
use crate::keys::PublicKey;
use crate::merkle::Hash;
use crate::name::PeerName;
use crate::record::RecordId;
use crate::rules::LedgerIdentity;
use crate::signed_state::SignedState;
use crate::store::Store;
use crate::tables::{self, AUTHORS, ENTRIES, IDS, SEQUENCES};
use crate::tile::{TILE_WIDTH, width_at};

/// The state that was last signed: everything a reader sees belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedHead {
    /// Number of entries.
    pub tree_size: u64,
    /// Root of the tree.
    pub root: Hash,
    /// The link that follows the last entry.
    pub chain_head: Chain,
    /// When the last entry was received, unix ms.
    pub received_at_ms: u64,
    /// The signed note.
    pub checkpoint: String,
}

/// Reads the published prefix of a ledger. Cheap to clone.
#[derive(Clone)]
pub struct LedgerReader {
    store: Arc<dyn Store>,
    published: Arc<ArcSwap<PublishedHead>>,
}

impl LedgerReader {
    pub(super) fn new(store: Arc<dyn Store>, published: Arc<ArcSwap<PublishedHead>>) -> Self {
        Self { store, published }
    }

    /// Reads the signed part of a store that nobody here appends to, such as one that another process serves.
    ///
    /// # Errors
    /// [`LedgerError::Missing`] when nothing was signed, [`LedgerError::OtherLedger`], [`LedgerError::Behind`],
    /// [`LedgerError::Damaged`], [`LedgerError::Store`]
    pub fn over(
        store: Arc<dyn Store>,
        state: &dyn SignedState,
        owner: &PeerName,
        network: &str,
        key: &PublicKey,
    ) -> Result<Self, LedgerError> {
        let identity = LedgerIdentity { owner: owner.clone(), network: network.to_owned(), key: *key };
        let checkpoint = state.load()?.ok_or(LedgerError::Missing)?;
        let Checkpoint { tree_size, root, .. } = open_checkpoint(&checkpoint, &identity)?;
        let store_size = load_head(&*store)?.map_or(0, |head| head.tree_size);
        if store_size < tree_size {
            return Err(LedgerError::Behind { store_size, signed_size: tree_size });
        }
        if root_at(&*store, tree_size)? != root {
            return Err(LedgerError::Inconsistent("the tiles do not have the root that was signed".into()));
        }
        let last = stored::entry(&*store, tree_size.saturating_sub(1))?;
        let chain_head = Chain::after(&last.to_bytes());
        let published = PublishedHead { tree_size, root, chain_head, received_at_ms: last.received_at_ms, checkpoint };
        Ok(Self::new(store, Arc::new(ArcSwap::from_pointee(published))))
    }

    pub(super) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Size, root, chain head and checkpoint that belong together.
    pub fn published(&self) -> Arc<PublishedHead> {
        self.published.load_full()
    }

    /// The signed note.
    pub fn checkpoint(&self) -> String {
        self.published.load().checkpoint.clone()
    }

    /// Number of entries.
    pub fn tree_size(&self) -> u64 {
        self.published.load().tree_size
    }

    /// Root of the tree.
    pub fn root(&self) -> Hash {
        self.published.load().root
    }

    /// The entry at an index; `None` beyond the end.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn entry(&self, index: u64) -> Result<Option<Entry>, LedgerError> {
        if index >= self.tree_size() {
            return Ok(None);
        }
        stored::entry(&*self.store, index).map(Some)
    }

    /// Up to `limit` entries from an index on; fewer only at the end.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn entries(&self, from: u64, limit: usize) -> Result<Vec<Entry>, LedgerError> {
        let rows = self.leaves(from, limit)?;
        (from..).zip(rows).map(|(index, bytes)| parse_entry(index, &bytes)).collect()
    }

    /// The bytes of up to `limit` entries from an index on; fewer only at the end.
    pub(crate) fn leaves(&self, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, LedgerError> {
        let available = usize::try_from(self.tree_size().saturating_sub(from)).unwrap_or(usize::MAX);
        let wanted = available.min(limit);
        if wanted == 0 {
            return Ok(Vec::new());
        }
        let rows = self.store.scan(ENTRIES, &tables::index_key(from), wanted)?;
        let mut leaves = Vec::with_capacity(wanted);
        for (index, (key, bytes)) in (from..).zip(rows) {
            if key != tables::index_key(index) {
                return Err(missing(index));
            }
            leaves.push(bytes);
        }
        if leaves.len() < wanted { Err(missing(from + leaves.len() as u64)) } else { Ok(leaves) }
    }

    /// The first `width` hashes (1..=256) of a tile; `None` when the published tree has fewer.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn tile(&self, level: u8, n: u64, width: u16) -> Result<Option<Vec<u8>>, LedgerError> {
        let tree_size = self.tree_size();
        if width == 0 || width > width_at(level, n, tree_size) {
            return Ok(None);
        }
        let hashes = read_tile(&*self.store, level, n, usize::from(width))?;
        hashes.map(Some).ok_or_else(|| LedgerError::Damaged {
            index: n.saturating_mul(u64::from(TILE_WIDTH)),
            what: format!("tile {n} of level {level} is missing or too short"),
        })
    }

    /// The first `width` entries (1..=256) of a bundle, each behind its u16 big-endian length; `None` when the
    /// published ledger has fewer.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn entry_bundle(&self, n: u64, width: u16) -> Result<Option<Vec<u8>>, LedgerError> {
        if width == 0 || width > width_at(0, n, self.tree_size()) {
            return Ok(None);
        }
        let mut bundle = Vec::new();
        for leaf in self.leaves(n * u64::from(TILE_WIDTH), usize::from(width))? {
            // Entries are at most ENTRY_BYTES_MAX bytes long, which fits.
            bundle.extend_from_slice(&(leaf.len() as u16).to_be_bytes());
            bundle.extend_from_slice(&leaf);
        }
        Ok(Some(bundle))
    }

    /// The index of a record.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn record(&self, id: &RecordId) -> Result<Option<u64>, LedgerError> {
        let tree_size = self.tree_size();
        Ok(stored::index(&*self.store, IDS, id.as_bytes())?.filter(|index| *index < tree_size))
    }

    /// The index of an author's record.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn by_author(&self, name: &PeerName, seq: u64) -> Result<Option<u64>, LedgerError> {
        let tree_size = self.tree_size();
        let Some(head) = stored::author(&*self.store, name)? else { return Ok(None) };
        let key = tables::sequence_key(head.admitted_at_index, seq);
        Ok(stored::index(&*self.store, SEQUENCES, &key)?.filter(|index| *index < tree_size))
    }

    /// An admitted peer and its last record.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn author(&self, name: &PeerName) -> Result<Option<AuthorHead>, LedgerError> {
        let tree_size = self.tree_size();
        match stored::author(&*self.store, name)? {
            Some(head) => self.as_published(head, tree_size),
            None => Ok(None),
        }
    }

    /// All admitted peers in the order of their names.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn authors(&self) -> Result<Vec<(PeerName, AuthorHead)>, LedgerError> {
        let tree_size = self.tree_size();
        let mut authors = Vec::new();
        for_each_row(&*self.store, AUTHORS, |key, value| {
            let name = author_name(key)?;
            let head = self.as_published(tables::author_parse(value)?, tree_size)?;
            authors.extend(head.map(|head| (name, head)));
            Ok(())
        })?;
        Ok(authors)
    }

    /// Turns a stored head back to what it was in the published prefix: the store may be one batch ahead.
    fn as_published(&self, mut head: AuthorHead, tree_size: u64) -> Result<Option<AuthorHead>, LedgerError> {
        if head.admitted_at_index >= tree_size {
            return Ok(None);
        }
        if head.head_index >= tree_size {
            head.key = stored::key_at(self.store(), &head, tree_size.saturating_sub(1))?;
        }
        while head.head_index >= tree_size && head.seq > 0 {
            head.seq -= 1;
            let key = tables::sequence_key(head.admitted_at_index, head.seq);
            let index = if head.seq == 0 { None } else { stored::index(&*self.store, SEQUENCES, &key)? };
            head.head_index = index.unwrap_or(head.admitted_at_index);
            head.id = match index {
                Some(index) if index < tree_size => stored::entry(&*self.store, index)?.record.id(),
                _ => RecordId::ZERO,
            };
        }
        Ok(Some(head))
    }
}
