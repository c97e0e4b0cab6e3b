//! Storage that fails, in pairs: the write failed and is lost, the write "failed" and is there all the same.
//!
//! After every fault: the ledger has stopped, reopening gives at least what was acknowledged, everything verifies,
//! and it goes on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ostrakon_ledger::{
    Appended, Batch, LedgerError, MemoryState, MemoryStore, RecordId, SignedState, Store, StoreError, Table,
};
use proptest::prelude::*;

use crate::support::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Lost,
    Kept,
}

/// Fails the n-th write from now, counted together over store and signed state.
#[derive(Default)]
struct Plan {
    writes: AtomicU64,
    fault: Mutex<Option<(u64, Fault)>>,
}

impl Plan {
    fn set(&self, after: u64, fault: Fault) {
        *self.fault.lock().unwrap() = Some((self.writes.load(Ordering::SeqCst) + after, fault));
    }

    fn write(&self, perform: impl FnOnce() -> Result<(), StoreError>) -> Result<(), StoreError> {
        let now = self.writes.fetch_add(1, Ordering::SeqCst);
        let mut planned = self.fault.lock().unwrap();
        let fault = planned.filter(|(at, _)| *at == now).map(|(_, fault)| fault);
        if fault.is_some() {
            *planned = None;
        }
        if fault != Some(Fault::Lost) {
            perform()?;
        }
        match fault {
            Some(_) => Err(StoreError::Failed("no space left on device".into())),
            None => Ok(()),
        }
    }
}

struct FaultyStore(MemoryStore, Arc<Plan>);

impl Store for FaultyStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(table, key)
    }
    fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        self.0.scan(table, from, limit)
    }
    fn scan_back(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        self.0.scan_back(table, from, limit)
    }
    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.1.write(|| self.0.commit(batch))
    }
}

struct FaultyState(MemoryState, Arc<Plan>);

impl SignedState for FaultyState {
    fn load(&self) -> Result<Option<String>, StoreError> {
        self.0.load()
    }
    fn compare_and_swap(&self, expected: Option<&str>, new: &str) -> Result<(), StoreError> {
        self.1.write(|| self.0.compare_and_swap(expected, new))
    }
}

fn world() -> (World, Arc<Plan>) {
    let plan = Arc::new(Plan::default());
    let store = Arc::new(FaultyStore(MemoryStore::new(), plan.clone()));
    let state = Arc::new(FaultyState(MemoryState::default(), plan.clone()));
    let mut world = World::on(store, state);
    let record = world.authors.next(OWNER, admit("a.example"));
    world.take(record);
    (world, plan)
}

/// The whole-state checker: what was acknowledged is there, and everything agrees.
fn check_all(world: &World, acknowledged: &[(u64, RecordId)]) {
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
        let error = world.ledger.submit(vec![(record.clone(), NOW_MS)]).unwrap_err();
        assert!(matches!(&error, LedgerError::Store(StoreError::Failed(_))), "{error}");
        assert_eq!(world.ledger.reader().published(), before, "nothing is shown that was not acknowledged");
        assert_eq!(world.ledger.reader().record(&record.id()).unwrap(), None);
        assert_eq!(world.ledger.author(&name("a.example")).unwrap().unwrap().seq, 3);
        let error = world.ledger.submit(vec![(record.clone(), NOW_MS)]).unwrap_err();
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
        let plan = Arc::new(Plan::default());
        let store: Arc<dyn Store> = Arc::new(FaultyStore(MemoryStore::new(), plan.clone()));
        let state: Arc<dyn SignedState> = Arc::new(FaultyState(MemoryState::default(), plan.clone()));
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
    world.ledger.submit(vec![(record, NOW_MS)]).unwrap_err();
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
    let error = second.submit(vec![(other, NOW_MS)]).unwrap_err();
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
            match world.ledger.submit(batch.clone()) {
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
