//! The result of a trace: verdicts by label, the AUC of the standing, speed and latency.

use std::fmt;
use std::time::Duration;

use ostrakon_policies::Verdict;
use serde::Serialize;

use crate::measure::{auc, quantile};

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

/// Milliseconds from the first byte of a check to the end of its answer, including retries.
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
    /// Messages without an answer.
    pub unanswered: u64,
    /// Verdicts on spam.
    pub spam: Verdicts,
    /// Verdicts on ham.
    pub ham: Verdicts,
    /// The probability that a ham has a higher standing than a spam, where ties count half. None without both kinds.
    pub auc: Option<f64>,
    /// The same over the later half of the stream.
    pub auc_second_half: Option<f64>,
    /// Messages per second of wall time, reports included.
    pub per_second: f64,
    /// Latency of the checks.
    pub latency_ms: Latency,
}

/// One answered message.
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
        let standings = |from: usize, wanted: bool| -> Vec<f64> {
            let chosen = outcomes.iter().filter(|outcome| outcome.position >= from && outcome.ham == wanted);
            chosen.map(|outcome| outcome.standing as f64).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

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
