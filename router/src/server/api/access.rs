//! Who may ask what on the local listener.
//!
//! Where a request comes from proves nothing about who sent it. Loopback is shared by all users of a machine, by containers with
//! the host's network, and by every web page that a browser on it shows: a page can send requests to `127.0.0.1`, and can give its
//! own name that address (DNS rebinding). So a request over TCP
//!
//! 1. names this machine by address, as `localhost` or by a name of `listen.local_names`: a rebound page names itself
//! 2. carries no trace of another web page: `Origin` is the host that is asked, `Sec-Fetch-Site` is `same-origin` or `none`
//! 3. carries the token, unless its route is open here
//! 4. has a body of a type that a page cannot send without asking first (and nobody here says yes)
//!
//! Over the UNIX socket the file's permissions have proven who it is, and there is no host: 2 and 4 are left.
//!
//! What a route needs is one line of [`ROUTES`]. A path without a line needs the token.

mod routes;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, sync::Arc};

use warp::{
    Filter, Rejection,
    host::Authority,
    http::{HeaderMap, header},
};

use self::routes::needs;
pub use self::routes::{Needs, ROUTES, RouteRule};
use super::problem::Refused;
use crate::{
    config::{HostName, ListenSection, Token},
    error::Error,
};

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Over TCP, from wherever the listener can be reached.
    Tcp,
    /// Over the UNIX socket, from a program of the node's user.
    Unix,
}

/// The rules of a local listener.
#[derive(Debug)]
pub struct Access {
    transport: Transport,
    tokens: Vec<Token>,
    open: bool,
    names: BTreeSet<HostName>,
}

/// What the rules look at.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The path, as sent.
    pub path: &'a str,
    /// The host that the request is for: of its target, or else of its `Host`; where there are both they agree.
    pub host: Option<&'a Authority>,
    /// All headers.
    pub headers: &'a HeaderMap,
}

impl Access {
    /// The rules for requests that come by `transport`. The token of the node's folder is good, and so is the configured one.
    pub fn new(transport: Transport, listen: &ListenSection, token: impl Into<Option<Token>>) -> Self {
        let tokens = token.into().into_iter().chain(listen.local_token.clone()).collect();
        let open = listen.open && listen.local.ip().is_loopback();
        Self { transport, tokens, open, names: listen.local_names.clone() }
    }

    /// Whether the request may go on, by the four rules above, in their order.
    ///
    /// # Errors
    /// [`Error::NoHost`], [`Error::ForeignHost`], [`Error::ForeignOrigin`], [`Error::Unauthorised`], [`Error::WrongToken`],
    /// [`Error::UnsupportedType`]
    pub fn decide(&self, asked: Asked<'_>) -> Result<(), Error> {
        if self.transport == Transport::Tcp {
            self.check_host(asked)?;
        }
        check_origin(asked)?;
        if self.transport == Transport::Tcp && self.wants_token(asked.path) && !self.has_token(asked.headers) {
            let has_bearer = bearer(asked.headers).is_some();
            return Err(if has_bearer { Error::WrongToken } else { Error::Unauthorised });
        }
        check_type(asked)
    }

    fn check_host(&self, asked: Asked<'_>) -> Result<(), Error> {
        if asked.headers.get_all(header::HOST).iter().count() > 1 {
            return Err(Error::NoHost);
        }
        let host = asked.host.ok_or(Error::NoHost)?;
        let is_v6 = host.host().starts_with('[');
        let is_ours = |name: HostName| name.is_address() || name.is_localhost() || self.names.contains(&name);
        if is_v6 && is_v6_address(host.host()) || HostName::parse(host.host()).is_ok_and(is_ours) {
            return Ok(());
        }
        Err(Error::ForeignHost(host.host().to_owned()))
    }

    fn wants_token(&self, path: &str) -> bool {
        match needs(path) {
            Needs::Nothing => false,
            Needs::TokenUnlessOpen => !self.open,
            Needs::Token => true,
        }
    }

    /// Whether the one `Authorization` header carries a token that is good here. Schemes have no case (RFC 9110, 11.1).
    fn has_token(&self, headers: &HeaderMap) -> bool {
        bearer(headers).is_some_and(|given| self.tokens.iter().any(|token| token.matches(given)))
    }
}

/// The token that the one `Authorization` header carries.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, given) = only(headers, header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| given.trim())
}

fn is_v6_address(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    inner.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
}

/// A browser says where the page comes from that makes it ask. `Origin: null` is a page that does not say.
fn check_origin(asked: Asked<'_>) -> Result<(), Error> {
    let is_here = |origin: &str| {
        let from = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        from.zip(asked.host).is_some_and(|(from, host)| from.eq_ignore_ascii_case(host.as_str()))
    };
    let is_same = |site: &str| matches!(site, "same-origin" | "none");
    let all = |name: &str, good: &dyn Fn(&str) -> bool| {
        asked.headers.get_all(name).iter().all(|value| value.to_str().is_ok_and(good))
    };
    if all("origin", &is_here) && all("sec-fetch-site", &is_same) { Ok(()) } else { Err(Error::ForeignOrigin) }
}

/// Forms and `fetch` without a preflight send three types of body, and these are not among them.
fn check_type(asked: Asked<'_>) -> Result<(), Error> {
    let length = asked.headers.get(header::CONTENT_LENGTH);
    let has_body = asked.headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|length| length != "0");
    if !has_body {
        return Ok(());
    }
    let types = routes::body_types(asked.path);
    let essence = only(asked.headers, header::CONTENT_TYPE).and_then(|value| value.split(';').next());
    if essence.is_some_and(|essence| types.iter().any(|wanted| essence.trim().eq_ignore_ascii_case(wanted))) {
        return Ok(());
    }
    Err(Error::UnsupportedType(types[0]))
}

/// The value of a header that stands there once.
fn only(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { value.to_str().ok() }
}

/// Lets a request through that may go on.
pub(super) fn allowed(access: Arc<Access>) -> impl Filter<Extract = (), Error = Rejection> + Clone + use<> {
    warp::host::optional()
        .and(warp::path::full())
        .and(warp::header::headers_cloned())
        .and_then(move |host: Option<Authority>, path: warp::path::FullPath, headers: HeaderMap| {
            let decided = access.decide(Asked { path: path.as_str(), host: host.as_ref(), headers: &headers });
            async move { decided.map_err(|error| warp::reject::custom(Refused(error))) }
        })
        .untuple_one()
}
