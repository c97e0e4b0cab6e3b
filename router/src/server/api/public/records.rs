//! `/v1/records/…`: a record as its author signed it, and the proof that it is in the ledger.

use std::sync::Arc;

use ostrakon_ledger::{Effect, RecordId};
use serde_json::{json, value::RawValue};
use warp::{Filter, Rejection, http::StatusCode, reply::Response};

use crate::{
    error::Error,
    flow::rebuttals::CopiedFrom,
    server::{
        api::{
            answer,
            caller::get,
            problem::{json, respond},
            segment::Segment,
            with,
        },
        node::Node,
    },
};

/// Both, by record id.
pub(super) fn routes(node: &Arc<Node>) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let record = warp::path!("v1" / "records" / Segment)
        .and(get())
        .and(with(node))
        .then(|id: Segment, node: Arc<Node>| async move { answer(async { record(&node, &id) }).await });
    let receipt = warp::path!("v1" / "records" / Segment / "receipt")
        .and(get())
        .and(with(node))
        .then(|id: Segment, node: Arc<Node>| async move { answer(async { receipt(&node, &id) }).await });
    record.or(receipt).unify()
}

/// Where a record's receipt is.
pub(super) fn receipt_path(id: &RecordId) -> String {
    format!("/v1/records/{id}/receipt")
}

/// `GET /v1/records/{id}`: where it stands, when it came, and its envelope.
fn record(node: &Node, id: &str) -> Result<Response, Error> {
    let id: RecordId = id.parse()?;
    let missing = || Error::NoSuchRecord(id.to_string());
    let index = node.reader.record(&id)?.ok_or_else(missing)?;
    let entry = node.reader.entry(index)?.ok_or_else(missing)?;
    let envelope = String::from_utf8(entry.record.to_envelope()).ok().and_then(|text| RawValue::from_string(text).ok());
    Ok(json(
        StatusCode::OK,
        &json!({
            "id": id.to_string(),
            "index": index,
            "type": entry.record.kind().as_str(),
            "received_at_ms": entry.received_at_ms,
            "copied_from": entry.provenance.as_ref().map(CopiedFrom::new),
            "in_force": entry.effect == Effect::InForce,
            "envelope": envelope,
            "receipt": receipt_path(&id),
        }),
    ))
}

/// `GET /v1/records/{id}/receipt`: a C2SP `tlog-proof` under the latest cosigned checkpoint that covers the record, or else
/// under the one that the ledger signed last.
fn receipt(node: &Node, id: &str) -> Result<Response, Error> {
    let id: RecordId = id.parse()?;
    let receipt = match node.reader.receipt_under(&id, &node.checkpoint()?)? {
        Some(receipt) => receipt,
        None => node.reader.receipt(&id)?.ok_or_else(|| Error::NoSuchRecord(id.to_string()))?,
    };
    Ok(respond(StatusCode::OK, "text/plain; charset=utf-8", receipt.to_string().into_bytes()))
}
