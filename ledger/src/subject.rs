//! What a vote is about, and the keyed tags that name it without naming a person.

use std::fmt;
use std::str::FromStr;

use crate::malformed::Malformed;
use crate::name::{NAME_BYTES_MAX, PeerName};

hex32!(
    /// The keyed hash of an identifier: equal identifiers match, the ledger names no one.
    Tag,
    "tag"
);

/// What a vote is about. Text form: `peer:example.org`, `account:<64 hexadecimal digits>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A server, in clear.
    Peer(PeerName),
    /// A sender's domain, in clear.
    Domain(PeerName),
    /// An account, under the federation's pepper.
    Account(Tag),
    /// A network (an address prefix), under the federation's pepper.
    Net(Tag),
    /// A content digest, under the federation's pepper.
    Content(Tag),
    /// A name that somebody claims without proof, together with who claims it. Known to this node alone: no record may
    /// be about one.
    Claim(Tag),
}

/// The kinds of [`Subject`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectKind {
    /// `peer`
    Peer,
    /// `domain`
    Domain,
    /// `account`
    Account,
    /// `net`
    Net,
    /// `content`
    Content,
    /// `claim`
    Claim,
}

impl SubjectKind {
    const ALL: [Self; 6] = [Self::Peer, Self::Domain, Self::Account, Self::Net, Self::Content, Self::Claim];

    /// What stands for it in binary forms.
    fn code(self) -> u8 {
        match self {
            SubjectKind::Peer => 1,
            SubjectKind::Domain => 2,
            SubjectKind::Account => 3,
            SubjectKind::Net => 4,
            SubjectKind::Content => 5,
            SubjectKind::Claim => 6,
        }
    }

    /// The word that stands in records and text forms.
    pub fn as_str(self) -> &'static str {
        match self {
            SubjectKind::Peer => "peer",
            SubjectKind::Domain => "domain",
            SubjectKind::Account => "account",
            SubjectKind::Net => "net",
            SubjectKind::Content => "content",
            SubjectKind::Claim => "claim",
        }
    }
}

impl fmt::Display for SubjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SubjectKind {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        Ok(match text {
            "peer" => SubjectKind::Peer,
            "domain" => SubjectKind::Domain,
            "account" => SubjectKind::Account,
            "net" => SubjectKind::Net,
            "content" => SubjectKind::Content,
            "claim" => SubjectKind::Claim,
            _ => return Err(unknown_kind(text)),
        })
    }
}

fn unknown_kind(text: &str) -> Malformed {
    Malformed::value("subject kind", text, "must be peer, domain, account, net or content")
}

impl Subject {
    /// Builds the subject of a record.
    ///
    /// # Errors
    /// [`Malformed`] when the id is not canonical for its kind, and for claims.
    pub fn of_record(kind: &str, id: &str) -> Result<Self, Malformed> {
        match kind.parse()? {
            SubjectKind::Claim => Err(unknown_kind(kind)),
            kind => Self::new(kind, id),
        }
    }

    /// Builds a subject from its kind and the id that stands in records: a name, or a tag in hexadecimal.
    ///
    /// # Errors
    /// [`Malformed`] when the id is not canonical for its kind.
    pub fn new(kind: SubjectKind, id: &str) -> Result<Self, Malformed> {
        Ok(match kind {
            SubjectKind::Peer => Subject::Peer(PeerName::parse(id)?),
            SubjectKind::Domain => Subject::Domain(PeerName::parse(id)?),
            SubjectKind::Account => Subject::Account(id.parse()?),
            SubjectKind::Net => Subject::Net(id.parse()?),
            SubjectKind::Content => Subject::Content(id.parse()?),
            SubjectKind::Claim => Subject::Claim(id.parse()?),
        })
    }

    fn from_binary(bytes: &[u8]) -> Option<Self> {
        let (code, id) = bytes.split_first()?;
        let name = || PeerName::parse(std::str::from_utf8(id).ok()?).ok();
        let tag = || id.try_into().ok().map(Tag);
        match SubjectKind::ALL.into_iter().find(|kind| kind.code() == *code)? {
            SubjectKind::Peer => name().map(Subject::Peer),
            SubjectKind::Domain => name().map(Subject::Domain),
            SubjectKind::Account => tag().map(Subject::Account),
            SubjectKind::Net => tag().map(Subject::Net),
            SubjectKind::Content => tag().map(Subject::Content),
            SubjectKind::Claim => tag().map(Subject::Claim),
        }
    }

    /// Its kind.
    pub fn kind(&self) -> SubjectKind {
        match self {
            Subject::Peer(_) => SubjectKind::Peer,
            Subject::Domain(_) => SubjectKind::Domain,
            Subject::Account(_) => SubjectKind::Account,
            Subject::Net(_) => SubjectKind::Net,
            Subject::Content(_) => SubjectKind::Content,
            Subject::Claim(_) => SubjectKind::Claim,
        }
    }

    /// The id without its kind: a name, or a tag in hexadecimal.
    pub fn id(&self) -> String {
        match self {
            Subject::Peer(name) | Subject::Domain(name) => name.to_string(),
            Subject::Account(tag) | Subject::Net(tag) | Subject::Content(tag) | Subject::Claim(tag) => tag.to_string(),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind(), self.id())
    }
}

impl FromStr for Subject {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let Some((kind, id)) = text.split_once(':') else {
            return Err(Malformed::value("subject", text, "must be written as kind:id, for example peer:example.org"));
        };
        Subject::new(kind.parse()?, id)
    }
}

/// In text formats its text form; in binary ones a byte for the kind and the id: the name, or the tag's 32 bytes.
impl serde::Serialize for Subject {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_str(self);
        }
        let id: &[u8] = match self {
            Subject::Peer(name) | Subject::Domain(name) => name.as_str().as_bytes(),
            Subject::Account(tag) | Subject::Net(tag) | Subject::Content(tag) | Subject::Claim(tag) => tag.as_bytes(),
        };
        let mut bytes = [0; 1 + NAME_BYTES_MAX];
        bytes[0] = self.kind().code();
        bytes[1..=id.len()].copy_from_slice(id);
        serializer.serialize_bytes(&bytes[..=id.len()])
    }
}

impl<'de> serde::Deserialize<'de> for Subject {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SubjectVisitor;
        impl serde::de::Visitor<'_> for SubjectVisitor {
            type Value = Subject;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a subject")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Subject, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Subject, E> {
                Subject::from_binary(bytes).ok_or_else(|| E::custom("not a subject"))
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(SubjectVisitor)
        } else {
            deserializer.deserialize_bytes(SubjectVisitor)
        }
    }
}
serde_as_text!(SubjectKind);

/// Derivation context of a pepper's fingerprint.
const FINGERPRINT: &str = "ostrakon federation pepper fingerprint v1";
const FINGERPRINT_BYTES: usize = 8;

/// The secret that a federation shares so that its members' tags match. Used for subject tags and nothing else.
#[derive(Clone)]
pub struct Pepper([u8; 32]);

impl Pepper {
    /// Takes 32 secret bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// What members of a federation compare to see that they have one pepper: 64 bits in hexadecimal digits, from which it
    /// does not follow.
    pub fn fingerprint(&self) -> String {
        hex::encode(&blake3::derive_key(FINGERPRINT, &self.0)[..FINGERPRINT_BYTES])
    }

    /// The tag of an identifier: BLAKE3 keyed with the pepper over `kind ‖ 0 ‖ identifier`.
    ///
    /// The identifier must be normalised by whoever knows its rules: equal things, equal bytes.
    pub fn tag(&self, kind: SubjectKind, normalised: &str) -> Tag {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(kind.as_str().as_bytes()).update(&[0]).update(normalised.as_bytes());
        Tag(*hasher.finalize().as_bytes())
    }

    /// The subject of an account identifier, for example `user@example.org`.
    pub fn account(&self, normalised: &str) -> Subject {
        Subject::Account(self.tag(SubjectKind::Account, normalised))
    }

    /// The subject of a network, for example `192.0.2.0/24`.
    pub fn net(&self, normalised: &str) -> Subject {
        Subject::Net(self.tag(SubjectKind::Net, normalised))
    }

    /// The subject of an `identifier` of that kind which `claimant` claims without proof.
    pub fn claim(&self, kind: SubjectKind, identifier: &str, claimant: &str) -> Subject {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        for part in [SubjectKind::Claim.as_str(), kind.as_str(), identifier] {
            hasher.update(part.as_bytes()).update(&[0]);
        }
        Subject::Claim(Tag(*hasher.update(claimant.as_bytes()).finalize().as_bytes()))
    }

    /// The subject of a content digest in hexadecimal.
    pub fn content(&self, normalised: &str) -> Subject {
        Subject::Content(self.tag(SubjectKind::Content, normalised))
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(..)")
    }
}
