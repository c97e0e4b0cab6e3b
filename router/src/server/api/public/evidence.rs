//! `/v1/records/{id}/evidence` for peers: store what a record commits to, read it with a signed question.

use std::sync::Arc;

use ostrakon_ledger::{Evidence, RecordId, evidence::BODY_BYTES_MAX, evidence::SALT_BYTES};
use serde_json::json;
use warp::{Filter, Rejection, http::StatusCode, reply::Response};

use crate::{
    error::Error,
    server::{
        api::{
            answer,
            body::{Arriving, arriving},
            caller::{self, Caller, caller},
            problem::{json, respond},
            segment::Segment,
            with,
        },
        clock::now_ms,
        evidence::{
            self, live_claim,
            read::{EvidenceQuestion, SignedClaim},
        },
        node::Node,
        quotas::QuotaItem,
    },
};

/// Largest upload.
const UPLOAD_BYTES_MAX: u64 = (SALT_BYTES + BODY_BYTES_MAX) as u64;

pub(super) fn routes(node: &Arc<Node>) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let put = warp::path!("v1" / "records" / Segment / "evidence")
        .and(caller::put())
        .and(arriving(UPLOAD_BYTES_MAX))
        .and(with(node))
        .then(|id: Segment, body: Arriving, node: Arc<Node>| async move { answer(put(&node, &id, body)).await });
    let get = warp::path!("v1" / "records" / Segment / "evidence")
        .and(caller::get())
        .and(warp::header::optional::<String>("authorization"))
        .and(caller())
        .and(with(node))
        .then(|id: Segment, claim: Option<String>, caller: Arc<Caller>, node: Arc<Node>| async move {
            answer(get(node, &id, claim.as_deref(), &caller)).await
        });
    put.or(get).unify()
}

/// `PUT /v1/records/{id}/evidence`: salt and body. Who knows them is who made the commitment, so that nobody is asked who they
/// are.
///
/// 1. The record must stand in the published ledger and commit to something that was not erased, whose holder is admitted.
///    Nothing is read for others.
/// 2. Salt and body must be what it commits to.
/// 3. The holder must be within its quota: it is the holder's share that the body is kept in. What is kept already is not
///    counted again, whoever sends it.
/// 4. Keep them, synced, then answer.
async fn put(node: &Node, id: &str, body: Arriving) -> Result<Response, Error> {
    let id: RecordId = id.parse()?;
    let evidence::Claim { holder, commitment } = live_claim(&node.reader, &id)?;
    node.active_peer(&holder)?.ok_or_else(|| Error::UnknownPeer(holder.to_string()))?;
    let evidence = Evidence::from_bytes(body.finish().await?.to_vec())?;
    if evidence.commitment() != commitment {
        return Err(Error::OtherEvidence(id.to_string()));
    }
    if node.evidence.keeps(&holder, &commitment) {
        return Ok(kept(&id));
    }
    node.quotas.take(&holder, QuotaItem::Evidence, evidence.as_bytes().len(), now_ms())?;
    node.keep_evidence(Some(id), evidence).await?;
    Ok(kept(&id))
}

fn kept(id: &RecordId) -> Response {
    json(StatusCode::OK, &json!({ "id": id.to_string(), "kept": true }))
}

/// `GET /v1/records/{id}/evidence`: to admitted peers who sign that they ask.
async fn get(node: Arc<Node>, id: &str, claim: Option<&str>, caller: &Caller) -> Result<Response, Error> {
    let record: RecordId = id.parse()?;
    let claim = claim.and_then(SignedClaim::parse).ok_or(Error::Unsigned)?;
    let author = node.active_peer(&claim.peer)?.filter(|author| !author.imported);
    let author = author.ok_or_else(|| Error::UnknownPeer(claim.peer.to_string()))?;
    let question = EvidenceQuestion { network: &node.config.node.network, node: &node.config.node.domain, record };
    question.check(&claim, &author.key, now_ms())?;
    caller.link().note_known(&claim.peer);
    Ok(respond(StatusCode::OK, "application/octet-stream", node.evidence_of(&record)?.as_bytes().to_vec()))
}
