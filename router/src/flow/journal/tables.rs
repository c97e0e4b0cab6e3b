//! What rests in the messages store, table by table, and the keys in it. Rows are MessagePack maps: half the size of
//! JSON, and still readable when a later version adds a field.

use ostrakon_ledger::{Batch, Subject, Table};
use ostrakon_reputation::Weighing;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{error::Error, flow::decision::DecisionId};

/// Decisions and reports in the order in which they were made: `u64` BE index → [`LogRow`](super::LogRow).
pub const LOG: Table = Table("log");
/// Where a decision stands in the log: decision id → `u64` BE index.
pub const DECISIONS: Table = Table("decisions");
/// The subjects of decisions, many at a time: `u64` BE index of the first → [`Sighting`](super::sightings::Sighting)s.
pub const SIGHTINGS: Table = Table("sightings");
/// Which rows of the log are reports: `u64` BE index → the same row. An earlier build wrote nothing. Reports outlive the
/// decisions they speak of.
pub const REPORTS: Table = Table("reports");
/// What has to be kept of rows that the log dropped: nothing → [`DroppedRow`].
pub const DROPPED: Table = Table("dropped");
/// Accepted and held messages as they arrived: decision id → the bytes of the request.
pub const MESSAGES: Table = Table("messages");
/// What waits for delivery: `u64` BE due time in ms ‖ decision id → [`QueueRow`].
pub const QUEUE: Table = Table("queue");
/// What waits for a person: decision id → [`HoldRow`].
pub const HOLDS: Table = Table("holds");
/// What could not be delivered, or was refused by a person: decision id → [`DeadRow`].
pub const DEAD: Table = Table("dead");

/// Every table, for the opener.
pub const TABLES: &[Table] = &[LOG, DECISIONS, SIGHTINGS, REPORTS, DROPPED, MESSAGES, QUEUE, HOLDS, DEAD];

/// Room for most rows: a decision with five subjects and two reasons.
const ROW_BYTES_USUAL: usize = 1024;

/// A user's word on a message that was decided on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRow {
    /// Which message.
    pub decision_id: DecisionId,
    /// Who says so, as an account subject.
    pub reporter: Subject,
    /// What the message was judged by.
    pub subjects: Vec<Subject>,
    /// How familiar each of them was then: `⌊log₂(1 + n)⌋` of n other messages. The decisions that would tell do not stay
    /// as long as the report. An earlier build did not write it down; its reports weigh on strangers.
    #[serde(default)]
    pub familiarity: Vec<u32>,
    /// +100 ham, −100 spam.
    pub value: i8,
    /// When it was said, Unix milliseconds.
    pub at_ms: u64,
}

/// What outlives the rows that the log dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedRow {
    /// Rows that the log had by then, dropped ones among them: the index of none is given twice.
    pub rows: u64,
    /// How many it had when reporters were weighed without the reports that were dropped …
    pub weighed_row: u64,
    /// … and when the latest report had been made, Unix milliseconds.
    pub weighed_at_ms: u64,
    /// When the latest decision was made of those that were dropped, Unix milliseconds: of what is older nobody can tell whether
    /// it was decided on. A clock that was wrong and a retention that was shorter for a while leave this behind.
    #[serde(default)]
    pub decided_through_ms: u64,
    /// There are no decisions before this row. An earlier build did not write it down.
    #[serde(default)]
    pub decisions_before: u64,
    /// There are no reports before this row. An earlier build did not write it down.
    #[serde(default)]
    pub reports_before: u64,
    /// When decisions from the future were first met where retention stands, Unix milliseconds. An earlier build did not write
    /// it down.
    #[serde(default)]
    pub decisions_ahead_ms: Option<u64>,
    /// The same of reports.
    #[serde(default)]
    pub reports_ahead_ms: Option<u64>,
}

impl DroppedRow {
    /// The weighing that followed when reports were dropped.
    pub fn weighing(&self) -> Weighing {
        Weighing { row: self.weighed_row, at_ms: self.weighed_at_ms }
    }
}

/// A message on its way to a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRow {
    /// Name of the route.
    pub route: String,
    /// Deliveries tried so far.
    pub attempts: u32,
    /// When the message entered the queue, Unix milliseconds.
    pub queued_at_ms: u64,
    /// When the router gives up, Unix milliseconds.
    pub expires_at_ms: u64,
    /// What the last try failed with; empty before the first.
    pub last_error: String,
}

impl QueueRow {
    /// A message that enters the queue for `route` at `at_ms` and is given up after `expires_after_ms`.
    pub fn fresh(route: String, at_ms: u64, expires_after_ms: u64) -> Self {
        let expires_at_ms = at_ms.saturating_add(expires_after_ms);
        Self { route, attempts: 0, queued_at_ms: at_ms, expires_at_ms, last_error: String::new() }
    }
}

/// A message that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldRow {
    /// Name of the route it goes to when released.
    pub route: String,
    /// When it was held, Unix milliseconds.
    pub held_at_ms: u64,
    /// When it is dropped unless released before, Unix milliseconds.
    pub expires_at_ms: u64,
}

/// A message that will not be delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadRow {
    /// Name of the route.
    pub route: String,
    /// When it was given up, Unix milliseconds.
    pub died_at_ms: u64,
    /// Deliveries tried.
    pub attempts: u32,
    /// Why.
    pub reason: String,
}

/// The queue's key of a message due at `due_ms`: rows sort by due time.
pub fn queue_key(due_ms: u64, id: DecisionId) -> [u8; 24] {
    let mut key = [0; 24];
    key[..8].copy_from_slice(&due_ms.to_be_bytes());
    key[8..].copy_from_slice(id.as_bytes());
    key
}

/// Takes a queue's key apart.
pub fn parse_queue_key(key: &[u8]) -> Result<(u64, DecisionId), Error> {
    match (key.first_chunk::<8>(), key.get(8..).and_then(|rest| <[u8; 16]>::try_from(rest).ok())) {
        (Some(due), Some(id)) => Ok((u64::from_be_bytes(*due), DecisionId::from_bytes(id))),
        _ => Err(Error::DamagedRow { table: QUEUE.0 }),
    }
}

/// Reads a `u64` BE key or value.
pub fn parse_index(table: Table, bytes: &[u8]) -> Result<u64, Error> {
    bytes.try_into().map(u64::from_be_bytes).map_err(|_| Error::DamagedRow { table: table.0 })
}

/// Reads a row; one that does not parse is damage, not bad input.
pub fn parse_row<T: DeserializeOwned>(table: Table, bytes: &[u8]) -> Result<T, Error> {
    rmp_serde::from_slice(bytes).map_err(|_| Error::DamagedRow { table: table.0 })
}

/// `row` as it rests in `table`.
pub fn write_row<T: Serialize>(table: Table, row: &T) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(ROW_BYTES_USUAL);
    rmp_serde::encode::write_named(&mut bytes, row).map_err(|_| Error::DamagedRow { table: table.0 })?;
    Ok(bytes)
}

/// Puts `row` into `table`.
pub fn put_row<T: Serialize>(batch: &mut Batch, table: Table, key: &[u8], row: &T) -> Result<(), Error> {
    batch.put(table, key.to_vec(), write_row(table, row)?);
    Ok(())
}
