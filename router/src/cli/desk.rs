//! Where a command's work is done: in the served node, over HTTP, or here, on its directory.

use ostrakon_ledger::{Appended, Evidence, PeerName, PublicKey, Reason, RecordId};
use serde::Serialize;
use serde_json::{Value, json};

use super::Place;
use crate::{
    clock::now_ms,
    config::Config,
    error::Error,
    home::Home,
    import::SourceVote,
    mirrors::Folder,
    registrar::{Ballot, Imported, Rebuttal, Registrar, Statement, Withdrawal, Withdrawn},
};

/// A node to talk to.
pub(super) enum Desk {
    /// The node is not served: its ledger is open in this process.
    Here(Box<Here>),
    /// The node is served.
    There(Remote),
}

/// A ledger open in this process.
pub(super) struct Here {
    pub(super) home: Home,
    pub(super) config: Config,
    pub(super) registrar: Registrar,
}

/// A node's local listener.
pub(super) struct Remote {
    url: String,
    token: Option<String>,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Desk {
    /// The desk at `place`: the address if one is given, else the node that serves the directory, else the directory.
    pub(super) fn open(place: &Place) -> Result<Self, Error> {
        if let Some(url) = &place.node {
            return Ok(Self::There(Remote::new(url.trim_end_matches('/').to_owned(), place.token.clone())?));
        }
        let home = Home::at(&place.dir);
        let config = home.config(std::env::vars_os())?;
        let key = home.secrets()?.key;
        match home.open_ledger(&config, key) {
            Ok(registrar) => Ok(Self::Here(Box::new(Here { home, config, registrar }))),
            Err(error) if is_locked(&error) => match home.running() {
                Some(running) => {
                    let own = config.listen.local_token.as_ref().map(|token| token.reveal().to_owned());
                    Ok(Self::There(Remote::new(format!("http://{}", running.local), place.token.clone().or(own))?))
                }
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    pub(super) fn admit(&mut self, peer: PeerName, key: PublicKey) -> Result<Value, Error> {
        match self {
            Self::Here(here) => here.registrar.admit(peer, key, now_ms()).map(appended),
            Self::There(remote) => remote.post("/v1/peers", &json!({ "peer": peer.as_str(), "key": key.to_string() })),
        }
    }

    /// Ends a peer's admission, and following its ledger.
    pub(super) fn expel(&mut self, peer: &PeerName, reason: Reason) -> Result<Value, Error> {
        match self {
            Self::Here(here) => {
                let answer = here.say(Statement::Expel(peer.clone(), reason))?;
                match here.mirrors().forget(peer) {
                    Ok(()) | Err(Error::NotFollowed(_)) => Ok(answer),
                    Err(error) => Err(error),
                }
            }
            Self::There(remote) => {
                remote.post(&format!("/v1/peers/{peer}/expel"), &json!({ "reason": reason.as_str() }))
            }
        }
    }

    pub(super) fn cast(&mut self, ballot: Ballot) -> Result<Value, Error> {
        match self {
            Self::Here(here) => here.say(Statement::Vote(ballot)),
            Self::There(remote) => remote.post("/v1/own/votes", &ballot),
        }
    }

    pub(super) fn retract(&mut self, target: RecordId) -> Result<Value, Error> {
        match self {
            Self::Here(here) => here.say(Statement::Retract(target)),
            Self::There(remote) => remote.post("/v1/own/retractions", &json!({ "id": target.to_string() })),
        }
    }

    pub(super) fn rebut(&mut self, rebuttal: Rebuttal) -> Result<Value, Error> {
        match self {
            Self::Here(here) => here.say(Statement::Rebut(rebuttal)),
            Self::There(remote) => remote.post("/v1/own/rebuttals", &rebuttal),
        }
    }

    /// Keeps a copy of a peer's ledger from now on, or from the next start on.
    pub(super) fn follow(&self, peer: &PeerName, url: &str) -> Result<(), Error> {
        match self {
            Self::Here(here) => here.mirrors().note(peer, url),
            Self::There(remote) => remote.post(&format!("/v1/peers/{peer}/follow"), &json!({ "url": url })).map(drop),
        }
    }

    /// Follows a peer no longer.
    pub(super) fn unfollow(&self, peer: &PeerName) -> Result<(), Error> {
        match self {
            Self::Here(here) => here.mirrors().forget(peer),
            Self::There(remote) => remote.post(&format!("/v1/peers/{peer}/unfollow"), &Value::Null).map(drop),
        }
    }

    /// Says that a body is erased, then erases it.
    pub(super) fn erase(&mut self, target: RecordId) -> Result<Value, Error> {
        match self {
            Self::Here(here) => {
                let answer = here.say(Statement::Erase(target))?;
                let reader = here.registrar.ledger().reader();
                here.home.open_evidence(&reader, &here.config)?.follow_erasure(&reader, &target)?;
                Ok(answer)
            }
            Self::There(remote) => remote.post("/v1/own/erasures", &json!({ "id": target.to_string() })),
        }
    }

    /// Changes the key of this node's own records.
    pub(super) fn rotate(&mut self) -> Result<Value, Error> {
        match self {
            Self::Here(here) => {
                let answer = here.say(Statement::Rotate(here.home.prepare_rotation()?))?;
                here.home.finish_rotation()?;
                Ok(answer)
            }
            Self::There(remote) => remote.post("/v1/own/rotations", &Value::Null),
        }
    }

    /// Keeps a body that the next record will commit to.
    pub(super) fn keep(&mut self, evidence: &Evidence) -> Result<(), Error> {
        match self {
            Self::Here(here) => here.home.open_evidence(&here.registrar.ledger().reader(), &here.config)?.put(evidence),
            Self::There(remote) => remote.post_bytes("/v1/own/evidence", evidence.as_bytes()).map(drop),
        }
    }

    /// The body behind a record's commitment.
    pub(super) fn evidence(&self, id: &RecordId) -> Result<Evidence, Error> {
        match self {
            Self::Here(here) => {
                let reader = here.registrar.ledger().reader();
                here.home.open_evidence(&reader, &here.config)?.of(&reader, id)
            }
            Self::There(remote) => Ok(Evidence::from_bytes(remote.get_bytes(&format!("/v1/records/{id}/evidence"))?)?),
        }
    }

    pub(super) fn import(&mut self, rows: &[SourceVote]) -> Result<Imported, Error> {
        match self {
            Self::Here(here) => here.registrar.import(rows, now_ms()),
            Self::There(remote) => {
                let answer = remote.post("/v1/imports", &rows)?;
                serde_json::from_value(answer).map_err(|error| remote.nonsense(&error))
            }
        }
    }

    pub(super) fn withdraw(&mut self, what: &Withdrawal) -> Result<Withdrawn, Error> {
        match self {
            Self::Here(here) => here.registrar.withdraw(what, now_ms()),
            Self::There(remote) => {
                let answer = remote.post("/v1/imports/withdrawals", what)?;
                serde_json::from_value(answer).map_err(|error| remote.nonsense(&error))
            }
        }
    }

    /// The node's own domain, under which imported sources are named.
    pub(super) fn domain(&self) -> Result<PeerName, Error> {
        match self {
            Self::Here(here) => Ok(here.config.node.domain.clone()),
            Self::There(remote) => {
                let about = remote.get("/v1/about")?;
                Ok(PeerName::parse(about["peer"].as_str().unwrap_or_default())?)
            }
        }
    }
}

impl Here {
    /// The copies of others' ledgers.
    pub(super) fn mirrors(&self) -> Folder {
        self.home.mirrors(&self.config, self.registrar.ledger().reader())
    }

    fn say(&mut self, statement: Statement) -> Result<Value, Error> {
        self.registrar.say(statement, now_ms()).map(appended)
    }
}

impl Remote {
    fn new(url: String, token: Option<String>) -> Result<Self, Error> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let trouble = |reason: String| Error::Remote { url: url.clone(), reason };
        let client = reqwest::Client::builder().build().map_err(|error| trouble(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| trouble(error.to_string()))?;
        Ok(Self { url, token, client, runtime })
    }

    pub(super) fn get(&self, path: &str) -> Result<Value, Error> {
        self.exchange(self.client.get(format!("{}{path}", self.url)))
    }

    pub(super) fn post<T: Serialize>(&self, path: &str, body: &T) -> Result<Value, Error> {
        self.exchange(self.client.post(format!("{}{path}", self.url)).json(body))
    }

    fn post_bytes(&self, path: &str, body: &[u8]) -> Result<Value, Error> {
        self.exchange(self.client.post(format!("{}{path}", self.url)).body(body.to_vec()))
    }

    fn exchange(&self, request: reqwest::RequestBuilder) -> Result<Value, Error> {
        let answer = self.fetch(request)?;
        serde_json::from_slice(&answer).map_err(|error| self.nonsense(&error))
    }

    fn get_bytes(&self, path: &str) -> Result<Vec<u8>, Error> {
        self.fetch(self.client.get(format!("{}{path}", self.url)))
    }

    fn fetch(&self, request: reqwest::RequestBuilder) -> Result<Vec<u8>, Error> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        self.runtime.block_on(async {
            let response = request.send().await.map_err(|error| self.nonsense(&error))?;
            let status = response.status();
            let answer = response.bytes().await.map_err(|error| self.nonsense(&error))?;
            if status.is_success() {
                return Ok(answer.to_vec());
            }
            let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
            let message = answer["error"]["message"].as_str().unwrap_or("no reason given").to_owned();
            match status.as_u16() {
                500.. => Err(self.nonsense(&message)),
                _ => Err(Error::BadRequest(message)),
            }
        })
    }

    fn nonsense(&self, reason: &impl ToString) -> Error {
        Error::Remote { url: self.url.clone(), reason: reason.to_string() }
    }
}

fn appended(appended: Appended) -> Value {
    json!({ "id": appended.id.to_string(), "index": appended.index, "new": appended.new })
}

fn is_locked(error: &Error) -> bool {
    use ostrakon_ledger::{LedgerError, StoreError};
    matches!(
        error,
        Error::Store(StoreError::Locked { .. }) | Error::Ledger(LedgerError::Store(StoreError::Locked { .. }))
    )
}
