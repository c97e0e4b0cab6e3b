//! Durable delivery to routes: at least once, with back-off, expiry and dead letters.
//!
//! The queue is a table of the messages store, sorted by due time. The worker reads what is due, sends it, and tells
//! the journal what came of it; only the journal writes. After a crash what was under way is simply due again.

use std::{collections::HashSet, sync::Arc, time::Duration};

use ostrakon_ledger::Store;
use tokio::{
    sync::{Notify, mpsc, watch},
    task::JoinSet,
};

use crate::{
    clock::now_ms,
    config::Route,
    decision::DecisionId,
    error::Error,
    journal::{
        Attempt, Command, JournalHandle,
        tables::{DeadRow, MESSAGES, QUEUE, QueueRow, parse_queue_key, parse_row},
    },
};

/// Deliveries under way at a time: a slow route holds at most these.
const CONCURRENCY: usize = 32;

/// Queue rows read at a time.
const CHUNK: usize = 128;

/// How long the worker rests when it has nothing due and nobody wakes it.
const REST: Duration = Duration::from_secs(1);

/// Characters of a route's error kept in the queue.
const ERROR_CHARS_MAX: usize = 200;

/// Everything the worker needs.
pub struct Delivery {
    /// The messages store, to read.
    pub store: Arc<dyn Store>,
    /// The journal, to write.
    pub journal: JournalHandle,
    /// The operator's routes.
    pub routes: Vec<Route>,
    /// The HTTP client.
    pub client: reqwest::Client,
    /// Wakes the worker when something was queued.
    pub wake: Arc<Notify>,
}

/// A message that is due.
struct Due {
    id: DecisionId,
    due_ms: u64,
    row: QueueRow,
}

impl Delivery {
    /// Delivers until `shutdown` turns true, then finishes what is under way.
    pub async fn run(self, mut shutdown: watch::Receiver<bool>) {
        let this = Arc::new(self);
        let mut under_way = HashSet::new();
        let mut tasks = JoinSet::new();
        let (ended, mut endings) = mpsc::channel::<(u64, DecisionId)>(CONCURRENCY);
        while !*shutdown.borrow() {
            match this.due(&under_way, CONCURRENCY - under_way.len()) {
                Ok(due) => {
                    for due in due {
                        under_way.insert((due.due_ms, due.id));
                        let (this, ended) = (this.clone(), ended.clone());
                        tasks.spawn(async move {
                            let key = (due.due_ms, due.id);
                            this.deliver(due).await;
                            let _ = ended.send(key).await;
                        });
                    }
                }
                Err(error) => tracing::error!(%error, "the delivery queue cannot be read"),
            }
            tokio::select! {
                Some(key) = endings.recv() => { under_way.remove(&key); }
                () = this.wake.notified(), if under_way.len() < CONCURRENCY => {}
                () = tokio::time::sleep(REST) => {}
                _ = shutdown.changed() => {}
            }
            while let Ok(key) = endings.try_recv() {
                under_way.remove(&key);
            }
            while tasks.try_join_next().is_some() {}
        }
        drop(endings);
        while tasks.join_next().await.is_some() {}
    }

    fn due(&self, under_way: &HashSet<(u64, DecisionId)>, room: usize) -> Result<Vec<Due>, Error> {
        let now = now_ms();
        let mut due = Vec::new();
        for (key, row) in self.store.scan(QUEUE, &[], CHUNK)? {
            let (due_ms, id) = parse_queue_key(&key)?;
            if due_ms > now || due.len() == room {
                break;
            }
            if !under_way.contains(&(due_ms, id)) {
                due.push(Due { id, due_ms, row: parse_row(QUEUE, &row)? });
            }
        }
        Ok(due)
    }

    async fn deliver(&self, due: Due) {
        let Due { id, due_ms, row } = due;
        let attempt = match self.routes.iter().find(|route| route.name == row.route) {
            Some(route) => match self.send(id, route, &row).await {
                Ok(()) => Attempt::Delivered,
                Err(reason) => again(route, row, reason),
            },
            None => dead(row, "the configuration no longer has this route".into()),
        };
        let word = match &attempt {
            Attempt::Delivered => "delivered",
            Attempt::Retry { .. } => "retry",
            Attempt::Dead(_) => "dead",
        };
        metrics::counter!("ostrakon_deliveries_total", "outcome" => word).increment(1);
        if let Err(error) = self.journal.carry_out(Command::Attempted { id, due_ms, attempt }).await {
            tracing::error!(%id, %error, "what became of a delivery could not be recorded; it will be tried again");
        }
    }

    /// One POST of the message as it arrived; any 2xx is a delivery.
    async fn send(&self, id: DecisionId, route: &Route, row: &QueueRow) -> Result<(), String> {
        let bytes = match self.store.get(MESSAGES, id.as_bytes()) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err("the message is not in the store".into()),
            Err(error) => return Err(error.to_string()),
        };
        let response = self
            .client
            .post(route.webhook.as_str())
            .timeout(route.timeout.as_std())
            .header("content-type", "application/json")
            .header("ostrakon-decision-id", id.to_string())
            .header("ostrakon-attempt", row.attempts + 1)
            .body(bytes)
            .send()
            .await
            .map_err(|error| error.to_string())?;
        let status = response.status();
        if status.is_success() { Ok(()) } else { Err(format!("the route answered {status}")) }
    }
}

/// The next attempt after one more failure, or the end of them.
fn again(route: &Route, mut row: QueueRow, reason: String) -> Attempt {
    row.attempts = row.attempts.saturating_add(1);
    row.last_error = reason.chars().take(ERROR_CHARS_MAX).collect();
    let due_ms = now_ms().saturating_add(backoff_ms(route, row.attempts));
    if due_ms >= row.expires_at_ms {
        let reason = format!("expired; last error: {}", row.last_error);
        return dead(row, reason);
    }
    Attempt::Retry { due_ms, row }
}

fn dead(row: QueueRow, reason: String) -> Attempt {
    Attempt::Dead(DeadRow { route: row.route, died_at_ms: now_ms(), attempts: row.attempts, reason })
}

/// Doubles from the route's first pause up to its longest.
fn backoff_ms(route: &Route, attempts: u32) -> u64 {
    let doublings = attempts.saturating_sub(1).min(32);
    route.retry_first.ms().saturating_mul(1 << doublings).min(route.retry_max.ms())
}
