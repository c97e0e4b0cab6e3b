//! Rows of a CSV file with their lines, bounded, and their fields with errors that say where.

use ostrakon_ledger::{PeerName, Subject};

use super::{ImportError, QUOTE_CHARS_MAX, ROW_BYTES_MAX, SkippedRow, names};
use crate::units::UNIT_MAX;

/// A byte order mark, which some spreadsheets put first.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Where the columns of a format stand in a file.
pub(super) struct Columns<const N: usize> {
    names: [&'static str; N],
    at: [usize; N],
    count: usize,
}

impl<const N: usize> Columns<N> {
    /// Columns of a file without a header, in order.
    pub(super) fn in_order(names: [&'static str; N]) -> Self {
        Self { names, at: std::array::from_fn(|at| at), count: N }
    }

    /// Columns found by their names in a header, with or without a `#` before them; others are ignored.
    fn in_header(names: [&'static str; N], header: &csv::ByteRecord) -> Result<Self, ImportError> {
        let mut at = [0; N];
        for (place, column) in at.iter_mut().zip(names) {
            let fault = |reason| Err(ImportError::Header { column, reason });
            let named = |field: &[u8]| field.strip_prefix(b"#").unwrap_or(field).trim_ascii() == column.as_bytes();
            let mut found = header.iter().enumerate().filter(|(_, field)| named(field));
            *place = match (found.next(), found.next()) {
                (Some((at, _)), None) => at,
                (None, _) => return fault("is missing"),
                (Some(_), Some(_)) => return fault("stands there twice"),
            };
        }
        Ok(Self { names, at, count: header.len() })
    }
}

/// One row.
pub(super) struct Row<'a, const N: usize> {
    /// Its line, from 1.
    pub(super) line: u64,
    columns: &'a Columns<N>,
    record: &'a csv::ByteRecord,
}

impl<const N: usize> Row<'_, N> {
    /// The text of a column, without white space around it.
    pub(super) fn text(&self, column: usize) -> Result<&str, ImportError> {
        let bytes = self.record.get(self.columns.at[column]).unwrap_or_default();
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.trim()),
            Err(_) => Err(self.fault(column, &String::from_utf8_lossy(bytes), "is not UTF-8")),
        }
    }

    /// A time in seconds since 1970 with or without a fraction, in ms; what is finer is cut off.
    pub(super) fn unix_seconds(&self, column: usize) -> Result<u64, ImportError> {
        let text = self.text(column)?;
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let ms: String = fraction.chars().chain("000".chars()).take(3).collect();
        let at_ms = whole.parse::<u64>().ok().and_then(|s| s.checked_mul(1_000)?.checked_add(ms.parse().ok()?));
        at_ms
            .filter(|at_ms| digits(whole) && digits(fraction) && *at_ms <= UNIT_MAX)
            .ok_or_else(|| self.fault(column, text, "is not a time in seconds since 1970"))
    }

    /// The pseudo-peer of the source that a column names.
    pub(super) fn source(&self, column: usize, format: &str, own: &PeerName) -> Result<PeerName, ImportError> {
        let text = self.text(column)?;
        names::pseudo_peer(text, format, own).map_err(|reason| self.fault(column, text, reason))
    }

    /// The pseudo-peer of the server or list that a column names; a server's domain in any spelling is one source.
    pub(super) fn server_source(&self, column: usize, format: &str, own: &PeerName) -> Result<PeerName, ImportError> {
        let text = self.text(column)?;
        names::pseudo_peer_of_server(text, format, own).map_err(|reason| self.fault(column, text, reason))
    }

    /// The server that a column names, or why the row cannot be used.
    pub(super) fn server(&self, column: usize) -> Result<Result<Subject, SkippedRow>, ImportError> {
        let text = self.text(column)?;
        let skip = |reason| Ok(Err(self.skip(column, text, reason)));
        match PeerName::normalise(text) {
            Ok(name) => Ok(Ok(Subject::Peer(name))),
            Err(_) if text.is_empty() => Err(self.fault(column, text, "is empty")),
            Err(_) if text.starts_with("*.") && PeerName::normalise(&text[2..]).is_ok() => {
                skip("stands for all domains below it, which is no subject of a vote")
            }
            Err(_) if text.contains('*') => skip("is obfuscated"),
            Err(_) => skip("is not a domain name"),
        }
    }

    /// An error about a column of this row.
    pub(super) fn fault(&self, column: usize, value: &str, reason: &'static str) -> ImportError {
        ImportError::Field { line: self.line, column: self.columns.names[column], value: quote(value), reason }
    }

    fn skip(&self, column: usize, value: &str, reason: &'static str) -> SkippedRow {
        SkippedRow { line: self.line, column: self.columns.names[column], value: quote(value), reason }
    }
}

fn quote(value: &str) -> String {
    value.chars().take(QUOTE_CHARS_MAX).collect()
}

/// Goes through the rows of a file without a header.
pub(super) fn each<const N: usize>(
    csv: &[u8],
    columns: &Columns<N>,
    mut take: impl FnMut(&Row<'_, N>) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let mut reader = Reader::new(csv);
    while let Some((line, record)) = reader.next()? {
        if record.len() != columns.count {
            return Err(ImportError::ColumnCount { line, expected: columns.count, found: record.len() });
        }
        take(&Row { line, columns, record })?;
    }
    Ok(())
}

/// Goes through the rows of a file whose header has these columns. An empty file has none.
pub(super) fn each_named<const N: usize>(
    csv: &[u8],
    names: [&'static str; N],
    mut take: impl FnMut(&Row<'_, N>) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let mut reader = Reader::new(csv);
    let columns = match reader.next()? {
        Some((_, header)) => Columns::in_header(names, header)?,
        None => return Err(ImportError::Header { column: names[0], reason: "is missing: the file is empty" }),
    };
    while let Some((line, record)) = reader.next()? {
        if record.len() != columns.count {
            return Err(ImportError::ColumnCount { line, expected: columns.count, found: record.len() });
        }
        take(&Row { line, columns: &columns, record })?;
    }
    Ok(())
}

struct Reader<'a> {
    reader: csv::Reader<&'a [u8]>,
    record: csv::ByteRecord,
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn new(csv: &'a [u8]) -> Self {
        let bytes = csv.strip_prefix(BYTE_ORDER_MARK).unwrap_or(csv);
        let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
        Self { reader, record: csv::ByteRecord::new(), bytes }
    }

    fn next(&mut self) -> Result<Option<(u64, &csv::ByteRecord)>, ImportError> {
        let (start, before) = (self.reader.position().byte(), self.reader.position().line());
        // Reading from memory into bytes, of any number of columns, has no way to fail.
        let more = self.reader.read_byte_record(&mut self.record).unwrap_or(false);
        let line = before + self.blank_lines(start);
        let len_bytes = self.record.as_slice().len();
        if more && len_bytes > ROW_BYTES_MAX {
            return Err(ImportError::RowTooLong { line, len_bytes, max_bytes: ROW_BYTES_MAX });
        }
        Ok(more.then_some((line, &self.record)))
    }

    /// Empty lines before the row that begins at or after `start`: the reader steps over them without counting them in.
    fn blank_lines(&self, start: u64) -> u64 {
        let rest = usize::try_from(start).ok().and_then(|start| self.bytes.get(start..)).unwrap_or_default();
        let blank = rest.iter().take_while(|byte| matches!(byte, b'\n' | b'\r'));
        blank.filter(|byte| **byte == b'\n').map(|_| 1).sum()
    }
}
