//! The book in step with the ledger, and its file.
//!
//! The ledger is the truth and the book can always be folded again; the file only saves the time. It holds the link of
//! the ledger's hash chain at the book's position and the book with its digest:
//!
//! ```text
//! 32 B chain link ‖ the book (`ostrakon_reputation::Book::write_to`)
//! ```
//!
//! The link binds every entry before it, so a file fits the ledger exactly or not at all. A file that is missing,
//! damaged, of other parameters, viewpoints or another ledger costs the time to fold the ledger and a line in the log.

use std::{
    fs::File,
    io::{BufReader, Read, Write},
    path::PathBuf,
    time::{Duration, Instant},
};

use ostrakon_ledger::{Category, LedgerError, LedgerReader, RecordId, entry::Chain};
use ostrakon_reputation::{Book, Event, Parameters, Unreadable, Viewpoint};

use crate::{
    error::Error,
    server::durable::{file_error, replace_durably},
};

/// Entries read at a time.
const CHUNK: usize = 1024;

/// Folding fewer entries than this takes a moment: no file is written for less, unless the node ends.
const ENTRIES_MIN: u64 = 10_000;
/// … and none for less than this share of the ledger, so that writing stays cheap beside folding.
const ENTRIES_SHARE: u64 = 64;
/// Least time between two files.
const PAUSE: Duration = Duration::from_secs(60);

/// What a node's scores depend on besides its ledger.
#[derive(Debug, Clone)]
pub struct Outlook {
    /// R1–R8.
    pub parameters: Parameters,
    /// The operator's own viewpoint.
    pub own: Viewpoint,
    /// Viewpoints beside it.
    pub others: Vec<Viewpoint>,
    /// Categories that scores are kept for from the start.
    pub categories: Vec<Category>,
}

impl Outlook {
    /// A book without entries.
    pub fn empty(&self) -> Book {
        self.watching(Book::with_others(self.parameters.clone(), self.own.clone(), self.others.clone()))
    }

    fn watching(&self, mut book: Book) -> Book {
        book.watch(self.categories.iter().copied());
        book
    }
}

/// Applies to `book` every entry that `reader` has and the book has not; returns how many.
///
/// # Errors
/// The ledger's; what came before is applied.
pub fn fold(book: &mut Book, reader: &LedgerReader) -> Result<u64, LedgerError> {
    let (from, to) = (book.next_index(), reader.tree_size());
    let starts = (from..to).step_by(CHUNK);
    book.catch_up(starts.flat_map(|at| match events(reader, at, CHUNK.min((to - at) as usize)) {
        Ok(events) => events,
        Err(error) => vec![Err(error)],
    }))?;
    Ok(to.saturating_sub(from))
}

fn events(reader: &LedgerReader, from: u64, count: usize) -> Result<Vec<Result<Event, LedgerError>>, LedgerError> {
    let find = |id: &RecordId| match reader.record(id)? {
        Some(index) => reader.entry(index),
        None => Ok(None),
    };
    Ok(reader.entries(from, count)?.iter().map(|entry| Event::of(entry, find)).collect())
}

/// The book's file, and when it is written.
#[derive(Debug)]
pub struct BookFile {
    path: PathBuf,
    saved_index: u64,
    saved_at: Option<Instant>,
}

/// Why a file does not serve.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error("there is none")]
    Missing,
    #[error("{0}")]
    Unreadable(#[from] Unreadable),
    #[error("the ledger it was folded from is another")]
    OtherLedger,
    #[error("the ledger cannot be read: {0}")]
    Ledger(#[from] LedgerError),
}

impl BookFile {
    /// The file at `path`, whether it is there or not.
    pub fn at(path: PathBuf) -> Self {
        Self { path, saved_index: 0, saved_at: None }
    }

    /// The book as the file has it, if it belongs to this ledger and this outlook; an empty one otherwise.
    pub fn open(&mut self, outlook: &Outlook, reader: &LedgerReader) -> Book {
        let start = Instant::now();
        match self.load(outlook, reader) {
            Ok(book) => {
                self.saved_index = book.next_index();
                tracing::info!(index = book.next_index(), elapsed = ?start.elapsed(), "the book was read from its file");
                book
            }
            Err(reason) => {
                let file = self.path.display();
                match reason {
                    Unfit::Missing => tracing::info!(%file, "the book has no file yet: folding the ledger"),
                    reason => {
                        tracing::warn!(%file, %reason, "the book's file does not serve: folding the ledger again")
                    }
                }
                outlook.empty()
            }
        }
    }

    fn load(&self, outlook: &Outlook, reader: &LedgerReader) -> Result<Book, Unfit> {
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(Unfit::Missing),
            opened => opened.map_err(Unreadable::Io)?,
        };
        let len_bytes = file.metadata().map_err(Unreadable::Io)?.len();
        let mut input = BufReader::new(file);
        let mut link = Chain::ZERO;
        input.read_exact(&mut link.0).map_err(Unreadable::Io)?;
        let Outlook { parameters, own, others, .. } = outlook.clone();
        let len_bytes = len_bytes - link.0.len() as u64;
        let book = Book::read_from(parameters, own, others, input, len_bytes)?;
        if chain_at(reader, book.next_index())? == Some(link) {
            Ok(outlook.watching(book))
        } else {
            Err(Unfit::OtherLedger)
        }
    }

    /// Writes the file if enough has happened since the last time. A failure is logged; the next time may do.
    pub fn save_if_due(&mut self, book: &Book, reader: &LedgerReader) {
        let entries = book.next_index().saturating_sub(self.saved_index);
        let rested = self.saved_at.is_none_or(|at| at.elapsed() >= PAUSE);
        if rested && entries >= ENTRIES_MIN.max(book.next_index() / ENTRIES_SHARE) {
            self.save(book, reader);
        }
    }

    /// Writes the file unless it is there with the same entries. A failure is logged.
    pub fn save(&mut self, book: &Book, reader: &LedgerReader) {
        if book.next_index() == self.saved_index {
            return;
        }
        let start = Instant::now();
        self.saved_at = Some(start);
        match self.write(book, reader) {
            Ok(()) => {
                self.saved_index = book.next_index();
                tracing::info!(index = book.next_index(), elapsed = ?start.elapsed(), "the book was written to its file");
            }
            Err(error) => tracing::warn!(%error, "the book's file could not be written; the next start takes longer"),
        }
    }

    fn write(&self, book: &Book, reader: &LedgerReader) -> Result<(), Error> {
        let link = chain_at(reader, book.next_index())?
            .ok_or_else(|| file_error(&self.path, "the ledger is shorter than the book"))?;
        replace_durably(&self.path, 0o600, |file| {
            file.write_all(&link.0)?;
            book.write_to(file)
        })
    }
}

/// The chain's link before the entry at `index`; `None` beyond the ledger's end.
fn chain_at(reader: &LedgerReader, index: u64) -> Result<Option<Chain>, LedgerError> {
    let published = reader.published();
    if index == published.tree_size {
        return Ok(Some(published.chain_head));
    }
    Ok(reader.entry(index)?.map(|entry| entry.chain))
}
