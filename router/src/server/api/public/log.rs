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

use self::files::{File, FileReads, Files};
use crate::{
    error::Error,
    server::{
        api::{
            answer,
            caller::{Caller, caller, get},
            connections::Link,
            problem::respond,
            segment::Segment,
            with,
        },
        node::Node,
    },
};

/// A tile never changes, so a cache may keep it for as long as it likes.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// A checkpoint is outdated by the next batch.
const FRESH: HeaderValue = HeaderValue::from_static("no-cache");

pub(super) fn routes(node: &Arc<Node>) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    let head = warp::path!("checkpoint")
        .and(get())
        .and(with(node))
        .then(|node: Arc<Node>| async move { answer(async { Ok(checkpoint(node.checkpoint()?.to_string())) }).await });
    let files = Arc::new(Files::of(node.reader.clone()));
    let reading = FileReads::new();
    let of_copies = reading.clone();
    let tiles = warp::path("tile").and(warp::path::tail()).and(get()).and(takes_gzip()).and(caller()).then(
        move |path: Tail, gzip: bool, caller: Arc<Caller>| {
            let (files, reading) = (files.clone(), reading.clone());
            answer(async move {
                let path = tile_path(path.as_str())?;
                let file = match files.kept(path, gzip) {
                    Some(file) => file,
                    None => reading.read(caller.link(), move || files.get(path, gzip)).await?,
                };
                Ok(tile(path, file))
            })
        },
    );
    let copies = warp::path("mirror")
        .and(warp::path::param())
        .and(warp::path::tail())
        .and(get())
        .and(takes_gzip())
        .and(caller())
        .and(with(node))
        .then(move |peer: Segment, path: Tail, gzip: bool, caller: Arc<Caller>, node: Arc<Node>| {
            let reading = of_copies.clone();
            answer(async move { copied(&node, &peer, path.as_str(), gzip, (&reading, caller.link())).await })
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
async fn copied(
    node: &Node,
    peer: &str,
    path: &str,
    gzip: bool,
    (reading, link): (&FileReads, &Link),
) -> Result<Response, Error> {
    let peer = PeerName::parse(peer)?;
    let reader = node.mirrors.reader(&peer).ok_or_else(|| Error::NotFollowed(peer.to_string()))?;
    match path.strip_prefix("tile/") {
        Some(path) => {
            let path = tile_path(path)?;
            Ok(tile(path, reading.read(link, move || files::read(&reader, path, gzip)).await?))
        }
        None if path == "checkpoint" => Ok(checkpoint(reader.checkpoint())),
        None => Err(Error::NoSuchTile),
    }
}

/// `GET /tile/…`: tiles of hashes and bundles of entries, full or partial.
fn tile(path: TilePath, file: File) -> Response {
    let File { bytes, packed, uncounted } = file;
    let mut response = respond(StatusCode::OK, "application/octet-stream", bytes);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, IMMUTABLE);
    if matches!(path, TilePath::Entries { .. }) {
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if let Some(uncounted) = uncounted {
        response.extensions_mut().insert(uncounted);
    }
    response
}

fn tile_path(path: &str) -> Result<TilePath, Error> {
    Ok(format!("tile/{path}").parse()?)
}

/// Whether an `Accept-Encoding` header names gzip without refusing it.
fn accepts_gzip(codings: &str) -> bool {
    codings.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip")) && !parts.any(is_refusal)
    })
}

/// Whether a parameter is the quality zero, in any of the ways to write it: `q=0`, `Q = 0.000`.
fn is_refusal(parameter: &str) -> bool {
    let Some((name, quality)) = parameter.split_once('=') else { return false };
    let digits = quality.trim();
    name.trim().eq_ignore_ascii_case("q")
        && digits.starts_with('0')
        && digits.bytes().all(|digit| b"0.".contains(&digit))
}

#[cfg(test)]
mod tests {
    use super::accepts_gzip;

    #[track_caller]
    fn check(codings: &str, accepts: bool) {
        assert_eq!(accepts_gzip(codings), accepts, "{codings:?}");
    }

    /// RFC 9110, 12.4.2 and 12.5.3: a coding with the quality zero is not acceptable.
    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        check("gzip", true);
        check("deflate, GZIP;q=0.5", true);
        check("gzip;q=1", true);
        check("gzip;q=0.001", true);
        check("br, gzip ; q = 0", false);
        check("gzip;Q=0.000", false);
        check("identity", false);
        check("", false);
    }
}
