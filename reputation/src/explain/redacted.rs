//! What an outsider may see of an explanation.
//!
//! The votes are in a public ledger, so who voted how is not secret. Which voters this node trusts, and how much, is
//! secret. An outsider gets the score, its label, the votes in the order of the ledger, and how many votes would change
//! the sign of the score. Everything that would reveal the weight of a single voter is left out: weights and their sums
//! in nano-votes, the order by weight, tallies per category, when the next vote that counts ends, paths of trust,
//! seeds, the subject's own trust, and other viewpoints. The reports of the operator's own users are left out too. (If
//! only one vote counts, the score itself reveals its weight, to a thousandth, as every published score does.)

use ostrakon_ledger::Subject;
use serde::Serialize;

/// A score with the part of its explanation that outsiders may see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RedactedExplanation {
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
    /// The score covers the ledger entries below this index.
    pub ledger_index: u64,
    /// The moment of the score, unix ms.
    pub now_ms: u64,
    /// Voters with a live vote, trusted or not.
    pub voters: u32,
    /// Their votes, the latest first, at most [`CONTRIBUTIONS_MAX`](super::CONTRIBUTIONS_MAX).
    pub votes: Vec<PublicVote>,
    /// How many more full votes on the other side would give the score the other sign; 0 if the score has no sign.
    pub votes_to_turn: u64,
}

/// A vote as it is in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublicVote {
    /// The vote's ledger index.
    pub index: u64,
    /// Who voted.
    pub voter: Subject,
    /// Category of the vote.
    pub category: &'static str,
    /// −100…100.
    pub value: i8,
    /// When the vote ends, unix ms; 0: never.
    pub expires_at_ms: u64,
}
