//! C2SP `tlog-witness`: `POST /witness/add-checkpoint`, and what monitors read.

use std::sync::Arc;

use ostrakon_ledger::{WitnessRefusal, witness::REQUEST_BYTES_MAX};
use warp::{
    Filter, Rejection,
    http::{HeaderValue, StatusCode, header},
    reply::Response,
};

use crate::{
    error::Error,
    server::{
        api::{
            answer,
            body::{Whole, whole},
            caller::{get, post},
            problem::respond,
            segment::Segment,
            with,
        },
        node::Node,
        witness::WitnessDesk,
    },
};

const TEXT: &str = "text/plain; charset=utf-8";

/// Both, if this node is a witness.
pub(super) fn routes(node: &Arc<Node>) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let desk = desk(node);
    let add = warp::path!("witness" / "add-checkpoint")
        .and(post())
        .and(desk.clone())
        .and(with(node))
        .and(whole(REQUEST_BYTES_MAX as u64))
        .then(|desk: WitnessDesk, node: Arc<Node>, body: Whole| async move {
            answer(add_checkpoint(&desk, &node, &body)).await
        });
    let read = warp::path!("witness" / Segment / "checkpoint")
        .and(get())
        .and(desk)
        .then(|log: Segment, desk: WitnessDesk| async move { answer(async { checkpoint(&desk, &log) }).await });
    add.or(read).unify()
}

fn desk(node: &Arc<Node>) -> impl Filter<Extract = (WitnessDesk,), Error = Rejection> + Clone + use<> {
    let desk = node.witness.clone();
    warp::any()
        .map(move || desk.clone())
        .and_then(|desk: Option<WitnessDesk>| async move { desk.ok_or_else(warp::reject::not_found) })
}

/// `POST /witness/add-checkpoint`: the cosignature, or the status that says why not. A log that signed two trees of one size is
/// convicted in this node's ledger, if it is the ledger of a peer that was admitted.
async fn add_checkpoint(desk: &WitnessDesk, node: &Node, body: &[u8]) -> Result<Response, Error> {
    let answer = desk.add_checkpoint(body).await?;
    if let Err(WitnessRefusal::Forked(notes)) = &answer {
        node.convict_log(&notes.0, &notes.1).await;
    }
    Ok(match answer {
        Ok(line) => respond(StatusCode::OK, TEXT, format!("{line}\n").into_bytes()),
        // The size by itself, for the log to go on from.
        Err(WitnessRefusal::OtherSize(size)) => {
            let mut response = respond(StatusCode::CONFLICT, TEXT, format!("{size}\n").into_bytes());
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/x.tlog.size"));
            response
        }
        Err(refusal) => {
            let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
            respond(status, TEXT, format!("{refusal}\n").into_bytes())
        }
    })
}

/// `GET /witness/<lower-case hex SHA-256 of the origin>/checkpoint`: the last note cosigned, for monitors.
fn checkpoint(desk: &WitnessDesk, log: &str) -> Result<Response, Error> {
    let id: Option<[u8; 32]> = hex::decode(log).ok().and_then(|id| id.try_into().ok());
    let id = id.filter(|id| hex::encode(id) == log).ok_or(Error::NoSuchTile)?;
    let note = desk.last_cosigned(&id)?.ok_or(Error::NoSuchTile)?;
    Ok(respond(StatusCode::OK, TEXT, note.into_bytes()))
}
