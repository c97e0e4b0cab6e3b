//! Verification of one entry: by itself, on any core, and then as the one that follows the entry before it. What the rules
//! say of it is in [`crate::rules::judge_entry`].

use super::{Chain, Effect, Entry, Provenance};
use crate::dsse::{SignedRecord, Verified};
use crate::error::{LedgerError, Refusal};
use crate::malformed::Malformed;
use crate::merkle::{Hash, leaf_hash};
use crate::record::RecordId;

/// Why an entry is not the next one of a ledger.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EntryFault {
    /// Its bytes are no frame.
    #[error(transparent)]
    Frame(Malformed),
    /// It does not bind the entry before it.
    #[error("the chain from the entry before is broken")]
    Chain,
    /// It is older than the entry before it.
    #[error("the entry was received before the one before it")]
    Clock,
    /// A signature of its record does not verify.
    #[error(transparent)]
    Signature(Refusal),
    /// The rules refuse its record.
    #[error("the record should have been refused: {0}")]
    Rule(Refusal),
    /// A copied record is said to be in force, or inert, and is not.
    #[error("the rules do not give the record the effect that its entry says it has")]
    Effect,
    /// Its record stands in the ledger twice.
    #[error("the record stands at index {0} already")]
    Repeated(u64),
    /// The entries before it could not be looked up.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What one entry tells by itself.
pub(crate) struct CheckedEntry {
    pub(crate) leaf: Hash,
    pub(crate) id: RecordId,
    pub(crate) record: Result<Verified<SignedRecord>, Refusal>,
    chain: Chain,
    next_chain: Chain,
    received_at_ms: u64,
    provenance: Option<Provenance>,
    effect: Effect,
}

/// An entry that follows the one before it.
pub(crate) struct VerifiedEntry {
    pub(crate) record: Verified<SignedRecord>,
    pub(crate) received_at_ms: u64,
    pub(crate) provenance: Option<Provenance>,
    pub(crate) effect: Effect,
    /// The link that the next entry must carry.
    pub(crate) next_chain: Chain,
}

impl CheckedEntry {
    /// Decodes the bytes of a leaf and checks the record's signatures. Most of the work of a verification is here.
    ///
    /// # Errors
    /// [`Malformed`]. A signature that does not verify is reported by [`CheckedEntry::follow`].
    pub(crate) fn of(index: u64, bytes: &[u8]) -> Result<Self, Malformed> {
        let Entry { chain, received_at_ms, record, provenance, effect, .. } = Entry::parse(index, bytes)?;
        let (leaf, next_chain, id) = (leaf_hash(bytes), Chain::after(bytes), record.id());
        Ok(Self { leaf, id, record: Verified::check(record), chain, next_chain, received_at_ms, provenance, effect })
    }

    /// Requires the entry to carry this link, to be no older than the entry before it, and to be signed.
    ///
    /// # Errors
    /// [`EntryFault::Chain`], [`EntryFault::Clock`], [`EntryFault::Signature`], in this order.
    pub(crate) fn follow(self, chain: Chain, before_ms: u64) -> Result<VerifiedEntry, EntryFault> {
        if self.chain != chain {
            return Err(EntryFault::Chain);
        }
        if self.received_at_ms < before_ms {
            return Err(EntryFault::Clock);
        }
        let Self { record, received_at_ms, provenance, effect, next_chain, .. } = self;
        let record = record.map_err(EntryFault::Signature)?;
        Ok(VerifiedEntry { record, received_at_ms, provenance, effect, next_chain })
    }
}
