//! Another server's log, over HTTP (C2SP tlog-tiles).

use std::time::Duration;

use ostrakon_ledger::{FetchError, LogFiles, note::NOTE_BYTES_MAX, tile::TILE_WIDTH, tile::TilePath};
use tokio::{sync::watch, task::JoinHandle};

use crate::error::Error;

/// Requests under way at once.
const AT_ONCE: usize = 16;
/// How long a server may take to accept a connection, and to send one file.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const FILE_TIMEOUT: Duration = Duration::from_secs(60);
/// Largest file: a bundle of the longest entries that the format allows.
const FILE_BYTES_MAX: usize = TILE_WIDTH as usize * (2 + u16::MAX as usize);

/// A log below a prefix: `<prefix>/checkpoint`, `<prefix>/tile/…`.
pub struct RemoteLog {
    prefix: String,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    /// Ends what is under way when it turns true.
    stop: Option<watch::Receiver<bool>>,
}

type Answer = Result<Option<Vec<u8>>, FetchError>;

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
        Ok(Self { prefix, client, runtime, stop: None })
    }

    /// The same log, asked until `stop` turns true: then whatever is under way fails at once.
    #[must_use]
    pub fn until(self, stop: watch::Receiver<bool>) -> Self {
        Self { stop: Some(stop), ..self }
    }

    fn ask(&self, path: &str, bytes_max: usize) -> JoinHandle<Answer> {
        let (url, path) = (format!("{}/{path}", self.prefix), path.to_owned());
        let request = self.client.get(&url);
        self.runtime
            .spawn(async move { fetch(request, bytes_max).await.map_err(|reason| FetchError::Failed { path, reason }) })
    }

    /// Waits for an answer.
    fn wait(&self, answer: JoinHandle<Answer>, path: &str) -> Answer {
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
async fn fetch(request: reqwest::RequestBuilder, bytes_max: usize) -> Result<Option<Vec<u8>>, String> {
    let mut response = request.send().await.map_err(|error| error.to_string())?;
    match response.status() {
        reqwest::StatusCode::OK => {}
        reqwest::StatusCode::NOT_FOUND | reqwest::StatusCode::GONE => return Ok(None),
        status => return Err(format!("answered {status}")),
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| error.to_string())? {
        if bytes.len() + chunk.len() > bytes_max {
            return Err(format!("is longer than {bytes_max} bytes"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
}

impl LogFiles for RemoteLog {
    fn checkpoint(&self) -> Result<String, FetchError> {
        let path = "checkpoint";
        let answer = self.ask(path, NOTE_BYTES_MAX);
        let bytes = self.wait(answer, path)?.ok_or_else(|| FetchError::Missing(path.into()))?;
        String::from_utf8(bytes).map_err(|_| FetchError::Failed { path: path.into(), reason: "is no text".into() })
    }

    fn files(&self, paths: &[TilePath]) -> Result<Vec<Option<Vec<u8>>>, FetchError> {
        let mut found = Vec::with_capacity(paths.len());
        for paths in paths.chunks(AT_ONCE) {
            let paths: Vec<_> = paths.iter().map(TilePath::to_string).collect();
            let answers: Vec<_> = paths.iter().map(|path| self.ask(path, FILE_BYTES_MAX)).collect();
            for (path, answer) in paths.iter().zip(answers) {
                found.push(self.wait(answer, path)?);
            }
        }
        Ok(found)
    }
}
