//! Signed statements: who says what, in canonical JSON.
//!
//! A payload is one flat object with fixed keys in bytewise order and no white space, at most
//! [`PAYLOAD_BYTES_MAX`] bytes. A vote:
//!
//! ```json
//! {"author":"a.example","cast_at_ms":1751328000000,"category":"spam","commitment":"00…","derived_from":"",
//!  "detector":"00…","expires_at_ms":0,"key":"<hex>","network":"mail.example","prev":"<hex>","seq":2,
//!  "subject":{"id":"b.example","kind":"peer"},"value":-80}
//! ```
//!
//! The other types have, beside the six keys of the header:
//!
//! | type | keys |
//! |---|---|
//! | `peer.admit` | `imported`, `peer`, `peer_key` |
//! | `peer.rotate` | `new_key`, `new_signature` |
//! | `retract` | `target` |
//! | `rebut` | `answer`, `commitment`, `target` |
//! | `equivocate` | `accused`, `accused_key`, `first`, `kind`, `proof`, `second` |
//! | `erase` | `target` |
//! | `policy` | `active_from_ms`, `digest` |
//! | `peer.expel` | `peer`, `reason` |

#[macro_use]
mod types;
mod admit;
mod equivocate;
mod erase;
mod expel;
mod policy;
mod rebut;
mod retract;
mod rotate;
mod vote;
mod wire;

pub use self::admit::Admit;
pub use self::equivocate::{Contradiction, Equivocate};
pub use self::erase::Erase;
pub use self::expel::{Expel, Reason};
pub use self::policy::PolicyInForce;
pub use self::rebut::{Rebut, RebuttalAnswer};
pub use self::retract::Retract;
pub use self::rotate::Rotate;
use self::types::RecordBody;
pub use self::vote::{Category, Vote};
use crate::error::Refusal;
use crate::keys::PublicKey;
use crate::malformed::Malformed;
use crate::name::PeerName;
use crate::rules::{NextRecord, NotAppended, Prefix, StateChange};

/// Longest payload of all record types but one.
pub const PAYLOAD_BYTES_MAX: usize = 2048;
/// Longest payload of an `equivocate`, which carries two signed statements.
pub const EQUIVOCATE_BYTES_MAX: usize = 16 << 10;
/// Largest integer in a payload, 2^53 − 1, so that every JSON reader sees the same number (RFC 7493 §2.2).
pub const INTEGER_MAX: u64 = (1 << 53) - 1;
/// Most records that a vote may name as its sources.
pub const DERIVED_FROM_MAX: usize = 8;
/// Longest network name in bytes.
pub const NETWORK_BYTES_MAX: usize = 64;
/// Context of the BLAKE3 `derive_key` hash that names records.
const RECORD_ID_CONTEXT: &str = "ostrakon record id v1";

hex32!(
    /// Names a record: BLAKE3 `derive_key("ostrakon record id v1")` of its payload, without its signature.
    RecordId,
    "record id"
);

hex32!(
    /// A 32-byte digest of something outside the ledger; [`Digest::ZERO`] means none.
    Digest,
    "digest"
);

impl RecordId {
    /// The id of a payload.
    pub fn of(payload: &[u8]) -> Self {
        Self(*blake3::Hasher::new_derive_key(RECORD_ID_CONTEXT).update(payload).finalize().as_bytes())
    }
}

/// A statement with its place in its author's sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Who says it, and when in their sequence.
    pub header: Header,
    /// What they say.
    pub body: Body,
}

/// The part that all records share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The federation, `a-z 0-9 . -`, 1..=64 bytes.
    pub network: String,
    /// The author.
    pub author: PeerName,
    /// The author's key.
    pub key: PublicKey,
    /// Position in the author's sequence, from 1.
    pub seq: u64,
    /// Id of the author's previous record; zero when `seq` is 1, and only then.
    pub prev: RecordId,
}

// Codes are never used again.
record_types! {
    Admit(Admit) = 1, "peer.admit";
    Rotate(Rotate) = 2, "peer.rotate";
    Vote(Vote) = 3, "vote";
    Retract(Retract) = 4, "retract";
    Rebut(Rebut) = 5, "rebut";
    Equivocate(Box<Equivocate>) = 6, "equivocate";
    Erase(Erase) = 7, "erase";
    Policy(PolicyInForce) = 8, "policy";
    Expel(Expel) = 9, "peer.expel";
}

impl RecordType {
    /// The byte in an entry's frame.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The type of an entry's byte.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// The type with this DSSE payload type.
    pub fn from_payload_type(payload_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.payload_type() == payload_type)
    }
}

impl Record {
    /// Decodes a payload strictly: right type, known keys once each, values in range, canonical bytes.
    ///
    /// # Errors
    /// [`Malformed`]; in particular [`Malformed::NotCanonical`] when [`Record::payload`] would give other bytes.
    pub fn parse(kind: RecordType, payload: &[u8]) -> Result<Record, Malformed> {
        let max_bytes = kind.payload_bytes_max();
        if payload.len() > max_bytes {
            return Err(Malformed::TooLong { what: "record payload", len_bytes: payload.len(), max_bytes });
        }
        let (header, body) = Body::decode(kind, payload)?;
        let record = Record { header, body };
        if record.payload() != payload {
            return Err(Malformed::NotCanonical { what: "record payload" });
        }
        Ok(record)
    }

    /// The canonical bytes.
    pub fn payload(&self) -> Vec<u8> {
        self.body.encode(&self.header)
    }

    /// The id of [`Record::payload`].
    pub fn id(&self) -> RecordId {
        RecordId::of(&self.payload())
    }

    /// The type of the body.
    pub fn kind(&self) -> RecordType {
        self.body.kind()
    }
}
