//! Small parsed values of the configuration.

use std::fmt;
use std::net::Ipv4Addr;

use ostrakon_policies::Verdict;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

/// Shortest token in characters: below this it can be guessed.
const TOKEN_LEN_MIN: usize = 16;
/// Longest token in characters, so that a header line holds it.
const TOKEN_LEN_MAX: usize = 256;
/// Longest host name in bytes (RFC 1035).
const HOST_LEN_MAX: usize = 253;
/// Longest webhook address in bytes.
const WEBHOOK_LEN_MAX: usize = 2_048;

/// What is answered when there is no decision. There is no `reject`: trouble of our own is never final for others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fallback {
    /// Take the message.
    Accept,
    /// Ask the sender to try again later.
    #[default]
    Defer,
    /// Keep the message for a person.
    Hold,
}

impl Fallback {
    /// As a verdict.
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Accept => Verdict::Accept,
            Self::Defer => Verdict::Defer,
            Self::Hold => Verdict::Hold,
        }
    }
}

/// Whom the log is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object per line.
    Json,
}

/// The least important level that is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Only what stops the node from doing its work.
    Error,
    /// Also what an operator should look at.
    Warn,
    /// Also what happens in the normal course.
    #[default]
    Info,
    /// Also each decision's steps.
    Debug,
    /// Everything.
    Trace,
}

impl From<LogLevel> for tracing::Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}

/// A bearer token: 16 to 256 visible ASCII characters. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes a token.
    ///
    /// # Errors
    /// What is wrong with it, in words that do not repeat it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if !(TOKEN_LEN_MIN..=TOKEN_LEN_MAX).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("a token is 16 to 256 visible ASCII characters");
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether `given` is this token. Takes the same time wherever the two differ.
    pub fn matches(&self, given: &str) -> bool {
        blake3::hash(self.0.as_bytes()) == blake3::hash(given.as_bytes())
    }

    /// The token itself, for our own command line to send.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// A host name as requests to the local listener may ask for it: lower case, without a trailing dot or a port. Underscores are
/// taken, because containers have them in their names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostName(String);

impl HostName {
    /// Takes a name; upper case and a trailing dot are normalised.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
        if name.is_empty() || name.len() > HOST_LEN_MAX || !name.bytes().all(allowed) {
            return Err(format!("`{text}` must be a host name without a port: 1 to {HOST_LEN_MAX} of a-z 0-9 . - _"));
        }
        Ok(Self(name))
    }

    /// Whether it means this machine whatever a name server says: `localhost` and the names below it (RFC 6761).
    pub fn is_localhost(&self) -> bool {
        self.0 == "localhost" || self.0.ends_with(".localhost")
    }

    /// Whether it is an IPv4 address. Addresses cannot be pointed elsewhere, names can.
    pub fn is_address(&self) -> bool {
        self.0.parse::<Ipv4Addr>().is_ok()
    }
}

impl<'de> Deserialize<'de> for HostName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// An `http` or `https` address without credentials in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookUrl(url::Url);

impl WebhookUrl {
    /// Takes an address.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > WEBHOOK_LEN_MAX {
            return Err(format!("is longer than {WEBHOOK_LEN_MAX} bytes"));
        }
        let url = url::Url::parse(text).map_err(|fault| format!("`{text}` is not an address: {fault}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("must begin with http:// or https://, not {}:", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not contain a user name or password".to_owned());
        }
        Ok(Self(url))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl<'de> Deserialize<'de> for WebhookUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
