//! One suite for every store: what [`Store`] promises, whoever keeps it.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use ostrakon_ledger::{Batch, MemoryStore, ReopeningStore, RocksStore, Store, StoreError, Table};
use proptest::prelude::*;

const A: Table = Table("a");
const B: Table = Table("b");

fn rocks(dir: &tempfile::TempDir) -> RocksStore {
    RocksStore::open(dir.path().join("db"), &[A, B]).unwrap()
}

/// Runs a case on every kind of store.
fn on_all(case: impl Fn(Arc<dyn Store>)) {
    case(Arc::new(MemoryStore::new()));
    let dir = tempfile::tempdir().unwrap();
    case(Arc::new(rocks(&dir)));
    let dir = tempfile::tempdir().unwrap();
    case(Arc::new(reopening(&dir)));
}

fn reopening(dir: &tempfile::TempDir) -> ReopeningStore<RocksStore> {
    let path = dir.path().join("db");
    ReopeningStore::open(move || RocksStore::open(&path, &[A, B]), || Ok(())).unwrap()
}

fn put(store: &dyn Store, table: Table, rows: &[(&[u8], &[u8])]) {
    let mut batch = Batch::new();
    for (key, value) in rows {
        batch.put(table, *key, *value);
    }
    store.commit(batch).unwrap();
}

fn keys(rows: &[(Vec<u8>, Vec<u8>)]) -> Vec<&[u8]> {
    rows.iter().map(|(key, _)| key.as_slice()).collect()
}

#[test]
fn tables_are_apart_and_start_empty() {
    on_all(|store| {
        assert_eq!(store.get(A, b"k").unwrap(), None);
        assert_eq!(store.scan(A, b"", 10).unwrap(), vec![]);
        put(&*store, A, &[(b"k", b"v")]);
        assert_eq!(store.get(A, b"k").unwrap(), Some(b"v".to_vec()));
        assert_eq!(store.get(B, b"k").unwrap(), None);
    });
}

#[test]
fn scans_go_both_ways_from_a_key_and_stop_at_the_limit() {
    on_all(|store| {
        put(&*store, A, &[(b"b", b""), (b"d", b"4"), (b"\xff\xff", b"9"), (b"", b"0")]);
        put(&*store, B, &[(b"c", b"other table")]);
        assert_eq!(keys(&store.scan(A, b"", 10).unwrap()), [b"".as_slice(), b"b", b"d", b"\xff\xff"]);
        assert_eq!(keys(&store.scan(A, b"b", 10).unwrap()), [b"b".as_slice(), b"d", b"\xff\xff"]);
        assert_eq!(keys(&store.scan(A, b"c", 1).unwrap()), [b"d".as_slice()]);
        assert_eq!(keys(&store.scan_back(A, b"c", 10).unwrap()), [b"b".as_slice(), b""]);
        assert_eq!(keys(&store.scan_back(A, b"\xff\xff\xff", 2).unwrap()), [b"\xff\xff".as_slice(), b"d"]);
        assert_eq!(store.scan(A, b"", 0).unwrap(), vec![]);
    });
}

#[test]
fn a_key_both_deleted_and_put_is_put_and_the_later_put_wins() {
    on_all(|store| {
        put(&*store, A, &[(b"gone", b"1"), (b"kept", b"1")]);
        let mut batch = Batch::new();
        batch.put(A, *b"kept", *b"2");
        batch.delete(A, *b"kept");
        batch.delete(A, *b"gone");
        batch.delete(A, *b"never there");
        batch.put(A, *b"kept", *b"3");
        store.commit(batch).unwrap();
        assert_eq!(store.get(A, b"kept").unwrap(), Some(b"3".to_vec()));
        assert_eq!(store.get(A, b"gone").unwrap(), None);
    });
}

#[test]
fn a_guard_lets_a_batch_pass_only_on_the_value_it_names() {
    on_all(|store| {
        let attempt = |expected: Option<&[u8]>, new: &[u8]| {
            let mut batch = Batch::new().expecting(A, *b"head", expected.map(<[u8]>::to_vec));
            batch.put(A, *b"head", new);
            batch.put(B, new, *b"written");
            store.commit(batch)
        };
        assert_eq!(attempt(Some(b"1"), b"x"), Err(StoreError::Conflict));
        attempt(None, b"1").unwrap();
        assert_eq!(attempt(None, b"x"), Err(StoreError::Conflict));
        assert_eq!(attempt(Some(b"2"), b"x"), Err(StoreError::Conflict));
        attempt(Some(b"1"), b"2").unwrap();
        assert_eq!(store.get(A, b"head").unwrap(), Some(b"2".to_vec()));
        assert_eq!(store.get(B, b"x").unwrap(), None, "a refused batch leaves nothing behind");
    });
}

#[test]
fn of_many_threads_with_one_guard_exactly_one_wins_each_round() {
    on_all(|store| {
        const THREADS: u64 = 4;
        const EACH: u64 = 25;
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..EACH {
                        loop {
                            let current = store.get(A, b"count").unwrap();
                            let count = current.as_deref().map_or(0, |c| u64::from_be_bytes(c.try_into().unwrap()));
                            let mut batch = Batch::new().expecting(A, *b"count", current);
                            batch.put(A, *b"count", (count + 1).to_be_bytes());
                            match store.commit(batch) {
                                Ok(()) => break,
                                Err(error) => assert_eq!(error, StoreError::Conflict),
                            }
                        }
                    }
                });
            }
        });
        assert_eq!(store.get(A, b"count").unwrap(), Some((THREADS * EACH).to_be_bytes().to_vec()));
    });
}

#[test]
fn rocks_keeps_what_was_committed_and_is_held_by_one_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let first = rocks(&dir);
    put(&first, A, &[(b"k", b"v")]);
    let second = RocksStore::open(dir.path().join("db"), &[A, B]);
    let error = second.err().expect("the directory is taken");
    assert!(matches!(&error, StoreError::Locked { path } if path.ends_with("db")), "{error}");
    assert!(error.to_string().contains("in use by another process"), "{error}");

    let looking = RocksStore::open_read_only(dir.path().join("db"), &[A, B]).unwrap();
    assert_eq!(looking.get(A, b"k").unwrap(), Some(b"v".to_vec()), "one may look while another serves");
    let mut batch = Batch::new();
    batch.put(A, *b"k", *b"w");
    assert!(looking.commit(batch).is_err());

    drop((first, looking));
    assert_eq!(rocks(&dir).get(A, b"k").unwrap(), Some(b"v".to_vec()));
}

#[test]
fn rocks_opens_with_fewer_or_more_tables_than_it_has() {
    let dir = tempfile::tempdir().unwrap();
    put(&rocks(&dir), B, &[(b"k", b"v")]);
    let fewer = RocksStore::open(dir.path().join("db"), &[A]).unwrap();
    assert_eq!(fewer.get(Table("c"), b"k"), Err(StoreError::NoTable("c")));
    drop(fewer);
    let more = RocksStore::open(dir.path().join("db"), &[A, B, Table("c")]).unwrap();
    assert_eq!(more.get(Table("c"), b"k").unwrap(), None);
    assert_eq!(more.get(B, b"k").unwrap(), Some(b"v".to_vec()));
}

#[test]
fn rocks_says_so_when_the_directory_cannot_be_used() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), b"not a directory").unwrap();
    let error = RocksStore::open(dir.path().join("file"), &[A]).err().unwrap();
    assert!(matches!(error, StoreError::Failed(_) | StoreError::Corrupt(_)), "{error}");
    assert!(RocksStore::open_read_only(dir.path().join("nowhere"), &[A]).is_err());
}

#[derive(Debug, Clone)]
enum Write {
    Put(u8, u8),
    Delete(u8),
}

fn writes() -> impl Strategy<Value = Vec<Vec<Write>>> {
    let write =
        prop_oneof![(0..8u8, any::<u8>()).prop_map(|(k, v)| Write::Put(k, v)), (0..8u8).prop_map(Write::Delete)];
    prop::collection::vec(prop::collection::vec(write, 0..6), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every store is an ordered map.
    #[test]
    fn a_store_is_an_ordered_map(batches in writes(), from in 0..9u8, limit in 0..9usize) {
        on_all(|store| {
            let mut model = BTreeMap::new();
            for writes in &batches {
                let mut batch = Batch::new();
                for write in writes {
                    if let Write::Delete(key) = write {
                        batch.delete(A, [*key]);
                        model.remove(key);
                    }
                }
                for write in writes {
                    if let Write::Put(key, value) = write {
                        batch.put(A, [*key], [*value]);
                        model.insert(*key, *value);
                    }
                }
                store.commit(batch).unwrap();
            }
            let row = |(k, v): (&u8, &u8)| (vec![*k], vec![*v]);
            let up: Vec<_> = model.range(from..).take(limit).map(row).collect();
            let down: Vec<_> = model.range(..=from).rev().take(limit).map(row).collect();
            assert_eq!(store.scan(A, &[from], limit).unwrap(), up);
            assert_eq!(store.scan_back(A, &[from], limit).unwrap(), down);
        });
    }
}

#[test]
fn a_store_opened_again_has_what_was_committed_and_nobody_sees_it_half_open() {
    let dir = tempfile::tempdir().unwrap();
    let store = reopening(&dir);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = 0;
            while seen < 50 {
                match store.get(A, b"count") {
                    Ok(Some(count)) => {
                        assert!(usize::from(count[0]) >= seen, "a committed row went back");
                        seen = usize::from(count[0]);
                    }
                    Ok(None) => assert_eq!(seen, 0),
                    Err(error) => assert!(error.can_pass(), "{error}"),
                }
            }
        });
        for count in 1..=50u8 {
            put(&store, A, &[(b"count", &[count])]);
            if count.is_multiple_of(10) {
                store.reopen().unwrap();
                assert_eq!(store.get(A, b"count").unwrap(), Some(vec![count]));
            }
        }
        reader.join().unwrap();
    });
}

#[test]
fn a_store_is_not_closed_before_there_is_room_to_open_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let full = || Err(StoreError::Failed("No space left on device (os error 28)".into()));
    let store = ReopeningStore::open(move || RocksStore::open(&path, &[A]), full).unwrap();
    put(&store, A, &[(b"k", b"v")]);
    assert!(store.reopen().unwrap_err().can_pass());
    assert_eq!(store.get(A, b"k").unwrap(), Some(b"v".to_vec()));
}

#[test]
fn only_trouble_that_passes_by_itself_is_worth_another_try() {
    let failed = |reason: &str| StoreError::Failed(reason.into());
    let passing = [
        failed("IO error: No space left on deviceWhile appending to file: x/000004.log: No space left on device"),
        failed("IO error: While open a file for appending: x/000012.log: Too many open files"),
        failed("signed-state: Disk quota exceeded (os error 122)"),
        StoreError::Locked { path: "x".into() },
    ];
    let lasting = [
        failed("IO error: While fsync: x/000004.log: Input/output error"),
        failed("IO error: While open a file: x: Read-only file system"),
        StoreError::Corrupt("checksum mismatch".into()),
        StoreError::Conflict,
        StoreError::NoTable("x"),
    ];
    assert!(passing.iter().all(StoreError::can_pass));
    assert!(!lasting.iter().any(StoreError::can_pass));
}
