//! What binds names to keys.

use super::{Body, Header, Record, canonical};
use crate::dsse::pre_authentication_encoding;
use crate::keys::{PublicKey, SecretKey, Signature};
use crate::name::PeerName;

/// DSSE payload type of what the new key signs.
const NEW_KEY_TYPE: &str = "application/vnd.ostrakon.peer.rotate.new-key.v1+json";

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

impl Rotate {
    /// The rotation that stands under `header`, signed by the new key.
    pub fn new(header: &Header, new: &SecretKey) -> Self {
        let new_key = new.public();
        Self { new_key, new_signature: new.sign(&Self::message(header, &new_key)) }
    }

    /// Whether the new key signed it, under this header.
    pub(crate) fn is_signed(&self, header: &Header) -> bool {
        self.new_key.verifies(&Self::message(header, &self.new_key), &self.new_signature)
    }

    fn message(header: &Header, new_key: &PublicKey) -> Vec<u8> {
        pre_authentication_encoding(NEW_KEY_TYPE, &canonical::rotation(header, new_key))
    }

    /// The record of a rotation.
    pub fn record(header: Header, new: &SecretKey) -> Record {
        let rotate = Self::new(&header, new);
        Record { header, body: Body::Rotate(rotate) }
    }
}
