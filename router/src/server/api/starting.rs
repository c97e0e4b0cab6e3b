//! What the listeners answer while the node opens its stores.
//!
//! A bound port takes connections, whether anybody answers them or not, and opening takes a second or two with millions of
//! decisions on record. Until the node can answer, checks get what `[failure]` says, at once; `/readyz` says why; everything
//! else is 503. Each connection serves one request, so that none is left to an adapter that would end unexpectedly.

use std::{convert::Infallible, os::fd::AsFd, sync::Arc};

use serde_json::json;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use warp::{
    Filter,
    http::{HeaderValue, StatusCode, header},
    reply::Response,
};

use super::{
    access::{Access, allowed},
    answer,
    body::{Whole, whole},
    caller::post,
    connections::Connections,
    local,
    problem::{json as respond_json, problem, rejected},
    serve::{Accepted, accept},
};
use crate::{
    config::Config,
    error::Error,
    flow::decision::{DecisionId, Flow},
    message::{Inquiry, Limits, REQUEST_BYTES_MAX},
    secrets::Secrets,
};

/// What is known of the node before its stores are open.
struct Opening {
    limits: Limits,
    verdict: ostrakon_policies::Verdict,
    decision_key: [u8; 32],
}

/// The listeners of a node that is being opened.
pub struct Starting {
    ends: watch::Sender<bool>,
    tasks: JoinSet<Accepted>,
}

impl Starting {
    /// Answers on sockets that are bound; whoever bound them may serve them at the same time.
    ///
    /// # Errors
    /// [`Error::System`] when the system has no more descriptors.
    pub fn begin(
        config: &Config,
        secrets: &Secrets,
        access: Access,
        (public, strangers): (&TcpListener, Arc<Connections>),
        (local, adapters): (&TcpListener, Arc<Connections>),
    ) -> Result<Self, Error> {
        let opening = Arc::new(Opening {
            limits: Limits::from(&config.limits),
            verdict: config.failure.verdict.verdict(),
            decision_key: secrets.decision_key,
        });
        let (ends, end) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(same_socket(public)?, strangers, public_routes(), end.clone()));
        tasks.spawn(accept(same_socket(local)?, adapters, local_routes(opening, Arc::new(access)), end));
        Ok(Self { ends, tasks })
    }

    /// Leaves the sockets to others, once no connection is accepted here any more. What was accepted here still has its
    /// answer to get, which takes as long as it takes to ask.
    pub async fn end(mut self) -> impl Future<Output = ()> + Send + 'static {
        let _ = self.ends.send(true);
        let mut accepted = Vec::new();
        while let Some(ended) = self.tasks.join_next().await {
            accepted.extend(ended);
        }
        async move {
            for accepted in accepted {
                accepted.answer_the_last().await;
            }
        }
    }
}

/// The same socket under another descriptor.
fn same_socket(listener: &TcpListener) -> Result<TcpListener, Error> {
    let same = listener.as_fd().try_clone_to_owned().and_then(|fd| TcpListener::from_std(fd.into()));
    same.map_err(|error| Error::System { what: "descriptor for a listener", reason: error.to_string() })
}

fn public_routes() -> impl Filter<Extract = (Response,), Error = Infallible> + Clone {
    warp::any().map(|| closing(problem(&Error::Starting)))
}

/// Under the rules of [`super::access`], as when the node is open.
fn local_routes(
    opening: Arc<Opening>,
    access: Arc<Access>,
) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone {
    let check =
        warp::path!("v1" / "check").and(post()).and(whole(REQUEST_BYTES_MAX as u64)).then(move |body: Whole| {
            let opening = opening.clone();
            async move { answer(async { check(&opening, &body) }).await }
        });
    let alive = warp::path!("healthz").map(|| respond_json(StatusCode::OK, &json!({ "alive": true })));
    let ready = warp::path!("readyz").map(|| {
        let parts = [json!({ "part": "node", "ready": false, "reason": Error::Starting.to_string() })];
        respond_json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "ready": false, "parts": parts }))
    });
    let other = warp::any().map(|| problem(&Error::Starting));
    let all = check.or(alive).unify().or(ready).unify().or(other).unify();
    allowed(access).and(all).recover(rejected).unify().map(closing)
}

/// `POST /v1/check`: what `failure.verdict` says, to a question that parses.
fn check(opening: &Opening, body: &[u8]) -> Result<Response, Error> {
    let inquiry = Inquiry::parse(body, &opening.limits)?;
    let id = DecisionId::of(&opening.decision_key, Flow::Check, inquiry.peer.as_str(), &inquiry.id);
    Ok(local::unavailable(opening.verdict, id, &Error::Starting))
}

/// `response` as the last one of its connection.
fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
