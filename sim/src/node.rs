//! An HTTP client of a running node: checks and reports at the local listener, votes at the public listener.
//!
//! One connection is kept open and reused. A request without an answer is sent again *with the same id*, so that the
//! node counts every message once.

use std::time::{Duration, Instant};

use ostrakon_policies::{Opinion, Verdict};
use ostrakon_router::message::{CheckRequest, ReportKind};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use ureq::http::StatusCode;
use ureq::{Agent, RequestBuilder};

/// How often a request is sent before it counts as unanswered: enough for a reset connection, not for a dead node.
const ATTEMPTS_MAX: u32 = 3;
/// The longest a single attempt may take; a node's own deadline for a decision is far below it.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause before a node that could not decide is asked again.
const UNDECIDED_PAUSE: Duration = Duration::from_millis(200);
/// The longest `Retry-After` that is waited for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(5);

/// Why there is no usable answer from a node.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// There was no answer: the connection was refused or reset, or the time was over.
    #[error("no answer from {url}: {reason}")]
    Unanswered {
        /// The URL of the request.
        url: String,
        /// The message of the HTTP client.
        reason: String,
    },
    /// The node answered with an error.
    #[error("{url} answered {status} {code}: {message}")]
    Refused {
        /// The URL of the request.
        url: String,
        /// HTTP status.
        status: u16,
        /// The node's stable error code, empty if it sent none.
        code: String,
        /// The node's message.
        message: String,
    },
    /// The node could not decide, and answered with the verdict that its operator chose for that case.
    #[error("the node could not decide ({code})")]
    Undecided {
        /// Why it could not decide.
        code: String,
    },
    /// The node's answer has the wrong form.
    #[error("{url} sent an answer that cannot be read: {reason}")]
    Unreadable {
        /// The URL of the request.
        url: String,
        /// The message of the decoder.
        reason: String,
    },
}

/// The answer to a check, as far as it is used here.
#[derive(Debug, Clone, Deserialize)]
pub struct CheckAnswer {
    /// The id that a report refers to.
    pub decision_id: String,
    /// The enforced verdict.
    pub verdict: Verdict,
    /// Every opinion, including those in shadow mode.
    #[serde(default)]
    pub reasons: Vec<Opinion>,
    /// The peer's score from votes and own users' reports together, −1000…1000.
    pub score: i64,
    /// The peer's confidence, 0…1000.
    pub confidence: i64,
    /// The sum of the log-odds of all the message's subjects, in thousandths of a nat. Higher is better.
    pub standing: i64,
    /// Set if the node could not decide, and answered with the verdict that its operator chose for that case. Nothing
    /// was recorded, and another request may get a decision.
    #[serde(default)]
    degraded: Option<String>,
}

#[derive(Serialize)]
struct Feedback<'a> {
    decision_id: &'a str,
    reporter: &'a str,
    report: ReportKind,
}

#[derive(Deserialize)]
struct ErrorAnswer {
    error: ErrorBody,
}

#[derive(Deserialize)]
struct ErrorBody {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// A client of one listener of one node.
pub struct Node {
    agent: Agent,
    base: String,
    token: Option<String>,
}

impl Node {
    /// A client for the listener at `url`, e.g. `http://127.0.0.1:8025`. Connects when first used.
    pub fn new(url: &str) -> Node {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(ATTEMPT_TIMEOUT))
            .max_idle_connections_per_host(1)
            // A token is for the node, not for a proxy.
            .proxy(None)
            .build();
        Node { agent: config.into(), base: url.trim_end_matches('/').to_owned(), token: None }
    }

    /// The same client, with the local listener's token.
    #[must_use]
    pub fn with_token(self, token: Option<String>) -> Node {
        Node { token, ..self }
    }

    /// Asks for a verdict. Sends the request again, with the same id, if there is no answer or no decision.
    ///
    /// # Errors
    /// [`NodeError`]: `Unanswered` or `Undecided` after the last attempt.
    pub fn check(&self, request: &CheckRequest) -> Result<CheckAnswer, NodeError> {
        for _ in 1..ATTEMPTS_MAX {
            let answer: CheckAnswer = self.post_json("/v1/check", request)?;
            if answer.degraded.is_none() {
                return Ok(answer);
            }
            std::thread::sleep(UNDECIDED_PAUSE);
        }
        let answer: CheckAnswer = self.post_json("/v1/check", request)?;
        match &answer.degraded {
            Some(code) => Err(NodeError::Undecided { code: code.clone() }),
            None => Ok(answer),
        }
    }

    /// Reports whether a message was wanted.
    ///
    /// # Errors
    /// [`NodeError`].
    pub fn feedback(&self, decision_id: &str, reporter: &str, report: ReportKind) -> Result<(), NodeError> {
        let _: serde_json::Value = self.post_json("/v1/feedback", &Feedback { decision_id, reporter, report })?;
        Ok(())
    }

    /// Gets `path`.
    ///
    /// # Errors
    /// [`NodeError`].
    pub fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, NodeError> {
        self.attempt(path, |url| self.signed(self.agent.get(url)).call())
    }

    /// Posts `body` as JSON to `path`.
    ///
    /// # Errors
    /// [`NodeError`].
    pub fn post_json<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, NodeError> {
        self.attempt(path, |url| self.send(url, &serde_json::to_vec(body)?))
    }

    /// Posts bytes that are JSON already, such as a signed envelope, to `path`.
    ///
    /// # Errors
    /// [`NodeError`].
    pub fn post_bytes<T: DeserializeOwned>(&self, path: &str, body: &[u8]) -> Result<T, NodeError> {
        self.attempt(path, |url| self.send(url, body))
    }

    fn send(&self, url: &str, body: &[u8]) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        self.signed(self.agent.post(url)).content_type("application/json").send(body)
    }

    fn signed<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    fn attempt<T, S>(&self, path: &str, send: S) -> Result<T, NodeError>
    where
        T: DeserializeOwned,
        S: Fn(&str) -> Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    {
        let url = format!("{}{path}", self.base);
        let mut attempt = 1;
        loop {
            match send(&url).and_then(read_answer) {
                Ok(answer) if answer.busy() && attempt < ATTEMPTS_MAX => {
                    std::thread::sleep(answer.retry_after.min(RETRY_AFTER_MAX));
                }
                Ok(answer) => return answer.decode(url),
                Err(error) if attempt == ATTEMPTS_MAX => {
                    return Err(NodeError::Unanswered { url, reason: error.to_string() });
                }
                Err(_) => {}
            }
            attempt += 1;
        }
    }
}

struct Answer {
    status: StatusCode,
    retry_after: Duration,
    body: Vec<u8>,
}

fn read_answer(mut answer: ureq::http::Response<ureq::Body>) -> Result<Answer, ureq::Error> {
    let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    let body = answer.body_mut().read_to_vec()?;
    Ok(Answer { status: answer.status(), retry_after: Duration::from_secs(retry_after.unwrap_or(1)), body })
}

impl Answer {
    fn busy(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE
    }

    fn decode<T: DeserializeOwned>(self, url: String) -> Result<T, NodeError> {
        if self.status.is_success() {
            return serde_json::from_slice(&self.body)
                .map_err(|error| NodeError::Unreadable { url, reason: error.to_string() });
        }
        let ErrorBody { code, message } = serde_json::from_slice::<ErrorAnswer>(&self.body)
            .map_or_else(|_| ErrorBody { code: String::new(), message: "no error body".into() }, |answer| answer.error);
        Err(NodeError::Refused { url, status: self.status.as_u16(), code, message })
    }
}

/// Runs `ask` and returns how long it took.
pub(crate) fn timed<T>(ask: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let answer = ask();
    (answer, start.elapsed())
}
