//! `policy`: says which policy is in force.

use serde::{Deserialize, Serialize};

use super::types::RecordBody;
use super::wire::{self, HeaderMembers, JsonText, integer};
use super::{Digest, Header, RecordType};
use crate::malformed::Malformed;
use crate::rules::{Mark, NextRecord, NotAppended, Prefix, StateChange};

/// Says under which policy the ledger's owner decides from a time on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyInForce {
    /// The policy's digest.
    pub digest: Digest,
    /// Since when it is in force, unix ms.
    pub active_from_ms: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyWire<T> {
    active_from_ms: u64,
    author: T,
    digest: T,
    key: T,
    network: T,
    prev: T,
    seq: u64,
}

impl PolicyInForce {
    /// The policy in force; the latest counts.
    pub(crate) fn mark() -> Mark {
        Mark::new(RecordType::Policy, &[])
    }
}

impl RecordBody for PolicyInForce {
    fn decode(payload: &[u8]) -> Result<(Header, Self), Malformed> {
        let PolicyWire { active_from_ms, author, digest, key, network, prev, seq } = wire::read(payload)?;
        let header = HeaderMembers { author, key, network, prev, seq }.parse()?;
        let digest = str::parse(digest)?;
        Ok((header, Self { digest, active_from_ms: integer("active_from_ms", active_from_ms)? }))
    }

    fn encode(&self, header: &Header) -> Vec<u8> {
        let HeaderMembers { author, key, network, prev, seq } = HeaderMembers::of(header);
        let digest: JsonText<'_> = self.digest.as_bytes().into();
        let active_from_ms = self.active_from_ms;
        wire::write(&PolicyWire { active_from_ms, author, digest, key, network, prev, seq })
    }

    /// The latest counts, so this mark may be set again.
    fn judge<P: Prefix>(&self, next: &mut NextRecord<'_, P>) -> Result<StateChange, NotAppended> {
        next.require_owner()?;
        Ok(Self::mark().into())
    }
}
