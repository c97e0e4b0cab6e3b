//! A note kept twice in one file, so that it can be replaced where it stands.
//!
//! The file has two halves of the same length, a multiple of 4,096 bytes. Each holds a line `N LENGTH BLAKE3`, then the
//! note, then spaces. The half with the higher N holds; the other is the one that is written next. N and the digest are
//! decimal and hexadecimal; the digest is that of the line's first two words and the note. A write that is cut short
//! therefore leaves the half before it, whole and untouched.

use std::fmt::Write as _;

/// Disks and file systems write blocks of this size; the halves share none.
const BLOCK_BYTES: usize = 4096;

/// One half, read and found whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Half<'a> {
    number: u64,
    note: &'a str,
}

/// A file's halves, of which at least one is whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Halves<'a> {
    newest: Half<'a>,
    /// Where the other one begins, which is written next.
    other_at: usize,
    half_bytes: usize,
}

/// Bytes to write, and where: over the older half, or a whole new file if the note is too long for that.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Write {
    /// These bytes, here.
    At(usize, Vec<u8>),
    /// A file of these bytes in the place of the old one.
    Anew(Vec<u8>),
}

impl<'a> Halves<'a> {
    /// Reads a file; `None` when neither half is whole.
    pub(super) fn parse(file: &'a [u8]) -> Option<Self> {
        let half_bytes = file.len() / 2;
        if half_bytes == 0 || !file.len().is_multiple_of(2 * BLOCK_BYTES) {
            return None;
        }
        let (first, second) = file.split_at(half_bytes);
        let (first, second) = (Half::parse(first), Half::parse(second));
        let is_second = second.map(|half| half.number) > first.map(|half| half.number);
        let (newest, other_at) = if is_second { (second, 0) } else { (first, half_bytes) };
        Some(Self { newest: newest?, other_at, half_bytes })
    }

    /// The note that holds.
    pub(super) fn note(&self) -> &'a str {
        self.newest.note
    }

    /// What replaces it.
    pub(super) fn replacing(&self, note: &str) -> Write {
        let half = Half { number: self.newest.number + 1, note }.to_bytes(self.half_bytes);
        if half.len() == self.half_bytes { Write::At(self.other_at, half) } else { Write::Anew(doubled(half)) }
    }
}

/// A file with its first note.
pub(super) fn first(note: &str) -> Vec<u8> {
    doubled(Half { number: 1, note }.to_bytes(BLOCK_BYTES))
}

/// A file of a half and as much room again.
fn doubled(mut half: Vec<u8>) -> Vec<u8> {
    half.resize(2 * half.len(), b' ');
    half
}

impl<'a> Half<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let end_of_line = bytes.iter().position(|byte| *byte == b'\n')?;
        let (line, rest) = (std::str::from_utf8(&bytes[..end_of_line]).ok()?, &bytes[end_of_line + 1..]);
        let mut words = line.split(' ');
        let (number, length) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let note = std::str::from_utf8(rest.get(..length)?).ok()?;
        let this = Self { number, note };
        (this.line() == line).then_some(this)
    }

    /// At least this many bytes, a whole number of blocks.
    fn to_bytes(self, half_bytes: usize) -> Vec<u8> {
        let mut bytes = format!("{}\n{}", self.line(), self.note).into_bytes();
        bytes.resize(bytes.len().next_multiple_of(BLOCK_BYTES).max(half_bytes), b' ');
        bytes
    }

    fn line(&self) -> String {
        let mut line = format!("{} {}", self.number, self.note.len());
        let mut hasher = blake3::Hasher::new();
        hasher.update(line.as_bytes()).update(self.note.as_bytes());
        let _ = write!(line, " {}", hasher.finalize().to_hex());
        line
    }
}
