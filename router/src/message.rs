//! What comes in: signed messages from peers, questions from adapters, reports from users.
//!
//! ```text
//! peer      {"envelope": <DSSE>, "body": "<base64>"}  → SignedMessage → verify(key on file) → VerifiedMessage → Inquiry
//! adapter   POST /v1/check                            → Inquiry
//! adapter   POST /v1/feedback                         → Feedback
//! ```
//!
//! Sizes are checked before anything is decoded; a message's body is never parsed. Both flows meet in [`Inquiry`], and
//! every identifier is brought into one form there, so that equal things get equal subjects.

mod draft;
mod error;
mod header;
mod identity;
mod inquiry;
mod named;
mod proof;
mod signed;
mod values;

pub use draft::Draft;
pub use error::{EnvelopeError, RequestError, ValueError};
pub(crate) use header::CLOCK_SKEW_MAX;
pub use header::{Content, MessageHeader};
pub use identity::Host;
pub use inquiry::{CheckRequest, Feedback, Inquiry, ReportKind, Subjects};
pub use named::named;
pub use proof::{ClaimedBy, Identity, Proof};
pub use signed::{SignedEnvelope, SignedMessage, VerifiedEnvelope, VerifiedMessage};
pub use values::{Address, Kind, MediaType, MessageId, Thread};

/// The DSSE payload type of a message envelope.
pub const ENVELOPE_TYPE: &str = "application/vnd.ostrakon.envelope.v1+json";
/// Most recipients of one message that the format allows.
pub const RECIPIENTS_MAX: usize = 100;
/// Longest message header in bytes of canonical JSON: a hundred recipients of the longest kind fit.
pub const HEADER_BYTES_MAX: usize = 64 << 10;
/// Longest DSSE envelope in bytes of JSON: the longest header in base64, a signature, and white space.
pub const ENVELOPE_BYTES_MAX: usize = 96 << 10;
/// Longest JSON of a check or a feedback: a hundred recipients of the longest kind fit.
pub const REQUEST_BYTES_MAX: usize = 128 << 10;
/// What a message's JSON may have beside envelope and body: two keys, quotes and white space.
const FRAME_BYTES_MAX: usize = 1 << 10;

/// In a message longer than this the envelope comes first, within so many bytes.
pub const OPENING_BYTES_MAX: usize = ENVELOPE_BYTES_MAX + FRAME_BYTES_MAX;

/// How much of a message is taken, from the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest body in bytes, before base64.
    pub body_bytes_max: usize,
    /// Most recipients, at most [`RECIPIENTS_MAX`].
    pub recipients_max: usize,
}

impl Default for Limits {
    /// 256 KiB and a hundred recipients.
    fn default() -> Self {
        Self { body_bytes_max: 256 << 10, recipients_max: RECIPIENTS_MAX }
    }
}

impl Limits {
    /// Longest message in bytes of JSON: what a listener needs to read at most.
    pub fn message_bytes_max(&self) -> usize {
        base64_len(self.body_bytes_max).saturating_add(ENVELOPE_BYTES_MAX + FRAME_BYTES_MAX)
    }
}

/// Length of so many bytes in padded base64.
fn base64_len(len_bytes: usize) -> usize {
    len_bytes.div_ceil(3).saturating_mul(4)
}

#[cfg(test)]
mod tests;
