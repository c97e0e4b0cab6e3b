//! The depth of a condition, which is checked before any code recurses over it.
//!
//! The parser, the checker, the interpreter and the destructor of the syntax tree all call themselves once per level.
//! The interpreter takes about 1.5 KiB of stack for each, so 1,400 levels fill the 2 MiB of a thread that serves.

use cel::IdedExpr;
use cel::common::ast::{EntryExpr, Expr};

/// Operators, dots and `in` in one condition. Each can become a level of the parser's tree.
const OPERATORS_MAX: usize = 512;
/// Brackets within brackets; people write three or four.
const BRACKETS_MAX: usize = 32;
/// Levels of the syntax tree: at most 100 KiB of stack. Chains of `&&` and `||` become balanced trees, so they do not
/// count; chains of `+` and of `? :` do.
const LEVELS_MAX: usize = 64;

/// Bounds what the parser will recurse over. Strings and comments do not count.
///
/// # Errors
/// A sentence about the condition.
pub(super) fn check_source(source: &str) -> Result<(), String> {
    let (mut operators, mut brackets) = (0usize, 0usize);
    let mut rest = source;
    let mut word = String::new();
    while let Some(letter) = rest.chars().next() {
        let skipped = quoted(rest, &word).or_else(|| comment(rest));
        if let Some(len_bytes) = skipped {
            word.clear();
            rest = rest.get(len_bytes..).unwrap_or_default();
            continue;
        }
        if letter.is_alphanumeric() || letter == '_' {
            word.push(letter);
        } else {
            operators += usize::from(word == "in");
            word.clear();
        }
        match letter {
            '(' | '[' | '{' => brackets += 1,
            ')' | ']' | '}' => brackets = brackets.saturating_sub(1),
            '+' | '-' | '*' | '/' | '%' | '<' | '>' | '=' | '!' | '?' | ':' | '.' => operators += 1,
            _ => {}
        }
        if brackets > BRACKETS_MAX {
            return Err(format!("it has more than {BRACKETS_MAX} brackets within brackets"));
        }
        if operators > OPERATORS_MAX {
            return Err(format!("it has more than {OPERATORS_MAX} operators; write several rules"));
        }
        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
    }
    Ok(())
}

/// The length of the string literal at the start of `text`, if there is one. `before` is the word it follows: `r` makes
/// it raw. One that does not end reaches to the end; the parser refuses it.
fn quoted(text: &str, before: &str) -> Option<usize> {
    let quote = ["'''", "\"\"\"", "'", "\""].into_iter().find(|quote| text.starts_with(quote))?;
    let raw = before.contains(['r', 'R']);
    let mut at = quote.len();
    while let Some(letter) = text.get(at..).and_then(|rest| rest.chars().next()) {
        if text.get(at..).is_some_and(|rest| rest.starts_with(quote)) {
            return Some(at + quote.len());
        }
        at += letter.len_utf8();
        if letter == '\\' && !raw {
            at += text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        }
    }
    Some(text.len())
}

fn comment(text: &str) -> Option<usize> {
    text.starts_with("//").then(|| text.find('\n').unwrap_or(text.len()))
}

/// Bounds what the checker and the interpreter will recurse over.
///
/// # Errors
/// The id of the first part that is too deep.
pub(super) fn check_tree(root: &IdedExpr) -> Result<(), (u64, String)> {
    let mut waiting = vec![(root, 1)];
    while let Some((part, level)) = waiting.pop() {
        if level > LEVELS_MAX {
            let reason = format!("the condition is more than {LEVELS_MAX} levels deep; write several rules");
            return Err((part.id, reason));
        }
        push_children(part, |child| waiting.push((child, level + 1)));
    }
    Ok(())
}

fn push_children<'a>(part: &'a IdedExpr, mut push: impl FnMut(&'a IdedExpr)) {
    match &part.expr {
        Expr::Call(call) => call.target.iter().map(AsRef::as_ref).chain(&call.args).for_each(push),
        Expr::List(list) => list.elements.iter().for_each(push),
        Expr::Select(select) => push(&select.operand),
        Expr::Map(map) => map.entries.iter().for_each(|entry| push_entry(&entry.expr, &mut push)),
        Expr::Struct(structure) => structure.entries.iter().for_each(|entry| push_entry(&entry.expr, &mut push)),
        Expr::Comprehension(part) => {
            [&part.iter_range, &part.accu_init, &part.loop_cond, &part.loop_step, &part.result]
                .into_iter()
                .for_each(push);
        }
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
    }
}

fn push_entry<'a>(entry: &'a EntryExpr, push: &mut impl FnMut(&'a IdedExpr)) {
    match entry {
        EntryExpr::StructField(field) => push(&field.value),
        EntryExpr::MapEntry(entry) => {
            push(&entry.key);
            push(&entry.value);
        }
    }
}
