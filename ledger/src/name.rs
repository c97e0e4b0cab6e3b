//! Names of peers: domains in their canonical ASCII form.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

use crate::malformed::Malformed;

/// Longest name in bytes (RFC 1035 §2.3.4, without the root's dot).
pub const NAME_BYTES_MAX: usize = 253;
/// Longest label in bytes (RFC 1035 §2.3.4).
const LABEL_BYTES_MAX: usize = 63;

/// A domain in lower-case A-label form, 1..=253 bytes: labels of `a-z 0-9 -`, no leading or trailing hyphen,
/// no final dot. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerName(Arc<str>);

impl PeerName {
    /// Takes a name that is canonical already; refuses every other spelling.
    ///
    /// # Errors
    /// [`Malformed::Value`] when it is empty, too long, not lower-case, or a label is not a valid A-label.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let fault = |reason| Err(Malformed::value("peer name", text, reason));
        if text.is_empty() || text.len() > NAME_BYTES_MAX {
            return fault("must be 1 to 253 bytes long");
        }
        let mut punycode = false;
        for label in text.split('.') {
            let bytes = label.as_bytes();
            let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return fault("has an empty label") };
            if bytes.len() > LABEL_BYTES_MAX || *first == b'-' || *last == b'-' {
                return fault("has a label that is too long or begins or ends with a hyphen");
            }
            if !bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-') {
                return fault("must be lower-case ASCII letters, digits, hyphens and dots");
            }
            punycode |= bytes.starts_with(b"xn--");
        }
        if punycode && to_ascii(text).as_deref() != Some(text) {
            return fault("has a label that is not valid IDNA");
        }
        Ok(Self(text.into()))
    }

    /// Brings what a person typed into canonical form: lower case, IDNA A-labels (UTS 46), no final dot.
    ///
    /// # Errors
    /// [`Malformed::Value`] when there is no such form.
    pub fn normalise(text: &str) -> Result<Self, Malformed> {
        let trimmed = text.trim();
        let trimmed = trimmed.strip_suffix('.').unwrap_or(trimmed);
        // Size before decoding: no character of a name takes more than four bytes.
        if trimmed.len() > 4 * NAME_BYTES_MAX {
            return Err(Malformed::value("peer name", trimmed, "must be 1 to 253 bytes long"));
        }
        // Most names come as they should be.
        if let Ok(canonical) = Self::parse(trimmed) {
            return Ok(canonical);
        }
        match to_ascii(trimmed) {
            Some(ascii) => Self::parse(&ascii),
            None => Err(Malformed::value("peer name", trimmed, "is not a domain name")),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn to_ascii(text: &str) -> Option<String> {
    Uts46::new()
        .to_ascii(text.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify)
        .ok()
        .map(|ascii| ascii.into_owned())
}

impl AsRef<str> for PeerName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerName({})", self.0)
    }
}

impl FromStr for PeerName {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::parse(text)
    }
}

serde_as_text!(PeerName);
