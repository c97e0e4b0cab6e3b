//! A ledger is put back as it was: from an archive or from a copy, and from nothing that lies.

use std::io::Cursor;
use std::sync::Arc;

use ostrakon_ledger::archive::{Archive, export};
use ostrakon_ledger::tables::TABLES;
use ostrakon_ledger::tile::TilePath;
use ostrakon_ledger::{
    FetchError, Healed, LedgerError, LogFiles, MemoryState, MemoryStore, RESTORE_ENTRIES_MAX, Restorer, SignedState,
    Store, StoreError, heal,
};

use crate::publishing::{grow, grown};
use crate::support::*;

const OLD: u64 = 300;
const SIZE: u64 = 600;

fn archived(world: &World) -> Vec<u8> {
    let mut file = Vec::new();
    let entries = export(&world.ledger.reader(), &mut file, &mut |_, _| {}).unwrap();
    assert_eq!(entries, world.ledger.reader().tree_size());
    file
}

fn import(file: &[u8], store: Arc<dyn Store>) -> Result<Restorer, LedgerError> {
    Archive::open(file)?.import(store, &name(OWNER), NETWORK, &public(OWNER), &mut |_, _| {})
}

fn restorer(store: &Arc<dyn Store>) -> Restorer {
    Restorer::open(store.clone(), &name(OWNER), NETWORK, &public(OWNER)).unwrap()
}

fn heal_from(world: &World, copy: &dyn LogFiles) -> Result<Healed, LedgerError> {
    let spool = &mut Cursor::new(Vec::new());
    heal(restorer(&world.store), &*world.state, copy, spool, &mut |_, _| {})
}

/// Every row of every table.
fn rows(store: &dyn Store) -> Vec<Vec<(Vec<u8>, Vec<u8>)>> {
    TABLES.iter().map(|table| store.scan(*table, &[], usize::MAX).unwrap()).collect()
}

/// A store that was rolled back while the signed state was not.
fn rolled_back() -> World {
    let (old, new) = (grown(OLD), grown(SIZE));
    World { store: old.store, state: new.state, ledger: new.ledger, authors: new.authors }
}

#[test]
fn an_archive_gives_the_same_rows_again() {
    for size in [2, 255, 256, 257, SIZE] {
        let world = grown(size);
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        assert_eq!(import(&archived(&world), store.clone()).unwrap().tree_size(), size);
        assert_eq!(rows(&*store), rows(&*world.store));
        assert_eq!(check(&*store, &*world.state), world.verify());
        assert_eq!(open(&store, &world.state).unwrap().reader().published(), world.ledger.reader().published());
    }
}

#[test]
fn an_archive_longer_than_a_batch_goes_through() {
    let world = grown(RESTORE_ENTRIES_MAX as u64 + 1);
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    import(&archived(&world), store.clone()).unwrap();
    assert_eq!(rows(&*store), rows(&*world.store));
}

#[test]
fn an_archive_with_a_flipped_bit_or_cut_anywhere_is_refused() {
    let world = grown(40);
    let file = archived(&world);
    let refused = |file: &[u8], what: String| {
        let outcome = import(file, Arc::new(MemoryStore::new()));
        let error = outcome.err().unwrap_or_else(|| panic!("{what} went unnoticed"));
        let expected = matches!(
            error,
            LedgerError::Archive(_)
                | LedgerError::OtherLedger(_)
                | LedgerError::Damaged { .. }
                | LedgerError::Inconsistent(_)
                | LedgerError::Malformed(_)
        );
        assert!(expected, "{what}: {error}");
    };
    for at in (0..600).chain((600..file.len()).step_by(53)) {
        let mut flipped = file.clone();
        flipped[at] ^= 1 << (at % 8);
        refused(&flipped, format!("a flipped bit in byte {at}"));
    }
    for at in (0..file.len()).step_by(131).chain([file.len() - 1]) {
        refused(&file[..at], format!("a cut at byte {at}"));
    }
    refused(&[&file[..], &[0]].concat(), "a byte more".into());
}

#[test]
fn an_archive_is_not_imported_over_a_ledger_or_into_another() {
    let world = grown(5);
    let file = archived(&world);
    assert!(matches!(import(&file, world.store.clone()), Err(LedgerError::AlreadyExists)));
    let other = Archive::open(&file[..]).unwrap().import(
        Arc::new(MemoryStore::new()),
        &name("other.example"),
        NETWORK,
        &public(OWNER),
        &mut |_, _| {},
    );
    assert!(matches!(other, Err(LedgerError::OtherLedger(_))));
}

#[test]
fn what_a_rollback_lost_comes_back_from_a_copy() {
    let world = rolled_back();
    assert!(matches!(world.reopen(), Err(LedgerError::Behind { store_size: OLD, signed_size: SIZE })));
    let copy = grown(SIZE);
    assert_eq!(heal_from(&world, &copy.ledger.reader()).unwrap(), Healed { from: OLD, to: SIZE, newer: false });
    assert_eq!(rows(&*world.store), rows(&*copy.store));
    assert_eq!(world.reopen().unwrap().reader().published(), copy.ledger.reader().published());
    // A second time there is nothing to do.
    assert_eq!(heal_from(&world, &copy.ledger.reader()).unwrap(), Healed { from: SIZE, to: SIZE, newer: false });
}

#[test]
fn a_store_that_lost_everything_comes_back_too() {
    let world = World { store: Arc::new(MemoryStore::new()), ..rolled_back() };
    let copy = grown(SIZE);
    assert_eq!(heal_from(&world, &copy.ledger.reader()).unwrap(), Healed { from: 0, to: SIZE, newer: false });
    assert_eq!(rows(&*world.store), rows(&*copy.store));
}

/// The folder restored from last week, signed state and all: it would sign a second history, if no copy knew better.
#[test]
fn a_copy_with_a_newer_checkpoint_of_ours_moves_the_signed_state_forward() {
    let world = grown(OLD);
    let copy = grown(SIZE);
    assert_eq!(heal_from(&world, &copy.ledger.reader()).unwrap(), Healed { from: OLD, to: SIZE, newer: true });
    assert_eq!(world.state.load().unwrap(), copy.state.load().unwrap());
    assert_eq!(world.verify().unwrap().signed_size, SIZE);
}

#[test]
fn a_copy_that_lags_says_so_and_changes_nothing() {
    let world = rolled_back();
    let before = rows(&*world.store);
    let error = heal_from(&world, &grown(400).ledger.reader()).unwrap_err();
    assert!(matches!(&error, LedgerError::Copy(what) if what.contains("400") && what.contains("300..600")), "{error}");
    assert_eq!(rows(&*world.store), before);
}

/// A log that changes what it serves.
struct Liar<L, F>(L, F);

impl<L: LogFiles, F: Fn(&TilePath, &mut Vec<u8>)> LogFiles for Liar<L, F> {
    fn checkpoint(&self) -> Result<String, FetchError> {
        self.0.checkpoint()
    }
    fn files(&self, paths: &[TilePath]) -> Result<Vec<Option<Vec<u8>>>, FetchError> {
        let mut files = self.0.files(paths)?;
        for (path, bytes) in paths.iter().zip(&mut files) {
            if let Some(bytes) = bytes {
                self.1(path, bytes);
            }
        }
        Ok(files)
    }
}

#[test]
fn a_copy_that_lies_in_one_bit_changes_nothing() {
    let world = rolled_back();
    let before = rows(&*world.store);
    let copy = grown(SIZE);
    for at in (0..copy.ledger.reader().entry_bundle(2, 88).unwrap().unwrap().len()).step_by(997) {
        let flip = |path: &TilePath, bytes: &mut Vec<u8>| {
            if matches!(path, TilePath::Entries { n: 2, .. }) {
                bytes[at] ^= 4;
            }
        };
        let error = heal_from(&world, &Liar(copy.ledger.reader(), flip)).unwrap_err();
        assert!(matches!(error, LedgerError::Copy(_)), "byte {at}: {error}");
        assert_eq!(rows(&*world.store), before);
    }
    let cut = Liar(copy.ledger.reader(), |_: &TilePath, bytes: &mut Vec<u8>| bytes.truncate(bytes.len() - 1));
    assert!(matches!(heal_from(&world, &cut), Err(LedgerError::Copy(_))));
}

#[test]
fn a_copy_with_another_history_is_refused_also_when_it_is_longer() {
    let mut other = World::with(&["z.example"]);
    while other.ledger.reader().tree_size() < SIZE + 50 {
        let record = other.authors.next("z.example", vote("b.example", 1));
        other.take(record);
    }
    for world in [rolled_back(), grown(OLD)] {
        let (before, signed) = (rows(&*world.store), world.state.load().unwrap());
        let error = heal_from(&world, &other.ledger.reader()).unwrap_err();
        assert!(error.to_string().contains("another history"), "{error}");
        assert_eq!((rows(&*world.store), world.state.load().unwrap()), (before, signed));
    }
}

#[test]
fn without_a_signed_state_nothing_is_healed() {
    let world = World { state: Arc::new(MemoryState::default()), ..rolled_back() };
    let error = heal_from(&world, &grown(SIZE).ledger.reader()).unwrap_err();
    assert!(matches!(error, LedgerError::SignedStateMissing { store_size: OLD }), "{error}");
}

#[test]
fn healing_that_was_interrupted_goes_on() {
    for fault in [crate::faults::Fault::Lost, crate::faults::Fault::Kept] {
        let old = grown(OLD);
        let (store, plan) = crate::faults::faulty(rows(&*old.store));
        let world = World { store, ..rolled_back() };
        let copy = grown(SIZE);
        plan.at_next_write(fault);
        let error = heal_from(&world, &copy.ledger.reader()).unwrap_err();
        assert!(matches!(error, LedgerError::Store(StoreError::Failed(_))), "{error}");
        assert_eq!(heal_from(&world, &copy.ledger.reader()).unwrap().to, SIZE);
        assert_eq!(rows(&*world.store), rows(&*copy.store));
        world.verify().unwrap();
    }
}

#[test]
fn a_healed_ledger_goes_on_where_it_was() {
    let mut world = rolled_back();
    heal_from(&world, &grown(SIZE).ledger.reader()).unwrap();
    world.ledger = world.reopen().unwrap();
    grow(&mut world, SIZE + 10);
    assert_eq!(world.verify().unwrap().tree_size, SIZE + 10);
}
