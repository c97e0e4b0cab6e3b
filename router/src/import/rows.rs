//! Rows of a CSV file with their lines, bounded, and their fields with errors that say where.

use ostrakon_ledger::{PeerName, Subject};

use super::{ImportError, Names, Pattern, QUOTE_CHARS_MAX, ROW_BYTES_MAX, SkippedRow, names};
use crate::units::UNIT_MAX;

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
            let mut found = header.iter().enumerate().filter(|(_, field)| is_named(field, column));
            *place = match (found.next(), found.next()) {
                (Some((at, _)), None) => at,
                (None, _) => return fault("is missing"),
                (Some(_), Some(_)) => return fault("stands there twice"),
            };
        }
        Ok(Self { names, at, count: header.len() })
    }
}

/// How many columns rows have of which only the first one is used.
const ANY_COUNT: usize = usize::MAX;

/// What a list of domains has beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listed {
    /// A severity for each.
    WithSeverity,
    /// Nothing that is used.
    DomainsOnly,
}

/// One row.
pub(super) struct ListRow<'a, const N: usize> {
    /// Its line, from 1.
    pub(super) line: u64,
    columns: &'a Columns<N>,
    record: &'a csv::ByteRecord,
}

impl<const N: usize> ListRow<'_, N> {
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
        let text = if self.columns.count == ANY_COUNT { before_comment(text) } else { text };
        let skip = |reason, names| Ok(Err(self.skip(column, text, reason, names)));
        // A block covers what is below the domain anyway: `*.a.example` says no more than `a.example`.
        let domain = text.strip_prefix("*.").unwrap_or(text);
        match PeerName::normalise(domain) {
            Ok(name) => Ok(Ok(Subject::Peer(name))),
            Err(_) if text.is_empty() => Err(self.fault(column, text, "is empty")),
            Err(_) if text.contains('*') => skip("is obfuscated", Names::Pattern(Pattern::of(domain))),
            Err(_) => skip("is not a domain name", Names::Nobody),
        }
    }

    /// An error about a column of this row.
    pub(super) fn fault(&self, column: usize, value: &str, reason: &'static str) -> ImportError {
        ImportError::Field { line: self.line, column: self.columns.names[column], value: quote(value), reason }
    }

    fn skip(&self, column: usize, value: &str, reason: &'static str, names: Names) -> SkippedRow {
        SkippedRow { line: self.line, column: self.columns.names[column], value: quote(value), reason, names }
    }
}

fn quote(value: &str) -> String {
    value.chars().take(QUOTE_CHARS_MAX).collect()
}

/// Whether a field of a header is the name of a column, with or without a `#` before it.
fn is_named(field: &[u8], column: &str) -> bool {
    field.strip_prefix(b"#").unwrap_or(field).trim_ascii().eq_ignore_ascii_case(column.as_bytes())
}

/// What stands before a comment on the same line.
fn before_comment(text: &str) -> &str {
    text.split('#').next().unwrap_or_default().trim()
}

/// Goes through the rows of a file without a header.
pub(super) fn each<const N: usize>(
    csv: &[u8],
    columns: &Columns<N>,
    take: impl FnMut(&ListRow<'_, N>) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    rest(&mut Reader::new(csv), columns, take)
}

/// Goes through the rows of a file whose header has these columns. An empty file has none.
pub(super) fn each_named<const N: usize>(
    csv: &[u8],
    names: [&'static str; N],
    take: impl FnMut(&ListRow<'_, N>) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let mut reader = Reader::new(csv);
    let columns = match reader.next_row(names[0])? {
        Some((_, header)) => Columns::in_header(names, header)?,
        None => return Err(ImportError::NotAList("it has no rows")),
    };
    rest(&mut reader, &columns, take)
}

/// Goes through the rows of a list of domains: with a header that names the domain and perhaps the severity, or with
/// neither header nor severity, or with no header and the severity in the second column.
pub(super) fn each_listed(
    csv: &[u8],
    names: [&'static str; 2],
    mut take: impl FnMut(&ListRow<'_, 2>, Listed) -> Result<(), ImportError>,
) -> Result<Listed, ImportError> {
    let mut reader = Reader::new(csv);
    let [domain, severity] = names;
    let Some((line, first)) = reader.next_row(domain)? else { return Err(ImportError::NotAList("it has no rows")) };
    let has = |column| first.iter().any(|field| is_named(field, column));
    if has(severity) {
        let columns = Columns::in_header(names, first)?;
        rest(&mut reader, &columns, |row| take(row, Listed::WithSeverity))?;
        return Ok(Listed::WithSeverity);
    }
    if has(domain) {
        let Columns { at: [at], .. } = Columns::in_header([domain], first)?;
        let columns = Columns { names, at: [at, at], count: ANY_COUNT };
        rest(&mut reader, &columns, |row| take(row, Listed::DomainsOnly))?;
        return Ok(Listed::DomainsOnly);
    }
    let field = |at: usize| first.get(at).and_then(|field| std::str::from_utf8(field).ok()).unwrap_or_default().trim();
    let is_domain = before_comment(field(0)).contains('.')
        && PeerName::normalise(before_comment(field(0)).trim_start_matches("*.")).is_ok();
    if !is_domain {
        let reason = "is missing: the first row is neither a header with it nor a domain";
        return Err(ImportError::Header { column: domain, reason });
    }
    let (listed, count) = match super::fediverse::action_of(field(1), 0) {
        Some(_) => (Listed::WithSeverity, first.len()),
        None => (Listed::DomainsOnly, ANY_COUNT),
    };
    let columns = Columns { names, at: [0, usize::from(listed == Listed::WithSeverity)], count };
    let record = first.clone();
    take(&ListRow { line, columns: &columns, record: &record }, listed)?;
    rest(&mut reader, &columns, |row| take(row, listed))?;
    Ok(listed)
}

fn rest<const N: usize>(
    reader: &mut Reader<'_>,
    columns: &Columns<N>,
    mut take: impl FnMut(&ListRow<'_, N>) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    while let Some((line, record)) = reader.next_row("")? {
        if columns.count != ANY_COUNT && record.len() != columns.count {
            return Err(ImportError::ColumnCount { line, expected: columns.count, found: record.len() });
        }
        take(&ListRow { line, columns, record })?;
    }
    Ok(())
}

struct Reader<'a> {
    reader: csv::Reader<&'a [u8]>,
    record: csv::ByteRecord,
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
        Self { reader, record: csv::ByteRecord::new(), bytes }
    }

    /// The next row that is no comment: one that begins with `#`, and is not the header with the column `named`.
    fn next_row(&mut self, named: &str) -> Result<Option<(u64, &csv::ByteRecord)>, ImportError> {
        while let Some(line) = self.read()? {
            let is_comment = self.record.get(0).is_some_and(|field| field.starts_with(b"#"))
                && (named.is_empty() || !self.record.iter().any(|field| is_named(field, named)));
            if !is_comment {
                return Ok(Some((line, &self.record)));
            }
        }
        Ok(None)
    }

    /// Reads a row and says on which line it begins.
    fn read(&mut self) -> Result<Option<u64>, ImportError> {
        let (start, before) = (self.reader.position().byte(), self.reader.position().line());
        // Reading from memory into bytes, of any number of columns, has no way to fail.
        let more = self.reader.read_byte_record(&mut self.record).unwrap_or(false);
        let line = before + self.blank_lines(start);
        let len_bytes = self.record.as_slice().len();
        if more && len_bytes > ROW_BYTES_MAX {
            return Err(ImportError::RowTooLong { line, len_bytes, max_bytes: ROW_BYTES_MAX });
        }
        Ok(more.then_some(line))
    }

    /// Empty lines before the row that begins at or after `start`: the reader steps over them without counting them in.
    fn blank_lines(&self, start: u64) -> u64 {
        let rest = usize::try_from(start).ok().and_then(|start| self.bytes.get(start..)).unwrap_or_default();
        let blank = rest.iter().take_while(|byte| matches!(byte, b'\n' | b'\r'));
        blank.filter(|byte| **byte == b'\n').map(|_| 1).sum()
    }
}
