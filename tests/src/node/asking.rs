//! One HTTP request and its answer.

use serde_json::Value;

use super::PATIENCE;

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: u16,
    /// The header, in seconds.
    pub retry_after_s: Option<u64>,
    pub body: Value,
}

/// Asks over connections that it keeps.
pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build().into()
}

/// GETs a URL.
pub fn get(url: &str) -> Answer {
    answer(agent().get(url).call())
}

/// The bytes that a GET brings, which must succeed.
pub fn get_bytes(url: &str) -> Vec<u8> {
    try_get_bytes(url).unwrap()
}

/// The bytes that a GET brings, or why it brings none.
///
/// # Errors
/// The transport's words, or the status.
pub fn try_get_bytes(url: &str) -> Result<Vec<u8>, String> {
    thread_local!(static AGENT: ureq::Agent = agent());
    let mut response = AGENT.with(|agent| agent.get(url).call()).map_err(|error| format!("{url}: {error}"))?;
    if response.status().as_u16() != 200 {
        return Err(format!("{url}: {}", response.status()));
    }
    response.body_mut().read_to_vec().map_err(|error| format!("{url}: {error}"))
}

/// The entries of a bundle.
pub fn bundle_entries(mut bundle: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = bundle.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at(usize::from(u16::from_be_bytes(*length)));
        bundle = rest;
        Some(entry)
    })
}

/// POSTs `body` as JSON.
pub fn post(url: &str, body: &[u8]) -> Answer {
    post_over(&agent(), url, body)
}

/// POSTs `body` as JSON over a connection that `agent` has, if there is one.
pub fn post_over(agent: &ureq::Agent, url: &str, body: &[u8]) -> Answer {
    answer(agent.post(url).content_type("application/json").send(body))
}

/// PUTs bytes.
pub fn put(url: &str, body: &[u8]) -> Answer {
    answer(agent().put(url).send(body))
}

/// POSTs text: status, content type and body of the answer.
pub fn post_text(url: &str, body: &[u8]) -> (u16, String, String) {
    let mut response = agent().post(url).send(body).unwrap();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    (response.status().as_u16(), kind, response.body_mut().read_to_string().unwrap())
}

/// GETs with an `Accept-Encoding` header: the answer's `Content-Encoding`, and the bytes as sent.
pub fn get_coded(url: &str, accepts: &str) -> (Option<String>, Vec<u8>) {
    let mut response = agent().get(url).header("accept-encoding", accepts).call().unwrap();
    let coding = response.headers().get("content-encoding").map(|coding| coding.to_str().unwrap().to_owned());
    (coding, response.body_mut().read_to_vec().unwrap())
}

/// GETs with an `Authorization` header: status and body.
pub fn get_signed(url: &str, authorization: &str) -> (u16, Vec<u8>) {
    let mut response = agent().get(url).header("authorization", authorization).call().unwrap();
    (response.status().as_u16(), response.body_mut().read_to_vec().unwrap())
}

pub(super) fn answer(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
    match response {
        Ok(mut response) => {
            let text = response.body_mut().read_to_string().unwrap_or_default();
            let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
            let retry_after = response.headers().get("retry-after");
            let retry_after_s = retry_after.map(|seconds| seconds.to_str().unwrap().parse().unwrap());
            Answer { status: response.status().as_u16(), retry_after_s, body }
        }
        Err(error) => Answer { status: 0, retry_after_s: None, body: Value::String(error.to_string()) },
    }
}
