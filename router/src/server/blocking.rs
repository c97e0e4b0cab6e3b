//! Work that waits for files or takes long, off the threads that answer.

use crate::error::Error;

/// Does `work` on a thread for blocking work; `what` says what it is for.
///
/// # Errors
/// Those of `work`, and [`Error::Broken`] if it panics or the node ends first.
pub(crate) async fn blocking<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Error::Broken { what, reason: error.to_string() }))
}
