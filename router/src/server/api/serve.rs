//! The accept loop under both listeners: bounded connections, each with a deadline for all it does, and a drain on shutdown.
//!
//! warp's own server has none of these; the filters stay warp's, as a hyper service.

use std::{
    convert::Infallible,
    io,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use http_body_util::Empty;
use hyper::{Request, body::Incoming, server::conn::http1, service::Service, service::service_fn};
use hyper_util::{
    rt::TokioIo,
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::timeout,
};
use warp::{Filter, Reply, http::Method, hyper::body::Bytes, reply::Response};

use super::{
    answering::answering,
    caller::Caller,
    connections::{ConnectionPlace, Connections, Phase},
    listener::Listener,
    watched::Watched,
};
use crate::server::{backoff::Backoff, complaint::Complaint, shutdown::stopped};

/// How long requests under way may take to finish once shutdown began.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// How often deadlines are looked at; also the resolution of their clock.
const SWEEP: Duration = Duration::from_millis(100);

/// Connections that were closed to make room, but whose task has not ended yet: each still has its file descriptor.
pub const ENDING_MAX: usize = 64;

/// Pauses after failed `accept`s (out of file descriptors, say).
const ACCEPTING: Backoff = Backoff::new(Duration::from_millis(10), Duration::from_secs(1));

/// How long a connection to the local listener waits for a place, and how often it looks.
const PLACE_WAIT: (Duration, Duration) = (Duration::from_secs(2), Duration::from_millis(10));

/// Longest head of a request, and the size of a connection's buffer: the read buffer of one connection is never larger.
const PUBLIC_BUFFER_BYTES: usize = 16 << 10;
/// The same for adapters, whose imports are large.
const LOCAL_BUFFER_BYTES: usize = 64 << 10;

/// Serves `filter` on `listener` until `shutdown` turns true, then lets requests under way finish.
pub async fn serve<L, F>(listener: L, connections: Arc<Connections>, filter: F, shutdown: watch::Receiver<bool>)
where
    L: Listener,
    F: Filter<Error = Infallible> + Clone + Send + Sync + 'static,
    F::Extract: Reply + Send,
    F::Future: Send,
{
    accept(listener, connections, filter, shutdown).await.drain().await;
}

/// Connections that were accepted on a listener that accepts no more.
pub(super) struct Accepted {
    connections: Arc<Connections>,
    graceful: GracefulShutdown,
    sweeping: tokio::task::JoinHandle<()>,
}

impl Accepted {
    /// Lets requests under way finish, and closes connections that have none.
    async fn drain(self) {
        if timeout(DRAIN_TIMEOUT, self.graceful.shutdown()).await.is_err() {
            tracing::warn!("some connections did not finish within {DRAIN_TIMEOUT:?}");
            self.connections.close_all();
        }
        self.sweeping.abort();
    }

    /// Lets every connection have the one request that it was opened for.
    pub(super) async fn answer_the_last(self) {
        let start = Instant::now();
        while !self.connections.is_empty() && start.elapsed() < DRAIN_TIMEOUT {
            tokio::time::sleep(SWEEP).await;
        }
        self.connections.close_all();
        self.sweeping.abort();
    }
}

/// Serves `filter` on `listener` until `shutdown` turns true.
pub(super) async fn accept<L, F>(
    listener: L,
    connections: Arc<Connections>,
    filter: F,
    mut shutdown: watch::Receiver<bool>,
) -> Accepted
where
    L: Listener,
    F: Filter<Error = Infallible> + Clone + Send + Sync + 'static,
    F::Extract: Reply + Send,
    F::Future: Send,
{
    let service = TowerToHyperService::new(warp::service(filter));
    let slots = Arc::new(Semaphore::new(connections.connections_max() + ENDING_MAX));
    let sweeping = tokio::spawn(sweep(connections.clone()));
    let graceful = GracefulShutdown::new();
    let mut failures = Failures::new(connections.listener());
    loop {
        let (slot, accepted) = tokio::select! {
            next = next(&listener, &slots) => next,
            () = stopped(&mut shutdown) => break,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                failures.pause(&error).await;
                continue;
            }
        };
        failures.end();
        if let Some(place) = place(&connections, from).await {
            let threads = connections.threads(place.link().is_known());
            let connection = Connection { stream, place, slot };
            connection.spawn(&threads, service.clone(), graceful.watcher());
        }
    }
    Accepted { connections, graceful, sweeping }
}

/// The next connection, once there is a descriptor for it.
async fn next<L: Listener>(
    listener: &L,
    slots: &Arc<Semaphore>,
) -> (Option<OwnedSemaphorePermit>, io::Result<(L::Stream, Option<IpAddr>)>) {
    let slot = slots.clone().acquire_owned().await.ok();
    (slot, listener.accept().await)
}

/// A place for the connection. Adapters wait for one; strangers are told by a closed connection.
async fn place(connections: &Arc<Connections>, from: Option<IpAddr>) -> Option<ConnectionPlace> {
    let wait = if connections.has_strangers() { Duration::ZERO } else { PLACE_WAIT.0 };
    let start = Instant::now();
    loop {
        match connections.admit(from) {
            None if start.elapsed() < wait => tokio::time::sleep(PLACE_WAIT.1).await,
            place => return place,
        }
    }
}

async fn sweep(connections: Arc<Connections>) {
    let mut ticks = tokio::time::interval(SWEEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        connections.sweep();
    }
}

struct Connection<S> {
    stream: S,
    place: ConnectionPlace,
    slot: Option<OwnedSemaphorePermit>,
}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static> Connection<S> {
    /// Serves it on a task of its own, which its link can end.
    fn spawn<H>(self, threads: &Handle, handler: H, watcher: Watcher)
    where
        H: Service<Request<Empty<Bytes>>, Response = Response, Error = Infallible> + Send + 'static,
        H::Future: Send,
    {
        let Self { stream, place, slot } = self;
        let link = place.link().clone();
        let is_public = link.is_public();
        let stream = TokioIo::new(Watched::new(stream, link.clone()));
        let of_request = link.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let (mut parts, body) = request.into_parts();
            // hyper remembers that it was HEAD, and sends no body.
            if parts.method == Method::HEAD {
                parts.method = Method::GET;
            }
            let caller = Caller::new(of_request.clone(), body);
            parts.extensions.insert(caller.clone());
            of_request.enter(Phase::Work);
            answering(handler.call(Request::from_parts(parts, Empty::new())), caller)
        });
        // Half-closed connections are allowed so that hyper doesn't read once more per request to find out whether the
        // client has left: what was decided is recorded either way. Local answers are small: one copy is cheaper than a list
        // of buffers. Public ones may be large, and hyper would keep the buffer of the largest for as long as the connection.
        let connection = http1::Builder::new()
            .header_read_timeout(None)
            .half_close(true)
            .writev(is_public)
            .max_buf_size(if is_public { PUBLIC_BUFFER_BYTES } else { LOCAL_BUFFER_BYTES })
            .serve_connection(stream, service);
        let connection = watcher.watch(connection);
        let task = threads.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
            drop((place, slot));
        });
        link.runs_as(task.abort_handle());
    }
}

/// What to do when `accept` fails.
struct Failures {
    listener: &'static str,
    /// In a row.
    count: u32,
    complaint: Complaint,
}

impl Failures {
    fn new(listener: &'static str) -> Self {
        Self { listener, count: 0, complaint: Complaint::new() }
    }

    async fn pause(&mut self, error: &io::Error) {
        metrics::counter!("ostrakon_accept_failures_total", "listener" => self.listener).increment(1);
        // This is about one client, who has left.
        if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
            return;
        }
        if let Some(failures) = self.complaint.due() {
            tracing::warn!(%error, listener = self.listener, failures, "cannot accept connections");
        }
        self.count = self.count.saturating_add(1);
        tokio::time::sleep(ACCEPTING.pause(self.count, 0)).await;
    }

    fn end(&mut self) {
        self.count = 0;
    }
}
