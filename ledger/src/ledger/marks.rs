//! What records have ended, answered or proven, looked up by what they are about.

use super::reader::{LedgerReader, stored_author, stored_index};
use crate::author::AuthorHead;
use crate::error::LedgerError;
use crate::keys::PublicKey;
use crate::name::PeerName;
use crate::record::{Digest, RecordId};
use crate::rules::{Mark, ROTATIONS_MAX};
use crate::store::Store;
use crate::tables::{self, MARKS};

impl LedgerReader {
    /// Where a vote was retracted.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn retraction_of(&self, vote: &RecordId) -> Result<Option<u64>, LedgerError> {
        self.mark(&Mark::Retracted(*vote))
    }

    /// Where the accused answered a vote.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn rebuttal_of(&self, vote: &RecordId) -> Result<Option<u64>, LedgerError> {
        self.mark(&Mark::Rebutted(*vote))
    }

    /// Where a peer was convicted of telling two stories.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn conviction_of(&self, peer: &PeerName) -> Result<Option<u64>, LedgerError> {
        self.mark(&Mark::Convicted(peer.clone()))
    }

    /// Where the body behind a commitment was erased.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn erasure_of(&self, commitment: &Digest) -> Result<Option<u64>, LedgerError> {
        self.mark(&Mark::Erased(*commitment))
    }

    /// Where the owner last said which policy is in force.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn policy(&self) -> Result<Option<u64>, LedgerError> {
        self.mark(&Mark::Policy)
    }

    /// The key that a peer's records must have right after the entry at `index`; `None` when it was not admitted by then.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn key_at(&self, peer: &PeerName, index: u64) -> Result<Option<PublicKey>, LedgerError> {
        if index >= self.tree_size() {
            return Ok(None);
        }
        match stored_author(self.store(), peer)? {
            Some(head) if head.admitted_at_index <= index => stored_key_at(self.store(), &head, index).map(Some),
            _ => Ok(None),
        }
    }

    fn mark(&self, mark: &Mark) -> Result<Option<u64>, LedgerError> {
        let tree_size = self.tree_size();
        Ok(stored_mark(self.store(), mark)?.filter(|index| *index < tree_size))
    }
}

/// Where a mark that is written once was set.
pub(crate) fn stored_mark(store: &dyn Store, mark: &Mark) -> Result<Option<u64>, LedgerError> {
    stored_index(store, MARKS, &tables::mark_row(mark, 0).0)
}

/// The key right after an index: the first of the former ones that ended later, or the one of the head.
pub(crate) fn stored_key_at(store: &dyn Store, head: &AuthorHead, index: u64) -> Result<PublicKey, LedgerError> {
    Ok(former_keys_after(store, head, index, 1)?.pop().unwrap_or(head.key))
}

/// All former keys of a peer, the oldest first.
pub(crate) fn stored_former_keys(store: &dyn Store, head: &AuthorHead) -> Result<Vec<PublicKey>, LedgerError> {
    former_keys_after(store, head, head.admitted_at_index, ROTATIONS_MAX)
}

fn former_keys_after(
    store: &dyn Store,
    head: &AuthorHead,
    index: u64,
    limit: usize,
) -> Result<Vec<PublicKey>, LedgerError> {
    let prefix = tables::former_key_prefix(head.admitted_at_index);
    let from = [prefix.as_slice(), &tables::index_key(index.saturating_add(1))].concat();
    let rows = store.scan(MARKS, &from, limit)?;
    let unreadable = || LedgerError::Damaged { index, what: "a row of the marks table is unreadable".into() };
    rows.into_iter()
        .take_while(|(key, _)| key.starts_with(&prefix))
        .map(|(_, value)| {
            let bytes = value.try_into().map_err(|_| unreadable())?;
            PublicKey::from_bytes(&bytes).map_err(|_| unreadable())
        })
        .collect()
}
