//! What an explanation says.

use ostrakon_ledger::Subject;
use serde::Serialize;

use super::categories::CategoryTally;
use super::outlook::Outlook;
use super::parts::{Contribution, Rest, Terms, Trust};
use crate::r8_experience::{ExperienceReader, Own};
use crate::snapshot::Snapshot;

/// Most contributions listed one by one: what a person reads; the others are summed up as [`Explanation::rest`].
pub const CONTRIBUTIONS_MAX: usize = 50;

/// Why a subject has its score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The subject.
    pub subject: Subject,
    /// One sentence for people.
    pub sentence: String,
    /// Thousandths, −1000…1000.
    pub score: i16,
    /// Thousandths, 0…1000.
    pub confidence: u16,
    /// Whether there is any live vote.
    pub known: bool,
    /// Name of the viewpoint.
    pub viewpoint: String,
    /// Digest of its seeds, in hexadecimal.
    pub seeds: String,
    /// Digest of the parameters, in hexadecimal.
    pub parameters: String,
    /// The ledger entries below this index are taken into account.
    pub ledger_index: u64,
    /// For which moment, unix ms.
    pub now_ms: u64,
    /// What the score is computed from.
    pub terms: Terms,
    /// The votes that weigh most, heaviest first, at most [`CONTRIBUTIONS_MAX`].
    pub contributions: Vec<Contribution>,
    /// All other votes together.
    pub rest: Rest,
    /// Per category what its votes alone amount to, in the order of the categories. A voter speaks in each category it
    /// voted in, so these need not add up to P and N.
    pub categories: Vec<CategoryTally>,
    /// What would change the score.
    pub outlook: Outlook,
    /// What the subject weighs as a voter, if it is a peer.
    pub trust: Option<Trust>,
    /// What the operator's own users say (R8), where asked for.
    pub own: Option<Own>,
    /// The score from every viewpoint of the book, the operator's own first, where asked for.
    pub viewpoints: Vec<Seen>,
}

impl Explanation {
    /// Adds what the operator's own users say about the subject.
    pub fn with_own(self, experience: &ExperienceReader) -> Self {
        Self { own: Some(experience.own(&self.subject, self.now_ms)), ..self }
    }

    /// Adds how the subject is seen from other viewpoints.
    pub fn beside(self, viewpoints: Vec<Seen>) -> Self {
        Self { viewpoints, ..self }
    }
}

/// A score as one viewpoint sees it, with all it depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Name of the viewpoint.
    pub viewpoint: String,
    /// Digest of its seeds, in hexadecimal.
    pub seeds: String,
    /// Digest of the parameters, in hexadecimal.
    pub parameters: String,
    /// The ledger entries below this index are taken into account.
    pub ledger_index: u64,
    /// Thousandths, −1000…1000.
    pub score: i16,
    /// Thousandths, 0…1000.
    pub confidence: u16,
    /// Whether there is any live vote.
    pub known: bool,
}

impl Seen {
    /// A subject's score in a snapshot.
    pub(crate) fn of(snapshot: &Snapshot, subject: &Subject, now_ms: u64) -> Self {
        let (label, score) = (snapshot.label(), snapshot.score(subject, now_ms));
        Self {
            viewpoint: label.viewpoint.clone(),
            seeds: hexadecimal(&label.viewpoint_digest),
            parameters: hexadecimal(&label.parameters_digest),
            ledger_index: snapshot.next_index(),
            score: score.score,
            confidence: score.confidence,
            known: score.known,
        }
    }
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
