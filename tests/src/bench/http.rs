//! `POST /v1/check` of a served node against a bare warp JSON echo, one after the other, with the same load.

use std::{
    error::Error,
    fmt,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request,
    body::{Body, Bytes},
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use ostrakon_tests::TestNode;
use tokio::{net::TcpStream, runtime::Runtime};
use warp::Filter;

use super::{decisions::question, percentile};

/// Connections that ask at once, three quarters of what a listener holds: those that wait share a sync of the disk.
const CONNECTIONS: usize = 768;
/// Requests of one round: a second's work or two.
pub(crate) const REQUESTS: usize = 48_000;
/// Pairs of rounds. On a shared machine the speed changes from one second to the next, so each round is compared with
/// the one beside it.
const ROUNDS: usize = 7;

/// What one server did.
pub(crate) struct Load {
    pub(crate) per_second: f64,
    p50: Duration,
    p99: Duration,
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}/s, p50 {:.2?}, p99 {:.2?}", self.per_second, self.p50, self.p99)
    }
}

/// Serves an echo until it is killed, as its own process so that both servers are measured alike.
pub(crate) fn echo() {
    Runtime::new().unwrap().block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        let echo = warp::path!("v1" / "check")
            .and(warp::post())
            .and(warp::body::json())
            .map(|body: serde_json::Value| warp::reply::json(&body));
        warp::serve(echo).incoming(listener).run().await;
    });
}

/// Both loads taken in turn: the median round of each, and the median of the pairs' ratios.
pub(crate) struct Compared {
    pub(crate) checks: Load,
    pub(crate) echoes: Load,
    pub(crate) ratio: f64,
}

/// Runs both.
pub(crate) fn checks_and_echoes() -> Compared {
    let node = TestNode::serving(ostrakon_policies::DEFAULT_POLICY, "");
    let (mut child, echo) = start_bare("echo");
    let runtime = Runtime::new().unwrap();
    let local = node.local().trim_start_matches("http://").to_owned();
    let (mut checks, mut echoes, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let first = round * REQUESTS;
        let echoed = runtime.block_on(load(&echo, first));
        let checked = runtime.block_on(load(&local, first));
        // The first round warms up.
        if round > 0 {
            ratios.push(checked.per_second / echoed.per_second);
            echoes.push(echoed);
            checks.push(checked);
        }
    }
    let _ = child.kill();
    let _ = child.wait();
    ratios.sort_by(f64::total_cmp);
    Compared { checks: middle(checks), echoes: middle(echoes), ratio: ratios[ROUNDS / 2] }
}

fn middle(mut loads: Vec<Load>) -> Load {
    loads.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
    loads.swap_remove(ROUNDS / 2)
}

/// This program again, as the bare server `what`, and its address.
pub(crate) fn start_bare(what: &str) -> (Child, String) {
    let mut child = Command::new(std::env::current_exe().unwrap()).arg(what).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, line.trim().to_owned())
}

/// Asks `REQUESTS` different questions over `CONNECTIONS` connections, each waiting for its answer before it asks the
/// next. All are open before the clock starts, and all are busy until the last question is taken.
pub(crate) async fn load(address: &str, first: usize) -> Load {
    let mut connections = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        connections.push(connect(address).await);
    }
    let next = Arc::new(AtomicUsize::new(first));
    let start = Instant::now();
    let tasks: Vec<_> = connections
        .into_iter()
        .map(|sender| tokio::spawn(ask(sender, address.to_owned(), next.clone(), first + REQUESTS)))
        .collect();
    let mut latencies = Vec::with_capacity(REQUESTS);
    for task in tasks {
        latencies.extend(task.await.unwrap());
    }
    let elapsed = start.elapsed().as_secs_f64();
    latencies.sort_unstable();
    Load {
        per_second: f64::from(u32::try_from(latencies.len()).unwrap()) / elapsed,
        p50: percentile(&latencies, 50),
        p99: percentile(&latencies, 99),
    }
}

pub(crate) async fn connect<B: Body<Data: Send, Error: Error + Send + Sync> + Send + 'static>(
    address: &str,
) -> SendRequest<B> {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn ask(
    mut sender: SendRequest<Full<Bytes>>,
    address: String,
    next: Arc<AtomicUsize>,
    end: usize,
) -> Vec<Duration> {
    let mut latencies = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= end {
            return latencies;
        }
        let request = Request::post("/v1/check")
            .header("host", &address)
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(question(number))))
            .unwrap();
        let start = Instant::now();
        let response = sender.send_request(request).await.unwrap();
        assert!(response.status().is_success());
        response.into_body().collect().await.unwrap();
        latencies.push(start.elapsed());
    }
}
