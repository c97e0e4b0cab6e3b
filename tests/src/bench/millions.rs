//! A node with millions of decisions on record beside an empty one: what a check costs there, and how soon after a start
//! it has a durable answer.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use ostrakon_ledger::Store;
use ostrakon_policies::{DEFAULT_POLICY, Judge, Policy};
use ostrakon_reputation::{Book, Experience, Parameters, Viewpoint};
use ostrakon_router::{
    flow::{
        gate::Gate,
        journal::{Bounds, Command, Journal},
    },
    message::{Inquiry, Limits},
    server::{follower::Scores, home::Home},
};
use ostrakon_tests::{TestNode, peer::now_ms};
use rayon::prelude::*;
use serde_json::json;
use tokio::runtime::Runtime;

use super::{decisions::question, http, middle};

const YEAR_MS: u64 = 365 * 86_400_000;
/// Decisions in one commit.
const BATCH: u64 = 8_192;
/// How long ago the first of the decisions was made: within the default retention.
const SPREAD_MS: u64 = 29 * 86_400_000;
/// Pairs of rounds, each of [`http::REQUESTS`] checks of the full node beside as many of the empty one.
const ROUNDS: usize = 5;
/// Where the numbers of messages begin that the load asks about.
const ASKED_FROM: usize = 1 << 40;
/// Restarts whose middle is shown.
const STARTS: usize = 3;
/// Decisions that retention drops while it is measured.
const DROPPED: u32 = 50_000;

/// What was measured.
pub(crate) struct Millions {
    /// Checks per second with the decisions on record, against an empty node's.
    pub(crate) throughput: f64,
    /// Processor time of the node per check, against an empty node's.
    pub(crate) processor: f64,
    /// Of both nodes: full, empty.
    pub(crate) processor_each: [Duration; 2],
    /// Bytes that the full node read through system calls, per check.
    pub(crate) read_bytes: f64,
    /// What retention takes for a decision.
    pub(crate) retention: Duration,
    /// From the start of the process to the first durable answer, with the decisions on record.
    pub(crate) first_answer: Duration,
}

/// The journal of a node that is not served, and how long it keeps decisions.
fn journal(node: &TestNode, decisions_ms: u64) -> Journal {
    let store: Arc<dyn Store> = Home::at(node.home()).open_messages().unwrap();
    let bounds = Bounds { queue_max: 1, holds_max: 1, decisions_ms, reports_ms: YEAR_MS, dead_ms: YEAR_MS };
    Journal::open(store, bounds, Experience::new(Parameters::default(), BTreeSet::new())).unwrap()
}

/// Gives `node`, which must not be served, this many decisions as its journal writes them.
pub(crate) fn fill(node: &TestNode, decisions: u64) {
    let secrets = Home::at(node.home()).secrets().unwrap();
    let mut journal = journal(node, YEAR_MS);
    let book = Book::new(Parameters::default(), Viewpoint { name: "bench".into(), seeds: [].into() });
    let judge = Judge::new(Policy::parse("default.toml", DEFAULT_POLICY).unwrap(), None);
    let gate = Gate::new(&secrets, judge, Arc::new(Scores::of(book.snapshot())), journal.published());
    let limits = Limits::default();
    let from_ms = now_ms() - SPREAD_MS;
    for first in (0..decisions).step_by(BATCH as usize) {
        let numbers = first..decisions.min(first + BATCH);
        let decide = |n: u64| {
            let inquiry = Inquiry::parse(&question(n as usize), &limits).unwrap();
            let at_ms = from_ms + (u128::from(n) * u128::from(SPREAD_MS) / u128::from(decisions)) as u64;
            Command::decide(Arc::new(gate.judge(&inquiry, at_ms)), None).unwrap()
        };
        let commands: Vec<_> = numbers.into_par_iter().map(decide).collect();
        assert!(journal.handle(commands).unwrap().into_iter().all(|outcome| outcome.is_ok()));
    }
}

/// Measures a node with this many decisions beside an empty one.
pub(crate) fn measure(decisions: u64) -> Millions {
    let mut full = TestNode::new();
    full.write("policy.toml", DEFAULT_POLICY);
    fill(&full, decisions);
    measured(&mut full)
}

/// Measures `full`, which is not served, beside an empty node.
pub(crate) fn measured(full: &mut TestNode) -> Millions {
    let empty = TestNode::serving(DEFAULT_POLICY, "");
    let mut starts: Vec<_> = (0..STARTS).map(|_| first_answer(full)).collect();
    starts.sort();
    full.serve();
    let runtime = Runtime::new().unwrap();
    let of = |node: &TestNode, round: usize| {
        let (processor, read) = (node.processor_time(), node.read_bytes());
        let address = node.local().trim_start_matches("http://").to_owned();
        let load = runtime.block_on(http::load(&address, ASKED_FROM + round * http::REQUESTS));
        let checks = http::REQUESTS as f64;
        let spent = (node.processor_time() - processor).as_secs_f64() / checks;
        (load.per_second, spent, (node.read_bytes() - read) as f64 / checks)
    };
    let (mut throughput, mut processor, mut each, mut read) =
        (Vec::new(), Vec::new(), [Vec::new(), Vec::new()], Vec::new());
    for round in 0..=ROUNDS {
        let (nothing, much) = (of(&empty, round), of(full, round));
        // The first round warms up.
        if round > 0 {
            throughput.push(much.0 / nothing.0);
            processor.push(much.1 / nothing.1);
            each[0].push(much.1);
            each[1].push(nothing.1);
            read.push(much.2);
        }
    }
    assert!(full.terminate().success());
    let retention = retention(full);
    Millions {
        retention,
        throughput: middle(throughput),
        processor: middle(processor),
        processor_each: each.map(|each| Duration::from_secs_f64(middle(each))),
        read_bytes: middle(read),
        first_answer: starts[STARTS / 2],
    }
}

/// The time that a dropped decision takes when all are past their time.
fn retention(node: &TestNode) -> Duration {
    let (mut journal, mut dropped, now_ms) = (journal(node, 0), 0, now_ms());
    let start = Instant::now();
    while dropped < DROPPED {
        journal.expire(now_ms).unwrap();
        dropped += 256;
    }
    start.elapsed() / dropped
}

/// Kills the node that `node` is, if it is served; starts it and asks until an answer is on record.
fn first_answer(node: &mut TestNode) -> Duration {
    let start = Instant::now();
    node.start(node.serve_command());
    let body = json!({ "id": format!("first-{}", now_ms()), "peer": "p1.example", "sender": "u1@p1.example",
        "recipients": ["user@node.example"], "kind": "mail", "size": 1 });
    while node.post("/v1/check", &body).body.get("degraded").is_some() {
        std::thread::sleep(super::growth::LOOK);
    }
    let elapsed = start.elapsed();
    node.kill();
    elapsed
}
