//! What can go wrong in the router, by blame. HTTP statuses follow from it in one table (`server/api/problem.rs`).

mod blame;

use std::sync::Arc;

pub use ostrakon_ledger::Blame;
use ostrakon_ledger::{LedgerError, Malformed, Refusal, StoreError, Unproven};
use ostrakon_policies::PolicyError;
use thiserror::Error;

use crate::{
    config::ConfigError,
    import::ImportError,
    message::{EnvelopeError, RequestError},
    output::OutputError,
    units::in_words,
};

/// Every error of the router.
#[derive(Debug, Error)]
pub enum Error {
    // The peer's nonsense.
    /// A message envelope or request that cannot be taken.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// A request of an adapter that cannot be taken.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A file that cannot be imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A name that is admitted with another key.
    #[error(
        "{peer} is admitted with another key, {key}. A peer changes its key itself, by `ostrakon rotate`; if it has lost its \
         key, `ostrakon peer expel` it first"
    )]
    OtherKey {
        /// The peer.
        peer: ostrakon_ledger::PeerName,
        /// The key it has here.
        key: String,
    },
    /// A key that is another peer's.
    #[error("this key is {0}'s, or was: a key is one peer's only (docs/protocol.md, 1)")]
    KeyTaken(ostrakon_ledger::PeerName),
    /// A record that the ledger does not take.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// A receipt or checkpoint of someone else's that does not prove what it should.
    #[error("{0}")]
    Unproven(#[from] Unproven),
    /// A peer that asks more than its quota.
    #[error("`{peer}` has used up its quota limits.peer.{key} of this node; try again in {wait_ms} ms ({})", in_words(*wait_ms))]
    Quota {
        /// The peer.
        peer: String,
        /// The configuration's key, in its section.
        key: &'static str,
        /// When the same request would pass.
        wait_ms: u64,
    },
    /// A peer for which no more bodies are kept.
    #[error("`{peer}` keeps {bytes_max} bytes of evidence here already, which is its share; erase some of it first")]
    ShareFull {
        /// The peer.
        peer: String,
        /// Its share.
        bytes_max: u64,
    },
    /// A message from a peer whose key this node does not know.
    #[error("peer `{0}` has no key here; its operator must ask for admission, see /.well-known/ostrakon")]
    UnknownPeer(String),

    // The caller's misuse.
    /// A name, subject, key or id that does not parse.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// Not a decision id.
    #[error("a decision id is 32 lower-case hexadecimal digits")]
    BadDecisionId,
    /// A decision that is not, or no longer, on record.
    #[error("no such decision: unknown, or past its retention")]
    NoSuchDecision,
    /// An id that stands for another message.
    #[error("this id was used for other content before, which decision `{decision}` is about; an id names one message")]
    IdReused {
        /// The decision on record.
        decision: String,
        /// Whether a peer signed the message, or an adapter asks about it.
        signed: bool,
    },
    /// A hold that is not there.
    #[error("no such hold: unknown, released, rejected or expired")]
    NoSuchHold,
    /// A dead letter that is not there.
    #[error("no such dead letter: unknown, put back into the queue, or past its retention")]
    NoSuchDeadLetter,
    /// A dead letter whose route is not there any more.
    #[error("the configuration has no route for this message any more (it was for `{0}`): add one, restart, try again")]
    RouteGone(String),
    /// A peer that is not there.
    #[error("no such peer: `{0}` has not been admitted")]
    NoSuchPeer(String),
    /// A viewpoint that is not configured.
    #[error("no such viewpoint: `{name}`; this node has {known}")]
    NoSuchViewpoint {
        /// What was asked for.
        name: String,
        /// Those there are.
        known: String,
    },
    /// A peer whose ledger is not followed.
    #[error("the ledger of `{0}` is not followed here")]
    NotFollowed(String),
    /// A record that is not in the published ledger.
    #[error("no such record: `{0}` is not in the published ledger")]
    NoSuchRecord(String),
    /// A peer that is not known to have told two stories.
    #[error("`{0}` was not convicted of telling two stories here")]
    NotConvicted(String),
    /// A record without a body here.
    #[error("no evidence is kept for record `{0}`")]
    NoEvidence(String),
    /// A body that was erased.
    #[error("the evidence for record `{0}` was erased")]
    Erased(String),
    /// A body that a record does not commit to.
    #[error("this is not what record `{0}` commits to")]
    OtherEvidence(String),
    /// A question for evidence without a signature.
    #[error("reading evidence asks for `Authorization: Ostrakon <peer> <unix ms> <signature>`; see docs/protocol.md")]
    Unsigned,
    /// A signed question of another time.
    #[error("the question was not signed within the last five minutes")]
    Stale,
    /// A row of an import whose source is not a pseudo-peer of this node.
    #[error("`{0}` is not the name of an imported source of this node")]
    NotImported(String),
    /// A request that does not parse.
    #[error("{0}")]
    BadRequest(String),
    /// A body that is too large for its endpoint.
    #[error("the body is larger than {bytes_max} bytes, which is what this endpoint takes")]
    BodyTooLarge {
        /// The most it takes.
        bytes_max: usize,
    },
    /// A body that does not come.
    #[error("the body came too slowly")]
    BodyTooSlow,
    /// A body that ended before its length.
    #[error("the body ended before its end")]
    BodyCut,
    /// A wrong token.
    #[error(
        "this token is not the node's: the token is in the file local.token of the node's folder; without one, ask over the \
         UNIX socket local.sock there"
    )]
    WrongToken,
    /// No token.
    #[error(
        "this needs `Authorization: Bearer <token>`, with the token in the file local.token of the node's folder, or the UNIX \
         socket local.sock there; see docs/operating.md"
    )]
    Unauthorised,
    /// A request to the local listener that does not say which host it is for.
    #[error("a request to the local listener has one `Host`: an address, localhost or a name of listen.local_names")]
    NoHost,
    /// A request to the local listener for another host: a web page whose name was given this machine's address looks like that.
    #[error(
        "`{0}` is not a name of this listener: ask by address, as localhost, or put the name into listen.local_names"
    )]
    ForeignHost(String),
    /// A request to the local listener that a web page of another origin made a browser send.
    #[error("this listener does not answer web pages of other origins")]
    ForeignOrigin,
    /// A body that does not say that it is what this route takes.
    #[error("the body must have `Content-Type: {0}`")]
    UnsupportedType(&'static str),

    // Our own trouble.
    /// Too much is held for other requests.
    #[error("too many large requests are under way; try again")]
    Busy,
    /// The votes' pool is full.
    #[error("too many votes are waiting to be written; try again")]
    PoolFull,
    /// No room for another body.
    #[error("there is no room for more evidence")]
    EvidenceFull,
    /// Too many decisions are waiting to be written.
    #[error("too many decisions are waiting to be written; try again")]
    JournalFull,
    /// The delivery queue is full.
    #[error("the delivery queue is full; try again")]
    QueueFull,
    /// Too many messages on hold.
    #[error("too many messages are on hold; try again")]
    HoldsFull,
    /// No route takes this kind of message.
    #[error("no route of this node takes messages of kind `{0}`")]
    NoRoute(String),
    /// The scores are not ready yet.
    #[error("this node is still reading its ledger; try again")]
    CatchingUp,
    /// The wall clock jumped, or disagrees with the latest record, and what came depends on which time it is.
    #[error("the clock of this node is in doubt; try again in some minutes")]
    ClockInDoubt,
    /// The stores are not open yet.
    #[error("this node is starting and still opens its stores; try again")]
    Starting,
    /// The deadline passed before the answer was durable.
    #[error("the answer could not be made durable in time; try again")]
    Deadline,
    /// An address cannot be listened on.
    #[error("{key}: cannot listen on {addr}: {reason}")]
    Listen {
        /// The configuration's key.
        key: &'static str,
        /// The address.
        addr: std::net::SocketAddr,
        /// What the system said.
        reason: String,
    },
    /// The node that was asked over HTTP does not answer as a node.
    #[error("{url}: {reason}")]
    Remote {
        /// Where.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// The node that was asked could not do it.
    #[error("the node at {place} answered: {reason}")]
    Answered {
        /// Its folder or address.
        place: String,
        /// What it said.
        reason: String,
    },
    /// Standard output does not take what a command prints.
    #[error("{0}")]
    Output(#[from] OutputError),
    /// The command needs a node that is being served.
    #[error("this needs a node that is being served; start it with `ostrakon serve --dir {0}`")]
    NotServed(String),
    /// The folder is another user's.
    #[error(
        "{dir} belongs to {owner} and you are {you}: files made now would lock {name} out. Run: sudo -u {sudo} ostrakon …"
    )]
    ForeignFolder {
        /// The folder.
        dir: String,
        /// Whose it is.
        owner: String,
        /// The owner in a word.
        name: String,
        /// Who asks.
        you: String,
        /// The owner, as `sudo` takes it.
        sudo: String,
    },
    /// Another process has a store open.
    #[error("{path} is in use by {}: is this folder already served?", user_of(*pid))]
    InUse {
        /// The store.
        path: String,
        /// The process that serves the folder, if one says so.
        pid: Option<u32>,
    },
    /// A peer shows what this node has signed and its ledger has not: nothing is signed until it has.
    #[error("{0}")]
    RolledBack(String),
    /// A store stopped working; the part of the node that needs it has stopped.
    #[error("the {part} has stopped after an error of its store: {reason}")]
    Stopped {
        /// `ledger`, `journal` or `witness`.
        part: &'static str,
        /// What the store said.
        reason: String,
    },
    /// The part of the node that was asked ends with the node.
    #[error("the node is shutting down")]
    ShuttingDown,
    /// The system does not give what the node needs: a thread, a signal, a socket.
    #[error("the system gives no {what}: {reason}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// What the system said.
        reason: String,
    },
    /// A piece of work ended in the middle, which is a bug: the log has the panic.
    #[error("{what} ended in the middle: {reason}")]
    Broken {
        /// What was being done.
        what: &'static str,
        /// How it ended.
        reason: String,
    },
    /// The ledger's error.
    #[error("ledger: {0}")]
    Ledger(#[from] LedgerError),
    /// A store's error.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A row of ours that does not read back.
    #[error("a row of table `{table}` is damaged")]
    DamagedRow {
        /// Which table.
        table: &'static str,
    },
    /// A configuration that cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A policy that cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// No such tile in the published tree.
    #[error("no such tile in the published tree")]
    NoSuchTile,
    /// An error that several callers were waiting for.
    #[error(transparent)]
    Shared(Arc<Error>),
    /// A file of the node's directory.
    #[error("{path}: {reason}")]
    File {
        /// Which file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

fn user_of(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

/// What went wrong, with what caused it and what caused that: HTTP clients say in the first line only that they failed.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}
