//! The question that both flows ask: what is to be judged, in one form.

use ostrakon_ledger::{Pepper, Subject, SubjectKind};
use ostrakon_reputation::Respect;
use serde::{Deserialize, Serialize};

use super::error::{RequestError, ValueError};
use super::header::{digest, recipients};
use super::identity::{Account, Host, network_key};
use super::proof::{Claimant, ClaimedBy, Identity, Proof, belongs};
use super::signed::VerifiedMessage;
use super::values::{Address, Kind, visible};
use super::{Limits, REQUEST_BYTES_MAX};

/// Longest id of a check or a decision in characters.
const ID_LEN_MAX: usize = 128;
/// Longest name of a network in bytes.
const NETWORK_BYTES_MAX: usize = 64;
/// Largest count in a request: what the rules' integers hold.
const COUNT_MAX: u64 = i64::MAX as u64;

/// The JSON of `POST /v1/check`. Pass it through [`Inquiry::try_from`] or come from bytes with [`Inquiry::parse`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckRequest {
    /// Names the message to the adapter: 1 to 128 visible ASCII characters. The same id gets the same answer.
    pub id: String,
    /// The sending server: its domain, or whatever it is called.
    pub peer: String,
    /// How the peer has shown that it is that server.
    #[serde(default, skip_serializing_if = "is_none")]
    pub peer_proof: Proof,
    /// The sender's address; empty for mail without one.
    pub sender: String,
    /// How the sender's domain was proven. A proven peer proves senders of its own domain, and of those below it.
    #[serde(default, skip_serializing_if = "is_none")]
    pub sender_proof: Proof,
    /// 1 to 100 addresses.
    pub recipients: Vec<String>,
    /// What it is.
    pub kind: Kind,
    /// Its size in bytes.
    pub size: u64,
    /// The network it came from, at most 64 bytes: an IP address, a prefix, or any name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// BLAKE3 or any other 32-byte digest of its content, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// How many links it has.
    #[serde(default)]
    pub links: u64,
    /// Whether the recipient has written to this sender before.
    #[serde(default)]
    pub known_contact: bool,
    /// The sender's domain, when it does not follow from the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_domain: Option<String>,
}

fn is_none(proof: &Proof) -> bool {
    !proof.is_proof()
}

/// What is to be judged. All identities stand there in their normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inquiry {
    /// Names it: the adapter's id, or `<peer>/<message id>` for a signed message, since ids are unique per peer only.
    pub id: String,
    /// The sending server.
    pub peer: Host,
    /// How it has shown that.
    pub peer_proof: Proof,
    /// The sender's address; empty for the null sender.
    pub sender: String,
    /// The domain that the sender belongs to.
    pub sender_domain: Option<Host>,
    /// How that was proven.
    pub sender_proof: Proof,
    /// 1 to 100 addresses.
    pub recipients: Vec<Address>,
    /// What it is.
    pub kind: Kind,
    /// Its size in bytes, at most `i64::MAX`.
    pub size: u64,
    /// The network it came from, in its normal form.
    pub network: Option<String>,
    /// The digest of its content.
    pub content: Option<[u8; 32]>,
    /// How many links it has, at most `i64::MAX`; 0 when nobody counted.
    pub links: u64,
    /// Whether the recipient has written to this sender before.
    pub known_contact: bool,
    /// Whether the peer signed it.
    pub signed: bool,
}

/// What the message is judged by in the ledger's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subjects {
    /// The sending server.
    pub peer: Identity,
    /// The network it came from.
    pub net: Option<Subject>,
    /// The sender's domain.
    pub domain: Option<Identity>,
    /// The sender's account.
    pub account: Identity,
    /// The content's digest.
    pub content: Option<Subject>,
    /// Who claims what is not proven.
    pub claimed_by: ClaimedBy,
}

impl Subjects {
    /// How the message is judged, in the order peer, network, domain, account, content; content that is not given is
    /// not there, because it would say nothing.
    pub fn respects(&self) -> Vec<Respect<'_>> {
        let mut respects = vec![
            self.peer.respect(),
            self.net.as_ref().map_or(Respect::Missing, Respect::Proven),
            self.domain.as_ref().map_or(Respect::Missing, Identity::respect),
            self.account.respect(),
        ];
        respects.extend(self.content.as_ref().map(Respect::Proven));
        respects
    }

    /// What reports about the message teach, the peer first; and the kinds of what is a claim among it.
    pub fn into_parts(self) -> (Vec<Subject>, Vec<SubjectKind>) {
        let Self { peer, net, domain, account, content, claimed_by: _ } = self;
        let mut claimed = Vec::new();
        let mut subjects = Vec::with_capacity(5);
        let mut add = |kind, subject: Subject| {
            if matches!(subject, Subject::Claim(_)) {
                claimed.push(kind);
            }
            subjects.push(subject);
        };
        add(SubjectKind::Peer, peer.subject);
        net.into_iter().for_each(|net| add(SubjectKind::Net, net));
        domain.into_iter().for_each(|domain| add(SubjectKind::Domain, domain.subject));
        add(SubjectKind::Account, account.subject);
        content.into_iter().for_each(|content| add(SubjectKind::Content, content));
        (subjects, claimed)
    }
}

impl Inquiry {
    /// Decodes the JSON of a check.
    ///
    /// # Errors
    /// [`RequestError`]
    pub fn parse(json: &[u8], limits: &Limits) -> Result<Self, RequestError> {
        let request: CheckRequest = decode(json)?;
        if request.recipients.len() > limits.recipients_max {
            return Err(recipients(request.recipients.len(), limits.recipients_max).in_request("recipients"));
        }
        request.try_into()
    }

    /// The question about a signed message that came from `network`, if that is known.
    ///
    /// # Errors
    /// [`RequestError::Field`] when the network is not a name of one.
    pub fn of_message(message: &VerifiedMessage, network: Option<&str>) -> Result<Self, RequestError> {
        let header = message.header();
        let peer = Host::from(header.peer.clone());
        let sender = Sender::of(header.sender.as_str(), header.kind, None);
        let sender_proof = sender.proven_by(&peer, Proof::Signature, Proof::None);
        Ok(Self {
            id: header.full_id(),
            peer,
            peer_proof: Proof::Signature,
            sender: sender.key,
            sender_domain: sender.domain,
            sender_proof,
            recipients: header.recipients.clone(),
            kind: header.kind,
            size: header.content.length,
            network: network.map(self::network).transpose()?,
            content: Some(header.content.blake3),
            links: 0,
            known_contact: false,
            signed: true,
        })
    }

    /// The subjects under the federation's pepper. What is not proven is a claim.
    pub fn subjects(&self, pepper: &Pepper) -> Subjects {
        let (peer, proven) = (&self.peer, self.peer_proof.is_proof());
        let claimant = Claimant::new(pepper, peer, proven, self.network.as_deref());
        let named = peer.name().cloned().map(Subject::Peer);
        let sender_proven = self.sender_proof.is_proof();
        let domain = self.sender_domain.as_ref().map(|domain| {
            let named = domain.name().cloned().map(Subject::Domain);
            claimant.identity(sender_proven, SubjectKind::Domain, domain.as_str(), named)
        });
        let account = if self.sender.is_empty() {
            // Bounces of different servers have nothing in common.
            let null = format!("<>@{peer}");
            let named = peer.name().map(|_| pepper.account(&null));
            claimant.identity(proven, SubjectKind::Account, &null, named)
        } else {
            let named = domain.as_ref().and_then(|_| self.sender_domain.as_ref()?.name());
            let named = named.map(|_| pepper.account(&self.sender));
            claimant.identity(sender_proven, SubjectKind::Account, &self.sender, named)
        };
        Subjects {
            peer: claimant.identity(proven, SubjectKind::Peer, peer.as_str(), named),
            net: self.network.as_deref().map(|network| pepper.net(network)),
            domain,
            account,
            content: self.content.map(|digest| pepper.content(&hex::encode(digest))),
            claimed_by: claimant.by,
        }
    }
}

/// A sender in its normal form.
struct Sender {
    key: String,
    domain: Option<Host>,
    /// The domain of the address alone.
    own: Option<Host>,
}

impl Sender {
    /// `domain` is what the adapter says that the address belongs to, if it says so.
    fn of(address: &str, kind: Kind, domain: Option<&str>) -> Self {
        let Account { mut key, domain: own } = Account::parse(address, kind.syntax());
        let said = domain.map(Host::parse).filter(|host| !host.as_str().is_empty());
        if let (None, Some(said), false) = (&own, &said, key.is_empty()) {
            // A name that means something within its domain only.
            key = format!("{key}@{said}");
        }
        Self { domain: said.or_else(|| own.clone()), key, own }
    }

    /// What proves the sender's domain, and with it the account: what the adapter says, or else what proves its peer, if
    /// the domain is the peer's own.
    fn proven_by(&self, peer: &Host, peer_proof: Proof, said: Proof) -> Proof {
        let Some(domain) = self.domain.as_ref().and_then(Host::name) else { return Proof::None };
        // The address has to be the domain's: what proves example.org does not prove ann@example.com.
        if self.own.as_ref().is_some_and(|own| own.name().is_none_or(|own| !belongs(own, domain))) {
            return Proof::None;
        }
        match peer.name() {
            _ if said.is_proof() => said,
            Some(peer) if peer_proof.is_proof() && belongs(domain, peer) => peer_proof,
            _ => Proof::None,
        }
    }
}

impl TryFrom<CheckRequest> for Inquiry {
    type Error = RequestError;
    fn try_from(request: CheckRequest) -> Result<Self, RequestError> {
        let recipients_max = super::RECIPIENTS_MAX;
        if request.recipients.is_empty() || request.recipients.len() > recipients_max {
            return Err(recipients(request.recipients.len(), recipients_max).in_request("recipients"));
        }
        for (field, count) in [("size", request.size), ("links", request.links)] {
            if count > COUNT_MAX {
                return Err(ValueError(format!("must be at most {COUNT_MAX}")).in_request(field));
            }
        }
        visible(&request.id, ID_LEN_MAX).map_err(|fault| fault.in_request("id"))?;
        let addresses = request.recipients.into_iter().map(Address::try_from).collect::<Result<_, ValueError>>();
        let content = request.content.as_deref().map(digest).transpose();
        let network = request.network.as_deref().map(network).transpose()?;
        let peer = Host::of_peer(&request.peer, network.as_deref());
        let peer_proof = request.peer_proof.of_peer().map_err(|fault| fault.in_request("peer_proof"))?;
        // What has no name cannot be proven, whatever is said of it.
        let peer_proof = peer.name().map_or(Proof::None, |_| peer_proof);
        let said = request.sender_proof.of_sender().map_err(|fault| fault.in_request("sender_proof"))?;
        let sender = Sender::of(&request.sender, request.kind, request.sender_domain.as_deref());
        Ok(Self {
            id: request.id,
            sender_proof: sender.proven_by(&peer, peer_proof, said),
            peer,
            peer_proof,
            sender: sender.key,
            sender_domain: sender.domain,
            recipients: addresses.map_err(|fault| fault.in_request("recipients"))?,
            kind: request.kind,
            size: request.size,
            network,
            content: content.map_err(|fault| fault.in_request("content"))?,
            links: request.links,
            known_contact: request.known_contact,
            signed: false,
        })
    }
}

fn network(text: &str) -> Result<String, RequestError> {
    if text.trim().is_empty() || text.len() > NETWORK_BYTES_MAX || text.chars().any(char::is_control) {
        let reason = format!("must be 1 to {NETWORK_BYTES_MAX} bytes without control characters");
        return Err(RequestError::Field { field: "network", reason });
    }
    Ok(network_key(text))
}

fn decode<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, RequestError> {
    if json.len() > REQUEST_BYTES_MAX {
        return Err(RequestError::TooLarge { len_bytes: json.len(), max_bytes: REQUEST_BYTES_MAX });
    }
    serde_json::from_slice(json).map_err(|fault| RequestError::Json(fault.to_string()))
}

/// How a message turned out, from `POST /v1/feedback`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feedback {
    /// The decision it is about: 1 to 128 visible ASCII characters.
    pub decision_id: String,
    /// The user who reports.
    pub reporter: Address,
    /// What they report.
    pub report: ReportKind,
}

/// What a user says about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportKind {
    /// Unwanted.
    Spam,
    /// Wanted.
    Ham,
}

impl ReportKind {
    /// As the value of a vote: −100 for spam, 100 for ham.
    pub fn value(self) -> i8 {
        match self {
            Self::Spam => -100,
            Self::Ham => 100,
        }
    }
}

impl Feedback {
    /// Decodes the JSON of a feedback.
    ///
    /// # Errors
    /// [`RequestError`]
    pub fn parse(json: &[u8]) -> Result<Self, RequestError> {
        let feedback: Self = decode(json)?;
        visible(&feedback.decision_id, ID_LEN_MAX).map_err(|fault| fault.in_request("decision_id"))?;
        Ok(feedback)
    }
}
