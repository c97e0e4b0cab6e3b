use std::sync::{Arc, atomic::Ordering};

use super::*;
use crate::flow::journal::tables::LOG;
use crate::flow::{
    decision::DecisionId,
    journal::tests::{
        decide,
        faults::{Fate, FaultyStore, open_keeping},
    },
};
use ostrakon_ledger::Store;

/// Who asks during an outage is told so at once; after it the journal works, and what was on record is there.
#[test]
fn an_outage_passes_and_everyone_is_answered() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    for fate in [Fate::Lost, Fate::Kept] {
        let store = Arc::new(FaultyStore::default());
        // The thread has a real clock, and the decisions are as old as that.
        let journal = open_keeping(&store, u64::MAX / 2);
        let (handle, thread) = JournalHandle::start(journal, 16, runtime.handle().clone()).unwrap();
        runtime.block_on(async {
            handle.carry_out(decide(1, None)).await.unwrap();
            store.spoil_next(fate);
            let told = handle.carry_out(decide(2, None)).await.unwrap_err();
            assert!(
                matches!(&told, Error::Stopped { part: "journal", reason } if reason.contains("No space")),
                "{told}"
            );
            while handle.stopped().is_some() {
                assert!(handle.carry_out(decide(3, None)).await.is_err() || handle.stopped().is_none());
                tokio::task::yield_now().await;
            }
            handle.carry_out(decide(4, None)).await.unwrap();
        });
        assert_eq!(store.reopened.load(Ordering::Relaxed), 1);
        let find = |n: u8| handle.published().decisions.find(DecisionId::from_bytes([n; 16])).unwrap();
        assert_eq!((find(1), find(2).is_some()), (Some(0), fate == Fate::Kept));
        assert!(find(4).is_some());
        drop(handle);
        thread.join().unwrap();
    }
}

/// Nobody sends anything, and much is past its time: it goes at the store's speed, not at one step a second.
#[test]
fn what_is_past_its_time_goes_without_a_rest() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    let store = Arc::new(FaultyStore::default());
    let mut journal = open_keeping(&store, 86_400_000);
    for _ in 0..40 {
        journal.handle((0..=255).map(|n| decide(n, None)).collect()).unwrap();
    }
    let start = Instant::now();
    let (handle, thread) = JournalHandle::start(journal, 16, runtime.handle().clone()).unwrap();
    // Twenty times what it takes, and half of what it took with a rest after each of the forty steps.
    while !store.scan(LOG, &[], 1).unwrap().is_empty() {
        assert!(start.elapsed() < Duration::from_secs(20), "rests between two full steps");
        std::thread::yield_now();
    }
    drop(handle);
    thread.join().unwrap();
}
