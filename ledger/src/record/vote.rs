//! What is said about subjects: votes, and what answers, ends or explains them.

use std::fmt;
use std::str::FromStr;

use super::{Digest, RecordId};
use crate::malformed::Malformed;
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

/// Cancels a vote of the same author. Does not assert the opposite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retract {
    /// The vote.
    pub target: RecordId,
}

/// The accused answers a vote about itself. Once per vote; served beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebut {
    /// The vote.
    pub target: RecordId,
    /// In a word.
    pub answer: Answer,
    /// Salted commitment to what else it has to say; zero means nothing.
    pub commitment: Digest,
}

/// Says that the body behind the target's commitment was deleted here. The target itself stays, and so do all proofs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erase {
    /// The vote or rebuttal whose detached body is gone.
    pub target: RecordId,
}

/// Says under which policy the ledger's owner decides from a time on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The policy's digest.
    pub digest: Digest,
    /// Since when it is in force, unix ms.
    pub active_from_ms: u64,
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

/// How the accused answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// It did not happen.
    Denied,
    /// It happened, but not here.
    Mistaken,
    /// It happened and has been dealt with.
    Resolved,
}

impl Answer {
    /// All of them.
    pub const ALL: [Answer; 3] = [Answer::Denied, Answer::Mistaken, Answer::Resolved];

    /// The word in the payload.
    pub fn as_str(self) -> &'static str {
        match self {
            Answer::Denied => "denied",
            Answer::Mistaken => "mistaken",
            Answer::Resolved => "resolved",
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Answer {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let found = Self::ALL.into_iter().find(|answer| answer.as_str() == text);
        found.ok_or_else(|| Malformed::value("answer", text, "must be denied, mistaken or resolved"))
    }
}

serde_as_text!(Answer);
