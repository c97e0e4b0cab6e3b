//! `equivocate`: two statements of one author that cannot both be honest, for anyone to check.
//!
//! | `kind` | `first`, `second` | `proof` |
//! |---|---|---|
//! | `records` | `u8 record type ‖ payload ‖ 64 B signature`, two records with one `(author, seq)` | empty |
//! | `checkpoints` | two notes of one ledger, signed by it alone, the smaller tree first | see [`Contradiction::Checkpoints`] |
//!
//! All three are base64url without padding; equal sizes and records are ordered bytewise.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::types::RecordBody;
use super::wire::{self, HeaderMembers, JsonText};
use super::{EQUIVOCATE_BYTES_MAX, Header, RecordType};
use crate::checkpoint::Checkpoint;
use crate::dsse::{SignedRecord, Verified};
use crate::error::{Refusal, Unproven};
use crate::keys::{PublicKey, Signature};
use crate::ledger::vkey;
use crate::malformed::Malformed;
use crate::merkle::{Hash, verify_consistency};
use crate::name::PeerName;
use crate::note::Note;
use crate::receipt::PATH_HASHES_MAX;
use crate::rules::{Mark, NextRecord, NotAppended, Prefix, StateChange};

const SIGNATURE_BYTES: usize = 64;
const HASH_BYTES: usize = 32;

/// Proof that a peer told two stories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Equivocate {
    /// Who told them.
    pub accused: PeerName,
    /// The key that signed both. Whether it is or was the accused's is the ledger's question.
    pub accused_key: PublicKey,
    /// What it said.
    pub contradiction: Contradiction,
}

/// Two statements that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contradiction {
    /// Two different records with one `(author, seq)` in one network.
    Records(Box<SignedRecord>, Box<SignedRecord>),
    /// Two checkpoints of one ledger of which the first is no prefix of the second.
    ///
    /// Of one size, they have different roots, and the proof is empty. Of different sizes, the proof begins with the root
    /// that the second tree has at the first one's size, followed by the consistency proof between the two: so the second
    /// tree itself says that the first root is not its own.
    Checkpoints(Note, Note, Vec<Hash>),
}

impl Equivocate {
    /// This peer told two stories.
    pub(crate) fn mark(peer: &PeerName) -> Mark {
        Mark::new(RecordType::Equivocate, peer.as_str().as_bytes())
    }

    /// Two records of one author, in either order.
    pub fn of_records(a: SignedRecord, b: SignedRecord) -> Self {
        let header = &a.record().header;
        let (accused, accused_key) = (header.author.clone(), header.key);
        let (first, second) = if statement(&a) <= statement(&b) { (a, b) } else { (b, a) };
        Self { accused, accused_key, contradiction: Contradiction::Records(Box::new(first), Box::new(second)) }
    }

    /// Two checkpoints of the accused's ledger, the smaller tree first; of the notes only the ledger's own signature is
    /// kept.
    pub fn of_checkpoints(
        accused: PeerName,
        accused_key: PublicKey,
        first: &Note,
        second: &Note,
        proof: Vec<Hash>,
    ) -> Self {
        let key = vkey(&accused, accused_key);
        let (mut first, mut second) = (first.signed_only_with(&key), second.signed_only_with(&key));
        if proof.is_empty() && first.to_string() > second.to_string() {
            std::mem::swap(&mut first, &mut second);
        }
        Self { accused, accused_key, contradiction: Contradiction::Checkpoints(first, second, proof) }
    }

    /// Checks everything that can be checked without a ledger: that `accused_key` signed both statements under the accused's
    /// name, and that they contradict each other.
    ///
    /// # Errors
    /// [`Unproven`]
    pub fn check(&self) -> Result<(), Unproven> {
        match &self.contradiction {
            Contradiction::Records(first, second) => self.check_records(first, second),
            Contradiction::Checkpoints(first, second, proof) => self.check_checkpoints(first, second, proof),
        }
    }

    fn check_records(&self, first: &SignedRecord, second: &SignedRecord) -> Result<(), Unproven> {
        let (a, b) = (&first.record().header, &second.record().header);
        if first.id() == second.id() {
            return Err(Unproven::NoContradiction("it is one record twice"));
        }
        if (&a.network, &a.author, a.seq) != (&b.network, &b.author, b.seq) {
            return Err(Unproven::NoContradiction("the records are not of one network, author and seq"));
        }
        if a.author != self.accused || a.key != self.accused_key || b.key != self.accused_key {
            return Err(Unproven::NoContradiction("the records are not the accused's"));
        }
        for record in [first, second] {
            // What such a record says may be as false as it likes: it is the signature that counts.
            if !Verified::is_signed(record) {
                return Err(Unproven::BadSignature { name: self.accused.to_string() });
            }
        }
        Ok(())
    }

    fn check_checkpoints(&self, first: &Note, second: &Note, proof: &[Hash]) -> Result<(), Unproven> {
        let key = [vkey(&self.accused, self.accused_key)];
        let (old, new) = (Checkpoint::of(first, &key)?, Checkpoint::of(second, &key)?);
        let contradict = match proof.split_first() {
            None => old.tree_size == new.tree_size && old.root != new.root,
            Some((root, path)) => {
                old.tree_size < new.tree_size
                    && *root != old.root
                    && verify_consistency(old.tree_size, new.tree_size, root, &new.root, path)
            }
        };
        if contradict { Ok(()) } else { Err(Unproven::NoContradiction("both trees can be true")) }
    }

    /// The values of `kind`, `first`, `second` and `proof` in the payload.
    fn members(&self) -> (&'static str, String, String, String) {
        let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        match &self.contradiction {
            Contradiction::Records(first, second) => {
                ("records", text(&statement(first)), text(&statement(second)), String::new())
            }
            Contradiction::Checkpoints(first, second, proof) => {
                let (first, second) = (first.to_string(), second.to_string());
                ("checkpoints", text(first.as_bytes()), text(second.as_bytes()), text(proof.as_flattened()))
            }
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EquivocateWire<T> {
    accused: T,
    accused_key: T,
    author: T,
    first: T,
    key: T,
    kind: T,
    network: T,
    prev: T,
    proof: T,
    second: T,
    seq: u64,
}

impl RecordBody for Box<Equivocate> {
    const PAYLOAD_BYTES_MAX: usize = EQUIVOCATE_BYTES_MAX;

    fn decode(payload: &[u8]) -> Result<(Header, Self), Malformed> {
        let wire: EquivocateWire<&str> = wire::read(payload)?;
        let EquivocateWire { author, key, network, prev, seq, .. } = wire;
        let header = HeaderMembers { author, key, network, prev, seq }.parse()?;
        let body = Equivocate {
            accused: PeerName::parse(wire.accused)?,
            accused_key: wire.accused_key.parse()?,
            contradiction: Contradiction::from_members(wire.kind, wire.first, wire.second, wire.proof)?,
        };
        Ok((header, Box::new(body)))
    }

    fn encode(&self, header: &Header) -> Vec<u8> {
        let HeaderMembers { author, key, network, prev, seq } = HeaderMembers::of(header);
        let (kind, first, second, proof) = self.members();
        wire::write(&EquivocateWire {
            accused: JsonText::Borrowed(self.accused.as_str()),
            accused_key: self.accused_key.as_bytes().into(),
            author,
            first: first.into(),
            key,
            kind: kind.into(),
            network,
            prev,
            proof: proof.into(),
            second: second.into(),
            seq,
        })
    }

    fn check_signatures(&self, _: &Header) -> Result<(), Refusal> {
        self.check().map_err(Refusal::Unproven)
    }

    /// Any peer convicts another, once, under a key that the accused has or had here.
    fn judge<P: Prefix>(&self, next: &mut NextRecord<'_, P>) -> Result<StateChange, NotAppended> {
        let accused = next.prefix.author(&self.accused)?;
        let accused = accused.ok_or_else(|| Refusal::UnknownPeer(self.accused.clone()))?;
        let key = self.accused_key;
        if accused.key != key && !next.prefix.former_keys(&accused)?.contains(&key) {
            return Err(Refusal::ForeignKey(self.accused.clone()).into());
        }
        next.mark_once(Equivocate::mark(&self.accused))
    }
}

impl Contradiction {
    /// Decodes the members of a payload. That they contradict each other is for [`Equivocate::check`] to say.
    fn from_members(kind: &str, first: &str, second: &str, proof: &str) -> Result<Self, Malformed> {
        let (first, second) = (decode("first", first)?, decode("second", second)?);
        let proof = decode("proof", proof)?;
        let unordered = || Malformed::NotCanonical { what: "the order of the two statements" };
        match kind {
            "records" if proof.is_empty() => {
                if first > second {
                    return Err(unordered());
                }
                Ok(Self::Records(Box::new(parse_statement(&first)?), Box::new(parse_statement(&second)?)))
            }
            "checkpoints" => {
                let (hashes, rest) = proof.as_chunks::<HASH_BYTES>();
                if !rest.is_empty() || hashes.len() > PATH_HASHES_MAX + 1 {
                    return Err(Malformed::Length { what: "proof" });
                }
                if hashes.is_empty() && first > second {
                    return Err(unordered());
                }
                Ok(Self::Checkpoints(parse_note(first)?, parse_note(second)?, hashes.to_vec()))
            }
            _ => Err(Malformed::value("kind", kind, "must be records, without a proof, or checkpoints")),
        }
    }
}

/// A record as it stands in a frame, without its place.
fn statement(record: &SignedRecord) -> Vec<u8> {
    [&[record.kind().code()], record.payload(), &record.signature().0].concat()
}

fn parse_statement(bytes: &[u8]) -> Result<SignedRecord, Malformed> {
    const FAULT: Malformed = Malformed::Length { what: "statement" };
    let (code, rest) = bytes.split_first().ok_or(FAULT)?;
    let (payload, signature) = rest.split_last_chunk::<SIGNATURE_BYTES>().ok_or(FAULT)?;
    let kind = RecordType::from_code(*code)
        .filter(|kind| *kind != RecordType::Equivocate)
        .ok_or_else(|| Malformed::value("record type", &code.to_string(), "cannot stand in an equivocation"))?;
    SignedRecord::from_parts(kind, payload.to_vec(), Signature(*signature))
}

fn parse_note(bytes: Vec<u8>) -> Result<Note, Malformed> {
    let text = String::from_utf8(bytes).map_err(|_| Malformed::NotCanonical { what: "note" })?;
    let note = Note::parse(&text)?;
    if note.signatures().len() != 1 || note.to_string() != text {
        return Err(Malformed::NotCanonical { what: "note" });
    }
    Ok(note)
}

fn decode(what: &'static str, text: &str) -> Result<Vec<u8>, Malformed> {
    BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| Malformed::value(what, text, "must be base64url without padding"))
}
