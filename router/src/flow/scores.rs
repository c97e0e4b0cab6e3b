//! What readers see of the score book: the latest snapshot, and whether it covers what was there at start.

use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use ostrakon_reputation::Snapshot;

/// What readers see of the book.
pub struct Scores {
    /// The latest snapshot.
    pub snapshot: ArcSwap<Snapshot>,
    caught_up: AtomicBool,
}

impl Scores {
    /// Publishes `snapshot` as all there is, so that nothing is waited for.
    pub fn of(snapshot: Snapshot) -> Self {
        Self { snapshot: ArcSwap::from_pointee(snapshot), caught_up: AtomicBool::new(true) }
    }

    /// Publishes `snapshot` while there is more in the ledger.
    pub fn behind(snapshot: Snapshot) -> Self {
        Self { snapshot: ArcSwap::from_pointee(snapshot), caught_up: AtomicBool::new(false) }
    }

    /// Everything that was in the ledger at start is folded.
    pub fn mark_caught_up(&self) {
        self.caught_up.store(true, Ordering::Release);
    }

    /// Whether everything that was in the ledger at start is folded.
    pub fn is_caught_up(&self) -> bool {
        self.caught_up.load(Ordering::Acquire)
    }
}
