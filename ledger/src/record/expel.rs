//! `peer.expel`: ends an admission.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::types::RecordBody;
use super::wire::{self, HeaderMembers, JsonText};
use super::{Header, RecordType};
use crate::author::AuthorHead;
use crate::error::{LedgerError, Refusal};
use crate::malformed::Malformed;
use crate::name::PeerName;
use crate::rules::{Mark, NextRecord, NotAppended, Prefix, StateChange};

/// Ends an admission: from this index on the ledger takes nothing more of the peer, until its owner admits it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expel {
    /// The name.
    pub peer: PeerName,
    /// Why.
    pub reason: Reason,
}

/// Why a peer was expelled: one of a few words, because no free text stands in a leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It sends or signs what it should not.
    Abuse,
    /// It sends or signs too much.
    Flood,
    /// Somebody else has its key.
    Compromised,
    /// It asked for it, or is not there any more.
    Withdrawn,
    /// None of these.
    Other,
}

impl Reason {
    /// All of them.
    pub const ALL: [Reason; 5] = [Reason::Abuse, Reason::Flood, Reason::Compromised, Reason::Withdrawn, Reason::Other];

    /// The word in the payload.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Abuse => "abuse",
            Reason::Flood => "flood",
            Reason::Compromised => "compromised",
            Reason::Withdrawn => "withdrawn",
            Reason::Other => "other",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Reason {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or_else(|| Malformed::value("reason", text, "must be abuse, flood, compromised, withdrawn or other"))
    }
}

serde_as_text!(Reason);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpelWire<T> {
    author: T,
    key: T,
    network: T,
    peer: T,
    prev: T,
    reason: T,
    seq: u64,
}

impl Expel {
    /// A peer was expelled; the latest counts.
    pub(crate) fn mark(peer: &PeerName) -> Mark {
        Mark::new(RecordType::Expel, peer.as_str().as_bytes())
    }
}

impl RecordBody for Expel {
    fn decode(payload: &[u8]) -> Result<(Header, Self), Malformed> {
        let ExpelWire { author, key, network, peer, prev, reason, seq } = wire::read(payload)?;
        let header = HeaderMembers { author, key, network, prev, seq }.parse()?;
        Ok((header, Self { peer: PeerName::parse(peer)?, reason: str::parse(reason)? }))
    }

    fn encode(&self, header: &Header) -> Vec<u8> {
        let HeaderMembers { author, key, network, prev, seq } = HeaderMembers::of(header);
        let (peer, reason): (JsonText<'_>, _) = (self.peer.as_str().into(), self.reason.as_str().into());
        wire::write(&ExpelWire { author, key, network, peer, prev, reason, seq })
    }

    fn judge<P: Prefix>(&self, next: &mut NextRecord<'_, P>) -> Result<StateChange, NotAppended> {
        next.require_owner()?;
        let peer = &self.peer;
        if *peer == next.ledger.owner {
            return Err(Refusal::OwnerStays(peer.clone()).into());
        }
        let known = next.prefix.author(peer)?.ok_or_else(|| Refusal::UnknownPeer(peer.clone()))?;
        let mark = Self::mark(peer);
        if known.expelled {
            let index = next.prefix.marked(&mark)?.ok_or_else(|| {
                LedgerError::Inconsistent(format!("{peer} is expelled, and there is no row that says where"))
            })?;
            return Err(Refusal::AlreadyDone { index }.into());
        }
        let head = AuthorHead { expelled: true, ..known };
        Ok(StateChange { changed: Some((peer.clone(), head)), ..mark.into() })
    }
}
