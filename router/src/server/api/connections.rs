//! Who may hold a connection to a listener, and how many bytes are held for all of them together.
//!
//! Strangers share a part of the places. The rest is kept for addresses from which something came of late whose signature
//! verified ([`Link::note_known`]), and each address of either kind has a share. When there is no place, the connection of
//! the same kind that has finished no request for longest makes room for the new one: an attacker who opens connections
//! pushes out its own, and whoever asks and leaves is served.
//!
//! Time is measured in ticks of [`Connections::sweep`], so that a request costs no look at a clock.

mod address;
mod bytes;
mod known;
mod link;

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use ostrakon_ledger::PeerName;
use tokio::runtime::Handle;

use self::{
    address::AddressKey,
    bytes::{ByteBounds, ByteBudget},
    known::KnownAddresses,
};
pub(super) use self::{
    bytes::Held,
    link::{Phase, transfer_ms},
};

pub use self::link::Link;

/// Most connections of the public listener, and of the local one. Each costs a task, the state of its handler and two
/// buffers: about 40 KiB, and twice that while it holds a body.
pub const PUBLIC_MAX: usize = 512;
/// See [`PUBLIC_MAX`].
pub const LOCAL_MAX: usize = 1024;
/// Places of the public listener, one in so many, that strangers cannot take.
const KEPT_SHARE: usize = 4;
/// Places of the public listener, one in so many, that one address can take.
const ADDRESS_SHARE: usize = 16;
/// Addresses that are too many share what is there: an address has at least so many places.
const ADDRESS_CONNECTIONS_MIN: usize = 8;
/// How long an idle connection of an adapter is kept: longer than pools of connections usually keep theirs.
const LOCAL_IDLE: Duration = Duration::from_secs(300);
/// How long an idle connection to the public listener is kept while there is room.
const PUBLIC_IDLE: Duration = Duration::from_secs(60);
/// Bytes of unfinished bodies that are held for strangers: of each at most a message's envelope, and there is room for eighty.
const STRANGERS_BYTES: usize = 8 << 20;
/// Bytes of unfinished bodies, and of answers that were not taken, that are held for everyone else.
const KNOWN_BYTES: usize = 16 << 20;
/// Bodies of the largest size that fit beside each other at least.
const LARGEST_BODIES: usize = 4;
/// A request that is at work for longer can be given up for a new stranger, if there is nobody else to give up.
const WORK_GIVEN_UP_MS: u64 = 1_000;

/// The connections of one listener, or of several that share one bound.
pub struct Connections {
    listener: &'static str,
    bounds: ConnectionBounds,
    /// Whose address stands for many others.
    proxies: BTreeSet<IpAddr>,
    /// Where strangers are served.
    threads: Option<Handle>,
    start: Instant,
    now_ms: AtomicU64,
    bodies: ByteBudget,
    answers: ByteBudget,
    table: Mutex<LinkTable>,
}

#[derive(Debug, Clone, Copy)]
struct ConnectionBounds {
    connections: usize,
    strangers: usize,
    per_address: usize,
    idle_ms: u64,
    /// Whether addresses tell strangers apart.
    has_strangers: bool,
}

#[derive(Default)]
struct LinkTable {
    links: HashMap<u64, Arc<Link>>,
    known: KnownAddresses,
    next_id: u64,
}

/// A place among the connections, given back when it is dropped.
pub(super) struct ConnectionPlace {
    link: Arc<Link>,
}

impl ConnectionPlace {
    pub(super) fn link(&self) -> &Arc<Link> {
        &self.link
    }
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        self.link.connections.lock().links.remove(&self.link.id);
    }
}

impl Connections {
    /// For the public listener: `connections_max` at a time, bodies of at most `body_bytes_max`. Connections from `proxies`
    /// are anybody's, so that they have no share and count as known. Strangers are served on `threads`, where they keep nobody
    /// else waiting.
    pub fn public(
        connections_max: usize,
        body_bytes_max: usize,
        proxies: BTreeSet<IpAddr>,
        threads: Handle,
    ) -> Arc<Self> {
        let bounds = ConnectionBounds {
            connections: connections_max,
            strangers: connections_max - connections_max / KEPT_SHARE,
            per_address: (connections_max / ADDRESS_SHARE).max(ADDRESS_CONNECTIONS_MIN),
            idle_ms: ms(PUBLIC_IDLE),
            has_strangers: true,
        };
        Self::new("public", bounds, body_bytes_max, proxies, Some(threads))
    }

    /// For the local listener, or its socket: `connections_max` at a time, all of them the operator's own.
    pub fn local(listener: &'static str, connections_max: usize, body_bytes_max: usize) -> Arc<Self> {
        let bounds = ConnectionBounds {
            connections: connections_max,
            strangers: 0,
            per_address: connections_max,
            idle_ms: ms(LOCAL_IDLE),
            has_strangers: false,
        };
        Self::new(listener, bounds, body_bytes_max, BTreeSet::new(), None)
    }

    fn new(
        listener: &'static str,
        bounds: ConnectionBounds,
        body_bytes_max: usize,
        proxies: BTreeSet<IpAddr>,
        threads: Option<Handle>,
    ) -> Arc<Self> {
        let bodies = KNOWN_BYTES.max(body_bytes_max.saturating_mul(LARGEST_BODIES));
        Arc::new(Self {
            listener,
            bounds,
            proxies,
            threads,
            start: Instant::now(),
            now_ms: AtomicU64::new(0),
            bodies: ByteBudget::new(ByteBounds { strangers: STRANGERS_BYTES, known: bodies }, Phase::Body),
            answers: ByteBudget::new(ByteBounds { strangers: STRANGERS_BYTES, known: KNOWN_BYTES }, Phase::Write),
            table: Mutex::default(),
        })
    }

    /// How many there may be.
    pub(super) fn connections_max(&self) -> usize {
        self.bounds.connections
    }

    /// Which listener they belong to.
    pub(super) fn listener(&self) -> &'static str {
        self.listener
    }

    /// The threads that serve a connection: strangers have their own.
    pub(super) fn threads(&self, is_known: bool) -> Handle {
        let strangers = self.threads.as_ref().filter(|_| !is_known);
        strangers.cloned().unwrap_or_else(Handle::current)
    }

    /// Whether strangers may connect.
    pub(super) fn has_strangers(&self) -> bool {
        self.bounds.has_strangers
    }

    /// Bytes of bodies.
    pub(super) fn bodies(&self) -> &ByteBudget {
        &self.bodies
    }

    /// Bytes of answers.
    pub(super) fn answers(&self) -> &ByteBudget {
        &self.answers
    }

    /// Milliseconds since the start, as of the last sweep.
    pub(super) fn now_ms(&self) -> u64 {
        self.now_ms.load(Relaxed)
    }

    /// A place for a connection from `from`; the one that has finished nothing for longest may have to go for it. `None` if
    /// all of them are at work.
    pub(super) fn admit(self: &Arc<Self>, from: Option<IpAddr>) -> Option<ConnectionPlace> {
        let now = self.now_ms();
        let mut table = self.lock();
        let address = from.filter(|_| self.bounds.has_strangers).map(|from| from.to_canonical());
        let address = address.filter(|from| !self.proxies.contains(from)).map(AddressKey::from);
        let is_known = address.is_none_or(|address| table.known.contains(&address, now));
        let of_address = |link: &Link| address.is_some() && link.address == address;
        let of_strangers = |link: &Link| !link.known.load(Relaxed);
        if table.count(of_address) >= self.bounds.per_address && !self.evict(&mut table, "share", of_address) {
            return self.refuse("share");
        }
        if !is_known
            && table.count(of_strangers) >= self.bounds.strangers
            && !self.evict(&mut table, "room", of_strangers)
        {
            return self.refuse("room");
        }
        if table.links.len() >= self.bounds.connections
            && !self.evict(&mut table, "room", of_strangers)
            && !(is_known && self.evict(&mut table, "room", |_| true))
        {
            return self.refuse("room");
        }
        table.next_id += 1;
        let link = Arc::new(Link::new(table.next_id, address, is_known, self.clone()));
        table.links.insert(link.id, link.clone());
        Some(ConnectionPlace { link })
    }

    fn refuse(&self, reason: &'static str) -> Option<ConnectionPlace> {
        metrics::counter!("ostrakon_refused_connections_total", "listener" => self.listener, "reason" => reason)
            .increment(1);
        None
    }

    /// Closes the connection of these that has finished no request for longest. One whose answer is ours to give goes last,
    /// and only if it is a stranger's.
    fn evict(&self, table: &mut LinkTable, reason: &'static str, of: impl Fn(&Link) -> bool) -> bool {
        let now = self.now_ms();
        let rank = |link: &Link| match link.phase() {
            Phase::Work if link.known.load(Relaxed) || link.in_phase_ms(now) < WORK_GIVEN_UP_MS => None,
            Phase::Work => Some((1, link.unfinished_since())),
            _ => Some((0, link.unfinished_since())),
        };
        let of_these = table.links.values().filter(|link| of(link));
        let oldest = of_these.filter_map(|link| Some((rank(link)?, link))).min_by_key(|(rank, _)| *rank);
        let Some(oldest) = oldest.map(|(_, link)| link.clone()) else { return false };
        self.close(table, &oldest, reason)
    }

    fn close(&self, table: &mut LinkTable, link: &Arc<Link>, reason: &'static str) -> bool {
        let closed = link.close();
        if closed {
            table.links.remove(&link.id);
            metrics::counter!("ostrakon_closed_connections_total", "listener" => self.listener, "reason" => reason)
                .increment(1);
        }
        closed
    }

    /// Moves the clock and closes what is past its time.
    pub(super) fn sweep(&self) {
        self.sweep_at(ms(self.start.elapsed()));
    }

    fn sweep_at(&self, now_ms: u64) {
        self.now_ms.store(now_ms, Relaxed);
        let mut table = self.lock();
        let links: Vec<_> = table.links.values().filter_map(|link| self.overdue(link, now_ms)).collect();
        for (link, reason) in links {
            self.close(&mut table, &link, reason);
        }
        let count = u32::try_from(table.links.len()).unwrap_or(u32::MAX);
        metrics::gauge!("ostrakon_connections", "listener" => self.listener).set(count);
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().links.is_empty()
    }

    /// Closes all that there are.
    pub(super) fn close_all(&self) {
        let mut table = self.lock();
        let links: Vec<_> = table.links.values().cloned().collect();
        for link in links {
            self.close(&mut table, &link, "shutdown");
        }
    }

    fn overdue(&self, link: &Arc<Link>, now_ms: u64) -> Option<(Arc<Link>, &'static str)> {
        Some((link.clone(), link.overdue(now_ms, self.bounds.idle_ms)?))
    }

    fn note_known(&self, address: AddressKey, peer: &PeerName) {
        let now = self.now_ms();
        let mut table = self.lock();
        table.known.insert(address, peer, now);
        for link in table.links.values().filter(|link| link.address == Some(address)) {
            link.known.store(true, Relaxed);
        }
    }

    /// Counts `bytes` as held for `link`, unless other bytes are held for connections from its address and both together are
    /// more than `share`.
    fn hold(&self, link: &Link, bytes: u64, share: u64) -> bool {
        if share == u64::MAX {
            link.held.fetch_add(bytes, Relaxed);
            return true;
        }
        let table = self.lock();
        let of_address = table.links.values().filter(|other| other.address == link.address);
        let others: u64 = of_address.map(|link| link.held.load(Relaxed)).sum();
        let is_counted = others == 0 || others + bytes <= share;
        if is_counted {
            link.held.fetch_add(bytes, Relaxed);
        }
        is_counted
    }

    /// Closes the connection of the kind of `link` that has held bytes in `phase` for longest, if that is longer than `slow_ms`.
    fn make_room_for_bytes(&self, link: &Link, phase: Phase, slow_ms: u64) {
        let (now, is_known) = (self.now_ms(), link.known.load(Relaxed));
        let mut table = self.lock();
        let slow = table.links.values().filter(|other| {
            other.known.load(Relaxed) == is_known
                && other.phase() == phase
                && other.held.load(Relaxed) > 0
                && other.in_phase_ms(now) > slow_ms
        });
        if let Some(slowest) = slow.max_by_key(|other| (other.in_phase_ms(now), other.id)).cloned() {
            self.close(&mut table, &slowest, "bytes");
        }
    }

    fn lock(&self) -> MutexGuard<'_, LinkTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LinkTable {
    fn count(&self, of: impl Fn(&Link) -> bool) -> usize {
        self.links.values().filter(|link| of(link)).count()
    }
}

fn ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
