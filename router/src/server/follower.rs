//! The score book on its own thread: follows the ledger, publishes immutable snapshots.
//!
//! The message flow reads the latest snapshot and never waits. Epochs are computed here, on the same thread as votes
//! are applied: while one is computed (seconds at ten million votes) the last snapshot keeps being served, and the votes
//! that come in meanwhile wait in the ledger, where the next fold finds them.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use ostrakon_ledger::{Category, LedgerReader};
use ostrakon_reputation::Book;
use tokio::sync::oneshot;

pub use crate::flow::scores::Scores;
use crate::{
    error::Error,
    flow::explaining::{Question, Told},
    server::{
        backoff::Backoff,
        clock::{now_ms, settled_ms},
        scorebook::{BookFile, Outlook, fold},
    },
};

/// Expired votes leave the scores at least this often.
const TICK: Duration = Duration::from_secs(1);

/// Rests after the ledger could not be read: it may be opened again soon.
const UNREAD: Backoff = Backoff::new(TICK, Duration::from_secs(60));

/// Questions that may wait; each is asked by a person or a page.
const QUESTIONS_MAX: usize = 64;

enum BookJob {
    Follow,
    Explain(Question, oneshot::Sender<Result<Told, Error>>),
    Watch(Vec<Category>, oneshot::Sender<()>),
}

/// Wakes the follower and asks it questions.
#[derive(Clone)]
pub struct Follower {
    jobs: SyncSender<BookJob>,
}

impl Follower {
    /// Starts the thread: it reads the book from `file` if that serves, folds everything else that `reader` has, and
    /// writes the file from time to time and at its end, which is when every handle is gone.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        outlook: Outlook,
        mut file: BookFile,
        reader: LedgerReader,
    ) -> Result<(Self, Arc<Scores>, JoinHandle<()>), Error> {
        let (jobs, inbox) = sync_channel(QUESTIONS_MAX);
        let scores = Arc::new(Scores::behind(outlook.empty().snapshot()));
        let published = scores.clone();
        let thread = std::thread::Builder::new()
            .name("book".into())
            .spawn(move || {
                let mut book = file.open(&outlook, &reader);
                run(&mut book, &mut file, &reader, &inbox, &published);
            })
            .map_err(|error| Error::System { what: "thread for the scores", reason: error.to_string() })?;
        Ok((Self { jobs }, scores, thread))
    }

    /// Says that the ledger has grown. Never waits: a full channel means that the book is about to look anyway.
    pub fn notify(&self) {
        let _ = self.jobs.try_send(BookJob::Follow);
    }

    /// Takes a score apart.
    ///
    /// # Errors
    /// [`Error::CatchingUp`] when too many ask or the book has stopped; [`Error::NoSuchViewpoint`].
    pub async fn explain(&self, question: Question) -> Result<Told, Error> {
        self.ask(|reply| BookJob::Explain(question, reply)).await?
    }

    /// Has scores for these categories published; once this returns, they are.
    ///
    /// # Errors
    /// [`Error::CatchingUp`] when too many ask or the book has stopped.
    pub async fn watch(&self, categories: Vec<Category>) -> Result<(), Error> {
        self.ask(|reply| BookJob::Watch(categories, reply)).await
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<T>) -> BookJob) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.jobs.try_send(job(reply)).map_err(|error| match error {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => Error::CatchingUp,
        })?;
        answer.await.map_err(|_| Error::CatchingUp)
    }
}

fn run(book: &mut Book, file: &mut BookFile, reader: &LedgerReader, inbox: &Receiver<BookJob>, scores: &Scores) {
    let mut failures = 0;
    let mut reads_at = Instant::now();
    loop {
        if reads_at <= Instant::now() {
            failures = match follow(book, reader, scores) {
                Ok(()) => 0,
                Err(error) => {
                    let pause = UNREAD.pause(failures + 1, 0);
                    tracing::error!(%error, ?pause, "the book cannot read the ledger; scores stay as they are meanwhile");
                    reads_at = Instant::now() + pause;
                    failures + 1
                }
            };
        }
        file.save_if_due(book, reader);
        match inbox.recv_timeout(TICK) {
            Ok(BookJob::Follow) | Err(RecvTimeoutError::Timeout) => {}
            Ok(BookJob::Explain(question, reply)) => {
                let _ = reply.send(question.answer(book, now_ms()));
            }
            Ok(BookJob::Watch(categories, reply)) => {
                book.watch(categories);
                scores.snapshot.store(Arc::new(book.snapshot()));
                let _ = reply.send(());
            }
            Err(RecvTimeoutError::Disconnected) => {
                file.save(book, reader);
                return;
            }
        }
    }
}

fn follow(book: &mut Book, reader: &LedgerReader, scores: &Scores) -> Result<(), Error> {
    let start = Instant::now();
    if fold(book, reader)? > 0 {
        metrics::histogram!("ostrakon_fold_seconds").record(start.elapsed());
    }
    book.advance(settled_ms());
    scores.snapshot.store(Arc::new(book.snapshot()));
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; 2^53 entries are out of reach")]
    metrics::gauge!("ostrakon_book_index").set(book.next_index() as f64);
    scores.mark_caught_up();
    Ok(())
}
