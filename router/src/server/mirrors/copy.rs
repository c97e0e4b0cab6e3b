//! One copy: what its thread works on, what others see of it, and how they tell it something.

use std::{
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use ostrakon_ledger::{Equivocate, LedgerReader, Mirror, PeerName};
use tokio::sync::watch;

use super::{fork, view::FollowView};
use crate::error::Error;

/// What the thread is asked to do.
#[derive(Debug, Clone, Default)]
struct Wish {
    /// Whether something below is new.
    rung: bool,
    stop: bool,
    /// Look through the whole copy again.
    look_again: bool,
}

/// The copy of one peer's ledger, and how it is doing.
pub(super) struct Copy {
    pub(super) peer: PeerName,
    pub(super) mirror: Mirror,
    dir: PathBuf,
    /// That it signed two histories.
    fork: OnceLock<Equivocate>,
    reader: ArcSwapOption<LedgerReader>,
    view: Mutex<FollowView>,
    wish: Mutex<Wish>,
    bell: Condvar,
    /// Ends what is being fetched.
    stopped: watch::Sender<bool>,
}

impl Copy {
    /// A copy as it lies in `dir`, with the proof that lies there, too.
    ///
    /// # Errors
    /// The ledger's.
    pub(super) fn new(
        peer: PeerName,
        url: String,
        mirror: Mirror,
        dir: PathBuf,
        proof: Option<Equivocate>,
    ) -> Result<Self, Error> {
        let reader = mirror.reader()?;
        let entries = reader.as_ref().map_or(0, LedgerReader::tree_size);
        Ok(Self {
            peer,
            mirror,
            reader: ArcSwapOption::from(reader.map(Arc::new)),
            view: Mutex::new(FollowView::new(url, entries, proof.is_some())),
            dir,
            fork: proof.map(OnceLock::from).unwrap_or_default(),
            wish: Mutex::default(),
            bell: Condvar::new(),
            stopped: watch::Sender::new(false),
        })
    }

    /// What it serves.
    pub(super) fn reader(&self) -> Option<LedgerReader> {
        self.reader.load().as_deref().cloned()
    }

    /// Serves what the mirror holds now.
    ///
    /// # Errors
    /// The ledger's.
    pub(super) fn renew(&self) -> Result<(), Error> {
        self.reader.store(self.mirror.reader()?.map(Arc::new));
        Ok(())
    }

    /// Entries that it serves.
    pub(super) fn served(&self) -> u64 {
        self.reader.load().as_deref().map_or(0, LedgerReader::tree_size)
    }

    /// The proof that it signed two histories, once there is one: for good.
    pub(super) fn fork(&self) -> Option<&Equivocate> {
        self.fork.get()
    }

    /// Remembers such a proof, also for the next start.
    ///
    /// # Errors
    /// [`Error::File`]; then it is remembered until the end, and worth another try.
    pub(super) fn mark_forked(&self, proof: &Equivocate) -> Result<(), Error> {
        fork::save(&self.dir, self.fork.get_or_init(|| proof.clone()))
    }

    pub(super) fn view(&self) -> FollowView {
        self.seen().clone()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut FollowView)) {
        change(&mut self.seen());
    }

    /// Turns true when the thread is to end.
    pub(super) fn stopped(&self) -> watch::Receiver<bool> {
        self.stopped.subscribe()
    }

    pub(super) fn stop(&self) {
        self.stopped.send_replace(true);
        self.ring(|wish| wish.stop = true);
    }

    /// Goes on at another address.
    pub(super) fn relocate(&self, url: &str) {
        self.change(|view| url.clone_into(&mut view.url));
        self.ring(|_| {});
    }

    pub(super) fn look_again(&self) {
        self.ring(|wish| wish.look_again = true);
    }

    /// Waits until someone wants something, at most this long; `None`: the thread is to end. Otherwise whether the whole copy is
    /// to be looked through.
    pub(super) fn rest(&self, at_most: Duration) -> Option<bool> {
        let wish = self.wishes();
        let waited = self.bell.wait_timeout_while(wish, at_most, |wish| !wish.rung);
        let (mut wish, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let Wish { stop, look_again, .. } = std::mem::take(&mut *wish);
        // Who is told to end is told for good.
        wish.stop = stop;
        wish.rung = stop;
        (!stop).then_some(look_again)
    }

    fn ring(&self, tell: impl FnOnce(&mut Wish)) {
        let mut wish = self.wishes();
        tell(&mut wish);
        wish.rung = true;
        self.bell.notify_one();
    }

    fn wishes(&self) -> MutexGuard<'_, Wish> {
        self.wish.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> MutexGuard<'_, FollowView> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
