//! Measures for evaluations: the area under the ROC curve, quantiles, and means with confidence intervals.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// Probability that a random member of `higher` exceeds a random member of `lower`, ties counted half (Mann-Whitney
/// U / nm). None if either is empty.
///
/// Pairs are counted in whole numbers, so that nothing is rounded before the division, and the result does not depend
/// on the order of the members. Values must not be NaN.
pub fn auc(higher: &[f64], lower: &[f64]) -> Option<f64> {
    if higher.is_empty() || lower.is_empty() {
        return None;
    }
    let mut lower = lower.to_vec();
    lower.sort_unstable_by(f64::total_cmp);
    let twice_won: u128 = higher
        .iter()
        .map(|value| {
            // By `<` and `<=`, for which −0 and 0 are equal; `total_cmp` sorts them next to each other.
            let below = lower.partition_point(|other| other < value);
            let up_to = lower.partition_point(|other| other <= value);
            (below + up_to) as u128
        })
        .sum();
    Some(twice_won as f64 / (2 * higher.len() as u128 * lower.len() as u128) as f64)
}

/// The smallest element that at least `share` (0 to 1) of a sorted slice does not exceed (nearest rank).
pub fn quantile<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied()
}

/// As many members as there are, drawn with replacement: one resampling of a bootstrap.
pub fn resample<T: Copy>(values: &[T], rng: &mut ChaCha8Rng) -> Vec<T> {
    values.iter().map(|_| values[rng.random_range(0..values.len())]).collect()
}

/// A mean and its 95 % confidence interval, `mean ± half_width`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Mean {
    /// Arithmetic mean.
    pub mean: f64,
    /// Half the width of the interval; none with a single value.
    pub half_width: Option<f64>,
    /// The number of values.
    pub count: usize,
}

impl Mean {
    /// Student's t over the values: `t₀.₉₇₅(n−1) · s / √n`. None without values.
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = values.len();
        if count == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count as f64;
        let half_width = (count > 1).then(|| {
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            let freedom = count - 1;
            student_t(freedom) * (squares / freedom as f64 / count as f64).sqrt()
        });
        Some(Self { mean, half_width, count })
    }
}

impl std::fmt::Display for Mean {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3}", self.mean)?;
        self.half_width.map_or(Ok(()), |half| write!(f, " ± {half:.3}"))
    }
}

/// The 97.5 % point of Student's distribution with `freedom` ≥ 1 degrees of freedom: a table up to 30, beyond it the
/// expansion of Abramowitz and Stegun, 26.7.5, which is right to the table's three decimals.
fn student_t(freedom: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
        2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
    ];
    const NORMAL: f64 = 1.959_963_985;
    TABLE.get(freedom.max(1) - 1).copied().unwrap_or_else(|| {
        let (n, x) = (freedom as f64, NORMAL);
        x + (x.powi(3) + x) / (4.0 * n) + (5.0 * x.powi(5) + 16.0 * x.powi(3) + 3.0 * x) / (96.0 * n * n)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auc_counts_pairs_and_halves_ties() {
        assert_eq!(auc(&[3.0, 4.0], &[1.0, 2.0]), Some(1.0));
        assert_eq!(auc(&[1.0, 2.0], &[3.0, 4.0]), Some(0.0));
        assert_eq!(auc(&[5.0, 5.0], &[5.0]), Some(0.5));
        assert_eq!(auc(&[0.0], &[-0.0]), Some(0.5));
        // Pairs: 1<2, 1<3, 3>2, 3=3: one and a half of four.
        assert_eq!(auc(&[1.0, 3.0], &[2.0, 3.0]), Some(0.375));
        assert_eq!(auc(&[], &[1.0]), None);
        assert_eq!(auc(&[1.0], &[]), None);
    }

    #[test]
    fn auc_agrees_with_counting_every_pair() {
        let higher: Vec<f64> = (0..97).map(|n| f64::from((n * n * 31 + 7) % 53)).collect();
        let lower: Vec<f64> = (0..61).map(|n| f64::from((n * 17 + 3) % 41)).collect();
        let worth = |high: &f64, low: &f64| f64::from(high > low) + f64::from(high == low) / 2.0;
        let won: f64 = higher.iter().flat_map(|high| lower.iter().map(move |low| worth(high, low))).sum();
        let expected = won / (higher.len() * lower.len()) as f64;
        assert!((auc(&higher, &lower).unwrap() - expected).abs() < 1e-12);
    }

    #[test]
    fn quantiles_are_nearest_ranks() {
        let hundred: Vec<u32> = (1..=100).collect();
        let cases = [(0.0, 1), (0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100)];
        for (share, expected) in cases {
            assert_eq!(quantile(&hundred, share), Some(expected), "share {share}");
        }
        assert_eq!(quantile(&[7], 0.99), Some(7));
        assert_eq!(quantile::<u32>(&[], 0.5), None);
    }

    #[test]
    fn intervals_are_students() {
        // Mean 4, s² = (4 + 0 + 4) / 2 = 4, √(4/3) = 1.1547, t(2) = 4.303.
        let mean = Mean::of(&[2.0, 4.0, 6.0]).unwrap();
        assert!((mean.mean - 4.0).abs() < 1e-12 && (mean.half_width.unwrap() - 4.969).abs() < 1e-3, "{mean}");
        assert_eq!(Mean::of(&[3.0]).unwrap().half_width, None);
        assert_eq!(Mean::of(&[]), None);
        // From a table of the distribution: t(40) = 2.021, t(100) = 1.984, t(1000) = 1.962.
        for (freedom, want) in [(1, 12.706), (30, 2.042), (40, 2.021), (100, 1.984), (1000, 1.962)] {
            assert!((student_t(freedom) - want).abs() < 6e-4, "{freedom}: {}", student_t(freedom));
        }
    }
}
