//! What came out: a verdict, and every opinion that was heard.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What to do with a message, from best to worst; the order is the order of [`Ord`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Deliver it.
    Accept,
    /// Not now: the sender may try again.
    Defer,
    /// Keep it until a person has looked.
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
pub struct Decision {
    /// The worst verdict among the enforced opinions.
    pub verdict: Verdict,
    /// Milliseconds after the `now_ms` of the decision at which every enforced limit would let this message pass, if
    /// nothing else came between. Present when the verdict is `defer` and a limit is among its causes.
    pub retry_after_ms: Option<u64>,
    /// Every opinion: limits in the order of the file, then rules in the order of the file. If no enforced limit or
    /// rule spoke, the last one is `default`.
    pub reasons: Vec<Opinion>,
}

/// What one limit or rule said about one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opinion {
    /// The name of the limit or rule.
    pub rule: String,
    /// What it asked for.
    pub verdict: Verdict,
    /// It was only recorded: the decision would have been the same without it.
    pub shadow: bool,
    /// For people: the `explain` of the limit or rule, filled in.
    pub text: String,
    /// The numeric and boolean facts (as 0 and 1) that its condition looked at; of a limit also `used`, `burst`,
    /// `retry_after_ms` and `next_at_ms`.
    pub numbers: BTreeMap<String, i64>,
    /// Where `retry_after_ms` stands in `text`, first and last byte and one: it is another number later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<(u32, u32)>,
}

impl Opinion {
    /// The opinion as it is said at `now_ms`: with what is left of its wait, in numbers and text, at least 0. The time
    /// at which the wait ends (`next_at_ms`) stays.
    #[must_use]
    pub fn said_at(&self, now_ms: u64) -> Self {
        let mut said = self.clone();
        let (Some(next_at_ms), Some(wait_ms)) =
            (self.numbers.get("next_at_ms"), said.numbers.get_mut("retry_after_ms"))
        else {
            return said;
        };
        let now_ms = i64::try_from(now_ms).unwrap_or(i64::MAX);
        *wait_ms = next_at_ms.saturating_sub(now_ms).max(0);
        let wait = wait_ms.to_string();
        // From the end, so that what is replaced does not move what is still to be.
        for (start, end) in self.waits.iter().rev() {
            let range = *start as usize..*end as usize;
            if self.text.get(range.clone()).is_some() {
                said.text.replace_range(range, &wait);
            }
        }
        said
    }
}

impl Decision {
    /// The opinions that made the verdict.
    pub fn enforced(&self) -> impl Iterator<Item = &Opinion> {
        self.reasons.iter().filter(|opinion| !opinion.shadow)
    }

    /// The opinions that were only recorded.
    pub fn shadowed(&self) -> impl Iterator<Item = &Opinion> {
        self.reasons.iter().filter(|opinion| opinion.shadow)
    }
}
