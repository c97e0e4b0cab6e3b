//! The signed part of a message: canonical JSON, strict both ways.
//!
//! ```json
//! {"content":{"blake3":"<64 hex>","length":11,"type":"text/plain"},"expires_at":1751328600000,
//!  "id":"0197c2a8-…","key":"<64 hex>","kind":"chat","peer":"a.example","recipients":["b@b.example"],
//!  "sender":"a@a.example","sent_at":1751328000000,"thread":"t1"}
//! ```
//!
//! Keys in bytewise order, no white space, times in unix milliseconds; `expires_at` and `thread` may be missing.

use std::collections::BTreeSet;

use ostrakon_ledger::{PeerName, PublicKey};
use serde::{Deserialize, Serialize};

use super::error::{EnvelopeError, ValueError};
use super::identity::{Account, Host};
use super::values::{Address, Kind, MediaType, MessageId, Thread};
use super::{HEADER_BYTES_MAX, RECIPIENTS_MAX};
use crate::units::{Span, UNIT_MAX};

/// How far a peer's clock may run ahead of ours.
pub(crate) const CLOCK_SKEW_MAX: Span = Span::from_ms(10 * 60_000);

/// What a peer signs about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageHeader {
    /// Names the message among those of its peer.
    pub id: MessageId,
    /// The sending server.
    pub peer: PeerName,
    /// The key it signs with.
    pub key: PublicKey,
    /// The user who sends it.
    pub sender: Address,
    /// 1 to 100 different addresses.
    pub recipients: Vec<Address>,
    /// What it is.
    pub kind: Kind,
    /// When it was sent, unix ms.
    pub sent_at_ms: u64,
    /// What its body is.
    pub content: Content,
    /// The conversation it belongs to.
    pub thread: Option<Thread>,
    /// When it is no longer worth delivering, unix ms, after `sent_at_ms`.
    pub expires_at_ms: Option<u64>,
}

impl MessageHeader {
    /// Names the message among all that are asked about: ids are its peer's.
    pub fn full_id(&self) -> String {
        format!("{}/{}", self.peer, self.id)
    }

    /// The domain of the sender's address, if it names one.
    pub fn sender_domain(&self) -> Option<Host> {
        Account::parse(self.sender.as_str(), self.kind.syntax()).domain
    }
}

/// What a body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its media type.
    pub media_type: MediaType,
    /// Its length in bytes.
    pub length: u64,
    /// Its BLAKE3 digest.
    pub blake3: [u8; 32],
}

/// The header as JSON. The order of the fields is the order of the keys.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderWire {
    content: ContentWire,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
    id: String,
    key: String,
    kind: String,
    peer: String,
    recipients: Vec<String>,
    sender: String,
    sent_at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thread: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ContentWire {
    blake3: String,
    length: u64,
    r#type: String,
}

impl MessageHeader {
    /// Decodes a payload strictly: known keys once each, values in range, canonical bytes.
    ///
    /// # Errors
    /// [`EnvelopeError`]; in particular [`EnvelopeError::NotCanonical`] when [`Self::canonical`] would give other bytes.
    pub fn parse(payload: &[u8]) -> Result<Self, EnvelopeError> {
        if payload.len() > HEADER_BYTES_MAX {
            let len_bytes = payload.len();
            return Err(EnvelopeError::TooLarge { what: "header", len_bytes, max_bytes: HEADER_BYTES_MAX });
        }
        let wire: HeaderWire = serde_json::from_slice(payload)
            .map_err(|fault| EnvelopeError::Json { what: "header", detail: fault.to_string() })?;
        let header = Self::try_from(wire)?;
        if header.canonical() != payload {
            return Err(EnvelopeError::NotCanonical);
        }
        Ok(header)
    }

    /// The one spelling of this header.
    pub fn canonical(&self) -> Vec<u8> {
        let text = |address: &Address| address.as_str().to_owned();
        let wire = HeaderWire {
            content: ContentWire {
                blake3: hex::encode(self.content.blake3),
                length: self.content.length,
                r#type: self.content.media_type.as_str().to_owned(),
            },
            expires_at: self.expires_at_ms,
            id: self.id.to_string(),
            key: self.key.to_string(),
            kind: self.kind.as_str().to_owned(),
            peer: self.peer.to_string(),
            recipients: self.recipients.iter().map(text).collect(),
            sender: text(&self.sender),
            sent_at: self.sent_at_ms,
            thread: self.thread.as_ref().map(|thread| thread.as_str().to_owned()),
        };
        // Strings and integers under string keys: there is nothing in it that JSON could not hold.
        serde_json::to_vec(&wire).unwrap_or_default()
    }

    /// Whether the message is of this time: not expired, not from the future beyond ten minutes of clock skew, and sent
    /// less than `age_max` ago. Delivered ids are remembered for that and the skew, by the same clock: a replay is always
    /// recognised.
    ///
    /// # Errors
    /// [`EnvelopeError::Expired`], [`EnvelopeError::TooOld`], [`EnvelopeError::FromTheFuture`]
    pub fn check_time(&self, now_ms: u64, age_max: Span) -> Result<(), EnvelopeError> {
        let sent_at_ms = self.sent_at_ms;
        match self.expires_at_ms {
            Some(expires_at_ms) if expires_at_ms <= now_ms => Err(EnvelopeError::Expired { expires_at_ms }),
            _ if sent_at_ms > now_ms.saturating_add(CLOCK_SKEW_MAX.ms()) => {
                Err(EnvelopeError::FromTheFuture { sent_at_ms })
            }
            _ if now_ms.saturating_sub(sent_at_ms) >= age_max.ms() => Err(EnvelopeError::TooOld { sent_at_ms }),
            _ => Ok(()),
        }
    }
}

impl TryFrom<HeaderWire> for MessageHeader {
    type Error = EnvelopeError;
    fn try_from(wire: HeaderWire) -> Result<Self, EnvelopeError> {
        if wire.recipients.len() > RECIPIENTS_MAX {
            return Err(recipients(wire.recipients.len(), RECIPIENTS_MAX).in_header("recipients"));
        }
        let recipients = wire.recipients.into_iter().map(Address::try_from).collect::<Result<_, _>>();
        let header = Self {
            id: wire.id.parse().map_err(|fault: ValueError| fault.in_header("id"))?,
            peer: PeerName::parse(&wire.peer)?,
            key: wire.key.parse()?,
            sender: wire.sender.try_into().map_err(|fault: ValueError| fault.in_header("sender"))?,
            recipients: recipients.map_err(|fault: ValueError| fault.in_header("recipients"))?,
            kind: wire.kind.parse().map_err(|fault: ValueError| fault.in_header("kind"))?,
            sent_at_ms: wire.sent_at,
            content: Content {
                media_type: wire.content.r#type.parse().map_err(|fault: ValueError| fault.in_header("content.type"))?,
                length: wire.content.length,
                blake3: digest(&wire.content.blake3).map_err(|fault| fault.in_header("content.blake3"))?,
            },
            thread: wire
                .thread
                .map(Thread::try_from)
                .transpose()
                .map_err(|fault: ValueError| fault.in_header("thread"))?,
            expires_at_ms: wire.expires_at,
        };
        check(&header).map(|()| header)
    }
}

/// The rules that no single field can keep.
pub(super) fn check(header: &MessageHeader) -> Result<(), EnvelopeError> {
    let fault = |field, reason: &str| Err(EnvelopeError::Field { field, reason: reason.to_owned() });
    let count = header.recipients.len();
    if count == 0 || count > RECIPIENTS_MAX {
        return Err(recipients(count, RECIPIENTS_MAX).in_header("recipients"));
    }
    if header.recipients.iter().collect::<BTreeSet<_>>().len() != count {
        return fault("recipients", "an address stands there twice");
    }
    if header.sent_at_ms > UNIT_MAX {
        return fault("sent_at", "must be at most 2^53 - 1");
    }
    if header.expires_at_ms.is_some_and(|at_ms| at_ms <= header.sent_at_ms || at_ms > UNIT_MAX) {
        return fault("expires_at", "must be after sent_at and at most 2^53 - 1");
    }
    Ok(())
}

pub(super) fn recipients(count: usize, max: usize) -> ValueError {
    ValueError(format!("must be 1 to {max} addresses, not {count}"))
}

/// 32 bytes of lower-case hexadecimal.
pub(super) fn digest(text: &str) -> Result<[u8; 32], ValueError> {
    let fault = || ValueError("must be 64 lower-case hexadecimal digits".to_owned());
    let mut bytes = [0; 32];
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(fault());
    }
    hex::decode_to_slice(text, &mut bytes).map_err(|_| fault()).map(|()| bytes)
}
