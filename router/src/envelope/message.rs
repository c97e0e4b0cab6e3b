//! A message as it travels, and what a checked signature makes of it.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ostrakon_ledger::dsse;
use ostrakon_ledger::{Malformed, PublicKey, Refusal, Signed, Verified};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::EnvelopeError;
use super::header::{MessageHeader, recipients};
use super::{ENVELOPE_BYTES_MAX, ENVELOPE_TYPE, HEADER_BYTES_MAX, Limits, base64_len};

/// Understood and complete, signature not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedMessage {
    signed: Signed,
    header: MessageHeader,
    body: Vec<u8>,
}

/// A message that its peer signed with the key on file: evidence that the peer cannot deny. [`SignedMessage::verify`]
/// makes it, nothing else does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedMessage {
    signed: Verified<Signed>,
    header: MessageHeader,
    body: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageWire<'a> {
    #[serde(borrow)]
    envelope: &'a RawValue,
    #[serde(borrow)]
    body: Cow<'a, str>,
}

impl SignedMessage {
    /// Decodes `{"envelope": <DSSE>, "body": "<padded standard base64>"}`.
    ///
    /// 1. Sizes, before anything is decoded.
    /// 2. The envelope and its header, canonical.
    /// 3. The body, whose length and digest must be the header's.
    ///
    /// # Errors
    /// [`EnvelopeError`]
    pub fn parse(json: &[u8], limits: &Limits) -> Result<Self, EnvelopeError> {
        // 1.
        within("message", json.len(), limits.message_bytes_max())?;
        let wire: MessageWire<'_> = serde_json::from_slice(json)
            .map_err(|fault| EnvelopeError::Json { what: "message", detail: fault.to_string() })?;
        within("body", wire.body.len() / 4 * 3, base64_len(limits.body_bytes_max) / 4 * 3)?;
        // 2.
        let envelope_limits =
            dsse::Limits { envelope_bytes_max: ENVELOPE_BYTES_MAX, payload_bytes_max: HEADER_BYTES_MAX };
        let signed = Signed::parse(wire.envelope.get().as_bytes(), &envelope_limits)?;
        if signed.payload_type != ENVELOPE_TYPE {
            return Err(EnvelopeError::PayloadType(signed.payload_type));
        }
        let header = MessageHeader::parse(&signed.payload)?;
        if signed.keyid != header.key.to_string() {
            return Err(Malformed::value("keyid", &signed.keyid, "is not the header's key").into());
        }
        if header.recipients.len() > limits.recipients_max {
            return Err(recipients(header.recipients.len(), limits.recipients_max).in_header("recipients"));
        }
        // 3.
        let body = BASE64_STANDARD
            .decode(wire.body.as_bytes())
            .map_err(|_| Malformed::value("body", "", "must be padded standard base64"))?;
        within("body", body.len(), limits.body_bytes_max)?;
        let found = u64::try_from(body.len()).unwrap_or(u64::MAX);
        if found != header.content.length {
            return Err(EnvelopeError::BodyLength { stated: header.content.length, found });
        }
        if blake3::hash(&body) != header.content.blake3 {
            return Err(EnvelopeError::BodyDigest);
        }
        Ok(Self { signed, header, body })
    }

    pub(super) fn from_signed(signed: Signed, header: MessageHeader, body: Vec<u8>) -> Self {
        Self { signed, header, body }
    }

    /// Checks the signature against the key that this node has on file for the header's peer.
    ///
    /// # Errors
    /// [`EnvelopeError::WrongKey`], [`EnvelopeError::BadSignature`]
    pub fn verify(self, on_file: &PublicKey) -> Result<VerifiedMessage, EnvelopeError> {
        let Self { signed, header, body } = self;
        if header.key != *on_file {
            return Err(EnvelopeError::WrongKey(header.peer));
        }
        match Verified::check_with(signed, on_file) {
            Ok(signed) => Ok(VerifiedMessage { signed, header, body }),
            Err(Refusal::Malformed(fault)) => Err(fault.into()),
            Err(_) => Err(EnvelopeError::BadSignature),
        }
    }

    /// What its peer says about it, unchecked.
    pub fn header(&self) -> &MessageHeader {
        &self.header
    }

    /// Its body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The message as it travels.
    pub fn to_json(&self) -> Vec<u8> {
        to_json(&self.signed, &self.body)
    }
}

impl VerifiedMessage {
    /// What its peer signed.
    pub fn header(&self) -> &MessageHeader {
        &self.header
    }

    /// Its body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The DSSE envelope as JSON, for evidence and delivery.
    pub fn envelope_json(&self) -> Vec<u8> {
        self.signed.to_json()
    }

    /// The message as it travels.
    pub fn to_json(&self) -> Vec<u8> {
        to_json(&self.signed, &self.body)
    }
}

fn to_json(signed: &Signed, body: &[u8]) -> Vec<u8> {
    let mut json = br#"{"envelope":"#.to_vec();
    json.extend(signed.to_json());
    json.extend_from_slice(br#","body":""#);
    json.extend(BASE64_STANDARD.encode(body).into_bytes());
    json.extend_from_slice(br#""}"#);
    json
}

fn within(what: &'static str, len_bytes: usize, max_bytes: usize) -> Result<(), EnvelopeError> {
    if len_bytes > max_bytes { Err(EnvelopeError::TooLarge { what, len_bytes, max_bytes }) } else { Ok(()) }
}
