//! Writing back what was signed before: entries as they are, byte for byte. Nothing is signed here.

use std::sync::Arc;

use rayon::prelude::*;

use super::pending::{Heads, Pending};
use super::recover::{check_end, load_head, not_ours, open_checkpoint, open_note};
use super::stored;
use super::tree::{Tree, root_at};
use super::upgrade::upgrade;
use crate::checkpoint::Checkpoint;
use crate::entry::checked::{CheckedEntry, EntryFault};
use crate::error::LedgerError;
use crate::keys::PublicKey;
use crate::merkle::{CompactRange, Hash, leaf_hash};
use crate::name::PeerName;
use crate::rules::{LedgerIdentity, is_genesis};
use crate::store::Store;
use crate::tables::{HEAD_KEY, LedgerHead, META};

/// Most entries that are checked together and written with one sync: a few MB.
pub const RESTORE_ENTRIES_MAX: usize = 4096;

/// A ledger under repair: takes entries that were signed before, checks each as if it were new, and writes them.
///
/// The ledger opens again once what was signed is there.
pub struct Restorer {
    store: Arc<dyn Store>,
    identity: LedgerIdentity,
    head: LedgerHead,
    tree: Tree,
    heads: Heads,
}

impl Restorer {
    /// Goes on where the store ends, which may be at its beginning.
    ///
    /// # Errors
    /// [`LedgerError::OtherLedger`], [`LedgerError::Damaged`], [`LedgerError::Store`]
    pub fn open(store: Arc<dyn Store>, owner: &PeerName, network: &str, key: &PublicKey) -> Result<Self, LedgerError> {
        let identity = LedgerIdentity { owner: owner.clone(), network: network.to_owned(), key: *key };
        let (head, tree) = match load_head(&*store)? {
            None => (LedgerHead::empty(), Tree::new()),
            Some(_) if !is_genesis(&identity, &stored::entry(&*store, 0)?.record) => return Err(not_ours(&identity)),
            Some(head) => (head, check_end(&*store, head)?),
        };
        upgrade(&*store)?;
        Ok(Self { store, identity, head, tree, heads: Heads::default() })
    }

    /// Number of entries that are there.
    pub fn tree_size(&self) -> u64 {
        self.head.tree_size
    }

    /// A tree that goes on from here without writing anything, to see where entries would lead.
    pub fn preview(&self) -> Preview {
        Preview { tree: self.tree.range().clone() }
    }

    /// Opens a checkpoint of this ledger.
    ///
    /// # Errors
    /// [`LedgerError::OtherLedger`]
    pub fn open_checkpoint(&self, note: &str) -> Result<Checkpoint, LedgerError> {
        open_checkpoint(note, &self.identity)
    }

    /// Opens the checkpoint that a copy of this ledger shows.
    ///
    /// # Errors
    /// [`LedgerError::Copy`]
    pub fn open_copied(&self, note: &str) -> Result<Checkpoint, LedgerError> {
        open_note(note, &self.identity).map_err(|foreign| foreign.as_copy(&self.identity))
    }

    /// Checks entries and appends them with one sync: frame, chain, time, signature (on all cores) and rules.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`] names the first entry that is not the next one of this ledger; nothing of the batch was
    /// written. [`LedgerError::BatchTooLarge`] above [`RESTORE_ENTRIES_MAX`]. [`LedgerError::Store`]. After an error the
    /// restorer is gone: open another one.
    pub fn append(mut self, entries: &[Vec<u8>]) -> Result<Self, LedgerError> {
        if entries.len() > RESTORE_ENTRIES_MAX {
            return Err(LedgerError::BatchTooLarge { len: entries.len(), max: RESTORE_ENTRIES_MAX });
        }
        let first = self.head.tree_size;
        let checked: Vec<_> =
            (0..entries.len()).into_par_iter().map(|at| CheckedEntry::of(first + at as u64, &entries[at])).collect();
        let before = (first > 0).then(|| self.head.to_bytes());
        let mut pending = Pending::new(&self.identity, &*self.store, &mut self.heads, &mut self.tree, self.head);
        for (index, checked) in (first..).zip(checked) {
            let put_back = checked.map_err(EntryFault::Frame).and_then(|entry| pending.put_back(entry));
            put_back.map_err(|fault| match fault {
                EntryFault::Ledger(error) => error,
                fault => LedgerError::Damaged { index, what: fault.to_string() },
            })?;
        }
        if let Some((rows, head)) = pending.finish() {
            self.store.commit(rows.expecting(META, HEAD_KEY, before))?;
            self.head = head;
        }
        Ok(self)
    }

    /// Whether what is there begins with what a checkpoint counts.
    ///
    /// # Errors
    /// [`LedgerError::Behind`], [`LedgerError::Damaged`], [`LedgerError::Store`]
    pub fn require(&self, checkpoint: &Checkpoint) -> Result<(), LedgerError> {
        let (store_size, signed_size) = (self.head.tree_size, checkpoint.tree_size);
        if store_size < signed_size {
            return Err(LedgerError::Behind { store_size, signed_size });
        }
        if root_at(&*self.store, signed_size)? != checkpoint.root {
            let what = format!("the first {signed_size} entries do not have the root that was signed");
            return Err(LedgerError::Inconsistent(what));
        }
        Ok(())
    }
}

/// Where entries would lead.
pub struct Preview {
    tree: CompactRange,
}

impl Preview {
    /// Takes the next entry's bytes.
    pub fn push(&mut self, entry: &[u8]) {
        self.tree.push(leaf_hash(entry), |_, _| {});
    }

    /// Number of entries so far.
    pub fn tree_size(&self) -> u64 {
        self.tree.tree_size()
    }

    /// The root so far.
    pub fn root(&self) -> Hash {
        self.tree.root()
    }
}
