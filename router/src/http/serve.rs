//! The accept loop under both listeners: bounded connections, a deadline for request heads, a drain on shutdown.
//!
//! warp's own server has none of the three; the filters stay warp's, as a hyper service.

use std::{convert::Infallible, sync::Arc, time::Duration};

use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{sync::watch, time::timeout};
use warp::{Filter, Reply};

use super::{connections::Connections, listener::Listener};

/// Open connections one listener holds at a time; the next one waits in the kernel's backlog.
/// Each costs a task and two buffers, about 20 KiB.
pub const CONNECTIONS_MAX: usize = 1024;

/// How long a client may take to send a request's head before the connection is closed.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long requests under way may take to finish once shutdown began.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Pause after a failed `accept` (out of file descriptors, say), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves `filter` on `listener` until `shutdown` turns true, then lets requests under way finish.
pub async fn serve<L, F>(listener: L, connections: Arc<Connections>, filter: F, mut shutdown: watch::Receiver<bool>)
where
    L: Listener,
    F: Filter<Error = Infallible> + Clone + Send + Sync + 'static,
    F::Extract: Reply + Send,
    F::Future: Send,
{
    let service = TowerToHyperService::new(warp::service(filter));
    let graceful = GracefulShutdown::new();
    loop {
        let Some(place) = connections.place().await else { break };
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            () = stopped(&mut shutdown) => break,
        };
        // Half-closed connections are allowed so that hyper doesn't read once more per request to find out whether the
        // client has left: what was decided is recorded either way. Answers are small: one copy is cheaper than a list of buffers.
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .half_close(true)
            .writev(false)
            .serve_connection(TokioIo::new(stream), service.clone());
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    if timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("some connections did not finish within {DRAIN_TIMEOUT:?}");
    }
}

/// Waits until shutdown begins.
pub async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    let _ = shutdown.wait_for(|stop| *stop).await;
}
