//! Who gets a place while the journal's store is slow.

use std::{
    collections::BTreeSet,
    pin::pin,
    sync::Condvar,
    task::{Context, Poll, Waker},
};

use ostrakon_ledger::{Batch, MemoryStore, Pepper, SecretKey, StoreError, Table, store::Row};
use ostrakon_policies::{Judge, load_policy};
use ostrakon_reputation::{Book, Experience, Parameters, Viewpoint};
use tokio::runtime::Handle;

use super::*;
use crate::{
    config::{Fallback, WebhookUrl},
    flow::{
        journal::{Bounds, Journal},
        scores::Scores,
    },
    message::Limits,
    secrets::Secrets,
    units::Span,
};

const NOW_MS: u64 = 1_800_000_000_000;
const IN_FLIGHT_MAX: usize = 8;
const OF_PEERS: usize = IN_FLIGHT_MAX - IN_FLIGHT_MAX / ADAPTERS_SHARE;
/// A deadline that no test sees.
const ENDLESS: Duration = Duration::from_secs(100_000);

/// A store in memory whose commits wait until it is opened.
#[derive(Default)]
struct SlowStore {
    rows: MemoryStore,
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl SlowStore {
    fn open(&self) {
        *self.is_open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

impl Store for SlowStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.rows.get(table, key)
    }
    fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.rows.scan(table, from, limit)
    }
    fn scan_back(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.rows.scan_back(table, from, limit)
    }
    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        drop(self.opened.wait_while(self.is_open.lock().unwrap(), |is_open| !*is_open).unwrap());
        self.rows.commit(batch)
    }
    fn reopen(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn intake(store: &Arc<SlowStore>) -> Intake {
    let store: Arc<dyn Store> = store.clone();
    let (queue_max, holds_max, year_ms) = (100, 100, 365 * 86_400_000);
    let bounds = Bounds { queue_max, holds_max, decisions_ms: year_ms, reports_ms: year_ms, dead_ms: year_ms };
    let experience = Experience::new(Parameters::default(), BTreeSet::new());
    let journal = Journal::open(store.clone(), bounds, experience).unwrap();
    let published = journal.published();
    let (journal, _) = JournalHandle::start(journal, IN_FLIGHT_MAX, Handle::current()).unwrap();
    let secrets = Secrets { key: SecretKey::from_seed([1; 32]), pepper: Pepper::new([2; 32]), decision_key: [3; 32] };
    let policy = load_policy("policy.toml", b"accept_everything = true\n").unwrap();
    let book = Book::new(Parameters::default(), Viewpoint { name: "test".into(), seeds: [].into() });
    let scores = Arc::new(Scores::of(book.snapshot()));
    let gate = Arc::new(Gate::new(&secrets, Judge::new(policy, None), scores, published));
    Intake::new(gate, store, journal, ENDLESS, IN_FLIGHT_MAX)
}

fn inquiry(n: usize, signed: bool) -> Inquiry {
    let question = format!(
        r#"{{"id":"{n}","peer":"a.example","sender":"u@a.example","recipients":["v@b.example"],"kind":"mail","size":1}}"#
    );
    Inquiry { signed, ..Inquiry::parse(question.as_bytes(), &Limits::default()).unwrap() }
}

/// Takes down that it was dropped.
struct HeldBytes(Arc<std::sync::atomic::AtomicUsize>);

impl Drop for HeldBytes {
    fn drop(&mut self) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}

#[test]
fn messages_of_peers_leave_places_for_adapters_and_keep_their_bytes_until_they_are_written() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    runtime.block_on(async {
        let store = Arc::new(SlowStore::default());
        let intake = intake(&store);
        let any = Span::from_ms(60_000);
        let route = Route {
            name: "r".into(),
            kinds: BTreeSet::new(),
            webhook: WebhookUrl::parse("http://127.0.0.1:1/").unwrap(),
            on_failure: Fallback::Hold,
            timeout: any,
            expires_after: any,
            retry_first: any,
            retry_max: any,
        };
        let given_back = Arc::default();
        let parcel = || Parcel {
            bytes: vec![1],
            held: Box::new(HeldBytes(Arc::clone(&given_back))),
            payload: &[1],
            route: &route,
            hold_ms: 1,
            keep_refusal: true,
        };
        let inquiries: Vec<_> = (0..=OF_PEERS).map(|n| inquiry(n, true)).collect();
        let mut context = Context::from_waker(Waker::noop());
        let mut waiting: Vec<_> =
            inquiries[..OF_PEERS].iter().map(|it| Box::pin(intake.decide(it, Some(parcel()), NOW_MS))).collect();
        for message in &mut waiting {
            assert!(message.as_mut().poll(&mut context).is_pending());
        }
        let refused = intake.decide(&inquiries[OF_PEERS], Some(parcel()), NOW_MS).await.unwrap_err();
        assert!(matches!(*refused, Error::JournalFull), "{refused}");
        let held = || OF_PEERS + 1 - given_back.load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!(held(), OF_PEERS, "what was refused holds nothing");

        let question = inquiry(0, false);
        let mut check = pin!(intake.decide(&question, None, NOW_MS));
        assert!(matches!(check.as_mut().poll(&mut context), Poll::Pending), "an adapter's question has a place");
        // A peer that leaves does not take its bytes along.
        drop(waiting.pop());
        assert_eq!(held(), OF_PEERS);

        store.open();
        check.await.unwrap();
        for message in waiting {
            message.await.unwrap();
        }
        // The one that has left is written, too: asked again it is on record, and what it held is given back before that.
        intake.decide(&inquiries[OF_PEERS - 1], Some(parcel()), NOW_MS).await.unwrap();
        assert_eq!(given_back.load(std::sync::atomic::Ordering::SeqCst), OF_PEERS + 2);
    });
}
