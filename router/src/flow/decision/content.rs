//! What an id stands for.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::DecisionId;
use crate::message::Inquiry;

/// BLAKE3, keyed with a secret of the node's, over everything that a message is judged by; of a signed one over what
/// was signed. Two messages of one digest are the same message, and a stranger can neither guess nor confirm one.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentDigest(
    /// The same sixteen bytes in the same forms.
    DecisionId,
);

/// Keeps what was signed apart from what was asked.
const SIGNED: &[u8] = b"signed";

impl ContentDigest {
    /// Of what an adapter asks about, in its normal form. The order of recipients says nothing.
    pub fn of_inquiry(key: &[u8; 32], inquiry: &Inquiry) -> Self {
        // Every field is named, so that one that is added cannot be forgotten here.
        let Inquiry {
            id: _,
            peer,
            peer_proof,
            sender,
            sender_domain,
            sender_proof,
            recipients,
            kind,
            size,
            network,
            content,
            links,
            known_contact,
            signed,
        } = inquiry;
        let mut digest = Digester::new(key);
        digest.text(peer.as_str()).text(peer_proof.as_str()).text(sender).text(sender_proof.as_str());
        digest.option(sender_domain.as_ref().map(|domain| domain.as_str().as_bytes()));
        let mut sorted: Vec<&str> = recipients.iter().map(|recipient| recipient.as_str()).collect();
        sorted.sort_unstable();
        digest.number(sorted.len() as u64);
        for recipient in sorted {
            digest.text(recipient);
        }
        digest.text(kind.as_str()).number(*size);
        digest.option(network.as_deref().map(str::as_bytes)).option(content.as_ref().map(|digest| &digest[..]));
        digest.number(*links).number(u64::from(*known_contact)).number(u64::from(*signed));
        digest.finish()
    }

    /// Of what a peer signed.
    pub fn of_signed(key: &[u8; 32], payload: &[u8]) -> Self {
        let mut digest = Digester::new(key);
        digest.bytes(SIGNED).bytes(payload);
        digest.finish()
    }
}

impl fmt::Debug for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Hashes fields so that no two lists of them look alike.
struct Digester(blake3::Hasher);

impl Digester {
    fn new(key: &[u8; 32]) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(key);
        // Decision ids are made with this key, too.
        hasher.update(b"\xffcontent");
        Self(hasher)
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.0.update(&number.to_le_bytes());
        self
    }

    fn option(&mut self, bytes: Option<&[u8]>) -> &mut Self {
        match bytes {
            Some(bytes) => self.number(1).bytes(bytes),
            None => self.number(0),
        }
    }

    fn finish(self) -> ContentDigest {
        let mut bytes = [0; 16];
        self.0.finalize_xof().fill(&mut bytes);
        ContentDigest(DecisionId::from_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::message::{Inquiry, Limits};

    fn digest(question: &Value) -> ContentDigest {
        let inquiry = Inquiry::parse(question.to_string().as_bytes(), &Limits::default()).unwrap();
        ContentDigest::of_inquiry(&[7; 32], &inquiry)
    }

    #[test]
    fn every_field_that_is_judged_counts_and_the_id_does_not() {
        let first = json!({
            "id": "m1", "peer": "a.example", "sender": "a@a.example", "kind": "mail", "size": 1000,
            "recipients": ["u@node.example", "v@node.example"],
        });
        let with = |field: &str, value: Value| {
            let mut question = first.clone();
            question[field] = value;
            digest(&question)
        };
        for (field, value) in [
            ("peer", json!("b.example")),
            ("peer_proof", json!("dns")),
            ("sender", json!("b@a.example")),
            ("sender_proof", json!("dkim")),
            ("sender_domain", json!("c.example")),
            ("recipients", json!(["u@node.example"])),
            ("recipients", json!(["u@node.example", "w@node.example"])),
            ("kind", json!("post")),
            ("size", json!(1001)),
            ("network", json!("203.0.113.1")),
            ("content", json!("00".repeat(32))),
            ("links", json!(1)),
            ("known_contact", json!(true)),
        ] {
            assert_ne!(with(field, value), digest(&first), "{field}");
        }
        assert_eq!(with("id", json!("m2")), digest(&first));
        assert_eq!(with("peer", json!("A.example.")), digest(&first), "another spelling of the same");
        assert_eq!(with("recipients", json!(["v@node.example", "u@node.example"])), digest(&first));
    }
}
