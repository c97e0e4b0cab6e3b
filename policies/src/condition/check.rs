//! The static check that `cel` lacks: every name is a fact, every operator and function gets the types it takes.
//!
//! It infers the type of each part, and the range of values that the part can have. The range shows conditions that are
//! always or never true, such as `score < -2000`.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators as op};

use super::{
    texts,
    types::{ANY_BOOL, ANY_INT, FALSE, Inferred, PartType, TRUE, ValueRange},
};
use crate::facts::{FACTS, Fact, FactType};
use crate::source::suggest;

/// The functions that conditions may call.
const FUNCTIONS: [&str; 4] = ["size", "startsWith", "endsWith", "contains"];

/// The result of the check of a correct condition.
pub(super) struct CheckedCondition {
    /// The value of the condition, if it is always the same.
    pub(super) constant: Option<bool>,
    /// Warnings about divisors that may be zero, and about texts that a fact can never be.
    pub(super) cautions: Vec<String>,
}

/// An error in a part of the condition.
#[derive(Debug)]
pub(super) struct Mismatch {
    pub(super) id: u64,
    pub(super) message: String,
}

pub(super) fn check(condition: &IdedExpr) -> Result<CheckedCondition, Mismatch> {
    let mut checker = Checker { cautions: Vec::new() };
    let known = checker.part(condition)?;
    if known.kind != PartType::One(FactType::Bool) {
        let message = format!("the condition is of type {}, not bool; compare it with something", known.kind.name());
        return Err(Mismatch { id: condition.id, message });
    }
    Ok(CheckedCondition { constant: known.span.only().map(|value| value == 1), cautions: checker.cautions })
}

struct Checker {
    cautions: Vec<String>,
}

impl Checker {
    fn part(&mut self, part: &IdedExpr) -> Result<Inferred, Mismatch> {
        let refuse = |message: &str| Err(Mismatch { id: part.id, message: message.to_owned() });
        match &part.expr {
            Expr::Literal(LiteralValue::Boolean(flag)) => Ok(Inferred::bool(if *flag.inner() { TRUE } else { FALSE })),
            Expr::Literal(LiteralValue::Int(number)) => {
                Ok(Inferred::int(ValueRange::new(&[i128::from(*number.inner())])))
            }
            Expr::Literal(LiteralValue::String(_)) => Ok(Inferred::text()),
            Expr::Literal(LiteralValue::Double(_)) => {
                refuse("fractions are not used here: facts are whole numbers, scores and confidences in thousandths")
            }
            Expr::Literal(_) => refuse("only whole numbers, strings, true and false can be written here"),
            Expr::Ident(name) => fact(part.id, name),
            Expr::List(list) if list.optional_indices.is_empty() => self.list(&list.elements),
            Expr::Call(call) => self.call(part.id, call),
            Expr::Select(select) if !select.test => {
                refuse(&format!("facts have no fields, so `.{}` means nothing", select.field))
            }
            Expr::Comprehension(_) | Expr::Select(_) => {
                refuse("facts are single values, so has(), all(), exists(), map() and filter() have nothing to work on")
            }
            _ => refuse("maps, structures and optional values are not used in conditions"),
        }
    }

    fn list(&mut self, elements: &[IdedExpr]) -> Result<Inferred, Mismatch> {
        let mut kind = None;
        let mut span: Option<ValueRange> = None;
        for element in elements {
            let known = self.part(element)?;
            let PartType::One(found) = known.kind else {
                return Err(Mismatch { id: element.id, message: "a list within a list is not used here".to_owned() });
            };
            if *kind.get_or_insert(found) != found {
                let message =
                    format!("a list of {} and {found}; all elements must have one type", kind.unwrap_or(found));
                return Err(Mismatch { id: element.id, message });
            }
            span = Some(span.map_or(known.span, |span| span.join(known.span)));
        }
        Ok(Inferred { kind: PartType::List(kind), span: span.unwrap_or(FALSE) })
    }

    fn call(&mut self, id: u64, call: &CallExpr) -> Result<Inferred, Mismatch> {
        let name = call.func_name.as_str();
        // Names first: a misspelt name explains more than the types of its arguments.
        let known_name = FUNCTIONS.contains(&name) || symbol(name).is_some();
        if !known_name {
            return Err(Mismatch { id, message: unknown_function(name) });
        }
        let mut given = Vec::new();
        for part in call.target.iter().map(AsRef::as_ref).chain(&call.args) {
            given.push(self.part(part)?);
        }
        let mut known = match given.as_slice() {
            [one] => unary(name, *one),
            [one, two] if call.target.is_none() => self.binary(name, *one, *two, call),
            [one, two] => method(name, *one, *two),
            [test, yes, no] if name == op::CONDITIONAL => conditional(*test, *yes, *no),
            _ => None,
        };
        if let Some(known) = &mut known {
            self.follow_texts(call, &given, known);
        }
        known.ok_or_else(|| Mismatch { id, message: no_overload(name, &given) })
    }

    /// Narrows the range of a call on texts, and warns about texts that a fact can never be.
    fn follow_texts(&mut self, call: &CallExpr, given: &[Inferred], known: &mut Inferred) {
        let text = PartType::One(FactType::Text);
        match given {
            [one] if one.kind == text && call.func_name == "size" => {
                known.span = call.args.first().and_then(texts::size).unwrap_or(known.span);
            }
            [one, _] if one.kind == text && known.kind == PartType::One(FactType::Bool) => {
                if known.span == ANY_BOOL {
                    known.span = texts::outcome(call);
                }
                for caution in texts::cautions(call) {
                    if !self.cautions.contains(&caution) {
                        self.cautions.push(caution);
                    }
                }
            }
            _ => {}
        }
    }

    fn binary(&mut self, name: &str, one: Inferred, two: Inferred, call: &CallExpr) -> Option<Inferred> {
        if matches!(name, op::DIVIDE | op::MODULO) && two.span.contains(0) {
            let divisor = call.args.get(1).map_or("the divisor", |arg| match &arg.expr {
                Expr::Ident(name) => name.as_str(),
                _ => "the divisor",
            });
            self.cautions.push(format!(
                "{divisor} may be 0, and a condition that divides by zero counts as `defer`; multiply the other side instead"
            ));
        }
        operator(name, one, two)
    }
}

fn fact(id: u64, name: &str) -> Result<Inferred, Mismatch> {
    let Some(fact) = Fact::named(name) else {
        let names: Vec<&str> = FACTS.iter().map(|fact| fact.name).collect();
        let hint = suggest(name, &names).unwrap_or_else(|| "; docs/policies.md lists the facts".to_owned());
        return Err(Mismatch { id, message: format!("unknown variable `{name}`{hint}") });
    };
    let span = ValueRange { lo: i128::from(fact.range.0), hi: i128::from(fact.range.1) };
    Ok(match fact.kind {
        FactType::Text => Inferred::text(),
        kind => Inferred { kind: PartType::One(kind), span },
    })
}

fn unary(name: &str, one: Inferred) -> Option<Inferred> {
    match (name, one.kind) {
        (op::LOGICAL_NOT, PartType::One(FactType::Bool)) => Some(Inferred::bool(one.span.not())),
        (op::NEGATE, PartType::One(FactType::Int)) => Some(Inferred::int(one.span.negate())),
        ("size", PartType::One(FactType::Text) | PartType::List(_)) => {
            Some(Inferred::int(ValueRange { lo: 0, hi: ANY_INT.hi }))
        }
        _ => None,
    }
}

fn method(name: &str, one: Inferred, two: Inferred) -> Option<Inferred> {
    let texts = one.kind == PartType::One(FactType::Text) && two.kind == PartType::One(FactType::Text);
    (texts && matches!(name, "startsWith" | "endsWith" | "contains")).then(|| Inferred::bool(ANY_BOOL))
}

fn conditional(test: Inferred, yes: Inferred, no: Inferred) -> Option<Inferred> {
    if test.kind != PartType::One(FactType::Bool) || yes.kind != no.kind {
        return None;
    }
    let span = match test.span.only() {
        Some(1) => yes.span,
        Some(_) => no.span,
        None => yes.span.join(no.span),
    };
    Some(Inferred { kind: yes.kind, span })
}

fn operator(name: &str, one: Inferred, two: Inferred) -> Option<Inferred> {
    let (a, b) = (one.span, two.span);
    if name == op::IN {
        let PartType::List(element) = two.kind else { return None };
        return match element {
            None => Some(Inferred::bool(FALSE)),
            Some(kind) if one.kind != PartType::One(kind) => None,
            // A value within the range of the elements may be none of them, but a value outside is none for certain.
            Some(_) if one.is_number() && a.equals(b) == FALSE => Some(Inferred::bool(FALSE)),
            Some(_) => Some(Inferred::bool(ANY_BOOL)),
        };
    }
    let PartType::One(kind) = one.kind else { return None };
    if two.kind != one.kind {
        return None;
    }
    let compared = |span: ValueRange| Some(Inferred::bool(if one.is_number() { span } else { ANY_BOOL }));
    match name {
        op::EQUALS => return compared(a.equals(b)),
        op::NOT_EQUALS => return compared(a.equals(b).not()),
        op::LESS => return compared(a.less(b)),
        op::GREATER => return compared(b.less(a)),
        op::LESS_EQUALS => return compared(b.less(a).not()),
        op::GREATER_EQUALS => return compared(a.less(b).not()),
        _ => {}
    }
    Some(match (name, kind) {
        (op::LOGICAL_AND, FactType::Bool) => Inferred::bool(a.both(b)),
        (op::LOGICAL_OR, FactType::Bool) => Inferred::bool(a.either(b)),
        (op::ADD, FactType::Text) => Inferred::text(),
        (op::ADD, FactType::Int) => Inferred::int(a.plus(b)),
        (op::SUBSTRACT, FactType::Int) => Inferred::int(a.minus(b)),
        (op::MULTIPLY, FactType::Int) => Inferred::int(a.times(b)),
        (op::DIVIDE, FactType::Int) => Inferred::int(a.over(b)),
        (op::MODULO, FactType::Int) => Inferred::int(ANY_INT),
        _ => return None,
    })
}

/// The symbol of an operator; `None` for a function.
fn symbol(name: &str) -> Option<&'static str> {
    const SYMBOLS: [(&str, &str); 17] = [
        (op::LOGICAL_AND, "&&"),
        (op::LOGICAL_OR, "||"),
        (op::LOGICAL_NOT, "!"),
        (op::CONDITIONAL, "?:"),
        (op::NEGATE, "-"),
        (op::ADD, "+"),
        (op::SUBSTRACT, "-"),
        (op::MULTIPLY, "*"),
        (op::DIVIDE, "/"),
        (op::MODULO, "%"),
        (op::EQUALS, "=="),
        (op::NOT_EQUALS, "!="),
        (op::LESS, "<"),
        (op::LESS_EQUALS, "<="),
        (op::GREATER, ">"),
        (op::GREATER_EQUALS, ">="),
        (op::IN, "in"),
    ];
    SYMBOLS.iter().find(|(operator, _)| *operator == name).map(|(_, symbol)| *symbol)
}

fn unknown_function(name: &str) -> String {
    match name {
        "matches" => "matches() is not offered: a regular expression per message costs too much; use startsWith(), \
                      endsWith(), contains() or `in`"
            .to_owned(),
        op::INDEX | op::OPT_INDEX => "facts have no elements, so `[…]` after a value means nothing".to_owned(),
        op::OPT_SELECT => "facts have no fields, so `.?` means nothing".to_owned(),
        _ => {
            let hint = suggest(name, &FUNCTIONS).unwrap_or_else(|| {
                "; there are size(text), text.startsWith(text), text.endsWith(text) and text.contains(text)".to_owned()
            });
            format!("unknown function `{name}`{hint}")
        }
    }
}

fn no_overload(name: &str, given: &[Inferred]) -> String {
    let kinds: Vec<String> = given.iter().map(|known| known.kind.name()).collect();
    match (symbol(name), kinds.as_slice()) {
        (Some("?:"), _) => format!("`?:` takes a bool and two values of one type, not {}", kinds.join(", ")),
        (Some("in"), [one, two]) => format!("`in` takes a value and a list of its type, not {one} and {two}"),
        (Some(symbol @ ("&&" | "||" | "!")), _) => format!("`{symbol}` takes bools, not {}", kinds.join(" and ")),
        (Some(symbol), _) => format!("`{symbol}` cannot take {}", kinds.join(" and ")),
        (None, _) if name == "size" => format!("size() takes one string or list, not ({})", kinds.join(", ")),
        (None, _) => format!("{name}() is called on a string with one string: sender_domain.{name}(\"example\")"),
    }
}
