//! The witness on its own thread, behind a bounded queue: requests that wait together share one sync.
//!
//! Reading a request and checking its log's signature is done where it arrives, on all cores; judging, cosigning and
//! committing is done here, by the one owner of the state.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use ostrakon_ledger::{
    AddCheckpoint, Store, Witness, WitnessRefusal,
    note::NoteSignature,
    witness::{CheckedRequest, WatchedLogs, last_cosigned},
};
use tokio::sync::oneshot;

use crate::{
    error::Error,
    server::{
        clock::now_ms,
        outage::{Outage, Reopening},
    },
};

/// Requests that may wait; each is at most 70 KB.
const WAITING_MAX: usize = 1024;
/// Requests in one commit.
const BATCH_MAX: usize = 256;

/// How long the thread of a witness that stays stopped waits for the next one to refuse, before it waits again.
const FOR_EVER: Duration = Duration::from_secs(3600);

type CosignAnswer = Result<NoteSignature, WitnessRefusal>;
type PendingRequest = (CheckedRequest, oneshot::Sender<CosignAnswer>);

/// Hands requests to the witness's thread, and reads what it has cosigned.
#[derive(Clone)]
pub struct WitnessDesk {
    logs: Arc<WatchedLogs>,
    store: Arc<dyn Store>,
    vkey: String,
    jobs: SyncSender<PendingRequest>,
    stopped: Outage,
}

impl WitnessDesk {
    /// Starts the thread. It ends when every handle is gone and what waits is answered.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        witness: Witness,
        vkey: String,
        logs: WatchedLogs,
        store: Arc<dyn Store>,
    ) -> Result<(Self, JoinHandle<()>), Error> {
        let (jobs, inbox) = sync_channel(WAITING_MAX);
        let stopped = Outage::default();
        let flag = stopped.clone();
        let thread = std::thread::Builder::new()
            .name("witness".into())
            .spawn(move || run(witness, &inbox, &flag))
            .map_err(|error| Error::System { what: "thread for the witness", reason: error.to_string() })?;
        Ok((Self { logs: Arc::new(logs), store, vkey, jobs, stopped }, thread))
    }

    /// The key that checks its cosignatures.
    pub fn vkey(&self) -> &str {
        &self.vkey
    }

    /// `add-checkpoint`: a signature line, or why there is none.
    ///
    /// # Errors
    /// [`Error::PoolFull`] when too much waits, [`Error::Stopped`] after an error of the store.
    pub async fn add_checkpoint(&self, body: &[u8]) -> Result<CosignAnswer, Error> {
        let checked = AddCheckpoint::parse(body).map_err(WitnessRefusal::from).and_then(|it| it.check(&self.logs));
        let checked = match checked {
            Ok(checked) => checked,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if self.stopped.reason().is_some() {
            return Err(self.stopped_error());
        }
        let (reply, answer) = oneshot::channel();
        self.jobs.try_send((checked, reply)).map_err(|error| match error {
            TrySendError::Full(_) => Error::PoolFull,
            TrySendError::Disconnected(_) => self.stopped_error(),
        })?;
        answer.await.map_err(|_| self.stopped_error())
    }

    /// The last note cosigned of the log with this id.
    ///
    /// # Errors
    /// The store's.
    pub fn last_cosigned(&self, log: &[u8; 32]) -> Result<Option<String>, Error> {
        Ok(last_cosigned(&*self.store, log)?)
    }

    fn stopped_error(&self) -> Error {
        self.stopped.error("witness")
    }
}

fn run(mut witness: Witness, inbox: &Receiver<PendingRequest>, outage: &Outage) {
    while let Ok(first) = inbox.recv() {
        let waiting = std::iter::once(first).chain(std::iter::from_fn(|| inbox.try_recv().ok()));
        let (requests, replies): (Vec<_>, Vec<_>) = waiting.take(BATCH_MAX).unzip();
        match witness.cosign(&requests, now_ms() / 1000) {
            Ok(answers) => {
                for (reply, answer) in replies.into_iter().zip(answers) {
                    let outcome = answer.as_ref().map_or_else(|refusal| refusal.status().to_string(), |_| "200".into());
                    metrics::counter!("ostrakon_witness_requests_total", "status" => outcome).increment(1);
                    let _ = reply.send(answer);
                }
            }
            Err(error) => {
                let reopening = Reopening::after("witness", &error.into(), outage);
                // Who waits for an answer is told that there is none.
                drop(replies);
                if recover(&mut witness, reopening, inbox).is_break() {
                    return;
                }
            }
        }
    }
}

/// Answers nobody, until the store is open again; breaks when nobody is left to ask.
fn recover(witness: &mut Witness, mut reopening: Reopening<'_>, inbox: &Receiver<PendingRequest>) -> ControlFlow<()> {
    loop {
        let waits = reopening.wait();
        if waits == Some(Duration::ZERO) {
            if reopening.tried(witness.reopen().map_err(Error::from)) {
                return ControlFlow::Continue(());
            }
            continue;
        }
        if matches!(inbox.recv_timeout(waits.unwrap_or(FOR_EVER)), Err(RecvTimeoutError::Disconnected)) {
            return ControlFlow::Break(());
        }
    }
}
