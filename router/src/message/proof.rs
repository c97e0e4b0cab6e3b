//! How the other side has shown who it is.

use std::fmt;

use ostrakon_ledger::{PeerName, Pepper, Subject, SubjectKind};
use ostrakon_reputation::Respect;
use serde::{Deserialize, Serialize};

use super::error::ValueError;
use super::identity::Host;

/// The evidence for an identity. An adapter says what it has checked itself, and only with the result *pass*.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// None: it is merely claimed.
    #[default]
    None,
    /// A signed envelope whose signature this node has verified. No adapter can say it.
    Signature,
    /// SPF passed (RFC 7208): for a peer with its HELO name, for a sender with the domain of MAIL FROM.
    Spf,
    /// DKIM passed (RFC 6376) with the sender's domain or one above it as `d=`.
    Dkim,
    /// DKIM2 passed for the sender's domain.
    Dkim2,
    /// DMARC passed (RFC 7489) for the sender's domain.
    Dmarc,
    /// An XMPP stream that was authenticated for the domain (RFC 6120, XEP-0220, XEP-0288).
    Stream,
    /// A Matrix request that its server signed (`X-Matrix`).
    XMatrix,
    /// An HTTP message signature (RFC 9421) with a key of the domain.
    HttpSignature,
    /// A TLS client certificate for the domain.
    Certificate,
    /// The reverse name of the address, which resolves to the address again.
    Dns,
}

impl Proof {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::None,
        Self::Signature,
        Self::Spf,
        Self::Dkim,
        Self::Dkim2,
        Self::Dmarc,
        Self::Stream,
        Self::XMatrix,
        Self::HttpSignature,
        Self::Certificate,
        Self::Dns,
    ];

    /// The word in requests, records and facts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Signature => "signature",
            Self::Spf => "spf",
            Self::Dkim => "dkim",
            Self::Dkim2 => "dkim2",
            Self::Dmarc => "dmarc",
            Self::Stream => "stream",
            Self::XMatrix => "x-matrix",
            Self::HttpSignature => "http-signature",
            Self::Certificate => "certificate",
            Self::Dns => "dns",
        }
    }

    /// Whether it is one.
    pub fn is_proof(self) -> bool {
        self != Self::None
    }

    /// What an adapter says of a peer.
    pub(super) fn of_peer(self) -> Result<Self, ValueError> {
        match self {
            Self::Signature => Err(ValueError("`signature` is said of envelopes that this node verifies".to_owned())),
            Self::Dkim | Self::Dkim2 | Self::Dmarc => {
                Err(ValueError(format!("`{self}` proves a sender, not a server")))
            }
            _ => Ok(self),
        }
    }

    /// What an adapter says of a sender.
    pub(super) fn of_sender(self) -> Result<Self, ValueError> {
        match self {
            Self::Signature => Err(ValueError("`signature` is said of envelopes that this node verifies".to_owned())),
            Self::Dns => Err(ValueError("`dns` proves a server, not a sender".to_owned())),
            _ => Ok(self),
        }
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An identity of a message as a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What the message is judged by, and what reports about it teach.
    pub subject: Subject,
    /// Of a claim: the subject whose name is claimed, if anybody could prove it.
    pub named: Option<Subject>,
}

impl Identity {
    /// How it is judged.
    pub fn respect(&self) -> Respect<'_> {
        match &self.subject {
            claim @ Subject::Claim(_) => Respect::Claimed { claim, named: self.named.as_ref() },
            subject => Respect::Proven(subject),
        }
    }
}

/// What stands beside a name that is merely claimed, so that forging it costs the forger's corner and never the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClaimedBy {
    /// The peer, which is proven.
    Peer,
    /// The network.
    Net,
    /// The peer's name, which is as little proven as what it claims.
    Name,
}

/// Who claims what a message does not prove.
pub(super) struct Claimant<'a> {
    pepper: &'a Pepper,
    pub(super) by: ClaimedBy,
    text: String,
}

impl<'a> Claimant<'a> {
    pub(super) fn new(pepper: &'a Pepper, peer: &Host, proven: bool, network: Option<&str>) -> Self {
        let (by, word, text) = match network {
            _ if proven => (ClaimedBy::Peer, "peer", peer.as_str()),
            Some(network) => (ClaimedBy::Net, "net", network),
            None => (ClaimedBy::Name, "name", peer.as_str()),
        };
        Self { pepper, by, text: format!("{word}:{text}") }
    }

    /// An identity that is proven, or claimed.
    pub(super) fn identity(
        &self,
        proven: bool,
        kind: SubjectKind,
        identifier: &str,
        named: Option<Subject>,
    ) -> Identity {
        match named {
            Some(subject) if proven => Identity { subject, named: None },
            named => Identity { subject: self.pepper.claim(kind, identifier, &self.text), named },
        }
    }
}

/// Whether `domain` is `owner`'s: the same, or below it unless `owner` is a public suffix.
pub(super) fn belongs(domain: &PeerName, owner: &PeerName) -> bool {
    let (domain, owner) = (domain.as_str(), owner.as_str());
    let below = || domain.strip_suffix(owner).is_some_and(|rest| rest.ends_with('.'));
    domain == owner || below() && psl::domain_str(owner).is_some()
}
