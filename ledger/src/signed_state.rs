//! The last checkpoint that was signed, kept outside the store.
//!
//! A store restored from yesterday's backup looks healthy. Signing on top of it would be a rollback, the one thing
//! that a ledger cannot take back, so that what was signed is remembered in another place.

mod halves;
mod replace;

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use self::halves::{Halves, Write};
pub use self::replace::{TEMPORARY, rename_durably, replace_file, sync_folder};
use crate::store::StoreError;

/// A durable cell with the last signed checkpoint note.
pub trait SignedState: Send + Sync {
    /// The note; `None` before the first.
    ///
    /// # Errors
    /// [`StoreError`]
    fn load(&self) -> Result<Option<String>, StoreError>;

    /// Replaces the note if it is the expected one, synced to disk before it returns.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when another note stands there; any other: unknown what was written.
    fn compare_and_swap(&self, expected: Option<&str>, new: &str) -> Result<(), StoreError>;
}

/// A [`SignedState`] in a small file, kept in two halves: the older one is written over and synced. Nothing about the file
/// itself changes thereby, so that the sync costs the file system no entry in its journal, as a file that is renamed into
/// place would, twice.
///
/// It does not lock: the ledger's store does, and one store belongs to one signed state.
#[derive(Debug)]
pub struct FileState {
    path: PathBuf,
}

impl FileState {
    /// The state in this file, which need not exist yet; its directory must.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn read(&self) -> Result<Option<Vec<u8>>, StoreError> {
        match fs::read(&self.path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn halves<'a>(&self, file: &'a [u8]) -> Result<Halves<'a>, StoreError> {
        let torn = || StoreError::Corrupt(format!("{}: neither of its halves is whole", self.path.display()));
        Halves::parse(file).ok_or_else(torn)
    }

    fn write_at(&self, at: usize, bytes: &[u8]) -> std::io::Result<()> {
        let file = OpenOptions::new().write(true).open(&self.path)?;
        file.write_all_at(bytes, at as u64)?;
        file.sync_data()
    }

    fn failed(&self, error: &std::io::Error) -> StoreError {
        StoreError::Failed(format!("{}: {error}", self.path.display()))
    }
}

impl SignedState for FileState {
    fn load(&self) -> Result<Option<String>, StoreError> {
        let Some(file) = self.read()? else { return Ok(None) };
        Ok(Some(self.halves(&file)?.note().to_owned()))
    }

    fn compare_and_swap(&self, expected: Option<&str>, new: &str) -> Result<(), StoreError> {
        let file = self.read()?;
        let halves = file.as_deref().map(|file| self.halves(file)).transpose()?;
        if halves.as_ref().map(Halves::note) != expected {
            return Err(StoreError::Conflict);
        }
        let write = halves.map_or_else(|| Write::Anew(halves::first(new)), |halves| halves.replacing(new));
        let written = match write {
            Write::At(at, half) => self.write_at(at, &half),
            Write::Anew(bytes) => replace_file(&self.path, 0o600, |file| file.write_all(&bytes)),
        };
        written.map_err(|error| self.failed(&error))
    }
}

/// A [`SignedState`] in memory, for simulations and tests, and for looking at a store beside a note read earlier.
#[derive(Debug, Default)]
pub struct MemoryState(Mutex<Option<String>>);

impl MemoryState {
    /// A state that holds this note.
    pub fn new(note: Option<String>) -> Self {
        Self(Mutex::new(note))
    }
}

impl SignedState for MemoryState {
    fn load(&self) -> Result<Option<String>, StoreError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn compare_and_swap(&self, expected: Option<&str>, new: &str) -> Result<(), StoreError> {
        let mut note = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if note.as_deref() != expected {
            return Err(StoreError::Conflict);
        }
        *note = Some(new.to_owned());
        Ok(())
    }
}

impl<S: SignedState + ?Sized> SignedState for std::sync::Arc<S> {
    fn load(&self) -> Result<Option<String>, StoreError> {
        (**self).load()
    }

    fn compare_and_swap(&self, expected: Option<&str>, new: &str) -> Result<(), StoreError> {
        (**self).compare_and_swap(expected, new)
    }
}
