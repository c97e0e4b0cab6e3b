//! The score book on its own thread: follows the ledger, publishes immutable snapshots.
//!
//! The message flow reads the latest snapshot and never waits; epochs are computed here.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use ostrakon_ledger::{LedgerReader, Subject};
use ostrakon_reputation::{Book, Event, Explanation};
use tokio::sync::oneshot;

pub use crate::scores::Scores;
use crate::{clock::now_ms, error::Error};

/// Entries folded between two snapshots: the readers are at most this far behind while the book catches up.
const CHUNK: usize = 1024;

/// Expired votes leave the scores at least this often.
const TICK: Duration = Duration::from_secs(1);

/// Questions that may wait; each is asked by a person or a page.
const QUESTIONS_MAX: usize = 64;

enum Job {
    Follow,
    Explain(Subject, oneshot::Sender<Explanation>),
}

/// Wakes the follower and asks it questions.
#[derive(Clone)]
pub struct Follower {
    jobs: SyncSender<Job>,
}

impl Follower {
    /// Starts the thread on `book`, which folds everything `reader` has. It ends when every handle is gone.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(book: Book, reader: LedgerReader) -> Result<(Self, Arc<Scores>, JoinHandle<()>), Error> {
        let (jobs, inbox) = sync_channel(QUESTIONS_MAX);
        let scores = Arc::new(Scores::behind(book.snapshot()));
        let published = scores.clone();
        let thread = std::thread::Builder::new()
            .name("book".into())
            .spawn(move || run(book, &reader, &inbox, &published))
            .map_err(|error| Error::Stopped { part: "book", reason: error.to_string() })?;
        Ok((Self { jobs }, scores, thread))
    }

    /// Says that the ledger has grown. Never waits: a full channel means that the book is about to look anyway.
    pub fn notify(&self) {
        let _ = self.jobs.try_send(Job::Follow);
    }

    /// Takes the score of `subject` apart.
    ///
    /// # Errors
    /// [`Error::CatchingUp`] when too many ask or the book has stopped.
    pub async fn explain(&self, subject: Subject) -> Result<Explanation, Error> {
        let (reply, answer) = oneshot::channel();
        self.jobs.try_send(Job::Explain(subject, reply)).map_err(|error| match error {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => Error::CatchingUp,
        })?;
        answer.await.map_err(|_| Error::CatchingUp)
    }
}

fn run(mut book: Book, reader: &LedgerReader, inbox: &Receiver<Job>, scores: &Scores) {
    loop {
        if let Err(error) = follow(&mut book, reader, scores) {
            tracing::error!(%error, "the book cannot read the ledger; scores stay as they are until a restart");
            return;
        }
        match inbox.recv_timeout(TICK) {
            Ok(Job::Follow) | Err(RecvTimeoutError::Timeout) => {}
            Ok(Job::Explain(subject, reply)) => {
                let _ = reply.send(book.explain(&subject, now_ms()));
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn follow(book: &mut Book, reader: &LedgerReader, scores: &Scores) -> Result<(), Error> {
    loop {
        let from = book.next_index();
        let entries = reader.entries(from, CHUNK)?;
        let events: Vec<_> = entries.iter().map(Event::from).collect();
        let start = Instant::now();
        book.apply_all(&events);
        if !events.is_empty() {
            metrics::histogram!("ostrakon_fold_seconds").record(start.elapsed());
        }
        book.advance(now_ms());
        scores.snapshot.store(Arc::new(book.snapshot()));
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; 2^53 entries are out of reach")]
        metrics::gauge!("ostrakon_book_index").set(book.next_index() as f64);
        if entries.len() < CHUNK {
            scores.mark_caught_up();
            return Ok(());
        }
    }
}
