//! A served node, asked over its local listener.

use serde::Serialize;
use serde_json::Value;

use crate::{
    error::{Error, with_causes},
    server::home::{Home, Running},
};

/// The type of a body that is not JSON.
const BYTES: &str = "application/octet-stream";

/// Where the token of a node that is asked by address is taken from.
const TOKEN_VARIABLE: &str = "OSTRAKON_TOKEN";

/// A node's local listener.
pub(crate) struct ServedNode {
    /// What paths are put behind; over the socket its host means nothing.
    base: String,
    /// Where that is, for messages.
    place: String,
    /// The folder that it serves; `None`: it is asked by its address.
    folder: Option<String>,
    token: Option<String>,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl ServedNode {
    /// The local listener at `url`.
    pub(super) fn at(url: &str, token: Option<String>) -> Result<Self, Error> {
        Self::new(url, url.to_owned(), token, reqwest::Client::builder())
    }

    /// The node that serves `home`: with the token that was given, or over the socket, or with the token of the folder.
    pub(super) fn of(home: &Home, running: &Running, token: Option<String>) -> Result<Self, Error> {
        let url = format!("http://{}", running.local);
        let this = if token.is_some() { Self::at(&url, token) } else { Self::with_folder(home, running, &url) };
        Ok(Self { folder: Some(home.dir().display().to_string()), ..this? })
    }

    /// Over the socket, or with the token of the folder.
    fn with_folder(home: &Home, running: &Running, url: &str) -> Result<Self, Error> {
        match home.local_socket_path() {
            Ok(socket) if running.socket.is_some() => {
                let client = reqwest::Client::builder().unix_socket(socket.clone());
                Self::new("http://localhost", socket.display().to_string(), None, client)
            }
            _ => Self::at(url, Some(home.local_token()?.reveal().to_owned())),
        }
    }

    fn new(base: &str, place: String, token: Option<String>, client: reqwest::ClientBuilder) -> Result<Self, Error> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let trouble = |reason: String| Error::Remote { url: place.clone(), reason };
        // The token is for the node: not for a proxy, and not for whoever an answer may point to.
        let client = client.no_proxy().redirect(reqwest::redirect::Policy::none());
        let client = client.build().map_err(|error| trouble(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| trouble(error.to_string()))?;
        Ok(Self { base: base.to_owned(), place, folder: None, token, client, runtime })
    }

    pub(crate) fn get(&self, path: &str) -> Result<Value, Error> {
        self.exchange(self.client.get(self.url(path)))
    }

    pub(crate) fn post<T: Serialize>(&self, path: &str, body: &T) -> Result<Value, Error> {
        self.exchange(self.client.post(self.url(path)).json(body))
    }

    pub(super) fn post_bytes(&self, path: &str, body: &[u8]) -> Result<Value, Error> {
        let request = self.client.post(self.url(path)).header(reqwest::header::CONTENT_TYPE, BYTES);
        self.exchange(request.body(body.to_vec()))
    }

    pub(super) fn get_bytes(&self, path: &str) -> Result<Vec<u8>, Error> {
        self.fetch(self.client.get(self.url(path)))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn exchange(&self, request: reqwest::RequestBuilder) -> Result<Value, Error> {
        let answer = self.fetch(request)?;
        serde_json::from_slice(&answer).map_err(|error| self.trouble(&error))
    }

    fn fetch(&self, request: reqwest::RequestBuilder) -> Result<Vec<u8>, Error> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        self.runtime.block_on(async {
            let failed = |error: reqwest::Error| self.trouble(&with_causes(&error.without_url()));
            let response = request.send().await.map_err(failed)?;
            let status = response.status();
            let answer = response.bytes().await.map_err(failed)?;
            if status.is_success() {
                return Ok(answer.to_vec());
            }
            let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
            let message = answer["error"]["message"].as_str().unwrap_or("no reason given").to_owned();
            match status.as_u16() {
                500.. => Err(self.answered(message)),
                401 => Err(Error::BadRequest(format!("{message}{}", self.about_token()))),
                _ => Err(Error::BadRequest(message)),
            }
        })
    }

    /// Where a token that the node does not take came from.
    fn about_token(&self) -> String {
        let from_environment = std::env::var(TOKEN_VARIABLE).is_ok_and(|value| self.token.as_ref() == Some(&value));
        match &self.folder {
            Some(dir) if from_environment => format!(" (from {TOKEN_VARIABLE}; unset it to use {dir}/local.sock)"),
            None if from_environment => format!(" (from {TOKEN_VARIABLE})"),
            _ => String::new(),
        }
    }

    /// The node could not do what was asked.
    fn answered(&self, reason: String) -> Error {
        let place = self.folder.as_ref().unwrap_or(&self.place).clone();
        Error::Answered { place, reason }
    }

    /// The node cannot be asked, or its answer is not one.
    pub(super) fn trouble(&self, reason: &impl ToString) -> Error {
        Error::Remote { url: self.place.clone(), reason: reason.to_string() }
    }
}
