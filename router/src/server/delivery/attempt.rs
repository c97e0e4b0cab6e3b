//! What comes of an attempt: delivered, tried again at some time, or given up. Pure: the time is an argument.

use std::time::Duration;

use crate::{
    config::Route,
    error::Error,
    flow::{
        decision::DecisionId,
        journal::{
            Attempt,
            tables::{DeadRow, QueueRow},
        },
    },
    server::{backoff::Backoff, clock::Time},
};

/// The longest pause that a route may ask for with `Retry-After`.
pub(super) const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// A message that was put off beyond its end is tried this long before it.
const LAST_TRY_MS: u64 = 1_000;

/// Characters of a route's error kept in the queue.
const ERROR_CHARS_MAX: usize = 200;

/// What a route did with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sent {
    /// It took it.
    Taken,
    /// It did not; `retry_after` is the pause that it asked for.
    Failed { reason: String, retry_after: Option<Duration> },
    /// There is nothing to send: no later attempt can do better.
    Void(String),
}

/// What is to be recorded of a message that was sent, or not, at `time`.
///
/// The pause after a failure doubles from the route's first to its longest. A longer one that the route asks for is kept,
/// up to [`RETRY_AFTER_MAX`] and as long as the message lasts.
pub(super) fn outcome((route, sent): (&Route, Sent), row: QueueRow, id: DecisionId, time: Time) -> Attempt {
    let (reason, asked) = match sent {
        Sent::Taken => return Attempt::Delivered,
        Sent::Void(reason) => return dead(row, reason, time.now_ms),
        Sent::Failed { reason, retry_after } => (reason, retry_after.unwrap_or_default().min(RETRY_AFTER_MAX)),
    };
    let mut row = rebased(row, time.now_ms);
    row.attempts = row.attempts.saturating_add(1);
    row.last_error = reason.chars().take(ERROR_CHARS_MAX).collect();
    let pause_ms = millis(backoff(route).pause(row.attempts, seed(id)));
    // What has been given up cannot be taken back: by the time that has passed for certain.
    if time.settled_ms.saturating_add(pause_ms) >= row.expires_at_ms {
        let reason = format!("expired; last error: {}", row.last_error);
        return dead(row, reason, time.now_ms);
    }
    let own_ms = time.now_ms.saturating_add(pause_ms);
    let asked_ms = time.now_ms.saturating_add(millis(asked)).min(row.expires_at_ms.saturating_sub(LAST_TRY_MS));
    Attempt::Retry { due_ms: own_ms.max(asked_ms), row }
}

/// Given up: the configuration no longer has its route.
pub(super) fn homeless(row: QueueRow, now_ms: u64) -> Attempt {
    dead(row, "the configuration no longer has this route".into(), now_ms)
}

/// Given up: its row does not read back. `route` is empty if it did not when the node started.
pub(super) fn damaged(route: &str, now_ms: u64) -> Attempt {
    let reason = "its row in the queue was damaged".into();
    Attempt::Dead(DeadRow { route: route.to_owned(), died_at_ms: now_ms, attempts: 0, reason })
}

/// Given up: the store has it and cannot read it.
pub(super) fn unreadable(route: &str, error: &Error, now_ms: u64) -> Attempt {
    let reason = format!("the message cannot be read: {error}").chars().take(ERROR_CHARS_MAX).collect();
    Attempt::Dead(DeadRow { route: route.to_owned(), died_at_ms: now_ms, attempts: 0, reason })
}

fn dead(row: QueueRow, reason: String, now_ms: u64) -> Attempt {
    Attempt::Dead(DeadRow { route: row.route, died_at_ms: now_ms, attempts: row.attempts, reason })
}

/// A row that was queued in the future of now lasts as long from now on as it would have lasted from then.
fn rebased(mut row: QueueRow, now_ms: u64) -> QueueRow {
    if row.queued_at_ms > now_ms.saturating_add(crate::server::clock::TOLERANCE_MS) {
        let lasts_ms = row.expires_at_ms.saturating_sub(row.queued_at_ms);
        (row.queued_at_ms, row.expires_at_ms) = (now_ms, now_ms.saturating_add(lasts_ms));
    }
    row
}

fn backoff(route: &Route) -> Backoff {
    Backoff::new(route.retry_first.as_std(), route.retry_max.as_std())
}

/// Messages that failed together come back one by one.
fn seed(id: DecisionId) -> u64 {
    id.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Fallback, units::Span};

    const NOW_MS: u64 = 1_790_000_000_000;
    const HOUR_MS: u64 = 3_600_000;

    fn route() -> Route {
        Route {
            name: "r".into(),
            kinds: Default::default(),
            webhook: serde_json::from_value("http://127.0.0.1:1/".into()).unwrap(),
            on_failure: Fallback::Defer,
            timeout: Span::from_ms(1000),
            expires_after: Span::from_ms(24 * HOUR_MS),
            retry_first: Span::from_ms(5_000),
            retry_max: Span::from_ms(HOUR_MS),
        }
    }

    fn row(queued_at_ms: u64) -> QueueRow {
        let expires_at_ms = queued_at_ms + 24 * HOUR_MS;
        QueueRow { route: "r".into(), attempts: 0, queued_at_ms, expires_at_ms, last_error: String::new() }
    }

    fn failed(retry_after_s: Option<u64>) -> Sent {
        Sent::Failed { reason: "no".into(), retry_after: retry_after_s.map(Duration::from_secs) }
    }

    fn at(now_ms: u64, settled_ms: u64) -> Time {
        Time { now_ms, settled_ms, in_doubt: now_ms != settled_ms }
    }

    #[track_caller]
    fn check(sent: Sent, queued_at_ms: u64, time: Time) -> (&'static str, u64) {
        match outcome((&route(), sent), row(queued_at_ms), DecisionId::from_bytes([7; 16]), time) {
            Attempt::Delivered => ("delivered", 0),
            Attempt::Retry { due_ms, row } => {
                assert!(due_ms < row.expires_at_ms, "{due_ms} is after the end, {}", row.expires_at_ms);
                ("retry", due_ms - time.now_ms)
            }
            Attempt::Dead(_) => ("dead", 0),
        }
    }

    #[test]
    fn a_route_may_ask_for_a_longer_pause_within_bounds() {
        let now = at(NOW_MS, NOW_MS);
        assert_eq!(check(Sent::Taken, NOW_MS, now), ("delivered", 0));
        let (_, own_ms) = check(failed(None), NOW_MS, now);
        assert!((3_750..=5_000).contains(&own_ms), "{own_ms}");
        let cases = [
            // Shorter than our own pause: ours.
            (0, own_ms),
            (1, own_ms),
            (600, 600_000),
            // Longer than the message lasts: a last try before its end.
            (25 * 3600, 24 * HOUR_MS - LAST_TRY_MS),
            (u64::MAX, 24 * HOUR_MS - LAST_TRY_MS),
        ];
        for (asked_s, expected_ms) in cases {
            assert_eq!(check(failed(Some(asked_s)), NOW_MS, now), ("retry", expected_ms), "Retry-After: {asked_s}");
        }
    }

    #[test]
    fn a_message_ends_by_the_time_that_has_passed_for_certain() {
        let queued = NOW_MS - 25 * HOUR_MS;
        assert_eq!(check(failed(None), queued, at(NOW_MS, NOW_MS)).0, "dead");
        // A start with a clock far ahead of the record: what has passed for certain is less.
        let row_ms = NOW_MS - 400 * 24 * HOUR_MS;
        let Attempt::Retry { .. } =
            outcome((&route(), failed(None)), row(row_ms), DecisionId::from_bytes([7; 16]), at(NOW_MS, row_ms + 1))
        else {
            panic!("given up by a clock that nobody believes")
        };
    }

    #[test]
    fn a_row_from_the_future_lasts_from_now_on() {
        let future = NOW_MS + 400 * 24 * HOUR_MS;
        let sent = (&route(), failed(None));
        let Attempt::Retry { due_ms, row } =
            outcome(sent, row(future), DecisionId::from_bytes([7; 16]), at(NOW_MS, NOW_MS))
        else {
            panic!("not tried again")
        };
        assert_eq!((row.queued_at_ms, row.expires_at_ms), (NOW_MS, NOW_MS + 24 * HOUR_MS));
        assert!(due_ms <= NOW_MS + 5_000);
    }
}
