//! Storage that fails, in pairs: the write failed and is lost, the write "failed" and is there all the same.
//!
//! After every fault: the ledger has stopped, reopening gives at least what was acknowledged, everything verifies,
//! and it goes on.

use std::sync::{Arc, Mutex, MutexGuard};

use ostrakon_ledger::tables::TABLES;
use ostrakon_ledger::{
    Appended, Batch, LedgerError, MemoryState, MemoryStore, RecordId, SignedState, Store, StoreError, Table,
};
use proptest::prelude::*;

use crate::support::*;

/// What happens to a call. Every one of them is answered with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does nothing.
    Lost,
    /// It does what it should.
    Kept,
    /// It does the first part of it: so many rows of a batch, in its order; so many bytes of a note.
    Torn(usize),
    /// The same with the rows in the order of their keys, as a database might write them.
    TornSorted(usize),
}

/// What was called, for whoever enumerates the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Read,
    /// Rows of the batch.
    Commit(usize),
    /// Bytes of the note.
    Swap(usize),
}

impl Call {
    fn is_write(self) -> bool {
        self != Call::Read
    }
}

/// Counts the calls to a store and a signed state together, and spoils one of them.
#[derive(Default)]
pub(crate) struct Plan(Mutex<Calls>);

#[derive(Default)]
struct Calls {
    made: Vec<Call>,
    /// The call, by its number among all calls.
    planned: Option<(usize, Fault)>,
    /// The write, by its number among the writes from now on.
    next_write: Option<(u64, Fault)>,
}

impl Plan {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap()
    }

    /// Spoils the call of this number.
    pub(crate) fn at_call(&self, number: usize, fault: Fault) {
        self.calls().planned = Some((number, fault));
    }

    /// Spoils the next write.
    pub(crate) fn at_next_write(&self, fault: Fault) {
        self.set(0, fault);
    }

    fn set(&self, after: u64, fault: Fault) {
        self.calls().next_write = Some((after, fault));
    }

    /// All calls so far.
    pub(crate) fn made(&self) -> Vec<Call> {
        self.calls().made.clone()
    }

    /// What is to happen to this call.
    fn next(&self, call: Call) -> Option<Fault> {
        let mut calls = self.calls();
        let number = calls.made.len();
        calls.made.push(call);
        if let Some(fault) = calls.planned.take_if(|(at, _)| *at == number) {
            return Some(fault.1);
        }
        match &mut calls.next_write {
            Some((0, _)) if call.is_write() => calls.next_write.take().map(|(_, fault)| fault),
            Some((left, _)) if call.is_write() => {
                *left -= 1;
                None
            }
            _ => None,
        }
    }

    fn read<T>(&self, perform: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.next(Call::Read).is_some() { Err(failed()) } else { perform() }
    }
}

fn failed() -> StoreError {
    StoreError::Failed("no space left on device".into())
}

struct FaultyStore(MemoryStore, Arc<Plan>);

impl Store for FaultyStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.1.read(|| self.0.get(table, key))
    }
    fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        self.1.read(|| self.0.scan(table, from, limit))
    }
    fn scan_back(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        self.1.read(|| self.0.scan_back(table, from, limit))
    }
    fn commit(&self, mut batch: Batch) -> Result<(), StoreError> {
        let rows = match self.1.next(Call::Commit(batch.puts.len())) {
            None => return self.0.commit(batch),
            Some(Fault::Lost) => 0,
            Some(Fault::Kept) => batch.puts.len(),
            Some(Fault::Torn(rows)) => rows,
            Some(Fault::TornSorted(rows)) => {
                batch.puts.sort();
                rows
            }
        };
        batch.puts.truncate(rows);
        self.0.commit(batch)?;
        Err(failed())
    }
}

struct FaultyState(MemoryState, Arc<Plan>);

impl SignedState for FaultyState {
    fn load(&self) -> Result<Option<String>, StoreError> {
        self.1.read(|| self.0.load())
    }
    fn compare_and_swap(&self, expected: Option<&str>, new: &str) -> Result<(), StoreError> {
        let bytes = match self.1.next(Call::Swap(new.len())) {
            None => return self.0.compare_and_swap(expected, new),
            Some(Fault::Lost) => return Err(failed()),
            Some(Fault::Kept) => new.len(),
            Some(Fault::Torn(bytes) | Fault::TornSorted(bytes)) => bytes,
        };
        self.0.compare_and_swap(expected, &String::from_utf8_lossy(&new.as_bytes()[..bytes]))?;
        Err(failed())
    }
}

/// A store and a signed state that fail together as planned.
pub(crate) fn faulty_pair() -> (Arc<dyn Store>, Arc<dyn SignedState>, Arc<Plan>) {
    let plan = Arc::new(Plan::default());
    let store = Arc::new(FaultyStore(MemoryStore::new(), plan.clone()));
    let state = Arc::new(FaultyState(MemoryState::default(), plan.clone()));
    (store, state, plan)
}

/// A store with these rows, table by table, that fails as planned.
pub(crate) fn faulty(rows: Vec<Vec<(Vec<u8>, Vec<u8>)>>) -> (Arc<dyn Store>, Arc<Plan>) {
    let mut batch = Batch::new();
    for (table, rows) in TABLES.iter().zip(rows) {
        for (key, value) in rows {
            batch.put(*table, key, value);
        }
    }
    let (store, _, plan) = faulty_pair();
    store.commit(batch).unwrap();
    (store, plan)
}

fn world() -> (World, Arc<Plan>) {
    let (store, state, plan) = faulty_pair();
    let mut world = World::on(store, state);
    let record = world.authors.next(OWNER, admit("a.example"));
    world.take(record);
    (world, plan)
}

/// The whole-state checker: what was acknowledged is there, and everything agrees.
pub(crate) fn check_all(world: &World, acknowledged: &[(u64, RecordId)]) {
    let published = world.ledger.reader().published();
    for (index, id) in acknowledged {
        assert!(*index < published.tree_size);
        assert_eq!(world.ledger.reader().record(id).unwrap(), Some(*index));
    }
    let report = world.verify().unwrap();
    assert_eq!(
        (report.tree_size, report.root, report.chain_head),
        (published.tree_size, published.root, published.chain_head)
    );
    assert_eq!(report.signed_size, report.tree_size);
}

#[test]
fn every_write_of_a_batch_may_fail_in_both_ways() {
    // Writes of one batch: 0 commits to the store, 1 swaps the signed state.
    for (write, fault, survives) in
        [(0, Fault::Lost, false), (0, Fault::Kept, true), (1, Fault::Lost, true), (1, Fault::Kept, true)]
    {
        let (mut world, plan) = world();
        let mut acknowledged = vec![];
        for _ in 0..3 {
            let record = world.authors.next("a.example", vote("b.example", 1));
            let Appended { index, id, .. } = world.take(record);
            acknowledged.push((index, id));
        }
        let before = world.ledger.reader().published();
        plan.set(write, fault);
        let record = world.authors.next("a.example", vote("b.example", 2));
        let error = world.ledger.append(vec![(record.clone(), NOW_MS)]).unwrap_err();
        assert!(matches!(&error, LedgerError::Store(StoreError::Failed(_))), "{error}");
        assert_eq!(world.ledger.reader().published(), before, "nothing is shown that was not acknowledged");
        assert_eq!(world.ledger.reader().record(&record.id()).unwrap(), None);
        assert_eq!(world.ledger.author(&name("a.example")).unwrap().unwrap().seq, 3);
        let error = world.ledger.append(vec![(record.clone(), NOW_MS)]).unwrap_err();
        assert!(matches!(error, LedgerError::Poisoned(_)), "after a failure it takes nothing: {error}");

        world.ledger = world.reopen().unwrap();
        check_all(&world, &acknowledged);
        let again = world.take(record);
        assert_eq!((again.index, again.new), (5, !survives), "write {write} {fault:?}");
        acknowledged.push((again.index, again.id));
        check_all(&world, &acknowledged);
    }
}

#[test]
fn creation_may_fail_at_every_write_and_opens_or_starts_again() {
    for (write, fault, exists) in
        [(0, Fault::Lost, false), (0, Fault::Kept, true), (1, Fault::Lost, true), (1, Fault::Kept, true)]
    {
        let (store, state, plan) = faulty_pair();
        plan.set(write, fault);
        let create = || {
            let state = Box::new(state.clone());
            ostrakon_ledger::Ledger::create(store.clone(), state, &name(OWNER), NETWORK, key(OWNER), NOW_MS)
        };
        assert!(create().is_err());
        let ledger = if exists { open(&store, &state) } else { create() }.unwrap();
        assert_eq!(ledger.reader().tree_size(), 1, "write {write} {fault:?}");
        assert_eq!(check(&*store, &*state).unwrap().signed_size, 1);
    }
}

#[test]
fn reopening_may_fail_too() {
    let (mut world, plan) = world();
    plan.set(1, Fault::Lost);
    let record = world.authors.next("a.example", vote("b.example", 2));
    world.ledger.append(vec![(record, NOW_MS)]).unwrap_err();
    for fault in [Fault::Lost, Fault::Lost, Fault::Kept] {
        plan.set(0, fault);
        assert!(world.reopen().is_err());
    }
    world.ledger = world.reopen().unwrap();
    assert_eq!(world.ledger.reader().tree_size(), 3);
    check_all(&world, &[]);
}

#[test]
fn a_second_writer_on_the_same_store_is_stopped_by_the_guard() {
    let (mut world, _) = world();
    let mut second = world.reopen().unwrap();
    let first = world.authors.next("a.example", vote("b.example", 1));
    world.take(first);
    // Good in itself, but sequenced behind a head that is no longer the last.
    let other = world.authors.next(OWNER, admit("c.example"));
    let error = second.append(vec![(other, NOW_MS)]).unwrap_err();
    assert!(matches!(error, LedgerError::Store(StoreError::Conflict)), "{error}");
    check_all(&world, &[]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any faults at any writes: never shorter than acknowledged, always verifiable, always able to go on.
    #[test]
    fn what_was_acknowledged_survives_any_faults(
        steps in prop::collection::vec((1..40usize, prop::option::weighted(0.4, (0..2u64, any::<bool>()))), 1..25),
    ) {
        let (mut world, plan) = world();
        let mut acknowledged = vec![];
        for (count, fault) in steps {
            if let Some((write, kept)) = fault {
                plan.set(write, if kept { Fault::Kept } else { Fault::Lost });
            }
            let before = world.authors.clone();
            let batch: Vec<_> =
                (0..count).map(|_| (world.authors.next("a.example", vote("b.example", 1)), NOW_MS)).collect();
            match world.ledger.append(batch.clone()) {
                Ok(answers) => acknowledged.extend(answers.into_iter().map(|a| a.unwrap()).map(|a| (a.index, a.id))),
                Err(_) => {
                    world.ledger = world.reopen().unwrap();
                    let survived = world.ledger.reader().record(&batch[0].0.id()).unwrap().is_some();
                    if !survived {
                        world.authors = before;
                    }
                    check_all(&world, &acknowledged);
                }
            }
        }
        check_all(&world, &acknowledged);
    }
}
