//! Where a command's work is done: in the node that is served, over HTTP, or in this process, on its directory.

mod served;

use ostrakon_ledger::{Appended, Evidence, PeerName, PublicKey, Reason, RecordId};
use serde_json::{Value, json};

pub(super) use self::served::ServedNode;
use super::NodeArgs;
use crate::{
    config::Config,
    error::Error,
    flow::registrar::{Imported, OwnVote, Rebuttal, Registrar, Statement, Withdrawal, Withdrawn},
    import::SourceVote,
    server::{
        clock::now_ms,
        home::{Home, Running},
        mirrors::Folder,
    },
};

/// A node to talk to.
pub(super) enum NodeClient {
    /// The node is not served: its ledger is open in this process.
    Closed(Box<ClosedNode>),
    /// The node is served.
    Served(ServedNode),
}

/// A ledger open in this process.
pub(super) struct ClosedNode {
    pub(super) home: Home,
    pub(super) config: Config,
    pub(super) registrar: Registrar,
}

impl NodeClient {
    /// The node at `place`: at the address if one is given, else the node that serves the directory, else the directory.
    pub(super) fn open(place: &NodeArgs) -> Result<Self, Error> {
        if let Some(url) = &place.node {
            return ServedNode::at(url.trim_end_matches('/'), place.token.clone()).map(Self::Served);
        }
        let home = Home::at(&place.dir);
        let config = home.config(std::env::vars_os())?;
        let key = home.secrets()?.key;
        match home.open_ledger(&config, key) {
            Ok(registrar) => Ok(Self::Closed(Box::new(ClosedNode { home, config, registrar }))),
            Err(error) if is_locked(&error) => match home.running() {
                Some(running) => ServedNode::of(&home, &running, place.token.clone()).map(Self::Served),
                None => Err(error),
            },
            // Root may ask the node of another user while it is served; it makes no files then.
            Err(error @ Error::ForeignFolder { .. }) => match home.running().filter(Running::answers) {
                Some(running) => ServedNode::of(&home, &running, place.token.clone()).map(Self::Served),
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// The node at `place`, which must be served.
    pub(super) fn served(place: &NodeArgs) -> Result<ServedNode, Error> {
        match Self::open(place)? {
            Self::Served(remote) => Ok(remote),
            Self::Closed(_) => Err(Error::NotServed(place.dir.display().to_string())),
        }
    }

    pub(super) fn admit(&mut self, peer: PeerName, key: PublicKey) -> Result<Value, Error> {
        match self {
            Self::Closed(node) => node.registrar.admit(peer, key, now_ms()).map(appended),
            Self::Served(node) => node.post("/v1/peers", &json!({ "peer": peer.as_str(), "key": key.to_string() })),
        }
    }

    /// Ends a peer's admission, and following its ledger.
    pub(super) fn expel(&mut self, peer: &PeerName, reason: Reason) -> Result<Value, Error> {
        match self {
            Self::Closed(node) => {
                let answer = node.say(Statement::Expel(peer.clone(), reason))?;
                match node.mirrors().forget(peer) {
                    Ok(()) | Err(Error::NotFollowed(_)) => Ok(answer),
                    Err(error) => Err(error),
                }
            }
            Self::Served(node) => node.post(&format!("/v1/peers/{peer}/expel"), &json!({ "reason": reason.as_str() })),
        }
    }

    pub(super) fn cast(&mut self, ballot: OwnVote) -> Result<Value, Error> {
        match self {
            Self::Closed(node) => node.say(Statement::Vote(ballot)),
            Self::Served(node) => node.post("/v1/own/votes", &ballot),
        }
    }

    pub(super) fn retract(&mut self, target: RecordId) -> Result<Value, Error> {
        match self {
            Self::Closed(node) => node.say(Statement::Retract(target)),
            Self::Served(node) => node.post("/v1/own/retractions", &json!({ "id": target.to_string() })),
        }
    }

    pub(super) fn rebut(&mut self, rebuttal: Rebuttal) -> Result<Value, Error> {
        match self {
            Self::Closed(node) => node.say(Statement::Rebut(rebuttal)),
            Self::Served(node) => node.post("/v1/own/rebuttals", &rebuttal),
        }
    }

    /// Keeps a copy of a peer's ledger from now on, or from the next start on.
    pub(super) fn follow(&self, peer: &PeerName, url: &str) -> Result<(), Error> {
        match self {
            Self::Closed(node) => node.mirrors().note(peer, url),
            Self::Served(node) => node.post(&format!("/v1/peers/{peer}/follow"), &json!({ "url": url })).map(drop),
        }
    }

    /// Follows a peer no longer.
    pub(super) fn unfollow(&self, peer: &PeerName) -> Result<(), Error> {
        match self {
            Self::Closed(node) => node.mirrors().forget(peer),
            Self::Served(node) => node.post(&format!("/v1/peers/{peer}/unfollow"), &Value::Null).map(drop),
        }
    }

    /// Says that a body is erased, then erases it.
    pub(super) fn erase(&mut self, target: RecordId) -> Result<Value, Error> {
        match self {
            Self::Closed(node) => {
                let answer = node.say(Statement::Erase(target))?;
                let reader = node.registrar.ledger().reader();
                node.home.open_evidence(&reader, &node.config)?.follow_erasure(&reader, &target)?;
                Ok(answer)
            }
            Self::Served(node) => node.post("/v1/own/erasures", &json!({ "id": target.to_string() })),
        }
    }

    /// Changes the key of this node's own records.
    pub(super) fn rotate(&mut self) -> Result<Value, Error> {
        match self {
            Self::Closed(node) => {
                let answer = node.say(Statement::Rotate(node.home.prepare_rotation()?))?;
                node.home.finish_rotation()?;
                Ok(answer)
            }
            Self::Served(node) => node.post("/v1/own/rotations", &Value::Null),
        }
    }

    /// Keeps a body that the next record will commit to.
    pub(super) fn keep(&mut self, evidence: &Evidence) -> Result<(), Error> {
        match self {
            Self::Closed(node) => {
                node.home.open_evidence(&node.registrar.ledger().reader(), &node.config)?.put(evidence)
            }
            Self::Served(node) => node.post_bytes("/v1/own/evidence", evidence.as_bytes()).map(drop),
        }
    }

    /// The body behind a record's commitment.
    pub(super) fn evidence(&self, id: &RecordId) -> Result<Evidence, Error> {
        match self {
            Self::Closed(node) => {
                let reader = node.registrar.ledger().reader();
                node.home.open_evidence(&reader, &node.config)?.of(&reader, id)
            }
            Self::Served(node) => Ok(Evidence::from_bytes(node.get_bytes(&format!("/v1/records/{id}/evidence"))?)?),
        }
    }

    pub(super) fn import(&mut self, rows: &[SourceVote]) -> Result<Imported, Error> {
        match self {
            Self::Closed(node) => node.registrar.import(rows, now_ms()),
            Self::Served(node) => {
                let answer = node.post("/v1/imports", &rows)?;
                serde_json::from_value(answer).map_err(|error| node.trouble(&error))
            }
        }
    }

    pub(super) fn withdraw(&mut self, what: &Withdrawal) -> Result<Withdrawn, Error> {
        match self {
            Self::Closed(node) => node.registrar.withdraw(what, now_ms()),
            Self::Served(node) => {
                let answer = node.post("/v1/imports/withdrawals", what)?;
                serde_json::from_value(answer).map_err(|error| node.trouble(&error))
            }
        }
    }

    /// The sources of imports, by the names of their pseudo-peers.
    pub(super) fn imported(&self) -> Result<Vec<PeerName>, Error> {
        match self {
            Self::Closed(node) => {
                let authors = node.registrar.ledger().reader().authors()?;
                Ok(authors.into_iter().filter(|(_, head)| head.imported).map(|(name, _)| name).collect())
            }
            Self::Served(node) => {
                let peers = node.get("/v1/peers")?;
                let imported = peers["peers"].as_array().into_iter().flatten().filter(|peer| peer["imported"] == true);
                imported.map(|peer| Ok(PeerName::parse(peer["peer"].as_str().unwrap_or_default())?)).collect()
            }
        }
    }

    /// The node's own domain, under which imported sources are named.
    pub(super) fn domain(&self) -> Result<PeerName, Error> {
        match self {
            Self::Closed(node) => Ok(node.config.node.domain.clone()),
            Self::Served(node) => {
                let about = node.get("/v1/about")?;
                Ok(PeerName::parse(about["peer"].as_str().unwrap_or_default())?)
            }
        }
    }
}

impl ClosedNode {
    /// The copies of others' ledgers.
    pub(super) fn mirrors(&self) -> Folder {
        self.home.mirrors(&self.config, self.registrar.ledger().reader())
    }

    fn say(&mut self, statement: Statement) -> Result<Value, Error> {
        self.registrar.say(statement, now_ms()).map(appended)
    }
}

fn appended(appended: Appended) -> Value {
    json!({ "id": appended.id.to_string(), "index": appended.index, "new": appended.new })
}

fn is_locked(error: &Error) -> bool {
    use ostrakon_ledger::{LedgerError, StoreError};
    matches!(
        error,
        Error::InUse { .. }
            | Error::Store(StoreError::Locked { .. })
            | Error::Ledger(LedgerError::Store(StoreError::Locked { .. }))
    )
}
