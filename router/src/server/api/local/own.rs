//! What this node says of its own: votes, retractions, rebuttals, erasures, a new key, and the evidence beside them.

use std::sync::Arc;

use ostrakon_ledger::{Appended, Evidence, RecordId, evidence::BODY_BYTES_MAX, evidence::SALT_BYTES};
use serde::Deserialize;
use serde_json::json;
use warp::{Filter, Rejection, http::StatusCode, reply::Response};

use super::{IMPORT_BYTES_MAX, SMALL_BYTES_MAX, parse};
use crate::{
    error::Error,
    flow::registrar::{OwnVote, Rebuttal, Statement, Withdrawal},
    import::SourceVote,
    server::{
        api::{
            answer,
            body::{Whole, whole},
            caller::{get, post},
            problem::{json, respond},
            segment::Segment,
            with,
        },
        node::Node,
    },
};

pub(super) fn routes(node: &Arc<Node>) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let said = warp::path!("v1" / "own" / Segment)
        .and(post())
        .and(whole((SALT_BYTES + BODY_BYTES_MAX) as u64))
        .and(with(node))
        .then(|what: Segment, body: Whole, node: Arc<Node>| async move { answer(say(&node, &what, &body)).await });
    let import = warp::path!("v1" / "imports")
        .and(post())
        .and(whole(IMPORT_BYTES_MAX))
        .and(with(node))
        .then(|body: Whole, node: Arc<Node>| async move { answer(import(&node, &body)).await });
    let evidence = warp::path!("v1" / "records" / Segment / "evidence")
        .and(get())
        .and(with(node))
        .then(|id: Segment, node: Arc<Node>| async move { answer(async { read(&node, &id) }).await });
    let withdraw = warp::path!("v1" / "imports" / "withdrawals")
        .and(post())
        .and(whole(IMPORT_BYTES_MAX))
        .and(with(node))
        .then(|body: Whole, node: Arc<Node>| async move { answer(withdraw(&node, &body)).await });
    said.or(import).unify().or(withdraw).unify().or(evidence).unify()
}

/// `POST /v1/own/…`: one statement, signed and durable when it is answered.
async fn say(node: &Node, what: &str, body: &[u8]) -> Result<Response, Error> {
    if what == "evidence" {
        return keep(node, body).await;
    }
    if body.len() as u64 > SMALL_BYTES_MAX {
        return Err(Error::BadRequest("the body is larger than a statement".into()));
    }
    let appended = match what {
        "votes" => node.sequencer.say(Statement::Vote(parse::<OwnVote>(body)?)).await?,
        "retractions" => node.sequencer.say(Statement::Retract(named(body)?)).await?,
        "rebuttals" => node.sequencer.say(Statement::Rebut(parse::<Rebuttal>(body)?)).await?,
        "erasures" => node.erase(named(body)?).await?,
        "rotations" => node.rotate().await?,
        _ => return Err(Error::BadRequest(format!("a node does not say `{what}`"))),
    };
    Ok(told(&appended))
}

/// `POST /v1/own/evidence`: keeps salt and body before the record that will commit to them is signed.
async fn keep(node: &Node, body: &[u8]) -> Result<Response, Error> {
    let evidence = Evidence::from_bytes(body.to_vec())?;
    let commitment = evidence.commitment();
    node.keep_evidence(None, evidence).await?;
    Ok(json(StatusCode::OK, &json!({ "commitment": commitment.to_string() })))
}

/// `GET /v1/records/{id}/evidence`: to the operator.
fn read(node: &Node, id: &str) -> Result<Response, Error> {
    let evidence = node.evidence_of(&id.parse()?)?;
    Ok(respond(StatusCode::OK, "application/octet-stream", evidence.as_bytes().to_vec()))
}

/// `POST /v1/imports`: a chunk of rows of a third party's list.
async fn import(node: &Node, body: &[u8]) -> Result<Response, Error> {
    let rows: Vec<SourceVote> = parse(body)?;
    Ok(json(StatusCode::OK, &node.sequencer.import(rows).await?))
}

/// `POST /v1/imports/withdrawals`: takes back what an imported source said, some of it at a time.
async fn withdraw(node: &Node, body: &[u8]) -> Result<Response, Error> {
    let what: Withdrawal = parse(body)?;
    Ok(json(StatusCode::OK, &node.sequencer.withdraw(what).await?))
}

fn named(body: &[u8]) -> Result<RecordId, Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Request {
        id: String,
    }
    Ok(parse::<Request>(body)?.id.parse()?)
}

fn told(appended: &Appended) -> Response {
    json(StatusCode::OK, &json!({ "id": appended.id.to_string(), "index": appended.index }))
}
