//! Conditions that only compare whole numbers and flags, as most do. They are evaluated without the interpreter.
//!
//! The result is the same as with CEL, which the tests check. The evaluation cannot fail, because there is no
//! arithmetic. The interpreter looks up each fact by its name and, in cel 0.15, formats the message of a type error
//! before every comparison. Together that was more work than the rest of a decision.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators as op};

use crate::facts::{Facts, Read, reader};

/// A condition over numbers and flags.
#[derive(Debug, Clone)]
pub(super) enum Plain {
    Flag(Read),
    Constant(bool),
    Compare(Number, fn(&i64, &i64) -> bool, Number),
    Not(Box<Plain>),
    All(Box<[Plain; 2]>),
    Any(Box<[Plain; 2]>),
}

#[derive(Debug, Clone)]
pub(super) enum Number {
    Fact(Read),
    Literal(i64),
}

impl Plain {
    /// The checked condition in this form; `None` if it does more than compare.
    pub(super) fn of(condition: &IdedExpr) -> Option<Self> {
        match &condition.expr {
            Expr::Ident(name) => Some(Plain::Flag(reader(name)?)),
            Expr::Literal(LiteralValue::Boolean(flag)) => Some(Plain::Constant(*flag.inner())),
            Expr::Call(call) if call.target.is_none() => Self::of_call(call),
            _ => None,
        }
    }

    fn of_call(call: &CallExpr) -> Option<Self> {
        match (call.func_name.as_str(), call.args.as_slice()) {
            (op::LOGICAL_NOT, [part]) => Some(Plain::Not(Box::new(Self::of(part)?))),
            (op::LOGICAL_AND, [a, b]) => Some(Plain::All(Box::new([Self::of(a)?, Self::of(b)?]))),
            (op::LOGICAL_OR, [a, b]) => Some(Plain::Any(Box::new([Self::of(a)?, Self::of(b)?]))),
            (name, [a, b]) => Some(Plain::Compare(Number::of(a)?, comparison(name)?, Number::of(b)?)),
            _ => None,
        }
    }

    /// Whether the condition is true.
    pub(super) fn holds(&self, facts: &Facts, now_ms: u64) -> bool {
        match self {
            Plain::Flag(read) => read(facts, now_ms) == 1,
            Plain::Constant(flag) => *flag,
            Plain::Compare(a, compare, b) => compare(&a.value(facts, now_ms), &b.value(facts, now_ms)),
            Plain::Not(part) => !part.holds(facts, now_ms),
            Plain::All(parts) => parts.iter().all(|part| part.holds(facts, now_ms)),
            Plain::Any(parts) => parts.iter().any(|part| part.holds(facts, now_ms)),
        }
    }
}

impl Number {
    fn of(part: &IdedExpr) -> Option<Self> {
        match &part.expr {
            Expr::Ident(name) => Some(Number::Fact(reader(name)?)),
            Expr::Literal(LiteralValue::Int(number)) => Some(Number::Literal(*number.inner())),
            _ => None,
        }
    }

    fn value(&self, facts: &Facts, now_ms: u64) -> i64 {
        match self {
            Number::Fact(read) => read(facts, now_ms),
            Number::Literal(number) => *number,
        }
    }
}

fn comparison(name: &str) -> Option<fn(&i64, &i64) -> bool> {
    Some(match name {
        op::LESS => i64::lt,
        op::LESS_EQUALS => i64::le,
        op::GREATER => i64::gt,
        op::GREATER_EQUALS => i64::ge,
        op::EQUALS => i64::eq,
        op::NOT_EQUALS => i64::ne,
        _ => return None,
    })
}
