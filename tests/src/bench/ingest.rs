//! The vote flow in process: envelope bytes in, synced ledger entries out.

use std::{
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, sync_channel},
    },
};

use ostrakon_ledger::{
    BATCH_RECORDS_MAX, FileState, Ledger, PeerName, RocksStore, SecretKey, SignedRecord, TABLES, Verified,
};
use ostrakon_router::flow::registrar::Registrar;
use ostrakon_tests::TestPeer;
use rayon::prelude::*;

use super::rate;

const COUNT: usize = 60_000;
const AUTHORS: usize = 64;
/// Chunks under verification or waiting for the sequencer.
const AHEAD: usize = 8;

/// The authors of one round: their keys are new to this process.
fn peers(round: usize) -> Vec<TestPeer> {
    (0..AUTHORS).map(|n| TestPeer::new(&format!("p{n}.round{round}.example"))).collect()
}

/// Envelopes of votes of several authors in turn, each author's in sequence.
pub(crate) fn envelopes(round: usize, count: usize) -> Vec<Vec<u8>> {
    let each = count.div_ceil(AUTHORS);
    let sequences: Vec<Vec<Vec<u8>>> = peers(round)
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

/// Votes per second from bytes to a synced entry under a signed checkpoint: each core parses and verifies chunks of its
/// own while the sequencer writes the ones before, in order.
pub(crate) fn votes_per_second(round: usize) -> f64 {
    let dir = tempfile::TempDir::new().unwrap();
    let mut registrar = registrar(dir.path(), &peers(round));
    let envelopes = envelopes(round, COUNT);
    rate(COUNT, || {
        let (chunks, in_order) = sync_channel::<Receiver<Vec<Verified<SignedRecord>>>>(AHEAD);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for batch in in_order {
                    let outcomes = registrar.submit(batch.recv().unwrap(), 2).unwrap();
                    assert!(outcomes.into_iter().all(|outcome| outcome.unwrap().new));
                }
            });
            rayon::in_place_scope(|cores| {
                for chunk in envelopes.chunks(BATCH_RECORDS_MAX) {
                    let (verified, batch) = sync_channel(1);
                    chunks.send(batch).unwrap();
                    cores.spawn(move |_| verified.send(chunk.iter().map(|it| check(it)).collect()).unwrap());
                }
            });
            drop(chunks);
        });
    })
}

fn check(envelope: &[u8]) -> Verified<SignedRecord> {
    Verified::check(SignedRecord::parse_envelope(envelope).unwrap()).unwrap()
}
