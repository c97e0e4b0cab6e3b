//! What binds names to keys.

use std::fmt;
use std::str::FromStr;

use super::{Body, Header, Record, canonical};
use crate::dsse::pre_authentication_encoding;
use crate::keys::{PublicKey, SecretKey, Signature};
use crate::malformed::Malformed;
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
