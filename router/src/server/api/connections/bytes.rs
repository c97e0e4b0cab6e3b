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
    sync::{OwnedSemaphorePermit, Semaphore},
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
pub(in crate::server::api) struct Bytes {
    strangers: Arc<Semaphore>,
    known: Arc<Semaphore>,
    bounds: ByteBounds,
    phase: Phase,
}

/// A part of them, given back when it is dropped.
pub(in crate::server::api) struct Held {
    _permit: OwnedSemaphorePermit,
    held: Arc<AtomicU64>,
    bytes: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Relaxed);
    }
}

impl Bytes {
    pub(super) fn new(bounds: ByteBounds, phase: Phase) -> Self {
        let pool = |bytes: usize| Arc::new(Semaphore::new(bytes / UNIT_BYTES));
        Self { strangers: pool(bounds.strangers), known: pool(bounds.known), bounds, phase }
    }

    /// Takes `bytes` for `link`, waiting a second for others at most; `None`: there is no room.
    pub(in crate::server::api) async fn take(&self, link: &Arc<Link>, bytes: usize) -> Option<Held> {
        let is_known = link.known.load(Relaxed);
        let (pool, most) =
            if is_known { (&self.known, self.bounds.known) } else { (&self.strangers, self.bounds.strangers) };
        // What is larger than all there is goes alone.
        let bytes = bytes.min(most);
        if !is_known && link.connections.held_by(link.address) + bytes as u64 > most as u64 / ADDRESS_SHARE {
            return None;
        }
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).ok()?;
        let permit = match pool.clone().try_acquire_many_owned(units) {
            Ok(permit) => permit,
            Err(_) => {
                link.connections.make_room_for_bytes(link, self.phase, SLOW_MS);
                timeout(WAIT, pool.clone().acquire_many_owned(units)).await.ok()?.ok()?
            }
        };
        link.held.fetch_add(bytes as u64, Relaxed);
        Some(Held { _permit: permit, held: link.held.clone(), bytes: bytes as u64 })
    }
}
