//! The explanation of a score.

use ostrakon_ledger::Subject;
use serde::Serialize;

use super::categories::CategoryTally;
use super::outlook::ScoreOutlook;
use super::parts::{Contribution, Rest, Terms, Trust};
use crate::r8_experience::{ExperienceReader, OwnReports};
use crate::snapshot::Snapshot;

/// How many contributions are listed at most, which is what a person reads. [`Explanation::rest`] sums up the others.
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
    /// Digest of the viewpoint's seeds, in hexadecimal.
    pub seeds: String,
    /// Digest of the parameters, in hexadecimal.
    pub parameters: String,
    /// The score covers the ledger entries below this index.
    pub ledger_index: u64,
    /// The moment of the score, unix ms.
    pub now_ms: u64,
    /// The terms of the score.
    pub terms: Terms,
    /// The votes with the most weight, the heaviest first, at most [`CONTRIBUTIONS_MAX`].
    pub contributions: Vec<Contribution>,
    /// All other votes together.
    pub rest: Rest,
    /// The tally of each category, in the order of the categories. A voter counts in each category in which it voted,
    /// so these need not add up to P and N.
    pub categories: Vec<CategoryTally>,
    /// What would change the score.
    pub outlook: ScoreOutlook,
    /// The subject's own weight as a voter, if it is a peer.
    pub trust: Option<Trust>,
    /// The reports of the operator's own users (R8), where asked for.
    pub own: Option<OwnReports>,
    /// The score from every viewpoint of the book, the operator's own first, where asked for.
    pub viewpoints: Vec<ViewpointScore>,
}

impl Explanation {
    /// Adds the reports of the operator's own users about the subject.
    pub fn with_own(self, experience: &ExperienceReader) -> Self {
        Self { own: Some(experience.own(&self.subject, self.now_ms)), ..self }
    }

    /// Adds the subject's scores from other viewpoints.
    pub fn beside(self, viewpoints: Vec<ViewpointScore>) -> Self {
        Self { viewpoints, ..self }
    }
}

/// The score from one viewpoint, with everything it depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ViewpointScore {
    /// Name of the viewpoint.
    pub viewpoint: String,
    /// Digest of the viewpoint's seeds, in hexadecimal.
    pub seeds: String,
    /// Digest of the parameters, in hexadecimal.
    pub parameters: String,
    /// The score covers the ledger entries below this index.
    pub ledger_index: u64,
    /// Thousandths, −1000…1000.
    pub score: i16,
    /// Thousandths, 0…1000.
    pub confidence: u16,
    /// Whether there is any live vote.
    pub known: bool,
}

impl ViewpointScore {
    /// The subject's score in a snapshot.
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
