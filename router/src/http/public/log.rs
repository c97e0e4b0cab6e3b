//! C2SP `tlog-tiles`: this node's ledger below `/`, and its copies of others' below `/mirror/<peer>/`.

mod files;

use std::sync::Arc;

use ostrakon_ledger::{PeerName, tile::TilePath};
use warp::{
    Filter, Rejection,
    http::{HeaderValue, StatusCode, header},
    path::Tail,
    reply::Response,
};

use self::files::{File, Files};
use crate::{
    error::Error,
    http::{answer, problem::respond, with},
    node::Node,
};

/// A tile never changes, so a cache may keep it for as long as it likes.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// A checkpoint is outdated by the next batch.
const FRESH: HeaderValue = HeaderValue::from_static("no-cache");

pub(super) fn routes(node: &Arc<Node>) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let head = warp::path!("checkpoint")
        .and(warp::get())
        .and(with(node))
        .then(|node: Arc<Node>| async move { answer(async { Ok(checkpoint(node.checkpoint()?.to_string())) }).await });
    let files = Arc::new(Files::of(node.reader.clone()));
    let tiles = warp::path("tile").and(warp::path::tail()).and(warp::get()).and(takes_gzip()).then(
        move |path: Tail, gzip: bool| {
            let files = files.clone();
            answer(async move { tile(path.as_str(), |path| files.get(path, gzip)) })
        },
    );
    let copies = warp::path("mirror")
        .and(warp::path::param())
        .and(warp::path::tail())
        .and(warp::get())
        .and(takes_gzip())
        .and(with(node))
        .then(|peer: String, path: Tail, gzip: bool, node: Arc<Node>| async move {
            answer(async { copied(&node, &peer, path.as_str(), gzip) }).await
        });
    head.or(tiles).unify().or(copies).unify()
}

fn takes_gzip() -> impl Filter<Extract = (bool,), Error = Rejection> + Copy {
    warp::header::optional::<String>("accept-encoding")
        .map(|codings: Option<String>| codings.is_some_and(|codings| accepts_gzip(&codings)))
}

/// `GET /checkpoint`: of this node's ledger the latest one that the quorum of witnesses cosigned. Without witnesses, and before
/// they were first heard of after a start, as the ledger signed it. Of a copy the one whose entries are all in it.
fn checkpoint(note: String) -> Response {
    let mut response = respond(StatusCode::OK, "text/plain; charset=utf-8", note.into_bytes());
    response.headers_mut().insert(header::CACHE_CONTROL, FRESH);
    response
}

/// `GET /mirror/<peer>/…`: a file of the copy of a followed peer's ledger.
fn copied(node: &Node, peer: &str, path: &str, gzip: bool) -> Result<Response, Error> {
    let peer = PeerName::parse(peer)?;
    let reader = node.mirrors.reader(&peer).ok_or_else(|| Error::NotFollowed(peer.to_string()))?;
    match path.strip_prefix("tile/") {
        Some(path) => tile(path, |path| files::read(&reader, path, gzip)),
        None if path == "checkpoint" => Ok(checkpoint(reader.checkpoint())),
        None => Err(Error::NoSuchTile),
    }
}

/// `GET /tile/…`: tiles of hashes and bundles of entries, full or partial.
fn tile(path: &str, file: impl FnOnce(TilePath) -> Result<File, Error>) -> Result<Response, Error> {
    let path: TilePath = format!("tile/{path}").parse()?;
    let File { bytes, packed } = file(path)?;
    let mut response = respond(StatusCode::OK, "application/octet-stream", bytes);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, IMMUTABLE);
    if matches!(path, TilePath::Entries { .. }) {
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// Whether an `Accept-Encoding` header names gzip without refusing it.
fn accepts_gzip(codings: &str) -> bool {
    codings.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip")) && !parts.any(|q| q == "q=0" || q == "q=0.0")
    })
}
