//! What every vote costs at least: one strict verification.

use ostrakon_ledger::{SignedRecord, Verified};
use rayon::prelude::*;

use super::{ingest::envelopes, median, rate};

const COUNT: usize = 20_000;

fn records() -> Vec<SignedRecord> {
    envelopes(COUNT).iter().map(|envelope| SignedRecord::parse_envelope(envelope).unwrap()).collect()
}

/// Verifications per second on one core.
pub(crate) fn per_core() -> f64 {
    let records = records();
    median(|| {
        let records = records.clone();
        rate(COUNT, || {
            for record in records {
                std::hint::black_box(Verified::check(record).unwrap());
            }
        })
    })
}

/// Verifications per second on all cores.
pub(crate) fn all_cores() -> f64 {
    let records = records();
    median(|| {
        let records = records.clone();
        rate(COUNT, || {
            records.into_par_iter().for_each(|record| {
                std::hint::black_box(Verified::check(record).unwrap());
            });
        })
    })
}
