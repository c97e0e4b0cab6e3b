//! Writes payloads: fixed keys in bytewise order, no white space, no escapes (no value needs one).

use super::{Body, Equivocate, Erase, Header, PAYLOAD_BYTES_MAX, Record, Retract, Vote};
use crate::keys::{PublicKey, Signature};
use crate::text::with_hex;

/// The canonical bytes of a record.
pub(super) fn encode(record: &Record) -> Vec<u8> {
    let Record { header, body } = record;
    let mut object = Object::new();
    match body {
        Body::Admit(admit) => {
            object.text("author", header.author.as_str());
            object.raw("imported", if admit.imported { "true" } else { "false" });
            key_and_network(&mut object, header);
            object.text("peer", admit.peer.as_str());
            object.hex("peer_key", admit.peer_key.as_bytes());
            sequence(&mut object, header);
        }
        Body::Rotate(rotate) => rotate_members(&mut object, header, &rotate.new_key, Some(&rotate.new_signature)),
        Body::Vote(vote) => vote_members(&mut object, header, vote),
        Body::Retract(Retract { target }) | Body::Erase(Erase { target }) => {
            object.text("author", header.author.as_str());
            key_and_network(&mut object, header);
            sequence(&mut object, header);
            object.hex("target", target.as_bytes());
        }
        Body::Rebut(rebut) => {
            object.text("answer", rebut.answer.as_str());
            object.text("author", header.author.as_str());
            object.hex("commitment", rebut.commitment.as_bytes());
            key_and_network(&mut object, header);
            sequence(&mut object, header);
            object.hex("target", rebut.target.as_bytes());
        }
        Body::Equivocate(equivocate) => equivocate_members(&mut object, header, equivocate),
        Body::Policy(policy) => {
            object.raw("active_from_ms", &policy.active_from_ms.to_string());
            object.text("author", header.author.as_str());
            object.hex("digest", policy.digest.as_bytes());
            key_and_network(&mut object, header);
            sequence(&mut object, header);
        }
        Body::Expel(expel) => {
            object.text("author", header.author.as_str());
            key_and_network(&mut object, header);
            object.text("peer", expel.peer.as_str());
            object.hex("prev", header.prev.as_bytes());
            object.text("reason", expel.reason.as_str());
            object.raw("seq", &header.seq.to_string());
        }
    }
    object.finish().into_bytes()
}

/// The bytes of a rotation that the new key signs: all members but its signature.
pub(super) fn rotation(header: &Header, new_key: &PublicKey) -> Vec<u8> {
    let mut object = Object::new();
    rotate_members(&mut object, header, new_key, None);
    object.finish().into_bytes()
}

fn rotate_members(object: &mut Object, header: &Header, new_key: &PublicKey, new_signature: Option<&Signature>) {
    object.text("author", header.author.as_str());
    key_and_network(object, header);
    object.hex("new_key", new_key.as_bytes());
    if let Some(signature) = new_signature {
        object.text("new_signature", &hex::encode(signature.0));
    }
    sequence(object, header);
}

fn vote_members(object: &mut Object, header: &Header, vote: &Vote) {
    object.text("author", header.author.as_str());
    object.raw("cast_at_ms", &vote.cast_at_ms.to_string());
    object.text("category", vote.category.as_str());
    object.hex("commitment", vote.commitment.as_bytes());
    let sources: Vec<String> = vote.derived_from.iter().map(ToString::to_string).collect();
    object.text("derived_from", &sources.join(","));
    object.hex("detector", vote.detector.as_bytes());
    object.raw("expires_at_ms", &vote.expires_at_ms.to_string());
    key_and_network(object, header);
    sequence(object, header);
    let mut subject = Object::new();
    subject.text("id", &vote.subject.id());
    subject.text("kind", vote.subject.kind().as_str());
    object.raw("subject", &subject.finish());
    object.raw("value", &vote.value.to_string());
}

fn equivocate_members(object: &mut Object, header: &Header, equivocate: &Equivocate) {
    let (kind, first, second, proof) = equivocate.members();
    object.text("accused", equivocate.accused.as_str());
    object.hex("accused_key", equivocate.accused_key.as_bytes());
    object.text("author", header.author.as_str());
    object.text("first", &first);
    object.hex("key", header.key.as_bytes());
    object.text("kind", kind);
    object.text("network", &header.network);
    object.hex("prev", header.prev.as_bytes());
    object.text("proof", &proof);
    object.text("second", &second);
    object.raw("seq", &header.seq.to_string());
}

fn key_and_network(object: &mut Object, header: &Header) {
    object.hex("key", header.key.as_bytes());
    object.text("network", &header.network);
}

fn sequence(object: &mut Object, header: &Header) {
    object.hex("prev", header.prev.as_bytes());
    object.raw("seq", &header.seq.to_string());
}

/// An object under construction. Keys must come in order.
struct Object {
    out: String,
    last_key: &'static str,
}

impl Object {
    fn new() -> Self {
        let mut out = String::with_capacity(PAYLOAD_BYTES_MAX / 2);
        out.push('{');
        Self { out, last_key: "" }
    }

    fn key(&mut self, key: &'static str) {
        debug_assert!(self.last_key < key, "{} must come before {key}", self.last_key);
        if !self.last_key.is_empty() {
            self.out.push(',');
        }
        self.last_key = key;
        self.out.push('"');
        self.out.push_str(key);
        self.out.push_str("\":");
    }

    fn raw(&mut self, key: &'static str, value: &str) {
        self.key(key);
        self.out.push_str(value);
    }

    fn text(&mut self, key: &'static str, value: &str) {
        self.key(key);
        self.out.push('"');
        self.out.push_str(value);
        self.out.push('"');
    }

    fn hex(&mut self, key: &'static str, value: &[u8; 32]) {
        with_hex(value, |digits| self.text(key, digits));
    }

    fn finish(mut self) -> String {
        self.out.push('}');
        self.out
    }
}
