//! Lines of the log that a request can cause: the first one, and then one now and then for all that came since. What a
//! stranger can repeat, or an adapter repeats for every message, must not fill the disk.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Between two lines about the same thing.
const PERIOD: Duration = Duration::from_secs(10);

/// Counts what was to be logged. One for each place in the code that logs.
#[derive(Debug)]
pub(crate) struct Complaint(Mutex<Since>);

#[derive(Debug)]
struct Since {
    logged: Option<Instant>,
    since: u64,
}

impl Complaint {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Since { logged: None, since: 0 }))
    }

    /// How many there were since the last line, this one included, if a line is due.
    pub(crate) fn due(&self) -> Option<u64> {
        self.due_at(Instant::now())
    }

    fn due_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.since += 1;
        if state.logged.is_some_and(|logged| now.saturating_duration_since(logged) < PERIOD) {
            return None;
        }
        state.logged = Some(now);
        Some(std::mem::take(&mut state.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_logged_and_then_one_a_period_for_all() {
        let (complaint, start) = (Complaint::new(), Instant::now());
        let at = |ms| complaint.due_at(start + Duration::from_millis(ms));
        let logged: Vec<_> = (0..30_000).step_by(100).filter_map(|ms| Some((ms, at(ms)?))).collect();
        assert_eq!(logged, [(0, 1), (10_000, 100), (20_000, 100)]);
    }
}
