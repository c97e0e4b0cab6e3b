//! The bytes that are held for the connections of a listener, all together: of bodies that are not there yet or not answered,
//! and of answers that are not taken yet.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{Link, link::Phase};

/// What is counted by.
const UNIT_BYTES: usize = 1 << 10;
/// How long one waits for others to make room.
const WAIT: Duration = Duration::from_secs(1);
/// Who is at it for longer than this makes room if there is none.
const SLOW_MS: u64 = 2_000;
/// The share of one address in what strangers may have, one in so many.
const ADDRESS_SHARE: u64 = 4;

/// Bounds of what is held, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct ByteBounds {
    pub(super) strangers: usize,
    pub(super) known: usize,
}

/// Bytes that may be held for one purpose.
pub(in crate::server::api) struct ByteBudget {
    strangers: Arc<Semaphore>,
    known: Arc<Semaphore>,
    bounds: ByteBounds,
    phase: Phase,
    given_back: Arc<Notify>,
}

/// A part of them, given back when it is dropped.
pub(in crate::server::api) struct Held {
    permit: Option<OwnedSemaphorePermit>,
    link: Arc<AtomicU64>,
    bytes: u64,
    given_back: Arc<Notify>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.link.fetch_sub(self.bytes, Relaxed);
        self.given_back.notify_waiters();
    }
}

impl ByteBudget {
    pub(super) fn new(bounds: ByteBounds, phase: Phase) -> Self {
        let pool = |bytes: usize| Arc::new(Semaphore::new(bytes / UNIT_BYTES));
        Self { strangers: pool(bounds.strangers), known: pool(bounds.known), bounds, phase, given_back: Arc::default() }
    }

    /// Takes `bytes` for `link`, waiting a second for others at most; `None`: there is no room.
    pub(in crate::server::api) async fn take(&self, link: &Arc<Link>, bytes: usize) -> Option<Held> {
        let is_known = link.known.load(Relaxed);
        let (pool, most) =
            if is_known { (&self.known, self.bounds.known) } else { (&self.strangers, self.bounds.strangers) };
        // What is larger than all there is goes alone.
        let bytes = bytes.min(most);
        let share = if is_known { u64::MAX } else { most as u64 / ADDRESS_SHARE };
        let mut held = match self.of_address(link, bytes as u64, share) {
            Some(held) => held,
            None => timeout(WAIT, self.wait_for_address(link, bytes as u64, share)).await.ok()?,
        };
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).ok()?;
        let permit = match pool.clone().try_acquire_many_owned(units) {
            Ok(permit) => permit,
            Err(_) => {
                link.connections.make_room_for_bytes(link, self.phase, SLOW_MS);
                timeout(WAIT, pool.clone().acquire_many_owned(units)).await.ok()?.ok()?
            }
        };
        held.permit = Some(permit);
        Some(held)
    }

    /// Counts `bytes` in what the address of `link` holds, if that leaves it within `share`, or if it holds nothing else: what
    /// is larger than a share goes alone, too.
    fn of_address(&self, link: &Arc<Link>, bytes: u64, share: u64) -> Option<Held> {
        let is_counted = link.connections.hold(link, bytes, share);
        let given_back = self.given_back.clone();
        is_counted.then(|| Held { permit: None, link: link.held.clone(), bytes, given_back })
    }

    async fn wait_for_address(&self, link: &Arc<Link>, bytes: u64, share: u64) -> Held {
        loop {
            let mut given_back = std::pin::pin!(self.given_back.notified());
            given_back.as_mut().enable();
            if let Some(held) = self.of_address(link, bytes, share) {
                return held;
            }
            given_back.await;
        }
    }
}
