//! R3 budget: a voter with more than B live votes spreads its influence over all of them.

use crate::fixed::MILLION;

/// The trust that one vote costs its voter, in millionths of a full vote's trust: `max(1, votes / B)`.
///
/// `cast` is the number of the voter's live votes in millionths, each counted with its decay (R5).
pub(crate) fn price(cast: u64, budget: u32) -> u64 {
    (cast / u64::from(budget)).max(MILLION)
}
