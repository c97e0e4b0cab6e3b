//! Anything changed behind the ledger's back is found, where it is.

use ostrakon_ledger::tables::{AUTHORS, ENTRIES, HEAD_KEY, IDS, MARKS, META, SEQUENCES, TILES};
use ostrakon_ledger::{Batch, Damage, Disagreement, LedgerError, MemoryState, Store, StoreError, Table};

use crate::publishing::grown;
use crate::support::*;

const SIZE: u64 = 600;

/// Changes a row behind the ledger's back.
fn change(store: &dyn Store, table: Table, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
    let mut value = store.get(table, key).unwrap().unwrap();
    change(&mut value);
    let mut batch = Batch::new();
    batch.put(table, key, value);
    store.commit(batch).unwrap();
}

fn remove(store: &dyn Store, table: Table, key: &[u8]) {
    let mut batch = Batch::new();
    batch.delete(table, key);
    store.commit(batch).unwrap();
}

#[test]
fn a_flipped_bit_anywhere_in_an_entry_is_found_at_its_index() {
    let world = grown(SIZE);
    let len = world.store.get(ENTRIES, &300u64.to_be_bytes()).unwrap().unwrap().len();
    for index in [0, 1, 255, 256, 300, SIZE - 1] {
        for at in (0..len).step_by(41).chain([len - 1]) {
            let key = index.to_be_bytes();
            let flip = |bytes: &mut Vec<u8>| {
                let at = at % bytes.len();
                bytes[at] ^= 1;
            };
            change(&*world.store, ENTRIES, &key, flip);
            let damage = world.verify().unwrap_err();
            assert_eq!(damage.index, index, "byte {at}: {damage}");
            change(&*world.store, ENTRIES, &key, flip);
        }
    }
    world.verify().unwrap();
}

#[test]
fn a_changed_missing_or_extra_mark_is_found() {
    let mut world = World::with(&["a.example"]);
    let first = world.authors.next("a.example", vote("b.example", 5));
    world.take(first.clone());
    let cancel = world.authors.next("a.example", retract(first.id()));
    world.take(cancel);
    let key = [&[4], first.id().as_bytes().as_slice()].concat();
    world.verify().unwrap();
    change(&*world.store, MARKS, &key, |value| value[7] ^= 1);
    assert!(matches!(world.verify().unwrap_err().what, Disagreement::Row { table: "marks", .. }));
    change(&*world.store, MARKS, &key, |value| value[7] ^= 1);
    world.verify().unwrap();
    let mut batch = Batch::new();
    batch.put(MARKS, [7; 33], [0; 8]);
    world.store.commit(batch).unwrap();
    assert!(matches!(world.verify().unwrap_err().what, Disagreement::Row { table: "marks", .. }));
    remove(&*world.store, MARKS, &[7; 33]);
    remove(&*world.store, MARKS, &key);
    assert!(matches!(world.verify().unwrap_err().what, Disagreement::Row { table: "marks", .. }));
}

#[test]
fn a_damaged_last_entry_is_found_on_open() {
    let world = grown(SIZE);
    for at in [0, 5, 36, 60, 200] {
        change(&*world.store, ENTRIES, &(SIZE - 1).to_be_bytes(), |bytes| bytes[at] ^= 1);
        let error = world.reopen().err().unwrap();
        assert!(matches!(error, LedgerError::Damaged { index, .. } if index == SIZE - 1), "{error}");
        change(&*world.store, ENTRIES, &(SIZE - 1).to_be_bytes(), |bytes| bytes[at] ^= 1);
    }
}

#[test]
fn missing_extra_and_swapped_entries_are_found() {
    let world = grown(SIZE);
    let row = |index: u64| world.store.get(ENTRIES, &index.to_be_bytes()).unwrap().unwrap();
    let (one, two) = (row(100), row(101));
    let put = |index: u64, value: &[u8]| {
        let mut batch = Batch::new();
        batch.put(ENTRIES, index.to_be_bytes(), value);
        world.store.commit(batch).unwrap();
    };
    put(100, &two);
    put(101, &one);
    assert_eq!(world.verify().unwrap_err(), Damage { index: 100, what: Disagreement::Leaf });
    put(100, &one);
    put(101, &two);
    remove(&*world.store, ENTRIES, &200u64.to_be_bytes());
    assert_eq!(world.verify().unwrap_err(), Damage { index: 200, what: Disagreement::MissingEntry });
    let error = world.ledger.reader().entries(190, 50).unwrap_err();
    assert!(matches!(error, LedgerError::Damaged { index: 200, .. }), "{error}");
    let world = grown(SIZE);
    change(&*world.store, ENTRIES, &0u64.to_be_bytes(), |_| {});
    let mut batch = Batch::new();
    batch.put(ENTRIES, SIZE.to_be_bytes(), one);
    world.store.commit(batch).unwrap();
    assert_eq!(world.verify().unwrap_err(), Damage { index: SIZE, what: Disagreement::ExtraEntry });
}

#[test]
fn wrong_rows_beside_the_entries_are_found() {
    let check = |spoil: &dyn Fn(&World), index: u64, expected: &dyn Fn(&Disagreement) -> bool| {
        let world = grown(SIZE);
        spoil(&world);
        let damage = world.verify().unwrap_err();
        assert!(damage.index == index && expected(&damage.what), "{damage}");
    };
    let id = |world: &World, index| world.ledger.reader().entry(index).unwrap().unwrap().record.id();
    let table =
        |table: Table| move |what: &Disagreement| matches!(what, Disagreement::Row { table: t, .. } if *t == table.0);
    let sequence = |seq: u64| [1u64.to_be_bytes(), seq.to_be_bytes()].concat();
    let tile = |level: u8, n: u64| [[level].as_slice(), &n.to_be_bytes()].concat();

    check(&|w| change(&*w.store, IDS, id(w, 70).as_bytes(), |v| v[7] ^= 1), 70, &table(IDS));
    check(&|w| remove(&*w.store, IDS, id(w, 70).as_bytes()), 70, &table(IDS));
    check(&|w| remove(&*w.store, SEQUENCES, &sequence(9)), 10, &table(SEQUENCES));
    check(&|w| change(&*w.store, SEQUENCES, &sequence(9), |v| v[7] ^= 1), 10, &table(SEQUENCES));
    check(&|w| change(&*w.store, TILES, &tile(0, 1), |v| v[32 * 44] ^= 1), 300, &|what| *what == Disagreement::Leaf);
    check(&|w| change(&*w.store, TILES, &tile(1, 0), |v| v[0] ^= 1), 0, &|what| {
        *what == Disagreement::Tile { level: 1, n: 0 }
    });
    check(&|w| change(&*w.store, TILES, &tile(0, 2), |v| v.extend([0; 32])), 512, &|what| {
        *what == Disagreement::Tile { level: 0, n: 2 }
    });
    check(&|w| change(&*w.store, META, HEAD_KEY, |v| v[20] ^= 1), SIZE, &|what| *what == Disagreement::Head);
    check(&|w| change(&*w.store, AUTHORS, b"a.example", |v| v[39] ^= 1), SIZE, &|what| {
        matches!(what, Disagreement::Unreadable(_))
    });
    check(&|w| remove(&*w.store, AUTHORS, b"a.example"), SIZE, &table(AUTHORS));
    let add = |w: &World, table: Table, key: &[u8], value: &[u8]| {
        let mut batch = Batch::new();
        batch.put(table, key, value);
        w.store.commit(batch).unwrap();
    };
    check(&|w| add(w, TILES, &tile(0, 3), &[0; 32]), SIZE, &table(TILES));
    check(&|w| add(w, TILES, &tile(2, 0), &[0; 32]), SIZE, &table(TILES));
    check(
        &|w| {
            let mut batch = Batch::new();
            batch.put(IDS, [1; 32], 5u64.to_be_bytes());
            w.store.commit(batch).unwrap();
        },
        SIZE,
        &table(IDS),
    );
}

#[test]
fn a_store_that_was_rolled_back_is_refused_and_says_what_is_missing() {
    let old = grown(300);
    let new = grown(SIZE);
    let error = open(&old.store, &new.state).err().unwrap();
    assert!(matches!(error, LedgerError::Behind { store_size: 300, signed_size: SIZE }), "{error}");
    assert!(error.to_string().contains("entries 300..600 are missing"), "{error}");
    let damage = check(&*old.store, &*new.state).unwrap_err();
    assert_eq!(damage, Damage { index: 300, what: Disagreement::Behind { signed_size: SIZE } });
    assert!(open(&new.store, &old.state).is_ok(), "ahead is what a crash leaves");
}

#[test]
fn another_history_of_the_same_length_is_refused() {
    let one = grown(SIZE);
    let mut two = World::with(&["z.example"]);
    while two.ledger.reader().tree_size() < SIZE {
        let record = two.authors.next("z.example", vote("b.example", 1));
        two.take(record);
    }
    let error = open(&one.store, &two.state).err().unwrap();
    assert!(matches!(error, LedgerError::Inconsistent(_)), "{error}");
    assert_eq!(check(&*one.store, &*two.state).unwrap_err(), Damage { index: SIZE, what: Disagreement::SignedRoot });
}

#[test]
fn a_lost_or_forged_signed_state_is_refused() {
    let world = grown(SIZE);
    let with = |note: Option<String>| {
        let state: std::sync::Arc<dyn ostrakon_ledger::SignedState> = std::sync::Arc::new(MemoryState::new(note));
        open(&world.store, &state).err().unwrap()
    };
    assert!(matches!(with(None), LedgerError::SignedStateMissing { store_size: SIZE }));
    let note = world.state.load().unwrap().unwrap();
    assert!(matches!(with(Some(note.replace("\n600\n", "\n599\n"))), LedgerError::OtherLedger(_)));
    assert!(matches!(with(Some("garbage".into())), LedgerError::OtherLedger(_)));
}

/// A store that cannot read one entry, as a disk does.
struct Unreadable<'a>(&'a dyn Store, u64);

impl Store for Unreadable<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match table == ENTRIES && key == self.1.to_be_bytes() {
            true => Err(StoreError::Corrupt("block checksum mismatch".into())),
            false => self.0.get(table, key),
        }
    }
    fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        let rows = self.0.scan(table, from, limit)?;
        match table == ENTRIES && rows.iter().any(|(key, _)| *key == self.1.to_be_bytes()) {
            true => Err(StoreError::Corrupt("block checksum mismatch".into())),
            false => Ok(rows),
        }
    }
    fn scan_back(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        self.0.scan_back(table, from, limit)
    }
    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.0.commit(batch)
    }
}

#[test]
fn an_entry_that_cannot_be_read_is_named() {
    let world = grown(SIZE);
    let damage = check(&Unreadable(&*world.store, 333), &*world.state).unwrap_err();
    assert!(matches!(&damage, Damage { index: 333, what: Disagreement::Unreadable(_) }), "{damage}");
}
