//! What an outsider may see of an explanation.
//!
//! The votes stand in a public ledger, so who said what is no secret. Whom this node trusts, and how much, is: an
//! outsider gets the score and its label, the votes in the order of the ledger and how far the score is from turning. Left
//! out is everything from which a single voter's weight follows: weights and their sums in nano-votes, the order by
//! weight, tallies per category, when a vote that counts ends, ways of trust, seeds, the subject's own trust, other
//! viewpoints; and whatever the operator's own users say. (Where a single vote speaks, the score itself tells what it
//! weighs, to a thousandth; so does every published score.)

use ostrakon_ledger::Subject;
use serde::Serialize;

/// A score with what outsiders may see of its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Redacted {
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
    /// Digest of the parameters, in hexadecimal.
    pub parameters: String,
    /// The ledger entries below this index are taken into account.
    pub ledger_index: u64,
    /// For which moment, unix ms.
    pub now_ms: u64,
    /// Voters with a live vote, whether trusted or not.
    pub voters: u32,
    /// Their votes, the latest first, at most [`CONTRIBUTIONS_MAX`](super::CONTRIBUTIONS_MAX).
    pub votes: Vec<PublicVote>,
    /// So many more full votes on the other side give the score the other sign; 0 if it has none.
    pub votes_to_turn: u64,
}

/// A vote as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublicVote {
    /// Where it stands in the ledger.
    pub index: u64,
    /// Who voted.
    pub voter: Subject,
    /// Category of the vote.
    pub category: &'static str,
    /// −100…100.
    pub value: i8,
    /// When it ends, unix ms; 0: never.
    pub expires_at_ms: u64,
}
