//! What would change a score: more votes, and votes that end.

use serde::Serialize;

use super::parts::Contribution;
use crate::parameters::VOTE_NV;
use crate::r7_posterior::Score;

/// A day and an hour, in ms.
const DAY_MS: u64 = 86_400_000;
const HOUR_MS: u64 = 3_600_000;

/// What would change a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScoreOutlook {
    /// How many more full votes on the other side would give the score the other sign; 0 if the score has no sign.
    pub votes_to_turn: u64,
    /// When the first of the listed votes with any weight ends, unix ms.
    pub next_end_ms: Option<u64>,
    /// The score after the votes of that moment have ended, if nothing else happens and without decay.
    pub score_after: Option<i16>,
}

impl ScoreOutlook {
    /// The outlook of a score, from the listed votes.
    pub(super) fn of(score: &Score, k_nv: u64, parts: &[Contribution]) -> Self {
        let (p, n) = (score.positive_nv, score.negative_nv);
        let ends = parts.iter().filter(|part| part.weight_nv != 0 && part.expires_at_ms != 0);
        let next_end_ms = ends.clone().map(|part| part.expires_at_ms).min();
        let score_after = next_end_ms.map(|end_ms| {
            let ended = |positive: bool| -> u64 {
                let of_side = ends.clone().filter(|part| (part.weight_nv > 0) == positive);
                of_side.filter(|part| part.expires_at_ms == end_ms).map(|part| part.weight_nv.unsigned_abs()).sum()
            };
            Score::of(p - ended(true), n - ended(false), k_nv, true).score
        });
        Self { votes_to_turn: Self::votes_to_turn(score), next_end_ms, score_after }
    }

    /// How many more full votes on the other side would give a score the other sign; 0 if the score has no sign.
    pub(super) fn votes_to_turn(score: &Score) -> u64 {
        let (p, n) = (score.positive_nv, score.negative_nv);
        if p == n { 0 } else { p.abs_diff(n) / VOTE_NV + 1 }
    }

    /// The outlook in words, to follow a sentence about `score`; empty if there is nothing to say.
    pub(super) fn in_words(&self, score: i16, now_ms: u64) -> String {
        let mut words = turn_in_words(self.votes_to_turn, score);
        if let (Some(end_ms), Some(after)) = (self.next_end_ms, self.score_after) {
            let span = span(end_ms.saturating_sub(now_ms));
            words += &format!(" The next vote expires in {span}. The score will then be {after}.");
        }
        words
    }
}

/// How many votes would give a score the other sign, in words; empty if it has no sign.
pub(super) fn turn_in_words(votes_to_turn: u64, score: i16) -> String {
    let (side, sign) = if score < 0 { ("for", "positive") } else { ("against", "negative") };
    let count = match votes_to_turn {
        0 => return String::new(),
        1 => "One more full vote".to_owned(),
        2 => "Two more full votes".to_owned(),
        count => format!("{count} more full votes"),
    };
    format!(" {count} {side} it would make the score {sign}.")
}

fn span(ms: u64) -> String {
    let plural = |count: u64, unit: &str| format!("{count} {unit}{}", if count == 1 { "" } else { "s" });
    match ms {
        DAY_MS.. => plural(ms / DAY_MS, "day"),
        HOUR_MS.. => plural(ms / HOUR_MS, "hour"),
        _ => "less than an hour".to_owned(),
    }
}
