//! The standing of a message (R8): the sum of its subjects' log-odds, each within bounds.

use ostrakon_ledger::Subject;

use crate::fixed::ln_ratio_milli;
use crate::parameters::VOTE_NV;
use crate::r7_posterior::Score;
use crate::r8_experience::{ExperienceReader, OwnReports, by_sight};
use crate::snapshot::Snapshot;

/// Weight below which a subject counts as not voted on: a hundredth of a vote (reference form).
const VOTED_NV: u64 = VOTE_NV / 100;
/// Pseudo-count on either side: a quarter of a vote (reference form).
const PRIOR_NV: u64 = VOTE_NV / 4;
/// Below this score, the ledger's votes alone count against a subject: 0.3 votes that nobody contradicts are enough.
const ACCUSED_BELOW: i16 = -500;
/// A trusted reporter counts as this many accusers, and so do the votes of the ledger.
const TRUSTED_ACCUSERS: u32 = 3;

/// One respect in which a message is judged: its peer, its sender or another subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Respect<'a> {
    /// The message names no subject. That counts as a subject never seen, so that nobody gains by naming none.
    Missing,
    /// The subject was proven, or needs no proof.
    Proven(&'a Subject),
    /// The subject was only claimed. What is known about the claim counts, and what is known against the named subject.
    Claimed {
        /// The claim.
        claim: &'a Subject,
        /// The subject that is named, if anybody could prove to be it.
        named: Option<&'a Subject>,
    },
}

/// The standing of a message in one respect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The score from the ledger and the operator's own reports together.
    pub score: Score,
    /// The score from the ledger's votes alone. For a claim, only a negative score of the named subject.
    pub ledger: Score,
    /// The part of the total, in thousandths of a nat.
    pub standing: i32,
    /// How many independent reporters are against the subject. An ordinary reporter counts as one, a trusted reporter
    /// as three. The votes of the ledger count as three if their score alone is below −500.
    pub accusers: u32,
    /// When the first remembered message with the subject came, unix ms; 0: no message is remembered.
    pub first_seen_ms: u64,
}

/// The standing of a message, which is an input of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageStanding {
    /// Sum of the parts, in thousandths of a nat; positive is good.
    pub total: i32,
    /// In the order of the respects.
    pub parts: Vec<Part>,
}

/// The standing of a message in these respects at `now_ms`.
///
/// A subject's part is `ln((P + ¼) / (N + ¼))` over the votes of the ledger and the reports of the operator's own
/// users, within ±`cap`. Without votes and reports it is what is left of `newcomer` ([`OwnReports::familiarity`]), and
/// 0 for content. Of a claim and the subject that it names, the worse part counts, so a good name helps only its owner.
pub fn standing(ledger: &Snapshot, own: &ExperienceReader, respects: &[Respect<'_>], now_ms: u64) -> MessageStanding {
    let scores = MomentaryScores { ledger, own, now_ms };
    let parts: Vec<Part> = respects.iter().map(|respect| scores.part(*respect)).collect();
    MessageStanding { total: parts.iter().map(|part| part.standing).sum(), parts }
}

/// The ledger's scores and the operator's own reports at a moment.
struct MomentaryScores<'a> {
    ledger: &'a Snapshot,
    own: &'a ExperienceReader,
    now_ms: u64,
}

impl MomentaryScores<'_> {
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
        // A vote cannot be about a claim.
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
            // Most content is new, so it means nothing that it was never seen.
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

fn accusers(voted: &Score, own: &OwnReports) -> u32 {
    let trusted = own.trusted_accusers + u32::from(voted.score < ACCUSED_BELOW);
    own.accusers + TRUSTED_ACCUSERS * trusted
}

impl Part {
    const UNKNOWN: Self =
        Self { score: Score::UNKNOWN, ledger: Score::UNKNOWN, standing: 0, accusers: 0, first_seen_ms: 0 };
}
