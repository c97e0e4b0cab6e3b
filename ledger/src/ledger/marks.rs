//! What records have ended, answered or proven, looked up by what they are about.

use super::reader::LedgerReader;
use super::stored;
use crate::error::LedgerError;
use crate::keys::PublicKey;
use crate::name::PeerName;
use crate::record::{Digest, Equivocate, Erase, Expel, PolicyInForce, Rebut, RecordId, Retract};
use crate::rules::Mark;

impl LedgerReader {
    /// Where a vote was retracted.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn retraction_of(&self, vote: &RecordId) -> Result<Option<u64>, LedgerError> {
        self.mark(&Retract::mark(vote))
    }

    /// Where the accused answered a vote.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn rebuttal_of(&self, vote: &RecordId) -> Result<Option<u64>, LedgerError> {
        self.mark(&Rebut::mark(vote))
    }

    /// Where a peer was convicted of telling two stories.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn conviction_of(&self, peer: &PeerName) -> Result<Option<u64>, LedgerError> {
        self.mark(&Equivocate::mark(peer))
    }

    /// Where a peer was expelled, last if more than once. Whether it still is: see [`AuthorHead::expelled`].
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn expulsion_of(&self, peer: &PeerName) -> Result<Option<u64>, LedgerError> {
        self.mark(&Expel::mark(peer))
    }

    /// Where the body behind a record was erased.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn erasure_of(&self, record: &RecordId) -> Result<Option<u64>, LedgerError> {
        self.mark(&Erase::mark(record))
    }

    /// The first record that commits to a body: its author holds the commitment, all others copied it.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn first_commitment(&self, commitment: &Digest) -> Result<Option<u64>, LedgerError> {
        self.mark(&Mark::first_commitment(commitment))
    }

    /// How many records of a peer commit to a body and are not erased; `None`: none ever did. Counts what is durable, which may
    /// be one batch ahead of what is published.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn unerased(&self, commitment: &Digest, peer: &PeerName) -> Result<Option<u64>, LedgerError> {
        match stored::author(self.store(), peer)? {
            Some(head) => stored::mark(self.store(), &Mark::unerased(commitment, &head, 0)),
            None => Ok(None),
        }
    }

    /// Where the owner last said which policy is in force.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn policy(&self) -> Result<Option<u64>, LedgerError> {
        self.mark(&PolicyInForce::mark())
    }

    /// The key that a peer's records must have right after the entry at `index`; `None` when it was not admitted by then.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn key_at(&self, peer: &PeerName, index: u64) -> Result<Option<PublicKey>, LedgerError> {
        if index >= self.tree_size() {
            return Ok(None);
        }
        match stored::author(self.store(), peer)? {
            Some(head) if head.admitted_at_index <= index => stored::key_at(self.store(), &head, index).map(Some),
            _ => Ok(None),
        }
    }

    /// Who has this key here, or had it before a rotation. Reads all authors.
    ///
    /// # Errors
    /// [`LedgerError::Store`], [`LedgerError::Damaged`]
    pub fn holder_of(&self, key: &PublicKey) -> Result<Option<PeerName>, LedgerError> {
        let mut authors = self.authors()?;
        let holds = match authors.iter().position(|(_, head)| head.key == *key) {
            Some(at) => Some(at),
            None => stored::admission_of_former_key(self.store(), key)?
                .and_then(|index| authors.iter().position(|(_, head)| head.admitted_at_index == index)),
        };
        Ok(holds.map(|at| authors.swap_remove(at).0))
    }

    fn mark(&self, mark: &Mark) -> Result<Option<u64>, LedgerError> {
        let tree_size = self.tree_size();
        Ok(stored::mark(self.store(), mark)?.filter(|index| *index < tree_size))
    }
}
