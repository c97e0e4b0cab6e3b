//! The record of one decision: what was asked, what was answered, and the numbers that made the answer.

mod content;

use std::{borrow::Cow, fmt, str::FromStr};

use ostrakon_ledger::{Subject, SubjectKind};
use ostrakon_policies::{Opinion, Verdict};
use serde::{Deserialize, Serialize};

pub use content::ContentDigest;

use crate::{
    error::Error,
    message::{ClaimedBy, Host, Kind, Proof},
};

/// Names a decision, and with it the message: BLAKE3 keyed with a secret of the node's over flow, peer and message id,
/// so that the same message is found again and a stranger can neither guess nor confirm one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DecisionId([u8; 16]);

/// How a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// An adapter asks about it.
    Check,
    /// Its peer signed and sent it.
    Message,
}

/// Before the peer of a check: no UTF-8 text begins so, and no peer's name.
const CHECK: [u8; 1] = [0xff];

impl DecisionId {
    /// The id of the decision on message `id` from `peer`, under this node's `key`. What an adapter asks never has the
    /// id of a message that a peer signed, whatever it calls it.
    pub fn of(key: &[u8; 32], flow: Flow, peer: &str, id: &str) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(key);
        if flow == Flow::Check {
            hasher.update(&CHECK);
        }
        hasher.update(peer.as_bytes()).update(&[0]).update(id.as_bytes());
        let mut bytes = [0; 16];
        hasher.finalize_xof().fill(&mut bytes);
        Self(bytes)
    }

    /// From the bytes of a table's key.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The sixteen bytes with as many zeros behind them, where 32 are asked for.
    pub fn padded(&self) -> [u8; 32] {
        let mut padded = [0; 32];
        padded[..16].copy_from_slice(&self.0);
        padded
    }

    /// The sixteen bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 32];
        hex::encode_to_slice(self.0, &mut text).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for DecisionId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| Error::BadDecisionId)?;
        Ok(Self(bytes))
    }
}

/// Hexadecimal in text formats, the sixteen bytes in binary ones.
impl Serialize for DecisionId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_bytes(&self.0) }
    }
}

impl<'de> Deserialize<'de> for DecisionId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = DecisionId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the id of a decision")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<DecisionId, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<DecisionId, E> {
                bytes.try_into().map(DecisionId).map_err(E::custom)
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Visitor)
        } else {
            deserializer.deserialize_bytes(Visitor)
        }
    }
}

/// What a message claimed without proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// What each `claim:` among the subjects is one of, in their order.
    pub of: Vec<SubjectKind>,
    /// Who claims it.
    pub by: ClaimedBy,
}

/// What is kept of a decision. Accounts, networks and contents stand under a keyed hash ([`Subject`]); recipients are
/// only counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Its name.
    pub decision_id: DecisionId,
    /// When it was made, Unix milliseconds.
    pub at_ms: u64,
    /// The sending server.
    pub peer: Host,
    /// How it had shown that.
    #[serde(default)]
    pub peer_proof: Proof,
    /// How the sender's domain was proven.
    #[serde(default)]
    pub sender_proof: Proof,
    /// Everything the message was judged by, the peer first.
    pub subjects: Vec<Subject>,
    /// Which of the subjects are claims, and whose.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub claims: Option<Claims>,
    /// What kind of message it was.
    pub kind: Kind,
    /// Its length in bytes.
    pub size: u64,
    /// How many recipients it had.
    pub recipients: u32,
    /// How many links the adapter counted.
    pub links: u64,
    /// Whether the recipient knows the sender, as the adapter said.
    pub known_contact: bool,
    /// True: a signed envelope, evidence that the peer cannot deny. False: asserted by an adapter.
    pub signed: bool,
    /// What was answered.
    pub verdict: Verdict,
    /// For a deferral, how long after `at_ms` to try again. [`Decision::said_at`] tells what is left of it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retry_after_ms: Option<u64>,
    /// Every opinion that was given, enforced and shadow.
    pub reasons: Vec<Opinion>,
    /// The peer's score, −1000…1000.
    pub score: i64,
    /// The peer's confidence, 0…1000.
    pub confidence: i64,
    /// Log-odds of the message's subjects together, thousandths of a nat.
    pub standing: i32,
    /// True: nobody has voted on any of the subjects and the peer was not seen before.
    pub newcomer: bool,
    /// Digest of the policy that decided.
    pub policy: String,
    /// The ledger prefix the scores came from: number of entries folded.
    pub ledger_index: u64,
    /// What was judged: its id stands for this content alone. An earlier build did not write it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<ContentDigest>,
}

impl Decision {
    /// The decision as it is said at `now_ms`: with what is left of its times. The record keeps those of `at_ms`.
    pub fn said_at(&self, now_ms: u64) -> Cow<'_, Self> {
        let timed = |opinion: &Opinion| opinion.numbers.contains_key("next_at_ms");
        if now_ms == self.at_ms || (self.retry_after_ms.is_none() && !self.reasons.iter().any(timed)) {
            return Cow::Borrowed(self);
        }
        let left = |wait_ms: u64| self.at_ms.saturating_add(wait_ms).saturating_sub(now_ms);
        let reasons = self.reasons.iter().map(|opinion| opinion.as_of(now_ms)).collect();
        Cow::Owned(Self { retry_after_ms: self.retry_after_ms.map(left), reasons, ..self.clone() })
    }
}

/// What the caller of `POST /v1/check` gets.
#[derive(Debug, Serialize)]
pub struct CheckAnswer<'a> {
    decision_id: DecisionId,
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    reasons: &'a [Opinion],
    score: i64,
    confidence: i64,
    standing: i32,
    newcomer: bool,
    proven: Proven,
}

/// Which identities were proven.
#[derive(Debug, Serialize)]
struct Proven {
    peer: bool,
    sender: bool,
}

impl<'a> From<&'a Decision> for CheckAnswer<'a> {
    fn from(decision: &'a Decision) -> Self {
        Self {
            decision_id: decision.decision_id,
            verdict: decision.verdict,
            retry_after_ms: decision.retry_after_ms,
            reasons: &decision.reasons,
            score: decision.score,
            confidence: decision.confidence,
            standing: decision.standing,
            newcomer: decision.newcomer,
            proven: Proven { peer: decision.peer_proof.is_proof(), sender: decision.sender_proof.is_proof() },
        }
    }
}
