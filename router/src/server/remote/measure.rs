//! How long a file of a log can be, found out while it is read.

use ostrakon_ledger::{entry::ENTRY_BYTES_MAX, tile::HASH_BYTES, tile::TilePath};

/// What a file may still hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Measure {
    /// So many bytes.
    Bytes { left: usize, max: usize },
    /// So many entries, each behind its length: `left` counts those that are not begun, `wanted` the bytes of the one that is,
    /// `high` the first byte of a length.
    Entries { left: u16, wanted: usize, high: Option<u8> },
}

impl Measure {
    /// Of any file up to a length.
    pub(super) fn of_bytes(max: usize) -> Self {
        Self::Bytes { left: max, max }
    }

    /// Of a tile of hashes, or of a bundle of entries, none of which is longer than a record can make it.
    pub(super) fn of(path: &TilePath) -> Self {
        match path {
            TilePath::Hashes { width, .. } => Self::of_bytes(usize::from(*width) * HASH_BYTES),
            TilePath::Entries { width, .. } => Self::Entries { left: *width, wanted: 0, high: None },
        }
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// What is wrong with them, as words that follow the file's name.
    pub(super) fn take(&mut self, mut chunk: &[u8]) -> Result<(), String> {
        match self {
            Self::Bytes { left, max } => {
                *left = left.checked_sub(chunk.len()).ok_or_else(|| format!("is longer than {max} bytes"))?;
            }
            Self::Entries { left, wanted, high } => {
                while let Some((first, rest)) = chunk.split_first() {
                    if *wanted > 0 {
                        let taken = chunk.len().min(*wanted);
                        *wanted -= taken;
                        chunk = &chunk[taken..];
                        continue;
                    }
                    chunk = rest;
                    match high.take() {
                        None if *left == 0 => return Err("holds more entries than its path says".into()),
                        None => *high = Some(*first),
                        Some(high) => {
                            *left -= 1;
                            *wanted = usize::from(u16::from_be_bytes([high, *first]));
                        }
                    }
                    if *wanted > ENTRY_BYTES_MAX {
                        return Err(format!("holds an entry of {wanted} bytes, which no record can have"));
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(lengths: &[usize]) -> Vec<u8> {
        lengths
            .iter()
            .flat_map(|len| [&u16::try_from(*len).expect("a length").to_be_bytes()[..], &vec![7; *len]].concat())
            .collect()
    }

    fn taken(width: u16, bytes: &[u8], chunk: usize) -> usize {
        let mut measure = Measure::of(&TilePath::Entries { n: 0, width });
        bytes.chunks(chunk).take_while(|chunk| measure.take(chunk).is_ok()).map(<[u8]>::len).sum()
    }

    #[test]
    fn a_bundle_of_the_longest_records_is_taken_in_any_pieces() {
        let bytes = bundle(&[ENTRY_BYTES_MAX, 1, 0, ENTRY_BYTES_MAX]);
        for chunk in [1, 2, 3, 1000, bytes.len()] {
            assert_eq!(taken(4, &bytes, chunk), bytes.len(), "{chunk}");
        }
    }

    #[test]
    fn it_ends_at_the_first_entry_that_no_record_can_have() {
        let bytes = bundle(&[100, 65_535, 100]);
        for chunk in [1, 2, 7] {
            assert!(taken(3, &bytes, chunk) < 100 + 4 + chunk, "{chunk}");
        }
        assert_eq!(taken(1, &bundle(&[5, 5]), 1), 7, "nor are there more entries than the path says");
    }

    #[test]
    fn hashes_and_notes_have_their_length() {
        let mut measure = Measure::of(&TilePath::Hashes { level: 0, n: 0, width: 2 });
        assert!(measure.take(&[0; 60]).is_ok() && measure.take(&[0; 4]).is_ok());
        assert!(measure.take(&[0]).is_err());
    }
}
