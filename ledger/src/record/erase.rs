//! `erase`: a detached body was deleted.

use super::types::RecordBody;
use super::wire;
use super::{Header, RecordId, RecordType};
use crate::error::{LedgerError, Refusal};
use crate::malformed::Malformed;
use crate::rules::{Mark, NextRecord, NotAppended, Prefix, StateChange, unerased};

/// Says that the body behind the target's commitment was deleted here. The target itself stays, and so do all proofs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erase {
    /// The vote or rebuttal whose detached body is gone.
    pub target: RecordId,
}

impl Erase {
    /// The body behind this record is erased.
    pub(crate) fn mark(record: &RecordId) -> Mark {
        Mark::new(RecordType::Erase, record.as_bytes())
    }
}

impl RecordBody for Erase {
    fn decode(payload: &[u8]) -> Result<(Header, Self), Malformed> {
        let (header, target) = wire::read_target(payload)?;
        Ok((header, Self { target }))
    }

    fn encode(&self, header: &Header) -> Vec<u8> {
        wire::write_target(header, &self.target)
    }

    /// An erasure is about one record. What its author commits to elsewhere, and what others commit to, stays as it is.
    fn judge<P: Prefix>(&self, next: &mut NextRecord<'_, P>) -> Result<StateChange, NotAppended> {
        let id = self.target;
        let target = next.target(&id)?;
        if target.author != *next.author && *next.author != next.ledger.owner {
            return Err(Refusal::NotAuthor(id).into());
        }
        if target.commitment.is_zero() {
            return Err(Refusal::NothingToErase(id).into());
        }
        let mut change = next.mark_once(Self::mark(&id))?;
        let prefix = &mut *next.prefix;
        let holder = prefix.author(&target.author)?.ok_or_else(|| {
            LedgerError::Inconsistent(format!("there is no row for {}, who has a record here", target.author))
        })?;
        let left = unerased(&target.commitment, &holder, prefix)?.saturating_sub(1);
        change.marks.push(Mark::unerased(&target.commitment, &holder, left));
        Ok(change)
    }
}
