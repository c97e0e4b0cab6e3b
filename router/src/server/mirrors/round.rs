//! What the thread of a followed peer does, round after round.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use ostrakon_ledger::{
    Appended, Body, Equivocate, FetchError, Followed, LedgerError, LedgerReader, MirrorError, Missing, PeerName,
    Provenance, Refusal, SignedRecord, Verified,
};
use rayon::{ThreadPool, prelude::*};

use super::{
    Ours,
    copy::Copy,
    notes::{Addresses, Turn},
    view::{FollowView, State},
};
use crate::{
    error::Error,
    flow::registrar::Statement,
    server::{
        clock::now_ms,
        remote::{Budget, RemoteLog},
    },
};

/// How often a peer that answers is asked.
const PERIOD: Duration = Duration::from_secs(1);
/// The first and the longest rest of one with which something is wrong; each is twice the one before.
const PAUSE_FIRST: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// Entries copied in one round, before the peer's checkpoint is looked at again.
const ROUND_ENTRIES: u64 = 1 << 16;
/// Records offered to our ledger at once: votes of others wait no longer than for these.
const OFFER_RECORDS: usize = 256;

/// The thread's own state.
pub(super) struct Rounds {
    copy: Arc<Copy>,
    ours: Ours,
    workers: Arc<ThreadPool>,
    /// The client, and the address it was made for.
    remote: Option<(String, RemoteLog)>,
    pause: Duration,
    /// Entries of the copy that were compared with our ledger; `None`: all of it is due.
    compared: Option<u64>,
    addresses: Arc<Addresses>,
    budget: Budget,
    turn: Turn,
}

impl Rounds {
    pub(super) fn new(
        copy: Arc<Copy>,
        ours: Ours,
        workers: Arc<ThreadPool>,
        addresses: Arc<Addresses>,
        budget: Budget,
    ) -> Self {
        let (remote, pause, compared, turn) = (None, PAUSE_FIRST, None, Turn::default());
        Self { copy, ours, workers, remote, pause, compared, addresses, budget, turn }
    }

    /// Until the copy is stopped.
    pub(super) fn run(mut self) {
        let mut wait = Duration::ZERO;
        while let Some(look_again) = self.copy.rest(wait) {
            if look_again {
                self.compared = None;
            }
            wait = self.round();
        }
    }

    /// Asks the peer once, takes in what is new, and says when the next round is due.
    fn round(&mut self) -> Duration {
        if self.is_expelled() {
            self.copy.change(FollowView::end);
            return PAUSE_MAX;
        }
        let before = self.copy.view().state;
        let outcome = match self.copy.fork() {
            // Whatever it shows now, it has signed something else.
            Some(proof) => Err(MirrorError::Forked(Box::new(proof.clone()))),
            None => self.ask().and_then(|followed| self.compare_notes().map(|()| followed)),
        };
        if let Err(MirrorError::Forked(proof)) = &outcome {
            if let Err(error) = self.copy.mark_forked(proof) {
                tracing::error!(peer = %self.copy.peer, %error, "its ledger signed two histories; the proof cannot be kept");
            }
            self.convict(proof);
        }
        if let Err(MirrorError::Ours(LedgerError::Store(error))) = &outcome
            && error.can_pass()
        {
            self.reopen();
        }
        let taken_in = self.take_in(outcome.as_ref().ok());
        self.copy.change(|view| {
            view.entries = self.copy.served();
            view.note(State::of(&outcome, self.ours.entries_max), &outcome, now_ms());
            if let Err(error) = &taken_in {
                view.fail(error);
            }
            // Before anybody sees the new state.
            measure(self.copy.peer.to_string(), view);
        });
        let view = self.copy.view();
        if view.state != before {
            tell(&self.copy.peer, &view);
        }
        match view.state {
            State::Copying => Duration::ZERO,
            State::Current | State::Behind => {
                self.pause = PAUSE_FIRST;
                PERIOD
            }
            _ => {
                let pause = self.pause;
                self.pause = (pause * 2).min(PAUSE_MAX);
                pause
            }
        }
    }

    /// A database that failed takes nothing more before it is opened again. The next round, after a pause, finds out whether it does.
    fn reopen(&self) {
        let reopened = self.copy.mirror.reopen();
        let word = if reopened.is_ok() { "opened" } else { "failed" };
        metrics::counter!("ostrakon_store_reopenings_total", "store" => "mirror", "outcome" => word).increment(1);
        if let Err(error) = reopened {
            tracing::error!(peer = %self.copy.peer, %error, "the copy of its ledger cannot be opened again yet");
        }
    }

    /// Whether the peer was expelled: then it is not asked any more.
    fn is_expelled(&self) -> bool {
        let head = self.ours.reader.author(&self.copy.peer).inspect_err(|error| {
            tracing::error!(peer = %self.copy.peer, %error, "whether it is still admitted cannot be read");
        });
        matches!(head, Ok(Some(head)) if head.expelled)
    }

    fn ask(&mut self) -> Result<Followed, MirrorError> {
        let url = self.copy.view().url;
        let remote = match self.remote.take() {
            Some((known, remote)) if known == url => remote,
            _ => {
                self.pause = PAUSE_FIRST;
                let trouble = |error: Error| FetchError::Failed { path: url.clone(), reason: error.to_string() };
                RemoteLog::new(&url).map_err(trouble)?.within(self.budget.clone()).until(self.copy.stopped())
            }
        };
        let outcome = self.copy.mirror.follow(&remote, ROUND_ENTRIES, self.ours.entries_max);
        remote.release();
        self.remote = Some((url, remote));
        outcome
    }

    /// Looks at what another peer has copied of this ledger. Only a second history is of interest: who does not answer, or does
    /// not follow it, says nothing about it.
    fn compare_notes(&mut self) -> Result<(), MirrorError> {
        let Some((other, url)) = self.turn.next(&self.addresses, &self.copy.peer) else { return Ok(()) };
        let Ok(remote) = RemoteLog::new(&url) else { return Ok(()) };
        let remote = remote.within(self.budget.clone()).until(self.copy.stopped());
        match self.copy.mirror.look(&remote) {
            Err(error @ MirrorError::Forked(_)) => {
                tracing::error!(peer = %self.copy.peer, %other, "its ledger shows us one history and another one to others");
                Err(error)
            }
            Err(error) => {
                tracing::debug!(peer = %self.copy.peer, %other, %error, "no copy to compare notes with");
                Ok(())
            }
            Ok(_) => Ok(()),
        }
    }

    /// Serves what is new in the copy, and offers it to our ledger.
    fn take_in(&mut self, followed: Option<&Followed>) -> Result<(), Error> {
        if followed.is_some_and(|it| it.to == it.seen && it.to != self.copy.served()) {
            self.copy.renew()?;
        }
        let Some(copied) = self.copy.reader() else { return Ok(()) };
        if self.compared == Some(copied.tree_size()) {
            return Ok(());
        }
        self.compare(&copied)?;
        self.compared = Some(copied.tree_size());
        Ok(())
    }

    /// Offers our ledger what the copy has and it has not, a few records at a time.
    fn compare(&self, copied: &LedgerReader) -> Result<(), Error> {
        let Ours { owner, reader, .. } = &self.ours;
        let peer = &self.copy.peer;
        let mut missing = match self.compared {
            Some(from) => Missing::since(from, reader, copied, peer, owner)?,
            None => Missing::of_all(reader, copied, peer, owner)?,
        };
        let (strangers, forgotten, all) = (missing.strangers, missing.forgotten, self.compared.is_none());
        self.copy.change(|view| {
            view.strangers = if all { strangers } else { view.strangers + strangers };
            view.forgotten = if all { forgotten } else { view.forgotten.max(forgotten) };
        });
        if forgotten > 0 {
            tracing::error!(%peer, forgotten, "it holds records of this node that this ledger lacks: was it rolled back?");
        }
        let stopped = self.copy.stopped();
        while !*stopped.borrow() {
            let offered = missing.next(OFFER_RECORDS)?;
            if offered.is_empty() {
                break;
            }
            let refused = self.offer(offered)?;
            missing.give_up(&refused);
        }
        Ok(())
    }

    /// Offers records to our ledger; returns the authors of those that it refused.
    fn offer(&self, offered: Vec<(SignedRecord, Provenance)>) -> Result<BTreeSet<PeerName>, Error> {
        let authors: Vec<_> = offered.iter().map(|(record, _)| record.record().header.author.clone()).collect();
        let erased: Vec<_> = offered
            .iter()
            .filter_map(|(record, _)| match &record.record().body {
                Body::Erase(erase) => Some(erase.target),
                _ => None,
            })
            .collect();
        let check = |(record, provenance)| Ok((Verified::check(record)?, provenance));
        let verified: Result<Vec<_>, Refusal> = self.workers.install(|| offered.into_par_iter().map(check).collect());
        let outcomes = self.ours.sequencer.copy_blocking(verified?)?;
        for target in &erased {
            self.ours.evidence.follow_erasure(&self.ours.reader, target)?;
        }
        Ok(authors.into_iter().zip(outcomes).filter_map(|(author, outcome)| self.count(author, &outcome)).collect())
    }

    /// Counts what became of a record; its author, if it was refused.
    fn count(&self, author: PeerName, outcome: &Result<Appended, Refusal>) -> Option<PeerName> {
        let word = match outcome {
            Ok(appended) if appended.new => "appended",
            Ok(_) => "present",
            Err(refusal) => refusal.code(),
        };
        metrics::counter!("ostrakon_copied_records_total", "outcome" => word).increment(1);
        match outcome {
            Ok(appended) => {
                self.copy.change(|view| view.taken += u64::from(appended.new));
                None
            }
            Err(refusal) => {
                tracing::warn!(peer = %self.copy.peer, %author, %refusal, "a record of its ledger is not taken");
                self.copy.change(|view| view.refused += 1);
                Some(author)
            }
        }
    }

    /// Files the proof that the peer signed two histories, unless it is convicted already.
    fn convict(&self, proof: &Equivocate) {
        let peer = &self.copy.peer;
        if matches!(self.ours.reader.conviction_of(peer), Ok(Some(_))) {
            return;
        }
        match self.ours.sequencer.say_blocking(Statement::Convict(Box::new(proof.clone()))) {
            Ok(appended) => {
                tracing::error!(%peer, index = appended.index, "its ledger signed two histories; convicted")
            }
            Err(Error::Refused(Refusal::AlreadyDone { .. })) => {}
            Err(error) => tracing::error!(%peer, %error, "its ledger signed two histories; not convicted"),
        }
    }
}

/// Says how following goes, as loudly as it matters.
fn tell(peer: &PeerName, view: &FollowView) {
    let (state, reason) = (view.state.as_str(), view.reason.as_deref().unwrap_or_default());
    match view.state {
        State::Forked => tracing::error!(%peer, state, reason, "following its ledger"),
        State::Unreachable | State::Lying | State::Broken | State::Failing => {
            tracing::warn!(%peer, state, reason, "following its ledger")
        }
        _ => tracing::info!(%peer, state, reason, "following its ledger"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; 2^53 entries are out of reach")]
fn measure(peer: String, view: &FollowView) {
    let lag = view.seen.saturating_sub(view.entries);
    metrics::counter!("ostrakon_mirror_rounds_total", "peer" => peer.clone(), "state" => view.state.as_str())
        .increment(1);
    let forked = f64::from(u8::from(view.state == State::Forked));
    metrics::gauge!("ostrakon_mirror_forked", "peer" => peer.clone()).set(forked);
    metrics::gauge!("ostrakon_mirror_entries", "peer" => peer.clone()).set(view.entries as f64);
    metrics::gauge!("ostrakon_mirror_lag_entries", "peer" => peer).set(lag as f64);
}
