//! DSSE envelopes, and the type that a checked signature leaves behind.
//!
//! What is signed is the pre-authentication encoding `DSSEv1 SP len(type) SP type SP len(payload) SP payload`
//! (<https://github.com/secure-systems-lab/dsse>), so that any DSSE library can make and check an envelope:
//!
//! ```json
//! {"payloadType":"application/vnd.ostrakon.vote.v1+json","payload":"<base64>",
//!  "signatures":[{"keyid":"<public key in hex>","sig":"<base64>"}]}
//! ```

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
use serde::Deserialize;

use crate::error::Refusal;
use crate::keys::{PublicKey, SecretKey, Signature};
use crate::malformed::Malformed;
use crate::record::{EQUIVOCATE_BYTES_MAX, Record, RecordId, RecordType};
use crate::text::with_hex;

/// Longest payload type that an envelope may name.
const PAYLOAD_TYPE_BYTES_MAX: usize = 128;

/// How large an envelope may be. Checked before anything is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnvelopeLimits {
    /// Longest envelope, in bytes of JSON.
    pub envelope_bytes_max: usize,
    /// Longest payload, in bytes after base64.
    pub payload_bytes_max: usize,
}

impl EnvelopeLimits {
    /// The limits of records: the longest payload there is, and an envelope that has room for it and some white space.
    pub const RECORD: EnvelopeLimits =
        EnvelopeLimits { envelope_bytes_max: 24 << 10, payload_bytes_max: EQUIVOCATE_BYTES_MAX };
}

/// The bytes that are signed.
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    let mut message = Vec::with_capacity(head.len() + payload.len());
    message.extend_from_slice(head.as_bytes());
    message.extend_from_slice(payload);
    message
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvelopeWire<'a> {
    #[serde(rename = "payloadType", borrow)]
    payload_type: Cow<'a, str>,
    #[serde(borrow)]
    payload: Cow<'a, str>,
    #[serde(borrow)]
    signatures: [SignatureWire<'a>; 1],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureWire<'a> {
    /// Optional, as DSSE says. A hint: it never decides which key is used.
    #[serde(borrow, default)]
    keyid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sig: Cow<'a, str>,
}

/// An envelope of any payload type with one signature, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The payload type, part of what is signed.
    pub payload_type: String,
    /// The payload.
    pub payload: Vec<u8>,
    /// Which key is said to have signed: the public key in hexadecimal, or nothing.
    pub keyid: Option<String>,
    /// The signature.
    pub sig: Signature,
}

impl Signed {
    /// Decodes an envelope: known keys once each, padded base64 of the standard or the URL-safe alphabet, exactly one
    /// signature. An empty `keyid` is none.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn parse(json: &[u8], limits: &EnvelopeLimits) -> Result<Self, Malformed> {
        within("envelope", json.len(), limits.envelope_bytes_max)?;
        let wire: EnvelopeWire<'_> = serde_json::from_slice(json)
            .map_err(|error| Malformed::Json { what: "envelope", detail: error.to_string() })?;
        within("payload type", wire.payload_type.len(), PAYLOAD_TYPE_BYTES_MAX)?;
        let [signature] = wire.signatures;
        let payload = base64("payload", &wire.payload)?;
        within("payload", payload.len(), limits.payload_bytes_max)?;
        let sig = base64("signature", &signature.sig)?;
        let sig = sig.try_into().map_err(|_| Malformed::Length { what: "signature" })?;
        Ok(Self {
            payload_type: wire.payload_type.into_owned(),
            payload,
            keyid: signature.keyid.map(Cow::into_owned).filter(|keyid| !keyid.is_empty()),
            sig: Signature(sig),
        })
    }

    /// The envelope as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        envelope(&self.payload_type, &self.payload, self.keyid.as_deref(), &self.sig)
    }
}

/// Signs a payload of any type.
pub fn sign(payload_type: &str, payload: &[u8], key: &SecretKey) -> Signed {
    Signed {
        payload_type: payload_type.to_owned(),
        payload: payload.to_vec(),
        keyid: Some(key.public().to_string()),
        sig: key.sign(&pre_authentication_encoding(payload_type, payload)),
    }
}

/// Whether a hint names this key; no hint may mean any key.
fn may_name(keyid: Option<&str>, key: &PublicKey) -> bool {
    keyid.is_none_or(|keyid| with_hex(key.as_bytes(), |digits| digits == keyid))
}

fn within(what: &'static str, len_bytes: usize, max_bytes: usize) -> Result<(), Malformed> {
    if len_bytes > max_bytes { Err(Malformed::TooLong { what, len_bytes, max_bytes }) } else { Ok(()) }
}

fn base64(what: &'static str, text: &str) -> Result<Vec<u8>, Malformed> {
    let decoded = match text.contains(['-', '_']) {
        true => BASE64_URL_SAFE.decode(text),
        false => BASE64_STANDARD.decode(text),
    };
    decoded.map_err(|_| Malformed::value(what, text, "must be padded base64 of one alphabet, standard or URL-safe"))
}

fn envelope(payload_type: &str, payload: &[u8], keyid: Option<&str>, sig: &Signature) -> Vec<u8> {
    let sig = BASE64_STANDARD.encode(sig.0);
    let wire = serde_json::json!({
        "payloadType": payload_type,
        "payload": BASE64_STANDARD.encode(payload),
        "signatures": [match keyid {
            Some(keyid) => serde_json::json!({ "keyid": keyid, "sig": sig }),
            None => serde_json::json!({ "sig": sig }),
        }],
    });
    wire.to_string().into_bytes()
}

/// A record with its signature, decoded but not yet checked. Keeps the payload bytes as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRecord {
    payload: Vec<u8>,
    signature: Signature,
    record: Record,
    id: RecordId,
}

impl SignedRecord {
    /// Signs a record.
    ///
    /// # Errors
    /// [`Malformed`] when the record's values are out of range or `key` is not the key that its header names.
    pub fn sign(record: Record, key: &SecretKey) -> Result<Self, Malformed> {
        if key.public() != record.header.key {
            let named = record.header.key.to_string();
            return Err(Malformed::value("key", &named, "is not the key that signs"));
        }
        let payload = record.payload();
        let message = pre_authentication_encoding(record.kind().payload_type(), &payload);
        Self::from_parts(record.kind(), payload, key.sign(&message))
    }

    /// Decodes a payload that arrived with its signature.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn from_parts(kind: RecordType, payload: Vec<u8>, signature: Signature) -> Result<Self, Malformed> {
        let record = Record::parse(kind, &payload)?;
        let id = RecordId::of(&payload);
        Ok(Self { payload, signature, record, id })
    }

    /// Decodes a DSSE envelope whose `keyid`, if it has one, is the record's key.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn parse_envelope(json: &[u8]) -> Result<Self, Malformed> {
        let signed = Signed::parse(json, &EnvelopeLimits::RECORD)?;
        let Some(kind) = RecordType::from_payload_type(&signed.payload_type) else {
            return Err(Malformed::value("payload type", &signed.payload_type, "is not a record type in use"));
        };
        let this = Self::from_parts(kind, signed.payload, signed.sig)?;
        if !may_name(signed.keyid.as_deref(), &this.record.header.key) {
            return Err(Malformed::value("keyid", &signed.keyid.unwrap_or_default(), "must be the record's key"));
        }
        Ok(this)
    }

    /// The DSSE envelope as JSON.
    pub fn to_envelope(&self) -> Vec<u8> {
        let keyid = self.record.header.key.to_string();
        envelope(self.kind().payload_type(), &self.payload, Some(&keyid), &self.signature)
    }

    /// The record.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Its id.
    pub fn id(&self) -> RecordId {
        self.id
    }

    /// Its type.
    pub fn kind(&self) -> RecordType {
        self.record.kind()
    }

    /// The payload as received.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The signature.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }
}

/// Something whose signature was checked. There is one way to make one, and it verifies strictly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// The only constructor.
    fn new(value: T, key: &PublicKey, message: &[u8], signature: &Signature) -> Result<Self, Refusal> {
        if key.verifies(message, signature) { Ok(Self(value)) } else { Err(Refusal::BadSignature) }
    }

    /// What was checked.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> std::ops::Deref for Verified<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl Verified<SignedRecord> {
    /// Checks a record against the key in its header, and the signatures that it carries within: a rotation's by the new
    /// key, an equivocation's under its statements. Whether the keys are their authors' is the ledger's question.
    ///
    /// # Errors
    /// [`Refusal::BadSignature`], [`Refusal::Unproven`]
    pub fn check(signed: SignedRecord) -> Result<Self, Refusal> {
        let message = pre_authentication_encoding(signed.kind().payload_type(), &signed.payload);
        let (key, signature) = (signed.record.header.key, signed.signature);
        let this = Self::new(signed, &key, &message, &signature)?;
        this.record.body.check_signatures(&this.record.header)?;
        Ok(this)
    }

    /// Whether the key in a record's header signed it; what it carries within is not looked at.
    pub(crate) fn is_signed(signed: &SignedRecord) -> bool {
        let message = pre_authentication_encoding(signed.kind().payload_type(), &signed.payload);
        signed.record.header.key.verifies(&message, &signed.signature)
    }
}

impl Verified<Signed> {
    /// Checks an envelope against a key that the caller trusts for its sender.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] when `keyid` names another key, [`Refusal::BadSignature`]
    pub fn check_with(signed: Signed, key: &PublicKey) -> Result<Self, Refusal> {
        if !may_name(signed.keyid.as_deref(), key) {
            let keyid = signed.keyid.unwrap_or_default();
            return Err(Malformed::value("keyid", &keyid, "is not the sender's key").into());
        }
        let message = pre_authentication_encoding(&signed.payload_type, &signed.payload);
        let signature = signed.sig;
        Self::new(signed, key, &message, &signature)
    }
}
