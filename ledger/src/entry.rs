//! A ledger entry, the bytes of a leaf.
//!
//! ```text
//! u8 version = 1 ‖ 32 B chain ‖ u64 BE received_at_ms ‖ u8 record type ‖ u16 BE payload length ‖ payload ‖ 64 B signature
//! u8 version = 2 ‖ as above ‖ u8 effect ‖ u64 BE index there ‖ u8 name length ‖ name of the ledger it was copied from
//! ```
//!
//! Version 1 came from its author, version 2 from the copy of another peer's ledger. Payload and signature are the same bytes
//! in both.

pub(crate) mod checked;

use crate::dsse::SignedRecord;
use crate::keys::Signature;
use crate::malformed::Malformed;
use crate::name::{NAME_BYTES_MAX, PeerName};
use crate::record::{EQUIVOCATE_BYTES_MAX, RecordType};

/// The frame of a record that came from its author.
const FIRST_HAND: u8 = 1;
/// The frame of a record that was copied from another ledger.
const COPIED: u8 = 2;
const CHAIN_AT: usize = 1;
const RECEIVED_AT: usize = CHAIN_AT + 32;
const TYPE_AT: usize = RECEIVED_AT + 8;
const LENGTH_AT: usize = TYPE_AT + 1;
const PAYLOAD_AT: usize = LENGTH_AT + 2;
const SIGNATURE_BYTES: usize = 64;
/// What follows the signature of a copied record: effect, index, length of the name.
const TRAILER_BYTES: usize = 1 + 8 + 1;
/// Longest entry in bytes; a bundle has room for 65,535.
pub const ENTRY_BYTES_MAX: usize = PAYLOAD_AT + EQUIVOCATE_BYTES_MAX + SIGNATURE_BYTES + TRAILER_BYTES + NAME_BYTES_MAX;
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

/// Where a copied record was found: in whose ledger, and where there. The owner of the ledger that holds it says so; anyone
/// can look it up in the ledger that is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The owner of that ledger.
    pub ledger: PeerName,
    /// The record's index in it.
    pub index: u64,
}

/// Whether a record does here what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Effect {
    /// It only takes its place in its author's sequence: another ledger took it by what is true there, and here the rules
    /// would have refused it.
    Inert = 0,
    /// As any record that came from its author.
    InForce = 1,
}

impl Effect {
    fn from_code(code: u8) -> Option<Self> {
        [Effect::Inert, Effect::InForce].into_iter().find(|effect| *effect as u8 == code)
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
    /// Where it was copied from; `None`: it came from its author.
    pub provenance: Option<Provenance>,
    /// Always [`Effect::InForce`] for a record that came from its author.
    pub effect: Effect,
}

impl Entry {
    /// The leaf's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        frame(self.chain, self.received_at_ms, &self.record, self.provenance.as_ref(), self.effect)
    }

    /// Decodes a leaf's bytes. Signature, chain and rules are the verifier's business.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn parse(index: u64, bytes: &[u8]) -> Result<Self, Malformed> {
        const FAULT: Malformed = Malformed::Length { what: "entry" };
        let (head, rest) = bytes.split_at_checked(PAYLOAD_AT).ok_or(FAULT)?;
        let version = head[0];
        if version != FIRST_HAND && version != COPIED {
            return Err(Malformed::value("entry version", &version.to_string(), "must be 1 or 2"));
        }
        let chain = Chain(array(&head[CHAIN_AT..RECEIVED_AT]).ok_or(FAULT)?);
        let received_at_ms = u64::from_be_bytes(array(&head[RECEIVED_AT..TYPE_AT]).ok_or(FAULT)?);
        let kind = RecordType::from_code(head[TYPE_AT])
            .ok_or_else(|| Malformed::value("record type", &head[TYPE_AT].to_string(), "is not in use"))?;
        let len_bytes = u16::from_be_bytes(array(&head[LENGTH_AT..PAYLOAD_AT]).ok_or(FAULT)?);
        let (payload, rest) = rest.split_at_checked(usize::from(len_bytes)).ok_or(FAULT)?;
        let (signature, trailer) = rest.split_first_chunk::<SIGNATURE_BYTES>().ok_or(FAULT)?;
        let (provenance, effect) = match version {
            COPIED => parse_trailer(trailer)?,
            _ if trailer.is_empty() => (None, Effect::InForce),
            _ => return Err(FAULT),
        };
        let record = SignedRecord::from_parts(kind, payload.to_vec(), Signature(*signature))?;
        Ok(Self { index, chain, received_at_ms, record, provenance, effect })
    }
}

fn parse_trailer(trailer: &[u8]) -> Result<(Option<Provenance>, Effect), Malformed> {
    const FAULT: Malformed = Malformed::Length { what: "provenance" };
    let (head, name) = trailer.split_first_chunk::<TRAILER_BYTES>().ok_or(FAULT)?;
    let [effect, index @ .., len_bytes] = *head;
    let effect = Effect::from_code(effect)
        .ok_or_else(|| Malformed::value("effect", &effect.to_string(), "must be 0 (inert) or 1 (in force)"))?;
    if name.len() != usize::from(len_bytes) {
        return Err(FAULT);
    }
    let name = std::str::from_utf8(name).map_err(|_| Malformed::NotCanonical { what: "provenance" })?;
    Ok((Some(Provenance { ledger: PeerName::parse(name)?, index: u64::from_be_bytes(index) }), effect))
}

/// The leaf's bytes, without building an [`Entry`] first.
pub(crate) fn frame(
    chain: Chain,
    received_at_ms: u64,
    record: &SignedRecord,
    provenance: Option<&Provenance>,
    effect: Effect,
) -> Vec<u8> {
    let payload = record.payload();
    let trailer_bytes = provenance.map_or(0, |it| TRAILER_BYTES + it.ledger.as_str().len());
    let mut bytes = Vec::with_capacity(PAYLOAD_AT + payload.len() + SIGNATURE_BYTES + trailer_bytes);
    bytes.push(if provenance.is_some() { COPIED } else { FIRST_HAND });
    bytes.extend_from_slice(&chain.0);
    bytes.extend_from_slice(&received_at_ms.to_be_bytes());
    bytes.push(record.kind().code());
    // A payload is at most EQUIVOCATE_BYTES_MAX bytes long, which fits.
    bytes.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes.extend_from_slice(&record.signature().0);
    if let Some(Provenance { ledger, index }) = provenance {
        let name = ledger.as_str().as_bytes();
        bytes.push(effect as u8);
        bytes.extend_from_slice(&index.to_be_bytes());
        // A name is at most NAME_BYTES_MAX bytes long, which fits.
        bytes.push(name.len() as u8);
        bytes.extend_from_slice(name);
    }
    bytes
}

fn array<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}
