//! What peers may ask: take my vote, take my message, show me your ledger.

mod evidence;
mod log;
mod records;
mod witness;

use std::{convert::Infallible, sync::Arc};

use ostrakon_ledger::{Body, Refusal, SignedRecord, Verified};
use ostrakon_policies::{Opinion, Verdict};
use serde::Serialize;
use warp::{
    Filter,
    http::{HeaderValue, StatusCode, header},
    reply::Response,
};

use super::{
    answer,
    problem::{json, rejected},
    with,
};
use crate::{
    clock::now_ms,
    decision::{Decision, DecisionId},
    envelope::{Inquiry, SignedMessage},
    error::Error,
    intake::Parcel,
    node::Node,
};

/// Largest body of `POST /v1/votes`: an envelope around the largest record.
const VOTE_BYTES_MAX: u64 = ostrakon_ledger::dsse::Limits::RECORD.envelope_bytes_max as u64;

/// Everything on the public listener.
pub fn routes(node: &Arc<Node>) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + use<> {
    let votes = warp::path!("v1" / "votes")
        .and(warp::post())
        .and(warp::body::content_length_limit(VOTE_BYTES_MAX))
        .and(warp::body::bytes())
        .and(with(node))
        .then(|body: warp::hyper::body::Bytes, node: Arc<Node>| async move { answer(vote(&node, &body)).await });
    let messages = warp::path!("v1" / "messages")
        .and(warp::post())
        .and(warp::body::content_length_limit(node.message_limits().message_bytes_max() as u64))
        .and(warp::body::bytes())
        .and(with(node))
        .then(|body: warp::hyper::body::Bytes, node: Arc<Node>| async move { answer(message(&node, &body)).await });
    let about = warp::path!(".well-known" / "ostrakon")
        .and(warp::get())
        .and(with(node))
        .map(|node: Arc<Node>| json(StatusCode::OK, &node.about()));
    let records = records::routes(node).or(evidence::routes(node)).unify();
    let ledger = log::routes(node).or(records).unify().or(witness::routes(node)).unify();
    votes.or(messages).unify().or(ledger).unify().or(about).unify().recover(rejected).unify()
}

/// `POST /v1/votes`: a DSSE envelope around a record.
///
/// 1. Parse: sizes first, then the envelope, then the record, strictly.
/// 2. Is its author admitted here? A stranger's signature is not worth checking.
/// 3. Verify the signature.
/// 4. Sequence, commit, sign the new tree head; answer with the index, and where the receipt is: whoever wants one asks
///    for it, which keeps its hashes out of the way of those who do not.
async fn vote(node: &Node, body: &[u8]) -> Result<Response, Error> {
    let record = SignedRecord::parse_envelope(body).map_err(Refusal::from)?;
    let author = &record.record().header.author;
    if node.reader.author(author)?.is_none() {
        return Err(Refusal::UnknownPeer(author.clone()).into());
    }
    let record = Verified::check(record)?;
    let erased = match &record.record().body {
        Body::Erase(erase) => Some(erase.target),
        _ => None,
    };
    let appended = node.sequencer.submit(record).await?;
    if let Some(target) = erased {
        node.evidence.follow_erasure(&node.reader, &target)?;
    }
    Ok(json(
        StatusCode::OK,
        &serde_json::json!({
            "id": appended.id.to_string(),
            "index": appended.index,
            "new": appended.new,
            "receipt": records::receipt_path(&appended.id),
        }),
    ))
}

/// `POST /v1/messages`: a signed envelope with its body beside it.
///
/// 1. Parse: sizes first; the body must have the digest and the length that the envelope names.
/// 2. Find the peer's key, verify the signature, and see that the message is of our time: what is older than the
///    decisions we remember could be a replay.
/// 3. Find the route that takes this kind.
/// 4. Decide; an accepted or held message is durable before the answer.
async fn message(node: &Node, body: &[u8]) -> Result<Response, Error> {
    let message = SignedMessage::parse(body, node.message_limits())?;
    let peer = message.header().peer.clone();
    let author = node.reader.author(&peer)?.ok_or_else(|| Error::UnknownPeer(peer.to_string()))?;
    let message = message.verify(&author.key)?;
    message.header().check_time(now_ms(), node.config.retention.decisions)?;
    let inquiry = Inquiry::of_message(&message, None)?;
    let route = node.config.route_for(inquiry.kind).ok_or_else(|| Error::NoRoute(inquiry.kind.to_string()))?;
    let parcel = Parcel { bytes: body.to_vec(), route, hold_ms: node.config.retention.holds.ms() };
    let decision = node.intake.decide(&inquiry, Some(parcel), now_ms()).await.map_err(Error::Shared)?;
    if decision.verdict == Verdict::Accept {
        node.wake.notify_one();
    }
    Ok(verdict(&decision))
}

/// What an outsider is told of a decision: what was enforced and why in words, not the numbers behind it and nothing
/// of what is only tried out.
#[derive(Serialize)]
struct Redacted<'a> {
    decision_id: DecisionId,
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    reasons: Vec<RedactedReason<'a>>,
}

#[derive(Serialize)]
struct RedactedReason<'a> {
    rule: &'a str,
    verdict: Verdict,
    text: &'a str,
}

fn verdict(decision: &Decision) -> Response {
    let told = |opinion: &&Opinion| !opinion.shadow && opinion.verdict == decision.verdict;
    let reasons = decision.reasons.iter().filter(told);
    let redacted = Redacted {
        decision_id: decision.decision_id,
        verdict: decision.verdict,
        retry_after_ms: decision.retry_after_ms,
        reasons: reasons
            .map(|opinion| RedactedReason { rule: &opinion.rule, verdict: opinion.verdict, text: &opinion.text })
            .collect(),
    };
    let status = match decision.verdict {
        Verdict::Accept | Verdict::Hold => StatusCode::ACCEPTED,
        Verdict::Defer => StatusCode::TOO_MANY_REQUESTS,
        Verdict::Reject => StatusCode::FORBIDDEN,
    };
    let mut response = json(status, &redacted);
    if let Some(retry_after_ms) = decision.retry_after_ms {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after_ms.div_ceil(1000)));
    }
    response
}
