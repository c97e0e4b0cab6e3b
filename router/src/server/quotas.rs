//! What an admitted peer may ask of this node in a day: admission is no licence to fill its disks.
//!
//! Each quota is a GCRA over a day: as much as the day's quota at once, and as much a day on average. A value that is driven:
//! time is an argument. Kept in memory, for admitted peers only: nothing is counted before a signature was checked, so that
//! nobody uses up the quota of another. A restart begins with full quotas; what bodies a peer keeps is counted on disk
//! ([`crate::server::evidence`]).

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use ostrakon_ledger::PeerName;

use crate::{config::PeerLimits, error::Error};

const DAY_MS: u64 = 86_400_000;
const NS_PER_MS: u64 = 1_000_000;
/// Refused messages are counted in windows of this length.
const REFUSALS_MS: u64 = 60_000;
/// Peers whose use is remembered; beyond that those are forgotten first who have their full quotas again. An admission is an
/// entry of the owner's, so that there are never many.
const PEERS_MAX: usize = 1 << 16;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaItem {
    /// A record for the ledger.
    Record,
    /// A message.
    Message,
    /// A body.
    Evidence,
}

/// The quotas of all peers.
#[derive(Debug)]
pub struct Quotas {
    limits: PeerLimits,
    peers: Mutex<BTreeMap<PeerName, Usage>>,
}

#[derive(Debug, Clone, Default)]
struct Usage {
    records: Meter,
    messages: Meter,
    bytes: Meter,
    refusals: Window,
}

/// One quota's state: when it is full again (the theoretical arrival time of GCRA), in nanoseconds.
#[derive(Debug, Clone, Copy, Default)]
struct Meter {
    full_at_ns: u64,
}

impl Meter {
    /// The state after `count` more of `per_day`, or how long to wait for them, ms.
    fn after(self, count: u64, per_day: u64, now_ms: u64) -> Result<Self, u64> {
        const DAY_NS: u64 = DAY_MS * NS_PER_MS;
        let interval_ns = DAY_NS.div_ceil(per_day.max(1));
        let now_ns = now_ms.saturating_mul(NS_PER_MS);
        let latest_ns = now_ns.saturating_add(DAY_NS);
        // A clock that was set back must not lock anybody out for longer than a day.
        let from_ns = self.full_at_ns.clamp(now_ns, latest_ns);
        let full_at_ns = from_ns.saturating_add(interval_ns.saturating_mul(count));
        match full_at_ns.checked_sub(latest_ns) {
            None | Some(0) => Ok(Self { full_at_ns }),
            Some(over_ns) => Err(over_ns.div_ceil(NS_PER_MS)),
        }
    }

    /// The state without `count` of `per_day`.
    fn before(self, count: u64, per_day: u64) -> Self {
        let interval_ns = (DAY_MS * NS_PER_MS).div_ceil(per_day.max(1));
        Self { full_at_ns: self.full_at_ns.saturating_sub(interval_ns.saturating_mul(count)) }
    }

    fn is_full(self, now_ms: u64) -> bool {
        self.full_at_ns <= now_ms.saturating_mul(NS_PER_MS)
    }
}

/// Refused messages since a moment.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    since_ms: u64,
    count: u64,
}

impl Window {
    fn at(self, now_ms: u64) -> Self {
        let current = now_ms >= self.since_ms && now_ms - self.since_ms < REFUSALS_MS;
        if current { self } else { Self { since_ms: now_ms, count: 0 } }
    }
}

impl Quotas {
    /// Nothing used yet.
    pub fn new(limits: PeerLimits) -> Self {
        Self { limits, peers: Mutex::default() }
    }

    /// Whether a peer may ask this now; counts nothing. Asked before its signature is checked, which is work.
    ///
    /// # Errors
    /// [`Error::Quota`]
    pub fn check(&self, peer: &PeerName, request: QuotaItem, len_bytes: usize, now_ms: u64) -> Result<(), Error> {
        let usage = self.peers().get(peer).cloned().unwrap_or_default();
        self.after(&usage, peer, request, len_bytes, now_ms).map(drop)
    }

    /// Counts what a peer asks, whose signature was checked, if it may.
    ///
    /// # Errors
    /// [`Error::Quota`]; then nothing is counted.
    pub fn take(&self, peer: &PeerName, request: QuotaItem, len_bytes: usize, now_ms: u64) -> Result<(), Error> {
        let mut peers = self.peers();
        let usage = peers.get(peer).cloned().unwrap_or_default();
        let after = self.after(&usage, peer, request, len_bytes, now_ms)?;
        forget_idle(&mut peers, now_ms);
        peers.insert(peer.clone(), after);
        Ok(())
    }

    /// Takes back what [`Quotas::take`] counted for a request that came to nothing.
    pub fn give_back(&self, peer: &PeerName, request: QuotaItem, len_bytes: usize) {
        let PeerLimits { records_per_day, messages_per_day, bytes_per_day, .. } = self.limits;
        let mut peers = self.peers();
        let Some(usage) = peers.get_mut(peer) else { return };
        usage.bytes = usage.bytes.before(len_bytes as u64, bytes_per_day.bytes());
        match request {
            QuotaItem::Record => usage.records = usage.records.before(1, records_per_day as u64),
            QuotaItem::Message => usage.messages = usage.messages.before(1, messages_per_day as u64),
            QuotaItem::Evidence => {}
        }
    }

    /// Whether another refusal of a peer's message is written down, or only counted.
    pub fn keeps_refusals(&self, peer: &PeerName, now_ms: u64) -> bool {
        let window = self.peers().get(peer).map(|usage| usage.refusals.at(now_ms)).unwrap_or_default();
        window.count < self.limits.refused_per_minute as u64
    }

    /// Counts a refused message.
    pub fn note_refusal(&self, peer: &PeerName, now_ms: u64) {
        let mut peers = self.peers();
        let refusals = &mut peers.entry(peer.clone()).or_default().refusals;
        *refusals = refusals.at(now_ms);
        refusals.count += 1;
    }

    fn after(
        &self,
        usage: &Usage,
        peer: &PeerName,
        request: QuotaItem,
        len_bytes: usize,
        now_ms: u64,
    ) -> Result<Usage, Error> {
        let PeerLimits { records_per_day, messages_per_day, bytes_per_day, .. } = self.limits;
        let quota = |key, outcome: Result<Meter, u64>| {
            outcome.map_err(|wait_ms| {
                metrics::counter!("ostrakon_peer_quota_refusals_total", "quota" => key).increment(1);
                Error::Quota { peer: peer.to_string(), key, wait_ms }
            })
        };
        let mut usage = usage.clone();
        usage.bytes = quota("bytes_per_day", usage.bytes.after(len_bytes as u64, bytes_per_day.bytes(), now_ms))?;
        match request {
            QuotaItem::Record => {
                usage.records = quota("records_per_day", usage.records.after(1, records_per_day as u64, now_ms))?;
            }
            QuotaItem::Message => {
                usage.messages = quota("messages_per_day", usage.messages.after(1, messages_per_day as u64, now_ms))?;
            }
            QuotaItem::Evidence => {}
        }
        Ok(usage)
    }

    fn peers(&self) -> MutexGuard<'_, BTreeMap<PeerName, Usage>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes room when many peers are remembered.
fn forget_idle(peers: &mut BTreeMap<PeerName, Usage>, now_ms: u64) {
    if peers.len() < PEERS_MAX {
        return;
    }
    peers.retain(|_, usage| {
        let Usage { records, messages, bytes, refusals } = usage;
        let full = [records, messages, bytes].into_iter().all(|meter| meter.is_full(now_ms));
        !full || refusals.at(now_ms).count > 0
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::units::ByteSize;

    const NOW_MS: u64 = 1_800_000_000_000;

    fn limits() -> PeerLimits {
        PeerLimits {
            records_per_day: 100,
            messages_per_day: 50,
            bytes_per_day: ByteSize::from_bytes(1 << 20),
            refused_per_minute: 3,
            ..PeerLimits::default()
        }
    }

    fn name(text: &str) -> PeerName {
        PeerName::parse(text).expect("a name")
    }

    fn wait(outcome: Result<(), Error>) -> Option<u64> {
        match outcome {
            Ok(()) => None,
            Err(Error::Quota { wait_ms, .. }) => Some(wait_ms),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_quota_is_used_up_and_comes_back_at_the_time_that_was_said() {
        let (quotas, a, b) = (Quotas::new(limits()), name("a.example"), name("b.example"));
        for _ in 0..100 {
            assert_eq!(wait(quotas.take(&a, QuotaItem::Record, 1, NOW_MS)), None);
        }
        let wait_ms = wait(quotas.take(&a, QuotaItem::Record, 1, NOW_MS)).expect("it is used up");
        assert_eq!(wait_ms, 864_000, "a hundredth of a day");
        assert_eq!(wait(quotas.check(&a, QuotaItem::Record, 1, NOW_MS)), Some(wait_ms));
        assert_eq!(wait(quotas.take(&a, QuotaItem::Record, 1, NOW_MS + wait_ms - 1)), Some(1));
        assert_eq!(wait(quotas.take(&a, QuotaItem::Record, 1, NOW_MS + wait_ms)), None);
        assert_eq!(wait(quotas.take(&b, QuotaItem::Record, 1, NOW_MS)), None, "another peer has its own");
        assert_eq!(wait(quotas.take(&a, QuotaItem::Message, 1, NOW_MS)), None, "and messages are no records");
    }

    #[test]
    fn bytes_are_counted_over_all_that_is_sent() {
        let (quotas, a) = (Quotas::new(limits()), name("a.example"));
        assert_eq!(wait(quotas.take(&a, QuotaItem::Evidence, 512 << 10, NOW_MS)), None);
        assert_eq!(wait(quotas.take(&a, QuotaItem::Message, 500 << 10, NOW_MS)), None);
        assert!(wait(quotas.take(&a, QuotaItem::Record, 100 << 10, NOW_MS)).is_some());
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let (quotas, a) = (Quotas::new(limits()), name("a.example"));
        for round in 0..1_000 {
            assert_eq!(wait(quotas.take(&a, QuotaItem::Record, 1 << 10, NOW_MS + round)), None);
            quotas.give_back(&a, QuotaItem::Record, 1 << 10);
        }
        quotas.give_back(&name("b.example"), QuotaItem::Message, 1);
    }

    #[test]
    fn a_clock_that_was_set_back_locks_nobody_out_for_long() {
        let (quotas, a) = (Quotas::new(limits()), name("a.example"));
        for _ in 0..50 {
            assert_eq!(wait(quotas.take(&a, QuotaItem::Message, 1, NOW_MS)), None);
        }
        let before_ms = NOW_MS - 365 * DAY_MS;
        let wait_ms = wait(quotas.check(&a, QuotaItem::Message, 1, before_ms)).expect("it is used up");
        assert!(wait_ms <= DAY_MS / 50, "{wait_ms}");
    }

    #[test]
    fn refusals_beyond_the_rate_are_only_counted_until_the_minute_is_over() {
        let (quotas, a) = (Quotas::new(limits()), name("a.example"));
        for _ in 0..3 {
            assert!(quotas.keeps_refusals(&a, NOW_MS));
            quotas.note_refusal(&a, NOW_MS);
        }
        assert!(!quotas.keeps_refusals(&a, NOW_MS + REFUSALS_MS - 1));
        assert!(quotas.keeps_refusals(&a, NOW_MS + REFUSALS_MS));
        assert!(quotas.keeps_refusals(&name("b.example"), NOW_MS));
    }

    proptest! {
        /// In no day does more pass than two days' quotas, and what is refused passes at the time that was said.
        #[test]
        fn no_more_than_the_quota_passes(gaps in prop::collection::vec(0..4_000_000u64, 1..400)) {
            let (quotas, a) = (Quotas::new(limits()), name("a.example"));
            let (mut now_ms, mut passed) = (NOW_MS, Vec::new());
            for gap in gaps {
                now_ms += gap;
                match wait(quotas.take(&a, QuotaItem::Record, 1, now_ms)) {
                    None => passed.push(now_ms),
                    Some(wait_ms) => {
                        prop_assert_eq!(wait(quotas.check(&a, QuotaItem::Record, 1, now_ms + wait_ms)), None);
                        prop_assert!(wait(quotas.check(&a, QuotaItem::Record, 1, now_ms + wait_ms - 1)).is_some());
                    }
                }
            }
            for (at, first_ms) in passed.iter().enumerate() {
                let in_a_day = passed[at..].iter().take_while(|time| **time < first_ms + DAY_MS).count();
                prop_assert!(in_a_day <= 200, "{}", in_a_day);
            }
        }
    }
}
