//! Where the copies lie.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use ostrakon_ledger::{
    FileState, LedgerReader, Mirror, PeerName, PublicKey, ReopeningStore, RocksStore, SignedState, StoreError,
    TABLES as LEDGER_TABLES,
};
use rayon::ThreadPool;

use super::{copy::Copy, fork};
use crate::{
    error::Error,
    server::durable::{file_error, probe_room, sync_folder, write_durably},
};

/// The folder of all copies, and what it takes to check them.
pub struct Folder {
    dir: PathBuf,
    network: String,
    ledger: LedgerReader,
}

/// A copy as it lies on disk while nobody follows.
pub struct LocalCopy {
    /// Where the ledger is read once the node is served.
    pub url: String,
    /// Entries in the copy.
    pub entries: u64,
    /// Whether its ledger is known to have signed two histories.
    pub forked: bool,
}

impl Folder {
    /// The copies in `dir`, of ledgers of this network, whose owners `ledger` admitted.
    pub fn new(dir: PathBuf, network: String, ledger: LedgerReader) -> Self {
        Self { dir, network, ledger }
    }

    /// Who is followed, and where.
    ///
    /// # Errors
    /// [`Error::File`]
    pub fn followed(&self) -> Result<Vec<(PeerName, String)>, Error> {
        let fault = |error| file_error(&self.dir, error);
        let folders = match std::fs::read_dir(&self.dir) {
            Ok(folders) => folders,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(fault(error)),
        };
        let mut followed = Vec::new();
        for folder in folders {
            let name = folder.map_err(fault)?.file_name();
            let Some(Ok(peer)) = name.to_str().map(PeerName::parse) else { continue };
            followed.extend(url_of(&self.dir, &peer)?.map(|url| (peer, url)));
        }
        Ok(followed)
    }

    /// Takes down that a peer is followed, and where. Once it is served, a node follows everyone who is taken down.
    ///
    /// # Errors
    /// [`Error::NoSuchPeer`] when its key is not known here, [`Error::BadRequest`] for this node itself, [`Error::File`], and the
    /// ledger's.
    pub fn note(&self, peer: &PeerName, url: &str) -> Result<(), Error> {
        self.key_of(peer)?;
        let path = self.url_path(peer);
        let dir = self.dir.join(peer.as_str());
        std::fs::create_dir_all(&dir).map_err(|error| file_error(&dir, error))?;
        write_durably(&path, format!("{url}\n").as_bytes(), 0o600)
    }

    /// Follows a peer no longer; the copy stays.
    ///
    /// # Errors
    /// [`Error::NotFollowed`], [`Error::File`]
    pub fn forget(&self, peer: &PeerName) -> Result<(), Error> {
        let path = self.url_path(peer);
        match std::fs::remove_file(&path) {
            Ok(()) => sync_folder(&self.dir.join(peer.as_str())).map_err(|error| file_error(&path, error)),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::NotFollowed(peer.to_string())),
            Err(error) => Err(file_error(&path, error)),
        }
    }

    /// A copy as it lies there, without opening it for writing.
    ///
    /// # Errors
    /// [`Error::File`], and the ledger's.
    pub fn look_at(&self, peer: &PeerName) -> Result<Option<LocalCopy>, Error> {
        let Some(url) = url_of(&self.dir, peer)? else { return Ok(None) };
        let dir = self.dir.join(peer.as_str());
        let key = self.key_of(peer)?;
        let forked = fork::load(&dir, peer, key)?.is_some();
        let held = FileState::new(dir.join("held"));
        if held.load()?.is_none() {
            return Ok(Some(LocalCopy { url, entries: 0, forked }));
        }
        let store = Arc::new(RocksStore::open_read_only(dir.join("ledger"), LEDGER_TABLES)?);
        let reader = LedgerReader::over(store, &held, peer, &self.network, &key)?;
        Ok(Some(LocalCopy { url, entries: reader.tree_size(), forked }))
    }

    /// Opens the copy of a peer's ledger. Only one process can.
    pub(super) fn open(&self, peer: &PeerName, url: String, workers: &Arc<ThreadPool>) -> Result<Copy, Error> {
        let key = self.key_of(peer)?;
        let dir = self.dir.join(peer.as_str());
        std::fs::create_dir_all(&dir).map_err(|error| file_error(&dir, error))?;
        let (probed, opened) = (dir.clone(), dir.join("ledger"));
        let probe = move || probe_room(&probed).map_err(|error| StoreError::Failed(error.to_string()));
        let store = ReopeningStore::open(move || RocksStore::open_small(&opened, LEDGER_TABLES), probe)?;
        let store = Arc::new(store);
        let state = |name: &str| Box::new(FileState::new(dir.join(name)));
        let mirror = Mirror::new(store, state("seen"), state("held"), peer, &self.network, key, workers.clone());
        let proof = fork::load(&dir, peer, key)?;
        Copy::new(peer.clone(), url, mirror, dir, proof)
    }

    fn url_path(&self, peer: &PeerName) -> PathBuf {
        url_path(&self.dir, peer)
    }

    /// The key of a peer's ledger: the one it was first admitted with, which no rotation changes. Of one that was expelled there
    /// is none.
    fn key_of(&self, peer: &PeerName) -> Result<PublicKey, Error> {
        let none = || Error::NoSuchPeer(peer.to_string());
        let head = self.ledger.author(peer)?.filter(|head| !head.imported && !head.expelled).ok_or_else(none)?;
        // A ledger begins with the admission of its owner.
        if head.admitted_at_index == 0 {
            return Err(Error::BadRequest(format!("{peer} is this node: its ledger is here already")));
        }
        self.ledger.key_at(peer, head.admitted_at_index)?.ok_or_else(none)
    }
}

/// Where a peer's ledger is read, by the folder of all copies; `None`: it is not followed.
///
/// # Errors
/// [`Error::File`]
pub fn url_of(dir: &Path, peer: &PeerName) -> Result<Option<String>, Error> {
    let path = url_path(dir, peer);
    match std::fs::read_to_string(&path) {
        Ok(url) => Ok(Some(url.trim().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file_error(&path, error)),
    }
}

fn url_path(dir: &Path, peer: &PeerName) -> PathBuf {
    dir.join(peer.as_str()).join("url")
}
