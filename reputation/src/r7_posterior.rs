//! R7 posterior: `score = (P − N) / (k + P + N)`, `confidence = (P + N) / (k + P + N)`.

use serde::Serialize;

use crate::fixed::ratio;

/// What is known about a subject at a moment, from one viewpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Score {
    /// Thousandths, −1000 (bad) … 1000 (good).
    pub score: i16,
    /// Thousandths, 0 (nothing known) … 1000.
    pub confidence: u16,
    /// Whether there is any live vote about the subject, whatever its weight. Unknown is not the same as neutral.
    pub known: bool,
    /// P: weight of the votes for it, in nano-votes (10⁻⁹ of a full vote).
    pub positive_nv: u64,
    /// N: weight of the votes against it, in nano-votes.
    pub negative_nv: u64,
}

impl Score {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self { score: 0, confidence: 0, known: false, positive_nv: 0, negative_nv: 0 };

    /// The score of two sums; `k_nv` is k in nano-votes, greater than 0.
    #[inline(always)]
    pub fn of(positive_nv: u64, negative_nv: u64, k_nv: u64, known: bool) -> Self {
        let (score, confidence) = thousandths(positive_nv, negative_nv, k_nv);
        Self { score, confidence, known, positive_nv, negative_nv }
    }

    /// Score and confidence in billionths: the same two fractions, for ranking and research. `k_nv` as in
    /// [`Score::of`].
    pub fn billionths(&self, k_nv: u64) -> (i64, i64) {
        let (p, n) = (i128::from(self.positive_nv), i128::from(self.negative_nv));
        let fraction = |part| fraction(part, self.positive_nv, self.negative_nv, k_nv, 1_000_000_000) as i64;
        (fraction(p - n), fraction(p + n))
    }
}

/// Score and confidence in thousandths.
#[inline(always)]
fn thousandths(p: u64, n: u64, k: u64) -> (i16, u16) {
    // Below 2⁵⁰, which is a million votes each, two thousand times their sum fits into 64 bits.
    if (p | n | k) >> 50 != 0 {
        return wide_thousandths(p, n, k);
    }
    let total = k.max(1) + p + n;
    let rounded = |part: u64| (2_000 * part + total) / (2 * total);
    // A product instead of a branch: P and N come late from memory, and a branch on them would often be predicted
    // wrongly.
    let sign = 1 - 2 * i16::from(p < n);
    (sign * rounded(p.abs_diff(n)) as i16, rounded(p + n) as u16)
}

#[cold]
fn wide_thousandths(p: u64, n: u64, k: u64) -> (i16, u16) {
    let fraction = |part| fraction(part, p, n, k, 1_000);
    (fraction(i128::from(p) - i128::from(n)) as i16, fraction(i128::from(p) + i128::from(n)) as u16)
}

/// `part / (k + P + N)` in units of `1/scale`, rounded to nearest, halves away from zero.
fn fraction(part: i128, p: u64, n: u64, k: u64, scale: i128) -> i128 {
    let total = i128::from(k.max(1)) + i128::from(p) + i128::from(n);
    let (over, under) = (2 * part * scale + part.signum() * total, 2 * total);
    // A 64-bit division where it fits: up to millions of votes in thousandths.
    match (i64::try_from(over), i64::try_from(under)) {
        (Ok(over), Ok(under)) => i128::from(over / under),
        _ => over / under,
    }
}

/// The score as a signed share of 2³⁰, for R1.
pub(crate) fn share(p: u64, n: u64, k_nv: u64) -> i64 {
    let size = i64::from(ratio(p.abs_diff(n), k_nv + p + n));
    if p >= n { size } else { -size }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Amounts on both sides of the limit of 64-bit arithmetic.
    fn amount() -> impl Strategy<Value = u64> {
        prop_oneof![0u64..5, 0u64..1 << 36, 0u64..1 << 50, (1u64 << 50) - 3..(1 << 50) + 3, 0u64..1 << 62]
    }

    proptest! {
        #[test]
        fn narrow_and_wide_arithmetic_agree(p in amount(), n in amount(), k in amount()) {
            let score = Score::of(p, n, k, true);
            let (sum, difference) = (i128::from(p) + i128::from(n), i128::from(p) - i128::from(n));
            let by_two = |part| fraction(part, p, n, k, 1_000);
            prop_assert_eq!((i128::from(score.score), i128::from(score.confidence)), (by_two(difference), by_two(sum)));
        }
    }
}
