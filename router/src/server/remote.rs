//! Another server's log, over HTTP (C2SP tlog-tiles).
//!
//! The server may be hostile: what it sends is measured while it is read, against what the file can be at most. Files that are
//! fetched together have a bound in bytes, and so have those of all logs that share a [`Budget`].

mod allowance;
mod measure;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ostrakon_ledger::{FetchError, LogFiles, note::NOTE_BYTES_MAX, tile::TilePath};
use tokio::{sync::watch, task::JoinHandle};

pub use self::allowance::Budget;
use self::{
    allowance::{Allowance, FILES_BYTES_MAX},
    measure::Measure,
};
use crate::error::{Error, with_causes};

/// Requests under way at once.
const AT_ONCE: usize = 16;
/// How long a server may take to accept a connection, and to send one file.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const FILE_TIMEOUT: Duration = Duration::from_secs(60);

/// A log below a prefix: `<prefix>/checkpoint`, `<prefix>/tile/…`.
pub struct RemoteLog {
    prefix: String,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    /// Ends what is under way when it turns true.
    stop: Option<watch::Receiver<bool>>,
    budget: Budget,
    /// What was fetched last, as long as it is worked on.
    held: Mutex<Option<Arc<Allowance>>>,
}

type Fetched = Result<Option<Vec<u8>>, FetchError>;

/// Why there is no answer.
enum FetchFault {
    Failed(String),
    TooMuch,
}

impl From<reqwest::Error> for FetchFault {
    fn from(error: reqwest::Error) -> Self {
        Self::Failed(with_causes(&error))
    }
}

impl RemoteLog {
    /// The log at a prefix. Nothing is asked yet.
    ///
    /// # Errors
    /// [`Error::Remote`] when there can be no client.
    pub fn new(prefix: &str) -> Result<Self, Error> {
        let prefix = prefix.trim_end_matches('/').to_owned();
        let trouble = |reason: String| Error::Remote { url: prefix.clone(), reason };
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(FILE_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("ostrakon/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| trouble(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| trouble(error.to_string()))?;
        Ok(Self { prefix, client, runtime, stop: None, budget: Budget::default(), held: Mutex::default() })
    }

    /// The same log, fetched within a budget that others share.
    #[must_use]
    pub fn within(self, budget: Budget) -> Self {
        Self { budget, ..self }
    }

    /// Says that what was fetched last is not needed any more.
    pub fn release(&self) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The same log, asked until `stop` turns true: then whatever is under way fails at once.
    #[must_use]
    pub fn until(self, stop: watch::Receiver<bool>) -> Self {
        Self { stop: Some(stop), ..self }
    }

    fn ask(&self, path: &str, measure: Measure, allowance: Arc<Allowance>) -> JoinHandle<Fetched> {
        let (url, path) = (format!("{}/{path}", self.prefix), path.to_owned());
        let request = self.client.get(&url);
        self.runtime.spawn(async move {
            fetch(request, measure, &allowance).await.map_err(|fault| match fault {
                FetchFault::Failed(reason) => FetchError::Failed { path, reason },
                FetchFault::TooMuch => FetchError::TooMuch { bytes_max: FILES_BYTES_MAX },
            })
        })
    }

    /// A new allowance, in the place of what was fetched before.
    fn allow(&self) -> Arc<Allowance> {
        self.release();
        let allowance = Arc::new(Allowance::new(self.budget.clone()));
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(allowance.clone());
        allowance
    }

    /// Waits for an answer.
    fn wait(&self, answer: JoinHandle<Fetched>, path: &str) -> Fetched {
        let failed = |reason: String| Err(FetchError::Failed { path: path.to_owned(), reason });
        self.runtime.block_on(async {
            let Some(mut stop) = self.stop.clone() else {
                return answer.await.unwrap_or_else(|error| failed(error.to_string()));
            };
            tokio::select! {
                outcome = answer => outcome.unwrap_or_else(|error| failed(error.to_string())),
                _ = stop.wait_for(|stop| *stop) => failed("nobody waits for it any more".into()),
            }
        })
    }
}

/// The body of an answer; `None` for 404 and 410.
async fn fetch(
    request: reqwest::RequestBuilder,
    mut measure: Measure,
    allowance: &Allowance,
) -> Result<Option<Vec<u8>>, FetchFault> {
    let mut response = request.send().await?;
    match response.status() {
        reqwest::StatusCode::OK => {}
        reqwest::StatusCode::NOT_FOUND | reqwest::StatusCode::GONE => return Ok(None),
        status => return Err(FetchFault::Failed(format!("answered {status}"))),
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        measure.take(&chunk).map_err(FetchFault::Failed)?;
        allowance.take(chunk.len()).await.ok_or(FetchFault::TooMuch)?;
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
}

impl LogFiles for RemoteLog {
    fn checkpoint(&self) -> Result<String, FetchError> {
        let path = "checkpoint";
        let answer = self.ask(path, Measure::of_bytes(NOTE_BYTES_MAX), self.allow());
        let bytes = self.wait(answer, path)?.ok_or_else(|| FetchError::Missing(path.into()))?;
        String::from_utf8(bytes).map_err(|_| FetchError::Failed { path: path.into(), reason: "is no text".into() })
    }

    fn files(&self, paths: &[TilePath]) -> Result<Vec<Option<Vec<u8>>>, FetchError> {
        let mut found = Vec::with_capacity(paths.len());
        let allowance = self.allow();
        for paths in paths.chunks(AT_ONCE) {
            let ask = |path: &TilePath| self.ask(&path.to_string(), Measure::of(path), allowance.clone());
            let answers = Fetches(paths.iter().map(ask).collect::<Vec<_>>().into_iter());
            for (path, answer) in paths.iter().zip(answers) {
                found.push(self.wait(answer, &path.to_string())?);
            }
        }
        Ok(found)
    }
}

/// Requests that are under way. What nobody waits for any more is ended, so that it holds no memory.
struct Fetches(std::vec::IntoIter<JoinHandle<Fetched>>);

impl Iterator for Fetches {
    type Item = JoinHandle<Fetched>;
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

impl Drop for Fetches {
    fn drop(&mut self) {
        self.0.by_ref().for_each(|request| request.abort());
    }
}
