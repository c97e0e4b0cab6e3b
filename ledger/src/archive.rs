//! A whole ledger as one file.
//!
//! ```text
//! "ostrakon ledger archive 1\n" ‖ u32 BE length ‖ checkpoint note ‖ for each entry: u16 BE length ‖ entry
//! ```
//!
//! The checkpoint, signed by the ledger's key, counts the entries and binds their bytes: a file that is cut short, longer
//! or changed in one bit does not read back. Written and read as a stream, in a few MB of memory.

use std::io::{self, Read, Write};
use std::sync::Arc;

use crate::error::LedgerError;
use crate::keys::PublicKey;
use crate::ledger::{LedgerReader, RESTORE_ENTRIES_MAX, Restorer};
use crate::merkle::{CompactRange, leaf_hash};
use crate::name::PeerName;
use crate::note::NOTE_BYTES_MAX;
use crate::store::Store;

/// What a file begins with.
const MAGIC: &[u8] = b"ostrakon ledger archive 1\n";

/// Writes the published ledger and returns the number of its entries. `progress` is told of (entries done, entries in
/// all).
///
/// # Errors
/// [`LedgerError::Damaged`] when the entries do not have the published root, [`LedgerError::Archive`] when they cannot
/// be written, [`LedgerError::Store`]
pub fn export(
    reader: &LedgerReader,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<u64, LedgerError> {
    let published = reader.published();
    let note = published.checkpoint.as_bytes();
    let written = |outcome: io::Result<()>| outcome.map_err(|error| LedgerError::Archive(error.to_string()));
    written(out.write_all(MAGIC))?;
    written(out.write_all(&(note.len() as u32).to_be_bytes()))?;
    written(out.write_all(note))?;
    let mut tree = CompactRange::new();
    while tree.tree_size() < published.tree_size {
        let left = usize::try_from(published.tree_size - tree.tree_size()).unwrap_or(usize::MAX);
        for entry in reader.leaves(tree.tree_size(), left.min(RESTORE_ENTRIES_MAX))? {
            written(write_entry(out, &entry))?;
            tree.push(leaf_hash(&entry), |_, _| {});
        }
        progress(tree.tree_size(), published.tree_size);
    }
    if tree.root() != published.root {
        return Err(LedgerError::Inconsistent("the entries do not have the root that was signed".into()));
    }
    written(out.flush())?;
    Ok(published.tree_size)
}

/// A file whose checkpoint was read.
pub struct Archive<R> {
    input: R,
    /// The checkpoint note, not yet checked.
    pub note: String,
}

impl<R: Read> Archive<R> {
    /// Reads the front of a file.
    ///
    /// # Errors
    /// [`LedgerError::Archive`]
    pub fn open(mut input: R) -> Result<Self, LedgerError> {
        let wrong = |what: &str| LedgerError::Archive(what.to_owned());
        let mut magic = [0; MAGIC.len()];
        let mut length = [0; 4];
        input.read_exact(&mut magic).map_err(reading)?;
        if magic != MAGIC {
            return Err(wrong("this is no archive of a ledger"));
        }
        input.read_exact(&mut length).map_err(reading)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > NOTE_BYTES_MAX {
            return Err(wrong("its checkpoint is too long"));
        }
        let mut note = vec![0; length];
        input.read_exact(&mut note).map_err(reading)?;
        let note = String::from_utf8(note).map_err(|_| wrong("its checkpoint is no text"))?;
        Ok(Self { input, note })
    }

    /// Writes all entries into a store without a ledger, checking each, and requires them to have the signed root.
    /// `progress` is told of (entries done, entries in all).
    ///
    /// After an error the store holds a part of the ledger, which no signed state vouches for, and is to be thrown away.
    ///
    /// # Errors
    /// [`LedgerError::AlreadyExists`], [`LedgerError::OtherLedger`], [`LedgerError::Damaged`], [`LedgerError::Archive`],
    /// [`LedgerError::Store`]
    pub fn import(
        mut self,
        store: Arc<dyn Store>,
        owner: &PeerName,
        network: &str,
        key: &PublicKey,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Restorer, LedgerError> {
        let mut restorer = Restorer::open(store, owner, network, key)?;
        if restorer.tree_size() > 0 {
            return Err(LedgerError::AlreadyExists);
        }
        let checkpoint = restorer.open_checkpoint(&self.note)?;
        while restorer.tree_size() < checkpoint.tree_size {
            let count = (checkpoint.tree_size - restorer.tree_size()).min(RESTORE_ENTRIES_MAX as u64);
            let entries = (0..count).map(|_| read_entry(&mut self.input)).collect::<Result<Vec<_>, _>>();
            restorer = restorer.append(&entries.map_err(reading)?)?;
            progress(restorer.tree_size(), checkpoint.tree_size);
        }
        restorer.require(&checkpoint)?;
        if self.input.read(&mut [0]).map_err(reading)? > 0 {
            return Err(LedgerError::Archive("it goes on behind its last entry".into()));
        }
        Ok(restorer)
    }
}

fn reading(error: io::Error) -> LedgerError {
    LedgerError::Archive(match error.kind() {
        io::ErrorKind::UnexpectedEof => "it is cut short".into(),
        _ => error.to_string(),
    })
}

/// Writes an entry behind its length.
pub(crate) fn write_entry(out: &mut (impl Write + ?Sized), entry: &[u8]) -> io::Result<()> {
    // Entries are at most ENTRY_BYTES_MAX bytes long, which fits; what others serve came with a u16 length.
    out.write_all(&(entry.len() as u16).to_be_bytes())?;
    out.write_all(entry)
}

/// Reads an entry behind its length.
pub(crate) fn read_entry(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 2];
    input.read_exact(&mut length)?;
    let mut entry = vec![0; usize::from(u16::from_be_bytes(length))];
    input.read_exact(&mut entry)?;
    Ok(entry)
}
