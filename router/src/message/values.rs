//! Small parsed values of envelopes and requests.

use std::fmt;
use std::str::FromStr;

use ostrakon_ledger::{Pepper, Subject};
use serde::{Deserialize, Serialize};
use uuid::{Uuid, Variant};

use super::error::ValueError;
use super::identity::{Account, Syntax};

/// Longest address in bytes: 64 for the local part, `@`, 255 for the domain (RFC 5321 §4.5.3.1).
const ADDRESS_BYTES_MAX: usize = 320;
/// Longest media type in bytes (RFC 6838 §4.2 allows 127 for each half).
const MEDIA_TYPE_BYTES_MAX: usize = 255;
/// Longest thread name in bytes.
const THREAD_BYTES_MAX: usize = 128;
/// Latest time that an id can carry: 48 bits of milliseconds (RFC 9562 §5.7).
const ID_TIME_MAX_MS: u64 = (1 << 48) - 1;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A line of a conversation.
    Chat,
    /// A mail.
    Mail,
    /// A public post.
    Post,
    /// An invitation or a contact request.
    Invite,
    /// Who is there.
    Presence,
    /// A complaint or a delivery report.
    Report,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Chat, Self::Mail, Self::Post, Self::Invite, Self::Presence, Self::Report];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Mail => "mail",
            Self::Post => "post",
            Self::Invite => "invite",
            Self::Presence => "presence",
            Self::Report => "report",
        }
    }
}

impl Kind {
    /// How the addresses of such messages are read.
    pub(super) fn syntax(self) -> Syntax {
        match self {
            Self::Mail | Self::Report => Syntax::Mail,
            Self::Chat | Self::Post | Self::Invite | Self::Presence => Syntax::Chat,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let known = || ValueError("must be chat, mail, post, invite, presence or report".to_owned());
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(known)
    }
}

/// Implements the text forms of a type that wraps a `String` and has `check(&str) -> Result<(), ValueError>`.
macro_rules! text_value {
    ($name:ident) => {
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $name {
            type Err = ValueError;
            fn from_str(text: &str) -> Result<Self, ValueError> {
                Self::check(text).map(|()| Self(text.to_owned()))
            }
        }
        impl TryFrom<String> for $name {
            type Error = ValueError;
            fn try_from(text: String) -> Result<Self, ValueError> {
                Self::check(&text).map(|()| Self(text))
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// A user of some server in the form of its protocol (`a@b.example`, `@a:b.example`, `https://b.example/users/a`):
/// 1 to 320 bytes, no control characters, no white space at either end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(String);

text_value!(Address);

impl Address {
    fn check(text: &str) -> Result<(), ValueError> {
        if text.is_empty() || text.len() > ADDRESS_BYTES_MAX {
            return Err(ValueError(format!("an address has 1 to {ADDRESS_BYTES_MAX} bytes, not {}", text.len())));
        }
        if text.chars().any(char::is_control) || text.trim() != text {
            let reason = "an address has no control characters and no white space at its ends";
            return Err(ValueError(reason.to_owned()));
        }
        Ok(())
    }

    /// The account in the ledger's terms: the tag of the address in its normal form. `ann+news@example.org` is
    /// `ann@example.org`, so that nobody is many.
    pub fn subject(&self, pepper: &Pepper) -> Subject {
        pepper.account(&Account::parse(&self.0, Syntax::User).key)
    }
}

/// The media type of a body, such as `message/rfc822`: 1 to 255 visible ASCII characters or spaces with a `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MediaType(String);

text_value!(MediaType);

impl MediaType {
    fn check(text: &str) -> Result<(), ValueError> {
        let shown = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        match text.split_once('/') {
            Some((first, second))
                if shown && !first.is_empty() && !second.is_empty() && text.len() <= MEDIA_TYPE_BYTES_MAX =>
            {
                Ok(())
            }
            _ => Err(ValueError(format!(
                "a media type is `type/subtype`, at most {MEDIA_TYPE_BYTES_MAX} ASCII characters"
            ))),
        }
    }
}

/// The conversation a message belongs to: 1 to 128 visible ASCII characters that mean something to its peers only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Thread(String);

text_value!(Thread);

impl Thread {
    fn check(text: &str) -> Result<(), ValueError> {
        visible(text, THREAD_BYTES_MAX)
    }
}

/// Checks for 1 to `max` visible ASCII characters.
pub(super) fn visible(text: &str, max: usize) -> Result<(), ValueError> {
    if text.is_empty() || text.len() > max || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ValueError(format!("must be 1 to {max} visible ASCII characters")));
    }
    Ok(())
}

/// Names a message: a UUID of version 7 (RFC 9562 §5.7) in lower case with hyphens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageId(Uuid);

impl MessageId {
    /// The id of a message made at that time (unix ms, at most 48 bits) with those random bytes.
    pub fn new(made_at_ms: u64, random: &[u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(made_at_ms.min(ID_TIME_MAX_MS), random).into_uuid())
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl FromStr for MessageId {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let fault = || ValueError("must be a UUID of version 7, in lower case with hyphens".to_owned());
        let id = Uuid::try_parse(text).map_err(|_| fault())?;
        let seven = id.get_version_num() == 7 && id.get_variant() == Variant::RFC4122;
        if seven && id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text {
            Ok(Self(id))
        } else {
            Err(fault())
        }
    }
}

impl TryFrom<String> for MessageId {
    type Error = ValueError;
    fn try_from(text: String) -> Result<Self, ValueError> {
        text.parse()
    }
}

impl From<MessageId> for String {
    fn from(id: MessageId) -> String {
        id.to_string()
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}
