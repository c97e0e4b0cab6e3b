//! Why a message or a request was not understood. Nothing was written, nothing was counted.

use ostrakon_ledger::{Blame, Malformed, PeerName};

/// Why a message envelope is refused. Always the sending peer's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Larger than its limit; refused before it was decoded.
    #[error("the {what} is {len_bytes} bytes long, at most {max_bytes} are taken")]
    TooLarge {
        /// What was measured.
        what: &'static str,
        /// Its length.
        len_bytes: usize,
        /// The limit.
        max_bytes: usize,
    },
    /// Not the JSON that is expected: unknown, missing, repeated or mistyped keys.
    #[error("the {what} is not the expected JSON: {detail}")]
    Json {
        /// What was read.
        what: &'static str,
        /// The decoder's words.
        detail: String,
    },
    /// The DSSE envelope or a key or name in it is malformed.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// A DSSE envelope of something else.
    #[error("the payload type is `{0}`, not that of a message envelope")]
    PayloadType(String),
    /// A header field with a value that it cannot have.
    #[error("`{field}`: {reason}")]
    Field {
        /// The field's key.
        field: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The header says the right things in other bytes than the canonical ones.
    #[error("the header is not in canonical form")]
    NotCanonical,
    /// The body does not have the length that the header states.
    #[error("the body has {found} bytes, the header states {stated}")]
    BodyLength {
        /// What the header states.
        stated: u64,
        /// What came.
        found: u64,
    },
    /// The body is not the one that was signed for.
    #[error("the body's BLAKE3 digest is not the one that the header states")]
    BodyDigest,
    /// The peer is known with another key.
    #[error("{0} is known here with another key")]
    WrongKey(PeerName),
    /// The signature does not verify.
    #[error("the signature does not verify")]
    BadSignature,
    /// It came after its own `expires_at`.
    #[error("the message expired at {expires_at_ms} (unix ms)")]
    Expired {
        /// When it expired, unix ms.
        expires_at_ms: u64,
    },
    /// It was sent longer ago than this node remembers what it delivered, so that a replay could not be told apart.
    #[error("the message was sent at {sent_at_ms} (unix ms), which is too long ago")]
    TooOld {
        /// When it says it was sent, unix ms.
        sent_at_ms: u64,
    },
    /// It was sent in the future, beyond what clocks differ.
    #[error("the message was sent at {sent_at_ms} (unix ms), which is in the future")]
    FromTheFuture {
        /// When it says it was sent, unix ms.
        sent_at_ms: u64,
    },
}

impl EnvelopeError {
    /// Whose fault it is: the peer's that signed it.
    pub fn blame(&self) -> Blame {
        Blame::Peer
    }

    /// A stable snake_case word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } | Self::Malformed(Malformed::TooLong { .. }) => "too_large",
            Self::Json { .. } => "bad_json",
            Self::Malformed(Malformed::Key { .. }) => "weak_key",
            Self::Malformed(_) => "malformed",
            Self::PayloadType(_) => "wrong_payload_type",
            Self::Field { .. } => "bad_field",
            Self::NotCanonical => "not_canonical",
            Self::BodyLength { .. } => "body_length",
            Self::BodyDigest => "body_digest",
            Self::WrongKey(_) => "wrong_key",
            Self::BadSignature => "bad_signature",
            Self::Expired { .. } => "expired",
            Self::TooOld { .. } => "too_old",
            Self::FromTheFuture { .. } => "from_the_future",
        }
    }
}

/// Why a request on the local listener is refused. Always the calling adapter's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Larger than [`super::REQUEST_BYTES_MAX`]; refused before it was decoded.
    #[error("the request is {len_bytes} bytes long, at most {max_bytes} are taken")]
    TooLarge {
        /// Its length.
        len_bytes: usize,
        /// The limit.
        max_bytes: usize,
    },
    /// Not the JSON that is expected: unknown, missing, repeated or mistyped keys.
    #[error("the request is not the expected JSON: {0}")]
    Json(String),
    /// A field with a value that it cannot have.
    #[error("`{field}`: {reason}")]
    Field {
        /// The field's key.
        field: &'static str,
        /// What is wrong.
        reason: String,
    },
}

impl RequestError {
    /// Whose fault it is: the caller's.
    pub fn blame(&self) -> Blame {
        Blame::Caller
    }

    /// A stable snake_case word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::Json(_) => "bad_json",
            Self::Field { .. } => "bad_field",
        }
    }
}

/// A value outside its alphabet or range; which field it stood in is added by whoever knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueError(pub(super) String);

impl ValueError {
    pub(super) fn in_header(self, field: &'static str) -> EnvelopeError {
        EnvelopeError::Field { field, reason: self.0 }
    }

    pub(super) fn in_request(self, field: &'static str) -> RequestError {
        RequestError::Field { field, reason: self.0 }
    }
}
