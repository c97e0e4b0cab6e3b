//! From a judged message to a durable answer: once per message, however often it is asked.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use metrics::{Counter, Histogram};
use ostrakon_ledger::Store;
use ostrakon_policies::{Opinion, Verdict};
use tokio::sync::{Semaphore, oneshot};

use crate::server::journal::JournalHandle;
use crate::{
    config::{Fallback, Route},
    error::Error,
    flow::{
        decision::{ContentDigest, Decision, DecisionId},
        gate::Gate,
        journal::{
            Command, LogRow, Placement, Report,
            tables::{HoldRow, LOG, QueueRow, parse_row},
        },
    },
    message::{Address, Inquiry},
    server::clock::TOLERANCE_MS,
};

/// Locks over the messages in flight; more than there are threads, so that two rarely meet.
const SHARDS: usize = 64;

/// Of the decisions that may be under way, one in so many is kept for adapters: messages of peers cannot take all.
const ADAPTERS_SHARE: usize = 4;

type Waiters = HashMap<DecisionId, Waiting>;
type Outcome = Result<Arc<Decision>, Arc<Error>>;

/// Those who wait for one decision.
struct Waiting {
    content: ContentDigest,
    askers: Vec<oneshot::Sender<Outcome>>,
}

/// A signed message on its way in: its bytes and the route that takes it.
pub struct Parcel<'a> {
    /// The bytes of the request, kept until delivery.
    pub bytes: Vec<u8>,
    /// The listener's share that the bytes take; given back when they are written, also if the peer has left by then.
    pub held: Box<dyn Send>,
    /// What its peer signed.
    pub payload: &'a [u8],
    /// Where it goes if accepted.
    pub route: &'a Route,
    /// How long a hold lasts, milliseconds.
    pub hold_ms: u64,
    /// Whether a refusal is written down. If not it is only counted: asked again, the message is judged again.
    pub keep_refusal: bool,
}

/// Judges, records and answers.
pub struct Intake {
    gate: Arc<Gate>,
    store: Arc<dyn Store>,
    journal: JournalHandle,
    in_flight: Arc<[Mutex<Waiters>; SHARDS]>,
    deadline: Duration,
    /// Messages of peers that may be under way.
    peers_places: Arc<Semaphore>,
    counters: Counters,
}

impl Intake {
    /// `store` is the messages store that `journal` owns; it is only read here. `deadline` bounds each answer, and
    /// `in_flight_max` is what the journal takes at a time.
    pub fn new(
        gate: Arc<Gate>,
        store: Arc<dyn Store>,
        journal: JournalHandle,
        deadline: Duration,
        in_flight_max: usize,
    ) -> Self {
        let in_flight = Arc::new(std::array::from_fn(|_| Mutex::default()));
        let of_peers = (in_flight_max - in_flight_max / ADAPTERS_SHARE).max(1);
        let peers_places = Arc::new(Semaphore::new(of_peers));
        Self { gate, store, journal, in_flight, deadline, peers_places, counters: Counters::new() }
    }

    /// The decision on `inquiry`: the recorded one if there is one, else a new one, durable before it is returned.
    ///
    /// 1. Join those who wait for the same message, or be the first of them. The same id with other content is another
    ///    message, and is refused.
    /// 2. Look for a recorded decision, on the same content.
    /// 3. Judge.
    /// 4. Hand decision and message to the journal; its answer wakes everyone who waits, also when the first has left.
    ///
    /// # Errors
    /// [`Error::IdReused`], [`Error::Deadline`], and the journal's; [`Error::CatchingUp`] for what no route answers for, while
    /// the scores are not there. A failed message is not counted as answered: ask again.
    pub async fn decide(
        &self,
        inquiry: &Inquiry,
        parcel: Option<Parcel<'_>>,
        now_ms: u64,
    ) -> Result<Arc<Decision>, Arc<Error>> {
        let start = Instant::now();
        let id = self.gate.decision_id(inquiry);
        let content = self.gate.content_digest(inquiry, parcel.as_ref().map(|parcel| parcel.payload));
        let (sender, receiver) = oneshot::channel();
        let first = {
            let mut waiters = self.waiters(id);
            let waiting = waiters.entry(id).or_insert_with(|| Waiting { content, askers: Vec::new() });
            if waiting.content != content {
                return Err(Arc::new(reused(id, inquiry)));
            }
            waiting.askers.push(sender);
            waiting.askers.len() == 1
        };
        if first && let Err(error) = self.lead(id, content, inquiry, parcel, now_ms) {
            finish(&self.in_flight, id, &Err(Arc::new(error)));
        }
        let answer = tokio::time::timeout(self.deadline, receiver).await;
        self.counters.seconds.record(start.elapsed());
        match answer {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Arc::new(Error::ShuttingDown)),
            Err(_) => Err(Arc::new(Error::Deadline)),
        }
    }

    fn lead(
        &self,
        id: DecisionId,
        content: ContentDigest,
        inquiry: &Inquiry,
        parcel: Option<Parcel<'_>>,
        now_ms: u64,
    ) -> Result<(), Error> {
        if let Some(decision) = self.recorded(id)? {
            if decision.content.is_some_and(|known| known != content) {
                return Err(reused(id, inquiry));
            }
            if !is_due(&decision, now_ms) {
                finish(&self.in_flight, id, &Ok(Arc::new(decision)));
                return Ok(());
            }
        }
        // Kept until the decision is written, also when the peer has left.
        let peers_place = match &parcel {
            Some(_) => Some(self.peers_places.clone().try_acquire_owned().map_err(|_| Error::JournalFull)?),
            None => None,
        };
        let mut decision = Decision { content: Some(content), ..self.gate.judge(inquiry, now_ms) };
        if !self.gate.is_ready() {
            match &parcel {
                Some(parcel) => unjudged(&mut decision, parcel.route.on_failure),
                None => return Err(Error::CatchingUp),
            }
        }
        self.counters.count(&decision);
        let refused = matches!(decision.verdict, Verdict::Defer | Verdict::Reject);
        if refused && parcel.as_ref().is_some_and(|parcel| !parcel.keep_refusal) {
            finish(&self.in_flight, id, &Ok(Arc::new(unrecorded(decision))));
            return Ok(());
        }
        let decision = Arc::new(decision);
        let (held, message) = match parcel {
            Some(Parcel { bytes, held, route, hold_ms, .. }) => {
                (Some(held), place(bytes, route, hold_ms, decision.verdict, now_ms))
            }
            None => (None, None),
        };
        let in_flight = self.in_flight.clone();
        let answer = decision.clone();
        let done = move |outcome: Result<(), Error>| {
            drop((peers_place, held));
            finish(&in_flight, id, &outcome.map(|()| answer).map_err(Arc::new));
        };
        self.journal.submit(Command::decide(decision, message)?, Box::new(done))
    }

    /// The decision on record under `id`.
    ///
    /// # Errors
    /// The store's, and [`Error::DamagedRow`].
    pub fn recorded(&self, id: DecisionId) -> Result<Option<Decision>, Error> {
        let Some(index) = self.journal.published().decisions.find(id)? else { return Ok(None) };
        // Of a damaged row that retention dropped the id is left: nobody could read it there.
        let Some(row) = self.store.get(LOG, &index.to_be_bytes())? else { return Ok(None) };
        match parse_row(LOG, &row)? {
            LogRow::Decision(decision) => Ok(Some(decision)),
            LogRow::Report(_) => Err(Error::DamagedRow { table: LOG.0 }),
        }
    }

    /// Records what `reporter` says of the message decided under `id`: +100 ham, −100 spam.
    ///
    /// # Errors
    /// [`Error::NoSuchDecision`], and the journal's.
    pub async fn report(&self, id: DecisionId, reporter: &Address, value: i8, at_ms: u64) -> Result<(), Error> {
        let decision = self.recorded(id)?.ok_or(Error::NoSuchDecision)?;
        let reporter = self.gate.account(reporter);
        let report = Report { decision_id: id, reporter, subjects: decision.subjects, value, at_ms };
        metrics::counter!("ostrakon_reports_total", "report" => if value > 0 { "ham" } else { "spam" }).increment(1);
        self.journal.carry_out(Command::Report(report)).await
    }

    fn waiters(&self, id: DecisionId) -> MutexGuard<'_, Waiters> {
        lock(&self.in_flight, id)
    }
}

fn lock(in_flight: &[Mutex<Waiters>; SHARDS], id: DecisionId) -> MutexGuard<'_, Waiters> {
    in_flight[usize::from(id.as_bytes()[0]) % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
}

/// A deferral holds until the time it named; asked again after that, the message is judged anew. One from the future was made
/// under a clock that was ahead, and holds no longer.
fn is_due(decision: &Decision, now_ms: u64) -> bool {
    let Decision { at_ms, retry_after_ms, .. } = *decision;
    let (due_ms, ahead_ms) = (at_ms.saturating_add(retry_after_ms.unwrap_or_default()), at_ms.saturating_sub(now_ms));
    decision.verdict == Verdict::Defer && (due_ms <= now_ms || ahead_ms > TOLERANCE_MS)
}

fn reused(id: DecisionId, inquiry: &Inquiry) -> Error {
    Error::IdReused { decision: id.to_string(), signed: inquiry.signed }
}

/// Wakes everyone who waits for `id`.
fn finish(in_flight: &[Mutex<Waiters>; SHARDS], id: DecisionId, outcome: &Outcome) {
    let waiting = lock(in_flight, id).remove(&id);
    for waiter in waiting.into_iter().flat_map(|waiting| waiting.askers) {
        let _ = waiter.send(outcome.clone());
    }
}

/// Where a message goes under `verdict`; nowhere unless it is accepted or held.
fn place(bytes: Vec<u8>, route: &Route, hold_ms: u64, verdict: Verdict, now_ms: u64) -> Option<(Vec<u8>, Placement)> {
    let name = route.name.clone();
    let placement = match verdict {
        Verdict::Accept => Placement::Queue(QueueRow::fresh(name, now_ms, route.expires_after.ms())),
        Verdict::Hold => {
            Placement::Hold(HoldRow { route: name, held_at_ms: now_ms, expires_at_ms: now_ms.saturating_add(hold_ms) })
        }
        Verdict::Defer | Verdict::Reject => return None,
    };
    Some((bytes, placement))
}

/// Replaces what scores that are not there would have said by what the route says for that case.
fn unjudged(decision: &mut Decision, on_failure: Fallback) {
    let verdict = on_failure.verdict();
    decision.verdict = verdict;
    decision.retry_after_ms = None;
    decision.reasons.push(Opinion {
        rule: "unavailable".into(),
        verdict,
        shadow: false,
        text: "This node is still reading its ledger; the route says what happens until it is done.".into(),
        numbers: Default::default(),
        waits: Vec::new(),
    });
}

/// A refusal that is not written down says so.
fn unrecorded(mut decision: Decision) -> Decision {
    metrics::counter!("ostrakon_unrecorded_refusals_total").increment(1);
    decision.reasons.push(Opinion {
        rule: "unrecorded".into(),
        verdict: decision.verdict,
        shadow: false,
        text: "More messages of this peer were refused within a minute than this node writes down: this answer is not \
               on record, and the same message is judged anew when it is sent again."
            .into(),
        numbers: Default::default(),
        waits: Vec::new(),
    });
    decision
}

/// Counters that every decision moves, looked up once.
struct Counters {
    verdicts: [(Verdict, Counter); 4],
    seconds: Histogram,
}

impl Counters {
    fn new() -> Self {
        let counter =
            |verdict: Verdict| (verdict, metrics::counter!("ostrakon_decisions_total", "verdict" => verdict.as_str()));
        Self { verdicts: Verdict::ALL.map(counter), seconds: metrics::histogram!("ostrakon_decision_seconds") }
    }

    fn count(&self, decision: &Decision) {
        for (verdict, counter) in &self.verdicts {
            if *verdict == decision.verdict {
                counter.increment(1);
            }
        }
        for opinion in decision.reasons.iter().filter(|opinion| opinion.shadow) {
            let (rule, verdict) = (opinion.rule.clone(), opinion.verdict.as_str());
            metrics::counter!("ostrakon_shadow_verdicts_total", "rule" => rule, "verdict" => verdict).increment(1);
        }
    }
}

#[cfg(test)]
mod tests;
