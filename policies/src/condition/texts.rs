//! What texts can be: some facts are one of a few words, others have a normal form, and a comparison with anything else
//! has one answer for ever.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators as op};

use super::types::{ANY_BOOL, FALSE, TRUE, ValueRange};
use crate::facts::{Fact, TextForm};
use crate::source::{list, suggest};

/// Choices of texts by `? :` that are followed; beyond it nothing is claimed.
const TEXTS_MAX: usize = 64;

/// What one part of a condition can be.
enum Texts<'a> {
    /// One of these.
    Set(Vec<&'a str>),
    /// A fact in its normal form.
    TextForm(TextForm),
    /// Anything.
    Any,
}

impl<'a> Texts<'a> {
    fn of(part: &'a IdedExpr) -> Self {
        match &part.expr {
            Expr::Literal(LiteralValue::String(text)) => Texts::Set(vec![text.inner()]),
            Expr::Ident(name) => match Fact::named(name).map(|fact| fact.form) {
                Some(TextForm::Words(words)) => Texts::Set(words.to_vec()),
                Some(form @ (TextForm::Host | TextForm::Lower)) => Texts::TextForm(form),
                Some(TextForm::Any) | None => Texts::Any,
            },
            Expr::Call(call) if call.func_name == op::CONDITIONAL => match call.args.as_slice() {
                [_, yes, no] => Self::of(yes).or(Self::of(no)),
                _ => Texts::Any,
            },
            _ => Texts::Any,
        }
    }

    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Texts::Set(mut one), Texts::Set(two)) if one.len() + two.len() <= TEXTS_MAX => {
                one.extend(two);
                Texts::Set(one)
            }
            _ => Texts::Any,
        }
    }
}

/// What a comparison of texts or a call with texts can yield.
pub(super) fn outcome(call: &CallExpr) -> ValueRange {
    let name = call.func_name.as_str();
    let parts: Vec<&IdedExpr> = call.target.iter().map(AsRef::as_ref).chain(&call.args).collect();
    match parts.as_slice() {
        [one, two] if name == op::IN => {
            let Expr::List(list) = &two.expr else { return ANY_BOOL };
            let equal = list.elements.iter().map(|element| pair(op::EQUALS, one, element));
            equal.fold(FALSE, ValueRange::either)
        }
        [one, two] => pair(name, one, two),
        _ => ANY_BOOL,
    }
}

fn pair(name: &str, one: &IdedExpr, two: &IdedExpr) -> ValueRange {
    match (Texts::of(one), Texts::of(two)) {
        (Texts::Set(one), Texts::Set(two)) => {
            let mut answers = one.iter().flat_map(|a| two.iter().map(|b| answer(name, a, b)));
            let Some(Some(first)) = answers.next() else { return ANY_BOOL };
            let same = answers.all(|answer| answer == Some(first));
            if !same {
                ANY_BOOL
            } else if first {
                TRUE
            } else {
                FALSE
            }
        }
        (Texts::TextForm(form), Texts::Set(texts)) if texts.iter().all(|text| !can_be(form, name, text)) => never(name),
        (Texts::Set(texts), Texts::TextForm(form))
            if matches!(name, op::EQUALS | op::NOT_EQUALS) && texts.iter().all(|text| !can_be(form, name, text)) =>
        {
            never(name)
        }
        _ => ANY_BOOL,
    }
}

fn never(name: &str) -> ValueRange {
    if name == op::NOT_EQUALS { TRUE } else { FALSE }
}

fn answer(name: &str, a: &str, b: &str) -> Option<bool> {
    Some(match name {
        op::EQUALS => a == b,
        op::NOT_EQUALS => a != b,
        op::LESS => a < b,
        op::LESS_EQUALS => a <= b,
        op::GREATER => a > b,
        op::GREATER_EQUALS => a >= b,
        "startsWith" => a.starts_with(b),
        "endsWith" => a.ends_with(b),
        "contains" => a.contains(b),
        _ => return None,
    })
}

/// Whether a text in this form can equal, start with, end with or contain `text`. Nothing is claimed of an order.
fn can_be(form: TextForm, name: &str, text: &str) -> bool {
    let (whole, start, end) = match name {
        op::EQUALS | op::NOT_EQUALS => (true, true, true),
        "startsWith" => (false, true, false),
        "endsWith" => (false, false, true),
        "contains" => (false, false, false),
        _ => return true,
    };
    let lower = !text.chars().any(|letter| letter.to_lowercase().ne([letter]));
    match form {
        TextForm::Host => {
            let host = lower && text.is_ascii() && !text.contains(|letter: char| letter.is_ascii_whitespace());
            host && !(end && text.ends_with('.')) && !(start && whole && text.starts_with('.'))
        }
        TextForm::Lower => {
            lower && !(start && text.starts_with(char::is_whitespace)) && !(end && text.ends_with(char::is_whitespace))
        }
        TextForm::Any | TextForm::Words(_) => true,
    }
}

/// The lengths of the texts that a part can be, in characters.
pub(super) fn size(part: &IdedExpr) -> Option<ValueRange> {
    let Texts::Set(texts) = Texts::of(part) else { return None };
    let sizes: Vec<i128> = texts.iter().map(|text| text.chars().count() as i128).collect();
    Some(ValueRange::new(&sizes))
}

/// Warnings about literals that a fact can never be.
pub(super) fn cautions(call: &CallExpr) -> Vec<String> {
    let name = call.func_name.as_str();
    let parts: Vec<&IdedExpr> = call.target.iter().map(AsRef::as_ref).chain(&call.args).collect();
    let [one, two] = parts.as_slice() else { return Vec::new() };
    let equals = matches!(name, op::EQUALS | op::NOT_EQUALS | op::IN);
    let mut cautions = Vec::new();
    for (a, b) in [(one, two), (two, one)] {
        let elements: Vec<&IdedExpr> = match &b.expr {
            Expr::List(list) if name == op::IN => list.elements.iter().collect(),
            _ => vec![*b],
        };
        let firsts: Vec<&IdedExpr> = match &a.expr {
            Expr::List(list) if name == op::IN => list.elements.iter().collect(),
            _ => vec![*a],
        };
        for fact in firsts.into_iter().filter_map(fact) {
            let literals = elements.iter().filter_map(|element| literal(element));
            cautions.extend(literals.filter_map(|text| caution(fact, if equals { op::EQUALS } else { name }, text)));
        }
    }
    cautions
}

fn fact(part: &IdedExpr) -> Option<&'static Fact> {
    match &part.expr {
        Expr::Ident(name) => Fact::named(name),
        _ => None,
    }
}

fn literal(part: &IdedExpr) -> Option<&str> {
    match &part.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

fn caution(fact: &Fact, name: &str, text: &str) -> Option<String> {
    match fact.form {
        TextForm::Words(words) => {
            let fits = words.iter().any(|word| answer(name, word, text) == Some(true));
            if fits || !matches!(name, op::EQUALS | "startsWith" | "endsWith" | "contains") {
                return None;
            }
            let hint = if name == op::EQUALS { suggest(text, words).unwrap_or_default() } else { String::new() };
            let verb = verb(name);
            Some(format!("`{}` {verb} {text:?}: it is one of {}{hint}", fact.name, list(words)))
        }
        form @ (TextForm::Host | TextForm::Lower) if !can_be(form, name, text) => {
            let shape = match form {
                TextForm::Host => "it is in lower case, as A-label, without a dot at the end",
                _ => "it is in lower case, without white space at its ends",
            };
            Some(format!("`{}` {} {text:?}: {shape}", fact.name, verb(name)))
        }
        _ => None,
    }
}

fn verb(name: &str) -> &'static str {
    match name {
        "startsWith" => "never starts with",
        "endsWith" => "never ends with",
        "contains" => "never contains",
        _ => "is never",
    }
}
