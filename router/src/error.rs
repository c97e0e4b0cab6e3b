//! What can go wrong in the router, by blame. HTTP statuses follow from it in one table (`server/api/problem.rs`).

mod blame;

use std::sync::Arc;

use ostrakon_ledger::{LedgerError, Malformed, Refusal, StoreError, Unproven};
use ostrakon_policies::PolicyError;
use thiserror::Error;

pub use self::blame::Blame;
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
    /// No or a wrong token.
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
    /// The wall clock jumped, and what came depends on which time it is.
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
    /// Standard output does not take what a command prints.
    #[error("{0}")]
    Output(#[from] OutputError),
    /// The command needs a node that is being served.
    #[error("this needs a node that is being served; start it with `ostrakon serve`")]
    NotServed,
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
    /// The messages store's error.
    #[error("messages store: {0}")]
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

impl Error {
    /// A short stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Envelope(error) => error.code(),
            Self::Request(error) => error.code(),
            Self::Import(error) => error.code(),
            Self::Refused(refusal) => refusal.code(),
            Self::Unproven(_) => "unproven",
            Self::UnknownPeer(_) => "unknown_peer",
            Self::Quota { .. } => "quota",
            Self::ShareFull { .. } => "share_full",
            Self::Malformed(_) => "malformed",
            Self::BadDecisionId => "bad_decision_id",
            Self::NoSuchDecision => "no_such_decision",
            Self::NoSuchHold => "no_such_hold",
            Self::NoSuchDeadLetter => "no_such_dead_letter",
            Self::RouteGone(_) => "route_gone",
            Self::IdReused { .. } => "id_reused",
            Self::NoSuchPeer(_) => "no_such_peer",
            Self::NoSuchViewpoint { .. } => "no_such_viewpoint",
            Self::NotFollowed(_) => "not_followed",
            Self::NoSuchRecord(_) => "no_such_record",
            Self::NotConvicted(_) => "not_convicted",
            Self::NoEvidence(_) => "no_evidence",
            Self::Erased(_) => "erased",
            Self::OtherEvidence(_) => "other_evidence",
            Self::Unsigned => "unsigned",
            Self::Stale => "stale",
            Self::EvidenceFull => "evidence_full",
            Self::NotImported(_) => "not_imported",
            Self::BadRequest(_) => "bad_request",
            Self::BodyTooLarge { .. } => "too_large",
            Self::BodyTooSlow => "too_slow",
            Self::BodyCut => "cut_short",
            Self::Busy => "busy",
            Self::Unauthorised => "unauthorised",
            Self::NoHost => "no_host",
            Self::ForeignHost(_) => "foreign_host",
            Self::ForeignOrigin => "foreign_origin",
            Self::UnsupportedType(_) => "unsupported_type",
            Self::PoolFull => "pool_full",
            Self::JournalFull => "journal_full",
            Self::QueueFull => "queue_full",
            Self::HoldsFull => "holds_full",
            Self::NoRoute(_) => "no_route",
            Self::CatchingUp => "catching_up",
            Self::ClockInDoubt => "clock_in_doubt",
            Self::Starting => "starting",
            Self::Deadline => "deadline",
            Self::Listen { .. } => "listen",
            Self::Remote { .. } => "remote",
            Self::Output(_) => "output",
            Self::NotServed => "not_served",
            Self::Stopped { .. } => "stopped",
            Self::ShuttingDown => "shutting_down",
            Self::System { .. } => "system",
            Self::Broken { .. } => "broken",
            Self::Ledger(_) => "ledger",
            Self::Store(_) => "store",
            Self::DamagedRow { .. } => "damaged_row",
            Self::Config(_) => "config",
            Self::Policy(_) => "policy",
            Self::NoSuchTile => "no_such_tile",
            Self::Shared(error) => error.code(),
            Self::File { .. } => "file",
        }
    }

    /// Whose turn it is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Envelope(error) => error.blame().into(),
            Self::Request(error) => error.blame().into(),
            Self::Import(error) => error.blame().into(),
            Self::Refused(refusal) => refusal.blame().into(),
            Self::Ledger(error) => error.blame().into(),
            Self::Shared(error) => error.blame(),
            Self::Unproven(_)
            | Self::UnknownPeer(_)
            | Self::Quota { .. }
            | Self::ShareFull { .. }
            | Self::IdReused { signed: true, .. } => Blame::Peer,
            Self::Malformed(_)
            | Self::BadDecisionId
            | Self::NoSuchDecision
            | Self::NoSuchHold
            | Self::NoSuchDeadLetter
            | Self::RouteGone(_)
            | Self::IdReused { signed: false, .. }
            | Self::NoSuchPeer(_)
            | Self::NoSuchViewpoint { .. }
            | Self::NotFollowed(_)
            | Self::NoSuchRecord(_)
            | Self::NotConvicted(_)
            | Self::NoEvidence(_)
            | Self::Erased(_)
            | Self::OtherEvidence(_)
            | Self::Unsigned
            | Self::Stale
            | Self::NoSuchTile
            | Self::NotServed
            | Self::Config(_)
            | Self::Policy(_)
            | Self::NotImported(_)
            | Self::BadRequest(_)
            | Self::BodyTooLarge { .. }
            | Self::BodyTooSlow
            | Self::BodyCut
            | Self::Unauthorised
            | Self::NoHost
            | Self::ForeignHost(_)
            | Self::ForeignOrigin
            | Self::UnsupportedType(_) => Blame::Caller,
            _ => Blame::Us,
        }
    }
}
