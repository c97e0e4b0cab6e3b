//! `60/min`: how fast the cells of a limit become free.

use std::fmt;

/// Messages per period, as written in a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    count: u64,
    per: Period,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Period {
    Second,
    Minute,
    Hour,
    Day,
}

const PERIODS: [(&str, Period); 4] =
    [("s", Period::Second), ("min", Period::Minute), ("hour", Period::Hour), ("day", Period::Day)];

/// More messages per period than any server handles. It keeps the interval above a nanosecond.
const COUNT_MAX: u64 = 1_000_000;

impl Rate {
    /// Reads `60/min`: a whole number from 1 to 1,000,000, a slash, and `s`, `min`, `hour` or `day`.
    ///
    /// # Errors
    /// A phrase that continues "`rate` …".
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let shape =
            || format!("is {text:?}; expected a number and `/s`, `/min`, `/hour` or `/day`, such as \"60/min\"");
        let (count, unit) = text.split_once('/').ok_or_else(shape)?;
        if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(shape());
        }
        let per = PERIODS.iter().find(|(name, _)| *name == unit).map(|(_, per)| *per).ok_or_else(shape)?;
        match count.parse::<u64>() {
            Ok(count @ 1..=COUNT_MAX) => Ok(Self { count, per }),
            _ => Err(format!("is {text:?}; the number must be 1 to {COUNT_MAX}")),
        }
    }

    /// The nanoseconds in which one cell becomes free, rounded up so that never more messages pass than the rate
    /// allows.
    pub fn interval_ns(self) -> u64 {
        let period_s: u64 = match self.per {
            Period::Second => 1,
            Period::Minute => 60,
            Period::Hour => 3_600,
            Period::Day => 86_400,
        };
        (period_s * 1_000_000_000).div_ceil(self.count)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = PERIODS.iter().find(|(_, per)| *per == self.per).map_or("", |(name, _)| name);
        write!(f, "{}/{unit}", self.count)
    }
}
