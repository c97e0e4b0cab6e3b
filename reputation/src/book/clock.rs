//! The position and the times of a book, and when an epoch closes.

use crate::event::Event;

/// An epoch closes when one in this many entries is new: 1/64 keeps weights at most 1.6 % of the ledger behind, and a
/// ledger of n entries costs 64·ln n epochs instead of n.
const EPOCH_SHARE: u64 = 64;
/// An epoch also closes when an entry comes in another hour than the entry before it, so that decay and quiet ledgers
/// keep up.
const EPOCH_MS: u64 = 3_600_000;

/// The position and the times of a book.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Clock {
    pub(crate) next_index: u64,
    /// Entries applied since the last epoch closed.
    pub(crate) entries_since: u64,
    /// The latest time at which an applied entry was received.
    pub(crate) ledger_ms: u64,
    /// The later of the ledger's time and the time that the caller gave last.
    pub(crate) now_ms: u64,
    /// The ledger's time when the last epoch closed. Tallies and decay count from this time.
    pub(crate) reference_ms: u64,
}

impl Clock {
    /// Moves on by an event. Returns true if an epoch closes after it.
    pub(crate) fn follow(&mut self, event: &Event) -> bool {
        let before_ms = self.ledger_ms;
        self.next_index = event.index() + 1;
        self.entries_since += 1;
        self.ledger_ms = before_ms.max(event.at_ms().unwrap_or(0));
        self.now_ms = self.now_ms.max(self.ledger_ms);
        // The votes of a convicted peer counted until now, so the scores are corrected at once. This happens once per
        // peer.
        matches!(event, Event::Convicted { .. } | Event::Expelled { .. })
            || self.entries_since >= (self.next_index / EPOCH_SHARE).max(1)
            || self.ledger_ms / EPOCH_MS != before_ms / EPOCH_MS
    }

    /// An epoch closes.
    pub(crate) fn close(&mut self) {
        self.entries_since = 0;
        self.reference_ms = self.ledger_ms;
    }
}
