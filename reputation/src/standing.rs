//! What a message's subjects say together (R8): their log-odds, each within bounds, added up.

use ostrakon_ledger::Subject;

use crate::fixed::ln_ratio_milli;
use crate::parameters::VOTE_NV;
use crate::r7_posterior::Score;
use crate::r8_experience::{ExperienceReader, Own, by_sight};
use crate::snapshot::Snapshot;

/// Weight below which a subject counts as not voted on: a hundredth of a vote (reference form).
const VOTED_NV: u64 = VOTE_NV / 100;
/// Pseudo-count on either side: a quarter of a vote (reference form).
const PRIOR_NV: u64 = VOTE_NV / 4;
/// From below this score on the ledger's votes alone speak against a subject: 0.3 votes that nobody contradicts.
const ACCUSED_BELOW: i16 = -500;
/// As many accusers a trusted reporter counts for, and so does the ledger.
const TRUSTED_ACCUSERS: u32 = 3;

/// What a message is judged by, in one respect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Respect<'a> {
    /// The message does not say. That counts as never seen, so that nobody stands better for saying less.
    Missing,
    /// What was proven, or needs no proof.
    Proven(&'a Subject),
    /// What was only claimed: what is known of the claim counts, and what speaks against the subject whose name it is.
    Claimed {
        /// The claim.
        claim: &'a Subject,
        /// Whose name it is, if anybody could prove it.
        named: Option<&'a Subject>,
    },
}

/// How a message stands in one respect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The score that ledger and own experience give together.
    pub score: Score,
    /// The score that the ledger's votes give alone. Of a claim only what speaks against the name.
    pub ledger: Score,
    /// The part of the total, in thousandths of a nat.
    pub standing: i32,
    /// How many independent reporters speak against it: ordinary ones of the operator's, a trusted one counting for
    /// three, and the votes of the ledger for three if their score alone is below −500.
    pub accusers: u32,
    /// When the first message came that is remembered, unix ms; 0: none is.
    pub first_seen_ms: u64,
}

/// How a message stands before policy looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Sum of the parts, in thousandths of a nat; positive is good.
    pub total: i32,
    /// In the order of the respects.
    pub parts: Vec<Part>,
}

/// The standing of a message in these respects at `now_ms`.
///
/// A subject's part is `ln((P + ¼) / (N + ¼))` over the votes of the ledger and the reports of the operator's own
/// users, within ±`cap`; without a vote it is what is left of `newcomer` ([`Own::familiarity`]), and 0 for content.
/// Of a claim and the subject whose name it is, the worse part counts; a good name is of use to its owner only.
pub fn standing(ledger: &Snapshot, own: &ExperienceReader, respects: &[Respect<'_>], now_ms: u64) -> Standing {
    let known = Known { ledger, own, now_ms };
    let parts: Vec<Part> = respects.iter().map(|respect| known.part(*respect)).collect();
    Standing { total: parts.iter().map(|part| part.standing).sum(), parts }
}

struct Known<'a> {
    ledger: &'a Snapshot,
    own: &'a ExperienceReader,
    now_ms: u64,
}

impl Known<'_> {
    fn part(&self, respect: Respect<'_>) -> Part {
        match respect {
            Respect::Missing => Part { standing: self.by_sight(0), ..Part::UNKNOWN },
            Respect::Proven(subject) => self.of(subject),
            Respect::Claimed { claim, named: None } => self.of(claim),
            Respect::Claimed { claim, named: Some(named) } => {
                let (own, named) = (self.of(claim), self.of(named));
                let worse = if named.score.score < own.score.score.min(0) { named.score } else { own.score };
                Part {
                    score: worse,
                    ledger: if named.ledger.score < 0 { named.ledger } else { Score::UNKNOWN },
                    standing: if named.score.score < 0 { own.standing.min(named.standing) } else { own.standing },
                    accusers: own.accusers.max(named.accusers),
                    first_seen_ms: own.first_seen_ms,
                }
            }
        }
    }

    fn of(&self, subject: &Subject) -> Part {
        let parameters = self.ledger.parameters();
        // No vote is about a claim.
        let voted = match subject {
            Subject::Claim(_) => Score::UNKNOWN,
            _ => self.ledger.score(subject, self.now_ms),
        };
        let own = self.own.own(subject, self.now_ms);
        let (p, n) = (voted.positive_nv + own.positive_nv, voted.negative_nv + own.negative_nv);
        let standing = match subject {
            _ if p + n > VOTED_NV => {
                let odds = ln_ratio_milli(p + PRIOR_NV, n + PRIOR_NV);
                odds.clamp(-i64::from(parameters.cap), i64::from(parameters.cap)) as i32
            }
            // Content is new by nature: that it was never seen says nothing.
            Subject::Content(_) => 0,
            _ => self.by_sight(own.familiarity),
        };
        Part {
            score: Score::of(p, n, parameters.k_nv(), voted.known || own.reporters > 0),
            ledger: voted,
            standing,
            accusers: accusers(&voted, &own),
            first_seen_ms: own.first_seen_ms,
        }
    }

    fn by_sight(&self, familiarity: u32) -> i32 {
        by_sight(self.ledger.parameters().newcomer, familiarity)
    }
}

fn accusers(voted: &Score, own: &Own) -> u32 {
    let trusted = own.trusted_accusers + u32::from(voted.score < ACCUSED_BELOW);
    own.accusers + TRUSTED_ACCUSERS * trusted
}

impl Part {
    const UNKNOWN: Self =
        Self { score: Score::UNKNOWN, ledger: Score::UNKNOWN, standing: 0, accusers: 0, first_seen_ms: 0 };
}
