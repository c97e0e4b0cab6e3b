//! Writes payloads: fixed keys in bytewise order, no white space, no escapes (no value needs one).

use super::{Body, Header, PAYLOAD_BYTES_MAX, Record};
use crate::text::with_hex;

/// The canonical bytes of a record.
pub(super) fn encode(record: &Record) -> Vec<u8> {
    let Record { header, body } = record;
    let mut object = Object::new();
    object.text("author", header.author.as_str());
    match body {
        Body::Admit(admit) => {
            object.raw("imported", if admit.imported { "true" } else { "false" });
            object.hex("key", header.key.as_bytes());
            object.text("network", &header.network);
            object.text("peer", admit.peer.as_str());
            object.hex("peer_key", admit.peer_key.as_bytes());
            sequence(&mut object, header);
        }
        Body::Vote(vote) => {
            object.raw("cast_at_ms", &vote.cast_at_ms.to_string());
            object.text("category", vote.category.as_str());
            object.hex("commitment", vote.commitment.as_bytes());
            let sources: Vec<String> = vote.derived_from.iter().map(ToString::to_string).collect();
            object.text("derived_from", &sources.join(","));
            object.hex("detector", vote.detector.as_bytes());
            object.raw("expires_at_ms", &vote.expires_at_ms.to_string());
            object.hex("key", header.key.as_bytes());
            object.text("network", &header.network);
            sequence(&mut object, header);
            let mut subject = Object::new();
            subject.text("id", &vote.subject.id());
            subject.text("kind", vote.subject.kind().as_str());
            object.raw("subject", &subject.finish());
            object.raw("value", &vote.value.to_string());
        }
        Body::Retract(retract) => {
            object.hex("key", header.key.as_bytes());
            object.text("network", &header.network);
            sequence(&mut object, header);
            object.hex("target", retract.target.as_bytes());
        }
    }
    object.finish().into_bytes()
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
