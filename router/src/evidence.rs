//! Detached bodies of votes and rebuttals: one file each, named by its commitment, so that erasing one really removes it.
//!
//! Whoever has the body of a record that this ledger holds may store it: a body that fits the commitment can only come from
//! who made it. Reading is for the operator, and for peers who sign that they ask ([`read`]).

pub mod read;

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use ostrakon_ledger::{Body, Digest, Evidence, LedgerReader, RecordId};

use crate::{
    durable::{file_error, sync_folder, write_durably},
    error::Error,
};

/// Most bodies kept, so that counting them at start takes no time to speak of.
const BODIES_MAX: usize = 100_000;
/// Most bytes of bodies kept.
const BYTES_MAX: u64 = 1 << 30;

/// A folder of bodies.
pub struct EvidenceStore {
    dir: PathBuf,
    /// What is kept; held while files come and go.
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    bodies: usize,
    bytes: u64,
}

impl EvidenceStore {
    /// Opens the folder, which need not exist yet, and finishes what a crash left undone: files half written are removed, and
    /// bodies whose erasure `reader` has.
    ///
    /// # Errors
    /// [`Error::File`], and the ledger's.
    pub fn open(dir: PathBuf, reader: &LedgerReader) -> Result<Self, Error> {
        std::fs::create_dir_all(&dir).map_err(|error| file_error(&dir, error))?;
        let mut held = Held::default();
        let fault = |error| file_error(&dir, error);
        for file in std::fs::read_dir(&dir).map_err(fault)? {
            let file = file.map_err(fault)?;
            let commitment = file.file_name().to_str().and_then(|name| name.parse::<Digest>().ok());
            let erased = match &commitment {
                Some(commitment) => reader.erasure_of(commitment)?.is_some(),
                None => true,
            };
            if erased {
                std::fs::remove_file(file.path()).map_err(fault)?;
            } else {
                held.bodies += 1;
                held.bytes += file.metadata().map_err(fault)?.len();
            }
        }
        Ok(Self { dir, held: Mutex::new(held) })
    }

    /// Keeps a body, synced to disk. Keeping it twice is no error.
    ///
    /// # Errors
    /// [`Error::EvidenceFull`], [`Error::File`]
    pub fn put(&self, evidence: &Evidence) -> Result<(), Error> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.path(&evidence.commitment());
        if path.exists() {
            return Ok(());
        }
        let len_bytes = evidence.as_bytes().len() as u64;
        if held.bodies >= BODIES_MAX || held.bytes + len_bytes > BYTES_MAX {
            return Err(Error::EvidenceFull);
        }
        write_durably(&path, evidence.as_bytes(), 0o600)?;
        held.bodies += 1;
        held.bytes += len_bytes;
        Ok(())
    }

    /// The body behind a commitment, if it is kept.
    ///
    /// # Errors
    /// [`Error::File`], also when the file is not what its name says.
    pub fn get(&self, commitment: &Digest) -> Result<Option<Evidence>, Error> {
        let path = self.path(commitment);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(file_error(&path, error)),
        };
        let evidence = Evidence::from_bytes(bytes).map_err(|error| file_error(&path, error))?;
        if evidence.commitment() != *commitment {
            return Err(file_error(&path, "is not the body that its name commits to"));
        }
        Ok(Some(evidence))
    }

    /// Removes a body, if it is kept.
    ///
    /// # Errors
    /// [`Error::File`]
    pub fn erase(&self, commitment: &Digest) -> Result<(), Error> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.path(commitment);
        let len_bytes = match std::fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(file_error(&path, error)),
        };
        let removed = std::fs::remove_file(&path).and_then(|()| sync_folder(&self.dir));
        removed.map_err(|error| file_error(&path, error))?;
        held.bodies = held.bodies.saturating_sub(1);
        held.bytes = held.bytes.saturating_sub(len_bytes);
        Ok(())
    }

    /// Removes the body that the erasure `id` is about.
    ///
    /// # Errors
    /// [`Error::File`], and the ledger's.
    pub fn follow_erasure(&self, reader: &LedgerReader, target: &RecordId) -> Result<(), Error> {
        match commitment_of(reader, target)? {
            Some(commitment) if reader.erasure_of(&commitment)?.is_some() => self.erase(&commitment),
            _ => Ok(()),
        }
    }

    /// The body behind a record's commitment.
    ///
    /// # Errors
    /// [`Error::NoEvidence`] when the record commits to nothing or its body was never kept here, [`Error::Erased`]; the files',
    /// and the ledger's.
    pub fn of(&self, reader: &LedgerReader, id: &RecordId) -> Result<Evidence, Error> {
        let none = || Error::NoEvidence(id.to_string());
        let commitment = commitment_of(reader, id)?.ok_or_else(none)?;
        if reader.erasure_of(&commitment)?.is_some() {
            return Err(Error::Erased(id.to_string()));
        }
        self.get(&commitment)?.ok_or_else(none)
    }

    fn path(&self, commitment: &Digest) -> PathBuf {
        self.dir.join(commitment.to_string())
    }
}

/// What a published record commits to; `None` when there is no such record or it commits to nothing.
///
/// # Errors
/// The ledger's.
pub fn commitment_of(reader: &LedgerReader, id: &RecordId) -> Result<Option<Digest>, Error> {
    let Some(index) = reader.record(id)? else { return Ok(None) };
    let Some(entry) = reader.entry(index)? else { return Ok(None) };
    let commitment = match &entry.record.record().body {
        Body::Vote(vote) => vote.commitment,
        Body::Rebut(rebut) => rebut.commitment,
        _ => Digest::ZERO,
    };
    Ok((!commitment.is_zero()).then_some(commitment))
}
