//! What waits: held messages and what a person decides on them, the delivery queue, dead letters.

use std::sync::Arc;

use serde::Serialize;
use serde_json::json;
use warp::{Filter, Rejection, http::StatusCode, reply::Response};

use crate::{
    error::Error,
    flow::{decision::DecisionId, journal::Ruling},
    server::{
        api::{
            answer,
            caller::{get, post},
            problem::json,
            segment::Segment,
            with,
        },
        blocking::blocking,
        clock::now_ms,
        node::{Listed, Node},
    },
};

pub(super) fn routes(node: &Arc<Node>) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let holds = warp::path!("v1" / "holds")
        .and(get())
        .and(with(node))
        .then(|node: Arc<Node>| async move { answer(list("holds", move || node.list_holds(now_ms()))).await });
    let hold = warp::path!("v1" / "holds" / Segment)
        .and(get())
        .and(with(node))
        .then(|id: Segment, node: Arc<Node>| async move { answer(show(node, &id)).await });
    let rule = warp::path!("v1" / "holds" / Segment / Segment)
        .and(post())
        .and(with(node))
        .then(|id: Segment, ruling: Segment, node: Arc<Node>| async move { answer(rule(&node, &id, &ruling)).await });
    let queue = warp::path!("v1" / "queue")
        .and(get())
        .and(with(node))
        .then(|node: Arc<Node>| async move { answer(list("queue", move || node.list_queue(now_ms()))).await });
    let dead = warp::path!("v1" / "dead")
        .and(get())
        .and(with(node))
        .then(|node: Arc<Node>| async move { answer(list("dead", move || node.list_dead())).await });
    let retry = warp::path!("v1" / "dead" / Segment / "retry")
        .and(post())
        .and(with(node))
        .then(|id: Segment, node: Arc<Node>| async move { answer(retry(&node, &id)).await });
    holds.or(hold).unify().or(rule).unify().or(queue).unify().or(dead).unify().or(retry).unify()
}

/// `GET /v1/holds`, `/v1/queue`, `/v1/dead`: the first rows, and whether there are more.
async fn list<T: Serialize + Send + 'static>(
    name: &'static str,
    list: impl FnOnce() -> Result<Listed<T>, Error> + Send + 'static,
) -> Result<Response, Error> {
    let Listed { rows, more } = blocking("reading what waits", list).await?;
    Ok(json(StatusCode::OK, &json!({ name: rows, "more": more })))
}

/// `GET /v1/holds/{id}`: all that is known of a held message, and its body.
async fn show(node: Arc<Node>, id: &str) -> Result<Response, Error> {
    let id: DecisionId = id.parse()?;
    let held = blocking("reading a held message", move || node.show_hold(id, now_ms())).await?;
    Ok(json(StatusCode::OK, &held))
}

/// `POST /v1/holds/{id}/release` and `…/reject`: a person rules on a held message.
async fn rule(node: &Node, id: &str, ruling: &str) -> Result<Response, Error> {
    let ruling = match ruling {
        "release" => Ruling::Release,
        "reject" => Ruling::Reject,
        _ => return Err(Error::BadRequest("a hold can be released or rejected".into())),
    };
    node.rule(id.parse()?, ruling, now_ms()).await?;
    Ok(json(StatusCode::OK, &json!({ "done": true })))
}

/// `POST /v1/dead/{id}/retry`: a dead letter goes back into the queue. Durable when it is answered.
async fn retry(node: &Node, id: &str) -> Result<Response, Error> {
    let route = node.retry_dead(id.parse()?, now_ms()).await?;
    Ok(json(StatusCode::OK, &json!({ "queued": true, "route": route })))
}
