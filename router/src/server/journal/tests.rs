use std::sync::{Arc, atomic::Ordering};

use super::*;
use crate::flow::{
    decision::DecisionId,
    journal::tests::{
        decide,
        faults::{Fate, FaultyStore, open_keeping},
    },
};

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
