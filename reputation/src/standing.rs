//! What a message's subjects say together (R8): their log-odds, each within bounds, added up.

use ostrakon_ledger::Subject;

use crate::fixed::ln_ratio_milli;
use crate::parameters::VOTE_NV;
use crate::r7_posterior::Score;
use crate::r8_experience::{ExperienceReader, SUBJECTS_MAX, by_sight};
use crate::snapshot::Snapshot;

/// Weight below which a subject counts as not voted on: a hundredth of a vote (reference form).
const VOTED_NV: u64 = VOTE_NV / 100;
/// Pseudo-count on either side: a quarter of a vote (reference form).
const PRIOR_NV: u64 = VOTE_NV / 4;

/// How a message stands before policy looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Sum of the parts, in thousandths of a nat; positive is good.
    pub total: i32,
    /// Each subject with the score that ledger and own experience give it together, and its part of the total.
    pub parts: Vec<(Subject, Score, i32)>,
}

/// The standing of a message with these subjects at `now_ms`; the first [`SUBJECTS_MAX`] count.
///
/// A subject's part is `ln((P + ¼) / (N + ¼))` over the votes of the ledger and the reports of the operator's own
/// users, within ±`cap`; without a vote it is what is left of `newcomer` ([`Own::familiarity`]), and 0 for content.
///
/// [`Own::familiarity`]: crate::Own::familiarity
pub fn standing(ledger: &Snapshot, own: &ExperienceReader, subjects: &[Subject], now_ms: u64) -> Standing {
    let parameters = ledger.parameters();
    let part = |subject: &Subject| {
        let (voted, own) = (ledger.score(subject, now_ms), own.own(subject, now_ms));
        let (p, n) = (voted.positive_nv + own.positive_nv, voted.negative_nv + own.negative_nv);
        let score = Score::of(p, n, parameters.k_nv(), voted.known || own.reports > 0);
        let part = match subject {
            _ if p + n > VOTED_NV => {
                let odds = ln_ratio_milli(p + PRIOR_NV, n + PRIOR_NV);
                odds.clamp(-i64::from(parameters.cap), i64::from(parameters.cap)) as i32
            }
            // Content is new by nature: that it was never seen says nothing.
            Subject::Content(_) => 0,
            _ => by_sight(parameters.newcomer, own.familiarity),
        };
        (subject.clone(), score, part)
    };
    let parts: Vec<(Subject, Score, i32)> = subjects.iter().take(SUBJECTS_MAX).map(part).collect();
    Standing { total: parts.iter().map(|(_, _, part)| part).sum(), parts }
}
