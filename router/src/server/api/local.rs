//! What operators and adapters may ask.

mod own;
mod waiting;

use std::{convert::Infallible, sync::Arc};

use ostrakon_ledger::{PeerName, PublicKey, Reason};
use ostrakon_policies::Verdict;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use warp::{Filter, Rejection, http::StatusCode, reply::Response};

use super::{
    access::{Access, allowed},
    answer,
    body::{Whole, whole},
    caller::{get, post},
    problem::{json, rejected, respond},
    segment::Segment,
    with,
};
use crate::server::{blocking::blocking, complaint::Complaint};
use crate::{
    config::WebhookUrl,
    error::{Blame, Error},
    flow::{
        decision::{Answer, Decision, DecisionId},
        explaining::{Audience, Question},
    },
    message::{Feedback, Inquiry, REQUEST_BYTES_MAX},
    server::{clock::now_ms, node::Node},
};

/// Largest body of the operators' small requests.
const SMALL_BYTES_MAX: u64 = 16 * 1024;

/// Largest chunk of an import; the command line sends far smaller ones.
const IMPORT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Everything on the local listener, under the rules of `access`. Each route has its line in [`super::access::ROUTES`].
pub fn routes(
    node: &Arc<Node>,
    access: Arc<Access>,
) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + use<> {
    let check = warp::path!("v1" / "check")
        .and(post())
        .and(whole(REQUEST_BYTES_MAX as u64))
        .and(with(node))
        .then(|body: Whole, node: Arc<Node>| async move { answer(check(&node, &body)).await });
    let feedback = warp::path!("v1" / "feedback")
        .and(post())
        .and(whole(SMALL_BYTES_MAX))
        .and(with(node))
        .then(|body: Whole, node: Arc<Node>| async move { answer(feedback(&node, &body)).await });
    let open = check.or(feedback).unify().or(scores(node)).unify().or(peers(node)).unify();
    let open = open.or(own::routes(node)).unify().or(waiting::routes(node)).unify().or(health(node)).unify();
    allowed(access).and(open).recover(rejected).unify()
}

fn scores(node: &Arc<Node>) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let subject = warp::path!("v1" / "subjects" / Segment).and(get()).and(warp::query()).and(with(node)).then(
        |subject: Segment, form: Form, node: Arc<Node>| async move { answer(explain(&node, &subject, form)).await },
    );
    let decision = warp::path!("v1" / "decisions" / Segment)
        .and(get())
        .and(with(node))
        .then(|id: Segment, node: Arc<Node>| async move { answer(async { decision(&node, &id) }).await });
    subject.or(decision).unify()
}

fn peers(node: &Arc<Node>) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let list = warp::path!("v1" / "peers")
        .and(get())
        .and(with(node))
        .then(|node: Arc<Node>| async move { answer(async { list_peers(&node) }).await });
    let one = warp::path!("v1" / "peers" / Segment)
        .and(get())
        .and(with(node))
        .then(|name: Segment, node: Arc<Node>| async move { answer(async { show_peer(&node, &name) }).await });
    let admit = warp::path!("v1" / "peers")
        .and(post())
        .and(whole(SMALL_BYTES_MAX))
        .and(with(node))
        .then(|body: Whole, node: Arc<Node>| async move { answer(admit(&node, &body)).await });
    let follow =
        warp::path!("v1" / "peers" / Segment / "follow").and(post()).and(whole(SMALL_BYTES_MAX)).and(with(node)).then(
            |name: Segment, body: Whole, node: Arc<Node>| async move { answer(follow(node, &name, &body)).await },
        );
    let unfollow = warp::path!("v1" / "peers" / Segment / "unfollow")
        .and(post())
        .and(with(node))
        .then(|name: Segment, node: Arc<Node>| async move { answer(unfollow(node, &name)).await });
    let expel =
        warp::path!("v1" / "peers" / Segment / "expel").and(post()).and(whole(SMALL_BYTES_MAX)).and(with(node)).then(
            |name: Segment, body: Whole, node: Arc<Node>| async move { answer(expel(&node, &name, &body)).await },
        );
    list.or(one).unify().or(admit).unify().or(follow).unify().or(unfollow).unify().or(expel).unify()
}

fn health(node: &Arc<Node>) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let metrics = warp::path!("metrics").and(get()).and(with(node)).map(|node: Arc<Node>| {
        respond(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", node.metrics().into_bytes())
    });
    let about = warp::path!("v1" / "about")
        .and(get())
        .and(with(node))
        .map(|node: Arc<Node>| json(StatusCode::OK, &node.about_locally()));
    let alive = warp::path!("healthz").and(get()).map(|| json(StatusCode::OK, &json!({ "alive": true })));
    let ready = warp::path!("readyz").and(get()).and(with(node)).map(|node: Arc<Node>| ready(&node));
    metrics.or(alive).unify().or(ready).unify().or(about).unify()
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| Error::BadRequest(error.to_string()))
}

/// `POST /v1/check`: an adapter asks for the verdict on a message.
///
/// 1. Parse strictly.
/// 2. Decide, once per id; the answer is durable.
/// 3. If this node cannot, answer what `failure.verdict` says, marked as such.
async fn check(node: &Node, body: &[u8]) -> Result<Response, Error> {
    let inquiry = Inquiry::parse(body, node.message_limits())?;
    let now_ms = now_ms();
    match node.intake.decide(&inquiry, None, now_ms).await {
        Ok(decision) => Ok(json(StatusCode::OK, &Answer::from(decision.said_at(now_ms).as_ref()))),
        Err(error) if error.blame() == Blame::Caller => Err(Error::Shared(error)),
        Err(error) => Ok(fallback(node, &inquiry, &error)),
    }
}

/// The operator's answer for when there is no decision. It is not recorded: ask again and it may be another.
fn fallback(node: &Node, inquiry: &Inquiry, error: &Error) -> Response {
    unavailable(node.config.failure.verdict.verdict(), node.gate.decision_id(inquiry), error)
}

/// What senders are told when there is no decision: adapters pass on the text of reasons. What is wrong here is for the operator.
const UNAVAILABLE: &str = "This server cannot judge messages at the moment; please try again later.";

/// When to try again then: what mail servers wait before their first retry is of this order.
const UNAVAILABLE_MS: u64 = 60_000;

/// `verdict` as the answer to the question with the name `id`, because of `error`.
pub(super) fn unavailable(verdict: Verdict, id: DecisionId, error: &Error) -> Response {
    static COMPLAINT: Complaint = Complaint::new();
    if let Some(checks) = COMPLAINT.due() {
        tracing::warn!(code = error.code(), %error, checks, "answered checks without a decision");
    }
    metrics::counter!("ostrakon_fallbacks_total", "code" => error.code()).increment(1);
    let reason =
        json!({ "rule": "unavailable", "verdict": verdict, "shadow": false, "text": UNAVAILABLE, "numbers": {} });
    let mut answer = json!({
        "decision_id": id.to_string(),
        "verdict": verdict,
        "reasons": [reason],
        "score": 0, "confidence": 0, "standing": 0, "newcomer": false,
        "degraded": error.code(), "detail": error.to_string(),
    });
    if verdict == Verdict::Defer {
        answer["retry_after_ms"] = UNAVAILABLE_MS.into();
    }
    json(StatusCode::OK, &answer)
}

/// `POST /v1/feedback`: a user says how a message turned out.
async fn feedback(node: &Node, body: &[u8]) -> Result<Response, Error> {
    let feedback = Feedback::parse(body)?;
    node.intake.report(feedback.decision_id.parse()?, &feedback.reporter, feedback.report.value(), now_ms()).await?;
    Ok(json(StatusCode::OK, &json!({ "recorded": true })))
}

/// How an explanation is wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    viewpoint: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    redacted: bool,
}

/// A key of a query that says yes by being there: `?redacted`, `?redacted=1`, `?redacted=true`.
fn flag<'de, D: serde::Deserializer<'de>>(input: D) -> Result<bool, D::Error> {
    match String::deserialize(input)?.as_str() {
        "" | "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        other => Err(serde::de::Error::custom(format!("`{other}` is neither true nor false"))),
    }
}

/// `GET /v1/subjects/{subject}`: the score, taken apart; `?viewpoint=NAME`: seen from there; `?redacted=true`: what outsiders
/// may see of it.
async fn explain(node: &Node, subject: &str, form: Form) -> Result<Response, Error> {
    let audience = if form.redacted { Audience::Outsider } else { Audience::Operator };
    let question = Question { subject: subject.parse()?, viewpoint: form.viewpoint, audience };
    Ok(json(StatusCode::OK, &node.explain(question).await?))
}

/// `GET /v1/decisions/{id}`: what was decided and why.
fn decision(node: &Node, id: &str) -> Result<Response, Error> {
    let decision: Decision = node.intake.recorded(id.parse()?)?.ok_or(Error::NoSuchDecision)?;
    Ok(json(StatusCode::OK, &decision))
}

fn list_peers(node: &Node) -> Result<Response, Error> {
    let peers = node.list_peers()?;
    Ok(json(StatusCode::OK, &json!({ "peers": peers })))
}

fn show_peer(node: &Node, name: &str) -> Result<Response, Error> {
    let peer = node.show_peer(&PeerName::parse(name)?)?;
    Ok(json(StatusCode::OK, &peer))
}

/// `POST /v1/peers`: binds a name to a key.
async fn admit(node: &Node, body: &[u8]) -> Result<Response, Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Request {
        peer: String,
        key: String,
    }
    let request: Request = parse(body)?;
    let (peer, key) = (PeerName::parse(&request.peer)?, request.key.parse::<PublicKey>()?);
    let appended = node.sequencer.admit(peer, key).await?;
    node.mirrors.look_again();
    Ok(json(StatusCode::OK, &json!({ "id": appended.id.to_string(), "index": appended.index, "new": appended.new })))
}

/// `POST /v1/peers/{name}/follow`: keeps a verified copy of the peer's ledger, which is read at `url`.
async fn follow(node: Arc<Node>, name: &str, body: &[u8]) -> Result<Response, Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Request {
        url: WebhookUrl,
    }
    let (peer, request) = (PeerName::parse(name)?, parse::<Request>(body)?);
    let mirrors = node.mirrors.clone();
    let (followed, url) = (peer.clone(), request.url);
    blocking("work on copies", move || mirrors.follow(&followed, url.as_str())).await?;
    Ok(json(StatusCode::OK, &node.show_peer(&peer)?))
}

/// `POST /v1/peers/{name}/unfollow`: the copy stays on disk and is not served any more.
async fn unfollow(node: Arc<Node>, name: &str) -> Result<Response, Error> {
    let peer = PeerName::parse(name)?;
    let (mirrors, followed) = (node.mirrors.clone(), peer.clone());
    blocking("work on copies", move || mirrors.unfollow(&followed)).await?;
    Ok(json(StatusCode::OK, &node.show_peer(&peer)?))
}

/// `POST /v1/peers/{name}/expel`: ends a peer's admission, for a reason in a word.
async fn expel(node: &Node, name: &str, body: &[u8]) -> Result<Response, Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Request {
        reason: Reason,
    }
    let appended = node.expel(PeerName::parse(name)?, parse::<Request>(body)?.reason).await?;
    Ok(json(StatusCode::OK, &json!({ "id": appended.id.to_string(), "index": appended.index })))
}

fn ready(node: &Node) -> Response {
    let (ready, parts) = node.readiness();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, &json!({ "ready": ready, "parts": parts, "policy": node.policy() }))
}
