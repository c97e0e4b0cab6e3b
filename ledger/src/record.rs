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
//! `peer.admit` has `imported`, `peer` and `peer_key` and `retract` has `target` beside the six keys of the header.

mod canonical;
mod wire;

use std::fmt;
use std::str::FromStr;

use crate::error::Malformed;
use crate::keys::PublicKey;
use crate::name::PeerName;
use crate::subject::Subject;

/// Longest payload of the record types in use.
pub const PAYLOAD_BYTES_MAX: usize = 2048;
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

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// `peer.admit`
    Admit(Admit),
    /// `vote`
    Vote(Vote),
    /// `retract`
    Retract(Retract),
}

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

/// An opinion about a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// What it is about.
    pub subject: Subject,
    /// −100..=100 and not 0; negative is bad.
    pub value: i8,
    /// Why.
    pub category: Category,
    /// When the author formed it, unix ms.
    pub cast_at_ms: u64,
    /// When it ends, unix ms, after `cast_at_ms`; 0 means never.
    pub expires_at_ms: u64,
    /// Digest of the detector that produced it; zero means none named.
    pub detector: Digest,
    /// Up to [`DERIVED_FROM_MAX`] different records that it repeats.
    pub derived_from: Vec<RecordId>,
    /// Salted commitment to evidence kept elsewhere; zero means none.
    pub commitment: Digest,
}

/// Cancels a vote of the same author. Does not assert the opposite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retract {
    /// The vote.
    pub target: RecordId,
}

/// The record types in use. Codes 2, 5, 6, 7 and 8 are reserved for `peer.rotate`, `rebut`, `equivocate`, `erase`
/// and `policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RecordType {
    /// `peer.admit`
    Admit = 1,
    /// `vote`
    Vote = 3,
    /// `retract`
    Retract = 4,
}

impl RecordType {
    /// All of them.
    pub const ALL: [RecordType; 3] = [RecordType::Admit, RecordType::Vote, RecordType::Retract];

    /// The byte in an entry's frame.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The type of an entry's byte, if it is in use.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// `peer.admit`, `vote` or `retract`.
    pub fn as_str(self) -> &'static str {
        match self {
            RecordType::Admit => "peer.admit",
            RecordType::Vote => "vote",
            RecordType::Retract => "retract",
        }
    }

    /// The DSSE payload type.
    pub fn payload_type(self) -> &'static str {
        match self {
            RecordType::Admit => "application/vnd.ostrakon.peer.admit.v1+json",
            RecordType::Vote => "application/vnd.ostrakon.vote.v1+json",
            RecordType::Retract => "application/vnd.ostrakon.retract.v1+json",
        }
    }

    /// The type with this DSSE payload type, if it is in use.
    pub fn from_payload_type(payload_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.payload_type() == payload_type)
    }
}

/// Why a vote was cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// Unsolicited bulk.
    Spam,
    /// Fraud.
    Scam,
    /// Malicious software.
    Malware,
    /// Harassment and the like.
    Abuse,
    /// Too much.
    Flood,
    /// Wanted.
    Ham,
    /// Trust in the subject as a voter.
    Vouch,
}

impl Category {
    /// All of them.
    pub const ALL: [Category; 7] = [
        Category::Spam,
        Category::Scam,
        Category::Malware,
        Category::Abuse,
        Category::Flood,
        Category::Ham,
        Category::Vouch,
    ];

    /// The word in the payload.
    pub fn as_str(self) -> &'static str {
        match self {
            Category::Spam => "spam",
            Category::Scam => "scam",
            Category::Malware => "malware",
            Category::Abuse => "abuse",
            Category::Flood => "flood",
            Category::Ham => "ham",
            Category::Vouch => "vouch",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Category {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::ALL.into_iter().find(|category| category.as_str() == text).ok_or_else(|| {
            Malformed::value("category", text, "must be spam, scam, malware, abuse, flood, ham or vouch")
        })
    }
}

serde_as_text!(Category);

impl Record {
    /// Decodes a payload strictly: right type, known keys once each, values in range, canonical bytes.
    ///
    /// # Errors
    /// [`Malformed`]; in particular [`Malformed::NotCanonical`] when [`Record::payload`] would give other bytes.
    pub fn parse(kind: RecordType, payload: &[u8]) -> Result<Record, Malformed> {
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(Malformed::TooLong {
                what: "record payload",
                len_bytes: payload.len(),
                max_bytes: PAYLOAD_BYTES_MAX,
            });
        }
        let record = wire::decode(kind, payload)?;
        if record.payload() != payload {
            return Err(Malformed::NotCanonical { what: "record payload" });
        }
        Ok(record)
    }

    /// The canonical bytes.
    pub fn payload(&self) -> Vec<u8> {
        canonical::encode(self)
    }

    /// The id of [`Record::payload`].
    pub fn id(&self) -> RecordId {
        RecordId::of(&self.payload())
    }

    /// The type of the body.
    pub fn kind(&self) -> RecordType {
        match self.body {
            Body::Admit(_) => RecordType::Admit,
            Body::Vote(_) => RecordType::Vote,
            Body::Retract(_) => RecordType::Retract,
        }
    }
}
