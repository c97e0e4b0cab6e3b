use std::net::SocketAddr;

use warp::http::{HeaderName, HeaderValue};

use super::*;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const CONFIGURED: &str = "configured-token-0123";

fn access(transport: Transport, local: &str, open: bool) -> Access {
    let local: SocketAddr = local.parse().unwrap();
    let local_names = BTreeSet::from([HostName::parse("ostrakon.internal").unwrap()]);
    let local_token = Some(Token::parse(CONFIGURED).unwrap());
    let listen = ListenSection { local, open, local_names, local_token, ..ListenSection::default() };
    Access::new(transport, &listen, Token::parse(TOKEN).unwrap())
}

/// What `access` answers a request for `path`, with these lines of headers: a code, or `ok`.
fn answer(access: &Access, path: &str, lines: &[&str]) -> &'static str {
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
    }
    let host: Option<Authority> = headers.get("host").map(|host| host.to_str().unwrap().parse().unwrap());
    let decided = access.decide(Asked { path, host: host.as_ref(), headers: &headers });
    decided.map_or_else(|error| error.code(), |()| "ok")
}

#[test]
fn over_tcp_a_request_names_this_machine() {
    let access = access(Transport::Tcp, "127.0.0.1:7401", true);
    for (host, code) in [
        ("127.0.0.1:7401", "ok"),
        ("127.0.0.1", "ok"),
        ("192.0.2.7:7401", "ok"),
        ("[::1]:7401", "ok"),
        ("[fe80::1]", "ok"),
        ("localhost:7401", "ok"),
        ("LocalHost", "ok"),
        ("localhost.", "ok"),
        ("node.localhost:7401", "ok"),
        ("ostrakon.internal:7401", "ok"),
        ("Ostrakon.Internal", "ok"),
        ("evil.example", "foreign_host"),
        ("rebind.evil.example:7401", "foreign_host"),
        ("127.0.0.1.evil.example", "foreign_host"),
        ("localhost.evil.example", "foreign_host"),
        ("notlocalhost", "foreign_host"),
        ("x.ostrakon.internal", "foreign_host"),
        ("127.1", "foreign_host"),
        ("2130706433", "foreign_host"),
        ("0x7f.1", "foreign_host"),
        ("127.0.0.1@evil.example", "foreign_host"),
    ] {
        for path in ["/healthz", "/v1/check", "/v1/peers"] {
            let answer = answer(&access, path, &[&format!("host: {host}"), &format!("authorization: Bearer {TOKEN}")]);
            assert_eq!(answer, code, "{host} {path}");
        }
    }
    assert_eq!(answer(&access, "/healthz", &[]), "no_host");
    assert_eq!(answer(&access, "/healthz", &["host: localhost", "host: evil.example"]), "no_host");
}

#[test]
fn a_page_of_another_origin_is_not_answered_whatever_it_knows() {
    let bearer = format!("authorization: Bearer {TOKEN}");
    for (trace, code) in [
        ("origin: http://127.0.0.1:7401", "ok"),
        ("origin: https://127.0.0.1:7401", "ok"),
        ("sec-fetch-site: same-origin", "ok"),
        ("sec-fetch-site: none", "ok"),
        ("origin: null", "foreign_origin"),
        ("origin: ", "foreign_origin"),
        ("origin: https://evil.example", "foreign_origin"),
        ("origin: http://127.0.0.1:3000", "foreign_origin"),
        ("origin: http://127.0.0.1", "foreign_origin"),
        ("origin: http://localhost:7401", "foreign_origin"),
        ("origin: http://192.0.2.66:7401", "foreign_origin"),
        ("origin: chrome-extension://127.0.0.1:7401", "foreign_origin"),
        ("origin: 127.0.0.1:7401", "foreign_origin"),
        ("sec-fetch-site: cross-site", "foreign_origin"),
        ("sec-fetch-site: same-site", "foreign_origin"),
        ("sec-fetch-site: Cross-Site", "foreign_origin"),
        ("sec-fetch-site: new-word", "foreign_origin"),
    ] {
        for transport in [Transport::Tcp, Transport::Unix] {
            let access = access(transport, "127.0.0.1:7401", true);
            for path in ["/healthz", "/v1/check", "/v1/peers"] {
                let answer = answer(&access, path, &["host: 127.0.0.1:7401", &bearer, trace]);
                assert_eq!(answer, code, "{trace} {path} {transport:?}");
            }
        }
    }
    let (tcp, host) = (access(Transport::Tcp, "127.0.0.1:7401", true), "host: 127.0.0.1:7401");
    let two = [host, "origin: http://127.0.0.1:7401", "origin: https://evil.example"];
    assert_eq!(answer(&tcp, "/v1/check", &two), "foreign_origin");
}

#[test]
fn the_token_is_one_bearer_of_any_case() {
    let access = access(Transport::Tcp, "127.0.0.1:7401", true);
    for (given, code) in [
        (vec![format!("Bearer {TOKEN}")], "ok"),
        (vec![format!("bearer {TOKEN}")], "ok"),
        (vec![format!("BEARER   {TOKEN} ")], "ok"),
        (vec![format!("Bearer {CONFIGURED}")], "ok"),
        (vec![], "unauthorised"),
        (vec![String::new()], "unauthorised"),
        (vec!["Bearer".to_owned()], "unauthorised"),
        (vec!["Bearer ".to_owned()], "unauthorised"),
        (vec![TOKEN.to_owned()], "unauthorised"),
        (vec![format!("Basic {TOKEN}")], "unauthorised"),
        (vec![format!("Bearer {}", &TOKEN[1..])], "unauthorised"),
        (vec![format!("Bearer {TOKEN}0")], "unauthorised"),
        (vec![format!("Bearer {}", TOKEN.to_uppercase())], "unauthorised"),
        (vec![format!("Bearer {TOKEN}"), format!("Bearer {TOKEN}")], "unauthorised"),
    ] {
        let lines: Vec<_> = given.iter().map(|value| format!("authorization: {value}")).collect();
        let lines: Vec<_> = std::iter::once("host: localhost").chain(lines.iter().map(String::as_str)).collect();
        assert_eq!(answer(&access, "/v1/peers", &lines), code, "{given:?}");
    }
}

#[test]
fn without_the_token_only_open_routes_answer() {
    let cases = [
        (access(Transport::Tcp, "127.0.0.1:1", true), [true, true, false]),
        (access(Transport::Tcp, "[::1]:1", true), [true, true, false]),
        (access(Transport::Tcp, "127.0.0.1:1", false), [true, false, false]),
        (access(Transport::Tcp, "0.0.0.0:1", true), [true, false, false]),
        (access(Transport::Tcp, "192.0.2.7:1", true), [true, false, false]),
        (access(Transport::Unix, "0.0.0.0:1", false), [true, true, true]),
    ];
    for (access, answered) in cases {
        for route in ROUTES {
            let at = [Needs::Nothing, Needs::TokenUnlessOpen, Needs::Token].iter().position(|it| *it == route.needs);
            let wanted = if answered[at.unwrap()] { "ok" } else { "unauthorised" };
            let path = route.path.replace("{}", "x");
            assert_eq!(answer(&access, &path, &["host: localhost"]), wanted, "{path} {access:?}");
        }
    }
}

/// Other spellings of an open path are not that path.
#[test]
fn what_is_not_in_the_table_needs_the_token() {
    let access = access(Transport::Tcp, "127.0.0.1:7401", true);
    for path in
        ["/", "/v1", "/v1/checks/", "/v1/check/", "//v1/check", "/v1/%63heck", "/V1/check", "/v1/new", "/healthz/x"]
    {
        assert_eq!(answer(&access, path, &["host: localhost"]), "unauthorised", "{path}");
    }
}

#[test]
fn a_body_says_that_it_is_json() {
    let access = access(Transport::Tcp, "127.0.0.1:7401", true);
    let with = |path: &str, lines: &[&str]| answer(&access, path, &[&["host: localhost"], lines].concat());
    for (lines, code) in [
        (&["content-length: 0"][..], "ok"),
        (&[], "ok"),
        (&["content-length: 0", "content-type: text/plain"], "ok"),
        (&["content-length: 2", "content-type: application/json"], "ok"),
        (&["content-length: 2", "content-type: Application/JSON; charset=utf-8"], "ok"),
        (&["transfer-encoding: chunked", "content-type: application/json;x=y"], "ok"),
        (&["content-length: 2"], "unsupported_type"),
        (&["transfer-encoding: chunked"], "unsupported_type"),
        (&["content-length: 2", "content-type: text/plain"], "unsupported_type"),
        (&["content-length: 2", "content-type: text/plain; application/json"], "unsupported_type"),
        (&["content-length: 2", "content-type: application/x-www-form-urlencoded"], "unsupported_type"),
        (&["content-length: 2", "content-type: multipart/form-data; boundary=application/json"], "unsupported_type"),
        (&["content-length: 2", "content-type: application/json-patch+json"], "unsupported_type"),
        (&["content-length: 2", "content-type: application/octet-stream"], "unsupported_type"),
        (&["content-length: 2", "content-type: application/json", "content-type: text/plain"], "unsupported_type"),
    ] {
        assert_eq!(with("/v1/check", lines), code, "{lines:?}");
    }
    let bearer = format!("authorization: Bearer {TOKEN}");
    let bytes = [bearer.as_str(), "content-length: 2", "content-type: application/octet-stream"];
    assert_eq!(with("/v1/own/evidence", &bytes), "ok");
    assert_eq!(with("/v1/own/votes", &bytes), "unsupported_type");
}

#[test]
fn all_methods_of_a_path_need_the_same() {
    for route in ROUTES {
        assert!(ROUTES.iter().all(|other| other.path != route.path || other.needs == route.needs), "{}", route.path);
    }
}

/// The paths of the handlers, as they stand in their sources: `path!("v1" / "peers" / String)` is `/v1/peers/{}`.
fn handled() -> BTreeSet<String> {
    let sources = [include_str!("../local.rs"), include_str!("../local/own.rs"), include_str!("../local/waiting.rs")];
    let mut paths = BTreeSet::new();
    for part in sources.iter().flat_map(|source| source.split("path!(").skip(1)) {
        let segments = part.split_once(')').unwrap().0.split(" / ");
        let segment =
            |segment: &str| segment.strip_prefix('"').map_or("{}", |word| word.trim_end_matches('"')).to_owned();
        paths.insert(segments.map(|it| format!("/{}", segment(it))).collect::<String>());
    }
    paths
}

#[test]
fn every_route_has_its_line_and_every_line_its_route() {
    let listed: BTreeSet<_> = ROUTES.iter().map(|route| route.path.to_owned()).collect();
    assert_eq!(listed, handled());
}
