//! A federated peer: a name, a key, a sequence of records, signed messages.

use std::time::{SystemTime, UNIX_EPOCH};

use ostrakon_ledger::{
    Body, Category, Header, PeerName, Record, RecordId, Retract, Rotate, SecretKey, SignedRecord, Vote,
};
use ostrakon_router::message::{Draft, Kind, MessageId, SignedMessage};
use serde_json::json;

use crate::node::{Answer, TestNode};

/// A peer that does what a test tells it to, also what it should not.
pub struct TestPeer {
    pub name: PeerName,
    pub key: SecretKey,
    pub network: String,
    pub seq: u64,
    pub prev: RecordId,
    messages: u64,
}

impl TestPeer {
    /// A peer with a key that follows from its name.
    pub fn new(name: &str) -> Self {
        let seed = *RecordId::of(name.as_bytes()).as_bytes();
        Self {
            name: PeerName::parse(name).unwrap(),
            key: SecretKey::from_seed(seed),
            network: "ostrakon".into(),
            seq: 0,
            prev: RecordId::ZERO,
            messages: 0,
        }
    }

    /// A peer that `node` has admitted.
    pub fn admitted(node: &TestNode, name: &str) -> Self {
        let peer = Self::new(name);
        let request = json!({ "peer": name, "key": peer.key.public().to_string() });
        let answer = node.post("/v1/peers", &request);
        assert_eq!(answer.status, 200, "{answer:?}");
        peer
    }

    /// Its next record, saying `body`; the sequence moves on.
    pub fn say(&mut self, body: Body) -> SignedRecord {
        let header = self.header();
        let record = SignedRecord::sign(Record { header, body }, &self.key).unwrap();
        self.seq += 1;
        self.prev = record.id();
        record
    }

    /// Its next vote.
    pub fn vote(&mut self, subject: &str, value: i8) -> SignedRecord {
        let category = if value > 0 { Category::Vouch } else { Category::Spam };
        self.say(Body::Vote(Vote::plain(subject.parse().unwrap(), value, category, now_ms())))
    }

    /// Its next retraction.
    pub fn retract(&mut self, target: RecordId) -> SignedRecord {
        self.say(Body::Retract(Retract { target }))
    }

    /// Its next record, which changes its key.
    pub fn rotate(&mut self, new: SecretKey) -> SignedRecord {
        let header = self.header();
        let record = SignedRecord::sign(Rotate::record(header, &new), &self.key).unwrap();
        (self.seq, self.prev, self.key) = (self.seq + 1, record.id(), new);
        record
    }

    fn header(&self) -> Header {
        Header {
            network: self.network.clone(),
            author: self.name.clone(),
            key: self.key.public(),
            seq: self.seq + 1,
            prev: self.prev,
        }
    }

    /// Casts a vote at `node`, which must take it.
    pub fn cast(&mut self, node: &TestNode, subject: &str, value: i8) -> RecordId {
        let record = self.vote(subject, value);
        let answer = node.public_post("/v1/votes", &record.to_envelope());
        assert_eq!(answer.status, 200, "{answer:?}");
        record.id()
    }

    /// A signed message with a fresh id.
    pub fn message(&mut self, body: &[u8]) -> SignedMessage {
        self.draft().sign(body.to_vec(), &self.key).unwrap()
    }

    /// A message that is not signed yet, with a fresh id.
    pub fn draft(&mut self) -> Draft {
        self.messages += 1;
        let mut random = [0; 10];
        random[..8].copy_from_slice(&self.messages.to_be_bytes());
        Draft {
            id: MessageId::new(now_ms(), &random),
            peer: self.name.clone(),
            sender: format!("alice@{}", self.name).parse().unwrap(),
            recipients: vec!["bob@node.example".parse().unwrap()],
            kind: Kind::Chat,
            sent_at_ms: now_ms(),
            media_type: "text/plain".parse().unwrap(),
            thread: None,
            expires_at_ms: None,
        }
    }

    /// Sends a message with this body.
    pub fn send(&mut self, node: &TestNode, body: &[u8]) -> Answer {
        node.public_post("/v1/messages", &self.message(body).to_json())
    }
}

/// The test's clock, in Unix milliseconds.
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}
