//! Putting a ledger back: from an archive, or from whoever keeps a copy.

use std::{fs::OpenOptions, io::Read, sync::Arc};

use ostrakon_ledger::{
    Healed, LedgerError, LogFiles, PublicKey, Restorer, SignedState, TABLES as LEDGER_TABLES, archive::Archive, heal,
};

use super::Home;
use crate::{
    config::Config,
    error::Error,
    server::durable::{file_error, rename_durably},
};

/// Where a ledger grows that is being imported, until it is whole.
const IMPORTING: &str = "ledger.import";
/// What was fetched and is not checked yet.
const FETCHED: &str = "ledger.fetched";

/// What an import put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// Entries in the ledger.
    pub tree_size: u64,
    /// Entries that were signed; when that is more, the rest has to be healed.
    pub signed_size: u64,
}

impl Home {
    /// Puts the ledger of an archive where none is. It becomes the node's when all of it was checked, and not before.
    ///
    /// The signed state says what this node signed last, and stays unless the archive is newer. Where it is gone, only the
    /// operator can know: `newest` says that nothing was signed after the archive was made.
    ///
    /// # Errors
    /// [`Error::File`] without a signed state; the ledger's, [`LedgerError::AlreadyExists`] among them.
    pub fn import_ledger(
        &self,
        config: &Config,
        key: &PublicKey,
        archive: Archive<impl Read>,
        newest: bool,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Restored, Error> {
        let (place, importing) = (self.dir.join("ledger"), self.dir.join(IMPORTING));
        let (domain, network) = (&config.node.domain, &config.node.network);
        let store = Arc::new(self.writable("ledger", LEDGER_TABLES)?);
        if Restorer::open(store, domain, network, key)?.tree_size() > 0 {
            return Err(LedgerError::AlreadyExists.into());
        }
        let state = self.signed_state();
        let signed_note = state.load()?;
        if signed_note.is_none() && !newest {
            let reason = "is missing: it says what this node signed last. Put back the newest copy there is, or say \
                          --newest if nothing was signed after the archive was made";
            return Err(file_error(&self.dir.join("signed-state"), reason));
        }
        remove_dir(&importing)?;
        let store = Arc::new(self.writable(IMPORTING, LEDGER_TABLES)?);
        let archived_note = archive.note.clone();
        let restorer = archive.import(store, domain, network, key, progress)?;
        let tree_size = restorer.tree_size();
        let mut signed_size = 0;
        if let Some(note) = &signed_note {
            let signed = restorer.open_checkpoint(note)?;
            signed_size = signed.tree_size;
            if signed_size <= tree_size {
                restorer.require(&signed)?;
            }
        }
        drop(restorer);
        remove_dir(&place)?;
        rename_durably(&importing, &place).map_err(|error| file_error(&place, error))?;
        if signed_size < tree_size {
            state.compare_and_swap(signed_note.as_deref(), &archived_note)?;
            signed_size = tree_size;
        }
        Ok(Restored { tree_size, signed_size })
    }

    /// Fetches the entries that the ledger lost from a copy of it.
    ///
    /// # Errors
    /// The ledger's, [`LedgerError::Copy`] among them.
    pub fn heal_ledger(
        &self,
        config: &Config,
        key: &PublicKey,
        copy: &dyn LogFiles,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Healed, Error> {
        let store = Arc::new(self.writable("ledger", LEDGER_TABLES)?);
        let restorer = Restorer::open(store, &config.node.domain, &config.node.network, key)?;
        let path = self.dir.join(FETCHED);
        let mut fetched = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .map_err(|error| file_error(&path, error))?;
        let healed = heal(restorer, &self.signed_state(), copy, &mut fetched, progress);
        std::fs::remove_file(&path).map_err(|error| file_error(&path, error))?;
        Ok(healed?)
    }
}

fn remove_dir(path: &std::path::Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(file_error(path, error)),
        _ => Ok(()),
    }
}
