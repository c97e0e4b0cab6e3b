//! How long a vote waits for its answer at half the load that the ledger can take, and whether the checkpoint covers it.

use std::time::{Duration, Instant};

use ostrakon_ledger::{SignedRecord, Verified};
use ostrakon_router::{
    config::StoreSection,
    server::sequencer::{BatchLimits, Sequencer},
};
use ostrakon_tests::TestPeer;
use rayon::prelude::*;
use tokio::runtime::Runtime;

use super::{ingest::registrar, percentile};

/// How long votes keep coming, and for how long before that: in the first second no key is known yet.
const SECONDS: f64 = 4.0;
const WARM_UP_SECONDS: f64 = 1.0;
/// Authors, each with one vote under way at a time.
const AUTHORS: usize = 1024;

/// What callers saw.
pub(crate) struct Latency {
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    /// Of the first second, which the others leave out.
    pub(crate) cold_p99: Duration,
    /// Answers that came before a checkpoint covered their record.
    pub(crate) uncovered: usize,
}

/// Votes arrive at `per_second`, whatever became of the ones before; each is parsed, verified and sequenced as the
/// endpoint does it. Measured from when it should have arrived to its answer. The authors' keys are new in each round.
pub(crate) fn at(per_second: f64, round: usize) -> Latency {
    let dir = tempfile::TempDir::new().unwrap();
    let author = |n| TestPeer::new(&format!("p{n}.load{round}.example"));
    let mut peers: Vec<_> = (0..AUTHORS).map(author).collect();
    let registrar = registrar(dir.path(), &peers);
    let reader = registrar.ledger().reader();
    let each = (per_second * (WARM_UP_SECONDS + SECONDS) / AUTHORS as f64).ceil() as usize;
    let said = |peer: &mut TestPeer| -> Vec<Vec<u8>> {
        (0..each).map(|n| peer.vote(&format!("peer:s{n}.example"), -50).to_envelope()).collect()
    };
    let sequences: Vec<_> = peers.par_iter_mut().map(said).collect();
    let limits =
        BatchLimits { pool_max: 65_536, batch_max: 1024, batch_window: StoreSection::default().batch_window.as_std() };
    let (sequencer, thread) = Sequencer::start(registrar, limits, || {}).unwrap();
    let mut answers = Runtime::new().unwrap().block_on(async {
        let start = Instant::now();
        let mut tasks = Vec::with_capacity(AUTHORS);
        for (author, envelopes) in sequences.into_iter().enumerate() {
            let (sequencer, reader) = (sequencer.clone(), reader.clone());
            tasks.push(tokio::spawn(async move {
                let mut answers = Vec::with_capacity(envelopes.len());
                for (nth, envelope) in envelopes.iter().enumerate() {
                    let due = start + Duration::from_secs_f64((nth * AUTHORS + author) as f64 / per_second);
                    tokio::time::sleep_until(due.into()).await;
                    let record = Verified::check(SignedRecord::parse_envelope(envelope).unwrap()).unwrap();
                    let appended = sequencer.submit(record).await.unwrap();
                    answers.push(Answer {
                        due: due - start,
                        latency: due.elapsed(),
                        covered: appended.index < reader.tree_size(),
                    });
                }
                answers
            }));
        }
        let mut answers = Vec::new();
        for task in tasks {
            answers.extend(task.await.unwrap());
        }
        answers
    });
    drop(sequencer);
    thread.join().unwrap();
    answers.sort_by_key(|answer| answer.latency);
    let (cold, warm): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.due.as_secs_f64() < WARM_UP_SECONDS);
    let latencies = |answers: Vec<&Answer>| -> Vec<_> { answers.into_iter().map(|answer| answer.latency).collect() };
    let (cold, warm) = (latencies(cold), latencies(warm));
    Latency {
        p50: percentile(&warm, 50),
        p99: percentile(&warm, 99),
        cold_p99: percentile(&cold, 99),
        uncovered: answers.iter().filter(|answer| !answer.covered).count(),
    }
}

/// What became of one vote.
struct Answer {
    /// When it should have arrived, after the start.
    due: Duration,
    latency: Duration,
    covered: bool,
}
