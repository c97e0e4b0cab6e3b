//! `vote`: an opinion about a subject.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::types::RecordBody;
use super::wire::{self, HeaderMembers, JsonText, integer};
use super::{DERIVED_FROM_MAX, Digest, Header, RecordId};
use crate::malformed::Malformed;
use crate::name::PeerName;
use crate::rules::{NextRecord, NotAppended, Prefix, StateChange};
use crate::subject::Subject;

/// An opinion about a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// What it is about.
    pub subject: Subject,
    /// −100..=100 and not 0; negative is bad.
    pub value: i8,
    /// Why.
    pub category: Category,
    /// When the author formed it, unix ms.
    pub cast_at_ms: u64,
    /// When it ends, unix ms, after `cast_at_ms`; 0 means never.
    pub expires_at_ms: u64,
    /// Digest of the detector that produced it; zero means none named.
    pub detector: Digest,
    /// Up to [`super::DERIVED_FROM_MAX`] different records that it repeats.
    pub derived_from: Vec<RecordId>,
    /// Salted commitment to evidence kept elsewhere; zero means none.
    pub commitment: Digest,
}

impl Vote {
    /// A vote that never ends and names neither detector, sources nor evidence.
    pub fn plain(subject: Subject, value: i8, category: Category, cast_at_ms: u64) -> Self {
        Self {
            subject,
            value,
            category,
            cast_at_ms,
            expires_at_ms: 0,
            detector: Digest::ZERO,
            derived_from: Vec::new(),
            commitment: Digest::ZERO,
        }
    }
}

/// Why a vote was cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// Unsolicited bulk.
    Spam,
    /// Fraud.
    Scam,
    /// Malicious software.
    Malware,
    /// Harassment and the like.
    Abuse,
    /// Too much.
    Flood,
    /// Wanted.
    Ham,
    /// Trust in the subject as a voter.
    Vouch,
}

impl Category {
    /// All of them.
    pub const ALL: [Category; 7] = [
        Category::Spam,
        Category::Scam,
        Category::Malware,
        Category::Abuse,
        Category::Flood,
        Category::Ham,
        Category::Vouch,
    ];

    /// The word in the payload.
    pub fn as_str(self) -> &'static str {
        match self {
            Category::Spam => "spam",
            Category::Scam => "scam",
            Category::Malware => "malware",
            Category::Abuse => "abuse",
            Category::Flood => "flood",
            Category::Ham => "ham",
            Category::Vouch => "vouch",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Category {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::ALL.into_iter().find(|category| category.as_str() == text).ok_or_else(|| {
            Malformed::value("category", text, "must be spam, scam, malware, abuse, flood, ham or vouch")
        })
    }
}

serde_as_text!(Category);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VoteWire<T> {
    author: T,
    cast_at_ms: u64,
    category: T,
    commitment: T,
    derived_from: T,
    detector: T,
    expires_at_ms: u64,
    key: T,
    network: T,
    prev: T,
    seq: u64,
    subject: SubjectWire<T>,
    value: i8,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectWire<T> {
    id: T,
    kind: T,
}

impl VoteWire<&str> {
    fn vote(&self) -> Result<Vote, Malformed> {
        if self.value == 0 || !(-100..=100).contains(&self.value) {
            return Err(Malformed::value("value", &self.value.to_string(), "must be -100 to 100 and not 0"));
        }
        let cast_at_ms = integer("cast_at_ms", self.cast_at_ms)?;
        let expires_at_ms = integer("expires_at_ms", self.expires_at_ms)?;
        if expires_at_ms != 0 && expires_at_ms <= cast_at_ms {
            let text = expires_at_ms.to_string();
            return Err(Malformed::value("expires_at_ms", &text, "must be 0 or later than cast_at_ms"));
        }
        Ok(Vote {
            subject: Subject::of_record(self.subject.kind, self.subject.id)?,
            value: self.value,
            category: self.category.parse()?,
            cast_at_ms,
            expires_at_ms,
            detector: self.detector.parse()?,
            derived_from: sources(self.derived_from)?,
            commitment: self.commitment.parse()?,
        })
    }
}

fn sources(text: &str) -> Result<Vec<RecordId>, Malformed> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let ids = text.split(',').map(str::parse).collect::<Result<Vec<RecordId>, _>>()?;
    let distinct: BTreeSet<_> = ids.iter().collect();
    if ids.len() > DERIVED_FROM_MAX || distinct.len() != ids.len() || ids.iter().any(RecordId::is_zero) {
        return Err(Malformed::value("derived_from", text, "must name at most 8 different records"));
    }
    Ok(ids)
}

impl RecordBody for Vote {
    fn decode(payload: &[u8]) -> Result<(Header, Self), Malformed> {
        let wire: VoteWire<&str> = wire::read(payload)?;
        let vote = wire.vote()?;
        let VoteWire { author, key, network, prev, seq, .. } = wire;
        Ok((HeaderMembers { author, key, network, prev, seq }.parse()?, vote))
    }

    fn encode(&self, header: &Header) -> Vec<u8> {
        let HeaderMembers { author, key, network, prev, seq } = HeaderMembers::of(header);
        let sources: Vec<String> = self.derived_from.iter().map(ToString::to_string).collect();
        wire::write(&VoteWire {
            author,
            cast_at_ms: self.cast_at_ms,
            category: self.category.as_str().into(),
            commitment: self.commitment.as_bytes().into(),
            derived_from: sources.join(",").into(),
            detector: self.detector.as_bytes().into(),
            expires_at_ms: self.expires_at_ms,
            key,
            network,
            prev,
            seq,
            subject: SubjectWire { id: JsonText::Owned(self.subject.id()), kind: self.subject.kind().as_str().into() },
            value: self.value,
        })
    }

    fn about(&self) -> Option<&PeerName> {
        match &self.subject {
            Subject::Peer(name) | Subject::Domain(name) => Some(name),
            _ => None,
        }
    }

    fn commitment(&self) -> Digest {
        self.commitment
    }

    /// Any admitted peer votes on anything.
    fn judge<P: Prefix>(&self, _: &mut NextRecord<'_, P>) -> Result<StateChange, NotAppended> {
        Ok(StateChange::default())
    }
}
