//! Votes, seeds and labels from files.
//!
//! Names become numbers in order of appearance; everything after reading works on numbers.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Longest line of a file of seeds, and longest name in a file of votes, in bytes.
const NAME_BYTES_MAX: usize = 4096;

/// A vote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Number of the voter.
    pub voter: usize,
    /// Number of the subject.
    pub subject: usize,
    /// Hundredths, −100…100, not 0.
    pub value: i8,
    /// When it was cast, unix ms.
    pub time_ms: u64,
}

impl Row {
    /// The value in [−1, 1].
    pub fn x(&self) -> f64 {
        f64::from(self.value) / 100.0
    }
}

/// Numbers for names of any bytes.
#[derive(Default)]
pub struct Names {
    numbers: HashMap<Vec<u8>, usize>,
    names: Vec<Vec<u8>>,
}

impl Names {
    /// The name as it is in the file.
    pub fn original(&self, number: usize) -> &[u8] {
        &self.names[number]
    }

    /// The number of a name that some file has.
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        self.numbers.get(name).copied()
    }

    /// How many names there are; numbers are below it.
    pub fn count(&self) -> usize {
        self.names.len()
    }

    fn number(&mut self, name: &[u8]) -> Result<usize> {
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            bail!("a name must be 1 to {NAME_BYTES_MAX} bytes long");
        }
        if let Some(number) = self.find(name) {
            return Ok(number);
        }
        let number = self.names.len();
        self.numbers.insert(name.to_vec(), number);
        self.names.push(name.to_vec());
        Ok(number)
    }
}

/// Reads one name per line; empty lines are skipped.
///
/// # Errors
/// The file cannot be read, or a name is too long; with its line.
pub fn read_seeds(path: &Path, names: &mut Names) -> Result<Vec<usize>> {
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

/// Reads votes, in the order of the file. Votes of value 0 are left out.
///
/// Either with the header `voter,subject,value,time` and values in [−1, 1], or without a header as SNAP publishes
/// Bitcoin OTC and Alpha: rater, ratee, rating −10…10, time. Times are in unix seconds.
///
/// # Errors
/// The file cannot be read or is neither of the two; with its line.
pub fn read_votes(path: &Path, names: &mut Names) -> Result<Vec<Row>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_path(path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let mut rows = Vec::new();
    let mut record = csv::ByteRecord::new();
    let mut scale = None;
    // The csv crate names the line in its own errors.
    while reader.read_byte_record(&mut record).with_context(|| path.display().to_string())? {
        let line = record.position().map_or(0, csv::Position::line);
        let at = || format!("{}: line {line}", path.display());
        let scale = match scale {
            Some(scale) => scale,
            None if record.iter().eq([&b"voter"[..], b"subject", b"value", b"time"]) => {
                scale = Some(1.0);
                continue;
            }
            None if record.len() == 4 && number(&record[2]).is_some() => *scale.insert(10.0),
            None => bail!(
                "{}: the header must be voter,subject,value,time, or there is none and a row is rater,ratee,rating,time",
                at()
            ),
        };
        rows.extend(row(&record, names, scale).with_context(at)?);
    }
    if scale.is_none() {
        bail!("{}: the header must be voter,subject,value,time; the file is empty", path.display());
    }
    Ok(rows)
}

fn row(record: &csv::ByteRecord, names: &mut Names, scale: f64) -> Result<Option<Row>> {
    let field = |i: usize| record.get(i).unwrap_or_default();
    let (voter, subject) = (names.number(field(0)).context("voter")?, names.number(field(1)).context("subject")?);
    let value = number(field(2)).map(|value| value / scale).filter(|x| (-1.0..=1.0).contains(x));
    let value = value.with_context(|| format!("value must be a number from -{scale} to {scale}"))?;
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

/// Which numbers stand for benign users and which for fraudulent users, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    /// Labelled 1.
    pub good: Vec<usize>,
    /// Labelled −1.
    pub bad: Vec<usize>,
}

/// Reads labels: name, 1 or −1; no header.
///
/// # Errors
/// The file cannot be read, a row is wrong (with its line), or a name has two labels.
pub fn read_labels(path: &Path, names: &mut Names) -> Result<Labels> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_path(path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let mut labels = Labels::default();
    for record in reader.byte_records() {
        let record = record.with_context(|| path.display().to_string())?;
        let at = || format!("{}: line {}", path.display(), record.position().map_or(0, csv::Position::line));
        let name = names.number(record.get(0).unwrap_or_default()).with_context(at)?;
        match record.get(1).and_then(number) {
            Some(1.0) => labels.good.push(name),
            Some(-1.0) => labels.bad.push(name),
            _ => bail!("{}: a label is 1 or -1", at()),
        }
    }
    for group in [&mut labels.good, &mut labels.bad] {
        group.sort_unstable();
        group.dedup();
    }
    if let Some(both) = labels.good.iter().find(|name| labels.bad.binary_search(name).is_ok()) {
        bail!("{}: {} is both 1 and -1", path.display(), String::from_utf8_lossy(names.original(*both)));
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T>(text: &str, reader: fn(&Path, &mut Names) -> Result<T>) -> Result<T> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("votes.csv");
        fs::write(&path, text)?;
        reader(&path, &mut Names::default())
    }

    fn votes(text: &str) -> Result<Vec<Row>> {
        read(text, read_votes)
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
    fn reads_what_snap_publishes() -> Result<()> {
        let rows = votes("6,2,4,1289241911.72836\n2,6,-10,1289241912\n")?;
        let seen: Vec<_> = rows.iter().map(|r| (r.voter, r.subject, r.value, r.time_ms)).collect();
        assert_eq!(seen, [(0, 1, 40, 1_289_241_911_728), (1, 0, -100, 1_289_241_912_000)]);
        Ok(())
    }

    #[test]
    fn labels_are_good_or_bad() -> Result<()> {
        assert_eq!(read("7,+1\n8,-1\n9,1\n7,1\n", read_labels)?, Labels { good: vec![0, 2], bad: vec![1] });
        for (text, want) in [("7,+1\n8,2\n", "line 2: a label"), ("7,1\n7,-1\n", "7 is both"), ("7\n", "line 1")] {
            let error = format!("{:#}", read(text, read_labels).expect_err(text));
            assert!(error.contains(want), "{error}");
        }
        Ok(())
    }

    #[test]
    fn names_the_line_of_a_fault() {
        let cases = [
            ("a,b,c,d\n", "line 1: the header must be"),
            ("", "the header must be"),
            ("6,2,11,5\n", "line 1: value must be a number from -10 to 10"),
            ("6,2,1,5\n6,2,1,5,5\n", "line: 2"),
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
        assert_eq!((names.count(), names.find(b"A"), names.find(b"B")), (6, Some(1), None));
        Ok(())
    }
}
