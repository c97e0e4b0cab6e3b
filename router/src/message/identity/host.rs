//! Servers, and the domains of addresses, in one form.

use std::fmt;

use ostrakon_ledger::PeerName;
use serde::{Deserialize, Serialize};

use super::network::{ip_network, is_port};
use super::{cut, strip_prefix_ci};

/// Longest host in bytes: that of a domain name.
const HOST_BYTES_MAX: usize = 253;
/// What mail servers say of a client without a name.
const UNKNOWN: &str = "unknown";

/// A server, or the domain of an address. The other side chooses what it is called, so every text is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Host {
    /// A domain name: the only kind that can be proven, and that votes in the ledger are about.
    Name(PeerName),
    /// An address literal, `[192.0.2.1]` or `[2001:db8::/64]`.
    Address(String),
    /// Anything else, such as a name with `_`: in lower case, visible ASCII, at most 253 bytes.
    Odd(String),
}

impl Host {
    /// The normal form: without scheme, user, brackets, port and final dots; names as lower-case A-labels.
    pub fn parse(text: &str) -> Self {
        let bare = bare(text);
        // Most names come as they should be.
        if let Ok(name) = PeerName::parse(bare) {
            return Self::of_name(name);
        }
        if let Some(network) = ip_network(bare) {
            return Self::Address(format!("[{network}]"));
        }
        let lower = bare.to_lowercase();
        match PeerName::normalise(&lower) {
            Ok(name) => Self::of_name(name),
            Err(_) => Self::odd(&lower),
        }
    }

    /// The server at the other end. Mail servers call every client without a name `unknown`; those are told apart by
    /// their network, if there is one.
    pub(crate) fn of_peer(text: &str, network: Option<&str>) -> Self {
        let host = Self::parse(text);
        if !matches!(host.as_str(), "" | UNKNOWN) {
            return host;
        }
        match network.map(|network| (network, ip_network(network))) {
            Some((_, Some(network))) => Self::Address(format!("[{network}]")),
            Some((network, None)) => Self::parse(&format!("{UNKNOWN}_{network}")),
            None => Self::Odd(UNKNOWN.to_owned()),
        }
    }

    /// A name whose last label is a number is none (RFC 1123 §2.1): it would be taken for an address. Nor is `unknown`.
    fn of_name(name: PeerName) -> Self {
        if name.as_str() == UNKNOWN {
            return Self::Odd(UNKNOWN.to_owned());
        }
        let last = name.as_str().rsplit('.').next().unwrap_or_default();
        if !last.bytes().all(|byte| byte.is_ascii_digit()) {
            return Self::Name(name);
        }
        match ip_network(name.as_str()) {
            Some(network) => Self::Address(format!("[{network}]")),
            None => Self::Odd(name.as_str().to_owned()),
        }
    }

    fn odd(text: &str) -> Self {
        let mut shown = String::with_capacity(text.len());
        for byte in cut(text, HOST_BYTES_MAX).bytes() {
            // Visible ASCII as in all hosts, but for what ends one; the rest as in quoted-printable text, since `%` begins
            // an address's zone.
            match byte {
                b'!'..=b'~' if !b"%<>/?#\\".contains(&byte) => shown.push(char::from(byte)),
                _ => shown.push_str(&format!("={byte:02x}")),
            }
        }
        if text.len() <= HOST_BYTES_MAX && shown.len() <= HOST_BYTES_MAX {
            return Self::Odd(shown);
        }
        // No name has a `_`, so that what is cut off cannot make one of it.
        Self::Odd(format!("{}_", cut(&shown, HOST_BYTES_MAX - 1)))
    }

    /// The normal form.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Name(name) => name.as_str(),
            Self::Address(text) | Self::Odd(text) => text,
        }
    }

    /// The domain name, if it has one.
    pub fn name(&self) -> Option<&PeerName> {
        match self {
            Self::Name(name) => Some(name),
            _ => None,
        }
    }
}

fn bare(text: &str) -> &str {
    until_bare(text, stripped)
}

/// What is left when `stripped` can take nothing more off.
pub(super) fn until_bare(mut text: &str, stripped: fn(&str) -> &str) -> &str {
    loop {
        let shorter = stripped(text);
        if shorter.len() == text.len() {
            return text;
        }
        text = shorter;
    }
}

fn stripped(text: &str) -> &str {
    let text = text.trim().trim_end_matches('.');
    if let Some(rest) = strip_prefix_ci(text, "https://").or_else(|| strip_prefix_ci(text, "http://")) {
        let (authority, _) = authority(rest);
        return authority.rsplit_once('@').map_or(authority, |(_user, host)| host);
    }
    if let Some((inside, port)) = text.strip_prefix('[').and_then(|rest| rest.rsplit_once(']')) {
        return if port.is_empty() || port.strip_prefix(':').is_some_and(is_port) { inside } else { text };
    }
    match text.rsplit_once(':') {
        Some((host, port)) if is_port(port) && !host.contains(':') => host,
        _ => text,
    }
}

/// Splits what follows `https://` into the authority and the rest. Within the brackets of an address nothing ends.
pub(super) fn authority(rest: &str) -> (&str, &str) {
    let literal = if rest.starts_with('[') { rest.find(']').unwrap_or(0) } else { 0 };
    let end = rest[literal..].find(['/', '?', '#', '\\']);
    end.map_or((rest, ""), |at| rest.split_at(literal + at))
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<String> for Host {
    fn from(text: String) -> Self {
        Self::parse(&text)
    }
}

impl From<Host> for String {
    fn from(host: Host) -> Self {
        host.as_str().to_owned()
    }
}

impl From<PeerName> for Host {
    fn from(name: PeerName) -> Self {
        Self::of_name(name)
    }
}
