//! One request as our own filters and handlers see it: its body, its connection, and what its path would have taken.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU8, Ordering::Relaxed},
};

use warp::{
    Filter, Rejection,
    http::Method,
    hyper::body::{Body as _, Incoming},
};

use super::connections::Link;

/// Kept among the request's extensions: the body does not go through warp, which would collect it as it comes.
pub(super) struct Caller {
    link: Arc<Link>,
    body: Mutex<Option<Incoming>>,
    /// Methods that the path takes, one bit each.
    taken: AtomicU8,
}

/// Methods that paths take, in the order of their bits.
const METHODS: [(Method, &str); 4] =
    [(Method::GET, "GET, HEAD"), (Method::POST, "POST"), (Method::PUT, "PUT"), (Method::DELETE, "DELETE")];

impl Caller {
    pub(super) fn new(link: Arc<Link>, body: Incoming) -> Arc<Self> {
        Arc::new(Self { link, body: Mutex::new(Some(body)), taken: AtomicU8::new(0) })
    }

    pub(super) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// The body, for the first who asks.
    pub(super) fn take_body(&self) -> Option<Incoming> {
        self.lock().take()
    }

    /// Whether a body is on its way that nobody has asked for.
    pub(super) fn has_unread_body(&self) -> bool {
        self.lock().as_ref().is_some_and(|body| !body.is_end_stream())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Incoming>> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `Allow` says.
    pub(super) fn allowed(&self) -> String {
        let taken = self.taken.load(Relaxed);
        let names = METHODS.iter().enumerate().filter(|(bit, _)| taken & (1 << bit) != 0).map(|(_, (_, name))| *name);
        names.collect::<Vec<_>>().join(", ")
    }
}

/// The request.
pub(super) fn caller() -> impl Filter<Extract = (Arc<Caller>,), Error = Rejection> + Copy {
    warp::ext::get::<Arc<Caller>>()
}

/// The method is not one that this path takes.
#[derive(Debug)]
pub(super) struct WrongMethod;

impl warp::reject::Reject for WrongMethod {}

/// `GET` and `HEAD`. These stand behind a path, in place of warp's own, which cannot say what `Allow` has to list.
pub(super) fn get() -> impl Filter<Extract = (), Error = Rejection> + Copy {
    method(0)
}

/// `POST`
pub(super) fn post() -> impl Filter<Extract = (), Error = Rejection> + Copy {
    method(1)
}

/// `PUT`
pub(super) fn put() -> impl Filter<Extract = (), Error = Rejection> + Copy {
    method(2)
}

fn method(bit: u8) -> impl Filter<Extract = (), Error = Rejection> + Copy {
    warp::method()
        .and(caller())
        .and_then(move |method: Method, caller: Arc<Caller>| {
            caller.taken.fetch_or(1 << bit, Relaxed);
            let is_taken = METHODS[usize::from(bit)].0 == method;
            std::future::ready(if is_taken { Ok(()) } else { Err(warp::reject::custom(WrongMethod)) })
        })
        .untuple_one()
}
