//! Follows the ledgers of other peers: keeps a verified copy of each, serves it, takes the records of admitted authors into our
//! own ledger, compares notes with the other peers that copy it, and convicts who signs two histories.
//!
//! ```text
//! mirrors/<peer>/url        where its ledger is read; without it the peer is not followed
//! mirrors/<peer>/seen       the largest checkpoint that was seen of it
//! mirrors/<peer>/held       the largest one whose entries are all here
//! mirrors/<peer>/forked     the proof that it signed two histories: it is not asked any more
//! mirrors/<peer>/ledger/    RocksDB: the copy
//! ```
//!
//! Each followed peer has a thread of its own, with the system's lowest claim to the processor but one: a slow peer holds up
//! nobody, and checks come first.

mod copy;
mod folder;
mod fork;
mod notes;
mod round;
mod view;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use ostrakon_ledger::{LedgerReader, PeerName};
use rayon::ThreadPool;

use self::{copy::Copy, notes::Addresses, round::Rounds};
pub use self::{
    folder::{Folder, LocalCopy, url_of},
    view::FollowView,
};
use crate::{
    error::Error,
    server::{evidence::EvidenceStore, remote::Budget, sequencer::Sequencer},
};

/// Most peers that are followed: each has a thread and a database of its own open.
pub const FOLLOWED_MAX: usize = 64;
/// For each copy there are so many file descriptors in all; it needs a fifth of them.
pub const MIRROR_SHARE: usize = 256;
/// How much these threads yield to the others, of 19.
const NICE: i32 = 10;

/// Where what is found goes, and what it is compared with.
#[derive(Clone)]
pub struct OwnLedger {
    /// The owner of our ledger.
    pub owner: PeerName,
    /// Our ledger.
    pub reader: LedgerReader,
    /// Writes it.
    pub sequencer: Sequencer,
    /// Bodies that a copied erasure removes.
    pub evidence: Arc<EvidenceStore>,
    /// Most entries of one copy.
    pub entries_max: u64,
}

/// The followed peers.
pub struct Mirrors {
    folder: Folder,
    ours: OwnLedger,
    workers: Arc<ThreadPool>,
    addresses: Arc<Addresses>,
    /// What all of them may fetch at once.
    budget: Budget,
    followed: Mutex<BTreeMap<PeerName, Followee>>,
    followed_max: usize,
    /// Held while peers come and go, which takes as long as files and threads do.
    changing: Mutex<()>,
}

struct Followee {
    copy: Arc<Copy>,
    thread: JoinHandle<()>,
}

impl Mirrors {
    /// Opens the copies that there are and goes on following: at most `followed_max`, for so many there are file descriptors.
    ///
    /// # Errors
    /// [`Error::File`], the ledger's, and when the system gives no thread. A copy that cannot be opened is logged and left
    /// alone: this node does not stop serving for it.
    pub fn start(folder: Folder, ours: OwnLedger, followed_max: usize) -> Result<Self, Error> {
        let workers = Arc::new(workers()?);
        let (addresses, followed, changing) = (Arc::default(), Mutex::default(), Mutex::default());
        let budget = Budget::default();
        let this = Self { folder, ours, workers, addresses, budget, followed, followed_max, changing };
        for (peer, url) in this.folder.followed()? {
            if this.locked().len() >= followed_max {
                tracing::error!(%peer, followed_max, "not followed: too few file descriptors (ulimit -n) for more copies");
                continue;
            }
            this.addresses.put(&peer, &url);
            match this.folder.open(&peer, url, &this.workers) {
                Ok(copy) => drop(this.locked().insert(peer, this.begin(copy)?)),
                Err(error) => {
                    tracing::error!(%peer, %error, "the copy of its ledger does not open; it is not followed")
                }
            }
        }
        Ok(this)
    }

    /// Follows a peer from now on, or at another address. Waits for files.
    ///
    /// # Errors
    /// [`Error::NoSuchPeer`] when its key is not known here, [`Error::BadRequest`] when too many are followed; [`Error::File`],
    /// and the ledger's.
    pub fn follow(&self, peer: &PeerName, url: &str) -> Result<(), Error> {
        let _alone = lock(&self.changing);
        let (known, count) = {
            let followed = self.locked();
            (followed.get(peer).map(|followee| followee.copy.clone()), followed.len())
        };
        if let Some(copy) = known {
            self.folder.note(peer, url)?;
            self.addresses.put(peer, url);
            copy.relocate(url);
            return Ok(());
        }
        if count >= self.followed_max {
            let max = self.followed_max;
            return Err(Error::BadRequest(format!(
                "{max} peers are followed already, which is the most: {FOLLOWED_MAX}, or one for every {MIRROR_SHARE} file \
                 descriptors (ulimit -n)"
            )));
        }
        let copy = self.folder.open(peer, url.to_owned(), &self.workers)?;
        self.folder.note(peer, url)?;
        self.addresses.put(peer, url);
        let followee = self.begin(copy)?;
        self.locked().insert(peer.clone(), followee);
        Ok(())
    }

    /// Follows a peer no longer. Its copy, and what was seen of it, stay on disk. Waits for the thread.
    ///
    /// # Errors
    /// [`Error::NotFollowed`], [`Error::File`]
    pub fn unfollow(&self, peer: &PeerName) -> Result<(), Error> {
        let _alone = lock(&self.changing);
        self.folder.forget(peer)?;
        self.addresses.remove(peer);
        let followee = self.locked().remove(peer);
        if let Some(followee) = followee {
            followee.end();
        }
        Ok(())
    }

    /// How a peer that is followed is doing.
    pub fn view(&self, peer: &PeerName) -> Option<FollowView> {
        self.locked().get(peer).map(|followee| followee.copy.view())
    }

    /// The copy of a followed peer's ledger, as far as a checkpoint covers it.
    pub fn reader(&self, peer: &PeerName) -> Option<LedgerReader> {
        self.locked().get(peer)?.copy.reader()
    }

    /// Has the copies looked through for records of authors who were admitted since.
    pub fn look_again(&self) {
        for followee in self.locked().values() {
            followee.copy.look_again();
        }
    }

    /// Ends all threads, and waits for them.
    pub fn end(&self) {
        let _alone = lock(&self.changing);
        let followed = std::mem::take(&mut *self.locked());
        for followee in followed.values() {
            followee.copy.stop();
        }
        followed.into_values().for_each(Followee::end);
    }

    fn begin(&self, copy: Copy) -> Result<Followee, Error> {
        let copy = Arc::new(copy);
        let Self { ours, workers, addresses, budget, .. } = self;
        let rounds = Rounds::new(copy.clone(), ours.clone(), workers.clone(), addresses.clone(), budget.clone());
        let thread = std::thread::Builder::new()
            .name("mirror".into())
            .spawn(move || {
                yield_to_others();
                rounds.run();
            })
            .map_err(|error| Error::System { what: "thread for a mirror", reason: error.to_string() })?;
        Ok(Followee { copy, thread })
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<PeerName, Followee>> {
        lock(&self.followed)
    }
}

impl Followee {
    /// Ends the thread, and waits for it.
    fn end(self) {
        self.copy.stop();
        if self.thread.join().is_err() {
            tracing::error!(peer = %self.copy.peer, "the thread that followed its ledger had died");
        }
    }
}

/// What these locks guard is whole between any two statements that change it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The threads that check signatures of copies: as many as there are cores, and none of them in anyone's way.
fn workers() -> Result<ThreadPool, Error> {
    let named = rayon::ThreadPoolBuilder::new().thread_name(|_| "mirror-check".into());
    named
        .start_handler(|_| yield_to_others())
        .build()
        .map_err(|error| Error::System { what: "thread for a mirror", reason: error.to_string() })
}

fn yield_to_others() {
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "the mirror's threads run like all others");
    }
}
