//! The node's directory: what lies where, how it is made and how it is opened.
//!
//! ```text
//! ostrakon.toml      the configuration            node.key          the node's secret, 0600
//! policy.toml        the policy                   federation.pepper the federation's secret for tags, 0600
//! policy.last-good   the last policy that loaded  signed-state      the last signed checkpoint
//! ledger/            RocksDB: the public ledger   messages/         RocksDB: decisions, queue, holds
//! book               the folded ledger, so that a start need not fold it again; may be deleted
//! ledger.import/     a ledger that is being imported, until it is whole; ledger.fetched: what heals one, until checked
//! record.key         the secret of the node's own records, once it was rotated, 0600
//! evidence/          detached bodies of votes, one file each, a folder for each peer that holds some
//! witness-logs       the logs that this node is a witness for, if it is one (C2SP tlog-policy)
//! quorum             the witnesses that cosign this node's ledger, if any do (C2SP tlog-policy)
//! witness/           RocksDB: what this node cosigned
//! mirrors/           verified copies of the ledgers of followed peers, a folder each
//! local.token        what requests to the local listener carry, 0600
//! local.sock         the local listener as a UNIX socket, while it is served, 0600
//! run.json           where it listens, while it is served
//! ```

mod owner;
mod privacy;
mod restore;
mod token;
mod voice;
mod witness;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use ostrakon_ledger::{
    FileState, Ledger, LedgerReader, MemoryState, PeerName, Pepper, ReopeningStore, RocksStore, SecretKey, SignedState,
    Store, TABLES as LEDGER_TABLES, tables::ENTRIES,
};
use ostrakon_policies::DEFAULT_POLICY;
use serde::{Deserialize, Serialize};

pub use crate::secrets::Secrets;
use crate::{
    config::Config,
    error::Error,
    flow::{journal::tables::TABLES, registrar::Registrar},
    server::{
        clock::now_ms,
        durable::{file_error, write_durably},
        evidence::EvidenceStore,
        mirrors::Folder,
        scorebook::BookFile,
    },
};

pub use privacy::{Exposed, close_new_files};
pub use restore::Restored;

/// Derivation context of the key under which decision ids are made.
const DECISION_KEY: &str = "ostrakon decision id key v1";

/// What stands for the operator's own address in the default policy.
const APPEAL_URL: &str = "https://example.org/appeal";

/// Where a served node listens, as `run.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Address of the public listener.
    pub public: String,
    /// Address of the local listener.
    pub local: String,
    /// The UNIX socket of the local listener, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<PathBuf>,
    /// Process id.
    pub pid: u32,
}

impl Running {
    /// Whether somebody listens where the node says that it does; a node that was killed leaves what it said.
    pub fn answers(&self) -> bool {
        std::net::TcpStream::connect(&self.local).is_ok()
    }
}

/// A node's directory.
#[derive(Debug, Clone)]
pub struct Home {
    dir: PathBuf,
}

impl Home {
    /// The directory `dir`, whatever is in it.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The directory's path.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The configuration's path.
    pub fn config_path(&self) -> PathBuf {
        self.dir.join("ostrakon.toml")
    }

    /// The policy's path.
    pub fn policy_path(&self) -> PathBuf {
        self.dir.join("policy.toml")
    }

    /// Where the last policy that loaded is kept.
    pub fn last_good_policy_path(&self) -> PathBuf {
        self.dir.join("policy.last-good")
    }

    /// Makes a node: keys, configuration, policy and a ledger that holds its own admission. The configuration is
    /// written last: a directory without one is not a node.
    ///
    /// # Errors
    /// [`Error::File`] if there is a node already or something cannot be written; [`Error::ForeignFolder`]; the ledger's errors.
    pub fn init(&self, domain: &PeerName, network: &str, pepper: Option<[u8; 32]>) -> Result<(), Error> {
        if self.config_path().exists() {
            return Err(file_error(&self.config_path(), "there is a node here already; nothing was changed"));
        }
        self.require_owner()?;
        self.make_folder()?;
        let (key, pepper) = (random()?, pepper.map_or_else(random, Ok)?);
        self.write_secret("node.key", &key)?;
        self.write_secret("federation.pepper", &pepper)?;
        self.ensure_local_token()?;
        let store = Arc::new(self.writable("ledger", LEDGER_TABLES)?);
        Ledger::create(store, Box::new(self.signed_state()), domain, network, SecretKey::from_seed(key), now_ms())?;
        let policy = DEFAULT_POLICY.replace(APPEAL_URL, &format!("https://{domain}/appeal"));
        write_durably(&self.policy_path(), policy.as_bytes(), 0o600)?;
        write_durably(&self.config_path(), Config::template(domain, network).as_bytes(), 0o600)
    }

    /// Reads the configuration; `environment` overrides it.
    ///
    /// # Errors
    /// [`Error::Config`], naming file, line and key or the variable.
    pub fn config(
        &self,
        environment: impl IntoIterator<Item = (std::ffi::OsString, std::ffi::OsString)>,
    ) -> Result<Config, Error> {
        std::fs::metadata(self.config_path()).map_err(|error| self.unreachable(&error))?;
        Ok(Config::load(&self.config_path(), environment)?)
    }

    /// Reads the secrets.
    ///
    /// # Errors
    /// [`Error::File`]
    pub fn secrets(&self) -> Result<Secrets, Error> {
        let seed = self.read_secret("node.key")?;
        let pepper = self.read_secret("federation.pepper")?;
        Ok(Secrets {
            key: SecretKey::from_seed(seed),
            pepper: Pepper::new(pepper),
            decision_key: blake3::derive_key(DECISION_KEY, &seed),
        })
    }

    /// Opens the ledger for writing. Only one process can.
    ///
    /// # Errors
    /// The ledger's: in use, damaged, or behind what was signed. [`Error::File`] without a signed state: `init` made one, so
    /// that its loss has to be noticed however short the ledger is. [`Error::ForeignFolder`].
    pub fn open_ledger(&self, config: &Config, key: SecretKey) -> Result<Registrar, Error> {
        let store = Arc::new(self.reopening("ledger", LEDGER_TABLES)?);
        if matches!(self.signed_state_path().try_exists(), Ok(false)) && has_entries(&*store)? {
            return Err(self.signed_state_missing());
        }
        let (domain, network) = (config.node.domain.clone(), config.node.network.clone());
        let ledger = Ledger::open(store, Box::new(self.signed_state()), &domain, &network, key.clone())?;
        let voice = match ledger.author(&domain)? {
            Some(head) => self.voice(&key, &head.key)?,
            None => key.clone(),
        };
        Ok(Registrar::new(ledger, network, domain, key).speaking_with(voice))
    }

    /// The ledger as it is, to verify it, also while the node is served: what was signed, read first, and the store,
    /// which is then at least as new.
    ///
    /// # Errors
    /// The store's.
    pub fn inspect_ledger(&self) -> Result<(MemoryState, RocksStore), Error> {
        let signed = MemoryState::new(self.signed_state().load()?);
        let dir = self.dir.join("ledger");
        let store = RocksStore::open_read_only(&dir, LEDGER_TABLES).map_err(|error| self.not_opened(&dir, error))?;
        Ok((signed, store))
    }

    /// That nothing says what this node signed last, and what to do.
    pub fn signed_state_missing(&self) -> Error {
        file_error(&self.signed_state_path(), "is missing; put back the newest copy there is (docs/backup.md)")
    }

    /// The folder of copies of the ledgers of peers that `ledger` admitted.
    pub fn mirrors(&self, config: &Config, ledger: LedgerReader) -> Folder {
        Folder::new(self.dir.join("mirrors"), config.node.network.clone(), ledger)
    }

    /// Where a peer's ledger is followed, if it is; also while this node's own ledger cannot be opened.
    ///
    /// # Errors
    /// [`Error::File`]
    pub fn followed_at(&self, peer: &PeerName) -> Result<Option<String>, Error> {
        crate::server::mirrors::url_of(&self.dir.join("mirrors"), peer)
    }

    /// Opens the folder of detached bodies.
    ///
    /// # Errors
    /// [`Error::File`], and the ledger's.
    pub fn open_evidence(&self, reader: &LedgerReader, config: &Config) -> Result<EvidenceStore, Error> {
        EvidenceStore::open(self.dir.join("evidence"), reader, config.limits.peer.evidence_max.bytes())
    }

    /// Reads the signed part of the ledger, also while the node is served.
    ///
    /// # Errors
    /// The ledger's.
    pub fn read_ledger(&self, config: &Config) -> Result<LedgerReader, Error> {
        let (signed, store) = self.inspect_ledger()?;
        let key = self.secrets()?.key.public();
        Ok(LedgerReader::over(Arc::new(store), &signed, &config.node.domain, &config.node.network, &key)?)
    }

    /// Opens the messages store.
    ///
    /// # Errors
    /// The store's.
    pub fn open_messages(&self) -> Result<Arc<ReopeningStore<RocksStore>>, Error> {
        Ok(Arc::new(self.reopening("messages", TABLES)?))
    }

    /// The file with the folded ledger.
    pub fn book_file(&self) -> BookFile {
        BookFile::at(self.dir.join("book"))
    }

    /// The file with the last signed checkpoint.
    fn signed_state(&self) -> FileState {
        FileState::new(self.signed_state_path())
    }

    fn signed_state_path(&self) -> PathBuf {
        self.dir.join("signed-state")
    }

    /// Where the node is being served, if it is or was.
    pub fn running(&self) -> Option<Running> {
        let text = std::fs::read(self.dir.join("run.json")).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Forgets where a node that was killed was served, so that nobody talks to what listens there now.
    ///
    /// # Errors
    /// [`Error::File`]
    pub fn retract_announcement(&self) -> Result<(), Error> {
        let path = self.dir.join("run.json");
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(file_error(&path, error)),
            _ => Ok(()),
        }
    }

    /// Says where the node is being served, until the guard is dropped.
    ///
    /// # Errors
    /// [`Error::File`]
    pub fn announce(&self, running: &Running) -> Result<Announced, Error> {
        let path = self.dir.join("run.json");
        let text = serde_json::to_vec_pretty(running).map_err(|error| file_error(&path, error))?;
        write_durably(&path, &text, 0o600)?;
        Ok(Announced(path))
    }

    fn write_secret(&self, name: &str, secret: &[u8; 32]) -> Result<(), Error> {
        write_durably(&self.dir.join(name), format!("{}\n", hex::encode(secret)).as_bytes(), 0o600)
    }

    fn read_secret(&self, name: &str) -> Result<[u8; 32], Error> {
        secret_in(&self.dir.join(name))
    }
}

/// The 32 secret bytes in a file that only its owner can read.
///
/// # Errors
/// [`Error::File`], also when others can read it.
pub fn secret_in(path: &Path) -> Result<[u8; 32], Error> {
    let text = privacy::read_secret(path)?;
    let mut secret = [0; 32];
    hex::decode_to_slice(text.trim(), &mut secret).map_err(|_| file_error(path, "must hold 64 hexadecimal digits"))?;
    Ok(secret)
}

fn has_entries(store: &dyn Store) -> Result<bool, Error> {
    Ok(!store.scan(ENTRIES, &[], 1)?.is_empty())
}

/// Takes `run.json` away when the node is no longer served.
#[derive(Debug)]
pub struct Announced(PathBuf);

impl Drop for Announced {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// 32 random bytes from the system.
///
/// # Errors
/// [`Error::File`] when the system has none.
pub fn random() -> Result<[u8; 32], Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| file_error(Path::new("/dev/urandom"), error))?;
    Ok(bytes)
}
