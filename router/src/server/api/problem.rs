//! The one shape of an error on the wire, and the one table from errors to HTTP statuses.

use std::convert::Infallible;

use ostrakon_ledger::Refusal;
use serde::Serialize;
use warp::{
    Rejection,
    http::{HeaderValue, StatusCode, header},
    hyper::body::Bytes,
    reply::Response,
};

use super::caller::WrongMethod;
use crate::{
    error::{Blame, Error},
    server::complaint::Complaint,
};

/// How long a client should wait when something of ours is full or stopped, seconds.
const RETRY_AFTER_S: u64 = 1;

#[derive(Serialize)]
struct Problem<'a> {
    error: Detail<'a>,
}

#[derive(Serialize)]
struct Detail<'a> {
    code: &'a str,
    message: String,
    blame: Blame,
    #[serde(flatten)]
    place: Option<Place>,
}

/// What stands in the place of what was refused: enough to go on from.
#[derive(Serialize)]
#[serde(untagged)]
enum Place {
    Next { expected_seq: u64, expected_prev: String },
    Taken { index: u64 },
    Decided { decision_id: String },
}

impl Place {
    fn of(error: &Error) -> Option<Self> {
        match error {
            Error::Refused(Refusal::OutOfSequence { expected_seq, expected_prev }) => {
                Some(Self::Next { expected_seq: *expected_seq, expected_prev: expected_prev.to_string() })
            }
            Error::Refused(Refusal::Conflict { index } | Refusal::AlreadyDone { index }) => {
                Some(Self::Taken { index: *index })
            }
            Error::IdReused { decision, .. } => Some(Self::Decided { decision_id: decision.clone() }),
            Error::Shared(error) => Self::of(error),
            _ => None,
        }
    }
}

/// The status that says what `error` means to an HTTP client.
pub fn status(error: &Error) -> StatusCode {
    match error {
        Error::Shared(error) => status(error),
        Error::Unauthorised | Error::Unsigned => StatusCode::UNAUTHORIZED,
        Error::UnknownPeer(_)
        | Error::Stale
        | Error::OtherEvidence(_)
        | Error::ForeignHost(_)
        | Error::ForeignOrigin => StatusCode::FORBIDDEN,
        Error::Quota { .. } | Error::ShareFull { .. } => StatusCode::TOO_MANY_REQUESTS,
        Error::UnsupportedType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Error::Erased(_) => StatusCode::GONE,
        Error::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Error::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
        Error::IdReused { .. } | Error::RouteGone(_) => StatusCode::CONFLICT,
        Error::NoSuchDecision
        | Error::NoSuchHold
        | Error::NoSuchDeadLetter
        | Error::NoSuchPeer(_)
        | Error::NoSuchViewpoint { .. }
        | Error::NotFollowed(_)
        | Error::NoSuchRecord(_)
        | Error::NoEvidence(_)
        | Error::NoSuchTile => StatusCode::NOT_FOUND,
        Error::Refused(_) | Error::Envelope(_) | Error::Request(_) => refusal_status(error.code()),
        _ => match error.blame() {
            Blame::Peer | Blame::Caller => StatusCode::BAD_REQUEST,
            Blame::Us => StatusCode::SERVICE_UNAVAILABLE,
        },
    }
}

/// What does not parse is 400; what parses and is not allowed is 403; a record out of its place is 409.
fn refusal_status(code: &str) -> StatusCode {
    match code {
        "too_large" => StatusCode::PAYLOAD_TOO_LARGE,
        "unknown_peer" | "wrong_key" | "bad_signature" | "not_owner" | "owners_record" | "not_author"
        | "not_accused" | "expelled" | "convicted" | "owner_stays" | "foreign_key" | "unproven" | "wrong_network" => {
            StatusCode::FORBIDDEN
        }
        "out_of_sequence" | "conflict" | "already_admitted" | "already_done" => StatusCode::CONFLICT,
        "unknown_target" => StatusCode::NOT_FOUND,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// `error` as a response.
pub fn problem(error: &Error) -> Response {
    let status = status(error);
    metrics::counter!("ostrakon_refused_requests_total", "code" => error.code()).increment(1);
    // Being busy is counted above: strangers who cause it must not write the log.
    static COMPLAINT: Complaint = Complaint::new();
    if error.blame() == Blame::Us
        && !matches!(error, Error::Busy | Error::Starting)
        && let Some(answers) = COMPLAINT.due()
    {
        tracing::warn!(code = error.code(), %error, answers, "answered with an error of ours");
    }
    let detail =
        Detail { code: error.code(), message: error.to_string(), blame: error.blame(), place: Place::of(error) };
    let mut answer = json(status, &Problem { error: detail });
    if let Error::Quota { wait_ms, .. } = error {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait_ms.div_ceil(1000)));
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
    }
    if let Some(challenge) = challenge(error) {
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    answer
}

/// How to prove who one is, where that was missing (RFC 9110, 11.6.1).
fn challenge(error: &Error) -> Option<HeaderValue> {
    match error {
        Error::Unauthorised => Some(HeaderValue::from_static("Bearer realm=\"ostrakon\"")),
        Error::Unsigned => Some(HeaderValue::from_static("Ostrakon realm=\"evidence\"")),
        _ => None,
    }
}

/// `value` as a JSON response.
pub fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => respond(status, "application/json", bytes),
        Err(error) => respond(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", error.to_string().into_bytes()),
    }
}

/// `bytes` as a response of type `content_type`.
pub fn respond(status: StatusCode, content_type: &'static str, bytes: impl Into<Bytes>) -> Response {
    let mut answer = Response::new(bytes.into().into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// What a filter turned away for this reason, before a handler saw it.
#[derive(Debug)]
pub(super) struct Refused(pub(super) Error);

impl warp::reject::Reject for Refused {}

/// What was turned away before a handler saw it: unknown paths, wrong methods, bodies that did not come.
pub async fn rejected(rejection: Rejection) -> Result<Response, Infallible> {
    let (status, code, message) = if rejection.is_not_found() {
        (
            StatusCode::NOT_FOUND,
            "no_such_path",
            "no such path on this listener; docs/adapters.md lists the local ones, docs/protocol.md the public ones",
        )
    } else if let Some(Refused(error)) = rejection.find() {
        return Ok(problem(error));
    } else if rejection.find::<warp::reject::InvalidQuery>().is_some() {
        (
            StatusCode::BAD_REQUEST,
            "bad_request",
            "the part of the address behind `?` has a key or a value that is not known",
        )
    } else if rejection.find::<WrongMethod>().is_some() {
        (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path does not take that method")
    } else {
        (StatusCode::BAD_REQUEST, "bad_request", "the request cannot be read")
    };
    let detail = Detail { code, message: message.into(), blame: Blame::Caller, place: None };
    Ok(json(status, &Problem { error: detail }))
}
