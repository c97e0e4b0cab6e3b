//! A running node as its HTTP clients see it: the local listener's checks and reports, the public listener's votes.
//!
//! One connection is kept open and reused. A request that got no answer is sent again *with the same id*, so that the
//! node's own idempotency, not luck, keeps a message from being counted twice.

use std::time::{Duration, Instant};

use ostrakon_policies::{Opinion, Verdict};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use ureq::http::StatusCode;
use ureq::{Agent, RequestBuilder};

/// How often a request is sent before it counts as unanswered: enough to outlive a reset connection, not a dead node.
const ATTEMPTS_MAX: u32 = 3;
/// The longest a single attempt may take; a node's own deadline for a decision is far below it.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a node that could not decide is left alone.
const UNDECIDED_PAUSE: Duration = Duration::from_millis(200);
/// The longest `Retry-After` that is waited for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(5);

/// Why a request to a node brought no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// No answer came: connection refused or reset, or the time was up.
    #[error("no answer from {url}: {reason}")]
    Unanswered {
        /// What was asked.
        url: String,
        /// The transport's own words.
        reason: String,
    },
    /// The node answered with an error.
    #[error("{url} answered {status} {code}: {message}")]
    Refused {
        /// What was asked.
        url: String,
        /// HTTP status.
        status: u16,
        /// The node's stable error code, empty if it sent none.
        code: String,
        /// The node's sentence.
        message: String,
    },
    /// The node answered a check with its operator's choice for when it cannot decide.
    #[error("the node could not decide ({code})")]
    Undecided {
        /// What kept it from deciding.
        code: String,
    },
    /// The node's answer was not of the promised shape.
    #[error("{url} sent an answer that cannot be read: {reason}")]
    Unreadable {
        /// What was asked.
        url: String,
        /// What the decoder missed.
        reason: String,
    },
}

/// What a check asks, as the local listener takes it.
#[derive(Debug, Clone, Serialize)]
pub struct CheckRequest {
    /// The message's id; the same id gets the same answer and is counted once.
    pub id: String,
    /// Domain of the sending server.
    pub peer: String,
    /// How it has shown that, if it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_proof: Option<&'static str>,
    /// The sender's address, empty for a bounce.
    pub sender: String,
    /// Local recipients.
    pub recipients: Vec<String>,
    /// `chat mail post invite presence report`.
    pub kind: &'static str,
    /// Size of the body in bytes.
    pub size: u64,
    /// The sending server's network address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// The domain of the sender's address, where it is not to be taken from `sender`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_domain: Option<String>,
    /// How many links the body has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub links: Option<u32>,
}

/// A check's answer, as far as the clients here read it.
#[derive(Debug, Clone, Deserialize)]
pub struct CheckAnswer {
    /// What feedback refers to.
    pub decision_id: String,
    /// The enforced verdict.
    pub verdict: Verdict,
    /// Every opinion, shadow ones included.
    #[serde(default)]
    pub reasons: Vec<Opinion>,
    /// The peer's score, votes and own users' reports together, −1000…1000.
    pub score: i64,
    /// The peer's confidence, 0…1000.
    pub confidence: i64,
    /// Summed log-odds of all the message's subjects, in thousandths of a nat; higher is better.
    pub standing: i64,
    /// Set when the node could not decide and answered what its operator chose for that case: nothing was recorded,
    /// and asking again may bring a decision.
    #[serde(default)]
    degraded: Option<String>,
}

/// How a message turned out, by its reader's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Report {
    /// Unwanted.
    Spam,
    /// Wanted.
    Ham,
}

#[derive(Serialize)]
struct Feedback<'a> {
    decision_id: &'a str,
    reporter: &'a str,
    report: Report,
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

    /// The same client, showing the local listener's token.
    #[must_use]
    pub fn with_token(self, token: Option<String>) -> Node {
        Node { token, ..self }
    }

    /// Asks for a verdict. Sent again with the same id when no answer came, or one without a decision.
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

    /// Tells how a message turned out.
    ///
    /// # Errors
    /// [`NodeError`].
    pub fn feedback(&self, decision_id: &str, reporter: &str, report: Report) -> Result<(), NodeError> {
        let _: serde_json::Value = self.post_json("/v1/feedback", &Feedback { decision_id, reporter, report })?;
        Ok(())
    }

    /// Reads `path`.
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

    /// Posts bytes that are JSON already (a signed envelope) to `path`.
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
        let said = serde_json::from_slice::<ErrorAnswer>(&self.body)
            .map_or_else(|_| ErrorBody { code: String::new(), message: "no error body".into() }, |said| said.error);
        Err(NodeError::Refused { url, status: self.status.as_u16(), code: said.code, message: said.message })
    }
}

/// Runs `ask` and says how long it took.
pub(crate) fn timed<T>(ask: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let answer = ask();
    (answer, start.elapsed())
}
