//! Position and times of a book, and when an epoch closes.

use crate::event::Event;

/// An epoch closes after at least this share of all entries is new: 1/64 keeps weights at most 1.6 % of the ledger
/// behind, and makes a ledger of n entries pay for 64·ln n epochs instead of n.
const EPOCH_SHARE: u64 = 64;
/// … or when an entry comes in another hour than the one before it, so that decay and quiet ledgers keep up.
const EPOCH_MS: u64 = 3_600_000;

/// Where a book stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Clock {
    pub(crate) next_index: u64,
    /// Entries applied since the last epoch closed.
    pub(crate) entries_since: u64,
    /// The latest time at which an applied entry was received.
    pub(crate) ledger_ms: u64,
    /// The later of that and what the caller said last.
    pub(crate) now_ms: u64,
    /// The ledger's time when the last epoch closed: tallies and decay count from there.
    pub(crate) reference_ms: u64,
}

impl Clock {
    /// Takes note of an event; true if an epoch closes after it.
    pub(crate) fn follow(&mut self, event: &Event) -> bool {
        let before_ms = self.ledger_ms;
        self.next_index = event.index() + 1;
        self.entries_since += 1;
        self.ledger_ms = before_ms.max(event.at_ms().unwrap_or(0));
        self.now_ms = self.now_ms.max(self.ledger_ms);
        // Who is convicted was believed a moment ago: that is put right at once, once per peer.
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
