//! Commits that fail, in pairs: the write failed and is lost, the write "failed" and is there all the same. After every fault
//! the journal, opened again in place, is what a start would have made of the store.

use std::sync::{Mutex, atomic::AtomicUsize};

use ostrakon_ledger::{Batch, StoreError, Table, store::Row};

use super::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Lost,
    Kept,
}

/// A store in memory that spoils the next commit, or a later read, if it is told so.
#[derive(Default)]
pub(crate) struct FaultyStore {
    pub(crate) rows: MemoryStore,
    next: Mutex<Option<Fate>>,
    /// Reads until one fails.
    reads_left: Mutex<Option<usize>>,
    pub(crate) reopened: AtomicUsize,
}

impl FaultyStore {
    pub(crate) fn spoil_next(&self, fate: Fate) {
        *self.next.lock().unwrap() = Some(fate);
    }

    /// After `reads` more reads one fails.
    fn fail_read_after(&self, reads: usize) {
        *self.reads_left.lock().unwrap() = Some(reads);
    }

    fn read(&self) -> Result<(), StoreError> {
        let mut left = self.reads_left.lock().unwrap();
        match left.take() {
            Some(0) => Err(failed()),
            more => {
                *left = more.map(|reads| reads - 1);
                Ok(())
            }
        }
    }
}

fn failed() -> StoreError {
    StoreError::Failed("IO error: No space left on device: x.log".into())
}

impl Store for FaultyStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.read()?;
        self.rows.get(table, key)
    }
    fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.read()?;
        self.rows.scan(table, from, limit)
    }
    fn scan_back(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.read()?;
        self.rows.scan_back(table, from, limit)
    }
    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let fate = self.next.lock().unwrap().take();
        if fate != Some(Fate::Lost) {
            self.rows.commit(batch)?;
        }
        fate.map_or(Ok(()), |_| Err(failed()))
    }
    fn reopen(&self) -> Result<(), StoreError> {
        self.reopened.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// A journal on a store that can fail …
fn open_faulty(store: &Arc<FaultyStore>) -> Journal {
    open_keeping(store, DAY_MS)
}

/// … and that keeps decisions for so long.
pub(crate) fn open_keeping(store: &Arc<FaultyStore>, decisions_ms: u64) -> Journal {
    let bounds = Bounds { queue_max: 100, holds_max: 100, decisions_ms, ..bounds() };
    Journal::open(store.clone(), bounds, Experience::new(Parameters::default(), BTreeSet::new())).unwrap()
}

/// Everything that a journal knows: it must be what one that is opened now would know.
#[track_caller]
fn check(journal: &Journal, store: &Arc<FaultyStore>) {
    let fresh = open_faulty(store);
    assert_eq!(journal.experience.to_bytes(), fresh.experience.to_bytes());
    let counts = |journal: &Journal| (journal.next_index, journal.dropped, journal.queued, journal.held);
    assert_eq!(counts(journal), counts(&fresh));
    let published = |journal: &Journal| {
        let Published { queued, held, waiting, .. } = &*journal.published;
        let places: Vec<_> = waiting.routes().iter().map(|r| waiting.due(r, u64::MAX, 0, 1000, |_| false)).collect();
        (queued.load(Ordering::Relaxed), held.load(Ordering::Relaxed), waiting.routes(), places)
    };
    assert_eq!(published(journal), published(&fresh));
    for n in 0..=255 {
        assert_eq!(found(journal, n), found(&fresh, n), "{n}");
    }
}

/// The first message of a route, if there is one.
fn first_waiting(journal: &Journal) -> Option<QueueKey> {
    journal.published.waiting.due("r", u64::MAX, 0, 1, |_| false).pop()
}

fn retry(attempts: u32) -> QueueRow {
    QueueRow { route: "r".into(), attempts, queued_at_ms: 5, expires_at_ms: DAY_MS, last_error: "no".into() }
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Decide(u8, Option<bool>),
    Report(u8),
    Attempt(u8),
    Rule(u8, bool),
    Expire(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (any::<u8>(), prop::option::of(any::<bool>())).prop_map(|(n, place)| Act::Decide(n, place)),
        2 => any::<u8>().prop_map(Act::Report),
        4 => (0u8..3).prop_map(Act::Attempt),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(n, release)| Act::Rule(n, release)),
        1 => (0u64..20).prop_map(|half_days| Act::Expire(half_days * DAY_MS / 2)),
    ]
}

/// Carries `act` out; the error is the store's.
fn perform(journal: &mut Journal, act: Act) -> Result<(), Error> {
    let command = match act {
        Act::Decide(n, None) => decide(n, None),
        Act::Decide(n, Some(true)) => decide(n, queue()),
        Act::Decide(n, Some(false)) => decide(n, hold()),
        Act::Report(n) => report(n, -100, 3),
        Act::Attempt(kind) => {
            let Some((due_ms, id)) = first_waiting(journal) else { return Ok(()) };
            let attempt = match kind {
                0 => Attempt::Delivered,
                1 => Attempt::Retry { due_ms: due_ms + 1, row: retry(1) },
                _ => Attempt::Dead(DeadRow { route: "r".into(), died_at_ms: 9, attempts: 1, reason: "no".into() }),
            };
            Command::Attempted { id, due_ms, attempt }
        }
        Act::Rule(n, release) => {
            let ruling = if release { Ruling::Release } else { Ruling::Reject };
            Command::Rule { id: DecisionId::from_bytes([n; 16]), ruling, at_ms: 7, expires_after_ms: 100 }
        }
        Act::Expire(now_ms) => return journal.expire(now_ms).map(drop),
    };
    journal.handle(vec![command]).map(drop)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever fails and whether it is there: the journal goes on as a start would have, and nothing acknowledged is gone.
    #[test]
    fn a_journal_opened_again_is_what_a_start_makes(
        acts in prop::collection::vec((act(), prop::option::weighted(0.3, any::<bool>())), 1..60),
    ) {
        let store = Arc::new(FaultyStore::default());
        let mut journal = open_faulty(&store);
        for (act, fate) in acts {
            if let Some(kept) = fate {
                store.spoil_next(if kept { Fate::Kept } else { Fate::Lost });
            }
            if perform(&mut journal, act).is_err() {
                journal.reopen().unwrap();
                check(&journal, &store);
            }
            store.next.lock().unwrap().take();
        }
        check(&journal, &store);
    }
}

#[test]
fn what_came_of_a_delivery_is_recorded_once_however_often_it_is_handed_in() {
    for fate in [Fate::Lost, Fate::Kept] {
        let store = Arc::new(FaultyStore::default());
        let mut journal = open_faulty(&store);
        journal.handle(vec![decide(1, queue()), decide(2, queue())]).unwrap();
        let (due_ms, id) = first_waiting(&journal).unwrap();
        for attempt in [Attempt::Retry { due_ms: 50, row: retry(1) }, Attempt::Delivered] {
            let due_ms = if matches!(attempt, Attempt::Delivered) { 50 } else { due_ms };
            let command = || Command::Attempted { id, due_ms, attempt: attempt.clone() };
            store.spoil_next(fate);
            journal.handle(vec![command()]).unwrap_err();
            journal.reopen().unwrap();
            // Nobody knows whether it is on record: it is handed in again.
            journal.handle(vec![command()]).unwrap();
            check(&journal, &store);
        }
        assert_eq!((rows(&store.rows, QUEUE), rows(&store.rows, MESSAGES)), (1, 1), "{fate:?}");
    }
}

#[test]
fn a_store_that_ends_elsewhere_than_it_must_is_not_taken() {
    let store = Arc::new(FaultyStore::default());
    let mut journal = open_faulty(&store);
    journal.handle(vec![decide(1, None), decide(2, None)]).unwrap();
    store.spoil_next(Fate::Lost);
    journal.handle(vec![decide(3, None)]).unwrap_err();
    let mut loss = Batch::new();
    loss.delete(LOG, 1u64.to_be_bytes());
    store.rows.commit(loss).unwrap();
    for _ in 0..2 {
        assert!(matches!(journal.reopen(), Err(Error::DamagedRow { table: "log" })), "an acknowledged row is gone");
    }
}

/// Whatever read fails while the store is opened again, the next try ends where the first would have ended.
#[test]
fn a_read_that_fails_while_opening_again_is_tried_again() {
    let acts =
        [Act::Decide(3, Some(true)), Act::Report(1), Act::Attempt(0), Act::Rule(2, true), Act::Expire(4 * DAY_MS)];
    for (act, fate) in acts.into_iter().flat_map(|act| [(act, Fate::Lost), (act, Fate::Kept)]) {
        let mut reads = 0;
        loop {
            let store = Arc::new(FaultyStore::default());
            let mut journal = open_faulty(&store);
            journal.handle(vec![decide(1, queue()), decide(2, hold()), report(1, 100, 0)]).unwrap();
            store.spoil_next(fate);
            perform(&mut journal, act).unwrap_err();
            store.fail_read_after(reads);
            let reopened = journal.reopen();
            if store.reads_left.lock().unwrap().take().is_some() {
                reopened.unwrap();
                break;
            }
            assert!(matches!(reopened, Err(Error::Store(_))), "{act:?}, {fate:?}, after {reads} reads: {reopened:?}");
            journal.reopen().unwrap_or_else(|error| panic!("{act:?}, {fate:?}, after {reads} reads: {error}"));
            check(&journal, &store);
            reads += 1;
        }
        assert!(reads >= 3, "{act:?}, {fate:?}: {reads}");
    }
}

/// A step of retention that cannot read to its end has dropped nothing, and nobody has forgotten anything.
#[test]
fn a_read_that_fails_in_a_step_of_retention_forgets_nothing() {
    for reads in 0.. {
        let store = Arc::new(FaultyStore::default());
        let mut journal = open_faulty(&store);
        // Some ids are in the table, some wait.
        for n in 0..6 {
            journal.handle(vec![decide(n, None), report(n, 100, 0)]).unwrap();
        }
        store.fail_read_after(reads);
        let expired = journal.expire(4 * DAY_MS);
        if store.reads_left.lock().unwrap().take().is_some() {
            assert!(expired.is_ok() && reads > 4, "{reads}: {expired:?}");
            return;
        }
        expired.unwrap_err();
        journal.reopen().unwrap();
        check(&journal, &store);
        assert_eq!((0..6).filter_map(|n| found(&journal, n)).count(), 6, "after {reads} reads");
    }
}
