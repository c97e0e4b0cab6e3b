//! What waits for delivery, by route and due time.
//!
//! The rows of the queue's table as the journal last committed them. The table is sorted by due time alone, so that whoever
//! looked for work at its head would find only the messages of a route that hangs.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use ostrakon_ledger::Store;

use super::{
    expire::successor,
    tables::{QUEUE, QueueRow, parse_queue_key, parse_row},
};
use crate::{error::Error, flow::decision::DecisionId};

/// Rows read at a time when the journal opens.
const CHUNK: usize = 1024;

/// The place of a message in the queue: when it is due, Unix milliseconds, and which it is.
pub type Place = (u64, DecisionId);

/// The messages that wait, by the name of their route, with the time that each was queued at, Unix milliseconds. A row that
/// cannot be read waits under the empty name, since it is due.
#[derive(Debug, Default)]
pub struct Waiting {
    routes: Mutex<BTreeMap<String, BTreeMap<Place, u64>>>,
}

/// One change of the queue.
#[derive(Debug)]
pub(super) enum Change {
    /// To a route, at a place, queued at a time.
    Added(String, Place, u64),
    Removed(Place),
}

impl Waiting {
    /// What waits in `store`, and how many rows that are.
    ///
    /// # Errors
    /// The store's. Rows that cannot be read are logged and are nobody's error: the others can be delivered.
    pub(super) fn open(store: &dyn Store) -> Result<(Self, u64), Error> {
        let (waiting, mut rows, mut from) = (Self::default(), 0, Vec::new());
        loop {
            let chunk = store.scan(QUEUE, &from, CHUNK)?;
            for (key, row) in &chunk {
                let Ok(place) = parse_queue_key(key) else {
                    tracing::error!("a key of the delivery queue is damaged; its message is not delivered");
                    continue;
                };
                let (route, queued_at_ms) = parse_row(QUEUE, row)
                    .map_or_else(|_| (String::new(), place.0), |row: QueueRow| (row.route, row.queued_at_ms));
                waiting.locked().entry(route).or_default().insert(place, queued_at_ms);
                rows += 1;
            }
            match chunk.last() {
                Some((key, _)) if chunk.len() == CHUNK => from = successor(key),
                _ => return Ok((waiting, rows)),
            }
        }
    }

    /// Up to `count` places of messages for `route` that are due at `now_ms`, the earliest first, without those that
    /// `is_taken`. One that is due more than `ahead_max_ms` from now was put off by a clock that was ahead, and is due, too.
    pub fn due(
        &self,
        route: &str,
        now_ms: u64,
        ahead_max_ms: u64,
        count: usize,
        is_taken: impl Fn(&Place) -> bool,
    ) -> Vec<Place> {
        let routes = self.locked();
        let Some(places) = routes.get(route) else { return Vec::new() };
        let past = places.keys().take_while(|(due_ms, _)| *due_ms <= now_ms);
        let far_ms = now_ms.saturating_add(ahead_max_ms);
        let stranded = places.keys().rev().take_while(|(due_ms, _)| *due_ms > far_ms);
        past.chain(stranded).filter(|place| !is_taken(place)).take(count).copied().collect()
    }

    /// The names of the routes that messages wait for.
    pub fn routes(&self) -> Vec<String> {
        self.locked().keys().cloned().collect()
    }

    /// When the message was queued that has waited longest for `route`, Unix milliseconds. Reads over all of its places.
    pub fn oldest_ms(&self, route: &str) -> Option<u64> {
        self.locked().get(route)?.values().min().copied()
    }

    /// Whether the queue has a row at `place`.
    pub fn has(&self, place: &Place) -> bool {
        self.locked().values().any(|places| places.contains_key(place))
    }

    /// Where the message `id` waits. Reads over all places.
    pub(super) fn places(&self, id: DecisionId) -> Vec<Place> {
        self.locked().values().flat_map(BTreeMap::keys).filter(|(_, waits)| *waits == id).copied().collect()
    }

    /// Follows what was committed.
    pub(super) fn follow(&self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        let mut routes = self.locked();
        for change in changes {
            match change {
                Change::Added(route, place, queued_at_ms) => {
                    routes.entry(route).or_default().insert(place, queued_at_ms);
                }
                Change::Removed(place) => {
                    routes.retain(|_, places| {
                        places.remove(&place);
                        !places.is_empty()
                    });
                }
            }
        }
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<Place, u64>>> {
        // A map of sets is whole between any two statements that change it.
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
