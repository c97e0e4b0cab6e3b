//! What arrives and is no value of its type.

/// How many characters of an offending value an error repeats.
const QUOTE_CHARS_MAX: usize = 80;

/// Bytes or text that are no value of their type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Longer than its limit; refused before it is decoded.
    #[error("{what} is {len_bytes} bytes long, at most {max_bytes} are allowed")]
    TooLong {
        /// What was read.
        what: &'static str,
        /// Its length.
        len_bytes: usize,
        /// The limit.
        max_bytes: usize,
    },
    /// Fewer or more bytes than the format asks for.
    #[error("{what} does not have the length that its format asks for")]
    Length {
        /// What was read.
        what: &'static str,
    },
    /// Not JSON, or a missing, unknown, repeated or mistyped key.
    #[error("{what}: {detail}")]
    Json {
        /// What was read.
        what: &'static str,
        /// The JSON decoder's words.
        detail: String,
    },
    /// Understood, but not the one spelling that is allowed.
    #[error("{what} is not in canonical form")]
    NotCanonical {
        /// What was read.
        what: &'static str,
    },
    /// A value outside its alphabet or range.
    #[error("{what} `{value}`: {reason}")]
    Value {
        /// Which field.
        what: &'static str,
        /// The offending value, shortened.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A public key that the screening refuses.
    #[error("public key {key}: {reason}")]
    Key {
        /// The key in hexadecimal.
        key: String,
        /// Which screen it failed.
        reason: &'static str,
    },
}

impl Malformed {
    /// A [`Malformed::Value`] that quotes at most a line of the offending text.
    pub fn value(what: &'static str, value: &str, reason: &'static str) -> Self {
        Self::Value { what, value: value.chars().take(QUOTE_CHARS_MAX).collect(), reason }
    }
}
