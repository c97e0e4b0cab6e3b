//! A message before it is signed.

use ostrakon_ledger::{PeerName, SecretKey, dsse};

use super::error::EnvelopeError;
use super::header::{Content, MessageHeader, check};
use super::signed::SignedMessage;
use super::values::{Address, Kind, MediaType, MessageId, Thread};
use super::{ENVELOPE_TYPE, HEADER_BYTES_MAX};

/// A message before it is signed: a header without what follows from body and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// See [`MessageHeader::id`].
    pub id: MessageId,
    /// See [`MessageHeader::peer`].
    pub peer: PeerName,
    /// See [`MessageHeader::sender`].
    pub sender: Address,
    /// See [`MessageHeader::recipients`].
    pub recipients: Vec<Address>,
    /// See [`MessageHeader::kind`].
    pub kind: Kind,
    /// See [`MessageHeader::sent_at_ms`].
    pub sent_at_ms: u64,
    /// See [`Content::media_type`].
    pub media_type: MediaType,
    /// See [`MessageHeader::thread`].
    pub thread: Option<Thread>,
    /// See [`MessageHeader::expires_at_ms`].
    pub expires_at_ms: Option<u64>,
}

impl Draft {
    /// Signs header and body.
    ///
    /// # Errors
    /// [`EnvelopeError::Field`] when the recipients are none, too many or repeated or the times impossible,
    /// [`EnvelopeError::TooLarge`] when the header is longer than the format allows.
    pub fn sign(self, body: Vec<u8>, key: &SecretKey) -> Result<SignedMessage, EnvelopeError> {
        let length = u64::try_from(body.len()).unwrap_or(u64::MAX);
        let content = Content { media_type: self.media_type, length, blake3: *blake3::hash(&body).as_bytes() };
        let header = MessageHeader {
            id: self.id,
            peer: self.peer,
            key: key.public(),
            sender: self.sender,
            recipients: self.recipients,
            kind: self.kind,
            sent_at_ms: self.sent_at_ms,
            content,
            thread: self.thread,
            expires_at_ms: self.expires_at_ms,
        };
        check(&header)?;
        let payload = header.canonical();
        if payload.len() > HEADER_BYTES_MAX {
            let len_bytes = payload.len();
            return Err(EnvelopeError::TooLarge { what: "header", len_bytes, max_bytes: HEADER_BYTES_MAX });
        }
        Ok(SignedMessage::from_signed(dsse::sign(ENVELOPE_TYPE, &payload, key), header, body))
    }
}
