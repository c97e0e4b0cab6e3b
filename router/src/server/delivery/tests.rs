use std::sync::atomic::Ordering;

use ostrakon_ledger::{Batch, StoreError, Table, store::Row};

use super::*;
use crate::{
    config::Fallback,
    flow::journal::{
        tables::{DEAD, DeadRow, MESSAGES},
        tests::{
            decide,
            faults::{FaultyStore, open_keeping},
            queue,
        },
    },
};

/// A store that cannot read the messages whose ids begin below a number.
struct Unreadable {
    inner: Arc<FaultyStore>,
    below: u8,
    error: StoreError,
}

impl Store for Unreadable {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if table == MESSAGES && key[0] < self.below {
            return Err(self.error.clone());
        }
        self.inner.get(table, key)
    }
    fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.inner.scan(table, from, limit)
    }
    fn scan_back(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.inner.scan_back(table, from, limit)
    }
    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.inner.commit(batch)
    }
}

fn route() -> Route {
    Route {
        name: "r".into(),
        kinds: Default::default(),
        webhook: serde_json::from_value("http://127.0.0.1:1/".into()).unwrap(),
        on_failure: Fallback::Defer,
        timeout: Span::from_ms(1000),
        expires_after: Span::from_ms(1000),
        retry_first: Span::from_ms(5_000),
        retry_max: Span::from_ms(60_000),
    }
}

/// Lets the worker go on until `messages` less `left` are dead letters; their reasons. Nobody listens at their route, and
/// they are from long ago: what can be read expires.
fn dead(messages: u8, below: u8, error: StoreError, left: u64) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let inner = Arc::new(FaultyStore::default());
    let mut journal = open_keeping(&inner, u64::MAX / 2);
    journal.handle((0..messages).map(|n| decide(n, queue())).collect()).unwrap();
    let (handle, thread) = JournalHandle::start(journal, 256, runtime.handle().clone()).unwrap();
    let store = Arc::new(Unreadable { inner: inner.clone(), below, error });
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let delivery = Delivery::new(store, handle.clone(), vec![route()], client, Arc::new(Notify::new()));
    let (stop, shutdown) = watch::channel(false);
    runtime.block_on(async {
        let worker = tokio::spawn(delivery.run(shutdown));
        let all = async {
            while handle.published().queued.load(Ordering::Relaxed) > left {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), all).await.expect("some message waits for another");
        stop.send(true).unwrap();
        worker.await.unwrap();
    });
    drop(handle);
    thread.join().unwrap();
    let rows = inner.scan(DEAD, &[], 256).unwrap();
    rows.iter().map(|(_, row)| parse_row::<DeadRow>(DEAD, row).unwrap().reason).collect()
}

#[test]
fn a_message_that_can_never_be_read_becomes_a_dead_letter() {
    let reasons = dead(3, 1, StoreError::Corrupt("block checksum mismatch".into()), 0);
    assert_eq!(reasons.len(), 3);
    assert!(reasons[0].starts_with("the message cannot be read") && reasons[0].contains("checksum"), "{reasons:?}");
    assert!(reasons[1..].iter().all(|reason| reason.starts_with("expired")), "{reasons:?}");
}

/// More than a route has places cannot be read for now: the others go ahead.
#[test]
fn messages_that_cannot_be_read_for_now_hold_no_places() {
    let reasons = dead(60, 40, StoreError::Failed("IO error: Too many open files".into()), 40);
    assert_eq!(reasons.len(), 20);
    assert!(reasons.iter().all(|reason| reason.starts_with("expired")), "{reasons:?}");
}

#[test]
fn a_message_rests_longer_each_time_until_it_is_read() {
    let place = (5, crate::flow::decision::DecisionId::from_bytes([1; 16]));
    let error = || Error::Store(StoreError::Failed("no space left on device".into()));
    let (mut resting, start) = (Resting::default(), Instant::now());
    let ends = |resting: &Resting| resting.0[&place].1.saturating_duration_since(start);
    resting.note(place, Ending::Unread(error()), start);
    let first = ends(&resting);
    assert!(resting.has(&place, start) && !resting.has(&place, start + first));
    resting.tidy(start + first, |_| true);
    resting.note(place, Ending::Unread(error()), start);
    assert!(ends(&resting) > first);
    resting.tidy(start + ends(&resting), |_| false);
    assert!(resting.0.is_empty(), "it has left the queue");
    resting.note(place, Ending::Unread(error()), start);
    resting.note(place, Ending::Recorded, start);
    assert!(resting.0.is_empty());
}
