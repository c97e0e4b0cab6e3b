//! What it takes to follow a long ledger: how fast a copy catches up, its size on disk, and what checks notice meanwhile.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use http_body_util::{BodyExt, Full};
use hyper::{Request, body::Bytes};
use ostrakon_tests::{TestNode, TestPeer};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{
    decisions::question,
    growth::{AUTHORS, LOOK, grown},
    http::connect,
    percentile, print,
};

const FOLLOWED: &str = "node.example";
/// Checks per second, as on a busy server; each connection asks in turn.
const CHECKS_PER_SECOND: f64 = 200.0;
const CONNECTIONS: usize = 16;
/// How long an idle node is asked.
const IDLE: Duration = Duration::from_secs(5);

/// The lines of `bench mirror`, about a ledger of that many entries.
pub(crate) fn lines(entries: u64) {
    let mut followed = grown(entries);
    let on_disk = bytes_in(&followed.home().join("ledger"));
    followed.serve();
    let entries = followed.tree_size();
    let rate = |time: Duration| format!("{:.0}/s ({entries} in {time:.1?})", entries as f64 / time.as_secs_f64());

    let mut mirror = mirror_of(&followed);
    let start = Instant::now();
    mirror.run(&["peer", "follow", FOLLOWED, followed.public()]);
    while !is_current(&mirror.get("/v1/peers/node.example").body, entries) {
        std::thread::sleep(LOOK);
    }
    print("a copy catches up with a ledger, entries", &rate(start.elapsed()), None);
    mirror.terminate();
    let copy = bytes_in(&mirror.home().join("mirrors"));
    let figure = |bytes: u64| format!("{:.2} GB a million entries", bytes as f64 * 1e-3 / entries as f64);
    print("the ledger on disk", &figure(on_disk), None);
    print("the copy on disk", &figure(copy), None);

    let mirror = mirror_of(&followed);
    for n in 0..AUTHORS {
        TestPeer::admitted(&mirror, &format!("p{n}.example"));
    }
    let local = mirror.local().trim_start_matches("http://").to_owned();
    let runtime = Runtime::new().unwrap();
    let idle = runtime.block_on(async {
        let start = Instant::now();
        checks(&local, 0, async || start.elapsed() >= IDLE).await
    });
    print("POST /v1/check at 200/s on an idle node", &idle.to_string(), None);
    mirror.run(&["peer", "follow", FOLLOWED, followed.public()]);
    let start = Instant::now();
    let busy = runtime.block_on(checks(&local, 1_000_000, async || {
        let view = mirror.get("/v1/peers/node.example").body;
        is_current(&view, entries)
    }));
    print("POST /v1/check at 200/s while it catches up, all records entering its own ledger", &busy.to_string(), None);
    print("catching up meanwhile, entries copied and records taken in", &rate(start.elapsed()), None);
}

/// A node that may follow the ledger, served.
fn mirror_of(followed: &TestNode) -> TestNode {
    let mut mirror = TestNode::named("mirror.example");
    mirror.serve();
    let vkey = followed.public_get("/.well-known/ostrakon").body["ledger"]["vkey"].as_str().unwrap().to_owned();
    mirror.run(&["peer", "admit", FOLLOWED, &vkey]);
    mirror
}

fn is_current(peer: &Value, entries: u64) -> bool {
    peer["follows"]["state"] == "current" && peer["follows"]["entries"] == json!(entries)
}

fn bytes_in(dir: &Path) -> u64 {
    let size = |entry: std::fs::DirEntry| match entry.metadata().unwrap() {
        folder if folder.is_dir() => bytes_in(&entry.path()),
        file => file.len(),
    };
    std::fs::read_dir(dir).unwrap().map(|entry| size(entry.unwrap())).sum()
}

/// What callers saw.
struct Latency {
    count: usize,
    p50: Duration,
    p99: Duration,
    max: Duration,
}

impl std::fmt::Display for Latency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "p50 {:.1?}, p99 {:.1?}, max {:.0?} of {}", self.p50, self.p99, self.max, self.count)
    }
}

/// Asks at a steady rate until `done`, whatever became of the questions before: measured from when each should have been asked.
async fn checks(address: &str, first: usize, done: impl AsyncFn() -> bool) -> Latency {
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let start = tokio::time::Instant::now();
    let ask = |connection: usize| {
        let (address, stopped) = (address.to_owned(), stopped.clone());
        async move {
            let mut sender = connect(&address).await;
            let mut latencies = Vec::new();
            for number in (connection..).step_by(CONNECTIONS) {
                let due = start + Duration::from_secs_f64(number as f64 / CHECKS_PER_SECOND);
                tokio::time::sleep_until(due).await;
                if *stopped.borrow() {
                    break;
                }
                let request = Request::post("/v1/check")
                    .header("host", &address)
                    .header("content-type", "application/json")
                    .body(Full::new(Bytes::from(question(first + number))));
                let response = sender.send_request(request.unwrap()).await.unwrap();
                assert!(response.status().is_success());
                response.into_body().collect().await.unwrap();
                latencies.push(due.elapsed());
            }
            latencies
        }
    };
    let tasks: Vec<_> = (0..CONNECTIONS).map(|connection| tokio::spawn(ask(connection))).collect();
    while !done().await {
        tokio::time::sleep(LOOK).await;
    }
    stop.send_replace(true);
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.unwrap());
    }
    latencies.sort_unstable();
    let count = latencies.len();
    let (p50, p99) = (percentile(&latencies, 50), percentile(&latencies, 99));
    Latency { count, p50, p99, max: latencies[count - 1] }
}
