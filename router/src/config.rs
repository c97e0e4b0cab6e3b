//! The configuration of one node: `ostrakon.toml`, then the environment (`OSTRAKON_SECTION__KEY`), checked into types.
//!
//! What [`Config`] holds cannot be wrong: every range is checked while it is read, and an error names the file with its
//! line, or the variable, and the key. `config/template.toml` is the documented file that `ostrakon init` writes; it is
//! also the list of known keys. A test holds the template and [`Config::defaults`] together.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use ostrakon_ledger::{BATCH_RECORDS_MAX, PeerName};
use serde::Deserialize;

use crate::message::{self, Address, Kind};
use crate::units::{ByteSize, Span};

mod error;
mod load;
mod peer;
mod raw;
mod values;

pub use error::{ConfigError, Place};
pub use peer::PeerLimits;
pub use values::{Fallback, HostName, LogFormat, LogLevel, Token, WebhookUrl};

/// The file that `ostrakon init` writes, with `{domain}` and `{network}` to fill in. Keys that are off by default stand
/// behind a `#` without a space.
const TEMPLATE: &str = include_str!("config/template.toml");

/// Everything an operator can set, except the policy (which has its own file).
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `[node]`: who this node is.
    pub node: NodeSection,
    /// `[listen]`: where it listens.
    pub listen: ListenSection,
    /// `[store]`: how it writes.
    pub store: StoreSection,
    /// `[reputation]`: whose view its scores are.
    pub reputation: ReputationSection,
    /// `[experience]`: whose reports count in full.
    pub experience: ExperienceSection,
    /// `[limits]`: how much it takes at once.
    pub limits: LimitsSection,
    /// `[[route]]`, in the order of the file: where accepted messages go.
    pub routes: Vec<Route>,
    /// `[failure]`: what a check is answered when the node itself cannot decide.
    pub failure: FailureSection,
    /// `[retention]`: how long what is kept.
    pub retention: RetentionSection,
    /// `[log]`: what is written about it.
    pub log: LogSection,
}

/// Who this node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSection {
    /// The federation: 1 to 64 of `a-z 0-9 . -`.
    pub network: String,
    /// The name of this server.
    pub domain: PeerName,
    /// Whether changes of the policy are recorded in the ledger.
    pub announce_policy: bool,
}

/// Where the node listens, and what the local listener asks of its callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenSection {
    /// For peers.
    pub public: SocketAddr,
    /// For adapters and operators.
    pub local: SocketAddr,
    /// A token beside the one in the node's folder.
    pub local_token: Option<Token>,
    /// Addresses of reverse proxies in front of the public listener: many clients share each.
    pub proxies: BTreeSet<IpAddr>,
    /// Whether adapters need no token for what they ask, as long as the local address is loopback.
    pub open: bool,
    /// Names under which the local listener may be asked, besides addresses and localhost.
    pub local_names: BTreeSet<HostName>,
}

/// How the node writes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreSection {
    /// Most votes in one synced write of the ledger, 1 to [`BATCH_RECORDS_MAX`].
    #[serde(deserialize_with = "raw::count::<_, 1, { BATCH_RECORDS_MAX as u64 }>")]
    pub batch_max: usize,
    /// A write begins no sooner than this after the one before it began, 0 ms to 1 s.
    #[serde(deserialize_with = "raw::span::<_, 0, 1_000>")]
    pub batch_window: Span,
}

/// Whose view the scores are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReputationSection {
    /// After which a vote weighs half; `None`: votes do not age.
    pub half_life: Option<Span>,
    /// The name of the viewpoint.
    pub viewpoint: String,
    /// Weights of the peers that are trusted from the start, in thousandths (1 to 1000).
    pub seeds: BTreeMap<PeerName, u16>,
    /// Viewpoints beside it that scores are shown from, by name, at most eight: whom each trusts, as `seeds`.
    pub viewpoints: BTreeMap<String, BTreeMap<PeerName, u16>>,
}

/// Whose reports count in full.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExperienceSection {
    /// Addresses of moderators and spam traps, at most 10,000.
    #[serde(deserialize_with = "raw::reporters")]
    pub trusted_reporters: BTreeSet<Address>,
}

/// How much the node takes at once.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSection {
    /// Largest body of one message, 1 B to 16 MiB.
    #[serde(deserialize_with = "raw::size::<_, 1, { 16 << 20 }>")]
    pub body_max: ByteSize,
    /// Most recipients of one message, 1 to 100.
    #[serde(deserialize_with = "raw::count::<_, 1, 100>")]
    pub recipients_max: usize,
    /// Most votes that wait for the ledger, 1 to 1,000,000.
    #[serde(deserialize_with = "raw::count::<_, 1, 1_000_000>")]
    pub pool_max: usize,
    /// Most decisions under way at once, 1 to 65,536.
    #[serde(deserialize_with = "raw::count::<_, 1, 65_536>")]
    pub decisions_in_flight_max: usize,
    /// Most messages that wait for delivery, 1 to 10,000,000.
    #[serde(deserialize_with = "raw::count::<_, 1, 10_000_000>")]
    pub queue_max: usize,
    /// Most messages that are held, 1 to 1,000,000.
    #[serde(deserialize_with = "raw::count::<_, 1, 1_000_000>")]
    pub holds_max: usize,
    /// Most entries in the copy of one followed ledger, 1 to 1,000,000,000.
    #[serde(deserialize_with = "raw::count::<_, 1, 1_000_000_000>")]
    pub copy_entries_max: usize,
    /// What each admitted peer may ask.
    pub peer: PeerLimits,
}

/// What of them the parsers of messages need.
impl From<&LimitsSection> for message::Limits {
    fn from(section: &LimitsSection) -> Self {
        let body_bytes_max = usize::try_from(section.body_max.bytes()).unwrap_or(usize::MAX);
        Self { body_bytes_max, recipients_max: section.recipients_max }
    }
}

/// Where accepted messages of some kinds go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Unique among the routes: 1 to 64 of `a-z 0-9 . -`.
    pub name: String,
    /// The kinds it takes; empty: all.
    pub kinds: BTreeSet<Kind>,
    /// Where the message is sent with POST.
    pub webhook: WebhookUrl,
    /// What happens to a message that cannot be judged because the scores are not there yet.
    pub on_failure: Fallback,
    /// How long one attempt may take, 100 ms to 5 minutes.
    pub timeout: Span,
    /// How long delivery is attempted, 1 minute to 30 days.
    pub expires_after: Span,
    /// The wait after the first failed attempt, 100 ms to 1 hour; it doubles with each further one.
    pub retry_first: Span,
    /// The longest wait between attempts, `retry_first` to 1 day.
    pub retry_max: Span,
}

/// What a check is answered when the node itself cannot decide.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FailureSection {
    /// The verdict.
    pub verdict: Fallback,
    /// How long a decision may take, 10 ms to 60 s.
    #[serde(deserialize_with = "raw::span::<_, 10, 60_000>")]
    pub deadline: Span,
}

/// How long what is kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionSection {
    /// Decisions, 1 hour to 3650 days.
    #[serde(deserialize_with = "raw::span::<_, { raw::HOUR_MS }, { 3_650 * raw::DAY_MS }>")]
    pub decisions: Span,
    /// Reports of the node's own users, 1 hour to 3650 days.
    #[serde(deserialize_with = "raw::span::<_, { raw::HOUR_MS }, { 3_650 * raw::DAY_MS }>")]
    pub reports: Span,
    /// Held messages, 1 hour to 365 days.
    #[serde(deserialize_with = "raw::span::<_, { raw::HOUR_MS }, { 365 * raw::DAY_MS }>")]
    pub holds: Span,
    /// Dead letters, 1 hour to 365 days.
    #[serde(deserialize_with = "raw::span::<_, { raw::HOUR_MS }, { 365 * raw::DAY_MS }>")]
    pub dead: Span,
}

/// What is written about the node's work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSection {
    /// For people or for programs.
    pub format: LogFormat,
    /// The least important level that is written.
    pub level: LogLevel,
}

impl Config {
    /// Reads the file, lets the environment override it, and checks every key.
    ///
    /// Of `environment` only variables named `OSTRAKON_SECTION__KEY` are used; one without the two underscores belongs to
    /// the command line, unless it is a slip for one of ours.
    ///
    /// # Errors
    /// [`ConfigError`], always the caller's to mend.
    pub fn load<K, V>(path: &Path, environment: impl IntoIterator<Item = (K, V)>) -> Result<Self, ConfigError>
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        let text = load::read(path)?;
        let environment = environment.into_iter().map(|(name, value)| (name.into(), value.into()));
        load::parse(path, &text, environment)
    }

    /// The documented file for a new node, with every key and its default.
    pub fn template(domain: &PeerName, network: &str) -> String {
        TEMPLATE.replace("{domain}", domain.as_str()).replace("{network}", network)
    }

    /// What [`Self::template`] says: a node without routes that trusts only itself.
    pub fn defaults(domain: PeerName, network: &str) -> Self {
        Self {
            listen: ListenSection::default(),
            store: StoreSection::default(),
            reputation: ReputationSection::of(&domain),
            experience: ExperienceSection::default(),
            limits: LimitsSection::default(),
            routes: Vec::new(),
            failure: FailureSection::default(),
            retention: RetentionSection::default(),
            log: LogSection::default(),
            node: NodeSection { network: network.to_owned(), domain, announce_policy: false },
        }
    }

    /// This configuration with the addresses of the command line instead of its own, where given.
    ///
    /// # Errors
    /// [`ConfigError::Key`] when both are one address.
    pub fn listening_on(mut self, public: Option<SocketAddr>, local: Option<SocketAddr>) -> Result<Self, ConfigError> {
        let place = Place::Argument(if local.is_some() { "--local" } else { "--public" });
        let listen = self.listen;
        let (public, local) = (public.unwrap_or(listen.public), local.unwrap_or(listen.local));
        self.listen = ListenSection { public, local, ..listen }.checked().map_err(|fault| fault.at(place, "listen"))?;
        Ok(self)
    }

    /// The first route that takes this kind of message.
    pub fn route_for(&self, kind: Kind) -> Option<&Route> {
        self.routes.iter().find(|route| route.kinds.is_empty() || route.kinds.contains(&kind))
    }
}

#[cfg(test)]
mod tests;
