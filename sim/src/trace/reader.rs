//! Reads messages from CSV. Errors name the line and the column.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use csv::StringRecord;

use crate::node::NodeError;

/// One message of a trace; identifiers are opaque and may be empty where the trace has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Position in the stream.
    pub seq: u64,
    /// The truth: wanted or not.
    pub ham: bool,
    /// The envelope sender.
    pub env_addr: String,
    /// The envelope sender's domain.
    pub env_domain: String,
    /// The relay's address.
    pub relay_ip: String,
    /// The relay's network.
    pub relay_16: String,
    /// The recipient.
    pub rcpt: String,
    /// Size in bytes.
    pub n_bytes: u64,
}

/// Why a trace could not be played.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The trace or the result file cannot be opened, read or written.
    #[error("{}: {reason}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The message of the system.
        reason: io::Error,
    },
    /// The file is not a trace: a missing column, a wrong value, a repeated message.
    #[error("{}, line {line}, column {column}: {what}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Name of the column.
        column: String,
        /// What is wrong with it.
        what: String,
    },
    /// The node gave no usable answer to the first message, so there is nothing to measure.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The result cannot be written to standard output.
    #[error("{0}")]
    Output(#[from] ostrakon_router::output::OutputError),
}

/// The columns that are used. Other columns are ignored.
const COLUMNS: [&str; 8] = ["seq", "label", "env_addr", "env_domain", "relay_ip", "relay_16", "rcpt", "n_bytes"];

/// Reads a trace file and puts it into `seq` order.
///
/// # Errors
/// [`TraceError::File`] and [`TraceError::Line`].
pub fn read(path: &Path) -> Result<Vec<Message>, TraceError> {
    let file = File::open(path).map_err(|reason| TraceError::File { file: path.to_owned(), reason })?;
    parse(path, file)
}

/// Reads a trace from bytes; `file` only names it in errors.
fn parse(file: &Path, bytes: impl Read) -> Result<Vec<Message>, TraceError> {
    let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
    let header = reader.headers().map_err(|error| csv_error(file, error))?.clone();
    let mut columns = [0usize; COLUMNS.len()];
    for (at, name) in columns.iter_mut().zip(COLUMNS) {
        *at = header
            .iter()
            .position(|column| column == name)
            .ok_or_else(|| line_error(file, 1, name, "is missing from the header".to_owned()))?;
    }
    let mut by_seq = BTreeMap::new();
    for record in reader.records() {
        let record = record.map_err(|error| csv_error(file, error))?;
        let line = record.position().map_or(0, csv::Position::line);
        let message = message(&record, &columns).map_err(|(column, what)| line_error(file, line, column, what))?;
        if let Some(first) = by_seq.insert(message.seq, message) {
            return Err(line_error(file, line, "seq", format!("{} stands twice", first.seq)));
        }
    }
    Ok(by_seq.into_values().collect())
}

fn message(record: &StringRecord, columns: &[usize]) -> Result<Message, (&'static str, String)> {
    let field = |at: usize| record.get(columns[at]).unwrap_or_default();
    let number = |at: usize| {
        let text = field(at);
        text.parse().map_err(|_| (COLUMNS[at], format!("`{text}` is not a whole number")))
    };
    let ham = match field(1) {
        "ham" => true,
        "spam" => false,
        other => return Err((COLUMNS[1], format!("`{other}` is neither ham nor spam"))),
    };
    Ok(Message {
        seq: number(0)?,
        ham,
        env_addr: field(2).to_owned(),
        env_domain: field(3).to_owned(),
        relay_ip: field(4).to_owned(),
        relay_16: field(5).to_owned(),
        rcpt: field(6).to_owned(),
        n_bytes: number(7)?,
    })
}

fn line_error(file: &Path, line: u64, column: &str, what: String) -> TraceError {
    TraceError::Line { file: file.to_owned(), line, column: column.to_owned(), what }
}

fn csv_error(file: &Path, error: csv::Error) -> TraceError {
    let line = error.position().map_or(0, csv::Position::line);
    let what = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} fields, the header has {expected_len}")
        }
        _ => error.to_string(),
    };
    match error.into_kind() {
        csv::ErrorKind::Io(reason) => TraceError::File { file: file.to_owned(), reason },
        _ => line_error(file, line, "(all)", what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "seq,label,extra,env_addr,env_domain,relay_ip,relay_16,rcpt,n_bytes\n";

    fn parsed(rows: &str) -> Result<Vec<Message>, String> {
        parse(Path::new("t.csv"), format!("{HEADER}{rows}").as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_come_in_seq_order_and_blanks_are_kept() {
        let messages = parsed("7,ham,x,a,d,i,n,r,10\n3,spam,x,,,,,,0\n").unwrap();
        assert_eq!(messages.iter().map(|message| message.seq).collect::<Vec<_>>(), [3, 7]);
        assert!(!messages[0].ham && messages[1].ham);
        assert_eq!((messages[0].env_addr.as_str(), messages[0].relay_16.as_str()), ("", ""));
        assert_eq!((messages[1].rcpt.as_str(), messages[1].n_bytes), ("r", 10));
    }

    #[test]
    fn errors_name_line_and_column() {
        let cases = [
            (
                "0,ham,x,a,d,i,n,r,10\n1,eggs,x,a,d,i,n,r,10\n",
                "t.csv, line 3, column label: `eggs` is neither ham nor spam",
            ),
            ("0,ham,x,a,d,i,n,r,ten\n", "t.csv, line 2, column n_bytes: `ten` is not a whole number"),
            ("-1,ham,x,a,d,i,n,r,10\n", "t.csv, line 2, column seq: `-1` is not a whole number"),
            ("0,ham,x,a,d,i,n,r,10\n0,ham,x,a,d,i,n,r,10\n", "t.csv, line 3, column seq: 0 stands twice"),
            ("0,ham,x\n", "t.csv, line 2, column (all): 3 fields, the header has 9"),
        ];
        for (rows, expected) in cases {
            assert_eq!(parsed(rows).unwrap_err(), expected);
        }
        let error = parse(Path::new("t.csv"), "seq,label\n".as_bytes()).unwrap_err().to_string();
        assert_eq!(error, "t.csv, line 1, column env_addr: is missing from the header");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read(Path::new("no/such/trace.csv")).unwrap_err().to_string();
        assert!(error.starts_with("no/such/trace.csv: "), "{error}");
    }
}
