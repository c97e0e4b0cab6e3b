//! The question that both flows ask: what is to be judged, in one form.

use ostrakon_ledger::{PeerName, Pepper, Subject};
use serde::{Deserialize, Serialize};

use super::error::{RequestError, ValueError};
use super::header::{digest, recipients};
use super::message::VerifiedMessage;
use super::values::{Address, Kind, visible};
use super::{Limits, REQUEST_BYTES_MAX, identity};

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
    /// The sending server's domain.
    pub peer: String,
    /// The sender's address, at most 320 bytes; empty for mail without one.
    pub sender: String,
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

/// What is to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inquiry {
    /// Names it: the adapter's id, or `<peer>/<message id>` for a signed message, since ids are unique per peer only.
    pub id: String,
    /// The sending server.
    pub peer: PeerName,
    /// The sender's address as given; may be empty in a check.
    pub sender: String,
    /// The domain that the sender belongs to.
    pub sender_domain: Option<PeerName>,
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

/// What the message is judged by in the ledger's terms. Only what is known has a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subjects {
    /// The sending server.
    pub peer: Subject,
    /// The network it came from.
    pub net: Option<Subject>,
    /// The sender's domain.
    pub domain: Option<Subject>,
    /// The sender's account.
    pub account: Option<Subject>,
    /// The content's digest.
    pub content: Option<Subject>,
}

impl Subjects {
    /// The subjects there are, the peer first.
    pub fn to_vec(&self) -> Vec<Subject> {
        let Self { peer, net, domain, account, content } = self;
        let others = [net, domain, account, content].into_iter().flatten();
        std::iter::once(peer).chain(others).cloned().collect()
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
        Ok(Self {
            id: format!("{}/{}", header.peer, header.id),
            peer: header.peer.clone(),
            sender: header.sender.to_string(),
            sender_domain: identity::domain_of(header.sender.as_str()),
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

    /// The subjects under the federation's pepper.
    pub fn subjects(&self, pepper: &Pepper) -> Subjects {
        let account = (!self.sender.is_empty()).then(|| pepper.account(&identity::account_key(&self.sender)));
        Subjects {
            peer: Subject::Peer(self.peer.clone()),
            net: self.network.as_deref().map(|network| pepper.net(network)),
            domain: self.sender_domain.clone().map(Subject::Domain),
            account,
            content: self.content.map(|digest| pepper.content(&hex::encode(digest))),
        }
    }
}

impl TryFrom<CheckRequest> for Inquiry {
    type Error = RequestError;
    fn try_from(request: CheckRequest) -> Result<Self, RequestError> {
        let name = |field, text: &str| {
            PeerName::normalise(text).map_err(|fault| RequestError::Field { field, reason: fault.to_string() })
        };
        let recipients_max = super::RECIPIENTS_MAX;
        if request.recipients.is_empty() || request.recipients.len() > recipients_max {
            return Err(recipients(request.recipients.len(), recipients_max).in_request("recipients"));
        }
        for (field, count) in [("size", request.size), ("links", request.links)] {
            if count > COUNT_MAX {
                return Err(ValueError(format!("must be at most {COUNT_MAX}")).in_request(field));
            }
        }
        if !request.sender.is_empty() {
            request.sender.parse::<Address>().map_err(|fault| fault.in_request("sender"))?;
        }
        visible(&request.id, ID_LEN_MAX).map_err(|fault| fault.in_request("id"))?;
        let addresses = request.recipients.into_iter().map(Address::try_from).collect::<Result<_, ValueError>>();
        let content = request.content.as_deref().map(digest).transpose();
        Ok(Self {
            id: request.id,
            peer: name("peer", &request.peer)?,
            sender_domain: match &request.sender_domain {
                Some(domain) => Some(name("sender_domain", domain)?),
                None => identity::domain_of(&request.sender),
            },
            sender: request.sender,
            recipients: addresses.map_err(|fault| fault.in_request("recipients"))?,
            kind: request.kind,
            size: request.size,
            network: request.network.as_deref().map(network).transpose()?,
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
    Ok(identity::network_key(text))
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
