//! What every vote costs at least: one strict verification.

use ed25519_dalek::{Signature, VerifyingKey};
use ostrakon_ledger::{SignedRecord, dsse::pre_authentication_encoding};
use rayon::prelude::*;

use super::{ingest::envelopes, median, rate};

const COUNT: usize = 20_000;

/// What is checked: the library's own function, not the ledger's, which is faster for keys that sign often.
struct Check {
    key: VerifyingKey,
    message: Vec<u8>,
    signature: Signature,
}

impl Check {
    fn of(envelope: &[u8]) -> Self {
        let signed = SignedRecord::parse_envelope(envelope).unwrap();
        Self {
            key: VerifyingKey::from_bytes(signed.record().header.key.as_bytes()).unwrap(),
            message: pre_authentication_encoding(signed.kind().payload_type(), signed.payload()),
            signature: Signature::from_bytes(&signed.signature().0),
        }
    }

    fn run(&self) {
        self.key.verify_strict(&self.message, &self.signature).unwrap();
    }
}

fn checks() -> Vec<Check> {
    envelopes(0, COUNT).iter().map(|envelope| Check::of(envelope)).collect()
}

/// Returns what measures verifications per second on one core, once per call.
pub(crate) fn per_core() -> impl Fn() -> f64 {
    let checks = checks();
    move || rate(COUNT, || checks.iter().for_each(Check::run))
}

/// Verifications per second on all cores.
pub(crate) fn all_cores() -> f64 {
    let checks = checks();
    median(|| rate(COUNT, || checks.par_iter().for_each(Check::run)))
}
