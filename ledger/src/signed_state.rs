//! The last checkpoint that was signed, kept outside the store.
//!
//! A store restored from yesterday's backup looks healthy. Signing on top of it would be a rollback, the one thing
//! that a ledger cannot take back, so that what was signed is remembered in another place.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

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

/// A [`SignedState`] in a small file: written beside it, synced, renamed over it, directory synced.
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

    fn replace(&self, new: &str) -> std::io::Result<()> {
        let beside = self.path.with_extension("new");
        let mut file = File::create(&beside)?;
        file.write_all(new.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        let directory = match self.path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        File::open(directory)?.sync_all()
    }
}

impl SignedState for FileState {
    fn load(&self) -> Result<Option<String>, StoreError> {
        match fs::read_to_string(&self.path) {
            Ok(note) => Ok(Some(note)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::Failed(format!("{}: {error}", self.path.display()))),
        }
    }

    fn compare_and_swap(&self, expected: Option<&str>, new: &str) -> Result<(), StoreError> {
        if self.load()?.as_deref() != expected {
            return Err(StoreError::Conflict);
        }
        self.replace(new).map_err(|error| StoreError::Failed(format!("{}: {error}", self.path.display())))
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
