//! A CEL condition: compiled and type-checked once, evaluated for every message.

mod check;
mod depth;
mod plain;
mod texts;
mod types;

use std::sync::Arc;

use cel::{Context, Program, Value};

use self::plain::Plain;
use crate::facts::{Fact, Facts};

/// The longest condition. A longer one should become several rules.
const CONDITION_LEN_BYTES_MAX: usize = 4096;

/// A condition over [`crate::FACTS`] that yields a bool.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    source: String,
    program: Arc<Program>,
    plain: Option<Plain>,
    numbers: Vec<&'static str>,
    constant: Option<bool>,
    cautions: Vec<String>,
}

/// Why a condition was refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ConditionError {
    /// The line within the condition, from 1.
    pub(crate) line: usize,
    /// Whether it is a syntax error. If not, the condition is CEL, but a name or a type is wrong.
    pub(crate) syntax: bool,
    pub(crate) message: String,
}

impl Condition {
    pub(crate) fn parse(source: &str) -> Result<Self, ConditionError> {
        let problem = |line, syntax, message| ConditionError { line, syntax, message };
        if source.len() > CONDITION_LEN_BYTES_MAX {
            return Err(problem(1, true, format!("a condition has at most {CONDITION_LEN_BYTES_MAX} bytes")));
        }
        depth::check_source(source).map_err(|message| problem(1, true, format!("not a condition: {message}")))?;
        let program = Program::compile(source).map_err(|errors| {
            let first = errors.errors.first();
            let line = first.and_then(|error| usize::try_from(error.pos.0).ok()).unwrap_or(1).max(1);
            let message = first.map_or("not a condition", |error| error.msg.as_str()).replace('\n', " ");
            problem(line, true, format!("not a CEL condition: {message}"))
        })?;
        let line_of = |id: u64| {
            let offset = program.source_info().offset_for(id).map_or(0, |(start, _)| start as usize);
            1 + source.chars().take(offset).filter(|letter| *letter == '\n').count()
        };
        depth::check_tree(program.expression()).map_err(|(id, message)| problem(line_of(id), false, message))?;
        let checked = check::check(program.expression())
            .map_err(|mismatch| problem(line_of(mismatch.id), false, mismatch.message))?;
        let references = program.references();
        let mut numbers: Vec<&'static str> = references
            .variables()
            .into_iter()
            .filter_map(Fact::named)
            .filter(|fact| fact.kind != crate::FactType::Text)
            .map(|fact| fact.name)
            .collect();
        numbers.sort_unstable();
        let constant = checked.constant.or_else(|| {
            let fixed = references.variables().is_empty();
            if !fixed { None } else { program.execute(&Context::default()).ok().and_then(as_bool) }
        });
        drop(references);
        Ok(Self {
            source: source.to_owned(),
            plain: Plain::of(program.expression()),
            program: Arc::new(program),
            numbers,
            constant,
            cautions: checked.cautions,
        })
    }

    /// The condition as it was written.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// The value of the condition, if it is always the same.
    pub(crate) fn constant(&self) -> Option<bool> {
        self.constant
    }

    /// Warnings about its evaluation.
    pub(crate) fn cautions(&self) -> &[String] {
        &self.cautions
    }

    /// Whether it uses the fact with this name.
    pub(crate) fn mentions(&self, fact: &str) -> bool {
        self.program.references().has_variable(fact)
    }

    /// Whether the condition is true for `facts` at `now_ms`. `scope` has the same facts as
    /// [`crate::facts::Variables`].
    ///
    /// # Errors
    /// The message of the interpreter, if a number overflows or a divisor is zero.
    pub(crate) fn holds(&self, facts: &Facts, now_ms: u64, scope: &Context<'_, '_>) -> Result<bool, String> {
        if let Some(plain) = &self.plain {
            return Ok(plain.holds(facts, now_ms));
        }
        let value = self.program.execute(scope).map_err(|error| error.to_string())?;
        as_bool(value).ok_or_else(|| "the condition did not yield a bool".to_owned())
    }

    /// The numeric and boolean facts that it uses, by name and value.
    pub(crate) fn numbers<'a>(&'a self, facts: &'a Facts, now_ms: u64) -> impl Iterator<Item = (String, i64)> + 'a {
        let value = move |name: &'static str| facts.value(name, now_ms).and_then(crate::FactValue::number);
        self.numbers.iter().filter_map(move |name| value(name).map(|number| ((*name).to_owned(), number)))
    }
}

fn as_bool(value: Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(flag),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
