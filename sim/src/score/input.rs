//! The votes and seeds that `score` reads.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use ostrakon_ledger::PeerName;

/// Longest line of a file of seeds, and longest name in a file of votes, in bytes.
const NAME_BYTES_MAX: usize = 4096;

/// A vote as it stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) voter: usize,
    pub(super) subject: usize,
    /// Hundredths, −100…100, not 0.
    pub(super) value: i8,
    pub(super) time_ms: u64,
}

/// The names in the files, each with a peer name of its own: `n7.csv.invalid` is the eighth name to appear.
///
/// Numbers rather than escapes, so that names of any bytes and any length stay apart.
#[derive(Default)]
pub(super) struct Names {
    numbers: HashMap<Vec<u8>, usize>,
    names: Vec<(Vec<u8>, PeerName)>,
}

impl Names {
    /// The peer that stands for a name.
    pub(super) fn peer(&self, number: usize) -> &PeerName {
        &self.names[number].1
    }

    /// The name as it stood in the file.
    pub(super) fn original(&self, number: usize) -> &[u8] {
        &self.names[number].0
    }

    fn number(&mut self, name: &[u8]) -> Result<usize> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            bail!("a name must be 1 to {NAME_BYTES_MAX} bytes long");
        }
        if let Some(number) = self.numbers.get(name) {
            return Ok(*number);
        }
        let number = self.names.len();
        let peer = PeerName::parse(&format!("n{number}.csv.invalid"))?;
        self.numbers.insert(name.to_vec(), number);
        self.names.push((name.to_vec(), peer));
        Ok(number)
    }
}

/// Reads one name per line; empty lines are skipped.
pub(super) fn read_seeds(path: &Path, names: &mut Names) -> Result<Vec<usize>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut seeds = Vec::new();
    for (line, name) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let name = name.trim_ascii();
        if !name.is_empty() {
            seeds.push(names.number(name).with_context(|| format!("{}: line {line}", path.display()))?);
        }
    }
    Ok(seeds)
}

/// Reads votes, in the order of the file; those of value 0 are left out.
pub(super) fn read_votes(path: &Path, names: &mut Names) -> Result<Vec<Row>> {
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("cannot read {}", path.display()))?;
    let header = reader.byte_headers().with_context(|| format!("{}: line 1", path.display()))?;
    if header.iter().ne([&b"voter"[..], b"subject", b"value", b"time"]) {
        bail!("{}: line 1: the header must be voter,subject,value,time", path.display());
    }
    let mut rows = Vec::new();
    let mut record = csv::ByteRecord::new();
    loop {
        // The csv crate names the line in its own errors.
        if !reader.read_byte_record(&mut record).with_context(|| path.display().to_string())? {
            return Ok(rows);
        }
        let line = record.position().map_or(0, csv::Position::line);
        let row = row(&record, names).with_context(|| format!("{}: line {line}", path.display()))?;
        rows.extend(row);
    }
}

fn row(record: &csv::ByteRecord, names: &mut Names) -> Result<Option<Row>> {
    let field = |i: usize| record.get(i).unwrap_or_default();
    let (voter, subject) = (names.number(field(0)).context("voter")?, names.number(field(1)).context("subject")?);
    let value = number(field(2)).filter(|x| (-1.0..=1.0).contains(x)).context("value must be a number from -1 to 1")?;
    let time = number(field(3)).filter(|t| (0.0..=9.0e12).contains(t)).context("time must be in unix seconds")?;
    // Nothing but zero is taken for zero.
    let hundredths = (value * 100.0).round() as i8;
    let value = match (hundredths, value) {
        (0, x) if x > 0.0 => 1,
        (0, x) if x < 0.0 => -1,
        _ => hundredths,
    };
    Ok((value != 0).then_some(Row { voter, subject, value, time_ms: (time * 1000.0) as u64 }))
}

fn number(field: &[u8]) -> Option<f64> {
    std::str::from_utf8(field).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn votes(text: &str) -> Result<Vec<Row>> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("votes.csv");
        fs::write(&path, text)?;
        read_votes(&path, &mut Names::default())
    }

    #[test]
    fn reads_what_it_should() -> Result<()> {
        let rows =
            votes("voter,subject,value,time\n\"a,b\",b,0.3,5\n\"a\nb\",\"a,b\",-1.0,6.5\na,b,0,7\na,b,0.001,8\n")?;
        let seen: Vec<_> = rows.iter().map(|r| (r.voter, r.subject, r.value, r.time_ms)).collect();
        assert_eq!(seen, [(0, 1, 30, 5_000), (2, 0, -100, 6_500), (3, 1, 1, 8_000)]);
        Ok(())
    }

    #[test]
    fn names_the_line_of_a_fault() {
        let cases = [
            ("a,b,c,d\n", "line 1: the header must be"),
            ("voter,subject,value,time\na,b,1,5\na,b,1.5,5\n", "line 3: value must be"),
            ("voter,subject,value,time\na,b,nan,5\n", "line 2: value must be"),
            ("voter,subject,value,time\na,b,1,never\n", "line 2: time must be"),
            ("voter,subject,value,time\na,b,1\n", "line: 2"),
            ("voter,subject,value,time\n,b,1,5\n", "line 2: voter: a name must be"),
        ];
        for (text, want) in cases {
            let error = format!("{:#}", votes(text).expect_err(text));
            assert!(error.contains(want) && error.contains("votes.csv"), "{error}");
        }
    }

    #[test]
    fn any_two_names_stay_apart() -> Result<()> {
        let mut names = Names::default();
        let inputs: [&[u8]; 6] = [b"a", b"A", b"a.b", b"\xff\xfe", b"n0.csv.invalid", &[b'x'; 400]];
        for (i, input) in inputs.iter().enumerate() {
            assert_eq!((names.number(input)?, names.original(i)), (i, *input));
        }
        let peers: std::collections::BTreeSet<_> = (0..inputs.len()).map(|i| names.peer(i)).collect();
        assert_eq!(peers.len(), inputs.len());
        Ok(())
    }
}
