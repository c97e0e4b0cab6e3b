//! Surgery on RocksDB's write-ahead log: whatever is cut off or flipped, the ledger comes back as it was signed, or it
//! refuses. It is never silently shorter.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ostrakon_ledger::{LedgerError, MemoryState, RocksStore, SignedState, Store, TABLES};
use rayon::prelude::*;
use tempfile::TempDir;

use crate::support::*;

/// A folder in memory where there is one: this opens a database more than a thousand times.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap()
}

/// A ledger as `kill -9` leaves it, with all its rows in the write-ahead log.
struct Patient {
    folder: TempDir,
    log: PathBuf,
    /// Bytes of the log before the last batch and after it.
    before_bytes: u64,
    after_bytes: u64,
    /// What was signed before the last batch and after it.
    signed_before: String,
    signed_after: String,
    size_before: u64,
}

impl Patient {
    fn new() -> Self {
        let folder = folder();
        let path = folder.path().join("ledger");
        let store: Arc<dyn Store> = Arc::new(RocksStore::open(&path, TABLES).unwrap());
        let mut world = World::on(store, Arc::new(MemoryState::default()));
        let record = world.authors.next(OWNER, admit("a.example"));
        world.take(record);
        let batch = (0..3).map(|_| (world.authors.next("a.example", vote("b.example", 1)), NOW_MS)).collect();
        world.ledger.append(batch).unwrap();
        let files = || std::fs::read_dir(&path).unwrap().map(|file| file.unwrap().path());
        let log = files().find(|path| path.extension().is_some_and(|ending| ending == "log")).unwrap();
        let bytes = || std::fs::metadata(&log).unwrap().len();
        let (before_bytes, signed_before) = (bytes(), world.ledger.reader().checkpoint());
        let size_before = world.ledger.reader().tree_size();
        let record = world.authors.next("a.example", vote("b.example", 2));
        world.take(record);
        let (after_bytes, signed_after) = (bytes(), world.ledger.reader().checkpoint());
        // As it is now, with the database still open.
        let copied = folder.path().join("copied");
        copy(&path, &copied);
        let log = copied.join(log.file_name().unwrap());
        Self { folder, log, before_bytes, after_bytes, signed_before, signed_after, size_before }
    }

    /// Opens a copy whose log was operated on; `None` when RocksDB refuses by itself.
    fn operate(&self, number: usize, operation: impl FnOnce(&mut Vec<u8>)) -> Option<Arc<dyn Store>> {
        let path = self.folder.path().join(format!("operated-{number}"));
        copy(self.log.parent().unwrap(), &path);
        let log = path.join(self.log.file_name().unwrap());
        let mut bytes = std::fs::read(&log).unwrap();
        operation(&mut bytes);
        std::fs::write(&log, bytes).unwrap();
        RocksStore::open(&path, TABLES).ok().map(|store| Arc::new(store) as Arc<dyn Store>)
    }

    fn done(&self, number: usize) {
        std::fs::remove_dir_all(self.folder.path().join(format!("operated-{number}"))).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let path = file.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

fn signed(note: &str) -> Arc<dyn SignedState> {
    Arc::new(MemoryState::new(Some(note.to_owned())))
}

#[test]
fn a_log_cut_at_any_byte_of_the_last_batch_gives_what_was_signed_or_a_refusal() {
    let patient = Patient::new();
    let (from, to) = (patient.before_bytes as usize, patient.after_bytes as usize);
    assert!(to > from + 500, "the last batch is in the log");
    (from..=to).into_par_iter().for_each(|cut| {
        let store = patient.operate(cut, |log| log.truncate(cut)).expect("the end of a log may be missing");
        let behind = open(&store, &signed(&patient.signed_after));
        if cut == to {
            assert_eq!(behind.unwrap().reader().tree_size(), patient.size_before + 1);
        } else {
            let (size, error) = (patient.size_before, behind.err().unwrap());
            assert!(
                matches!(error, LedgerError::Behind { store_size, signed_size } if (store_size, signed_size) == (size, size + 1)),
                "cut at {cut}: {error}"
            );
            // The process ended before the batch was whole: nobody was told of it.
            let state = signed(&patient.signed_before);
            assert_eq!(open(&store, &state).unwrap().reader().tree_size(), size, "cut at {cut}");
            assert_eq!(check(&*store, &*state).unwrap().tree_size, size, "cut at {cut}");
        }
        drop(store);
        patient.done(cut);
    });
}

#[test]
fn a_log_with_a_flipped_bit_never_gives_a_shorter_ledger() {
    let patient = Patient::new();
    let (from, to) = (patient.before_bytes as usize, patient.after_bytes as usize);
    // All of the last batch's head, a sample of the rest and of the batches before it.
    let places: Vec<_> = (0..from).step_by(53).chain(from..from + 40).chain((from + 40..to).step_by(7)).collect();
    places.into_par_iter().for_each(|at| {
        if let Some(store) = patient.operate(at, |log| log[at] ^= 1 << (at % 8)) {
            match open(&store, &signed(&patient.signed_after)) {
                Ok(ledger) => {
                    assert_eq!(ledger.reader().checkpoint(), patient.signed_after, "byte {at}");
                    check(&*store, &*signed(&patient.signed_after)).unwrap();
                }
                Err(
                    LedgerError::Behind { .. }
                    | LedgerError::Damaged { .. }
                    | LedgerError::Inconsistent(_)
                    | LedgerError::Store(_),
                ) => {}
                Err(error) => panic!("byte {at}: {error}"),
            }
            if at >= from {
                let state = signed(&patient.signed_before);
                assert_eq!(open(&store, &state).unwrap().reader().tree_size(), patient.size_before, "byte {at}");
                check(&*store, &*state).unwrap();
            }
            drop(store);
        }
        patient.done(at);
    });
}
