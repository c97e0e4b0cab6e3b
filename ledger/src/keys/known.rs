//! Keys that were met lately: screened once, and with their multiples once they have signed often.
//!
//! Both are pure functions of a key's 32 bytes: to remember them saves time and changes no answer.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use ed25519_dalek::VerifyingKey;
use quick_cache::sync::Cache;

use super::Signature;
use super::multiples::Multiples;

/// Screened keys that are remembered, about 5 MB. Screening costs as much as a signature check, and a record by a known
/// author must not pay for it again.
const SCREENED_MAX: usize = 1 << 14;
/// Keys whose multiples are remembered, 41 kB each.
const MULTIPLES_MAX: usize = 1024;
/// Good signatures of a key before its multiples are computed. They take as long as three checks and save a third of each
/// from then on; when more keys than there is room for sign in turn, checks take a tenth longer than without.
const CHECKS_BEFORE_MULTIPLES: u32 = 16;
/// Up to how many more it takes, by the key's first byte: so that of keys that sign in step not all are due at once.
const CHECKS_MORE: u32 = 32;

static SCREENED: LazyLock<Cache<[u8; 32], Arc<Screened>>> = LazyLock::new(|| Cache::new(SCREENED_MAX));
static MULTIPLES: LazyLock<Cache<[u8; 32], Arc<Multiples>>> = LazyLock::new(|| Cache::new(MULTIPLES_MAX));

/// A key that may be used, and how often it has signed since its multiples were last computed.
struct Screened {
    key: VerifyingKey,
    checks: AtomicU32,
}

impl Screened {
    fn new(key: VerifyingKey) -> Arc<Self> {
        Arc::new(Self { key, checks: AtomicU32::new(0) })
    }

    /// Whether it is time for the multiples.
    fn count(&self) -> bool {
        let due = CHECKS_BEFORE_MULTIPLES + u32::from(self.key.as_bytes()[0]) % CHECKS_MORE;
        let is_due = self.checks.fetch_add(1, Ordering::Relaxed) + 1 == due;
        if is_due {
            self.checks.store(0, Ordering::Relaxed);
        }
        is_due
    }
}

/// The key of 32 bytes, or why they are none that may be used.
pub(super) fn screened(bytes: &[u8; 32]) -> Result<VerifyingKey, &'static str> {
    SCREENED.get_or_insert_with(bytes, || screen(bytes).map(Screened::new)).map(|known| known.key)
}

/// Whether the signature is that of a key that may be used.
pub(super) fn verifies(key: &VerifyingKey, message: &[u8], signature: &Signature) -> bool {
    let bytes = key.as_bytes();
    if let Some(multiples) = MULTIPLES.get(bytes) {
        return multiples.verifies(message, signature);
    }
    let good = key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(&signature.0)).is_ok();
    if good {
        let Ok(known) = SCREENED.get_or_insert_with(bytes, || Ok::<_, Infallible>(Screened::new(*key)));
        if known.count() {
            MULTIPLES.insert(*bytes, Arc::new(Multiples::of(key)));
        }
    }
    good
}

fn screen(bytes: &[u8; 32]) -> Result<VerifyingKey, &'static str> {
    let key = VerifyingKey::from_bytes(bytes).map_err(|_| "is not a point of the curve")?;
    let point = key.to_edwards();
    if point.compress().as_bytes() != bytes {
        return Err("is not canonically encoded");
    }
    if key.is_weak() {
        return Err("is of small order");
    }
    if !point.is_torsion_free() {
        return Err("has a torsion component");
    }
    Ok(key)
}
