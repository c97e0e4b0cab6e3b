//! What programs print for people: foreign text is shown, not obeyed, and a reader that goes away ends the program quietly.
//!
//! Every line passes through [`line`], usually as [`out!`](crate::out): whatever a peer, a file or a server put into it cannot
//! move the cursor, change the direction of the text, hide parts of it or begin a line of its own.

use std::{borrow::Cow, error::Error, fmt, io, io::Write};

use serde::Serialize;

/// The exit code after standard output was closed by its reader: what shells show for a program that SIGPIPE ended.
pub const CLOSED: u8 = 141;

/// Standard output does not take what is printed.
#[derive(Debug, thiserror::Error)]
#[error("standard output: {0}")]
pub struct OutputError(io::Error);

impl OutputError {
    /// Whether nobody reads any more, which is no fault.
    pub fn is_closed(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

/// Whether `error` is, or was caused by, a standard output that nobody reads any more.
pub fn is_closed(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let output = error.downcast_ref::<OutputError>().or_else(|| wrapped?.downcast_ref::<OutputError>());
        if output.is_some_and(OutputError::is_closed) {
            return true;
        }
        next = error.source();
    }
    false
}

/// Prints one line: `out!("{} entries", count)?`.
#[macro_export]
macro_rules! out {
    ($($argument:tt)*) => { $crate::output::line(::std::format_args!($($argument)*)) };
}

/// Prints one line to standard error, whatever is in it; trouble with that is not worth ending for.
#[macro_export]
macro_rules! err {
    ($($argument:tt)*) => { $crate::output::error_line(::std::format_args!($($argument)*)) };
}

/// Prints a text that may have several lines to standard error: one about this machine's own files, in which nobody else
/// writes.
#[macro_export]
macro_rules! err_lines {
    ($($argument:tt)*) => { $crate::output::error_lines(::std::format_args!($($argument)*)) };
}

/// Prints one line. See [`out!`](crate::out).
///
/// # Errors
/// [`OutputError`]
pub fn line(text: fmt::Arguments<'_>) -> Result<(), OutputError> {
    let text = text.to_string();
    raw(format!("{}\n", printable(&text)).as_bytes())
}

/// Prints a text of several lines, such as a table.
///
/// # Errors
/// [`OutputError`]
pub fn lines(text: &str) -> Result<(), OutputError> {
    text.lines().try_for_each(|text| line(format_args!("{text}")))
}

/// A number of things: `1 vote`, `2 votes`.
pub fn counted(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// Prints a value as JSON for people and programs.
///
/// # Errors
/// [`OutputError`]
pub fn json<T: Serialize>(value: &T) -> Result<(), OutputError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| OutputError(error.into()))?;
    raw(format!("{}\n", json_printable(&text)).as_bytes())
}

/// Writes bytes as they are, and all of them before it returns: for what programs read.
///
/// # Errors
/// [`OutputError`]
pub fn raw(bytes: &[u8]) -> Result<(), OutputError> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(OutputError)
}

/// See [`err!`](crate::err).
pub fn error_line(text: fmt::Arguments<'_>) {
    let _ = io::stderr().lock().write_all(one_line(&text.to_string()).as_bytes());
}

/// See [`err_lines!`](crate::err_lines).
pub fn error_lines(text: fmt::Arguments<'_>) {
    let shown: String = text.to_string().lines().map(one_line).collect();
    let _ = io::stderr().lock().write_all(shown.as_bytes());
}

/// `text` as one line with its end; a final line end of its own is that.
fn one_line(text: &str) -> String {
    format!("{}\n", printable(text.strip_suffix('\n').unwrap_or(text)))
}

/// Standard output for code that takes a writer: lines are made printable, and [`is_closed`] knows its errors.
#[derive(Debug, Default)]
pub struct Printer {
    begun: Vec<u8>,
}

impl Write for Printer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(bytes);
        while let Some(end) = self.begun.iter().position(|byte| *byte == b'\n') {
            let whole: Vec<u8> = self.begun.drain(..=end).take(end).collect();
            line(format_args!("{}", String::from_utf8_lossy(&whole)))
                .map_err(|error| io::Error::new(error.0.kind(), error))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.begun);
        let shown = String::from_utf8_lossy(&rest);
        raw(printable(&shown).as_bytes()).map_err(|error| io::Error::new(error.0.kind(), error))
    }
}

/// Standard error for the log: an event is one line, whatever is in it, and a log that nobody reads stops nothing.
#[derive(Debug, Clone, Copy)]
pub enum LogWriter {
    /// Events are text.
    Human,
    /// Events are JSON, and stay so.
    Json,
}

impl LogWriter {
    fn shown(self, event: &[u8]) -> String {
        let text = String::from_utf8_lossy(event);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        match self {
            Self::Human => one_line(text),
            // Between its parts JSON may have line breaks; the subscriber writes none.
            Self::Json => format!("{}\n", json_printable(text).replace('\n', " ")),
        }
    }
}

impl Write for LogWriter {
    /// Takes a whole event.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let _ = io::stderr().lock().write_all(self.shown(event).as_bytes());
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `text` with everything spelled out (`\u{1b}`) that a terminal would obey or not show.
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |c, shown| shown.extend(c.escape_unicode()))
}

/// The same for JSON, in whose own spelling: outside strings it has nothing to escape but line breaks.
fn json_printable(text: &str) -> Cow<'_, str> {
    escaped(text, |c, shown| match c {
        '\n' => shown.push(c),
        _ => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| shown.push_str(&format!("\\u{unit:04x}"))),
    })
}

fn escaped(text: &str, mut escape: impl FnMut(char, &mut String)) -> Cow<'_, str> {
    if !text.contains(acts_unseen) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if acts_unseen(c) { escape(c, &mut shown) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// Whether a terminal obeys a character instead of showing it: controls, and what Unicode calls default ignorable
/// (UAX #44), which has the marks of direction, joiners, spaces without width, fillers, variations and tags.
fn acts_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_acts_is_spelled_out() {
        for (text, shown) in [
            ("plain ünïcödé 日本 \u{5d0}", "plain ünïcödé 日本 \u{5d0}"),
            ("\u{1b}[2J\u{1b}]0;title\u{7}", "\\u{1b}[2J\\u{1b}]0;title\\u{7}"),
            ("\u{9b}2J\u{7f}\0", "\\u{9b}2J\\u{7f}\\u{0}"),
            ("a\nerror: b\r\tc", "a\\u{a}error: b\\u{d}\\u{9}c"),
            ("\u{202e}gpj.exe\u{2066}", "\\u{202e}gpj.exe\\u{2066}"),
            ("pay\u{200b}pal\u{ad}\u{feff}", "pay\\u{200b}pal\\u{ad}\\u{feff}"),
            ("hidden\u{e0041}\u{fe0f}\u{2028}", "hidden\\u{e0041}\\u{fe0f}\\u{2028}"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }

    #[test]
    fn json_stays_json_and_has_nothing_that_acts() {
        let value = serde_json::json!({ "a\u{202e}": "\u{1b}[2J\u{9b}\n\u{e0041}", "b": ["ü"] });
        let pretty = serde_json::to_string_pretty(&value).expect("JSON");
        let shown = json_printable(&pretty);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).expect("JSON"), value);
        assert!(!shown.contains(|c: char| c != '\n' && acts_unseen(c)), "{shown}");
    }

    #[test]
    fn an_event_in_json_is_one_line_of_json_whatever_is_in_it() {
        let event = serde_json::json!({ "peer": "\u{202e}a\u{1b}[2J\u{9b}\n\u{e0041}\u{feff}", "n": 1 });
        for text in [format!("{event}\n"), event.to_string(), format!("{event:#}\n")] {
            let line = LogWriter::Json.shown(text.as_bytes());
            assert_eq!(serde_json::from_str::<serde_json::Value>(&line).expect("JSON"), event);
            let inside = line.strip_suffix('\n').expect("a line");
            assert!(!inside.contains(acts_unseen), "{line}");
        }
        assert_eq!(LogWriter::Human.shown("a\u{202e}b\n".as_bytes()), "a\\u{202e}b\n");
    }

    #[test]
    fn foreign_text_begins_no_line_of_its_own() {
        let foreign = "no route\nerror: the disk is full\r\n\u{2028}x";
        let shown = one_line(&format!("error: `{foreign}`"));
        assert_eq!(shown, "error: `no route\\u{a}error: the disk is full\\u{d}\\u{a}\\u{2028}x`\n");
        assert_eq!(one_line("error\n"), "error\n");
    }

    #[test]
    fn only_a_closed_output_is_no_fault() {
        let fault = |kind| OutputError(io::Error::from(kind));
        for (kind, closed) in [(io::ErrorKind::BrokenPipe, true), (io::ErrorKind::StorageFull, false)] {
            assert_eq!(is_closed(&fault(kind)), closed);
            assert_eq!(is_closed(&io::Error::new(kind, fault(kind))), closed);
            assert!(!is_closed(&io::Error::from(kind)), "of something else");
            assert_eq!(is_closed(&crate::error::Error::from(fault(kind))), closed);
        }
    }

    proptest! {
        #[test]
        fn nothing_that_acts_is_left(text in "\\PC{0,40}|[\\x00-\\x1f\\u{80}-\\u{9f}\\u{2000}-\\u{2070}]{0,20}") {
            prop_assert!(!printable(&text).contains(acts_unseen));
        }
    }
}
