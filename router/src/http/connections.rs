//! Who may hold a connection to a listener.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The connections of one listener, or of several that share one bound.
pub struct Connections {
    places: Arc<Semaphore>,
}

impl Connections {
    /// Room for `connections_max` connections at a time.
    pub fn new(connections_max: usize) -> Arc<Self> {
        Arc::new(Self { places: Arc::new(Semaphore::new(connections_max)) })
    }

    /// Waits for a place; `None` when there will be none any more.
    pub(super) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().acquire_owned().await.ok()
    }
}
