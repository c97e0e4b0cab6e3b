//! Durations (`"48h"`, `"500ms"`) and sizes (`"256KiB"`) as operators write them.
//!
//! One whole number and one unit, nothing else: what is shown is what was written, and no fraction has to be rounded.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// The largest span in milliseconds and the largest size in bytes: 2^53 − 1, what JSON numbers carry exactly.
pub const UNIT_MAX: u64 = (1 << 53) - 1;

/// Duration units, largest first: name and milliseconds.
const SPAN_UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Size units, largest first: name and bytes.
const SIZE_UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// A length of time in whole milliseconds, 0 to [`UNIT_MAX`]. Written as `"500ms"`, `"5s"`, `"30m"`, `"48h"`, `"90d"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

impl Span {
    /// A span of that many milliseconds; more than [`UNIT_MAX`] is cut to it.
    pub const fn from_ms(ms: u64) -> Self {
        Self(if ms > UNIT_MAX { UNIT_MAX } else { ms })
    }

    /// The length in milliseconds.
    pub const fn ms(self) -> u64 {
        self.0
    }

    /// The length as the standard library's type, for timers.
    pub const fn as_std(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

/// A size in whole bytes, 0 to [`UNIT_MAX`]. Written as `"512B"`, `"256KiB"`, `"1MiB"`, `"2GiB"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    /// A size of that many bytes; more than [`UNIT_MAX`] is cut to it.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(if bytes > UNIT_MAX { UNIT_MAX } else { bytes })
    }

    /// The size in bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

/// Why a duration or size could not be read. Always the writer's mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// It does not begin with a whole number.
    #[error("`{text}` does not begin with a whole number; write it like \"{example}\"")]
    Number {
        /// What was written.
        text: String,
        /// A well-formed value.
        example: &'static str,
    },
    /// The unit is missing or not one of ours.
    #[error("`{text}` has {}; known units: {known}", if unit.is_empty() { "no unit".to_owned() } else { format!("the unknown unit `{unit}`") })]
    Unit {
        /// What was written.
        text: String,
        /// What stood in the place of the unit.
        unit: String,
        /// All units, separated by spaces.
        known: &'static str,
    },
    /// More than [`UNIT_MAX`] milliseconds or bytes.
    #[error("`{text}` is too large")]
    TooLarge {
        /// What was written.
        text: String,
    },
}

/// A time for people, rounded up to a whole unit: `45 s`, `3 min`, `2 h`, `5 days`.
pub fn in_words(ms: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(60_000, "s"), (3_600_000, "min"), (2 * 86_400_000, "h")];
    const SIZES: [u64; 3] = [1_000, 60_000, 3_600_000];
    let unit = UNITS.iter().zip(SIZES).find(|((below, _), _)| ms < *below);
    match unit {
        Some(((_, name), size)) => format!("{} {name}", ms.div_ceil(size)),
        None => format!("{} days", ms.div_ceil(86_400_000)),
    }
}

/// A moment for people, from Unix milliseconds: `2026-11-28 03:10:44 UTC`.
///
/// Source: Howard Hinnant, *chrono-Compatible Low-Level Date Algorithms*, `civil_from_days`.
pub fn date(unix_ms: u64) -> String {
    let seconds = unix_ms / 1_000;
    let (day, second) = (seconds / 86_400, seconds % 86_400);
    // Years begin in March, so that the leap day is the last one of its year; eras have 400 of them.
    let day = day + 719_468;
    let (era, day_of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year}-{month:02}-{day_of_month:02} {hour:02}:{minute:02}:{second:02} UTC")
}

fn parse(text: &str, units: &[(&str, u64)], known: &'static str, example: &'static str) -> Result<u64, UnitError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(UnitError::Number { text: text.to_owned(), example });
    }
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) else {
        return Err(UnitError::Unit { text: text.to_owned(), unit: unit.to_owned(), known });
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(*factor))
        .filter(|value| *value <= UNIT_MAX)
        .ok_or_else(|| UnitError::TooLarge { text: text.to_owned() })
}

fn format(value: u64, units: &[(&str, u64)], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let smallest = units.len() - 1;
    let at = units.iter().position(|(_, factor)| value != 0 && value.is_multiple_of(*factor)).unwrap_or(smallest);
    let (name, factor) = units[at];
    write!(f, "{}{name}", value / factor)
}

impl FromStr for Span {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        parse(text, &SPAN_UNITS, "ms s m h d", "48h").map(Self)
    }
}

impl FromStr for ByteSize {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        parse(text, &SIZE_UNITS, "B KiB MiB GiB", "256KiB").map(Self)
    }
}

impl fmt::Display for Span {
    /// With the largest unit that needs no fraction, so that it reads back to the same value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        format(self.0, &SPAN_UNITS, f)
    }
}

impl fmt::Display for ByteSize {
    /// With the largest unit that needs no fraction, so that it reads back to the same value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        format(self.0, &SIZE_UNITS, f)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

struct UnitVisitor<T> {
    expected: &'static str,
    made: std::marker::PhantomData<T>,
}

impl<T: FromStr<Err = UnitError>> Visitor<'_> for UnitVisitor<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a duration with its unit in quotes, like \"48h\"";
        deserializer.deserialize_str(UnitVisitor { expected, made: std::marker::PhantomData })
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let expected = "a size with its unit in quotes, like \"256KiB\"";
        deserializer.deserialize_str(UnitVisitor { expected, made: std::marker::PhantomData })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spans_as_operators_write_them() {
        for (text, ms) in [
            ("0ms", 0),
            ("500ms", 500),
            ("2s", 2_000),
            ("30m", 1_800_000),
            ("48h", 172_800_000),
            ("90d", 7_776_000_000),
            ("9007199254740991ms", UNIT_MAX),
        ] {
            assert_eq!(text.parse::<Span>().map(Span::ms), Ok(ms), "{text}");
        }
    }

    #[test]
    fn shown_with_the_largest_whole_unit() {
        for (ms, text) in [(0, "0ms"), (1_500, "1500ms"), (90_000, "90s"), (172_800_000, "2d"), (3_600_000, "1h")] {
            assert_eq!(Span::from_ms(ms).to_string(), text);
        }
        for (bytes, text) in [(0, "0B"), (1_000, "1000B"), (262_144, "256KiB"), (1 << 30, "1GiB")] {
            assert_eq!(ByteSize::from_bytes(bytes).to_string(), text);
        }
    }

    #[test]
    fn times_for_people() {
        for (ms, text) in [
            (0, "0 s"),
            (1, "1 s"),
            (59_000, "59 s"),
            (60_000, "1 min"),
            (61_000, "2 min"),
            (7_200_000, "2 h"),
            (86_400_000, "24 h"),
            (172_800_000, "2 days"),
            (172_800_001, "3 days"),
        ] {
            assert_eq!(in_words(ms), text, "{ms}");
        }
        for (ms, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399_999, "2000-02-28 23:59:59 UTC"),
            (951_782_400_000, "2000-02-29 00:00:00 UTC"),
            (1_790_000_000_000, "2026-09-21 14:13:20 UTC"),
            (4_107_542_400_000, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(date(ms), text, "{ms}");
        }
    }

    #[test]
    fn what_is_not_a_span_or_size_says_why() {
        for (text, why) in [
            ("", "does not begin with a whole number"),
            ("h", "does not begin with a whole number"),
            ("-1s", "does not begin with a whole number"),
            ("48", "has no unit; known units: ms s m h d"),
            ("48 h", "the unknown unit ` h`"),
            ("1.5h", "the unknown unit `.5h`"),
            ("1h30m", "the unknown unit `h30m`"),
            ("48H", "the unknown unit `H`"),
            ("9007199254740992ms", "too large"),
            ("99999999999999999999d", "too large"),
        ] {
            let message = text.parse::<Span>().map_err(|e| e.to_string()).expect_err(text);
            assert!(message.contains(why), "{text}: {message}");
        }
        for (text, why) in [("256", "no unit"), ("256KB", "the unknown unit `KB`; known units: B KiB MiB GiB")] {
            let message = text.parse::<ByteSize>().map_err(|e| e.to_string()).expect_err(text);
            assert!(message.contains(why), "{text}: {message}");
        }
    }

    #[test]
    fn a_bare_number_in_a_file_is_refused() {
        let error = serde_json::from_str::<Span>("48").expect_err("no unit");
        assert!(error.to_string().contains("a duration with its unit"), "{error}");
        assert!(serde_json::from_str::<ByteSize>("\"1MiB\"").is_ok_and(|size| size.bytes() == 1 << 20));
    }

    proptest! {
        #[test]
        fn spans_read_back(ms in 0..=UNIT_MAX) {
            let span = Span::from_ms(ms);
            prop_assert_eq!(span.to_string().parse::<Span>(), Ok(span));
            prop_assert_eq!(span.as_std().as_millis(), u128::from(ms));
        }

        #[test]
        fn sizes_read_back(bytes in 0..=UNIT_MAX) {
            let size = ByteSize::from_bytes(bytes);
            prop_assert_eq!(size.to_string().parse::<ByteSize>(), Ok(size));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,24}") {
            let _ = text.parse::<Span>();
            let _ = text.parse::<ByteSize>();
        }
    }
}
