//! `peer.rotate`: the author goes on with another key.

use serde::{Deserialize, Serialize};

use super::types::RecordBody;
use super::wire::{self, HeaderMembers};
use super::{Body, Header, Record};
use crate::author::AuthorHead;
use crate::dsse::pre_authentication_encoding;
use crate::error::Refusal;
use crate::keys::{PublicKey, SecretKey, Signature};
use crate::malformed::Malformed;
use crate::name::PeerName;
use crate::rules::{Mark, NextRecord, NotAppended, Prefix, ROTATIONS_MAX, StateChange};
use crate::text::parse_hex;

/// DSSE payload type of what the new key signs.
const NEW_KEY_TYPE: &str = "application/vnd.ostrakon.peer.rotate.new-key.v1+json";

/// The author goes on with another key from this index on. Signed by both: by the old key as every record, by the new
/// one to show that somebody holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotate {
    /// The key of the author's next record.
    pub new_key: PublicKey,
    /// The new key's signature over the pre-authentication encoding of type
    /// `application/vnd.ostrakon.peer.rotate.new-key.v1+json` and the payload without this member.
    pub new_signature: Signature,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RotateWire<T> {
    author: T,
    key: T,
    network: T,
    new_key: T,
    new_signature: T,
    prev: T,
    seq: u64,
}

/// What the new key signs: all members but its signature.
#[derive(Serialize)]
struct NewKeyWire<T> {
    author: T,
    key: T,
    network: T,
    new_key: T,
    prev: T,
    seq: u64,
}

impl Rotate {
    /// The rotation that stands under `header`, signed by the new key.
    pub fn new(header: &Header, new: &SecretKey) -> Self {
        let new_key = new.public();
        Self { new_key, new_signature: new.sign(&Self::message(header, &new_key)) }
    }

    /// The record of a rotation.
    pub fn record(header: Header, new: &SecretKey) -> Record {
        let rotate = Self::new(&header, new);
        Record { header, body: Body::Rotate(rotate) }
    }

    fn message(header: &Header, new_key: &PublicKey) -> Vec<u8> {
        let HeaderMembers { author, key, network, prev, seq } = HeaderMembers::of(header);
        let wire = NewKeyWire { author, key, network, new_key: new_key.as_bytes().into(), prev, seq };
        pre_authentication_encoding(NEW_KEY_TYPE, &wire::write(&wire))
    }

    /// The mark of a key that ends, if a ledger remembers one more of this peer.
    pub(super) fn end_key(peer: &PeerName, head: &AuthorHead, prefix: &mut impl Prefix) -> Result<Mark, NotAppended> {
        if prefix.former_keys(head)?.len() >= ROTATIONS_MAX {
            return Err(Refusal::TooManyKeys(peer.clone()).into());
        }
        Ok(Mark::ended_key(head))
    }
}

impl RecordBody for Rotate {
    fn decode(payload: &[u8]) -> Result<(Header, Self), Malformed> {
        let RotateWire { author, key, network, new_key, new_signature, prev, seq } = wire::read(payload)?;
        let header = HeaderMembers { author, key, network, prev, seq }.parse()?;
        let new_key = str::parse(new_key)?;
        Ok((header, Self { new_key, new_signature: Signature(parse_hex("new_signature", new_signature)?) }))
    }

    fn encode(&self, header: &Header) -> Vec<u8> {
        let HeaderMembers { author, key, network, prev, seq } = HeaderMembers::of(header);
        let new_key = self.new_key.as_bytes().into();
        let new_signature = hex::encode(self.new_signature.0).into();
        wire::write(&RotateWire { author, key, network, new_key, new_signature, prev, seq })
    }

    fn check_signatures(&self, header: &Header) -> Result<(), Refusal> {
        let signed = self.new_key.verifies(&Self::message(header, &self.new_key), &self.new_signature);
        if signed { Ok(()) } else { Err(Refusal::BadSignature) }
    }

    fn judge<P: Prefix>(&self, next: &mut NextRecord<'_, P>) -> Result<StateChange, NotAppended> {
        if self.new_key == next.head.key {
            return Err(Refusal::SameKey(next.author.clone()).into());
        }
        let ended = Self::end_key(next.author, next.head, next.prefix)?;
        Ok(StateChange { new_key: Some(self.new_key), ..ended.into() })
    }
}
