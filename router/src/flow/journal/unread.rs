//! Rows that cannot be read when the journal opens. They are passed over, as retention does: of one decision nobody knows any
//! more, and the node starts.

use ostrakon_ledger::Table;

/// Rows of one table that are told of one by one; the rest is counted.
const TOLD_MAX: u64 = 10;

/// How many rows of a table could not be read.
#[derive(Debug)]
pub(super) struct Unread {
    table: Table,
    rows: u64,
}

impl Unread {
    /// None so far.
    pub(super) fn of(table: Table) -> Self {
        Self { table, rows: 0 }
    }

    /// `row` is one.
    pub(super) fn note(&mut self, row: u64) {
        self.rows += 1;
        let table = self.table.0;
        metrics::counter!("ostrakon_damaged_rows_total", "table" => table).increment(1);
        if self.rows <= TOLD_MAX {
            tracing::error!(table, row, "a row cannot be read and is passed over; `messages/` was damaged");
        }
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        if self.rows > TOLD_MAX {
            tracing::error!(
                table = self.table.0,
                rows = self.rows,
                "these many rows cannot be read and are passed over"
            );
        }
    }
}
