//! A ledger entry, the bytes of a leaf.
//!
//! ```text
//! u8 version = 1 ‖ 32 B chain ‖ u64 BE received_at_ms ‖ u8 record type ‖ u16 BE payload length ‖ payload ‖ 64 B signature
//! ```

use crate::dsse::SignedRecord;
use crate::error::Malformed;
use crate::keys::Signature;
use crate::record::{EQUIVOCATE_BYTES_MAX, RecordType};

/// The frame's version.
const VERSION: u8 = 1;
const CHAIN_AT: usize = 1;
const RECEIVED_AT: usize = CHAIN_AT + 32;
const TYPE_AT: usize = RECEIVED_AT + 8;
const LENGTH_AT: usize = TYPE_AT + 1;
const PAYLOAD_AT: usize = LENGTH_AT + 2;
const SIGNATURE_BYTES: usize = 64;
/// Longest entry in bytes; a bundle has room for 65,535.
pub const ENTRY_BYTES_MAX: usize = PAYLOAD_AT + EQUIVOCATE_BYTES_MAX + SIGNATURE_BYTES;
/// Context of the BLAKE3 `derive_key` hash from entry to entry.
const CHAIN_CONTEXT: &str = "ostrakon chain v1";

hex32!(
    /// A link of the chain: BLAKE3 `derive_key("ostrakon chain v1")` of the previous entry's bytes, zero for the first.
    Chain,
    "chain"
);

impl Chain {
    /// The link that follows an entry.
    pub fn after(entry: &[u8]) -> Self {
        Self(*blake3::Hasher::new_derive_key(CHAIN_CONTEXT).update(entry).finalize().as_bytes())
    }
}

/// A record in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Position in the ledger, from 0. Not part of the bytes.
    pub index: u64,
    /// Binds all entries before this one.
    pub chain: Chain,
    /// When this ledger took it, unix ms, never decreasing from entry to entry.
    pub received_at_ms: u64,
    /// The record.
    pub record: SignedRecord,
}

impl Entry {
    /// The leaf's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        frame(self.chain, self.received_at_ms, &self.record)
    }

    /// Decodes a leaf's bytes. Signature, chain and rules are the verifier's business.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn parse(index: u64, bytes: &[u8]) -> Result<Self, Malformed> {
        const FAULT: Malformed = Malformed::Length { what: "entry" };
        let (head, rest) = bytes.split_at_checked(PAYLOAD_AT).ok_or(FAULT)?;
        if head[0] != VERSION {
            return Err(Malformed::value("entry version", &head[0].to_string(), "must be 1"));
        }
        let chain = Chain(array(&head[CHAIN_AT..RECEIVED_AT]).ok_or(FAULT)?);
        let received_at_ms = u64::from_be_bytes(array(&head[RECEIVED_AT..TYPE_AT]).ok_or(FAULT)?);
        let kind = RecordType::from_code(head[TYPE_AT])
            .ok_or_else(|| Malformed::value("record type", &head[TYPE_AT].to_string(), "is not in use"))?;
        let len_bytes = u16::from_be_bytes(array(&head[LENGTH_AT..PAYLOAD_AT]).ok_or(FAULT)?);
        let (payload, signature) = rest.split_at_checked(usize::from(len_bytes)).ok_or(FAULT)?;
        let signature = Signature(array(signature).ok_or(FAULT)?);
        let record = SignedRecord::from_parts(kind, payload.to_vec(), signature)?;
        Ok(Self { index, chain, received_at_ms, record })
    }
}

/// The leaf's bytes, without building an [`Entry`] first.
pub(crate) fn frame(chain: Chain, received_at_ms: u64, record: &SignedRecord) -> Vec<u8> {
    let payload = record.payload();
    let mut bytes = Vec::with_capacity(PAYLOAD_AT + payload.len() + SIGNATURE_BYTES);
    bytes.push(VERSION);
    bytes.extend_from_slice(&chain.0);
    bytes.extend_from_slice(&received_at_ms.to_be_bytes());
    bytes.push(record.kind().code());
    // A payload is at most EQUIVOCATE_BYTES_MAX bytes long, which fits.
    bytes.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes.extend_from_slice(&record.signature().0);
    bytes
}

fn array<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}
