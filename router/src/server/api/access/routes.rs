//! Every route of the local listener, and what it needs.

/// What a route needs of a request that comes over TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Orchestrators ask without knowing anything: whether the node lives, and whether it is ready.
    Nothing,
    /// What adapters and collectors of metrics ask: the token, unless `listen.open` is true on a loopback address.
    TokenUnlessOpen,
    /// What changes state or reads people's data: the token.
    Token,
}

/// One route.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The method.
    pub method: &'static str,
    /// The path; `{}` stands for a segment.
    pub path: &'static str,
    /// What it needs. All methods of a path need the same.
    pub needs: Needs,
}

const fn route(method: &'static str, path: &'static str, needs: Needs) -> Route {
    Route { method, path, needs }
}

/// The body of this route is bytes.
const EVIDENCE: &str = "/v1/own/evidence";

/// All of them. A path that does not stand here needs the token.
pub const ROUTES: &[Route] = &[
    route("GET", "/healthz", Needs::Nothing),
    route("GET", "/readyz", Needs::Nothing),
    route("POST", "/v1/check", Needs::TokenUnlessOpen),
    route("POST", "/v1/feedback", Needs::TokenUnlessOpen),
    route("GET", "/metrics", Needs::TokenUnlessOpen),
    route("GET", "/v1/about", Needs::TokenUnlessOpen),
    route("GET", "/v1/subjects/{}", Needs::Token),
    route("GET", "/v1/decisions/{}", Needs::Token),
    route("GET", "/v1/peers", Needs::Token),
    route("POST", "/v1/peers", Needs::Token),
    route("GET", "/v1/peers/{}", Needs::Token),
    route("POST", "/v1/peers/{}/follow", Needs::Token),
    route("POST", "/v1/peers/{}/unfollow", Needs::Token),
    route("POST", "/v1/peers/{}/expel", Needs::Token),
    route("POST", "/v1/own/{}", Needs::Token),
    route("POST", "/v1/imports", Needs::Token),
    route("POST", "/v1/imports/withdrawals", Needs::Token),
    route("GET", "/v1/records/{}/evidence", Needs::Token),
    route("GET", "/v1/holds", Needs::Token),
    route("GET", "/v1/holds/{}", Needs::Token),
    route("POST", "/v1/holds/{}/{}", Needs::Token),
    route("GET", "/v1/queue", Needs::Token),
    route("GET", "/v1/dead", Needs::Token),
    route("POST", "/v1/dead/{}/retry", Needs::Token),
];

/// What requests for `path` need. Only exact paths are open, so that no way to write another path makes it one of them.
pub(super) fn needs(path: &str) -> Needs {
    ROUTES.iter().find(|route| route.path == path).map_or(Needs::Token, |route| route.needs)
}

/// The media types of bodies for `path`.
pub(super) fn body_types(path: &str) -> &'static [&'static str] {
    if path == EVIDENCE { &["application/octet-stream", "application/json"] } else { &["application/json"] }
}
