//! The journal on its own thread, behind a bounded channel.
//!
//! The thread writes and syncs; those who wait are told by one task of the runtime per commit. Waking a task from
//! outside the runtime takes a lock and often a system call, from inside it takes neither.

use std::{
    sync::{
        Arc, OnceLock,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::runtime::Handle;

use super::{Command, Journal, Published};
use crate::{clock::now_ms, error::Error};

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
    stopped: Arc<OnceLock<String>>,
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
        let stopped = Arc::new(OnceLock::new());
        let flag = stopped.clone();
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || run(journal, &inbox, &runtime, &flag))
            .map_err(|error| Error::Stopped { part: "journal", reason: error.to_string() })?;
        Ok((Self { jobs, published, stopped }, thread))
    }

    /// Queues `command`; `done` is called on the runtime once it is durable, or was refused.
    ///
    /// # Errors
    /// [`Error::JournalFull`] when too many wait, [`Error::Stopped`] after an error of the store; `done` is then
    /// dropped uncalled.
    pub fn submit(&self, command: Command, done: Done) -> Result<(), Error> {
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

    /// Why the journal stopped, if it did.
    pub fn stopped(&self) -> Option<&str> {
        self.stopped.get().map(String::as_str)
    }

    fn stopped_error(&self) -> Error {
        Error::Stopped { part: "journal", reason: self.stopped().unwrap_or("shutting down").to_owned() }
    }
}

fn run(mut journal: Journal, inbox: &Receiver<Job>, runtime: &Handle, stopped: &OnceLock<String>) {
    let mut next_expiry_ms = 0;
    let mut usual_batch = 0;
    loop {
        let first = match inbox.recv_timeout(TICK) {
            Ok(job) => Some(job),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let now = now_ms();
        let outcome = match first {
            Some(job) => commit(&mut journal, job, inbox, runtime, usual_batch),
            None => Ok(0),
        }
        .and_then(|batch| {
            usual_batch = (3 * usual_batch + batch).div_ceil(4);
            if now < next_expiry_ms {
                return Ok(());
            }
            let more = journal.expire(now)?;
            next_expiry_ms = if more { now } else { now + u64::try_from(TICK.as_millis()).unwrap_or(1000) };
            Ok(())
        });
        if let Err(error) = outcome {
            tracing::error!(%error, "the messages store failed; no further decision is recorded until a restart");
            metrics::counter!("ostrakon_store_failures_total", "store" => "messages").increment(1);
            let _ = stopped.set(error.to_string());
            return;
        }
    }
}

/// Everything that waits goes into one commit with `first`; then each is told. Returns how many there were; `usual` is
/// how many there were of late.
fn commit(
    journal: &mut Journal,
    first: Job,
    inbox: &Receiver<Job>,
    runtime: &Handle,
    usual: usize,
) -> Result<usize, Error> {
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
            let reason = error.to_string();
            let stopped = || Err(Error::Stopped { part: "journal", reason: reason.clone() });
            (waiting.iter().map(|_| stopped()).collect(), Err(error))
        }
    };
    runtime.spawn(async move {
        for (done, outcome) in waiting.into_iter().zip(outcomes) {
            done(outcome);
        }
    });
    ended
}
