//! What is done with every answer on its way to the client: `Allow`, the end of a connection whose body was refused, and the
//! count of the bytes that wait to be written.

use std::{convert::Infallible, sync::Arc};

use tokio::sync::OwnedSemaphorePermit;
use warp::{
    http::{HeaderValue, StatusCode, header},
    hyper::body::Body as _,
    reply::Response,
};

use super::{
    caller::Caller,
    connections::{Link, Phase},
    problem::problem,
};
use crate::error::Error;

/// Bytes of an answer that belong to what a connection costs anyway; larger ones are counted against the listener.
const FREE_BYTES: usize = 16 << 10;
/// hyper keeps the buffer that a local answer was written from: after a larger one the connection is closed.
const LOCAL_BYTES_KEPT: usize = 256 << 10;

/// A place among the answers that are in memory and not counted yet. An extension of the response, given back with its last
/// copy.
#[derive(Clone)]
pub(super) struct Uncounted {
    _place: Arc<OwnedSemaphorePermit>,
}

impl Uncounted {
    pub(super) fn new(place: OwnedSemaphorePermit) -> Self {
        Self { _place: Arc::new(place) }
    }
}

/// The answer that a handler comes to, ready to be written.
pub(super) async fn answering(
    handled: impl Future<Output = Result<Response, Infallible>>,
    caller: Arc<Caller>,
) -> Result<Response, Infallible> {
    let mut answer = handled.await?;
    let link = caller.link();
    if answer.status() == StatusCode::METHOD_NOT_ALLOWED
        && let Ok(allowed) = HeaderValue::from_str(&caller.allowed())
    {
        answer.headers_mut().insert(header::ALLOW, allowed);
    }
    let bytes = answer.body().size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or_default();
    if bytes > FREE_BYTES && !count(link, bytes).await {
        answer = problem(&Error::Busy);
    }
    answer.extensions_mut().remove::<Uncounted>();
    if caller.has_unread_body() {
        link.refuse_body();
    }
    if link.has_refused_body() || (bytes > LOCAL_BYTES_KEPT && !link.is_public()) {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    link.enter(Phase::Write);
    Ok(answer)
}

async fn count(link: &Arc<Link>, bytes: usize) -> bool {
    let held = link.answers().take(link, bytes).await;
    let is_counted = held.is_some();
    if let Some(held) = held {
        link.keep_answer(held);
    }
    is_counted
}
