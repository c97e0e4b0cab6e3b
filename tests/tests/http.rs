//! HTTP as ordinary clients speak it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use ostrakon_tests::{TestNode, hostile::Raw, node::OPEN_POLICY};
use serde_json::Value;

const CHECK: &str =
    r#"{"id":"m1","peer":"a.example","sender":"x@a.example","recipients":["u@node.example"],"kind":"mail","size":10}"#;

fn ask(url: &str, request: &str) -> (String, String) {
    let mut connection = Raw::connect(url);
    connection.send(request.as_bytes());
    connection.answer()
}

#[test]
fn bodies_need_no_length_and_have_the_same_bounds() {
    let node = TestNode::serving(OPEN_POLICY, "");
    let chunked = |body: &str| {
        let head = "POST /v1/check HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
        let chunks: String = body.as_bytes().chunks(7).fold(String::new(), |all, chunk| {
            format!("{all}{:x}\r\n{}\r\n", chunk.len(), std::str::from_utf8(chunk).unwrap())
        });
        ask(node.local(), &format!("{head}\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"))
    };
    let (head, body) = chunked(CHECK);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}{body}");
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["verdict"], "accept");
    let (head, body) = chunked("{}");
    assert!(head.starts_with("HTTP/1.1 400"), "{head}{body}");
    let (head, body) = chunked(&" ".repeat(140 << 10));
    assert!(head.starts_with("HTTP/1.1 413") && body.contains("too_large"), "{head}{body}");
    let long = "POST /v1/check HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9000000\r\n\r\n";
    let (head, body) = ask(node.local(), long);
    assert!(head.starts_with("HTTP/1.1 413") && body.contains("too_large"), "{head}{body}");
}

#[test]
fn head_is_get_without_a_body_and_405_says_what_is_allowed() {
    let node = TestNode::serving(OPEN_POLICY, "");
    let authorization = node.authorization();
    let check = |url: &str, method: &str, path: &str, status: &str, header: &str| {
        let mut connection = Raw::connect(url);
        let asked = format!("Host: localhost\r\nAuthorization: {authorization}\r\nConnection: close\r\n\r\n");
        connection.send(format!("{method} {path} HTTP/1.1\r\n{asked}").as_bytes());
        let (head, rest) = (connection.head().to_ascii_lowercase(), connection.rest());
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{method} {path}: {head}");
        assert!(head.contains(header), "{method} {path}: {head}");
        assert_eq!(rest.is_empty(), method == "HEAD", "{method} {path}: {rest}");
    };
    let (local, public) = (node.local(), node.public());
    check(local, "HEAD", "/healthz", "200", "content-length: 14");
    check(public, "HEAD", "/checkpoint", "200", "content-length: ");
    check(public, "HEAD", "/tile/0/000", "404", "content-length: ");
    check(local, "DELETE", "/healthz", "405", "allow: get, head\r\n");
    check(local, "GET", "/v1/check", "405", "allow: post\r\n");
    check(local, "PATCH", "/v1/peers", "405", "allow: get, head, post\r\n");
    check(public, "OPTIONS", "/v1/votes", "405", "allow: post\r\n");
    check(public, "PUT", "/checkpoint", "405", "allow: get, head\r\n");
    check(public, "POST", &format!("/v1/records/{}/evidence", "0".repeat(64)), "405", "allow: get, head, put\r\n");
    check(local, "GET", "/nowhere", "404", "content-type");
}

#[test]
fn segments_of_paths_may_be_percent_encoded_and_flags_need_no_value() {
    let node = TestNode::serving(OPEN_POLICY, "");
    let plain = node.get("/v1/subjects/peer:a.example");
    assert_eq!(plain.status, 200, "{plain:?}");
    assert_eq!(node.get("/v1/subjects/peer%3Aa.example").status, 200);
    assert_eq!(node.get("/v1/subjects/peer%3aa%2Eexample").status, 200);
    assert_eq!(node.get("/v1/subjects/peer%253Aa.example").status, 400, "decoded once");
    let keys = |query: &str| {
        let answer = node.get(&format!("/v1/subjects/peer:a.example{query}"));
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
        answer.body.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    let (whole, redacted) = (keys(""), keys("?redacted=true"));
    assert_ne!(redacted, whole);
    for flag in ["redacted", "redacted=", "redacted=1"] {
        assert_eq!(keys(&format!("?{flag}")), redacted, "{flag}");
    }
    for flag in ["redacted=0", "redacted=false"] {
        assert_eq!(keys(&format!("?{flag}")), whole, "{flag}");
    }
    let unknown = node.get("/v1/subjects/peer:a.example?redact=1");
    assert_eq!(unknown.status, 400);
    assert!(unknown.body.to_string().contains("known"), "{unknown:?}");
}
