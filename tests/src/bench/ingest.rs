//! The vote flow in process: envelope bytes in, synced ledger entries out.

use std::{
    path::Path,
    sync::{Arc, mpsc::sync_channel},
};

use ostrakon_ledger::{
    BATCH_RECORDS_MAX, FileState, Ledger, PeerName, RocksStore, SecretKey, SignedRecord, TABLES, Verified,
};
use ostrakon_router::registrar::Registrar;
use ostrakon_tests::TestPeer;
use rayon::prelude::*;

use super::rate;

const COUNT: usize = 60_000;
const AUTHORS: usize = 64;
/// Chunks verified ahead of the sequencer.
const AHEAD: usize = 4;

fn peers() -> Vec<TestPeer> {
    (0..AUTHORS).map(|n| TestPeer::new(&format!("p{n}.example"))).collect()
}

/// Envelopes of votes of several authors in turn, each author's in sequence.
pub(crate) fn envelopes(count: usize) -> Vec<Vec<u8>> {
    let each = count.div_ceil(AUTHORS);
    let sequences: Vec<Vec<Vec<u8>>> = peers()
        .into_par_iter()
        .map(|mut peer| (0..each).map(|n| peer.vote(&format!("peer:s{n}.example"), -50).to_envelope()).collect())
        .collect();
    (0..count).map(|n| sequences[n % AUTHORS][n / AUTHORS].clone()).collect()
}

/// A new ledger in `dir` that has admitted `peers`.
pub(crate) fn registrar(dir: &Path, peers: &[TestPeer]) -> Registrar {
    let store = Arc::new(RocksStore::open(dir.join("ledger"), TABLES).unwrap());
    let state = Box::new(FileState::new(dir.join("signed-state")));
    let owner = PeerName::parse("node.example").unwrap();
    let key = SecretKey::from_seed([7; 32]);
    let ledger = Ledger::create(store, state, &owner, "ostrakon", key.clone(), 1).unwrap();
    let mut registrar = Registrar::new(ledger, "ostrakon".into(), owner, key);
    for peer in peers {
        registrar.admit(peer.name.clone(), peer.key.public(), 1).unwrap();
    }
    registrar
}

/// Votes per second from bytes to a synced entry under a signed checkpoint: chunks are parsed and verified on all cores
/// while the sequencer writes the ones before.
pub(crate) fn votes_per_second() -> f64 {
    let dir = tempfile::TempDir::new().unwrap();
    let mut registrar = registrar(dir.path(), &peers());
    let envelopes = envelopes(COUNT);
    rate(COUNT, || {
        let (verified, sequenced) = sync_channel::<Vec<Verified<SignedRecord>>>(AHEAD);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for batch in sequenced {
                    let outcomes = registrar.submit(batch, 2).unwrap();
                    assert!(outcomes.into_iter().all(|outcome| outcome.unwrap().new));
                }
            });
            for chunk in envelopes.chunks(BATCH_RECORDS_MAX) {
                let check =
                    |envelope: &Vec<u8>| Verified::check(SignedRecord::parse_envelope(envelope).unwrap()).unwrap();
                verified.send(chunk.par_iter().map(check).collect()).unwrap();
            }
            drop(verified);
        });
    })
}
