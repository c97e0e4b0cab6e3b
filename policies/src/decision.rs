//! The judgement on a message: a verdict, and the opinion of every limit and rule.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What to do with a message, from best to worst. [`Ord`] has the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Deliver it.
    Accept,
    /// Not now: the sender may try again.
    Defer,
    /// Keep it until a person has decided.
    Hold,
    /// Refuse it for good.
    Reject,
}

impl Verdict {
    /// All verdicts, from best to worst.
    pub const ALL: [Verdict; 4] = [Verdict::Accept, Verdict::Defer, Verdict::Hold, Verdict::Reject];

    /// The name used in policies, records and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Accept => "accept",
            Verdict::Defer => "defer",
            Verdict::Hold => "hold",
            Verdict::Reject => "reject",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Verdict {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|verdict| verdict.as_str() == text).ok_or(())
    }
}

/// The judgement on one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// The worst verdict among the enforced opinions.
    pub verdict: Verdict,
    /// How many milliseconds after `now_ms` every enforced limit would let this message pass, if no other message comes
    /// before. Present if the verdict is `defer` and a limit is among its causes.
    pub retry_after_ms: Option<u64>,
    /// Every opinion: limits in the order of the file, then rules in the order of the file. If no enforced limit or
    /// rule has an opinion, the last one is `default`.
    pub reasons: Vec<Opinion>,
}

/// The opinion of one limit or rule about one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opinion {
    /// The name of the limit or rule.
    pub rule: String,
    /// The verdict it asks for.
    pub verdict: Verdict,
    /// The opinion was only recorded. The decision would have been the same without it.
    pub shadow: bool,
    /// For people: the `explain` of the limit or rule, filled in.
    pub text: String,
    /// The numeric facts, and the boolean facts as 0 and 1, that the condition uses. For a limit also `used`, `burst`,
    /// `retry_after_ms` and `next_at_ms`.
    pub numbers: BTreeMap<String, i64>,
    /// Where `retry_after_ms` is in `text`: the first byte, and the byte after the last. The number changes with time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<(u32, u32)>,
}

impl Opinion {
    /// The opinion at `now_ms`: `retry_after_ms` is the wait that is left, at least 0, both in the numbers and in the
    /// text. The time at which the wait ends (`next_at_ms`) stays.
    #[must_use]
    pub fn as_of(&self, now_ms: u64) -> Self {
        let mut current = self.clone();
        let (Some(next_at_ms), Some(wait_ms)) =
            (self.numbers.get("next_at_ms"), current.numbers.get_mut("retry_after_ms"))
        else {
            return current;
        };
        let now_ms = i64::try_from(now_ms).unwrap_or(i64::MAX);
        *wait_ms = next_at_ms.saturating_sub(now_ms).max(0);
        let wait = wait_ms.to_string();
        // From the end, so that a replacement does not move the ranges that are still to be replaced.
        for (start, end) in self.waits.iter().rev() {
            let range = *start as usize..*end as usize;
            if self.text.get(range.clone()).is_some() {
                current.text.replace_range(range, &wait);
            }
        }
        current
    }
}

impl Judgement {
    /// The opinions that count for the verdict.
    pub fn enforced(&self) -> impl Iterator<Item = &Opinion> {
        self.reasons.iter().filter(|opinion| !opinion.shadow)
    }

    /// The opinions that were only recorded.
    pub fn shadowed(&self) -> impl Iterator<Item = &Opinion> {
        self.reasons.iter().filter(|opinion| opinion.shadow)
    }
}
