//! The journal on its own thread, behind a bounded channel.
//!
//! The thread writes and syncs; those who wait are told by one task of the runtime per commit. Waking a task from
//! outside the runtime takes a lock and often a system call, from inside it takes neither.
//!
//! After an error of the store it is unknown what it holds. The thread then answers everyone with [`Error::Stopped`] and, if
//! the error can pass, opens the store again after a pause and looks what became of the last commit.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::runtime::Handle;

use crate::{
    error::Error,
    flow::journal::{Command, Journal, Published},
    server::{
        backoff::Backoff,
        clock::settled_ms,
        outage::{Outage, Reopening},
    },
};

/// Commands in one commit: enough that the sync is shared by all who wait, little enough that none waits long.
const BATCH_MAX: usize = 1024;

/// When commits of late held at least this many commands on average and now there are fewer, more are on their way, and
/// the thread waits …
const BUSY_BATCH: usize = 8;

/// … this long for them. A sync costs as much as deciding on a dozen messages: under load it should serve many, and
/// without load nobody should wait for others.
const GATHER: Duration = Duration::from_millis(2);

/// How often retention is looked at when nothing else happens.
const TICK: Duration = Duration::from_secs(1);

/// How often a row that cannot be read is told of: it may stay as it is for ever.
const TELLING: Backoff = Backoff::new(Duration::from_secs(60), Duration::from_secs(24 * 3600));

/// How long the thread of a journal that stays stopped waits for the next one to refuse, before it waits again.
const FOR_EVER: Duration = Duration::from_secs(3600);

/// What to do with the outcome of a command.
pub type Done = Box<dyn FnOnce(Result<(), Error>) + Send>;

struct Job {
    command: Command,
    done: Done,
}

/// Hands commands to the journal's thread.
#[derive(Clone)]
pub struct JournalHandle {
    jobs: SyncSender<Job>,
    published: Arc<Published>,
    stopped: Outage,
}

impl JournalHandle {
    /// Starts the thread. It ends when every handle is gone and all commands are carried out. Outcomes are told on
    /// `runtime`.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(journal: Journal, waiting_max: usize, runtime: Handle) -> Result<(Self, JoinHandle<()>), Error> {
        let (jobs, inbox) = sync_channel(waiting_max);
        let published = journal.published();
        let stopped = Outage::default();
        let flag = stopped.clone();
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || run(journal, &inbox, &runtime, &flag))
            .map_err(|error| Error::System { what: "thread for the journal", reason: error.to_string() })?;
        Ok((Self { jobs, published, stopped }, thread))
    }

    /// Queues `command`; `done` is called on the runtime once it is durable, or was refused.
    ///
    /// # Errors
    /// [`Error::JournalFull`] when too many wait, [`Error::Stopped`] after an error of the store; `done` is then
    /// dropped uncalled.
    pub fn submit(&self, command: Command, done: Done) -> Result<(), Error> {
        if self.stopped().is_some() {
            return Err(self.stopped_error());
        }
        self.jobs.try_send(Job { command, done }).map_err(|error| match error {
            TrySendError::Full(_) => Error::JournalFull,
            TrySendError::Disconnected(_) => self.stopped_error(),
        })
    }

    /// Queues `command` and waits until it is durable.
    ///
    /// # Errors
    /// As [`JournalHandle::submit`], and whatever the command is refused with.
    pub async fn carry_out(&self, command: Command) -> Result<(), Error> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        self.submit(
            command,
            Box::new(move |outcome| {
                let _ = sender.send(outcome);
            }),
        )?;
        receiver.await.unwrap_or_else(|_| Err(self.stopped_error()))
    }

    /// What the journal publishes.
    pub fn published(&self) -> &Published {
        &self.published
    }

    /// Why the journal does not work at the moment, if it does not.
    pub fn stopped(&self) -> Option<Arc<String>> {
        self.stopped.reason()
    }

    fn stopped_error(&self) -> Error {
        self.stopped.error("journal")
    }
}

fn run(mut journal: Journal, inbox: &Receiver<Job>, runtime: &Handle, outage: &Outage) {
    let mut retention = Retention::default();
    let mut usual_batch = 0;
    loop {
        let first = match inbox.recv_timeout(retention.waits()) {
            Ok(job) => Some(job),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let done = match first {
            Some(job) => commit(&mut journal, job, inbox, runtime, usual_batch, outage),
            None => Ok(0),
        }
        .and_then(|batch| {
            usual_batch = (3 * usual_batch + batch).div_ceil(4);
            retention.keep(&mut journal).map_err(|error| Reopening::after("messages", &error, outage))
        });
        if let Err(reopening) = done
            && recover(&mut journal, reopening, inbox, runtime, outage).is_break()
        {
            return;
        }
    }
}

/// When retention is looked at next.
#[derive(Default)]
struct Retention {
    next: Option<Instant>,
    /// A damaged row was told of, so many times …
    told: u32,
    /// … and is not told of again before this.
    tells_again: Option<Instant>,
}

impl Retention {
    /// How long the thread may wait for a command before it looks again. When a step was full, more is due: it goes on at once,
    /// step by step between commands.
    fn waits(&self) -> Duration {
        self.next.map_or(TICK, |next| next.saturating_duration_since(Instant::now()).min(TICK))
    }

    /// Drops what is past its time, if it is due to look.
    fn keep(&mut self, journal: &mut Journal) -> Result<(), Error> {
        let now = Instant::now();
        if self.next.is_some_and(|next| next > now) {
            return Ok(());
        }
        let expired = journal.expire(settled_ms())?;
        metrics::counter!("ostrakon_retention_steps_total").increment(1);
        if expired.unruled > 0 {
            let holds = expired.unruled;
            tracing::warn!(
                holds,
                "nobody ruled on held messages in time; they are dead letters now, see `ostrakon dead list`"
            );
        }
        self.next = Some(now + if expired.more { Duration::ZERO } else { TICK });
        if let Some(table) = expired.damaged
            && self.tells_again.is_none_or(|at| at <= now)
        {
            self.told += 1;
            self.tells_again = Some(now + TELLING.pause(self.told, 0));
            metrics::counter!("ostrakon_damaged_rows_total", "table" => table).increment(1);
            tracing::error!(table, "a row cannot be read and stays; `messages/` was damaged");
        }
        Ok(())
    }
}

/// Answers everyone that the journal has stopped, until its store is open again; breaks when nobody is left to answer.
fn recover(
    journal: &mut Journal,
    mut reopening: Reopening<'_>,
    inbox: &Receiver<Job>,
    runtime: &Handle,
    outage: &Outage,
) -> ControlFlow<()> {
    loop {
        let waits = reopening.wait();
        if waits == Some(Duration::ZERO) {
            if reopening.tried(journal.reopen()) {
                return ControlFlow::Continue(());
            }
            continue;
        }
        match inbox.recv_timeout(waits.unwrap_or(FOR_EVER)) {
            Ok(job) => {
                let error = outage.error("journal");
                runtime.spawn(async move { (job.done)(Err(error)) });
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return ControlFlow::Break(()),
        }
    }
}

/// Everything that waits goes into one commit with `first`; then each is told. Returns how many there were; `usual` is
/// how many there were of late. If the store fails, that is known to whoever asks before anybody is told.
fn commit<'a>(
    journal: &mut Journal,
    first: Job,
    inbox: &Receiver<Job>,
    runtime: &Handle,
    usual: usize,
    outage: &'a Outage,
) -> Result<usize, Reopening<'a>> {
    let mut commands = vec![first.command];
    let mut waiting = vec![first.done];
    let mut drain = || {
        while commands.len() < BATCH_MAX
            && let Ok(job) = inbox.try_recv()
        {
            commands.push(job.command);
            waiting.push(job.done);
        }
        commands.len()
    };
    if drain() < usual && usual >= BUSY_BATCH {
        std::thread::sleep(GATHER);
        drain();
    }
    metrics::histogram!("ostrakon_journal_batch_size").record(f64::from(u32::try_from(commands.len()).unwrap_or(0)));
    let (batch, start) = (commands.len(), Instant::now());
    let outcome = journal.handle(commands);
    metrics::histogram!("ostrakon_commit_seconds", "store" => "messages").record(start.elapsed());
    let (outcomes, ended) = match outcome {
        Ok(outcomes) => (outcomes, Ok(batch)),
        Err(error) => {
            let reopening = Reopening::after("messages", &error, outage);
            (waiting.iter().map(|_| Err(outage.error("journal"))).collect(), Err(reopening))
        }
    };
    runtime.spawn(async move {
        for (done, outcome) in waiting.into_iter().zip(outcomes) {
            done(outcome);
        }
    });
    ended
}

#[cfg(test)]
mod tests;
