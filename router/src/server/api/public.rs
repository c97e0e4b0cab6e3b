//! What peers may ask: take my vote, take my message, show me your ledger.

mod evidence;
mod log;
mod records;
mod witness;

use std::{
    convert::Infallible,
    sync::{Arc, atomic::Ordering},
};

use ostrakon_ledger::{Body, PeerName, PublicKey, Refusal, SignedRecord, Verified};
use ostrakon_policies::{Opinion, Verdict};
use serde::Serialize;
use warp::{
    Filter,
    http::{HeaderValue, StatusCode, header},
    reply::Response,
};

use super::{
    answer,
    body::{Arriving, Whole, arriving, whole},
    caller::{Caller, caller, get, post},
    problem::{json, rejected},
    with,
};
use crate::{
    error::Error,
    flow::decision::{Decision, DecisionId},
    message::{
        CLOCK_SKEW_MAX, EnvelopeError, Inquiry, MessageHeader, OPENING_BYTES_MAX, SignedEnvelope, SignedMessage,
        VerifiedEnvelope,
    },
    server::{clock, intake::Parcel, node::Node, quotas::QuotaItem},
    units::Span,
};

/// Largest body of `POST /v1/votes`: an envelope around the largest record.
const VOTE_BYTES_MAX: u64 = ostrakon_ledger::dsse::EnvelopeLimits::RECORD.envelope_bytes_max as u64;

/// From this length on the envelope of a message is looked for before the rest is there.
const OPENING_BYTES_MIN: usize = 4 << 10;

/// Everything on the public listener.
pub fn routes(node: &Arc<Node>) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + use<> {
    let votes = warp::path!("v1" / "votes").and(post()).and(whole(VOTE_BYTES_MAX)).and(caller()).and(with(node)).then(
        |body: Whole, caller: Arc<Caller>, node: Arc<Node>| async move { answer(vote(&node, &caller, &body)).await },
    );
    let messages = warp::path!("v1" / "messages")
        .and(post())
        .and(arriving(node.message_limits().message_bytes_max() as u64))
        .and(caller())
        .and(with(node))
        .then(|body: Arriving, caller: Arc<Caller>, node: Arc<Node>| async move {
            answer(message(&node, &caller, body)).await
        });
    let about = warp::path!(".well-known" / "ostrakon")
        .and(get())
        .and(with(node))
        .map(|node: Arc<Node>| json(StatusCode::OK, &node.about()));
    let records = records::routes(node).or(evidence::routes(node)).unify();
    let ledger = log::routes(node).or(records).unify().or(witness::routes(node)).unify();
    votes.or(messages).unify().or(ledger).unify().or(about).unify().recover(rejected).unify()
}

/// `POST /v1/votes`: a DSSE envelope around a record.
///
/// 1. Parse: sizes first, then the envelope, then the record, strictly.
/// 2. Is its author admitted here, with this key, and within its quota? A stranger's signature is not worth checking, and
///    what it signs with a key of its own counts against nobody.
/// 3. Verify the signature, and count the record against its author's quota. A record that is in the ledger is public:
///    whoever sends it again proves nothing and uses up nothing.
/// 4. Sequence, commit, sign the new tree head; answer with the index, and where the receipt is: whoever wants one asks
///    for it, which keeps its hashes out of the way of those who do not.
/// 5. What was new came from its author: the address is no stranger's. What was not is given back to the quota.
async fn vote(node: &Node, caller: &Caller, body: &[u8]) -> Result<Response, Error> {
    let record = SignedRecord::parse_envelope(body).map_err(Refusal::from)?;
    let (author, now_ms) = (record.record().header.author.clone(), clock::now_ms());
    let head = node.active_peer(&author)?.ok_or_else(|| Refusal::UnknownPeer(author.clone()))?;
    if !node.is_key_of(&head, &record.record().header)? {
        return Err(Refusal::WrongKey(author).into());
    }
    // What is signed with a key that was replaced may be sent by whoever has that.
    let is_counted = record.record().header.key == head.key && node.reader.record(&record.id())?.is_none();
    if is_counted {
        node.quotas.check(&author, QuotaItem::Record, body.len(), now_ms)?;
    }
    let record = Verified::check(record)?;
    if is_counted {
        node.quotas.take(&author, QuotaItem::Record, body.len(), now_ms)?;
    }
    let erased = match &record.record().body {
        Body::Erase(erase) => Some(erase.target),
        _ => None,
    };
    let appended = node.sequencer.submit(record).await;
    if appended.as_ref().is_ok_and(|appended| appended.new) {
        caller.link().note_known(&author);
    } else if is_counted {
        node.quotas.give_back(&author, QuotaItem::Record, body.len());
    }
    let appended = appended?;
    if let Some(target) = erased {
        node.follow_erasure(target).await?;
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
/// 1. Parse: sizes first; the body must have the digest and the length that the envelope names. Of a long message the
///    envelope is looked at as soon as it is there: nothing more is read of a stranger's.
/// 2. Find the peer's key, if it may send and is within its quota, verify the signature, and see that the message is of our
///    time: what is older than the decisions we remember could be a replay. A message on which there is a decision may come
///    from whoever received it: it counts against nobody and makes nobody known.
/// 3. Find the route that takes this kind.
/// 4. Decide; an accepted or held message is durable before the answer.
async fn message(node: &Node, caller: &Caller, mut body: Arriving) -> Result<Response, Error> {
    let envelope = opening(node, caller, &mut body).await?;
    let body = body.finish().await?;
    let message = match envelope {
        Some(envelope) => envelope.with_body(&body, node.message_limits())?,
        None => {
            let message = SignedMessage::parse(&body, node.message_limits())?;
            let key = key_of(node, &message.header().peer)?;
            message.verify(&key)?
        }
    };
    let (peer, now_ms) = (message.header().peer.clone(), clock::now_ms());
    let inquiry = Inquiry::of_message(&message, None)?;
    let route = node.config.route_for(inquiry.kind).ok_or_else(|| Error::NoRoute(inquiry.kind.to_string()))?;
    let is_new = is_new(message.header(), node)?;
    if is_new {
        caller.link().note_known(&peer);
        node.quotas.take(&peer, QuotaItem::Message, body.len(), now_ms)?;
    }
    let (bytes, held) = body.into_parts();
    let payload = message.payload();
    let keep_refusal = node.quotas.keeps_refusals(&peer, now_ms);
    let hold_ms = node.config.retention.holds.ms();
    let parcel = Parcel { bytes, held: Box::new(held), payload, route, hold_ms, keep_refusal };
    let decision = node.intake.decide(&inquiry, Some(parcel), now_ms).await.map_err(Error::Shared)?;
    match decision.verdict {
        Verdict::Accept => node.wake.notify_one(),
        Verdict::Defer | Verdict::Reject if is_new => node.quotas.note_refusal(&peer, now_ms),
        Verdict::Defer | Verdict::Reject | Verdict::Hold => {}
    }
    Ok(verdict(&decision.said_at(now_ms)))
}

/// The envelope of a message that is not there yet, verified; `None` if the message ended before there was need to look.
/// Looked for at lengths that double, so that a message in a thousand pieces is not read a thousand times.
async fn opening(node: &Node, caller: &Caller, body: &mut Arriving) -> Result<Option<VerifiedEnvelope>, Error> {
    let mut wanted = OPENING_BYTES_MIN;
    while body.fill(wanted).await? {
        if let Some(envelope) = SignedEnvelope::opening(body.bytes(), node.message_limits())? {
            let key = key_of(node, &envelope.header().peer)?;
            let envelope = envelope.verify(&key)?;
            if is_new(envelope.header(), node)? {
                caller.link().note_known(&envelope.header().peer);
            }
            return Ok(Some(envelope));
        }
        wanted = (wanted * 2).min(OPENING_BYTES_MAX);
    }
    Ok(None)
}

/// The key that is on file for a peer that may send another message.
fn key_of(node: &Node, peer: &PeerName) -> Result<PublicKey, Error> {
    let author = node.active_peer(peer)?.ok_or_else(|| Error::UnknownPeer(peer.to_string()))?;
    node.quotas.check(peer, QuotaItem::Message, 0, clock::now_ms())?;
    Ok(author.key)
}

/// Whether a verified message is of this time and there is no decision on it yet.
fn is_new(header: &MessageHeader, node: &Node) -> Result<bool, Error> {
    check_time(header, node.config.retention.decisions, clock::read())?;
    check_replay(header, node)?;
    Ok(node.intake.recorded(node.gate.message_id(header))?.is_none())
}

/// Whether a message is of this time. While the wall clock is in doubt no message is refused for good by it.
fn check_time(header: &MessageHeader, age_max: Span, time: clock::Time) -> Result<(), Error> {
    header
        .check_time(time.now_ms, age_max)
        .map_err(|fault| if time.in_doubt { Error::ClockInDoubt } else { fault.into() })
}

/// Whether it could be told if the message came before: what was sent when a dropped decision was made, or by a clock as far
/// ahead as is allowed, may have been that one. The window of [`check_time`] is narrower, unless the clock was wrong or the
/// retention shorter for a while.
fn check_replay(header: &MessageHeader, node: &Node) -> Result<(), Error> {
    let sent_at_ms = header.sent_at_ms;
    let through_ms = node.journal.published().decided_through_ms.load(Ordering::Relaxed);
    if through_ms > 0 && sent_at_ms <= through_ms.saturating_add(CLOCK_SKEW_MAX.ms()) {
        return Err(EnvelopeError::TooOld { sent_at_ms }.into());
    }
    Ok(())
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
