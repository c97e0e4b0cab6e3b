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
use super::{ENVELOPE_BYTES_MAX, ENVELOPE_TYPE, HEADER_BYTES_MAX, Limits, OPENING_BYTES_MAX, base64_len};

/// The envelope of a message by itself, signature not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedEnvelope {
    signed: Signed,
    header: MessageHeader,
}

/// The envelope of a message whose body is still to come, with its peer's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedEnvelope {
    signed: Verified<Signed>,
    header: MessageHeader,
}

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

impl<'a> MessageWire<'a> {
    fn parse(json: &'a [u8], limits: &Limits) -> Result<Self, EnvelopeError> {
        within("message", json.len(), limits.message_bytes_max())?;
        let wire: Self = serde_json::from_slice(json).map_err(|fault| not_json(&fault))?;
        within("body", wire.body.len() / 4 * 3, base64_len(limits.body_bytes_max) / 4 * 3)?;
        Ok(wire)
    }
}

fn not_json(fault: &serde_json::Error) -> EnvelopeError {
    EnvelopeError::Json { what: "message", detail: fault.to_string() }
}

/// The body, whose length and digest must be the header's.
fn decode_body(text: &str, header: &MessageHeader, limits: &Limits) -> Result<Vec<u8>, EnvelopeError> {
    let body = BASE64_STANDARD
        .decode(text.as_bytes())
        .map_err(|_| Malformed::value("body", "", "must be padded standard base64"))?;
    within("body", body.len(), limits.body_bytes_max)?;
    let found = u64::try_from(body.len()).unwrap_or(u64::MAX);
    if found != header.content.length {
        return Err(EnvelopeError::BodyLength { stated: header.content.length, found });
    }
    if blake3::hash(&body) != header.content.blake3 {
        return Err(EnvelopeError::BodyDigest);
    }
    Ok(body)
}

impl SignedEnvelope {
    fn parse(json: &[u8], limits: &Limits) -> Result<Self, EnvelopeError> {
        let envelope_limits =
            dsse::EnvelopeLimits { envelope_bytes_max: ENVELOPE_BYTES_MAX, payload_bytes_max: HEADER_BYTES_MAX };
        let signed = Signed::parse(json, &envelope_limits)?;
        if signed.payload_type != ENVELOPE_TYPE {
            return Err(EnvelopeError::PayloadType(signed.payload_type));
        }
        let header = MessageHeader::parse(&signed.payload)?;
        if signed.keyid.as_ref().is_some_and(|keyid| *keyid != header.key.to_string()) {
            return Err(Malformed::value("keyid", &signed.keyid.unwrap_or_default(), "is not the header's key").into());
        }
        if header.recipients.len() > limits.recipients_max {
            return Err(recipients(header.recipients.len(), limits.recipients_max).in_header("recipients"));
        }
        Ok(Self { signed, header })
    }

    /// The envelope of a message of which only the beginning is there; `None` if there is more to come of it.
    ///
    /// # Errors
    /// [`EnvelopeError`], also when [`OPENING_BYTES_MAX`] bytes are there and the envelope is not.
    pub fn opening(json: &[u8], limits: &Limits) -> Result<Option<Self>, EnvelopeError> {
        let envelope = match after_key(json, "envelope")
            .map(|rest| serde_json::Deserializer::from_slice(rest).into_iter::<&RawValue>().next())
        {
            Some(Some(Ok(envelope))) => envelope,
            Some(Some(Err(fault))) if !fault.is_eof() => return Err(not_json(&fault)),
            _ if json.len() < OPENING_BYTES_MAX => return Ok(None),
            _ => {
                let detail =
                    format!("of a message this long the envelope is within the first {OPENING_BYTES_MAX} bytes");
                return Err(EnvelopeError::Json { what: "message", detail });
            }
        };
        Self::parse(envelope.get().as_bytes(), limits).map(Some)
    }

    /// Checks the signature against the key that this node has on file for the header's peer.
    ///
    /// # Errors
    /// [`EnvelopeError::WrongKey`], [`EnvelopeError::BadSignature`]
    pub fn verify(self, on_file: &PublicKey) -> Result<VerifiedEnvelope, EnvelopeError> {
        let Self { signed, header } = self;
        if header.key != *on_file {
            return Err(EnvelopeError::WrongKey(header.peer));
        }
        match Verified::check_with(signed, on_file) {
            Ok(signed) => Ok(VerifiedEnvelope { signed, header }),
            Err(Refusal::Malformed(fault)) => Err(fault.into()),
            Err(_) => Err(EnvelopeError::BadSignature),
        }
    }

    /// What its peer says about the message, unchecked.
    pub fn header(&self) -> &MessageHeader {
        &self.header
    }
}

impl VerifiedEnvelope {
    /// The message, now that all of it is there: `json` begins with what this envelope was read from.
    ///
    /// # Errors
    /// [`EnvelopeError`]
    pub fn with_body(self, json: &[u8], limits: &Limits) -> Result<VerifiedMessage, EnvelopeError> {
        let Self { signed, header } = self;
        // A second envelope in it would be a repeated key, and no message.
        let wire = MessageWire::parse(json, limits)?;
        let body = decode_body(&wire.body, &header, limits)?;
        Ok(VerifiedMessage { signed, header, body })
    }

    /// What its peer signed.
    pub fn header(&self) -> &MessageHeader {
        &self.header
    }
}

/// What stands behind the object's first key, if that is `key`.
fn after_key<'a>(json: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let rest = json.trim_ascii_start().strip_prefix(b"{")?.trim_ascii_start();
    let rest = rest.strip_prefix(b"\"")?.strip_prefix(key.as_bytes())?.strip_prefix(b"\"")?;
    rest.trim_ascii_start().strip_prefix(b":")
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
        let wire = MessageWire::parse(json, limits)?;
        // 2.
        let SignedEnvelope { signed, header } = SignedEnvelope::parse(wire.envelope.get().as_bytes(), limits)?;
        // 3.
        let body = decode_body(&wire.body, &header, limits)?;
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
        let VerifiedEnvelope { signed, header } = SignedEnvelope { signed, header }.verify(on_file)?;
        Ok(VerifiedMessage { signed, header, body })
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

    /// The bytes that its peer signed.
    pub fn payload(&self) -> &[u8] {
        &self.signed.payload
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
