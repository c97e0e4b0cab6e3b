//! What the log says of routes: that one began to fail, that it works again, and each message that was given up. A route that
//! fails for every message must not fill the disk.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use crate::{
    flow::{
        decision::DecisionId,
        journal::{Attempt, tables::DeadRow},
    },
    server::complaint::Complaint,
};

/// What was said of each route.
#[derive(Debug, Default)]
pub(super) struct Telling(Mutex<HashMap<String, RouteLog>>);

#[derive(Debug)]
struct RouteLog {
    /// Attempts that failed since the log said that the route fails; 0: it says that the route works.
    failed: u64,
    failing: Complaint,
    dead: Complaint,
}

/// A line that is due.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Failing,
    Recovered {
        failed: u64,
    },
    /// So many since the last such line.
    Dead {
        dead_letters: u64,
    },
}

impl Telling {
    /// Says what is to be said of an attempt at `route`.
    pub(super) fn note(&self, route: &str, id: DecisionId, attempt: &Attempt) {
        let Some(line) = self.line(route, attempt) else { return };
        match (line, attempt) {
            (Line::Failing, Attempt::Retry { row, .. }) => {
                let reason = &row.last_error;
                tracing::warn!(route, %id, reason, "a route does not take a message; it is tried again with longer and longer pauses");
            }
            (Line::Recovered { failed }, _) => tracing::warn!(route, failed, "the route takes messages again"),
            (Line::Dead { dead_letters }, Attempt::Dead(DeadRow { attempts, reason, .. })) => {
                tracing::error!(route, %id, attempts, reason, dead_letters, "a message is given up; `ostrakon dead list` has it");
            }
            _ => {}
        }
    }

    fn line(&self, route: &str, attempt: &Attempt) -> Option<Line> {
        let mut routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let log = routes.entry(route.to_owned()).or_insert_with(RouteLog::new);
        match attempt {
            Attempt::Retry { .. } if log.failed > 0 => {
                log.failed += 1;
                None
            }
            Attempt::Retry { .. } => {
                // If no line is due, the next failure asks again.
                log.failing.due()?;
                log.failed = 1;
                Some(Line::Failing)
            }
            Attempt::Delivered if log.failed > 0 => Some(Line::Recovered { failed: std::mem::take(&mut log.failed) }),
            Attempt::Delivered => None,
            Attempt::Dead(_) => log.dead.due().map(|dead_letters| Line::Dead { dead_letters }),
        }
    }
}

impl RouteLog {
    fn new() -> Self {
        Self { failed: 0, failing: Complaint::new(), dead: Complaint::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::journal::tables::QueueRow;

    #[test]
    fn a_route_that_fails_for_every_message_writes_a_few_lines() {
        let telling = Telling::default();
        let retry = || Attempt::Retry { due_ms: 1, row: QueueRow::fresh("r".into(), 0, 1000) };
        let dead = || Attempt::Dead(DeadRow { route: "r".into(), died_at_ms: 1, attempts: 3, reason: "no".into() });
        let line = |attempt: Attempt| telling.line("r", &attempt);
        assert_eq!(line(Attempt::Delivered), None, "it works, as everybody expects");
        assert_eq!(line(retry()), Some(Line::Failing));
        assert_eq!((0..1000).filter_map(|_| line(retry())).count(), 0);
        assert_eq!(line(dead()), Some(Line::Dead { dead_letters: 1 }));
        assert_eq!((0..1000).filter_map(|_| line(dead())).count(), 0);
        assert_eq!(line(Attempt::Delivered), Some(Line::Recovered { failed: 1001 }));
        // One that comes and goes: at most one pair of lines in a while.
        let flapping = (0..1000).flat_map(|_| [line(retry()), line(Attempt::Delivered)]);
        assert_eq!(flapping.flatten().count(), 0);
        assert_eq!(telling.line("other", &retry()), Some(Line::Failing), "each route has lines of its own");
    }
}
