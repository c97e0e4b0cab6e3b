//! What a lookup costs in a table that has outgrown the parts of the block cache.
#![allow(clippy::unwrap_used)]

use ostrakon_ledger::{Batch, RocksStore, Store, Table};

const IDS: Table = Table("ids");

/// Ids in one commit, and commits. The filter of all of them together is twice as large as a part of the small store's cache.
const BATCH: u64 = 8_192;
const BATCHES: u64 = 128;

/// Absent ids that are looked up, to warm up and to measure.
const LOOKUPS: u64 = 4_000;

/// What reading a block or two for one absent id in a hundred comes to, many times over. A filter of one piece would be a
/// megabyte for every id.
const BYTES_A_LOOKUP_MAX: u64 = 4_096;

/// An id as the tables have them: a hash.
fn id(n: u64) -> [u8; 16] {
    *blake3::hash(&n.to_be_bytes()).as_bytes().first_chunk().unwrap()
}

/// Bytes that this thread has read through system calls.
fn read_bytes() -> u64 {
    let io = std::fs::read_to_string("/proc/thread-self/io").unwrap();
    io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

#[test]
fn an_absent_id_costs_no_more_reads_however_many_ids_there_are() {
    let dir = tempfile::tempdir().unwrap();
    let store = RocksStore::open_small(dir.path().join("db"), &[IDS]).unwrap();
    for batch in 0..BATCHES {
        let mut writes = Batch::new();
        for n in batch * BATCH..(batch + 1) * BATCH {
            writes.put(IDS, id(n), n.to_be_bytes());
        }
        store.commit(writes).unwrap();
    }
    let absent = BATCH * BATCHES;
    let look = |from: u64| (from..from + LOOKUPS).for_each(|n| assert_eq!(store.get(IDS, &id(n)).unwrap(), None));
    look(absent);
    let before = read_bytes();
    look(absent + LOOKUPS);
    let each = (read_bytes() - before) / LOOKUPS;
    assert!(each <= BYTES_A_LOOKUP_MAX, "{each} bytes a lookup");
    assert_eq!(store.get(IDS, &id(7)).unwrap(), Some(7u64.to_be_bytes().to_vec()));
}
