//! `peer.admit`: binds a name to a key.

use serde::{Deserialize, Serialize};

use super::types::RecordBody;
use super::wire::{self, HeaderMembers, JsonText};
use super::{Header, Rotate};
use crate::author::AuthorHead;
use crate::error::Refusal;
use crate::keys::PublicKey;
use crate::malformed::Malformed;
use crate::name::PeerName;
use crate::record::Equivocate;
use crate::rules::{NextRecord, NotAppended, Prefix, StateChange};

/// Binds a name to a key from this index on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admit {
    /// The name.
    pub peer: PeerName,
    /// Its key.
    pub peer_key: PublicKey,
    /// A pseudo-peer for votes of third parties who did not sign them; this node holds its key.
    pub imported: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AdmitWire<T> {
    author: T,
    imported: bool,
    key: T,
    network: T,
    peer: T,
    peer_key: T,
    prev: T,
    seq: u64,
}

impl RecordBody for Admit {
    fn decode(payload: &[u8]) -> Result<(Header, Self), Malformed> {
        let AdmitWire { author, imported, key, network, peer, peer_key, prev, seq } = wire::read(payload)?;
        let header = HeaderMembers { author, key, network, prev, seq }.parse()?;
        Ok((header, Self { peer: PeerName::parse(peer)?, peer_key: str::parse(peer_key)?, imported }))
    }

    fn encode(&self, header: &Header) -> Vec<u8> {
        let HeaderMembers { author, key, network, prev, seq } = HeaderMembers::of(header);
        let peer: JsonText<'_> = self.peer.as_str().into();
        let peer_key = self.peer_key.as_bytes().into();
        wire::write(&AdmitWire { author, imported: self.imported, key, network, peer, peer_key, prev, seq })
    }

    /// A name is admitted once; again only after it was expelled, and never after it was convicted. Its sequence goes on
    /// where it ended, with the key that is named now.
    fn judge<P: Prefix>(&self, next: &mut NextRecord<'_, P>) -> Result<StateChange, NotAppended> {
        next.require_owner()?;
        let (prefix, peer) = (&mut *next.prefix, &self.peer);
        let Some(known) = prefix.author(peer)? else {
            let head = AuthorHead::admitted(self.peer_key, self.imported, prefix.next_index());
            return Ok(StateChange { changed: Some((peer.clone(), head)), ..StateChange::default() });
        };
        if !known.expelled || known.imported != self.imported {
            return Err(Refusal::AlreadyAdmitted(peer.clone()).into());
        }
        if prefix.marked(&Equivocate::mark(peer))?.is_some() {
            return Err(Refusal::Convicted(peer.clone()).into());
        }
        let mut change = StateChange::default();
        if known.key != self.peer_key {
            change.marks.push(Rotate::end_key(peer, &known, prefix)?);
        }
        let head = AuthorHead { key: self.peer_key, expelled: false, ..known };
        change.changed = Some((peer.clone(), head));
        Ok(change)
    }
}
