//! Durable delivery to routes: at least once, with back-off, expiry and dead letters.
//!
//! The queue is a table of the messages store. The worker takes what is due, sends it, and tells the journal what came of
//! it; only the journal writes. After a crash what was under way is simply due again.
//!
//! * Each route has places of its own: one that hangs delays no other.
//! * While the journal does not work, nothing is sent. An outcome that cannot be recorded keeps its message's place until it
//!   can, so that no message is sent twice because of it.

mod attempt;
mod send;
mod telling;

use std::{
    collections::{HashMap, HashSet},
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant},
};

use ostrakon_ledger::Store;
use tokio::{
    sync::{Notify, mpsc, watch},
    task::JoinSet,
};

use self::{attempt::outcome, telling::Telling};
use crate::server::journal::JournalHandle;
use crate::{
    config::Route,
    error::Error,
    flow::journal::{
        Attempt, Command, Place,
        tables::{QUEUE, QueueRow, parse_row, queue_key},
    },
    server::{backoff::Backoff, clock, outage::can_pass},
    units::Span,
};

/// Deliveries under way to one route at a time …
const ROUTE_PLACES: usize = 16;
/// … and to all of them: each is a descriptor and a message in memory. If there are many routes, each has fewer places …
const PLACES: usize = 64;
/// … but no fewer than these.
const ROUTE_PLACES_MIN: usize = 2;

/// How long the worker rests when it has nothing due and nobody wakes it.
const REST: Duration = Duration::from_secs(1);

/// Rests while outcomes cannot be recorded, or a message cannot be read.
const BOOKKEEPING: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(10));

/// A message that is due later than its route's longest pause and this much was put off by a clock that was ahead. It is
/// more than a route may ask for ([`attempt::RETRY_AFTER_MAX`]) and the clocks of a restart may differ by.
const AHEAD: Span = Span::from_ms(25 * 3_600_000);

/// Everything the worker needs.
pub struct Delivery {
    /// The messages store, to read.
    store: Arc<dyn Store>,
    /// The journal, to write.
    journal: JournalHandle,
    /// The operator's routes.
    routes: Vec<Route>,
    /// The HTTP client.
    client: reqwest::Client,
    /// Wakes the worker when something was queued.
    wake: Arc<Notify>,
    /// What the log says of routes.
    telling: Telling,
}

/// What is under way, by the name of its route.
type UnderWay = HashMap<String, HashSet<Place>>;

/// What an attempt left behind.
#[derive(Debug)]
enum Ending {
    /// What came of it is on record, or the node ends.
    Recorded,
    /// The message could not be read, and perhaps can be later.
    Unread(Error),
}

/// Messages that could not be read, and rest. They take no places of their route meanwhile.
#[derive(Debug, Default)]
struct Resting(HashMap<Place, (u32, Instant)>);

impl Resting {
    fn note(&mut self, place: Place, ending: Ending, now: Instant) {
        let failures = self.0.remove(&place).map_or(1, |(failures, _)| failures.saturating_add(1));
        if let Ending::Unread(error) = ending {
            if failures == 1 {
                tracing::error!(id = %place.1, %error, "a queued message cannot be read; it waits");
            }
            self.0.insert(place, (failures, now + BOOKKEEPING.pause(failures, place.0)));
        }
    }

    fn has(&self, place: &Place, now: Instant) -> bool {
        self.0.get(place).is_some_and(|(_, until)| *until > now)
    }

    /// Forgets what has left the queue.
    fn tidy(&mut self, now: Instant, waits: impl Fn(&Place) -> bool) {
        self.0.retain(|place, (_, until)| *until > now || waits(place));
    }
}

impl Delivery {
    /// A worker that reads `store`, which `journal` owns.
    pub fn new(
        store: Arc<dyn Store>,
        journal: JournalHandle,
        routes: Vec<Route>,
        client: reqwest::Client,
        wake: Arc<Notify>,
    ) -> Self {
        Self { store, journal, routes, client, wake, telling: Telling::default() }
    }

    /// Delivers until `shutdown` turns true, then finishes what is under way.
    pub async fn run(self, mut shutdown: watch::Receiver<bool>) {
        let this = Arc::new(self);
        let mut under_way = UnderWay::new();
        let mut tasks = JoinSet::new();
        let mut resting = Resting::default();
        let (ended, mut endings) = mpsc::unbounded_channel::<(String, Place, Ending)>();
        while !*shutdown.borrow() {
            resting.tidy(Instant::now(), |place| this.journal.published().waiting.has(place));
            for (route, place) in this.due(&under_way, &resting) {
                under_way.entry(route.clone()).or_default().insert(place);
                let (this, ended, shutdown) = (this.clone(), ended.clone(), shutdown.clone());
                tasks.spawn(async move {
                    let ending = this.deliver(&route, place, shutdown).await;
                    let _ = ended.send((route, place, ending));
                });
            }
            tokio::select! {
                Some(ending) = endings.recv() => forget(&mut under_way, &mut resting, ending),
                () = this.wake.notified() => {}
                () = tokio::time::sleep(REST) => {}
                _ = shutdown.changed() => {}
            }
            while let Ok(ending) = endings.try_recv() {
                forget(&mut under_way, &mut resting, ending);
            }
            while tasks.try_join_next().is_some() {}
        }
        while tasks.join_next().await.is_some() {}
    }

    /// What is due and has a free place at its route, while its outcome can be recorded.
    fn due(&self, under_way: &UnderWay, resting: &Resting) -> Vec<(String, Place)> {
        if self.journal.stopped().is_some() {
            return Vec::new();
        }
        let (waiting, now_ms, now) = (&self.journal.published().waiting, clock::now_ms(), Instant::now());
        let places = (PLACES / self.routes.len().max(1)).clamp(ROUTE_PLACES_MIN, ROUTE_PLACES);
        let mut due = Vec::new();
        for name in waiting.routes() {
            let taken = under_way.get(&name);
            let room = places.saturating_sub(taken.map_or(0, HashSet::len));
            let pause_max_ms = self.route(&name).map_or(0, |route| route.retry_max.ms());
            let is_taken = |place: &Place| taken.is_some_and(|taken| taken.contains(place)) || resting.has(place, now);
            let found = waiting.due(&name, now_ms, AHEAD.ms().saturating_add(pause_max_ms), room, is_taken);
            due.extend(found.into_iter().map(|place| (name.clone(), place)));
        }
        due
    }

    fn route(&self, name: &str) -> Option<&Route> {
        self.routes.iter().find(|route| route.name == name)
    }

    /// One attempt, until what came of it is on record. A message that cannot be read because of our own trouble is not
    /// sent; if that does not pass, it becomes a dead letter.
    async fn deliver(&self, route: &str, place: Place, mut shutdown: watch::Receiver<bool>) -> Ending {
        let attempt = match self.attempt(route, place).await {
            Ok(Some(attempt)) => attempt,
            Ok(None) => return Ending::Recorded,
            Err(error) if can_pass(&error) => return Ending::Unread(error),
            Err(error) => attempt::unreadable(route, &error, clock::now_ms()),
        };
        metrics::counter!("ostrakon_deliveries_total", "route" => route.to_owned(), "outcome" => word(&attempt))
            .increment(1);
        self.telling.note(route, place.1, &attempt);
        self.record(place, attempt, &mut shutdown).await;
        Ending::Recorded
    }

    /// What comes of sending the message; `None` if it has left the queue.
    async fn attempt(&self, route: &str, (due_ms, id): Place) -> Result<Option<Attempt>, Error> {
        let Some(row) = self.store.get(QUEUE, &queue_key(due_ms, id))? else { return Ok(None) };
        let Ok(row) = parse_row::<QueueRow>(QUEUE, &row) else {
            return Ok(Some(attempt::damaged(route, clock::now_ms())));
        };
        let sent = match self.route(&row.route) {
            Some(route) => (route, self.send(id, route, &row).await?),
            None => return Ok(Some(attempt::homeless(row, clock::now_ms()))),
        };
        Ok(Some(outcome(sent, row, id, clock::read())))
    }

    /// Records what came of a delivery, and tries until that is done: the message is not sent meanwhile.
    async fn record(&self, (due_ms, id): Place, attempt: Attempt, shutdown: &mut watch::Receiver<bool>) {
        let mut failures = 0;
        loop {
            let command = Command::Attempted { id, due_ms, attempt: attempt.clone() };
            let Err(error) = self.journal.carry_out(command).await else { return };
            failures += 1;
            if failures == 1 {
                tracing::error!(%id, %error, "what became of a delivery cannot be recorded yet; its message waits");
            }
            if rest(failures, (due_ms, id), shutdown).await.is_break() {
                let outcome = word(&attempt);
                tracing::error!(%id, outcome, "what became of a delivery is not on record; it will be tried again");
                return;
            }
        }
    }
}

/// Rests after our own bookkeeping failed; breaks when the node ends.
async fn rest(failures: u32, (due_ms, _): Place, shutdown: &mut watch::Receiver<bool>) -> ControlFlow<()> {
    if *shutdown.borrow() {
        return ControlFlow::Break(());
    }
    tokio::select! {
        () = tokio::time::sleep(BOOKKEEPING.pause(failures, due_ms)) => ControlFlow::Continue(()),
        _ = shutdown.changed() => ControlFlow::Break(()),
    }
}

fn forget(under_way: &mut UnderWay, resting: &mut Resting, (route, place, ending): (String, Place, Ending)) {
    resting.note(place, ending, Instant::now());
    if let Some(places) = under_way.get_mut(&route) {
        places.remove(&place);
        if places.is_empty() {
            under_way.remove(&route);
        }
    }
}

fn word(attempt: &Attempt) -> &'static str {
    match attempt {
        Attempt::Delivered => "delivered",
        Attempt::Retry { .. } => "retry",
        Attempt::Dead(_) => "dead",
    }
}

#[cfg(test)]
mod tests;
