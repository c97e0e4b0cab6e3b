//! The signed state in a file: whatever a crash leaves of a write, the note before it or the new one is read, never another.

use std::fs;

use ostrakon_ledger::{FileState, SignedState, StoreError};
use proptest::prelude::*;
use tempfile::TempDir;

/// What disks write at once.
const SECTOR_BYTES: usize = 512;

fn state() -> (TempDir, FileState) {
    let dir = TempDir::new().unwrap();
    let state = FileState::new(dir.path().join("signed-state"));
    (dir, state)
}

/// The file before and after a swap between notes of these lengths that is written in place.
fn swap(held: &str, new: &str) -> (Vec<u8>, Vec<u8>) {
    let (dir, state) = state();
    let file = dir.path().join("signed-state");
    let longer = "long ".repeat(held.len().max(new.len()) / 5 + 1);
    state.compare_and_swap(None, "the first\n").unwrap();
    state.compare_and_swap(Some("the first\n"), &longer).unwrap();
    state.compare_and_swap(Some(&longer), held).unwrap();
    let before = fs::read(&file).unwrap();
    state.compare_and_swap(Some(held), new).unwrap();
    (before, fs::read(&file).unwrap())
}

fn read(file: &[u8]) -> Result<Option<String>, StoreError> {
    let (dir, state) = state();
    fs::write(dir.path().join("signed-state"), file).unwrap();
    state.load()
}

#[test]
fn each_swap_is_read_and_expects_the_note_before_it() {
    let (dir, state) = state();
    assert_eq!(state.load().unwrap(), None);
    assert_eq!(state.compare_and_swap(Some("one\n"), "two\n"), Err(StoreError::Conflict));
    let mut held: Option<String> = None;
    for number in 0..20_usize {
        // Longer than a half of the file holds now, and short again.
        let note = format!("{number}\n").repeat(if number % 7 == 3 { 2000 * number } else { 1 });
        state.compare_and_swap(held.as_deref(), &note).unwrap();
        assert_eq!(state.load().unwrap().as_deref(), Some(note.as_str()));
        assert_eq!(state.compare_and_swap(Some("one\n"), "two\n"), Err(StoreError::Conflict));
        assert_eq!(state.compare_and_swap(None, "two\n"), Err(StoreError::Conflict));
        assert_eq!(FileState::new(dir.path().join("signed-state")).load().unwrap().as_deref(), Some(note.as_str()));
        held = Some(note);
    }
}

#[test]
fn a_file_cut_short_beside_its_place_is_not_seen() {
    let (dir, state) = state();
    fs::write(dir.path().join("signed-state.new"), "1 4 tw").unwrap();
    assert_eq!(state.load().unwrap(), None);
    state.compare_and_swap(None, "one\n").unwrap();
    assert_eq!(state.load().unwrap().as_deref(), Some("one\n"));
}

#[test]
fn a_file_without_a_whole_half_is_refused_by_name() {
    let (_, whole) = swap("held\n", "new\n");
    let mut both = whole.clone();
    both[0] ^= 1;
    both[whole.len() / 2] ^= 1;
    for file in [&both[..], &whole[..whole.len() - 1], &whole[..whole.len() / 2], b"", b"held\n"] {
        let error = read(file).unwrap_err();
        assert!(matches!(&error, StoreError::Corrupt(what) if what.contains("signed-state")), "{error:?}");
    }
}

proptest! {
    /// Sectors of one write reach the disk in any order, and a sector may be cut.
    #[test]
    fn a_torn_write_leaves_the_note_before_it_or_the_new_one(
        held in "[a-z\n]{0,9000}", new in "[a-z\n]{0,9000}", written in prop::collection::vec(any::<bool>(), 64),
        cut in 0..SECTOR_BYTES, cut_sector in 0_usize..64,
    ) {
        let (before, after) = swap(&held, &new);
        prop_assert_eq!(before.len(), after.len());
        let mut torn = before.clone();
        for (n, (sector, from)) in torn.chunks_mut(SECTOR_BYTES).zip(after.chunks(SECTOR_BYTES)).enumerate() {
            let upto = if !written[n % 64] { 0 } else if n == cut_sector { cut } else { SECTOR_BYTES };
            sector[..upto].copy_from_slice(&from[..upto]);
        }
        let read = read(&torn).unwrap().unwrap();
        prop_assert!(read == held || read == new);
        prop_assert!(torn != after || read == new);
        prop_assert!(torn != before || read == held);
    }

    /// Damage to the half that holds gives the one before it, and never a note that nobody wrote.
    #[test]
    fn a_flipped_bit_never_makes_another_note(held in "[a-z\n]{1,300}", new in "[a-z\n]{1,300}", at in 0_usize..400, bit in 0_u8..8) {
        let (_, mut file) = swap(&held, &new);
        let half = file.len() / 2;
        for at in [at, half + at] {
            file[at] ^= 1_u8 << bit;
            let read = read(&file).unwrap().unwrap();
            prop_assert!(read == held || read == new);
            file[at] ^= 1_u8 << bit;
        }
    }
}
