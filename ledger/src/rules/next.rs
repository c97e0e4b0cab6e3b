//! A record that is judged by the rules of its type, and what those rules may ask.

use super::Mark;
use super::target::TargetRecord;
use crate::author::AuthorHead;
use crate::error::{LedgerError, Refusal};
use crate::keys::PublicKey;
use crate::name::PeerName;
use crate::record::{Digest, RecordId, RecordType};

/// Why a record is not appended.
#[derive(Debug)]
pub(crate) enum NotAppended {
    /// The rules refuse it. This is an answer to its author.
    Refused(Refusal),
    /// The entries before it could not be looked up.
    Failed(LedgerError),
}

impl From<Refusal> for NotAppended {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<LedgerError> for NotAppended {
    fn from(error: LedgerError) -> Self {
        Self::Failed(error)
    }
}

/// What a ledger is: fixed when it is created.
#[derive(Debug, Clone)]
pub(crate) struct LedgerIdentity {
    pub(crate) owner: PeerName,
    pub(crate) network: String,
    pub(crate) key: PublicKey,
}

/// What the rules may ask about the entries before a record.
pub(crate) trait Prefix {
    /// How many entries there are: where the record would stand.
    fn next_index(&self) -> u64;
    fn author(&mut self, name: &PeerName) -> Result<Option<AuthorHead>, LedgerError>;
    fn index_of(&mut self, id: &RecordId) -> Result<Option<u64>, LedgerError>;
    fn index_of_seq(&mut self, author: &AuthorHead, seq: u64) -> Result<Option<u64>, LedgerError>;
    fn target(&mut self, id: &RecordId) -> Result<Option<TargetRecord>, LedgerError>;
    /// Where a mark was set.
    fn marked(&mut self, mark: &Mark) -> Result<Option<u64>, LedgerError>;
    /// The keys that a peer had before the one it has.
    fn former_keys(&mut self, author: &AuthorHead) -> Result<Vec<PublicKey>, LedgerError>;
}

/// What a record changes where it is in force.
#[derive(Debug, Default)]
pub(crate) struct StateChange {
    pub(crate) marks: Vec<Mark>,
    /// The peer that it admits or expels, and its head from here on.
    pub(crate) changed: Option<(PeerName, AuthorHead)>,
    /// The key of its author from here on, if it is another one.
    pub(crate) new_key: Option<PublicKey>,
}

impl From<Mark> for StateChange {
    fn from(mark: Mark) -> Self {
        Self { marks: vec![mark], ..Self::default() }
    }
}

/// A record that is its author's next, before the rules of its type.
pub(crate) struct NextRecord<'a, P> {
    pub(crate) ledger: &'a LedgerIdentity,
    pub(crate) author: &'a PeerName,
    /// The author's head before the record.
    pub(crate) head: &'a AuthorHead,
    pub(crate) prefix: &'a mut P,
}

impl<P: Prefix> NextRecord<'_, P> {
    /// Only the owner of the ledger may say this.
    pub(crate) fn require_owner(&self) -> Result<(), Refusal> {
        if *self.author == self.ledger.owner { Ok(()) } else { Err(Refusal::NotOwner(self.ledger.owner.clone())) }
    }

    /// Sets a mark that can be set once.
    pub(crate) fn mark_once(&mut self, mark: Mark) -> Result<StateChange, NotAppended> {
        match self.prefix.marked(&mark)? {
            Some(index) => Err(Refusal::AlreadyDone { index }.into()),
            None => Ok(mark.into()),
        }
    }

    /// The record that this one names.
    pub(crate) fn target(&mut self, id: &RecordId) -> Result<TargetRecord, NotAppended> {
        Ok(self.prefix.target(id)?.ok_or(Refusal::UnknownTarget(*id))?)
    }

    /// The vote that this record names.
    pub(crate) fn target_vote(&mut self, id: &RecordId) -> Result<TargetRecord, NotAppended> {
        let target = self.target(id)?;
        if target.kind == RecordType::Vote { Ok(target) } else { Err(Refusal::NotAVote(*id).into()) }
    }
}

/// How many records of an author commit to this and are not erased.
pub(crate) fn unerased(commitment: &Digest, author: &AuthorHead, prefix: &mut impl Prefix) -> Result<u64, LedgerError> {
    Ok(prefix.marked(&Mark::unerased(commitment, author, 0))?.unwrap_or(0))
}
