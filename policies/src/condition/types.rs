//! Types and ranges of parts of a condition.

use crate::facts::FactType;

/// What is known of a part before any message is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    One(FactType),
    /// `None`: the empty list, which fits every type.
    List(Option<FactType>),
}

/// Smallest and largest value: numbers as they are, bools as 0 and 1. Says nothing of strings and lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) lo: i128,
    pub(super) hi: i128,
}

pub(super) const ANY_INT: Span = Span { lo: i64::MIN as i128, hi: i64::MAX as i128 };
pub(super) const ANY_BOOL: Span = Span { lo: 0, hi: 1 };
pub(super) const TRUE: Span = Span { lo: 1, hi: 1 };
pub(super) const FALSE: Span = Span { lo: 0, hi: 0 };

impl Known {
    pub(super) fn int(span: Span) -> Self {
        Self { kind: Kind::One(FactType::Int), span }
    }

    pub(super) fn bool(span: Span) -> Self {
        Self { kind: Kind::One(FactType::Bool), span }
    }

    pub(super) fn text() -> Self {
        Self { kind: Kind::One(FactType::Text), span: ANY_INT }
    }

    /// Whether its span means anything.
    pub(super) fn is_number(self) -> bool {
        matches!(self.kind, Kind::One(FactType::Int | FactType::Bool))
    }
}

impl Kind {
    pub(super) fn name(self) -> String {
        match self {
            Kind::One(kind) => kind.to_string(),
            Kind::List(Some(kind)) => format!("list of {kind}"),
            Kind::List(None) => "empty list".to_owned(),
        }
    }
}

impl Span {
    /// The values that fit 64 bits: what lies beyond is an error when evaluated, not a value.
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

    /// By a fixed divisor that is not zero; otherwise nothing is claimed.
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
