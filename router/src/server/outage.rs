//! Why an owner of a store does not work at the moment, for all who ask; and how it tries to work again.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;
use ostrakon_ledger::LedgerError;

use crate::{error::Error, server::backoff::Backoff};

/// Rests between two tries to open a store again: soon, because all that needs it is refused meanwhile, and no more often
/// than a log can bear.
const REOPENING: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));

/// The reason why a part has stopped; none while it works. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Outage(Arc<ArcSwapOption<String>>);

impl Outage {
    /// Why the part does not work, if it does not.
    pub fn reason(&self) -> Option<Arc<String>> {
        self.0.load_full()
    }

    fn begin(&self, reason: String) {
        self.0.store(Some(Arc::new(reason)));
    }

    fn end(&self) {
        self.0.store(None);
    }
}

/// The tries of an owner to open its store again.
pub(crate) struct Reopening<'a> {
    store: &'static str,
    outage: &'a Outage,
    failures: u32,
    /// When the next try is due; `None`: there is none.
    next: Option<Instant>,
}

impl<'a> Reopening<'a> {
    /// The owner of `store` has stopped because of `error`: from now on everyone is told so.
    pub(crate) fn after(store: &'static str, error: &Error, outage: &'a Outage) -> Self {
        metrics::counter!("ostrakon_store_failures_total", "store" => store).increment(1);
        let mut this = Self { store, outage, failures: 0, next: None };
        this.failed(error);
        this
    }

    /// How long until the next try; `None` if there is none because the error cannot pass.
    pub(crate) fn wait(&self) -> Option<Duration> {
        self.next.map(|next| next.saturating_duration_since(Instant::now()))
    }

    /// Takes down what came of a try.
    pub(crate) fn tried(&mut self, outcome: Result<(), Error>) -> bool {
        let word = if outcome.is_ok() { "opened" } else { "failed" };
        metrics::counter!("ostrakon_store_reopenings_total", "store" => self.store, "outcome" => word).increment(1);
        match outcome {
            Ok(()) => {
                tracing::warn!(store = self.store, tries = self.failures, "the store was opened again and works");
                self.outage.end();
                true
            }
            Err(error) => {
                self.failed(&error);
                false
            }
        }
    }

    fn failed(&mut self, error: &Error) {
        self.failures += 1;
        let store = self.store;
        if can_pass(error) {
            let pause = REOPENING.pause(self.failures, u64::from(std::process::id()));
            self.next = Some(Instant::now() + pause);
            tracing::error!(store, %error, ?pause, "the store failed; it is opened again after a pause");
            self.outage.begin(format!("{error}; the store is opened again when this has passed"));
        } else {
            self.next = None;
            tracing::error!(store, %error, "the store failed in a way that does not pass; it stays closed until a restart");
            self.outage.begin(format!("{error}; this does not pass by itself: look at it, then restart the node"));
        }
    }
}

/// Whether a store that failed like this may be opened again without a person.
fn can_pass(error: &Error) -> bool {
    match error {
        Error::Store(error) | Error::Ledger(LedgerError::Store(error)) => error.can_pass(),
        _ => false,
    }
}
