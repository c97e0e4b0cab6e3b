//! What one connection is doing, as its socket, its handlers and the accept loop see it.
//!
//! All of it is single numbers that are stored without waiting for each other: a reader that sees some of them a moment late
//! closes a connection a moment late.

use std::sync::{
    Arc, Mutex, OnceLock, PoisonError,
    atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed},
};

use ostrakon_ledger::PeerName;
use tokio::task::AbortHandle;

use super::{Connections, address::AddressKey, bytes::Held};

/// How long the head of a request may take; also how long a new connection may wait with its first byte.
const HEAD_MS: u64 = 10_000;
/// How long an answer, or a body, may take before any of it has moved …
const GRACE_MS: u64 = 10_000;
/// … and how fast it has to move after that, bytes per second: as fast as a modem of the nineties, four of them.
const RATE_BYTES_PER_S: u64 = 16 << 10;
/// No body and no answer takes longer, however large.
const TRANSFER_MS_MAX: u64 = 120_000;
/// How long a client that was refused in the middle of its body may go on sending, so that it gets to read why.
const LINGER_MS: u64 = 2_000;
/// An address is written down again as known after this; not for each of its votes.
const KNOWN_AGAIN_MS: u64 = 60_000;

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(in crate::server::api) enum Phase {
    /// Between requests.
    Idle,
    /// The head of a request is on its way, or the first byte of a new connection.
    Head,
    /// A handler reads the body.
    Body,
    /// A handler works: the answer is ours to give.
    Work,
    /// The answer waits for the client to take it.
    Write,
    /// Refused in the middle of a body: what still comes is thrown away.
    Linger,
}

impl Phase {
    const ALL: [Self; 6] = [Self::Idle, Self::Head, Self::Body, Self::Work, Self::Write, Self::Linger];

    fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Head => "head",
            Self::Body => "body",
            Self::Work => "work",
            Self::Write => "write",
            Self::Linger => "linger",
        }
    }
}

/// How long a body or an answer may take of which so many bytes have moved, milliseconds.
pub(in crate::server::api) fn transfer_ms(moved_bytes: u64) -> u64 {
    (GRACE_MS + moved_bytes.saturating_mul(1000) / RATE_BYTES_PER_S).min(TRANSFER_MS_MAX)
}

/// One connection.
pub struct Link {
    pub(super) id: u64,
    /// `None` where addresses say nothing: on the local listener, and behind a proxy.
    pub(super) address: Option<AddressKey>,
    pub(super) known: AtomicBool,
    pub(super) connections: Arc<Connections>,
    phase: AtomicU8,
    since_ms: AtomicU64,
    moved: AtomicU64,
    /// When it last finished a request, or was accepted.
    finished_ms: AtomicU64,
    known_ms: AtomicU64,
    /// Bytes of unfinished bodies and of answers that are held for it.
    pub(super) held: Arc<AtomicU64>,
    answer: Mutex<Option<Held>>,
    has_answer: AtomicBool,
    /// Whether a body was refused before its end.
    refused: AtomicBool,
    task: OnceLock<AbortHandle>,
}

impl Link {
    pub(super) fn new(id: u64, address: Option<AddressKey>, known: bool, connections: Arc<Connections>) -> Self {
        let now = connections.now_ms();
        Self {
            id,
            address,
            known: AtomicBool::new(known),
            connections,
            phase: AtomicU8::new(Phase::Head as u8),
            since_ms: AtomicU64::new(now),
            moved: AtomicU64::new(0),
            finished_ms: AtomicU64::new(now),
            known_ms: AtomicU64::new(0),
            held: Arc::default(),
            answer: Mutex::default(),
            has_answer: AtomicBool::new(false),
            refused: AtomicBool::new(false),
            task: OnceLock::new(),
        }
    }

    /// A signature of `peer` verified that came over this connection: its address is a stranger's no more.
    pub fn note_known(&self, peer: &PeerName) {
        let Some(address) = self.address else { return };
        let now = self.connections.now_ms();
        if self.known.load(Relaxed) && now.saturating_sub(self.known_ms.load(Relaxed)) < KNOWN_AGAIN_MS {
            return;
        }
        self.known_ms.store(now, Relaxed);
        self.connections.note_known(address, peer);
    }

    pub(in crate::server::api) fn enter(&self, phase: Phase) {
        let now = self.connections.now_ms();
        self.phase.store(phase as u8, Relaxed);
        self.since_ms.store(now, Relaxed);
        self.moved.store(0, Relaxed);
    }

    pub(super) fn phase(&self) -> Phase {
        Phase::ALL[usize::from(self.phase.load(Relaxed)) % Phase::ALL.len()]
    }

    /// Whether its address is no stranger's.
    pub(in crate::server::api) fn is_known(&self) -> bool {
        self.known.load(Relaxed)
    }

    /// Whether it came to the public listener.
    pub(in crate::server::api) fn is_public(&self) -> bool {
        self.connections.has_strangers()
    }

    /// What may be held of bodies.
    pub(in crate::server::api) fn bodies(&self) -> &super::ByteBudget {
        self.connections.bodies()
    }

    /// What may be held of answers.
    pub(in crate::server::api) fn answers(&self) -> &super::ByteBudget {
        self.connections.answers()
    }

    /// Bytes came from the client.
    pub(in crate::server::api) fn received(&self) {
        if self.phase() == Phase::Idle {
            self.enter(Phase::Head);
        }
    }

    /// The client took bytes, or there are some that it has to take.
    pub(in crate::server::api) fn sent(&self, bytes: usize) {
        if self.phase() == Phase::Idle {
            self.enter(Phase::Write);
        }
        self.moved.fetch_add(bytes as u64, Relaxed);
    }

    /// Nothing waits to be written any more.
    pub(in crate::server::api) fn flushed(&self) {
        if self.phase() == Phase::Write {
            self.enter(Phase::Idle);
            self.finished_ms.store(self.connections.now_ms(), Relaxed);
            if self.has_answer.swap(false, Relaxed) {
                self.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
            }
        }
    }

    /// Keeps the share that an answer takes until it is written.
    pub(in crate::server::api) fn keep_answer(&self, held: Held) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(held);
        self.has_answer.store(true, Relaxed);
    }

    pub(in crate::server::api) fn refuse_body(&self) {
        self.refused.store(true, Relaxed);
    }

    pub(in crate::server::api) fn has_refused_body(&self) -> bool {
        self.refused.load(Relaxed)
    }

    pub(in crate::server::api) fn runs_as(&self, task: AbortHandle) {
        let _ = self.task.set(task);
    }

    /// Ends the task, and the connection with it.
    pub(super) fn close(&self) -> bool {
        self.task.get().is_some_and(|task| {
            task.abort();
            true
        })
    }

    /// Why it has to be closed at `now_ms`, if it has to.
    pub(super) fn overdue(&self, now_ms: u64, idle_ms: u64) -> Option<&'static str> {
        let phase = self.phase();
        let allowed_ms = match phase {
            Phase::Idle => idle_ms,
            Phase::Head => HEAD_MS,
            Phase::Write => transfer_ms(self.moved.load(Relaxed)),
            Phase::Linger => LINGER_MS,
            // Whoever reads the body has its own clock, and answers.
            Phase::Body | Phase::Work => return None,
        };
        (now_ms.saturating_sub(self.since_ms.load(Relaxed)) > allowed_ms).then_some(phase.as_str())
    }

    /// How long it has been in this phase, milliseconds.
    pub(super) fn in_phase_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.since_ms.load(Relaxed))
    }

    /// By this the connection that has finished no request for longest comes first.
    pub(super) fn unfinished_since(&self) -> (u64, u64) {
        (self.finished_ms.load(Relaxed), self.id)
    }
}
