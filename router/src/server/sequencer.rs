//! The registrar on its own thread, behind a bounded pool: the vote flow's only writer.
//!
//! After an error of the ledger's store it is unknown what the store holds. The thread then answers everyone with
//! [`Error::Stopped`] and, if the error can pass, opens the store again after a pause, as at a start.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use ostrakon_ledger::{Appended, PeerName, Provenance, PublicKey, Refusal, SignedRecord, Verified};
use tokio::sync::oneshot;

use crate::{
    error::Error,
    flow::registrar::{Imported, Registrar, Statement, Withdrawal, Withdrawn},
    import::SourceVote,
    server::{
        clock::{dated_ms, settled_ms},
        outage::{Outage, Reopening},
    },
};

/// How much waits and how much is written at once.
#[derive(Debug, Clone, Copy)]
pub struct BatchLimits {
    /// Jobs that may wait.
    pub pool_max: usize,
    /// Records in one commit, at most the ledger's own limit.
    pub batch_max: usize,
    /// A commit of records begins no sooner than this after the one before it began, so that under load more share one.
    /// Nobody waits for it after a pause, nor when the commit is full or something else is to be done.
    pub batch_window: Duration,
}

/// How long the thread of a ledger that stays stopped waits for the next one to refuse, before it waits again.
const FOR_EVER: Duration = Duration::from_secs(3600);

type Reply<T> = oneshot::Sender<Result<T, Error>>;

enum LedgerJob {
    Submit(Box<Verified<SignedRecord>>, Reply<Appended>),
    Admit(PeerName, PublicKey, Reply<Appended>),
    Say(Statement, Reply<Appended>),
    Import(Vec<SourceVote>, Reply<Imported>),
    Withdraw(Withdrawal, Reply<Withdrawn>),
    Copy(Copied, Reply<Vec<Result<Appended, Refusal>>>),
}

/// Records that were found in the ledgers of others.
type Copied = Vec<(Verified<SignedRecord>, Provenance)>;

/// Hands work to the sequencer's thread. Each method answers when what it asked for is durable and published.
///
/// All of them fail with [`Error::PoolFull`] when too much waits, with [`Error::Stopped`] after an error of the
/// ledger's store, with [`Error::RolledBack`] after [`Sequencer::stop_signing`], and with whatever the registrar refuses.
#[derive(Clone)]
pub struct Sequencer {
    jobs: SyncSender<LedgerJob>,
    stopped: Outage,
    /// Why nothing may be signed until a restart, once that is proven.
    rolled_back: Arc<ArcSwapOption<String>>,
}

impl Sequencer {
    /// Starts the thread. It ends when every handle is gone and what waits is done. `committed` is called after each
    /// commit, on that thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        registrar: Registrar,
        limits: BatchLimits,
        committed: impl Fn() + Send + 'static,
    ) -> Result<(Self, JoinHandle<()>), Error> {
        let (jobs, inbox) = sync_channel(limits.pool_max);
        let stopped = Outage::default();
        let rolled_back = Arc::<ArcSwapOption<String>>::default();
        let (flag, rollback) = (stopped.clone(), rolled_back.clone());
        let thread = std::thread::Builder::new()
            .name("sequencer".into())
            .spawn(move || run(registrar, limits, &inbox, (&flag, &rollback), &committed))
            .map_err(|error| Error::System { what: "thread for the ledger", reason: error.to_string() })?;
        Ok((Self { jobs, stopped, rolled_back }, thread))
    }

    /// Takes in a record that someone else signed.
    pub async fn submit(&self, record: Verified<SignedRecord>) -> Result<Appended, Error> {
        self.ask(|reply| LedgerJob::Submit(Box::new(record), reply)).await
    }

    /// See [`Registrar::admit`].
    pub async fn admit(&self, peer: PeerName, key: PublicKey) -> Result<Appended, Error> {
        self.ask(|reply| LedgerJob::Admit(peer, key, reply)).await
    }

    /// See [`Registrar::say`].
    pub async fn say(&self, statement: Statement) -> Result<Appended, Error> {
        self.ask(|reply| LedgerJob::Say(statement, reply)).await
    }

    /// See [`Registrar::import`].
    pub async fn import(&self, rows: Vec<SourceVote>) -> Result<Imported, Error> {
        self.ask(|reply| LedgerJob::Import(rows, reply)).await
    }

    /// See [`Registrar::withdraw`].
    pub async fn withdraw(&self, what: Withdrawal) -> Result<Withdrawn, Error> {
        self.ask(|reply| LedgerJob::Withdraw(what, reply)).await
    }

    /// See [`Registrar::copy`]. Waits: for threads that serve nobody else.
    pub fn copy_blocking(&self, records: Copied) -> Result<Vec<Result<Appended, Refusal>>, Error> {
        let answer = self.enqueue(|reply| LedgerJob::Copy(records, reply))?;
        answer.blocking_recv().unwrap_or_else(|_| Err(self.stopped_error()))
    }

    /// See [`Registrar::say`]. Waits: for threads that serve nobody else.
    pub fn say_blocking(&self, statement: Statement) -> Result<Appended, Error> {
        let answer = self.enqueue(|reply| LedgerJob::Say(statement, reply))?;
        answer.blocking_recv().unwrap_or_else(|_| Err(self.stopped_error()))
    }

    /// Why the ledger does not work at the moment, if it does not.
    pub fn stopped(&self) -> Option<Arc<String>> {
        self.stopped.reason()
    }

    /// It is proven that this ledger lacks what this node has signed: from now on nothing is signed. Only a restart ends that,
    /// because only a ledger that is not served can be healed.
    pub fn stop_signing(&self, reason: String) {
        self.rolled_back.store(Some(Arc::new(reason)));
    }

    /// Why nothing is signed, if that is so.
    pub fn rolled_back(&self) -> Option<Arc<String>> {
        self.rolled_back.load_full()
    }

    async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> LedgerJob) -> Result<T, Error> {
        self.enqueue(job)?.await.unwrap_or_else(|_| Err(self.stopped_error()))
    }

    fn enqueue<T>(
        &self,
        job: impl FnOnce(Reply<T>) -> LedgerJob,
    ) -> Result<oneshot::Receiver<Result<T, Error>>, Error> {
        dated_ms()?;
        if self.stopped().is_some() {
            return Err(self.stopped_error());
        }
        if let Some(reason) = self.rolled_back() {
            return Err(Error::RolledBack(reason.to_string()));
        }
        let (reply, answer) = oneshot::channel();
        self.jobs.try_send(job(reply)).map_err(|error| match error {
            TrySendError::Full(_) => Error::PoolFull,
            TrySendError::Disconnected(_) => self.stopped_error(),
        })?;
        Ok(answer)
    }

    fn stopped_error(&self) -> Error {
        self.stopped.error("ledger")
    }
}

fn run(
    mut registrar: Registrar,
    limits: BatchLimits,
    inbox: &Receiver<LedgerJob>,
    (outage, rolled_back): (&Outage, &ArcSwapOption<String>),
    committed: &dyn Fn(),
) {
    let (mut next, mut begun) = (None, None);
    while let Some(job) = next.take().or_else(|| inbox.recv().ok()) {
        if let Some(reason) = rolled_back.load_full() {
            job.refuse(Error::RolledBack(reason.to_string()));
            continue;
        }
        let done = match job {
            LedgerJob::Submit(record, reply) => {
                let since = begun.map_or(Duration::MAX, |at: Instant| at.elapsed());
                let batch = collect((*record, reply), limits, since, inbox, &mut next);
                begun = Some(Instant::now());
                submit(&mut registrar, batch, outage)
            }
            LedgerJob::Admit(peer, key, reply) => answer(reply, registrar.admit(peer, key, settled_ms()), outage),
            LedgerJob::Say(statement, reply) => answer(reply, registrar.say(statement, settled_ms()), outage),
            LedgerJob::Import(rows, reply) => answer(reply, registrar.import(&rows, settled_ms()), outage),
            LedgerJob::Withdraw(what, reply) => answer(reply, registrar.withdraw(&what, settled_ms()), outage),
            LedgerJob::Copy(records, reply) => answer(reply, registrar.copy(records, settled_ms()), outage),
        };
        if let Err(reopening) = done
            && recover(&mut registrar, reopening, next.take(), inbox, outage).is_break()
        {
            return;
        }
        committed();
    }
}

/// Answers everyone that the ledger has stopped, until its store is open again; breaks when nobody is left to answer.
///
/// What was under way when it failed has been answered with an error. It may stand in the store all the same: whoever
/// sends the record again is told where.
fn recover(
    registrar: &mut Registrar,
    mut reopening: Reopening<'_>,
    next: Option<LedgerJob>,
    inbox: &Receiver<LedgerJob>,
    outage: &Outage,
) -> ControlFlow<()> {
    next.into_iter().for_each(|job| job.refuse(outage.error("ledger")));
    loop {
        let waits = reopening.wait();
        if waits == Some(Duration::ZERO) {
            if reopening.tried(registrar.reopen()) {
                return ControlFlow::Continue(());
            }
            continue;
        }
        match inbox.recv_timeout(waits.unwrap_or(FOR_EVER)) {
            Ok(job) => job.refuse(outage.error("ledger")),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return ControlFlow::Break(()),
        }
    }
}

impl LedgerJob {
    fn refuse(self, error: Error) {
        match self {
            Self::Submit(_, reply) | Self::Admit(_, _, reply) | Self::Say(_, reply) => drop(reply.send(Err(error))),
            Self::Import(_, reply) => drop(reply.send(Err(error))),
            Self::Withdraw(_, reply) => drop(reply.send(Err(error))),
            Self::Copy(_, reply) => drop(reply.send(Err(error))),
        }
    }
}

type PendingRecord = (Verified<SignedRecord>, Reply<Appended>);

/// The submissions that wait behind `first`, up to the first job of another kind, which is left in `next`. If they do not
/// fill a commit, also those that come until the window has passed, `since` the last commit began: nobody is woken for
/// each of them.
fn collect(
    first: PendingRecord,
    limits: BatchLimits,
    since: Duration,
    inbox: &Receiver<LedgerJob>,
    next: &mut Option<LedgerJob>,
) -> Vec<PendingRecord> {
    let mut batch = vec![first];
    let mut gather = || {
        while next.is_none() && batch.len() < limits.batch_max {
            match inbox.try_recv() {
                Ok(LedgerJob::Submit(record, reply)) => batch.push((*record, reply)),
                Ok(other) => *next = Some(other),
                Err(_) => return true,
            }
        }
        false
    };
    let has_room = gather();
    if has_room {
        std::thread::sleep(limits.batch_window.saturating_sub(since));
        gather();
    }
    batch
}

/// Fails when the ledger did. Everyone is told so, and before that it is known to whoever asks.
fn submit<'a>(registrar: &mut Registrar, batch: Vec<PendingRecord>, outage: &'a Outage) -> Result<(), Reopening<'a>> {
    let (records, replies): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
    metrics::histogram!("ostrakon_ledger_batch_size").record(f64::from(u32::try_from(records.len()).unwrap_or(0)));
    let start = Instant::now();
    let outcome = registrar.submit(records, settled_ms());
    metrics::histogram!("ostrakon_commit_seconds", "store" => "ledger").record(start.elapsed());
    match outcome {
        Ok(outcomes) => {
            for (reply, outcome) in replies.into_iter().zip(outcomes) {
                let word = match &outcome {
                    Ok(appended) if appended.new => "appended",
                    Ok(_) => "present",
                    Err(refusal) => refusal.code(),
                };
                metrics::counter!("ostrakon_records_total", "outcome" => word).increment(1);
                let _ = reply.send(outcome.map_err(Error::from));
            }
            Ok(())
        }
        Err(error) => {
            let reopening = Reopening::after("ledger", &error, outage);
            for reply in replies {
                let _ = reply.send(Err(outage.error("ledger")));
            }
            Err(reopening)
        }
    }
}

/// Replies; fails when the error is the ledger's own and no refusal.
fn answer<'a, T>(reply: Reply<T>, outcome: Result<T, Error>, outage: &'a Outage) -> Result<(), Reopening<'a>> {
    let reopening = match &outcome {
        Err(error @ (Error::Ledger(_) | Error::Store(_))) => Some(Reopening::after("ledger", error, outage)),
        _ => None,
    };
    let _ = reply.send(outcome);
    reopening.map_or(Ok(()), Err)
}
