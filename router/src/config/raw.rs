//! The file as serde sees it, and the way from there to the checked sections.

mod reputation;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ostrakon_ledger::{BATCH_RECORDS_MAX, PeerName};
use serde::de::{Deserializer, Error as _, Unexpected};
use serde::{Deserialize, de};

use super::error::{ConfigError, Place};
use super::values::{Fallback, HostName, Token, WebhookUrl};
use super::{
    ExperienceSection, FailureSection, LimitsSection, ListenSection, LogSection, PeerLimits, RetentionSection, Route,
    StoreSection,
};
use crate::message::{Address, Kind};
use crate::units::{ByteSize, Span};
use reputation::RawReputation;

pub(super) const HOUR_MS: u64 = 3_600_000;
pub(super) const DAY_MS: u64 = 24 * HOUR_MS;
/// Ports of the two listeners of a new node.
const PUBLIC_PORT: u16 = 7400;
const LOCAL_PORT: u16 = 7401;
/// Most routes, so that finding one stays a short walk.
const ROUTES_MAX: usize = 64;
/// Most trusted reporters.
const REPORTERS_MAX: usize = 10_000;
/// Most reverse proxies.
const PROXIES_MAX: usize = 64;
/// Most names of the local listener, so that comparing a request's host with them stays cheap.
const LOCAL_NAMES_MAX: usize = 64;
/// Longest federation or route name in characters.
const NAME_LEN_MAX: usize = 64;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) node: RawNode,
    #[serde(default)]
    pub(super) listen: RawListen,
    #[serde(default)]
    pub(super) store: StoreSection,
    #[serde(default)]
    pub(super) reputation: RawReputation,
    #[serde(default)]
    pub(super) experience: ExperienceSection,
    #[serde(default)]
    pub(super) limits: LimitsSection,
    #[serde(default)]
    pub(super) route: Vec<RawRoute>,
    #[serde(default)]
    pub(super) failure: FailureSection,
    #[serde(default)]
    pub(super) retention: RetentionSection,
    #[serde(default)]
    pub(super) log: LogSection,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNode {
    #[serde(deserialize_with = "short_name")]
    pub(super) network: String,
    pub(super) domain: PeerName,
    #[serde(default)]
    pub(super) announce_policy: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawListen {
    #[serde(deserialize_with = "address")]
    public: SocketAddr,
    #[serde(deserialize_with = "address")]
    local: SocketAddr,
    local_token: Option<Token>,
    #[serde(deserialize_with = "proxies")]
    proxies: BTreeSet<IpAddr>,
    open: bool,
    #[serde(deserialize_with = "local_names")]
    local_names: BTreeSet<HostName>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRoute {
    #[serde(deserialize_with = "short_name")]
    name: String,
    #[serde(default)]
    kinds: BTreeSet<Kind>,
    webhook: WebhookUrl,
    #[serde(default)]
    on_failure: Fallback,
    #[serde(default = "timeout", deserialize_with = "span::<_, 100, 300_000>")]
    timeout: Span,
    #[serde(default = "expires_after", deserialize_with = "span::<_, 60_000, { 30 * DAY_MS }>")]
    expires_after: Span,
    #[serde(default = "retry_first", deserialize_with = "span::<_, 100, { HOUR_MS }>")]
    retry_first: Span,
    #[serde(default = "retry_max", deserialize_with = "span::<_, 100, { DAY_MS }>")]
    retry_max: Span,
}

fn timeout() -> Span {
    Span::from_ms(10_000)
}
fn expires_after() -> Span {
    Span::from_ms(48 * HOUR_MS)
}
fn retry_first() -> Span {
    Span::from_ms(5_000)
}
fn retry_max() -> Span {
    Span::from_ms(HOUR_MS)
}

/// A rule between several keys that does not hold.
#[derive(Debug)]
pub(super) struct Fault {
    /// The key to change, within its section.
    pub(super) key: &'static str,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn at(self, place: Place, section: &str) -> ConfigError {
        ConfigError::Key { place, key: format!("{section}.{}", self.key), message: self.message, suggestion: None }
    }
}

impl ListenSection {
    /// This section, if its two addresses do not collide.
    pub(super) fn checked(self) -> Result<Self, Fault> {
        let Self { public, local, .. } = self;
        if public == local && public.port() != 0 {
            return Err(Fault { key: "local", message: format!("is the same address as public, {public}") });
        }
        Ok(self)
    }
}

impl From<RawListen> for ListenSection {
    fn from(raw: RawListen) -> Self {
        let RawListen { public, local, local_token, proxies, open, local_names } = raw;
        Self { public, local, local_token, proxies, open, local_names }
    }
}

/// Checks the routes against each other; a fault comes with the number of its route, from 0.
pub(super) fn routes(raw: Vec<RawRoute>) -> Result<Vec<Route>, (usize, Fault)> {
    let mut names = BTreeSet::new();
    for (at, route) in raw.iter().enumerate() {
        let fault = |key, message| Err((at, Fault { key, message }));
        if at >= ROUTES_MAX {
            return fault("name", format!("is one route too many, at most {ROUTES_MAX} are possible"));
        }
        if !names.insert(route.name.clone()) {
            return fault("name", format!("`{}` is the name of another route", route.name));
        }
        if route.retry_max < route.retry_first {
            return fault("retry_max", format!("{} is less than retry_first, {}", route.retry_max, route.retry_first));
        }
    }
    Ok(raw.into_iter().map(Route::from).collect())
}

impl From<RawRoute> for Route {
    fn from(raw: RawRoute) -> Self {
        let RawRoute { name, kinds, webhook, on_failure, timeout, expires_after, retry_first, retry_max } = raw;
        Self { name, kinds, webhook, on_failure, timeout, expires_after, retry_first, retry_max }
    }
}

impl Default for RawListen {
    fn default() -> Self {
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let proxies = BTreeSet::from([Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        Self {
            public: at(PUBLIC_PORT),
            local: at(LOCAL_PORT),
            local_token: None,
            proxies,
            open: true,
            local_names: BTreeSet::new(),
        }
    }
}

impl Default for ListenSection {
    fn default() -> Self {
        RawListen::default().into()
    }
}

impl Default for StoreSection {
    fn default() -> Self {
        Self { batch_max: BATCH_RECORDS_MAX, batch_window: Span::from_ms(4) }
    }
}

impl Default for LimitsSection {
    fn default() -> Self {
        Self {
            body_max: ByteSize::from_bytes(256 << 10),
            recipients_max: 100,
            pool_max: 65_536,
            decisions_in_flight_max: 1_024,
            queue_max: 100_000,
            holds_max: 10_000,
            copy_entries_max: 10_000_000,
            peer: PeerLimits::default(),
        }
    }
}

impl Default for FailureSection {
    fn default() -> Self {
        Self { verdict: Fallback::Defer, deadline: Span::from_ms(2_000) }
    }
}

impl Default for RetentionSection {
    fn default() -> Self {
        let days = |days| Span::from_ms(days * DAY_MS);
        Self { decisions: days(30), reports: days(365), holds: days(14), dead: days(30) }
    }
}

fn within<T, U: std::fmt::Display, E: de::Error>(
    value: T,
    number: u64,
    show: impl Fn(u64) -> U,
    min: u64,
    max: u64,
) -> Result<T, E> {
    match number {
        number if (min..=max).contains(&number) => Ok(value),
        number => Err(E::custom(format!("must be {} to {}, not {}", show(min), show(max), show(number)))),
    }
}

/// A whole number within MIN and MAX.
pub(super) fn count<'de, D: Deserializer<'de>, const MIN: u64, const MAX: u64>(input: D) -> Result<usize, D::Error> {
    let number = i64::deserialize(input)?;
    match u64::try_from(number) {
        Ok(number) => within(number, number, |number| number, MIN, MAX)
            .and_then(|number| usize::try_from(number).map_err(D::Error::custom)),
        Err(_) => Err(D::Error::custom(format!("must be {MIN} to {MAX}, not {number}"))),
    }
}

/// A duration within MIN and MAX milliseconds.
pub(super) fn span<'de, D: Deserializer<'de>, const MIN: u64, const MAX: u64>(input: D) -> Result<Span, D::Error> {
    let span = Span::deserialize(input)?;
    within(span, span.ms(), Span::from_ms, MIN, MAX)
}

/// A size within MIN and MAX bytes.
pub(super) fn size<'de, D: Deserializer<'de>, const MIN: u64, const MAX: u64>(input: D) -> Result<ByteSize, D::Error> {
    let size = ByteSize::deserialize(input)?;
    within(size, size.bytes(), ByteSize::from_bytes, MIN, MAX)
}

/// At most [`REPORTERS_MAX`] addresses.
pub(super) fn reporters<'de, D: Deserializer<'de>>(input: D) -> Result<BTreeSet<Address>, D::Error> {
    let addresses = BTreeSet::<Address>::deserialize(input)?;
    match addresses.len() {
        len if len <= REPORTERS_MAX => Ok(addresses),
        len => Err(D::Error::custom(format!("has {len} addresses, at most {REPORTERS_MAX} are possible"))),
    }
}

/// At most [`PROXIES_MAX`] addresses, IPv4 in IPv6 as IPv4.
fn proxies<'de, D: Deserializer<'de>>(input: D) -> Result<BTreeSet<IpAddr>, D::Error> {
    let addresses = BTreeSet::<IpAddr>::deserialize(input)?;
    match addresses.len() {
        len if len <= PROXIES_MAX => Ok(addresses.iter().map(IpAddr::to_canonical).collect()),
        len => Err(D::Error::custom(format!("has {len} addresses, at most {PROXIES_MAX} are possible"))),
    }
}

fn local_names<'de, D: Deserializer<'de>>(input: D) -> Result<BTreeSet<HostName>, D::Error> {
    let names = BTreeSet::<HostName>::deserialize(input)?;
    match names.len() {
        len if len <= LOCAL_NAMES_MAX => Ok(names),
        len => Err(D::Error::custom(format!("has {len} names, at most {LOCAL_NAMES_MAX} are possible"))),
    }
}

fn address<'de, D: Deserializer<'de>>(input: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(input)?;
    text.parse().map_err(|_| {
        D::Error::invalid_value(Unexpected::Str(&text), &"an IP address with its port, like \"127.0.0.1:7400\"")
    })
}

fn short_name<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    let text = String::deserialize(input)?;
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    if text.is_empty() || text.len() > NAME_LEN_MAX || !text.bytes().all(allowed) {
        return Err(D::Error::custom(format!("`{text}` must be 1 to {NAME_LEN_MAX} characters of a-z 0-9 . -")));
    }
    Ok(text)
}
