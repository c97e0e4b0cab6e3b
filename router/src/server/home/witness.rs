//! Trust files, and what a witness needs.

use std::{io::ErrorKind, sync::Arc};

use ostrakon_ledger::{
    PeerName, Quorum, SecretKey, Store, Witness,
    note::NoteKey,
    witness::{WITNESS_TABLES, WatchedLogs},
};

use super::Home;
use crate::error::Error;
use crate::server::durable::file_error;

/// Derivation context of the witness's key, which must not be the ledger's.
const WITNESS_KEY: &str = "ostrakon witness key v1";

/// Everything that makes a node a witness.
pub struct WitnessParts {
    /// The witness.
    pub witness: Witness,
    /// The key that checks its cosignatures.
    pub vkey: String,
    /// The logs that it looks at.
    pub logs: WatchedLogs,
    /// Its state.
    pub store: Arc<dyn Store>,
}

impl Home {
    /// The witnesses that cosign this node's ledger, from the file `quorum`; none without it.
    ///
    /// # Errors
    /// [`Error::File`]
    pub fn quorum(&self) -> Result<Option<Quorum>, Error> {
        let quorum = self.trust_file("quorum")?;
        self.refuse_empty("quorum", quorum, |quorum| !quorum.witnesses().is_empty(), "witness")
    }

    /// Opens the witness that the file `witness-logs` asks for; none without it.
    ///
    /// # Errors
    /// [`Error::File`], and the store's.
    pub fn open_witness(&self, domain: &PeerName, node_key: &SecretKey) -> Result<Option<WitnessParts>, Error> {
        let logs = self.trust_file("witness-logs")?;
        let logs = self.refuse_empty("witness-logs", logs, |logs| !logs.logs().is_empty(), "log")?;
        let Some(logs) = logs else { return Ok(None) };
        let name = format!("{domain}/witness");
        let key = node_key.derive(WITNESS_KEY, name.as_bytes());
        let vkey = NoteKey::cosigner(&name, key.public())?.to_string();
        let store: Arc<dyn Store> = Arc::new(self.reopening("witness", WITNESS_TABLES)?);
        let witness = Witness::new(&name, key, store.clone())?;
        Ok(Some(WitnessParts { witness, vkey, logs: WatchedLogs::of(&logs), store }))
    }

    /// A trust file that names none of what it is there for was cut off or is a mistake; without it, it is meant.
    fn refuse_empty(
        &self,
        name: &str,
        file: Option<Quorum>,
        is_useful: fn(&Quorum) -> bool,
        what: &str,
    ) -> Result<Option<Quorum>, Error> {
        match file {
            Some(file) if !is_useful(&file) => {
                let reason = format!("names no {what}; if none is meant, remove the file");
                Err(file_error(&self.dir.join(name), reason))
            }
            file => Ok(file),
        }
    }

    fn trust_file(&self, name: &str) -> Result<Option<Quorum>, Error> {
        let path = self.dir.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => text.parse().map(Some).map_err(|fault: ostrakon_ledger::Malformed| file_error(&path, fault)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(file_error(&path, error)),
        }
    }
}
