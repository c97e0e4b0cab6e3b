//! What became of a trace: verdicts by truth, the AUC of the standing, speed and latency.

use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

use ostrakon_policies::Verdict;
use serde::Serialize;

/// How many messages got which verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Verdicts {
    /// Delivered.
    pub accept: u64,
    /// To be tried again later.
    pub defer: u64,
    /// Waiting for a person.
    pub hold: u64,
    /// Refused.
    pub reject: u64,
}

impl Verdicts {
    /// Counts one more.
    pub fn count(&mut self, verdict: Verdict) {
        *match verdict {
            Verdict::Accept => &mut self.accept,
            Verdict::Defer => &mut self.defer,
            Verdict::Hold => &mut self.hold,
            Verdict::Reject => &mut self.reject,
        } += 1;
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.accept + self.defer + self.hold + self.reject
    }
}

/// Milliseconds from a check's first byte sent to its answer read, retries included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Latency {
    /// Median.
    pub p50: f64,
    /// Ninety-ninth percentile.
    pub p99: f64,
}

/// The result of a run, in the shape of `--json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tally {
    /// Messages sent, each counted once.
    pub messages: u64,
    /// Messages that got no answer in the end.
    pub unanswered: u64,
    /// Verdicts on spam.
    pub spam: Verdicts,
    /// Verdicts on ham.
    pub ham: Verdicts,
    /// Probability that a ham outranks a spam by its standing, ties half; none without both kinds.
    pub auc: Option<f64>,
    /// The same over the later half of the stream.
    pub auc_second_half: Option<f64>,
    /// Messages per second of wall time, reports included.
    pub per_second: f64,
    /// Latency of the checks.
    pub latency_ms: Latency,
}

/// What is known of one answered message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    /// Position among the messages played, from 0.
    pub(super) position: usize,
    pub(super) ham: bool,
    pub(super) verdict: Verdict,
    pub(super) standing: i64,
    pub(super) latency: Duration,
}

impl Tally {
    /// Sums up a run of `messages` messages that took `elapsed`.
    pub(super) fn of(messages: usize, outcomes: &[Outcome], elapsed: Duration) -> Tally {
        let (mut spam, mut ham) = (Verdicts::default(), Verdicts::default());
        for outcome in outcomes {
            if outcome.ham { &mut ham } else { &mut spam }.count(outcome.verdict);
        }
        let standings = |from: usize, wanted: bool| -> Vec<i64> {
            let chosen = outcomes.iter().filter(|outcome| outcome.position >= from && outcome.ham == wanted);
            chosen.map(|outcome| outcome.standing).collect()
        };
        let mut latencies: Vec<Duration> = outcomes.iter().map(|outcome| outcome.latency).collect();
        latencies.sort_unstable();
        let millis = |share| quantile(&latencies, share).map_or(0.0, |latency| latency.as_secs_f64() * 1e3);
        Tally {
            messages: messages as u64,
            unanswered: (messages - outcomes.len()) as u64,
            spam,
            ham,
            auc: auc(&standings(0, true), &standings(0, false)),
            auc_second_half: auc(&standings(messages / 2, true), &standings(messages / 2, false)),
            per_second: messages as f64 / elapsed.as_secs_f64().max(1e-9),
            latency_ms: Latency { p50: millis(0.5), p99: millis(0.99) },
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |f: &mut fmt::Formatter<'_>, name: &str, kind: &Verdicts| {
            writeln!(
                f,
                "{name:<6}{:>9}{:>9}{:>9}{:>9}{:>9}",
                kind.accept,
                kind.defer,
                kind.hold,
                kind.reject,
                kind.total()
            )
        };
        let ratio = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"));
        writeln!(f, "{:<6}{:>9}{:>9}{:>9}{:>9}{:>9}", "", "accept", "defer", "hold", "reject", "all")?;
        row(f, "spam", &self.spam)?;
        row(f, "ham", &self.ham)?;
        writeln!(f, "messages {}, unanswered {}", self.messages, self.unanswered)?;
        writeln!(f, "AUC of the standing {}, second half {}", ratio(self.auc), ratio(self.auc_second_half))?;
        let Latency { p50, p99 } = self.latency_ms;
        write!(f, "{:.0} messages/s; a check takes p50 {p50:.2} ms, p99 {p99:.2} ms", self.per_second)
    }
}

/// Probability that a random member of `higher` exceeds a random member of `lower`, ties counted half (Mann-Whitney
/// U / nm). None if either is empty.
pub fn auc(higher: &[i64], lower: &[i64]) -> Option<f64> {
    if higher.is_empty() || lower.is_empty() {
        return None;
    }
    let mut lower = lower.to_vec();
    lower.sort_unstable();
    // Twice the number of pairs won: a whole number, so that no rounding enters before the division.
    let won: u128 = higher
        .iter()
        .map(|value| {
            let below = lower.partition_point(|other| other.cmp(value) == Ordering::Less);
            let up_to = lower.partition_point(|other| other.cmp(value) != Ordering::Greater);
            (below + up_to) as u128
        })
        .sum();
    Some(won as f64 / (2 * higher.len() as u128 * lower.len() as u128) as f64)
}

/// The smallest element that at least `share` (0 to 1) of a sorted slice does not exceed (nearest rank).
pub fn quantile<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auc_counts_pairs_and_halves_ties() {
        assert_eq!(auc(&[3, 4], &[1, 2]), Some(1.0));
        assert_eq!(auc(&[1, 2], &[3, 4]), Some(0.0));
        assert_eq!(auc(&[5, 5], &[5]), Some(0.5));
        // Pairs: 1<2, 1<3, 3>2, 3=3: one and a half of four.
        assert_eq!(auc(&[1, 3], &[2, 3]), Some(0.375));
        assert_eq!(auc(&[], &[1]), None);
        assert_eq!(auc(&[1], &[]), None);
    }

    #[test]
    fn auc_agrees_with_counting_every_pair() {
        let higher: Vec<i64> = (0..97).map(|n| (n * n * 31 + 7) % 53).collect();
        let lower: Vec<i64> = (0..61).map(|n| (n * 17 + 3) % 41).collect();
        let mut won = 0.0;
        for high in &higher {
            for low in &lower {
                won += if high > low {
                    1.0
                } else if high == low {
                    0.5
                } else {
                    0.0
                };
            }
        }
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
    fn the_tally_counts_halves_by_position_and_unanswered_by_difference() {
        let outcome = |position, ham, verdict, standing| Outcome {
            position,
            ham,
            verdict,
            standing,
            latency: Duration::from_millis(position as u64),
        };
        // The first half ranks spam above ham, the second half the other way round; message 4 was never answered.
        let outcomes = [
            outcome(0, true, Verdict::Accept, -5),
            outcome(1, false, Verdict::Accept, 5),
            outcome(2, true, Verdict::Defer, 9),
            outcome(3, false, Verdict::Reject, -9),
        ];
        let tally = Tally::of(5, &outcomes, Duration::from_secs(2));
        assert_eq!((tally.messages, tally.unanswered), (5, 1));
        assert_eq!(tally.spam, Verdicts { accept: 1, reject: 1, ..Verdicts::default() });
        assert_eq!(tally.ham, Verdicts { accept: 1, defer: 1, ..Verdicts::default() });
        assert_eq!((tally.auc, tally.auc_second_half), (Some(0.75), Some(1.0)));
        assert_eq!((tally.per_second, tally.latency_ms.p99), (2.5, 3.0));
    }
}
