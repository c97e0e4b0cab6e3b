//! How much is fetched at once, from one log and from all.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

/// Most bytes of files that one log is asked for together: more than the largest file, a bundle of 256 entries of 17 kB, has.
pub(super) const FILES_BYTES_MAX: usize = 6 << 20;
/// Bytes that a log may send without asking the others: what 2,048 usual entries take.
const FREE_BYTES: usize = 2 << 20;
/// Logs that may send more than that at a time. With 64 followed peers that is 64 × 2 + 8 × 4 = 160 MiB at most.
const LARGE_AT_ONCE: usize = 8;

/// What logs that are fetched beside each other share. A clone is the same budget.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Semaphore>);

impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LARGE_AT_ONCE)))
    }
}

/// What the files of one request may take together.
#[derive(Debug)]
pub(super) struct Allowance {
    budget: Budget,
    used_bytes: AtomicUsize,
    /// The leave to go beyond [`FREE_BYTES`].
    large: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Allowance {
    pub(super) fn new(budget: Budget) -> Self {
        Self { budget, used_bytes: AtomicUsize::new(0), large: Mutex::default() }
    }

    /// Takes so many bytes more; waits while too many others are beyond their free bytes. `None`: it is too much.
    pub(super) async fn take(&self, len_bytes: usize) -> Option<()> {
        let used_bytes = self.used_bytes.fetch_add(len_bytes, Ordering::Relaxed) + len_bytes;
        if used_bytes > FILES_BYTES_MAX {
            return None;
        }
        if used_bytes > FREE_BYTES {
            let mut large = self.large.lock().await;
            if large.is_none() {
                *large = Some(self.budget.0.clone().acquire_owned().await.ok()?);
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// What `take` says at once; `None` if it waits.
    fn at_once(allowance: &Allowance, len_bytes: usize) -> Option<bool> {
        let mut take = std::pin::pin!(allowance.take(len_bytes));
        match take.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(taken) => Some(taken.is_some()),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_few_logs_may_send_much_and_the_others_wait_for_them() {
        let budget = Budget::default();
        let allowances: Vec<_> = (0..64).map(|_| Allowance::new(budget.clone())).collect();
        assert!(allowances.iter().all(|it| at_once(it, FREE_BYTES) == Some(true)), "the usual needs no leave");
        let beyond: Vec<_> = allowances.iter().map(|it| at_once(it, 1)).collect();
        assert!(beyond[..LARGE_AT_ONCE].iter().all(|taken| *taken == Some(true)));
        assert!(beyond[LARGE_AT_ONCE..].iter().all(Option::is_none));
        assert_eq!(at_once(&allowances[0], FILES_BYTES_MAX - FREE_BYTES - 1), Some(true));
        assert_eq!(at_once(&allowances[0], 1), Some(false), "one log has a bound of its own");
        let mut allowances = allowances;
        allowances.remove(0);
        assert_eq!(at_once(&allowances[LARGE_AT_ONCE], 1), Some(true), "what is released goes to the next");
    }
}
