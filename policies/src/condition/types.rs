//! The types and ranges of the parts of a condition.

use crate::facts::FactType;

/// What is known about a part before a message is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Inferred {
    pub(super) kind: PartType,
    pub(super) span: ValueRange,
}

/// The type of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartType {
    One(FactType),
    /// `None`: the empty list, which fits every type.
    List(Option<FactType>),
}

/// The smallest and the largest value of a number, or of a bool as 0 and 1. Means nothing for strings. For a list, the
/// range of its elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ValueRange {
    pub(super) lo: i128,
    pub(super) hi: i128,
}

pub(super) const ANY_INT: ValueRange = ValueRange { lo: i64::MIN as i128, hi: i64::MAX as i128 };
pub(super) const ANY_BOOL: ValueRange = ValueRange { lo: 0, hi: 1 };
pub(super) const TRUE: ValueRange = ValueRange { lo: 1, hi: 1 };
pub(super) const FALSE: ValueRange = ValueRange { lo: 0, hi: 0 };

impl Inferred {
    pub(super) fn int(span: ValueRange) -> Self {
        Self { kind: PartType::One(FactType::Int), span }
    }

    pub(super) fn bool(span: ValueRange) -> Self {
        Self { kind: PartType::One(FactType::Bool), span }
    }

    pub(super) fn text() -> Self {
        Self { kind: PartType::One(FactType::Text), span: ANY_INT }
    }

    /// Whether its range means anything.
    pub(super) fn is_number(self) -> bool {
        matches!(self.kind, PartType::One(FactType::Int | FactType::Bool))
    }
}

impl PartType {
    pub(super) fn name(self) -> String {
        match self {
            PartType::One(kind) => kind.to_string(),
            PartType::List(Some(kind)) => format!("list of {kind}"),
            PartType::List(None) => "empty list".to_owned(),
        }
    }
}

impl ValueRange {
    /// The range of these values, cut to 64 bits: a larger number is an error in the evaluation, not a value.
    pub(super) fn new(values: &[i128]) -> Self {
        let clamp = |value: i128| value.clamp(ANY_INT.lo, ANY_INT.hi);
        let lo = values.iter().copied().min().map_or(ANY_INT.lo, clamp);
        let hi = values.iter().copied().max().map_or(ANY_INT.hi, clamp);
        Self { lo, hi }
    }

    pub(super) fn only(self) -> Option<i128> {
        (self.lo == self.hi).then_some(self.lo)
    }

    pub(super) fn contains(self, value: i128) -> bool {
        self.lo <= value && value <= self.hi
    }

    pub(super) fn join(self, other: Self) -> Self {
        Self { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    pub(super) fn both(self, other: Self) -> Self {
        Self { lo: self.lo.min(other.lo), hi: self.hi.min(other.hi) }
    }

    pub(super) fn either(self, other: Self) -> Self {
        Self { lo: self.lo.max(other.lo), hi: self.hi.max(other.hi) }
    }

    pub(super) fn not(self) -> Self {
        Self { lo: 1 - self.hi, hi: 1 - self.lo }
    }

    pub(super) fn negate(self) -> Self {
        Self::new(&[-self.lo, -self.hi])
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self::new(&[self.lo + other.lo, self.hi + other.hi])
    }

    pub(super) fn minus(self, other: Self) -> Self {
        Self::new(&[self.lo - other.hi, self.hi - other.lo])
    }

    pub(super) fn times(self, other: Self) -> Self {
        Self::new(&[self.lo * other.lo, self.lo * other.hi, self.hi * other.lo, self.hi * other.hi])
    }

    /// The range after a division. It is unknown unless the divisor has one value that is not zero.
    pub(super) fn over(self, other: Self) -> Self {
        match other.only() {
            Some(divisor) if divisor != 0 => Self::new(&[self.lo / divisor, self.hi / divisor]),
            _ => ANY_INT,
        }
    }

    /// Whether `self == other`.
    pub(super) fn equals(self, other: Self) -> Self {
        match (self.only(), other.only()) {
            (Some(one), Some(two)) if one == two => TRUE,
            _ if self.hi < other.lo || other.hi < self.lo => FALSE,
            _ => ANY_BOOL,
        }
    }

    /// Whether `self < other`.
    pub(super) fn less(self, other: Self) -> Self {
        if self.hi < other.lo {
            TRUE
        } else if self.lo >= other.hi {
            FALSE
        } else {
            ANY_BOOL
        }
    }
}
