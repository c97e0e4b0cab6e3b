//! The end of a node, as its tasks see it.

use tokio::sync::watch;

/// Waits until shutdown begins. A sender that is gone means the same.
pub(crate) async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    let _ = shutdown.wait_for(|stop| *stop).await;
}
