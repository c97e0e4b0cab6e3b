//! Payloads as JSON. Each record type lists its keys once, in a struct whose fields stand in bytewise order: it is read
//! with borrowed text (`Wire<&str>`) and written with [`JsonText`]. There is no white space, and no value needs an escape.

use serde::{Deserialize, Serialize, Serializer};

use super::{Header, INTEGER_MAX, NETWORK_BYTES_MAX, RecordId};
use crate::malformed::Malformed;
use crate::name::PeerName;
use crate::text::with_hex;

/// A string that is written.
pub(super) enum JsonText<'a> {
    Borrowed(&'a str),
    Owned(String),
    /// 64 hexadecimal digits.
    Hex(&'a [u8; 32]),
}

impl Serialize for JsonText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            JsonText::Borrowed(text) => serializer.serialize_str(text),
            JsonText::Owned(text) => serializer.serialize_str(text),
            JsonText::Hex(bytes) => with_hex(bytes, |digits| serializer.serialize_str(digits)),
        }
    }
}

impl<'a> From<&'a str> for JsonText<'a> {
    fn from(text: &'a str) -> Self {
        Self::Borrowed(text)
    }
}

impl From<String> for JsonText<'_> {
    fn from(text: String) -> Self {
        Self::Owned(text)
    }
}

impl<'a> From<&'a [u8; 32]> for JsonText<'a> {
    fn from(bytes: &'a [u8; 32]) -> Self {
        Self::Hex(bytes)
    }
}

/// The five keys that every payload has.
pub(super) struct HeaderMembers<T> {
    pub(super) author: T,
    pub(super) key: T,
    pub(super) network: T,
    pub(super) prev: T,
    pub(super) seq: u64,
}

impl<'a> HeaderMembers<JsonText<'a>> {
    pub(super) fn of(header: &'a Header) -> Self {
        Self {
            author: header.author.as_str().into(),
            key: header.key.as_bytes().into(),
            network: header.network.as_str().into(),
            prev: header.prev.as_bytes().into(),
            seq: header.seq,
        }
    }
}

impl HeaderMembers<&str> {
    pub(super) fn parse(self) -> Result<Header, Malformed> {
        let seq = integer("seq", self.seq)?;
        let prev: RecordId = self.prev.parse()?;
        if seq == 0 || (seq == 1) != prev.is_zero() {
            return Err(Malformed::value(
                "seq",
                &seq.to_string(),
                "counts from 1, and prev is zero for the first only",
            ));
        }
        let (network, author) = (network_name(self.network)?, PeerName::parse(self.author)?);
        Ok(Header { network, author, key: self.key.parse()?, seq, prev })
    }
}

/// Decodes a payload: the keys of its type, each once.
pub(super) fn read<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, Malformed> {
    serde_json::from_slice(payload)
        .map_err(|error| Malformed::Json { what: "record payload", detail: error.to_string() })
}

/// The canonical bytes of a payload.
pub(super) fn write(wire: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(wire).expect("strings, integers and booleans under string keys are always JSON")
}

/// A payload that says one thing: which record it is about.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetWire<T> {
    author: T,
    key: T,
    network: T,
    prev: T,
    seq: u64,
    target: T,
}

/// Reads a payload that only names another record.
pub(super) fn read_target(payload: &[u8]) -> Result<(Header, RecordId), Malformed> {
    let TargetWire { author, key, network, prev, seq, target } = read(payload)?;
    Ok((HeaderMembers { author, key, network, prev, seq }.parse()?, str::parse(target)?))
}

/// Writes a payload that only names another record.
pub(super) fn write_target(header: &Header, target: &RecordId) -> Vec<u8> {
    let HeaderMembers { author, key, network, prev, seq } = HeaderMembers::of(header);
    write(&TargetWire { author, key, network, prev, seq, target: target.as_bytes().into() })
}

pub(super) fn integer(what: &'static str, value: u64) -> Result<u64, Malformed> {
    if value > INTEGER_MAX {
        return Err(Malformed::value(what, &value.to_string(), "must be at most 2^53 - 1"));
    }
    Ok(value)
}

fn network_name(text: &str) -> Result<String, Malformed> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-';
    if text.is_empty() || text.len() > NETWORK_BYTES_MAX || !text.bytes().all(allowed) {
        return Err(Malformed::value("network", text, "must be 1 to 64 of a-z, 0-9, dot and hyphen"));
    }
    Ok(text.to_owned())
}
